"""Which lines a test runs, in any process, and how long it takes: learnt from one run of all without any fault."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutation.texts import TextMutation
from tests.mutation.warm import Warm

LONGEST_S = 900.0
"""What the tests of one folder are expected to take at most, before they have run once."""
SHARED = "*"
"""In place of a test: what is run with an import, and so by all tests of the folder."""


@dataclass(slots=True)
class Footprints:
    """What tests do when there is no fault.

    `seconds` of each test, by folder (or what else was run at once) and name; those that fail by themselves are not
    there. `lines` says of a file and line who runs it: a test, the fixtures of a file of tests, or an import (`*`).
    """

    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    lines: dict[str, dict[str, dict[int, set[str]]]] = field(default_factory=dict)

    def add(self, said: Mapping[str, Any]) -> None:
        """Take what was learnt of one folder."""
        self.seconds[said["folder"]] = said["seconds"]
        self.lines[said["folder"]] = {
            path: {int(line): {said["names"][number] for number in names} for line, names in lines.items()}
            for path, lines in said["lines"].items()
        }

    def update(self, other: Footprints) -> None:
        """Take over what is not known yet."""
        for folder in other.seconds.keys() - self.seconds.keys():
            self.seconds[folder], self.lines[folder] = other.seconds[folder], other.lines[folder]

    def tests_of(self, fault: TextMutation, folders: Iterable[str]) -> dict[str, bool]:
        """List the tests that run a fault's line; True where a test does so itself. All where none is known to."""
        found: dict[str, bool] = {}
        for folder in folders:
            lines = self.lines[folder].get(str(fault.path), {})
            names = set[str]().union(*(lines.get(line, set()) for line in fault.lines or ()))
            for test in self.seconds[folder]:
                if test in names or test.partition("::")[0] in names or SHARED in names:
                    found[test] = test in names
        return found or {test: False for folder in folders for test in self.seconds[folder]}


def learn(warm: Warm, folder: str) -> dict[str, Any]:
    """Run a folder of tests, and return what each did; `failed` are those that fail or are skipped by themselves."""
    site = next((warm.tree / ".venv" / "lib").glob("python*/site-packages"))
    to = site / "natkeeper_reached.to"
    with tempfile.TemporaryDirectory() as scratch:
        reach = Path(scratch, "lines")
        warm.start()  # before it would be watched itself
        to.write_text(str(reach), encoding="utf-8")
        try:
            warm.run([folder], LONGEST_S, reach=reach)
        finally:
            to.unlink()
        return {"folder": folder, **_read(reach.read_text(encoding="utf-8").splitlines())}


def _read(written: Iterable[str]) -> dict[str, Any]:
    names, seconds, failed = {SHARED: 0}, dict[str, float](), set[str]()
    lines: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    now = 0
    for line in written:
        kind, rest = line[0], line[1:]
        if kind == "@":
            now = names.setdefault(rest, len(names))
        elif kind == "=":
            took, _, test = rest.partition(" ")
            seconds[test] = float(took)
        elif kind == "-":
            failed.add(rest)
        else:
            path, _, number = line.lstrip("!").rpartition(":")
            lines[path][int(number)].add(0 if kind == "!" else now)
    return {
        "seconds": {test: took for test, took in seconds.items() if test not in failed},
        "failed": sorted(failed),
        "names": [*names],
        "lines": {p: {n: sorted(who) for n, who in each.items()} for p, each in lines.items()},
    }


def read_all(record: Path, key: str) -> Footprints:
    """Read what was learnt of the same tree (`key`); make the record new where it is of another."""
    known = Footprints()
    head, *rest = record.read_text(encoding="utf-8").splitlines() if record.is_file() else [""]
    if head == key:
        for line in rest:
            known.add(json.loads(line))
    else:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(key + "\n", encoding="utf-8")
    return known


def keep(record: Path, learnt: Mapping[str, Any]) -> None:
    """Add to the record."""
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(learnt) + "\n")
