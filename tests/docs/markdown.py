"""What the tests of the documentation read out of Markdown: headings, links, code, rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
CONFIGURATION, ZH_CONFIGURATION = DOCS / "configuration.md", DOCS / "zh" / "configuration.md"
COSTS, ZH_COSTS = DOCS / "costs.md", DOCS / "zh" / "costs.md"
CONNECTIONS, ZH_CONNECTIONS = DOCS / "connections.md", DOCS / "zh" / "connections.md"
OPERATIONS, ZH_OPERATIONS = DOCS / "operations.md", DOCS / "zh" / "operations.md"
DESIGN, RELIABILITY = DOCS / "design.md", DOCS / "reliability.md"

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`]+)`")
_BUILT = frozenset(("build", "node_modules"))


class Heading(NamedTuple):
    """A heading: how deep it is and what it says."""

    level: int
    text: str

    @property
    def anchor(self) -> str:
        """The fragment under which GitHub shows it."""
        return re.sub(r"[^\w\- ]", "", self.text.lower()).replace(" ", "-")


class Block(NamedTuple):
    """A fenced piece of code."""

    language: str
    code: str


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    found = (path for path in ROOT.rglob("*.md") if not _hidden(path.relative_to(ROOT)))
    return sorted(found)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in _BUILT for part in path.parts)


def blocks(path: Path, *languages: str) -> list[Block]:
    """The fenced code of a page, in `languages` only where some are named."""
    found = [Block(match[2], match[3]) for match in _FENCE.finditer(path.read_text(encoding="utf-8"))]
    return [block for block in found if not languages or block.language in languages]


def prose(path: Path) -> str:
    """A page without its fenced code."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def headings(path: Path) -> list[Heading]:
    """The headings of a page in order."""
    return [Heading(len(match[1]), match[2]) for match in _HEADING.finditer(prose(path))]


def links(path: Path) -> list[str]:
    """Where the links and pictures of a page lead."""
    return _LINK.findall(prose(path))


def spans(text: str) -> list[str]:
    """The code spans of a text."""
    return _SPAN.findall(text)


def section(path: Path, title: str) -> str:
    """The prose under the heading `title`, up to the next heading of that depth or less."""
    level = next(heading.level for heading in headings(path) if heading.text == title)
    mark = f"\n{'#' * level} {title}\n"
    rest = prose(path).partition(mark)[2]
    assert rest, f"{path.name} has no section {title!r}"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables in `text`, without heads."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]
