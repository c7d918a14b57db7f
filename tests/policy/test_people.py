"""Operators and deployers: their printed policies suffice for their commands, and every permission is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from natkeeper.cli.policies import Grant, grants
from natkeeper.packaging import read_configuration
from natlab.cloud.kernel.accounts import KeyPair
from natlab.deploy import Deployer, DeployError
from tests.cli.town import Command, Ended, Workspace, command, town

ASSISTANT = ("ecs:DescribeInvocations", "ecs:DescribeInvocationResults")
"""Read where setups do not go through OOS."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A town with an EIP that follows and a fallback, in whose directory commands run."""
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    with town(tmp_path) as built:
        c, d = (built.cloud.ecs.create_instance(built.private, name=name) for name in ("nat-c", "nat-d"))
        eip = built.cloud.vpc.allocate_eip(c)
        params = {"RegionId": built.cloud.region, "RouteTableId": built.table, "DestinationCidrBlock": "0.0.0.0/0"}
        built.cloud.call("vpc", "ModifyRouteEntry", {**params, "NewNextHopType": "Instance", "NewNextHopId": c})
        built.cloud.fc.wait_for(lambda: False, 0.1)
        fallback = built.cloud.vpc.create_nat_gateway(built.vpc, built.private)
        common = {"gateways": [c, d], "address": {"follow": eip}, "fallback": fallback}
        built.write(**common, setup={"via": "assistant"})
        (tmp_path / "natkeeper.yaml").rename(tmp_path / "assistant.yaml")
        built.write(**common, setup={"via": "oos"})
        monkeypatch.setenv("NATKEEPER_ENDPOINT", built.cloud.endpoint)
        yield built


