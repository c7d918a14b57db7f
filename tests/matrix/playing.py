"""Plays one cell on virtual time: natkeeper's own runs over a modelled VPC, probes that watch, and a fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import HopKind
from natkeeper.ports import CheckThroughProbe, FailureKind
from tests.fakes.stage import NOTIFY, A, Stage, timer
from tests.matrix.cells import BROWN_OUT, DEAD, Cell, settle, strike, well

WELL_FOR, PLAYED_FOR, NEEDED_AFTER = 5, 45, 16
"""Minutes: before the fault, after it, and until a faulty standby that nobody heard of is needed."""
SEEN_WITHIN = 6 * 60
"""Seconds from then on in which people hear of it: a brown-out is judged over five minutes."""
TAKEN_WITHIN = 5 * 60
"""Seconds from then on in which it takes the route, if it can: it starts, is set up and proven."""
LOOKS = 72
"""Looks of a watch in which some are lost."""
_PLACES = {
    "brown-out": "a private host's place",
    "probe broken": "none: the probe is broken",
    "full": "its own figures",
    "unproven": "none: no setup reported a proof",
}


@dataclass(slots=True)
class Outcome:
    """How a cell ended: seconds from the fault to the first message and to the last route's leaving, or None."""

    cell: Cell
    ended: str = "silent"
    told_s: int | None = None
    moved_s: int | None = None
    evidence: str = ""
    needed_s: int | None = None

    @property
    def bad(self) -> bool:
        """Return True if nobody heard of it, or too late."""
        if self.ended == "nobody can see this without a probe":
            return not self.cell.nobody_can_see
        known = [each for each in (self.told_s, self.moved_s) if each is not None]
        begins, bound = (0, self.cell.bound_s) if self.needed_s is None else (self.needed_s, SEEN_WITHIN)
        return self.ended == "silent" or not known or min(known) - begins > bound

    def as_json(self) -> dict[str, Any]:
        """Return the object of the table in JSON."""
        return {
            "cell": str(self.cell),
            "ended": self.ended,
            "told_s": self.told_s,
            "moved_s": self.moved_s,
            "evidence": self.evidence,
        }


