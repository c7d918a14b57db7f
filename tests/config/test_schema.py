"""The JSON Schema accepts and refuses what the parser does; the effective configuration parses to the same."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from natkeeper.cli.config_schema import FILE, effective, schema
from natkeeper.domain.config import parse_config
from natkeeper.domain.config_errors import ConfigError
from natkeeper.packaging.configuration import read_configuration
from tests.cli.town import ROOT

GROUP: dict[str, Any] = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}]}


def whole(top: dict[str, Any] | None = None, **group: Any) -> dict[str, Any]:
    """A configuration with these settings; None leaves one out."""
    settings = {key: value for key, value in {**GROUP, **group}.items() if value is not None}
    return {"region": "cn-hangzhou", "groups": {"prod": settings}, **(top or {})}


def takes(data: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema()).is_valid(data))


def parses(data: Any) -> bool:
    try:
        parse_config(data)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    "data",
    [
        whole(),
        whole(
            {"notify": "natkeeper-notify", "language": "zh", "timezone": "Asia/Shanghai", "runbook": "https://x.test/y"}
        ),
        whole(failback="manual", hold_down=30, fallback="ngw-abc", address={"follow": "eip-abc"}),
        whole(planned={"window": "22:00-01:30", "days": ["sat", "sun"], "timezone": "Europe/Berlin"}),
        whole(planned={"window": "00:00-24:00"}),
        whole(address="own", failback="30m", sources=["10.0.0.0/8"], forwards=[{"port": 80, "to": "10.0.0.5:80"}]),
        whole(probe={"function": "p", "lane": "223.6.6.6:53"}),
        whole(probe={"function": "p", "interval": "800ms", "failures": 2}, setup={"mode": "check", "every": "5m"}),
        whole(routes=[{"table": "vtb-one", "destination": "10.8.0.0/16", "prefer": "i-gwa"}]),
        whole(vpc="vpc-one", gateways={"tag": "natkeeper=prod"}, routes="all"),
        whole(vpc="vpc-one", gateways={"tag": "acs:autoscaling:scalingGroupId=asg-one"}),
        whole(vpc="vpc-one", routes="all", probe={"function": "p", "table": "vtb-one"}),
    ],
)
def test_what_the_parser_takes_the_schema_takes(data: dict[str, Any]) -> None:
    """Every key at least once."""
    assert (parses(data), takes(data)) == (True, True)


@pytest.mark.parametrize(
    "data",
    [
        [], {}, whole({"regoin": "x"}), whole({"region": "Hangzhou!"}), whole({"language": "de"}),
        whole({"timezone": "+8"}),
        {"region": "cn-hangzhou", "groups": {}}, {"region": "cn-hangzhou", "groups": {"Prod": GROUP}},
        whole(gateways=[]), whole(gateways=["gwa"]), whole(gateways=["i-gwa", "i-gwa"]), whole(gateways=None),
        whole(routes=[]), whole(routes=[{}]), whole(routes=[{"table": "one"}]),
        whole(routes=[{"table": "vtb-one", "x": 1}]),
        whole(address="mine"), whole(address={"follow": "i-gwa"}), whole(fallback="nat"), whole(failback="soon"),
        whole(hold_down=-1), whole(forwards=[{"port": 0, "to": "10.0.0.5:80"}]), whole(forwards=[{"port": 80}]),
        whole(forwards=[{"port": 80, "to": "x"}]), whole(probe={"failures": 1}), whole(probe={"failures": 21}),
        whole(probe={"targets": []}), whole(probe={"function": "a b"}), whole(setup={"mode": "maybe"}),
        whole(planned={}), whole(planned={"window": "2-5"}), whole(planned={"window": "02:00-25:00"}),
        whole(planned={"window": "02:00-05:00", "days": []}), whole(planned={"window": "02:00-05:00", "days": ["Mo"]}),
        whole(planned={"window": "02:00-05:00", "days": ["mon", "mon"]}),
        whole(planned={"window": "02:00-05:00", "timezone": "+8"}), whole(planned="02:00-05:00"),
        whole(setup={"via": "ssh"}), whole(setup={"role": "a b"}), whole(sources=["x"]), whole(name="x"),
        whole(gateways={"tag": "a=b"}), whole(routes="all"), whole(vpc="vpc-one"), whole(routes="every", vpc="vpc-one"),
        whole(vpc="one", routes="all"), whole(vpc="vpc-one", gateways={"tag": "a"}), whole(finds={"vpc": "vpc-one"}),
        whole(vpc="vpc-one", gateways={"tag": "a="}), whole(vpc="vpc-one", gateways={"tag": "a=b", "most": 3}),
        whole(vpc="vpc-one", gateways=["i-gwa", {"tag": "a=b"}]), whole(vpc="vpc-one", routes=["all"]),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_by_itself_the_schema_refuses(data: Any) -> None:
    """All but comparisons between values."""
    assert (parses(data), takes(data)) == (False, False)


def test_the_published_file_is_the_generated_one() -> None:
    """`natkeeper config --schema > templates/natkeeper.schema.json` after a change; the example names it."""
    assert json.loads((ROOT / FILE).read_text(encoding="utf-8")) == schema()
    example = (ROOT / "natkeeper.example.yaml").read_text(encoding="utf-8")
    assert example.splitlines()[0] == f"# yaml-language-server: $schema={FILE}"
    _, data = read_configuration(ROOT / "natkeeper.example.yaml")
    assert takes(data)


def test_the_effective_configuration_parses_to_the_same() -> None:
    """With every default written out."""
    parsed, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    assert parse_config(effective(parsed)) == parsed
    small = effective(parse_config(whole()))
    assert small["groups"]["prod"]["failback"] == "manual"
    assert small["groups"]["prod"]["setup"]["mode"] == "apply"
    assert takes(json.loads(json.dumps(small)))
