"""natkeeper.yaml as a person wrote it, read without YAML's surprises and refused with all that is wrong.

YAML 1.1 reads `off` as false, `22:80` as 1342 and `2024-01-01` as a date, and takes the last of two equal
keys without a word. Here those are text, and a key that stands twice is refused.
"""

from __future__ import annotations

import json
import re
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


class _PlainLoader(yaml.SafeLoader):
    """YAML with JSON's idea of what is a number, a truth value and nothing; everything else is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
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


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def read_configuration(path: Path) -> tuple[Config, dict[str, Any]]:
    """Return the configuration in `path`, and the plain data it was read from.

    Raises `ConfigurationRefused` with every problem found.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationRefused(
            path, ["there is no such file; start with  cp natkeeper.example.yaml natkeeper.yaml"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(path, [f"cannot be read: {error}"]) from error
    try:
        data = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigurationRefused(path, [_place(error)]) from error
    try:
        return parse_config(data), data
    except ConfigError as error:
        raise ConfigurationRefused(path, [str(problem) for problem in error.problems]) from error


def as_json(data: dict[str, Any]) -> bytes:
    """Return the data of a configuration as the functions read it, always the same bytes for the same
    data.
    """
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def _place(error: yaml.YAMLError) -> str:
    """Say what is wrong with the YAML itself and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}not YAML that can be read: {problem}"
