"""Zip archives that depend on nothing but their content: sorted names, one timestamp, one mode."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip entry can carry."""
_MODE = 0o100644 << 16
_UNIX = 3


def files_below(directory: Path) -> list[Path]:
    """Return every file below `directory`, relative to it, in the order of the names."""
    outside = len(os.path.join(directory, ""))  # noqa: PTH118  texts: a Path for each step takes ten times as long
    found = (f"{folder}{os.sep}{name}"[outside:] for folder, _, names in os.walk(directory) for name in names)
    return list(map(Path, sorted(found)))


def digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """Return one SHA-256 for named contents, in the order given."""
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{len(name)} {len(content)} {name}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def write(
    archive: Path, directory: Path, *, on_top_of: Path | None = None, more: Mapping[str, bytes] = MappingProxyType({})
) -> None:
    """Write the files below `directory`, and `more`, into `archive`, after the entries of the archive `on_top_of`.

    A name that the lower archive has already is an error: the bundle would hold two files of one name.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    if on_top_of is None:
        archive.unlink(missing_ok=True)
    else:
        shutil.copyfile(on_top_of, archive)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as zipped:
        present = set(zipped.namelist())
        below = [(path.as_posix(), (directory / path).read_bytes()) for path in files_below(directory)]
        for name, content in (*below, *more.items()):
            if name in present:
                raise FileExistsError(f"{name} is in the dependencies already")
            present.add(name)
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            zipped.writestr(entry, content)
