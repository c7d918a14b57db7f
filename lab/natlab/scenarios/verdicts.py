"""Was it good?  Checks on evidence and figures; each says why not, or nothing. No check measures this machine:
where time is limited at all, the limit is far beyond what the slowest one needs.
"""

from __future__ import annotations

from collections.abc import Iterable

from natlab.scenarios.evidence import ScenarioEvidence
from natlab.scenarios.scenario import Check
from natlab.scenarios.timing import MOVES, ScenarioFigures


def judge(checks: Iterable[Check], evidence: ScenarioEvidence, figures: ScenarioFigures) -> tuple[str, ...]:
    """All reasons why a scenario did not end well; none when it did."""
    found = [check(evidence, figures) for check in (*ALWAYS, *checks)]
    return tuple(reason for reason in found if reason)


def waited_in_vain(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """The script saw what it waited for."""
    return "; ".join(evidence.in_vain) or None


def nobody_measured(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """Private hosts reached the internet before the fault, or the figures mean nothing."""
    for table, attempts in evidence.attempts.items():
        before = [attempt for attempt in attempts if attempt.at < evidence.fault_at]
        if not before or not before[-1].public_ip:
            return f"private hosts behind {table} had no internet before anything was broken"
    return None if evidence.attempts else "no private host tried to connect"


def route_lost(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """No table was ever without its route (rule 1)."""
    gone = sorted({hop.table for hop in evidence.hops if not hop.to and hop.at >= evidence.fault_at})
    return f"{', '.join(gone)} had no route for a while" if gone else None


def run_failed(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """Every run of the failover function ended by itself."""
    failed = [run.error or str(run.answer["error"]) for run in evidence.runs if run.error or "error" in run.answer]
    return f"a run of the failover function failed: {failed[0]}" if failed else None


ALWAYS: tuple[Check, ...] = (waited_in_vain, nobody_measured, route_lost, run_failed)


def ends_at(*hops: str) -> Check:
    """The tables' routes end at these next hops, in the order of the tables; one for all of them."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        wanted = hops * len(evidence.next_hops) if len(hops) == 1 else hops
        wrong = [
            f"{table} goes to {found or 'nowhere'}, not to {hop}"
            for (table, found), hop in zip(evidence.next_hops.items(), wanted, strict=True)
            if found != hop
        ]
        return "; ".join(wrong) or None

    return check


def passes(*hops: str) -> Check:
    """The data plane goes through these next hops, one after the other, and no others."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        seen = [hop.to for hop in evidence.hops if hop.at >= evidence.fault_at]
        return None if seen == list(hops) else f"the route went to {', '.join(seen) or 'nowhere new'}"

    return check


def verified(_: ScenarioEvidence, figures: ScenarioFigures) -> str | None:
    """The run that moved the route saw egress work (rule 7)."""
    if figures.decided_s is None:
        return "natkeeper moved nothing"
    return None if figures.verified else "the receipt of the move does not say that egress was seen to work"


def outage_below(limit_s: float) -> Check:
    """New connections work again, and did not fail for longer than this."""

    def check(_: ScenarioEvidence, figures: ScenarioFigures) -> str | None:
        if figures.outage_s < limit_s:
            return None
        return f"private hosts had no internet for {figures.outage_s:.1f} s"

    return check


def no_connection_lost(_: ScenarioEvidence, figures: ScenarioFigures) -> str | None:
    """A move that was planned is not felt."""
    return f"{figures.lost} new connections failed" if figures.lost else None


def no_connection_lost_behind(table: str) -> Check:
    """Who is not concerned feels nothing."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        failed = [each for each in evidence.attempts[table] if each.at >= evidence.fault_at and not each.public_ip]
        return f"{len(failed)} new connections behind {table} failed" if failed else None

    return check


def nothing_moved(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """natkeeper did not even try to move a route."""
    tried = [write for write in evidence.writes if write.action in MOVES and write.to]
    return f"natkeeper tried to move {tried[0].table} to {tried[0].to}" if tried else None


def nothing_moved_before(mark: str) -> Check:
    """natkeeper did not try to move a route before the moment of that name (rule 3)."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        until = evidence.marks.get(mark)
        if until is None:
            return f"the moment {mark!r} never came"
        early = [w for w in evidence.writes if w.action in MOVES and w.to and w.at < until]
        return f"natkeeper tried to move {early[0].table} to {early[0].to} without seeing" if early else None

    return check


def told(*words: str) -> Check:
    """Some receipt has all these words in its sentence or its problems."""

    def check(_: ScenarioEvidence, figures: ScenarioFigures) -> str | None:
        for receipt in figures.receipts:
            text = " ".join([receipt.get("sentence", ""), receipt.get("signal", ""), *receipt.get("problems", ())])
            if all(word in text for word in words):
                return None
        return f"no receipt says anything of {' '.join(words)!r}"

    return check


def people_told(*words: str) -> Check:
    """People were told something with all these words."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        if any(all(word in message for word in words) for message in evidence.told):
            return None
        return f"nobody was told anything of {' '.join(words)!r}"

    return check


def eip_ends_at(gateway: str) -> Check:
    """The EIP followed the route."""

    def check(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
        return None if evidence.eip_on == gateway else f"the EIP is on {evidence.eip_on or 'nothing'}"

    return check


def one_address(evidence: ScenarioEvidence, _: ScenarioFigures) -> str | None:
    """The internet saw one and the same address before and after."""
    several = {table: ips for table, ips in evidence.addresses.items() if len(ips) > 1}
    return "; ".join(f"behind {table} the internet saw {', '.join(ips)}" for table, ips in several.items()) or None
