"""The setup script on real systems: from a bare gateway to forwarding that works and lasts."""

from __future__ import annotations

import pytest

from natkeeper.guest import Mode, SetupReport
from natlab.simulated.network import Dropped, Reached
from tests.lab.stage import ADDRESS, A, B, LabStage

pytestmark = pytest.mark.lab

_WRITTEN = "; find /etc -type f -printf '%p %T@ %s\\n' | sort"


def test_bare_gateway_forwards_after_the_setup_script(stage: LabStage, first_reports: dict[str, object]) -> None:
    """Before it nothing passes; after it the internet sees the private host with the gateway's public address."""
    assert isinstance(first_reports["before"], Dropped)
    for gateway in (A, B):
        report = first_reports[gateway]
        assert isinstance(report, SetupReport)
        assert (report.ready, report.facts.forwarding, report.facts.egress) == (True, "proven", "ok"), report.sentence
        assert report.facts.public_ip == ADDRESS[gateway]
        stage.route_to(gateway)
        assert stage.way_out() == Reached(ADDRESS[gateway])


def test_second_run_changes_nothing(stage: LabStage) -> None:
    """Run twice, the script finds everything as it wants it and leaves it so."""
    rules = "nft list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//; s/handle [0-9]*//'"
    before = stage.guest(A).by_hand(rules + _WRITTEN)
    report = stage.set_up(A)
    assert (report.ready, report.found, report.changed, report.wrong) == (True, (), (), ())
    assert stage.guest(A).by_hand(rules + _WRITTEN) == before


def test_forwarding_outlives_a_reboot(stage: LabStage) -> None:
    """A kernel that remembers nothing forwards again from what the script wrote on disk, without another run."""
    stage.guest(A).reboot()
    assert stage.reaches_through(A)
    report = stage.set_up(A, mode=Mode.CHECK)
    assert (report.ready, report.found) == (True, ())


def test_drift_is_found_and_repaired(stage: LabStage) -> None:
    """Masquerading removed for good cuts the private host off; a check names it, and an apply brings it back."""
    stage.guest(A).lose_masquerade(permanently=True)
    assert stage.is_cut_off()
    named = {problem.code for problem in stage.set_up(A, mode=Mode.CHECK).wrong}
    assert {"masquerade_missing", "masquerade_missing_at_boot"} <= named
    assert stage.is_cut_off()
    assert stage.set_up(A).ready
    assert stage.way_out() == Reached(ADDRESS[A])


def test_stopped_and_masked_firewalld_comes_back(stage: LabStage) -> None:
    """Without firewalld nothing is masqueraded; the script unmasks and starts it."""
    stage.guest(A).stop_firewalld(mask=True)
    assert stage.is_cut_off()
    report = stage.set_up(A)
    assert report.ready
    assert "firewalld_masked" in {problem.code for problem in report.found}
    assert stage.reaches_through(A)
