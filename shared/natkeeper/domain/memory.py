"""What outlives a run is written in the route entry itself: its description (rule 9 of the design).

A description reads as a sentence in the console and ends in a machine part, e.g.
`natkeeper: i-bp1b since 2026-11-23T06:20:07Z: i-bp1a is Stopping [nk1 s=1795760407 b=auto h=i-bp1a g=i-bp1b]`.
256 characters are all there is (ModifyRouteEntry, VPC 2016-04-28), and which ones pass is not published: so it is plain
ASCII, and 250 bytes at most. The sentence is cut first, then the oldest mark. A machine part that cannot be read is
`Unreadable`, which is a state to report and not an error; a pause in it, or one whose closing bracket a person deleted,
survives. docs/design.md lists the letters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EvidenceKind
from natkeeper.domain.ids import InstanceId

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 250
"""Bytes of a description; ModifyRouteEntry takes 256 characters (parameter Description)."""
_UNSAFE = re.compile(r"[^A-Za-z0-9 .,:;_/()+-]+")
"""What a sentence loses on its way into a description: targets, people and answers may say anything."""

LONGEST_PAUSE = timedelta(days=30)
_APART = timedelta(minutes=5)
"""How far clocks may be apart: what is remembered for a time later than that is not believed."""

_MACHINE = re.compile(r"\[nk1((?: [a-z]=[^\s\]]+)*)\]")
_OPEN = re.compile(r"\[nk1((?: [a-z]=[^\s\]]+)+)(?=\s|$)(?![^\[]*\])")
"""A machine part whose closing bracket is gone."""
_PAUSE = re.compile(r"\[nk\d.* p=([0-9]{10})\b")
_BRAND = re.compile(r"\[nk\d")
_GATEWAY = re.compile(r"i-[a-z0-9]{3,40}")
_HOP = re.compile(r"(?:i|ngw)-[a-z0-9]{3,40}")
_TIME = re.compile(r"[0-9]{1,12}")
_OWNER = re.compile(r"[0-9a-f]{6}")
_ROUNDS = re.compile(r"([1-9][0-9]?)@([0-9]{1,12})")
_PLACE = re.compile(r"[0-9]{1,2}")
_NOW = "1795760407"
"""A time of these years has ten digits."""
_MARKS_PER_ROUTE = 4
_SENTENCE_AT_LEAST = 60


@dataclass(frozen=True, slots=True)
class Memory:
    """The remembered state of one route.

    `since`: when natkeeper last moved it. `by`: `auto` or `person`. `home`: the gateway it belonged to then. `to`: the
    id of the next hop that it was moved to, or that a note found it on; nothing where an older natkeeper wrote.
    `paused_until`: no automatic act before this. `marks`: next hops (by id) seen to be bad in a way that no ECS read
    shows (egress lost, setup not ready), each with the time of that sight. `kinds`: the kind of evidence that a mark
    rests on, where it is not a setup's report; `unproven`: gateways whose setup could not prove that they forward.
    `rounds`: rounds of moves in a row in which every way failed alike, the last of them at `round_at`. `episodes`: by
    the letter of its kind, since when a trouble lasts, and whether people were told. `owner`: which group of which
    deployment made the last move, or wrote that note (`config.Group.owner`). `former`: the gateway that the route left
    and that the group no longer has, while its EIP is still to follow. `woken`: cold standbys that natkeeper started,
    and when. `place`: which of an instance's interfaces, counted from zero, the entry led to before it went to the
    fallback. `lane`: the entry is no guarded route, but a host route of natkeeper's own (lane.py). `found`: what stands
    for the found things that people were told of (`discovery.digest`). Older versions of natkeeper neither write nor
    keep these eleven.
    """

    since: datetime | None = None
    by: str = ""
    home: InstanceId | None = None
    to: str = ""
    paused_until: datetime | None = None
    marks: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    kinds: Mapping[str, EvidenceKind] = field(default_factory=lambda: MappingProxyType({}))
    unproven: frozenset[str] = frozenset()
    rounds: int = 0
    round_at: datetime | None = None
    episodes: Mapping[str, tuple[datetime, bool]] = field(default_factory=lambda: MappingProxyType({}))
    owner: str = ""
    former: str = ""
    woken: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    place: int | None = None
    lane: bool = False
    found: str = ""

    def __deepcopy__(self, _memo: object) -> Memory:
        return self  # nothing in it changes, and its mappings cannot be copied

    def kind_of(self, hop: str) -> EvidenceKind:
        """Return the kind of evidence that the mark of `hop` rests on."""
        return self.kinds.get(hop, EvidenceKind.BEHIND_GATEWAY)

    def paused(self, now: datetime) -> bool:
        """Return True if a person has asked natkeeper to keep its hands off until later than `now`."""
        return self.paused_until is not None and now < self.paused_until

    def plausible(self, at: datetime) -> Memory:
        """Forget what cannot be true at `at`: what happened in the future, and a pause longer than any may be."""
        latest = at + _APART
        pause = self.paused_until
        memory = self
        if pause is not None and pause > latest + LONGEST_PAUSE:
            memory = replace(memory, paused_until=None)
        if memory.since is not None and memory.since > latest:
            memory = replace(memory, since=at.replace(microsecond=0))  # the move was made, at whatever time
        for hop in [hop for hop, seen in memory.marks.items() if seen > latest]:
            memory = memory.cleared(hop)
        woken = {gateway: min(started, at) for gateway, started in memory.woken.items()}
        return replace(memory, woken=MappingProxyType(woken)) if woken else memory

    def marked(self, hop: str, at: datetime, kind: EvidenceKind = EvidenceKind.BEHIND_GATEWAY) -> Memory:
        """Remember that `hop` was seen to be bad at `at`, to the second; the oldest marks give way.

        `kind` is the kind of that sight.
        """
        marks = {**self.marks, hop: at.replace(microsecond=0)}
        newest = dict(sorted(marks.items(), key=lambda mark: mark[1])[-_MARKS_PER_ROUTE:])
        return replace(self, marks=MappingProxyType(newest), kinds=_kinds({**self.kinds, hop: kind}, newest))

    def of_an_entry_to(self, hop: str) -> Memory:
        """Forget the last move if the entry leads elsewhere now: someone else pointed it there."""
        if self.to in ("", hop):
            return self
        return replace(self, since=None, by="", home=None, to="", owner="", former="", place=None)

    def cleared(self, hop: str) -> Memory:
        """Forget the mark of `hop`."""
        marks = {h: t for h, t in self.marks.items() if h != hop}
        return replace(self, marks=MappingProxyType(marks), kinds=_kinds(self.kinds, marks))


def _kinds(kinds: Mapping[str, EvidenceKind], marks: Mapping[str, datetime]) -> Mapping[str, EvidenceKind]:
    """Keep the kinds of marks that are there; the usual one is not written down."""
    kept = {h: kind for h, kind in kinds.items() if h in marks and kind is not EvidenceKind.BEHIND_GATEWAY}
    return MappingProxyType(kept)


NOTHING = Memory()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A description that claims to be ours and cannot be read. `kept`: what of it is understood all the same."""

    text: str
    kept: Memory = field(default=NOTHING, compare=False)


