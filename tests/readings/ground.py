"""Machines whose scripts run at once, and once: what a script made of a machine is remembered and made again.

The setup is the real script in a real shell, which takes seconds. A thousand deployments run it on few different
machines: where a machine's files and the script are the same but for times, so is what comes of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.kernel.clock import VirtualClock
from natlab.scenarios.testbed import CountingDataPlane, SimulatedGround
from natlab.simulated.guest import Guest

Tree = dict[str, bytes]
_TIME: Final = re.compile(rb"\b1[789]\d{8}\b")
"""Seconds since the epoch, in a script, a file or a report."""
_REMEMBERED: Final[dict[str, tuple[Tree, CommandResult]]] = {}
"""By machine and script; for all plays of this process."""
_LEFT_OUT: Final = ("bin", "state.lock")


class RememberingGround(SimulatedGround):
    """`machines` are those of a simulated ground."""

    def __init__(self, clock: VirtualClock) -> None:
        self.machines = _Remembering(clock)
        super().__init__(self.machines)


class _Remembering(CountingDataPlane):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        guest = self.guests.get(instance_id)
        if guest is not None and guest.alive:
            self._tell(instance_id)
            result = self._result(guest, script, timeout_s)
            if result is not None:
                done(result)

    def _result(self, guest: Guest, script: bytes, timeout_s: float) -> CommandResult | None:
        key = _key(guest, script)
        if key in _REMEMBERED:
            tree, result = _REMEMBERED[key]
            _write(guest.directory, tree)
        else:
            found = guest.run(script, timeout_s)
            if found is None:
                return None
            result = found
            _REMEMBERED[key] = _read(guest.directory), result
        now = b"%d" % self._clock.now()
        return CommandResult(result.exit_code, _TIME.sub(now, result.output), result.error)


def _key(guest: Guest, script: bytes) -> str:
    digest = hashlib.sha256(_TIME.sub(b"T", script))
    for name, content in sorted(_read(guest.directory).items()):
        digest.update(name.encode() + b"\0" + _TIME.sub(b"T", content) + b"\0")
    return digest.hexdigest()


def _read(directory: Path) -> Tree:
    found: Tree = {}
    root = str(directory)
    for folder, folders, names in os.walk(root):  # thrice as fast as pathlib, and each script is asked for three times
        if folder == root:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            names = [name for name in names if name not in _LEFT_OUT]  # noqa: PLW2901
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                found[f"{folder}/{name}"[len(root) + 1 :]] = path.read_bytes()
    return found


def _write(directory: Path, tree: Tree) -> None:
    there = _read(directory)
    for name in there.keys() - tree.keys():
        (directory / name).unlink()
    for name, content in tree.items():
        if there.get(name) != content:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
