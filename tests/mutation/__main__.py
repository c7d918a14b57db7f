"""Plant small faults in the judgement of natkeeper, one at a time, and see whether the tests notice.

For the libraries that do this: mutmut rewrites whole packages and mutates every sentence; cosmic-ray changes files in
place and starts pytest anew for each fault, some seconds for each of 1,800. Here a fault costs a fork and the few
tests that run its line; the whole takes minutes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.mutation import sampling
from tests.mutation.areas import AREAS
from tests.mutation.campaign import Unsound, examine, path_of
from tests.mutation.explained import EXPLAINED
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.reach import PACKAGE, ROOT
from tests.mutation.trying import Verdict

FAILOVER, DOMAIN = "natkeeper.failover.", "natkeeper.domain."
LOOP = (
    *("afterwards", "discovery", "flapping", "handing_on", "lane", "ledger", "noting", "pacing", "putting_off"),
    *("reconcile", "reports", "seen", "spreading", "standing_in", "verify"),
)
"""Of the failover function."""
MODULES = {
    **{path.stem: DOMAIN + path.stem for path in sorted((PACKAGE / "domain").glob("*.py")) if path.stem != "__init__"},
    **{f"failover.{name}": FAILOVER + name for name in LOOP},
}
"""What is examined whole, by the name it is asked for with."""
TESTS = (
    *(f"tests/{folder}" for folder in ("deciding", "memory", "config", "events", "controlling", "observing")),
    *(f"tests/{folder}" for folder in ("receipts", "hostile")),
    *(f"tests/simulation/test_{name}.py" for name in ("found", "storms", "stories")),
)
BEFORE = ("hypothesis.strategies", "hypothesis.stateful", "msgspec.json", "natlab.cloud.cloud", "yaml", "click")
"""What no child need import anew: nothing of it may import natkeeper."""
SEED = "17"
"""Of the fresh stories: the same for every fault."""
RECORD = Path("build/mutation.json")


def main() -> int:
    """Examine all modules, or those that are named; 1 when a fault survives unexplained."""
    parser = argparse.ArgumentParser(prog="make mutate ARGS=…", description=__doc__)
    parser.add_argument(
        "modules",
        nargs="*",
        metavar="part",
        help=f"an area ({', '.join(AREAS)}) or a module of the core ({', '.join(MODULES)}); default: the whole core, "
        "or with --sample every area",
    )
    parser.add_argument("--list", action="store_true", help="name the faults, plant none")
    parser.add_argument("--sample", type=int, metavar="N", help="plant only N faults, taken at random")
    parser.add_argument("--seed", type=int, default=0, help="which sample (default: 0)")
    parser.add_argument("--resume", action="store_true", help="go on with a sample that was ended early")
    parser.add_argument("--only", metavar="TEXT", action="append", help="plant only faults whose name has this in it")
    parser.add_argument("--tests", metavar="PATH", action="append", help="run only these tests")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: as many as there are)"
    )
    asked = parser.parse_args()
    areas = [AREAS[name] for name in asked.modules if name in AREAS]
    if areas or (asked.sample is not None and not asked.modules):
        return sampling.examine(
            areas or [*AREAS.values()], asked.sample or 10**6, asked.seed, asked.workers,
            Console(highlight=False, emoji=False), resume=asked.resume,
        )  # fmt: skip
    if unknown := set(asked.modules) - set(MODULES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    names = [MODULES[name] for name in asked.modules or MODULES]
    mutants = [m for name in names for m in mutants_of(name, path_of(name).read_text(encoding="utf-8"))]
    mutants = [mutant for mutant in mutants if not asked.only or any(text in str(mutant) for text in asked.only)]
    if asked.sample is not None:
        mutants = random.Random(asked.seed).sample(mutants, min(asked.sample, len(mutants)))
    console = Console(file=sys.stdout, highlight=False, emoji=False)
    if asked.list:
        console.print(*map(str, mutants), f"{len(mutants)} faults", sep="\n", markup=False, soft_wrap=True)
        return 0
    os.environ |= {"CI": "1", "NATKEEPER_SEED": SEED}
    for name in BEFORE:
        importlib.import_module(name)
    early = [name for name in sys.modules if name.partition(".")[0] == "natkeeper"]
    assert not early, f"imported too early: {early}"
    began, tree = time.monotonic(), _tree()
    try:
        verdicts = examine(mutants, asked.tests or TESTS, asked.workers, console)
    except Unsound as problem:
        console.print(problem, style="red", markup=False)
        return 2
    partly = asked.only or asked.sample is not None or asked.tests
    left = _report(mutants, verdicts, time.monotonic() - began, console, keep=not partly)
    if _tree() != tree:
        console.print("files were changed meanwhile: some verdicts are of one tree, some of the other", style="red")
        return 2
    return left


def _tree() -> dict[Path, float]:
    """When each file was changed that a verdict depends on."""
    return {path: path.stat().st_mtime for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.py")}


def _report(
    mutants: list[Mutant], verdicts: Mapping[str, Verdict], seconds: float, console: Console, *, keep: bool
) -> int:
    """Tell how many were noticed and name the others; 1 when some are not explained."""
    survivors = [name for name, verdict in verdicts.items() if verdict.by is None]
    left = [name for name in survivors if name not in EXPLAINED]
    modules = {mutant.module for mutant in mutants}
    known = [name for name in EXPLAINED if keep and name.partition(": ")[0].startswith(tuple(modules))]
    idle = [name for name in known if name not in survivors]
    table = Table(
        "module", *(Column(name, justify="right") for name in ("faults", "noticed", "explained", "left", "score"))
    )
    record: dict[str, object] = {}
    for title, start in _rows(mutants):
        faults = [str(mutant) for mutant in mutants if f"{mutant.module}.".startswith(start)]
        survive = [fault for fault in faults if fault in survivors]
        explained = [fault for fault in survive if fault in EXPLAINED]
        figures = {"faults": len(faults), "noticed": len(faults) - len(survive), "explained": len(explained)}
        figures["left"] = len(survive) - len(explained)
        score = figures["noticed"] / figures["faults"]
        table.add_row(title, *map(str, figures.values()), f"{score:.1%}")
        record[title] = {**figures, "score": round(score, 4)}
    record["noticed by"] = {name: verdict.by for name, verdict in verdicts.items()}
    record["left"] = left
    console.print(table)
    for title, names in (("survives unexplained", left), ("explained, but noticed or gone", idle)):
        for name in sorted(names):
            console.print(f"{title}: {name}", markup=False, soft_wrap=True)
    console.print(f"{len(mutants)} faults in {seconds:.0f} s")
    if keep:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps({"seconds": round(seconds), **record}, indent=1) + "\n", encoding="utf-8")
    return 1 if left or idle else 0


def _rows(mutants: list[Mutant]) -> Iterator[tuple[str, str]]:
    """Give each row of the table its title, and how the modules begin that it is about."""
    modules = dict.fromkeys(mutant.module for mutant in mutants)
    yield from ((module.removeprefix("natkeeper."), f"{module}.") for module in modules)
    if len([module for module in modules if module.startswith(DOMAIN)]) > 1:
        yield "domain/", DOMAIN


if __name__ == "__main__":
    sys.exit(main())
