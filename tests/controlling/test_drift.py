"""What changed on a gateway and a setup put right is told, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.guest.report import SetupProblem, SetupReport
from natkeeper.ports import FailureKind, HandOver
from tests.fakes.stage import A, B, Stage, group, timer


@pytest.fixture
def kept() -> Stage:
    """Two gateways that are kept configured, set up a minute ago."""
    stage = Stage({"prod": group(setup={"mode": "apply", "every": "10m"})})
    stage.sweep()
    stage.world.advance(60)
    return stage


def drift(stage: Stage, gateway: str = B) -> None:
    """A person flushes the rules of a standby; the next sweep that finds a setup due repairs it."""
    stage.machine(gateway).rules = False


def test_drift_of_a_standby_is_repaired_and_told_once(kept: Stage) -> None:
    """Half an hour of sweeps: one of them says which gateway, when and what."""
    drift(kept)
    receipts = kept.sweeps(30)
    (told,) = kept.told_people()
    assert kept.machine(B).rules
    assert told["outcome"] == "changed"
    assert told["sentence"].startswith(f"{B} had drifted and was repaired by the setup of ")
    assert "UTC: masquerading is off" in told["sentence"]
    assert [receipt.outcome for receipt in receipts if receipt.outcome != "quiet"] == ["changed"]


def test_drift_that_comes_back_is_told_again(kept: Stage) -> None:
    """The same fault an hour later is another repair."""
    for _ in range(2):
        drift(kept)
        kept.sweeps(30)
    assert len(kept.told_people()) == 2


def test_repair_that_could_not_be_told_is_told_by_the_next_sweep(kept: Stage) -> None:
    """What nobody heard was not told."""
    drift(kept)
    fault = kept.cloud.fail(HandOver, FailureKind.THROTTLED)
    while all(receipt.outcome == "quiet" for receipt in kept.sweeps(1)):
        continue
    assert kept.told_people() == []
    fault.times = 0
    kept.sweep()
    assert len(kept.told_people()) == 1


def test_without_a_notify_function_the_answer_tells_once() -> None:
    """Log and answer are all there is: one sweep is not quiet, the next is."""
    stage = Stage({"prod": group(setup={"mode": "apply"})}, notify=False)
    stage.sweep()
    drift(stage)
    assert [receipt.outcome for receipt in stage.sweeps(25)].count("changed") == 1


def test_first_setup_is_no_repair(kept: Stage) -> None:
    """A machine on which natkeeper's own file is not there has not drifted: it was not a gateway yet."""
    drift(kept)
    kept.sweeps(11)
    first = SetupProblem("settings_at_boot", "the settings are not as natkeeper writes them")
    kept.told.repairs.clear()
    for number, run in enumerate(kept.cloud.setups):
        if isinstance(run.report, SetupReport) and run.report.found:
            report = replace(run.report, found=(first, *run.report.found))
            kept.cloud.setups[number] = replace(run, report=report)
    assert kept.sweep().outcome == "quiet"


def test_lost_egress_moves_first_and_the_repair_is_told(kept: Stage) -> None:
    """The active gateway forwards no more: the probe's report moves the route, a later sweep tells of the repair."""
    drift(kept, A)
    kept.one(kept.report())
    assert kept.next_hop() == B
    kept.world.advance(60)
    kept.send(timer())
    sentences = [told["sentence"] for told in kept.told_people()]
    assert sentences[0].startswith("moved ")
    assert f"{A} had drifted and was repaired" in sentences[-1]
