"""The lane: a host route through the standby by which the probe proves it, which moves no guarded route."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import EntryStatus
from natkeeper.ports import (
    CheckFromFunction,
    CreateRoute,
    FailureKind,
    NoteRoute,
    PointRoute,
    ReadInstances,
)
from tests.fakes.cloud import ROUTE_WRITES
from tests.fakes.stage import PROBE, TABLE, A, B, C, Stage, group, heard, hop, person, timer

ADDRESS, LANE = "223.6.6.6", "223.6.6.6:53"
HOST = f"{ADDRESS}/32"
WITH_LANE: dict[str, Any] = {"function": PROBE, "lane": LANE}


def lane_stage(*gateways: str, **more: Any) -> Stage:
    """A group with a lane, and a sweep that has made it."""
    stage = Stage({"prod": group(gateways=list(gateways or (A, B)), probe=WITH_LANE, **more)})
    stage.sweep()
    stage.world.advance(60)
    return stage


def lane(stage: Stage, destination: str = HOST) -> str | None:
    """Where the lane leads by the table."""
    entry = stage.world.entry(TableId(TABLE), destination)
    return None if entry is None or entry.hop is None else entry.hop.id


def memory(stage: Stage) -> Memory:
    """What the guarded entry remembers."""
    read = decode(stage.description())
    assert isinstance(read, Memory)
    return read


def watched(stage: Stage, *, answers: bool | None = None, lasted: float = 55.0, **more: Any) -> dict[str, Any]:
    """FC's record of a watch that ended now; unless it is said, the lane answers as its packets go."""
    table, address = TableId(TABLE), ipaddress.IPv4Address(ADDRESS)
    answered = stage.world.egress_to(table, address) is not None if answers is None else answers
    seen = {"at": stage.world.now.timestamp(), "looks": 60, "lost": 0 if answered else 56}
    return heard({**seen, "answers": answered, "lasted": lasted, **more})


def minutes(stage: Stage, number: int) -> list[Any]:
    """Let a watch end and a sweep come, each minute."""
    receipts: list[Any] = []
    for _ in range(number):
        stage.send(watched(stage))
        receipts += stage.send(timer()).receipts
        stage.world.advance(60)
    return receipts


def degraded(stage: Stage) -> list[dict[str, Any]]:
    """What people were told of a standby that is unfit."""
    return [e for r in stage.told_people() for e in r.get("episodes", []) if e["kind"] == "degraded"]


# ---- keeping it ------------------------------------------------------------------------------------------


def test_a_sweep_leads_the_lane_through_the_standby_and_says_whose_it_is() -> None:
    """One host route, by which natkeeper knows it again; then nothing more is written."""
    stage = lane_stage()
    assert (lane(stage), stage.next_hop()) == (B, A)
    entry = stage.world.entry(TableId(TABLE), HOST)
    assert entry is not None
    known = decode(entry.description)
    assert isinstance(known, Memory)
    assert (known.lane, known.owner, known.to) == (True, stage.config.groups[0].owner, B)
    assert {receipt.outcome for receipt in stage.sweeps(5)} == {"quiet"}
    assert len(stage.cloud.accepted(ROUTE_WRITES)) == 1
    assert stage.told_people() == []


def test_without_the_key_nothing_is_written_or_read_more() -> None:
    """Configurations of the last release stay as they are."""
    stage = Stage()
    stage.sweeps(3)
    assert stage.cloud.accepted(ROUTE_WRITES) == []


def test_what_the_probe_sees_through_it_is_evidence_of_the_strongest_kind() -> None:
    """Status says so; a standby that no setup could prove is proven."""
    stage = lane_stage()
    stage.send(watched(stage))
    shown = {each["next_hop"]: each for each in stage.one(person("status")).evidence}
    assert (shown[B]["found"], shown[B]["kind"], shown[B]["table"]) == ("seen", "a private host's place", TABLE)


def test_the_lane_leaves_a_standby_that_becomes_the_next_hop() -> None:
    """Afterwards: the write of the route comes first, and no run is longer for it."""
    stage = lane_stage(A, B, C)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    assert stage.cloud.accepted(PointRoute)[0].destination == "0.0.0.0/0"
    stage.world.advance(60)
    stage.sweep()
    stage.world.advance(10)
    assert lane(stage) == C


def test_without_another_standby_it_is_taken_out_and_comes_back() -> None:
    """The next hop itself is no standby."""
    stage = lane_stage()
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    minutes(stage, 2)
    assert (lane(stage), stage.next_hop()) == (None, B)
    stage.world.start(A)
    minutes(stage, 3)
    assert (lane(stage), stage.next_hop()) == (A, B)


