"""What of natkeeper a function carries, and how it is made ready: generated, compiled and tried, in this order."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.packaging import BUNDLES, BundleSpec, BundleTarget, Source, bundles, bytecode, wheels
from natkeeper.packaging.bundles import BundleBroken, contents

HERE = BundleTarget("here", "3.99", platforms=(), markers=())
ELSEWHERE = replace(HERE, name="elsewhere", platforms=("any",))
DATA = {"region": "cn-hangzhou", "groups": {"prod": {"gateways": ["i-bp1a"], "routes": [{"table": "vtb-bp1a"}]}}}


def test_the_functions_are_three() -> None:
    """With their lock files, what they read, and which of them starts while private hosts have no internet."""
    assert [(each.name, each.lock, each.configuration, each.fast_start) for each in BUNDLES] == [
        ("failover", "failover.txt", "natkeeper.json", True),
        ("probe", None, "probe.json", False),
        ("notify", "notify.txt", "notify.txt", False),
    ]


def test_what_functions_read_is_written_for_each() -> None:
    """Without addresses the file of notify is empty, and there."""
    files = contents(parse_config(DATA), DATA)
    assert [*files] == [each.configuration for each in BUNDLES]
    assert files["notify.txt"] == b""
    assert contents(parse_config(DATA), DATA, ["json://a", "json://\u7f51"])["notify.txt"].decode() == (
        "json://a\njson://\u7f51\n"
    )


@pytest.mark.parametrize("name", ["cli", "drill", "packaging", "_files", "__pycache__"])
def test_what_the_operators_machine_needs_stays_there(tmp_path: Path, name: str) -> None:
    """Whole names count, at any depth, in the package and beside the entry."""
    for folder in ("functions/probe", "natkeeper", "functions/other"):
        for path in (f"{name}/a.py", f"deep/{name}/a.py", f"{name}s/a.py", "py.typed", "a.py", "b/py.typed"):
            (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / path).write_text(f"{folder} {path}", encoding="utf-8")
    source = Source(tmp_path / "functions", tmp_path / "natkeeper", tmp_path)
    found = list(bundles._own_files(BundleSpec("probe", None, None), source))
    assert [path for path, _ in found] == [
        *sorted(("a.py", f"{name}s/a.py")),
        *sorted(("natkeeper/a.py", f"natkeeper/{name}s/a.py")),
    ]
    assert dict(found)["a.py"] == b"functions/probe a.py"
    assert dict(found)["natkeeper/a.py"] == b"natkeeper a.py"
    some = bundles._own_files(BundleSpec("probe", None, None, modules=("a.",)), source)
    assert [path for path, _ in some if path.startswith("natkeeper/")] == ["natkeeper/a.py"]


def test_the_release_is_this_checkout() -> None:
    """Its functions, its package and its lock files."""
    root = Path(__file__).resolve().parents[2]
    assert Source.release() == Source(root / "functions", root / "shared" / "natkeeper", root / "requirements")


class Steps:
    """Stand-ins for all that works on a bundle, in the order in which they were asked."""

    tag = "cpython-399"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the places of the real ones."""
        self.done: list[tuple[str, tuple[str, ...]]] = []
        for name in ("write_methods", "write_patterns", "_import_entry"):
            monkeypatch.setattr(bundles, name, self.step(name))

    def step(self, name: str) -> Any:
        """Make a stand-in that notes its name and its folders."""
        return lambda *given: self.done.append((name, tuple(getattr(each, "name", each) for each in given)))

    def compile(self, directory: Path) -> None:
        """Note that there is something to compile."""
        assert (directory / "natkeeper" / "a.py").read_bytes() == b"A = 1\n"
        self.done.append(("compile", (directory.name,)))


OWN = [("index.py", b""), ("natkeeper/a.py", b"A = 1\n")]


@pytest.mark.parametrize(
    "fast, target, compiled, steps",
    [
        (True, HERE, True, ["write_methods", "write_patterns", "compile", "_import_entry"]),
        (True, HERE, False, ["write_methods", "write_patterns", "_import_entry"]),
        (False, HERE, True, ["compile", "_import_entry"]),
        (True, ELSEWHERE, True, ["compile"]),
        (False, ELSEWHERE, False, []),
    ],
)
def test_our_own_code_is_made_ready_in_order_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: BundleTarget, steps: list[str], *, fast: bool,
    compiled: bool,
) -> None:  # fmt: skip
    """What is generated is compiled as well, and nothing is tried where it cannot run."""
    seen = Steps(monkeypatch)
    layer = wheels.Layer(tmp_path / "layer" / "dependencies", tmp_path / "layer" / "content.zip")
    spec = BundleSpec("probe", None, None, fast_start=fast)
    compiler: Any = seen if compiled else None
    for given in (layer, layer, None):
        ready = bundles._ready(spec, OWN, given, target, compiler, tmp_path / "cache")
        assert ready.name == "content"
        assert ready.parent.name.startswith(f"probe-{target.name}-own-")
        assert (ready / "natkeeper" / "a.py").read_bytes() == b"A = 1\n"
    folders = {"compile": ("content",), "_import_entry": ("probe", "content", "dependencies")}
    first = [(step, folders.get(step, ("content", "dependencies"))) for step in steps]
    alone = [(step, tuple(each for each in given if each != "dependencies")) for step, given in first]
    assert seen.done == first + alone


