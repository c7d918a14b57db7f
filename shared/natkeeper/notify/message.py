"""From a receipt, or an episode of one, to a message that says what to do.

A message is: what happened, since when, what private hosts feel, what natkeeper did, which standby is left, what to
do, the command to type, where to look. Each is taken from the fields of the receipt and not from its sentence, so it is
said in either language; the English sentence follows as the detail. A field that is missing or odd is left out: a
message from a newer natkeeper, or from a damaged receipt, still arrives.

An episode is an object in the receipt's list `episodes`: {"kind", "since", "ended", "about": [table, …], "cause",
"left", "todo"}; `kind` is one of dark, degraded, blind, unproven, full, brownout, probe. One with `ended` is over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from natkeeper.notify import wording
from natkeeper.notify.reading import cut, list_of, local, moment_of, words_of
from natkeeper.notify.seen_group import SeenGroup
from natkeeper.notify.wording import text

Json = Mapping[str, Any]

MOST_AT_LENGTH = 4
"""Of how many groups a message tells at length; trouble of a whole region must not become a hundred messages."""
RUNBOOKS = {"en": "docs/operations.md", "zh": "docs/zh/operations.md"}
"""The page in the repository: it is named where the configuration has no address of a copy, and is never a link."""
_ORDER = ("moved", "created", "bridged", "address", "recovered", "unready", "paused", "resumed", "started", "setup")
_CHANGES = ("moved", "created", "bridged", "paused", "resumed")
"""Acts that people hear of even while an episode lasts: it must not hide that the route moved."""
_URGENCY = ("critical", "warning", "resolved", "info", "test")
_PROBLEMS, _LONGEST_LINE, _LONGEST_STORY, _LONGEST_REST = 5, 400, 900, 2000
"""Problems; characters of a line, of one of several stories, of the names of the rest. Some places take little."""
_LATE = timedelta(minutes=1)
_TABLE = re.compile(r"\bvtb-[\w-]+")


@dataclass(frozen=True, slots=True)
class Style:
    """How to say it: `language` en or zh, `timezone` an IANA name, `runbook` the address of a copy of it, or empty."""

    language: str = "en"
    timezone: str = "UTC"
    runbook: str = ""
    account: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class MessageContent:
    """One message's contents; `lines` are pairs of a label's key and words, in the order of reading."""

    severity: str
    headline: str
    lines: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def style_of(request: Json, *, account: str = "", region: str = "") -> Style:
    """Read how to say it from a hand-over; what is missing or unknown is said in English and in UTC."""
    given = request.get("style")
    wanted = given if isinstance(given, Mapping) else {}
    named = str(wanted.get("language") or "en")
    language = named if named in wording.LANGUAGES else "en"
    return Style(
        language,
        str(wanted.get("timezone") or "UTC"),
        str(wanted.get("runbook") or ""),
        account,
        region,
    )


def message(receipts: Sequence[Json], style: Style) -> tuple[str, str]:
    """Make title and text of one message about `receipts`."""
    stories = [story for receipt in receipts for story in stories_of(receipt, style)]
    if len(stories) == 1:
        return title(stories[0], style), body(stories[0], style)
    stories.sort(key=lambda story: _URGENCY.index(story.severity))
    needing = sum(story.severity in ("critical", "warning") for story in stories)
    key = "several" if needing else "several_changed"
    headline = text(wording.HEADLINES, key, style.language, count=len(stories), needing=needing)
    told = stories[:MOST_AT_LENGTH]
    parts = [f"{title(story, style)}\n{cut(body(story, style), _LONGEST_STORY)}" for story in told]
    rest = stories[MOST_AT_LENGTH:]
    if rest:
        names = cut("; ".join(story.headline for story in rest), _LONGEST_REST)
        parts.append(text(wording.WORDS, "rest", style.language, count=len(rest), names=names))
    return title(replace(stories[0], headline=headline), style), "\n\n".join(parts)


def test_message(style: Style) -> tuple[str, str]:
    """Make the message of `natkeeper notify --test`."""
    todo = text(wording.TODO, "test", style.language)
    runbook = _runbook(style, "attention") if style.runbook else text(wording.WORDS, "no_runbook", style.language)
    lines = (("todo", todo), *_where(style, ""), ("runbook", runbook))
    story = MessageContent("test", text(wording.HEADLINES, "test", style.language), lines)
    return title(story, style), body(story, style)


def severity_of(heading: str) -> str:
    """Return the severity that a title says: a key of wording.SEVERITY."""
    return next((key for key, words in wording.SEVERITY.items() if heading.startswith(words)), "info")


def title(story: MessageContent, style: Style) -> str:
    """Say severity and headline."""
    return f"{text(wording.SEVERITY, story.severity, style.language)} {story.headline}"


def body(story: MessageContent, style: Style) -> str:
    """Say the rest, a line for each thing."""
    colon = "：" if style.language == "zh" else ": "
    lines = (
        (text(wording.LABELS, key, style.language), " ".join(words.split())) for key, words in story.lines if words
    )
    return "\n".join(f"{label}{colon}{cut(words, _LONGEST_LINE)}" for label, words in lines)


def stories_of(receipt: Json, style: Style) -> list[MessageContent]:
    """Tell a receipt: what the run did where it changed a route, with its episodes; else a story for each episode."""
    episodes = [each for each in list_of(receipt.get("episodes")) if isinstance(each, Mapping)]
    teller = _Teller(receipt, style)
    changed = any(act.get("kind") in _CHANGES for act in teller.acts)
    if episodes and not changed:
        return [teller.of_episode(episode) for episode in episodes]
    return [teller.of_run(episodes)]


class _Teller:
    """Tells one receipt in one style."""

    def __init__(self, receipt: Json, style: Style) -> None:
        self.receipt, self.style = receipt, style
        self.seen = SeenGroup(receipt, style.language, style.timezone, style.region)
        self.group, self.gateways, self.routes = self.seen.name, self.seen.gateways, self.seen.routes
        self.acts = [each for each in list_of(receipt.get("acts")) if isinstance(each, Mapping)]
        self._say, self._named = self.seen.say, self.seen.named

    # ---- which story -------------------------------------------------------------------------------------

    def of_run(self, episodes: Sequence[Json] = ()) -> MessageContent:
        """Tell what a run did or found, and which troubles last or have ended meanwhile."""
        kind = self._kind()
        severity = {"dark": "critical", "foreign": "warning", "blind": "warning", "unverified": "warning",
                    "attention": "warning", "unready": "warning", "fallback": "warning", "degraded": "warning",
                    "recovered": "resolved"}.get(kind, "info")  # fmt: skip
        act = self._main_act() or {}
        titled = "released" if kind == "address" and not act.get("to") else kind
        headline = self._say(wording.HEADLINES, titled, group=self.group, to=self._named(act.get("to")))
        todo, command = self.seen.todo(kind, str(act.get("came_from") or ""))
        lines = (
            ("what", self._named(act.get("why"))),
            ("since", self._time(self.receipt.get("at"))),
            ("felt", self._felt(kind, act)),
            ("did", self._did(kind)),
            ("left", self.seen.left()),
            ("todo", todo),
            ("command", command),
            *_where(self.style, self._place(str(act.get("what") or ""))),
            ("runbook", _runbook(self.style, kind)),
            *(("lasting", self._lasting(episode)) for episode in episodes),
            *(("problem", str(problem)) for problem in list_of(self.receipt.get("problems"))[:_PROBLEMS]),
            ("detail", self._detail()),
            ("reference", str(self.receipt.get("run") or "")),
        )
        return MessageContent(severity, headline, lines)

    def of_episode(self, episode: Json) -> MessageContent:
        """Tell an episode: its beginning or course, or its end."""
        kind = _kind_of(episode)
        over = bool(episode.get("ended"))
        name = self._say(wording.KINDS, kind) if kind in wording.KINDS else kind
        severity = "resolved" if over else "critical" if kind == "dark" else "warning"
        spare = kind == "degraded" and bool(self.seen.fit)
        titled = "ended" if over else "unready" if spare else kind
        headline = self._say(wording.HEADLINES, titled, group=self.group, kind=name)
        felt = "nothing" if over or spare else kind if kind in wording.FELT else "unknown"
        refused = kind == "dark" and bool(episode.get("refused"))
        done = "refused" if refused else kind
        if kind == "degraded" and self.seen.held and not over:
            felt, done = felt if spare else "held", "held"
        todo, command = self.seen.todo("quiet" if over else done if refused else kind)
        english = self.style.language == "en"
        lines = (
            ("what", self._named(episode.get("cause"))),
            ("since", self._span(episode.get("since"), episode.get("ended"))),
            ("felt", self._say(wording.FELT, felt, hop="", came_from="")),
            ("did", "" if over else self._did(done)),
            ("left", self.seen.left() or (words_of(episode.get("left")) if english else "")),
            (
                "todo",
                self._named(words_of(episode.get("todo"))) if english and episode.get("todo") and not over else todo,
            ),
            ("command", command),
            *_where(self.style, words_of(episode.get("about")) or self._place("")),
            ("runbook", _runbook(self.style, kind)),
            ("detail", self._detail()),
            ("reference", str(self.receipt.get("run") or "")),
        )
        return MessageContent(severity, headline, lines)

    def _lasting(self, episode: Json) -> str:
        kind = _kind_of(episode)
        name = self._say(wording.KINDS, kind) if kind in wording.KINDS else kind
        return f"{name}, {self._span(episode.get('since'), episode.get('ended'))}: {self._named(episode.get('cause'))}"

    def _kind(self) -> str:
        """Say in a word what the receipt is about."""
        act = self._main_act()
        if self.receipt.get("outcome") == "attention":
            return self._trouble(act)
        if act is None:
            return "repaired" if self.receipt.get("repaired") else "changed"
        kind = str(act.get("kind"))
        if kind in ("moved", "bridged"):
            return "fallback" if self.seen.fallback and act.get("to") == self.seen.fallback else "moved"
        return kind if kind in wording.HEADLINES else "changed"

    def _trouble(self, act: Json | None) -> str:
        if any(route.get("state") == "unknown" for route in self.routes):
            return "blind"
        health = {str(each.get("id")): each for each in self.gateways}
        for route in self.routes:
            hop = str(route.get("next_hop") or "")
            if route.get("state") == "missing":
                return "dark"
            if hop and hop not in health and hop != self.seen.fallback:
                return "foreign"
            if health.get(hop, {}).get("health") == "unhealthy":
                return "dark"
        if self.receipt.get("verified") is False:
            return "dark"
        if any(health.get(str(route.get("next_hop")), {}).get("health") == "unknown" for route in self.routes):
            return "blind"
        if any(health.get(str(route.get("next_hop")), {}).get("health") == "draining" for route in self.routes):
            return "degraded"
        if act is not None and act.get("kind") in ("moved", "created", "bridged"):
            return "unverified"
        return "attention"

    # ---- what is said ------------------------------------------------------------------------------------

    def _felt(self, kind: str, act: Json) -> str:
        moved = kind in ("moved", "fallback", "created")
        known = {"unready": "degraded", "unverified": "moved_unverified", "attention": "unknown"}
        key = known.get(kind, kind if kind in ("dark", "foreign", "blind", "paused", "degraded") else "nothing")
        if key == "degraded" and self.seen.fit:
            key = "nothing"
        if moved:
            key = "moved_verified" if self.receipt.get("verified") is True else "moved_unverified"
            if key == "moved_verified" and self.seen.holder and self.seen.holder == act.get("to"):
                key = "moved_eip"
            elif key == "moved_verified" and self.seen.lives(act.get("came_from")):
                key = "moved_planned"
        elsewhere = [str(route.get("next_hop")) for route in self.routes if route.get("next_hop")]
        hop = self._named(next(iter(elsewhere), ""))
        came_from = self._named(act.get("came_from")) or "?"
        return self._say(wording.FELT, key, hop=hop, came_from=came_from)

    def _did(self, kind: str) -> str:
        said = []
        for act in self.acts:
            what = str(act.get("kind"))
            key = what if act.get("to") else {"address": "released", "lane": "lane_out"}.get(what, what)
            if key not in wording.DID:
                continue
            names = {name: self._named(act.get(name)) or "?" for name in ("what", "to", "came_from")}
            said.append(self._say(wording.DID, key, **names))
        said += [str(each) for each in list_of(self.receipt.get("repaired"))]
        if self.receipt.get("verified") is True and kind in ("moved", "fallback", "created"):
            ip = self.receipt.get("egress_ip")
            said.append(self._say(wording.DID, "looked_ip" if ip else "looked", ip=ip))
        otherwise = "cannot" if kind in wording.BEYOND else kind if kind in ("found", "refused", "held") else "nothing"
        return self.seen.join(dict.fromkeys(said)) or self._say(wording.DID, otherwise)

    # ---- small words -------------------------------------------------------------------------------------

    def _main_act(self) -> Json | None:
        ordered = [act for kind in _ORDER for act in self.acts if act.get("kind") == kind]
        return next(iter(ordered), None)

    def _detail(self) -> str:
        signal = self.receipt.get("signal")
        return f"{self.receipt.get('sentence', '')}{f' [{signal}]' if signal else ''}"

    def _place(self, what: str) -> str:
        """Name the route that an act was about, or the first that leads nowhere good, or the first: where to look."""
        if _TABLE.search(what):
            return what
        well = [self.seen.fallback, *(each.get("id") for each in self.gateways if each.get("health") == "healthy")]
        routes = sorted(self.routes, key=lambda route: bool(route.get("next_hop")) and route.get("next_hop") in well)
        named = (f"{r.get('destination') or ''} in {r['table']}".strip() for r in routes if r.get("table"))
        return next(named, "")

    def _time(self, moment: object) -> str:
        at = moment_of(moment)
        return "" if at is None else local(at, self.style.timezone)

    def _span(self, since: object, until: object) -> str:
        began, ended = moment_of(since), moment_of(until)
        if began is None:
            return ""
        said = self._time(since)
        if ended is not None:
            said += f" {self._say(wording.WORDS, 'until', time=self._time(until))}"
        now = ended or moment_of(self.receipt.get("at")) or began
        if now - began < _LATE:
            return said
        minutes = int((now - began).total_seconds() // 60)
        unit, number = ("minutes", f"{minutes}") if minutes < 120 else ("hours", f"{minutes / 60:.1f}")  # noqa: PLR2004
        length = self._say(wording.WORDS, unit, number=number)
        return f"{said} {self._say(wording.WORDS, 'for', length=length)}"


def _where(style: Style, place: str) -> Iterator[tuple[str, str]]:
    """Say account, region and place, and where the console shows the table that the place names first."""
    account = text(wording.WORDS, "account", style.language, account=style.account) if style.account else ""
    parts = [part for part in (account, style.region, place) if part]
    yield "where", wording.translated("，".join(parts)) if style.language == "zh" else ", ".join(parts)
    table = _TABLE.search(place)
    if style.region and table:
        yield "console", f"https://vpc.console.aliyun.com/vpc/{style.region}/route-tables/{table[0]}"


def _runbook(style: Style, word: str) -> str:
    """Link the word's row where the page has an address; else say which page has it, which is no path to open."""
    if style.runbook:
        return f"{style.runbook}#{word}"
    return text(wording.WORDS, "runbook", style.language, word=word, page=RUNBOOKS[style.language])


def _kind_of(episode: Json) -> str:
    """Return the kind of an episode as the tables name it; attention for one that they do not know."""
    kind = str(episode.get("kind") or "").replace("-", "").replace("_broken", "").replace(" broken", "")
    return kind if kind in wording.KINDS else "attention"
