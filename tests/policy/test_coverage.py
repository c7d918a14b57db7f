"""Whether a role's policies cover what it needs, as the doctor judges it: RAM's own rules, for any policy of a user."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.cli.policies import DeployedNames, grants, missing
from natkeeper.packaging import read_configuration
from tests.cli.town import ROOT


def grant(account: str = "*") -> Any:
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    return grants(config, DeployedNames(account=account))["function"]


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def lacking(*documents: Any) -> set[str]:
    return {lack.action for lack in missing(grant(), documents)}


EVERYTHING = {action for statement in grant().statements for action in statement.actions}


PRODUCTS = {action.partition(":")[0] for action in EVERYTHING}


@pytest.mark.parametrize(
    "documents, lacks",
    [
        ([grant().document()], set()),
        ([grant(account="1234567890123456").document()], set()),
        ([document(allow("*"))], set()),
        ([document(allow(["ecs:*", "vpc:*"])), document(allow(["oos:*", "ram:PassRole", "fc:*", "log:*"]))], set()),
        ([], EVERYTHING),
        (["{not JSON"], EVERYTHING),
        ([document(allow("*"), {**allow("VPC:modifyrouteentry"), "Effect": "Deny"})], {"vpc:ModifyRouteEntry"}),
        ([document({"Effect": "Allow", "NotAction": "fc:*", "Resource": "*"})], {"fc:InvokeFunction"}),
        (
            [
                document(
                    allow("*"), {**allow("ecs:*"), "Effect": "Deny", "Condition": {"IpAddress": {"acs:SourceIp": "x"}}}
                )
            ],
            set(),
        ),
        (
            [document(allow("*", "acs:vpc:cn-hangzhou:*:routetable/*"))],
            EVERYTHING - {"vpc:ModifyRouteEntry", "vpc:CreateRouteEntry", "vpc:DeleteRouteEntry"},
        ),
        ([document(*(allow("*", f"acs:{product}:*:*:*") for product in PRODUCTS))], set()),
        (
            [document(*(allow("*", f"acs:{product}:*:*:*") for product in PRODUCTS if product != "oos"))],
            {action for action in EVERYTHING if action.startswith("oos:")},
        ),
        ([document(allow("*"), {**allow("*", "acs:vpc:cn-beijing:*:*"), "Effect": "Deny"})], set()),
        ([document(allow("*"), {**allow("ecs:RunComman?"), "Effect": "Deny"})], {"ecs:RunCommand"}),
        ([document(allow("*"), {**allow(None), "Effect": "Deny"}, {**allow(["vpc:*", 7]), "Effect": "Other"})], set()),
        ([{"Statement": allow("*")}], set()),
        ([{"Statement": ["odd", allow("*")]}], set()),
        ([json.dumps(document(allow("*")))], set()),
        (["[]"], EVERYTHING),
        ([document({"Effect": "Allow", "NotAction": "FC:*", "Resource": "*"})], {"fc:InvokeFunction"}),
        ([document(allow("*", "ACS:*"))], EVERYTHING),
        ([document(allow("*", "acs:vpc:cn-hangzhou:1234:ROUTETABLE/*"))], EVERYTHING),
        ([document(allow("ram:*", "acs:ram::1234:role/*"))], EVERYTHING - {"ram:PassRole"}),
        ([document(allow("*", "acs:vpc:?:?:?"))], {each for each in EVERYTHING if not each.startswith("vpc:Describe")}),
        (
            [document(allow("*", "acs:vpc:cn-hangzhou:1234:routetable/vtb-bp1example00000000000a"))],
            EVERYTHING,  # the other table is not covered
        ),
    ],
)
def test_what_is_lacking_is_found(documents: list[Any], lacks: set[str]) -> None:
    """Wildcards, other accounts' spelling, Deny, NotAction, conditions that are not judged."""
    assert lacking(*documents) == lacks


def test_a_lack_names_the_resource() -> None:
    """So that it can be mended."""
    found = missing(grant(), [document(allow("*", "acs:vpc:*:*:routetable/vtb-bp1example00000000000a"))])
    tables = {lack.resource for lack in found if lack.action == "vpc:ModifyRouteEntry"}
    assert tables == {"acs:vpc:cn-hangzhou:*:routetable/vtb-bp1example00000000000b"}
