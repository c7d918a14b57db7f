"""Figures are computed from what was seen, and from nothing else."""

from __future__ import annotations

import pytest

from natlab.scenarios.evidence import Hop
from natlab.scenarios.timing import figures
from natlab.scenarios.topology import TABLE, A, B
from tests.scenarios.facts import RECEIPT, attempts, evidence, move, run


def test_a_failover_is_timed_from_the_fault() -> None:
    """Every length counts from the moment at which something was broken."""
    found = figures(evidence())
    assert (found.detected_s, found.decided_s, found.routed_s) == (1.2, 1.25, 2.25)
    assert (found.verified, found.next_hop, found.receipts) == (True, "i-bbbb", (RECEIPT,))


def test_the_outage_is_the_longest_time_without_a_success() -> None:
    """From the last connection that worked to the next one that does; the longer of two."""
    found = figures(evidence(attempts={TABLE: attempts((100.5, 101.0), (102.0, 104.0))}))
    assert found.outage_s == pytest.approx(2.05)
    assert found.lost == 50


def test_an_outage_that_never_ends_lasts_to_the_end() -> None:
    """What was never seen to work again did not work."""
    assert figures(evidence(attempts={TABLE: attempts((100.0, 999.0))})).outage_s == pytest.approx(6.05)


def test_without_a_failure_there_is_no_outage() -> None:
    """The 50 ms between two attempts are nobody's outage."""
    found = figures(evidence(attempts={TABLE: attempts()}))
    assert (found.outage_s, found.lost) == (0.0, 0)


def test_failures_before_the_fault_do_not_count() -> None:
    """What was broken before is not this scenario's."""
    assert figures(evidence(attempts={TABLE: attempts((99.2, 99.6))})).outage_s == 0.0


def test_the_worst_of_several_hosts_counts() -> None:
    """A failover that leaves one zone behind is not a quick one."""
    hosts = {"table-h": attempts((100.0, 101.0)), "table-i": attempts((100.0, 103.0))}
    assert figures(evidence(attempts=hosts)).outage_s == pytest.approx(3.05)


def test_the_run_that_wrote_is_the_one_that_acted() -> None:
    """A run that only looked, before or after, is not."""
    quiet = run(100.4, 100.6, receipts=[{"outcome": "quiet", "sentence": "", "verified": None}])
    later = run(104.0, 104.1, receipts=[{"outcome": "changed", "sentence": "noted", "verified": None}])
    found = figures(evidence(runs=(quiet, run(), later)))
    assert (found.detected_s, found.verified) == (1.2, True)
    assert [receipt["sentence"] for receipt in found.receipts] == ["moved it to b", "noted"]


@pytest.mark.parametrize("said", [True, False])
def test_a_run_that_goes_on_may_be_the_one_that_verifies(*, said: bool) -> None:
    """Where replacing an entry takes longer than a run."""
    began = run(receipts=[{**RECEIPT, "verified": None}])
    later = run(104.0, 104.1, receipts=[{"outcome": "changed", "sentence": "the rest of it", "verified": said}])
    assert figures(evidence(runs=(began, later))).verified is said


def test_of_runs_at_one_moment_the_one_with_news_acted() -> None:
    """On a virtual clock a run that only looks takes no time."""
    quiet = run(101.25, 101.25, receipts=[{"outcome": "quiet", "sentence": "", "verified": None}])
    assert figures(evidence(runs=(quiet, run()))).verified is True


def test_a_refused_write_has_been_decided_all_the_same() -> None:
    """The second attempt of the same run is the one that moves the route."""
    found = figures(evidence(writes=(move(101.25, error="TaskConflict"), move(101.6)), hops=(Hop(102.6, TABLE, B),)))
    assert (found.decided_s, found.routed_s) == (1.25, 2.6)


def test_several_tables_are_routed_when_the_last_one_is() -> None:
    """Half a failover is none."""
    writes = (move(table="table-h"), move(101.3, table="table-i"))
    hops = (Hop(102.25, "table-h", B), Hop(103.25, "table-i", B))
    assert figures(evidence(writes=writes, hops=hops)).routed_s == 3.25
    assert figures(evidence(writes=writes, hops=hops[:1])).routed_s is None


def test_a_later_move_back_does_not_count() -> None:
    """Figures are about what the fault led to, not about the return."""
    writes = (move(), move(120.0, to=A))
    hops = (Hop(102.25, TABLE, B), Hop(121.0, TABLE, A))
    found = figures(evidence(writes=writes, hops=hops, runs=(run(), run(119.9, 122.0)), ended_at=125.0))
    assert found.routed_s == 2.25


def test_where_nobody_acted_only_detection_is_timed() -> None:
    """A run that told of something has noticed it."""
    attention = run(110.0, 110.1, receipts=[{"outcome": "attention", "sentence": "not managed", "verified": None}])
    found = figures(evidence(writes=(), hops=(), runs=(run(100.5, 100.6, receipts=[]), attention)))
    assert (found.detected_s, found.decided_s, found.routed_s, found.verified) == (10.0, None, None, None)


def test_where_nothing_was_noticed_there_is_no_figure() -> None:
    """Not zero: there is none."""
    assert figures(evidence(writes=(), hops=(), runs=())).detected_s is None


def test_different_next_hops_are_told_by_table() -> None:
    """Ids, as the platform knows them."""
    found = figures(evidence(next_hops={"table": A, "other": B}))
    assert found.next_hop == {"vtb-1": "i-aaaa", "other": "i-bbbb"}
