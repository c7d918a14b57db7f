"""Everything observed about one group at one moment, and what this run has tried so far. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow, Group, Route
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.health import (
    MARK_FOR,
    Draining,
    Health,
    Healthy,
    Sight,
    Unhealthy,
    Unknown,
    assess,
    did_not_work,
)
from natkeeper.domain.ids import GroupName, InstanceId, TableId
from natkeeper.domain.memory import NOTHING, Memory, Unreadable, decode
from natkeeper.domain.observed import (
    Eip,
    EipStatus,
    EntryStatus,
    HopKind,
    Instance,
    NatGateway,
    NextHop,
    RouteEntry,
    Unseen,
)
from natkeeper.domain.refusals import Deed, PutOff, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from natkeeper.domain.signals import Pause, Resume, Switch


@dataclass(frozen=True, slots=True)
class RouteView:
    """One guarded route as the table shows it: the entry itself and, while it is replaced, its bridge.

    `others`: destinations of finer parts that are someone else's routes. `at`: when the table was read; what an entry
    remembers of later than that is not believed. `unwritten`: what the entry would remember, had the platform taken
    the words. `remembered`: what is known of the last move, be it from the entry or from its bridge; what cannot be
    read says nothing.
    """

    whole: RouteEntry | None
    bridge: tuple[RouteEntry, ...] = ()
    others: frozenset[str] = frozenset()
    at: datetime | None = None
    unwritten: Memory | None = None
    remembered: Memory = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "remembered", self._last_move())  # a decision asks for it some twenty times

    @property
    def carries(self) -> NextHop | None:
        """Where the route's packets go now: the bridge is more specific than the whole."""
        entry = self.bridge[0] if self.bridge else self.whole
        return None if entry is None else entry.next_hop

    @property
    def entries(self) -> tuple[RouteEntry, ...]:
        """Every entry of the route that there is, the whole one first."""
        return (*([] if self.whole is None else [self.whole]), *self.bridge)

    def _last_move(self) -> Memory:
        read = (memory_in(entry, self.unwritten) for entry in self.entries)
        known = [m if self.at is None else m.plausible(self.at) for m in read if m != NOTHING]
        return max(known, key=lambda memory: memory.since.timestamp() if memory.since else 0.0, default=NOTHING)


def memory_in(entry: RouteEntry, unwritten: Memory | None = None) -> Memory:
    """Read what an entry remembers of what it is, or would with words; nothing if it cannot be read.

    While it changes, it need not show its new next hop yet, so what it tells of its next hop is believed.
    """
    memory = unwritten or decode(entry.description)
    if isinstance(memory, Unreadable):
        return memory.kept
    if entry.next_hop is None or entry.status is not EntryStatus.AVAILABLE:
        return memory
    return memory.of_an_entry_to(entry.next_hop.id)


@dataclass(frozen=True, slots=True)
class LossyHop:
    """A next hop that loses much, and the standby `to` that lost less than a quarter of it in the same minutes."""

    hop: NextHop
    to: NextHop
    reason: str


@dataclass(frozen=True, slots=True)
class SoFar:
    """What this run was asked, has tried and has learnt.

    `wish`: what a person asked. `moved`: where this run has pointed routes. `not_in_place`: routes whose
    entry the platform refuses to change in place; `half_refused`: whose lower half it refuses as a destination.
    `refusals`: what the platform did not carry out. `wordless`: routes whose name and description the platform
    refuses; `unwritten`: what their entries were to remember. `bindable`: gateways that the EIP may be bound to, as a
    try showed. `to_check`: next hops to check before anything else is decided about them. `watched_since`: when this
    process first looked at the group, None where no process goes on watching. `woken`: cold standbys that this process
    started, and when. `beyond`: what the probe saw through routes of which that says nothing about a next hop of the
    group, because their entry is being changed or leads to someone else's.
    `refused_lately`: what it did not carry out in runs of the last minutes. `offline`: when this process first and last
    saw that the internet itself was away, lately. `lossy`: what a brown-out and the lane show.
    `put_off`: planned moves that the platform refused, by route and id of the next hop.
    `doubted`: a check contradicted a report of the probe lately. `paused`: until when each route was, as last read.
    `eip_stuck`: the EIP has been on its way, from or to the same gateway, for much longer than that takes.
    """

    wish: Switch | Pause | Resume | None = None
    moved: Mapping[Route, NextHop] = field(default_factory=dict)
    not_in_place: frozenset[Route] = frozenset()
    half_refused: frozenset[Route] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    wordless: frozenset[Route] = frozenset()
    unwritten: Mapping[Route, Memory] = field(default_factory=dict)
    bindable: frozenset[str] = frozenset()
    to_check: frozenset[str] = frozenset()
    watched_since: datetime | None = None
    woken: Mapping[str, datetime] = field(default_factory=dict)
    beyond: Mapping[Route, Egress | Unseen] = field(default_factory=dict)
    refused_lately: tuple[Refusal, ...] = ()
    offline: tuple[datetime, datetime] | None = None
    put_off: Mapping[tuple[Route, str], PutOff] = field(default_factory=dict)
    doubted: bool = False
    lossy: LossyHop | None = None
    paused: Mapping[Route, datetime] = field(default_factory=dict)
    eip_stuck: bool = False

    def against(self, *deeds: Deed, table: TableId | None = None, hop: str | None = None) -> Iterator[Refusal]:
        """List the refusals of `deeds` that concern `table` and `hop`, the latest first."""
        return (r for r in reversed(self.refusals) if r.concerns(deeds, table, hop))


