"""Play a story: town, region, bus, functions, probe and people under one virtual clock, watched by the rules."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from natkeeper.domain.config import Config, parse_config
from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import EipStatus, HopKind, NextHop
from natkeeper.ports import ReadConditions, ReadEip, ReadInstances, ReadNatGateway, ReadRoutes
from tests.fakes.stage import FALLBACK, NOTIFY, hop
from tests.fakes.things import START, Address
from tests.simulation.probe import Eye
from tests.simulation.refusing import RefusingActs
from tests.simulation.region import OF_API, ApiTrouble, Region
from tests.simulation.rules import Rules
from tests.simulation.runs import SimulatedFunction
from tests.simulation.sent_rules import Violation
from tests.simulation.story import SHAPES, STRANGE_TABLE, STRANGER, Story, clock
from tests.simulation.town import SimulatedWorld

SWEEP_S = 60.0


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
        broken, hours, function.runs, function.calls, rules.writes, rules.moves, rules.waits, simulation.lines
    )


class Simulation:
    """One story under way."""

    def __init__(self, story: Story, *, tell: bool = False) -> None:
        self.story = story
        self.lines: list[str] = []
        self._telling = tell
        self.chance = random.Random(f"bus of {story.seed}")
        self.shape = SHAPES[story.shape]
        self.config: Config = parse_config({"region": "cn-hangzhou", "groups": self.shape.groups, "notify": NOTIFY})
        self.town = SimulatedWorld()
        self.region = Region(self.town, {})
        self._build()
        self.rules = Rules(story, self.town, self.region, self.config)
        self.function = SimulatedFunction(
            self.town, self.region, self.config, self.rules, story.noise,
            limit=story.runs, retries=story.retries, seed=story.seed,
        )  # fmt: skip
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
            self.function.tell = self.rules.tell = self.say
        self._skip_timer = 0
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
                town.add_machine(gateway, None if follows else f"198.51.100.{10 + len(town.machines)}")
                if follows and number == 0:
                    town.addresses[follows] = Address(follows, "198.51.100.100", EipStatus.IN_USE, gateway)
            for route in group.routes:
                town.add_route(route.table, NextHop.gateway(group.home(route)))
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
        if self._skip_timer:
            self._skip_timer -= 1
        else:
            self.function.invoke(
                json.dumps({"triggerTime": "t", "triggerName": "sweep", "payload": ""}).encode(), "timer"
            )
        for eye in self.eyes.values():
            eye.watch()
        self.town.quietly(SWEEP_S, self._timer)

    def _changed(self) -> None:
        self.rules.look()
        for eye in self.eyes.values():
            eye.look()

    def _happen(self, happening: Any) -> None:
        self.say(f"** {happening.what} {' '.join(map(str, happening.about))}".rstrip())
        self.rules.disturbed(happening.what)
        self._acts.do(happening.what, happening.about)

    def _publish(self, kind: str, data: dict[str, Any]) -> None:
        """Put an event on the bus, which may lose, delay and repeat it."""
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
        self.town.quietly(wait, lambda: self.function.invoke(payload, f"event {about} {state}".rstrip()))

    def _report(self, record: dict[str, Any]) -> None:
        self.say("the probe reports that egress is lost")
        self.town.quietly(0.2, lambda: self.function.invoke(json.dumps(record).encode(), "probe"))

    def _handed(self, function: str, payload: bytes) -> None:
        if function in self.eyes:
            until = json.loads(payload).get("until")
            left = None if until is None else until - self.town.now.timestamp() + self.town.second
            self.town.quietly(0.3, lambda: self.eyes[function].watch(left))

    def person(self, asked: dict[str, Any]) -> None:
        """A person asks, and asks again while the function is busy."""
        self.function.invoke(json.dumps(asked).encode(), f"person {asked['action']}", wait_s=2.0)


class Acts(RefusingActs):
    """What each happening does."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.town, self.region = simulation, simulation.town, simulation.region

    def do(self, what: str, about: tuple[Any, ...]) -> None:
        """Do it."""
        getattr(self, "_" + what.lower().replace(" ", "_").replace("-", "_"))(*about)

    def _stops(self, gateway: str, called: bool) -> None:  # noqa: FBT001  arguments are a story's data
        self.town.stop(gateway, called=called)

    def _starts(self, gateway: str, rules: bool) -> None:  # noqa: FBT001
        self.town.start(gateway, rules=rules)

    def _hangs(self, gateway: str) -> None:
        self.town.hang(gateway, hung=True)

    def _wakes(self, gateway: str) -> None:
        self.town.hang(gateway, hung=False)

    def _loses_its_rules(self, gateway: str) -> None:
        self.town.masquerade(gateway, there=False)

    def _gets_its_rules_back(self, gateway: str) -> None:
        self.town.masquerade(gateway, there=True)

    def _is_reclaimed(self, gateway: str) -> None:
        self.town.reclaim(gateway)

    def _is_maintained(self, gateway: str, ahead_s: float) -> None:
        self.town.maintain(gateway, ahead_s)

    def _fails(self, gateway: str) -> None:
        self.town.fail(gateway)

    def _is_deleted(self, gateway: str) -> None:
        self.town.release(gateway)

    def _loses_its_address(self, gateway: str) -> None:
        self.town.own_address(gateway, None)

    def _gets_an_address(self, gateway: str) -> None:
        self.town.own_address(gateway, f"198.51.100.{70 + sum(gateway.encode()) % 100}")

    def _eip_is_taken_off(self, eip: str) -> None:
        self.town.lose_eip(eip)

    def _eip_is_bound(self, eip: str, to: str) -> None:
        self.town.give_eip(EipId(eip), to)

    def _switch(self, group: str, to: str | None, force: bool) -> None:  # noqa: FBT001
        asked = {"action": "switch", "group": group, "force": force}
        self.simulation.person({**asked, "to": to} if to else asked)

    def _pause(self, group: str, length: str) -> None:
        self.simulation.person({"action": "pause", "group": group, "for": length, "why": "work on the gateways"})

    def _resume(self, group: str) -> None:
        self.simulation.person({"action": "resume", "group": group})

    def _setup(self, group: str) -> None:
        self.simulation.person({"action": "setup", "group": group})

    def _status(self, group: str) -> None:
        self.simulation.person({"action": "status", "group": group})

    def _route_deleted(self, table: str) -> None:
        self.town.drop_route(table)

    def _route_re_pointed(self, table: str, to: str) -> None:
        if InstanceId(to) in self.town.machines:
            self.town.point_route(table, hop(to))

    def _half_added(self, table: str) -> None:
        self.town.halve(table, hop(STRANGER))

    def _half_removed(self, table: str) -> None:
        entry = self.town.entry(TableId(table), "128.0.0.0/1")
        if entry is not None and not entry.description:
            self.town.drop_entry(table, "128.0.0.0/1")

    def _internet_down(self) -> None:
        self.town.internet = False

    def _internet_up(self) -> None:
        self.town.internet = True

    def _nat_down(self) -> None:
        self.town.nat[NatGatewayId(FALLBACK)] = False

    def _nat_up(self) -> None:
        self.town.nat[NatGatewayId(FALLBACK)] = True

    def _api_fails(self, api: str, how: str, seconds: float) -> None:
        self._trouble(ApiTrouble(OF_API[api], self.town.second + seconds, how), seconds)

    def _api_slow(self, api: str, slow_s: float, seconds: float) -> None:
        self._trouble(ApiTrouble(OF_API[api], self.town.second + seconds, slow_s=slow_s), seconds)

    def _trouble(self, trouble: ApiTrouble, seconds: float) -> None:
        self.region.troubles.append(trouble)
        self.town.after(seconds, self._over)

    def _over(self) -> None:
        self.simulation.rules.disturbed("the trouble is over")

    def _api_stale(self, seconds: float) -> None:
        self.region.begin_stale(seconds, self.simulation.reads())
        self.town.after(seconds, self._over)

    def _api_busy(self, seconds: float) -> None:
        self.town.occupy(seconds)
        self.town.after(seconds, self._over)

    def _killed(self, calls: int, before: bool) -> None:  # noqa: FBT001
        self.simulation.function.next_kill.append((calls, before))

    def _stalled(self, batches: int, seconds: float) -> None:
        self.simulation.function.next_stall.append((batches, seconds))

    def _frozen(self) -> None:
        self.simulation.function.next_stall.append((1, 100.0))

    def _no_timer(self) -> None:
        self.simulation._skip_timer += 1

    def _throttled(self) -> None:
        self.simulation.function.closed_until = self.town.second + 20
        self.town.after(20, self._over)

    def _forged_event(self, number: int, gateway: str, table: str) -> None:
        """Say what is not true, or not understandable."""
        evil = "$(reboot)\n`id`'\";:--"
        state = ("ecs:Instance:StateChange", {"resourceId": gateway, "state": "Stopped"})
        forged: list[Callable[[], Any]] = [
            lambda: self._event(*state),
            lambda: self._event("ecs:Instance:StateChange", {"resourceId": "i-nobody", "state": "Stopped"}),
            lambda: self._event("ecs:Instance:PreemptibleInstanceInterruption", {"instanceId": gateway}),
            lambda: self._event(
                "ecs:Instance:SystemFailure.Reboot", {"instanceId": gateway, "eventStatus": "Executing"}
            ),
            lambda: self._call("DeleteRouteEntry", table),
            lambda: self._call("DeleteRouteEntry", STRANGE_TABLE),
            lambda: {"requestContext": {}, "responsePayload": {"errorMessage": "boom"}},
            lambda: b"\xff\xfe{",
            lambda: self._event(evil, {"resourceId": evil, "state": evil, "instanceId": evil}),
            lambda: self._call("StopInstance", table),
            self._old_report,
        ]
        self.simulation.deliver(forged[number](), 0.3)

    def _event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        when = f"{self.town.now:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "id": f"forged-{next(self.simulation._numbers)}",
            "source": "acs.ecs",
            "specversion": "1.0",
            "type": kind,
            "time": when,
            "data": data,
        }

    def _call(self, call: str, table: str) -> dict[str, Any]:
        data = {"eventName": call, "requestParameters": {"RouteTableId": table}}
        event = self._event("vpc:ActionTrail:ApiCall", data)
        return {**event, "source": "acs.vpc"}

    def _old_report(self) -> dict[str, Any]:
        group = self.simulation.config.groups[0].name
        since = (self.town.now - timedelta(minutes=10)).timestamp()
        report = {"natkeeper": "egress-lost", "group": group, "since": since, "failures": 3, "reason": "old"}
        return {"requestContext": {}, "responsePayload": {"errorMessage": json.dumps(report)}}
