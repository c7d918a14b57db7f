"""Upgrade and rollback: each release reads what the other one wrote in a route entry.

The first release (0.1) is here as data: texts that it wrote, and the form of what it could read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.domain.egress import EvidenceKind
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import LONGEST_PAUSE, Memory, Unreadable, decode, encode, fitted, is_ours, rewritten

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
A, B = InstanceId("i-bp12f7k3qzm8x0v4w9ta"), InstanceId("i-bp19c5d1rwn6y2u7k3sb")
MOVED = Memory(since=NOON, by="auto", home=A, to=B)
WRITTEN_BY_0_1 = {
    f"natkeeper: {B} since 2026-03-14T12:00:00Z: {A} is Stopping [nk1 s=1773489600 b=auto h={A} g={B}]": MOVED,
    f"natkeeper: paused until 2026-03-14 14:00 UTC by a person: work on the gateway… "
    f"[nk1 s=1773489600 b=auto h={A} g={B} p=1773496800]": replace(MOVED, paused_until=NOON + timedelta(hours=2)),
    f"natkeeper: {A} was not ready [nk1 x={B}@1773489600]": Memory().marked(B, NOON),
    f"natkeeper: {B} since 2026-03-14T12:00:00Z: a person asked for it [nk1 s=1773489600 b=person h={A}]": Memory(
        since=NOON, by="person", home=A
    ),
    "natkeeper: resumed by a person [nk1]": Memory(),
}

READ_BY_0_1 = re.compile(r"\[nk1((?: [a-z]=[^\s\]]+)*)\]")
"""How 0.1 finds its part of a description; letters that it does not know it passes over."""
LETTERS_OF_0_1 = {
    "s": r"[0-9]{1,12}",
    "b": r"auto|person",
    "h": r"i-[a-z0-9]{3,40}",
    "g": r"(?:i|ngw)-[a-z0-9]{3,40}",
    "p": r"[0-9]{1,12}",
    "x": r"(?:i|ngw)-[a-z0-9]{3,40}@[0-9]{1,12}(?:,(?:i|ngw)-[a-z0-9]{3,40}@[0-9]{1,12})*",
}
"""What it takes as their values; anything else makes the whole unreadable to it."""

seconds = st.integers(1_577_836_800, 4_000_000_000)
times = seconds.map(lambda s: datetime.fromtimestamp(s, timezone.utc))
gateways = st.from_regex(r"i-[a-z0-9]{3,40}", fullmatch=True).map(InstanceId)
memories = st.builds(
    Memory,
    since=st.none() | times,
    by=st.sampled_from(["", "auto", "person"]),
    home=st.none() | gateways,
    to=st.just("") | gateways | st.just("ngw-last"),
    paused_until=st.none() | times,
    marks=st.dictionaries(gateways, times, max_size=5).map(MappingProxyType),
    unproven=st.frozensets(gateways, max_size=3),
    rounds=st.integers(1, 9),
    round_at=times,
    episodes=st.dictionaries(st.sampled_from("dgbuwfp"), st.tuples(times, st.booleans())).map(MappingProxyType),
    owner=st.just("") | st.from_regex(r"[0-9a-f]{6}", fullmatch=True),
    former=st.just("") | gateways,
)


def read_by_0_1(description: str) -> dict[str, str]:
    """Read a description as the first release does; raises AssertionError where it would not."""
    match = READ_BY_0_1.search(description)
    assert match is not None, description
    fields = dict(part.split("=", 1) for part in match[1].split())
    known = {letter: value for letter, value in fields.items() if letter in LETTERS_OF_0_1}
    for letter, value in known.items():
        assert re.fullmatch(LETTERS_OF_0_1[letter], value), (letter, value)
    return known


@pytest.mark.parametrize("description", WRITTEN_BY_0_1)
def test_what_the_first_release_wrote_is_read(description: str) -> None:
    """An upgrade forgets nothing: no move, no pause, no mark."""
    assert decode(description) == WRITTEN_BY_0_1[description]
    assert is_ours(description)


@given(memories)
def test_what_is_written_now_is_read_by_the_first_release(memory: Memory) -> None:
    """A rollback forgets nothing that it knew: the letters of 0.1 mean what they meant, and come before the others."""
    text = encode(memory, "moved")
    assert len(text) <= 256
    kept, known = fitted(memory), read_by_0_1(text)
    assert known.get("s") == (None if kept.since is None else str(int(kept.since.timestamp())))
    assert known.get("p") == (None if kept.paused_until is None else str(int(kept.paused_until.timestamp())))
    assert (known.get("b", ""), known.get("h"), known.get("g", "")) == (kept.by, kept.home, kept.to)
    marks = ",".join(f"{hop}@{int(at.timestamp())}" for hop, at in sorted(kept.marks.items()))
    assert known.get("x", "") == marks


@given(memories)
def test_what_a_rollback_leaves_is_read_by_the_next_upgrade(memory: Memory) -> None:
    """0.1 writes its own letters and drops the others; what is left is understood."""
    known = read_by_0_1(encode(memory, "moved"))
    left = decode("natkeeper: noted… [" + " ".join(["nk1", *(f"{k}={v}" for k, v in known.items())]) + "]")
    assert isinstance(left, Memory)
    kept = fitted(memory)
    assert (left.since, left.by, left.paused_until, left.marks) == (kept.since, kept.by, kept.paused_until, kept.marks)
    assert (left.owner, left.former, left.rounds) == ("", "", 0)


# ---- what people do to it ----------------------------------------------------------------------------------


def test_a_missing_bracket_loses_nothing() -> None:
    """Someone edited the description in the console and cut its end off."""
    memory = replace(MOVED, owner="00beef", paused_until=NOON + timedelta(hours=1))
    text = encode(memory, "moved")
    assert decode(text[:-1]) == memory
    assert decode(f"{text[:-1]} see ticket 12") == memory


def test_a_time_that_was_cut_off_is_not_believed() -> None:
    """Half a time would be another one."""
    assert isinstance(decode("natkeeper: x [nk1 b=auto s=17734"), Unreadable)


@pytest.mark.parametrize("edit", ["h=", "s=noon", "[nk1 b=nobody", "x=i-abc@"])
def test_a_pause_survives_a_garbled_part(edit: str) -> None:
    """The person who asked for it may be at work on the gateways."""
    found = decode(f"natkeeper: paused [nk1 b=auto {edit} p=1773496800]")
    assert isinstance(found, Unreadable)
    assert found.kept == Memory(paused_until=NOON + timedelta(hours=2))


def test_what_cannot_be_true_is_not_believed() -> None:
    """A pause beyond thirty days, marks and moves of the future: a slip, or a clock that was wrong."""
    day = timedelta(days=1)
    memory = replace(MOVED, since=NOON + day, paused_until=NOON + LONGEST_PAUSE + day).marked(B, NOON + day)
    assert memory.plausible(NOON) == replace(MOVED, since=NOON)
    fine = replace(MOVED, paused_until=NOON + LONGEST_PAUSE).marked(B, NOON + timedelta(minutes=3))
    assert fine.plausible(NOON) == fine


# ---- the budget ------------------------------------------------------------------------------------------------


def test_the_oldest_marks_give_way_last_and_the_owner_never() -> None:
    """In this order: what is unproven, episodes, marks, the oldest first (docs/design.md)."""
    ids = [InstanceId(f"i-{letter * 20}") for letter in "abcdefgh"]
    full = Memory(NOON, "person", ids[0], ids[1], NOON, owner="00beef", former=ids[2], unproven=frozenset(ids[3:7]))
    full = replace(full, episodes=MappingProxyType({"d": (NOON, True)}))
    assert fitted(replace(full, former="", unproven=frozenset())).episodes
    assert not fitted(full).unproven
    for number, name in enumerate(ids[:4]):
        full = full.marked(name, NOON + timedelta(minutes=number), EvidenceKind.PRIVATE_HOST)
    kept = fitted(full)
    assert not kept.episodes
    assert list(kept.marks) == ids[4 - len(kept.marks) : 4]
    assert (kept.owner, kept.former, kept.paused_until) == ("00beef", ids[2], NOON)


def test_another_sentence_keeps_the_owner() -> None:
    """An episode that is noted is no move."""
    text = encode(replace(MOVED, owner="00beef"), "moved")
    assert decode(rewritten(text, replace(MOVED, owner="00beef"))) == replace(MOVED, owner="00beef")
