"""How long, how many?  The figures of a drill, computed from what was observed and nothing else.

Lengths are seconds, moments are seconds since the fault; None where a thing did not happen.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from natkeeper.drill.observed import FORMAT, Flow, NewConnection, Observed

OUT = "out"
Fate = Literal["kept", "relayed", "reset", "silent"]
"""What became of a flow. A reset one knows at once; a silent one broke by waiting for an answer in vain."""
TIMED = ("signal", "decision", "route", "eip")


@dataclass(frozen=True, slots=True)
class PathFigures:
    """New connections of one way. `outage_s`: the longest time between two that worked, where one failed between.

    A connection failed when it got no answer within its patience, or only by trying again (`slow`). `worst_s`: the
    longest that one took which worked.
    """

    name: str
    connections: int
    lost: int
    outage_s: float
    outage_open: bool
    worst_s: float
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """Flows of one kind on one way. `longest_gap_s`: the longest silence of those that survived, None where none did.

    `hung_s`: how long after the route had moved the last of the others broke; None where none did. `fates`: how many
    came to each end; see `fate`.
    """

    way: str
    kind: str
    total: int
    survived: int
    longest_gap_s: float | None
    hung_s: float | None
    errors: tuple[str, ...]
    fates: Mapping[Fate, int]


@dataclass(frozen=True, slots=True)
class DrillFigures:
    """The figures of a report. The outage is that of new connections outwards; `outage_open`: it had not ended."""

    scenario: str
    ok: bool
    reasons: tuple[str, ...]
    outage_s: float
    outage_open: bool
    lost_connections: int
    connections: int
    flows_survived: int
    flows_total: int
    ways: Mapping[str, PathFigures]
    flows: tuple[FlowFigures, ...]
    moments: Mapping[str, float | None]

    def as_json(self) -> dict[str, Any]:
        """The object that `natlab drill --json` prints."""
        return {
            "drill": FORMAT,
            "scenario": self.scenario,
            "ok": self.ok,
            "outage_s": self.outage_s,
            "outage_ended": not self.outage_open,
            "lost_connections": self.lost_connections,
            "connections": self.connections,
            "flows_survived": self.flows_survived,
            "flows_total": self.flows_total,
            "longest_gap_s": {_key(each): each.longest_gap_s for each in self.flows},
            "hung_s": {_key(each): each.hung_s for each in self.flows if each.hung_s is not None},
            "fates": {_key(each): {fate: n for fate, n in each.fates.items() if n} for each in self.flows},
            "moments_s": dict(self.moments),
            "ways": {
                key: {
                    "name": way.name,
                    "outage_s": way.outage_s,
                    "lost_connections": way.lost,
                    "connections": way.connections,
                    "seen": list(way.seen),
                }
                for key, way in self.ways.items()
            },
            "reasons": list(self.reasons),
        }


def figures(observed: Observed) -> DrillFigures:
    """Compute the figures."""
    ways = {key: _way(name, attempts_of(observed, key), observed) for key, name in observed.ways.items()}
    out = ways[OUT]
    return DrillFigures(
        scenario=observed.scenario,
        ok=not observed.reasons,
        reasons=observed.reasons,
        outage_s=out.outage_s,
        outage_open=out.outage_open,
        lost_connections=out.lost,
        connections=out.connections,
        flows_survived=sum(flow.survived for flow in observed.flows),
        flows_total=len(observed.flows),
        ways=ways,
        flows=tuple(_kept(observed, way, kind) for way, kind in _kinds(observed)),
        moments=_moments(observed),
    )


def fate(flow: Flow, observed: Observed) -> Fate:
    """Say what became of a flow.

    TCP outwards that went on although new connections came to be seen with another address can only have gone on
    through the gateway that it began with: it was relayed.
    """
    if not flow.survived:
        return "reset" if "reset" in flow.error.lower() else "silent"
    if flow.kind == "udp" or not flow.way.startswith(OUT):
        return "kept"
    seen = {each.seen for each in observed.attempts if each.way == flow.way and each.seen}
    return "relayed" if len(seen) > 1 else "kept"


def attempts_of(observed: Observed, way: str) -> tuple[NewConnection, ...]:
    """The new connections of one way, in the order in which they began."""
    return tuple(sorted((each for each in observed.attempts if each.way == way), key=lambda each: each.began))


def outage(attempts: Sequence[NewConnection], observed: Observed) -> tuple[float, float] | None:
    """When the longest outage began and ended: between two that worked, or the end. None where nothing failed.

    Where every connection works at its first packet, the time between two of them does not count as an outage.
    """
    troubled = [each for each in attempts if each.error or each.ended - each.began > SLOW_S]
    return longest_outage(
        [each.ended for each in attempts if not each.error],
        [(each.began, each.ended) for each in troubled],
        observed.began_at,
        observed.ended_at,
    )


def longest_outage(
    worked: Sequence[float], troubled: Sequence[tuple[float, float]], began: float, ended: float
) -> tuple[float, float] | None:
    """Return when the longest outage began and ended, in the unit of the arguments; None if there was none.

    `worked`: moments at which a connection worked; `troubled`: when others began and ended that did not, or not well.
    An outage lies between two moments of `worked`, or `began` and `ended`, with trouble in between.
    """
    worked = sorted(worked)
    edges = [began, *worked, max([ended, *worked])]
    longest: tuple[float, float] | None = None
    for before, after in itertools.pairwise(edges):
        felt = any(first < after and last > before for first, last in troubled)
        if felt and (longest is None or after - before > longest[1] - longest[0]):
            longest = before, after
    return longest


def is_open(found: tuple[float, float] | None, attempts: Sequence[NewConnection]) -> bool:
    """Return True if an outage had not ended when the recording did: no attempt worked at its end."""
    return found is not None and not any(each.ended == found[1] and not each.error for each in attempts)


def pace_of(attempts: Sequence[NewConnection]) -> str:
    """Say how often an attempt really began; a figure is as fine as that."""
    between = sorted(after.began - before.began for before, after in itertools.pairwise(attempts))
    if not between:
        return "none"
    short, long = between[len(between) // 10], between[(len(between) * 9) // 10]
    if long - short < 0.2 * long or long < _EVEN_S:
        return f"one every {_length(between[len(between) // 2])}"
    return f"one every {_length(short)} to {_length(long)}"


def _length(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


_EVEN_S = 0.08
"""Paces below this differ by the scheduler's whim."""
SLOW_S = 0.9
"""A connection that took longer has lost its first packet: the system sends it again after one second."""


