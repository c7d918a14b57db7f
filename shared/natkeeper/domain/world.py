"""Everything observed about one group at one moment, and what this run has tried so far. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow, Group, Route
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.health import Draining, Health, Healthy, Sight, Unhealthy, Unknown, assess, did_not_work
from natkeeper.domain.ids import GroupName, InstanceId
from natkeeper.domain.memory import NOTHING, Memory, Unreadable, decode
from natkeeper.domain.observed import Eip, EntryStatus, HopKind, NatGateway, NextHop, RouteEntry, Unseen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from natkeeper.domain.signals import Pause, Resume, Switch


@dataclass(frozen=True, slots=True)
class RouteView:
    """One guarded route as the table shows it: the entry itself and, while it is replaced, its two halves."""

    whole: RouteEntry | None
    halves: tuple[RouteEntry, ...] = ()

    @property
    def carries(self) -> NextHop | None:
        """Where the route's packets go now: the halves are more specific than the whole."""
        entry = self.halves[0] if self.halves else self.whole
        return None if entry is None else entry.next_hop

    @property
    def entries(self) -> tuple[RouteEntry, ...]:
        """Every entry of the route that there is, the whole one first."""
        return (*([] if self.whole is None else [self.whole]), *self.halves)

    @property
    def remembered(self) -> Memory:
        """What is known of the last move, be it from the entry or from a half; what cannot be read says nothing."""
        known = [memory for memory in map(memory_in, self.entries) if memory != NOTHING]
        return max(known, key=lambda memory: memory.since.timestamp() if memory.since else 0.0, default=NOTHING)


def memory_in(entry: RouteEntry) -> Memory:
    """Read what an entry remembers of what it is; nothing if it cannot be read.

    While it changes, it need not show its new next hop yet, so what it tells of its next hop is believed.
    """
    memory = decode(entry.description)
    if isinstance(memory, Unreadable):
        return NOTHING
    if entry.next_hop is None or entry.status is not EntryStatus.AVAILABLE:
        return memory
    return memory.of_an_entry_to(entry.next_hop.id)


@dataclass(frozen=True, slots=True)
class SoFar:
    """What this run was asked, has tried and has learnt.

    `wish`: what a person asked. `moved`: where this run has pointed routes. `not_in_place`: routes whose
    entry the platform refuses to change in place. `rejected`: next hops the platform would not take, with its reason.
    `doubted`: next hops to look through before anything else is decided about them.
    """

    wish: Switch | Pause | Resume | None = None
    moved: Mapping[Route, NextHop] = field(default_factory=dict)
    not_in_place: frozenset[Route] = frozenset()
    rejected: Mapping[str, str] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """One group, observed. `internet` is a look that crosses no gateway, where one was taken.

    `fallback_mark` is when the fallback was last seen to be bad, believed for a while: see marks.py.
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
    fallback_mark_believed: bool = True

    def health(self, hop: NextHop, policy: Group) -> Health:
        """Judge a next hop that belongs to the group."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self._fallback_health()
        own = not isinstance(policy.address, Follow)
        return assess(self.gateways[InstanceId(hop.id)], needs_own_address=own)

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

    def unproven(self, hop: NextHop) -> bool:
        """Return True if the latest setup report of the gateway `hop` could not prove that it forwards."""
        sight = self.gateways[InstanceId(hop.id)]
        return sight.remembered_unproven if sight.unproven is None else sight.unproven

    def _fallback_health(self) -> Health:
        if isinstance(self.fallback, Unseen):
            return Unknown(self.fallback.reason)
        if self.fallback is None:
            return Unhealthy("does not exist")
        if not self.fallback.available:
            return Unhealthy("is not available")
        if isinstance(self.fallback_egress, EgressLost):
            return Unhealthy(f"does not reach the internet: {self.fallback_egress.reason}")
        if self._fallback_doubt is not None and self.fallback_mark_believed:
            return Unhealthy(did_not_work(self._fallback_doubt))
        return Healthy()

    @property
    def _fallback_doubt(self) -> datetime | None:
        return None if isinstance(self.fallback_egress, EgressSeen) else self.fallback_mark

    def doubt(self, hop: NextHop) -> datetime | None:
        """Say when `hop` was last seen to be bad, unless it was seen to work since."""
        if hop.kind is HopKind.NAT_GATEWAY:
            return self._fallback_doubt
        return self.gateways[InstanceId(hop.id)].doubt

    def ineligible(self, hop: NextHop, policy: Group) -> str | None:
        """Say why `hop` must not become a route's next hop, or None when it may."""
        health = self.health(hop, policy)
        if isinstance(health, Unknown):
            return f"cannot be seen: {health.reason}"
        if isinstance(health, (Unhealthy, Draining)):
            return health.reason
        return self.unfit(hop)

    def unfit(self, hop: NextHop) -> str | None:
        """Say what speaks against `hop` besides its health: the platform's refusal, or its setup; None for nothing."""
        if hop.id in self.so_far.rejected:
            return f"was refused by the platform: {self.so_far.rejected[hop.id]}"
        if hop.kind is HopKind.INSTANCE and (unready := self.gateways[InstanceId(hop.id)].unready) is not None:
            return f"is not ready: {unready}"
        return None

    def paused_until(self, now: datetime) -> datetime | None:
        """Say until when a person has asked for hands off the group: one paused route pauses them all."""
        memories = [view.remembered for view in self.routes.values() if isinstance(view, RouteView)]
        return max((m.paused_until for m in memories if m.paused_until and m.paused(now)), default=None)


def hops_of(policy: Group) -> tuple[NextHop, ...]:
    """List every next hop that the group may use: its gateways in order of preference, then its fallback."""
    fallback = () if policy.fallback is None else (NextHop.nat_gateway(policy.fallback),)
    return (*map(NextHop.gateway, policy.gateways), *fallback)


def belongs(hop: NextHop, policy: Group) -> bool:
    """Say whether `hop` is one of the group's gateways or its fallback (rule 5: only ours)."""
    if hop.kind is HopKind.INSTANCE:
        return hop.id in policy.gateways
    return hop.kind is HopKind.NAT_GATEWAY and hop.id == policy.fallback
