"""Function Compute, simulated: runs of the failover function, stepped attempt by attempt, throttled, killed, retried.

A run is the real generator (natkeeper.failover.run). Between any two attempts of any of its calls everything else in
the simulation may happen, other runs included.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from natkeeper.alibaba.threads import OPTIONAL_S
from natkeeper.domain.config import Config
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.observed import NextHop
from natkeeper.failover.run import Answer, Told, attend
from natkeeper.ports import Batch, CheckFromFunction, Failure, FailureKind, Result, Wait
from tests.fakes.stage import ITSELF
from tests.simulation.interfaces import of_instance, understood
from tests.simulation.region import Region, draws
from tests.simulation.rules import Rules
from tests.simulation.story import Noise
from tests.simulation.town import SimulatedWorld

RUN_FOR = timedelta(seconds=45)
TELL_FOR = timedelta(seconds=8)
FC_TIMEOUT_S = 60.0
ATTEMPT_FOR_S = 3.0
"""How long the adapters wait for one answer."""
EVENT_AGE_S = 300.0
NEVER_S = 1000.0


class SimulatedRun:
    """One run. `known`: what it was last answered, and when that was true."""

    def __init__(self, function: SimulatedFunction, payload: bytes, number: str, tries: int, source: str) -> None:
        self.function, self.payload, self.tries, self.source = function, payload, tries, source
        self.name = number
        self.config = function.config
        town = function.town
        self.began: datetime = town.now
        self.chance = random.Random(f"{function.seed} {source} {town.second:.3f}")
        self.deadline = town.now + RUN_FOR + TELL_FOR
        self.known: dict[Any, tuple[datetime, Result]] = {}
        self.saw: list[datetime] = []
        self.noted: set[int] = set()
        self.moved_at: dict[str, datetime] = {}
        self.pointed: dict[str, NextHop] = {}
        """Where it last pointed each table's route."""
        self.action = _action(payload)
        self.alive = True
        self.stalled = False
        self.calls = 0
        self.kill_at: int | None = None
        self.kill_before = False
        self.stall_at: tuple[int, float] | None = None
        self.batches = 0
        self._batch: Batch = ()
        self._results: list[Result] = []
        self._waiting: set[int] = set()
        self._sent = town.now
        # A run's own clock does not step, whatever the wall clock does meanwhile.
        self.skew = skew = timedelta(seconds=town.skew_s)
        town.played["skew"] += bool(skew)

        def clock() -> datetime:
            return town.now + skew

        self._run = attend(payload, function.config, number, clock, clock() + RUN_FOR, function.told)

    # ---- steps -------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take the first step."""
        self._step(None)

    def die(self, why: str) -> None:
        """End the run where it is; calls that are under way arrive all the same."""
        if not self.alive:
            return
        self.alive = False
        self._run.close()
        self.function.died(self, why)

    def _step(self, results: list[Result] | None) -> None:
        try:
            batch = next(self._run) if results is None else self._run.send(results)
        except StopIteration as stop:
            self.alive = False
            self.function.done(self, stop.value)
            return
        self.batches += 1
        if self.stall_at is not None and self.stall_at[0] <= self.batches:
            seconds, self.stall_at, self.stalled = self.stall_at[1], None, True
            self.function.rules.more.stalls(seconds)
            self.function.town.quietly(seconds, lambda: self._send(batch))
        else:
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        if not self.alive:
            return
        town, sent = self.function.town, self.function.town.now
        self._batch, self._results, self._waiting = batch, [None] * len(batch), set(range(len(batch)))
        self._sent = sent
        number = self.batches
        for turn, call in enumerate(batch):
            if isinstance(call, Wait):
                left = (self.deadline - sent).total_seconds()
                town.quietly(max(0.0, min(call.seconds, left)), partial(self._answered, number, turn, None))
            elif sent >= self.deadline:
                late = Failure(FailureKind.UNREACHABLE, "there was no time left to ask")
                town.quietly(0.0, partial(self._answered, number, turn, late))
            else:
                known = of_instance(call)
                self.function.rules.sent(self, known)
                self._attempt(number, turn, known, sent, 0)

    def _attempt(self, number: int, turn: int, call: Any, sent: datetime, tries: int) -> None:
        """Send one attempt of a call of batch `number`."""
        if not self.alive:
            return
        self.calls += 1
        kill = self.kill_at is not None and self.calls > self.kill_at
        if kill and self.kill_before:
            self.die(f"killed before call {self.calls}")
            return
        noise, chance, region = self.function.noise, self.chance, self.function.region
        out, back = 0.005 + chance.random() * 0.05, 0.005 + chance.random() * 0.05
        trouble = region.trouble(call)
        if trouble is not None and trouble.slow_s:
            late = trouble.slow_s * chance.random() * 2
            out, back = (out + late, back) if chance.random() < 0.5 else (out, back + late)
        if noise.slow and chance.random() < noise.slow:
            out += chance.random() * 4
        if region.trickles(type(call)):
            out = NEVER_S
            self.function.town.played["trickle"] += 1
        how = trouble.how if trouble is not None and trouble.how else draws(chance, noise.fails)
        arrival = _Arrival(self, number, turn, call, sent, tries, how, back)
        self.function.town.quietly(out, arrival)
        if kill:
            self.die(f"killed after call {self.calls}")
            return
        left = (sent - self.function.town.now).total_seconds() + call.patience_s
        waits = min(call.timeout_s if isinstance(call, CheckFromFunction) else ATTEMPT_FOR_S, left)
        if out + back > waits:
            arrival.given_up = True
            self.function.town.quietly(waits, lambda: self._failed_attempt(arrival))

    def _give_up(self, number: int, turn: int) -> None:
        """Do without the answer to an optional call: those that are needed are there (natkeeper.alibaba.threads)."""
        if self.alive and number == self.batches and turn in self._waiting:
            self._answered(number, turn, Failure(FailureKind.UNREACHABLE, "no answer before the deadline"))

    def _failed_attempt(self, arrival: _Arrival) -> None:
        """Hear nothing of an attempt in time."""
        self.heard(arrival, Failure(FailureKind.UNREACHABLE, "no answer in time"), None)

    def heard(self, arrival: _Arrival, result: Result, when: datetime | None) -> None:
        """Get an answer to an attempt: keep it, or try again. `when` is when it was true."""
        if not self.alive or arrival.number != self.batches:
            return
        town = self.function.town
        pause = self.function.region.rest(arrival.call, result, arrival.tries)
        until = min(self.deadline, arrival.sent + timedelta(seconds=arrival.call.patience_s))
        if pause is not None and town.now + timedelta(seconds=pause) < until:
            again = (arrival.number, arrival.turn, arrival.call, arrival.sent, arrival.tries + 1)
            town.quietly(pause, lambda: self._attempt(*again))
            return
        if isinstance(result, (EgressSeen, EgressLost)):
            result = replace(result, at=result.at + self.skew)  # a check has the time of the process that asked for it
        if when is not None and not isinstance(result, Failure):
            self.known[arrival.call] = (when, understood(result))
            if isinstance(result, EgressSeen):
                self.saw.append(when)
        self._answered(arrival.number, arrival.turn, result)

    def _answered(self, number: int, turn: int, result: Result) -> None:
        if not self.alive or number != self.batches:
            return
        if turn not in self._waiting:
            return  # it was given up
        self._results[turn] = result
        self._waiting.discard(turn)
        if not self._waiting:
            self._step(self._results)
            return
        town, waiting = self.function.town, self._waiting
        if not self._batch[turn].optional and all(self._batch[other].optional for other in waiting):
            more = max(OPTIONAL_S, (town.now - self._sent).total_seconds())
            for other in waiting:
                town.quietly(more, partial(self._give_up, number, other))