@pytest.fixture
def natkeeper(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command line."""
    return command(capsys)


def grant_of(key: str) -> Grant:
    return grants(read_configuration(Path("natkeeper.yaml"))[0])[key]


def become(monkeypatch: pytest.MonkeyPatch, key: KeyPair) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret)


def allow(place: Workspace, user: str, *wanted: Grant) -> None:
    """Give a user exactly these grants."""
    users = place.cloud.ram.users
    users[user] = replace(users[user], policies={grant.name: grant.document() for grant in wanted})


def lines_for(action: str, purpose: str = "") -> Sequence[str]:
    """A command line that needs this permission."""
    if "notified" in purpose:
        return ("doctor",)
    if action == "fc:InvokeFunction":
        return ("status",)
    if action == "actiontrail:LookupEvents":
        return ("history",)
    if action == "vpc:DescribeVpcs":
        return ("init", "--region", "cn-hangzhou", "-o", "-")
    return ("doctor", "-c", "assistant.yaml") if action in ASSISTANT else ("doctor",)


def test_an_operator_needs_exactly_the_printed_permissions(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With them every command works and the doctor sees everything; without any one, a command says which it is."""
    become(monkeypatch, place.key)
    place.settle()
    natkeeper("setup", "prod", "--direct")
    natkeeper("setup", "prod", "--direct", "-c", "assistant.yaml")
    answer = "import json\ndef handler(event, context):\n    return json.dumps({'addresses': 2})\n"
    place.replace_code("natkeeper-notify", answer)
    become(monkeypatch, place.cloud.ram.create_user("ann"))
    place.cloud.ram.enforce()
    operator = grant_of("operator")
    allow(place, "ann", operator)
    assert _settled(natkeeper).code == 0
    for line in (
        ["status"],
        ["plan"],
        ["history"],
        ["switch", "prod", "--dry-run"],
        list(lines_for("vpc:DescribeVpcs")),
    ):
        ended = natkeeper(*line)
        assert ended.code == 0, (line, ended)
    for number, statement in enumerate(operator.statements):
        for action in statement.actions:
            left = tuple(one for one in statement.actions if one != action)
            kept = [s for place_, s in enumerate(operator.statements) if place_ != number]
            kept += [replace(statement, actions=left)] if left else []
            allow(place, "ann", replace(operator, statements=tuple(kept)))
            ended = natkeeper(*lines_for(action, statement.purpose))
            assert ended.code in (1, 4), (action, ended)
            assert action in ended.out + ended.err, (action, ended)


def _settled(natkeeper: Command) -> Ended:
    """Look until the setups have ended."""
    ended = natkeeper("doctor", "--all")
    for _ in range(40):
        if "is under way" not in ended.out:
            break
        time.sleep(0.2)
        ended = natkeeper("doctor", "--all")
    assert "not seen" not in ended.out, ended.out
    return ended


def test_a_person_who_acts_directly_needs_what_the_function_needs(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--direct` with the printed policy, and without it."""
    first, second = place.config["groups"]["prod"]["gateways"]
    become(monkeypatch, place.key)
    place.settle()
    become(monkeypatch, place.cloud.ram.create_user("ann"))
    place.cloud.ram.enforce()
    direct = grant_of("direct")
    for missing in ("vpc:AssociateEipAddress", "vpc:ModifyRouteEntry"):
        kept = (tuple(one for one in each.actions if one != missing) for each in direct.statements)
        statements = [replace(each, actions=left) for each, left in zip(direct.statements, kept, strict=True) if left]
        allow(place, "ann", replace(direct, statements=tuple(statements)))
        ended = natkeeper("switch", "prod", "--direct")
        assert (ended.code, place.hop) == (5, first), ended
        assert missing in ended.out
    allow(place, "ann", direct)
    ended = natkeeper("switch", "prod", "--direct")
    assert (ended.code, place.hop) == (0, second), ended


def test_a_deployer_needs_exactly_the_printed_permissions(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s.yaml and the OOS template with them; without any one statement something is refused, which is named."""
    become(monkeypatch, place.key)
    place.cloud.ram.create_role("natkeeper-failover", "fc.aliyuncs.com")
    place.cloud.ram.create_role("natkeeper-probe", "fc.aliyuncs.com")
    key = place.cloud.ram.create_user("dan")
    place.cloud.ram.enforce()
    become(monkeypatch, key)
    deployer = grant_of("deployer")
    for number, statement in enumerate(deployer.statements):
        kept = tuple(s for place_, s in enumerate(deployer.statements) if place_ != number)
        allow(place, "dan", replace(deployer, statements=kept))
        told = _deploys(place, natkeeper, key)
        names = [action.removesuffix("*") for action in statement.actions]
        assert any(name in told for name in names), (statement, told)
    allow(place, "dan", deployer)
    assert _deploys(place, natkeeper, key) == ""


def _deploys(place: Workspace, natkeeper: Command, key: KeyPair) -> str:
    """Deploy everything, as far as it goes; what was refused."""
    account = Deployer(place.cloud.account_id, key.access_key_id, key.access_key_secret)
    try:
        place.deploy_template(account)
    except DeployError as refused:
        return str(refused)
    ended = natkeeper("template")
    return "" if ended.code == 0 else ended.err


def test_a_drill_needs_exactly_the_printed_permissions(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the operator's and the driller's it goes there and back; without any one statement it says which."""
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.BEFORE_S", 0.3)
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.POLL_S", 0.1)
    place.guests.state = place.home / "network.json"
    become(monkeypatch, place.key)
    place.write(gateways=[place.a, place.b])
    natkeeper("switch", "prod", "--to", place.a, "--force", "--direct")
    place.settle()
    become(monkeypatch, place.cloud.ram.create_user("ann"))
    place.cloud.ram.enforce()
    operator, driller = grant_of("operator"), grant_of("driller")
    allow(place, "ann", operator, driller)
    for kind in ("stop", "maintenance"):
        ended = natkeeper("drill", "prod", "--kind", kind, "--yes")
        assert ended.code == 0, ended
    needed = (
        ("switch", "fc:InvokeFunction"),
        ("stop", "ecs:StopInstance"),
        ("maintenance", "ecs:CancelSimulatedSystemEvents"),
    )
    for number, (kind, action) in enumerate(needed):
        kept = tuple(statement for place_, statement in enumerate(driller.statements) if place_ != number)
        allow(place, "ann", operator, replace(driller, statements=kept))
        ended = natkeeper("drill", "prod", "--kind", kind, "--within", "2", "--yes")
        assert ended.code in (1, 4), (action, ended)
        assert action in ended.out + ended.err, (action, ended)
