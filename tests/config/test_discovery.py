"""`vpc`, `gateways: {tag: …}` and `routes: all`: what is accepted, and what is refused with what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.cli.config_schema import effective
from natkeeper.domain.config import parse_config
from natkeeper.domain.config_errors import ConfigError

FOUND: dict[str, Any] = {"vpc": "vpc-one", "gateways": {"tag": "natkeeper=prod"}, "routes": "all"}
LISTED: dict[str, Any] = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}]}


def whole(**groups: dict[str, Any]) -> dict[str, Any]:
    return {"region": "cn-hangzhou", "groups": groups}


def refused(**groups: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(whole(**groups))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "more, tag, routes",
    [
        ({}, "natkeeper=prod", True),
        ({"routes": LISTED["routes"]}, "natkeeper=prod", False),
        ({"gateways": LISTED["gateways"]}, "", True),
        ({"gateways": {"tag": "team=net=core"}}, "team=net=core", True),
    ],
)
def test_gateways_routes_or_both_are_found(more: dict[str, Any], tag: str, routes: bool) -> None:  # noqa: FBT001
    """The key ends at the first equals sign; until something is found, the group has none of it."""
    (group,) = parse_config(whole(prod={**FOUND, **more})).groups
    assert (group.tag, group.finds_routes) == (tag, routes)
    assert bool(group.gateways) is not bool(tag)
    assert bool(group.routes) is not routes


def test_the_effective_configuration_is_written_as_the_file_is() -> None:
    """It parses to the same, and shows what is found as it was asked for."""
    config = parse_config(whole(prod=FOUND, other={**LISTED}))
    written = effective(config)
    assert parse_config(written) == config
    assert {key: written["groups"]["prod"][key] for key in FOUND} == FOUND
    assert "vpc" not in written["groups"]["other"]
    assert "finds" not in str(written)


@pytest.mark.parametrize(
    "more, problem",
    [
        ({"vpc": None}, "groups.prod.vpc: got an empty value; allowed: the id of the VPC in which"),
        ({"vpc": "one"}, "groups.prod.vpc: got 'one'; allowed: the id of the VPC in which"),
        ({"gateways": {"tag": "natkeeper"}}, "groups.prod.gateways.tag: got 'natkeeper'; allowed: KEY=VALUE"),
        ({"gateways": {"tag": "=x"}}, "groups.prod.gateways.tag: got '=x'; allowed: KEY=VALUE"),
        ({"gateways": {"tag": ["a=b"]}}, "groups.prod.gateways.tag: got ['a=b']; allowed: KEY=VALUE"),
        ({"gateways": {}}, "groups.prod.gateways: got {}; allowed: a list of instance ids, or {tag: KEY=VALUE}"),
        (
            {"gateways": ["i-gwa", {"tag": "a=b"}]},
            "groups.prod.gateways: got {'tag': 'a=b'}; allowed: a list of instance ids, or {tag: KEY=VALUE}: a list",
        ),
        (
            {"routes": [{"table": "vtb-one"}, "all"]},
            "groups.prod.routes: got 'all'; allowed: a list of {table: vtb-…}, or `all`: a list and all together",
        ),
        (
            {"routes": "every"},
            "groups.prod.routes: got 'every'; allowed: a list of {table: vtb-…}, or `all`",
        ),
        (
            {"address": {"follow": "eip-one"}},
            "groups.prod.address.follow: got 'eip-one'; allowed: `own` where gateways are found by a tag",
        ),
        (
            {"routes": [{"table": "vtb-one", "prefer": "i-gwa"}]},
            "groups.prod.routes[0].prefer: got 'i-gwa'; allowed: nothing where gateways are found by a tag",
        ),
        (
            {"probe": {"function": "natkeeper-probe"}},
            "groups.prod.probe.table: got an empty value; allowed: the table through which probe.function looks",
        ),
        (
            {"probe": {"function": "natkeeper-probe", "table": "vtb-one", "lane": "198.51.100.7:443"}},
            "groups.prod.probe.lane: got '198.51.100.7:443'; allowed: nothing where routes are `all`",
        ),
        ({"finds": {"vpc": "vpc-one"}}, "groups.prod.finds: got an unknown key; allowed: `vpc`"),
    ],
)
def test_what_cannot_be_found_is_refused(more: dict[str, Any], problem: str) -> None:
    """With the path of the value and what is allowed."""
    problems = refused(prod={**FOUND, **more})
    assert any(each.startswith(problem) for each in problems), problems


@pytest.mark.parametrize("key, extra", [("gateways", {"tag": "a=b"}), ("routes", "all")])
def test_a_list_with_a_search_in_it_is_refused_as_such(key: str, extra: object) -> None:
    """Also where nothing else of the group is found, and no VPC is named."""
    (problem,) = refused(prod={**LISTED, key: [*LISTED[key], extra]})
    assert problem.startswith(f"groups.prod.{key}: got")
    assert "together would leave open" in problem


def test_a_vpc_without_anything_to_find_is_refused() -> None:
    """Lists need none, and a key without effect would be a false sense of limits."""
    (problem,) = refused(prod={**LISTED, "vpc": "vpc-one"})
    assert problem.startswith("groups.prod.vpc: got 'vpc-one'; allowed: nothing, unless")


def test_two_groups_with_one_tag_are_refused() -> None:
    """In one VPC; in another one the same tag means others."""
    (problem,) = refused(prod=FOUND, more=FOUND)
    assert problem.startswith("groups.more.gateways.tag: got 'natkeeper=prod in vpc-one'; allowed: only one group")
    assert len(parse_config(whole(prod=FOUND, more={**FOUND, "vpc": "vpc-two"})).groups) == 2


def test_several_problems_are_told_at_once() -> None:
    """Those of what is found beside the others."""
    problems = refused(prod={**FOUND, "vpc": "one", "fallback": "x", "failback": "soon"})
    assert {problem.partition(":")[0] for problem in problems} == {
        "groups.prod.vpc",
        "groups.prod.fallback",
        "groups.prod.failback",
    }
