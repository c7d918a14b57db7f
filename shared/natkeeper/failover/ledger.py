"""What a warm process knows of a group besides what the route entries say: its ledger.

A mark in an entry (letter `e`) carries the beginning of each episode, and whether people were told, over a cold start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import Egress, EgressLost
from natkeeper.domain.episodes import WITHIN, EpisodeKind, Trouble
from natkeeper.domain.evidence import carrying
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EipStatus, RouteEntry, Unseen
from natkeeper.domain.world import RouteView, SoFar, World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.discovery import Finding
    from natkeeper.domain.ids import GroupName, InstanceId
    from natkeeper.domain.observed import Instance
    from natkeeper.domain.refusals import PutOff, Refusal
    from natkeeper.domain.signals import LaneLook, LossyMinutes
    from natkeeper.failover.flapping import Flaps
    from natkeeper.receipt import Act

LOST_AFTER = timedelta(seconds=30)
"""When an invocation that was made and has not arrived is taken for lost: it queues behind others for some seconds."""
BUSY_FOR = timedelta(seconds=60)
"""How long runs write one route task at a time because the VPC took no second one: tasks take seconds."""
SLOW_FOR = timedelta(minutes=10)
"""How long tables count as slow after one took seconds to read."""
CLEARED_FOR = timedelta(minutes=30)
"""How long what another process writes of a trouble that is over is not undone again."""
REFUSED_FOR = timedelta(minutes=10)
"""How long what the platform refused is tried last: whatever keeps it from taking an instance passes."""
STUCK_AFTER = timedelta(seconds=55)
"""After how long an EIP on its way is not waited for any more: it takes 7 to 8 s, and sweeps come once a minute."""
ONE_OUTAGE = timedelta(minutes=10)
"""How long the internet may have been unseen between two looks that belong to one outage."""


@dataclass(slots=True)
class Rest:
    """What this process has handed on and not seen arrive: when, and of which groups, by VPC.

    `itself`: the name of this function, empty where it is not known; `denied`: it may not be invoked by itself.
    """

    itself: str = ""
    denied: bool = False
    pending: dict[str, tuple[datetime, set[GroupName]]] = field(default_factory=dict)

    def arrived(self, groups: Iterable[GroupName]) -> tuple[GroupName, ...]:
        """Return the groups that an invocation for `groups` goes on with: its own, and those added meanwhile."""
        found = set(groups)
        for vpc, (_, waiting) in list(self.pending.items()):
            if waiting & found:
                found |= waiting
                del self.pending[vpc]
        return tuple(sorted(found))


@dataclass(slots=True)
class Lasting:
    """A trouble that lasts: since when, when people were last told, and its end while that is still to be told."""

    trouble: Trouble
    since: datetime
    told: datetime | None = None
    ended: datetime | None = None
    counted: bool = False
    """Whether its beginning was counted, to notice that it comes and goes."""
    found: bool = False
    """Whether it was there already when this process first looked, so that it may have lasted for long."""
    written: bool = False
    """Whether an entry had its beginning: an earlier one that comes after it is another deployment's."""


