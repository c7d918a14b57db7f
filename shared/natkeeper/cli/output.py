"""What a person reads and what a machine gets: tables and sentences, or one JSON object."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

STYLE = {
    "healthy": "green",
    "available": "green",
    "draining": "yellow",
    "unhealthy": "red",
    "unknown": "magenta",
    "missing": "red",
    "quiet": "green",
    "changed": "cyan",
    "waiting": "yellow",
    "attention": "red",
    "refused": "red",
    "ok": "green",
    "advice": "yellow",
    "wrong": "red",
    "unseen": "magenta",
}
"""The colour of a word, where the terminal has colours; the word alone says it, too."""

_ENDLESS = 10_000
"""Columns of a pipe: a table is as wide as what stands in it."""
_ARGUMENT = re.compile(r"(--[\w-]+[ =]|natkeeper [a-z]+ )$")
"""What stands before an id that is to be typed."""


@dataclass
class Screen:
    """Standard output and standard error. With `as_json`, standard output gets one JSON object and nothing else."""

    as_json: bool = False
    names: dict[str, str] = field(default_factory=dict)
    """What gateways are called, by id. A sentence for a person has both: nobody knows ids by heart."""

    def learn(self, answer: Mapping[str, Any]) -> None:
        """Keep the names that the receipts of an answer tell."""
        for receipt in answer.get("receipts", ()):
            self.names |= names_in(receipt.get("view") or {})

    def named(self, sentence: str) -> str:
        """Put names beside ids."""
        return with_names(sentence, self.names)

    @cached_property
    def console(self) -> Console:
        """Standard output."""
        from rich.console import Console

        piped = not sys.stdout.isatty()
        return Console(highlight=False, emoji=False, soft_wrap=piped, width=_ENDLESS if piped else None)

    @cached_property
    def aside(self) -> Console:
        """Standard error: progress and troubles."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, emoji=False, soft_wrap=not sys.stderr.isatty())

    def data(self, answer: Any) -> None:  # noqa: ANN401  whatever JSON can say
        """Print one JSON object."""
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=1) + "\n")
        sys.stdout.flush()

    def say(self, sentence: str, style: str = "") -> None:
        """Print a sentence for a person; with `as_json` there is none."""
        if not self.as_json:
            self.console.print(_indented(self.console, self.named(sentence)), style=style or None, markup=False)

    def show(self, what: RenderableType) -> None:
        """Print a table or the like for a person."""
        if not self.as_json:
            self.console.print(what, soft_wrap=not self.console.is_terminal)

    def remark(self, sentence: str) -> None:
        """Print a sentence about what is going on; it is on standard error, and never in the way of a machine."""
        if not self.as_json:
            self.aside.print(_indented(self.aside, self.named(sentence)), style="dim", markup=False)

    def progress(self, sentence: str) -> None:
        """Remark, even to a terminal that was closed: that must not end the putting back."""
        with suppress(OSError):
            self.remark(sentence)

    def trouble(self, what: str, do: str, code: int) -> None:
        """Print how a command failed."""
        if self.as_json:
            self.data({"ok": False, "error": what, "do": do, "exit": code})
            return
        for lead, sentence in (("natkeeper: ", what), (" " * 11, do)):
            if sentence:
                self.aside.print(_hanging(self.aside, lead, self.named(sentence)), markup=False)

    @contextmanager
    def working(self, on: str) -> Iterator[None]:
        """Show that something takes its time, where a person is looking."""
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        spinner = "dots" if self.aside.encoding.startswith("utf") else "line"
        with self.aside.status(on, spinner=spinner):
            yield


def _hanging(console: Console, lead: str, sentence: str) -> str:
    """Put `lead` before a sentence; on a terminal what does not fit goes on below the sentence and not below `lead`."""
    if not console.is_terminal:
        return lead + sentence
    lines = [line for part in sentence.split("\n") for line in _wrapped(part, console.width - 1 - len(lead))]
    return lead + ("\n" + " " * len(lead)).join(lines)


def _indented(console: Console, sentence: str) -> str:
    """Let an indented sentence go on below itself on a terminal, two cells further in."""
    indent = len(sentence) - len(sentence.lstrip(" "))
    if not indent or not console.is_terminal:
        return sentence
    lines = _wrapped(sentence[indent:], console.width - 1 - indent - 2)
    return " " * indent + ("\n" + " " * (indent + 2)).join(lines)


def names_in(view: Mapping[str, Any]) -> dict[str, str]:
    """Return what the gateways of a receipt's view are called, by id."""
    told = {str(each.get("id")): str(each.get("name") or "") for each in view.get("gateways", ())}
    return {ident: name for ident, name in told.items() if name and name != ident}


def with_names(sentence: str, names: Mapping[str, str]) -> str:
    """Write `name (id)` for every id in a sentence: not where the name stands already, and not in a command to type."""

    def named(found: re.Match[str]) -> str:
        before = sentence[: found.start()]
        typed = _ARGUMENT.search(before) is not None or before.count("`") % 2 == 1
        return found[0] if typed else f"{names[found[0]]} ({found[0]})"

    ids = "|".join(map(re.escape, names))
    alone = rf"(?<![\w(-])(?:{ids})(?![\w-])|(?<=\()(?:{ids})(?![\w)-])"  # not `name (id)`, but `(id, id)`
    return re.sub(alone, named, sentence) if ids else sentence


def styled(word: str) -> str:
    """Give a known word its colour, as rich's markup."""
    from rich.markup import escape

    colour = STYLE.get(word)
    return f"[{colour}]{escape(word)}[/]" if colour else escape(word)


def item(console: Console, indent: int, facts: Sequence[str], about: Sequence[str] = (), *, style: str = "") -> Text:
    """Lay out an item: `facts` (markup of styled() allowed) in a line, and `about` below it.

    On a terminal lines are broken between words and never within one; elsewhere an item is one line, however long.
    """
    from rich.markup import escape
    from rich.text import Text

    known = [fact if fact.startswith("[") else escape(fact) for fact in facts]
    if not console.is_terminal:
        return Text.from_markup(" " * indent + "  ".join([*known, *map(escape, about)]), style=style, emoji=False)
    text = Text(style=style)
    for part in _broken([Text.from_markup(fact, emoji=False) for fact in known], console.width, indent):
        text.append_text(part)
    for sentence in about:
        margin = " " * (indent + 4)
        text.append("".join(f"\n{margin}{line}" for line in _wrapped(sentence, console.width - 1 - len(margin))))
    return text


def _wrapped(sentence: str, width: int) -> Iterator[str]:
    """Break a sentence between words, each whole. Widths are cells of the terminal: a Chinese character takes two."""
    from rich.cells import cell_len

    line = ""
    for word in sentence.split(" "):
        if line and cell_len(line) + 1 + cell_len(word) > max(width, 16):
            yield line.rstrip()
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _broken(facts: Sequence[Text], width: int, indent: int) -> Iterator[Text]:
    """Put facts beside each other as far as they fit, each whole unless it is wider than the terminal itself."""
    from rich.cells import cell_len
    from rich.text import Text

    at = indent
    yield Text(" " * indent)
    for number, fact in enumerate(facts):
        gap = 2 if number else 0
        words = fact.plain
        if number and at + gap + cell_len(words) >= width:
            yield Text("\n" + " " * (indent + 4))
            at, gap = indent + 4, 0
        if at + gap + cell_len(words) >= width:  # a sentence: between its words
            yield Text(("\n" + " " * (indent + 2)).join(_wrapped(words, width - indent - 3)))
            at = width
            continue
        yield Text(" " * gap)
        yield fact
        at += gap + cell_len(words)
