"""The list of scenarios is complete, and each one is whole."""

from __future__ import annotations

import pytest

from natkeeper.domain.config import parse_config
from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.scenarios import functions
from natlab.scenarios.catalogue import NAMES, SCENARIOS, scenario
from natlab.scenarios.network import build, configuration
from natlab.scenarios.play import REGION
from natlab.scenarios.scenario import Scenario

PROMISED = {
    "stop", "crash", "misconfigured", "spot", "maintenance", "both-down", "api-outage", "manual", "return", "zones",
    "follow", "foreign",
}  # fmt: skip

each_scenario = pytest.mark.parametrize("each", SCENARIOS, ids=NAMES)


def test_every_promised_scenario_is_there() -> None:
    """Names are what people type; they do not change."""
    assert set(NAMES) >= PROMISED
    assert len(set(NAMES)) == len(NAMES)
    assert scenario("stop") is SCENARIOS[0]


@each_scenario
def test_a_scenario_breaks_something_once_and_judges_it(each: Scenario) -> None:
    """Figures count from one fault; a story is one sentence."""
    assert [step.fault for step in each.script].count(True) == 1
    assert each.script[0].fault
    assert each.verdict
    assert each.story.endswith(".")
    assert ". " not in each.story
    assert len(each.brief) <= 30


@each_scenario
def test_its_configuration_is_one_that_natkeeper_takes(each: Scenario) -> None:
    """What the user would write is accepted, and is the same whenever the world is built."""
    data = functions.foreseen(each.topology, each.policy, REGION)
    (group,) = parse_config(data).groups
    assert len(group.gateways) == len(each.topology.gateways)
    assert functions.foreseen(each.topology, each.policy, REGION) == data


def test_a_world_has_what_its_topology_says() -> None:
    """Everything has a name; private vSwitches are behind their tables."""
    cloud = Cloud(clock=VirtualClock())
    follow = build(cloud, scenario("follow").topology)
    assert cloud.vpc.eip(follow.ids["the-eip"]).target_id == follow.ids["gateway-a"]
    zones = build(cloud, scenario("zones").topology)
    hops = {table: cloud.vpc.route(zones.ids[table]) for table in zones.vswitches}
    assert {table: zones.name_of(hop.next_hop.id) for table, hop in hops.items() if hop} == {
        "table-h": "gateway-a",
        "table-i": "gateway-b",
    }
    routes = configuration(zones, REGION, {})["groups"]["prod"]["routes"]
    assert [route["prefer"] for route in routes] == [zones.ids["gateway-a"], zones.ids["gateway-b"]]
    assert zones.name_of("i-unknown") == "i-unknown"
    cloud.close()
