"""The times of a scenario, computed from its evidence alone: detection, decision, route, outage.

All times are seconds since the fault; None where a thing did not happen. natkeeper.drill.figures computes the outage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from natkeeper.drill.figures import longest_outage
from natlab.scenarios.evidence import FunctionRun, HostConnection, ScenarioEvidence, SeenWrite

MOVES = frozenset({"ModifyRouteEntry", "CreateRouteEntry"})


@dataclass(frozen=True, slots=True)
class ScenarioFigures:
    """`outage_s`: the longest time without a successful new connection, 0.0 when none failed.

    `detected_s`: until the run that acted began (or, where none acted, the first that had something to tell).
    `decided_s`: until its first write reached the API. `routed_s`: until the data plane followed, in every table
    that it moved. `verified`: what that run's receipt says. `lost`: how many new connections failed.
    """

    outage_s: float
    lost: int
    detected_s: float | None
    decided_s: float | None
    routed_s: float | None
    verified: bool | None
    next_hop: str | Mapping[str, str]
    receipts: tuple[Mapping[str, Any], ...]


def figures(evidence: ScenarioEvidence) -> ScenarioFigures:
    """Compute the figures."""
    write = first_move(evidence)
    acted = acting_run(evidence, write)
    telling = next((run for run in evidence.runs if run.news), None) if write is None else acted
    return ScenarioFigures(
        outage_s=max((outage(each, evidence) for each in evidence.attempts.values()), default=0.0),
        lost=sum(lost(each, evidence) for each in evidence.attempts.values()),
        detected_s=None if telling is None else _since(evidence, telling.started),
        decided_s=None if write is None else _since(evidence, write.at),
        routed_s=None if acted is None or write is None else _routed(evidence, acted, write),
        verified=None if acted is None else _verified_since(evidence, acted),
        next_hop=_next_hop(evidence),
        receipts=tuple(receipt for run in evidence.runs for receipt in run.news),
    )


def outage(attempts: Sequence[HostConnection], evidence: ScenarioEvidence) -> float:
    """The longest time between two successes with a failure in between; to the end where no success follows."""
    before = [each.at for each in attempts if each.public_ip and each.at < evidence.fault_at]
    after = [each for each in attempts if each.at >= evidence.fault_at]
    found = longest_outage(
        [each.at for each in after if each.public_ip],
        [(each.at, each.at) for each in after if not each.public_ip],
        max(before, default=evidence.fault_at),
        evidence.ended_at,
    )
    return 0.0 if found is None else round(found[1] - found[0], 3)


def lost(attempts: Sequence[HostConnection], evidence: ScenarioEvidence) -> int:
    """How many attempts failed after the fault."""
    return sum(not each.public_ip for each in attempts if each.at >= evidence.fault_at)


def first_move(evidence: ScenarioEvidence) -> SeenWrite | None:
    """The first write that was to change a next hop, accepted or not."""
    return next((write for write in evidence.writes if write.action in MOVES and write.to), None)


def acting_run(evidence: ScenarioEvidence, write: SeenWrite | None) -> FunctionRun | None:
    """The run that was under way when the write reached the API: of several at that moment, one with news."""
    if write is None:
        return None
    then = [r for r in evidence.runs if r.started <= write.at and (r.finished is None or write.at <= r.finished)]
    return next((run for run in then if run.news), then[0] if then else None)


def _routed(evidence: ScenarioEvidence, acted: FunctionRun, first: SeenWrite) -> float | None:
    """When the last of the tables that the run moved at first was moved."""
    until = evidence.ended_at if acted.finished is None else acted.finished
    tables = {w.table for w in evidence.writes if w.to and not w.error and first.at <= w.at <= until}
    moved = []
    for table in tables:
        at = next((hop.at for hop in evidence.hops if hop.table == table and hop.at >= first.at and hop.to), None)
        if at is None:
            return None
        moved.append(at)
    return _since(evidence, max(moved)) if moved else None


def _verified_since(evidence: ScenarioEvidence, acted: FunctionRun) -> bool | None:
    """What the run that moved says of egress; or a later one, to which it handed on what was left."""
    runs = evidence.runs[evidence.runs.index(acted) :]
    return next((said for said in map(_verified, runs) if said is not None), None)


def _verified(run: FunctionRun) -> bool | None:
    told = [receipt.get("verified") for receipt in run.news]
    return None if not told or None in told else all(told)


def _next_hop(evidence: ScenarioEvidence) -> str | Mapping[str, str]:
    hops = {evidence.ids.get(table, table): evidence.ids.get(to, to) for table, to in evidence.next_hops.items()}
    different = set(hops.values())
    return different.pop() if len(different) == 1 else hops


def _since(evidence: ScenarioEvidence, at: float) -> float:
    return round(at - evidence.fault_at, 3)
