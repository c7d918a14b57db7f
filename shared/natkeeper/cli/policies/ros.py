"""The roles as a ROS stack, with exactly the policies that `natkeeper policy` prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from natkeeper.cli.policies.grants import Grant

Json = dict[str, Any]
_HEAD = """\
# Roles for natkeeper, as a ROS stack: made by `natkeeper policy --ros` from natkeeper.yaml; make it anew after a change
# of gateways, routes, EIPs or functions, and update the stack with it.
"""


def roles_stack(grants: Mapping[str, Grant]) -> str:
    """Write the stack: one role for each grant that a service takes on, and one policy for each kind of person."""
    roles = [grant for grant in grants.values() if grant.trusts]
    people = [grant for grant in grants.values() if not grant.trusts]
    stack: Json = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": {
            "en": "Roles and policies of natkeeper, least privilege for one configuration",
            "zh-cn": "natkeeper 所需的角色与最小权限策略",
        },
        "Resources": {_name(grant): _role(grant) for grant in roles}
        | {_name(grant): _policy(grant) for grant in people},
        "Outputs": {f"{_name(grant)}Arn": {"Value": {"Fn::GetAtt": [_name(grant), "Arn"]}} for grant in roles},
    }
    return _HEAD + yaml.safe_dump(stack, sort_keys=False, allow_unicode=True, width=120)


def _name(grant: Grant) -> str:
    """Return the logical id of a resource: letters and digits."""
    words = re.split("[^A-Za-z0-9]+", grant.key)
    return "".join(word.capitalize() for word in words) + ("Role" if grant.trusts else "Policy")


def _role(grant: Grant) -> Json:
    return {
        "Type": "ALIYUN::RAM::Role",
        "Properties": {
            "RoleName": grant.name,
            "Description": f"natkeeper: {grant.purpose}",
            "AssumeRolePolicyDocument": grant.trust_document(),
            "Policies": [{"PolicyName": grant.policy_name, "PolicyDocument": grant.document()}],
        },
    }


def _policy(grant: Grant) -> Json:
    return {
        "Type": "ALIYUN::RAM::ManagedPolicy",
        "Properties": {
            "PolicyName": grant.policy_name,
            "Description": f"natkeeper: {grant.purpose}",
            "PolicyDocument": grant.document(),
        },
    }
