"""What `check` advises of a valid configuration, and what it says of s.yaml: one thing at a time, to the letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper import __version__
from natkeeper.cli.config_hints import about_template, advice
from natkeeper.domain.config import Config, parse_config

GROUP: dict[str, Any] = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}], "probe": {"function": "p"}}
OTHER: dict[str, Any] = {"gateways": ["i-gwc"], "fallback": "ngw-abc", "routes": [{"table": "vtb-two"}]}


def config(top: dict[str, Any] | None = None, **group: Any) -> Config:
    """A configuration about which there is nothing to say, with these settings; None leaves one out."""
    settings = {key: value for key, value in {**GROUP, **group}.items() if value is not None}
    return parse_config({"region": "cn-hangzhou", "notify": "n", "groups": {"prod": settings}, **(top or {})})


def test_there_is_nothing_to_say_of_a_good_configuration() -> None:
    """Two gateways, a probe that looks through every table, a person who is told."""
    assert advice(config()) == []


TABLES = [{"table": "vtb-one"}, {"table": "vtb-two"}, {"table": "vtb-two", "destination": "10.9.0.0/16"}]
ZONE = "where Function Compute does not know it either"
ADVICE: dict[str, tuple[Config, str]] = {
    "one gateway": (
        config(gateways=["i-gwa"]), "prod: one gateway and no fallback, so there is nowhere to go when it fails",
    ),
    "no probe": (
        config(probe=None, setup={"every": "9m"}),
        ("prod: no probe.function, so a gateway that hangs or lost its firewall rules is noticed when its next "
        "setup is due (9 min)"),
    ),
    "a table that no probe sees": (
        config(routes=[*TABLES, {"table": "vtb-three", "destination": "10.9.0.0/16"}], setup={"every": "90s"}),
        ("prod: no probe looks through vtb-two, vtb-three (routes[].probe): a gateway that only they lead to and that "
        "hangs is noticed when its next setup is due (1.5 min)"),
    ),
    "a tag": (
        config(gateways={"tag": "a=b"}, vpc="vpc-one"),
        ("prod: anyone who may tag an instance of the VPC may take the route, and has the setup run there as root: "
        "give ecs:TagResources only to people who may do both"),
    ),
    "no setup": (
        config(setup={"mode": "off"}), "prod: setup.mode is off, so nobody looks whether a standby would work",
    ),
    "a zone of the window": (
        config(planned={"window": "02:00-05:00", "timezone": "Asia/Nowhere"}),
        (f"prod: planned.timezone Asia/Nowhere is unknown on this machine: {ZONE}, planned moves do not wait; a "
        "zone is called like Asia/Shanghai"),
    ),
    "ids of the example": (
        config(gateways=["i-example1", "i-gwb"]), "prod: some ids are still those of the example",
    ),
    "a table of the example": (
        config(routes=[{"table": "vtb-example1"}]), "prod: some ids are still those of the example",
    ),
    "a zone": (
        config({"timezone": "Asia/Shanghia"}),
        (f"timezone Asia/Shanghia is unknown on this machine: {ZONE}, messages are in UTC; a zone is called like "
        "Asia/Shanghai. Did you mean Asia/Shanghai?"),
    ),
    "nobody is told": (config({"notify": None}), "no notify, so nobody is told of a move"),
}  # fmt: skip


@pytest.mark.parametrize("case", ADVICE.values(), ids=ADVICE)
def test_each_lack_has_its_advice_and_no_other(case: tuple[Config, str]) -> None:
    """A sentence for each, with what it means."""
    lacks, says = case
    assert advice(lacks) == [says]


@pytest.mark.parametrize(
    "fine",
    [
        config(gateways=["i-gwa"], fallback="ngw-abc"),
        config(planned={"window": "02:00-05:00", "timezone": "Asia/Shanghai"}, setup={"mode": "check"}),
        config({"timezone": "Europe/Berlin"}, routes=[TABLES[0], {**TABLES[1], "probe": "q"}]),
        config(routes="all", vpc="vpc-one", probe={"function": "p", "table": "vtb-one"}),
    ],
)
def test_what_is_nearly_a_lack_is_none(fine: Config) -> None:
    """Its neighbour, of which there is nothing to say."""
    assert advice(fine) == []


TWO = config({"groups": {"prod": GROUP, "dev": {**OTHER, "probe": {"function": "q"}}}})
SAME = {"region": "cn-hangzhou", "group": "prod", "probe": "p", "notify": "n", "version": __version__}
LAY_OUT = "`natkeeper init --output new/natkeeper.yaml` lays out the new one to take over your vars"
ONE_EACH = "s.yaml needs one probe function for each of: {} (`natkeeper probes --write` copies its resource `probe`)"
HELD: dict[str, tuple[Config, Any, list[str], list[str]]] = {
    # the configuration; the variables of s.yaml; what contradicts; what to know
    "the same": (config(), SAME, [], []),
    "a number for a name": (config(), {**SAME, "group": 7}, ["FILE: vars.group is 7, and groups are: prod"],
                            [ONE_EACH.format("prod")]),
    "no variables": (config(), {}, [], [ONE_EACH.format("prod")]),
    "an empty file of variables": (config(), None, [], [ONE_EACH.format("prod")]),
    "another region": (
        config(), {**SAME, "region": "cn-beijing"},
        ["FILE: vars.region is cn-beijing, the configuration is about cn-hangzhou"], [],
    ),
    "another group": (
        TWO, {**SAME, "group": "test"}, ["FILE: vars.group is test, and groups are: prod, dev"],
        [ONE_EACH.format("prod, dev")],
    ),
    "another probe": (
        config(), {**SAME, "probe": "q"}, ["FILE: vars.probe is q, and prod.probe.function is p"], [],
    ),
    "a probe that nobody counts on": (config(probe=None), SAME, [], []),
    "another notify": (
        config(), {**SAME, "notify": "m"}, ["FILE: vars.notify is m, and the configuration's notify is n"], [],
    ),
    "a notify that nobody asks": (config({"notify": None}), SAME, [], []),
    "another release": (
        config(), {**SAME, "version": "0.0.1"}, [],
        [f"FILE is of release 0.0.1, and this is natkeeper {__version__}: {LAY_OUT}"],
    ),
    "one of two groups": (TWO, SAME, [], [ONE_EACH.format("dev")]),
    "a release and a group": (
        TWO, {**SAME, "version": "0.0.1"}, [],
        [f"FILE is of release 0.0.1, and this is natkeeper {__version__}: {LAY_OUT}", ONE_EACH.format("dev")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD.values(), ids=HELD)
def test_s_yaml_and_the_configuration_say_the_same_or_are_told_apart(
    tmp_path: Path, case: tuple[Config, Any, list[str], list[str]]
) -> None:
    """What one of them leaves open contradicts nothing."""
    wanted, variables, wrong, remarks = case
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump({"vars": variables}), encoding="utf-8")
    assert [[said.replace(str(file), "FILE") for said in some] for some in about_template(wanted, file)] == [
        wrong,
        remarks,
    ]


def test_a_group_whose_probe_is_deployed_needs_no_other(tmp_path: Path) -> None:
    """`natkeeper probes --write` has added it, and `check` has nothing to say."""
    file = tmp_path / "s.yaml"
    one = {"component": "fc3", "props": {"functionName": "${vars.other}"}}
    file.write_text(yaml.safe_dump({"vars": {**SAME, "other": "q"}, "resources": {"two": one}}), encoding="utf-8")
    assert about_template(TWO, file) == ([], [])


@pytest.mark.parametrize(
    "text, says",
    [
        (b"vars: [", "cannot be read: "), (b"vars: \xff", "cannot be read: "),
        *((text, "has no vars, or they are no names with values") for text in (b"", b"- a list", b"vars: 3")),
    ],
)  # fmt: skip
def test_an_s_yaml_that_cannot_be_read_is_wrong_and_none_is_not(tmp_path: Path, text: bytes, says: str) -> None:
    """A configuration may be deployed in another way."""
    file = tmp_path / "s.yaml"
    assert about_template(config(), file) == ([], [])
    file.write_bytes(text)
    (wrong,), remarks = about_template(config(), file)
    assert (wrong.startswith(f"{file} {says}"), remarks) == (True, [])
