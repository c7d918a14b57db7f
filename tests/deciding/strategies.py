"""Arbitrary worlds, lands and policies for the rules that must hold in all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from hypothesis import strategies as st

from natkeeper.domain.config import Follow, Group, Route
from natkeeper.domain.config_values import MANUAL, Failback, Seconds
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import EntryId, GroupName, InstanceId, TableId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import (
    Condition,
    Eip,
    EipStatus,
    EntryStatus,
    Instance,
    NatGateway,
    PowerState,
    RouteEntry,
    SystemEvent,
    Unseen,
)
from natkeeper.domain.parts import around_zero
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView, SoFar, World
from tests.deciding.land import Land
from tests.deciding.worlds import BLIND, EIP, FOLLOWS, NAT, NOON, STRANGER, A, B, C, entry, hop

D = InstanceId("i-gwd")
GATEWAYS = (A, B, C, D)

moments = st.integers(-6 * 3600, 6 * 3600).map(lambda s: NOON + timedelta(seconds=s))
past = st.integers(0, 6 * 3600).map(lambda s: NOON - timedelta(seconds=s))


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or None."""
    return st.none() | strategy


egresses: st.SearchStrategy[Egress] = st.builds(EgressSeen, past) | st.builds(EgressLost, past, st.just("no answer"))

events = st.builds(
    SystemEvent,
    st.sampled_from(["SystemMaintenance.Reboot", "SystemFailure.Reboot", "InstanceFailure.Reboot", "Disk.Error"]),
    st.sampled_from(["Inquiring", "Scheduled", "Executing", "Executed"]),
    some(moments),
)

instances = st.builds(
    Instance,
    st.just(A),
    st.sampled_from([PowerState.RUNNING] * 5 + list(PowerState)),
    public_ip=st.sampled_from(["198.51.100.9", "198.51.100.9", "198.51.100.9", None]),
    locks=st.sampled_from([frozenset[str]()] * 5 + [frozenset({"Recycling"}), frozenset({"financial"})]),
    started=some(past),
)
conditions = st.builds(
    Condition,
    st.just(A),
    st.sampled_from(["Ok", "Ok", "Warning", "Impaired"]),
    st.lists(events, max_size=2).map(tuple),
)
reports = st.sampled_from([None, None, None, "masquerade is off"])


@st.composite
def sights(draw: st.DrawFn, *, with_egress: bool = True) -> Sight:
    """Anything that may be known of a gateway."""
    unready = draw(reports)
    return Sight(
        draw(st.one_of(*[instances] * 6, st.none(), st.just(BLIND))),
        draw(st.one_of(*[st.just(Condition(A))] * 3, conditions, st.none(), st.just(BLIND))),
        draw(st.one_of(*[st.none()] * 3, egresses, st.just(BLIND))) if with_egress else None,
        ready_at=draw(some(past)) if unready is None else None,
        unready=unready,
        unready_at=None if unready is None else draw(some(past)),
    )


memories = st.builds(
    Memory,
    since=some(past),
    by=st.sampled_from(["auto", "auto", "person", ""]),
    home=st.none() | st.sampled_from(GATEWAYS),
    paused_until=st.sampled_from([None] * 5) | moments,
    marks=st.dictionaries(st.sampled_from(GATEWAYS), past, max_size=4).map(MappingProxyType),
)
texts = st.sampled_from(["", "default route", "natkeeper: garbled [nk1 s=17", "[nk2 x]"])


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """A policy: one to four gateways, one or two routes, and every setting that deciding looks at."""
    gateways = GATEWAYS[: draw(st.integers(1, 4))]
    address: Literal["own"] | Follow = draw(st.sampled_from(["own", "own", FOLLOWS]))
    prefer = None if isinstance(address, Follow) else draw(some(st.sampled_from(gateways)))
    routes = [Route(table=TableId("vtb-private"))]
    if draw(st.booleans()):
        routes.append(Route(table=TableId("vtb-zoneb"), prefer=prefer))
    return Group(
        name=GroupName("prod"),
        gateways=gateways,
        routes=tuple(routes),
        address=address,
        fallback=draw(some(st.just(NAT))),
        failback=draw(st.sampled_from([MANUAL, Failback(0), Failback(60), Failback(1800)])),
        hold_down=draw(st.sampled_from([Seconds(0), Seconds(300)])),
    )


@st.composite
def entries(draw: st.DrawFn, policy: Group, route: Route, destination: str, *, still: bool = False) -> RouteEntry:
    """An entry of a table: of ours or not, in any state (at rest if `still`), remembering anything."""
    ours = [*policy.gateways, *policy.gateways, *([policy.fallback] if policy.fallback else [])]
    to = draw(st.sampled_from([*ours, STRANGER, None]))
    statuses = [EntryStatus.AVAILABLE] * 6 + ([] if still else list(EntryStatus))
    return entry(
        to,
        draw(st.one_of(memories, memories, texts)),
        route=route,
        destination=destination,
        status=draw(st.sampled_from(statuses)),
    )