@dataclass(frozen=True, slots=True)
class World:
    """One group, observed. `internet` is a check that crosses no gateway, where one was taken.

    `fallback_mark` is when the fallback was last seen to be bad: see marks.py. `former` are
    gateways that the configuration no longer has, and that a route was led to: they are among `gateways` too. `lane`
    is the entry for the lane's destination, be it natkeeper's or not.
    """

    group: GroupName
    at: datetime
    gateways: Mapping[InstanceId, Sight]
    routes: Mapping[Route, RouteView | Unseen]
    eip: Eip | Unseen | None = None
    fallback: NatGateway | Unseen | None = None
    fallback_egress: Egress | Unseen | None = None
    internet: Egress | None = None
    so_far: SoFar = SoFar()
    fallback_mark: datetime | None = None
    fallback_mark_is_fresh: bool = True
    former: frozenset[InstanceId] = frozenset()
    lane: RouteEntry | Unseen | None = None

    def health(self, hop: NextHop, policy: Group, *, address: bool = True) -> Health:
        """Judge a next hop that belongs to the group; without `address`, whatever public address it lacks."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self._fallback_health()
        own = address and not isinstance(policy.address, Follow)
        return assess(self.gateways[InstanceId(hop.id)], needs_own_address=own, now=self.at)

    def egress(self, hop: NextHop) -> Egress | Unseen | None:
        """What this run has seen of the way to the internet through `hop`."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self.fallback_egress
        return self.gateways[InstanceId(hop.id)].egress

    def lost(self, hop: NextHop) -> EgressLost | None:
        """Return the evidence that private hosts do not reach the internet through `hop`, or None."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self.fallback_egress if isinstance(self.fallback_egress, EgressLost) else None
        return self.gateways[InstanceId(hop.id)].lost

    def seen_lost(self, hop: NextHop) -> EgressLost | None:
        """Return the evidence from a private host's place that nothing passes through the gateway `hop`, or None."""
        egress = self.egress(hop)
        return egress if isinstance(egress, EgressLost) and egress.kind is EvidenceKind.PRIVATE_HOST else None

    def unproven(self, hop: NextHop) -> bool:
        """Return True if the latest setup report of the gateway `hop` could not prove that it forwards."""
        sight = self.gateways[InstanceId(hop.id)]
        return sight.remembered_unproven if sight.unproven is None else sight.unproven

    def hides_address(self, hop: NextHop, policy: Group) -> bool:
        """Return True if the gateway `hop` needs a public address of its own, and nothing shows that it has one."""
        own = hop.kind is HopKind.INSTANCE and not isinstance(policy.address, Follow)
        return own and self.gateways[InstanceId(hop.id)].hides_address

    def _fallback_health(self) -> Health:
        if isinstance(self.fallback, Unseen):
            return Unknown(self.fallback.reason)
        if self.fallback is None:
            return Unhealthy("does not exist")
        if self.fallback.locked:
            return Unhealthy(f"is locked: {self.fallback.locked}")
        if self.fallback.changing:
            return Unknown(f"is {self.fallback.changing}")
        if not self.fallback.available:
            return Unhealthy("is not available")
        if isinstance(self.fallback_egress, EgressLost):
            return Unhealthy(f"does not reach the internet: {self.fallback_egress.reason}")
        if self._open_fallback_mark is not None and self.fallback_mark_is_fresh:
            return Unhealthy(did_not_work(self._open_fallback_mark, self._open_fallback_mark + MARK_FOR))
        return Healthy()

    @property
    def _open_fallback_mark(self) -> datetime | None:
        return None if isinstance(self.fallback_egress, EgressSeen) else self.fallback_mark

    def open_mark(self, hop: NextHop) -> datetime | None:
        """Say when `hop` was last seen to be bad, unless it was seen to work since."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self._open_fallback_mark
        return self.gateways[InstanceId(hop.id)].open_mark

    def ineligible(self, hop: NextHop, policy: Group, table: TableId | None = None) -> str | None:
        """Return why `hop` must not become the next hop of a route in `table`, or None when it may."""
        health = self.health(hop, policy)
        if isinstance(health, Unknown):
            return f"cannot be seen: {health.reason}"
        if isinstance(health, (Unhealthy, Draining)):
            return health.reason
        return self.unfit(hop, policy, table)

    def unfit(self, hop: NextHop, policy: Group, table: TableId | None = None) -> str | None:
        """Return what speaks against `hop` besides its health: refusals, the EIP, or its setup; None for nothing."""
        refusal = self.refused(hop, table)
        if refusal is not None:
            return f"was refused by the platform: {refusal.reason}"
        unbindable = self.unbindable(hop, policy)
        if unbindable is not None:
            return unbindable
        if hop.kind is HopKind.INSTANCE and (unready := self.gateways[InstanceId(hop.id)].unready) is not None:
            return f"is not ready: {unready}"
        return None

    def refused(self, hop: NextHop, table: TableId | None) -> Refusal | None:
        """Return the refusal that keeps a route in `table` from leading to `hop`, unless it says nothing of the hop."""
        return next((refusal for refusal in self.put_off(hop, table) if not refusal.passing), None)

    def put_off(self, hop: NextHop, table: TableId | None) -> Iterator[Refusal]:
        """List what the platform did not do to lead a route in `table` to `hop`, the latest first.

        Where a part of the destination leads there already, the change of an entry was refused for what names no hop.
        """
        views = (v for route, v in self.routes.items() if route.table == table and isinstance(v, RouteView))
        there = any(part.next_hop == hop for view in views for part in view.bridge)
        known = self.so_far.against(Deed.POINT, Deed.CREATE, table=table, hop=hop.id)
        counts = (r for r in known if not there or r.lasting or r.deed is Deed.CREATE)
        return (refusal for refusal in counts if refusal.hop is not None)

    def unbindable(self, hop: NextHop, policy: Group) -> str | None:
        """Return why the EIP that follows the route cannot follow it to `hop`; None where it can, or need not.

        An instance with a public address of its own takes no EIP (AssociateEipAddress:
        EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP).
        """
        if not isinstance(policy.address, Follow):
            return None
        own = self.own_address(hop)
        if own is not None:
            return f"has the public address {own}, so the EIP cannot be bound to it"
        return self.eip_refused(hop) or self.astray(hop, policy)

    def astray(self, hop: NextHop, policy: Group) -> str | None:
        """Return why the EIP that follows the route will not come to the gateway `hop` soon; None where it may.

        That counts only where a fallback, which needs no EIP, is there to be used meanwhile.
        """
        eip, on = self.eip, hop.kind is HopKind.INSTANCE and policy.fallback is not None
        if not on or not isinstance(policy.address, Follow) or isinstance(eip, Unseen):
            return None
        if eip is None:
            return f"cannot have the EIP {policy.address.follow}, which does not exist"
        if eip.status is EipStatus.UNKNOWN:
            return "cannot have the EIP, which is in a state that natkeeper does not know"
        if self.eip_is_elsewhere(policy):
            return f"cannot have the EIP, which someone else bound to {eip.holder}"
        return f"cannot have the EIP, which stays {eip.status.value}" if self.so_far.eip_stuck else None

    def eip_is_elsewhere(self, policy: Group) -> bool:
        """Return True if the EIP is bound to something that is not, and was not, a gateway of the group."""
        eip = self.eip
        if not isinstance(eip, Eip) or eip.status is not EipStatus.IN_USE:
            return False
        return eip.holder not in (*policy.gateways, *self.former)

    def own_address(self, hop: NextHop) -> str | None:
        """Return the public address that the gateway `hop` has besides the EIP that follows the route, or None."""
        if hop.kind is not HopKind.INSTANCE or not isinstance(self.eip, Eip):
            return None
        instance = self.gateways[InstanceId(hop.id)].instance
        if not isinstance(instance, Instance):
            return None
        others = instance.eip not in (None, self.eip.id)
        return instance.public_ip if others else instance.fixed_ip

    def eip_refused(self, hop: NextHop) -> str | None:
        """Return why the platform did not bring the EIP to the gateway `hop` in this run; None if it may yet."""
        refusal = self._eip_refusal(hop)
        return None if refusal is None else f"cannot have the EIP: {refusal.reason}"

    def worth_a_mark(self, hop: NextHop, table: TableId) -> bool:
        """Return True if what this run met with at `hop` is to be remembered for later runs.

        An EIP that did not leave a gateway that fails says nothing of this one.
        """
        refusals = [each for each in (self.refused(hop, table), self._eip_refusal(hop)) if each is not None]
        works = isinstance(self.eip, Eip) and self._works(self.eip.holder)
        return any(each.lasting and (works or each.deed is not Deed.TAKE) for each in refusals)

    def _eip_refusal(self, hop: NextHop) -> Refusal | None:
        eip = self.eip
        if hop.kind is not HopKind.INSTANCE or not isinstance(eip, Eip):
            return None
        if (eip.holder, eip.status) == (hop.id, EipStatus.IN_USE):
            return None
        stuck = self.so_far.against(Deed.TAKE, hop=eip.holder) if eip.holder is not None else ()
        given = self.so_far.against(Deed.GIVE, hop=hop.id)
        # An answer that says nothing of the hop counts where another gateway may do better: the one that works and
        # still has the EIP, or the next one for an EIP that nobody has, unless two gateways got such an answer.
        others = any(r.passing and r.hop != hop.id for r in self.so_far.against(Deed.GIVE))
        alone = eip.status is EipStatus.AVAILABLE and not others
        # From a gateway that fails the EIP is to come off: no other works until it does, so in the second run that
        # meets with such an answer none is left.
        again = any((r.deed, r.hop) == (Deed.TAKE, eip.holder) for r in self.so_far.refused_lately)
        counts = chain(
            (refusal for refusal in stuck if not refusal.passing or again or self._works(eip.holder)),
            (refusal for refusal in given if not refusal.passing or alone),
        )
        return next(counts, None)

    def _works(self, holder: str | None) -> bool:
        """Return True if `holder` is a gateway of the group that could carry routes with the EIP that it has."""
        sight = None if holder is None else self.gateways.get(InstanceId(holder))
        health = None if sight is None else assess(sight, needs_own_address=False, now=self.at)
        return isinstance(health, (Healthy, Draining))

    def interfaces(self, hop: NextHop) -> tuple[str, ...]:
        """Return the network interfaces of the gateway `hop`, the primary one first, as far as they are known."""
        sight = self.gateways.get(InstanceId(hop.id))
        return sight.instance.interfaces if sight is not None and isinstance(sight.instance, Instance) else ()

    @property
    def woken(self) -> Mapping[str, datetime]:
        """The cold standbys that natkeeper started, and when, as this process and the entries remember it."""
        found: dict[str, datetime] = dict(self.so_far.woken)
        for view in self.routes.values():
            for gateway, at in view.remembered.woken.items() if isinstance(view, RouteView) else ():
                found[gateway] = max(at, found.get(gateway, at))
        return found

    def paused_until(self, now: datetime) -> datetime | None:
        """Say until when a person has asked for hands off the group: one paused route pauses them all.

        A route that cannot be read is taken for what it was when it was read last.
        """
        views = self.routes.items()
        known = (v.remembered.paused_until if isinstance(v, RouteView) else self.so_far.paused.get(r) for r, v in views)
        return max((until for until in known if until is not None and now < until), default=None)


def hops_of(policy: Group) -> tuple[NextHop, ...]:
    """List every next hop that the group may use: its gateways in order of preference, then its fallback."""
    fallback = () if policy.fallback is None else (NextHop.nat_gateway(policy.fallback),)
    return (*map(NextHop.gateway, policy.gateways), *fallback)


def leads_elsewhere(view: RouteView | Unseen, policy: Group) -> bool:
    """Return True if someone else's entry carries a route: natkeeper leaves it alone (rule 5)."""
    if isinstance(view, Unseen) or view.whole is None:
        return False
    return view.carries is None or not belongs(view.carries, policy)


def belongs(hop: NextHop, policy: Group) -> bool:
    """Return True if `hop` is one of the group's gateways or its fallback (rule 5: only ours)."""
    if hop.kind is HopKind.INSTANCE:
        return hop.id in policy.gateways
    return hop.kind is HopKind.NAT_GATEWAY and hop.id == policy.fallback
