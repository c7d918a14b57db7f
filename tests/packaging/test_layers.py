"""Dependencies: how they are kept, slimmed and asked for, and how a bundle is put on top of them. pip never runs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from natkeeper.packaging import (
    BundleSpec,
    BundleTarget,
    InstallFailed,
    Source,
    archive,
    build,
    bundles,
    bytecode,
    sdk,
    wheels,
)

OTHER = BundleTarget("other", "3.99", platforms=("any",), markers=(("python_version", "3.99"),))
LOCK = "toy==1 \\\n    --hash=sha256:00\n"
INSTALLED = {
    "toy/__init__.py": "A = 1\n",
    "toy/__init__.pyi": "A: int\n",
    "toy/tests/test_toy.py": "",
    "alibabacloud_toy20200101/models/__init__.py": "from ._look_request import LookRequest\n"
    "from ._jump_request import JumpRequest\n",
    "alibabacloud_toy20200101/models/_look_request.py": "class LookRequest: ...\n",
    "alibabacloud_toy20200101/models/_jump_request.py": "class JumpRequest: ...\n",
}


def quiet(_sentence: str) -> None:
    """Say nothing."""


def below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock file, and in the place of pip what unpacks INSTALLED."""

    def install(_requirements: str, _target: BundleTarget, directory: Path, _scratch: Path) -> None:
        fill(directory, INSTALLED)

    monkeypatch.setattr(wheels, "_install", install)
    fill(tmp_path, {"requirements/toy.txt": LOCK})
    return tmp_path / "requirements" / "toy.txt"


Made = Callable[..., wheels.Layer]


@pytest.fixture
def made(lock: Path, tmp_path: Path) -> Made:
    """Make the layer of that lock file, from sources of ours and for a target."""

    def make(ours: bytes = b"LookRequest", target: BundleTarget = OTHER, say: wheels.Say = quiet) -> wheels.Layer:
        return wheels.layer(lock, target, [ours], tmp_path / "cache", say)

    return make


def test_a_layer_is_what_is_installed_without_what_is_never_read(made: Made) -> None:
    """As a directory and as an archive of the same."""
    layer = made()
    assert below(layer.directory).keys() == {
        "toy/__init__.py",
        "alibabacloud_toy20200101/models/__init__.py",
        "alibabacloud_toy20200101/models/_look_request.py",
    }
    with zipfile.ZipFile(layer.zipped) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == below(layer.directory)
    assert (layer.directory.name, layer.zipped.name) == ("content", "content.zip")


def test_what_is_installed_stays_whole_for_other_sources(made: Made, tmp_path: Path) -> None:
    """A layer is cut down from links to it, so installing once is enough."""
    said: list[str] = []
    first = made(b"LookRequest", say=said.append)
    second = made(b"JumpRequest", say=said.append)
    assert [sorted(path.stem for path in each.directory.rglob("_*_request.py")) for each in (first, second)] == [
        ["_look_request"],
        ["_jump_request"],
    ]
    assert said == ["installing toy's dependencies for other (once for each change of its lock file)"]
    assert made(b"LookRequest") == first
    names = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "cache").iterdir())
    assert names == ["toy-other", "toy-other", "toy-other-installed"]
    assert all(len(path.name.rpartition("-")[2]) == 16 for path in (tmp_path / "cache").iterdir())


