"""What the doctor says of gateways, their setups and their load: each differs from a healthy account in one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from natkeeper.cli.survey.network import Card
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import Condition, SystemEvent
from natkeeper.guest.report import SetupFacts, SetupProblem, UnreadableReport
from natkeeper.ports import SetupRun
from tests.cli.healthy import (
    HEALTHY,
    NOT_SEEN,
    PRIVATE,
    PRIVATE_IPS,
    TABLE,
    UNSEEN,
    WHEN,
    A,
    B,
    difference,
    judged,
    machine,
    policy,
    report,
    said,
    setups,
    world,
)

C = "i-carol"
OF = "of 2026-03-05 06:07 UTC"
AT = "at 2026-03-05 06:07 UTC"
THREE = {A: machine(A, "h"), B: machine(B, "i"), C: machine(C, "j")}


def of(**more: Any) -> dict[str, Any]:
    """The second gateway is otherwise."""
    return {"machines": {A: machine(A, "h"), B: machine(B, "i", **more)}}


def cards(*, check: bool) -> dict[str, Any]:
    """The second gateway has two interfaces."""
    two = [Card(name, B, source_dest_check=check, primary=False) for name in ("eni-1", "eni-2")]
    return {"cards": {**HEALTHY.cards, B: two}}


def condition(*events: SystemEvent, health: str = "Ok") -> dict[str, Any]:
    return {"conditions": {InstanceId(B): Condition(InstanceId(B), health, events)}}


def ran(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The second gateway reports otherwise."""
    return setups(policy(**group), of=(B,), **more)


def run(found: Any) -> dict[str, Any]:
    """The second gateway has this report."""
    return {"setups": (SetupRun(InstanceId(A), WHEN, report(policy())), SetupRun(InstanceId(B), WHEN, found))}


def well(name: str, zone: str) -> list[str]:
    """What is said of a healthy gateway."""
    return [
        f"ok {name}: is Running in {zone}, seen as 198.51.100.9",
        f"ok {name} SourceDestCheck: is off",
        f"ok {name} security groups: let in everything from 10.0.1.0/24",
        f"ok {name} Cloud Assistant: has a heartbeat",
        f"ok {name} setup: {OF}: ready, nothing to change",
        f"ok {name} load: {AT}: 10 of 1000 connections",
    ]


def gone(name: str, zone: str) -> list[str]:
    return [f"no longer {line}" for line in well(name, zone)]


def test_a_healthy_group_is_told_to_be_one() -> None:
    """Everything that was looked at, and nothing to do."""
    assert difference((), judged(policy(), world(policy()))) == [
        f"ok 0.0.0.0/0 in {TABLE}: goes to {A}",
        f"ok 0.0.0.0/0 in {TABLE} dry run: the platform would take a move to a standby, in place",
        *well(A, "h"),
        *well(B, "i"),
    ]


