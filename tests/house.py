"""Measure the layout of the code, as docs/architecture.md tells it.  `python -m tests.house` prints the table.

A *place* is a file or folder at the top of natkeeper. An import between places counts once for each pair. Levels are
the longest chain of such imports.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / "shared" / "natkeeper"
LAB = ROOT / "lab" / "natlab"
TESTS = ROOT / "tests"
LONGEST_MODULE = 400


@dataclass(frozen=True, slots=True)
class Class:
    """A class: its name and the module that defines it."""

    name: str
    module: str


def modules(*trees: Path) -> Iterator[Path]:
    """Yield every Python module and part of the setup script below `trees`."""
    for tree in trees:
        yield from sorted(path for path in tree.rglob("*") if path.suffix in {".py", ".sh"} and path.is_file())


@cache
def _nodes(path: Path) -> tuple[ast.ClassDef | ast.Import | ast.ImportFrom, ...]:
    """Return the classes and imports of a module."""
    every = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(node for node in every if isinstance(node, (ast.ClassDef, ast.Import, ast.ImportFrom)))


def lines(path: Path) -> int:
    """Count the lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def places() -> list[str]:
    """Return the files and folders at the top of natkeeper that have code."""
    found = (path for path in PRODUCT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())
    return sorted(path.stem for path in found if path.stem != "__init__")


def imports() -> set[tuple[str, str]]:
    """Return the pairs of places of which the first imports the second, annotations included."""
    known = set(places())
    found = set()
    for path in modules(PRODUCT):
        here = path.relative_to(PRODUCT).parts[0].removesuffix(".py")
        if path.suffix == ".py" and here in known:
            found |= {(here, there) for there in _imported(path) if there in known and there != here}
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module == "natkeeper":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("natkeeper."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("natkeeper."))


def levels() -> int:
    """Return how long the longest chain of imports between places is. Raises ValueError in a circle."""
    below = defaultdict(set)
    for first, second in imports():
        below[first].add(second)

    def height(place: str, above: tuple[str, ...] = ()) -> int:
        if place in above:
            raise ValueError(" -> ".join((*above, place)))
        return 1 + max((height(each, (*above, place)) for each in below[place]), default=0)

    return max(height(place) for place in places())


def long_modules() -> list[str]:
    """Return the modules with more than 400 lines, those of the tests included."""
    found = modules(PRODUCT, LAB, TESTS)
    return [str(path.relative_to(ROOT)) for path in found if lines(path) > LONGEST_MODULE]


def classes() -> dict[str, list[Class]]:
    """Return the classes of natkeeper, natlab and the tests whose name more than one module defines."""
    found = defaultdict(list)
    for path in modules(PRODUCT, LAB, TESTS):
        if path.suffix == ".py":
            for node in _nodes(path):
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(Class(node.name, str(path.relative_to(ROOT))))
    return {name: of for name, of in sorted(found.items()) if len({each.module for each in of}) > 1}


def meeting() -> list[tuple[str, str]]:
    """Return the modules that import two classes of one name, with the name."""
    found, twice = [], classes()
    for path in modules(PRODUCT, LAB, TESTS):
        if path.suffix == ".py":
            names = defaultdict(set)
            for node in _nodes(path):
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        names[alias.name].add(node.module)
            found += [(str(path.relative_to(ROOT)), name) for name in twice if len(names[name]) > 1]
    return found


def table() -> list[tuple[str, str]]:
    """Return the rows of the table: what is measured, and the figure."""
    return [
        ("places at the top of natkeeper", str(len(places()))),
        ("levels: the longest chain of imports between them", str(levels())),
        ("imports between its places", str(len(imports()))),
        ("modules over 400 lines", str(len(long_modules()))),
        ("README lines, English and Chinese", f"{lines(ROOT / 'README.md')}, {lines(ROOT / 'README.zh-CN.md')}"),
        ("class names defined twice, tests included", str(len(classes()))),
        ("lines of natkeeper", f"{sum(map(lines, modules(PRODUCT))):,}"),
        ("lines of natlab", f"{sum(map(lines, modules(LAB))):,}"),
        ("lines of tests", f"{sum(map(lines, modules(TESTS))):,}"),
    ]


if __name__ == "__main__":
    for what, figure in table():
        print(f"{what:<52} {figure}")  # noqa: T201  a command's answer
    print(*long_modules(), *classes(), sep="\n")  # noqa: T201
