"""One trial from beginning to end: may it be done, try everything, put everything back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from natkeeper.alibaba.fields import text_of
from natkeeper.cli.conformance import deployment, events, figures, refusals, routes, standby
from natkeeper.cli.conformance.found import TrialResult
from natkeeper.cli.conformance.journal import TrialJournal
from natkeeper.cli.conformance.place import POLL_S, TRIED, Place
from natkeeper.cli.drill.faults import NOTICE, cancel_notice, start_instance
from natkeeper.cli.errors import CommandError, Denied, Refused
from natkeeper.cli.survey import network
from natkeeper.domain.memory import is_ours

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.cli.invoke import Asker
    from natkeeper.domain.config import Group

Part = Callable[[], dict[str, TrialResult]]
HALF = "0.0.0.0/1"
DEMO = "natkeeper-demo"
"""How the names of instances begin that templates/ros/demo.yaml makes."""
BACK_WITHIN_S = 900.0
NOT_HERE = {
    "nat-changing": "a NAT Gateway would have to be changed, which its owner pays for and private hosts may feel",
    "nat-creation": "a NAT Gateway costs money from its creation on; make one in an empty VPC and read its route table",
    "warm-credentials": "it takes longer than an hour: compare the access key id of two invocations of one instance",
    "role-rights": "it needs a function with a role without rights, which would have to be deployed",
    "fc-references": "it needs a function that names what does not exist, which would have to be deployed",
    "fc-instances": "Quota Center says it (product Function Compute), and natkeeper's roles do not read that",
    "bus-rules": "it needs more rules than an account should have for a trial",
    "oos-output": "it needs a template of its own in OOS",
}
"""Readings that a trial of an hour cannot decide, and why."""


def prepare(reach: RegionClients, group: Group, vpc_named: str) -> tuple[Place, TrialJournal]:
    """Find out where to try. Raises Refused where a trial would be felt, or could meet what is not the trial's."""
    route = group.routes[0]
    entries = reach.do("reading the route table", lambda attempt: network.entries(attempt, route.table))
    there = {entry.destination: entry for entry in entries}
    active = there[route.destination].next_hop if route.destination in there else None
    if active is None or active.id not in group.gateways:
        raise Refused(
            f"{route} goes to {active or 'nowhere'}, which is not a gateway of the group", "switch it back first"
        )
    if taken := [destination for destination in TRIED if destination in there]:
        raise Refused(f"{route.table} has an entry for {taken[0]}, which the trial needs for itself", "delete it")
    machines = {
        each.id: each for each in reach.do("reading the gateways", partial(network.machines, ids=group.gateways))
    }
    others = [machines[one] for one in group.gateways if one != active.id and one in machines]
    running = [machine for machine in others if machine.status == "Running"]
    if not running:
        raise Refused("there is no running standby, and the trial stops one", "natkeeper doctor")
    machine = running[0]
    strangers = [
        each
        for each in reach.do("reading the VPC", partial(network.machines, vpc=machine.vpc))
        if each.id not in group.gateways and not each.name.startswith(DEMO)
    ]
    if strangers and vpc_named != machine.vpc:
        shown = ", ".join(each.id for each in strangers[:3]) + " and more" * (len(strangers) > 3)  # noqa: PLR2004
        what = f"{machine.vpc} has {len(strangers)} instances besides the gateways and the demo's ({shown})"
        raise Refused(what, f"use a trial deployment (templates/ros/demo.yaml), or name it: --vpc {machine.vpc}")
    place = Place(reach, group, route.table, active.id, machine.id, machine.eip)
    mine = tuple(destination for destination in (*TRIED, HALF) if destination not in there)
    return place, TrialJournal(
        reach.region, group.name, route.table, mine, active.id, machine.id, machine.eip, text_of(reach.clock() + NOTICE)
    )


