"""What does one run of the lab own on this machine, and how does all of it go away?

Everything has the run's prefix: namespaces, control groups, container names, and a directory under /run/natlab
that says which process is the owner. `clean` takes a run apart for every caller: its owner at the end, the
guardian that stays when the owner is killed, or the next run that finds leftovers.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from natlab.real import cgroups, processes
from natlab.real.commands import CommandFailed, run
from natlab.real.namespaces import Namespace

HOME = Path("/run/natlab")
_NETNS = Path("/run/netns")
_PROPAGATE = Path("/run/systemd/nspawn/propagate")
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class RunDirectory:
    """One run: its directory, whose name is the prefix."""

    path: Path

    @classmethod
    def create(cls) -> RunDirectory:
        """A new run of this process."""
        HOME.mkdir(mode=0o700, exist_ok=True)
        while True:
            path = HOME / f"nl{secrets.token_hex(2)}"
            draft = HOME / f".{path.name}.{os.getpid()}"
            draft.mkdir()
            owner = {"pid": os.getpid(), "started": processes.started(os.getpid()), "boot": _boot()}
            (draft / "owner.json").write_text(json.dumps(owner))
            try:
                draft.rename(path)  # onto an empty directory only, and no run's directory is empty
            except OSError:
                shutil.rmtree(draft)
                continue
            break
        made = cls(path)
        made.disks.mkdir()
        # In memory: an overlay's upper layer needs a filesystem that is not an overlay itself.
        run(["mount", "-t", "tmpfs", "-o", "mode=700", "natlab", str(made.disks)])
        return made

    @property
    def prefix(self) -> str:
        """What every name of this run begins with."""
        return f"{self.path.name}-"

    @property
    def disks(self) -> Path:
        """Where the machines' own files are."""
        return self.path / "disks"

    @property
    def abandoned(self) -> bool:
        """Return True if the owner is gone."""
        try:
            owner = json.loads((self.path / "owner.json").read_text())
            alive = processes.started(int(owner["pid"])) == owner["started"] != ""
            return not (alive and owner["boot"] == _boot())
        except (OSError, ValueError, KeyError, TypeError):
            return True

    def namespaces(self) -> list[Namespace]:
        """The network namespaces of this run."""
        return [Namespace(path.name) for path in sorted(_NETNS.glob(f"{self.prefix}*"))]

    def clean_namespaces(self, keep: str = "") -> None:
        """End what runs in the run's namespaces, and remove these, all but one."""
        namespaces = [namespace for namespace in self.namespaces() if namespace.name != keep]
        _end(lambda: _inside(namespaces))
        for namespace in namespaces:
            namespace.delete()

    def clean(self) -> None:
        """End every process of the run and remove all it made. May be called by several at once, and again."""
        _end(lambda: cgroups.members(self.prefix))
        self.clean_namespaces()
        cgroups.remove(self.prefix)
        for place in _PROPAGATE.glob(f"{self.prefix}*"):
            with contextlib.suppress(OSError):
                place.rmdir()
        with contextlib.suppress(CommandFailed):
            run(["umount", "--lazy", str(self.disks)])
        shutil.rmtree(self.path, ignore_errors=True)


def clean_leftovers() -> list[str]:
    """Take apart every run whose owner is gone, and return their prefixes."""
    cleaned = []
    for path in sorted(HOME.glob("nl*")):
        left = RunDirectory(path)
        if left.abandoned:
            left.clean()
            cleaned.append(left.prefix)
    return cleaned


def _inside(namespaces: list[Namespace]) -> list[int]:
    networks = {_network(namespace) for namespace in namespaces} - {""}
    return [pid for pid in processes.every() if processes.namespace_of(pid, "net") in networks]


def _end(members: Callable[[], list[int]]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while (pids := set(members()) - {os.getpid()}) and time.monotonic() < deadline:
        processes.send(pids, signal.SIGKILL)
        time.sleep(0.02)


def _network(namespace: Namespace) -> str:
    """The namespace as /proc/PID/ns/net calls it."""
    try:
        return f"net:[{namespace.path.stat().st_ino}]"
    except OSError:
        return ""


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
