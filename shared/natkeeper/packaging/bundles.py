"""Which functions there are, what each one carries, and how their archives are put together.

The dependencies (large, seldom changed) are a cached archive, and natkeeper's own code is a cached directory, compiled
and tried; it and the configuration are added at the archive's end. So a changed configuration costs half a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from natkeeper.domain.config import Config
from natkeeper.notify.handler import ADDRESSES_FILE
from natkeeper.packaging import archive, bytecode, release, wheels
from natkeeper.packaging.configuration import as_json
from natkeeper.packaging.methods import write_methods
from natkeeper.packaging.patterns import write_patterns
from natkeeper.packaging.target import BundleTarget, runs_here
from natkeeper.probe.handler import SETTINGS_FILE, settings_file

CONFIG_NAME = "natkeeper.json"
_KEPT = 8
"""How many states of natkeeper's own code stay in the cache, compiled."""
# Not carried: what the operator's machine needs (command line, reports, this package) and what a type checker reads.
_LEFT_AT_HOME = frozenset({"cli", "drill", "packaging", "_files", "__pycache__", "py.typed"})


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """One function: its folder under functions/, its lock file and its configuration's file name where it has one,
    and the folders and modules of natkeeper that it needs, by the beginning of their paths.
    """

    name: str
    lock: str | None
    configuration: str | None
    modules: tuple[str, ...] = ("",)
    fast_start: bool = False
    """Whether a cold start of it is part of an outage: then its dataclasses' methods and
    its regular expressions are compiled with it."""


BUNDLES = (
    BundleSpec("failover", lock="failover.txt", configuration=CONFIG_NAME, fast_start=True),
    BundleSpec(
        "probe",
        lock=None,
        configuration=SETTINGS_FILE,
        modules=("__init__.py", "probe/", "egress_check.py", "domain/__init__.py", "domain/egress.py"),
    ),
    BundleSpec("notify", lock="notify.txt", configuration=ADDRESSES_FILE, modules=("__init__.py", "notify/")),
)