@dataclass(slots=True)
class CellPlay:
    """One cell under way."""

    cell: Cell
    stage: Stage = field(init=False)
    struck: datetime | None = None
    needed: bool = False
    heard: int = 0

    def __post_init__(self) -> None:
        """Build the world."""
        settings = {key: value for key, value in self.cell.settings.items() if value is not None}
        self.stage = Stage({"prod": settings})
        self.stage.told.probes.reporting = True
        settle(self.stage, self.cell)

    def run(self) -> Outcome:
        """Play it to its end."""
        self._minutes(WELL_FOR)
        self.stage.world.advance(10)
        strike(self.stage, self.cell)
        self.struck, self.heard = self.stage.world.now, len(self.stage.cloud.handed)
        if self.cell.probe == DEAD:
            self.stage.cloud.fail(CheckThroughProbe, FailureKind.REFUSED)
        outcome = Outcome(self.cell)
        for minute in range(PLAYED_FOR):
            self.stage.world.advance(1.3)
            self._watches_fail()
            self._minutes(1)
            self._judge(outcome)
            if outcome.ended in ("moved", "repaired") or (outcome.ended == "told" and minute > NEEDED_AFTER):
                break
            if self.cell.waits and minute == NEEDED_AFTER and outcome.ended == "silent":
                self.needed, self.heard = True, len(self.stage.cloud.handed)
                outcome.needed_s = round((self.stage.world.now - self.struck).total_seconds())
                self.stage.world.stop(A)
                self.stage.send(self.stage.state(A, "Stopping"))
        if outcome.ended == "silent" and self.cell.nobody_can_see:
            outcome.told_s, outcome.evidence = None, ""  # a move was told, and not what is wrong with its target
            outcome.ended = "nobody can see this without a probe"
        return outcome

    # ---- what happens ------------------------------------------------------------------------------------

    def _minutes(self, count: int) -> None:
        for _ in range(count):
            began = self.stage.world.now
            self.stage.send(timer())
            self.stage.world.advance_to(began + timedelta(seconds=30))
            self._watches_end()
            self.stage.world.advance_to(max(self.stage.world.now, began + timedelta(minutes=1)))

    def _watches_fail(self) -> None:
        """Let each probe that sees nothing report that at once."""
        for function, table in self.stage.cloud.probes.items():
            if not self._dead and self._loss(table) >= 1:
                self.stage.send(self._record(function, self.stage.report()))

    def _watches_end(self) -> None:
        """Let the watch of each probe end: with its figures, with a report, or with the platform's failure."""
        for function, table in self.stage.cloud.probes.items():
            loss = self._loss(table)
            if self._dead:
                failed = {"requestContext": {"condition": "FunctionNotStarted"}, "responsePayload": ""}
                self.stage.send(self._record(function, failed))
            elif loss >= 1:
                self.stage.send(self._record(function, self.stage.report()))
            else:
                ended = json.dumps({"group": "prod", "looks": LOOKS, "lost": round(LOOKS * loss), "ip": None})
                self.stage.send(self._record(function, {"requestContext": {"condition": ""}, "responsePayload": ended}))

    def _record(self, function: str, record: dict[str, Any]) -> dict[str, Any]:
        record["requestContext"]["functionArn"] = f"acs:fc:cn-hangzhou:1000000000000001:functions/{function}"
        return record

    @property
    def _dead(self) -> bool:
        return self.cell.probe == DEAD and self.struck is not None

    def _loss(self, table: str) -> float:
        """Which share of the looks through a table is lost."""
        world = self.stage.world
        entry = world.entry(TableId(table), "0.0.0.0/0")
        if world.egress(TableId(table)) is None or entry is None or entry.carries is None:
            return 1.0
        hop = entry.carries
        return world.machines[InstanceId(hop.id)].loss if hop.kind is HopKind.INSTANCE else 0.0

    # ---- how it ended ------------------------------------------------------------------------------------

    def _judge(self, outcome: Outcome) -> None:
        stage, cell = self.stage, self.cell
        assert self.struck is not None
        told = [each for each in stage.cloud.handed[self.heard :] if each[1] == NOTIFY]
        if self.needed:  # that the other gateway stopped, and the route moved, is told as well
            carries = any(stage.next_hop(route.table) == cell.gateway for route in stage.config.groups[0].routes)
            waited = (stage.world.now - self.struck).total_seconds() - (outcome.needed_s or 0)
            carries = carries or waited < TAKEN_WITHIN
            told = [each for each in told if _is_about(cell, json.loads(each[2])["tell"], carries=carries)]
        if told and outcome.told_s is None:
            outcome.told_s = round((told[0][0] - self.struck).total_seconds())
            outcome.evidence = _evidence(json.loads(told[0][2])["tell"])
        light = all(self._loss(route.table) == 0 for route in stage.config.groups[0].routes)
        left = all(stage.next_hop(route.table) != cell.gateway for route in stage.config.groups[0].routes)
        if not cell.waits and light and left:
            outcome.ended = "moved"
            moves = [at for at, _ in stage.world.moved_at if at >= self.struck]
            outcome.moved_s = round((moves[-1] - self.struck).total_seconds()) if moves else None
        elif light and well(stage, cell) and told:
            outcome.ended = "repaired"
        elif told:
            outcome.ended = "told when needed" if self.needed else "told"


def _is_about(cell: Cell, receipts: list[dict[str, Any]], *, carries: bool) -> bool:
    """Return True if people read that the gateway loses what it is sent, is unproven or full, or was repaired.

    If it never carries anything, it is enough to read that private hosts are dark, and which gateways to bring back.
    """
    kinds = {each["kind"] for receipt in receipts for each in receipt.get("episodes", ()) if "ended" not in each}
    if cell.fault == BROWN_OUT:
        return "brown-out" in kinds
    doubted = {
        each["next_hop"] for receipt in receipts for each in receipt.get("evidence", ()) if each["found"] != "seen"
    }
    repaired = {each for receipt in receipts for each in receipt.get("repaired", ())}
    refuses = any(f"{cell.gateway} has the public address" in receipt["sentence"] for receipt in receipts)
    return (
        refuses or cell.gateway in doubted | repaired or bool(kinds & {"brown-out", "full", "" if carries else "dark"})
    )


def _evidence(receipts: list[dict[str, Any]]) -> str:
    """Name the kind of evidence that the first message rests on."""
    for receipt in receipts:
        for episode in receipt.get("episodes", ()):
            if episode["kind"] in _PLACES:
                return _PLACES[episode["kind"]]
        kinds = [each["kind"] for each in receipt.get("evidence", ()) if "kind" in each]
        if receipt.get("repaired") or (kinds and receipt["outcome"] != "quiet"):
            return str(kinds[0]) if kinds else "behind the gateway"
    return "the platform, or a report" if receipts else ""
