"""Where the platform refuses descriptions for long, entries keep no mark: the process remembers instead.

Otherwise each run would begin a new round of moves, and the route would go to and fro between two next hops.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from natkeeper.domain.health import Sight
from natkeeper.domain.observed import EntryStatus, Instance, PowerState, RouteEntry, Unseen
from natkeeper.failover.noting import Noted, write
from natkeeper.failover.run import Told
from natkeeper.ports import NoteRoute, PointRoute
from tests.controlling.test_broken_witness import broken
from tests.deciding import worlds
from tests.fakes.stage import FALLBACK, ITSELF, A, B, C, Stage, group, person


def refusing(**more: object) -> Stage:
    """A group behind a platform that takes no description."""
    stage = Stage({"prod": group(**more)})
    writes = (PointRoute, NoteRoute)
    stage.cloud.answer(writes, "InvalidDescription.Malformed", where=lambda call: bool(call.description))
    return stage


def stopped(stage: Stage) -> None:
    """A is stopped, and its event arrives."""
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))


def hung(stage: Stage) -> None:
    """A hangs, which ECS does not show."""
    stage.machine(A).hung = True


def bare(stage: Stage) -> None:
    """A has lost its masquerade rule."""
    stage.machine(A).rules = False


def all_bare(stage: Stage) -> None:
    """Every gateway has lost its masquerade rule."""
    for name in stage.world.machines:
        stage.machine(name).rules = False


def an_hour(stage: Stage, *, fresh_every: int = 0) -> int:
    """Sweeps, reports of the probe while its route leads nowhere, and the events of every move; how many moves.

    `fresh_every`: after how many minutes the function gets a new process; 0 for never.
    """
    before, seen = len(stage.world.moves), 0
    for number in range(120):
        began = stage.world.now
        if fresh_every and number and number % (2 * fresh_every) == 0:
            fresh(stage)
        stage.sweep()
        if stage.sweep().outcome == "attention":
            stage.send(stage.report(age=3.0))
        if len(stage.world.moves) - before > seen:
            seen = len(stage.world.moves) - before
            stage.send(stage.route_touched())
        stage.world.advance_to(max(stage.world.now, began + timedelta(seconds=30)))
    return len(stage.world.moves) - before


def fresh(stage: Stage) -> None:
    """Function Compute starts another process, which knows nothing."""
    stage.told = Told()
    stage.told.rest.itself = ITSELF


TROUBLES: dict[str, tuple[Callable[[Stage], object], int]] = {
    "stop": (stopped, 1),
    "hang": (hung, 1),
    "masquerade": (bare, 1),
    "every masquerade": (all_bare, 0),
    "probe": (broken, 0),
}
"""What happens, and how many moves of an hour mend it; 0 where none can."""

GROUPS: dict[str, list[str]] = {"two": [A, B], "three": [A, B, C], "fallback": [A, B, FALLBACK]}


def of(shape: str) -> Stage:
    """A group of that shape behind such a platform."""
    gateways = [each for each in GROUPS[shape] if each != FALLBACK]
    return refusing(gateways=gateways, fallback=FALLBACK if FALLBACK in GROUPS[shape] else None)


@pytest.mark.parametrize("shape", GROUPS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_moves_of_an_hour_are_bounded(trouble: str, shape: str) -> None:
    """A dead gateway is left once; where every way fails alike there is one round, and the next one an hour later."""
    stage = of(shape)
    happens, mending = TROUBLES[trouble]
    before = len(stage.world.moves)
    happens(stage)
    stage.send(stage.report(age=3.0))
    an_hour(stage)
    made, hops = len(stage.world.moves) - before, len(GROUPS[shape])
    if mending:
        assert made == mending
        assert stage.next_hop() == B
    else:
        assert made <= hops, f"{made} moves"


@pytest.mark.parametrize("shape", GROUPS)
@pytest.mark.parametrize("trouble", ["every masquerade", "probe"])
def test_a_new_process_begins_one_round(trouble: str, shape: str) -> None:
    """It cannot know of the last one: where words are refused, rounds are counted for as long as a process lives."""
    stage = of(shape)
    TROUBLES[trouble][0](stage)
    assert an_hour(stage, fresh_every=20) <= 3 * len(GROUPS[shape])


def test_what_could_not_be_written_is_written_as_soon_as_words_are_taken() -> None:
    """The next sweep does it, and then a new process knows of the round as well."""
    stage = refusing()
    broken(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(5)
    assert "r=1@" not in stage.description()
    stage.cloud.mend()
    stage.sweeps(1)
    assert "r=1@" in stage.description()
    made = len(stage.world.moves)
    fresh(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(30)
    assert len(stage.world.moves) == made


def test_what_someone_else_wrote_counts_more_than_what_the_process_kept() -> None:
    """A person mended it and says so in the entry: nothing of the old round is held against any gateway."""
    stage = refusing()
    mended = broken(stage)
    stage.send(stage.report(age=3.0))
    stage.sweeps(2)
    assert stage.told.ledgers["prod"].unwritten
    (entry,) = stage.world.tables[stage.config.groups[0].routes[0].table]
    mended[0], entry.description = True, "mended on Monday"
    stage.sweeps(2)
    assert stage.told.ledgers["prod"].unwritten == {}


def test_status_answers_while_the_process_remembers_what_entries_could_not_be_given() -> None:
    """A person who looks judges with a copy of all that the process knows."""
    stage = refusing()
    stage.sweeps(1)
    stopped(stage)
    receipt = stage.one(person("status"))
    assert "failed" not in receipt.sentence
    assert B in receipt.sentence


# ---- which entry is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        worlds.BLIND,
        None,
        worlds.entry(worlds.A, status=EntryStatus.MODIFYING),
        worlds.entry(None),
        worlds.entry(worlds.STRANGER),
        worlds.entry(worlds.A, "[nk1 s=x"),
    ],
    ids=["unseen", "missing", "changing", "several next hops", "a stranger's", "garbled"],
)
def test_what_lasts_is_noted_in_the_first_entry_that_may_be_written(first: RouteEntry | Unseen | None) -> None:
    """Settled, on a next hop of the group, and with nobody else's words; one that may not keeps no other from it."""
    policy = worlds.group(routes=(worlds.ROUTE, worlds.ELSEWHERE))
    there = Instance(worlds.A, PowerState.RUNNING, vpc="vpc-one")
    seen = worlds.world(first, elsewhere=worlds.B, a=Sight(there))
    noting = write(Noted({"d": (worlds.NOON, True)}, {}), set(), seen, policy)
    (call,) = next(noting)
    assert isinstance(call, NoteRoute)
    assert call.table == worlds.ELSEWHERE.table
    with pytest.raises(StopIteration) as ended:
        noting.send([None])
    assert ended.value.value == {"d": (worlds.NOON, True)}


def test_words_are_tried_once_a_route_and_run() -> None:
    """After one refusal every further move of the run goes without name and description, whatever it leads to."""
    stage = refusing(gateways=[A, B, C])
    stage.cloud.refused_hops[B] = "not this one"
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    sent = [entry.call for entry in stage.cloud.sent(PointRoute)]
    assert (sent[0].to.id, sent[-1].to.id, stage.next_hop()) == (B, C, C)
    assert [bool(call.description or call.name) for call in sent] == [True, *[False] * (len(sent) - 1)]
    assert stage.cloud.sent(NoteRoute) == []
    assert receipt.outcome == "changed"
