"""What to do, from what is seen: a pure function of world, policy and time, with one reason for each return.

The ladder for a route, top to bottom: blind, paused, half-way through a bridge, missing, busy, a person's wish,
someone else's, not yet seen to work, and then the health of the gateway that carries it. Same world, same decision
(rule 4): all that earlier runs knew is in the world, read back from the route entry itself. Rooms of their own:
selection.py (where to go), marks.py (what to remember of gateways), bridge.py (replacing an entry that cannot be
changed in place) and eip.py (the EIP).
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain import backoff, bridge, coupling, eip, selection
from natkeeper.domain.context import RouteContext
from natkeeper.domain.decision import Create, Decision, Hold, Keep, Leave, Move, Note, Noted, Refuse, Step, Verify
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.health import Draining, Healthy, Unhealthy, Unknown
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import marked, note, note_lost, remember, with_marks, without_checks, without_mark
from natkeeper.domain.memory import Unreadable, decode, is_ours
from natkeeper.domain.observed import HopKind, Instance, NextHop, RouteEntry, Unseen
from natkeeper.domain.ownership import another_moved, left_behind
from natkeeper.domain.refusals import Deed
from natkeeper.domain.signals import Pause, Resume
from natkeeper.domain.world import RouteView, World, belongs, memory_in

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route

VERIFY_FOR = timedelta(seconds=120)
"""How long after a move later runs look again whether it works: covers a run that died before it could look."""


_HA_VIP = (
    "which moves between instances by itself, so natkeeper leaves it alone: point the route to a gateway to have it "
    "guarded, or take it out of the configuration"
)


def decide(world: World, policy: Group, now: datetime) -> Decision:
    """Decide about every route of the group and about its EIP.

    Never raises and never reads a clock; `now` is passed in. The decision is settled when nothing is left to do.
    """
    world = with_marks(world, now)
    found = tuple(_step(route, world, policy, now) for route in policy.routes)
    planned = {step.route: step.to for step in found if backoff.is_planned(step, world, policy, now)}
    found = tuple(backoff.unless_put_off(step, world, now) if step.route in planned else step for step in found)
    steps = tuple(coupling.unless_refused(step, world) for step in found)
    steps = coupling.reunited(steps, world, policy, now)
    address = eip.decide_eip(world, policy, steps, now)
    return Decision(world.group, coupling.after_eip(steps, address, world, policy), address, tuple(planned.items()))


def _step(route: Route, world: World, policy: Group, now: datetime) -> Step:
    view = world.routes[route]
    if isinstance(view, Unseen):
        return Hold(route, f"the route table cannot be read: {view.reason}")
    here = RouteContext(route, world, policy, now, view.remembered)
    wish = world.so_far.wish
    if isinstance(wish, (Pause, Resume)):
        return _set_pause(here, view, wish)
    paused = world.paused_until(now)
    if paused is not None and not _overrides_pause(here, view):
        return _paused(here, view, paused)
    if view.bridge:
        return bridge.finish(here, view)
    if view.whole is None:
        return _missing(here)
    return _whole(here, view.whole)


def _whole(here: RouteContext, entry: RouteEntry) -> Step:
    """Decide about a route whose entry is there."""
    at_work = bridge.busy(here.route, entry)
    if at_work is not None:
        return at_work
    hop = entry.next_hop
    if here.wants_other_than(hop):
        return _switch(here, entry)
    if hop is not None and left_behind(entry, here.policy) in here.world.former:
        return _replaced(here, entry, hop)
    if hop is not None and hop.kind is HopKind.HA_VIP:
        return Leave(here.route, f"the route goes to the HaVip {hop}, {_HA_VIP}")
    if hop is None or not belongs(hop, here.policy):
        return Leave(here.route, f"the route goes to {_named(hop)}, which someone else set: natkeeper leaves it")
    stranded = here.world.eip_refused(hop)
    if stranded is not None:
        return _unless_alike(here, _leave_dead(here, entry, hop, Unhealthy(stranded)), hop, stranded)
    astray = here.world.astray(hop, here.policy)
    if astray is not None and isinstance(here.world.egress(hop), EgressLost) and here.world.own_address(hop) is None:
        blameless = replace(here, world=without_checks(here.world, hop))  # the gateway itself did not fail
        return _leave_dead(blameless, entry, hop, Unhealthy(astray))
    if _needs_check(here, hop):
        return Verify(here.route, hop, f"seeing whether the internet is reached through {hop}")
    health = here.world.health(hop, here.policy)
    if isinstance(health, Unknown):
        return Hold(here.route, f"{hop} cannot be seen, which moves nothing: {health.reason}")
    if isinstance(health, Unhealthy):
        return _leave_dead(here, entry, hop, health)
    if isinstance(health, Draining):
        return _leave_draining(here, entry, hop, health)
    return _planned(here, entry, hop)


def _named(hop: NextHop | None) -> str:
    return "several next hops" if hop is None else str(hop)


# ---- a person's wish -------------------------------------------------------------------------------------


def _set_pause(here: RouteContext, view: RouteView, wish: Pause | Resume) -> Step:
    """Write a pause, or its end, into every entry of the route: whichever of them is read last says the same."""
    if not view.entries:
        others = (v for v in here.world.routes.values() if isinstance(v, RouteView) and v.carries is not None)
        if isinstance(wish, Resume) or any(others):
            return Keep(here.route, "the route entry does not exist, so it remembers no pause")
        return Refuse(here.route, "the route entry does not exist, so a pause cannot be remembered in it")
    first = view.entries[0]
    hop = first.next_hop
    if not _can_remember(here, view):
        foreign = f"the route goes to {_named(hop)}, which natkeeper does not manage and leaves alone"
        if any(isinstance(v, RouteView) and _can_remember(here, v) for v in here.world.routes.values()):
            return Leave(here.route, foreign)
        what = "not paused" if isinstance(wish, Pause) else "there is no pause to end"
        return Refuse(here.route, f"{what}: {foreign}, so no entry can remember a pause")
    until, reason = None, "resumed by a person"
    if isinstance(wish, Pause):
        until = here.world.at + wish.length
        reason = f"paused until {until:%Y-%m-%d %H:%M} UTC by a person: {wish.why}"
    for entry in view.entries:
        memory = memory_in(entry)
        if not _same_pause(memory.paused_until, until):
            about: Noted = "resumed" if until is None else "paused"
            step = Note(here.route, entry.destination, reason, replace(memory, paused_until=until), about)
            return bridge.busy(here.route, entry) or step
    noted = memory_in(first).paused_until
    return Keep(here.route, "not paused" if noted is None else f"paused until {noted:%Y-%m-%d %H:%M} UTC", hop)


def _can_remember(here: RouteContext, view: RouteView) -> bool:
    """Return True if the route's entry is natkeeper's to write: it leads to a next hop of the group, or was written."""
    if not view.entries:
        return False
    hop = view.entries[0].next_hop
    return (hop is not None and belongs(hop, here.policy)) or is_ours(view.entries[0].description)


def _same_pause(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < timedelta(seconds=60)


def _overrides_pause(here: RouteContext, view: RouteView) -> bool:
    """Return True if a person's forced switch is to be carried out, or finished, although the group is paused."""
    if here.switch is None or not here.switch.force:
        return False
    return here.moved or here.wants_other_than(view.carries)


