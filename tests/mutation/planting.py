"""Planting a fault in a copy of the repository, and running tests there: for code that runs in processes of its own.

Each worker has a copy with an environment beside it in which natkeeper and natlab are the copy's, so that commands,
bundles, scripts and templates that tests start carry the fault. First all tests run once without a fault: that tells
which lines each runs, in any process, and how long it takes (footprint.py). A fault is then tried with the tests that
run its line, those first that promise most for their time, until one fails or the time is used up.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import queue
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutation import reached
from tests.mutation.areas import ROOT, Area
from tests.mutation.footprint import Footprints, keep, learn, read_all
from tests.mutation.texts import TextMutation
from tests.mutation.warm import Warm

FIRST_S, GROWTH = 4.0, 3.0
"""Seconds of tests that one start of pytest runs at first, and how many times more at each start after it."""
ENOUGH_S = 60.0
"""Seconds of tests after which a fault counts as unnoticed, so that a score is a lower bound."""
_FILE_S = 0.3
"""Of processor time, to import a file of tests."""
_WORD = re.compile(r"[A-Za-z]\w{3,}")


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a fault: the test that noticed it, or None; `seconds` by the clock, `untried` tests."""

    fault: TextMutation
    area: str
    by: str | None
    seconds: float
    untried: int = 0


@dataclass(slots=True)
class Known:
    """What is known of the tests of a tree: what each does, and how often a file of them noticed a fault in a file."""

    footprints: Footprints
    noticed: Counter[tuple[str, str]] = field(default_factory=Counter)


def try_all(
    chances: Sequence[tuple[Area, TextMutation]],
    workers: int,
    done: Callable[[Tried], None],
    tell: Callable[[str], object] = print,
    kept: tuple[Path, str] | None = None,
) -> None:
    """Try faults side by side, each in a copy. `kept` is where footprints are kept, and the name of the tree."""
    with tempfile.TemporaryDirectory(prefix="natkeeper-faults-") as scratch, ThreadPoolExecutor(workers) as pool:
        copies: queue.SimpleQueue[Warm] = queue.SimpleQueue()
        for number in range(workers):
            copies.put(Warm(copy_to(Path(scratch, str(number), "natkeeper"))))

        try:
            known = Known(read_all(*kept) if kept else Footprints())
            lock = threading.Lock()

            def learn_folder(folder: str) -> None:
                if folder in known.footprints.seconds:
                    return
                warm = copies.get()
                try:
                    said = learn(warm, folder)
                finally:
                    copies.put(warm)
                with lock:
                    learnt(said)

            def learnt(said: Mapping[str, Any]) -> None:
                known.footprints.add(said)
                if kept:
                    keep(kept[0], said)
                tell(f"{sum(said['seconds'].values()):5.0f} s  {len(said['seconds'])} tests of {said['folder']}")
                for test in said["failed"]:
                    tell(f"fails or is skipped without any fault: {test}")

            def one(chance: tuple[Area, TextMutation]) -> None:
                warm = copies.get()
                try:
                    tried = try_one(warm, *chance, known)
                finally:
                    copies.put(warm)
                done(tried)

            folders = dict.fromkeys(folder for area, _ in chances for folder in area.tests)
            for step, things in ((learn_folder, folders), (one, chances)):
                for _ in pool.map(step, things):
                    pass
        finally:
            while not copies.empty():
                copies.get().close()


def copy_to(tree: Path) -> Path:
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
    (site / "copy.pth").write_text("\n".join([*paths, "import natkeeper_reached"]) + "\n", encoding="utf-8")
    shutil.copy2(reached.__file__, site / "natkeeper_reached.py")
    for script in Path(sys.executable).parent.iterdir():
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            target = tree / ".venv" / "bin" / script.name
            text = script.read_text(encoding="utf-8").replace(sys.executable, str(tree / ".venv/bin/python"))
            target.write_text(text, encoding="utf-8")
            target.chmod(0o755)
    (tree / "build").mkdir(exist_ok=True)
    return tree


def try_one(warm: Warm, area: Area, fault: TextMutation, known: Known) -> Tried:
    """Plant a fault, run tests until one notices it, and take it out again."""
    path, began, by = warm.tree / fault.path, time.monotonic(), None
    tests = in_turn(fault, area.tests, known)
    left, seconds = len(tests), {t: s for folder in area.tests for t, s in known.footprints.seconds[folder].items()}
    with _kept_as_it_was(warm.tree, path):
        _write(warm.tree, path, fault.content())
        by = linted(path)
        for batch in () if by else batches(tests, seconds):
            files = dict.fromkeys(test.partition("::")[0] for test in batch)
            place = {file: number for number, file in enumerate(files)}
            ordered = sorted(batch, key=lambda test: place[test.partition("::")[0]])
            by = warm.run([*files], sum(seconds[test] for test in batch), ordered).by
            left -= len(batch)
            if by is not None:
                known.noticed[str(fault.path), by.partition("::")[0]] += 1
                break
    return Tried(fault, area.name, by, time.monotonic() - began, 0 if by else left)


