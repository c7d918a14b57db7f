"""What the SDKs answer about functions and instances, and how it is read: each case differs in one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_fc20230330 import models as fc
from alibabacloud_vpc20160428 import models as vpc

from natkeeper.cli.survey import network
from natkeeper.cli.survey.functions import Deployed, SurveyedTrigger, deployed
from natkeeper.cli.survey.network import Card, InboundRule, ManagedNat, SurveyedInstance


class AnsweringSdk:
    """A client of any SDK: answers a call by its name, with the next of a list; keeps the requests."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[Any]()
        self.clients = SimpleNamespace(client=lambda *_: self, fc_address="fc")
        self.region = "cn-hangzhou"

    def options(self) -> None:
        """Nothing is asked of the transport."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            self.asked.append(given)
            answer = self.answers[name.removesuffix("_with_options")]
            answer = answer.pop(0) if isinstance(answer, list) else answer
            if isinstance(answer, Exception):
                raise answer
            return SimpleNamespace(body=answer)

        return call


class SdkRefused(Exception):
    """As the SDKs raise it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


TRIGGER = fc.Trigger(
    trigger_name="sweep", trigger_type="timer", trigger_config='{"enable": true}', description="every minute"
)
FUNCTION: dict[str, Any] = {
    "role": "acs:ram::1:role/NatKeeper",
    "timeout": 60,
    "internet_access": False,
    "vpc_config": fc.VPCConfig(vpc_id="vpc-1", v_switch_ids=["vsw-1"]),
    "environment_variables": {"A": "1"},
}
ASYNC = fc.AsyncConfig(
    max_async_retry_attempts=1,
    destination_config=fc.DestinationConfig(
        on_failure=fc.Destination(destination="to-f"), on_success=fc.Destination(destination="to-s")
    ),
)
READ: dict[str, Any] = {
    "name": "f", "role": "natkeeper", "timeout_s": 60, "internet_access": False, "vpc": "vpc-1",
    "vswitches": ("vsw-1",), "environment": {"A": "1"},
    "triggers": (SurveyedTrigger("sweep", "timer", {"enable": True}, "every minute"),) * 2,
    "on_failure": "to-f", "on_success": "to-s", "async_retries": 1, "reserved": 3,
}  # fmt: skip
NO_ASYNC = {"on_failure": "", "on_success": "", "async_retries": None}


def answers(**change: Any) -> AnsweringSdk:
    """A function with two pages of triggers, one of them changed."""
    function = fc.Function(**{**FUNCTION, **change.pop("function", {})})
    there: dict[str, Any] = {
        "get_function": function,
        "list_triggers": [
            fc.ListTriggersOutput(triggers=[TRIGGER], next_token="more"),
            fc.ListTriggersOutput(triggers=[TRIGGER]),
        ],
        "get_async_invoke_config": ASYNC,
        "get_concurrency_config": fc.ConcurrencyConfig(reserved_concurrency=3),
    }
    return AnsweringSdk(**{**there, **change})


