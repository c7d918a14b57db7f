"""How long does a person wait for a command? `natkeeper` as a process of its own, against a local cloud.

API calls take 20 ms. The function that `status` asks is warm. The floor is the same Python with nothing to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from natlab.bench.results import Figure, NotMeasuredError, Sample
from natlab.bench.warm import ROUND_TRIP_S, prepared
from natlab.bench.worlds import BenchWorld

KEYS = "help_s", "status_s", "doctor_s"
GOALS_S = {"help": 0.1, "status": 0.4, "doctor": 1.5}
_ENDS_WELL = {"help": (0,), "status": (0, 1), "doctor": (0, 1)}
"""The paper network has no VPC for a probe and no roles: doctor finds that, and says so with 1."""
_LONGEST_S = 60.0


def commands(runs: int) -> Iterator[Figure]:
    """Measure three commands, taking turns."""
    with prepared(1) as (here, _), TemporaryDirectory() as folder:
        environ = _environ(here, Path(folder))
        asked = {"help": ["--help"], "status": ["status"], "doctor": ["doctor"]}
        taken: dict[str, list[float]] = {name: [] for name in asked}
        floors = []
        for _ in range(runs + 1):  # the first of each brings the files into memory
            floors.append(_seconds([sys.executable, "-c", "pass"], environ, Path(folder), (0,)))
            for name, arguments in asked.items():
                command = [sys.executable, "-m", "natkeeper.cli", *arguments]
                taken[name].append(_seconds(command, environ, Path(folder), _ENDS_WELL[name]))
    floor = f"an empty Python {Sample.of(floors[1:]).median:.2f} s; API calls of {1000 * ROUND_TRIP_S:.0f} ms"
    for name, arguments in asked.items():
        what = f"natkeeper {' '.join(arguments)}"
        yield Figure(f"{name}_s", what, "s", Sample.of(taken[name][1:]), floor, GOALS_S[name])


def _environ(here: BenchWorld, folder: Path) -> dict[str, str]:
    """Write the configuration, and return the environment of a person who may do everything."""
    key = here.cloud.accounts.create_access_key()
    text = yaml.safe_dump(here.config(setup={"mode": "off"}), sort_keys=False)
    (folder / "natkeeper.yaml").write_text(text, encoding="utf-8")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NATKEEPER_ENDPOINT": here.cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
    }


def _seconds(command: list[str], environ: dict[str, str], folder: Path, good: tuple[int, ...]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=_LONGEST_S, check=False
    )
    took = time.perf_counter() - began
    if done.returncode not in good:
        raise NotMeasuredError(f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr[-500:]}")
    return took
