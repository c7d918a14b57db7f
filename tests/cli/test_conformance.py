"""`natkeeper conformance` finds every reading that it claims to decide, and puts back what it touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from natkeeper.cli.conformance.readings import readings
from natkeeper.cli.conformance.trial import NOT_HERE
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.kernel.readings import SWITCHES, Readings
from natlab.scenarios.readings import platform
from tests.cli.town import ROOT, Command, Ended, Workspace
from tests.contract.watching import ContractWatch

DECIDED = [name for name in SWITCHES if name not in NOT_HERE]
DEVIATIONS = [(name, way) for name in DECIDED for way in SWITCHES[name][1:]]
SLOW = {"ecs.instance.stop": 1.5, "vpc.create_route_entry.task": 0.4, "event.actiontrail.publish": 0.2}
"""An instance has to be Stopping, and an entry Pending, for long enough to be seen."""
TRIED = ("203.0.113.0/25", "203.0.113.128/25")


@pytest.fixture(autouse=True)
def contract_watch(contract_watch: ContractWatch | None) -> Iterator[ContractWatch | None]:
    """Every exchange is checked, but for ListVpcBindings: fc3 reads it, and the metadata at hand has not got it."""
    yield contract_watch
    if contract_watch:
        contract_watch.problems[:] = [each for each in contract_watch.problems if "vpc-bindings" not in each]


@pytest.fixture
def trial(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A trial deployment: a fallback, and a standby with an EIP."""
    monkeypatch.setattr("natkeeper.cli.conformance.place.POLL_S", 0.05)
    monkeypatch.setattr("natkeeper.cli.conformance.events.ASK_EVERY_S", 0.2)
    monkeypatch.setattr("natkeeper.cli.conformance.events.ARRIVED_WITHIN_S", 20.0)
    monkeypatch.setattr("natkeeper.cli.conformance.figures.FOLLOWED_WITHIN_S", 8.0)
    cloud, place.guests.state = place.cloud, place.home / "world.json"
    cloud.latencies = Latencies(scale=0.01, overrides=SLOW)
    vswitch = cloud.vpc.create_vswitch(place.vpc, "10.0.9.0/24")
    third, place.b = place.b, cloud.ecs.create_instance(vswitch, name="nat-c")
    cloud.vpc.allocate_eip(place.b)
    place.write(fallback=cloud.vpc.create_nat_gateway(place.vpc, vswitch), gateways=[place.a, place.b, third])
    return place


def conform(place: Workspace, natkeeper: Command, ways: Mapping[str, str], *more: str) -> Ended:
    """Deploy on a platform of some readings, and try it."""
    place.cloud.readings = Readings(ways)
    place.settle()
    return natkeeper("conformance", "prod", "--yes", "--vpc", place.vpc, *more)


def findings() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("conformance.json").read_text(encoding="utf-8"))
    return found


def untouched(place: Workspace) -> None:
    """Everything is as it was."""
    assert place.hop == place.a
    assert place.cloud.ecs.status_of(place.b) == "Running"
    assert [place.cloud.vpc.route(place.table, one) for one in (*TRIED, "0.0.0.0/1")] == [None] * 3
    asked = {"RegionId": place.cloud.region, "AssociatedInstanceType": "EcsInstance", "AssociatedInstanceId": place.b}
    held: Any = place.cloud.call("vpc", "DescribeEipAddresses", asked)
    assert [eip["Status"] for eip in held["EipAddresses"]["EipAddress"]] == ["InUse"]
    assert not list((place.home / ".local" / "state" / "natkeeper").glob("*/conformance-*.json"))


def test_the_assumed_platform_is_confirmed(trial: Workspace, natkeeper: Command) -> None:
    """Each reading that it claims to decide, and nothing is said of the rest but why."""
    ended = conform(trial, natkeeper, {})
    assert ended.code == 0, ended
    found = findings()["readings"]
    assert {name: found[name].get("way") for name in DECIDED} == {name: SWITCHES[name][0] for name in DECIDED}
    assert {name for name in SWITCHES if "way" not in found[name]} == set(NOT_HERE)
    assert all(found[name]["why"] for name in NOT_HERE)
    halves = [call for call in trial.cloud.calls if call.params.get("DestinationCidrBlock") == "0.0.0.0/1"]
    assert {(each.params["DryRun"].lower(), each.params["NextHopId"]) for each in halves} == {("true", trial.a)}
    untouched(trial)


