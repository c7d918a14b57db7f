"""`natlab matrix`: every failure of a gateway, with every way of looking, on virtual time: is each one mended or told?

Exit status: 0 each cell ended moved, repaired or told within its bound, or is one that nobody can see without a probe
(six at most); 1 some cell was silent or late.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from tests.matrix.cells import cells
from tests.matrix.playing import CellPlay, Outcome

MOST_UNSEEN = 6


def table(outcomes: list[Outcome]) -> str:
    """Return the table for people, as docs/reliability.md has it."""
    rows = ["| cell | ended | told | moved | evidence |", "|---|---|---|---|---|"]
    for each in outcomes:
        told, moved = (f"{value} s" if value is not None else "" for value in (each.told_s, each.moved_s))
        mark = " **(late or silent)**" if each.bad else ""
        rows.append(f"| {each.cell} | {each.ended}{mark} | {told} | {moved} | {each.evidence} |")
    return "\n".join(rows)


def main() -> int:
    """Play what the arguments ask for, print it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="natlab matrix", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object for each cell, one a line")
    parser.add_argument("--only", default="", metavar="WORD", help="only cells that have this in their name")
    options = parser.parse_args()
    began = time.monotonic()
    outcomes = [CellPlay(cell).run() for cell in cells() if options.only in str(cell)]
    bad = [each for each in outcomes if each.bad]
    unseen = sum(each.cell.nobody_can_see and not each.bad and each.told_s is None for each in outcomes)
    if options.json:
        sys.stdout.writelines(json.dumps(each.as_json(), ensure_ascii=False) + "\n" for each in outcomes)
    else:
        counts = ", ".join(f"{count} {ended}" for ended, count in Counter(each.ended for each in outcomes).items())
        took = f"{time.monotonic() - began:.0f} s"
        sys.stdout.write(f"{table(outcomes)}\n\n{len(outcomes)} cells: {counts}; {len(bad)} bad ({took})\n")
    return 1 if bad or unseen > MOST_UNSEEN else 0


if __name__ == "__main__":
    sys.exit(main())
