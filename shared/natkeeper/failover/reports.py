"""The probe's reports: what one says of the gateway that carries its route, and letting the watch go on after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import Egress, EgressLost
from natkeeper.domain.health import Unhealthy
from natkeeper.domain.observed import EntryStatus, Unseen
from natkeeper.domain.probe_report import PROMPT, judge_report, watched, worth_a_check
from natkeeper.domain.world import RouteView, World, belongs, leads_elsewhere
from natkeeper.ports import CheckThroughProbe, Failure, HandOver, Run, ask

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.observed import NextHop
    from natkeeper.domain.signals import ProbeReport
    from natkeeper.failover.seen import Seen
    from natkeeper.failover.summary import GroupSummary


MOVED_LATELY = timedelta(minutes=10)
"""How long after a move a report makes natkeeper check first: if reports and checks disagree, each one would move."""


def apply_report(
    world: World, policy: Group, report: ProbeReport, seen: Seen, account: GroupSummary, now: datetime
) -> tuple[World, ProbeReport | None]:
    """Take the probe's report for what it is: something seen, at a time, through the route as it was then.

    It is judged once, by the first world that shows what it is about: what is mended later proves nothing any more. An
    old report makes us look, nothing else: the EIP may have arrived since. The report is given back while it cannot be
    judged.
    """
    if seen.egress or world.so_far.moved:
        return world, None
    route = watched(policy, report.function)
    if isinstance(world.routes[route], Unseen) or isinstance(world.eip, Unseen):
        return world, report
    belief = judge_report(world, policy, report, now)
    if isinstance(belief, str):
        account.problems.append(belief)
        suspected = worth_a_check(world, policy, report)
        return (_lost_beyond(world, policy, route, now) if suspected is None else _check_first(world, suspected)), None
    hop, lost = belief
    checked = report.lasted or timedelta(seconds=policy.probe.check_s * report.failures)
    if (
        _moved_wordlessly(world, policy, watched(policy, report.function), hop)
        or not -PROMPT <= account.began - report.since <= checked + PROMPT  # slow reads make it no older
        or world.so_far.doubted
        or _moved_lately(world, route, now)
    ):
        seen.reported[hop.id] = lost
        return _check_first(world, hop), None
    seen.egress[hop.id] = lost
    return _with_egress(world, policy, hop, lost), None


def _moved_lately(world: World, route: Route, now: datetime) -> bool:
    """Return True if `route` was moved a few minutes ago: a report that led there may have been wrong already."""
    view = world.routes[route]
    since = view.remembered.since if isinstance(view, RouteView) else None
    return since is not None and now - since < MOVED_LATELY


def _moved_wordlessly(world: World, policy: Group, route: Route, hop: NextHop) -> bool:
    """Return True if `route` left its home and nothing says when: the report may be about the hop before."""
    view = world.routes[route]
    away = hop.id != policy.home(route)
    return away and isinstance(view, RouteView) and view.remembered.since is None


def _check_first(world: World, hop: NextHop) -> World:
    return replace(world, so_far=replace(world.so_far, to_check=frozenset({hop.id})))


def _lost_beyond(world: World, policy: Group, route: Route, now: datetime) -> World:
    """Keep a loss that speaks against no next hop of the group: private hosts are dark even so."""
    view = world.routes[route]
    if not isinstance(view, RouteView) or view.whole is None:
        return world
    if view.whole.status is EntryStatus.AVAILABLE and not leads_elsewhere(view, policy):
        return world
    return _with_beyond(world, route, EgressLost(now, "the probe lost the internet"))


def _with_beyond(world: World, route: Route, found: Egress | Unseen) -> World:
    return replace(world, so_far=replace(world.so_far, beyond={**world.so_far.beyond, route: found}))


def check_beyond(world: World, policy: Group) -> Run[World]:
    """Have the probes check routes that lead to someone else's next hop, all at once."""
    elsewhere = (
        r for r, view in world.routes.items() if r not in world.so_far.beyond and leads_elsewhere(view, policy)
    )
    probes = {route: probe for route in elsewhere if (probe := policy.probe_of(route)) is not None}
    answers = (yield tuple(map(CheckThroughProbe, probes.values()))) if probes else ()
    for route, answer in zip(probes, answers, strict=True):
        found = Unseen(f"the probe could not be asked: {answer}") if isinstance(answer, Failure) else answer
        world = _with_beyond(world, route, found)
    return world


def _with_egress(world: World, policy: Group, hop: NextHop, lost: EgressLost) -> World:
    if hop.id == policy.fallback:
        return replace(world, fallback_egress=lost)
    gateways = {g: replace(sight, egress=lost) if g == hop.id else sight for g, sight in world.gateways.items()}
    return replace(world, gateways=gateways)


def resume(function: str, report: ProbeReport, world: World, policy: Group, now: datetime) -> Run[None]:
    """Let the watch go on that ended with its report, unless it would end with another one at once.

    It would while the internet is lost, or what carries the route is dead.

    It goes on until it would have ended: each minute begins a watch of its own, and more of them than one would only
    stand in each other's way.
    """
    if report.until is not None and report.until <= now:
        return
    if leads_elsewhere(world.routes[watched(policy, report.function)], policy):
        return
    hops = (view.carries for view in world.routes.values() if isinstance(view, RouteView))
    ours = [hop for hop in hops if hop is not None and belongs(hop, policy)]
    lost = (
        isinstance(world.egress(hop), EgressLost) or isinstance(world.health(hop, policy), Unhealthy) for hop in ours
    )
    if not any(lost):
        until = "" if report.until is None else f',"until":{report.until.timestamp():.3f}'
        yield from ask(HandOver(function, f'{{"action":"watch"{until}}}'.encode()))
