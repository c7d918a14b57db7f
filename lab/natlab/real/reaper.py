"""Who cleans up when the lab's own process is killed?  This one: it waits for the end of its input.

Started by the lab in a session of its own, so that an interrupt at the terminal does not reach it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import natlab
from natlab.real.run_directory import RunDirectory


def start(directory: RunDirectory) -> subprocess.Popen[bytes]:
    """Set a guardian over a run; closing its input lets it clean up and end."""
    lab = str(Path(natlab.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {lab!r}); from natlab.real import reaper; reaper.main()"
    return subprocess.Popen(
        [sys.executable, "-IS", "-c", program, str(directory.path)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
    )  # fmt: skip


def main() -> None:
    """Wait for the end of input, then clean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    run = RunDirectory(Path(sys.argv[1]))
    if run.path.exists():
        run.clean()
