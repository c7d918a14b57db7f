"""How do two hundred small programs of one script start quickly?  One Python forks for each of them.

`main` runs a script in a shell and, beside it, a process that has imported the shims. Each program of the script is
then a few lines of shell (`PROGRAM`): it names itself, and a fork of that process does its work with its arguments,
its directory and its output. A Python for each takes six times as long; a program is one all the same if it writes
into a file, if the script has ended, and in an environment without `ADDRESS`.
"""

# pathlib takes longer to import than a shim takes to run.

from __future__ import annotations

import os
import stat
import sys
import time

from natlab.simulated import shims

ADDRESS = "NATLAB_SHIMS"
"""In the environment: the directory in which programs ask (`asked`) and are answered (their process id)."""
PROGRAM = """#!/bin/sh
if [ -p "${NATLAB_SHIMS-}/asked" ]; then
  MKFIFO "$NATLAB_SHIMS/$$" && echo $$ >"$NATLAB_SHIMS/asked" && read -r status <"$NATLAB_SHIMS/$$" && exit "$status"
fi
"""


def main(directory: str, *command: str) -> None:
    """Run a command to its end, and serve the programs that it starts; exits as the command did."""
    asked = os.path.join(directory, "asked")
    os.mkfifo(asked)
    queue = os.open(asked, os.O_RDWR)  # for writing too: a queue without a writer is at its end
    server = os.fork()
    if not server:
        serve(directory, queue)
    environment = {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}  # Python itself sets it
    script = os.posix_spawn(command[0], command, {**environment, ADDRESS: directory})
    status = os.waitstatus_to_exitcode(os.waitpid(script, 0)[1])
    os.unlink(asked)  # what the script leaves running is not served any more, but for what has asked by now
    os.write(queue, b"\n")
    os.waitpid(server, 0)
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


def serve(directory: str, queue: int) -> None:
    """Fork for each program that asks, until an empty line; hold none of the script's own output open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    waiting, under_way = b"", 0
    while True:
        *asking, waiting = (waiting + os.read(queue, 4096)).split(b"\n")
        while under_way and os.waitpid(-1, os.WNOHANG)[0]:
            under_way -= 1
        for process in asking:
            if not process:
                os._exit(0)
            if not os.fork():
                answer(directory, process.decode())
            under_way += 1


def answer(directory: str, process: str) -> None:
    """Do the work of one program in its place, tell it the status, and end."""
    status = 1
    of_it = f"/proc/{process}"
    answers = reached(directory, process)
    outputs = [f"{of_it}/fd/{descriptor}" for descriptor in (1, 2)]
    if any(stat.S_ISREG(os.stat(each).st_mode) for each in outputs):
        os._exit(0)  # how far a file is written is shared with other programs, and only by inheritance: no answer
    try:
        os.chdir(f"{of_it}/cwd")
        for descriptor, output in enumerate(outputs, 1):
            os.dup2(os.open(output, os.O_WRONLY), descriptor)
        with open(f"{of_it}/cmdline", "rb") as file:
            _shell, *line = os.fsdecode(file.read()).split("\0")[:-1]
        status = shims.run(*line)
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # noqa: BLE001  as the interpreter would, of which this is the outermost edge
        sys.excepthook(*sys.exc_info())
    finally:
        os.write(answers, f"{status}\n".encode())
        os._exit(status)


def reached(directory: str, process: str) -> int:
    """Return where a program reads its status, once it reads: only then its own output is in place again."""
    while True:
        try:
            return os.open(os.path.join(directory, process), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            if not os.path.exists(f"/proc/{process}"):
                os._exit(0)
            time.sleep(0.001)
