"""A random sample of faults over areas of the repository: how many of them do the tests notice?

Each result is kept as it comes, so that a sample can be taken in pieces (`--resume`).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.mutation.areas import ROOT, Area
from tests.mutation.explained import EXPLAINED
from tests.mutation.planting import Tried, try_all
from tests.mutation.texts import TextMutation, faults_of

FOLDER = Path("build/mutation")
_DECIDING = "shared", "lab", "functions", "tests", "templates", "s.yaml", "pyproject.toml"
"""What a verdict depends on."""


def draw(areas: Sequence[Area], count: int, seed: int) -> list[tuple[Area, TextMutation]]:
    """Draw `count` faults, the same number from each area as far as it goes: area by area, there in random order."""
    each, left = divmod(count, len(areas))
    drawn = []
    for number, area in enumerate(areas):
        faults = [fault for path in area.paths() for fault in faults_of(path)]
        chance = random.Random(f"{seed} {area.name}")
        drawn += [(area, fault) for fault in chance.sample(faults, min(len(faults), each + (number < left)))]
    return drawn


def examine(
    areas: Sequence[Area], count: int, seed: int, workers: int, console: Console, *, resume: bool = False
) -> int:
    """Plant a sample of faults, and print and keep what was noticed; 1 when a fault survives unexplained."""
    drawn, key = draw(areas, count, seed), tree_name()
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = FOLDER / f"sample-{seed}.jsonl"
    head = json.dumps({"tree": key, "areas": sorted(area.name for area in areas), "count": count})
    results: dict[str, dict[str, object]] = {}
    if resume and record.is_file():
        first, *rest = record.read_text(encoding="utf-8").splitlines()
        if first != head:
            console.print(f"{record} is of another tree or another sample", style="red")
            return 2
        results = {said["fault"]: said for said in map(json.loads, rest)}
    else:
        record.write_text(head + "\n", encoding="utf-8")

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    def done(tried: Tried) -> None:
        said: dict[str, object] = {
            "fault": str(tried.fault), "area": tried.area, "by": tried.by, "seconds": round(tried.seconds, 1),
            "untried": tried.untried,
        }  # fmt: skip
        results[str(tried.fault)] = said
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
        ended = f"noticed by {tried.by}" if tried.by else f"SURVIVES ({tried.untried} tests untried)"
        say(f"{len(results)}/{len(drawn)} {tried.seconds:4.0f} s  {tried.area}: {tried.fault}: {ended}")

    left = [(area, fault) for area, fault in drawn if str(fault) not in results]
    if left:
        try_all(left, workers, done, say, (FOLDER / "footprints.jsonl", key))
    return report(areas, [*results.values()], f"seed {seed}, tree {key}", console)


def report(areas: Sequence[Area], results: Sequence[dict[str, object]], title: str, console: Console) -> int:
    """Print what was noticed in each area; 1 when a fault survives unexplained."""
    table = Table("area", *(Column(name, justify="right") for name in ("faults", "noticed", "explained", "score")))
    survivors = [said for said in results if said["by"] is None]
    for name, names in [*((area.name, {area.name}) for area in areas), ("all", {area.name for area in areas})]:
        ours = [said for said in results if said["area"] in names]
        explained = sum(said["by"] is None and is_explained(str(said["fault"])) for said in ours)
        noticed = sum(said["by"] is not None for said in ours)
        table.add_row(
            name, str(len(ours)), str(noticed), str(explained), f"{(noticed + explained) / max(1, len(ours)):.1%}"
        )
    console.print(title, table)
    left = sorted(str(said["fault"]) for said in survivors if not is_explained(str(said["fault"])))
    for fault in left:
        console.print(f"survives: {fault}", markup=False, soft_wrap=True)
    return 1 if left else 0


def is_explained(fault: str) -> bool:
    """Return True if a survivor is explained, by its file or as it is called where the core is examined whole."""
    module, _, rest = fault.removeprefix("shared/").partition(".py: ")
    module, (first, _, more) = module.replace("/", "."), rest.partition(": ")
    inside = f"{module}.{first}: {more}" if re.fullmatch(r"[A-Za-z_.]+", first) else f"{module}: {rest}"
    return fault in EXPLAINED or inside in EXPLAINED


def tree_name() -> str:
    """Name the state of the files that a verdict depends on."""
    listed = subprocess.run(["git", "ls-files", "-z", *_DECIDING], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607
    names = sorted(name for name in listed.decode().split("\0") if name and (ROOT / name).is_file())
    content = hashlib.sha256()
    for name in names:
        if not name.startswith("tests/mutation/"):
            content.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return content.hexdigest()[:12]
