"""One scenario in a process of its own: `python -m natlab.scenarios NAME [--timeline] [--pace X]`.

Writes one JSON object a line: {"phase"}, {"names"}, with --timeline {"moment"}, and at last
{"result", "strips"} or {"failed"}. It ends, and cleans up, on SIGTERM, on SIGINT, and when its standard input is
closed: the process that started it may die without a word.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from natlab.scenarios.catalogue import NAMES, scenario
from natlab.scenarios.play import Result, Setting, play
from natlab.scenarios.readings import platform
from natlab.scenarios.record import TimelineEntry

_WRITING = threading.Lock()


def main(arguments: list[str] | None = None) -> int:
    """Play it; 0 when it was played, however it ended."""
    parser = argparse.ArgumentParser(prog="python -m natlab.scenarios", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--timeline", action="store_true")
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--patience", type=float, default=1.0, help="how much longer to wait than on an idle machine")
    parser.add_argument("--unpacked", type=Path, help="where plays side by side share unpacked code")
    parser.add_argument("--reading", action="append", default=[], metavar="NAME=WAY", help="may be repeated")
    parser.add_argument("--latency", action="append", default=[], metavar="NAME=SECONDS", help="may be repeated")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    threading.Thread(target=_end_with_input, name="lifeline", daemon=True).start()
    setting = Setting(
        pace=options.pace,
        patience=options.patience,
        unpacked=options.unpacked,
        platform=platform(options.reading, latencies=options.latency),
        phase=lambda phase: _say(phase=phase),
        named=lambda names: _say(names=dict(names)),
    )
    if options.timeline:
        setting = replace(setting, hear=_moment)
    try:
        result = play(scenario(options.name), setting)
    except Exception as error:  # noqa: BLE001  the outermost edge: the process that started this wants to know
        _say(failed=f"{type(error).__name__}: {error}")
        return 1
    _say(result=result.as_json(), strips=_strips(result))
    return 0


def _strips(result: Result) -> dict[str, Any]:
    """Every attempt of every private host: milliseconds since the fault, and whether it succeeded."""
    since = result.evidence.fault_at
    return {
        table: [[round((each.at - since) * 1000), bool(each.public_ip)] for each in attempts]
        for table, attempts in result.evidence.attempts.items()
    }


def _moment(moment: TimelineEntry) -> None:
    _say(moment=asdict(moment))


def _say(**message: Any) -> None:
    line = json.dumps(message, ensure_ascii=False)
    with _WRITING:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _end(number: int, _frame: object) -> None:
    for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end_with_input() -> None:
    while os.read(0, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
