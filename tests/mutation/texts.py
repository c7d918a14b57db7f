"""Small faults in files: Python by its tree (mutants.py), YAML by its scalars, shell by its lines."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import yaml

from tests.mutation.areas import ROOT
from tests.mutation.mutants import Mutant, mutants_of, plant

_NUMBER = re.compile(r"(?<![\w.$\\-])(\d+)(?![\w.])")
_SHELL_SWAPS = (
    (" && ", " || "), (" || ", " && "), (" -eq ", " -ne "), (" -ne ", " -eq "), (" = ", " != "), (" != ", " = "),
    (" -gt ", " -ge "), (" -lt ", " -le "), (" -ge ", " -gt "), (" -le ", " -lt "), ("[ -n ", "[ -z "),
    ("[ -z ", "[ -n "), ("return 0", "return 1"), ("return 1", "return 0"), (" -q ", " "), (" --permanent", ""),
)  # fmt: skip
_CONDITION = re.compile(r"^(\s*(?:el)?if |\s*while )(?!!)(.*)$")
_FUNCTION = re.compile(r"^([a-z_0-9]+)\(\) ")
_STATEMENT = re.compile(r"^\s+[a-z_]+( |=).*[^\\({]$")
_PROSE = frozenset({"description", "Description", "Label", "en", "zh-cn"})
_KEYWORDS = ("if ", "elif ", "else", "fi", "for ", "while ", "do", "done", "case ", "esac", "local ", "then", "shift")


@dataclass(frozen=True, slots=True)
class TextMutation:
    """One fault: what becomes of what in which file; `content` makes the whole file with it.

    `lines` are those of its statement, of which a test that can notice it runs one; None where that is not known.
    `function` is the shell function it is in.
    """

    path: Path
    what: str
    text: str
    content: Callable[[], str] = field(compare=False, repr=False)
    twin: int = 1
    lines: range | None = field(default=None, compare=False)
    function: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Name it so that it is found again when lines have moved."""
        again = f" (number {self.twin})" if self.twin > 1 else ""
        return f"{self.path}: {self.what}{again}: {self.text}"


def faults_of(path: Path) -> Iterator[TextMutation]:
    """List every fault that can be planted in a file of the repository; `path` is relative to it."""
    source = (ROOT / path).read_text(encoding="utf-8")
    twins = Counter[str]()
    for fault in _KINDS[path.suffix](path, source):
        twins[str(fault)] += 1
        yield replace(fault, twin=twins[str(fault)])


def _python(path: Path, source: str) -> Iterator[TextMutation]:
    for mutant in mutants_of(path.stem, source):
        where = ".".join(mutant.place.names)
        what = f"{where}: {mutant.what}" if where else mutant.what
        yield TextMutation(path, what, mutant.text, partial(_unparsed, mutant), lines=mutant.place.lines)


def _unparsed(mutant: Mutant) -> str:
    return ast.unparse(plant(mutant)) + "\n"


def _yaml(path: Path, source: str) -> Iterator[TextMutation]:
    """Make every value another: a number one more, a truth its opposite, a text misspelt. Keys and prose stay."""
    for node in _values(yaml.compose(source, Loader=yaml.SafeLoader)):
        start, end = node.start_mark.index, node.end_mark.index
        old = source[start:end]
        new = _other_scalar(node, old)
        if new is not None:
            line = source[source.rfind("\n", 0, start) + 1 : source.find("\n", start)].strip()
            yield TextMutation(
                path, f"{old[:40]!r} becomes another", line, partial("".join, (source[:start], new, source[end:]))
            )


def _values(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                if key.value not in _PROSE:
                    yield from _values(value)
        case yaml.SequenceNode():
            for value in node.value:
                yield from _values(value)
        case yaml.ScalarNode():
            yield node


def _other_scalar(node: yaml.ScalarNode, old: str) -> str | None:
    if node.style in {"|", ">"} or not node.value:
        return None
    if node.tag.endswith(":bool"):
        return "false" if node.value.lower() == "true" else "true"
    if node.tag.endswith(":int"):
        return str(int(node.value) + 1)
    if node.style in {"'", '"'}:
        return f"{old[0]}{old[1:-1]}X{old[-1]}"
    return f"{old}X" if " " not in node.value or "$" in node.value else None


def _shell(path: Path, source: str) -> Iterator[TextMutation]:
    """Turn a condition round, swap an operator, change a number, leave a command out."""
    lines, function = source.splitlines(), ""
    for number, line in enumerate(lines):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if found := _FUNCTION.match(line):
            function = found[1]
        for what, new in _shell_lines(line):
            whole = partial("\n".join, [*lines[:number], new, *lines[number + 1 :], ""])
            yield TextMutation(path, what, line.strip(), whole, function=function)


def _shell_lines(line: str) -> Iterator[tuple[str, str]]:
    code = line.partition(" # ")[0]
    if found := _CONDITION.match(code):
        yield "the condition is turned round", f"{found[1]}! {found[2]}"
    for old, new in _SHELL_SWAPS:
        if old in code:
            yield f"{old.strip()!r} becomes {new.strip()!r}", line.replace(old, new, 1)
    for found in _NUMBER.finditer(code):
        yield (
            f"{found[1]} becomes {int(found[1]) + 1}",
            f"{line[: found.start()]}{int(found[1]) + 1}{line[found.end() :]}",
        )
    if _STATEMENT.match(code) and not code.strip().startswith(_KEYWORDS) and code.count('"') % 2 == 0:
        yield "the command is left out", re.sub(r"\S.*", ":", line, count=1)


_KINDS = {".py": _python, ".yaml": _yaml, ".sh": _shell}
