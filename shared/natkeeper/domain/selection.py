"""Which next hop is best for a route now: the order in which natkeeper wants them, and why the others will not do."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.eip import stuck_on
from natkeeper.domain.evidence import carrying
from natkeeper.domain.health import Draining, Healthy, Unhealthy, did_not_work
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.marks import without_checks, without_mark
from natkeeper.domain.observed import Eip, Instance, NextHop, PowerState, Unseen
from natkeeper.domain.world import hops_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from natkeeper.domain.config import Group
    from natkeeper.domain.context import RouteContext
    from natkeeper.domain.world import LossyHop, World

MUCH_LATER = timedelta(minutes=30)
"""By how much a draining gateway must outlast what is left for it to be worth a move."""

PROVEN_WITHIN = timedelta(minutes=4)
"""For how long a cold standby that natkeeper started has to show that it forwards before it replaces a next hop that
runs. After that a try is better than waiting."""

LOSSY_AGAIN = timedelta(hours=1)
"""How long after a move, whatever it was for, a route is not moved for a loss: it may be everywhere."""
TRY_AGAIN = timedelta(minutes=10)
"""How long after it was seen to be bad a next hop is tried again by a route that leads nowhere anyway."""
CARRIED = timedelta(minutes=1)
"""How long a next hop must carry a route before its failure counts as separate from that of the hop before it."""


def best(here: RouteContext, leaving: NextHop | None) -> NextHop | str:
    """Choose where to go at once from a next hop that is dead or missing, or say why there is nowhere.

    Healthy gateways in the route's order, draining ones that have long to go, the fallback, and then draining ones
    that are about to go. Where what we leave is certainly dead, even what may not work is no worse: last of all a
    gateway that runs and is only marked, not ready, or seen to fail. Where it only lost the internet, a mark of some
    age is no worse. Where nothing else is left, a fallback that cannot be read is no worse either. Where the platform
    does not let the EIP go, no gateway works but the one that has it.
    """
    stuck = stuck_on(here.world)
    if stuck is not None and leaving == stuck and not certainly_dead(here, leaving):
        return _try_next(here, _fallback(here, leaving)) or f"the platform does not let the EIP go from {stuck}"
    lasting = (hop for hop in _draining(here, leaving) if _outlasts(here, hop, None))
    dead = certainly_dead(here, leaving)
    hopes = [*(_last_hopes(here, leaving) if dead else _second_tries(here, leaving))]
    if dead and leaving is not None:  # an entry that is missing is made for what works
        hopes += _last_hopes(here, leaving, without_checks)
    first = [*_fit(here, leaving), *lasting, *_former_holder(here, leaving)]
    tiers = (first, _fallback(here, leaving), [*_draining(here, leaving), *hopes])
    holder = [hop for hop in _last_hopes(here, leaving) if hop == stuck]
    return _first(here, leaving, *tiers, holder, _unread_fallback(here, leaving))


def _former_holder(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List the gateway that the group no longer has, where it works and its EIP cannot be brought to `leaving`."""
    eip = here.world.eip
    in_place = here.route not in here.world.so_far.not_in_place  # a bridge back would be taken for someone else's
    if not isinstance(eip, Eip) or leaving is None or not in_place or here.world.eip_refused(leaving) is None:
        return
    for gateway in here.world.former & {eip.holder}:
        hop = NextHop.gateway(gateway)
        if hop != leaving and isinstance(here.world.health(hop, here.policy), (Healthy, Draining)):
            yield hop


def better(here: RouteContext, leaving: NextHop, drains: Draining, *, last_moment: bool) -> NextHop | str:
    """Choose where to go from a next hop that still works and drains, or say why it is better to stay.

    What works now is not left for what was once seen not to work.
    """
    lasting = (hop for hop in _draining(here, leaving) if _outlasts(here, hop, drains))
    tiers = ([*_fit(here, leaving), *lasting], _fallback(here, leaving) if last_moment else [])
    choice = _first(here, leaving, *([hop for hop in tier if here.world.open_mark(hop) is None] for tier in tiers))
    return choice if last_moment else planned(here, choice)