def _paused(here: RouteContext, view: RouteView, until: datetime) -> Step:
    said = f"paused until {until:%Y-%m-%d %H:%M} UTC"
    if here.wants_other_than(view.carries):
        return Refuse(here.route, f"{said}; resume first, or switch with --force")
    hop = None if view.whole is None or view.bridge else view.whole.next_hop
    if hop is None or hop.id not in here.world.so_far.to_check or not here.policy.checked_by_probe(here.route):
        return Keep(here.route, said)
    if belongs(hop, here.policy) and here.world.egress(hop) is None:  # to look is no act
        return Verify(here.route, hop, f"{said}; seeing whether the internet is reached through {hop}")
    return Keep(here.route, said)


def _switch(here: RouteContext, entry: RouteEntry | None) -> Step:
    """Carry out a person's switch, or refuse it and say what would be accepted."""
    wish = here.switch
    assert wish is not None  # noqa: S101  asked only where there is a wish
    hop = None if entry is None else entry.next_hop
    ours = entry is None or (hop is not None and belongs(hop, here.policy)) or left_behind(entry, here.policy)
    if not ours and not wish.force:
        return Refuse(here.route, f"the route goes to {_named(hop)}, which someone else set; --force takes it over")
    if wish.to is None:
        choice = selection.standby(here, hop)
        if isinstance(choice, str):
            marked = next(selection.only_marked(here, hop), None)
            force = f"natkeeper switch {here.policy.name} --to {marked} --force"
            hint = f"; to try it all the same: {force}" if marked is not None else ""
            return Refuse(here.route, f"there is no standby to switch to: {choice}{hint}")
        return _move(here, entry, choice, f"a person asked for the best standby, {choice}", by="person")
    to = NextHop(HopKind.INSTANCE if wish.to.startswith("i-") else HopKind.NAT_GATEWAY, wish.to)
    if not belongs(to, here.policy):
        known = [*here.policy.gateways, *([here.policy.fallback] if here.policy.fallback else [])]
        return Refuse(here.route, f"{to} is not of this group; switch to one of {', '.join(known)}")
    problem = here.ineligible(to)
    if problem is not None and not wish.force:
        tried = here.world.refused(to, here.route.table) is not None  # force does not change the platform's answer
        return Refuse(here.route, f"{to} {problem}" + ("" if tried else "; --force switches all the same"))
    insisted = f", although it {problem}" if problem else ""
    return _move(here, entry, to, f"a person asked for {to}{insisted}", by="person")


