"""The locked dependencies of a bundle, installed for its target, slimmed and compiled, once for each lock
file.

pip installs them, not uv: it is in every virtual environment and honours the mirror, proxy and certificate
that the user gave pip. `--require-hashes` admits only the locked files. The result is kept under build/cache
by content.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from natkeeper.packaging import archive, bytecode, sdk
from natkeeper.packaging.target import BundleTarget

Say = Callable[[str], None]

# Dropped from what wheels install, and why each is never missed:
_DROPPED_SUFFIXES = frozenset({
    ".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp",  # for type checkers and compilers; never imported
})  # fmt: skip
_DROPPED_FILES = frozenset({
    "INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "top_level.txt",  # pip's own bookkeeping
    "py.typed",  # for type checkers
})  # fmt: skip
_DROPPED_FOLDERS = frozenset({"__pycache__", "bin", "tests"})
# METADATA and entry_points.txt stay: apscheduler asks for its own version and plugins. Licences stay, as they
# demand. aiohttp, apscheduler and websocket stay: the SDKs' base packages import them at the top of modules
# that we use.

_RULES = archive.digest_of(
    (Path(file).name, Path(file).read_bytes()) for file in (__file__, bytecode.__file__, sdk.__file__)
)


class InstallFailed(Exception):
    """pip could not install the locked wheels; the message ends with pip's own words."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Installed dependencies: as a directory, and zipped."""

    directory: Path
    zipped: Path


def for_target(lock: str, target: BundleTarget) -> str:
    """Return the entries of a lock file that apply to `target`, without their markers."""
    wanted = []
    for entry in lock.replace("\\\n", "\x00").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        requirement, *hashes = entry.split("\x00")
        pinned, _, marker = requirement.partition(";")
        if target.wants(marker.strip()):
            wanted.append(" \\\n".join([pinned.strip(), *(f"    {value.strip()}" for value in hashes)]))
    return "\n".join(wanted) + "\n" if wanted else ""


def layer(lock: Path, target: BundleTarget, ours: list[bytes], cache: Path, say: Say) -> Layer:
    """Return the dependencies locked in `lock` for `target`, as far as the sources `ours` can need them.

    Installs them if this cache has not got them yet. Raises `InstallFailed`.
    """
    requirements = for_target(lock.read_text(encoding="utf-8"), target)
    installed = _installed(lock.stem, requirements, target, cache, say)
    chosen = sdk.selection(installed, ours)
    compiler = bytecode.compiler_for(target)
    key = archive.digest_of([("rules", _RULES.encode()), ("installed", installed.parent.name.encode()),
                             ("bytecode", (compiler.tag if compiler else "none").encode()),
                             ("models", repr(sorted(chosen.items())).encode())])  # fmt: skip
    home = cache / f"{lock.stem}-{target.name}-{key[:16]}"
    if not home.exists():
        with new(home) as scratch:
            content = scratch / "content"
            shutil.copytree(installed, content, copy_function=link)
            sdk.keep_only(content, chosen)
            if compiler:
                compiler.compile(content)
            archive.write(scratch / "content.zip", content)
    return Layer(home / "content", home / "content.zip")


def _installed(name: str, requirements: str, target: BundleTarget, cache: Path, say: Say) -> Path:
    """Return the directory with everything that `requirements` list, slimmed but not compiled."""
    key = archive.digest_of([("rules", _RULES.encode()), ("target", repr(target).encode()),
                             ("requirements", requirements.encode())])  # fmt: skip
    home = cache / f"{name}-{target.name}-installed-{key[:16]}"
    if not home.exists():
        say(f"installing {name}'s dependencies for {target.name} (once for each change of its lock file)")
        with new(home) as scratch:
            (scratch / "content").mkdir()
            _install(requirements, target, scratch / "content", scratch)
            slim(scratch / "content")
    return home / "content"


@contextlib.contextmanager
def new(home: Path) -> Iterator[Path]:
    """Yield a directory to fill; it becomes `home` at once and whole, or not at all."""
    home.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=home.parent, prefix=".new-"))
    try:
        yield scratch
        with contextlib.suppress(OSError):  # another build of the same came first, and is as good
            scratch.rename(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def link(source: str, destination: str) -> None:
    """Hard-link instead of copying, where the file system can."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)


def slim(directory: Path) -> None:
    """Take away what a running function never reads."""
    for folder, names, files in os.walk(directory):
        for name in [name for name in names if name in _DROPPED_FOLDERS]:
            shutil.rmtree(Path(folder, name))
            names.remove(name)
        for file in files:
            if file in _DROPPED_FILES or Path(file).suffix in _DROPPED_SUFFIXES:
                Path(folder, file).unlink()


def _install(requirements: str, target: BundleTarget, directory: Path, scratch: Path) -> None:
    if not requirements:
        return
    listed = scratch / "requirements.txt"
    listed.write_text(requirements, encoding="utf-8")
    # Everything is in the list (--no-deps), so that pip lets the one pure package without a wheel be built:
    # by the locked build tools of this environment (--no-build-isolation), with no effect of the Python that
    # builds it.
    command = [
        *(sys.executable, "-m", "pip", "install", "-qq", "--target", str(directory)),
        *("--no-deps", "--no-compile", "--require-hashes", "--no-build-isolation"),
        *target.pip_options(),
        *("--requirement", str(listed)),
    ]
    unwanted = {"PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT"}
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallFailed(f"the dependencies could not be installed:\n{done.stderr.strip() or done.stdout.strip()}")
