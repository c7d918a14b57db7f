"""What the doctor says of groups that find what they do not list, whatever the search brings."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from natkeeper.cli.doctor import discovery
from natkeeper.cli.survey.found import FoundThings
from natkeeper.domain.config import Config, Route, parse_config
from natkeeper.domain.discovery import Finding, completed_all
from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import TaggedInstance
from natkeeper.ports import Failure
from tests.cli.healthy import NOT_SEEN, TABLE, UNSEEN, A, B, difference

TAGGED = tuple(TaggedInstance(InstanceId(name), datetime(2026, 1, 1, tzinfo=timezone.utc)) for name in (A, B))
WELL = Finding(gateways=TAGGED, routes=(Route(table=TableId(TABLE)),))
OTHER = TaggedInstance(InstanceId("i-other"), datetime(2026, 1, 1, tzinfo=timezone.utc))
CONFIG = parse_config(
    {
        "region": "cn-hangzhou",
        "groups": {
            "prod": {"vpc": "vpc-one1", "gateways": {"tag": "natkeeper=prod"}, "routes": "all"},
            "last": {"vpc": "vpc-one1", "gateways": {"tag": "natkeeper=last"}, "routes": [{"table": "vtb-last1"}]},
            "listed": {"gateways": ["i-listed"], "routes": [{"table": "vtb-listed1"}]},
        },
    }
)
LEADS = f"0.0.0.0/0 in {TABLE} leads to gateways"
LAST = "ok [last] what is found: in vpc-one1, i-other has the tag natkeeper=last"
Case = tuple[Finding | Failure, list[str], set[str]]
CASES: dict[str, Case] = {
    # what is found for the first group; what is said; which groups are looked at
    "all": (
        WELL,
        [
            f"ok what is found: in vpc-one1, {A}, {B} have the tag natkeeper=prod and {LEADS}",
            LAST,
        ],
        {"prod", "last", "listed"},
    ),
    "not seen": (UNSEEN, [f"unseen what is found: {NOT_SEEN}", LAST], {"last", "listed"}),
    "nothing": (
        Finding(),
        [
            "wrong what is found: no instance in vpc-one1 has the tag natkeeper=prod",
            "→ give the tag natkeeper=prod to the gateways of prod",
            LAST,
        ],
        {"last", "listed"},
    ),
    "no route": (
        Finding(gateways=TAGGED),
        [
            "wrong what is found: no route table of vpc-one1 has an entry for 0.0.0.0/0 that leads to a gateway",
            "→ point an entry at a gateway",
            LAST,
        ],
        {"last", "listed"},
    ),
    "the tag is taken off": (
        Finding(gateways=TAGGED, routes=WELL.routes, tagged=0),
        ["wrong what is found: no instance in vpc-one1 has the tag natkeeper=prod any more", LAST],
        {"prod", "last", "listed"},
    ),
}


@pytest.mark.parametrize("found, wanted, kept", CASES.values(), ids=CASES)
def test_what_is_found_is_said_and_groups_without_enough_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, found: Finding | Failure, wanted: list[str], kept: set[str]
) -> None:
    """What one group finds changes nothing for the others."""
    findings: dict[str, Finding | Failure] = {"prod": found, "last": Finding(gateways=(OTHER,))}

    def find(_reach: object, config: Config) -> FoundThings:
        known = {name: each for name, each in findings.items() if isinstance(each, Finding)}
        return FoundThings(completed_all(config, known), findings)

    monkeypatch.setattr(discovery, "find", find)
    reach: Any = None
    config, said = discovery.discovered(reach, CONFIG)
    assert difference((), said, wanted) == wanted
    assert {group.name for group in config.groups} == kept
    assert all(group.gateways and group.routes for group in config.groups)