PLAIN: dict[str, Any] = {}
EXIT = {"address": {"follow": "eip-one1"}}
NO_LOAD = {name: gone(name, "")[-1] for name in (A, B)}
DEAF = "does not answer (4790/udp): its connections are reset in planned moves, as without a relay"
UNPROVEN = "reach the internet: no probe looks, and no setup of the last day proved it"
REBOOT = "SystemMaintenance.Reboot"
SOON = datetime(2026, 3, 9, 1, 2, tzinfo=timezone.utc)
ASIDE = {"fallback": "ngw-one1"}
RELAY = {"relay": "10m"}
COLD = {"standby": "cold"}
Case = tuple[dict[str, Any], dict[str, Any], list[str]]
STATES: dict[str, Case] = {
    # settings of the group; what differs from the healthy world; what is said of it
    "gateways not seen": (PLAIN, {"machines": UNSEEN}, [
        f"unseen gateways: {NOT_SEEN}",
        "→ natkeeper policy --for operator",
        *gone(A, "h"), *gone(B, "i"),
    ]),
    "conditions not seen": (PLAIN, {"conditions": UNSEEN}, [f"unseen system events of gateways: {NOT_SEEN}"]),
    "the first of them is gone, and one relays to none": (RELAY, {"machines": {B: machine(B, "i")}}, [
        f"wrong {A}: does not exist in this region",
        "→ create it, or take it out of `gateways`",
        "wrong gateways: 1 of 2 runs: nothing can fail over",
        "→ add a gateway, start the stopped one",
        *gone(A, "h")[1:],
    ]),
    "one that is stopped, and its agent with it": (
        PLAIN, {**of(status="Stopped"), "heartbeats": {A: True, B: False}}, [
            f"wrong {B}: is Stopped",
            f"ok {B} Cloud Assistant: is not asked: the instance does not run",
            "wrong gateways: 1 of 2 runs: nothing can fail over",
        ],
    ),
    "one that is stopped beside a fallback": (ASIDE, of(status="Stopped"), [
        f"wrong {B}: is Stopped",
        "ok ngw-one1: is Available, seen as 198.51.100.80",
    ]),
    "a cold standby": (COLD, of(status="Stopped"), [
        f"ok {B}: is Stopped in i: a cold standby, started when it is needed",
        f"ok {B} Cloud Assistant: is not asked: the instance is stopped",
    ]),
    "all of them spot beside a fallback": (
        ASIDE, {"machines": {name: machine(name, zone, spot=True) for name, zone in ((A, "h"), (B, "i"))}}, [
            "ok ngw-one1: is Available, seen as 198.51.100.80",
        ],
    ),
    "a cold standby that runs": (COLD, {}, []),
    "a cold standby that is stopping": (COLD, of(status="Stopping"), [
        f"wrong {B}: is Stopping",
        "wrong gateways: 1 of 2 runs: nothing can fail over",
    ]),
    "a state that nobody knows": (PLAIN, of(status="Dreaming"), [
        f"wrong {B}: is in a state that natkeeper does not know",
        "wrong gateways: 1 of 2 runs: nothing can fail over",
    ]),
    "no address": (PLAIN, of(eip="", eip_address=""), [
        f"wrong {B}: has no public address",
        "→ give it a public address or an EIP",
    ]),
    "no address, and two interfaces": (
        PLAIN,
        {**of(eip="", eip_address=""), **cards(check=False)},
        [
            f"advice {B}: shows no public address; one of its 2 interfaces may have one",
            "→ bind the EIP to the instance",
        ],
    ),
    "no address while an EIP follows": (EXIT, of(eip="", eip_address=""), [
        f"ok {B}: is Running in i",
        f"ok eip-one1: (198.51.100.77) is InUse, on {A}",
    ]),
    "due for a reboot": (PLAIN, condition(SystemEvent(REBOOT, "Scheduled", SOON)), [
        f"advice {B}: is due for SystemMaintenance.Reboot at 2026-03-09 01:02 UTC",
        "→ natkeeper moves routes away",
    ]),
    "under a reboot": (PLAIN, condition(SystemEvent(REBOOT, "Executing", SOON)), [
        f"advice {B}: is under SystemMaintenance.Reboot",
    ]),
    "impaired": (PLAIN, condition(health="Impaired"), [f"wrong {B}: is impaired"]),
    "agents not seen": (PLAIN, {"heartbeats": UNSEEN}, [
        f"unseen {A} Cloud Assistant: {NOT_SEEN}",
        f"unseen {B} Cloud Assistant: {NOT_SEEN}",
    ]),
    "interfaces not seen": (PLAIN, {"cards": {**HEALTHY.cards, B: UNSEEN}}, [
        f"unseen {B} SourceDestCheck: {NOT_SEEN}",
    ]),
    "no interfaces": (PLAIN, {"cards": {**HEALTHY.cards, B: []}}, [f"no longer ok {B} SourceDestCheck: is off"]),
    "two interfaces that check": (
        PLAIN, cards(check=True), [
            f"wrong {B} SourceDestCheck: is on at eni-1, eni-2: forwarded packets are dropped",
            "→ --NetworkInterfaceId eni-1 --SourceDestCheck false",
        ]
    ),
    "rules not seen": (PLAIN, {"rules": {**HEALTHY.rules, "sg-two2": UNSEEN}}, [
        f"unseen {B} security groups: {NOT_SEEN}",
    ]),
    "a second group of which nothing is known": (PLAIN, of(groups=("sg-two2", "sg-other")), []),
    "no groups": (PLAIN, of(groups=()), [
        f"wrong {B} security groups: do not let in everything from 10.0.1.0/24, which is behind the guarded route",
        "→ --SecurityGroupId sg-… --IpProtocol all --PortRange -1/-1 --SourceCidrIp 10.0.1.0/24",
    ]),
    "no network behind the routes is known": (PLAIN, {"vswitches": [replace(PRIVATE, cidr="")]}, [
        f"no longer ok {A} security groups: let in everything from 10.0.1.0/24",
        f"no longer ok {B} security groups: let in everything from 10.0.1.0/24",
    ]),
    "all of them in one zone, and one is gone": (PLAIN, {"machines": {A: machine(A, "h")}}, [
        f"wrong {B}: does not exist in this region",
        "wrong gateways: 1 of 2 runs: nothing can fail over",
        *gone(B, "i")[1:],
    ]),
    "a smaller third": (
        {"gateways": [A, B, C]}, {"machines": {**THREE, C: machine(C, "j", type="ecs.t6")}}, [
            f"ok {C}: is Running in j, seen as 198.51.100.9",
            f"ok {C} security groups: let in everything from 10.0.1.0/24",
            f"wrong {C} Cloud Assistant: no heartbeat for two minutes",
            "→ start its agent: systemctl restart aliyun",
            f"ok {C} setup: {OF}: ready, nothing to change",
            f"ok {C} load: {AT}: 10 of 1000 connections",
            f"advice {C} capacity: {C} is ecs.t6 with 100 Mbit/s, {A} is ecs.g7.large with 100 Mbit/s",
            "→ let a standby be as large",
        ],
    ),
}  # fmt: skip
SILENT = SetupFacts(forwarding="proven")
TO_ALL = {**RELAY, "gateways": [A, B, C]}
HEARD = replace(SILENT, tunnel=PRIVATE_IPS[B])
BUSY = {"connections": 1, "maximum": 9, "sent_bytes": 675_000_000, "seconds": 60}
SETUPS: dict[str, Case] = {
    "nobody looks after them": ({"setup": {"mode": "off"}}, {}, [
        f"advice {A} setup: nobody looks after it (setup.mode: off)",
        "→ run `natkeeper setup` after every change",
        f"advice {B} setup: nobody looks after it (setup.mode: off)",
        NO_LOAD[A], NO_LOAD[B],
    ]),
    "not seen": (PLAIN, {"setups": UNSEEN}, [
        f"unseen {A} setup: {NOT_SEEN}",
        f"unseen {B} setup: {NOT_SEEN}",
        NO_LOAD[A], NO_LOAD[B],
    ]),
    "none ran, of gateways that relay": (RELAY, {"setups": ()}, [
        f"advice {A} setup: has not run in the last day",
        "→ natkeeper setup i-alpha, then look again",
        f"advice {B} setup: has not run in the last day",
        "→ natkeeper setup i-bravo, then look again",
        NO_LOAD[A], NO_LOAD[B],
    ]),
    "under way": (PLAIN, run(None), [f"ok {B} setup: is under way since 2026-03-05 06:07 UTC", NO_LOAD[B]]),
    "unreadable": (PLAIN, run(UnreadableReport("the report is cut or damaged")), [
        f"wrong {B} setup: {OF} produced no report: the report is cut or damaged",
        "→ natkeeper setup i-bravo, then look again",
        NO_LOAD[B],
    ]),
    "not ready": (PLAIN, ran(PLAIN, ready=False, wrong=(SetupProblem("x", "masquerading is off"),)), [
        f"wrong {B} setup: {OF}: masquerading is off",
        "→ natkeeper setup i-bravo, then look again",
    ]),
    "another script": (PLAIN, ran(PLAIN, script="old"), [
        f"advice {B} setup: {OF} was for other settings",
        "→ the next sweep sets it up anew",
    ]),
    "other settings": (PLAIN, ran(PLAIN, fingerprint="old"), [f"advice {B} setup: {OF} was for other settings"]),
    "it changed something": (PLAIN, ran(PLAIN, changed=("x", "y")), [f"ok {B} setup: {OF}: ready, 2 changes made"]),
    "nothing is counted": (PLAIN, ran(PLAIN, figures=None), [NO_LOAD[B]]),
    "nearly full": (PLAIN, ran(PLAIN, figures={"connections": 799, "maximum": 1000}), [
        f"ok {B} load: {AT}: 799 of 1000 connections",
    ]),
    "full": (PLAIN, ran(PLAIN, figures={"connections": 800, "maximum": 1000}), [
        f"wrong {B} load: {AT} it uses 80 % of its 1000 connections",
        "→ use an instance with more memory",
    ]),
    "full in two ways": (
        PLAIN,
        ran(PLAIN, figures={**BUSY, "connections": 8}),
        [
            f"wrong {B} load: {AT} it sent 90 of 100 Mbit/s for 60 s: what is more is dropped",
            "→ give its public address more bandwidth",
            f"wrong {B} load: {AT} it uses 89 % of its 9 connections",
        ],
    ),
    "as fast as it may be": (PLAIN, {**ran(PLAIN, figures=BUSY), **of(bandwidth=101)}, [
        f"ok {B} load: {AT}: 1 of 9 connections",
    ]),
    "no bandwidth is known": (PLAIN, {**ran(PLAIN, figures=BUSY), **of(bandwidth=0)}, [
        f"ok {B} load: {AT}: 1 of 9 connections",
    ]),
    "a table without a probe": ({"probe": {}}, {}, []),
    "one proof is enough": ({"probe": {}}, ran({"probe": {}}, facts=SetupFacts()), []),
    "no proof where no probe looks": (
        {"probe": {}, "routes": [{"table": TABLE}, {"table": "vtb-two2"}]},
        {"setups": (), "tables": dict.fromkeys((TABLE, "vtb-two2"), UNSEEN)}, [
            f"unseen vtb-one1: {NOT_SEEN}",
            f"unseen vtb-two2: {NOT_SEEN}",
            f"advice {A} setup: has not run in the last day",
            "→ natkeeper setup i-alpha, then look again",
            f"advice {B} setup: has not run in the last day",
            "→ natkeeper setup i-bravo, then look again",
            f"advice evidence: nothing has shown that private hosts behind vtb-one1, vtb-two2 {UNPROVEN}",
            "→ name the private vSwitches in `networks`",
            f"no longer ok 0.0.0.0/0 in vtb-one1: goes to {A}",
            "no longer ok 0.0.0.0/0 in vtb-one1 dry run: the platform would take a move to a standby, in place",
            NO_LOAD[A], NO_LOAD[B],
        ],
    ),
    "none of them proves it": ({"probe": {}}, setups(policy(probe={}), of=(A, B), facts=SetupFacts()), [
        f"advice evidence: nothing has shown that private hosts behind vtb-one1 {UNPROVEN}",
    ]),
    "no proof is seen": ({"probe": {}}, {"setups": UNSEEN}, [
        f"unseen {A} setup: {NOT_SEEN}",
        f"unseen {B} setup: {NOT_SEEN}",
        NO_LOAD[A], NO_LOAD[B],
    ]),
    "proofs of others": (
        {"probe": {}},
        {"setups": (SetupRun(InstanceId("i-other"), WHEN, report(policy(probe={}))),)},
        [
            f"advice {A} setup: has not run in the last day",
            "→ natkeeper setup i-alpha, then look again",
            f"advice {B} setup: has not run in the last day",
            "→ natkeeper setup i-bravo, then look again",
            f"advice evidence: nothing has shown that private hosts behind vtb-one1 {UNPROVEN}",
            NO_LOAD[A], NO_LOAD[B],
        ],
    ),
    "relay": (RELAY, {}, [
        f"ok {A} tunnel: {B} answers: connections can be handed to it",
        f"ok {B} tunnel: {A} answers: connections can be handed to it",
    ]),
    "visitors by every one": ({"way_in": "every"}, {}, [
        f"ok {A} tunnel: {B} answers: connections can be handed to it",
        f"ok {B} tunnel: {A} answers: connections can be handed to it",
    ]),
    "relay, and a standby that is silent": (RELAY, ran(RELAY, facts=SILENT), [
        f"ok {A} tunnel: {B} answers: connections can be handed to it",
        f"advice {B} tunnel: {A} {DEAF}",
        "→ --SecurityGroupId sg-two2 --IpProtocol udp --PortRange 4790/4790 --SourceCidrIp 10.0.0.4/32",
    ]),
    "relay without a group": (
        RELAY, {**ran(RELAY, facts=SILENT), **of(groups=())}, [
            f"ok {A} tunnel: {B} answers: connections can be handed to it",
            f"wrong {B} security groups: do not let in everything from 10.0.1.0/24, which is behind the guarded route",
            f"advice {B} tunnel: {A} {DEAF}",
            "→ --SecurityGroupId sg-… --IpProtocol udp --PortRange 4790/4790",
        ],
    ),
    "relay, and another that has no address": (
        RELAY, {"machines": {A: machine(A, "h", private_ip=""), B: machine(B, "i")}}, [
            f"ok {A} tunnel: {B} answers: connections can be handed to it",
        ],
    ),
    "relay, and one of three is silent": (
        TO_ALL,
        {"machines": THREE, "heartbeats": dict.fromkeys(THREE, True), **setups(policy(**TO_ALL), of=(A,), facts=HEARD)},
        [
            f"ok {A} tunnel: {B} answers: connections can be handed to it",
            f"advice {A} tunnel: {C} {DEAF}",
            "→ --SecurityGroupId sg-one1 --IpProtocol udp --PortRange 4790/4790 --SourceCidrIp 10.0.0.6/32",
            f"ok {B} tunnel: {A} answers: connections can be handed to it",
            f"ok {B} tunnel: {C} answers: connections can be handed to it",
            f"ok {C}: is Running in j, seen as 198.51.100.9",
            f"ok {C} security groups: let in everything from 10.0.1.0/24",
            f"ok {C} Cloud Assistant: has a heartbeat",
            f"ok {C} setup: {OF}: ready, nothing to change",
            f"ok {C} load: {AT}: 10 of 1000 connections",
            f"ok {C} tunnel: {A} answers: connections can be handed to it",
            f"ok {C} tunnel: {B} answers: connections can be handed to it",
        ],
    ),
    "relay, and a cold standby": (
        {**RELAY, **COLD}, {**of(status="Stopped"), **setups(policy(**RELAY), of=(A,), facts=SILENT)}, [
            f"ok {B}: is Stopped in i: a cold standby, started when it is needed",
            f"ok {B} Cloud Assistant: is not asked: the instance is stopped",
            f"ok {B} tunnel: {A} answers: connections can be handed to it",
        ],
    ),
    "a cold standby without a setup": (
        COLD, {**of(status="Stopped"), "setups": (SetupRun(InstanceId(A), WHEN, report(policy())),)}, [
            f"ok {B}: is Stopped in i: a cold standby, started when it is needed",
            f"ok {B} Cloud Assistant: is not asked: the instance is stopped",
            f"ok {B} setup: is not due: the instance is stopped",
            NO_LOAD[B],
        ],
    ),
    "a cold standby that was not ready": (
        COLD, {**of(status="Stopped"), **ran(PLAIN, ready=False)}, [
            f"ok {B}: is Stopped in i: a cold standby, started when it is needed",
            f"ok {B} Cloud Assistant: is not asked: the instance is stopped",
            f"wrong {B} setup: {OF}: not ready",
            "→ natkeeper setup i-bravo, then look again",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("settings, change, wanted", STATES.values(), ids=STATES)
def test_a_gateway_that_could_not_take_over_is_found(
    settings: dict[str, Any], change: dict[str, Any], wanted: list[str]
) -> None:
    """Its state, address, interfaces and security groups, and what all have in common."""
    assert difference(*said(settings, change), wanted) == wanted


@pytest.mark.parametrize("settings, change, wanted", SETUPS.values(), ids=SETUPS)
def test_a_gateway_is_judged_by_its_last_setup(
    settings: dict[str, Any], change: dict[str, Any], wanted: list[str]
) -> None:
    """Whether it is ready, how full it is, and whether others answer it."""
    assert difference(*said(settings, change), wanted) == wanted