def encode(memory: Memory, sentence: str) -> str:
    """Write `sentence` and `memory` as a description of at most 250 bytes of ASCII."""
    machine = _machine(fitted(memory))
    room = LONGEST - len(machine) - 1
    plain = unicodedata.normalize("NFKD", sentence).encode("ascii", "ignore").decode()
    text = "natkeeper: " + " ".join(_UNSAFE.sub(" ", plain).split()).rstrip(": ")  # a reason in Chinese leaves none
    text = text if len(text) <= room else text[: room - 3].rstrip() + "..."
    return f"{text} {machine}"


def fitted(memory: Memory) -> Memory:
    """Return what of `memory` a description has room for.

    Forgotten are, in this order: which gateways are unproven, episodes and what was found (people are told once too
    often then), which cold standbys were started (a warm process still knows), and the oldest marks.
    """
    if _too_long(memory):
        memory = replace(memory, unproven=frozenset())
    if _too_long(memory):
        memory = replace(memory, episodes=MappingProxyType({}), found="")
    if _too_long(memory):
        memory = replace(memory, woken=MappingProxyType({}))
    while memory.marks and _too_long(memory):
        memory = memory.cleared(min(memory.marks, key=lambda hop: memory.marks[hop]))
    return memory


def _too_long(memory: Memory) -> bool:
    return len(_machine(memory)) > LONGEST - _SENTENCE_AT_LEAST