PLATFORMS: list[dict[str, str]] = [
    {"route-description": "nothing", "route-half": "black-listed", "async-type": "true-is-sync",
     "route-filters": "refused", "event-subject": "id", "client-tokens": "first-answer"},
    {"route-description": "ascii-without-brackets", "route-filters": "ignored", "route-stopped-hop": "vanishes",
     "answers": "full", "eip-off-stopping": "taken", "trail-types": "of-actiontrail"},
    {"route-name": "refused", "route-status-words": "creating-created", "route-in-place-to-nat": "refused",
     "route-to-stopped": "refused", "invocations": "running-only", "scaling-config": "full", "event-subject": "absent"},
    {"route-description": "256-bytes", "route-stopped-hop": "unavailable", "route-task-gap": "5s",
     "scaling-config": "not-found", "trail-request": "left-out", "pattern-expressions": "five",
     "health-status": "of-the-state"},
]  # fmt: skip
"""Each deviation in one of them, beside some that have nothing to do with it."""


def test_every_deviation_is_in_one_platform() -> None:
    """None is left out."""
    assert sorted(deviation for ways in PLATFORMS for deviation in ways.items()) == sorted(DEVIATIONS)


@pytest.mark.parametrize("ways", PLATFORMS)
def test_the_deviations_of_a_platform_are_found_and_compared(
    trial: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, ways: dict[str, str]
) -> None:
    """They are named as what this release assumes wrongly, and nothing else is.

    The comparison needs nothing but the file; its page has the reason for each reading that was not decided. What is
    measured beside it has test_conformance_figures.py.
    """
    monkeypatch.setattr("natkeeper.cli.conformance.figures.parts", lambda *_given: {})
    tried = conform(trial, natkeeper, ways)
    assert tried.code == 1
    found = findings()["readings"]
    assert {name: found[name].get("way") for name in DECIDED} == {name: SWITCHES[name][0] for name in DECIDED} | ways
    assert [f"refuted: {name} is {way}" in tried.out for name, way in ways.items()] == [True] * len(ways)
    untouched(trial)
    ended = natkeeper("conformance", "--compare", "conformance.json", "--json")
    assert ended.code == 1
    rows = ended.data["readings"]
    assert {name: row["found"] for name, row in rows.items() if row["verdict"] == "refuted"} == ways
    assert {name for name, row in rows.items() if row["verdict"] == "not decided"} == set(NOT_HERE)
    page = Path("conformance.md").read_text(encoding="utf-8")
    for reading in readings():
        assert f"(`{reading.name}`) | {reading.assumed} |" in page
    assert "| vpc.modify_route_entry.task |" in page
    for secret in (trial.a, trial.b, trial.table, trial.vpc):
        assert secret not in page + Path("conformance.json").read_text(encoding="utf-8"), "it is fit for a report"


def test_what_was_measured_goes_by_the_names_of_the_local_cloud(trial: Workspace, natkeeper: Command) -> None:
    """So that it can be played."""
    conform(trial, natkeeper, {"eip-off-stopping": "taken"})
    measured = findings()["latencies"]
    assert set(measured) == {
        "vpc.create_route_entry.task", "vpc.modify_route_entry.task", "vpc.delete_route_entry.task",
        "ecs.instance.stop", "ecs.instance.start", "vpc.unassociate_eip.task", "vpc.associate_eip.task",
        "event.ecs.publish", "event.actiontrail.publish",
        "vpc.route_entry.packets", "fc.cold_start.platform", "fc.async.throttled_retry",
    }  # fmt: skip
    played = platform(findings="conformance.json")
    assert (played.latencies, played.readings["eip-off-stopping"]) == (measured, "taken")
    assert Latencies(overrides=played.latencies).of("ecs.instance.stop") >= 1.0
    assert measured["vpc.create_route_entry.task"] >= SLOW["vpc.create_route_entry.task"]
    page = Path("conformance.md").read_text(encoding="utf-8")
    assert "An hour of the functions costs 0.012 USD by the list" in page


def test_without_a_fallback_and_an_eip_the_reasons_are_told(place: Workspace, natkeeper: Command) -> None:
    """What needs them is not decided; the rest is."""
    place.cloud.latencies = Latencies(scale=0.01, overrides=SLOW)
    ended = conform(place, natkeeper, {})
    found = findings()["readings"]
    assert ended.code == 0, ended
    assert "has no fallback" in found["route-in-place-to-nat"]["why"]
    assert "the standby holds no EIP" in found["eip-off-stopping"]["why"]
    assert found["route-half"]["way"] == "taken"


# ---- what it refuses, and how it ends --------------------------------------------------------------------


def test_a_vpc_with_other_instances_has_to_be_named(trial: Workspace, natkeeper: Command) -> None:
    """Nothing is touched before."""
    stranger = trial.cloud.ecs.create_instance(trial.private, name="database")
    ended = natkeeper("conformance", "prod", "--yes")
    assert ended.code == 5
    assert stranger in ended.err
    assert f"--vpc {trial.vpc}" in ended.err
    assert not [call for call in trial.cloud.calls if call.action in ("CreateRouteEntry", "StopInstance")]


