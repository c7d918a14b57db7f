"""Evidence as tests need it: a stop at second 100, seen at 101, moved at 102, unless a test says otherwise."""

from __future__ import annotations

from typing import Any

from natlab.scenarios.evidence import FunctionRun, Hop, HostConnection, ScenarioEvidence, SeenWrite
from natlab.scenarios.timing import ScenarioFigures, figures
from natlab.scenarios.topology import TABLE, A, B

FAULT = 100.0
IDS = {A: "i-aaaa", B: "i-bbbb", TABLE: "vtb-1", "nat-gateway": "ngw-1"}
RECEIPT: dict[str, Any] = {"outcome": "changed", "sentence": "moved it to b", "verified": True}


def attempts(*lost: tuple[float, float], until: float = 106.0) -> tuple[HostConnection, ...]:
    """One attempt every 50 ms from second 99; those between `lost` moments fail."""
    found = []
    for number in range(round((until - 99.0) / 0.05)):
        at = round(99.0 + number * 0.05, 3)
        fails = any(begin <= at < end for begin, end in lost)
        found.append(HostConnection(at, "" if fails else "198.51.100.1", "the gateway is off" if fails else ""))
    return tuple(found)


def run(started: float = 101.2, finished: float | None = 103.0, **changed: Any) -> FunctionRun:
    """A run of the failover function that moved the route."""
    receipts = changed.pop("receipts", [RECEIPT])
    return FunctionRun("event:ecs-state", started, finished, answer={"ok": True, "receipts": receipts}, **changed)


def move(at: float = 101.25, to: str = B, table: str = TABLE, error: str = "") -> SeenWrite:
    """A write that moves a route."""
    return SeenWrite(at, "ModifyRouteEntry", table, to, error)


def evidence(**changed: Any) -> ScenarioEvidence:
    """A failover that went well."""
    facts: dict[str, Any] = {
        "fault_at": FAULT,
        "ended_at": 106.0,
        "ids": IDS,
        "attempts": {TABLE: attempts((100.0, 102.3))},
        "runs": (run(),),
        "writes": (move(),),
        "hops": (Hop(102.25, TABLE, B),),
        "next_hops": {TABLE: B},
    }
    return ScenarioEvidence(**(facts | changed))


def measured(**changed: Any) -> tuple[ScenarioEvidence, ScenarioFigures]:
    """The same with its figures."""
    facts = evidence(**changed)
    return facts, figures(facts)
