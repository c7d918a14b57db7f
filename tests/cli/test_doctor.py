"""The doctor: a healthy account is told to be one, and each thing that is wrong is found, with what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from natkeeper.cli.policies import grants
from natkeeper.packaging import read_configuration
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cli.screens import assert_screen
from tests.cli.town import Command, Ended, Workspace


@pytest.fixture
def settled(place: Workspace, natkeeper: Command) -> Workspace:
    """A town in which everything is as it should be."""
    place.top = {"heartbeat": True}
    place.write(setup={"via": "oos"})
    place.settle()
    natkeeper("setup", "prod", "--direct")
    until = time.monotonic() + 20
    answer: dict[str, Any] = {}
    while time.monotonic() < until:
        answer = natkeeper("doctor", "--json").data
        if answer["ok"] and not [f for f in answer["findings"] if "under way" in f["says"]]:
            return place
        time.sleep(0.2)
    pytest.fail(f"the town does not settle: {[f for f in answer['findings'] if f['level'] != 'ok']}")


def findings(ended: Ended, level: str = "") -> dict[str, dict[str, Any]]:
    """Findings by what they are about."""
    found = json.loads(ended.out)["findings"]
    return {finding["about"]: finding for finding in found if level in ("", finding["level"])}


def test_a_healthy_account_is_told_to_be_one(settled: Workspace, natkeeper: Command) -> None:
    """Nothing to do; with --all everything that was looked at."""
    ended = natkeeper("doctor")
    assert ended.code == 0
    assert_screen("doctor-well", ended.out)
    assert_screen("doctor-well-all", natkeeper("doctor", "--all").out)


def test_the_doctor_changes_nothing(settled: Workspace, natkeeper: Command) -> None:
    """But for the dry run of a move, which is none."""
    before = len(settled.cloud.calls)
    natkeeper("doctor")
    made = list(settled.cloud.calls)[before:]
    writes = [
        call for call in made if not call.action.startswith(("Describe", "Get", "List", "Lookup", "InvokeFunction"))
    ]
    assert {(call.action, call.params.get("DryRun", "").lower()) for call in writes} == {("ModifyRouteEntry", "true")}
    assert settled.hop == settled.a


def test_nothing_deployed_yet(place: Workspace, natkeeper: Command) -> None:
    """The first look of a new user: every finding says what comes next."""
    place.write(setup={"via": "oos"})
    ended = natkeeper("doctor")
    assert ended.code == 1
    assert_screen("doctor-new", ended.out)


Harm = Callable[[Workspace], object]


def _shut(town: Workspace) -> None:
    for group in list(town.cloud.ecs._state.groups.values()):
        town.cloud.ecs._state.groups.put(group.id, replace(group, vpc_cidr="10.0.1.0/24"))


def _check_sources(town: Workspace) -> None:
    interface = next(one for one in town.cloud.ecs._state.interfaces.values() if one.instance_id == town.a)
    params = {"RegionId": town.cloud.region, "NetworkInterfaceId": interface.id, "SourceDestCheck": "true"}
    town.cloud.call("ecs", "ModifyNetworkInterfaceAttribute", params)


def _reroute(town: Workspace) -> None:
    stranger = town.cloud.ecs.create_instance(town.private, name="other", public_ip="")
    params = {"RegionId": town.cloud.region, "RouteTableId": town.table, "DestinationCidrBlock": "0.0.0.0/0"}
    town.cloud.call("vpc", "ModifyRouteEntry", {**params, "NewNextHopType": "Instance", "NewNextHopId": stranger})
    town.cloud.fc.wait_for(lambda: False, 0.1)


def _stop(town: Workspace) -> None:
    town.cloud.ecs.stop(town.b, force=True)
    town.wait_for_status(town.b, "Stopped")


def _unbind(town: Workspace) -> None:
    town.cloud.vpc.attach_table(town.private, town.cloud.vpc.system_table(town.vpc))


def _weaken(town: Workspace) -> None:
    config, _ = read_configuration(town.home / "natkeeper.yaml")
    grant = grants(config)["function"]
    without = ("move the guarded routes", "go on with what a run leaves")
    kept = [s for s in grant.statements if not s.purpose.startswith(without)]
    assert len(kept) == len(grant.statements) - len(without)
    town.cloud.ram.attach(grant.name, {grant.policy_name: replace(grant, statements=tuple(kept)).document()})


def _distrust(town: Workspace) -> None:
    roles = town.cloud.ram.roles
    roles["natkeeper-oos"] = replace(roles["natkeeper-oos"], trusts=("ecs.aliyuncs.com",))


def _age_template(town: Workspace) -> None:
    task = "  - Name: wait\n    Action: ACS::Sleep\n    Properties: {Duration: PT1S}\n"
    old = f"FormatVersion: OOS-2019-06-01\nTasks:\n{task}"
    params = {"RegionId": town.cloud.region, "TemplateName": "natkeeper-gateway-setup", "Content": old}
    town.cloud.call("oos", "UpdateTemplate", params)


Wrong = tuple[Harm, str, str, str]
"""What is done to the account, what the finding is about, what it says, and what its advice names."""

NETWORK: tuple[Wrong, ...] = (
    (_shut, "{a} security groups", "do not let in everything from 10.0.3.0/24", "AuthorizeSecurityGroup"),
    (_check_sources, "{a} SourceDestCheck", "forwarded packets are dropped", "--SourceDestCheck false"),
    (_reroute, "0.0.0.0/0 in {table}", "neither a gateway of the group nor its fallback", "--force"),
    (_stop, "gateways", "nothing can fail over", "add a gateway"),
    (
        lambda t: t.write(setup={"via": "oos"}, sources=["10.0.1.0/24"]),
        "sources",
        "do not masquerade 10.0.3.0/24",
        "sources: [10.0.1.0/24, 10.0.3.0/24]",
    ),
)
PLACES: tuple[Wrong, ...] = (
    (_unbind, "natkeeper-probe", "is not bound to {table}", "use one of"),
    (_weaken, "role natkeeper-failover", "vpc:ModifyRouteEntry", "natkeeper policy --for function"),
    (
        lambda _: None,  # one role, weakened above
        "role natkeeper-failover",
        "may not go on with what a run leaves: fc:InvokeFunction on ",
        "natkeeper policy --for function",
    ),
    (_distrust, "role natkeeper-oos", "trusts ecs.aliyuncs.com, and not oos.aliyuncs.com", "trust policy"),
    (lambda t: t.cloud.ram.roles.pop("natkeeper-probe"), "role natkeeper-probe", "does not exist", "policy --ros"),
    (
        lambda t: t.cloud.fc.update_function("natkeeper-failover", {"timeout": 3}),
        "natkeeper-failover",
        "may run for 3 s only",
        "timeout: 60",
    ),
)
FUNCTIONS: tuple[Wrong, ...] = (
    (
        lambda t: t.cloud.fc.delete_trigger("natkeeper-failover", "sweep"),
        "natkeeper-failover triggers",
        "no timer is on",
        "s deploy",
    ),
    (
        lambda t: t.cloud.fc.put_concurrency("natkeeper-failover", {"reservedConcurrency": 3}),
        "natkeeper-failover concurrency",
        "is 3",
        "reservedConcurrency: 1",
    ),
    (
        lambda t: t.cloud.fc.update_function("natkeeper-probe", {"internetAccess": True}),
        "natkeeper-probe",
        "FC's own way out",
        "internetAccess: false",
    ),
    (lambda t: t.cloud.fc.delete_function("natkeeper-notify"), "natkeeper-notify", "nobody is told", "s deploy"),
)
MUTE: tuple[Wrong, ...] = (
    (
        lambda t: t.cloud.fc.delete_trigger("natkeeper-failover", "ecs-notices"),
        "natkeeper-failover in s.yaml",
        "ecs-notices missing",
        "s failover deploy --trigger ecs-notices -y",
    ),
    (
        lambda t: t.cloud.fc.put_async_config("natkeeper-probe", {"maxAsyncRetryAttempts": 0}),
        "natkeeper-probe",
        "reports to nobody",
        "onFailure",
    ),
)


@pytest.mark.parametrize("harms", [NETWORK, PLACES, FUNCTIONS, MUTE], ids=["network", "places", "functions", "mute"])
def test_what_is_wrong_is_found_with_what_to_do(
    settled: Workspace, natkeeper: Command, harms: tuple[Wrong, ...]
) -> None:
    """Exit 1; each finding names the thing, and its advice is one that helps."""
    for harm, *_ in harms:
        harm(settled)
    ended = natkeeper("doctor", "--json")
    names = {"a": settled.a, "b": settled.b, "table": settled.table}
    assert ended.code == 1
    found = [f for f in ended.data["findings"] if f["level"] == "wrong"]
    for _, about, says, do in harms:
        mine = [f for f in found if f["about"] == about.format(**names) and says.format(**names) in f["says"]]
        assert mine, (about, says, found)
        assert do in mine[0]["do"]


def test_an_agent_without_a_heartbeat_is_found(place: Workspace, natkeeper: Command) -> None:
    """Without it there is neither setup nor look."""
    place.guests.silent.add(place.b)
    found = findings(natkeeper("doctor", "--json"), "wrong")
    assert "systemctl restart aliyun" in found[f"{place.b} Cloud Assistant"]["do"]


BETTER: tuple[tuple[Harm, str, str], ...] = (
    (
        lambda t: t.cloud.fc.update_trigger("natkeeper-failover", "ecs-notices", {"description": "an older release"}),
        "natkeeper-failover in s.yaml",
        "ecs-notices differs",
    ),
    (_age_template, "OOS template natkeeper-gateway-setup", "is not that of this version"),
    (
        lambda t: t.cloud.ram.roles.pop("aliyunserviceroleforfc"),
        "service-linked role AliyunServiceRoleForFC",
        "is not there",
    ),
    (
        lambda t: t.cloud.fc.update_function("natkeeper-notify", {"environmentVariables": {}}),
        "natkeeper-notify",
        "has no addresses",
    ),
    (
        lambda t: t.cloud.ecs.schedule_maintenance(t.b, "SystemMaintenance.Reboot", t.cloud.clock.now() + 9e4),
        "{b}",
        "is due for SystemMaintenance.Reboot",
    ),
    (lambda t: t.write(setup={"via": "oos"}, networks=["10.0.1.0/24"]), "networks", "prove nothing for 10.0.3.0/24"),
)


def test_what_could_be_better_is_advice(settled: Workspace, natkeeper: Command) -> None:
    """It is said, and is no failure."""
    for harm, *_ in BETTER:
        harm(settled)
    ended = natkeeper("doctor", "--json")
    found = findings(ended, "advice")
    assert ended.code == 0, findings(ended, "wrong")
    for _, about, says in BETTER:
        assert says in found[about.format(b=settled.b)]["says"]


@pytest.mark.parametrize(
    "top, level", [({}, "advice"), ({"heartbeat": True}, "ok"), ({"metrics": "5m"}, "ok")], ids=str
)
def test_someone_outside_should_notice_when_natkeeper_stops(
    place: Workspace, natkeeper: Command, top: dict[str, Any], level: str
) -> None:
    """A heartbeat does it, and so do alarms on the metrics that are logged."""
    place.top = top
    place.write()
    found = findings(natkeeper("doctor", "--all", "--json"))["heartbeat"]
    assert (found["level"], "templates/ros/monitoring.yaml" in found.get("do", "")) == (level, level == "advice")


@pytest.mark.parametrize(
    "more, says, do",
    [
        ({"connections": 850}, "uses 85 % of its 1000 connections", "shorten setup.idle"),
        ({"drops": 3}, "dropped 3 packets in 60 s because its table of connections was full", "more memory"),
        (
            {"busiest": "203.0.113.9:443/tcp", "busiest_ports": 64000},
            "uses 64000 of 64512 ports to 203.0.113.9",
            "keep",
        ),
        ({"sent_bytes": 750_000_000}, "sent 100 of 100 Mbit/s for 60 s", "more bandwidth"),
        ({"connections": 799}, "799 of 1000 connections", ""),
    ],
)
def test_a_gateway_that_is_full_is_found_by_its_last_report(
    settled: Workspace, natkeeper: Command, more: dict[str, Any], says: str, do: str
) -> None:
    """By the same alarms by which people are told."""
    settled.guests.figures[settled.a] = {"connections": 10, "maximum": 1000, "seconds": 60, **more}
    natkeeper("setup", settled.a, "--direct")
    until = time.monotonic() + 10
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < until and f"{settled.a} load" not in found:
        time.sleep(0.2)
        found = findings(natkeeper("doctor", "--all", "--json"))
    load = found[f"{settled.a} load"]
    assert (load["level"], says in load["says"], do in load.get("do", "")) == ("wrong" if do else "ok", True, True)


def test_networks_that_are_all_covered_are_well(settled: Workspace, natkeeper: Command) -> None:
    """A wider source masquerades what is inside it."""
    settled.write(setup={"via": "oos"}, sources=["10.0.0.0/8"], networks=["10.0.3.0/24"])
    assert not {"sources", "networks"} & findings(natkeeper("doctor", "--json")).keys()


def test_what_cannot_be_looked_at_is_said_to_be_unknown(settled: Workspace, natkeeper: Command) -> None:
    """Neither well nor wrong; the exit code does not claim that all is well."""
    fault = CallFault(FaultKind.ERROR_CODE, action="DescribeSecurityGroupAttribute", code="Forbidden.RAM", status=403)
    settled.cloud.faults.add(fault)
    ended = natkeeper("doctor", "--json")
    found = findings(ended, "unseen")
    assert ended.code == 1
    assert "Forbidden.RAM" in found[f"{settled.a} security groups"]["says"]
    assert "natkeeper policy --for operator" in found[f"{settled.a} security groups"]["do"]


def test_a_gateway_that_is_not_ready_is_found_by_its_last_report(settled: Workspace, natkeeper: Command) -> None:
    """The setup's own words."""
    settled.guests.broken.add(settled.b)
    natkeeper("setup", settled.b, "--direct")
    until = time.monotonic() + 10
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < until and f"{settled.b} setup" not in found:
        time.sleep(0.2)
        found = findings(natkeeper("doctor", "--json"), "wrong")
    assert "masquerading is off" in found[f"{settled.b} setup"]["says"]
    assert f"natkeeper setup {settled.b}" in found[f"{settled.b} setup"]["do"]


