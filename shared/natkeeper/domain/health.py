"""How well a gateway is, judged from what was observed: one ladder of early returns, one reason each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.observed import Condition, Instance, PowerState, SystemEvent, Unseen

if TYPE_CHECKING:
    from natkeeper.domain.egress import Egress
    from natkeeper.domain.load import GatewayLoad


@dataclass(frozen=True, slots=True)
class Healthy:
    """Fit to be the next hop."""


@dataclass(frozen=True, slots=True)
class Draining:
    """Still works, and will stop: at `until`, or at any moment when that is None."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """Known to be bad."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not be seen. Unknown never moves a route (rule 3)."""

    reason: str


Health = Healthy | Draining | Unhealthy | Unknown

_RECLAIM = "Recycling"
_FAILURES = ("SystemFailure.", "InstanceFailure.")
_MAINTENANCE = "SystemMaintenance."
_OF_DISKS = frozenset(
    ("SystemMaintenance.CleanInactiveDisks", "SystemMaintenance.IsolateErrorDisk", "SystemMaintenance.ReInitErrorDisk")
)
"""Maintenance of a disk beside which the instance goes on (their kin that begin with `RebootAnd` stop it)."""
_TOLD_ONLY = ("Warning", "Initializing")
"""HealthStatus of an instance that may work: told, and no reason to move."""
_UNPAID = ("InstanceExpiration.", "AccountUnbalanced.")
"""Stops and releases of what is not paid for: announced days ahead, and most are renewed in time."""
LAST_HOUR = timedelta(hours=1)
"""How long before such a stop a gateway counts as about to go."""
_AHEAD = ("Inquiring", "Scheduled")
MARK_FOR = timedelta(hours=1)
"""How long a mark makes a gateway unhealthy; after that it only keeps planned moves away until it is seen to work."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known of one gateway: what ECS says, what checks found, what is remembered.

    `instance` is None when ECS does not know it. `egress` is what was seen of its way to the internet in this run
    (`Unseen` when a check could not be had). `mark` is when it was last seen to be bad in a way ECS does not show:
    *open* until something newer shows that it works, and *fresh* for a while (`mark_is_fresh`).
    `mark_kind` is the kind of that sight. `ready_at` is when the setup run of its latest good report began, `repaired`
    whether that run put something right; `unready` is what its latest report says is wrong, and `unready_at` when.
    `proof` is what that report saw from behind the gateway, and `unproven` whether it is good and yet proves nothing.
    `figures` says how full it is by that report, `incomplete` what of its setup does not work without making it unfit.
    All of these are None where no report was read; then `remembered_unproven` is what an earlier run learnt.
    """

    instance: Instance | Unseen | None
    condition: Condition | Unseen | None = None
    egress: Egress | Unseen | None = None
    mark: datetime | None = None
    mark_kind: EvidenceKind = EvidenceKind.BEHIND_GATEWAY
    ready_at: datetime | None = None
    unready: str | None = None
    unready_at: datetime | None = None
    repaired: bool = False
    proof: Egress | None = None
    unproven: bool | None = None
    figures: GatewayLoad | None = None
    incomplete: tuple[str, ...] = ()
    remembered_unproven: bool = False
    mark_is_fresh: bool = True
    unheard: str | None = None
    """Why its setup, which should have reported by now, says nothing of the way through it."""

    @property
    def open_mark(self) -> datetime | None:
        """The mark of whatever age, unless something newer than it, and no weaker, shows that the gateway works."""
        if self.mark is None or self._seen_to_work(self.mark):
            return None
        return self.mark

    def _seen_to_work(self, mark: datetime) -> bool:
        """Return True if evidence as strong as the mark's speaks for the gateway.

        A proof is weaker than what a private host's place showed. It clears such a mark only where the reason is known
        to be gone (something was repaired, the machine was started anew), or the mark is no longer fresh.
        """
        if isinstance(self.egress, EgressSeen) and self.egress.kind <= self.mark_kind:
            return True
        if self.ready_at is None or self.ready_at <= mark:
            return False
        if self.mark_kind is not EvidenceKind.PRIVATE_HOST:
            return True
        started = self.instance.started if isinstance(self.instance, Instance) else None
        explained = self.repaired or (started is not None and started > mark) or not self.mark_is_fresh
        return explained and isinstance(self.proof, EgressSeen)

    @property
    def lost(self) -> EgressLost | None:
        """The evidence that private hosts do not reach the internet through it; what is stronger outweighs a proof."""
        if isinstance(self.egress, EgressLost):
            return self.egress
        through = isinstance(self.egress, EgressSeen) and self.egress.kind is EvidenceKind.PRIVATE_HOST
        return self.proof if isinstance(self.proof, EgressLost) and not through else None

    @property
    def hides_address(self) -> bool:
        """Return True if ECS shows no public address of it, and nothing was seen that shows whether it has one."""
        shown = isinstance(self.instance, Instance) and self.instance.public_ip is None and not self.instance.unread
        return shown and not isinstance(self.egress, EgressSeen) and not isinstance(self.proof, EgressSeen)

    @property
    def fresh_mark(self) -> datetime | None:
        """The mark that makes the gateway unhealthy: open, and fresh."""
        return self.open_mark if self.mark_is_fresh else None

    @property
    def held_until(self) -> datetime | None:
        """Until when a gateway is held back that a setup proved after its mark, which is weaker than the mark."""
        mark = self.fresh_mark
        proven = isinstance(self.proof, EgressSeen) and mark is not None and (self.ready_at or mark) > mark
        return mark + MARK_FOR if mark is not None and proven else None


