"""RAM: what policies say, and that every product asks."""

from __future__ import annotations

from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.ram import Policy, PolicyError, PolicyVerdict, judge
from tests.cloud.functions_for_tests import function_body
from tests.cloud.worlds import REGION, CloudWorld, build


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def allow(action: str | list[str], resource: str | list[str] = "*", **condition: Any) -> dict[str, Any]:
    extra = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **extra}


TABLE = "acs:vpc:cn-hangzhou:1000000000000001:routetable/vtb-1"


@pytest.mark.parametrize(
    "statements, verdict",
    [
        ([allow("vpc:ModifyRouteEntry", TABLE)], PolicyVerdict.ALLOWED),
        ([allow("vpc:modifyrouteentry", TABLE)], PolicyVerdict.ALLOWED),
        ([allow("vpc:*RouteEntry", "acs:vpc:*:*:routetable/*")], PolicyVerdict.ALLOWED),
        ([allow("*")], PolicyVerdict.ALLOWED),
        ([allow(["ecs:*", "vpc:Modify?outeEntry"])], PolicyVerdict.ALLOWED),
        ([allow("vpc:ModifyRouteEntry", TABLE + "0")], PolicyVerdict.IMPLICIT_DENY),
        ([allow("vpc:ModifyRouteEntry", TABLE.upper().replace("ACS", "acs"))], PolicyVerdict.IMPLICIT_DENY),
        ([allow("vpc:CreateRouteEntry", TABLE)], PolicyVerdict.IMPLICIT_DENY),
        ([allow("*"), {**allow("vpc:Modify*"), "Effect": "Deny"}], PolicyVerdict.EXPLICIT_DENY),
        ([allow("*", StringEquals={"acs:Service": "fc.aliyuncs.com"})], PolicyVerdict.ALLOWED),
        ([allow("*", StringEquals={"acs:Service": ["x", "fc.aliyuncs.com"]})], PolicyVerdict.ALLOWED),
        ([allow("*", StringEquals={"acs:Service": "fc.*"})], PolicyVerdict.IMPLICIT_DENY),
        ([allow("*", StringLike={"acs:Service": "fc.*"})], PolicyVerdict.ALLOWED),
        ([allow("*", StringLike={"acs:Other": "*?"})], PolicyVerdict.IMPLICIT_DENY),
    ],
)
def test_deny_wins_then_allow_then_no(statements: list[dict[str, Any]], verdict: PolicyVerdict) -> None:
    """Actions without regard to case, resources with; wildcards in both; every condition has to hold."""
    read = Policy.read(policy(*statements))
    assert judge([read], "vpc:ModifyRouteEntry", TABLE, {"acs:Service": "fc.aliyuncs.com"}) is verdict


@pytest.mark.parametrize(
    "document, says",
    [
        ("{", "not JSON"),
        ([], "a policy is an object"),
        ({"Version": "2012-10-17", "Statement": [allow("*")]}, 'Version "1"'),
        ({"Version": "1", "Statement": []}, "at least one"),
        (policy({"Effect": "Maybe", "Action": "*", "Resource": "*"}), "Effect is Allow or Deny"),
        (policy(allow("ModifyRouteEntry")), "not service:Operation"),
        (policy(allow("vpc:X", "routetable/vtb-1")), "not acs:service:region:account:resource"),
        (policy({"Effect": "Allow", "NotAction": "*", "Resource": "*"}), "NotAction"),
        (policy(allow("*", IpAddress={"acs:SourceIp": "10.0.0.0/8"})), "IpAddress"),
        (policy(allow([])), "Action is a text or a list"),
    ],
)
def test_what_is_not_understood_is_refused(document: Any, says: str) -> None:
    """An emulator that ignored it would allow what RAM does not."""
    with pytest.raises(PolicyError, match=says):
        Policy.read(document)


@pytest.fixture
def world() -> CloudWorld:
    """A cloud that enforces policies, and has one role of Function Compute."""
    world = build()
    world.cloud.ram.create_role("Keeper", "fc.aliyuncs.com", {"p": policy(allow("vpc:Describe*"))})
    world.cloud.ram.enforce()
    return world


def caller(world: CloudWorld, role: str = "keeper", service: str = "fc.aliyuncs.com") -> Principal:
    issued = world.cloud.accounts.issued(world.cloud.accounts.assume_role(role, service=service).access_key_id)
    assert issued is not None
    return issued.principal


def modify(world: CloudWorld, who: Principal, **more: str) -> None:
    params = {**REGION, "NewNextHopType": "Instance", "NewNextHopId": world.b, **more}
    world.cloud.call("vpc", "ModifyRouteEntry", params, who)


def test_a_role_may_do_what_its_policies_allow_and_the_account_everything(world: CloudWorld) -> None:
    """The refusal names the action, as Alibaba's does."""
    who = caller(world)
    world.cloud.call("vpc", "DescribeVpcs", REGION, who)
    with pytest.raises(ApiError) as refused:
        modify(world, who, RouteTableId=world.table, DestinationCidrBlock="0.0.0.0/0")
    assert (refused.value.code, refused.value.status) == ("Forbidden.RAM", 403)
    assert refused.value.more["AccessDeniedDetail"]["AuthAction"] == "vpc:ModifyRouteEntry"  # type: ignore[index]
    modify(world, world.cloud.accounts.owner, RouteTableId=world.table, DestinationCidrBlock="0.0.0.0/0")


