"""Commands that look: what is shown is what there is, and nothing is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from natkeeper.cli.invoke import Asker
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.readings import Readings
from tests.cli.screens import assert_screen
from tests.cli.town import Command, Workspace

WRITES = {
    "ModifyRouteEntry",
    "CreateRouteEntry",
    "DeleteRouteEntry",
    "AssociateEipAddress",
    "RunCommand",
    "StartExecution",
}


def writes(place: Workspace) -> list[str]:
    return [call.action for call in place.cloud.calls if call.action in WRITES]


def test_status_shows_a_quiet_group(deployed: Workspace, natkeeper: Command) -> None:
    """Routes, next hop, gateways, health."""
    ended = natkeeper("status")
    assert ended.code == 0
    assert_screen("status-quiet", ended.out)
    assert writes(deployed) == []


def test_status_shows_a_move_its_reason_and_the_gateway_that_is_down(place: Workspace, natkeeper: Command) -> None:
    """The last move and why, from the route entry itself; where home is."""
    place.cloud.ecs.stop(place.a, force=True)
    place.wait_for_status(place.a, "Stopped")
    natkeeper("sweep", "--direct")
    ended = natkeeper("status", "--direct")
    assert_screen("status-moved", ended.out)


def test_status_shows_eip_fallback_notice_and_pause(place: Workspace, natkeeper: Command) -> None:
    """Everything that a group can have, at once."""
    eip = place.cloud.vpc.allocate_eip()
    c = place.cloud.ecs.create_instance(place.private, name="nat-c")
    place.cloud.vpc.addresses.bind_now(eip, c, "EcsInstance")
    fallback = place.cloud.vpc.create_nat_gateway(place.vpc, place.private)
    place.write(gateways=[place.a, place.b, c], address={"follow": eip}, fallback=fallback)
    natkeeper("pause", "prod", "--for", "2h", "--why", "changing cables", "--direct")
    place.cloud.ecs.schedule_maintenance(place.b, "SystemMaintenance.Reboot", place.cloud.clock.now() + 86400.0)
    ended = natkeeper("status", "--direct")
    assert_screen("status-everything", ended.out)


def test_status_shows_what_cannot_be_seen(place: Workspace, natkeeper: Command) -> None:
    """Blind is not dead: health is unknown, and the reason is the API's own."""
    for action in ("DescribeInstances", "DescribeInstancesFullStatus"):
        place.cloud.faults.add(CallFault(FaultKind.ERROR_CODE, action=action, code="Forbidden.RAM", status=403))
    ended = natkeeper("status", "--direct")
    assert ended.code == 1
    assert "unknown" in ended.out
    assert "Forbidden.RAM" in ended.out


def test_status_says_when_only_power_states_can_be_seen(place: Workspace, natkeeper: Command) -> None:
    """Another call stands in for the one that is refused; routes are guarded, and the refusal is not hidden."""
    place.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="DescribeInstances", code="Forbidden.RAM", status=403)
    )
    ended = natkeeper("status", "--direct")
    assert ended.code == 0
    assert ended.out.count("no more than its power state can be read") == 2
    assert "Forbidden.RAM" in ended.out


def test_status_as_json_has_a_view(deployed: Workspace, natkeeper: Command) -> None:
    """For machines: the function's own answer."""
    (receipt,) = natkeeper("status", "prod", "--json").data["receipts"]
    view: dict[str, Any] = receipt["view"]
    assert [gateway["health"] for gateway in view["gateways"]] == ["healthy", "healthy"]
    assert view["routes"][0]["next_hop"] == deployed.a
    assert receipt["outcome"] == "quiet"


def test_watch_looks_again(place: Workspace, natkeeper: Command) -> None:
    """Boards for people, one object a line for machines."""
    ended = natkeeper("status", "--watch", "--times", "2", "--every", "0.1", "--direct")
    assert (ended.code, ended.out.count("prod  quiet")) == (0, 2)
    lines = natkeeper("status", "--watch", "--times", "3", "--every", "0.1", "--direct", "--json").out.splitlines()
    assert [json.loads(line)["ok"] for line in lines] == [True] * 3


@pytest.mark.parametrize("kind, codes", [("degraded", [1, 1, 1, 1, 0]), ("postponed", [0, 0, 0, 0, 0])])
def test_a_trouble_that_lasts_shows_in_the_exit_code(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, kind: str, codes: list[int]
) -> None:
    """As `ok` does in --json; only a scrape goes on, because its lines say so and a cron job must not lose them."""
    ask, ok = Asker.ask, kind == "postponed"

    def answer(asker: Asker, request: Mapping[str, Any]) -> dict[str, Any]:
        found = ask(asker, request)
        (receipt,) = found["receipts"]
        episode = {"kind": kind, "since": "2026-11-28T10:00:00Z", "cause": "nat-b is Stopped", "about": []}
        return {**found, "ok": ok, "receipts": [{**receipt, "outcome": "quiet", "episodes": [episode]}]}

    monkeypatch.setattr(Asker, "ask", answer)
    ways = (["status"], ["status", "--watch", "--times", "1"], ["plan"], ["metrics"],
            ["metrics", "--format", "openmetrics"])  # fmt: skip
    assert [natkeeper(*way, "--direct").code for way in ways] == codes
    assert natkeeper("status", "--direct", "--json").data["ok"] is ok


