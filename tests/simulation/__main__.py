"""Play many stories: `python -m tests.simulation --seeds 1000`, or one of them again: `--seed 17`.

Prints what was played and, for a rule that does not hold, the story cut down to what it takes.
"""

# ruff: noqa: T201  a command line prints
from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.many import Tally, account, tally
from tests.simulation.shrink import shrink
from tests.simulation.simulation import play
from tests.simulation.story import SHAPES, make

PARCEL = 250
SHOWN = 5


def _parcels(first: int, count: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + count, PARCEL):
        yield start, min(start + PARCEL, first + count)


def main() -> int:
    """Play, and say what was found; 1 when a rule did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many stories (1000)")
    parser.add_argument("--first", type=int, default=None, help="the first seed; otherwise one that is new each time")
    parser.add_argument("--seed", type=int, default=None, help="play only this story, cut it down and tell it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each processor)")
    asked = parser.parse_args()
    if asked.seed is not None:
        story = make(asked.seed)
        print(account(shrink(story) if play(story).broken else story))
        return 0
    first = asked.first if asked.first is not None else int(time.time()) * 1000
    print(f"seeds {first} to {first + asked.seeds - 1}, {len(SHAPES)} kinds of deployment", flush=True)
    total = Tally()
    context = multiprocessing.get_context("spawn")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A Ctrl-C reaches the whole terminal: the workers leave it to this process, which still says what they found.
    with ProcessPoolExecutor(asked.jobs, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        parcels = list(_parcels(first, asked.seeds))
        try:
            for number, part in enumerate(pool.map(tally, *zip(*parcels, strict=True)), 1):
                total.add(part)
                for seed, broken in part.broken:
                    print(f"seed {seed}: {broken}", flush=True)
                if number % 40 == 0:
                    print(f"… {total.stories} stories, {len(total.broken)} broken", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print(f"ended early, after {total.stories} of {asked.seeds} stories")
            for worker in multiprocessing.active_children():
                worker.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
    print(total)
    for seed, _ in total.broken[:SHOWN]:
        print("\n" + account(shrink(make(seed))))
    print(f"{len(total.broken)} of {total.stories} stories broke a rule" if total.broken else "every rule held")
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
