"""What the matrix is made of: what fails, where, who looks, and with which address. Each cell is a world of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from natkeeper.domain.load import GatewayLoad
from natkeeper.domain.observed import PowerState
from tests.fakes.stage import EIP, PROBE, TABLE, TABLE_2, A, B, C, Stage

SECOND = "natkeeper-probe-2"
ACTIVE, STANDBY = "active", "standby"
BEFORE_COLD, COLD = "active before a cold standby", "cold standby"
"""The active one where the only other gateway is stopped, and that other one: it fails once it was started."""
PER_TABLE, ONE, NONE, DEAD = "probe per table", "one probe", "no probe", "probe dead"
OWN, FOLLOW = "own", "follow"
HANG, MASQUERADE, FLUSHED, ZONE = "hang", "masquerade lost", "kernel rules flushed", "source zone"
ADDRESS, EGRESS, BROWN_OUT, BANDWIDTH = "address lost", "egress lost", "brown-out 30 %", "bandwidth exhausted"
SETUP_EVERY_S = 600
FAULTS = (HANG, MASQUERADE, FLUSHED, ZONE, ADDRESS, EGRESS, BROWN_OUT, BANDWIDTH)
OUTLIVE_A_START = (MASQUERADE, ZONE, ADDRESS, EGRESS, BANDWIDTH)
"""What a gateway that is stopped can have: a start ends a hang and loads the rules again that were flushed."""
PROBES = (PER_TABLE, ONE, NONE, DEAD)


@dataclass(frozen=True, slots=True)
class Cell:
    """One world: `role` of the gateway that fails, `fault`, who looks (`probe`), and `address`."""

    role: str
    fault: str
    probe: str
    address: str

    def __str__(self) -> str:
        """Name it as the table and the JSON do."""
        return f"{self.role}, {self.fault}, {self.probe}, {self.address}"

    @property
    def settings(self) -> dict[str, Any]:
        """The group: two tables. With own addresses an active gateway that fails has the second one."""
        two = self.role == ACTIVE and self.address == OWN
        second: dict[str, Any] = {"table": TABLE_2, **({"prefer": B} if two else {})}
        if self.probe in (PER_TABLE, DEAD):
            second["probe"] = SECOND
        cold = self.role in (BEFORE_COLD, COLD)
        return {
            "standby": "cold" if cold else None,
            "gateways": [A, B, C] if two else [A, B],
            "routes": [{"table": TABLE}, second],
            "probe": None if self.probe == NONE else {"function": PROBE},
            "setup": {"mode": "apply"},
            "address": {"follow": EIP} if self.address == FOLLOW else None,
        }

    @property
    def gateway(self) -> str:
        """The gateway that fails."""
        return A if self.role == BEFORE_COLD or (self.role == ACTIVE and self.address == FOLLOW) else B

    @property
    def waits(self) -> bool:
        """Return True if the gateway that fails carries nothing until the other one stops."""
        return self.role in (STANDBY, COLD)

    @property
    def seen(self) -> bool:
        """Return True if the packets of a probe take the way through the gateway that fails, at once."""
        if self.waits or self.probe in (NONE, DEAD):
            return False
        return self.probe == PER_TABLE or self.address == FOLLOW or self.role == BEFORE_COLD

    @property
    def nobody_can_see(self) -> bool:
        """Return True if only a probe behind the gateway could see it: its own reports are good all the time."""
        unprobed = self.probe == NONE or (not self.waits and not self.seen and self.probe != DEAD)
        return self.fault == BROWN_OUT and unprobed

    @property
    def bound_s(self) -> int:
        """Within how many seconds it has to be mended or told."""
        if self.probe == DEAD:
            return 60
        if self.seen:
            return 360 if self.fault in (BROWN_OUT, BANDWIDTH) else 30
        return SETUP_EVERY_S + 60


def cells() -> Iterator[Cell]:
    """List every cell."""
    ways = (PROBES, (OWN, FOLLOW))
    yield from itertools.starmap(Cell, itertools.product((ACTIVE, STANDBY), FAULTS, *ways))
    moving = tuple(fault for fault in FAULTS if fault != BROWN_OUT)  # which moves nothing, to no kind of standby
    yield from itertools.starmap(Cell, itertools.product((BEFORE_COLD,), moving, *ways))
    yield from itertools.starmap(Cell, itertools.product((COLD,), OUTLIVE_A_START, *ways))


def settle(stage: Stage, cell: Cell) -> None:
    """Stop the cold standbys before the play begins."""
    if cell.role in (BEFORE_COLD, COLD):
        stage.machine(B).status = PowerState.STOPPED


def strike(stage: Stage, cell: Cell) -> None:
    """Let the fault happen."""
    machine = stage.machine(cell.gateway)
    match cell.fault:
        case "hang":
            machine.hung = True
        case "masquerade lost" | "kernel rules flushed":
            machine.rules = False
        case "source zone":
            machine.claimed = True
        case "egress lost":
            machine.upstream = False
        case "brown-out 30 %":
            machine.loss = 0.3
        case "bandwidth exhausted":
            machine.loss = 0.45
            machine.figures = GatewayLoad(1000, 65536, seconds=600, sent_bytes=98 * 10**6 * 600 // 8)
        case "address lost":
            _lose_address(stage, cell)


def _lose_address(stage: Stage, cell: Cell) -> None:
    """Take the public address away. Where one EIP follows, a standby gets one of its own: then it takes no EIP."""
    machine = stage.machine(cell.gateway)
    if cell.address == OWN:
        machine.own_ip = None
    elif cell.waits:
        machine.own_ip = "198.51.100.77"
    else:
        stage.world.unassociate(stage.address())


def well(stage: Stage, cell: Cell) -> bool:
    """Return True if nothing is left of the fault."""
    machine = stage.machine(cell.gateway)
    fine = machine.works and machine.rules and not machine.claimed and machine.upstream and machine.loss == 0
    if cell.address == OWN:
        return bool(fine and machine.own_ip)
    return bool(fine and machine.own_ip is None)
