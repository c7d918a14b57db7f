"""Where do the processes of a container live?  In a control group of its own.

systemd inside a container believes that the group is all its own and ends services by emptying groups, so two
containers must never share one. What a run made is found by its prefix.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """The hierarchies that systemd cares about: one since version 2, two before."""
    old = [path for name in ("systemd", "unified") if (path := _ROOT / name).joinpath("cgroup.procs").exists()]
    return old or [_ROOT]


def joining(name: str) -> str:
    """Shell commands with which a shell moves into a group."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    return "".join(f"mkdir -p '{group}'\necho $$ >'{group}/cgroup.procs'\n" for group in groups)


def _of(prefix: str) -> list[Path]:
    return [group for hierarchy in hierarchies() for group in hierarchy.glob(f"{prefix}*") if group.is_dir()]


def members(prefix: str) -> list[int]:
    """The processes in all groups of a prefix."""
    found: list[int] = []
    for group in _of(prefix):
        for file in group.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found += [pid for line in file.read_text().split() if (pid := int(line))]
    return sorted(set(found))


def remove(prefix: str) -> None:
    """Remove all groups of a prefix; their processes must be gone."""
    for group in _of(prefix):
        inner_first = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
        for directory in [*inner_first, group]:
            with contextlib.suppress(OSError):
                directory.rmdir()