def planned(here: RouteContext, choice: NextHop | str) -> NextHop | str:
    """Return a choice of which enough can be seen for a move that nothing forces, or say that it is too little."""
    hides = None if isinstance(choice, str) else hidden(here, choice)
    return choice if hides is None else f"{choice} {hides}"


def hidden(here: RouteContext, hop: NextHop) -> str | None:
    """Say that too little can be seen of a gateway for a move that nothing forces; None if all of it can."""
    if _only_runs(here, hop):
        return "shows no more than that it runs, and nothing forces a move there"
    bare = here.world.hides_address(hop, here.policy)
    return "shows no public address, and nothing forces a move there" if bare else None


def standby(here: RouteContext, leaving: NextHop | None) -> NextHop | str:
    """Choose where to go when nothing forces a move: an eligible gateway, or say why there is none."""
    choice = _try_next(here, [*_fit(here, leaving)])
    return choice or _why_none(here, [*_gateways(here, leaving)])


def less_lossy(here: RouteContext, hop: NextHop) -> LossyHop | None:
    """Return the standby that loses much less than `hop`, for which the route leaves it once an hour at most."""
    lossy, since = here.world.so_far.lossy, here.memory.since
    if lossy is None or lossy.hop != hop or here.ineligible(lossy.to) is not None:
        return None
    return None if since is not None and here.now - since < LOSSY_AGAIN else lossy