@pytest.mark.parametrize(
    "change, differs",
    [
        ({}, {}),
        ({"function": {"role": None}}, {"role": ""}),
        ({"function": {"timeout": None}}, {"timeout_s": 3}),
        ({"function": {"internet_access": None}}, {"internet_access": True}),
        ({"function": {"internet_access": True}}, {"internet_access": True}),
        ({"function": {"vpc_config": None}}, {"vpc": "", "vswitches": ()}),
        ({"function": {"vpc_config": fc.VPCConfig()}}, {"vpc": "", "vswitches": ()}),
        ({"function": {"environment_variables": None}}, {"environment": {}}),
        ({"list_triggers": fc.ListTriggersOutput()}, {"triggers": ()}),
        ({"list_triggers": fc.ListTriggersOutput(triggers=[fc.Trigger()])},
         {"triggers": (SurveyedTrigger("", "", {}),)}),
        ({"list_triggers": fc.ListTriggersOutput(triggers=[fc.Trigger(trigger_config="odd")])},
         {"triggers": (SurveyedTrigger("", "", {}),)}),
        ({"list_triggers": fc.ListTriggersOutput(triggers=[fc.Trigger(trigger_config="[]")])},
         {"triggers": (SurveyedTrigger("", "", {}),)}),
        ({"get_async_invoke_config": SdkRefused("AsyncConfigNotExists")}, NO_ASYNC),
        ({"get_async_invoke_config": SdkRefused("AsyncConfigNotExist")}, NO_ASYNC),
        ({"get_async_invoke_config": fc.AsyncConfig()}, NO_ASYNC),
        ({"get_async_invoke_config": fc.AsyncConfig(destination_config=fc.DestinationConfig())}, NO_ASYNC),
        ({"get_concurrency_config": SdkRefused("ConcurrencyConfigNotExists")}, {"reserved": None}),
    ],
)  # fmt: skip
def test_a_function_is_read_with_all_that_belongs_to_it(change: dict[str, Any], differs: dict[str, Any]) -> None:
    """What is not set is what Function Compute takes for it."""
    assert deployed(answers(**change), "f") == Deployed(**{**READ, **differs})  # type: ignore[arg-type]


def test_a_function_that_is_not_there_is_none_and_one_that_cannot_be_read_is_an_error() -> None:
    """Whichever part of it it is."""
    assert deployed(answers(get_function=SdkRefused("FunctionNotFound")), "f") is None  # type: ignore[arg-type]
    for part in ("get_function", "list_triggers", "get_async_invoke_config", "get_concurrency_config"):
        with pytest.raises(SdkRefused):
            deployed(answers(**{part: SdkRefused("AccessDenied")}), "f")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "config, fires",
    [({}, True), ({"enable": False}, False), ({"triggerEnable": False}, False), ({"enable": True}, True)],
)
def test_a_trigger_fires_unless_it_is_switched_off(config: dict[str, Any], fires: bool) -> None:  # noqa: FBT001
    """Timers and EventBridge call it differently."""
    assert SurveyedTrigger("t", "timer", config).enabled is fires


ITEM: dict[str, Any] = {
    "InstanceId": "i-1", "InstanceName": "nat-a", "Status": "Running", "ZoneId": "z", "InstanceType": "ecs.x",
    "VpcAttributes": {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "PrivateIpAddress": {"IpAddress": ["10.0.0.1"]}},
    "PublicIpAddress": {"IpAddress": ["203.0.113.1"]},
    "EipAddress": {"AllocationId": "eip-1", "IpAddress": "203.0.113.2", "Bandwidth": 100},
    "SecurityGroupIds": {"SecurityGroupId": ["sg-1", "sg-2"]},
    "SpotStrategy": "NoSpot", "InternetMaxBandwidthOut": 5,
    "NetworkInterfaces": {"NetworkInterface": [{"NetworkInterfaceId": "eni-1"}]},
}  # fmt: skip
MACHINE: dict[str, Any] = {
    "id": "i-1", "name": "nat-a", "status": "Running", "zone": "z", "vpc": "vpc-1", "vswitch": "vsw-1",
    "private_ip": "10.0.0.1", "own_ip": "203.0.113.1", "eip": "eip-1", "eip_address": "203.0.113.2",
    "groups": ("sg-1", "sg-2"), "spot": False, "type": "ecs.x", "bandwidth": 100, "interfaces": ("eni-1",),
}  # fmt: skip


