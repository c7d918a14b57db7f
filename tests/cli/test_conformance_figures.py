"""`natkeeper conformance` measures packets, cold starts and retries, judges codes, and says why where it cannot."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from natkeeper.cli.conformance.figures import COLD_START, PACKETS, THROTTLED
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.latencies import Latencies
from natlab.scenarios.readings import platform
from tests.cli.test_conformance import SLOW, findings, process, trial, until, untouched
from tests.cli.test_conformance import contract_watch as contract_watch  # noqa: PLC0414  a fixture
from tests.cli.town import Command, Ended, Workspace

__all__ = ["trial"]  # a fixture
# A function is kept busy for 0.3 s, and longer on a busy machine: a retry has to come well after that to be one.
AN_HOUR = {THROTTLED: 1.0, PACKETS: 0.0, COLD_START: 0.01}
DIFFERENT = {THROTTLED: 2.5, PACKETS: 1.2, COLD_START: 2.5}


def conform(place: Workspace, natkeeper: Command, **seconds: float) -> Ended:
    """Deploy where things take so long, and try it."""
    place.cloud.latencies = Latencies(scale=0.01, overrides={**SLOW, **AN_HOUR, **seconds})
    place.settle()
    return natkeeper("conformance", "prod", "--yes", "--vpc", place.vpc)


def description(place: Workspace) -> str:
    entry = place.cloud.vpc.route(place.table)
    assert entry is not None
    return entry.description


@pytest.mark.parametrize("name", list(AN_HOUR))
def test_what_takes_longer_is_measured_longer(trial: Workspace, natkeeper: Command, name: str) -> None:
    """One at a time: the others are not found longer for it."""
    ended = conform(trial, natkeeper, **{name: DIFFERENT[name]})
    assert ended.code == 0, ended
    measured = findings()["latencies"]
    assert measured[name] >= 0.9 * DIFFERENT[name], measured
    assert all(measured[other] < DIFFERENT[other] for other in set(AN_HOUR) - {name}), measured
    assert platform(findings="conformance.json").latencies[name] == measured[name]
    assert findings()["unmeasured"] == {}
    untouched(trial)


def test_the_route_that_was_moved_is_what_it_was(trial: Workspace, natkeeper: Command) -> None:
    """Its description, too: natkeeper has nothing to remember of a trial."""
    before = description(trial)
    conform(trial, natkeeper)
    moved = [call.params["NewNextHopId"] for call in trial.cloud.calls if moves_the_route(call)]
    assert moved == [trial.b, trial.a]
    assert description(trial) == before
    untouched(trial)


def moves_the_route(call: Any) -> bool:
    return bool(
        call.action == "ModifyRouteEntry"
        and call.params.get("DestinationCidrBlock") == "0.0.0.0/0"
        and call.params.get("NewNextHopId")
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_trial_that_ends_while_the_route_is_away_brings_it_back(
    trial: Workspace, natkeeper: Command, how: signal.Signals
) -> None:
    """By itself, or by the command that puts back what was killed."""
    trial.cloud.latencies = Latencies(scale=0.01, overrides={**SLOW, PACKETS: 3.0})
    trial.settle()
    running = process(trial)
    until(lambda: any(moves_the_route(call) for call in tuple(trial.cloud.calls)))
    running.send_signal(how)
    running.wait(60)
    if how is signal.SIGKILL:
        assert trial.hop == trial.b
        assert natkeeper("conformance", "prod", "--restore").code == 0
    untouched(trial)


def test_a_standby_that_no_packet_leaves_by_is_left_again(trial: Workspace, natkeeper: Command) -> None:
    """Private hosts are without the internet for seconds, and the figure is not there."""
    trial.guests.write(off=[trial.b])
    conform(trial, natkeeper)
    assert "no packet was seen to follow it" in findings()["unmeasured"][PACKETS]
    assert PACKETS not in findings()["latencies"]
    assert trial.b not in findings()["unmeasured"][PACKETS]
    untouched(trial)


@pytest.mark.parametrize(
    "settings, name, why",
    [
        ({"probe": None}, PACKETS, "has no probe"),
        ({"address": {"follow": "eip-bp1natkeeper0000001"}}, PACKETS, "the EIP follows the route"),
    ],
)
def test_what_cannot_be_measured_has_its_reason(
    place: Workspace, natkeeper: Command, settings: dict[str, Any], name: str, why: str
) -> None:
    """In the findings, and on the page."""
    place.cloud.latencies = Latencies(scale=0.01, overrides=SLOW)
    place.write(**settings)
    place.settle()
    natkeeper("conformance", "prod", "--yes", "--vpc", place.vpc)
    assert why in findings()["unmeasured"][name]
    ended = natkeeper("conformance", "--compare", "conformance.json")
    assert f"`{name}` was not measured" in ended.out


# ---- codes -----------------------------------------------------------------------------------------------


def test_every_wrong_call_has_the_code_that_natkeeper_counts_on(trial: Workspace, natkeeper: Command) -> None:
    """And none of them was carried out."""
    conform(trial, natkeeper)
    found = findings()["codes"]
    assert len(found) == 15
    assert {call: row for call, row in found.items() if not row["ok"]} == {}
    assert found["DeleteRouteEntry of an entry that is not there"]["means"] == "gone, about the route entry"


@pytest.mark.parametrize(
    "action, code, call",
    [
        ("GetTemplate", "InvalidParameter", "GetTemplate of one that is not there"),
        ("DeleteRouteEntry", "InvalidVpnInstanceId.NotFound", "DeleteRouteEntry of an entry that is not there"),
    ],
)
def test_another_code_is_refuted(trial: Workspace, natkeeper: Command, action: str, code: str, call: str) -> None:
    """By the trial, and by the comparison."""
    trial.cloud.faults.add(CallFault(FaultKind.ERROR_CODE, action=action, count=1, code=code, status=400))
    ended = conform(trial, natkeeper)
    assert ended.code == 1
    assert f"refuted: {call} was answered with {code}" in ended.out
    compared = natkeeper("conformance", "--compare", "conformance.json", "--json")
    assert (compared.code, compared.data["codes"][call]["ok"], compared.data["ok"]) == (1, False, False)
    untouched(trial)
