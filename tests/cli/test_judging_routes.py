"""What the doctor says of routes, dry runs, networks, the EIP and the fallback: each differs in one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natkeeper.cli.doctor.facts import DryRun
from natkeeper.cli.survey.network import ManagedNat, SurveyedTable
from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId
from natkeeper.domain.observed import Eip, EipStatus, EntryStatus, HopKind, NextHop
from natkeeper.ports import Failure, FailureKind
from tests.cli.healthy import (
    ALL,
    EIP,
    ENTRIES,
    GUARDED,
    HEALTHY,
    NAT,
    NOT_SEEN,
    PASSED,
    PRIVATE,
    TABLE,
    UNSEEN,
    A,
    B,
    difference,
    entry,
    said,
)

PLAIN: dict[str, Any] = {}
TO_A = NextHop.gateway(InstanceId(A))
TWO = {"routes": [{"table": TABLE}, {"table": "vtb-two2"}]}
SECOND = SurveyedTable("vtb-two2", "", "Custom", "vpc-1")
FALLBACK, FOLLOWS = {"fallback": NAT}, {"address": {"follow": EIP}}


def leads(hop: NextHop | None, **more: Any) -> dict[str, Any]:
    """The guarded entry is otherwise."""
    return {"entries": {TABLE: (ENTRIES[0], entry(hop, **more))}}


def tables(first: Any, entries: Any = ENTRIES) -> dict[str, Any]:
    """A second table, without an entry, stands after this one."""
    return {"tables": {TABLE: first, "vtb-two2": SECOND}, "entries": {TABLE: entries, "vtb-two2": ()}}


def networks(*cidrs: str) -> dict[str, Any]:
    """These are behind the guarded table, and let in."""
    found = [replace(PRIVATE, id=f"vsw-{number}", cidr=cidr) for number, cidr in enumerate(cidrs)]
    return {"vswitches": found, "rules": {name: [replace(ALL, source="0.0.0.0/0")] for name in HEALTHY.rules}}


def tried(told: Failure, half: str = "", half_told: Failure | None = None, to: str = B) -> dict[str, Any]:
    """The platform answers this to a dry run."""
    target = NextHop.nat_gateway(NatGatewayId(NAT)) if to == NAT else NextHop.gateway(InstanceId(to))
    return {"dry_runs": {GUARDED: (DryRun(target, told, half, half_told),)}}


def refused(kind: FailureKind) -> Failure:
    return Failure(kind, "no")


STUCK = refused(FailureKind.NOT_IN_PLACE)
ABOUT = f"0.0.0.0/0 in {TABLE}"
DRY = f"{ABOUT} dry run"
NEXT = [
    "advice vtb-two2: no vSwitch is bound to it, so nobody uses the route",
    "advice 0.0.0.0/0 in vtb-two2: there is no such entry yet",
]
NO_DRY = f"no longer ok {DRY}: the platform would take a move to a standby, in place"
SINGLE = "the platform changes this entry not in place, and a single address has no parts to carry it"
BARE = "which is behind the guarded route: its hosts get no answers"
UNPROVEN = "which is behind the guarded route as well"
NEITHER = "the platform neither changes this entry in place nor takes 0.0.0.0/1 as natkeeper writes it"
Case = tuple[dict[str, Any], dict[str, Any], list[str]]
ROUTES: dict[str, Case] = {
    # settings of the group; what differs from the healthy world; what is said of it
    "two tables": (TWO, tables(HEALTHY.tables[TABLE]), [*NEXT]),
    "a table not seen": (TWO, tables(UNSEEN), [
        f"unseen {TABLE}: {NOT_SEEN}",
        "→ natkeeper policy --for operator",
        *NEXT,
        f"no longer ok {ABOUT}: goes to {A}",
        NO_DRY,
    ]),
    "no table": (TWO, tables(None), [
        f"wrong {TABLE}: does not exist in this region",
        "→ mend `routes`",
        *NEXT,
        f"no longer ok {ABOUT}: goes to {A}",
        NO_DRY,
    ]),
    "no table, which two routes are in": (
        {"routes": [*TWO["routes"], {"table": TABLE, "destination": "10.9.0.0/16"}]}, tables(None),
        [f"wrong {TABLE}: does not exist in this region", *NEXT, f"no longer ok {ABOUT}: goes to {A}", NO_DRY],
    ),
    "two routes in a table that nobody uses": (
        {"routes": [*TWO["routes"], {"table": "vtb-two2", "destination": "10.9.0.0/16"}]},
        tables(HEALTHY.tables[TABLE]), [*NEXT, "advice 10.9.0.0/16 in vtb-two2: there is no such entry yet"],
    ),
    "entries not seen": (TWO, tables(HEALTHY.tables[TABLE], UNSEEN), [f"unseen {ABOUT}: {NOT_SEEN}", *NEXT, NO_DRY]),
    "no entry": (PLAIN, {"entries": {TABLE: ENTRIES[:1]}}, [
        f"advice {ABOUT}: there is no such entry yet",
        "→ the first sweep creates it",
    ]),
    "several next hops": (PLAIN, leads(None), [
        f"wrong {ABOUT}: goes to several next hops at once",
        "→ natkeeper guards routes with one",
    ]),
    "a HaVip": (PLAIN, leads(NextHop(HopKind.HA_VIP, "havip-1")), [
        f"wrong {ABOUT}: goes to the HaVip havip-1, which moves by itself: natkeeper leaves it alone",
        "→ point it to a gateway to have it guarded",
    ]),
    "a stranger": (PLAIN, leads(NextHop.gateway(InstanceId("i-x"))), [
        f"wrong {ABOUT}: goes to i-x, which is neither a gateway of the group nor its fallback",
        "→ natkeeper switch … --force",
    ]),
    "a NAT Gateway that is no fallback": (PLAIN, leads(NextHop.nat_gateway(NatGatewayId(NAT))), [
        f"wrong {ABOUT}: goes to {NAT}, which is neither a gateway of the group nor its fallback",
    ]),
    "the fallback": (FALLBACK, leads(NextHop.nat_gateway(NatGatewayId(NAT))), [
        f"ok {ABOUT}: goes to {NAT}",
        f"ok {NAT}: is Available, seen as 198.51.100.80",
    ]),
    "an entry that changes": (PLAIN, leads(TO_A, status=EntryStatus.MODIFYING), [
        f"advice {ABOUT}: goes to {A} and is Modifying",
        "→ look again in a moment",
    ]),
    "a memory that cannot be read": (PLAIN, leads(TO_A, description="[nk1 s=never]"), [
        f"advice {ABOUT}: what natkeeper remembered in its description cannot be read",
        "→ clear the description of the entry",
        f"still ok {ABOUT}: goes to {A}",
    ]),
    "a description of others": (PLAIN, leads(TO_A, description="do not touch"), []),
    "the VPC's entries not seen": (PLAIN, {"everywhere": UNSEEN}, [f"unseen tables that nobody guards: {NOT_SEEN}"]),
    "an entry that nobody guards": (PLAIN, {"everywhere": (*ENTRIES, entry(TO_A, "10.9.0.0/16"))}, [
        f"wrong 10.9.0.0/16 in {TABLE}: leads to {A}, and nobody guards it: it stays there when {A} fails",
        "→ add {table: vtb-one1, destination: 10.9.0.0/16} to `routes`",
    ]),
    "vSwitches not seen": (PLAIN, {"vswitches": UNSEEN}, [
        f"unseen networks behind the guarded route: {NOT_SEEN}",
        f"no longer ok {A} security groups: let in everything from 10.0.1.0/24",
        f"no longer ok {B} security groups: let in everything from 10.0.1.0/24",
    ]),
}  # fmt: skip
DRY_RUNS: dict[str, Case] = {
    "of the fallback": (FALLBACK, tried(PASSED, to=NAT), [
        f"ok {DRY} of the fallback: the platform would take a move to the fallback, in place",
        f"ok {NAT}: is Available, seen as 198.51.100.80",
        NO_DRY,
    ]),
    "not allowed": (PLAIN, tried(refused(FailureKind.DENIED)), [
        f"ok {DRY}: was not tried: these credentials move no routes, which is the function's business",
    ]),
    "refused": (PLAIN, tried(refused(FailureKind.REFUSED)), [
        f"wrong {DRY}: the platform would refuse a move: refused: no",
        "→ see the message",
    ]),
    "gone": (PLAIN, tried(refused(FailureKind.GONE)), [f"wrong {DRY}: the platform would refuse a move: gone: no"]),
    "words": (PLAIN, tried(refused(FailureKind.WORDS)), [
        f"wrong {DRY}: the platform would refuse a move: words refused: no",
    ]),
    "busy": (PLAIN, tried(refused(FailureKind.BUSY)), [f"unseen {DRY}: could not be looked at: busy: no"]),
    "in place is refused, and there are no parts": (PLAIN, tried(STUCK), [
        f"wrong {DRY}: {SINGLE}: not in place: no",
        "→ delete the entry and create it to a standby",
    ]),
    "in place is refused, and a part passes": (PLAIN, tried(STUCK, "0.0.0.0/1", PASSED), [
        f"advice {DRY}: the platform changes this entry not in place: not in place: no",
        "→ nothing: natkeeper then replaces the entry",
    ]),
    "in place is refused, and a part is created": (PLAIN, tried(STUCK, "0.0.0.0/1"), [
        f"advice {DRY}: the platform changes this entry not in place: not in place: no",
        "→ nothing: natkeeper then replaces the entry",
    ]),
    "in place is refused, and parts are not allowed": (
        PLAIN, tried(STUCK, "0.0.0.0/1", refused(FailureKind.DENIED)), [
            f"advice {DRY}: the platform changes this entry not in place: not in place: no",
            "→ nothing: natkeeper then replaces the entry",
        ],
    ),
    "in place is refused, and a part is not seen": (
        PLAIN, tried(STUCK, "0.0.0.0/1", refused(FailureKind.THROTTLED)), [
            f"unseen {DRY}: could not be looked at: throttled: no",
        ],
    ),
    "in place is refused, and so is a part": (PLAIN, tried(STUCK, "0.0.0.0/1", refused(FailureKind.REFUSED)), [
        f"wrong {DRY}: {NEITHER}: refused: no",
        "→ move routes by hand for now",
    ]),
    "in place is refused, and so is a part to the fallback": (
        FALLBACK, tried(STUCK, "0.0.0.0/1", refused(FailureKind.REFUSED), to=NAT), [
            f"wrong {DRY} of the fallback: {NEITHER}: refused: no",
            "→ leave `fallback` out: natkeeper could not",
            f"ok {NAT}: is Available, seen as 198.51.100.80",
            NO_DRY,
        ],
    ),
}  # fmt: skip
ELSE: dict[str, Case] = {
    "networks that are not masqueraded": (PLAIN, networks("10.0.1.0/24", "100.64.0.0/24", "100.64.1.0/24"), [
        f"wrong sources: gateways do not masquerade 100.64.0.0/24, 100.64.1.0/24, {BARE}",
        "→ sources: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/24, 100.64.1.0/24]",
        f"ok {A} security groups: let in everything from 10.0.1.0/24, 100.64.0.0/24, 100.64.1.0/24",
        f"ok {B} security groups: let in everything from 10.0.1.0/24, 100.64.0.0/24, 100.64.1.0/24",
    ]),
    "a source that is too narrow": ({"sources": ["10.0.1.0/25", "10.9.0.0/16"]}, {}, [
        f"wrong sources: gateways do not masquerade 10.0.1.0/24, {BARE}",
        "→ sources: [10.0.1.0/25, 10.9.0.0/16, 10.0.1.0/24]",
    ]),
    "a source that is as wide as the network": ({"sources": ["10.0.1.0/24"]}, {}, []),
    "networks that nothing is proven for": (
        {"networks": ["10.0.1.0/24"]}, networks("10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"), [
            f"advice networks: gateways prove nothing for 10.0.2.0/24, 10.0.3.0/24, {UNPROVEN}",
            "→ networks: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]",
            f"ok {A} security groups: let in everything from 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24",
            f"ok {B} security groups: let in everything from 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24",
        ],
    ),
    "networks that all are proven": (
        {"networks": ["10.0.1.0/24", "10.0.2.0/24"]}, networks("10.0.1.0/24", "10.0.2.0/24"), [
            f"ok {A} security groups: let in everything from 10.0.1.0/24, 10.0.2.0/24",
            f"ok {B} security groups: let in everything from 10.0.1.0/24, 10.0.2.0/24",
        ],
    ),
    "an EIP": (FOLLOWS, {}, [f"ok {EIP}: (198.51.100.77) is InUse, on {A}"]),
    "an EIP on nobody": (FOLLOWS, {"eip": Eip(EipId(EIP), "198.51.100.77", EipStatus.AVAILABLE)}, [
        f"ok {EIP}: (198.51.100.77) is Available, on no instance yet",
    ]),
    "an EIP not seen": (FOLLOWS, {"eip": UNSEEN}, [f"unseen {EIP}: {NOT_SEEN}"]),
    "an EIP on a stranger": (
        FOLLOWS, {"eip": Eip(EipId(EIP), "198.51.100.77", EipStatus.IN_USE, InstanceId("i-x"))}, [
            f"wrong {EIP}: (198.51.100.77) is bound to i-x, which is not a gateway",
            "→ free it, or name another",
        ],
    ),
    "an EIP that is gone": (FOLLOWS, {"eip": None}, [
        f"wrong {EIP}: this EIP does not exist",
        "→ mend address.follow",
    ]),
    "a fallback": (FALLBACK, {}, [f"ok {NAT}: is Available, seen as 198.51.100.80"]),
    "a fallback with two addresses": (
        FALLBACK, {"fallback": ManagedNat(NAT, "", available=True, addresses=("192.0.2.1", "192.0.2.2"), snat=True)},
        [f"ok {NAT}: is Available, seen as 192.0.2.1, 192.0.2.2"],
    ),
    "a fallback not seen": (FALLBACK, {"fallback": UNSEEN}, [f"unseen {NAT}: {NOT_SEEN}"]),
    "a fallback that is gone": (FALLBACK, {"fallback": None}, [
        f"wrong {NAT}: this NAT Gateway does not exist",
        "→ mend `fallback`, or leave it out",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("settings, change, wanted", ROUTES.values(), ids=ROUTES)
def test_a_route_that_natkeeper_could_not_move_is_found(
    settings: dict[str, Any], change: dict[str, Any], wanted: list[str]
) -> None:
    """Its table, its entry, where that leads, and what else leads there."""
    assert difference(*said(settings, change), wanted) == wanted


@pytest.mark.parametrize("settings, change, wanted", DRY_RUNS.values(), ids=DRY_RUNS)
def test_what_the_platform_would_say_to_a_move_is_said_before_it_matters(
    settings: dict[str, Any], change: dict[str, Any], wanted: list[str]
) -> None:
    """What is refused is wrong; what natkeeper goes round is advice; what is not known is not seen."""
    assert difference(*said(settings, change), wanted) == wanted


@pytest.mark.parametrize("settings, change, wanted", ELSE.values(), ids=ELSE)
def test_networks_addresses_and_the_fallback_are_judged(
    settings: dict[str, Any], change: dict[str, Any], wanted: list[str]
) -> None:
    """Behind the route, and beyond it."""
    assert difference(*said(settings, change), wanted) == wanted
