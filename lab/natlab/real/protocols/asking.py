"""Ask the same question again and again, and note how long each answer took: the programs' side, and that of the lab.

A program prints a JSON line for each question that has ended. A line on its input is the name of a habit that may begin
now; the end of its input ends it. All times are this machine's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

from natlab.real.commands import CommandFailed
from natlab.real.namespaces import Namespace

_READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class Habit:
    """How a program asks: how often, how long it waits for an answer, and whether it does so before it is told to."""

    every_s: float = 0.1
    patience_s: float = 5.0
    at_once: bool = True


@dataclass(frozen=True)
class Question:
    """A question that has ended: answered, or not, with the reason."""

    habit: str
    asked: float
    ended: float
    error: str


def tell(**what: Any) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def ask(habits: dict[str, tuple[Habit, Callable[[], Awaitable[object]]]]) -> None:
    """Keep asking until the end of input; questions that are open then are not told. Says when everything is ready."""
    begun = {name: asyncio.Event() for name in habits}
    asking = [asyncio.create_task(_keep(name, begun[name], *each)) for name, each in habits.items()]
    for name, (habit, _) in habits.items():
        if habit.at_once:
            begun[name].set()
    tell(ready=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        begun[line].set()
    for each in asking:
        each.cancel()


async def _keep(name: str, begun: asyncio.Event, habit: Habit, question: Callable[[], Awaitable[object]]) -> None:
    await begun.wait()
    pending: set[asyncio.Task[None]] = set()
    while True:
        task = asyncio.create_task(_once(name, habit, question))
        pending.add(task)
        task.add_done_callback(pending.discard)
        await asyncio.sleep(habit.every_s)


async def _once(name: str, habit: Habit, question: Callable[[], Awaitable[object]]) -> None:
    asked, error = time.time(), ""
    try:
        await asyncio.wait_for(question(), habit.patience_s)
    except (OSError, asyncio.TimeoutError) as failed:
        error = type(failed).__name__
    tell(habit=name, asked=asked, ended=time.time(), error=error)


@dataclass
class Asking:
    """A program at work inside a namespace, and what it told so far."""

    process: subprocess.Popen[bytes]
    questions: list[Question] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    """Lines that are about something else."""
    works: bool = False
    """Whether it came to its first question."""
    _ready: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def start(cls, host: Namespace, module: str, order: object, before: Sequence[str] = ()) -> Self:
        """Start a module of this folder, `before` in front of its command. Raises CommandFailed."""
        program = [sys.executable, "-I", "-m", f"{__package__}.{module}", json.dumps(order)]
        made = cls(host.start([*before, *program]))
        threading.Thread(target=made._read, name=f"{module} in {host.name}", daemon=True).start()
        if not made._ready.wait(_READY_WITHIN_S) or not made.works:
            made.__exit__()
            raise CommandFailed(f"{module} in {host.name} did not start")
        return made

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101  namespace.start makes pipes
        with self.process.stdout as lines:
            for line in lines:
                match json.loads(line):
                    case {"ready": works}:
                        self.works = works
                        self._ready.set()
                    case {"habit": _} as told:
                        self.questions.append(Question(**told))
                    case told:
                        self.told.append(told)
        self._ready.set()  # if it ended before it was ready, nobody needs to wait any longer

    def begin(self, habit: str) -> None:
        """Let it begin with a habit."""
        assert self.process.stdin is not None  # noqa: S101  namespace.start makes pipes
        self.process.stdin.write(habit.encode() + b"\n")
        self.process.stdin.flush()

    def answered(self, habit: str, since: float = 0.0) -> bool:
        """Return True if a question that was asked since then has its answer."""
        return any(not each.error and each.asked >= since for each in self.of(habit))

    def of(self, habit: str) -> list[Question]:
        return [each for each in list(self.questions) if each.habit == habit]

    def silence_s(self, habit: str) -> float:
        """The longest time between two answers."""
        times = sorted(each.ended for each in self.of(habit) if not each.error)
        return max((after - before for before, after in itertools.pairwise(times)), default=0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let it end by itself; what it started ends with it."""
        assert self.process.stdin is not None  # noqa: S101  namespace.start makes pipes
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
