"""Pages in two languages say the same, and what they say of the configuration, requests, scenarios and cost is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from natkeeper.cli.commands.cost import FAILOVER, PROBE, compare, listed, units
from natkeeper.domain.config import Config, parse_config
from natkeeper.domain.config_values import MANUAL
from natkeeper.domain.payloads import parse
from natkeeper.domain.requests import MANUAL_ACTIONS
from natkeeper.domain.signals import Manual
from natkeeper.failover.gateway_setup import PRIVATE
from natkeeper.packaging import read_configuration
from natlab.scenarios.catalogue import SHOWN
from tests.docs.markdown import (
    CHINESE,
    CONFIGURATION,
    CONNECTIONS,
    COSTS,
    ENGLISH,
    OPERATIONS,
    RELIABILITY,
    ROOT,
    ZH_CONFIGURATION,
    ZH_CONNECTIONS,
    ZH_COSTS,
    ZH_OPERATIONS,
    blocks,
    headings,
    prose,
    rows,
    section,
    spans,
)

LONGEST_README = 200
pairs = pytest.mark.parametrize(
    "english, chinese",
    [
        (ENGLISH, CHINESE),
        (CONFIGURATION, ZH_CONFIGURATION),
        (CONNECTIONS, ZH_CONNECTIONS),
        (COSTS, ZH_COSTS),
        (OPERATIONS, ZH_OPERATIONS),
    ],
    ids=["readme", "configuration", "connections", "costs", "operations"],
)
readmes = pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["english", "chinese"])
configurations = pytest.mark.parametrize("page", [CONFIGURATION, ZH_CONFIGURATION], ids=["english", "chinese"])
operations = pytest.mark.parametrize("page", [OPERATIONS, ZH_OPERATIONS], ids=["english", "chinese"])
REQUIRED = ("required", "必填")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


# ---- the same in both languages --------------------------------------------------------------------------


@readmes
def test_a_readme_is_short(page: Path) -> None:
    """A reader gets to the end; detail is on the pages that it links."""
    assert len(page.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pairs
def test_both_languages_have_the_same_structure(english: Path, chinese: Path) -> None:
    """Heading by heading, at the same depth."""
    assert [h.level for h in headings(english)] == [h.level for h in headings(chinese)]


@pairs
def test_both_languages_show_the_same_code(english: Path, chinese: Path) -> None:
    """Commands and configuration differ in their comments at most."""

    def code(page: Path) -> list[str]:
        return [re.sub(r"\s+#.*", "", block.code) for block in blocks(page)]

    assert code(english) == code(chinese)


@pairs
def test_both_languages_speak_of_the_same_keys_and_names(english: Path, chinese: Path) -> None:
    """Row by row, the first cells of all tables hold the same code."""

    def firsts(page: Path) -> list[list[str]]:
        return [spans(row[0]) for row in rows(prose(page))]

    assert firsts(english) == firsts(chinese)


@pairs
def test_the_languages_link_to_each_other(english: Path, chinese: Path) -> None:
    """A reader of the wrong one finds the other at the top."""
    for page, other in ((english, chinese), (chinese, english)):
        top = "\n".join(page.read_text(encoding="utf-8").splitlines()[:4])
        assert any((page.parent / link).resolve() == other for link in re.findall(r"\]\(([^)]+)\)", top))


# ---- configuration ---------------------------------------------------------------------------------------


def structs_in(kind: Any) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The structs that a field of type `kind` may hold, each with `[]` where it stands in a list."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield "", kind
    listed = getattr(kind, "__origin__", None) is tuple
    for argument in get_args(kind):
        for mark, struct in structs_in(argument):
            yield ("[]" if listed else "") + mark, struct


def keys_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key below `struct` as the page writes it, with its default."""
    for field in msgspec.structs.fields(struct):
        if field.name in ("name", "finds"):  # `vpc`, `gateways: {tag: …}` and `routes: all` are its keys
            continue
        yield prefix + field.encode_name, field.default
        for mark, below in structs_in(field.type):
            if field.name != "groups":
                yield from keys_of(below, f"{prefix}{field.name}{mark}.")


def documented(page: Path) -> dict[str, str]:
    """The keys that the page's tables have, with the cell that tells the default."""
    return {spans(row[0])[0]: row[2] for row in rows(section(page, "natkeeper.yaml"))}


def known() -> dict[str, Any]:
    """The keys that the configuration has, with their defaults."""
    group = next(struct for field in msgspec.structs.fields(Config) for _, struct in structs_in(field.type))
    return {**dict(keys_of(Config)), **dict(keys_of(group)), "vpc": None, "gateways.tag": msgspec.NODEFAULT}


@configurations
def test_every_configuration_key_is_documented_and_no_other(page: Path) -> None:
    """The structs are the only description of the configuration; the tables follow them."""
    assert set(documented(page)) == set(known())


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    assert match is not None, text
    return int(match[1]) * _UNIT_S[match[2]]


