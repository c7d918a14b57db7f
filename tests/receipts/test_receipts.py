"""The receipt: one sentence and one JSON object that people, logs and tests can rely on."""

from __future__ import annotations

import json
import re

import pytest

from natkeeper.receipt import Act, Receipt
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, Stage, group, hop, person


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_json_of_a_failover_is_complete_and_plain() -> None:
    """Every key of format 1 that has something to say, with nothing but JSON's own types."""
    stage = Stage()
    stage.world.stop(A)
    full = stage.one(stage.state(A, "Stopping")).as_json()
    assert json.loads(json.dumps(full)) == full
    assert list(full) == [
        "receipt", "run", "at", "group", "signal", "outcome", "sentence", "saw", "decided", "did", "verified",
        "egress_ip", "evidence", "next_hops", "ms", "acts", "view",
    ]  # fmt: skip
    assert full["at"] == "2026-11-23T06:00:00.000Z"
    assert full["saw"] == [f"{A} is Stopping", f"{B} is healthy", f"0.0.0.0/0 in {TABLE} goes to {A}"]
    assert full["signal"] == f"{A}: Stopping"
    assert full["verified"] is True


def test_times_are_told_in_the_order_in_which_things_happened(stage: Stage) -> None:
    """Observed after one round trip, written after two, total at the end."""
    stage.world.stop(A)
    ms = stage.one(stage.state(A, "Stopping")).ms
    assert (ms["observed"], ms["written"]) == (50, 100)
    assert ms["total"] > ms["written"]


def test_a_run_that_wrote_nothing_has_no_time_of_writing(stage: Stage) -> None:
    """Nothing is claimed that did not happen; `verified` is there all the same, and says that nobody looked."""
    full = stage.sweep().as_json()
    assert set(full["ms"]) == {"observed", "total"}
    assert full["verified"] is None
    assert "did" not in full
    assert "problems" not in full


def test_quiet_is_quiet(stage: Stage) -> None:
    """The sentence of a minute in which nothing is to do."""
    receipt = stage.sweep()
    assert (receipt.outcome, receipt.sentence, receipt.news) == ("quiet", f"{A} carries it", False)


def test_a_hold_says_what_is_wrong_and_why_nothing_is_done(stage: Stage) -> None:
    """The sentence that wakes a person up has to tell the whole story."""
    stage.world.stop(A)
    stage.world.stop(B)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "attention"
    assert f"{A} is Stopping" in receipt.sentence
    assert f"{B} is Stopping" in receipt.sentence


def test_work_that_ends_badly_says_what_was_done_and_how_it_is_now() -> None:
    """Moved, and lost all the same: both are in the sentence."""
    stage = Stage()
    for gateway in (A, B):
        stage.machine(gateway).rules = False
    receipt = stage.one(stage.report())
    assert receipt.outcome == "attention"
    assert receipt.verified is False
    assert re.search(rf"moved .* from {A} to {B}: .*; now: ", receipt.sentence)


def test_routes_that_share_a_fate_share_its_words() -> None:
    """Two tables on one gateway: what is said of both is said once in what was decided."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.decided[0] == f"{A} is Stopping"
    assert len(receipt.did) == 2
    assert receipt.next_hops == {f"0.0.0.0/0 in {TABLE}": B, f"0.0.0.0/0 in {TABLE_2}": B}


def test_one_route_that_could_not_be_verified_leaves_the_whole_unverified() -> None:
    """Verified means all of it: the fallback behind a table without probe cannot be seen."""
    routes = [{"table": TABLE}, {"table": TABLE_2}]
    stage = Stage({"prod": group(gateways=[A], routes=routes, fallback=FALLBACK, probe=None)})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert receipt.verified is None
    assert any("not verified" in problem for problem in receipt.problems)


def test_a_bridge_is_told_step_by_step_and_each_step_once() -> None:
    """Carried over one half and then the other, the old entry deleted, the whole created, the halves deleted."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.in_place = lambda _old, _new: False
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert [deed.partition(" ")[0] for deed in receipt.did] == ["carried", "carried", "deleted", "created"]
    assert receipt.did[0].startswith(f"carried 0.0.0.0/0 in {TABLE} to {FALLBACK} over 0.0.0.0/1: ")
    assert receipt.did[1].startswith(f"carried 0.0.0.0/0 in {TABLE} to {FALLBACK} over 128.0.0.0/1: ")
    assert any("not in place" in problem for problem in receipt.problems)