@dataclass(slots=True)
class Ledger:
    """What this process knows of one group besides what its route entries say; empty when a process begins."""

    since: datetime | None = None
    """When this process first looked."""
    rest: Rest = field(default_factory=Rest)
    """What was handed on, of all groups."""
    did: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    """What runs did that handed on, to be told by the one that finishes: in words, and as data."""

    # ---- troubles
    lasting: dict[EpisodeKind, Lasting] = field(default_factory=dict)
    judged: set[EpisodeKind] = field(default_factory=set)
    """The kinds that it has looked for before."""
    begins: dict[EpisodeKind, tuple[datetime, ...]] = field(default_factory=dict)
    """When troubles of each kind began lately."""
    ended: dict[EpisodeKind, datetime] = field(default_factory=dict)
    """When people were last told that a trouble of each kind was over."""
    cleared: dict[EpisodeKind, datetime] = field(default_factory=dict)
    """When what entries say of such a trouble was last cleared away."""
    flaps: dict[EpisodeKind, Flaps] = field(default_factory=dict)
    """The kinds that come and go."""
    offline: tuple[datetime, datetime] | None = None
    """When the internet itself was first and last seen to be away, in its latest outage."""
    doubted: datetime | None = None
    """When a check last contradicted a report of the probe."""

    paused: dict[Route, datetime] = field(default_factory=dict)
    """Until when each route was paused, as it was last read."""
    on_its_way: tuple[EipStatus, InstanceId | None, datetime] | None = None
    """What the EIP is about, from or to which gateway, and when that was first seen."""

    # ---- what the platform refused
    refused: dict[Refusal, datetime] = field(default_factory=dict)
    put_off: dict[tuple[Route, str], PutOff] = field(default_factory=dict)
    """Planned moves that it refused."""
    busy: datetime | None = None
    """When a run last met with another task in the VPC."""
    slow: datetime | None = None
    """When a table, read by itself, last took so long that the answer was old when it came."""
    unwritable: set[str] = field(default_factory=set)
    """Tables whose entries refused a note."""
    unwritten: dict[Route, tuple[str, Memory]] = field(default_factory=dict)
    """What entries were to remember whose words it refused, each with the description that the entry had then."""

    # ---- gateways
    proven: set[str] = field(default_factory=set)
    """Setup scripts that some gateway, of whichever group, has proven."""
    last_fit: dict[str, datetime] = field(default_factory=dict)
    """When the latest setup run began that showed a gateway to be fit."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """When a loss that a probe saw last made a gateway report, by the probe's function."""
    woken: dict[str, datetime] = field(default_factory=dict)
    """Cold standbys that natkeeper started, and when."""
    unstarted: set[str] = field(default_factory=set)
    """Cold standbys whose start got no answer, and that nothing was started for since."""
    owners: dict[str, InstanceId] = field(default_factory=dict)
    """The gateway of each network interface, be it gone by now."""
    instances: dict[InstanceId, Instance] = field(default_factory=dict)
    """The gateways as DescribeInstances last showed them."""
    bared: dict[InstanceId, datetime] = field(default_factory=dict)
    """Gateways whose public address it no longer shows, and since when: what was proven before says nothing of one."""

    # ---- other entries of the VPC
    guarded: tuple[Route, ...] = ()
    """The routes of every group."""
    unguarded: tuple[RouteEntry, ...] = ()
    """Entries through this group's gateways that no group guards, as last `surveyed`."""
    surveyed: datetime | None = None
    may_not_survey: bool = False
    """Whether a right is missing for it."""

    # ---- the lane
    lane: LaneLook | None = None
    """What the latest watch saw of it."""
    lossy: LossyMinutes | None = None
    """What a brown-out lost, and the lane in the same minutes."""
    carried: tuple[str, datetime] | None = None
    """What carries the lane's table, and since when."""
    old_lanes: tuple[RouteEntry, ...] = ()
    """Lanes that the configuration no longer has, as last `surveyed`."""
    lane_refused: bool = False
    """Whether the platform takes no description of one."""

    # ---- what is found instead of listed
    finding: Finding | None = None
    searched: datetime | None = None
    """When that was read before a loop."""
    others: tuple[Group, ...] = ()
    """All groups, as they are known."""
    heard: set[str] = field(default_factory=set)
    """Found things that people were told of."""
    strangers: dict[str, datetime] = field(default_factory=dict)
    """Instances of events that had no tag, and when they were asked about."""

    def busy_lately(self, now: datetime) -> bool:
        """Return True if the VPC took no second task so short a time ago that one at a time is written."""
        return self.busy is not None and timedelta(0) <= now - self.busy < BUSY_FOR

    def reads_slowly(self, now: datetime) -> bool:
        """Return True if reading tables once more would make what is known of them no younger."""
        return self.slow is not None and timedelta(0) <= now - self.slow < SLOW_FOR

    def refused_lately(self, now: datetime) -> tuple[Refusal, ...]:
        """Return what was refused so short a time ago that another next hop is tried first."""
        return tuple(refusal for refusal, at in self.refused.items() if timedelta(0) <= now - at < REFUSED_FOR)

    def keep(self, so_far: SoFar, world: World, policy: Group) -> World:
        """Keep what entries of `world` could not be given to remember since it was read; return it with `so_far`."""
        self._keep_words(so_far, world, policy)
        return replace(world, so_far=so_far)

    def _keep_words(self, so_far: SoFar, world: World, policy: Group) -> None:
        for route, memory in so_far.unwritten.items():
            if world.so_far.unwritten.get(route) is memory:
                continue
            moved = route in so_far.moved and so_far.moved[route].id == memory.to
            owner = policy.owner if moved else memory.owner  # as the words would have said
            since = None if memory.since is None else memory.since.replace(microsecond=0)
            self.unwritten[route] = _words(world.routes[route]), replace(memory, owner=owner, since=since)

    def informed(self, world: World, so_far: SoFar, policy: Group) -> World:
        """Add to `world` what this run has learnt, and what the process knows besides.

        That is what entries could not be given to remember, too, unless they have other words now.
        """
        self._keep_words(so_far, world, policy)
        doubted = self.doubted is not None and timedelta(0) <= world.at - self.doubted < WITHIN
        seen = {r: view.remembered.paused_until for r, view in world.routes.items() if isinstance(view, RouteView)}
        self.paused = {route: until for route, until in {**self.paused, **seen}.items() if until is not None}
        so_far = replace(so_far, woken=self.woken, offline=self.offline, put_off=self.put_off, doubted=doubted)
        so_far = replace(so_far, paused=self.paused, eip_stuck=self._eip_is_stuck(world))
        routes = dict(world.routes)
        for route, (text, memory) in list(self.unwritten.items()):
            view = routes.get(route)
            if isinstance(view, RouteView) and _words(view) == text:
                routes[route] = replace(view, unwritten=memory)
            elif isinstance(view, RouteView):
                del self.unwritten[route]
        return replace(world, so_far=so_far, routes=routes)

    def _eip_is_stuck(self, world: World) -> bool:
        """Return True if what happens to the EIP, which takes seconds, has not come to its end for a minute."""
        eip, known = world.eip, self.on_its_way
        if isinstance(eip, Unseen):
            return False
        if eip is None or eip.status not in (EipStatus.ASSOCIATING, EipStatus.UNASSOCIATING):
            self.on_its_way = None
        elif known is None or known[:2] != (eip.status, eip.holder) or world.at < known[2]:
            self.on_its_way = eip.status, eip.holder, world.at
        return self.on_its_way is not None and world.at - self.on_its_way[2] >= STUCK_AFTER

    def saw(self, internet: Egress | None, now: datetime) -> None:
        """Remember when the internet itself was away, as a check that crosses no gateway found."""
        if isinstance(internet, EgressLost):
            began = self.offline[0] if self.offline is not None and now - self.offline[1] < ONE_OUTAGE else now
            self.offline = began, now

    def told(self, kinds: frozenset[EpisodeKind], now: datetime) -> None:
        """Remember that people were told of the episodes of these kinds."""
        for kind in kinds & self.lasting.keys():
            self.lasting[kind].told = now
            if self.lasting[kind].ended is not None:
                del self.lasting[kind]
                self.ended[kind] = now

    def is_over(self, kind: EpisodeKind, since: datetime) -> bool:
        """Return True if people have heard that a trouble is over which began at `since`, as an entry still says."""
        return kind in self.ended and since <= self.ended[kind]

    def cleared_lately(self, kind: EpisodeKind, now: datetime) -> bool:
        """Return True if what entries say of `kind` was cleared away a short time ago, so another one wrote it again.

        Two deployments may differ about a gateway, and each would undo the other's mark with every sweep.
        """
        return kind in self.cleared and timedelta(0) <= now - self.cleared[kind] < CLEARED_FOR

    @property
    def dark(self) -> bool:
        """Return True if private hosts had no internet at the last egress check."""
        known = self.lasting.get(EpisodeKind.DARK)
        return known is not None and known.ended is None


