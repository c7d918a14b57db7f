"""`make readings`: all that natkeeper does, on each platform that there may be, on virtual time.

Plays every scenario of the catalogue and every flow of playing.py on each deviation alone, then on the rows of a
pairwise covering array. Exit status: 0 all was good, 1 not all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

from natlab.scenarios.catalogue import NAMES, scenario
from natlab.scenarios.readings import chosen, deviations, pairwise
from tests.readings import catalogue, playing

FLOWS = {flow.__name__: flow for flow in playing.FLOWS}


def played(name: str, ways: Mapping[str, str]) -> str:
    """Play one scenario or flow on one platform; what was not good, or nothing."""
    if name in FLOWS:
        return playing.problem(FLOWS[name], ways)
    try:
        return "; ".join(catalogue.reasons(scenario(name), ways))
    except Exception as error:  # noqa: BLE001  one that cannot even begin is told, and the others are played
        return f"{type(error).__name__}: {error}"


def main() -> int:
    """Play what the arguments ask for, tell of each platform and of what was not good; return the exit status."""
    parser = argparse.ArgumentParser(prog="make readings", description=__doc__)
    parser.add_argument("--reading", action="append", default=[], metavar="NAME=WAY", help="one platform; repeatable")
    parser.add_argument("--part", choices=("deviations", "rows"), help="only these platforms")
    parser.add_argument("--only", default="", metavar="WORD", help="only scenarios and flows with this in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="NUMBER", help="one a processor by default")
    options = parser.parse_args()
    names = [name for name in (*NAMES, *FLOWS) if options.only in name]
    parts = {"deviations": list(deviations()), "rows": pairwise()}
    wanted = parts[options.part] if options.part else [*parts["deviations"], *parts["rows"]]
    if options.reading:
        wanted = [chosen(options.reading)]
    began, bad = time.monotonic(), 0
    every = [(name, ways) for ways in wanted for name in names]
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, ((name, ways), why) in enumerate(
            zip(every, pool.map(played, *zip(*every, strict=True)), strict=True)
        ):
            if number % len(names) == 0:
                platform = ", ".join(f"{reading}={way}" for reading, way in ways.items())
                sys.stdout.write(f"{number // len(names) + 1}/{len(wanted)} {platform}\n")
            if why:
                bad += 1
                sys.stdout.write(f"BAD   {name}: {why}\n")
            sys.stdout.flush()
    took = f"{time.monotonic() - began:.0f} s"
    sys.stdout.write(f"{len(wanted)} platforms, {len(every)} deployments, {bad} not good ({took})\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
