"""natkeeper.yaml as a person wrote it, read without YAML's surprises and refused with all that is wrong.

YAML 1.1 reads `off` as false, `22:80` as 1342 and `2024-01-01` as a date, and takes the last of two equal
keys without a word. Here those are text, and a key that stands twice is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from natkeeper.domain.config import Config, parse_config
from natkeeper.domain.config_errors import ConfigError


class ConfigurationRefused(Exception):
    """The file cannot be used; `problems` has one sentence for each thing to mend."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        """Keep the sentences and make them the message, the file's name first."""
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = tuple(problems)


_MERGE = "tag:yaml.org,2002:merge"
_FULL_WIDTH = dict(
    zip(
        "\uff1a\uff0c\uff3b\uff3d\uff5b\uff5d\u201c\u201d\u2018\u2019\u3000\uff0d\u3002\u3001\u3010\u3011",
        ":,[]{}\"\"'' -.,[]",
        strict=True,
    )
)
"""Signs that a Chinese input method writes, and that mean nothing in YAML."""
_FULL_WIDTH_WORD = re.compile(
    "[" + "".join(sign for sign in map(chr, range(0xFF01, 0xFF5F)) if sign not in _FULL_WIDTH) + "]+"
)
_UNSEEN = {
    "\u00a0": "a no-break space (U+00A0); write a space",
    **{sign: f"an invisible U+{ord(sign):04X}; delete it" for sign in "\u200b\u200c\u200d\u2060\ufeff"},
}
"""Signs that come along when text is copied from a web page or a chat, and that nobody sees."""
_SHOWN = 40
"""Characters of a value that cannot be read, at most."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|(?:^|\s)#.*")


class _PlainLoader(yaml.SafeLoader):
    """YAML with JSON's idea of what is a number, a truth value and nothing; everything else is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:  # what is merged may be overridden beside it: that is what it is for
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a key has to be a text, not {key!r}", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  any value
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError) as error:  # of a value with a tag, such as `!!int x`, or a number too long
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"{str(node.value)[:_SHOWN]!r} cannot be read as {kind}", node.start_mark
            ) from error


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
    ("merge", r"<<", "<"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def read_configuration(path: Path) -> tuple[Config, dict[str, Any]]:
    """Return the configuration in `path`, and the plain data it was read from.

    Raises `ConfigurationRefused` with every problem found.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationRefused(
            path, ["there is no such file; start with  cp natkeeper.example.yaml natkeeper.yaml"]
        ) from None
    except OSError as error:
        raise ConfigurationRefused(path, [f"cannot be read: {error.strerror or error}"]) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationRefused(path, [_encoding(raw, error)]) from error
    try:
        data = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigurationRefused(path, [*_full_width(text), *_tabs(text), _place(error)]) from error
    except RecursionError:
        raise ConfigurationRefused(
            path, ["not YAML that can be read: is nested deeper than any person writes"]
        ) from None
    try:
        return parse_config(data), data
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems]
        raise ConfigurationRefused(path, [*_full_width(text), *problems]) from error


def as_json(data: dict[str, Any]) -> bytes:
    """Return the data of a configuration as the functions read it, always the same bytes for the same
    data.
    """
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def _encoding(raw: bytes, error: UnicodeDecodeError) -> str:
    """Name the encoding of a file that is not UTF-8, and how to change it."""
    convert = "save it as UTF-8, or convert it:  iconv -f {0} -t UTF-8 FILE > NEW"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return f"is UTF-16 and not UTF-8; {convert.format('UTF-16')}"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        line = raw[: error.start].count(b"\n") + 1
        return f"line {line}: has a byte that is not UTF-8; save the file as UTF-8"
    return f"is GBK and not UTF-8; {convert.format('GB18030')}"


def _full_width(text: str) -> list[str]:
    """List the lines with signs of a Chinese input method, or unseen ones: the likely cause of the rest."""
    return [
        f"line {number}: has {problem}"
        for number, line in enumerate(text.splitlines(), 1)
        for problem in dict.fromkeys(_strange(_QUOTED.sub("", line)))
    ]


def _strange(line: str) -> Iterator[str]:
    for sign in line:
        if sign in _FULL_WIDTH:
            yield f"a full-width {sign!r}; write {_FULL_WIDTH[sign]!r}"
        elif sign in _UNSEEN:
            yield _UNSEEN[sign]
    for word in _FULL_WIDTH_WORD.findall(line):
        yield f"a full-width {word!r}; write {unicodedata.normalize('NFKC', word)!r}"


def _tabs(text: str) -> list[str]:
    """List the lines that a tab indents, which YAML does not take."""
    lines = enumerate(text.splitlines(), 1)
    return [f"line {number}: is indented with a tab; write spaces" for number, line in lines if re.match(r" *\t", line)]


def _place(error: yaml.YAMLError) -> str:
    """Say what is wrong with the YAML itself and where, in one line."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"not YAML that can be read: has a control character (U+{error.character:04X}); delete it"
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    if problem.startswith("but "):
        problem = f"{getattr(error, 'context', '')}, {problem}"
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}not YAML that can be read: {problem}"
