"""natkeeper.yaml becomes natkeeper.json, or is refused with all that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from natkeeper.domain import config as domain
from natkeeper.domain.config_errors import show
from natkeeper.packaging import ConfigurationRefused, read_configuration
from natkeeper.packaging.configuration import as_json

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
region: cn-hangzhou
groups:
  prod:
    gateways: [i-bp1aaaa]
    routes: [{table: vtb-bp1aaaa}]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "natkeeper.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_baked_into_a_bundle_is_the_same_configuration(tmp_path: Path) -> None:
    """The function parses natkeeper.json to exactly what the operator's file was validated as."""
    config, data = read_configuration(written(tmp_path, GOOD))
    assert domain.parse_config(json.loads(as_json(data))) == config


def test_the_example_is_accepted() -> None:
    """natkeeper.example.yaml can be used as it is, but for its ids."""
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    assert [group.name for group in config.groups] == ["prod"]


def keys_of(struct: type[Any]) -> Iterator[str]:
    """Yield the names of all keys that a configuration struct and those inside it know."""
    for info in msgspec.structs.fields(struct):
        if info.name == "finds":  # `vpc`, `gateways: {tag: …}` and `routes: all` in natkeeper.yaml
            yield "vpc"
            continue
        if info.name != "name":
            yield info.encode_name
        for part in (info.type, *get_args(info.type)):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from keys_of(part)


def test_the_example_shows_every_key_there_is() -> None:
    """A key that the configuration knows stands in the example, with its comment."""
    example = (ROOT / "natkeeper.example.yaml").read_text(encoding="utf-8")
    missing = [key for key in set(keys_of(domain.Config)) if not re.search(rf"\b{key}:", example)]
    assert missing == []
    assert len(set(keys_of(domain.Config))) > 20


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("off", "off"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("22:80", "22:80"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1_000", "1_000"),
        ("true", True),
        ("~", None),
        ("12", 12),
        ("-1.5", -1.5),
        ("'12'", "12"),
    ],
)
def test_yaml_holds_no_surprises(tmp_path: Path, text: str, wanted: object) -> None:
    """Only JSON's own words are numbers, truth values and nothing; a mode called `off` stays a word."""
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(written(tmp_path, f"region: cn-hangzhou\nwhat: {text}\n"))
    assert "what" in str(refused.value)
    mode = written(tmp_path, GOOD + f"    hold_down: {text}\n")
    try:
        _, data = read_configuration(mode)
    except ConfigurationRefused as error:
        assert show(wanted) in str(error)  # noqa: PT017  both outcomes are fine, a changed value is not
    else:
        assert data["groups"]["prod"]["hold_down"] == wanted


def test_setup_off_means_off(tmp_path: Path) -> None:
    """`mode: off` is the word, not a false."""
    config, _ = read_configuration(written(tmp_path, GOOD + "    setup: {mode: off}\n"))
    assert config.groups[0].setup.mode == "off"


@pytest.mark.parametrize(
    "text, says",
    [
        (GOOD + "    gateways: [i-bp1bbbb]\n", "line 7, column 5: .*'gateways' stands here twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  y: 1\n  y: 2\n", "line 5, column 3: .*'y' stands here twice"),
        ("region: [", "line 1, column 10: not YAML"),
        ("region: cn-hangzhou\n\tgroups: {}\n", "line 2, column 1: not YAML"),
        ("1: 2\n", "a key has to be a text, not 1"),
        ("", r"\(top\): got an empty value; allowed: a mapping"),
        (
            GOOD.replace("i-bp1aaaa", "eip-bp1"),
            r"groups\.prod\.gateways: got 'eip-bp1'; allowed: an id such as i-",
        ),
        (GOOD + "    failbak: 30m\n", r"groups\.prod\.failbak: got an unknown key .did you mean failback"),
    ],
)
def test_a_wrong_file_is_refused_with_place_value_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    """Every refusal names the file and says where it is wrong."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationRefused, match=says) as refused:
        read_configuration(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    """Without natkeeper.yaml the message names the example to copy."""
    with pytest.raises(ConfigurationRefused, match=r"cp natkeeper\.example\.yaml"):
        read_configuration(tmp_path / "natkeeper.yaml")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes in two places make two sentences."""
    with pytest.raises(ConfigurationRefused) as refused:
        read_configuration(written(tmp_path, GOOD.replace("cn-hangzhou", "7") + "extra: 1\n"))
    assert len(refused.value.problems) == 2
