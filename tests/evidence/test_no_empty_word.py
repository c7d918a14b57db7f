"""Is anything called well that nobody has seen, and is anyone dark whom nobody heard of? Worlds and troubles.

Each row is a group, a way of looking, a kind of setup and a trouble, on virtual time. What natkeeper says (receipts,
messages, status) is held against what is true of the world: it says "verified", "ready" and "seen" only on evidence
of kind 1 or 2 (rule 13), and not for longer than a proof is good; and who is dark is told, or moved, in time (rule 14).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from natkeeper.notify.message import Style, message
from natkeeper.ports import CheckThroughProbe, FailureKind, PointRoute
from natkeeper.receipt import Receipt
from tests.evidence.rows import DEAD, EVERY, THROTTLED, TROUBLES, TroubledWorld, rows
from tests.fakes.stage import NOTIFY, Stage, person, timer

WELL_FOR, PLAYED_FOR, STATUS_EVERY = 7, 24, 6
"""Minutes."""
PROOF = 2 * EVERY + timedelta(minutes=1)
"""How long a proof is good."""
KINDS = {"a private host's place", "behind the gateway"}


@dataclass
class RowPlay:
    """A row under way: since when what is true, and what was said that is not."""

    row: TroubledWorld
    stage: Stage = field(init=False)
    dark: dict[str, datetime] = field(default_factory=dict)
    broken: dict[str, datetime] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    struck: bool = False
    heard: int = 0

    def __post_init__(self) -> None:
        self.stage = self.row.stage()

    def play(self) -> list[str]:
        """Play it to its end and return what is wrong."""
        for _ in range(WELL_FOR):
            self.minute()
        self.stage.world.advance(10)
        if self.row.sight in (THROTTLED, DEAD):
            kind = FailureKind.THROTTLED if self.row.sight == THROTTLED else FailureKind.REFUSED
            self.stage.cloud.fail(CheckThroughProbe, kind)
        self.struck = True
        self.row.trouble(self.stage)
        self.look()
        for minute in range(PLAYED_FOR):
            self.minute()
            if minute % STATUS_EVERY == STATUS_EVERY - 1:
                self.status()
        return list(dict.fromkeys(self.wrong))

    def minute(self) -> None:
        """Sweep, let each probe that sees nothing report, and let watches end."""
        world, began = self.stage.world, self.stage.world.now
        self.send(timer())
        world.advance(1.3)
        for function, table in self.stage.cloud.probes.items():
            if not self.dead and world.egress(table) is None:  # type: ignore[arg-type]
                self.send(self.record(function, self.stage.report()))
        world.advance_to(max(world.now, began + timedelta(seconds=30)))
        self.look()
        for function, table in self.stage.cloud.probes.items():
            failed = {"requestContext": {"condition": "FunctionNotStarted"}, "responsePayload": ""}
            ended = json.dumps({"group": "prod", "looks": 60, "lost": 0, "ip": None})
            if self.dead:
                self.send(self.record(function, failed))
            elif world.egress(table) is not None:  # type: ignore[arg-type]
                self.send(self.record(function, {"requestContext": {"condition": ""}, "responsePayload": ended}))
        world.advance_to(max(world.now, began + timedelta(minutes=1)))
        self.look()

    @property
    def dead(self) -> bool:
        """Return True if the probes cannot run any more."""
        return self.row.sight == DEAD and self.struck

    def record(self, function: str, record: dict[str, Any]) -> dict[str, Any]:
        """Name the function of a record."""
        record["requestContext"]["functionArn"] = f"acs:fc:cn-hangzhou:1000000000000001:functions/{function}"
        return record

    def send(self, payload: object) -> None:
        """Invoke the function, hold its receipts against the truth, and then what people read."""
        answer = self.stage.send(payload)
        self.stage.world.advance(1)  # the packets follow
        self.look()
        for receipt in answer.receipts:
            self.wrong += self.unfounded(receipt)
        for at, function, handed in self.stage.cloud.handed[self.heard :]:
            if function == NOTIFY:
                self.wrong += self.unfounded_in_a_message(json.loads(handed)["tell"], at)
        self.heard = len(self.stage.cloud.handed)

    # ---- what is true ------------------------------------------------------------------------------------

    def look(self) -> None:
        """Note since when tables are dark and gateways broken; the dark must have been told, or moved, in time."""
        world = self.stage.world
        for table in world.tables:
            if world.egress(table) is None:
                self.dark.setdefault(table, world.now)
            else:
                self.dark.pop(table, None)
        for name, machine in world.machines.items():
            if machine.works and machine.rules and not machine.claimed and machine.upstream:
                self.broken.pop(name, None)
            else:
                self.broken.setdefault(name, world.now)
        for behind, since in self.dark.items():
            bound = self.row.bound(self.stage, behind)
            if bound is not None and world.now - since > bound and not self.known(since):
                self.wrong.append(f"{behind} is dark, and nobody was told")

    def known(self, since: datetime) -> bool:
        """Return True if people were told since then, know of a trouble that lasts, or a route was moved."""
        cloud = self.stage.cloud
        told = any(at >= since for at, function, _ in cloud.handed if function == NOTIFY)
        moved = any(sent.at >= since and sent.result is None for sent in cloud.sent(PointRoute))
        lasting: dict[str, bool] = {}
        for receipt in self.stage.told_people():
            for each in receipt.get("episodes", ()):
                lasting[each["kind"]] = "ended" not in each
        return told or moved or any(lasting.get(kind) for kind in ("dark", "unproven", "probe broken"))

    def is_wrong_about(self, gateway: str) -> bool:
        """Return True if a gateway does not forward, and that for longer than any proof is good."""
        since = self.broken.get(gateway)
        return since is not None and self.stage.world.now - since > PROOF

    # ---- what is said ------------------------------------------------------------------------------------

    def unfounded(self, receipt: Receipt) -> Iterator[str]:
        """List what a receipt says without evidence, or against the truth."""
        for each in receipt.evidence:
            if each["found"] == "seen" and each["kind"] not in KINDS:
                yield f"{each['next_hop']} is seen by {each['kind']}"
        if not receipt.verified:
            return
        seen = {each["next_hop"] for each in receipt.evidence if each["found"] == "seen"}
        if not seen & set(receipt.next_hops.values()):
            yield "verified without evidence"
        if any("moved" in deed for deed in receipt.did) and self.dark:
            yield f"a move is verified, and {', '.join(self.dark)} is dark"

    def unfounded_in_a_message(self, told: list[Any], at: datetime) -> Iterator[str]:
        """List which gateways a message calls ready that nothing shows to be so."""
        _, text = message(told, Style())
        shown = {each["id"]: each for receipt in told for each in receipt.get("view", {}).get("gateways", ())}
        for line in text.splitlines():
            if line.startswith("Standby: ready: "):
                for gateway in line.removeprefix("Standby: ready: ").split("; ")[0].split(", "):
                    if shown[gateway]["evidence"]["found"] != "seen":
                        yield f"a message calls {gateway} ready, which is {shown[gateway]['evidence']['found']}"
                    elif self.is_wrong_about(gateway):
                        yield f"a message calls {gateway} ready, which does not forward"

    def status(self) -> None:
        """Ask as a person does."""
        view = self.stage.one(person("status")).view
        assert view is not None
        for each in view["gateways"]:
            shown = each["evidence"]
            if shown["found"] == "seen" and shown["kind"] not in KINDS:
                self.wrong.append(f"status calls {each['id']} seen by {shown['kind']}")
            if shown["found"] == "seen" and self.is_wrong_about(each["id"]):
                self.wrong.append(f"status calls {each['id']} seen, which does not forward")


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: each.__name__.strip("_"))
def test_nothing_is_said_without_evidence_and_nobody_is_dark_untold(trouble: Callable[[Stage], None]) -> None:
    """Every way of looking with every kind of setup."""
    found = {str(row): wrong for row in rows(trouble) if (wrong := RowPlay(row).play())}
    assert found == {}