@configurations
def test_every_default_is_the_real_one(page: Path) -> None:
    """A configuration without the key gets what the table says."""
    for key, cell in documented(page).items():
        default, said = known()[key], spans(cell)
        if default is msgspec.NODEFAULT:
            assert cell in REQUIRED, key
        elif default == MANUAL:
            assert said == ["manual"], key
        elif isinstance(default, float):
            assert seconds(said[0]) == default, key
        elif key == "sources":
            assert tuple(said) == PRIVATE
        elif isinstance(default, tuple) and default:
            assert tuple(said) == default, key
        elif isinstance(default, bool):
            assert said == [str(default).lower()], key
        elif isinstance(default, (str, int)):
            assert said == [str(default)], key


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda page: page.name)
def test_configurations_that_are_shown_are_accepted(page: Path, tmp_path: Path) -> None:
    """A configuration that is pasted is not refused."""
    shown = blocks(page, "yaml")
    assert shown
    for block in shown:
        file = tmp_path / "natkeeper.yaml"
        file.write_text(block.code, encoding="utf-8")
        _, data = read_configuration(file)
        parse_config(data)


@configurations
def test_every_variable_of_s_yaml_is_documented(page: Path) -> None:
    """What has to be edited before the first deployment is all there."""
    template = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))
    said = {name for row in rows(prose(page)) for name in spans(row[0])}
    assert set(template["vars"]) <= said


@configurations
def test_every_environment_variable_is_documented(page: Path) -> None:
    """Every NATKEEPER_… that a function reads."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in function_sources())
    names = set(re.findall(r'"(NATKEEPER_[A-Z]+)"', source))
    assert names
    assert names <= {name for row in rows(prose(page)) for name in spans(row[0])}


def function_sources() -> Iterator[Path]:
    """The modules that run in functions."""
    package = ROOT / "shared" / "natkeeper"
    return (path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ("cli", "packaging"))


# ---- requests by hand ------------------------------------------------------------------------------------


def requests(page: Path) -> list[str]:
    """The JSON that the page's commands send to the failover function."""
    shown = "\n".join(block.code for block in blocks(page)) + "\n".join(spans(prose(page)))
    sent = re.findall(r"s failover invoke -e '([^']*)'", shown)
    return sent + re.findall(r"functions/natkeeper-failover/invocations[^']*--body '([^']*)'", shown)


@operations
def test_requests_that_are_shown_are_understood(page: Path) -> None:
    """Each one parses as a person's request."""
    assert requests(page)
    for request in requests(page):
        (signal,) = parse(request)
        assert isinstance(signal, Manual), f"{request}: {signal}"


@operations
def test_every_action_is_shown_and_explained(page: Path) -> None:
    """A person can do no more and no less than what is written there."""
    assert {re.findall(r'"action": "(\w+)"', request)[0] for request in requests(page)} == set(MANUAL_ACTIONS)
    assert set(MANUAL_ACTIONS) <= {spans(row[0])[0] for row in rows(prose(page))}


# ---- what the demo shows ---------------------------------------------------------------------------------


def test_the_scenarios_that_are_shown_are_those_of_the_demo() -> None:
    """The table is the whole one, in its order; a new scenario wants the output pasted anew."""
    (table,) = (block.code for block in blocks(RELIABILITY, "text") if block.code.startswith("scenario "))
    assert [line.split()[0] for line in table.splitlines()[1:]] == [each.name for each in SHOWN]
    assert all(line.endswith(" good") for line in table.splitlines()[1:])


# ---- cost ------------------------------------------------------------------------------------------------

FUNCTIONS = {"natkeeper-failover": FAILOVER, "natkeeper-probe": PROBE}
costs = pytest.mark.parametrize("page, readme", [(COSTS, ENGLISH), (ZH_COSTS, CHINESE)], ids=["english", "chinese"])


def amounts(page: Path) -> dict[str, tuple[str, ...]]:
    """Return the two amounts a month of each line of the page's second table, USD and CNY, by its first cell."""
    lines = [line.strip("|").split(" | ") for line in prose(page).splitlines() if line.startswith("| ")]
    return {cells[0].strip(): tuple(cell.strip(" |") for cell in cells[2:]) for cells in lines if len(cells) == 4}


@costs
def test_the_costs_that_are_told_are_those_of_the_command(page: Path, readme: Path) -> None:
    """`natkeeper cost` for one group with a probe, in both currencies; the README repeats what it says."""
    config = parse_config(yaml.safe_load(blocks(ENGLISH, "yaml")[0].code))
    said = amounts(page)
    for number, currency in enumerate(("usd", "cny")):
        idle, full = (
            {item.what: item.amount for item in compare(config, listed(currency), gigabytes)} for gigabytes in (0, 1024)
        )
        told = {name: both[number] for name, both in said.items()}
        managed = [float(amount) for name, amount in told.items() if "`" not in name and "." in amount]
        assert managed == [round(idle["1 NAT Gateway(s)"], 2), round(full["1 NAT Gateway(s)"] + full["capacity"], 2)]
        (failover,) = (amount for name, amount in told.items() if "`natkeeper-failover`" in name)
        (probe,) = (amount for name, amount in told.items() if "`natkeeper-probe`" in name)
        assert (failover, probe) == (f"{idle['failover function']:.2f}", f"{idle['1 probe(s)']:.2f}")
        assert f"{idle['memory between runs']:.2f}" in prose(page)
        if currency == "usd":
            assert all(amount in prose(readme) for amount in (failover, probe, f"{managed[0]:.2f}"))


@costs
def test_the_arithmetic_that_is_shown_is_that_of_the_command(page: Path, readme: Path) -> None:
    """A reader who checks the sums on paper arrives at the same CU."""
    shown = dict(re.findall(r"^\| `(natkeeper-\w+)`.* = ([\d,.]+) CU", prose(page), re.MULTILINE))
    wanted = {name: f"{round(units(size, listed('usd')), 2):,}" for name, size in FUNCTIONS.items()}
    assert shown == wanted
