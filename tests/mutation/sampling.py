"""A random sample of faults over areas of the repository: how many of them do the tests notice?"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.mutation.areas import Area
from tests.mutation.explained import EXPLAINED
from tests.mutation.planting import Tried, try_all
from tests.mutation.texts import TextMutation, faults_of

RECORD = Path("build/mutation-sample.json")


def draw(areas: Sequence[Area], count: int, seed: int) -> list[tuple[Area, TextMutation]]:
    """Draw `count` faults, the same number from each area as far as it goes, in random order."""
    chance = random.Random(seed)
    each, left = divmod(count, len(areas))
    drawn = []
    for number, area in enumerate(areas):
        faults = [fault for path in area.paths() for fault in faults_of(path)]
        drawn += [(area, fault) for fault in chance.sample(faults, min(len(faults), each + (number < left)))]
    chance.shuffle(drawn)
    return drawn


def examine(areas: Sequence[Area], count: int, seed: int, workers: int, console: Console) -> int:
    """Plant a sample of faults, and print and keep what was noticed; 1 when a fault survives unexplained."""
    drawn, began = draw(areas, count, seed), time.monotonic()
    tried: list[Tried] = []

    def tell(each: Tried) -> None:
        tried.append(each)
        said = f"noticed by {each.by}" if each.by else "SURVIVES"
        console.print(
            f"{len(tried)}/{len(drawn)} {each.seconds:4.0f} s  {each.area}: {each.fault}: {said}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip

    for _ in try_all(drawn, workers, tell):
        pass
    table = Table("area", *(Column(name, justify="right") for name in ("faults", "noticed", "explained", "score")))
    record: dict[str, object] = {"seed": seed, "seconds": round(time.monotonic() - began)}
    for title, names in [*((area.name, {area.name}) for area in areas), ("all", {area.name for area in areas})]:
        ours = [each for each in tried if each.area in names]
        explained = [each for each in ours if each.by is None and str(each.fault) in EXPLAINED]
        noticed = sum(each.by is not None for each in ours)
        score = (noticed + len(explained)) / max(1, len(ours))
        table.add_row(title, str(len(ours)), str(noticed), str(len(explained)), f"{score:.1%}")
        record[title] = {
            "faults": len(ours), "noticed": noticed, "explained": len(explained), "score": round(score, 4)
        }  # fmt: skip
    left = sorted(str(each.fault) for each in tried if each.by is None and str(each.fault) not in EXPLAINED)
    console.print(f"seed {seed}, {round(time.monotonic() - began)} s", table)
    for name in left:
        console.print(f"survives: {name}", markup=False, soft_wrap=True)
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps({**record, "left": left}, indent=1) + "\n", encoding="utf-8")
    return 1 if left else 0
