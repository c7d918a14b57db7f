"""What a person reads and what a machine gets: tables and sentences, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

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
            self.console.print(what)

    def remark(self, sentence: str) -> None:
        """Print a sentence about what is going on; it is on standard error, and never in the way of a machine."""
        if not self.as_json:
            self.aside.print(sentence, style="dim", markup=False)

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