def contents(config: Config, data: dict[str, Any], addresses: Sequence[str] = ()) -> dict[str, bytes]:
    """Return what the functions read, by file name: the whole configuration, the probe's few settings, addresses."""
    return {
        CONFIG_NAME: as_json(data),
        SETTINGS_FILE: settings_file(config),
        ADDRESSES_FILE: "".join(f"{address}\n" for address in addresses).encode(),
    }


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of a bundle are."""

    functions: Path
    package: Path
    requirements: Path

    @classmethod
    def release(cls) -> Source:
        """Return the release that this very module belongs to. Raises FileNotFoundError where its files are missing."""
        root = release.root()
        return cls(root / "functions", Path(__file__).resolve().parents[1], root / "requirements")


@dataclass(frozen=True, slots=True)
class Built:
    """A finished bundle; `fresh` tells whether this run made it, or found it as it should be."""

    name: str
    archive: Path
    directory: Path
    digest: str
    fresh: bool
    compiled: bool


class BundleBroken(Exception):
    """A bundle was put together but its entry module does not import: it lacks something."""


def build(
    spec: BundleSpec,
    source: Source,
    configuration: bytes,
    target: BundleTarget,
    out: Path,
    *,
    cache: Path,
    say: wheels.Say,
) -> Built:
    """Make `out`/<name>.zip and `out`/<name>/ for one function, unless they are there and right.

    Raises `InstallFailed` where pip fails, and `BundleBroken` where the result does not import (which is only
    tried if this machine is like the target).
    """
    compiler = bytecode.compiler_for(target)
    own = list(_own_files(spec, source))
    sources = [content for name, content in own if name.endswith(".py")]
    layer = wheels.layer(source.requirements / spec.lock, target, sources, cache, say) if spec.lock else None
    inputs = {
        "target": target.name,
        "dependencies": layer.directory.parent.name if layer else None,
        "bytecode": compiler.tag if compiler else None,
        "own": archive.digest_of(own),
        "configuration": hashlib.sha256(configuration).hexdigest(),
        "runs here": runs_here(target),
    }
    done = Built(spec.name, out / f"{spec.name}.zip", out / spec.name, "", fresh=False, compiled=compiler is not None)
    stamp = out / f"{spec.name}.json"
    known = _read(stamp)
    if known.get("inputs") == inputs and done.archive.exists() and done.directory.is_dir():
        return replace(done, digest=known["sha256"])

    ready = _ready(spec, own, layer, target, compiler, cache)
    out.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".new-") as scratch:
        whole, zipped = Path(scratch, "whole"), Path(scratch, "bundle.zip")
        more = {} if spec.configuration is None else {spec.configuration: configuration}
        archive.write(zipped, ready, on_top_of=layer.zipped if layer else None, more=more)
        for part in (ready, *([layer.directory] if layer else [])):
            shutil.copytree(part, whole, copy_function=wheels.link, dirs_exist_ok=True)
        for name, content in more.items():
            (whole / name).write_bytes(content)
        shutil.rmtree(done.directory, ignore_errors=True)
        whole.rename(done.directory)
        zipped.replace(done.archive)
    digest = hashlib.sha256(done.archive.read_bytes()).hexdigest()
    stamp.write_text(json.dumps({"inputs": inputs, "sha256": digest}, indent=1) + "\n", encoding="utf-8")
    return replace(done, digest=digest, fresh=True)


def _ready(
    spec: BundleSpec,
    own: Sequence[tuple[str, bytes]],
    layer: wheels.Layer | None,
    target: BundleTarget,
    compiler: bytecode.Compiler | None,
    cache: Path,
) -> Path:
    """Return a directory with our own files, compiled; made and imported once for each change of them."""
    key = archive.digest_of([
        *own, ("layer", str(layer and layer.directory.parent.name).encode()),
        ("bytecode", (compiler.tag if compiler else "none").encode()), ("runs here", str(runs_here(target)).encode()),
    ])  # fmt: skip
    home = cache / f"{spec.name}-{target.name}-own-{key[:16]}"
    if not home.exists():
        with wheels.new(home) as scratch:
            top = scratch / "content"
            for name, content in own:
                path = top / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            dependencies = [layer.directory] if layer else []
            if spec.fast_start and runs_here(target):
                write_methods(top, *dependencies)
                write_patterns(top, *dependencies)
            if compiler:
                compiler.compile(top)
            if runs_here(target):
                _import_entry(spec.name, top, *dependencies)
        for former in sorted(cache.glob(f"{spec.name}-{target.name}-own-*"), key=_age)[_KEPT:]:
            shutil.rmtree(former, ignore_errors=True)
    return home / "content"


def _age(path: Path) -> float:
    """Sort the newest first; what another build has just taken away is old."""
    with contextlib.suppress(OSError):
        return -path.stat().st_mtime
    return 0.0


def _own_files(spec: BundleSpec, source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of everything that is ours but the configuration, in a fixed order."""
    entry = source.functions / spec.name
    for path in archive.files_below(entry):
        if not _LEFT_AT_HOME.intersection(path.parts):
            yield path.as_posix(), (entry / path).read_bytes()
    for path in archive.files_below(source.package):
        wanted = path.as_posix().startswith(spec.modules)
        if wanted and not _LEFT_AT_HOME.intersection(path.parts):
            yield f"natkeeper/{path.as_posix()}", (source.package / path).read_bytes()


def _import_entry(name: str, *parts: Path) -> None:
    """Import the entry module as the platform would: nothing on the path but the standard library and the
    bundle.
    """
    code = "import sys; sys.path[:0] = sys.argv[1:]; import index; index.handler"
    command = [sys.executable, "-I", "-S", "-B", "-c", code, *map(str, parts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleBroken(f"the bundle {name} does not import:\n{done.stderr.strip()}")


def _read(stamp: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(stamp.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}
