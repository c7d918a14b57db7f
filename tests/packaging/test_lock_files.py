"""The lock files: complete, hashed, and naming no place on the network or on a machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.txt"))


def entries(lock: Path) -> list[str]:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(lock: Path) -> set[str]:
    return {entry.split(";")[0].split()[0] for entry in entries(lock)}


def wanted(name: str) -> set[str]:
    lines = (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines()
    found = set()
    for line in lines:
        if line.startswith("-r "):
            found |= wanted(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            found.add(re.sub(r"\[.*\]", "", line).lower().replace("_", "-"))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_entry_is_pinned_and_hashed(lock: Path) -> None:
    """pip --require-hashes can use the file as it is."""
    assert entries(lock)
    for entry in entries(lock):
        assert re.match(r"[a-z0-9._-]+==\S+ ", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_index_url_or_path_is_named(lock: Path) -> None:
    """Any package index will do, so none is written down."""
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|index-url|find-links|@ |^\s*/", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_covers_its_list(lock: Path) -> None:
    """What was added to a .in file has been locked."""
    names = {pin.split("==")[0] for pin in pins(lock)}
    assert wanted(lock.with_suffix(".in").name) <= names


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_what_is_shipped_is_what_was_tested(lock: Path) -> None:
    """Every bundle takes its versions from the environment in which the tests run."""
    assert pins(lock) <= pins(REQUIREMENTS / "dev.txt")
