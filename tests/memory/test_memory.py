"""What a route entry's description remembers, and what it makes of descriptions that others wrote."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import LONGEST, NOTHING, Memory, Unreadable, decode, encode, fitted, is_ours

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
A, B = InstanceId("i-bp12f7k3qzm8x0v4w9ta"), InstanceId("i-bp19c5d1rwn6y2u7k3sb")

seconds = st.integers(0, 4_000_000_000)
times = seconds.map(lambda s: datetime.fromtimestamp(s, timezone.utc))
gateways = st.from_regex(r"i-[a-z0-9]{3,40}", fullmatch=True).map(InstanceId)
memories = st.builds(
    Memory,
    since=st.none() | times,
    by=st.sampled_from(["", "auto", "person"]),
    home=st.none() | gateways,
    to=st.just("") | gateways,
    paused_until=st.none() | times,
    marks=st.dictionaries(gateways, times, max_size=8).map(MappingProxyType),
)


def test_a_move_reads_as_a_sentence_with_a_machine_part() -> None:
    """The console shows people what happened; the part in brackets is for the next run."""
    memory = Memory(since=NOON, by="auto", home=A, to=B, paused_until=NOON + timedelta(hours=2)).marked(A, NOON)
    assert encode(memory, f"{B} since 2026-03-14T12:00:00Z: {A} is Stopping") == (
        "natkeeper: i-bp19c5d1rwn6y2u7k3sb since 2026-03-14T12:00:00Z: i-bp12f7k3qzm8x0v4w9ta is Stopping "
        "[nk1 s=1773489600 b=auto h=i-bp12f7k3qzm8x0v4w9ta g=i-bp19c5d1rwn6y2u7k3sb p=1773496800 "
        "x=i-bp12f7k3qzm8x0v4w9ta@1773489600]"
    )


def test_nothing_remembered_is_still_ours() -> None:
    """An entry that natkeeper wrote is known as its own even when there is nothing to remember."""
    text = encode(NOTHING, "created")
    assert text == "natkeeper: created [nk1]"
    assert is_ours(text)
    assert decode(text) == NOTHING


@given(memories, st.text(max_size=400))
def test_what_is_written_can_be_read_back(memory: Memory, sentence: str) -> None:
    """At most 250 bytes of plain ASCII, whatever the sentence; only marks that do not fit are forgotten."""
    text = encode(memory, sentence)
    assert len(text.encode()) <= LONGEST
    assert re.fullmatch(r"natkeeper:[A-Za-z0-9 .,:;_/()+-]* \[nk1[A-Za-z0-9 =,@.-]*\]", text)
    assert decode(text) == fitted(memory)
    assert decode(encode(fitted(memory), sentence)) == fitted(memory)


def test_a_long_sentence_is_cut_to_what_the_platform_takes() -> None:
    """250 bytes, used to the last."""
    text = encode(Memory(since=NOON, by="auto", home=A), "whyever " * 100)
    assert 245 <= len(text) <= 250
    assert text.endswith("... [nk1 s=1773489600 b=auto h=i-bp12f7k3qzm8x0v4w9ta]")
    assert encode(NOTHING, "x" * 233) == f"natkeeper: {'x' * 233} [nk1]"
    assert encode(NOTHING, "x" * 234) == f"natkeeper: {'x' * 230}... [nk1]"


def test_what_people_write_is_made_plain() -> None:
    """Nobody publishes what characters a description may have, so it has plain ones."""
    sentence = 'paused by a person: <Wartung> für "alles" 维护 $(reboot) [nk1 p=1] é…'
    assert encode(NOTHING, sentence) == "natkeeper: paused by a person: Wartung fur alles (reboot) nk1 p 1 e... [nk1]"


def test_words_of_which_nothing_is_left_end_no_sentence_with_a_colon() -> None:
    """A reason in Chinese is in the message to people; the entry says what it can."""
    assert encode(NOTHING, "paused by a person: 更换磁盘") == "natkeeper: paused by a person [nk1]"


def test_the_mark_that_gives_way_is_the_oldest_whatever_its_name() -> None:
    """Ids of 42 characters: there is room for three."""
    names = [f"i-{letter * 40}" for letter in "dcba"]
    memory = Memory(marks=MappingProxyType({name: NOON + timedelta(hours=n) for n, name in enumerate(names)}))
    assert set(fitted(memory).marks) == set(names[1:])


@given(memories)
def test_only_the_oldest_marks_give_way(memory: Memory) -> None:
    """Everything but marks always fits, and a forgotten mark is never newer than one that is kept."""
    kept = fitted(memory)
    assert (kept.since, kept.by, kept.home, kept.paused_until) == (
        memory.since,
        memory.by,
        memory.home,
        memory.paused_until,
    )
    lost = {gateway: at for gateway, at in memory.marks.items() if gateway not in kept.marks}
    assert all(at <= min(kept.marks.values(), default=at) for at in lost.values())


@given(st.text(max_size=LONGEST) | st.from_regex(r".{0,40}\[nk[0-9].{0,200}"))
def test_any_description_can_be_read(text: str) -> None:
    """A description that others wrote is nothing, memory or unreadable, never an error; memory of it can be kept."""
    memory = decode(text)
    if isinstance(memory, Memory):
        assert len(encode(memory, text)) <= LONGEST
        assert decode(encode(memory, text)) == fitted(memory)
    else:
        assert memory == Unreadable(text)


@pytest.mark.parametrize(
    "machine",
    [
        "[nk1 s=17957",
        "[nk1 s=]",
        "[nk1 s=soon]",
        "[nk1 s=-5]",
        "[nk1 s=1773489600=1]",
        "[nk1 s=999999999999]",
        "[nk1 s=9999999999999]",
        "[nk1 b=nobody]",
        "[nk1 h=vtb-bp1]",
        f"[nk1 h=i-{'a' * 60}]",
        "[nk1 p=never]",
        "[nk1 x=i-abcdef]",
        "[nk1 x=i-abcdef@]",
        "[nk1 x=1773489600]",
        "[nk2 s=1773489600]",
        "[nk1 S=1]",
    ],
)
def test_a_garbled_machine_part_is_unreadable(machine: str) -> None:
    """It claims to be ours and is not understood: a state to report (rule 9), not nothing and not an error."""
    assert decode(f"natkeeper: i-abc {machine}") == Unreadable(f"natkeeper: i-abc {machine}")


@pytest.mark.parametrize("text", ["", "default route of prod", "natkeeper: by hand", "see ticket [NET-12]"])
def test_descriptions_of_others_hold_no_memory(text: str) -> None:
    """What a person wrote there is not ours and is no error."""
    assert decode(text) == NOTHING
    assert not is_ours(text)


def test_words_that_a_person_adds_in_the_console_do_no_harm() -> None:
    """The machine part is found before or after them."""
    text = encode(Memory(since=NOON, by="auto"), "moved")
    assert decode(f"do not touch! {text}  (asked the network team)") == Memory(since=NOON, by="auto")


def test_fields_that_a_later_version_adds_are_passed_over() -> None:
    """An older natkeeper reads what it knows of a newer one's memory."""
    assert decode("[nk1 s=1773489600 z=new b=auto]") == Memory(since=NOON, by="auto")