def assess(sight: Sight, *, needs_own_address: bool, now: datetime | None = None) -> Health:
    """Judge a gateway as of `now`; without it, nothing that a renewal may still avert counts.

    A condition that could not be read does not make the power state unknown: power state is the authority, and a
    condition only ever adds warnings. Nor does a missing address count where there is a second interface: its EIP is
    bound to that interface, and DescribeInstances does not list it.
    """
    instance = sight.instance
    if isinstance(instance, Unseen):
        return Unknown(instance.reason)
    if instance is None:
        return Unhealthy("does not exist")
    if instance.status is PowerState.UNKNOWN:
        return Unknown("is in a state that natkeeper does not know")
    if instance.status is not PowerState.RUNNING:
        return Unhealthy(f"is {instance.status.value}")
    condition = sight.condition if isinstance(sight.condition, Condition) else None
    failure = _failure(condition)
    if failure is not None:
        return Unhealthy(failure)
    if sight.lost is not None:
        behind = sight.lost.kind is EvidenceKind.BEHIND_GATEWAY
        return Unhealthy(f"does not {'forward' if behind else 'reach the internet'}: {sight.lost.reason}")
    mark = sight.fresh_mark
    if mark is not None:
        proven = sight.ready_at if sight.held_until is not None else None
        return Unhealthy(did_not_work(mark, mark + MARK_FOR, proven))
    if needs_own_address and sight.hides_address and len(instance.interfaces) <= 1:
        return Unhealthy("has no public address")
    locks = sorted(instance.locks - {_RECLAIM})
    if locks:
        return Unhealthy(f"is locked: {', '.join(locks)}")
    return _unpaid(condition, now) or _notice(instance, condition)


def did_not_work(at: datetime, until: datetime | None = None, proven: datetime | None = None) -> str:
    """Say what a mark of `at` means, that is fresh `until`; `proven`: the time of a setup that found it well since."""
    day, hour = f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}"
    said = f"could not carry the route at {day} {hour} UTC and has not been seen to work since"
    if proven is not None:
        weak = "and private hosts have not been seen through it since"
        said = (
            f"could not carry the route at {day} {hour} UTC; its setup of {proven:%H:%M:%S} UTC found it well, {weak}"
        )
    return said + (f"; last choice until {until:%H:%M} UTC" if until is not None else "")


def _failure(condition: Condition | None) -> str | None:
    if condition is None:
        return None
    if condition.health == "Impaired":
        return "is impaired"
    for event in condition.events:
        if event.type.startswith(_FAILURES) and event.status == "Executing":
            return f"has failed: {event.type}"
    return None


def remark(condition: Condition | Unseen | None) -> str:
    """Return what ECS remarks about an instance that works all the same, or nothing."""
    told = isinstance(condition, Condition) and condition.health in _TOLD_ONLY
    return f"ECS says {condition.health}" if told and isinstance(condition, Condition) else ""


def unpaid(condition: Condition | Unseen | None) -> SystemEvent | None:
    """Return the earliest announced stop for want of payment that has a time, or None."""
    events = condition.events if isinstance(condition, Condition) else ()
    dated = [(event.not_before, event) for event in events if event.type.startswith(_UNPAID) and event.not_before]
    return min(dated, key=lambda each: each[0])[1] if dated else None


def _unpaid(condition: Condition | None, now: datetime | None) -> Draining | None:
    event = unpaid(condition)
    if event is None or event.not_before is None or now is None or event.not_before - now > LAST_HOUR:
        return None
    return Draining(f"is due for {event.type}", event.not_before)


def _notice(instance: Instance, condition: Condition | None) -> Health:
    """Find the most urgent notice that a working gateway will stop.

    An event that inquires waits for its owner's answer: nothing happens before that, unless it names a time.
    """
    if _RECLAIM in instance.locks:
        return Draining("is being reclaimed")
    events = () if condition is None else condition.events
    kinds = (_MAINTENANCE, *_FAILURES)
    notices = [event for event in events if event.type.startswith(kinds) and event.type not in _OF_DISKS]
    dated = [(event.not_before, event.type) for event in notices if event.not_before and event.status in _AHEAD]
    for event in notices:
        if event.status == "Executing" or (event.status == "Scheduled" and event.not_before is None):
            return Draining(f"is under {event.type}")
    if dated:
        until, kind = min(dated)
        return Draining(f"is due for {kind}", until)
    return Healthy()
