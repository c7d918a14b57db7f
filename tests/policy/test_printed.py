"""Every statement of every policy: of one configuration, and of what differs from it where one thing of it does.

printed/base.txt has what the first configuration's policies say. printed/others.txt has the others: what is changed in
the configuration (by the path of a field; null: it is not there) and which names differ from s.yaml's (`names`); below
it the lines that are another, and after a minus for what there is none any more. NATKEEPER_SCREENS=1 writes both anew,
for a person to read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from natkeeper.cli.policies import DeployedNames, Statement, grants
from natkeeper.domain.config import parse_config
from natkeeper.domain.ids import InstanceId
from tests.receipts.telling import with_

PRINTED = Path(__file__).with_name("printed")
BASE: dict[str, Any] = {
    "region": "cn-hangzhou",
    "notify": "natkeeper-notify",
    "groups": {
        "one": {
            "gateways": ["i-gwa", "i-gwb"],
            "routes": [{"table": "vtb-one"}, {"table": "vtb-two"}],
            "probe": {"function": "natkeeper-probe-a"},
        },
        "two": {"gateways": ["i-gwc", "i-gwd"], "routes": [{"table": "vtb-three"}], "setup": {"via": "assistant"}},
    },
}


def printed(change: dict[str, Any]) -> list[str]:
    """Say each statement of each grant in a line."""
    change = dict(change)
    names = DeployedNames(**change.pop("names", {}))
    lines = []
    for key, grant in grants(parse_config(with_(BASE, change)), names).items():
        lines.append(f"{key}: {grant.name}, {grant.policy_name}: {grant.purpose}")
        lines += [f"{key}: trusts {grant.trusts}"] if grant.trusts else []
        lines += [f"{key}: of {', '.join(grant.groups)}"] if grant.groups else []
        lines += [f"{key}: {as_line(statement)}" for statement in grant.statements]
    return lines


def as_line(statement: Statement) -> str:
    """Say what for, what, on what, and under which condition."""
    where = "" if statement.resources == ("*",) else f" on {' '.join(statement.resources)}"
    when = f" where {statement.condition}" if statement.condition else ""
    return f"{statement.purpose}: {' '.join(statement.actions)}{where}{when}"


def differs(change: dict[str, Any]) -> list[str]:
    """Say which lines are another with the change, and after a minus for what there is none any more."""
    before, after = printed({}), printed(change)
    heads = {head(line) for line in after}
    return [*(line for line in after if line not in before), *(f"- {h}" for h in map(head, before) if h not in heads)]


def head(line: str) -> str:
    """Name the grant and the purpose of a line."""
    return ": ".join(line.split(": ")[:2])


def others() -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Read the changes, each with what is printed for it."""
    for block in (PRINTED / "others.txt").read_text(encoding="utf-8").split("\n\n"):
        change, *said = block.strip("\n").splitlines()
        yield json.loads(change), said


def test_every_statement_of_a_configuration_is_printed() -> None:
    """For each role and each kind of person: nothing is left out, and nothing is wider."""
    file = PRINTED / "base.txt"
    if os.environ.get("NATKEEPER_SCREENS"):
        file.write_text("\n".join(printed({})) + "\n", encoding="utf-8")
        blocks = (json.dumps(change) + "\n" + "\n".join(differs(change)) for change, _ in [*others()])
        (PRINTED / "others.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    assert printed({}) == file.read_text(encoding="utf-8").splitlines()


def test_gateways_that_were_found_are_not_listed() -> None:
    """The tag is the limit: who prints the policies with what is found now prints the same."""
    found = {"vpc": "vpc-one", "gateways": {"tag": "natkeeper=one"}, "routes": "all", "standby": "cold"}
    config = parse_config({"region": "cn-hangzhou", "groups": {"found": found}})
    (group,) = config.groups
    assert grants(replace(config, groups=(replace(group, gateways=(InstanceId("i-gwx"),)),))) == grants(config)


@pytest.mark.parametrize("change, said", [*others()], ids=lambda case: json.dumps(case)[:60])
def test_what_differs_in_a_configuration_differs_in_its_policies(change: dict[str, Any], said: list[str]) -> None:
    """And nothing else does: a right comes with what needs it, and goes with it."""
    assert differs(change) == said
