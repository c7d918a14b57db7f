"""Readings: the list that natkeeper ships, the arrays made of it, what each way changes, and a dozen pairs played."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from natkeeper.cli.conformance.readings import readings
from natlab.cli import main
from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.kernel.readings import SWITCHES, UnknownReading
from natlab.scenarios.catalogue import scenario
from natlab.scenarios.readings import Platform, chosen, deviations, pairwise, platform
from natlab.scenarios.steps import until_at
from natlab.scenarios.topology import TABLE as TABLE_OF_A_SCENARIO
from natlab.scenarios.topology import A
from natlab.scenarios.verdicts import ends_at
from tests.policy.estate import (
    estate,
    falls_back_to_the_managed_gateway,
    replaces_what_cannot_be_changed_in_place,
    sets_gateways_up_by_cloud_assistant,
)
from tests.readings.catalogue import reasons
from tests.readings.playing import FLOWS, not_replaceable, problem, refused_beforehand

TABLE = {"RegionId": "cn-hangzhou"}


def test_the_list_and_the_local_cloud_know_the_same_ways() -> None:
    """In the same order: the first one is assumed, and is what the local cloud does by default."""
    assert {each.name: tuple(each.ways) for each in readings()} == dict(SWITCHES)
    for each in readings():
        assert each.assumed == Cloud().readings[each.name]
        assert all([each.fact, each.told_by, *each.ways.values()]), each.name


def test_every_way_but_the_assumed_ones_is_tried_alone() -> None:
    """One deviation at a time."""
    found = [next(iter(one.items())) for one in deviations()]
    assert found == [(name, way) for name, ways in SWITCHES.items() for way in ways[1:]]


def test_any_two_ways_of_any_two_readings_meet() -> None:
    """In few rows, of which each is a whole platform."""
    rows = pairwise()
    assert len(rows) < 25
    assert all(set(row) == set(SWITCHES) for row in rows)
    for one, other in itertools.combinations(SWITCHES, 2):
        met = {(row[one], row[other]) for row in rows}
        assert met == set(itertools.product(SWITCHES[one], SWITCHES[other])), (one, other)


@pytest.mark.parametrize("given", ["route-half", "route-half=maybe", "nothing=maybe"])
def test_a_misspelt_reading_is_refused(given: str) -> None:
    """By the functions, and by the command with exit status 2."""
    with pytest.raises(UnknownReading):
        chosen([given])
    ended = CliRunner().invoke(main, ["demo", "--reading", given])
    assert ended.exit_code == 2


def test_findings_are_a_platform(tmp_path: Path) -> None:
    """What was not decided stays as assumed, what this release does not know is left out, and options weigh more."""
    rows = {"route-half": {"way": "black-listed"}, "route-name": {"why": "not tried"}, "event-subject": {"way": "id"}}
    rows |= {"route-filters": {"way": "a new one"}, "of-tomorrow": {"way": "yes"}}
    found = tmp_path / "conformance.json"
    seconds = {"ecs.instance.stop": 42.5, "of.tomorrow": 1}
    found.write_text(json.dumps({"conformance": 1, "readings": rows, "latencies": seconds}), encoding="utf-8")
    read = platform(["event-subject=absent"], str(found))
    assert read == Platform({"route-half": "black-listed", "event-subject": "absent"}, {"ecs.instance.stop": 42.5})
    assert (
        platform(
            [each.partition("=")[2] for each in read.arguments() if each.startswith("--reading")],
            latencies=[each.partition("=")[2] for each in read.arguments() if each.startswith("--latency")],
        )
        == read
    )
    cloud = Cloud(latencies=Latencies(overrides=read.latencies), readings=read.readings)
    assert (cloud.latencies.of("ecs.instance.stop"), cloud.readings["route-half"]) == (42.5, "black-listed")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"readings": [], "latencies": {"ecs.instance.stop": "long"}}'])
def test_a_file_without_findings_is_refused(tmp_path: Path, text: str) -> None:
    """By its name, with exit status 2."""
    found = tmp_path / "other.json"
    found.write_text(text, encoding="utf-8")
    for command in ("demo", "cloud"):
        ended = CliRunner().invoke(main, [command, "--as", str(found)])
        assert (ended.exit_code, "other.json" in ended.output) == (2, True)


def test_the_list_can_be_printed() -> None:
    """For people with the source of each way, for machines as JSON."""
    told = CliRunner().invoke(main, ["readings"]).output
    assert "* true-is-async" in told
    assert "FC 3.0, EventBridgeTriggerConfig (2026)" in told
    found = json.loads(CliRunner().invoke(main, ["readings", "--json"]).output)["readings"]
    assert [each["name"] for each in found] == list(SWITCHES)


# ---- what each way changes -------------------------------------------------------------------------------


class Small:
    """A VPC with two gateways and a route to the first, on a platform of some readings."""

    def __init__(self, **ways: str) -> None:
        readings = {name.replace("_", "-"): way for name, way in ways.items()}
        self.cloud = Cloud(latencies=Latencies(scale=0.001), readings=readings)
        self.vpc = self.cloud.vpc.create_vpc()
        self.vswitch = self.cloud.vpc.create_vswitch(self.vpc, "10.0.0.0/24")
        self.a, self.b = (self.cloud.ecs.create_instance(self.vswitch, public_ip="") for _ in "ab")
        self.table = self.cloud.vpc.create_route_table(self.vpc)
        self.cloud.vpc.add_route(self.table, "0.0.0.0/0", self.a)

    def modify(self, **more: str) -> str:
        """Point the route at the second gateway, by a dry run; what the platform says."""
        asked = {**TABLE, "RouteTableId": self.table, "DestinationCidrBlock": "0.0.0.0/0", "DryRun": "true"}
        asked |= {"NewNextHopType": "Instance", "NewNextHopId": self.b, **more}
        return self.said("ModifyRouteEntry", asked)

    def create(self, destination: str) -> str:
        """Create an entry, by a dry run; what the platform says."""
        asked = {**TABLE, "RouteTableId": self.table, "DestinationCidrBlock": destination, "DryRun": "true"}
        return self.said("CreateRouteEntry", asked | {"NextHopType": "Instance", "NextHopId": self.b})

    def said(self, action: str, asked: dict[str, str]) -> str:
        """The code of a refusal; a dry run always ends with one."""
        with pytest.raises(ApiError) as refused:
            self.cloud.call("vpc", action, asked)
        return refused.value.code

    def entries(self, **more: str) -> list[dict[str, Any]]:
        """Custom entries as they are listed."""
        asked = {**TABLE, "RouteTableId": self.table, "RouteEntryType": "Custom", **more}
        found: Any = self.cloud.call("vpc", "DescribeRouteEntryList", asked)
        rows: list[dict[str, Any]] = found["RouteEntrys"]["RouteEntry"]
        return rows


PASSED = "DryRunOperation"
LONG = "é" * 200
PLAIN = {"route_description": "ascii-without-brackets"}
SAID: list[tuple[str, dict[str, str], Callable[[Small], str], str]] = [
    ("any text", {}, lambda s: s.modify(Description="[nk1 x]"), PASSED),
    ("any length", {}, lambda s: s.modify(Description=LONG), PASSED),
    (
        "brackets",
        {"route_description": "ascii-without-brackets"},
        lambda s: s.modify(Description="[x]"),
        "IllegalParam",
    ),
    ("ascii", {"route_description": "ascii-without-brackets"}, lambda s: s.modify(Description=LONG), "IllegalParam"),
    ("plain", {"route_description": "ascii-without-brackets"}, lambda s: s.modify(Description="natkeeper"), PASSED),
    ("bytes", {"route_description": "256-bytes"}, lambda s: s.modify(Description=LONG), "IllegalParam"),
    ("fewer bytes", {"route_description": "256-bytes"}, lambda s: s.modify(Description="é" * 128), PASSED),
    ("no text", {"route_description": "nothing"}, lambda s: s.modify(Description="x"), "IllegalParam"),
    ("bare", {"route_description": "nothing"}, lambda s: s.modify(), PASSED),
    ("a name", {}, lambda s: s.modify(RouteEntryName="natkeeper"), PASSED),
    ("no name", {"route_name": "refused"}, lambda s: s.modify(RouteEntryName="natkeeper"), "InvalidRouteEntryName"),
    ("half", {}, lambda s: s.create("0.0.0.0/1"), PASSED),
    ("no half", {"route_half": "black-listed"}, lambda s: s.create("0.0.0.0/1"), "InvalidDestinationCidrBlock"),
    ("other half", {"route_half": "black-listed"}, lambda s: s.create("128.0.0.0/1"), PASSED),
]


@pytest.mark.parametrize("ways, ask, code", [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_a_way_decides_what_is_refused(ways: dict[str, str], ask: Callable[[Small], str], code: str) -> None:
    """And what is nearly refused passes."""
    assert ask(Small(**ways)).startswith(code)


@pytest.mark.parametrize("way, code", [("taken", PASSED), ("refused", "UnsupportedFeature.ModifyRouteEntryNextHop")])
def test_an_entry_may_go_to_a_nat_gateway_in_place_or_not(way: str, code: str) -> None:
    """Instance to instance always may."""
    small = Small(route_in_place_to_nat=way)
    nat = small.cloud.vpc.create_nat_gateway(small.vpc, small.vswitch)
    assert small.modify(NewNextHopType="NatGateway", NewNextHopId=nat) == code
    assert small.modify() == PASSED


def stopped(small: Small, instance: str) -> Small:
    """Stop an instance and let its time pass."""
    small.cloud.ecs.stop(instance, force=True)
    until = time.monotonic() + 20
    while small.cloud.ecs.status_of(instance) != "Stopped":
        assert time.monotonic() < until
        time.sleep(0.01)
    return small


@pytest.mark.parametrize("way, words", [("stays", ["Available"]), ("vanishes", []), ("unavailable", ["Unavailable"])])
def test_an_entry_to_a_stopped_instance(way: str, words: list[str]) -> None:
    """Stays as it is, is gone, or says so."""
    small = Small(route_stopped_hop=way)
    assert [row["Status"] for row in small.entries()] == ["Available"]
    assert [row["Status"] for row in stopped(small, small.a).entries()] == words


@pytest.mark.parametrize("way, code", [("taken", PASSED), ("refused", "IncorrectStatus.NextHop")])
def test_a_route_may_go_to_a_stopped_instance_or_not(way: str, code: str) -> None:
    """A running one always may be the next hop."""
    small = Small(route_to_stopped=way)
    assert small.modify() == PASSED
    assert stopped(small, small.b).modify() == code


def test_other_words_and_filters() -> None:
    """Created for Available; a filter that is ignored gives everything."""
    assert [row["Status"] for row in Small(route_status_words="creating-created").entries()] == ["Created"]
    assert Small().entries(DestinationCidrBlock="10.9.0.0/16") == []
    assert len(Small(route_filters="ignored").entries(DestinationCidrBlock="10.9.0.0/16")) == 1


@pytest.mark.parametrize("way, count", [("adds-no-route", 0), ("adds-a-route", 1)])
def test_a_new_nat_gateway_may_add_a_route(way: str, count: int) -> None:
    """To the table of the VPC itself, where there is none."""
    small = Small(nat_creation=way)
    small.table = small.cloud.vpc.system_table(small.vpc)
    small.cloud.vpc.create_nat_gateway(small.vpc, small.vswitch)
    assert len(small.entries()) == count


# ---- natkeeper under them --------------------------------------------------------------------------------

ROWS = pairwise()
PLAYED = (
    "stop", "crash", "both-down", "follow", "manual", "return",
    "api-outage", "spot", "reboot", "foreign", "zones", "maintenance",
)  # fmt: skip


@pytest.mark.parametrize("ways, name", list(zip(ROWS, PLAYED, strict=False)), ids=PLAYED)
def test_a_dozen_scenarios_end_well_each_on_another_platform(ways: dict[str, str], name: str) -> None:
    """From the deployment to the packet. `make readings` plays all, and the flows, on every row and deviation."""
    assert reasons(scenario(name), ways) == ()


@pytest.mark.parametrize("ways, flow", list(zip(ROWS[12:], FLOWS, strict=False)))
def test_flows_end_well_or_are_refused_beforehand(ways: dict[str, str], flow: Any) -> None:
    """On the rows of which no scenario is played here."""
    assert problem(flow, ways) == ""


def test_a_play_on_virtual_time_can_end_badly() -> None:
    """A verdict that is not met is told, and so is what was waited for in vain."""
    manual = scenario("manual")
    wrong = replace(manual, script=(*manual.script, until_at(A, 5.0)), verdict=(ends_at(A),))
    assert [reason.partition(" ")[0] for reason in reasons(wrong, {})] == ["waited", TABLE_OF_A_SCENARIO]


@pytest.mark.parametrize("description", SWITCHES["route-description"])
@pytest.mark.parametrize("half", SWITCHES["route-half"])
@pytest.mark.parametrize("gap", SWITCHES["route-task-gap"])
def test_an_entry_is_replaced_whatever_destinations_and_words_are_taken(description: str, half: str, gap: str) -> None:
    """By halves or by finer parts, with words or without; and the doctor has nothing to say against it."""
    ways = {"route-description": description, "route-half": half, "route-task-gap": gap, "route-name": "refused"}
    with estate(readings=ways) as place:
        replaces_what_cannot_be_changed_in_place(place)
    assert not refused_beforehand(replaces_what_cannot_be_changed_in_place, ways)


def test_a_platform_that_takes_no_part_either_is_told_by_the_doctor() -> None:
    """A table that is full, say: what would not work is said before it is needed."""
    with estate() as place:
        place.cloud.vpc.routing.refused_in_place["*"] = "UnsupportedFeature.ModifyRouteEntryNextHop"
        place.cloud.vpc.routing.most_entries = 1
        assert not_replaceable(place, "bare")


def test_a_refused_name_does_not_take_the_memory_along() -> None:
    """The description is written without it, in the same run."""
    with estate(readings={"route-name": "refused"}) as place:
        place.run({"action": "switch", "group": "bare"})
        entry = place.cloud.vpc.route(place.ids["bare"])
        assert entry is not None
        assert (entry.next_hop.id, entry.name) == (place.ids["d"], "")
        assert "[nk1" in entry.description


@pytest.mark.parametrize(
    "flow, ways",
    [
        (sets_gateways_up_by_cloud_assistant, {"invocations": "running-only"}),
        (falls_back_to_the_managed_gateway, {"route-in-place-to-nat": "refused", "route-half": "black-listed"}),
    ],
)
def test_a_flow_that_a_whole_run_of_the_array_has_found_stays_mended(flow: Any, ways: dict[str, str]) -> None:
    """A list of invocations that holds only running ones, and a fallback that is reached over eight entries."""
    assert problem(flow, ways) == ""


@pytest.mark.parametrize(
    "name, ways",
    [
        ("full", {"invocations": "running-only"}),
        ("return", {"route-description": "nothing"}),
        ("both-down", {"route-in-place-to-nat": "refused"}),
    ],
)
def test_a_scenario_that_a_whole_run_of_the_array_has_found_stays_mended(name: str, ways: dict[str, str]) -> None:
    """The report of a setup that failed, a return without memory, a fallback over a bridge."""
    assert reasons(scenario(name), ways) == ()
