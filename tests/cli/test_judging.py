"""What the doctor says of one gateway, route or function: a world in which exactly that is wrong, and one nearly so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from natkeeper.cli.doctor import deployment, gateways, routes
from natkeeper.cli.doctor.facts import GroupFacts
from natkeeper.cli.doctor.findings import Finding, Level
from natkeeper.cli.survey.functions import Deployed, SurveyedTrigger
from natkeeper.cli.survey.network import Card, InboundRule, ManagedNat, SurveyedInstance, SurveyedTable, VSwitch
from natkeeper.domain.config import Config, Group, parse_config
from natkeeper.domain.ids import EipId, EntryId, InstanceId, TableId
from natkeeper.domain.observed import Condition, Eip, EipStatus, HopKind, NextHop, RouteEntry

A, B, TABLE, EIP, NAT = "i-alpha", "i-bravo", "vtb-one1", "eip-one1", "ngw-one1"


PROBED = {"function": "natkeeper-probe"}  # what shows that private hosts reach the internet


def policy(**more: object) -> Group:
    group = {"gateways": [A, B], "routes": [{"table": TABLE}], "setup": {"mode": "off"}, "probe": PROBED, **more}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": group}}).groups[0]


def machine(name: str, zone: str, **more: Any) -> SurveyedInstance:
    return replace(
        SurveyedInstance(name, name, "Running", zone, "vpc-1", f"vsw-{name[2:]}", "10.0.0.5", "",
                "eip-own1", "198.51.100.9",
                ("sg-1",), spot=False),
        **more,
    )  # fmt: skip


PRIVATE = VSwitch("vsw-private", "", "vpc-1", "10.0.1.0/24", "h", TABLE)
ALL = InboundRule(accept=True, protocol="ALL", ports="-1/-1", source="10.0.0.0/8", priority=1)
HEALTHY = GroupFacts(
    tables={TABLE: SurveyedTable(TABLE, "", "Custom", "vpc-1")},
    entries={TABLE: (RouteEntry(EntryId("rte-1"), TableId(TABLE), "0.0.0.0/0", NextHop.gateway(InstanceId(A))),)},
    vswitches=[PRIVATE],
    machines={A: machine(A, "h"), B: machine(B, "i")},
    conditions={},
    cards={name: [Card(f"eni-{name}", name, source_dest_check=False, primary=True)] for name in (A, B)},
    rules={"sg-1": [ALL]},
    heartbeats={A: True, B: True},
    eip=Eip(EipId(EIP), "198.51.100.77", EipStatus.IN_USE, InstanceId(A)),
    fallback=ManagedNat(NAT, "", available=True, addresses=("198.51.100.80",), snat=True),
    setups=(),
    dry_runs={},
)


def of(second: SurveyedInstance) -> dict[str, Any]:
    return {"machines": {A: machine(A, "h"), B: second}}


def rules(*wanted: InboundRule) -> dict[str, Any]:
    return {"rules": {"sg-1": list(wanted)}}


def card(*, check: bool) -> dict[str, Any]:
    extra = Card("eni-2", B, source_dest_check=check, primary=False)
    return {"cards": {**HEALTHY.cards, B: [*HEALTHY.cards[B], extra]}}  # type: ignore[misc]


def judged(ground: GroupFacts, group: Group) -> list[Finding]:
    other = {"gateways": ["i-other"], "routes": [{"table": "vtb-guarded"}]}
    config = parse_config({"region": "cn-hangzhou", "groups": {"other": other}})
    found = [*gateways.gateways(group, ground), *routes.routes(group, ground), *routes.addresses(group, ground)]
    found += routes.not_guarded(group, ground, replace_groups(config, group))
    return [each for each in found if each.level is not Level.OK and "setup.mode: off" not in each.says]


def replace_groups(config: Config, group: Group) -> Config:
    return msgspec.structs.replace(config, groups=(group, *config.groups))


def through(table: str, hop: str, destination: str = "0.0.0.0/0") -> dict[str, Any]:
    """Another entry of the VPC."""
    entry = RouteEntry(EntryId("rte-9"), TableId(table), destination, NextHop.gateway(InstanceId(hop)))
    return {"everywhere": (*HEALTHY.entries[TABLE], entry)}  # type: ignore[misc]


def entry_to(hop: NextHop) -> dict[str, Any]:
    return {"entries": {TABLE: (RouteEntry(EntryId("rte-1"), TableId(TABLE), "0.0.0.0/0", hop),)}}


PLAIN: dict[str, Any] = {}
COLD = {"standby": "cold"}
FOLLOWS = {"address": {"follow": EIP}}
FALLBACK = {"fallback": NAT}
DENY = replace(ALL, accept=False)
TCP, UDP, ICMP = (replace(ALL, protocol=name) for name in ("TCP", "UDP", "ICMP"))
Case = tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]
CASES: dict[str, Case] = {
    # settings of the group; what is said; the world in which that is wrong; the world in which it nearly is
    "no heartbeat": (PLAIN, "no heartbeat", {"heartbeats": {A: True, B: False}}, {"heartbeats": {A: True, B: True}}),
    "no word of a heartbeat": (PLAIN, "no heartbeat", {"heartbeats": {A: True}}, {}),
    "an address of its own takes no EIP": (
        FOLLOWS, "takes no EIP",
        of(machine(B, "i", own_ip="198.51.100.7", eip="", eip_address="")),
        of(machine(B, "i", eip=EIP, eip_address="198.51.100.7")),
    ),
    "a gateway that is gone": (PLAIN, "does not exist", {"machines": {A: machine(A, "h")}}, {}),
    "another VPC": (PLAIN, "is in vpc-2", of(machine(B, "i", vpc="vpc-2")), {}),
    "one zone": (PLAIN, "all are in h", of(machine(B, "h")), {}),
    "a table that nobody guards": (
        PLAIN, "leads to i-a", through("vtb-other1", A), through("vtb-other1", "i-other")
    ),
    "another destination": (PLAIN, "nobody guards it", through(TABLE, A, "10.9.0.0/16"), through(TABLE, A)),
    "what another group guards": (PLAIN, "nobody guards it", through("vtb-other1", A), through("vtb-guarded", A)),
    "a first gateway is no cold standby": (
        COLD, "is Stopped", {"machines": {A: machine(A, "h", status="Stopped"), B: machine(B, "i")}},
        of(machine(B, "i", status="Stopped")),
    ),
    "a remark of ECS": (
        PLAIN, "ECS says Warning", {"conditions": {B: Condition(InstanceId(B), "Warning")}},
        {"conditions": {B: Condition(InstanceId(B), "NotApplicable")}},
    ),
    "one runs": (PLAIN, "1 of 2 runs", of(machine(B, "i", status="Stopped")), {}),
    "all spot": (
        PLAIN, "all are spot", {"machines": {A: machine(A, "h", spot=True), B: machine(B, "i", spot=True)}},
        of(machine(B, "i", spot=True)),
    ),
    "a second interface checks": (PLAIN, "is on at eni-2", card(check=True), card(check=False)),
    "the worst priority does not win": (
        PLAIN, "do not let in", rules(replace(ALL, priority=2), replace(DENY, priority=1)),
        rules(replace(ALL, priority=1), replace(DENY, priority=2)),
    ),
    "a drop beside an accept of the same priority": (PLAIN, "do not let in", rules(ALL, DENY), rules(ALL, ALL)),
    "a drop of one port before the accept": (
        PLAIN, "do not let in TCP to port 443 from 10.0.1.0/24",
        rules(ALL, replace(DENY, protocol="TCP", ports="443/443", source="10.0.1.0/24")),
        rules(ALL, replace(DENY, protocol="TCP", ports="443/443", source="10.0.1.0/24", priority=2)),
    ),
    "a drop of a part of the network": (
        PLAIN, "do not let in everything from 10.0.1.128/25", rules(ALL, replace(DENY, source="10.0.1.128/25")),
        rules(ALL, replace(DENY, source="10.0.2.0/25")),
    ),
    "a drop before the accept of one protocol": (
        PLAIN, "do not let in everything to port 53 from 10.0.0.0/8", rules(TCP, replace(UDP, priority=2), ICMP,
        replace(DENY, ports="53/53", priority=2)),
        rules(TCP, UDP, ICMP, replace(DENY, ports="53/53", priority=2)),
    ),
    "ICMP is missing": (PLAIN, "do not let in", rules(TCP, UDP), rules(TCP, UDP, ICMP)),
    "some ports": (PLAIN, "do not let in", rules(replace(ALL, ports="1/1024")), rules(replace(ALL, ports="1/65535"))),
    "half of the network": (
        PLAIN, "do not let in", rules(replace(ALL, source="10.0.1.0/25")), rules(replace(ALL, source="10.0.1.0/24")),
    ),
    "one good vSwitch excuses no other": (
        PLAIN, "do not let in everything from 172.16.0.0/24",
        {"vswitches": [PRIVATE, replace(PRIVATE, id="vsw-2", cidr="172.16.0.0/24")]},
        {"vswitches": [PRIVATE, replace(PRIVATE, id="vsw-2", cidr="172.16.0.0/24", table="vtb-other1")]},
    ),
    "nobody uses the route": (PLAIN, "no vSwitch is bound", {"vswitches": [replace(PRIVATE, table="vtb-other1")]}, {}),
    "no table": (PLAIN, "does not exist", {"tables": {TABLE: None}}, {}),
    "a HaVip": (
        PLAIN, "goes to the HaVip havip-1, which moves by itself", entry_to(NextHop(HopKind.HA_VIP, "havip-1")),
        entry_to(NextHop(HopKind.INSTANCE, A, via="eni-1")),
    ),
    "no entry": (PLAIN, "there is no such entry", {"entries": {TABLE: ()}}, {}),
    "an EIP that is gone": (FOLLOWS, "this EIP does not exist", {"eip": None}, {}),
    "an EIP on a stranger": (
        FOLLOWS, "which is not a gateway", {"eip": replace(HEALTHY.eip, holder=InstanceId("i-x"))},  # type: ignore[type-var]
        {"eip": replace(HEALTHY.eip, holder=None, status=EipStatus.AVAILABLE)},  # type: ignore[type-var]
    ),
    "a fallback that is gone": (FALLBACK, "this NAT Gateway does not exist", {"fallback": None}, {}),
    "a fallback that is changed": (
        FALLBACK, "is not Available", {"fallback": replace(HEALTHY.fallback, available=False)}, {},  # type: ignore[type-var]
    ),
    "a fallback without SNAT": (
        FALLBACK, "has no SNAT entry", {"fallback": replace(HEALTHY.fallback, snat=False)}, {},  # type: ignore[type-var]
    ),
    "a fallback without an EIP": (
        FALLBACK, "has no EIP", {"fallback": replace(HEALTHY.fallback, addresses=())}, {},  # type: ignore[type-var]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_what_is_wrong_is_found_and_what_is_nearly_so_is_not(case: Case) -> None:
    """One world for each finding, and its neighbour."""
    settings, says, bad, nearly = case
    found = judged(replace(HEALTHY, **bad), policy(**settings))
    assert any(says in each.says for each in found), found
    assert all(each.do for each in found)
    assert judged(replace(HEALTHY, **nearly), policy(**settings)) == []


def trigger(name: str, kind: str, *, on: bool = True) -> SurveyedTrigger:
    return SurveyedTrigger(name, kind, {"enable" if kind == "timer" else "triggerEnable": on})


TIMER = trigger("sweep", "timer")
EVENTS = tuple(trigger(name, "eventbridge") for name in deployment.EVENTS)
PROBE = Deployed(
    "natkeeper-probe", "role", 75, internet_access=False, vpc="vpc-1", vswitches=("vsw-private",),
    environment={"NATKEEPER_GROUP": "prod"}, triggers=(trigger("look", "timer"),),
    on_failure="acs:fc:cn-hangzhou:1:functions/natkeeper-failover",
    on_success="acs:fc:cn-hangzhou:1:functions/natkeeper-failover", async_retries=0, reserved=3,
)  # fmt: skip
PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "no vSwitch": ("is in no vSwitch", {"vswitches": ()}),
    "one good vSwitch excuses no other": ("vsw-x is not bound", {"vswitches": ("vsw-private", "vsw-x")}),
    "a way out of its own": ("FC's own way out", {"internet_access": True}),
    "another group": ("guards group other", {"environment": {"NATKEEPER_GROUP": "other"}}),
    "reports to nobody": ("reports to nobody", {"on_failure": ""}),
    "reports to a namesake": ("reports to", {"on_failure": "acs:fc:cn-hangzhou:1:functions/my-natkeeper-failover"}),
    "its silence is not noticed": ("the end of its watches", {"on_success": ""}),
    "tried again": ("is tried again", {"async_retries": 1}),
    "the platform's own tries": ("is tried again", {"async_retries": None}),
    "a disabled timer": ("no timer is on", {"triggers": (trigger("look", "timer", on=False),)}),
    "events instead of a timer": ("no timer is on", {"triggers": EVENTS}),
}


class FactsOf:
    """As much of Facts as the judgement of functions reads."""

    def __init__(self) -> None:
        self.grounds = {"prod": HEALTHY}
        self.zones = frozenset({"h"})
        self.incomplete = ()
        self.rules = ()


@pytest.mark.parametrize("says, change", PROBES.values(), ids=PROBES)
def test_a_probe_that_sees_or_tells_something_else_is_found(says: str, change: dict[str, Any]) -> None:
    """One setting wrong: one finding, and it names that."""
    facts: Any = FactsOf()
    name = "natkeeper-failover"
    assert list(deployment._probe_problems(facts, policy(), PROBE, TABLE, name)) == []
    (found,) = deployment._probe_problems(facts, policy(), replace(PROBE, **change), TABLE, name)
    assert says in found.says
    assert found.do


OFF = tuple(trigger(name, "eventbridge", on=False) for name in deployment.EVENTS)
TRIGGERS: dict[str, tuple[str, tuple[SurveyedTrigger, ...]]] = {
    "all are on": ("", (TIMER, *EVENTS)),
    "a disabled timer": ("no timer is on", (trigger("sweep", "timer", on=False), *EVENTS)),
    "disabled events": ("no EventBridge trigger is on", (TIMER, *OFF)),
    "one is off": ("ecs-state of s.yaml", (TIMER, OFF[0], *EVENTS[1:])),
    "one is missing": ("vpc-operations of s.yaml", (TIMER, *EVENTS[:-1])),
}


@pytest.mark.parametrize("says, triggers", TRIGGERS.values(), ids=TRIGGERS)
def test_a_trigger_that_is_off_does_not_count(says: str, triggers: tuple[SurveyedTrigger, ...]) -> None:
    """Neither as the timer nor as an event."""
    facts: Any = FactsOf()
    found = [
        each.says
        for each in deployment._triggers(facts, replace(PROBE, name="natkeeper-failover", triggers=triggers))
        if each.level is not Level.OK
    ]
    assert [says in each for each in found] == ([True] if says else [])
