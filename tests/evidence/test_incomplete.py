"""What a setup remarks reaches people: lasting trouble as an episode, what was done for the owner once."""

from __future__ import annotations

from typing import Any

from natkeeper.guest.report import SetupProblem
from tests.fakes.stage import A, B, Stage, group

REFUSED = SetupProblem("proxy_refused", "nginx refuses the new configuration: unknown directive")
SILENT = SetupProblem("tunnel_silent", "10.0.0.11 does not answer by the tunnel")
KEPT = SetupProblem("services_kept", "this machine served before firewalld's first start, and goes on to: 8080/tcp")


def set_up() -> Stage:
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.sweeps(20)
    return stage


def episodes(stage: Stage) -> list[dict[str, Any]]:
    return [each for receipt in stage.told_people() for each in receipt.get("episodes", [])]


def test_a_part_that_does_not_work_is_told_once_and_when_it_is_over() -> None:
    """A broken proxy makes no gateway unfit; people hear of it all the same."""
    stage = set_up()
    stage.machine(B).notes = (REFUSED,)
    stage.sweeps(40)
    (begun,) = episodes(stage)
    assert (begun["kind"], begun["cause"]) == ("incomplete", f"{B}: {REFUSED.message}")
    assert begun["todo"] == "mend it, then: natkeeper setup prod"
    stage.machine(B).notes = ()
    stage.sweeps(15)
    over = episodes(stage)[-1]
    assert over["kind"] == "incomplete"
    assert over["ended"]
    stage.sweeps(40)
    assert len(episodes(stage)) == 2


def test_what_a_setup_did_for_the_owner_is_told_once() -> None:
    """The list of services that were carried over stands in one report only, and several sweeps read it."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.machine(A).notes = (KEPT,)
    stage.sweeps(5)
    stage.machine(A).notes = ()
    stage.sweeps(30)
    told = [line for receipt in stage.told_people() for line in receipt.get("repaired", [])]
    assert told == [f"{A}: {KEPT.message}"]
    assert episodes(stage) == []


def test_a_tunnel_that_was_just_made_may_be_silent() -> None:
    """Its peer may not be set up yet; one that stays silent is told."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    for gateway in (A, B):
        stage.machine(gateway).rules = False
        stage.machine(gateway).notes = (SILENT,)
    stage.sweeps(9)
    assert [each["kind"] for each in episodes(stage) if each["kind"] == "incomplete"] == []
    stage.sweeps(15)
    assert {each["kind"] for each in episodes(stage)} == {"incomplete"}
