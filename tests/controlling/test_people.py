"""What a person may ask for, and what becomes of it."""

from __future__ import annotations

import pytest

from natkeeper.ports import NoteRoute, PointRoute, StartSetup
from tests.fakes.cloud import ROUTE_WRITES, WRITES
from tests.fakes.stage import FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, hop, person, timer


def test_a_switch_moves_to_the_gateway_that_was_named() -> None:
    """Manual: the receipt says that a person asked."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    receipt = stage.one(person("switch", to=C))
    assert receipt.outcome == "changed"
    assert receipt.verified is True
    assert "a person asked" in receipt.sentence
    assert stage.next_hop() == C
    stage.whole()


def test_a_switch_without_a_name_takes_the_best_standby(stage: Stage) -> None:
    """Once: the wish is granted by one move."""
    stage.one(person("switch"))
    assert stage.next_hop() == B
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_switch_to_where_the_route_is_writes_no_route(stage: Stage) -> None:
    """Asked twice is asked once."""
    stage.one(person("switch", to=B))
    stage.world.advance(300)
    writes = len(stage.cloud.sent(PointRoute))
    stage.one(person("switch", to=B))
    assert len(stage.cloud.sent(PointRoute)) == writes


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(stage: Stage) -> None:
    """Neither route nor memory, and nobody is told."""
    receipt = stage.one(person("switch", to=B, dry_run=True))
    assert receipt.sentence.startswith(f"would move 0.0.0.0/0 in {TABLE} from {A} to {B}: a person asked for {B}")
    assert stage.cloud.sent(WRITES) == []
    assert stage.cloud.handed == []


def test_status_of_a_group_in_trouble_writes_nothing_and_says_what_would_be_done(stage: Stage) -> None:
    """Status only reads: even a dead gateway is only reported, to the person who asked."""
    stage.world.stop(A)
    receipt = stage.one(person("status"))
    assert receipt.sentence == f"would move 0.0.0.0/0 in {TABLE} from {A} to {B}: {A} is Stopping"
    assert receipt.outcome == "waiting"
    assert stage.cloud.sent(WRITES) == []
    assert stage.cloud.handed == []


def test_status_that_shows_trouble_does_not_keep_people_from_hearing_of_it(stage: Stage) -> None:
    """The person who asks sees it; the sweep tells the others."""
    stage.world.stop(A)
    stage.world.stop(B)
    assert stage.one(person("status")).outcome == "attention"
    assert stage.told_people() == []
    stage.sweep()
    assert len(stage.told_people()) == 1


def test_a_switch_to_a_bad_gateway_is_refused_and_says_why(stage: Stage) -> None:
    """Refuse: nothing is written, the answer is not ok, and it says what would be accepted."""
    stage.world.stop(B)
    answer = stage.send(person("switch", to=B))
    assert not answer.ok
    assert answer.receipts[0].outcome == "refused"
    assert "--force" in answer.receipts[0].sentence
    assert stage.cloud.sent(WRITES) == []


def test_force_insists(stage: Stage) -> None:
    """A person knows better: the route goes to a gateway that ECS shows as bad, and stays in this run."""
    stage.world.stop(B)
    stage.one(person("switch", to=B, force=True))
    assert stage.next_hop() == B
    assert len(stage.cloud.sent(PointRoute)) == 1


def test_a_switch_to_a_stranger_is_refused_even_with_force(stage: Stage) -> None:
    """Only ours: what is not of the group is never set."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    assert stage.one(person("switch", to="i-stranger", force=True)).outcome == "refused"
    assert stage.cloud.sent(WRITES) == []


def test_force_takes_a_route_back_from_a_stranger(stage: Stage) -> None:
    """A foreign next hop is left by everything but a person who insists."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    stage.world.repoint(TABLE, hop("i-stranger"))
    assert stage.one(person("switch", to=A)).outcome != "changed"
    stage.one(person("switch", to=A, force=True))
    assert stage.next_hop() == A
    stage.whole()


def test_a_switch_that_does_not_verify_does_not_stay(stage: Stage) -> None:
    """The gateway that was asked for reaches nothing: back to one that does, and people are told."""
    stage.machine(B).rules = False
    receipt = stage.one(person("switch", to=B))
    assert stage.next_hop() == A
    assert receipt.verified is True
    stage.whole()


def test_a_switch_of_one_table_leaves_the_others() -> None:
    """Two tables, one wish."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.one(person("switch", to=B, table=TABLE_2))
    assert (stage.next_hop(TABLE), stage.next_hop(TABLE_2)) == (A, B)