@st.composite
def views(draw: st.DrawFn, policy: Group, route: Route, *, still: bool = False) -> RouteView:
    """A route as its table shows it: there, missing, or half-way through a bridge."""
    whole = draw(st.one_of(*[entries(policy, route, route.destination, still=still)] * 5, st.none()))
    finer = around_zero(route.destination)
    halves = [("0.0.0.0/1",), ("128.0.0.0/1",), ("0.0.0.0/1", "128.0.0.0/1")]
    shape = draw(st.sampled_from([()] * 5 + halves + [finer, finer[:3], ("0.0.0.0/1", *finer)]))
    if not still:
        return RouteView(whole, tuple(draw(entries(policy, route, half)) for half in shape))
    both = draw(entries(policy, route, "0.0.0.0/1", still=True))  # halves are always made alike
    return RouteView(
        whole, tuple(replace(both, id=EntryId(f"rte-half{n}"), destination=d) for n, d in enumerate(shape))
    )


eips = st.builds(
    Eip,
    st.just(EIP),
    st.just("198.51.100.77"),
    st.sampled_from(list(EipStatus)),
    st.sampled_from([None, A, B, STRANGER]),
)
switches = st.builds(
    Switch,
    st.just(GroupName("prod")),
    to=st.sampled_from([None, A, B, C, NAT, STRANGER]),
    table=st.sampled_from([None, TableId("vtb-private"), TableId("vtb-zoneb")]),
    force=st.booleans(),
)
wishes = (
    switches
    | st.builds(Pause, st.just(GroupName("prod")), st.just(timedelta(hours=1)), st.just("tests"))
    | st.builds(Resume, st.just(GroupName("prod")))
)


@st.composite
def worlds(draw: st.DrawFn, *, wish: bool = True) -> tuple[World, Group]:
    """Any world, and a policy for it."""
    policy = draw(groups())
    hops = [hop(to) for to in (*policy.gateways, *([NAT] if policy.fallback else []))]
    subset = st.lists(st.sampled_from(policy.routes), unique=True)
    seen = World(
        group=policy.name,
        at=NOON,
        gateways={gateway: draw(sights()) for gateway in policy.gateways},
        routes={
            route: draw(st.one_of(*[views(policy, route)] * 6, st.just(Unseen("timed out")))) for route in policy.routes
        },
        eip=draw(some(st.one_of(eips, st.just(BLIND)))),
        fallback=draw(st.sampled_from([NatGateway(NAT, True), NatGateway(NAT, False), BLIND, None])),  # noqa: FBT003
        fallback_egress=draw(some(egresses)),
        internet=draw(some(egresses)),
        so_far=SoFar(
            wish=draw(some(wishes)) if wish else None,
            moved={route: draw(st.sampled_from(hops)) for route in draw(subset)},
            not_in_place=frozenset(draw(subset)),
            refusals=tuple(draw(st.lists(refusals([h.id for h in hops]), max_size=2))),
        ),
    )
    return seen, policy


@st.composite
def refusals(draw: st.DrawFn, hops: list[str]) -> Refusal:
    """A refusal of a route write that names one next hop."""
    return Refusal(Deed.POINT, "no", None, draw(st.sampled_from(hops)), lasting=draw(st.booleans()))


@st.composite
def lands(draw: st.DrawFn) -> Land:
    """Any land at rest: tables, gateways that are well or not, and which of them truly reach the internet."""
    policy = draw(groups())
    tables: dict[Route, dict[str, RouteEntry]] = {}
    for route in policy.routes:
        view = draw(views(policy, route, still=True))
        tables[route] = {e.destination: e for e in (view.whole, *view.bridge) if e is not None}
    seen = {gateway: draw(sights(with_egress=False)) for gateway in policy.gateways}
    running = [
        g for g, s in seen.items() if isinstance(s.instance, Instance) and s.instance.status is PowerState.RUNNING
    ]
    follow = isinstance(policy.address, Follow)
    holder = draw(st.sampled_from([None, *policy.gateways, STRANGER])) if follow else None
    return Land(
        policy=policy,
        sights=seen,
        tables=tables,
        now=NOON,
        works=frozenset(draw(st.lists(st.sampled_from([*running, NAT]), unique=True))),
        eip=Eip(EIP, "198.51.100.77", EipStatus.IN_USE if holder else EipStatus.AVAILABLE, holder) if follow else None,
        fallback=draw(st.sampled_from([NatGateway(NAT, True), NatGateway(NAT, False), BLIND, None])),  # noqa: FBT003
        refuses=draw(st.booleans()),
    )
