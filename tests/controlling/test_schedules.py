"""Random hours: gateways stop, hang, lose their rules and come back, calls fail, runs are killed, events go astray.

When it is over and a gateway is well, a probe's report and two sweeps leave everything as it should be; and at no
moment of it was there a route without any entry, or a write outside the group.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import EipStatus, PowerState
from natkeeper.ports import FailureKind, PointRoute
from tests.fakes.cloud import READS, WRITES
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, person, timer
from tests.fakes.things import FakeMachine

SHAPES: dict[str, dict[str, object]] = {
    "plain": {},
    "three": {"gateways": [A, B, C]},
    "follow": {"gateways": [A, B, C], "address": {"follow": EIP}},
    "fallback": {"fallback": FALLBACK, "failback": "5m", "hold_down": "1m"},
    "tables": {"routes": [{"table": TABLE}, {"table": TABLE_2, "prefer": B}], "failback": "10m"},
    "kept": {"setup": {"mode": "apply"}, "gateways": [A, B, C]},
}
RETRYABLE = [FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.BUSY]


class Hour:
    """Some dozens of random happenings, all from one seed."""

    def __init__(self, shape: str, seed: int) -> None:
        self.chance = random.Random(f"{shape} {seed}")
        self.stage = Stage({"prod": group(**SHAPES[shape])}, seed=seed)
        self.stage.world.shows_new_hop_early = self.chance.random() < 0.5
        if self.chance.random() < 0.3:
            self.stage.world.in_place = lambda old, new: old.kind is new.kind
        self.signals: list[object] = []

    def happen(self) -> None:
        """Let one thing happen to the world; what it announces goes into the mail."""
        happenings: list[Callable[[FakeMachine], None]] = [
            self._stop, self._stop, self._start, self._start, self._hang, self._lose_rules, self._free_eip,
            self._break_calls, self._break_calls, self._lose_internet, self._switch,
        ]  # fmt: skip
        gateway = self.chance.choice(self.stage.config.groups[0].gateways)
        self.chance.choice(happenings)(self.stage.machine(gateway))

    def _stop(self, machine: FakeMachine) -> None:
        if machine.status is PowerState.RUNNING:
            self.stage.world.stop(machine.id)
            self.signals += [self.stage.state(machine.id, "Stopping"), self.stage.state(machine.id, "Stopped")]

    def _start(self, machine: FakeMachine) -> None:
        if machine.status is PowerState.STOPPED:
            self.stage.world.start(machine.id)
            self.signals.append(self.stage.state(machine.id, "Running"))

    def _hang(self, machine: FakeMachine) -> None:
        machine.hung = True

    def _lose_rules(self, machine: FakeMachine) -> None:
        machine.rules = False

    def _free_eip(self, _machine: FakeMachine) -> None:
        for address in self.stage.world.addresses.values():
            if address.status is EipStatus.IN_USE:
                address.status, address.holder = EipStatus.AVAILABLE, None

    def _break_calls(self, _machine: FakeMachine) -> None:
        kind = self.chance.choice(RETRYABLE)
        self.stage.cloud.fail(
            self.chance.choice([READS, WRITES, (PointRoute,), (*READS, *WRITES)]),
            kind,
            times=self.chance.randrange(1, 40),
            done=kind is FailureKind.UNREACHABLE and self.chance.random() < 0.5,
            takes=self.chance.choice([0.1, 0.5, 3.0]),
        )

    def _lose_internet(self, _machine: FakeMachine) -> None:
        self.stage.world.internet = False
        self.stage.world.after(self.chance.uniform(5, 90), self._internet_back)

    def _switch(self, machine: FakeMachine) -> None:
        self.signals.append(person("switch", to=machine.id))

    def _internet_back(self) -> None:
        self.stage.world.internet = True

    def wake(self) -> None:
        """Wake natkeeper with something out of the mail, the probe's report or the timer; sometimes it is killed."""
        stage, chance = self.stage, self.chance
        lost = stage.world.egress(stage.config.groups[0].routes[0].table) is None
        payload: object = timer()
        if self.signals and chance.random() < 0.6:
            payload = chance.choice(self.signals)
            if chance.random() < 0.7:
                self.signals.remove(payload)
        elif lost and chance.random() < 0.7:
            payload = stage.report()
        if chance.random() < 0.25:
            stage.killed(payload, chance.randrange(30))
        else:
            began = stage.world.now
            stage.send(payload)
            assert stage.world.now - began <= timedelta(seconds=56)

    def end_well(self) -> None:
        """All faults end, every gateway is started and set up; then what the next minutes bring."""
        stage = self.stage
        stage.cloud.mend()
        stage.world.internet = True
        stage.world.advance(30)
        for gateway in stage.config.groups[0].gateways:
            machine = stage.world.machines[InstanceId(gateway)]
            if machine.status is not PowerState.RUNNING:
                stage.world.start(gateway)
            machine.hung, machine.rules = False, True
        stage.world.advance(60)
        for _ in range(2):
            if stage.world.egress(stage.config.groups[0].routes[0].table) is None:
                stage.send(stage.report())
            stage.sweep()
            stage.world.advance(60)


@pytest.mark.parametrize("shape", SHAPES)
def test_random_hours_end_well(shape: str) -> None:
    """Sixteen seeds of each shape; a failing one names itself."""
    for seed in range(16):
        hour = Hour(shape, seed)
        for _ in range(30):
            hour.happen()
            hour.stage.world.advance(hour.chance.choice([0.1, 1, 5, 30]))
            hour.wake()
            assert hour.stage.world.uncovered == [], f"{shape} {seed}"
        hour.end_well()
        try:
            hour.stage.whole()
        except AssertionError as error:
            raise AssertionError(f"{shape} {seed}: {error}") from error


def test_a_free_eip_goes_to_the_gateway_that_has_the_route_although_it_is_marked() -> None:
    """The gateway failed, was marked and is well again, and the EIP came free meanwhile: without the EIP no look can
    clear the mark, so the mark must not keep the EIP away. ECS says Running, and a free EIP serves nobody.
    """
    stage = Stage({"prod": group(gateways=[A], address={"follow": EIP})})
    stage.machine(A).hung = True
    stage.one(stage.report())
    stage.machine(A).hung = False
    stage.address().status, stage.address().holder = EipStatus.AVAILABLE, None
    stage.world.advance(180)
    stage.sweep()
    stage.sweep()
    stage.whole()