def test_each_thing_that_makes_our_own_code_another_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files, its dependencies, its compiler, and whether this machine runs it."""
    seen: Any = Steps(monkeypatch)
    spec, cache = BundleSpec("probe", None, None), tmp_path / "cache"
    one, other = (wheels.Layer(tmp_path / name / "content", tmp_path / "zip") for name in ("one", "other"))
    other_compiler = bytecode.Compiler("false", "cpython-398")
    homes = [
        bundles._ready(spec, own, layer, target, compiler, cache)
        for own, layer, target, compiler in (
            (OWN, None, HERE, None),
            ([*OWN, ("b.py", b"")], None, HERE, None),
            (OWN, one, HERE, None),
            (OWN, other, HERE, None),
            (OWN, None, HERE, seen),
            (OWN, None, HERE, other_compiler),
        )
    ]
    monkeypatch.setattr(bundles, "runs_here", lambda _: False)
    homes.append(bundles._ready(spec, OWN, None, HERE, None, cache))
    assert len({*homes}) == 7


@pytest.mark.parametrize("code, says", [(0, None), (1, "the bundle probe does not import:\nNo module named 'x'")])
def test_an_entry_is_imported_with_nothing_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str | None
) -> None:
    """Without the packages and variables of this environment; nothing is written, and only a failure shows."""
    asked: list[tuple[list[str], dict[str, Any]]] = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        asked.append((command, how))
        return subprocess.CompletedProcess(command, code, "", " No module named 'x'\n")

    monkeypatch.setattr(subprocess, "run", run)
    if says is None:
        bundles._import_entry("probe", tmp_path / "a", tmp_path / "b")
    else:
        with pytest.raises(BundleBroken) as broken:
            bundles._import_entry("probe", tmp_path / "a", tmp_path / "b")
        assert str(broken.value) == says
    [(command, how)] = asked
    assert [*command[:5], *command[6:]] == [
        *(sys.executable, "-I", "-S", "-B", "-c"), str(tmp_path / "a"), str(tmp_path / "b"),
    ]  # fmt: skip
    assert how == {"capture_output": True, "text": True, "check": False}


def test_an_entry_without_a_handler_is_broken(tmp_path: Path) -> None:
    """The platform would find that out at the first event."""
    (tmp_path / "index.py").write_text("handlers = 1\n", encoding="utf-8")
    with pytest.raises(BundleBroken, match="has no attribute 'handler'"):
        bundles._import_entry("probe", tmp_path)


@pytest.mark.parametrize(
    "text, read",
    [('{"sha256": "x"}', {"sha256": "x"}), ("[]", {}), ("{", {}), ("", {}), (None, {}), ("null", {})],
)
def test_a_stamp_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: str | None, read: dict[str, str]) -> None:
    """The bundle is then built again."""
    stamp = tmp_path / "probe.json"
    if text is not None:
        stamp.write_text(text, encoding="utf-8")
    assert bundles._read(stamp) == read
    stamp.unlink(missing_ok=True)
    stamp.mkdir()
    assert bundles._read(stamp) == {}


def test_what_is_begun_lies_beside_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same disk, so that it can be moved there at once, and under a name that tells what it is."""
    made: list[dict[str, Any]] = []
    directory = tempfile.TemporaryDirectory

    def temporary(**given: Any) -> Any:
        made.append(given)
        return directory(**given)

    for path, text in (("functions/probe/index.py", ""), ("natkeeper/a.py", "A = 1\n")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", temporary)
    out, source = tmp_path / "deep" / "out", Source(tmp_path / "functions", tmp_path / "natkeeper", tmp_path)
    spec = BundleSpec("probe", None, None)
    for number in range(2):
        (tmp_path / "natkeeper" / "b.py").write_text(f"{number}", encoding="utf-8")
        bundles.build(spec, source, b"", ELSEWHERE, out, cache=tmp_path / "cache", say=lambda _: None)
    assert made == [{"dir": out, "prefix": ".new-"}] * 2
    assert (out / "probe" / "natkeeper" / "b.py").read_text(encoding="utf-8") == "1"


def test_a_build_that_breaks_off_leaves_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise what is half replaced would be taken for the earlier bundle."""
    for path in ("functions/probe/index.py", "natkeeper/a.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    source, out = Source(tmp_path / "functions", tmp_path / "natkeeper", tmp_path), tmp_path / "out"

    def make(configuration: bytes) -> None:
        spec = BundleSpec("probe", None, "probe.json")
        bundles.build(spec, source, configuration, ELSEWHERE, out, cache=tmp_path / "cache", say=lambda _: None)

    make(b"1")
    monkeypatch.setattr(Path, "replace", None)
    with pytest.raises(TypeError):
        make(b"2")
    assert not (out / "probe.json").exists()
