"""Play a story: town, region, bus, functions, probe and people under one virtual clock, watched by the rules."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from natkeeper.domain.config import Config
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import EipStatus, HopKind, NextHop, PowerState
from natkeeper.ports import HandOver, ReadConditions, ReadEip, ReadInstances, ReadNatGateway, ReadRoutes
from tests.fakes.things import START, Address
from tests.simulation.acts import Acts
from tests.simulation.deploying import configured
from tests.simulation.interfaces import by_interface
from tests.simulation.probe import Eye
from tests.simulation.region import Region
from tests.simulation.rules import Rules
from tests.simulation.runs import SimulatedFunction
from tests.simulation.sent_rules import Violation
from tests.simulation.story import OTHER, SHAPES, STRANGE_TABLE, STRANGER, Story, clock
from tests.simulation.town import SimulatedWorld

SWEEP_S = 60.0
QUIET, EACH = 3, 3
"""After so many quiet sweeps in a row, while nothing happens, only each third one is played."""


@dataclass(slots=True)
class Played:
    """What came of a story."""

    broken: str | None
    hours: float
    runs: int = 0
    calls: int = 0
    writes: int = 0
    moves: int = 0
    waits: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)


def play(story: Story, *, tell: bool = False) -> Played:
    """Play `story` to its end, or to the first rule that does not hold."""
    simulation = Simulation(story, tell=tell)
    broken = None
    try:
        simulation.run()
    except Violation as violation:
        broken = str(violation)
    except Exception as error:  # noqa: BLE001  a run that raises is a finding like any other
        trace = error.__traceback__
        where = ""
        while trace is not None:
            where, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
        broken = f"raised: {type(error).__name__}: {error} at {where}"
    simulation.say(f"broken: {broken}" if broken else "all rules held")
    rules, function = simulation.rules, simulation.function
    hours = simulation.town.second / 3600
    return Played(
        broken,
        hours,
        function.runs,
        function.calls,
        rules.writes,
        rules.moves,
        rules.waits,
        simulation.lines,
        simulation.town.played,
    )


class Simulation:
    """One story under way."""

    def __init__(self, story: Story, *, tell: bool = False) -> None:
        self.story = story
        self.lines: list[str] = []
        self._telling = tell
        self.chance = random.Random(f"bus of {story.seed}")
        self.shape = SHAPES[story.shape]
        self.groups = self.shape.groups
        self.config: Config = configured(self.groups)
        self.town = SimulatedWorld()
        self.region = Region(self.town, {})
        self._build()
        self.rules = Rules(story, self.town, self.region, self.config)
        self.function = SimulatedFunction(
            self.town, self.region, self.config, self.rules, story.noise,
            limit=story.runs, retries=story.retries, seed=story.seed,
        )  # fmt: skip
        self.functions = [self.function]
        if self.shape.other is not None:
            config = configured(self.shape.other)
            self.functions.append(
                SimulatedFunction(
                    self.town, self.region, config, self.rules, story.noise,
                    limit=story.runs, retries=story.retries, seed=story.seed + 1, name=OTHER,
                )
            )  # fmt: skip
            self.rules.deployments = (self.config, config)
        self.rules.truth.knows = lambda interface: any(
            interface in ledger.owners for ledger in self.function.told.ledgers.values()
        )
        self.rules.truth.kept = lambda group: (
            memory
            for name, ledger in self.function.told.ledgers.items()
            for _, memory in ledger.unwritten.values()
            if name == group.name
        )
        self.eyes = {
            function: Eye(self.town, group, function, self._report)
            for group in self.config.groups
            for function in group.probes
        }
        self.region.on_hand_over = self._handed
        self.region.on_repair = lambda: self.rules.disturbed("a setup repaired a gateway")
        self.town.tell = self._publish
        self.town.changed = self._changed
        if tell:
            self.rules.tell = self.say
            for function in self.functions:
                function.tell = self.say
        self._skip_timer = 0
        self._minutes = 0
        self._numbers = itertools.count(1)
        self._acts = Acts(self)

    def say(self, line: str) -> None:
        """Keep a line of the account."""
        if self._telling:
            self.lines.append(f"{clock(self.town.second)}  {line}")

    def run(self) -> None:
        """Let everything happen."""
        for happening in self.story.happenings:
            self.town.at(happening.at, lambda h=happening: self._happen(h))  # type: ignore[misc]
        self._timer()
        self.town.advance_to(START + timedelta(minutes=self.story.minutes))
        self.rules.tick()

    # ---- building ----------------------------------------------------------------------------------------

    def _build(self) -> None:
        town = self.town
        for group in self.config.groups:
            follows = None if isinstance(group.address, str) else group.address.follow
            for number, gateway in enumerate(group.gateways):
                machine = town.add_machine(gateway, None if follows else f"198.51.100.{10 + len(town.machines)}")
                machine.status = PowerState.STOPPED if gateway in self.shape.stopped else PowerState.RUNNING
                if follows and number == 0:
                    town.addresses[follows] = Address(follows, "198.51.100.100", EipStatus.IN_USE, gateway)
            for route in group.routes:
                hop = NextHop.gateway(group.home(route))
                town.add_route(route.table, by_interface(hop) if self.shape.by_interface else hop)
            if group.fallback:
                town.nat[group.fallback] = True
            self.region.probes |= group.probes
        town.add_machine(STRANGER, "198.51.100.250")
        town.add_route(STRANGE_TABLE, NextHop.gateway(InstanceId(STRANGER)), guarded=False)
        if not self.shape.in_place:
            town.in_place = lambda old, new: old.kind is new.kind and old.kind is not HopKind.INSTANCE

    def reads(self) -> list[Any]:
        """Every read that natkeeper makes of this world."""
        calls: list[Any] = []
        for group in self.config.groups:
            calls += [ReadRoutes(route.table) for route in group.routes]
            calls += [ReadInstances(group.gateways), ReadConditions(group.gateways)]
            if not isinstance(group.address, str):
                calls.append(ReadEip(group.address.follow))
            if group.fallback:
                calls.append(ReadNatGateway(group.fallback))
        return calls

    # ---- time, events, functions -------------------------------------------------------------------------

    def _timer(self) -> None:
        self.rules.tick()
        self._minutes += 1
        if self._skip_timer:
            self._skip_timer -= 1
        elif self._minutes % EACH and self._rests():
            pass
        else:
            sweep = json.dumps({"triggerTime": "t", "triggerName": "sweep", "payload": ""}).encode()
            self.function.invoke(sweep, "timer")
            for other in self.functions[1:]:
                self.town.quietly(SWEEP_S / 2, partial(other.invoke, sweep, "timer"))
        for eye in self.eyes.values():
            eye.watch()
        self.town.quietly(SWEEP_S, self._timer)

    def _rests(self) -> bool:
        """Return True if nothing has happened for some sweeps, nothing is owed, and every route leads somewhere."""
        lost = any(self.town.egress(table) is None for table in self.rules.group_of)
        return not lost and self.rules.settled and all(each.quiet_sweeps >= QUIET for each in self.functions)

    def _changed(self) -> None:
        self.rules.look()
        for eye in self.eyes.values():
            eye.look()

    def _happen(self, happening: Any) -> None:
        self._stirs()
        self.say(f"** {happening.what} {' '.join(map(str, happening.about))}".rstrip())
        self.rules.disturbed(happening.what)
        self._acts.do(happening.what, happening.about)

    def _stirs(self) -> None:
        for function in self.functions:
            function.quiet_sweeps = 0

    def _publish(self, kind: str, data: dict[str, Any]) -> None:
        """Put an event on the bus, which may lose, delay and repeat it."""
        self._stirs()
        product = kind.partition(":")[0]
        if "ActionTrail" not in kind:
            self.rules.disturbed(kind)
        event = {
            "id": f"e-{next(self._numbers)}",
            "source": f"acs.{product}",
            "specversion": "1.0",
            "type": kind,
            "time": f"{self.town.now:%Y-%m-%dT%H:%M:%SZ}",
            "data": data,
        }
        noise, chance = self.story.noise, self.chance
        late = 5.0 if "ActionTrail" in kind else 0.5
        for _ in range(2 if chance.random() < noise.twice else 1):
            wait = late * (0.5 + chance.random()) + noise.late_s * chance.random()
            if chance.random() >= noise.lost:
                self.deliver(event, wait)

    def deliver(self, event: Any, wait: float) -> None:
        """Deliver an event to the failover function."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        about = event.get("type", "forged") if isinstance(event, dict) else "forged"
        state = (
            event["data"].get("state", "") if isinstance(event, dict) and isinstance(event.get("data"), dict) else ""
        )
        for function in self.functions:
            self.town.quietly(wait, partial(function.invoke, payload, f"event {about} {state}".rstrip()))

    def _report(self, record: dict[str, Any]) -> None:
        self.say("the probe reports that egress is lost")
        self.town.quietly(0.2, lambda: self.function.invoke(json.dumps(record).encode(), "probe"))

    def _handed(self, call: HandOver) -> None:
        for function in self.functions:
            if call.function == function.name:
                self.town.played["hand-on"] += 1
                self.town.quietly(call.delay_s, partial(function.invoke, call.payload, "hand-on"))
        if call.function == self.config.notify:
            self.rules.people.hear(call.payload)
        if call.function in self.eyes:
            until = json.loads(call.payload).get("until")
            left = None if until is None else until - self.town.now.timestamp() + self.town.second
            self.town.quietly(0.3, lambda: self.eyes[call.function].watch(left))

    def person(self, asked: dict[str, Any]) -> None:
        """A person asks, and asks again while the function is busy."""
        self.function.invoke(json.dumps(asked).encode(), f"person {asked['action']}", wait_s=2.0)
