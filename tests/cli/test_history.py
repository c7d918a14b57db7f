"""What ActionTrail tells of one write, and how it is read and laid out: each case differs from a move in one thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from natkeeper.cli.errors import CommandError
from natkeeper.cli.survey.history import MOST_PAGES, events_of, lines_of
from natkeeper.domain.config import parse_config
from natkeeper.ports import Failure, FailureKind

SINCE = datetime(2026, 11, 22, 6, tzinfo=timezone.utc)
GROUP: dict[str, Any] = {"gateways": ["i-alpha1", "i-bravo1"], "routes": [{"table": "vtb-one1"}]}
FOLLOWS = {**GROUP, "address": {"follow": "eip-one1"}}
REQUEST = {
    "RouteTableId": "vtb-one1",
    "DestinationCidrBlock": "0.0.0.0/0",
    "NewNextHopId": "i-bravo1",
    "Description": "natkeeper: i-bravo1 since 2026-11-23T06:00:00Z: i-alpha1 is Stopped [nk1 h=i-alpha1]",
}
IDENTITY = {"type": "assumed-role", "userName": "natkeeper-failover:run", "principalId": "3:run"}
MOVE = {
    "eventTime": "2026-11-23T06:00:00Z",
    "eventName": "ModifyRouteEntry",
    "requestId": "R-1",
    "requestParameters": REQUEST,
    "userIdentity": IDENTITY,
}
READ = {
    "at": "2026-11-23T06:00:00Z",
    "group": "prod",
    "what": "ModifyRouteEntry 0.0.0.0/0 vtb-one1",
    "to": "i-bravo1",
    "by": "natkeeper-failover:run",
    "why": "i-alpha1 is Stopped",
    "ours": True,
    "request_id": "R-1",
}
PERSON = {"type": "ram-user", "userName": "ops", "principalId": "2"}
OF_A_PERSON = {"userIdentity": PERSON, "requestParameters": {**REQUEST, "Description": "by hand"}}


class TrailAsked:
    """Answers LookupEvents with pages of events, or with what else is given; keeps what was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str, dict[str, str]]]()

    def plain(self, product: str, call: str, asked: Mapping[str, str]) -> object:
        self.asked.append((product, call, dict(asked)))
        if asked["LookupAttribute.1.Value"] != "ModifyRouteEntry" or not self.answers:
            return {"Events": None}
        return self.answers.pop(0)


