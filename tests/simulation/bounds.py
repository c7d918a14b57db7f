"""What a run may cost, and how soon it has to be done: bounds that hold whatever one thing is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from natkeeper.domain.config import Follow
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import EipStatus, EntryStatus, HopKind, PowerState
from natkeeper.ports import CreateRoute, Failure, FailureKind, NoteRoute, PointRoute, Result, UnassociateEip
from tests.simulation.town import DEFAULT, HALVES

if TYPE_CHECKING:
    from natkeeper.domain.config import Group, Route

TRIES = 3
"""Write attempts for each hop and entry in a run while the API answers."""
IDLE_S = 15.0
"""How long a run may last that has had no write accepted."""
PAUSED_S = 5.0
"""How much longer where single calls are slow, or made twice, besides all else."""
ON_IT_S = 30.0
"""From the first signal or sweep after the last disturbance to the route's being on a next hop that works."""
EIP_S = 5.0
"""How long a route and its EIP may be apart besides the EIP's own time, from the first run that could bring it."""
LATELY_S = 30.0
HOUR_S = 3590.0
"""Within which there is one round of moves of a broken witness; sweeps come some seconds sooner or later."""
WOKEN_S = 120.0
"""How long nothing may work before a cold standby is started."""


class Bounds:
    """Watches a story for `Rules`."""

    def __init__(self, rules: Any) -> None:
        self.rules, self.town, self.region = rules, rules.town, rules.region
        self.tries: dict[tuple[str, str, str, str, str], int] = {}
        self.wrote: set[str] = set()
        self.woken: dict[str, float] = {}
        """When the first run began that could put a table's route right."""
        self.apart: dict[str, float] = {}
        """Since when a table's route and its EIP have been apart."""
        self.bringing: dict[str, float] = {}
        """Until when a run that knows of it should have brought the EIP."""
        self.asleep: dict[str, float] = {}
        """Since when a table's group has needed a standby that is stopped."""
        self.moves: dict[str, tuple[float, int]] = {}
        """When a table's last round of moves began, and how many there were since; a return may end it late."""
        self.sent: dict[str, tuple[str, str]] = {}
        """Which run last pointed a table's route, and where to."""
        self.stalled_until = -1.0
        self.parts: set[tuple[str, str, str]] = set()
        """Tables and next hops to which a run had an entry created."""

    def disturbed(self) -> None:
        """What is owed is owed from now on."""
        self.woken.clear()
        self.apart.clear()
        self.bringing.clear()
        self.asleep.clear()

    def stalls(self, seconds: float) -> None:
        """A run is stopped where it is: what is owed is owed from when it goes on, or was ended."""
        self.stalled_until = max(self.stalled_until, self.town.second + min(seconds, 60.0))

    # ---- runs ----------------------------------------------------------------------------------------------

    def begins(self, source: str) -> None:
        """Take notice of a run: from now on it is known that something is to be done."""
        for table, lost in self.rules.fixable_since.items():
            visible = source == "probe" or not self._works_by_ecs(TableId(table))
            if visible and lost <= self.town.second:
                self.woken.setdefault(table, self.town.second)
        for table in self.apart:
            self.bringing.setdefault(table, self._brought_by(table))

    def _works_by_ecs(self, table: TableId) -> bool:
        hop = self.town.hop_of(table)
        return (
            hop is not None
            and hop.id in self.rules.truth.hop_of
            and not self.rules.truth.shown(hop, self.rules.group_of[table])
        )

    def ended(self, run: Any) -> None:
        """A run that had no write accepted is over within fifteen seconds."""
        lasted = (self.town.now - run.began).total_seconds()
        alone = self.rules.story.alone  # as deployed; several wait for each other
        noise = self.rules.story.noise
        most = IDLE_S + PAUSED_S * bool(noise.slow or noise.fails or self.region.slow_lately)
        if alone and lasted > most and run.name not in self.wrote and not run.stalled:
            self.rules.violate("idle run", f"{run.name} lasted {lasted:.1f} s without an accepted write")

    # ---- writes --------------------------------------------------------------------------------------------

    def arrives(self, run: Any, call: Any) -> None:
        """Make before break: an EIP stays on a gateway that works while the route leads through it."""
        if not isinstance(call, UnassociateEip) or not self.rules.story.alone or run.action:
            return
        group = next(
            g for g in self.rules.config.groups if isinstance(g.address, Follow) and g.address.follow == call.eip
        )
        hop = self.rules.truth.hop_of[call.holder]
        now = self.town.second
        known = (now - self.rules.last_bad.get(hop.id, -1e9) < LATELY_S, hop.id in self.rules.bad_since)
        offline = not self.town.internet or now < self.rules.internet_until + LATELY_S  # then no gateway works
        lost = (
            offline
            or now - self.rules.last_lost.get(hop.id, -1e9) < LATELY_S
            or now < self.region.probe_broken_until + LATELY_S
        )
        if any(known) or lost or self.region.troubled_lately or not self.rules.truth.works(hop, group):
            return
        for route in group.routes:
            entry = self.town.entry(route.table, DEFAULT)
            led = entry is not None and entry.hop == hop and entry.status is EntryStatus.AVAILABLE
            led = led and self.town.hop_of(route.table) == hop  # halves to another one carry its packets
            if led and self.town.addresses[call.eip].holder == call.holder:
                self.rules.violate(
                    "make before break", f"{run.name} takes the EIP off {hop}, which works and has the route"
                )

    def answered(self, run: Any, call: Any, result: Result, how: str, *, heard: bool) -> None:
        """Three attempts for each hop and entry, while the API answers."""
        if how == "lost out":
            self.wrote.add(run.name)  # it may have been accepted, as far as the run knows, which has to find out
        if not heard or not isinstance(call, (PointRoute, CreateRoute, NoteRoute)) or not isinstance(result, Failure):
            return
        if result.kind in (FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.WORDS):
            return
        kind = type(call).__name__  # an entry that was deleted meanwhile is another one, to be created
        key = run.name, kind, call.table, call.destination, getattr(getattr(call, "to", None), "id", "")
        self.tries[key] = self.tries.get(key, 0) + 1
        # Of a bridge's entries one was taken: the platform may want seconds before the next, so that has a try more.
        if self.tries[key] > TRIES + ((run.name, call.table, key[-1]) in self.parts):
            self.rules.violate("attempts", f"{run.name} tries {key[1:]} for the {self.tries[key]}th time")

    def refused(self, run: Any, table: str, hop: Any) -> bool:
        """Return True if the platform has refused `hop` to a run."""
        return any((key[0], key[2], key[-1]) == (run.name, table, hop.id) for key in self.tries)

    def accepted(self, run: Any, call: Any) -> None:
        """A write was carried out; while all witnesses fail alike there is one round of moves an hour."""
        self.wrote.add(run.name)
        if isinstance(call, (PointRoute, CreateRoute)) and isinstance(self.rules.group_of[call.table].address, Follow):
            self.bringing[call.table] = self._brought_by(call.table)
        if isinstance(call, CreateRoute):
            self.parts.add((run.name, call.table, call.to.id))
            self.moves.pop(call.table, None)  # the entry that remembered the round is gone
        if not isinstance(call, PointRoute) or self.town.second >= self.region.probe_broken_until or run.action:
            return
        if self.town.second < self.region.edited_until or self.region.notes_refused:
            return  # what was remembered of the rounds is lost, or of another time
        if self.rules.before[0] == call.to or self.sent.get(call.table) == (run.name, call.to.id):
            return  # it is there already, or on its way: the reads of this run lagged behind, or the answer was lost
        self.sent[call.table] = run.name, call.to.id
        group = self.rules.group_of[call.table]
        if not all(self.rules.truth.works(hop, group) for hop in self.rules.truth.hops(group)):
            return
        began, moves = self.moves.get(call.table, (-1e9, 0))
        began, moves = (self.town.second, 1) if self.town.second - began > HOUR_S else (began, moves + 1)
        self.moves[call.table] = began, moves
        worth = len(self.rules.truth.hops(group)) + self._started(group) + self._proven(group)
        if moves > worth * len(self.rules.deployments):
            self.rules.violate("rounds", f"{run.name} moves {call.table} for the {moves}th time in an hour")

    def _started(self, group: Group) -> int:
        """Count the gateways that started within the hour: each is worth a try."""
        started = (self.town.machines[gateway].started for gateway in group.gateways)
        return sum((self.town.now - at).total_seconds() < HOUR_S for at in started)

    def _proven(self, group: Group) -> int:
        """Count what setups may have proven since: worth a try where the fallback carries, of which no setup tells."""
        here = self.rules.before[0]
        on_fallback = here is not None and here.kind is HopKind.NAT_GATEWAY
        return len(group.gateways) if on_fallback and group.setup.mode != "off" else 0

    def new_process(self) -> None:
        """A process begins that knows nothing but what is written: without words it may begin a round."""
        if self.region.forgetful:
            self.moves.clear()

    # ---- time ----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at what is owed."""
        noise = self.rules.story.noise
        slow = noise.fails or noise.slow or not self.rules.in_place  # over halves each candidate takes its half minute
        stalled = self.town.second < self.stalled_until
        if slow or stalled or self.region.troubled_lately or not self.rules.story.alone:
            self.disturbed()
            return
        for group in self.rules.config.groups:
            for route in group.routes:
                self._on_it(route, group)
                if group.standby == "cold":
                    self._woken(route, group)

    def _on_it(self, route: Route, group: Group) -> None:
        since = self.woken.get(route.table)
        if since is None or route.table not in self.rules.fixable_since:
            self.woken.pop(route.table, None)
            return
        entry = self.town.entry(route.table, DEFAULT)
        halves = any(self.town.entry(route.table, half) for half in HALVES)
        if halves or entry is None or entry.hop is None or entry.status is not EntryStatus.AVAILABLE:
            return
        if entry.hop.id in self.rules.truth.hop_of and self.rules.truth.works(entry.hop, group):
            return
        if self.town.second - since > ON_IT_S:
            late = self.town.second - since
            self.rules.violate("thirty seconds", f"{route.table} is on {entry.hop} {late:.0f} s after a run began")

    def _woken(self, route: Route, group: Group) -> None:
        """Where ECS shows that nothing of a group works, a standby is started that is stopped and was not yet."""
        truth, machines = self.rules.truth, self.town.machines
        hop = self.town.hop_of(route.table)
        seen = hop is None or (hop.id in truth.hop_of and truth.dead(hop, group))
        asleep = any(
            machines[each].status is PowerState.STOPPED and not machines[each].locks and each not in self.town.woken
            for each in group.gateways
            if each in machines
        )
        hidden = any(self.town.holes.get(each, -1.0) > self.town.second for each in group.gateways)
        held = truth.paused(group) or truth.foreign(group, route) or not self.town.internet or hidden
        lies = self.town.second < self.region.probe_lies_until  # a look that works outweighs a missing address
        held = held or lies or not self.region.reads(route.table)
        works = any(truth.visible(each, group) for each in truth.hops(group) if each != hop)
        if not (seen and asleep) or held or works or self.town.stuck.get(route.table, -1.0) > self.town.second:
            self.asleep.pop(route.table, None)
            return
        since = self.asleep.setdefault(route.table, self.town.second)
        if self.town.second - since >= WOKEN_S:
            self.rules.violate(
                "cold", f"nothing of {route.table} works for {self.town.second - since:.0f} s, and nothing starts"
            )

    def together(self, route: Route, group: Group) -> None:
        """Take notice of whether a route and its EIP are apart, and judge for how long."""
        if not isinstance(group.address, Follow):
            return
        table = route.table
        since = self.apart.get(table, self.town.second)
        if self.town.second > self.bringing.get(table, self.town.second):
            self.rules.violate("together", f"{table} and its EIP are apart for {self.town.second - since:.1f} s")
        noise = self.rules.story.noise  # an EIP that cannot be seen is not waited for
        known = table in self.rules.fixable_since and not (noise.fails or noise.slow)
        if known and self._apart(route, group):
            self.apart[table] = since
        else:
            self.apart.pop(table, None)
            self.bringing.pop(table, None)

    def _apart(self, route: Route, group: Group) -> bool:
        """Say whether a gateway that works has the route, and not the EIP that the platform would bring there."""
        address, entry = self.town.addresses[group.address.follow], self.town.entry(route.table, DEFAULT)  # type: ignore[union-attr]
        hop = None if entry is None else entry.hop
        if hop is None or hop.id not in group.gateways or not self.rules.truth.works(hop, group):
            return False
        if address.holder == hop.id and address.status is EipStatus.IN_USE:
            return False
        free = address.holder is None or address.holder in group.gateways
        return free and self.region.brings(address.id, address.holder, hop.id)

    def _brought_by(self, table: str) -> float:
        """Say by when an EIP should be with the route: what it is in the midst of ends first."""
        usual, address = self.town.timings, self.rules.group_of[table].address
        moving = self.town.addresses[address.follow].status in (EipStatus.ASSOCIATING, EipStatus.UNASSOCIATING)
        return float(self.town.second + usual.unassociate + usual.associate * (1 + moving) + EIP_S)