@pytest.mark.parametrize("change", ["lock", "target", "rules", "compiler"])
def test_whatever_may_change_a_layer_makes_another(
    made: Made, lock: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Only what is equal in all of it is taken from the cache."""
    target, before = OTHER, made()
    if change == "lock":
        lock.write_text(LOCK.replace("==1", "==2"), encoding="utf-8")
    if change == "target":
        target = BundleTarget("other", "3.99", platforms=("any", "more"), markers=OTHER.markers)
    if change == "rules":
        monkeypatch.setattr(wheels, "_RULES", "others")
    if change == "compiler":
        compiler = bytecode.Compiler("false", "cpython-399")
        monkeypatch.setattr(bytecode, "compiler_for", lambda _: compiler)
    after = made(target=target)
    assert after.directory != before.directory
    assert below(after.directory) == below(before.directory)


def test_the_rules_are_the_three_modules_that_make_a_layer() -> None:
    """A release that drops or keeps something else installs and compiles anew."""
    files = [Path(str(module.__file__)) for module in (wheels, bytecode, sdk)]
    assert archive.digest_of((path.name, path.read_bytes()) for path in files) == wheels._RULES


def test_a_layer_is_compiled_after_it_was_cut_down(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bytecode is written for what is taken away."""
    seen: list[set[str]] = []

    class Spy:
        tag = "cpython-399"

        def compile(self, directory: Path) -> None:
            seen.append({*below(directory)})
            (directory / "toy" / "made.pyc").write_bytes(b"")

    monkeypatch.setattr(bytecode, "compiler_for", lambda _: Spy())
    layer = made()
    assert seen == [{*below(layer.directory)} - {"toy/made.pyc"}]
    with zipfile.ZipFile(layer.zipped) as zipped:
        assert "toy/made.pyc" in zipped.namelist()


@pytest.mark.parametrize("configuration", ["natkeeper.json", None])
def test_a_bundle_is_put_on_top_of_its_dependencies(lock: Path, tmp_path: Path, configuration: str | None) -> None:
    """Archive and directory have the same files: dependencies first, then ours, then the configuration."""
    root = fill(tmp_path, {"functions/failover/index.py": "LookRequest\n", "natkeeper/__init__.py": "",
                           "natkeeper/words.txt": "JumpRequest\n"})  # fmt: skip
    source = Source(root / "functions", root / "natkeeper", lock.parent)
    spec = BundleSpec("failover", lock="toy.txt", configuration=configuration)
    cache, out = tmp_path / "cache", tmp_path / "out"
    made = build(spec, source, b"{}\n", OTHER, out, cache=cache, say=quiet)
    with zipfile.ZipFile(made.archive) as zipped:
        names = zipped.namelist()
        assert {name: zipped.read(name) for name in names} == below(made.directory)
    assert names == [
        "alibabacloud_toy20200101/models/__init__.py",
        "alibabacloud_toy20200101/models/_look_request.py",  # only sources say what is needed
        "toy/__init__.py",
        "index.py",
        "natkeeper/__init__.py",
        "natkeeper/words.txt",
        *([configuration] if configuration else []),
    ]
    assert made.digest == hashlib.sha256(made.archive.read_bytes()).hexdigest()
    assert (made.name, made.archive, made.directory) == ("failover", out / "failover.zip", out / "failover")
    assert (made.fresh, made.compiled) == (True, False)
    [layer] = cache.glob("toy-other-[0-9a-f]*")
    stamp = json.loads((out / "failover.json").read_text(encoding="utf-8"))
    own = [("index.py", b"LookRequest\n"), ("natkeeper/__init__.py", b""), ("natkeeper/words.txt", b"JumpRequest\n")]
    assert stamp == {
        "inputs": {
            "target": "other",
            "dependencies": layer.name,
            "bytecode": None,
            "own": archive.digest_of(own),
            "configuration": hashlib.sha256(b"{}\n").hexdigest(),
            "runs here": False,
        },
        "sha256": made.digest,
    }
    again = build(spec, source, b"{}\n", OTHER, out, cache=cache, say=quiet)
    assert again == bundles.Built("failover", made.archive, made.directory, made.digest, fresh=False, compiled=False)
    assert {path.name for path in out.iterdir()} == {"failover", "failover.json", "failover.zip"}


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """It is filled beside its place, under a name that no cache looks for."""
    home = tmp_path / "new" / "deep" / "home"

    def half(trouble: type[Exception]) -> None:
        with wheels.new(home) as scratch:
            (scratch / "half").touch()
            assert scratch.parent == home.parent
            assert scratch.name.startswith(".new-")
            raise trouble

    for trouble in (OSError, ValueError):
        with pytest.raises(trouble):
            half(trouble)
        assert [*home.parent.iterdir()] == []
    with wheels.new(home) as scratch:
        (scratch / "whole").touch()
        assert not home.exists()
    assert [*below(tmp_path)] == ["new/deep/home/whole"]


def test_of_two_that_make_the_same_the_first_one_s_stays(tmp_path: Path) -> None:
    """The other is as good, and is taken away without a word."""
    home = tmp_path / "home"
    with wheels.new(home) as scratch:
        (scratch / "second").touch()
        fill(home, {"first": ""})
    assert [*below(tmp_path)] == ["home/first"]


def test_files_are_linked_where_that_is_possible_and_copied_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache on another disk costs time and room, and works."""
    source = fill(tmp_path, {"source": "text\n"}) / "source"
    wheels.link(str(source), str(tmp_path / "linked"))
    assert (tmp_path / "linked").samefile(source)

    def refuse(*_: str) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    wheels.link(str(source), str(tmp_path / "copied"))
    assert not (tmp_path / "copied").samefile(source)
    assert (tmp_path / "copied").read_text(encoding="utf-8") == "text\n"


@pytest.mark.parametrize(
    "name, kept",
    [
        *((f"a/file{suffix}", False) for suffix in (".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".cpp")),
        *((f"a/file{suffix}", True) for suffix in (".py", ".so", ".json", ".txt", ".cc", ".hpp")),
        *((f"a.dist-info/{name}", False) for name in ("INSTALLER", "RECORD", "REQUESTED", "WHEEL")),
        *((f"a.dist-info/{name}", False) for name in ("direct_url.json", "top_level.txt", "py.typed")),
        *((f"a.dist-info/{name}", True) for name in ("METADATA", "entry_points.txt", "LICENSE", "RECORDS")),
        *((f"{name}/a.py", False) for name in ("__pycache__", "bin", "tests", "a/tests", "a/b/bin")),
        *((f"{name}/a.py", True) for name in ("test", "testsuite", "binary", "a/b/c")),
        ("a/tests.py", True),
    ],
)
def test_each_name_and_suffix_that_is_dropped_and_those_like_it_that_stay(
    tmp_path: Path, name: str, *, kept: bool
) -> None:
    """Whole names count, at any depth."""
    fill(tmp_path, {name: "", "zz/kept.py": ""})
    wheels.slim(tmp_path)
    assert below(tmp_path).keys() == ({name, "zz/kept.py"} if kept else {"zz/kept.py"})


@pytest.mark.parametrize(
    "code, out, err, says",
    [(0, "", "a warning", None), (1, "only this\n", " \n", "only this"), (2, "not this", " but this\n", "but this")],
)
def test_pip_is_asked_for_exactly_what_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str, says: str | None
) -> None:
    """The command, its list, its environment, and what is said where it fails."""
    asked: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, how))
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "environ", {"PIP_ROOT": "/", "PIP_USER": "1", "HOME": "/home/me"})
    if says is None:
        wheels._install(LOCK, OTHER, tmp_path / "into", tmp_path)
    else:
        with pytest.raises(InstallFailed) as failed:
            wheels._install(LOCK, OTHER, tmp_path / "into", tmp_path)
        assert str(failed.value) == f"the dependencies could not be installed:\n{says}"
    [(command, how)] = asked
    assert command == [
        *(sys.executable, "-m", "pip", "install", "-qq", "--target", str(tmp_path / "into")),
        *("--no-deps", "--no-compile", "--require-hashes", "--no-build-isolation"),
        *("--implementation", "cp", "--python-version", "3.99", "--platform", "any"),
        *("--requirement", str(tmp_path / "requirements.txt")),
    ]
    quieter = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    assert how == {"env": {"HOME": "/home/me", **quieter}, "capture_output": True, "text": True, "check": False}
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == LOCK


def test_pip_is_not_started_where_nothing_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file may have nothing for a target."""
    monkeypatch.setattr(subprocess, "run", None)
    wheels._install("", OTHER, tmp_path, tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "lock, entries",
    [
        ("", ""),
        ("# a\n\n  # b\n", ""),
        ("a==1\n", "a==1\n"),
        ("# a\na==1 \\\n    --hash=sha256:0\n", "a==1 \\\n    --hash=sha256:0\n"),
        ("a==1 ; python_version < '3' \\\n  --hash=sha256:0\nb==2\n", "b==2\n"),
        (
            "a==1 ; python_version >= '3' \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\n    # via b\nb==2\n",
            "a==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\nb==2\n",
        ),
    ],
)
def test_of_a_lock_file_the_entries_of_a_target_are_left(lock: str, entries: str) -> None:
    """Each with all its hashes, and without what pip would judge by itself."""
    assert wheels.for_target(lock, OTHER) == entries


def test_what_another_build_takes_away_meanwhile_counts_as_old(tmp_path: Path) -> None:
    """The newest comes first."""
    fill(tmp_path, {"old": "", "new": ""})
    os.utime(tmp_path / "old", (1_000, 1_000))
    assert sorted(("gone", "old", "new"), key=lambda name: bundles._age(tmp_path / name)) == ["new", "old", "gone"]


def test_only_states_of_the_same_bundle_give_way_to_new_ones(tmp_path: Path, lock: Path) -> None:
    """Those of another function or another target, and layers, stay; of this one the eight newest do."""
    root = fill(tmp_path, {"functions/probe/index.py": "", "natkeeper/__init__.py": ""})
    cache = tmp_path / "cache"
    others = {"probe-fc-own-1", "failover-other-own-1", "probe-other-1"}
    for number, name in enumerate([*others, *(f"probe-other-own-{number}" for number in range(9))]):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (number, number))
    source = Source(root / "functions", root / "natkeeper", lock.parent)
    spec = BundleSpec("probe", lock=None, configuration=None)
    build(spec, source, b"", OTHER, tmp_path / "out", cache=cache, say=quiet)
    left = {path.name for path in cache.iterdir()}
    assert others <= left
    own = {name for name in left if name.startswith("probe-other-own-")}
    assert {f"probe-other-own-{number}" for number in range(2, 9)} < own
    assert len(own) == 8
    [newest] = own - {f"probe-other-own-{number}" for number in range(9)}
    assert len(newest) == len("probe-other-own-") + 16