@lru_cache(maxsize=512)  # one decision reads the same few descriptions some twenty times
def decode(description: str) -> Memory | Unreadable:
    """Read the machine part of `description`; text that is not ours holds no memory."""
    if not _BRAND.search(description):
        return NOTHING
    match = _MACHINE.search(description) or _OPEN.search(description)
    if match is None:
        return _unreadable(description)
    fields = dict(part.split("=", 1) for part in match[1].split())
    if match[0][-1] != "]" and any(len(fields.get(letter, _NOW)) != len(_NOW) for letter in "sp"):
        return _unreadable(description)  # cut off in the midst of a time
    try:
        marks = _marks(fields.get("x", ""))
        rounds, round_at = _rounds(fields.get("r", ""))
        return Memory(
            since=_time(fields["s"]) if "s" in fields else None,
            by=_by(fields.get("b", "")),
            home=_gateway(fields["h"]) if "h" in fields else None,
            to=_hop(fields["g"]) if "g" in fields else "",
            paused_until=_time(fields["p"]) if "p" in fields else None,
            marks=MappingProxyType(marks),
            kinds=_kinds_of(fields.get("k", ""), marks),
            episodes=MappingProxyType(_episodes(fields.get("e", ""))),
            unproven=frozenset(_gateway(each) for each in fields.get("u", "").split(",") if each),
            rounds=rounds,
            round_at=round_at,
            owner=fields["o"] if _OWNER.fullmatch(fields.get("o", "")) else "",
            former=_gateway(fields["f"]) if "f" in fields else "",
            woken=MappingProxyType(_marks(fields.get("c", ""))),
            found=fields["d"] if _OWNER.fullmatch(fields.get("d", "")) else "",
            place=int(fields["i"]) if _PLACE.fullmatch(fields.get("i", "")) else None,
            lane=fields.get("l") == "1",
        )
    except (ValueError, OverflowError, OSError):
        return _unreadable(description)


def _unreadable(description: str) -> Unreadable:
    """Keep a pause in any case: the person who asked for it may be at work on the gateways."""
    pause = _PAUSE.search(description)
    return Unreadable(description, Memory(paused_until=_time(pause[1])) if pause else NOTHING)


def rewritten(description: str, memory: Memory) -> str:
    """Write another memory into a description, and leave its sentence as it is."""
    sentence = _MACHINE.sub("", description).strip().removeprefix("natkeeper:").strip()
    return encode(memory, sentence.removesuffix("…") or "what natkeeper remembers")


def is_ours(description: str) -> bool:
    """Return True if natkeeper wrote this description."""
    return _BRAND.search(description) is not None


def _machine(memory: Memory) -> str:
    """Write a letter for everything that there is to remember; what 0.1 reads comes as 0.1 wrote it."""
    episodes = (
        f"{letter.upper() if told else letter}{_seconds(since)}"
        for letter, (since, told) in sorted(memory.episodes.items())
    )
    values = {
        "s": _seconds(memory.since),
        "b": memory.by,
        "h": memory.home,
        "g": memory.to,
        "o": memory.owner,
        "f": memory.former,
        "i": "" if memory.place is None else str(memory.place),
        "l": "1" if memory.lane else "",
        "p": _seconds(memory.paused_until),
        "x": ",".join(f"{hop}@{_seconds(at)}" for hop, at in sorted(memory.marks.items())),
        "k": "".join(str(memory.kind_of(hop).value) for hop in sorted(memory.marks)) if memory.kinds else "",
        "r": f"{memory.rounds}@{_seconds(memory.round_at)}" if memory.rounds and memory.round_at else "",
        "e": ",".join(episodes),
        "u": ",".join(sorted(memory.unproven)),
        "d": memory.found,
        "c": ",".join(f"{gateway}@{_seconds(at)}" for gateway, at in sorted(memory.woken.items())),
    }
    return "[" + " ".join(["nk1", *(f"{letter}={value}" for letter, value in values.items() if value)]) + "]"


def _seconds(moment: datetime | None) -> str:
    return "" if moment is None else str(int(moment.timestamp()))


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromtimestamp(int(text), timezone.utc)


def _by(text: str) -> str:
    if text not in ("", "auto", "person"):
        raise ValueError(text)
    return text


def _gateway(text: str) -> InstanceId:
    if not _GATEWAY.fullmatch(text):
        raise ValueError(text)
    return InstanceId(text)


def _hop(text: str) -> str:
    if not _HOP.fullmatch(text):
        raise ValueError(text)
    return text


def _episodes(text: str) -> dict[str, tuple[datetime, bool]]:
    """Read a letter and a time for each episode; a capital letter says that people were told."""
    return {each[0].lower(): (_time(each[1:]), each[0].isupper()) for each in text.split(",") if each}


def _kinds_of(text: str, marks: Mapping[str, datetime]) -> Mapping[str, EvidenceKind]:
    """Read the digits that stand for the kinds of `marks`, in the order of their ids; anything else says nothing."""
    if len(text) != len(marks) or not set(text) <= set("123"):
        return MappingProxyType({})
    return _kinds({hop: EvidenceKind(int(digit)) for hop, digit in zip(sorted(marks), text, strict=True)}, marks)


def _rounds(text: str) -> tuple[int, datetime | None]:
    """Read how many rounds failed, and when the last one did; anything else says nothing."""
    match = _ROUNDS.fullmatch(text)
    return (int(match[1]), _time(match[2])) if match else (0, None)


def _marks(text: str) -> dict[str, datetime]:
    marks = [mark.partition("@") for mark in text.split(",") if mark]
    return {_hop(hop): _time(seconds) for hop, _, seconds in marks}
