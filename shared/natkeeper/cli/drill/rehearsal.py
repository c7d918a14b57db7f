"""One drill from beginning to end: may it be done, feel, break, wait, feel, put back, tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.fields import text_of
from natkeeper.cli.drill.faults import fault
from natkeeper.cli.drill.interrupts import Interrupts
from natkeeper.cli.drill.journal import Journal, RouteBefore
from natkeeper.cli.drill.restore import Restore, command, fit_for_duty
from natkeeper.cli.drill.sampler import Feeling
from natkeeper.cli.errors import CommandError, Interrupted, Refused
from natkeeper.cli.output import names_in, with_names
from natkeeper.cli.receipts import all_lasting
from natkeeper.cli.survey import network
from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.observed import EntryStatus
from natkeeper.drill import Moment, Observed
from natkeeper.drill.observed import Kind
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.cli.invoke import Asker
    from natkeeper.domain.config import Group, Route

Json = dict[str, Any]
Say = Callable[[str], None]
BEFORE_S = 3.0
"""How long the way is felt before anything is broken, and after all is well again."""
SETTLED = 3
"""Checks in a row that have to succeed before the way counts as well."""
POLL_S = 0.5
_SPOILS = frozenset({EpisodeKind.BROWN_OUT.value, EpisodeKind.PROBE_BROKEN.value, EpisodeKind.FLAPPING.value})
"""What lasts that a drill could not be told from, as the probe measures it."""
HOW = """Measured through the probe function, which checks egress from a private vSwitch, one check after the other:
a figure is as fine as the time between two checks. The outage is the longest time between two checks that worked.
Times are seconds since the fault, by the clock of the machine that ran the drill."""


@dataclass
class Rehearsal:
    """A drill of one group. `sleeper` takes seconds."""

    reach: RegionClients
    asker: Asker
    group: Group
    kind: str
    within_s: float
    say: Say
    file: Path | None = None
    """Where to write down what is broken."""
    sleeper: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    moments: list[Moment] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """What the group's gateways are called, by id."""
    before: tuple[RouteBefore, ...] = ()
    """Where the group's routes went when `check` looked."""
    broken: bool = False
    left: list[str] = field(default_factory=list)
    """What is still broken, in sentences."""

    def check(self) -> str:
        """Return the gateway that carries the route now. Raises Refused where a drill would be an outage."""
        if not self.group.probes:
            raise Refused(f"{self.group.name} has no probe, and a drill is measured by it", "set probe.function")
        receipt = self._status()
        view = receipt.get("view") or {}
        if receipt["outcome"] == "waiting":  # a move of the last minutes is still to be seen to work: a sweep looks
            receipt = self.asker.ask({"action": "sweep", "group": self.group.name})["receipts"][0]
            if receipt["outcome"] == "changed":  # it noted what it saw
                receipt = self._status()
            view = receipt.get("view") or view
        spoilt = not _SPOILS.isdisjoint(all_lasting(receipt))
        if receipt["outcome"] != "quiet" or view.get("paused_until") or spoilt:
            raise Refused(f"{self.group.name} is not quiet: {receipt['sentence']}", "rehearse on a quiet day")
        hop = str(self._route_in(view).get("next_hop") or "")
        if not hop:
            raise Refused(f"where {self._watched} goes cannot be seen", "`natkeeper doctor` says more")
        if hop not in self.group.gateways:
            raise Refused(f"the route goes to {hop}, which is not a gateway of the group", "switch it back first")
        others = [gateway for gateway in view["gateways"] if gateway["id"] != hop]
        if not any(fit_for_duty(gateway) for gateway in others):
            why = "; ".join(f"{one['id']} {_trouble(one)}" for one in others) or "one gateway"
            raise Refused(
                f"there is no healthy standby, so this would be an outage: {why}", "`natkeeper doctor` says more"
            )
        if self.kind == "stop":
            self._check_stop(hop)
        self.names = names_in(view)
        self.before = tuple(
            RouteBefore(str(route["table"]), str(route["destination"]), str(route["next_hop"]))
            for route in view.get("routes", ())
            if route.get("next_hop")
        )
        return hop

    def run(self, gateway: str) -> Observed:
        """Do it. Whatever happens, what was broken is put back before this ends, or `left` says what was not.

        Raises Interrupted after Ctrl-C, with what is still broken.
        """
        feeling = Feeling(self.reach, str(self.group.probe_of(self._watched)), self.clock)
        journal = Journal(
            self.reach.region,
            self.group.name,
            self.kind,
            gateway,
            text_of(self.reach.clock()),
            self.before,
            file=self.file,
        )
        chosen = fault(self.kind, self.reach, self.asker, journal)
        began = fault_at = self.clock()
        with Interrupts(self.sleeper) as interrupts:
            interrupted = False
            try:
                interrupts.arm()
                for _ in range(SETTLED):
                    feeling.check()  # an instance of the probe that has to be started first would be felt as a loss
                began = self.clock()
                feeling.begin()
                interrupts.sleep(BEFORE_S)
                interrupts.disarm()  # the fault and its journal are one: nothing may come between them
                self._write(journal)
                fault_at = self.clock()
                self._tell("fault", "drill", chosen.begin(), fault_at)
                interrupts.arm()
                self._wait(feeling, gateway, fault_at, interrupts.sleep)
                interrupts.sleep(BEFORE_S)
            except KeyboardInterrupt:
                interrupted = True
            except CommandError as trouble:
                self.reasons.append(f"the drill could not go on: {trouble.what}")
            except Exception as error:  # noqa: BLE001  a fault of ours must not leave a gateway stopped either
                self.reasons.append(f"the drill could not go on: {type(error).__name__}: {error}")
            interrupts.disarm()
            feeling.stop()
            ended = self.clock()
            if self.broken:
                self._put_back(journal, interrupts)
            feeling.join()
        if interrupted:
            if self.left:
                raise Interrupted("interrupted; still broken: " + "; ".join(self.left), f"mend it with `{self.mend}`")
            what = (
                "interrupted; everything is back as it was" if self.broken else "interrupted before anything was done"
            )
            raise Interrupted(what)
        if not feeling.attempts:
            self.reasons.append(f"nothing could be felt: {feeling.blind or 'no check came to its end'}")
        return Observed(
            scenario=f"{self.kind} in {self.group.name}",
            story=chosen.story,
            place=f"account's own region {self.reach.region}, route {self._watched}",
            began_at=began,
            fault_at=fault_at,
            ended_at=ended,
            attempts=tuple(each for each in feeling.attempts if each.began <= ended),
            ways={"out": "a private vSwitch to the internet"},
            moments=tuple(sorted(self.moments, key=lambda moment: moment.at)),
            reasons=tuple(self.reasons),
            how=HOW,
        )

    @property
    def mend(self) -> str:
        """The command that goes on putting back."""
        return command(self.group.name)

    # ---- steps -------------------------------------------------------------------------------------------

    def _wait(self, feeling: Feeling, gateway: str, fault_at: float, sleep: Callable[[float], None]) -> None:
        """Wait until the route has left the gateway and the internet is seen again."""
        moved = 0.0
        while self.clock() - fault_at < self.within_s:
            hop = self._hop()
            if not moved and hop not in ("", gateway):
                moved = self.clock()
                self._tell("route", "route table", f"the route goes to {hop}", moved)
            if moved and feeling.well(moved, SETTLED):
                self._tell("step", "probe", f"{SETTLED} checks in a row have succeeded", self.clock())
                return
            sleep(POLL_S)
        what = "the internet was not seen again" if moved else "the route was not moved"
        self.reasons.append(f"{what} within {self.within_s:g} s")

    def _write(self, journal: Journal) -> None:
        """Write down what is about to be broken; from here on there is something to put back."""
        try:
            journal.write()
        except OSError as error:
            self.say(f"this drill is not written down ({error}): if it is killed, start {journal.gateway} by hand")
            journal.file = None  # and there is nothing to remove
        self.broken = True

    def _put_back(self, journal: Journal, interrupts: Interrupts) -> None:
        """Take the fault back, wait for the gateway to be fit, and move the routes home."""
        self.say("putting everything back (Ctrl-C leaves it as it is)")
        restore = Restore(self.reach, self.asker, journal, self.say, interrupts.sleep)
        try:
            interrupts.arm()
            self.left = restore.put_back()
        except KeyboardInterrupt:
            self.left = list(restore.left.values())
        interrupts.disarm()
        if self.left:
            self.reasons += [f"not put back: {sentence}" for sentence in self.left]
        else:
            self._tell("step", "drill", f"everything is back: the route goes to {journal.gateway}", self.clock())

    # ---- looking -----------------------------------------------------------------------------------------

    @property
    def _watched(self) -> Route:
        """The route that the probe looks through."""
        return next((r for r in self.group.routes if self.group.checked_by_probe(r)), self.group.routes[0])

    def _status(self) -> Json:
        answer = self.asker.ask({"action": "status", "group": self.group.name})
        receipt: Json = answer["receipts"][0]
        return receipt

    def _route_in(self, view: Mapping[str, Any]) -> Mapping[str, Any]:
        route = self._watched
        mine = (r for r in view.get("routes", ()) if (r["table"], r["destination"]) == (route.table, route.destination))
        return next(mine, {})

    def _hop(self) -> str:
        """Where the route goes now; empty while it changes or cannot be read."""
        entries = self.reach.try_(lambda attempt: network.entries(attempt, self._watched.table))
        if isinstance(entries, Failure):
            return ""
        entry = next((e for e in entries if e.destination == self._watched.destination), None)
        if entry is None or entry.next_hop is None or entry.status is not EntryStatus.AVAILABLE:
            return ""
        return entry.next_hop.id

    def _check_stop(self, gateway: str) -> None:
        machines = self.reach.do(f"reading {gateway}", lambda attempt: network.machines(attempt, ids=[gateway]))
        if any(machine.spot for machine in machines):
            raise Refused(
                f"{gateway} is a spot instance, which may not come back from a stop", "use --kind maintenance"
            )

    def _tell(self, kind: Kind, who: str, what: str, at: float) -> None:
        self.moments.append(Moment(at, kind, who, with_names(what, self.names)))
        self.say(what)


def _trouble(gateway: Mapping[str, Any]) -> str:
    """Say why a gateway of a view is no standby."""
    return str(gateway.get("reason") or gateway.get("unfit") or f"is {gateway.get('health')}")