def test_brackets_in_a_sentence_cannot_pass_for_memory() -> None:
    """A person's reason for a pause is written in the description and must not be read as state (rule 10)."""
    text = encode(NOTHING, "paused by a person: [nk1 b=person p=4000000000]")
    assert decode(text) == NOTHING


def test_a_mark_is_kept_to_the_second() -> None:
    """What is remembered equals what is read back, or every run would have something new to write."""
    memory = NOTHING.marked(A, NOON + timedelta(milliseconds=250))
    assert memory.marks == {A: NOON}
    assert decode(encode(memory, "")) == memory


def test_the_oldest_marks_give_way_to_new_ones() -> None:
    """Four marks are kept, so that there is room for a sentence."""
    memory = NOTHING
    for minute in range(6):
        memory = memory.marked(InstanceId(f"i-gw{minute}"), NOON + timedelta(minutes=minute))
    assert sorted(memory.marks) == ["i-gw2", "i-gw3", "i-gw4", "i-gw5"]


def test_marks_of_long_ids_give_way_to_the_sentence() -> None:
    """Sixty characters are kept for people, whatever the machine would like to say."""
    memory = Memory(since=NOON, by="person", home=A, paused_until=NOON)
    for minute in range(4):
        memory = memory.marked(f"i-gw{minute}{'x' * 20}", NOON + timedelta(minutes=minute))
    assert sorted(fitted(memory).marks) == [f"i-gw{minute}{'x' * 20}" for minute in (1, 2, 3)]
    text = encode(memory, "a sentence of some length that says what happened to the route and why")
    assert len(text) <= LONGEST
    assert text.startswith("natkeeper: a sentence of some length that says what happened")


def test_a_move_elsewhere_than_the_entry_leads_is_forgotten_and_nothing_else() -> None:
    """A pause and marks hold, wherever the entry is pointed."""
    memory = Memory(since=NOON, by="auto", home=A, to=B, paused_until=NOON).marked(A, NOON)
    assert memory.of_an_entry_to(B) == memory
    assert memory.of_an_entry_to(A) == Memory(paused_until=NOON).marked(A, NOON)
    older = Memory(since=NOON, by="auto", home=A)
    assert older.of_an_entry_to(B) == older


def test_a_mark_can_be_cleared() -> None:
    """Clearing one gateway's mark leaves the others', and clearing what is not there changes nothing."""
    memory = NOTHING.marked(A, NOON).marked(B, NOON)
    assert memory.cleared(A).marks == {B: NOON}
    assert NOTHING.cleared(A) == NOTHING


def test_a_pause_ends_by_itself() -> None:
    """Paused before the moment, not from it on, and not at all without one."""
    memory = Memory(paused_until=NOON)
    assert memory.paused(NOON - timedelta(seconds=1))
    assert not memory.paused(NOON)
    assert not NOTHING.paused(NOON)