def linted(path: Path) -> str | None:
    """Return what `make check`, the first half of `make test`, says of a file that leaves an encoding out.

    Other rules are about how code is written, and planting writes it anew.
    """
    if path.suffix != ".py":
        return None
    ruff = Path(sys.executable).with_name("ruff")
    line = [str(ruff), "check", "--quiet", "--no-cache", "--isolated", "--preview", "--select", "PLW1514", str(path)]
    return "(make check)" if subprocess.run(line, check=False, capture_output=True).returncode else None


def in_turn(fault: TextMutation, folders: Sequence[str], known: Known) -> list[str]:
    """List the tests that run a fault's line, those first that promise most for their time.

    What promises are rare words that a test, a row of its table or its file share with the fault, that a test runs the
    line itself or names the shell function, and faults that its file noticed in the same file. A word is as rare in a
    test that has a hundred rows as in one that has none.
    """
    found = known.footprints.tests_of(fault, folders)
    words = set(_WORD.findall(f"{fault.path.stem} {fault.what} {fault.text} {fault.function}"))
    files = {test: test.partition("::")[0] for test in found}
    tables = {test: (files[test], test.partition("[")[0].rpartition("::")[2]) for test in found}
    of_file = {file: words & _words_of_file(file) for file in {*files.values()}}
    of_table = {table: words & _words_of_test(*table) for table in {*tables.values()}}
    of_row = {test: words & set(_WORD.findall(test.partition("[")[2])) for test in found}
    common = Counter(word for each in of_file.values() for word in each)
    rows = Counter(word for each in of_row.values() for word in each)
    closely = Counter(word for each in of_table.values() for word in each)
    seconds = {test: took for folder in folders for test, took in known.footprints.seconds[folder].items()}

    def cost(test: str) -> float:
        promise = 0.02 + 0.2 * found[test] + sum(0.3 / common[word] for word in of_file[files[test]])
        promise += sum(1.0 / closely[word] for word in of_table[tables[test]])
        promise += fault.function in of_table[tables[test]]
        promise += sum(1.0 / rows[word] for word in of_row[test])
        promise += 0.1 * known.noticed[str(fault.path), files[test]]
        return float((0.03 + seconds[test]) / promise)

    return sorted(found, key=cost)


def batches(tests: Iterable[str], seconds: Mapping[str, float]) -> Iterator[list[str]]:
    """Yield what one start of pytest runs at a time, ever more, as long as all takes no more than is enough."""
    batch: list[str] = []
    files: set[str] = set()
    size, spent, used = FIRST_S, 0.0, 0.0
    for test in tests:
        if spent + seconds[test] > ENOUGH_S:
            continue
        file = test.partition("::")[0]
        cost = seconds[test] + _FILE_S * (file not in files)
        if batch and used + cost > size:
            yield batch
            batch, used, size = [], 0.0, size * GROWTH
            files.clear()
        batch.append(test)
        files.add(file)
        used += cost
        spent += seconds[test]
    if batch:
        yield batch


@functools.cache
def _words_of_file(file: str) -> frozenset[str]:
    return frozenset(_WORD.findall((ROOT / file).read_text(encoding="utf-8")))


@functools.cache
def _tests_in(file: str) -> dict[str, frozenset[str]]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return {
        node.name: frozenset(_WORD.findall(ast.unparse(node)))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _words_of_test(file: str, name: str) -> frozenset[str]:
    return _tests_in(file).get(name, frozenset())


@contextlib.contextmanager
def _kept_as_it_was(tree: Path, path: Path) -> Iterator[None]:
    """Put a file back with its times, or what was compiled from it would be compiled anew for each fault."""
    before, times = path.read_text(encoding="utf-8"), path.stat()
    try:
        yield
    finally:
        _write(tree, path, before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _write(tree: Path, path: Path, content: str) -> None:
    """Write a file, and what is made from it."""
    path.write_text(content, encoding="utf-8")
    if path.suffix == ".sh":
        subprocess.run([str(tree / ".venv/bin/python"), "-m", "natkeeper.guest.pack"], cwd=tree, check=True)