def test_several_standbys_take_turns() -> None:
    """Ten minutes each, the next hop never."""
    stage = lane_stage(A, B, C)
    seen = set()
    for _ in range(25):
        minutes(stage, 1)
        seen.add(lane(stage))
    assert seen == {B, C}
    assert len(stage.cloud.accepted(PointRoute)) == 2


def test_a_failover_makes_no_call_more_before_its_write() -> None:
    """The lane comes with the table that is read anyway, and is written once every route is safe."""
    made: list[list[str]] = []
    for probe in ({"function": PROBE}, WITH_LANE):
        stage = Stage({"prod": group(gateways=[A, B, C], probe=probe)})
        stage.sweep()
        stage.world.advance(60)
        began = len(stage.cloud.log)
        stage.world.stop(A)
        stage.one(stage.state(A, "Stopping"))
        calls = [type(sent.call).__name__ for sent in stage.cloud.log[began:]]
        made.append(calls[: calls.index("PointRoute") + 1])
    assert made[0] == made[1]


def test_the_lane_of_one_group_waits_for_the_route_of_another() -> None:
    """One sweep: a gateway of the other group is dead, and a VPC takes one route task at a time."""
    other = group(gateways=[C, "i-delta"], routes=[{"table": "vtb-two"}], probe=None)
    stage = Stage({"prod": group(probe=WITH_LANE), "test": other})
    stage.world.stop(C)
    stage.send(timer())
    writes = [call.destination for call in stage.cloud.accepted(ROUTE_WRITES)]
    assert writes[0] == "0.0.0.0/0"
    minutes(stage, 2)
    assert (lane(stage), stage.next_hop("vtb-two")) == (B, "i-delta")


# ---- a standby that fails --------------------------------------------------------------------------------


def test_a_standby_that_forwards_nothing_is_marked_and_told_and_its_lane_taken_out() -> None:
    """ECS says Running, no setup runs: only the lane shows it. It moves nothing."""
    stage = lane_stage()
    stage.machine(B).rules = False
    minutes(stage, 2)
    assert (lane(stage), stage.next_hop()) == (None, A)
    assert B in memory(stage).marks
    (told,) = degraded(stage)
    assert LANE in told["cause"]
    assert B in told["todo"]
    stage.whole()


def test_it_comes_back_after_a_proof_and_people_hear_that_it_works() -> None:
    """The setup repairs the standby and proves it; then the lane shows it from a private host's place."""
    stage = lane_stage(setup={"mode": "apply"})
    minutes(stage, 3)
    stage.machine(B).rules = False
    minutes(stage, 1)
    assert lane(stage) is None
    minutes(stage, 8)
    assert lane(stage) == B
    assert B not in memory(stage).marks
    assert "ended" in degraded(stage)[-1]


def test_a_standby_that_hung_for_a_while_gets_its_lane_back_within_minutes_not_an_hour() -> None:
    """Nothing was repaired, so a setup's proof does not clear the mark; it is enough for a lane, whose packets do."""
    stage = lane_stage(setup={"mode": "apply"})
    minutes(stage, 3)
    stage.machine(B).hung = True
    minutes(stage, 2)
    assert (lane(stage), B in memory(stage).marks) == (None, True)
    stage.machine(B).hung = False
    minutes(stage, 25)
    assert (lane(stage), B in memory(stage).marks) == (B, False)


def test_without_setups_it_is_tried_again_after_an_hour() -> None:
    """Nothing else would ever show that the standby works again."""
    stage = lane_stage()
    stage.machine(B).rules = False
    minutes(stage, 2)
    stage.machine(B).rules = True
    minutes(stage, 50)
    assert lane(stage) is None
    minutes(stage, 20)
    assert (lane(stage), B in memory(stage).marks) == (B, False)


def test_a_gateway_that_is_not_set_up_yet_gets_no_lane() -> None:
    """A new deployment: it forwards nothing before its first setup, which is no reason to blame it."""
    stage = Stage({"prod": group(probe=WITH_LANE, setup={"mode": "apply"})})
    stage.sweep()
    assert lane(stage) is None
    stage.world.advance(60)
    minutes(stage, 2)
    assert lane(stage) == B
    assert degraded(stage) == []


def test_the_next_standby_takes_its_turn_at_once() -> None:
    """Of three gateways one is left."""
    stage = lane_stage(A, B, C)
    stage.machine(B).rules = False
    minutes(stage, 2)
    assert lane(stage) == C
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == C


def test_a_target_that_is_down_speaks_against_no_standby() -> None:
    """Function Compute's own egress does not reach it either."""
    stage = lane_stage()
    stage.world.internet = False
    stage.send(watched(stage, answers=False))
    receipt = stage.one(timer())
    assert any(f"{LANE} does not answer Function Compute either" in problem for problem in receipt.problems)
    assert memory(stage).marks == {}
    assert lane(stage) == B