def test_a_route_is_a_part_of_its_table_however_it_is_named(world: CloudWorld) -> None:
    """By table and destination, or by the entry's id."""
    account = world.cloud.account_id
    world.cloud.ram.attach("keeper", {"p": policy(allow("vpc:*", f"acs:vpc:*:{account}:routetable/{world.table}"))})
    modify(world, caller(world), RouteEntryId=world.route)
    other = world.cloud.vpc.create_route_table(world.vpc)
    entry = world.cloud.vpc.add_route(other, "0.0.0.0/0", world.a)
    with pytest.raises(ApiError, match=r"Forbidden\.RAM"):
        modify(world, caller(world), RouteEntryId=entry)


def test_every_resource_of_a_call_is_asked_for(world: CloudWorld) -> None:
    """An EIP may be bound only by who may touch the EIP and the instance; a command, both instances."""
    account, eip = world.cloud.account_id, world.cloud.vpc.allocate_eip()
    params = {**REGION, "AllocationId": eip, "InstanceId": world.a, "InstanceType": "EcsInstance"}
    world.cloud.ram.attach("keeper", {"p": policy(allow("vpc:*", f"acs:vpc:*:{account}:eip/*"))})
    with pytest.raises(ApiError, match=r"Forbidden\.RAM"):
        world.cloud.call("vpc", "AssociateEipAddress", params, caller(world))
    one = policy(allow("ecs:*", [f"acs:ecs:*:{account}:instance/{world.a}", f"acs:ecs:*:{account}:command/*"]))
    world.cloud.ram.attach("keeper", {"p": one})
    command = {**REGION, "Type": "RunShellScript", "CommandContent": "true", "InstanceId.1": world.a}
    world.cloud.call("ecs", "RunCommand", command, caller(world))
    with pytest.raises(ApiError, match=r"Forbidden\.RAM"):
        world.cloud.call("ecs", "RunCommand", {**command, "InstanceId.2": world.b}, caller(world))


def test_a_role_serves_only_who_it_trusts(world: CloudWorld) -> None:
    """Credentials of a role that does not trust the service, or does not exist, are good for nothing."""
    for who in (caller(world, service="oos.aliyuncs.com"), caller(world, role="nobody")):
        with pytest.raises(ApiError, match=r"Forbidden\.RAM"):
            world.cloud.call("vpc", "DescribeVpcs", REGION, who)


def test_a_user_has_policies_of_its_own(world: CloudWorld) -> None:
    """And STS tells everybody who they are."""
    key = world.cloud.ram.create_user("ann", {"p": policy(allow("ecs:*"))})
    issued = world.cloud.accounts.issued(key.access_key_id)
    assert issued is not None
    world.cloud.call("ecs", "DescribeInstances", REGION, issued.principal)
    with pytest.raises(ApiError, match=r"Forbidden\.RAM"):
        world.cloud.call("vpc", "DescribeVpcs", REGION, issued.principal)
    told = world.cloud.call("sts", "GetCallerIdentity", {}, issued.principal)
    assert (told["AccountId"], told["IdentityType"]) == (world.cloud.account_id, "RAMUser")
    assert "role/keeper" in str(world.cloud.call("sts", "GetCallerIdentity", {}, caller(world))["Arn"]).replace(
        "assumed-", ""
    )


def test_handing_a_role_to_a_function_needs_a_permission_for_that_service(world: CloudWorld) -> None:
    """ram:PassRole with acs:Service, as the deployer's policy has it."""
    cloud = Cloud()
    arn = cloud.ram.create_role("keeper", "fc.aliyuncs.com")
    passing = allow("ram:PassRole", arn, StringEquals={"acs:Service": "fc.aliyuncs.com"})
    user = cloud.ram.create_user("ann", {"p": policy(allow("fc:*"), passing)})
    stranger = cloud.ram.create_user("bob", {"q": policy(allow("fc:*"))})
    cloud.ram.enforce()
    with cloud.serve():
        told = [_refusal(cloud, key.access_key_id, key.access_key_secret, arn) for key in (stranger, user)]
    cloud.close()
    assert told == ["AccessDenied", ""]


def _refusal(cloud: Cloud, key_id: str, secret: str, role: str) -> str:
    """Create a function with that role; what speaks against it, empty where nothing does."""
    from alibabacloud_fc20230330 import models
    from alibabacloud_fc20230330.client import Client
    from alibabacloud_tea_openapi.models import Config
    from Tea.exceptions import TeaException

    endpoint = cloud.endpoint.removeprefix("http://")
    client = Client(Config(access_key_id=key_id, access_key_secret=secret, endpoint=endpoint, protocol="http"))
    body = models.CreateFunctionInput().from_map(function_body("f", role=role))
    try:
        client.create_function(models.CreateFunctionRequest(body=body))
    except TeaException as refused:
        return str(refused.code)
    return ""


def test_roles_and_policies_can_be_read(world: CloudWorld) -> None:
    """GetRole, ListPoliciesForRole, GetPolicy: what a doctor looks at."""
    role = world.call("ram", "GetRole", RoleName="Keeper")["Role"]
    assert "fc.aliyuncs.com" in role["AssumeRolePolicyDocument"]
    (listed,) = world.call("ram", "ListPoliciesForRole", RoleName="keeper")["Policies"]["Policy"]
    found = world.call("ram", "GetPolicy", PolicyName=listed["PolicyName"], PolicyType="Custom")
    assert "vpc:Describe*" in found["DefaultPolicyVersion"]["PolicyDocument"]
    with pytest.raises(ApiError, match=r"EntityNotExist\.Role"):
        world.call("ram", "GetRole", RoleName="nobody")


def test_reset_forgets_identities(world: CloudWorld) -> None:
    """And enforces nothing any more."""
    world.cloud.reset()
    assert not world.cloud.ram.roles
    world.cloud.call("vpc", "DescribeVpcs", REGION, caller(world))
