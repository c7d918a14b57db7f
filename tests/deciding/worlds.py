"""Small worlds to decide about, written as one reads them: `world(on=A, a="Stopped")`.

Three gateways A, B, C; one route ROUTE (and ELSEWHERE, in a second table); the managed NAT Gateway NAT; the
EIP. Everything is well unless said otherwise, and it is NOON.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from natkeeper.domain.config import Follow, Group, Route
from natkeeper.domain.decide import decide
from natkeeper.domain.decision import Decision, Step
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId, InterfaceId, NatGatewayId, TableId
from natkeeper.domain.memory import NOTHING, Memory, encode
from natkeeper.domain.observed import (
    Condition,
    Eip,
    EipStatus,
    EntryStatus,
    HopKind,
    Instance,
    NatGateway,
    NextHop,
    PowerState,
    RouteEntry,
    SystemEvent,
    Unseen,
)
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView, SoFar, World

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
A, B, C = InstanceId("i-gwa"), InstanceId("i-gwb"), InstanceId("i-gwc")
STRANGER = InstanceId("i-firewall")
NAT = NatGatewayId("ngw-managed")
EIP = EipId("eip-public")
ROUTE = Route(table=TableId("vtb-private"))
ELSEWHERE = Route(table=TableId("vtb-zoneb"), prefer=B)
ADDRESSES = {A: "198.51.100.1", B: "198.51.100.2", C: "198.51.100.3"}

BLIND = Unseen("timed out")


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def ago(count: float) -> datetime:
    """So many minutes before noon."""
    return NOON - minutes(count)


def later(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + minutes(count)


def hop(to: str) -> NextHop:
    """The next hop with this id."""
    kinds = {"i-": HopKind.INSTANCE, "ngw": HopKind.NAT_GATEWAY}
    return NextHop(next((kind for prefix, kind in kinds.items() if to.startswith(prefix)), HopKind.OTHER), to)


def group(*gateways: InstanceId, **settings: Any) -> Group:
    """A policy: gateways A and B and the one route, unless said otherwise."""
    settings = {"routes": (ROUTE,), **settings}
    return Group(name=GroupName("prod"), gateways=gateways or (A, B), **settings)


FOLLOWS = Follow(follow=EIP)


# ---- gateways --------------------------------------------------------------------------------------------


def gateway(
    status: str = "Running",
    *,
    locks: tuple[str, ...] = (),
    events: tuple[SystemEvent, ...] = (),
    health: str = "Ok",
    public_ip: str | None = "198.51.100.9",
    started: datetime | None = None,
    interfaces: tuple[str, ...] = (),
    **seen: Any,
) -> Sight:
    """What is seen of a gateway; `seen` are the other fields of Sight."""
    instance = Instance(
        A,
        PowerState(status),
        public_ip=public_ip,
        locks=frozenset(locks),
        started=started,
        interfaces=tuple(map(InterfaceId, interfaces)),
    )
    return Sight(instance, Condition(A, health, events), **seen)


def spot() -> Sight:
    """A spot instance about to be reclaimed."""
    return gateway(locks=("Recycling",))


def due(when: datetime | None, kind: str = "SystemMaintenance.Reboot", status: str = "Scheduled") -> Sight:
    """A gateway with a system event ahead."""
    return gateway(events=(SystemEvent(kind, status, when),))


def lost(at: datetime = NOON, **more: Any) -> Sight:
    """A running gateway through which the internet was looked for in vain."""
    return gateway(egress=EgressLost(at, "no answer"), **more)


def seen(at: datetime = NOON, **more: Any) -> Sight:
    """A running gateway through which the internet was seen."""
    return gateway(egress=EgressSeen(at, "198.51.100.9"), **more)


def unready(what: str = "masquerade is off", at: datetime | None = NOON) -> Sight:
    """A running gateway whose last setup report is bad."""
    return gateway(unready=what, unready_at=at)


# ---- routes ----------------------------------------------------------------------------------------------


def entry(
    to: str | None,
    memory: Memory | str = NOTHING,
    *,
    route: Route = ROUTE,
    destination: str | None = None,
    status: EntryStatus = EntryStatus.AVAILABLE,
) -> RouteEntry:
    """A route entry; `memory` is what it remembers, or the text of its description."""
    where = destination or route.destination
    text = memory if isinstance(memory, str) else encode(memory, f"{to}") if memory != NOTHING else ""
    mark = where.translate(str.maketrans("./", "xx"))
    return RouteEntry(
        EntryId(f"rte-{route.table[4:]}{mark}"), route.table, where, None if to is None else hop(to), status, text
    )


def half(to: str, which: int, memory: Memory | str | None = None, **more: Any) -> RouteEntry:
    """One half of the default route, remembered as ours unless said otherwise."""
    remembered = Memory(since=NOON, by="auto", home=A) if memory is None else memory
    return entry(to, remembered, destination=("0.0.0.0/1", "128.0.0.0/1")[which], **more)


def refused(to: str, why: str = "no", **more: Any) -> tuple[Refusal, ...]:
    """What a run has learnt when the platform would not take `to` as next hop."""
    return (Refusal(Deed.POINT, why, None, to, **more),)


def moved(at: datetime, by: str = "auto", **more: Any) -> Memory:
    """What an entry remembers of a move."""
    return Memory(**{"since": at, "by": by, "home": A, **more})


def marked(*marks: tuple[str, datetime], since: datetime | None = None) -> Memory:
    """What an entry remembers of gateways that did not work."""
    return Memory(since=since, by="auto" if since else "", marks=MappingProxyType(dict(marks)))


# ---- worlds ----------------------------------------------------------------------------------------------


def world(
    on: str | RouteEntry | RouteView | Unseen | None = A,
    memory: Memory | str = NOTHING,
    *,
    a: str | Sight | Unseen | None = "Running",
    b: str | Sight | Unseen | None = "Running",
    c: str | Sight | Unseen | None = "",
    elsewhere: str | RouteEntry | RouteView | Unseen | None = "",
    eip: Eip | Unseen | None = None,
    nat: bool | Unseen | None = True,
    nat_egress: Egress | Unseen | None = None,
    internet: Egress | None = None,
    at: datetime = NOON,
    wish: Switch | Pause | Resume | None = None,
    **so_far: Any,
) -> World:
    """A world in which the route is `on` a next hop; a gateway is a status, a Sight, blindness, or None: not there.

    C and ELSEWHERE are part of it only where they are named.
    """
    sights = {A: _sight(a), B: _sight(b)} | ({} if c == "" else {C: _sight(c)})
    routes = {ROUTE: _view(on, memory, ROUTE)} | (
        {} if elsewhere == "" else {ELSEWHERE: _view(elsewhere, NOTHING, ELSEWHERE)}
    )
    return World(
        group=GroupName("prod"),
        at=at,
        gateways=sights,
        routes=routes,
        eip=eip,
        fallback=NatGateway(NAT, available=nat) if isinstance(nat, bool) else nat,
        fallback_egress=nat_egress,
        internet=internet,
        so_far=SoFar(wish=wish, **so_far),
    )


def eip(holder: str | None, status: EipStatus | None = None) -> Eip:
    """The EIP, bound to `holder` or to nothing."""
    rest = EipStatus.AVAILABLE if holder is None else EipStatus.IN_USE
    return Eip(EIP, "198.51.100.77", status or rest, None if holder is None else InstanceId(holder))


def _sight(said: str | Sight | Unseen | None) -> Sight:
    if isinstance(said, Sight):
        return said
    return gateway(said) if isinstance(said, str) else Sight(said)


def _view(on: str | RouteEntry | RouteView | Unseen | None, memory: Memory | str, route: Route) -> RouteView | Unseen:
    match on:
        case None:
            return RouteView(None)
        case RouteEntry():
            return RouteView(on)
        case str():
            return RouteView(entry(on, memory, route=route))
        case _:
            return on


# ---- deciding --------------------------------------------------------------------------------------------


def decision(seen_world: World, policy: Group | None = None, now: datetime = NOON) -> Decision:
    """Decide at noon, for the usual group."""
    return decide(seen_world, policy or group(), now)


def step(seen_world: World, policy: Group | None = None, now: datetime = NOON) -> Step:
    """The step for the first route."""
    return decision(seen_world, policy, now).steps[0]