def read(*events: object, group: Mapping[str, Any] = GROUP, everybody: bool = True) -> list[dict[str, Any]]:
    """Read what a trail with these events has of one group."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"prod": group}})
    found = events_of(TrailAsked({"Events": list(events)}), config.groups, SINCE, everybody=everybody)  # type: ignore[arg-type]
    return [one.as_json() for one in found]


def without(*names: str) -> dict[str, str]:
    """The parameters of the call without some."""
    return {key: value for key, value in REQUEST.items() if key not in names}


def named(**resources: list[str]) -> dict[str, Any]:
    """An event without parameters that names what it is about."""
    kinds = {"table": "ACS::VPC::RouteTable", "eip": "ACS::EIP::EipAddress"}
    return {"requestParameters": None, "referencedResources": {kinds[key]: ids for key, ids in resources.items()}}


@pytest.mark.parametrize(
    "group, change, differs",
    [
        (GROUP, {}, {}),
        (GROUP, {"requestParameters": json.dumps(REQUEST), "userIdentity": json.dumps(IDENTITY)}, {}),
        (GROUP, {"requestParameters": without("NewNextHopId")}, {"to": None}),
        (GROUP, {"requestParameters": {**without("NewNextHopId"), "NextHopId": "i-x"}}, {"to": "i-x"}),
        (GROUP, {"requestParameters": {**without("NewNextHopId"), "InstanceId": "i-x"}}, {"to": "i-x"}),
        (GROUP, {"requestParameters": {**REQUEST, "DestinationCidrBlock": "128.0.0.0/1"}},
         {"what": "ModifyRouteEntry 128.0.0.0/1 vtb-one1"}),
        (GROUP, {"requestParameters": without("DestinationCidrBlock")}, {"what": "ModifyRouteEntry vtb-one1"}),
        (GROUP, {"requestParameters": without("Description")}, {"why": None}),
        (GROUP, {"requestParameters": without("Description"), "userIdentity": PERSON},
         {"why": None, "by": "ops", "ours": False}),
        (GROUP, {"requestParameters": without("Description"), "userIdentity": {**IDENTITY, "userName": "other"}},
         {"why": None, "by": "other", "ours": False}),
        (GROUP, {"requestParameters": without("Description"), "userIdentity": {**IDENTITY, "type": "ram-user"}},
         {"why": None, "ours": False}),
        (GROUP, OF_A_PERSON, {"why": "by hand", "by": "ops", "ours": False}),
        (GROUP, {"userIdentity": {"principalId": "3:run"}}, {"by": "3:run"}),
        (GROUP, {"userIdentity": "odd"}, {"by": "?"}),
        (GROUP, {"userIdentity": "[]"}, {"by": "?"}),
        (GROUP, {"eventTime": None}, {"at": None}),
        (GROUP, {"requestId": None}, {"request_id": None}),
        (GROUP, {"errorCode": "Forbidden.RAM"}, {"error": "Forbidden.RAM"}),
        (GROUP, {"errorCode": "Forbidden.RAM", "errorMessage": "denied"}, {"error": "Forbidden.RAM: denied"}),
        (GROUP, named(table=["vtb-one1"]), {"what": "ModifyRouteEntry vtb-one1", "to": None, "why": None}),
        (FOLLOWS, {**named(eip=["eip-one1"]), "eventName": "AssociateEipAddress"},
         {"what": "AssociateEipAddress eip-one1", "to": None, "why": None}),
        (FOLLOWS, {"requestParameters": {"AllocationId": "eip-one1", "InstanceId": "i-x"},
                   "eventName": "UnassociateEipAddress"},
         {"what": "UnassociateEipAddress eip-one1", "to": "i-x", "why": None}),
    ],
)  # fmt: skip
def test_a_write_is_read_from_its_event(group: dict[str, Any], change: dict[str, Any], differs: dict[str, Any]) -> None:
    """By whom, whereto and why; what an event lacks is left out."""
    expected = {key: value for key, value in {**READ, **differs}.items() if value is not None}
    assert read({**MOVE, **change}, group=group) == [expected]


@pytest.mark.parametrize(
    "group, event",
    [
        (GROUP, "odd"),
        (GROUP, {**MOVE, "requestParameters": {**REQUEST, "RouteTableId": "vtb-two1"}}),
        (GROUP, {**MOVE, "requestParameters": {**REQUEST, "DestinationCidrBlock": "10.0.0.0/8"}}),
        (GROUP, {**MOVE, **named(table=["vtb-one1", "vtb-two1"])}),
        (GROUP, {**MOVE, **named(table=[])}),
        (GROUP, {**MOVE, "requestParameters": {"AllocationId": "eip-one1"}}),
        (FOLLOWS, {**MOVE, "requestParameters": {"AllocationId": "eip-two1"}}),
        (FOLLOWS, {**MOVE, "requestParameters": {**REQUEST, "AllocationId": "eip-two1"}}),
    ],
)
def test_what_is_about_another_route_is_not_listed(group: dict[str, Any], event: object) -> None:
    """Nor what names several tables, of which any may be meant."""
    assert read(event, group=group) == []


def test_only_natkeepers_own_are_listed_unless_everybodys_are_wanted() -> None:
    """The newest first."""
    first, later = {**MOVE, "requestId": "R-0"}, {**MOVE, "eventTime": "2026-11-23T07:00:00Z"}
    events = (first, later, {**MOVE, **OF_A_PERSON, "requestId": "R-2"})
    assert [one["request_id"] for one in read(*events, everybody=False)] == ["R-1", "R-0"]
    assert [one["request_id"] for one in read(*events)] == ["R-1", "R-0", "R-2"]


@pytest.mark.parametrize("group, calls", [(GROUP, 3), (FOLLOWS, 5)])
def test_every_call_is_asked_for_page_by_page(group: dict[str, Any], calls: int) -> None:
    """Those of EIPs only where one follows; a page names the next."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"prod": group}})
    trail = TrailAsked({"Events": [MOVE], "NextToken": 7}, {"Events": [MOVE]})
    assert len(events_of(trail, config.groups, SINCE, everybody=True)) == 2  # type: ignore[arg-type]
    asked = {
        "StartTime": "2026-11-22T06:00:00Z",
        "LookupAttribute.1.Key": "EventName",
        "LookupAttribute.1.Value": "ModifyRouteEntry",
        "MaxResults": "50",
    }
    assert trail.asked[:2] == [
        ("actiontrail", "LookupEvents", asked), ("actiontrail", "LookupEvents", {**asked, "NextToken": "7"}),
    ]  # fmt: skip
    assert [one["LookupAttribute.1.Value"] for _, _, one in trail.asked[1:]] == [
        "ModifyRouteEntry", "CreateRouteEntry", "DeleteRouteEntry", "AssociateEipAddress", "UnassociateEipAddress",
    ][:calls]  # fmt: skip