def standbys(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the next hops that carry nothing and could take a route now, in order of preference."""
    active = carrying(world, policy)
    return tuple(hop for hop in hops_of(policy) if hop not in active and world.ineligible(hop, policy) is None)


def each_other(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the next hops that carry routes and could take those of another one; one alone has no other."""
    fit = tuple(hop for hop in carrying(world, policy) if world.ineligible(hop, policy) is None)
    return fit if len(fit) > 1 else ()


def only_marked(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List the gateways against which nothing speaks but that they were seen to fail a while ago."""
    for hop in _gateways(here, leaving):
        if here.world.open_mark(hop) and without_mark(here.world, hop).ineligible(hop, here.policy) is None:
            yield hop


def cold_standbys(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the stopped gateways that natkeeper could start, in order of preference."""
    if policy.standby != "cold":
        return ()
    sights = ((gateway, world.gateways[gateway].instance) for gateway in policy.gateways)
    stopped = [g for g, i in sights if isinstance(i, Instance) and i.status is PowerState.STOPPED and not i.locks]
    return tuple(map(NextHop.gateway, stopped))


def held_back(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the gateways against which nothing speaks but a mark that a setup since has not taken away."""
    active = carrying(world, policy)
    held = (NextHop.gateway(gateway) for gateway, sight in world.gateways.items() if sight.held_until is not None)
    return tuple(hop for hop in held if hop not in active and without_mark(world, hop).ineligible(hop, policy) is None)


def left_of(world: World, policy: Group, *, dark: bool = False) -> str:
    """Say how many failures can still be survived, and by which next hops; `dark`: one has not been survived."""
    left, stopped, others = standbys(world, policy), cold_standbys(world, policy), each_other(world, policy)
    if others and not (left or stopped):
        return f"no gateway is idle: {', '.join(map(str, others))} take over from each other"
    return left_words(left, stopped, held_back(world, policy), dark=dark)


def left_words(
    left: tuple[NextHop, ...], stopped: tuple[NextHop, ...] = (), held: tuple[NextHop, ...] = (), *, dark: bool = False
) -> str:
    """Say which standbys are left: those that could take a route now, those to be started, those held back."""
    if stopped:
        cold = f"{', '.join(map(str, stopped))} {'is' if len(stopped) == 1 else 'are'} stopped and would be started"
        return f"standbys left: {', '.join(map(str, left))}; {cold}" if left else cold
    if not left and held:
        taken = f"which {'is' if len(held) == 1 else 'are'} taken where nothing else works"
        return f"no standby is left but {', '.join(map(str, held))}, {taken}"
    if not left:
        return "no standby is left" if dark else "no standby is left: the next failure is an outage"
    names = ", ".join(map(str, left))
    return f"{names} is the only standby left" if len(left) == 1 else f"standbys left: {names}"


def _first(here: RouteContext, leaving: NextHop | None, *tiers: list[NextHop]) -> NextHop | str:
    """Choose from the first tier that is not empty: a gateway that merely has to wait keeps the fallback away."""
    tier = next((tier for tier in tiers if tier), [])
    choice = _try_next(here, tier)
    return choice or _why_none(here, [*_gateways(here, leaving), *_fallbacks(here, leaving)])


def _try_next(here: RouteContext, tier: list[NextHop]) -> NextHop | None:
    """Choose whom the platform has not put off yet; when it has put off everybody, the order of preference holds."""
    put_off = {hop.id: here.waits_for(hop) for hop in tier}
    free = (hop for hop in tier if put_off[hop.id] is None)
    again = (hop for hop in tier if (refusal := put_off[hop.id]) is not None and not refusal.over)
    return next(chain(free, again), None)


def _why_none(here: RouteContext, hops: list[NextHop]) -> str:
    """Say of every one of `hops` why it will not do."""
    return ", ".join(f"{hop} {_problem(here, hop)}" for hop in hops) or "the group has no other gateway"


def _problem(here: RouteContext, hop: NextHop) -> str:
    open_mark, problem, put_off = here.world.open_mark(hop), here.ineligible(hop), here.waits_for(hop)
    if problem is None and _warms_up(here, hop):
        return f"was started at {here.world.woken[hop.id]:%H:%M:%S} UTC and is not set up and proven yet"
    if problem is None and put_off is not None:
        return f"did not get the route: {put_off.reason}"
    return problem or (did_not_work(open_mark) if open_mark is not None else "waits for the last moment")


def _gateways(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    return (hop for hop in map(NextHop.gateway, here.policy.order(here.route)) if hop != leaving)


def _fallbacks(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    fallback = here.policy.fallback
    return (hop for hop in map(NextHop.nat_gateway, [fallback] if fallback else []) if hop != leaving)


def _fit(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List the gateways that may take the route: proven ones first, then those that nothing proves or disproves.

    Last of all come those of which nothing shows a public address, or only that they run, and those that the platform
    refused a moment ago: a run that has time for one try makes it with another one. Where the entry is missing, the
    gateway that has the EIP comes first: an EIP takes much longer to follow than an entry to be created.
    """
    fit = [hop for hop in _gateways(here, leaving) if here.ineligible(hop) is None]
    if here.world.woken and not certainly_dead(here, leaving):
        fit = [hop for hop in fit if not _warms_up(here, hop)]
    address, proof = here.world.hides_address, here.world.unproven
    refused = (each for each in here.world.so_far.refused_lately if each.table in (None, here.route.table))
    late = {refusal.hop for refusal in refused if not refusal.passing}
    eip = here.world.eip
    holder = eip.holder if leaving is None and isinstance(eip, Eip) else None

    def rank(hop: NextHop) -> tuple[object, ...]:
        return hop.id in late, hop.id != holder, _only_runs(here, hop), address(hop, here.policy), proof(hop)

    return iter(sorted(fit, key=rank))


def _only_runs(here: RouteContext, hop: NextHop) -> bool:
    """Return True if nothing more than its power state can be read of a gateway."""
    sight = here.world.gateways.get(InstanceId(hop.id))
    return sight is not None and isinstance(sight.instance, Instance) and bool(sight.instance.unread)


def _warms_up(here: RouteContext, hop: NextHop) -> bool:
    """Return True if natkeeper started `hop` a moment ago, and no setup has shown since that it forwards."""
    woken = here.world.woken.get(hop.id)
    if woken is None or here.policy.setup.mode == "off" or here.now - woken >= PROVEN_WITHIN:
        return False
    sight = here.world.gateways[InstanceId(hop.id)]
    set_up = sight.ready_at is not None and sight.ready_at > woken
    return not (set_up and isinstance(sight.proof, EgressSeen))


def _fallback(here: RouteContext, leaving: NextHop | None) -> list[NextHop]:
    return [hop for hop in _fallbacks(here, leaving) if here.ineligible(hop) is None]


def _unread_fallback(here: RouteContext, leaving: NextHop | None) -> list[NextHop]:
    """List the fallback where only the reading of it failed: the platform itself refuses one that is not there."""
    if not isinstance(here.world.fallback, Unseen):
        return []
    return [hop for hop in _fallbacks(here, leaving) if here.world.refused(hop, here.route.table) is None]


def _draining(here: RouteContext, leaving: NextHop | None) -> list[NextHop]:
    """List the draining gateways against which nothing else speaks, the longest-lived first."""
    hops = [hop for hop in _gateways(here, leaving) if here.unfit(hop) is None]
    draining = [hop for hop in hops if isinstance(here.world.health(hop, here.policy), Draining)]
    return sorted(draining, key=lambda hop: _lasts_until(here, hop), reverse=True)


def _outlasts(here: RouteContext, hop: NextHop, drains: Draining | None) -> bool:
    """Return True if a draining standby has long enough to go to be worth a move."""
    left = here.now if drains is None or drains.until is None else drains.until
    return _lasts_until(here, hop) - left.timestamp() >= MUCH_LATER.total_seconds()


def _lasts_until(here: RouteContext, hop: NextHop) -> float:
    health = here.world.health(hop, here.policy)
    return health.until.timestamp() if isinstance(health, Draining) and health.until is not None else 0.0


def certainly_dead(here: RouteContext, leaving: NextHop | None) -> bool:
    """Return True if what we leave is missing, or dead by what ECS says and not only by what was seen of its egress."""
    if leaving is None:
        return True
    return isinstance(without_checks(here.world, leaving).health(leaving, here.policy), Unhealthy)


def _last_hopes(
    here: RouteContext, leaving: NextHop | None, imagine: Callable[[World, NextHop], World] = without_mark
) -> Iterator[NextHop]:
    """List next hops that run and that nothing of this very run speaks against.

    With `without_checks`, nothing but a look: a witness may be wrong where ECS is not.
    """
    for hop in (*_gateways(here, leaving), *_fallbacks(here, leaving)):
        health = imagine(here.world, hop).health(hop, here.policy)
        if not isinstance(health, (Healthy, Draining)) or here.world.refused(hop, here.route.table) is not None:
            continue
        if here.world.eip_refused(hop) is None and here.world.astray(hop, here.policy) is None:
            yield hop


def _second_tries(here: RouteContext, leaving: NextHop | None) -> Iterator[NextHop]:
    """List next hops that failed a while ago: worth a try where what we leave fails now, and the internet does not."""
    lost = leaving is not None and isinstance(here.world.egress(leaving), EgressLost)
    if not lost or not isinstance(here.world.internet, EgressSeen):
        return
    for hop in _last_hopes(here, leaving):
        open_mark = here.world.open_mark(hop)
        again = CARRIED if has_carried(here, leaving) else TRY_AGAIN
        if here.unfit(hop) is None and open_mark is not None and here.now - open_mark >= again:
            yield hop


def has_carried(here: RouteContext, hop: NextHop | None) -> bool:
    """Return True if `hop` carried the route for a while before it was seen to fail.

    Then the failure of the gateway before it is a separate one: a broken probe, or an internet that is down, shows
    within seconds of a move.
    """
    since = here.memory.since
    if hop is None or since is None:
        return False
    mark = here.world.open_mark(hop)
    began = here.now if mark is None or mark < since else mark
    return began - since >= CARRIED


def all_fail_alike(here: RouteContext, hop: NextHop) -> bool:
    """Return True if every other gateway that runs, and there is one, was seen to have lost the internet as well.

    A failure from before `hop` carried the route for a while is a separate one, and says nothing about now.
    """
    carried = has_carried(here, hop)
    others = [sight for gateway, sight in here.world.gateways.items() if gateway != hop.id]
    running = [s for s in others if isinstance(s.instance, Instance) and s.instance.status is PowerState.RUNNING]
    lost = (isinstance(s.egress, EgressLost) or (s.fresh_mark is not None and not carried) for s in running)
    return bool(running) and all(lost)