def test_the_eips_way_is_in_the_receipt() -> None:
    """Taken off, bound, and the address that the internet saw."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert len([deed for deed in receipt.did if "EIP" in deed]) == 2
    assert receipt.egress_ip == "198.51.100.100"


def test_a_foreign_next_hop_is_named(stage: Stage) -> None:
    """A reader knows where the route goes and that natkeeper leaves it."""
    stage.world.add_machine("i-stranger", "198.51.100.77")
    stage.world.repoint(TABLE, hop("i-stranger"))
    receipt = stage.sweep()
    assert receipt.outcome == "attention"
    assert receipt.next_hops == {f"0.0.0.0/0 in {TABLE}": "i-stranger"}


def test_a_dry_run_claims_nothing(stage: Stage) -> None:
    """What would be done is in the sentence, not among what was done."""
    receipt = stage.one(person("switch", to=B, dry_run=True))
    assert receipt.did == ()
    assert receipt.outcome == "waiting"
    assert receipt.sentence.startswith("would move ")


def test_what_is_empty_is_left_out() -> None:
    """A receipt with nothing to say is short."""
    stage = Stage()
    bare = Receipt("run", stage.world.now, "prod", "timer", "quiet", "all is well")
    assert bare.as_json() == {
        "receipt": 1,
        "run": "run",
        "at": "2026-11-23T06:00:00.000Z",
        "group": "prod",
        "signal": "timer",
        "outcome": "quiet",
        "sentence": "all is well",
        "verified": None,
    }


@pytest.mark.parametrize(
    "outcome, news",
    [("quiet", False), ("changed", True), ("waiting", False), ("attention", True), ("refused", False)],
)
def test_only_changes_and_trouble_are_news(outcome: str, news: bool) -> None:  # noqa: FBT001
    """The person who asked has the answer; the others hear of what matters."""
    stage = Stage()
    assert Receipt("run", stage.world.now, "prod", "timer", outcome, "").news is news  # type: ignore[arg-type]


def test_what_was_done_is_there_as_data(stage: Stage) -> None:
    """A move with where from and where to, and why; a program need not read the sentence."""
    stage.world.stop(A)
    (act,) = stage.one(stage.state(A, "Stopping")).acts
    assert act == Act("moved", f"0.0.0.0/0 in {TABLE}", B, A, f"{A} is Stopping")


def test_a_pause_a_resume_and_a_setup_are_acts_of_their_own(stage: Stage) -> None:
    """None of them is a move."""
    paused = stage.one(person("pause", **{"for": "1h"}, why="new kernel"))
    resumed = stage.one(person("resume"))
    started = stage.one(person("setup"))
    kinds = [[act.kind for act in receipt.acts] for receipt in (paused, resumed, started)]
    assert kinds == [["paused"], ["resumed"], ["setup"]]


def test_a_stopped_gateway_that_is_to_be_set_up_is_named(stage: Stage) -> None:
    """Alone it refuses the request; beside others it is what needs attention."""
    stage.world.stop(B)
    stage.sweeps(1)
    alone = stage.one(person("setup", gateway=B))
    assert (alone.outcome, alone.acts) == ("refused", ())
    assert alone.sentence == f"{B} was not set up: it is Stopped; start it, and it is set up when it runs"
    stage.world.start(B)
    assert stage.one(person("setup", gateway=B)).sentence.endswith("it is Starting; it is set up when it runs")
    stage.world.stop(B)
    stage.sweeps(1)
    both = stage.one(person("setup"))
    assert both.outcome == "attention"
    assert f"{B} was not set up: it is Stopped; start it, and it is set up when it runs" in both.problems


def test_a_note_is_not_taken_for_the_reason_of_the_last_move(stage: Stage) -> None:
    """The time is that of the move, so the reason has to be, or there is none."""
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    stage.one(person("pause", **{"for": "1h"}, why="replacing: the disk"))
    view = stage.one(person("status")).view
    assert view is not None
    (route,) = view["routes"]
    assert "why" not in route
    assert route["note"].endswith("UTC by a person: replacing: the disk")


@pytest.mark.parametrize("word", ["Ok", "Warning", "Initializing", "NotApplicable"])
def test_what_ecs_remarks_about_a_healthy_gateway_is_told(stage: Stage, word: str) -> None:
    """It moves nothing; words that mean no remark are not told."""
    stage.machine(B).health = word
    receipt = stage.sweep()
    remarked = f" (ECS says {word})" if word in ("Warning", "Initializing") else ""
    assert f"{B} is healthy{remarked}" in receipt.saw
    assert receipt.outcome == "quiet"
