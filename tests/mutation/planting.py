"""Planting a fault in a copy of the repository, and running tests there: for code that runs in processes of its own.

Each worker has a copy with an environment beside it in which natkeeper and natlab are the copy's, so that commands,
bundles, scripts and templates that tests start carry the fault. The processor time of each try is bounded: a fault
that makes something run without end is noticed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutation.areas import ROOT, Area
from tests.mutation.texts import TextMutation

PROCESSOR_S = 900
"""Seconds of processor time for each process of one try."""
WALL_S = 1500
FIRST = 6
"""Files of tests that are tried before all others: most faults are noticed there, for a tenth of the time."""
_LONG = "tests/end_to_end/", "tests/lab/"
_WORD = re.compile(r"[A-Za-z]\w{3,}")
_PYTEST = "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=no", "-m", "not slow"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a fault: the test that noticed it, or None; `seconds` by the clock."""

    fault: TextMutation
    area: str
    by: str | None
    seconds: float


def try_all(
    chances: Sequence[tuple[Area, TextMutation]], workers: int, done: Callable[[Tried], None]
) -> Iterator[Tried]:
    """Try faults side by side, each in a copy; yields in the order in which they end."""
    with tempfile.TemporaryDirectory(prefix="natkeeper-faults-") as scratch:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(workers):
            trees.put(_copy(Path(scratch, str(number), "natkeeper")))

        def attempt(chance: tuple[Area, TextMutation]) -> Tried:
            tree = trees.get()
            try:
                tried = _try(tree, *chance)
            finally:
                trees.put(tree)
            done(tried)
            return tried

        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(attempt, chances)


def _copy(tree: Path) -> Path:
    """Copy what git tracks, and make an environment whose natkeeper is that copy."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    author = "-c", "user.name=faults", "-c", "user.email=faults@localhost"
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a copy"]):
        subprocess.run(["git", *author, *command], cwd=tree, check=True)  # noqa: S607
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tree / ".venv")], check=True)
    site = next((tree / ".venv" / "lib").glob("python*/site-packages"))
    paths = [str(tree / "shared"), str(tree / "lab"), sysconfig.get_path("purelib")]
    (site / "copy.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    for script in Path(sys.executable).parent.iterdir():
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            target = tree / ".venv" / "bin" / script.name
            text = script.read_text(encoding="utf-8").replace(sys.executable, str(tree / ".venv/bin/python"))
            target.write_text(text, encoding="utf-8")
            target.chmod(0o755)
    (tree / "build").mkdir(exist_ok=True)
    return tree


def _try(tree: Path, area: Area, fault: TextMutation) -> Tried:
    path, began = tree / fault.path, time.monotonic()
    before = path.read_text(encoding="utf-8")
    try:
        _write(tree, path, fault.content())
        by = next(filter(None, (_noticed(tree, tests) for tests in in_turn(fault, area.tests))), None)
    finally:
        _write(tree, path, before)
    return Tried(fault, area.name, by, time.monotonic() - began)


def in_turn(fault: TextMutation, tests: Sequence[str]) -> Iterator[list[str]]:
    """Yield the files of tests that share the rarest words with a fault and where it is, then all others."""
    files = {file: None for path in tests for file in _files(path)}
    words = set(_WORD.findall(f"{fault.path.stem} {fault.what} {fault.text}"))
    quick = [file for file in files if not file.startswith(_LONG)]
    shared = {file: words & set(_WORD.findall((ROOT / file).read_text(encoding="utf-8"))) for file in quick}
    common = Counter(word for each in shared.values() for word in each)
    score = {file: sum(1 / common[word] for word in each) for file, each in shared.items() if each}
    first = sorted(score, key=score.__getitem__, reverse=True)[:FIRST]
    yield from filter(None, (first, [file for file in files if file not in first]))


def _files(path: str) -> Iterator[str]:
    """List the files of tests in a folder; anything else is one itself."""
    folder = ROOT / path
    yield from (str(f.relative_to(ROOT)) for f in sorted(folder.glob("test_*.py"))) if folder.is_dir() else [path]


def _write(tree: Path, path: Path, content: str) -> None:
    """Write a file, and what is made from it."""
    path.write_text(content, encoding="utf-8")
    if path.suffix == ".sh":
        subprocess.run([str(tree / ".venv/bin/python"), "-m", "natkeeper.guest.pack"], cwd=tree, check=True)


def _noticed(tree: Path, tests: Sequence[str]) -> str | None:
    """Run tests in a copy; answers the first that fails."""
    command = [str(tree / ".venv/bin/python"), "-B", "-m", "pytest", *_PYTEST, *tests]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            command,
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment | {"CI": "1", "NATKEEPER_SEED": "17"},
            preexec_fn=_bound,  # noqa: PLW1509  the child only lowers its own limits
        )
        try:
            code = process.wait(WALL_S)
        except subprocess.TimeoutExpired:
            return "(it ran without end)"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return None
        said.seek(0)
        if code == pytest.ExitCode.USAGE_ERROR:
            raise RuntimeError(f"pytest cannot run: {said.read()[-500:]}")
        lines = [line for line in said if line.startswith(("FAILED ", "ERROR "))]
        return lines[0].split(" - ")[0].split(" ", 1)[1].strip() if lines else f"(pytest ended with {code})"


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
