"""Something takes minutes: a bar with the time on a terminal, and a line now and then where there is none."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

EVERY_S = 15.0


class Waiting:
    """Shows that `what` goes on, `total` parts of it; use it within `with`."""

    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console, self._what, self._began = console, what, time.monotonic()
        self._doing = ""
        self._over = threading.Event()
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task(what, total=total)
        self._thread = threading.Thread(target=self._lines, name="waiting", daemon=True)

    def __enter__(self) -> Waiting:  # noqa: PYI034  Python 3.10 has no Self, and nobody inherits
        if self._console.is_terminal:
            self._bar.start()
        else:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._console.is_terminal:
            self._bar.stop()

    def say(self, what: str) -> None:
        """Say what is being done now."""
        self._doing = what
        self._bar.update(self._task, description=f"set-up: {what}"[: max(20, self._console.width - 45)])
        if not self._console.is_terminal:
            self._console.print(f"set-up: {what}", highlight=False, soft_wrap=True)

    def advance(self) -> None:
        """One part is done."""
        self._bar.advance(self._task)

    def _lines(self) -> None:
        while not self._over.wait(EVERY_S):
            took = time.monotonic() - self._began
            doing = ": ".join(filter(None, (self._what, self._doing)))
            self._console.print(f"{doing}, {took:.0f} s so far", highlight=False, soft_wrap=True)
