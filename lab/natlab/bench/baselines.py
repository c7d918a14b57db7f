"""Code to compare with: small functions, and the SDKs as a pip install leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path

from natlab.bench.machine import Checkout

_SDKS = ("alibabacloud-ecs20140526", "alibabacloud-vpc20160428", "alibabacloud-oos20190601")


def code_of(**files: str) -> bytes:
    """Zip a code package of a few small files, given by name without `.py`."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, text in files.items():
            package.writestr(f"{name}.py", text)
    return buffer.getvalue()


def documented_sdks(place: Checkout) -> Path:
    """Return a directory with the whole SDKs and all that they require, with bytecode: what a pip install gives.

    Copied from this environment, whose versions are the locked ones, and compiled once.
    """
    names = _closure(_SDKS)
    versions = "-".join(distribution(name).version for name in _SDKS)
    home = place.scratch / f"sdks-{versions}-{sys.implementation.cache_tag}"
    if home.exists():
        return home
    unfinished = home.with_name(f"{home.name}.{os.getpid()}")
    for name in sorted(names):
        found = distribution(name)
        for file in found.files or ():
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            target = unfinished / str(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Path(str(file.locate())).read_bytes())
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(unfinished)]
    subprocess.run(command, check=False, capture_output=True)
    unfinished.rename(home)
    return home


def _closure(roots: tuple[str, ...]) -> set[str]:
    """List `roots` and every distribution that they require here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or ()
        except PackageNotFoundError:
            continue  # for another platform
        found.add(name)
        for text in requires:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found