class _Arrival:
    """An attempt on its way; called when it arrives, whether or not its run still lives."""

    __slots__ = ("back", "call", "given_up", "how", "number", "run", "sent", "tries", "turn")

    def __init__(
        self, run: SimulatedRun, number: int, turn: int, call: Any, sent: datetime, tries: int, how: str, back: float
    ) -> None:
        self.run, self.number, self.turn, self.call, self.sent = run, number, turn, call, sent
        self.tries, self.how, self.back, self.given_up = tries, how, back, False

    def __call__(self) -> None:
        function = self.run.function
        town, call = function.town, self.call
        function.rules.arrives(self.run, call)
        result = function.region.attempt(call, self.how)
        function.rules.arrived(self.run, call, result, self.how, heard=not self.how and not self.given_up)
        if self.given_up:
            return
        back = self.back + function.region.checks_take(call, result)
        when = town.now
        town.quietly(back, lambda: self.run.heard(self, result, when))


class SimulatedFunction:
    """The failover function: at most `limit` runs at once; what is throttled is tried again, as is what died."""

    def __init__(
        self,
        town: SimulatedWorld,
        region: Region,
        config: Config,
        rules: Rules,
        noise: Noise,
        *,
        limit: int,
        retries: int,
        seed: int,
        name: str = ITSELF,
    ) -> None:
        self.name = name
        self.town, self.region, self.config, self.rules, self.noise = town, region, config, rules, noise
        self.limit, self.retries, self.seed = limit, retries, seed
        self.told = self._cold()
        self.running: list[SimulatedRun] = []
        self.next_kill: list[tuple[int, bool]] = []
        self.next_stall: list[tuple[int, float]] = []
        self.closed_until = 0.0
        self.quiet_sweeps = 0
        """How many runs of the timer in a row had nothing to tell."""
        self.runs = self.calls = 0
        self.tell: Callable[[str], None] = lambda _line: None

    def _cold(self) -> Told:
        """Return what a process that has just begun knows: its own name."""
        told = Told()
        told.rest.itself = self.name
        return told

    def configure(self, config: Config) -> None:
        """Deploy another configuration: what runs goes on with the old one, a new process begins."""
        self.config, self.told = config, self._cold()
        self.rules.more.new_process()

    def invoke(self, payload: bytes, source: str, *, wait_s: float = 0.5, age_s: float = 0.0, tries: int = 0) -> None:
        """Ask for a run; FC tries again while it is throttled, until the event is too old."""
        if age_s > EVENT_AGE_S:
            return
        if len(self.running) >= self.limit or self.town.second < self.closed_until:
            again = {"wait_s": wait_s * 2, "age_s": age_s + wait_s, "tries": tries}
            self.town.quietly(wait_s, lambda: self.invoke(payload, source, **again))  # type: ignore[arg-type]
            return
        self.runs += 1
        run = SimulatedRun(self, payload, f"{'' if self.name == ITSELF else 'other-'}run-{self.runs}", tries, source)
        if self.next_kill:
            run.kill_at, run.kill_before = self.next_kill.pop(0)
        if self.next_stall:
            run.stall_at = self.next_stall.pop(0)
        self.running.append(run)
        self.rules.more.begins(source)
        self.tell(f"{run.name} begins: {source}")
        self.town.quietly(FC_TIMEOUT_S, lambda: run.die("the function's time-out"))
        run.begin()

    def died(self, run: SimulatedRun, why: str) -> None:
        """Free the place of a run that died, and try its event again."""
        self.calls += run.calls
        self.running.remove(run)
        self.told = self._cold()
        self.rules.more.new_process()
        self.rules.disturbed(f"{run.name} {why}")
        self.tell(f"{run.name} dies: {why}")
        if run.tries < self.retries:
            wait = 1.0 if run.tries == 0 else 60.0
            self.town.quietly(wait, lambda: self.invoke(run.payload, run.source, tries=run.tries + 1))

    def done(self, run: SimulatedRun, answer: Answer) -> None:
        """Take the answer of a run."""
        self.calls += run.calls
        self.running.remove(run)
        self.rules.answered(run, answer)
        quiet = all(receipt.outcome == "quiet" for receipt in answer.receipts)
        self.quiet_sweeps = (self.quiet_sweeps + (run.source == "timer")) * quiet
        for receipt in answer.receipts:
            if receipt.outcome != "quiet":
                self.tell(f"{run.name} ends: {receipt.group}: {receipt.outcome}: {receipt.sentence}")


def _action(payload: bytes) -> dict[str, Any]:
    """What a person asked for, or nothing."""
    try:
        asked = json.loads(payload)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) and "action" in asked else {}
