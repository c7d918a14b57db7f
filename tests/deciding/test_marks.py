"""What is remembered of gateways that were seen to be bad: written, fresh, open, and cleared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from natkeeper.domain.config_values import Failback
from natkeeper.domain.decision import Hold, Keep, Move, Note, Verify
from natkeeper.domain.egress import EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import NOTHING, Memory, encode
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    NAT,
    NOON,
    ROUTE,
    A,
    B,
    C,
    ago,
    decision,
    entry,
    gateway,
    group,
    hop,
    later,
    lost,
    marked,
    seen,
    step,
    unready,
    world,
)


def test_a_standby_that_is_not_ready_is_marked_before_it_is_needed() -> None:
    """A sweep has the time to read reports; the run that needs the standby has not."""
    found = step(world(b=unready(at=ago(3))))
    assert found == Note(ROUTE, "0.0.0.0/0", "i-gwb is not ready: masquerade is off", marked((B, ago(3))))


def test_a_mark_is_written_once_for_one_report() -> None:
    """And again only for a report much newer: a write each minute would be noise."""
    assert isinstance(step(world(memory=marked((B, ago(3))), b=unready(at=ago(3)))), Keep)
    assert isinstance(step(world(memory=marked((B, ago(32))), b=unready(at=ago(3)))), Keep)
    assert isinstance(step(world(memory=marked((B, ago(33))), b=unready(at=ago(3)))), Note)


def test_a_mark_is_not_of_the_future() -> None:
    """The platform's clock may be ahead of natkeeper's, which believes no time to come when it reads the mark back."""
    for world_of in (world(b=unready(at=later(30))), world(a=lost(at=later(30)), b="Stopped")):
        found = step(world_of)
        assert isinstance(found, Note)
        assert set(found.memory.marks.values()) == {NOON}
    found = step(world(a=lost(at=later(30))))
    assert isinstance(found, Move)
    assert set(found.memory.marks.values()) == {NOON}


def test_a_report_with_fractions_of_a_second_is_marked_once() -> None:
    """What is read back is the same to the second, and there is nothing new to write."""
    odd = ago(40) + timedelta(milliseconds=250)
    found = step(world(b=unready(at=odd)))
    assert isinstance(found, Note)
    again = step(world(on=entry(A, encode(found.memory, found.reason)), b=unready(at=odd)))
    assert isinstance(again, Keep)


def test_everything_new_about_the_standbys_is_noted_at_once() -> None:
    """One write, with all its reasons."""
    state = world(memory=marked((C, ago(30))), b=unready(at=ago(3)), c=gateway(ready_at=ago(2)))
    reason = "i-gwb is not ready: masquerade is off, i-gwc works again"
    assert step(state, group(A, B, C)) == Note(ROUTE, "0.0.0.0/0", reason, marked((B, ago(3))))


def test_a_report_without_a_time_is_not_marked() -> None:
    """It could never be told from a newer one."""
    assert isinstance(step(world(b=unready(at=None))), Keep)


def test_the_gateway_that_carries_the_route_is_not_marked_for_its_report() -> None:
    """It works; what its setup lacks is repaired by the setup."""
    assert isinstance(step(world(a=unready())), Keep)


def test_more_bad_standbys_than_there_is_room_for_come_to_rest() -> None:
    """The newest marks are kept, and the run has nothing more to write."""
    many = [InstanceId(f"i-standby{n}{'x' * 18}") for n in range(7)]
    policy = group(A, *many)
    state = world()
    sights = {A: gateway(), **{g: unready(at=ago(n)) for n, g in enumerate(many)}}
    found = step(replace(state, gateways=sights), policy)
    assert isinstance(found, Note)
    assert 2 <= len(found.memory.marks) <= 4
    kept = world(on=entry(A, encode(found.memory, found.reason)))
    assert isinstance(step(replace(kept, gateways=sights), policy), Keep)


def test_a_marked_standby_is_passed_over() -> None:
    """That is what the mark is for."""
    found = step(world(memory=marked((B, ago(5))), a="Stopped", c="Running"), group(A, B, C))
    assert isinstance(found, Move)
    assert found.to == hop(C)
    assert dict(found.memory.marks) == {B: ago(5)}


def test_a_mark_of_one_table_counts_for_all() -> None:
    """The newest one, wherever it stands."""
    both = world(
        on=entry(A, marked((B, ago(90)))),
        elsewhere=entry(A, marked((B, ago(5))), route=ELSEWHERE),
        a="Stopped",
        c="Running",
    )
    policy = group(A, B, C, routes=(ROUTE, ELSEWHERE))
    assert [getattr(found, "to", None) for found in decision(both, policy).steps] == [hop(C), hop(C)]


def test_a_mark_is_believed_for_an_hour() -> None:
    """After that the gateway counts as healthy when it is needed."""
    policy = group(A, B, C)
    assert step(world(memory=marked((B, ago(59))), a="Stopped", c="Running"), policy).to == hop(C)  # type: ignore[union-attr]
    assert step(world(memory=marked((B, ago(60))), a="Stopped", c="Running"), policy).to == hop(B)  # type: ignore[union-attr]


def test_a_standby_with_a_good_report_since_is_no_longer_marked() -> None:
    """The report is newer than the mark: forget it."""
    repaired = world(memory=marked((B, ago(30))), b=gateway(ready_at=ago(2)))
    assert step(repaired) == Note(ROUTE, "0.0.0.0/0", "i-gwb works again", Memory(), "recovered")
    older = world(memory=marked((B, ago(2))), b=gateway(ready_at=ago(30)))
    assert isinstance(step(older), Keep)


def test_time_alone_clears_no_mark() -> None:
    """Nobody has seen the gateway work."""
    assert isinstance(step(world(memory=marked((B, ago(300))))), Keep)


def test_a_marked_next_hop_is_looked_at() -> None:
    """Believed or not: a look settles it."""
    for when in (ago(5), ago(300)):
        assert isinstance(step(world(memory=marked((A, when)))), Verify)


def test_a_marked_next_hop_that_is_seen_to_work_is_cleared_and_kept() -> None:
    """The look is newer than the mark."""
    found = step(world(memory=marked((A, ago(5))), a=seen()))
    assert found == Note(ROUTE, "0.0.0.0/0", "i-gwa works again", Memory(), "recovered")


def test_a_marked_next_hop_that_cannot_be_looked_through_is_left() -> None:
    """The mark is the last that is known of it."""
    found = step(world(memory=marked((A, ago(5))), a=gateway(egress=BLIND)))
    assert isinstance(found, Move)
    assert found.reason.startswith(
        f"i-gwa could not carry the route at {ago(5):%Y-%m-%d %H:%M:%S} UTC and has not been "
    )


def test_a_next_hop_that_must_be_kept_although_it_lost_the_internet_is_marked() -> None:
    """Later runs would take it for healthy and say nothing; so they look again, and shout."""
    found = step(world(a=lost(), b="Stopped"))
    reason = "i-gwa does not reach the internet, and nothing better is there"
    by_the_probe = NOTHING.marked(A, NOON, EvidenceKind.PRIVATE_HOST)
    assert found == Note(ROUTE, "0.0.0.0/0", reason, by_the_probe)
    assert isinstance(step(world(memory=by_the_probe, a=lost(), b="Stopped")), Hold)


def test_a_mark_that_there_is_no_room_for_is_not_written_again_and_again() -> None:
    """Marks of the future (a clock that was wrong) must not make a run restless."""
    full = marked(*((InstanceId(f"i-future{n}"), later(n + 1)) for n in range(4)))
    assert isinstance(step(world(memory=full, a=lost(), b="Stopped")), Hold)


def test_a_fallback_that_lost_the_internet_is_remembered_too() -> None:
    """It is marked when it is left, fresh for an hour, and only open after that."""
    policy = group(fallback=NAT, failback=Failback(0))
    left = step(world(on=NAT, nat_egress=EgressLost(NOON, "no answer"), b="Stopped"), policy)
    assert isinstance(left, Move)
    assert dict(left.memory.marks) == {NAT: NOON}
    assert isinstance(step(world(on=NAT, memory=marked((NAT, ago(5)))), policy), Verify)
    works = world(on=NAT, memory=marked((NAT, ago(5))), nat_egress=EgressSeen(NOON), a="Stopped", b="Stopped")
    assert isinstance(step(works, policy), Note)


def test_a_mark_of_the_fallback_is_believed_for_an_hour_too() -> None:
    """After that it counts as healthy when a gateway has lost the internet and no other is there."""
    policy = group(fallback=NAT)
    for age, kind in ((59, Hold), (60, Move)):
        marks = marked((A, ago(1)), (NAT, ago(age)))
        assert isinstance(step(world(memory=marks, a=lost(), b="Stopped"), policy), kind)


def test_marks_of_gateways_that_left_the_group_are_dropped_with_the_next_move() -> None:
    """They are nobody's business any more."""
    found = step(world(memory=marked((C, ago(5)), (B, ago(90))), a="Stopped"))
    assert isinstance(found, Move)
    assert not found.memory.marks


@pytest.mark.parametrize(
    "remembers, unproven, expected, said",
    [
        ((), True, {B}, "i-gwb could not be proven to forward"),
        ((B,), True, None, ""),
        ((B,), False, set(), "i-gwb was proven to forward"),
        ((B, A), False, {A}, "i-gwb was proven to forward"),
        ((), False, None, ""),
        ((B,), None, None, ""),
    ],
)
def test_what_could_not_be_proven_is_remembered_until_it_is(
    remembers: tuple[str, ...], expected: set[str] | None, said: str, *, unproven: bool | None
) -> None:
    """Written once each; where nothing is known of it nothing is written."""
    memory = replace(NOTHING, unproven=frozenset(map(InstanceId, remembers)))
    found = step(world(memory=memory, b=gateway(unproven=unproven)))
    if expected is None:
        assert isinstance(found, Keep)
        return
    assert isinstance(found, Note)
    assert ({*found.memory.unproven}, found.reason) == (expected, said)
