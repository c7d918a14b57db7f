"""`make readings`: all that natkeeper does, on each platform that there may be, on virtual time.

Each deviation alone first, then the rows of a pairwise covering array. Exit status: 0 all was good, 1 not all.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping

from natlab.scenarios.readings import chosen, deviations, pairwise
from tests.readings.playing import FLOWS, problem


def main() -> int:
    """Play what the arguments ask for and tell of each; return the exit status."""
    parser = argparse.ArgumentParser(prog="make readings", description=__doc__)
    parser.add_argument("--reading", action="append", default=[], metavar="NAME=WAY", help="one deployment; repeatable")
    options = parser.parse_args()
    wanted: list[Mapping[str, str]] = [chosen(options.reading)] if options.reading else [*deviations(), *pairwise()]
    began, bad, played = time.monotonic(), 0, 0
    for ways in wanted:
        name = ", ".join(f"{reading}={way}" for reading, way in ways.items())
        for flow in FLOWS:
            played += 1
            found = problem(flow, ways)
            if found:
                bad += 1
                sys.stdout.write(f"BAD   {flow.__name__}: {found}\n      under {name}\n")
                sys.stdout.flush()
    told = f"{len(wanted)} platforms, {played} deployments, {bad} not good ({time.monotonic() - began:.0f} s)\n"
    sys.stdout.write(told)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