def test_watching_goes_on_when_natkeeper_cannot_be_reached_for_a_while(deployed: Workspace, natkeeper: Command) -> None:
    """The trouble is shown, and then what there is again."""
    deployed.cloud.faults.add(CallFault(FaultKind.UNREACHABLE, action="InvokeFunction", count=1))
    ended = natkeeper("status", "--watch", "--times", "2", "--every", "0.1")
    assert ended.code == 0
    assert "asking function natkeeper-failover: unreachable" in ended.out
    assert ended.out.count("prod  quiet") == 1


def test_ctrl_c_ends_watching_and_is_no_failure(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the way to end it."""
    ask = Asker.ask

    def once(asker: Asker, request: Mapping[str, Any]) -> dict[str, Any]:
        monkeypatch.setattr(asker, "sleeper", interrupted)
        return ask(asker, request)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Asker, "ask", once)
    ended = natkeeper("status", "--watch", "--direct")
    assert (ended.code, ended.out.count("prod  quiet")) == (0, 1)


def test_plan_tells_what_would_be_done(place: Workspace, natkeeper: Command) -> None:
    """The same decision as the function's, and nothing written."""
    place.cloud.ecs.stop(place.a, force=True)
    place.wait_for_status(place.a, "Stopped")
    ended = natkeeper("plan", "--direct")
    assert f"from nat-a ({place.a}) to nat-b ({place.b}): nat-a ({place.a}) is Stopped" in " ".join(ended.out.split())
    assert writes(place) == []
    assert place.hop == place.a


def test_history_lists_moves_with_their_reasons(place: Workspace, natkeeper: Command) -> None:
    """Newest first, from ActionTrail; what others did only with --all."""
    natkeeper("switch", "prod", "--direct")
    params = {"RegionId": place.cloud.region, "RouteTableId": place.table, "DestinationCidrBlock": "0.0.0.0/0"}
    place.cloud.fc.wait_for(lambda: False, 0.1)  # until the entry is Available again
    place.cloud.call("vpc", "ModifyRouteEntry", {**params, "NewNextHopType": "Instance", "NewNextHopId": place.a})
    place.cloud.fc.wait_for(lambda: False, 0.8)  # ActionTrail's history lags
    ended = natkeeper("history")
    assert ended.code == 0
    assert_screen("history", ended.out)
    ours = natkeeper("history", "prod", "--json").data["events"]
    assert [(event["to"], event["ours"]) for event in ours] == [(place.b, True)]
    assert "a person asked for the best standby" in ours[0]["why"]
    everybody = natkeeper("history", "--all", "--json").data["events"]
    assert [event["to"] for event in everybody] == [place.a, place.b]


def test_history_needs_no_parameters_of_the_calls(place: Workspace, natkeeper: Command) -> None:
    """Where ActionTrail leaves them out, the table that it names tells whose write it was."""
    place.cloud.readings = Readings({"trail-request": "left-out"})
    natkeeper("switch", "prod", "--direct")
    place.cloud.fc.wait_for(lambda: False, 0.9)
    events = natkeeper("history", "prod", "--all", "--json").data["events"]
    assert "ModifyRouteEntry" in [event["what"].split()[0] for event in events]


def test_an_empty_history_says_so(place: Workspace, natkeeper: Command) -> None:
    """No table of nothing; with --all it is about everybody."""
    for options, who in ((), "natkeeper wrote nothing"), (("--all",), "Nobody wrote anything"):
        assert natkeeper("history", *options).out.startswith(f"{who} to these routes in the last 7d")


FULL: dict[str, int | float | str] = {
    "connections": 900,
    "maximum": 1000,
    "seconds": 60,
    "drops": 3,
    "busiest": "203.0.113.9:443/tcp",
    "busiest_ports": 32256,
}


def full(place: Workspace, natkeeper: Command) -> None:
    """Gateway a is nearly full, and its setup report says so."""
    place.guests.figures[place.a] = FULL
    place.write(setup={"via": "assistant"})
    natkeeper("setup", "prod", "--direct")
    while "connections" not in natkeeper("status", "--direct").out:  # the report comes when the command has ended
        place.cloud.fc.wait_for(lambda: False, 0.1)


def test_status_shows_how_full_a_gateway_is(place: Workspace, natkeeper: Command) -> None:
    """Bars by the last report; signs that the encoding has."""
    full(place, natkeeper)
    ended = natkeeper("status", "--direct")
    assert "connections █████████░ 900 of 1000" in ended.out
    assert "ports       █████░░░░░ 32256 of 64512 to 203.0.113.9:443/tcp" in ended.out
    assert "dropped     3 packets in 60 s" in ended.out


def test_metrics_for_a_scrape_and_for_people(place: Workspace, natkeeper: Command) -> None:
    """OpenMetrics ends with its mark; every sample belongs to a family that is named and explained before it."""
    full(place, natkeeper)
    lines = natkeeper("metrics", "--format", "openmetrics", "--direct").out.splitlines()
    ratio = f'natkeeper_gateway_connections_ratio{{group="prod",gateway="{place.a}"}} 0.9'
    assert lines[-1] == "# EOF"
    at = lines.index(ratio)
    assert lines[at - 2 : at] == [
        "# TYPE natkeeper_gateway_connections_ratio gauge",
        "# HELP natkeeper_gateway_connections_ratio share of the connection table that is used",
    ]
    table = natkeeper("metrics", "--direct").out
    assert re.search(rf"gateway_connections_ratio +prod {place.a} +0\.9\n", table)
    data = natkeeper("metrics", "--direct", "--json").data
    asked = {"name": "natkeeper_gateway_connections_ratio", "group": "prod", "gateway": place.a, "value": 0.9}
    assert asked in data["metrics"]
