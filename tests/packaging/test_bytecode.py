"""Which Python compiles a bundle, and how it is started."""

from __future__ import annotations

import marshal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from natkeeper.packaging import FUNCTION_COMPUTE, bytecode
from natkeeper.packaging.bytecode import Compiler, compiler_for

OURS = "{}.{}".format(*sys.version_info)
TAG = f"cpython-{OURS.replace('.', '')}"


@pytest.mark.parametrize(
    "script, found",
    [
        ("echo cpython-399", True),
        ("echo cpython-398", False),
        ("echo cpython-399; exit 1", False),
        ("exit 127", False),
        (None, False),
    ],
)
def test_a_python_of_the_targets_version_is_asked_which_bytecode_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, *, found: bool
) -> None:
    """One that answers otherwise, or fails, as the shim of a version that is not installed does, is not taken."""
    python = tmp_path / "python3.99"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = Compiler(str(python), "cpython-399") if found else None
    assert compiler_for(replace(FUNCTION_COMPUTE, python="3.99")) == wanted


def test_the_python_that_packs_compiles_for_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started to find out what it is."""
    monkeypatch.setattr(subprocess, "run", None)
    assert compiler_for(replace(FUNCTION_COMPUTE, python=OURS)) == Compiler(sys.executable, TAG)


@pytest.mark.parametrize("path", ["/usr/bin:/opt", None])
def test_bytecode_depends_on_nothing_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str | None
) -> None:
    """One hash seed, one locale, no packages of the user or the site; of the environment only the path is left."""
    asked: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], **_: object) -> None:
        asked.append((command, env))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    if path is None:
        monkeypatch.delenv("PATH")
    else:
        monkeypatch.setenv("PATH", path)
    Compiler("python3.99", "cpython-399").compile(tmp_path)
    [(command, environment)] = asked
    assert command == ["python3.99", "-s", "-S", "-c", bytecode._COMPILE, str(tmp_path), "/code"]
    assert environment == {"PATH": path or "", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def test_a_file_that_is_not_for_this_python_is_left_and_the_rest_compiled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a word, as it stands in a wheel and is never imported; the others name themselves as they will lie."""
    (tmp_path / "broken.py").write_text("print 'two'\n", encoding="utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "fine.py").write_text("A = 1\n", encoding="utf-8")
    Compiler(sys.executable, TAG).compile(tmp_path)
    [made] = tmp_path.rglob("*.pyc")
    assert made.name == f"fine.{TAG}.pyc"
    content = made.read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01  # not checked against its source
    assert marshal.loads(content[16:]).co_filename == "/code/package/fine.py"  # noqa: S302  our own
    assert capfd.readouterr() == ("", "")
