"""Dataclasses made from methods that were compiled with the bundle are those that Python would have made."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from natkeeper.failover.fast_dataclasses import MODULE, Inspect, install
from natkeeper.packaging.methods import GENERATED, module_of, write_methods


@pytest.fixture(autouse=True)
def dataclasses_as_they_are() -> Iterator[None]:
    """Give the module its own `exec` back."""
    yield
    vars(dataclasses).pop("exec", None)


def make(default: int = 3) -> Any:
    """Make a class of our usual kind, anew each time."""

    @dataclasses.dataclass(frozen=True, slots=True)
    class Thing:
        """A docstring, so that none is made."""

        name: str
        size: int = default
        parts: list[str] = dataclasses.field(default_factory=list, compare=False)

    return Thing


def texts_of(making: Any) -> list[str]:
    """Note what `dataclasses` compiles meanwhile, as the build does."""
    texts: list[str] = []

    def note(text: str, where: Any, into: Any) -> None:
        texts.append(text)
        exec(text, where, into)  # noqa: S102  what the module itself does

    vars(dataclasses)["exec"] = note
    making()
    del vars(dataclasses)["exec"]
    return texts


def codes_of(texts: list[str]) -> dict[str, CodeType]:
    """Load the generated module."""
    made: dict[str, Any] = {}
    exec(module_of(texts), made)  # noqa: S102  generated here
    codes: dict[str, CodeType] = made["CODES"]
    return codes


def test_a_class_from_compiled_methods_behaves_like_any_other() -> None:
    """Equality, hash, text, defaults, being frozen, replacing; all from code that was not compiled again."""
    texts = texts_of(make)
    assert len(texts) >= 5
    install(codes_of(texts))
    thing = make()
    one, other = thing("a"), thing("a", parts=["x"])
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one).endswith("Thing(name='a', size=3, parts=[])")
    assert one.parts is not thing("a").parts
    assert dataclasses.replace(one, size=5).size == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.size = 4


def test_defaults_are_those_of_each_class() -> None:
    """Two classes with the same text share its code, and nothing else."""
    install(codes_of(texts_of(make)))
    assert (make(3)("a").size, make(7)("a").size) == (3, 7)


def test_a_text_that_is_not_known_is_compiled_as_ever() -> None:
    """On a Python whose dataclasses write other texts nothing is lost but time."""
    install({})
    assert make()("a").size == 3


def test_a_bundle_that_cannot_be_imported_goes_without(tmp_path: Path) -> None:
    """That it cannot is said by the build itself."""
    (tmp_path / "index.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    assert not write_methods(tmp_path)
    assert not (tmp_path / GENERATED).exists()


def test_the_module_has_a_function_for_each_text_that_makes_one() -> None:
    """By the text itself; another text is left to Python."""
    texts = ["def __create_fn__(a):\n return 'def __create_fn__('", "a = 1", "def __create_fn__():\n return 2"]
    codes = codes_of(texts)
    assert list(codes) == [texts[0], texts[2]]
    assert [code.co_name for code in codes.values()] == ["_0", "_2"]
    assert eval(codes[texts[2]]) == 2  # noqa: S307  generated here
    assert codes[texts[0]].co_consts == (None, "def __create_fn__(")
    assert codes_of(texts_of(make)).keys() == {*texts_of(make)}


def test_a_bundle_gets_the_methods_of_all_its_dataclasses(tmp_path: Path) -> None:
    """Also of those in its dependencies, where the function looks for them, and in whatever characters."""
    top, dependencies = tmp_path / "top", tmp_path / "dependencies"
    for path in (top / "natkeeper" / "failover", dependencies):
        path.mkdir(parents=True)
    for package in ("natkeeper", "natkeeper/failover"):
        (top / package / "__init__.py").touch()
    thing = "import dataclasses\n\n\n@dataclasses.dataclass(frozen=True)\nclass {}:\n    {}: int = 3\n"
    (top / "natkeeper" / "own.py").write_text(thing.format("Own", "\u7f51\u5173"), encoding="utf-8")
    (top / "index.py").write_text("import other\n", encoding="utf-8")
    (dependencies / "other.py").write_text(thing.format("Other", "elsewhere"), encoding="utf-8")
    assert write_methods(top, dependencies) is True
    assert ".".join(GENERATED.with_suffix("").parts) == MODULE
    made: dict[str, Any] = {}
    exec((top / GENERATED).read_text(encoding="utf-8"), made)  # noqa: S102  generated here
    assert len(made["CODES"]) > 8
    assert [*made["CODES"]] == sorted(made["CODES"])
    for name in ("self.\u7f51\u5173", "self.elsewhere"):
        assert any(name in text for text in made["CODES"])


def test_what_stands_for_inspect_gives_dataclasses_what_the_module_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations are the same, inherited ones are no part of them; anything else makes way for the real module."""
    import inspect

    class Base:
        first: int

    class Child(Base):
        second: "list[str]"  # noqa: UP037  a text stays a text

    stands = Inspect("inspect")
    monkeypatch.setitem(sys.modules, "inspect", stands)
    for owner in (Base, Child, type("Bare", (Base,), {})):
        assert stands.get_annotations(owner) == inspect.get_annotations(owner)
    assert stands.isclass is inspect.isclass or stands.isclass(Child)
    assert sys.modules["inspect"] is not stands
