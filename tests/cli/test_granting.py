"""`natkeeper policy`: what is printed is a document that RAM takes, for exactly this configuration."""

from __future__ import annotations

import json

import pytest

from natlab.cloud.kernel.ram import Policy
from tests.cli.screens import assert_screen
from tests.cli.town import ROOT, Command

CONFIG = ("--config", str(ROOT / "natkeeper.example.yaml"))


def test_policies_are_explained(natkeeper: Command) -> None:
    """Who, what for, which actions, on what."""
    assert_screen("policy", natkeeper("policy", *CONFIG).out)


@pytest.mark.parametrize("key", ["function", "oos", "probe", "deployer", "operator", "direct"])
def test_one_document_can_be_pasted(natkeeper: Command, key: str) -> None:
    """Plain JSON that RAM reads, writes limited to what the configuration names."""
    ended = natkeeper("policy", "--for", key, "--account", "1234567890123456", *CONFIG)
    assert ended.code == 0
    document = json.loads(ended.out)
    assert Policy.read(document).statements
    for statement in document["Statement"]:
        changes = [action for action in statement["Action"] if not _reads(action)]
        assert not changes or statement["Resource"] != ["*"] or "Condition" in statement or _is_own(statement), (
            statement
        )


def _reads(action: str) -> bool:
    return action.partition(":")[2].startswith(("Describe", "Get", "List", "Lookup", "Check"))


def _is_own(statement: dict[str, object]) -> bool:
    """A function's network interface has no id before it is made, and the configuration knows no vSwitch of a probe."""
    return "ecs:CreateNetworkInterface" in str(statement)


def test_wrong_names_are_refused(natkeeper: Command) -> None:
    """With those there are."""
    assert (
        "--for takes: function, oos, probe, deployer, operator, direct"
        in natkeeper("policy", "--for", "boss", *CONFIG).err
    )
    assert natkeeper("policy", "--account", "me", *CONFIG).code == 2


def test_all_at_once_for_machines(natkeeper: Command) -> None:
    """--json has name, purpose and document of each."""
    found = natkeeper("policy", "--json", *CONFIG).data["grants"]
    assert [(grant["for"], grant["trusts"]) for grant in found][:3] == [
        ("function", "fc.aliyuncs.com"),
        ("oos", "oos.aliyuncs.com"),
        ("probe", "fc.aliyuncs.com"),
    ]


def test_names_of_ones_own_are_taken(natkeeper: Command) -> None:
    """Functions and roles that are called otherwise in s.yaml."""
    line = ("policy", "--function", "keeper", "--function-role", "Keeper", "--probe-role", "Looker", *CONFIG)
    found = {grant["for"]: grant for grant in natkeeper(*line, "--json").data["grants"]}
    assert (found["function"]["name"], found["probe"]["name"]) == ("keeper", "looker")
    assert "functions/keeper" in json.dumps(found["probe"]["document"])