@dataclass
class Trial:
    """Tries one place. `function` is the failover function, and `asker` asks it; `notify` is the notify function.

    `left` says what is not put back.
    """

    place: Place
    journal: TrialJournal
    function: str
    say: Callable[[str], None]
    asker: Asker | None = None
    notify: str | None = None
    found: dict[str, TrialResult] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    began: datetime = field(init=False)

    def run(self) -> None:
        """Try part after part; one that cannot be done leaves its readings undecided. Raises Denied."""
        self.began = self.place.reach.clock()
        for names, what, part in self._parts():
            self.say(what)
            try:
                self.found |= part()
            except Denied:
                raise
            except CommandError as trouble:
                self.found |= {name: TrialResult(None, trouble.what) for name in names if name not in self.found}
        self.found |= {name: TrialResult(None, why) for name, why in NOT_HERE.items()}

    def _figures(self) -> dict[str, TrialResult]:
        """Measure what no reading is about; a figure that cannot be measured has its reason, and the rest goes on."""
        place, route = self.place, self.place.group.routes[0]
        for name, part in figures.parts(place, route, self.function, self.notify, self.asker).items():
            try:
                part()
            except Denied:
                raise
            except CommandError as trouble:
                place.unmeasured[name] = trouble.what
        return {}

    def _refusals(self) -> dict[str, TrialResult]:
        self.place.require_entry()
        self.place.codes |= refusals.codes(self.place)
        return {}

    def _parts(self) -> Iterator[tuple[tuple[str, ...], str, Part]]:
        place = self.place
        yield ("async-type",), "reading how rules invoke", lambda: deployment.triggers(place, self.function)
        yield ("answers", "scaling-config"), "reading a function", lambda: deployment.answers(place, self.function)
        yield ("pattern-expressions",), "matching an event", lambda: deployment.patterns(place)
        yield ("invocations",), "running a command that does nothing", lambda: standby.invocations(place)
        yield (
            ("route-status-words", "client-tokens", "route-task-gap"),
            "creating two entries",
            lambda: routes.creations(place),
        )
        yield ("route-filters",), "reading with a filter", lambda: routes.filters(place)
        yield ("route-name", "route-description"), "writing names and descriptions", lambda: routes.words(place)
        yield (), "making calls that are wrong", self._refusals
        yield ("route-half", "route-in-place-to-nat"), "changing the next hop", lambda: routes.moves(place)
        yield (), "moving the route to the standby and back", self._figures
        yield (), "simulating a maintenance", lambda: events.announce(place, self.journal.not_before)
        yield ("eip-off-stopping",), f"stopping {place.standby}", self._stop
        yield ("route-stopped-hop", "health-status", "route-to-stopped"), "looking at a stopped next hop", self._stopped
        names = "event-subject", "trail-types", "trail-request"
        yield names, "waiting for events of all this", self._received

    def _received(self) -> dict[str, TrialResult]:
        if self.asker is None:
            raise CommandError("the failover function was not named")
        return events.received(self.place, self.asker, self.began)

    def _stop(self) -> dict[str, TrialResult]:
        routes.aim_at_standby(self.place)
        if refused := self.place.stop():
            raise CommandError(f"{self.place.standby} cannot be stopped: {refused}")
        return standby.address(self.place)

    def _stopped(self) -> dict[str, TrialResult]:
        if self.place.status() not in ("Stopping", "Stopped"):
            raise CommandError(f"{self.place.standby} was not stopped")
        self.place.wait_for("Stopped", "ecs.instance.stop")
        return routes.stopped(self.place)

    # ---- putting back ------------------------------------------------------------------------------------

    def put_back(self, file: Path) -> None:
        """Start the standby, give it its EIP, delete the entries; what cannot be done is in `left`."""
        steps = (
            (self._cancel, "due for a simulated maintenance"),
            (self._start, "stopped"),
            (self._bind, "without its EIP"),
            (self._delete, "with entries of the trial"),
            (self._lead_back, "with the route at the standby"),
        )
        self.left = []
        for step, broken in steps:
            try:
                step()
            except CommandError as trouble:
                where = self.place.table if step in (self._delete, self._lead_back) else self.place.standby
                self.left.append(f"{where} may be {broken}: {trouble.what}")
        if not self.left:
            file.unlink(missing_ok=True)

    def _lead_back(self) -> None:
        """Let the route go to the active gateway again, unless that is dead and natkeeper left it."""
        place = self.place
        machines = place.reach.do("reading the gateway", partial(network.machines, ids=[place.active]))
        if any(machine.status == "Running" for machine in machines):
            figures.lead_back(place, place.group.routes[0])

    def _cancel(self) -> None:
        refused = cancel_notice(self.place.reach, self.place.standby, self.journal.not_before)
        if refused is not None:
            raise CommandError(str(refused))

    def _start(self) -> None:
        place, began, asked_at = self.place, self.place.monotonic(), 0.0
        while (status := place.status()) != "Running":
            if status == "Stopped" and start_instance(place.reach, place.standby) is None:
                asked_at = place.monotonic()
            if place.monotonic() - began >= BACK_WITHIN_S:
                raise CommandError(f"it is {status or 'gone'}")
            place.sleeper(POLL_S)
        if asked_at:
            place.seconds["ecs.instance.start"] = round(place.monotonic() - asked_at, 2)

    def _bind(self) -> None:
        place, began, asked_at = self.place, self.place.monotonic(), 0.0
        while place.eip and (state := standby.eip_state(place)) != ("InUse", place.standby):
            if state[0] == "Available" and not standby.bind_again(place):
                asked_at = place.monotonic()
            if place.monotonic() - began >= BACK_WITHIN_S:
                raise CommandError(f"the EIP is {state[0] or 'gone'}")
            place.sleeper(POLL_S)
        if asked_at:
            place.seconds["vpc.associate_eip.task"] = round(place.monotonic() - asked_at, 2)

    def _delete(self) -> None:
        for destination in self.journal.destinations:
            self.place.settle(destination)
            entry = self.place.entry(destination)
            if entry is None or (destination == HALF and is_ours(str(entry.description or ""))):
                continue  # natkeeper made this half itself, while it replaced an entry
            refused = self.place.until_taken(partial(self.place.delete, str(entry.route_entry_id)))
            if refused:
                raise CommandError(f"the entry for {destination} cannot be deleted: {refused}")
            self.place.settle(destination, "vpc.delete_route_entry.task")


def leftover(reach: RegionClients, group: Group, journal: TrialJournal, say: Callable[[str], None]) -> Trial:
    """Make a trial of what an earlier one wrote down, to put it back."""
    place = Place(reach, group, journal.table, journal.active, journal.standby, journal.eip)
    return Trial(place, journal, "", say)