def test_an_entry_that_cannot_be_changed_in_place_is_told_by_the_dry_run(
    settled: Workspace, natkeeper: Command
) -> None:
    """Before it matters."""
    settled.cloud.vpc.routing.refused_in_place["*"] = "UnsupportedFeature.ModifyRouteEntryNextHop"
    found = findings(natkeeper("doctor", "--json"), "advice")
    assert "not in place" in found[f"0.0.0.0/0 in {settled.table} dry run"]["says"]


def test_eip_and_fallback_are_looked_at(place: Workspace, natkeeper: Command) -> None:
    """An EIP that someone else holds, and a NAT Gateway that would drop everything."""
    stranger = place.cloud.ecs.create_instance(place.private, name="other")
    eip = place.cloud.vpc.allocate_eip(stranger)
    fallback = place.cloud.vpc.create_nat_gateway(place.vpc, place.private, eip=False)
    place.write(address={"follow": eip}, fallback=fallback)
    found = findings(natkeeper("doctor", "--json"), "wrong")
    assert "takes no EIP" in found[f"{place.a} address"]["says"]
    assert "which is not a gateway" in found[eip]["says"]
    assert "has no EIP: as a next hop it would drop everything" in found[fallback]["says"]


def test_the_template_is_stored_once_and_updated_when_it_is_old(place: Workspace, natkeeper: Command) -> None:
    """`natkeeper template`, which `s deploy` runs, too."""
    place.write(setup={"via": "oos"})
    elsewhere = natkeeper("template", "--account", "2000000000000002")
    assert (elsewhere.code, f"are of account {place.cloud.account_id}" in elsewhere.err) == (2, True)
    mine = natkeeper("template", "--account", place.cloud.account_id, "--json")
    first, again = mine, natkeeper("template", "--json")
    assert [ended.data["templates"][0]["changed"] for ended in (first, again)] == [True, False]
    _age_template(place)
    assert "stored" in natkeeper("template").out
    assert natkeeper("template", "--print").out.startswith("FormatVersion: OOS-2019-06-01")
