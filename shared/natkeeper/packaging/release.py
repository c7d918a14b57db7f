"""Where this release's files are that are no modules, and how they become a directory to deploy from.

In a checkout they lie at its top; a wheel carries the same files inside the package. So an installed natkeeper needs no
clone: `natkeeper init` lays out s.yaml beside natkeeper.yaml, whose first step is `natkeeper package`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

_PACKAGE = Path(__file__).resolve().parents[1]
TEMPLATE = "s.yaml"
EXAMPLE = "natkeeper.example.yaml"
SCHEMA = "templates/natkeeper.schema.json"
IGNORED = ".gitignore"
NOT_KEPT = "/build/\n/.s/\n# where people are notified: tokens\n/natkeeper.notify\n/.env\n"


def root() -> Path:
    """Return the directory with s.yaml, functions/, requirements/ and templates/. Raises FileNotFoundError."""
    for place in (_PACKAGE.parents[1], _PACKAGE / "_files"):
        if (place / "functions").is_dir() and (place / TEMPLATE).is_file():
            return place
    raise FileNotFoundError(f"{_PACKAGE} is neither in a checkout of natkeeper nor from its wheel")


def is_checkout() -> bool:
    """Return True if this module runs from a checkout."""
    return root() == _PACKAGE.parents[1]


def cache() -> Path:
    """Return where the local cloud's bundles are kept: in a checkout its own build/, else the user's cache."""
    if is_checkout():
        return root() / "build" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "natkeeper"


def lay_out(directory: Path, variables: Mapping[str, str]) -> list[str]:
    """Write what `s deploy` needs beside natkeeper.yaml, and nothing over a file that is there; return the names.

    `variables` are put into `vars` of s.yaml.
    """
    files = {
        TEMPLATE: with_variables(for_installed((root() / TEMPLATE).read_text(encoding="utf-8")), variables),
        EXAMPLE: (root() / EXAMPLE).read_text(encoding="utf-8"),
        SCHEMA: (root() / SCHEMA).read_text(encoding="utf-8"),
        IGNORED: NOT_KEPT,
    }
    written = []
    for name, text in files.items():
        path = directory / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(name)
    return written


def for_installed(text: str, *, package: str = "natkeeper package", command: str = "natkeeper") -> str:
    """Return s.yaml with the commands of an installed natkeeper in the place of those of a checkout."""
    return text.replace("make bundle", package).replace(".venv/bin/natkeeper", command)


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """Return s.yaml with these texts in `vars`; comments stay. Raises ValueError for a variable that it has not."""
    for name, value in variables.items():
        written = value if value.startswith('"') or yaml.safe_load(value) == value else f'"{value}"'
        pattern = re.compile(rf"^(  {name}: )(?:\"[^\"]*\"|[^#\n]*?)((?: +#.*)?)$", re.MULTILINE)
        text, count = pattern.subn(rf"\g<1>{written}\g<2>", text)
        if not count:
            raise ValueError(f"s.yaml has no variable {name}")
    return text
