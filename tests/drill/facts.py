"""A drill as it might have been: two seconds without the internet, everything else as a test says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from natkeeper.drill import Flow, Gap, Moment, NewConnection, Observed

FAULT = 1_700_000_000.0
"""When everything breaks."""
RESET = "ConnectionResetError: [Errno 104] Connection reset by peer"


def attempts(down: float = 2.0, last: float = 5.0, way: str = "out") -> tuple[NewConnection, ...]:
    """One every 50 ms; lost for the first `down` - 1 seconds of the outage, in its last it works when tried again."""
    found = []
    for number in range(-20, round(last / 0.05)):
        began = FAULT + number * 0.05
        since = began - FAULT
        if not 0 <= since < down:
            found.append(NewConnection(began, began + 0.002, "", "198.51.100.1" if since < 0 else "198.51.100.2", way))
        elif since < down - 1:
            found.append(NewConnection(began, began + 2.5, "TimeoutError", "", way))
        else:
            found.append(NewConnection(began, began + 1.003, "", "198.51.100.2", way))
    return tuple(found)


def drill(**changes: Any) -> Observed:
    """A stop with two ways, four flows out and one in."""
    flows = (
        Flow("busy", 0, FAULT - 2, 2.4),
        Flow("busy", 1, FAULT - 2, 0.1, FAULT + 2.9, RESET),
        Flow("idle", 0, FAULT - 2, 0.01),
        Flow("udp", 0, FAULT - 2, 2.1),
        Flow("busy", 0, FAULT - 2, 0.1, FAULT + 2.5, RESET, "in"),
    )
    moments = (
        Moment(FAULT, "fault", "the world", "a person stops gateway-a"),
        Moment(FAULT + 0.2, "detail", "event bus", "ecs:Instance:StateChange <gateway-a> Stopping"),
        Moment(FAULT + 0.25, "signal", "natkeeper-failover", "starts warm for an event"),
        Moment(FAULT + 0.27, "decision", "vpc", "ModifyRouteEntry table to gateway-b"),
        Moment(FAULT + 1.9, "route", "network", "0.0.0.0/0 of table leads to gateway-b"),
        Moment(FAULT + 1.95, "eip", "network", "198.51.100.1 is on gateway-b"),
        Moment(FAULT + 2.4, "told", "natkeeper-failover", "moved 0.0.0.0/0"),
    )
    whole = Observed(
        scenario="stop",
        story="A person stops the active gateway.",
        place="a test",
        began_at=FAULT - 1,
        fault_at=FAULT,
        ended_at=FAULT + 5,
        attempts=(*attempts(), *attempts(3.0, way="in")),
        ways={"out": "out", "in": "in by gateway-a"},
        flows=flows,
        gaps=(Gap("busy", 0, FAULT, FAULT + 2.4), Gap("udp", 0, FAULT, FAULT + 2.1)),
        moments=moments,
    )
    return replace(whole, **changes)