# ---- seeing that it works --------------------------------------------------------------------------------


def _needs_check(here: RouteContext, hop: NextHop) -> bool:
    """Return True if egress through `hop` is still to be seen: after a fresh move, or against a mark."""
    if here.world.egress(hop) is not None:
        return False
    hidden = here.world.hides_address(hop, here.policy)
    health = without_mark(here.world, hop).health(hop, here.policy, address=not hidden)
    if not isinstance(health, (Healthy, Draining)):
        return False
    if hidden or here.world.astray(hop, here.policy) is not None:
        return True  # ECS shows no EIP of a second interface, so a missing address is only a reason to look
    if here.world.lost(hop) is not None and here.policy.checked_by_probe(here.route):
        return True  # the proof behind the gateway failed: what the probe sees through this very table weighs more
    fresh = here.memory.since is not None and here.now - here.memory.since < VERIFY_FOR
    if fresh or here.moved:
        return True
    if here.world.lost(hop) is not None:
        return False  # a check on the gateway itself is weaker than its failed proof
    return here.world.open_mark(hop) is not None or hop.id in here.world.so_far.to_check


# ---- leaving a gateway -----------------------------------------------------------------------------------


def _leave_dead(here: RouteContext, entry: RouteEntry, hop: NextHop, health: Unhealthy) -> Step:
    """Leave a next hop that is known to be bad, at once, for the best there is (rule 2)."""
    lost = here.world.lost(hop) is not None and not selection.certainly_dead(here, hop)
    if lost and isinstance(here.world.internet, EgressLost):
        return Hold(
            here.route, f"{hop} {health.reason}, and the internet does not answer FC either: moving does not help"
        )
    if here.switch is not None and here.switch.force and here.switch.to == hop.id and here.moved:
        return Hold(here.route, f"{hop} {health.reason}; a person insisted on it, pause the group to keep it there")
    choice = selection.best(here, hop)
    until = backoff.waits(here, hop, choice) if lost and isinstance(choice, NextHop) else None
    if until is not None:
        return Hold(
            here.route, f"{hop} {health.reason}; every way failed alike, next try at {until:%Y-%m-%d %H:%M} UTC"
        )
    around = bridge.around(here, hop, choice, f"{hop} {health.reason}")
    if around is not None:
        return around
    if isinstance(choice, NextHop):
        return _move(here, entry, choice, f"{hop} {health.reason}")
    alike = lost and selection.all_fail_alike(here, hop)
    noted = note_lost(here, entry, hop, alike=alike)
    if noted is not None:
        return noted
    if alike:
        if isinstance(here.world.internet, EgressSeen):
            return Hold(here.route, f"all paths fail the same way, although the internet answers FC: {choice}")
        return Hold(here.route, f"all paths fail the same way, so the internet itself is down: {choice}")
    return Hold(here.route, f"{hop} {health.reason}, and nothing better is there: {choice}")


