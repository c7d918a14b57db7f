"""Each check finds what it is there to find, and says it in words."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.scenarios import verdicts
from natlab.scenarios.evidence import Hop
from natlab.scenarios.scenario import Check
from natlab.scenarios.topology import TABLE, A, B
from tests.scenarios.facts import attempts, measured, move, run

GOOD = (
    verdicts.ends_at(B),
    verdicts.passes(B),
    verdicts.verified,
    verdicts.outage_below(5.0),
    verdicts.told("moved", "to b"),
    verdicts.one_address,
)


def test_a_good_failover_has_no_reasons() -> None:
    """All checks of an ordinary failover pass."""
    assert verdicts.judge(GOOD, *measured()) == ()


@pytest.mark.parametrize(
    "check, facts, reason",
    [
        (verdicts.ends_at(B), {"next_hops": {TABLE: A}}, "table goes to gateway-a, not to gateway-b"),
        (verdicts.ends_at(B), {"next_hops": {TABLE: ""}}, "table goes to nowhere, not to gateway-b"),
        (verdicts.passes(B), {"hops": (Hop(102, TABLE, "nat-gateway"), Hop(103, TABLE, B))}, "nat-gateway, gateway-b"),
        (verdicts.passes(B), {"hops": ()}, "nowhere new"),
        (verdicts.verified, {"writes": ()}, "moved nothing"),
        (verdicts.verified, {"runs": (run(receipts=[{"outcome": "changed", "verified": None}]),)}, "egress"),
        (verdicts.outage_below(2.0), {}, "had no internet for 2."),
        (verdicts.no_connection_lost, {}, "46 new connections failed"),
        (verdicts.no_connection_lost_behind(TABLE), {}, "46 new connections behind table failed"),
        (verdicts.nothing_moved, {}, "tried to move table to gateway-b"),
        (verdicts.nothing_moved_before("sight"), {"marks": {"sight": 101.5}}, "without seeing"),
        (verdicts.nothing_moved_before("sight"), {}, "never came"),
        (verdicts.told("repaired"), {}, "no receipt says anything of 'repaired'"),
        (verdicts.people_told("moved"), {"told": ("natkeeper needs you",)}, "nobody was told anything of 'moved'"),
        (verdicts.eip_ends_at(B), {"eip_on": A}, "the EIP is on gateway-a"),
        (verdicts.eip_ends_at(B), {}, "the EIP is on nothing"),
        (verdicts.one_address, {"addresses": {TABLE: ("1", "2")}}, "behind table the internet saw 1, 2"),
        (verdicts.waited_in_vain, {"in_vain": ("waited 3 s in vain",)}, "waited 3 s in vain"),
        (verdicts.nobody_measured, {"attempts": {}}, "no private host"),
        (verdicts.nobody_measured, {"attempts": {TABLE: attempts((99.0, 101.0))}}, "before anything was broken"),
        (verdicts.route_lost, {"hops": (Hop(101, TABLE, ""), Hop(102, TABLE, B))}, "table had no route"),
        (verdicts.run_failed, {"runs": (run(error="InvocationTimeout"),)}, "InvocationTimeout"),
    ],
)
def test_a_check_finds_what_it_looks_for(check: Check, facts: dict[str, Any], reason: str) -> None:
    """The reason names what is wrong."""
    assert reason in (check(*measured(**facts)) or "")


def test_a_run_that_answers_with_an_error_has_failed() -> None:
    """The failover function never raises, so its answer is where to look."""
    failed = run()
    facts = measured(runs=(type(failed)("event", 101.2, 103.0, answer={"ok": False, "error": "KeyError"}),))
    assert "KeyError" in (verdicts.run_failed(*facts) or "")


def test_blindness_ends_at_its_mark() -> None:
    """A move after the API is back is what ought to happen."""
    check = verdicts.nothing_moved_before("sight")
    assert check(*measured(marks={"sight": 101.2})) is None


def test_what_goes_wrong_always_counts() -> None:
    """A scenario without checks of its own is still judged."""
    assert verdicts.judge((), *measured(hops=(Hop(101, TABLE, ""),), in_vain=("waited",))) == (
        "waited",
        "table had no route for a while",
    )


def test_several_tables_are_compared_one_by_one() -> None:
    """Next hops are given in the order of the tables."""
    facts = measured(next_hops={"table-h": B, "table-i": A})
    assert verdicts.ends_at(B, A)(*facts) is None
    assert verdicts.ends_at(B)(*facts) == "table-i goes to gateway-a, not to gateway-b"
    assert move().to == B
