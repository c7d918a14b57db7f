"""What a person reads and what a machine gets: tables and sentences, or one JSON object."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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


@dataclass
class Screen:
    """Standard output and standard error. With `as_json`, standard output gets one JSON object and nothing else."""

    as_json: bool = False

    @cached_property
    def console(self) -> Console:
        """Standard output."""
        from rich.console import Console

        return Console(highlight=False, emoji=False, soft_wrap=not sys.stdout.isatty())

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
            self.console.print(sentence, style=style or None, markup=False)

    def show(self, what: RenderableType) -> None:
        """Print a table or the like for a person."""
        if not self.as_json:
            self.console.print(what, soft_wrap=not self.console.is_terminal)

    def remark(self, sentence: str) -> None:
        """Print a sentence about what is going on; it is on standard error, and never in the way of a machine."""
        if not self.as_json:
            self.aside.print(sentence, style="dim", markup=False)

    def progress(self, sentence: str) -> None:
        """Remark, even to a terminal that was closed: that must not end the putting back."""
        with suppress(OSError):
            self.remark(sentence)

    def trouble(self, what: str, do: str, code: int) -> None:
        """Print how a command failed."""
        if self.as_json:
            self.data({"ok": False, "error": what, "do": do, "exit": code})
            return
        self.aside.print(f"natkeeper: {what}", markup=False)
        if do:
            self.aside.print(f"           {do}", markup=False)

    @contextmanager
    def working(self, on: str) -> Iterator[None]:
        """Show that something takes its time, where a person is looking."""
        if self.as_json or not sys.stderr.isatty():
            yield
            return
        with self.aside.status(on):
            yield


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
        return Text.from_markup(" " * indent + "  ".join([*known, *map(escape, about)]), style=style)
    text = Text(style=style)
    for part in _broken([Text.from_markup(fact) for fact in known], console.width, indent):
        text.append_text(part)
    for sentence in about:
        margin = " " * (indent + 4)
        lines = textwrap.wrap(
            sentence, max(console.width - 1, 20), initial_indent=margin, subsequent_indent=margin,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        text.append("\n" + "\n".join(lines))
    return text


def _broken(facts: Sequence[Text], width: int, indent: int) -> Iterator[Text]:
    """Put facts beside each other as far as they fit, each whole unless it is wider than the terminal itself."""
    from rich.text import Text

    at = indent
    yield Text(" " * indent)
    for number, fact in enumerate(facts):
        gap = 2 if number else 0
        words = fact.plain
        if number and at + gap + len(words) >= width:
            yield Text("\n" + " " * (indent + 4))
            at, gap = indent + 4, 0
        if at + gap + len(words) >= width:  # a sentence: between its words
            lines = textwrap.wrap(words, max(width - indent - 1, 20), break_long_words=False, break_on_hyphens=False)
            yield Text(("\n" + " " * (indent + 2)).join(lines))
            at = width
            continue
        yield Text(" " * gap)
        yield fact
        at += gap + len(words)