def test_a_trail_without_an_end_is_left_and_one_that_cannot_be_read_is_said() -> None:
    """Forty pages of each call at most."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"prod": GROUP}})
    trail = TrailAsked(*[{"Events": [], "NextToken": "more"}] * (MOST_PAGES + 1))
    assert events_of(trail, config.groups, SINCE, everybody=True) == []  # type: ignore[arg-type]
    assert len(trail.asked) == MOST_PAGES + 2
    denied = TrailAsked(Failure(FailureKind.DENIED, "no", "Forbidden.RAM"))
    with pytest.raises(CommandError, match="reading ActionTrail"):
        events_of(denied, config.groups, SINCE, everybody=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change, said, moved",
    [
        ({}, ["2026-11-23 06:00:00 UTC prod ModifyRouteEntry", "0.0.0.0/0 vtb-one1 to nat-b (i-bravo1)",
              "by natkeeper-failover:run: i-alpha1 is Stopped"], True),
        ({"errorCode": "Forbidden.RAM"},
         ["2026-11-23 06:00:00 UTC prod ModifyRouteEntry failed", "0.0.0.0/0 vtb-one1 to nat-b (i-bravo1)",
          "by natkeeper-failover:run: i-alpha1 is Stopped", "Forbidden.RAM"], True),
        ({"errorCode": "DryRunOperation"},
         ["2026-11-23 06:00:00 UTC prod ModifyRouteEntry tried only", "0.0.0.0/0 vtb-one1 to nat-b (i-bravo1)",
          "by natkeeper-failover:run: i-alpha1 is Stopped"], False),
        ({"requestParameters": without("NewNextHopId", "Description")},
         ["2026-11-23 06:00:00 UTC prod ModifyRouteEntry", "0.0.0.0/0 vtb-one1", "by natkeeper-failover:run"], False),
        ({"requestParameters": without("NewNextHopId", "Description"), "eventName": "DeleteRouteEntry"},
         ["2026-11-23 06:00:00 UTC prod DeleteRouteEntry", "0.0.0.0/0 vtb-one1", "by natkeeper-failover:run"], True),
        ({"requestParameters": {"AllocationId": "eip-one1", "InstanceId": "i-bravo1"},
          "eventName": "AssociateEipAddress"},
         ["2026-11-23 06:00:00 UTC prod AssociateEipAddress", "eip-one1 to nat-b (i-bravo1)",
          "by natkeeper-failover:run"], True),
        ({"requestParameters": {"AllocationId": "eip-one1", "InstanceId": "i-bravo1"},
          "eventName": "UnassociateEipAddress"},
         ["2026-11-23 06:00:00 UTC prod UnassociateEipAddress", "eip-one1 off nat-b (i-bravo1)",
          "by natkeeper-failover:run"], True),
    ],
)  # fmt: skip
def test_a_write_is_laid_out_for_a_person(change: dict[str, Any], said: list[str], moved: bool) -> None:  # noqa: FBT001
    """When and what; below it whereto, by whom and why. What only asked whether it may has moved nothing."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"prod": FOLLOWS}})
    trail: Any = SimpleNamespace(plain=TrailAsked({"Events": [{**MOVE, **change}]}).plain)
    (one,) = events_of(trail, config.groups, SINCE, everybody=True)
    (laid,) = lines_of([one], Console(width=200, force_terminal=True, color_system=None), {"i-bravo1": "nat-b"})
    lines = [" ".join(line.replace("·", " ").split()) for line in laid.plain.splitlines()]
    assert (lines, one.moved) == (said, moved)
