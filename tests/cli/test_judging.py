"""What the doctor says of one gateway, route or function: a world in which exactly that is wrong, and one nearly so."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.doctor import facts
from natkeeper.cli.doctor.findings import advice, ok, unseen, wrong
from natkeeper.cli.errors import Denied, Unreached
from natkeeper.cli.survey.network import Card, InboundRule, SurveyedInstance
from natkeeper.domain.ids import EntryId, InstanceId, TableId
from natkeeper.domain.observed import Condition, EipStatus, HopKind, NextHop, RouteEntry
from natkeeper.ports import Failure, FailureKind
from tests.cli.healthy import ALL, EIP, HEALTHY, NAT, PRIVATE, TABLE, A, B, machine, not_well, said
from tests.deciding.worlds import group


def of(second: SurveyedInstance) -> dict[str, Any]:
    return {"machines": {A: machine(A, "h"), B: second}}


def rules(*wanted: InboundRule) -> dict[str, Any]:
    return {"rules": {**HEALTHY.rules, "sg-two2": list(wanted)}}


def card(*, check: bool) -> dict[str, Any]:
    extra = Card("eni-2", B, source_dest_check=check, primary=False)
    return {"cards": {**HEALTHY.cards, B: [*HEALTHY.cards[B], extra]}}  # type: ignore[misc]


def through(table: str, hop: str, destination: str = "0.0.0.0/0") -> dict[str, Any]:
    """Another entry of the VPC."""
    entry = RouteEntry(EntryId("rte-9"), TableId(table), destination, NextHop.gateway(InstanceId(hop)))
    return {"everywhere": (*HEALTHY.entries[TABLE], entry)}  # type: ignore[misc]


SECOND = {"vswitches": [PRIVATE, replace(PRIVATE, id="vsw-2", cidr="10.0.2.0/24")]}


def entry_to(hop: NextHop) -> dict[str, Any]:
    return {"entries": {TABLE: (RouteEntry(EntryId("rte-1"), TableId(TABLE), "0.0.0.0/0", hop),)}}


PLAIN: dict[str, Any] = {}
COLD = {"standby": "cold"}
FOLLOWS = {"address": {"follow": EIP}}
FALLBACK = {"fallback": NAT}
DENY = replace(ALL, accept=False)
TCP, UDP, ICMP = (replace(ALL, protocol=name) for name in ("TCP", "UDP", "ICMP"))
HALVES = [replace(ALL, source=source) for source in ("10.0.1.0/25", "10.0.1.128/25")]
SHUT = "wrong i-bravo security groups: do not let in everything from 10.0.1.0/24, which is behind the guarded route"
PARTLY = "advice i-bravo security groups: do not let in"
Case = tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]
CASES: dict[str, Case] = {
    # settings of the group; what is said; the world in which that is wrong; the world in which it nearly is
    "no heartbeat": (
        PLAIN, "wrong i-bravo Cloud Assistant: no heartbeat for two minutes", {"heartbeats": {A: True, B: False}},
        {"heartbeats": {A: True, B: True}},
    ),
    "no word of a heartbeat": (PLAIN, "i-bravo Cloud Assistant: no heartbeat", {"heartbeats": {A: True}}, {}),
    "an address of its own takes no EIP": (
        FOLLOWS, "wrong i-bravo address: has 198.51.100.7 of its own, and then takes no EIP",
        of(machine(B, "i", own_ip="198.51.100.7", eip="", eip_address="")),
        of(machine(B, "i", eip=EIP, eip_address="198.51.100.7")),
    ),
    "a gateway that is gone": (
        FALLBACK, "wrong i-alpha: does not exist in this region", {"machines": {B: machine(B, "i")}}, {},
    ),
    "another VPC": (
        PLAIN, "wrong i-bravo: is in vpc-2, and vtb-one1 is of vpc-1", of(machine(B, "i", vpc="vpc-2")),
        {"tables": {TABLE: replace(HEALTHY.tables[TABLE], vpc="")}},  # type: ignore[type-var]
    ),
    "one zone": (PLAIN, "advice gateways: all are in h", of(machine(B, "h")), {}),
    "a table that nobody guards": (
        PLAIN, "wrong 0.0.0.0/0 in vtb-other1: leads to i-alpha, and nobody guards it: it stays there when i-alpha",
        through("vtb-other1", A), through("vtb-other1", "i-other"),
    ),
    "another destination": (
        PLAIN, "wrong 10.9.0.0/16 in vtb-one1: leads to i-alpha", through(TABLE, A, "10.9.0.0/16"), through(TABLE, A),
    ),
    "what another group guards": (PLAIN, "nobody guards it", through("vtb-other1", A), through("vtb-guarded", A)),
    "a first gateway is no cold standby": (
        {**COLD, **FALLBACK}, "wrong i-alpha: is Stopped",
        {"machines": {A: machine(A, "h", status="Stopped"), B: machine(B, "i")}}, of(machine(B, "i", status="Stopped")),
    ),
    "a remark of ECS": (
        PLAIN, "advice i-bravo: ECS says Warning", {"conditions": {B: Condition(InstanceId(B), "Warning")}},
        {"conditions": {B: Condition(InstanceId(B), "NotApplicable")}},
    ),
    "all spot": (
        PLAIN, "advice gateways: all are spot instances, which are reclaimed together",
        {"machines": {A: machine(A, "h", spot=True), B: machine(B, "i", spot=True)}}, of(machine(B, "i", spot=True)),
    ),
    "a second interface checks": (
        PLAIN, "wrong i-bravo SourceDestCheck: is on at eni-2: forwarded packets are dropped",
        card(check=True), card(check=False),
    ),
    "a smaller standby": (
        PLAIN, "advice i-bravo capacity: i-bravo is ecs.t6 with 100 Mbit/s, i-alpha is ecs.g7.large with 100 Mbit/s",
        of(machine(B, "i", type="ecs.t6")), of(machine(B, "i", type="")),
    ),
    "a slower standby": (
        PLAIN, "advice i-bravo capacity: i-bravo is ecs.g7.large with 99 Mbit/s, i-alpha is ecs.g7.large with 100",
        of(machine(B, "i", bandwidth=99)), of(machine(B, "i", bandwidth=101)),
    ),
    "the worst priority does not win": (
        PLAIN, SHUT, rules(replace(ALL, priority=2), replace(DENY, priority=1)),
        rules(replace(ALL, priority=1), replace(DENY, priority=2)),
    ),
    "a drop beside an accept of the same priority": (PLAIN, SHUT, rules(ALL, DENY), rules(ALL, ALL)),
    "a drop of one port before the accept": (
        PLAIN, f"{PARTLY} TCP to port 443 from 10.0.1.0/24: a rule drops it before another lets everything in",
        rules(ALL, replace(DENY, protocol="TCP", ports="443/443", source="10.0.1.0/24")),
        rules(ALL, replace(DENY, protocol="TCP", ports="443/443", source="10.0.1.0/24", priority=2)),
    ),
    "a drop of some ports beside an accept of one": (
        PLAIN, f"{PARTLY} TCP to port 25 from 10.0.1.0/24, UDP to ports 8000 to 8100 from 10.0.1.0/24",
        rules(replace(ALL, protocol="UDP", ports="53/53"), replace(ALL, source="10.9.0.0/16"), replace(ALL, priority=2),
        replace(DENY, protocol="UDP", ports="8000/8100", source="10.0.1.0/24", priority=2),
        replace(DENY, protocol="TCP", ports="25/25", source="10.0.1.0/24")),
        rules(replace(ALL, protocol="UDP", ports="53/53"), replace(ALL, source="10.0.1.7/16", priority=2),
        replace(DENY, protocol="UDP", ports="8000/8100", source="10.0.1.0/24", priority=3)),
    ),
    "a drop of a part of the network": (
        PLAIN, f"{PARTLY} everything from 10.0.1.128/25", rules(ALL, replace(DENY, source="10.0.1.128/25")),
        rules(ALL, replace(DENY, source="10.0.2.0/25")),
    ),
    "a drop before the accept of one protocol": (
        PLAIN, f"{PARTLY} everything to port 53 from 10.0.0.0/8", rules(TCP, replace(UDP, priority=2), ICMP,
        replace(DENY, ports="53/53", priority=2)),
        rules(TCP, UDP, ICMP, replace(DENY, ports="53/53", priority=2)),
    ),
    "ICMP is missing": (PLAIN, SHUT, rules(TCP, UDP), rules(TCP, UDP, ICMP)),
    "some ports": (PLAIN, SHUT, rules(replace(ALL, ports="1/1024")), rules(replace(ALL, ports="1/65535"))),
    "half of the network": (
        PLAIN, SHUT, rules(replace(ALL, source="10.0.1.0/25")), rules(replace(ALL, source="10.0.1.0/24")),
    ),
    "halves of the network": (
        PLAIN, SHUT, rules(*HALVES[1:], replace(ALL, source="10.0.1.192/26")),
        rules(*HALVES, replace(ALL, source="10.0.1.192/26"), replace(ALL, source="10.9.0.0/16")),
    ),
    "a drop of a quarter before the accepts of halves": (
        PLAIN, f"{PARTLY} everything from 10.0.1.128/26: a rule",
        rules(*HALVES, replace(DENY, source="10.0.1.128/26")),
        rules(*HALVES, replace(DENY, source="10.0.1.128/26", priority=2)),
    ),
    "members of its own group": (
        PLAIN, SHUT, rules(replace(ALL, source="sg-two2")), rules(replace(ALL, source="sg-two2", priority=1), ALL),
    ),
    "another version of the protocol": (PLAIN, SHUT, rules(replace(ALL, source="::/0")), rules(ALL)),
    "one good vSwitch excuses no other": (
        PLAIN, "wrong i-bravo security groups: do not let in everything from 10.0.2.0/24, which is behind",
        {**SECOND, **rules(replace(ALL, source="10.0.1.0/24"))}, {**SECOND, **rules(replace(ALL, source="0.0.0.0/0"))},
    ),
    "nobody uses the route": (
        PLAIN, "advice vtb-one1: no vSwitch is bound to it, so nobody uses the route",
        {"vswitches": [replace(PRIVATE, table="vtb-other1")]}, {"vswitches": [PRIVATE]},
    ),
    "no table": (PLAIN, "wrong vtb-one1: does not exist in this region", {"tables": {TABLE: None}}, {}),
    "a HaVip": (
        PLAIN, "wrong 0.0.0.0/0 in vtb-one1: goes to the HaVip havip-1, which moves by itself",
        entry_to(NextHop(HopKind.HA_VIP, "havip-1")), entry_to(NextHop(HopKind.INSTANCE, A, via="eni-1")),
    ),
    "no entry": (PLAIN, "advice 0.0.0.0/0 in vtb-one1: there is no such entry yet", {"entries": {TABLE: ()}}, {}),
    "an EIP that is gone": (FOLLOWS, "wrong eip-one1: this EIP does not exist", {"eip": None}, {}),
    "an EIP on a stranger": (
        FOLLOWS, "wrong eip-one1: (198.51.100.77) is bound to i-x, which is not a gateway",
        {"eip": replace(HEALTHY.eip, holder=InstanceId("i-x"))},  # type: ignore[type-var]
        {"eip": replace(HEALTHY.eip, holder=None, status=EipStatus.AVAILABLE)},  # type: ignore[type-var]
    ),
    "a fallback that is gone": (FALLBACK, "wrong ngw-one1: this NAT Gateway does not exist", {"fallback": None}, {}),
    "a fallback that is changed": (
        FALLBACK, "wrong ngw-one1: is not Available",
        {"fallback": replace(HEALTHY.fallback, available=False)}, {},  # type: ignore[type-var]
    ),
    "a fallback without SNAT": (
        FALLBACK, "wrong ngw-one1: has no SNAT entry: as a next hop it would drop everything",
        {"fallback": replace(HEALTHY.fallback, snat=False)}, {},  # type: ignore[type-var]
    ),
    "a fallback without an EIP": (
        FALLBACK, "wrong ngw-one1: has no EIP: as a next hop it would drop everything",
        {"fallback": replace(HEALTHY.fallback, addresses=())}, {},  # type: ignore[type-var]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_what_is_wrong_is_found_and_what_is_nearly_so_is_not(case: Case) -> None:
    """One world for each finding, and its neighbour; nothing else is said of either."""
    settings, says, bad, nearly = case
    found = not_well(*said(settings, bad))
    assert [says in line for line in found] == [True], found
    assert not_well(*said(settings, nearly)) == []


def test_a_finding_is_written_as_json_without_what_is_empty() -> None:
    """Level, area, what it is about, what it says; and what to do, where something is to be done."""
    about = ("prod", "i-alpha")
    found = [ok(*about, "runs"), advice(*about, "is slow", "wait"), wrong(*about, "is gone", "add one")]
    written = [each.as_json() for each in [*found, unseen(*about, "no answer")]]
    said: list[dict[str, str]] = [
        {"level": "ok", "says": "runs"},
        {"level": "advice", "says": "is slow", "do": "wait"},
        {"level": "wrong", "says": "is gone", "do": "add one"},
        {"level": "unseen", "says": "could not be looked at: no answer", "do": "try again"},
    ]
    assert written == [{"area": "prod", "about": "i-alpha", **each} for each in said]


@pytest.mark.parametrize(
    "why, do",
    [
        (Failure(FailureKind.DENIED, "no", "Forbidden.RAM"), "`natkeeper policy --for operator` prints"),
        (Failure(FailureKind.DENIED, "no", "InvalidAccessKeyId.NotFound"), "the access key does not exist"),
        (Failure(FailureKind.UNREACHABLE, "no"), "check the network from here"),
        (Failure(FailureKind.THROTTLED, "no"), "try again in a moment"),
        (Failure(FailureKind.REFUSED, "no"), "try again"),
        ("no answer", "try again"),
    ],
)
def test_what_was_not_seen_says_what_to_do_about_that(why: object, do: str) -> None:
    """A dead network is no missing permission."""
    assert unseen("prod", "gateways", why).do.startswith(do)


DEAD = Failure(FailureKind.UNREACHABLE, "10.0.0.9: no answer")
UNKNOWN_KEY = Failure(FailureKind.DENIED, "not found", "InvalidAccessKeyId.NotFound")
NO_RIGHT = Failure(FailureKind.DENIED, "no", "Forbidden.RAM")


@pytest.mark.parametrize(
    "tables, gateways, ends",
    [
        (DEAD, DEAD, Unreached), (UNKNOWN_KEY, UNKNOWN_KEY, Denied),
        ({}, DEAD, None), (DEAD, {}, None), ({}, UNKNOWN_KEY, None), (NO_RIGHT, NO_RIGHT, None),
    ],
)  # fmt: skip
def test_where_nothing_can_be_reached_the_doctor_ends(tables: object, gateways: object, ends: Any) -> None:
    """Each of a dozen questions would have the same answer; a right that is missing may be missing for one alone."""
    answers = [tables, gateways]
    reach: Any = SimpleNamespace(try_=lambda _call: answers.pop(0))
    with pytest.raises(ends or IndexError) as ended:  # it goes on to ask
        facts.ground(reach, group())
    if ends:
        assert str(ended.value) == f"reading the gateways: {gateways}"
