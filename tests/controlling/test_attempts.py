"""How often is a write tried, and what is held against whom: for each answer, by its kind and by what it names."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.refusals import Deed, Refusal
from natkeeper.failover.attempts import Attempts, WriteTarget
from natkeeper.ports import Failure
from natkeeper.ports import FailureKind as K
from natkeeper.ports import FailureSubject as N

TABLE = TableId("vtb-one")
FIRST, SECOND = WriteTarget(Deed.POINT, TABLE, "i-first"), WriteTarget(Deed.POINT, TABLE, "i-second")
HOP, ALL, MARK = {"hop": "i-first"}, {"hop": None}, {"hop": "i-first", "lasting": True}
PASSING, PASSING_ALL = {**HOP, "passing": True}, {**ALL, "passing": True}


def held(of: dict[str, Any], **more: Any) -> Refusal:
    return Refusal(Deed.POINT, "said (Code)", TABLE, **{**dict(of), **more})


def judged(attempts: Attempts, target: WriteTarget, kind: K, names: N, tries: int = 1) -> list[Refusal | None]:
    """Judge the same answer some times; its words are `said`, and its code `Code`."""
    found = [attempts.judge(target, Failure(kind, "said", "Code", names=names)) for _ in range(tries)]
    return [None if one is None else Refusal(**{**_parts(one), "reason": "said (Code)"}) for one in found]


def _parts(one: Refusal) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("deed", "reason", "table", "hop", "passing", "over", "lasting")}


@pytest.mark.parametrize(
    "kind, names, first, second, third",
    [
        (K.DENIED, N.CALLER, HOP, HOP, HOP),
        (K.UNREACHABLE, N.NOTHING, {**PASSING, "over": False}, {**PASSING, "over": False}, PASSING),
        (K.THROTTLED, N.NOTHING, {**PASSING, "over": False}, {**PASSING, "over": False}, PASSING),
        (K.REFUSED, N.HOP, None, MARK, MARK),
        (K.GONE, N.HOP, None, MARK, MARK),
        (K.GONE, N.ENTRY, None, ALL, ALL),
        (K.REFUSED, N.ENTRY, ALL, ALL, ALL),
        *((kind, names, ALL, ALL, ALL) for kind in (K.GONE, K.REFUSED) for names in (N.CALL, N.DESTINATION, N.ADDRESS)),
        (K.REFUSED, N.NOTHING, None, None, HOP),
        (K.BUSY, N.HOP, None, None, MARK),
        (K.BUSY, N.NOTHING, None, None, PASSING),
        *((K.BUSY, names, None, None, PASSING_ALL) for names in (N.CALL, N.DESTINATION, N.ENTRY, N.ADDRESS)),
    ],
)
def test_what_three_answers_to_the_first_next_hop_are_held_against(
    kind: K, names: N, first: dict[str, Any] | None, second: dict[str, Any] | None, third: dict[str, Any] | None
) -> None:
    """None: it may be tried again."""
    expected = [None if each is None else held(each) for each in (first, second, third)]
    assert judged(Attempts(), FIRST, kind, names, 3) == expected


@pytest.mark.parametrize(
    "kind, names, tries, last",
    [
        (K.REFUSED, N.NOTHING, 2, {"hop": None}),
        (K.DENIED, N.CALLER, 1, {"hop": None}),
        (K.BUSY, N.HOP, 2, {"hop": "i-second", "lasting": True}),
        (K.BUSY, N.NOTHING, 1, {"hop": "i-second", "passing": True}),
        (K.BUSY, N.CALL, 1, {"hop": None, "passing": True}),
    ],
)
def test_a_second_next_hop_has_fewer_tries(kind: K, names: N, tries: int, last: dict[str, Any]) -> None:
    """An answer that names nothing, given to both, is about neither."""
    attempts = Attempts()
    judged(attempts, FIRST, kind, names, 3)
    assert judged(attempts, SECOND, kind, names, tries) == [None] * (tries - 1) + [held(last)]


def test_another_answer_to_the_second_is_held_against_it_alone() -> None:
    """Nor does one at work tell anything of one that was refused."""
    attempts = Attempts()
    attempts.judge(FIRST, Failure(K.DENIED, "said", "Other", names=N.CALLER))
    assert judged(attempts, SECOND, K.DENIED, N.CALLER) == [held({"hop": "i-second"})]
    assert judged(attempts, SECOND, K.BUSY, N.NOTHING, 2)[-1] == held({"hop": "i-second", "passing": True})


@pytest.mark.parametrize(
    "other",
    [WriteTarget(Deed.CREATE, TABLE, "i-first"), WriteTarget(Deed.POINT, TableId("vtb-two"), "i-first"), SECOND],
)
def test_only_the_same_write_to_another_next_hop_counts(other: WriteTarget) -> None:
    """Another table or another deed has all its tries."""
    attempts = Attempts()
    judged(attempts, other, K.BUSY, N.NOTHING)
    assert len([one for one in judged(attempts, FIRST, K.BUSY, N.NOTHING, 3) if one is None]) == (
        0 if other is SECOND else 2
    )


def test_what_was_accepted_in_part_has_one_try_more() -> None:
    """The platform may want some seconds between two writes; the tries before it do not count."""
    attempts = Attempts()
    judged(attempts, FIRST, K.BUSY, N.HOP, 2)
    attempts.accept(FIRST)
    assert [one is None for one in judged(attempts, FIRST, K.BUSY, N.HOP, 4)] == [True, True, True, False]


@pytest.mark.parametrize("deed, lasting", [(Deed.TAKE, True), (Deed.GIVE, True), (Deed.POINT, False)])
def test_an_eip_that_is_put_off_lasts(deed: Deed, lasting: bool) -> None:  # noqa: FBT001
    """Its gateway will not get it in the next minute either."""
    refusal = judged(Attempts(), WriteTarget(deed, None, "i-first"), K.UNREACHABLE, N.NOTHING)[0]
    assert refusal is not None
    assert refusal.lasting is lasting


@pytest.mark.parametrize("deed, hop", [(Deed.TAKE, None), (Deed.GIVE, "i-first")])
def test_a_right_to_take_an_eip_off_is_missing_for_all(deed: Deed, hop: str | None) -> None:
    """That to bind it may be missing for one gateway alone."""
    refusal = judged(Attempts(), WriteTarget(deed, None, "i-first"), K.DENIED, N.CALLER)[0]
    assert refusal is not None
    assert (refusal.hop, refusal.lasting) == (hop, deed is Deed.TAKE)


@pytest.mark.parametrize(
    "kind, tries", [(K.UNREACHABLE, 3), (K.THROTTLED, 3), (K.BUSY, 3), (K.DENIED, 1), (K.REFUSED, 1), (K.GONE, 1)]
)
def test_a_write_that_changes_no_decision_ends_with_an_answer(kind: K, tries: int) -> None:
    """The API's own trouble gives it all its tries."""
    attempts = Attempts()
    found = [attempts.spent("note", Failure(kind, "said"), 3) for _ in range(3)]
    assert found.index(True) + 1 == tries


def test_the_pause_before_a_try_grows() -> None:
    """About five seconds for one next hop, with its answers."""
    attempts, pauses = Attempts(), []
    for _ in range(3):
        judged(attempts, FIRST, K.BUSY, N.HOP)
        pauses.append(attempts.pause_s(FIRST))
    assert [attempts.pause_s(SECOND), *pauses] == [0.7, 0.7, 2.5, 2.5]