def _unless_alike(here: RouteContext, step: Step, hop: NextHop, stranded: str) -> Step:
    """Stay where the EIP cannot be bound to what a move would lead to either: it is tried at one gateway then."""
    lately = here.world.so_far.refused_lately
    if isinstance(step, Move) and any(each.deed is Deed.GIVE and each.hop == step.to.id for each in lately):
        return Hold(here.route, f"{hop} {stranded}, and {step.to} could not have it a few minutes ago either")
    return step


def _leave_draining(here: RouteContext, entry: RouteEntry, hop: NextHop, health: Draining) -> Step:
    """Leave a next hop that still works before it goes; the fallback only at the last moment."""
    last_moment = health.until is None or health.until - here.now <= backoff.LAST_MOMENT
    choice = selection.better(here, hop, health, last_moment=last_moment)
    if isinstance(choice, NextHop):
        until = health.until
        window = "" if until is None else here.waits_for_window(until - backoff.LAST_MOMENT)
        if window:
            waits = f"{hop} {health.reason} at {until:%Y-%m-%d %H:%M} UTC: the move to {choice} {window}"
            return note(here, entry, hop) or Keep(here.route, f"{hop} carries it; {waits}", hop, waits)
        return _move(here, entry, choice, f"{hop} {health.reason}")
    return Hold(here.route, f"{hop} {health.reason}, and nothing better is there: {choice}", soon=last_moment)


def _replaced(here: RouteContext, entry: RouteEntry, hop: NextHop) -> Step:
    """Leave a gateway that natkeeper led the route to and that the configuration no longer has.

    One that works stays where another natkeeper, which has it, led the route there: two would never come to rest.
    """
    tag = here.policy.tag
    why = f"has lost the tag {tag}" if tag else "was replaced in the configuration"
    replaced = f"{hop} {why}"
    if hop.id in here.world.so_far.to_check and here.world.egress(hop) is None:
        return Verify(here.route, hop, f"{replaced}; seeing whether the internet is reached through it")
    health = here.world.health(hop, here.policy)
    if isinstance(health, Unknown):
        return Hold(here.route, f"{replaced}, and it cannot be seen, which moves nothing: {health.reason}")
    if isinstance(health, Unhealthy):
        return _leave_dead(here, entry, hop, Unhealthy(f"{why}, and it {health.reason}"))
    if another := another_moved(here):
        return Leave(here.route, f"the route goes to {hop}: {another}; give both the same gateways in the same order")
    choice = selection.planned(here, selection.standby(here, None))
    if isinstance(choice, str):
        return Hold(here.route, f"{replaced}, and nothing better is there: {choice}")
    if isinstance(health, Healthy) and (window := here.waits_for_window()):
        waits = f"{replaced}: the move to {choice} {window}"
        return Keep(here.route, waits, hop, waits)
    return _move(here, entry, choice, replaced)


# ---- planned moves ---------------------------------------------------------------------------------------