def test_a_switch_to_the_fallback_is_possible() -> None:
    """For a maintenance window of the gateways themselves."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    stage.one(person("switch", to=FALLBACK))
    assert stage.next_hop() == FALLBACK
    stage.whole()


def test_what_a_person_chose_is_not_undone_by_the_sweep() -> None:
    """Failback after a time is for automatic moves: a person's switch stays."""
    stage = Stage({"prod": group(failback="5m", hold_down="1m")})
    stage.one(person("switch", to=B))
    stage.sweeps(15)
    assert stage.next_hop() == B


def test_a_paused_group_is_not_touched_and_resumes(stage: Stage) -> None:
    """Pause is written into the route entry; event, report and sweep leave it; resume ends it and the work is done."""
    assert stage.one(person("pause", **{"for": "2h", "why": "moving racks"})).outcome == "changed"
    assert "moving racks" in stage.description()
    before = len(stage.cloud.sent(WRITES))
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    stage.sweeps(2)
    assert stage.one(person("switch", to=B)).outcome == "refused"
    assert len(stage.cloud.sent(WRITES)) == before
    stage.one(person("resume"))
    stage.sweep()
    assert stage.next_hop() == B
    stage.whole()


def test_a_pause_ends_by_itself(stage: Stage) -> None:
    """A forgotten pause ends."""
    stage.one(person("pause", **{"for": "10m", "why": "lunch"}))
    stage.world.stop(A)
    stage.sweeps(8)
    assert stage.next_hop() == A
    stage.sweeps(5)
    assert stage.next_hop() == B


def test_force_overrides_a_pause_and_keeps_it(stage: Stage) -> None:
    """The person who paused may move; automatic acts still wait."""
    stage.one(person("pause", **{"for": "2h", "why": "tests"}))
    stage.one(person("switch", to=B, force=True))
    assert stage.next_hop() == B
    stage.world.stop(B)
    stage.sweeps(3)
    assert stage.next_hop() == B


def test_setup_is_started_for_whom_it_was_asked() -> None:
    """One gateway or all; started and not waited for."""
    stage = Stage({"prod": group(setup={"mode": "apply", "via": "assistant"})})
    receipt = stage.one(person("setup", gateway=B))
    assert [call.gateways for call in stage.cloud.accepted(StartSetup)] == [(B,)]
    assert f"started the setup of {B}" in receipt.sentence
    assert receipt.ms["total"] < 1_000
    stage.world.advance(60)
    stage.one(person("setup"))
    assert stage.cloud.accepted(StartSetup)[-1].gateways == (A, B)


def test_a_person_may_ask_for_setup_where_it_is_off(stage: Stage) -> None:
    """Off is for the sweep."""
    stage.one(person("setup"))
    assert len(stage.cloud.accepted(StartSetup)) == 1


@pytest.mark.parametrize(
    "payload, says",
    [
        (person("swich"), "unknown action"),
        (person("switch", name="nobody"), "there is no group"),
        (person("switch", to="10.0.0.1"), "must be an instance"),
        (person("switch", table="vtb-other"), "does not guard"),
        (person("pause"), "pause"),
        (person("setup", gateway="i-stranger"), "is not of group"),
        ([person("switch", to=B), person("switch", to=A)], "comes alone"),
    ],
)
def test_an_unclear_wish_gets_a_clear_answer_and_no_call(stage: Stage, payload: object, says: str) -> None:
    """Nothing is read and nothing is written for what cannot be meant."""
    answer = stage.send(payload)
    assert says in answer.as_json()["error"]
    assert not answer.ok
    assert stage.cloud.batches == []


def test_a_dry_run_in_a_list_is_not_carried_out_by_its_neighbour(stage: Stage) -> None:
    """A list with an event and a dry run: the event is attended to, the wish is sent back."""
    answer = stage.send([person("switch", to=B, dry_run=True), stage.state(A, "Running")])
    assert "comes alone" in answer.as_json()["error"]
    assert stage.next_hop() == A
    assert stage.cloud.sent(ROUTE_WRITES) == []


def test_a_sweep_of_a_person_is_a_sweep() -> None:
    """All groups, or one."""
    stage = Stage({"prod": group(setup={"mode": "apply"})})
    stage.one({"action": "sweep"})
    assert len(stage.cloud.accepted(StartSetup)) == 1
    assert stage.send(timer()).receipts[0].outcome == "quiet"


def test_a_pause_is_noted_only_in_its_own_group() -> None:
    """Two groups, one pause."""
    stage = Stage(
        {
            "east": group(gateways=["i-east1", "i-east2"], probe=None),
            "west": group(gateways=["i-west1", "i-west2"], routes=[{"table": TABLE_2}], probe=None),
        }
    )
    stage.send(person("pause", name="east", **{"for": "1h", "why": "x"}))
    assert {call.table for call in stage.cloud.accepted(NoteRoute)} == {TABLE}
