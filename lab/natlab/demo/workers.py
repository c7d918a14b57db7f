"""Several scenarios at a time, each in a process of its own, and none of them left when this ends.

Whatever a scenario writes to disk is under one temporary directory that goes away at the end; a directory whose
demo was killed is removed by the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from natlab.scenarios.readings import Platform

_PREFIX: Final = "natlab-demo-"
_END_WITHIN_S: Final = 8.0
_LOOK_AGAIN_S: Final = 1.0
Message = dict[str, Any]
"""What `python -m natlab.scenarios` writes; at last {"result": …} or {"failed": sentence}."""


@dataclass(slots=True)
class Workers:
    """Plays scenarios; use it within `with`."""

    pace: float = 1.0
    patience: Callable[[], float] = lambda: 1.0
    """How much longer than on an idle machine a scenario that begins now has to wait for what ought to happen."""
    crowded: Callable[[], bool] = lambda: False
    """Whether the machine has no room for another scenario now; one is played in any case."""
    platform: Platform = field(default_factory=Platform)
    _directory: Path = field(init=False)
    _playing: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    _heard: queue.SimpleQueue[tuple[str, Message]] = field(default_factory=queue.SimpleQueue)

    def __enter__(self) -> Workers:  # noqa: PYI034  Python 3.10 has no Self, and nobody inherits
        _remove_leftovers()
        self._directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._playing.values():
            process.terminate()
        for process in self._playing.values():
            try:
                process.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        remove(self._directory)

    def play(
        self, names: Sequence[str], jobs: Callable[[int], int], *, timeline: bool = False
    ) -> Iterator[tuple[str, Message]]:
        """Play scenarios in this order; yields what each one says, as it comes.

        `jobs` is asked before each beginning how many may be under way, and given how many are.
        """
        waiting, under_way = list(names), 0
        while waiting or under_way:
            while waiting and under_way < jobs(under_way) and not (under_way and self.crowded()):
                self._begin(waiting.pop(0), timeline=timeline)
                under_way += 1
            try:
                name, message = self._heard.get(timeout=_LOOK_AGAIN_S)
            except queue.Empty:
                continue  # there may be room for another one now
            under_way -= "result" in message or "failed" in message
            yield name, message

    def _begin(self, name: str, *, timeline: bool) -> None:
        home = self._directory / name
        home.mkdir()
        command = [sys.executable, "-m", "natlab.scenarios", name, f"--pace={self.pace}"]
        command += [f"--patience={self.patience()}"]
        command += [f"--unpacked={self._directory}", *(["--timeline"] * timeline)]
        command += self.platform.arguments()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(home / "stderr").open("w"),
            env=os.environ | {"TMPDIR": str(home)},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for us; we end them
        )
        self._playing[name] = process
        threading.Thread(target=self._listen, args=(name, process, home), name=f"of {name}", daemon=True).start()

    def _listen(self, name: str, process: subprocess.Popen[str], home: Path) -> None:
        ended = False
        assert process.stdout is not None  # noqa: S101  it is a pipe
        for line in process.stdout:
            message = json.loads(line)
            ended = ended or "result" in message or "failed" in message
            self._heard.put((name, message))
        status = process.wait()
        if not ended:
            last = (home / "stderr").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            self._heard.put(
                (name, {"failed": f"it ended with status {status}" + "".join(f": {each}" for each in last)})
            )


def _remove_leftovers() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            remove(directory)


def remove(directory: Path) -> None:
    """Remove a tree that may have read-only directories in it: unpacked code has."""
    for folder, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o755)
    shutil.rmtree(directory, ignore_errors=True)
