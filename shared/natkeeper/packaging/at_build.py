"""What a bundle does while it is imported, noted when it is built, so that a cold start need not do it again.

A process of its own imports every module of the bundle, with something in place that takes notes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import index, natkeeper
for module in pkgutil.walk_packages(natkeeper.__path__, "natkeeper."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def noted(before: str, after: str, top: Path, dependencies: Sequence[Path]) -> str | None:
    """Return the last line that is printed when the code `before`, all imports, and the code `after` have run.

    `top` has the bundle's own files. It needs a Python that can import the bundle, which is this one; None where it
    cannot. The last line only, because a module may print something of its own.
    """
    command = [sys.executable, "-I", "-S", "-B", "-c", before + _IMPORT_ALL + after, str(top), *map(str, dependencies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.splitlines()[-1]