@pytest.mark.parametrize(
    "change, differs, public",
    [
        ({}, {}, "203.0.113.2"),
        ({"InstanceName": None}, {"name": ""}, "203.0.113.2"),
        ({"Status": None, "ZoneId": None, "InstanceType": None}, {"status": "", "zone": "", "type": ""}, "203.0.113.2"),
        ({"VpcAttributes": None}, {"vpc": "", "vswitch": "", "private_ip": ""}, "203.0.113.2"),
        ({"VpcAttributes": {}}, {"vpc": "", "vswitch": "", "private_ip": ""}, "203.0.113.2"),
        ({"PublicIpAddress": None}, {"own_ip": ""}, "203.0.113.2"),
        ({"EipAddress": None}, {"eip": "", "eip_address": "", "bandwidth": 5}, "203.0.113.1"),
        ({"EipAddress": {"Bandwidth": 9}}, {"eip": "", "eip_address": "", "bandwidth": 5}, "203.0.113.1"),
        ({"EipAddress": None, "InternetMaxBandwidthOut": None}, {"eip": "", "eip_address": "", "bandwidth": 0},
         "203.0.113.1"),
        ({"SecurityGroupIds": None}, {"groups": ()}, "203.0.113.2"),
        ({"SpotStrategy": None}, {}, "203.0.113.2"),
        ({"SpotStrategy": "SpotAsPriceGo"}, {"spot": True}, "203.0.113.2"),
        ({"NetworkInterfaces": None}, {"interfaces": ()}, "203.0.113.2"),
    ],
)  # fmt: skip
def test_an_instance_is_read_from_either_page(change: dict[str, Any], differs: dict[str, Any], public: str) -> None:
    """What is missing is empty; the internet sees the EIP where there is one."""
    body = {"Instances": {"Instance": [{**ITEM, **change}]}}
    first = ecs.DescribeInstancesResponseBody().from_map({**body, "NextToken": "more"})
    sdk = AnsweringSdk(describe_instances=[first, ecs.DescribeInstancesResponseBody().from_map(body)])
    found = network.machines(sdk, vpc="vpc-1", ids=["i-1"])  # type: ignore[arg-type]
    assert found == [SurveyedInstance(**{**MACHINE, **differs})] * 2
    assert found[0].public_ip == public
    request = sdk.asked[0][0]
    assert (request.region_id, request.vpc_id, request.instance_ids, request.max_results, request.next_token) == (
        "cn-hangzhou", "vpc-1", '["i-1"]', 100, "more",
    )  # fmt: skip
    assert network.names(found) == ({found[0].id: found[0].name} if found[0].name else {})


@pytest.mark.parametrize("number, parts", [(100, [100]), (101, [100, 1]), (201, [100, 100, 1])])
def test_more_gateways_than_one_call_may_name_are_read_in_parts(number: int, parts: list[int]) -> None:
    """DescribeInstances takes a hundred ids, whichever command asks."""
    answer = ecs.DescribeInstancesResponseBody().from_map({"Instances": {"Instance": [ITEM]}})
    sdk = AnsweringSdk(describe_instances=[answer] * len(parts))
    found = network.machines(sdk, ids=[f"i-{each}" for each in range(number)])  # type: ignore[arg-type]
    assert len(found) == len(parts)
    asked = [each for request, *_ in sdk.asked for each in json.loads(request.instance_ids)]
    assert ([len(json.loads(request.instance_ids)) for request, *_ in sdk.asked], asked) == (
        parts, [f"i-{each}" for each in range(number)],
    )  # fmt: skip


