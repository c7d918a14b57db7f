"""Bytecode shipped beside the source: the code directory of a function is read-only, so it would be compiled
anew at every cold start (seconds of it for the SDKs).

The files are marked *unchecked*: Python takes them without a look at the source, whose timestamp does not
survive an archive. Compiled in a process of its own under a fixed hash seed, so that the bytes depend on the
source only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from natkeeper.packaging.target import BundleTarget

CODE_DIRECTORY = "/code"
"""Where Function Compute unpacks a bundle; tracebacks name files there."""

_COMPILE = """
import compileall, py_compile, sys
directory, shown = sys.argv[1:]
ok = compileall.compile_dir(
    directory, maxlevels=64, force=True, quiet=2, stripdir=directory, prependdir=shown,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
sys.exit(not ok)
"""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A Python that writes the bytecode a target reads."""

    python: str
    tag: str

    def compile(self, directory: Path) -> None:
        """Write a .pyc beside every .py below `directory`; a file that is not for this Python is left as it
        is.
        """
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
        command = [self.python, "-s", "-S", "-c", _COMPILE, str(directory), CODE_DIRECTORY]
        subprocess.run(command, env=environment, check=False, capture_output=True)


def compiler_for(target: BundleTarget) -> Compiler | None:
    """Return a Python of the target's version on this machine, or None: bytecode is then left to the cold
    start.
    """
    wanted = f"cpython-{target.python.replace('.', '')}"
    for python in (sys.executable, shutil.which(f"python{target.python}")):
        if python and _cache_tag(python) == wanted:
            return Compiler(python, wanted)
    return None


def _cache_tag(python: str) -> str | None:
    if python == sys.executable:
        return sys.implementation.cache_tag
    asked = [python, "-c", "import sys; print(sys.implementation.cache_tag)"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None  # a pyenv shim without that version, for example
