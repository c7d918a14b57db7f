"""What each request says, to the last parameter, and how long its answer may take."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from natkeeper.alibaba import assistant, ecs, fc, oos, tagged, vpc, vpc_tables
from natkeeper.alibaba.clients import Attempt, Clients
from natkeeper.alibaba.egress_check_script import check_script
from natkeeper.alibaba.errors import UnreadableAnswerError
from natkeeper.alibaba.setups import ReportCache
from natkeeper.domain.ids import EipId, EntryId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.observed import NextHop
from natkeeper.guest import Mode, SetupParameters, parameter_block, render
from natkeeper.guest.script import library_command
from natkeeper.ports import (
    AssociateEip,
    CreateRoute,
    DeleteRoute,
    NoteRoute,
    PointRoute,
    ReadTagged,
    StartGatewayCheck,
    StartRelay,
    StartSetup,
    UnassociateEip,
)

A, B, T, EIP = InstanceId("i-a"), InstanceId("i-b"), TableId("vtb-1"), EipId("eip-1")
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
PARAMETERS = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",))
READ, WRITE, CHECK = 2500, 4000, 20000
"""Milliseconds."""
R = {"RegionId": "cn-hangzhou"}
ROUTE = {"RouteTableId": T, "DestinationCidrBlock": "0.0.0.0/0"}
WORDS = {"RouteEntryName": "name", "Description": "memory"}


class Nothing:
    """An answer in which every part is there and empty."""

    def __getattr__(self, name: str) -> Nothing:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def read(self) -> bytes:
        return b'{"ok": true}'

    def get(self, name: str) -> None:
        """No header is there."""


class RequestRecorder:
    """Stands for the clients of a region, and for every client: keeps what was sent."""

    region, fc_address = "cn-hangzhou", "1.cn-hangzhou.fc.aliyuncs.com"

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.addresses: set[str | None] = set()
        self.unsupported: set[str] = set()

    def client(self, kind: object, address: str | None = None) -> RequestRecorder:
        self.addresses.add(address)
        return self

    def __getattr__(self, name: str) -> Callable[..., Nothing]:
        def send(*parts: Any) -> Nothing:
            *said, options = parts
            self.sent.append((name.removesuffix("_with_options"), *map(plain, said), options.read_timeout))
            return Nothing()

        return send


def plain(part: Any) -> Any:
    """Return what a request says; empty lists are not sent. Of an invocation, its bytes, or all its headers."""
    if not hasattr(part, "to_map"):
        return part
    said = {key: value for key, value in part.to_map().items() if value != []}
    if "body" in said:
        return said["body"].read()
    return {**said.pop("commonHeaders", {}), **said}


def command(name: str, script: bytes, gateways: list[str], timeout_s: int, token: str) -> dict[str, Any]:
    return {
        **R, "Name": name, "Type": "RunShellScript", "CommandContent": base64.b64encode(script).decode(),
        "ContentEncoding": "Base64", "InstanceId": gateways, "Timeout": timeout_s, "KeepCommand": False,
        "ClientToken": token, "Tag": [{"Key": "natkeeper", "Value": name}],
    }  # fmt: skip


def invocations(**more: Any) -> dict[str, Any]:
    return {**R, "CommandName": "natkeeper-setup", "MaxResults": 50, **more}


LOOK = StartGatewayCheck(A, ("https://example.test",), 2.0)
SETUP = StartSetup("any", "template", "role", (A, B), PARAMETERS, "token")
LIBRARY = library_command().encode()
RELAY = b'#!/bin/sh\nexec sh "${NATKEEPER_ROOT:-}/etc/natkeeper/table.sh" arm 10.0.0.5 600\n'
EXECUTION = {
    "regionId": "cn-hangzhou", "instanceIds": [A, B], "setupParameters": parameter_block(PARAMETERS),
    "OOSAssumeRole": "role",
}  # fmt: skip
LIST = {**R, "TemplateName": "template", "StartDateAfter": "2026-01-01T12:00:00Z", "SortField": "StartDate",
        "SortOrder": "Descending", "MaxResults": 100}  # fmt: skip
TAGGED = {**R, "VpcId": "vpc-1", "Tag": [{"Key": "key", "Value": "value"}], "MaxResults": 100}
MODIFY = {**R, **ROUTE, "NewNextHopType": "Instance", "NewNextHopId": B}
CREATE = {**R, **ROUTE, "NextHopType": "Instance", "NextHopId": B, "ClientToken": "token"}
BOUND = {**R, "AllocationId": EIP, "InstanceId": A, "InstanceType": "EcsInstance"}
TO = NextHop.gateway(B)
TOLD = {"x-fc-invocation-type": "Async"}

REQUESTS: dict[str, tuple[Callable[[Attempt], object], list[tuple[Any, ...]]]] = {
    "routes": (
        lambda a: vpc.read_routes(a, T),
        [("describe_route_entry_list", {**R, "RouteTableId": T, "RouteEntryType": "Custom", "MaxResult": 100}, READ)],
    ),
    "routes, some": (
        lambda a: vpc.read_routes(a, T, ("0.0.0.0/0", "0.0.0.0/1", "0.0.0.0/0")),
        [(
            "describe_route_entry_list",
            {**R, "RouteTableId": T, "RouteEntryType": "Custom", "MaxResult": 100,
             "DestCidrBlockList": ["0.0.0.0/0", "0.0.0.0/1"]},
            READ,
        )],
    ),
    "tables": (
        lambda a: vpc_tables.read_tables(a, "vpc-1"),
        [("describe_route_table_list", {**R, "VpcId": "vpc-1", "PageSize": 50, "PageNumber": 1}, READ)],
    ),
    "tagged": (
        lambda a: tagged.read_tagged(a, ReadTagged("vpc-1", "key", "value", (A,))),
        [
            ("describe_instances", TAGGED, READ),
            ("describe_instances", {**R, "InstanceIds": '["i-a"]', "MaxResults": 100}, READ),
        ],
    ),
    "instances": (
        lambda a: ecs.read_instances(a, (A, B)),
        [("describe_instances", {**R, "InstanceIds": '["i-a", "i-b"]', "MaxResults": 100}, READ)],
    ),
    "conditions": (
        lambda a: ecs.read_conditions(a, (A, B)),
        [("describe_instances_full_status", {**R, "InstanceId": [A, B], "PageSize": 100, "PageNumber": 1}, READ)],
    ),
    "start": (lambda a: ecs.start_gateway(a, A), [("start_instance", {"InstanceId": A}, READ)]),
    "point": (
        lambda a: vpc.point_route(a, PointRoute("vpc-1", T, "0.0.0.0/0", TO, "name", "memory")),
        [("modify_route_entry", {**MODIFY, **WORDS}, WRITE)],
    ),
    "point, bare": (
        lambda a: vpc.point_route(a, PointRoute("vpc-1", T, "0.0.0.0/0", TO, "", "")),
        [("modify_route_entry", MODIFY, WRITE)],
    ),
    "note": (
        lambda a: vpc.note_route(a, NoteRoute("vpc-1", T, "0.0.0.0/0", "name", "memory")),
        [("modify_route_entry", {**R, **ROUTE, **WORDS}, WRITE)],
    ),
    "create": (
        lambda a: vpc.create_route(a, CreateRoute("vpc-1", T, "0.0.0.0/0", TO, "name", "memory", "token")),
        [("create_route_entry", {**CREATE, **WORDS}, WRITE)],
    ),
    "create, bare": (
        lambda a: vpc.create_route(a, CreateRoute("vpc-1", T, "0.0.0.0/0", TO, "", "", "token")),
        [("create_route_entry", CREATE, WRITE)],
    ),
    "delete": (
        lambda a: vpc.delete_route(a, DeleteRoute("vpc-1", EntryId("rte-1"))),
        [("delete_route_entry", {**R, "RouteEntryId": "rte-1"}, WRITE)],
    ),
    "eips": (
        lambda a: vpc.read_eips(a, (EIP, EipId("eip-2"))),
        [("describe_eip_addresses", {**R, "AllocationId": "eip-1,eip-2", "PageSize": 50, "PageNumber": 1}, READ)],
    ),
    "associate": (
        lambda a: vpc.associate_eip(a, AssociateEip(EIP, A)), [("associate_eip_address", BOUND, WRITE)],
    ),
    "unassociate": (
        lambda a: vpc.unassociate_eip(a, UnassociateEip(EIP, A)), [("unassociate_eip_address", BOUND, WRITE)],
    ),
    "NAT Gateway": (
        lambda a: vpc.read_nat_gateway(a, NatGatewayId("ngw-1")),
        [("describe_nat_gateways", {**R, "NatGatewayId": "ngw-1"}, READ)],
    ),
    "setup, assistant": (
        lambda a: assistant.start_setup(a, SETUP),
        [
            ("run_command", command("natkeeper-library", LIBRARY, [A, B], 60, "token-library"), WRITE),
            ("run_command", command("natkeeper-setup", render(PARAMETERS), [A, B], 600, "token"), WRITE),
        ],
    ),
    "look": (
        lambda a: assistant.start_check(a, LOOK, "token"),
        [("run_command", command("natkeeper-look", check_script(LOOK.targets, 2.0), [A], 60, "token"), WRITE)],
    ),
    "relay": (
        lambda a: assistant.start_relay(a, StartRelay(A, "10.0.0.5", 600), "token"),
        [("run_command", command("natkeeper-relay", RELAY, [A], 60, "token"), WRITE)],
    ),
    "results": (
        lambda a: assistant.read_check(a, "t-1", lambda: NOON),
        [("describe_invocation_results", {**R, "InvokeId": "t-1", "MaxResults": 50}, READ)],
    ),
    "setups, assistant": (
        lambda a: assistant.read_setups(a, NOON, frozenset(), ReportCache()),
        [
            ("describe_invocations", invocations(), READ),
            *(
                ("describe_invocations", invocations(InvokeStatus=state), READ)
                for state in ("Finished", "Failed", "PartialFailed")
            ),
        ],
    ),
    "what a command printed": (
        lambda a: assistant.latest_report(a, A, NOON),
        [(
            "describe_invocations",
            {**R, "InstanceId": A, "IncludeOutput": True, "MaxResults": 10, "InvokeStatus": "Failed"},
            READ,
        )],
    ),
    "setup, OOS": (
        lambda a: oos.start_setup(a, SETUP),
        [(
            "start_execution",
            {**R, "TemplateName": "template", "Parameters": json.dumps(EXECUTION), "SafetyCheck": "Skip",
             "ClientToken": "token", "Tags": {"natkeeper": "setup"}},
            WRITE,
        )],
    ),
    "setups, OOS": (
        lambda a: oos.read_setups(a, "template", NOON, frozenset(), ReportCache()), [("list_executions", LIST, READ)],
    ),
    "template": (
        lambda a: oos.ensure_template(a, "template", "content"),
        [
            ("get_template", {**R, "TemplateName": "template"}, READ),
            ("update_template", {**R, "TemplateName": "template", "Content": "content"}, WRITE),
        ],
    ),
    "probe": (
        lambda a: fc.check_through_probe(a, "probe", lambda: NOON),
        [("invoke_function", "probe", b'{"action":"look"}', {"x-fc-invocation-type": "Sync"}, CHECK)],
    ),
    "hand-over": (
        lambda a: fc.hand_over(a, "tell", b"payload"), [("invoke_function", "tell", b"payload", TOLD, WRITE)],
    ),
    "hand-over, later": (
        lambda a: fc.hand_over(a, "tell", b"payload", 2),
        [("invoke_function", "tell", b"payload", {**TOLD, "x-fc-async-delay": "2"}, WRITE)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_says_this_and_no_more(name: str) -> None:
    """Each page as long as it may be, each write with its own time; calls by name, tokens and tags as given."""
    make, wanted = REQUESTS[name]
    recorder = RequestRecorder()
    make(Attempt(cast("Clients", recorder), lambda: 60.0))
    assert recorder.sent == wanted
    assert recorder.addresses == {recorder.fc_address if wanted[0][0] == "invoke_function" else None}


class Lacking(RequestRecorder):
    """Answers each call with the parts on the way to one part, which is not there."""

    def __init__(self, *way: str) -> None:
        super().__init__()
        self.way = way

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answer: object = None
        for part in reversed(self.way):
            answer = SimpleNamespace(**{part: answer})
        return lambda *_: answer


@pytest.mark.parametrize(
    "name, way, lacks",
    [
        ("routes", "route_entrys", "RouteEntrys"),
        ("routes", "route_entrys.route_entry", "RouteEntrys.RouteEntry"),
        ("tables", "router_table_list", "RouterTableList"),
        ("tables", "router_table_list.router_table_list_type", "RouterTableListType"),
        ("tagged", "instances", "Instances"),
        ("tagged", "instances.instance", "Instances.Instance"),
        ("instances", "instances", "Instances"),
        ("instances", "instances.instance", "Instances.Instance"),
        ("conditions", "instance_full_status_set", "InstanceFullStatusSet"),
        ("conditions", "instance_full_status_set.instance_full_status_type", "InstanceFullStatusType"),
        ("eips", "eip_addresses", "EipAddresses"),
        ("eips", "eip_addresses.eip_address", "EipAddress"),
        ("NAT Gateway", "nat_gateways", "NatGateways"),
        ("NAT Gateway", "nat_gateways.nat_gateway", "NatGateway"),
        ("look", "invoke_id", "InvokeId"),
        ("results", "invocation", "Invocation"),
        ("results", "invocation.invocation_results", "InvocationResults"),
        ("results", "invocation.invocation_results.invocation_result", "InvocationResult"),
        ("setups, assistant", "invocations", "Invocations"),
        ("setups, assistant", "invocations.invocation", "Invocation"),
        ("what a command printed", "invocations", "Invocations"),
        ("what a command printed", "invocations.invocation", "Invocation"),
        ("setup, OOS", "execution", "Execution"),
        ("setup, OOS", "execution.execution_id", "ExecutionId"),
        ("setups, OOS", "executions", "Executions"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_without_what_was_asked_for_is_none(name: str, way: str, lacks: str, *, whole: bool) -> None:
    """Nothing is not the same as an empty list; one without a body at all is no answer either."""
    parts = way.split(".") if whole else []
    with pytest.raises(UnreadableAnswerError, match=f"^the answer has no {lacks if whole else 'body'}$"):
        REQUESTS[name][0](Attempt(cast("Clients", Lacking("body", *parts)), lambda: 60.0))


@pytest.mark.parametrize("account, address", [("1234", "1234.cn-hangzhou.fc.aliyuncs.com"), ("", None), (None, None)])
def test_function_compute_has_an_address_of_the_account(account: str | None, address: str | None) -> None:
    """Without an account the SDK's own, which is the region's."""
    assert Clients("cn-hangzhou", cast("Any", None), account_id=account).fc_address == address