@pytest.mark.parametrize(
    "change, differs",
    [
        ({}, {}),
        ({"Policy": "Drop"}, {"accept": False}),
        ({"Policy": None, "IpProtocol": None, "PortRange": None}, {"accept": False, "protocol": "", "ports": ""}),
        ({"SourceCidrIp": None}, {"source": "sg-1"}),
        ({"SourceCidrIp": None, "SourceGroupId": None}, {"source": "pl-1"}),
        ({"SourceCidrIp": None, "SourceGroupId": None, "SourcePrefixListId": None}, {"source": ""}),
        ({"Priority": None}, {"priority": 1}),
        ({"Direction": None}, {}),
        ({"Direction": "egress"}, None),
    ],
)
def test_an_inbound_rule_is_read(change: dict[str, Any], differs: dict[str, Any] | None) -> None:
    """Whatever it lets in from; outbound ones are not listed."""
    rule = {"Policy": "Accept", "IpProtocol": "tcp", "PortRange": "1/2", "SourceCidrIp": "10.0.0.0/8",
            "SourceGroupId": "sg-1", "SourcePrefixListId": "pl-1", "Priority": "7", "Direction": "ingress"}  # fmt: skip
    body = {"Permissions": {"Permission": [{**rule, **change}]}}
    sdk = AnsweringSdk(
        describe_security_group_attribute=ecs.DescribeSecurityGroupAttributeResponseBody().from_map(body)
    )
    read = {"accept": True, "protocol": "TCP", "ports": "1/2", "source": "10.0.0.0/8", "priority": 7}
    expected = [] if differs is None else [InboundRule(**{**read, **differs})]
    assert network.inbound(sdk, "sg-1") == expected  # type: ignore[arg-type]
    request = sdk.asked[0][0]
    assert (request.region_id, request.security_group_id, request.direction) == ("cn-hangzhou", "sg-1", "ingress")


def test_interfaces_heartbeats_and_nat_gateways_are_read() -> None:
    """And nothing where the answer has none."""
    card = {"NetworkInterfaceId": "eni-1", "SourceDestCheck": True, "Type": "Primary"}
    other = {"NetworkInterfaceId": "eni-2", "Type": "Secondary"}
    cards = ecs.DescribeNetworkInterfacesResponseBody().from_map(
        {"NetworkInterfaceSets": {"NetworkInterfaceSet": [card, other]}}
    )
    beats = ecs.DescribeCloudAssistantStatusResponseBody().from_map(
        {"InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": [
            {"InstanceId": "i-1", "CloudAssistantStatus": "True"}, {"InstanceId": "i-2"}]}}
    )  # fmt: skip
    ip = {"IpAddress": "203.0.113.1", "SnatEntryEnabled": True}
    nats = vpc.DescribeNatGatewaysResponseBody().from_map({"TotalCount": 2, "NatGateways": {"NatGateway": [
        {"NatGatewayId": "ngw-1", "Name": "n", "Status": "Available", "IpLists": {"IpList": [ip, {}]}},
        {"NatGatewayId": "ngw-2", "Status": "Creating"}]}})  # fmt: skip
    sdk: Any = AnsweringSdk(
        describe_network_interfaces=[cards, ecs.DescribeNetworkInterfacesResponseBody()],
        describe_cloud_assistant_status=[beats, ecs.DescribeCloudAssistantStatusResponseBody()],
        describe_nat_gateways=nats,
    )
    assert [network.cards(sdk, "i-1") for _ in range(2)] == [
        [
            Card("eni-1", "i-1", source_dest_check=True, primary=True),
            Card("eni-2", "i-1", source_dest_check=False, primary=False),
        ],
        [],
    ]
    assert [network.heartbeats(sdk, ["i-1", "i-2"]) for _ in range(2)] == [{"i-1": True, "i-2": False}, {}]
    assert network.nat_gateways(sdk, vpc="vpc-1", gateway="ngw-1") == [
        ManagedNat("ngw-1", "n", available=True, addresses=("203.0.113.1",), snat=True),
        ManagedNat("ngw-2", "", available=False, addresses=(), snat=False),
    ]
    request = sdk.asked[-1][0]
    assert (request.vpc_id, request.nat_gateway_id, request.page_size) == ("vpc-1", "ngw-1", 50)


def test_more_heartbeats_than_a_page_has_are_asked_for_in_parts() -> None:
    """Fifty at a time; of no gateway nothing is asked."""
    beats = ecs.DescribeCloudAssistantStatusResponseBody()
    sdk: Any = AnsweringSdk(describe_cloud_assistant_status=beats)
    for count in (0, 50, 51):
        network.heartbeats(sdk, [f"i-{number}" for number in range(count)])
    assert [(len(request.instance_id), request.page_size) for request, _ in sdk.asked] == [(50, 50), (50, 50), (1, 50)]