def first_packet(observed: Observed) -> float | None:
    """When the first new connection worked after the longest outage; None where there was none, or no end of it."""
    attempts = attempts_of(observed, OUT)
    found = outage(attempts, observed)
    return None if found is None or is_open(found, attempts) else found[1]


def _way(name: str, attempts: Sequence[NewConnection], observed: Observed) -> PathFigures:
    found = outage(attempts, observed)
    worked = [each for each in attempts if not each.error]
    return PathFigures(
        name=name,
        connections=len(attempts),
        lost=len(attempts) - len(worked),
        outage_s=0.0 if found is None else round(found[1] - found[0], 3),
        outage_open=is_open(found, attempts),
        worst_s=round(max((each.ended - each.began for each in worked), default=0.0), 3),
        seen=tuple(dict.fromkeys(each.seen for each in worked if each.seen)),
    )


def _kinds(observed: Observed) -> list[tuple[str, str]]:
    there = dict.fromkeys((flow.way, flow.kind) for flow in observed.flows)
    order = list(observed.ways)
    return sorted(there, key=lambda each: order.index(each[0]))


def _kept(observed: Observed, way: str, kind: str) -> FlowFigures:
    flows = [flow for flow in observed.flows if (flow.way, flow.kind) == (way, kind)]
    alive = [flow for flow in flows if flow.survived]
    dead = [flow for flow in flows if not flow.survived]
    moved = _at(observed, "route") or observed.fault_at
    return FlowFigures(
        way=way,
        kind=kind,
        total=len(flows),
        survived=len(alive),
        longest_gap_s=round(max(flow.longest_gap_s for flow in alive), 3) if alive else None,
        hung_s=round(max(0.0, *(flow.ended - moved for flow in dead)), 3) if dead and kind != "idle" else None,
        errors=tuple(dict.fromkeys(flow.error for flow in dead)),
        fates=Counter(fate(flow, observed) for flow in flows),
    )


def _moments(observed: Observed) -> dict[str, float | None]:
    found = {kind: _at(observed, kind) for kind in TIMED} | {"first_packet": first_packet(observed)}
    return {kind: None if at is None else round(at - observed.fault_at, 3) for kind, at in found.items()}


def _at(observed: Observed, kind: str) -> float | None:
    return _first(each.at for each in observed.moments if each.kind == kind and each.at >= observed.fault_at)


def _first(moments: Iterable[float]) -> float | None:
    return min(moments, default=None)


def _key(kept: FlowFigures) -> str:
    return kept.kind if kept.way == OUT else f"{kept.way} {kept.kind}"