def test_the_demos_own_instances_need_no_name(trial: Workspace, natkeeper: Command) -> None:
    """Its private host is one of them."""
    trial.cloud.ecs.create_instance(trial.private, name="natkeeper-demo-host")
    trial.settle()
    assert natkeeper("conformance", "prod", "--yes").code == 0, "refused the demo's host"


def test_it_asks_first(trial: Workspace, natkeeper: Command) -> None:
    """And there is nobody to ask here."""
    ended = natkeeper("conformance", "prod", "--vpc", trial.vpc)
    assert (ended.code, "say --yes" in ended.err) == (2, True)
    assert not [call for call in trial.cloud.calls if call.action == "CreateRouteEntry"]


def test_without_a_running_standby_it_is_refused(trial: Workspace, natkeeper: Command) -> None:
    """It would be an outage if the other gateway failed meanwhile, and nothing could be stopped."""
    for standby in trial.config["groups"]["prod"]["gateways"][1:]:
        trial.cloud.ecs.stop(standby, force=True)
        trial.wait_for_status(standby, "Stopped")
    ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert (ended.code, "no running standby" in ended.err) == (5, True)


def test_an_entry_that_is_there_already_is_left_alone(trial: Workspace, natkeeper: Command) -> None:
    """A route to these addresses exists already."""
    trial.cloud.vpc.add_route(trial.table, TRIED[1], trial.a)
    ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert (ended.code, TRIED[1] in ended.err) == (5, True)
    assert trial.cloud.vpc.route(trial.table, TRIED[1]) is not None


@pytest.mark.parametrize("action", ["StopInstance", "CreateRouteEntry", "RunCommand", "ListTriggers", "ListRules"])
def test_what_may_not_be_done_is_not_decided_and_the_rest_is(trial: Workspace, natkeeper: Command, action: str) -> None:
    """A right is missing, say."""
    trial.settle()
    trial.cloud.faults.add(CallFault(FaultKind.ERROR_CODE, action=action, count=99, code="Forbidden.RAM", status=403))
    ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert ended.code == 0, ended
    found = findings()["readings"]
    assert any("Forbidden.RAM" in row.get("why", "") for row in found.values()), found
    assert sum("way" in found[name] for name in DECIDED) >= 4
    untouched(trial)


def process(place: Workspace) -> subprocess.Popen[bytes]:
    """Start the command in a process of its own."""
    command = [sys.executable, "-c", "from natkeeper.cli import main; main()"]
    command += ["conformance", "prod", "--yes", "--vpc", place.vpc]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "shared"), "HOME": str(place.home)}
    return subprocess.Popen(command, env=environ, cwd=place.home, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def called(place: Workspace, action: str) -> Callable[[], bool]:
    return lambda: any(call.action == action for call in tuple(place.cloud.calls))


@pytest.mark.parametrize("action", ["CreateRouteEntry", "StopInstance"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_back(trial: Workspace, action: str, number: signal.Signals) -> None:
    """At the first creation, and while the standby stops."""
    trial.settle()
    running = process(trial)
    until(called(trial, action))
    running.send_signal(number)
    assert running.wait(60) == 130
    untouched(trial)


@pytest.mark.parametrize("how", [["--restore"], ["--yes", "--vpc", "VPC"]])
def test_what_was_killed_is_put_back_by_the_next_command(trial: Workspace, natkeeper: Command, how: list[str]) -> None:
    """By --restore, and by the next trial before it begins."""
    trial.settle()
    running = process(trial)
    until(called(trial, "StopInstance"))
    running.kill()
    running.wait(60)
    assert trial.cloud.vpc.route(trial.table, TRIED[0]) is not None
    ended = natkeeper("conformance", "prod", *(trial.vpc if each == "VPC" else each for each in how))
    assert ended.code == 0, ended
    untouched(trial)
    assert natkeeper("conformance", "prod", "--restore").code == 0


def test_what_cannot_be_put_back_is_named_and_kept(
    trial: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that goes on, which then does."""
    trial.settle()
    monkeypatch.setattr("natkeeper.cli.conformance.trial.BACK_WITHIN_S", 4.0)
    trial.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="StartInstance", count=999, code="Forbidden.RAM", status=403)
    )
    ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert ended.code == 1
    assert f"({trial.b}) may be stopped" in ended.err
    assert "natkeeper conformance prod --restore" in ended.err
    trial.cloud.faults.clear()
    assert natkeeper("conformance", "prod", "--restore").code == 0
    untouched(trial)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"conformance": 2}', '{"conformance": 1, "readings": {}}'])
def test_a_file_that_is_none_is_refused(place: Workspace, natkeeper: Command, text: str) -> None:
    """With its name, and what to name instead."""
    Path("other.json").write_text(text, encoding="utf-8")
    ended = natkeeper("conformance", "--compare", "other.json")
    assert (ended.code, "other.json" in ended.err) == (2, True)
    assert natkeeper("conformance", "--compare", "missing.json").code == 2
    assert natkeeper("conformance").code == 2