@pytest.mark.parametrize(
    "more",
    [{"lasted": 4.0}, {"at": 0}, {"answers": "no"}, {"looks": None}],
    ids=["a moment", "long ago", "no answer", "no figures"],
)
def test_a_short_or_unreadable_loss_says_nothing(more: dict[str, Any]) -> None:
    """One lost packet marks no gateway."""
    stage = lane_stage()
    stage.send(watched(stage, **{"answers": False, **more}))
    stage.sweep()
    assert (lane(stage), memory(stage).marks) == (B, {})
    assert stage.cloud.sent(CheckFromFunction) == []


def test_what_was_lost_on_both_ways_says_nothing_of_the_standby() -> None:
    """The probe's own vSwitch, or the internet, is in trouble."""
    stage = lane_stage()
    record = watched(stage, answers=False)
    record["responsePayload"] = json.dumps({**json.loads(record["responsePayload"]), "lost": 40})
    stage.send(record)
    stage.sweep()
    assert memory(stage).marks == {}


def test_looks_from_before_the_lane_was_led_there_say_nothing_of_it() -> None:
    """The watch that ends now began with another standby."""
    stage = lane_stage(A, B, C)
    stage.world.stop(B)
    stage.sweep()
    stage.world.advance(2)
    assert lane(stage) == C
    stage.send(watched(stage, answers=False))
    stage.sweep()
    assert C not in memory(stage).marks


# ---- what is not its own ---------------------------------------------------------------------------------


def test_an_entry_of_someone_else_is_named_and_left_alone() -> None:
    """Whatever it leads to."""
    stage = Stage({"prod": group(probe=WITH_LANE)})
    entry = stage.world.add_route(TABLE, hop("i-theirs"), guarded=False)
    entry.destination = HOST
    receipts = stage.sweeps(3)
    assert lane(stage) == "i-theirs"
    assert any("no lane is kept, and no standby is proven" in problem for problem in receipts[-1].problems)
    assert stage.cloud.accepted(ROUTE_WRITES) == []


def test_a_lane_that_someone_leads_elsewhere_is_theirs() -> None:
    """The description says what natkeeper wrote, and the next hop is another one."""
    stage = lane_stage()
    entry = stage.world.entry(TableId(TABLE), HOST)
    assert entry is not None
    entry.hop = entry.carries = hop("i-theirs")
    minutes(stage, 3)
    assert lane(stage) == "i-theirs"


def test_none_is_kept_where_descriptions_are_refused() -> None:
    """It could not be known again: nothing is created without one."""
    stage = Stage({"prod": group(probe=WITH_LANE)})
    stage.cloud.fail((CreateRoute, NoteRoute), FailureKind.WORDS)
    receipts = stage.sweeps(5)
    assert lane(stage) is None
    assert len(stage.cloud.sent(CreateRoute)) == 1
    assert any("no lane is kept" in problem for problem in receipts[0].problems)


def test_it_is_no_entry_that_nobody_guards() -> None:
    """A table's survey knows it for what it is."""
    stage = lane_stage()
    problems = [problem for receipt in stage.sweeps(12) for problem in receipt.problems]
    assert problems == []


# ---- when it may not be written --------------------------------------------------------------------------


def test_a_pause_holds_for_the_lane() -> None:
    """Hands off means hands off."""
    stage = Stage({"prod": group(probe=WITH_LANE)})
    stage.send(person("pause", **{"for": "30m", "why": "tests"}))
    stage.sweeps(3)
    assert lane(stage) is None


def test_nothing_is_written_while_a_guarded_table_is_at_work() -> None:
    """The lane waits for every entry of the group."""
    stage = Stage({"prod": group(probe=WITH_LANE)})
    entry = stage.world.entry(TableId(TABLE), "0.0.0.0/0")
    assert entry is not None
    entry.status = EntryStatus.MODIFYING
    stage.sweep()
    assert stage.cloud.sent(CreateRoute) == []


def test_a_standby_that_cannot_be_seen_keeps_its_lane() -> None:
    """Blind is not dead."""
    stage = lane_stage()
    stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE)
    stage.sweeps(3)
    assert lane(stage) == B


@pytest.mark.parametrize("calls", range(1, 12))
def test_killed_anywhere_the_next_runs_end_with_one_lane(calls: int) -> None:
    """Rule 8, for the making and for the taking out."""
    stage = Stage({"prod": group(gateways=[A, B, C], probe=WITH_LANE)})
    stage.killed(timer(), calls)
    stage.world.advance(60)
    minutes(stage, 2)
    stage.machine(B).rules = False
    stage.send(watched(stage))
    stage.killed(timer(), calls)
    stage.world.advance(60)
    minutes(stage, 3)
    assert lane(stage) == C
    assert len(stage.world.tables[TableId(TABLE)]) == 2