def _planned(here: RouteContext, entry: RouteEntry, hop: NextHop) -> Step:
    """Look after a route on a healthy next hop: return home when that is due, keep the memory true."""
    back, another, waits = _return(here, hop), another_moved(here), ""
    lossy = selection.less_lossy(here, hop)
    if lossy is not None and not another:
        return marked(here, _move(here, entry, lossy.to, lossy.reason), hop)
    if isinstance(back, NextHop) and not another:
        window = here.waits_for_window()
        if not window:
            return _move(here, entry, back, f"{back} has been healthy again for long enough")
        back = waits = f"the return to {back} {window}"
    noted = note(here, entry, hop)
    if noted is not None:
        return noted
    if isinstance(back, NextHop):
        return Hold(
            here.route,
            f"{hop} carries it, and the return to {back} is due, but {another}: it is not undone. Give both the same "
            f"gateways in the same order, or let one go; then natkeeper switch {here.policy.name} --to {back}",
        )
    unreadable = isinstance(decode(entry.description), Unreadable)
    asides = [back, "what the entry remembers cannot be read" if unreadable else ""]
    return Keep(here.route, "; ".join([f"{hop} carries it", *filter(None, asides)]), hop, waits)


def _return(here: RouteContext, hop: NextHop) -> NextHop | str:
    """Say where a planned return leads now, or why there is none (empty when the route is at home)."""
    home = NextHop.gateway(here.policy.home(here.route))
    if hop == home:
        return ""
    if here.memory.since is None or here.memory.by == "person":
        return "a person put it there"
    if hop.kind is HopKind.NAT_GATEWAY:
        choice = selection.planned(here, selection.standby(here, hop))
        if isinstance(choice, str):
            return f"no gateway to return to: {choice}"
        return _when_proven(here, choice, here.policy.hold_down)
    if math.isinf(here.policy.failback):
        return f"the return to {home} waits for a person"
    problem = here.ineligible(home) or selection.hidden(here, home)
    if problem is not None:
        return f"{home} {problem}"
    return _when_proven(here, home, max(here.policy.failback, here.policy.hold_down))


def _when_proven(here: RouteContext, to: NextHop, after_s: float) -> NextHop | str:
    """Return `to` when it has been well for `after_s` seconds since the last move and its last start."""
    open_mark = here.world.open_mark(to)
    if open_mark is not None:
        return f"the return to {to} waits until it is seen to work; at {open_mark:%Y-%m-%d %H:%M} UTC it did not"
    instance = here.world.gateways[InstanceId(to.id)].instance
    started = instance.started if isinstance(instance, Instance) else None
    since = max(moment for moment in (here.memory.since, started) if moment is not None)
    if (here.now - since).total_seconds() >= after_s:
        return to
    return f"the return to {to} waits until it has been healthy for {after_s:g} s"


# ---- writing ---------------------------------------------------------------------------------------------


def _missing(here: RouteContext) -> Step:
    """Create a route entry that is not there; only a missing one is ever created (rule 1)."""
    if here.policy.finds_routes:
        return Keep(here.route, "the route entry is gone, and where routes are found none is created")
    if here.wants_other_than(None):
        return _switch(here, None)
    choice = selection.best(here, None)
    if isinstance(choice, str):
        return Hold(here.route, f"the route entry is missing, and no next hop is fit for it: {choice}")
    return _move(here, None, choice, "the route entry was missing")


def _move(here: RouteContext, entry: RouteEntry | None, to: NextHop, why: str, by: str = "auto") -> Step:
    """Create what is missing, or move in place, or by a bridge where the platform has refused that."""
    memory = remember(here, to, by)
    if entry is None:
        return Create(here.route, to, why, memory)
    if here.route in here.world.so_far.not_in_place:
        view = here.world.routes[here.route]
        assert isinstance(view, RouteView)  # noqa: S101  its entry was seen
        return bridge.begin(here, view, to, why, memory)
    return Move(here.route, to, why, memory, entry.next_hop)
