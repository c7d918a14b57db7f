"""What is wrong in a world: the troubles that become episodes if they last.

`troubles_of` also says which kinds of trouble the world allows to judge: an event-driven run reads no setup reports, so
it neither begins nor ends a `degraded`. Pure: same world, same troubles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow
from natkeeper.domain.decision import Await, Decision, EipAwait, EipHold, Hold
from natkeeper.domain.egress import EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.eip import stuck_on, to_bring_it_back
from natkeeper.domain.episodes import BEGINS_AFTER, EpisodeKind, Trouble
from natkeeper.domain.evidence import carrying, of_hop, probed
from natkeeper.domain.health import Unhealthy, Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import with_marks, without_mark
from natkeeper.domain.notices import notices
from natkeeper.domain.observed import EipStatus, EntryStatus, HopKind, Instance, NextHop, PowerState, Unseen
from natkeeper.domain.refusals import Deed
from natkeeper.domain.selection import cold_standbys, held_back, left_of, standbys
from natkeeper.domain.world import RouteView, World, belongs, hops_of, leads_elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.health import Sight


_NOTHING: Mapping[str, datetime] = MappingProxyType({})
_RIGHT = "natkeeper doctor shows which right is missing, and natkeeper tries again with every sweep"
_NO_EIP = "no gateway helps without the EIP"
_TODO_BLIND = "see whether the API answers and whether natkeeper's role may read (natkeeper doctor)"


@dataclass(frozen=True, slots=True)
class Judged:
    """The troubles of a world, and the kinds of which it allows to say that there is none."""

    troubles: tuple[Trouble, ...] = ()
    well: frozenset[EpisodeKind] = frozenset()


def troubles_of(
    world: World,
    policy: Group,
    decision: Decision,
    now: datetime,
    *,
    reports: bool,
    was_dark: bool = False,
    probes_work: bool = True,
    last_fit: Mapping[str, datetime] = _NOTHING,
) -> Judged:
    """Say what is wrong.

    `reports`: this run read the setup reports, or there are none to read. `was_dark`: private hosts had no internet
    at the last egress check, so only evidence ends that. `probes_work`: no probe of the group is known to be broken.
    `last_fit`: when a setup last showed that a gateway is fit.
    """
    world = with_marks(world, now)
    dark, light = _dark(world, policy, decision, now, was_dark=was_dark)
    blind = _blind(world, policy)
    unread = blind or _known_by_state(world, policy)
    found = [each for each in (dark, unread) if each is not None]
    well = set() if unread is not None else {EpisodeKind.BLIND}
    if light:
        well.add(EpisodeKind.DARK)
    for kind, notice, known in notices(world, policy, decision, now, blind=blind is not None):
        if notice is not None:
            found.append(notice)
        elif known:
            well.add(kind)
    if reports and blind is None:
        for kind, trouble in (
            (EpisodeKind.DEGRADED, None if dark is not None else _degraded(world, policy, last_fit, now)),
            (EpisodeKind.UNPROVEN, None if dark is not None else _unproven(world, policy, probes_work=probes_work)),
            (EpisodeKind.FULL, _full(world, policy)),
            (EpisodeKind.INCOMPLETE, _incomplete(world, policy)),
        ):
            if trouble is not None:
                found.append(trouble)
            elif dark is None and _allows(kind, world, policy):
                well.add(kind)
    return Judged(tuple(found), frozenset(well))


def _allows(kind: EpisodeKind, world: World, policy: Group) -> bool:
    """Return True if the world allows to say that there is no trouble of this kind: what is hidden ends none."""
    if kind is EpisodeKind.FULL:
        return _measured(world, policy)
    if kind is EpisodeKind.INCOMPLETE:
        return all(sight.ready_at or sight.unready_at for sight in world.gateways.values() if _runs(sight))
    hidden = (isinstance(world.health(hop, policy), Unknown) for hop in hops_of(policy))
    return kind is not EpisodeKind.DEGRADED or not any(hidden)


# ---- dark ------------------------------------------------------------------------------------------------


def _dark(
    world: World, policy: Group, decision: Decision, now: datetime, *, was_dark: bool
) -> tuple[Trouble | None, bool]:
    """Find the routes that lead nowhere; the second value says whether every route is known to lead somewhere."""
    reasons: dict[str, list[Route]] = {}
    light = True
    for route, view in world.routes.items():
        if isinstance(view, Unseen):
            light = False
            continue
        reason = _dark_route(world, policy, view) or _lost_beyond(world, policy, route, view)
        if reason is not None:
            reasons.setdefault(reason, []).append(route)
        settled = view.whole is None or view.whole.status is EntryStatus.AVAILABLE  # what changes shows nothing
        light = light and reason is None and settled and _known_to_work(world, policy, route, was_dark=was_dark)
    if not reasons:
        return None, light
    tables = tuple(dict.fromkeys(route.table for some in reasons.values() for route in some))
    paused = world.paused_until(now)
    cause = "; ".join(reasons)
    refused = "" if paused is not None else _refused(world, policy, tables)
    if refused:
        cause += f"; the platform refuses to lead it elsewhere: {refused}"
    if paused is not None:
        cause += f"; natkeeper is paused until {paused:%Y-%m-%d %H:%M} UTC and does nothing about it"
    held = any(isinstance(step, Hold) for step in decision.steps) or isinstance(decision.eip, EipHold)
    hopeless = held or decision.changes  # what a run ends with undone was refused, or there was no time for it
    waits = any(isinstance(step, Await) for step in decision.steps) or isinstance(decision.eip, EipAwait)
    return (
        Trouble(
            EpisodeKind.DARK,
            tables,
            cause,
            left=_NO_EIP if to_bring_it_back(world, policy) else left_of(world, policy, dark=True),
            todo=f"point the entry to {standbys(world, policy)[0]} by hand; {_RIGHT}"
            if refused
            else _todo_dark(world, policy, [r for some in reasons.values() for r in some], paused=paused is not None),
            at_once=paused is not None or (hopeless and not waits),
            paused=paused is not None,
            refused=refused,
        ),
        False,
    )


def _refused(world: World, policy: Group, tables: tuple[str, ...]) -> str:
    """Return why no write of this run was carried out although a standby is fit, or nothing."""
    writes = (each for each in world.so_far.refusals if each.deed in (Deed.POINT, Deed.CREATE) and not each.lasting)
    reasons = [each.reason for each in writes if each.table in (None, *tables)]
    return reasons[-1] if reasons and standbys(world, policy) else ""


def _dark_route(world: World, policy: Group, view: RouteView) -> str | None:
    """Say why private hosts behind a route have no internet, or None where they have it, or nobody can know."""
    hop = view.carries
    if view.whole is None and not view.bridge:
        return "the route entry is missing"
    if hop is None or not (belongs(hop, policy) or hop.id in world.former):
        return None
    health = world.health(hop, policy)
    if isinstance(health, Unhealthy) and _certain(world, hop, policy):
        return f"{hop} carries the route and {health.reason}"
    eip = world.eip
    seen = isinstance(world.egress(hop), EgressSeen)  # by another address, which ECS does not show
    if isinstance(policy.address, Follow) and not (seen or isinstance(eip, Unseen)) and _has_no_address(world, hop):
        there = eip is not None and eip.holder == hop.id and eip.status is EipStatus.IN_USE
        name = policy.address.follow if eip is None else eip.address
        return None if there else f"the EIP {name} is not on {hop}, which carries the route"
    return None


def _lost_beyond(world: World, policy: Group, route: Route, view: RouteView) -> str | None:
    """Say how the probe lost the internet through an entry that changes or that someone else set, or None."""
    if view.whole is None or not isinstance(world.so_far.beyond.get(route), EgressLost):
        return None
    if view.whole.status is not EntryStatus.AVAILABLE:
        return f"the probe lost the internet while the route entry is {view.whole.status.value}"
    if not leads_elsewhere(view, policy):
        return None
    where = "several next hops" if view.carries is None else str(view.carries)
    return f"the probe lost the internet: the route goes to {where}, which someone else set and natkeeper leaves alone"


def _has_no_address(world: World, hop: NextHop) -> bool:
    """Return True if `hop` is a gateway that no public address leads out of."""
    sight = world.gateways.get(InstanceId(hop.id))
    return sight is not None and isinstance(sight.instance, Instance) and sight.instance.public_ip is None


def _certain(world: World, hop: NextHop, policy: Group) -> bool:
    """Return True unless all that speaks against `hop` is a mark that nobody has looked into."""
    if world.lost(hop) is not None or world.open_mark(hop) is None:
        return True
    return isinstance(without_mark(world, hop).health(hop, policy), Unhealthy)


def _known_to_work(world: World, policy: Group, route: Route, *, was_dark: bool) -> bool:
    """Return True if nothing is left to be seen before a route counts as leading somewhere."""
    view = world.routes[route]
    hop = None if isinstance(view, Unseen) else view.carries
    if hop is None or not belongs(hop, policy):
        seen = isinstance(world.so_far.beyond.get(route), EgressSeen)
        return seen or not was_dark or not policy.checked_by_probe(route)
    if isinstance(world.health(hop, policy), (Unhealthy, Unknown)):
        return False
    return not was_dark or of_hop(world, policy, hop).found == "seen" or _best_there_is(world, policy, hop)


def _best_there_is(world: World, policy: Group, hop: NextHop) -> bool:
    """Return True if `hop` itself reaches the internet, and no probe of the group could see more."""
    return of_hop(world, policy, hop).kind is EvidenceKind.GATEWAY_ITSELF and not probed(world, policy, hop)


def _todo_dark(world: World, policy: Group, dark: list[Route], *, paused: bool) -> str:
    if paused:
        return f"resume the group: natkeeper resume {policy.name}"
    if all(leads_elsewhere(world.routes[route], policy) for route in dark):
        who = f"see who set it (natkeeper history {policy.name} --all)"
        return f"{who}; to take it back: natkeeper switch {policy.name} --force"
    if isinstance(world.internet, EgressLost):
        return "the targets do not answer Function Compute either: see whether the internet or the targets are down"
    if (stuck := stuck_on(world)) is not None:
        return f"take the EIP off {stuck} by hand; {_RIGHT}"
    if by_hand := to_bring_it_back(world, policy):
        return by_hand
    gateways = ", ".join(policy.gateways)
    return f"bring one gateway back at once ({gateways}): natkeeper moves by itself as soon as one is fit"


# ---- degraded, unproven, blind ---------------------------------------------------------------------------


def _degraded(world: World, policy: Group, last_fit: Mapping[str, datetime], now: datetime) -> Trouble | None:
    # What says nothing of a hop is over in a moment, and a plan that is refused is a trouble of its own.
    plans = {to for _, to in world.so_far.put_off}
    lasting = tuple(each for each in world.so_far.refusals if not each.passing and each.hop not in plans)
    world = replace(world, so_far=replace(world.so_far, refusals=lasting))
    active = carrying(world, policy)
    hops = hops_of(policy)
    unfit = {hop: why for hop in hops if hop not in active and (why := _why_unfit(world, policy, hop)) is not None}
    if not unfit or len(hops) == 1:
        return None
    tables = tuple(dict.fromkeys(route.table for route in world.routes))
    cause = ", ".join(f"{hop} {why}" for hop, why in unfit.items())
    todo = _todo_degraded(world, policy, tuple(unfit))
    # What private hosts' packets showed is no slow start that mends itself.
    shown = any(world.seen_lost(hop) is not None for hop in unfit)
    left = left_of(world, policy)
    long = shown or any(_unfit_for_long(world, hop, last_fit, now) for hop in unfit)
    return Trouble(EpisodeKind.DEGRADED, tables, cause, left=left, todo=todo, at_once=long)


def _todo_degraded(world: World, policy: Group, unfit: tuple[NextHop, ...]) -> str:
    held = held_back(world, policy)
    broken = [hop for hop in unfit if hop not in held]
    if broken:
        return f"repair or start {', '.join(map(str, broken))}"
    again = max(until for hop in held if (until := world.gateways[InstanceId(hop.id)].held_until) is not None)
    command = f"natkeeper switch {policy.name} --to {held[0]} --force"
    return (
        f"nothing to repair: it is a standby again at {again:%H:%M} UTC, or when private hosts get through: {command}"
    )


def _unfit_for_long(world: World, hop: NextHop, last_fit: Mapping[str, datetime], now: datetime) -> bool:
    """Return True if a setup speaks against `hop`, and the one that spoke for it is as old as an episode has to be.

    Setups come minutes apart: to wait for five more after a bad report would only make people hear of it later.
    """
    sight = world.gateways.get(InstanceId(hop.id))
    since = last_fit.get(hop.id)
    if sight is None or since is None or (sight.unready or sight.unheard) is None:
        return False
    return now - since >= BEGINS_AFTER[EpisodeKind.DEGRADED]


def _why_unfit(world: World, policy: Group, hop: NextHop) -> str | None:
    """Say why a next hop that carries nothing could not take a route now; what cannot be seen is not unfit."""
    if hop in cold_standbys(world, policy):
        return None  # it is stopped because that is what a cold standby is
    health = world.health(hop, policy)
    if isinstance(health, Unhealthy):
        return health.reason
    return None if isinstance(health, Unknown) else world.unfit(hop, policy) or _unheard(world, hop)


def _unheard(world: World, hop: NextHop) -> str | None:
    """Say what it means that the setup of `hop` is late, or None where it is not.

    Where every setup of the group is late, what they have in common is to blame: OOS, or a machine that slept.
    """
    sight = world.gateways.get(InstanceId(hop.id))
    if sight is None or sight.unheard is None:
        return None
    if len(world.gateways) > 1 and all(each.unheard is not None for each in world.gateways.values()):
        return f"is not heard from, nor is any other gateway, so setups may be late: {sight.unheard}"
    return f"may hang: {sight.unheard}"


def _unproven(world: World, policy: Group, *, probes_work: bool) -> Trouble | None:
    """Find gateways that carry a route, through which no probe looks and of which no setup proved anything.

    Where a setup should have said so and did not, the gateway may hang: people hear of that at once.
    """
    if policy.setup.mode == "off":
        return None  # the owner lets nothing run on the gateways: nobody can see this, as `doctor` says
    bare = [
        hop
        for hop in carrying(world, policy)
        if hop.kind is HopKind.INSTANCE
        and not (probes_work and probed(world, policy, hop))
        and of_hop(world, policy, hop).found == "unproven"
    ]
    if not bare:
        return None
    names = ", ".join(map(str, bare))
    sights = [world.gateways[InstanceId(hop.id)] for hop in bare]
    silent = [why for sight in sights if (why := sight.unheard or sight.unready) is not None]
    reasons = dict.fromkeys([*silent, *(of_hop(world, policy, hop).reason for hop in bare)])
    tables = [r.table for r, view in world.routes.items() if isinstance(view, RouteView) and view.carries in bare]
    cause = f"nobody has shown that {names} forwards what private hosts send: no setup could prove it"
    cause += "".join(f"; {reason}" for reason in reasons if reason)
    todo = f"see what its setup says (natkeeper doctor {policy.name}), or deploy a probe behind {', '.join(tables)}"
    if silent:
        todo = f"see whether private hosts have the internet; if not: natkeeper switch {policy.name}"
    left = left_of(world, policy)
    return Trouble(EpisodeKind.UNPROVEN, tuple(tables), cause, left=left, todo=todo, at_once=bool(silent))


def _full(world: World, policy: Group) -> Trouble | None:
    """Find gateways that run out of connections or ports, by their last reports."""
    found: dict[str, str] = {}
    for gateway, sight in world.gateways.items():
        if sight.figures is not None:
            speed = sight.instance.bandwidth if isinstance(sight.instance, Instance) else 0
            found |= {f"{gateway} {what}": todo for what, todo in policy.alarms.exceeded(sight.figures, speed)}
    if not found:
        return None
    tables = tuple(dict.fromkeys(route.table for route in policy.routes))
    left = left_of(world, policy)
    return Trouble(EpisodeKind.FULL, tables, "; ".join(found), left=left, todo="; ".join(dict.fromkeys(found.values())))


def _incomplete(world: World, policy: Group) -> Trouble | None:
    """Find gateways on which a part of the setup does not work: nginx, the tunnel, what the next boot needs."""
    found = [f"{gateway}: {what}" for gateway, sight in world.gateways.items() for what in sight.incomplete]
    if not found:
        return None
    tables = tuple(dict.fromkeys(route.table for route in policy.routes))
    todo = f"mend it, then: natkeeper setup {policy.name}"
    return Trouble(EpisodeKind.INCOMPLETE, tables, "; ".join(found), todo=todo)


def _runs(sight: Sight) -> bool:
    return isinstance(sight.instance, Instance) and sight.instance.status is PowerState.RUNNING


def _measured(world: World, policy: Group) -> bool:
    """Return True if every gateway that carries a route has said how full it is."""
    carriers = (hop for hop in carrying(world, policy) if hop.kind is HopKind.INSTANCE)
    return all(world.gateways[InstanceId(hop.id)].figures is not None for hop in carriers)


def _blind(world: World, policy: Group) -> Trouble | None:
    unread: dict[str, list[Route]] = {}
    for route, view in world.routes.items():
        if isinstance(view, Unseen):
            unread.setdefault(f"the route table cannot be read: {view.reason}", []).append(route)
            continue
        hop = view.carries
        if hop is not None and belongs(hop, policy) and isinstance(health := world.health(hop, policy), Unknown):
            unread.setdefault(f"{hop} cannot be seen: {health.reason}", []).append(route)
    if not unread:
        return None
    tables = tuple(dict.fromkeys(route.table for some in unread.values() for route in some))
    return Trouble(EpisodeKind.BLIND, tables, "; ".join(unread), todo=_TODO_BLIND)


def _known_by_state(world: World, policy: Group) -> Trouble | None:
    """Say that gateways are known by their power state alone: routes are guarded, and locks and addresses not seen."""
    instances = [sight.instance for sight in world.gateways.values()]
    hidden = {each.id: each.unread for each in instances if isinstance(each, Instance) and each.unread}
    if not hidden:
        return None
    who, why = ", ".join(hidden), "; ".join(dict.fromkeys(hidden.values()))
    cause = f"DescribeInstances does not show {who} ({why}): routes move by what DescribeInstancesFullStatus says"
    tables = tuple(dict.fromkeys(route.table for route in policy.routes))
    return Trouble(EpisodeKind.BLIND, tables, cause, todo=_TODO_BLIND)
