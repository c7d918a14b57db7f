"""The few of an Alibaba SDK's thousand operations that a bundle can ever touch.

A product's SDK has one module for each request and answer of every operation: some 6,500 files in the
failover function, nearly all for operations that it never calls, and every one unpacked at a cold start. Kept
is what our own sources name: the operations by their method (`describe_instances`, `…_with_options`) and the
classes by their name, and then whatever those mention. `models/__init__.py` and `client.py` (40,000 lines) are cut
down to the same, so that a plain import works as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_PRODUCT = re.compile(r"alibabacloud_[a-z]+\d{8}")
"""A product and the date of its API: not the base packages, which import their own models."""
_IMPORT = re.compile(r"from \.(_\w+) import (\w+)")
_MENTION = re.compile(r"main_models\.(\w+)")
_VARIANT = re.compile(r"(_with_options|_with_sse|_advance)?(_async)?$")
"""How the methods of one operation differ in name."""
_PARTS = ("request", "shrink_request", "headers", "shrink_headers", "response", "response_body")

Selection = Mapping[str, tuple[str, ...]]
"""For each SDK package, the modules under models/ that are kept, without `.py`."""


def selection(site: Path, ours: Iterable[bytes]) -> Selection:
    """Return which model modules of the SDKs below `site` the sources `ours` can reach.

    Every word of the sources counts, in comments and texts as well: one module too many does no harm.
    """
    words = {word for source in ours for word in re.findall(r"\w+", source.decode(errors="replace"))}
    return {
        package.name: _kept(package / "models", words)
        for package in sorted(site.iterdir())
        if _PRODUCT.fullmatch(package.name) and (package / "models" / "__init__.py").exists()
    }


def keep_only(site: Path, chosen: Selection) -> None:
    """Take away the model modules that are not in `chosen`, their names, and the methods of their operations."""
    for name, kept in chosen.items():
        models = site / name / "models"
        _cut(site / name / "client.py", operations(module for module, _ in classes(models)) - operations(kept))
        for path in models.glob("_*.py"):
            if path.stem not in kept and path.name != "__init__.py":
                path.unlink()
        index = models / "__init__.py"
        lines = [f"from .{module} import {each}" for module, each in classes(models) if module in kept]
        index.unlink()  # it may be a hard link to a cached file
        index.write_text("\n".join(["from __future__ import annotations", *lines]) + "\n", encoding="utf-8")


def operations(modules: Iterable[str]) -> set[str]:
    """Return the operations that the model modules belong to, by the names of their methods."""
    return {module.removesuffix("_response")[1:] for module in modules if module.endswith("_response")}


def _cut(client: Path, unwanted: set[str]) -> None:
    """Take the methods of `unwanted` operations out of the client class. Other lines stay as they are."""
    if not client.exists():
        return
    text = client.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for statement in ast.parse(text).body:
        for method in statement.body if isinstance(statement, ast.ClassDef) else ():
            if not isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if _VARIANT.sub("", method.name, count=1) in unwanted:
                first = min([method.lineno, *(decorator.lineno for decorator in method.decorator_list)])
                lines[first - 1 : method.end_lineno] = [""] * ((method.end_lineno or first) - first + 1)
    client.unlink()  # it may be a hard link to a cached file
    client.write_text("".join(lines), encoding="utf-8")


def classes(models: Path) -> list[tuple[str, str]]:
    """Return module and class of every import in a models package, in its order."""
    found = _IMPORT.findall((models / "__init__.py").read_text(encoding="utf-8"))
    there = {path.stem for path in models.glob("*.py")}
    return [(module, each) for module, each in found if module in there]


def _kept(models: Path, words: set[str]) -> tuple[str, ...]:
    home = {each: module for module, each in classes(models)}
    modules = set(home.values())
    called = {each for each in operations(modules) if each in words or f"{each}_with_options" in words}
    wanted = {f"_{each}_{part}" for each in called for part in _PARTS} & modules
    wanted |= {home[word] for word in words if word in home}
    kept: set[str] = set()
    while wanted:
        kept |= wanted
        mentioned = {
            name for module in wanted for name in _MENTION.findall((models / f"{module}.py").read_text("utf-8"))
        }
        wanted = {home[name] for name in mentioned if name in home} - kept
    return tuple(sorted(kept))