def _words(view: RouteView | Unseen) -> str:
    return view.whole.description if isinstance(view, RouteView) and view.whole is not None else ""


def still_dark(world: World, policy: Group, ledger: Ledger, *, known: bool, check: bool) -> tuple[World, bool]:
    """Say whether private hosts had no internet at the last egress check; only evidence ends that, so look again.

    `check`: look in any case.
    """
    was_dark = known or ledger.dark or EpisodeKind.DARK.letter in remembered_in(world)
    if not (was_dark or check):
        return world, False
    to_check = frozenset(hop.id for hop in carrying(world, policy))
    return replace(world, so_far=replace(world.so_far, to_check=to_check)), was_dark


def without_old_proofs(world: World, ledger: Ledger) -> World:
    """Forget the proofs from before the darkness that lasts, of what has carried a route ever since.

    What was lost after them is not seen again by them: only newer evidence ends it.
    """
    known, remembered = ledger.lasting.get(EpisodeKind.DARK), remembered_in(world).get(EpisodeKind.DARK.letter)
    begins = [*([known.since] if known is not None else []), *([remembered[0]] if remembered is not None else [])]
    if not begins:
        return world
    views = [view for view in world.routes.values() if isinstance(view, RouteView)]
    since = [(view.carries, view.remembered.since) for view in views]
    stayed = {hop.id for hop, at in since if hop is not None and (at is None or at < min(begins))}
    old = {g: s for g, s in world.gateways.items() if g in stayed and s.proof is not None and s.proof.at < min(begins)}
    return replace(world, gateways={**world.gateways, **{g: replace(s, proof=None) for g, s in old.items()}})


def remembered_in(world: World) -> dict[str, tuple[datetime, bool]]:
    """Return what the route entries remember of each kind: its earliest beginning, and whether people were told."""
    found: dict[str, tuple[datetime, bool]] = {}
    for view in world.routes.values():
        if isinstance(view, RouteView):
            for letter, (since, was_told) in view.remembered.episodes.items():
                had = found.get(letter, (since, False))
                found[letter] = min(since, had[0]), was_told or had[1]
    return found
