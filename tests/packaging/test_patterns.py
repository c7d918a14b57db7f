"""Regular expressions that were compiled with the bundle are those that `re` would have compiled."""

from __future__ import annotations

import re
import re._compiler as compiler  # type: ignore[import-not-found]
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natkeeper.failover.fast_patterns import MODULE, install
from natkeeper.packaging.patterns import GENERATED, write_patterns

SOURCE = r"""
import re
print("a module may say something")
NAMES = re.compile(r"(?P<first>[a-z]+)[- ](?P<last>[^\W\d_]+)", re.IGNORECASE)
BYTES = re.compile(rb"[^\x00-\x7f]|\d{2,5}?")
SPACED = re.compile("  a | (b)  # c", re.VERBOSE | re.MULTILINE)
LOOKS = re.compile(r"(q)?(?i:x)(?=y)(?!z)(?<=w)[\u4e00-\u9fff]+(?(1)a|b)")
"""


@pytest.fixture(autouse=True)
def compiler_as_it_is() -> Iterator[None]:
    """Let `re` compile by itself again, with nothing kept."""
    compile_slowly = compiler.compile
    yield
    compiler.compile = compile_slowly
    re.purge()


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Any]:
    """What the build generates for a bundle with the expressions of SOURCE."""
    (tmp_path / "index.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / GENERATED).parent.mkdir(parents=True)
    for package in ("natkeeper", "natkeeper/failover"):
        (tmp_path / package / "__init__.py").touch()
    assert write_patterns(tmp_path)
    return runpy.run_path(str(tmp_path / GENERATED))


def test_expressions_of_the_table_are_equal_to_those_compiled_here(made: dict[str, Any]) -> None:
    """Equal are expressions with the same text, flags and code. Names of groups are checked beside it."""
    wanted = {key: re.compile(*key) for key in made["PATTERNS"]}
    re.purge()
    install(made["MAGIC"], made["PATTERNS"])
    assert len(wanted) >= 4
    for key, pattern in wanted.items():
        taken = re.compile(*key)
        assert taken is not pattern
        assert (taken, taken.groupindex, taken.groups) == (pattern, pattern.groupindex, pattern.groups)
    found = re.compile(r"(?P<first>[a-z]+)[- ](?P<last>[^\W\d_]+)", re.IGNORECASE).match("Ada Lovelace")
    assert found is not None
    assert found.groupdict() == {"first": "Ada", "last": "Lovelace"}


def test_the_table_lies_where_a_function_looks_for_it() -> None:
    """Elsewhere every expression would be compiled at a cold start, and nobody would notice."""
    assert ".".join(GENERATED.with_suffix("").parts) == MODULE


def test_nothing_of_the_table_is_compiled(made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what it is for. What is not in it is compiled as ever."""
    slowly: list[Any] = []
    compile_slowly = compiler.compile

    def noted(pattern: Any, flags: int = 0) -> Any:
        slowly.append(pattern)
        return compile_slowly(pattern, flags)

    monkeypatch.setattr(compiler, "compile", noted)
    install(made["MAGIC"], made["PATTERNS"])
    re.purge()
    for pattern, flags in made["PATTERNS"]:
        re.compile(pattern, flags)
    assert slowly == []
    assert re.compile("not in it").match("not in it")
    assert slowly == ["not in it"]


def test_a_table_of_another_compiler_is_not_used(made: dict[str, Any]) -> None:
    """Code means something else to it."""
    before = compiler.compile
    install(made["MAGIC"] + 1, made["PATTERNS"])
    assert compiler.compile is before


def test_a_bundle_that_cannot_be_imported_works_without(tmp_path: Path) -> None:
    """Its expressions are compiled when it starts."""
    (tmp_path / "index.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    assert not write_patterns(tmp_path)
    assert not (tmp_path / GENERATED).exists()


def test_a_python_without_that_compiler_compiles_as_ever() -> None:
    """The functions of FC 2.0 run 3.10, where it has another name."""
    code = (
        "import re, sys; sys.modules['re._compiler'] = None\n"
        "import natkeeper.failover.fast_patterns; print(re.compile('a+b').match('aab').end())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")
