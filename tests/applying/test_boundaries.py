"""What a request has to carry: everything arrives at n things, at one more, on the last page, and beside strangers.

The local cloud has the default page sizes, default time-outs and limits of the real one, so what a request leaves out
is missed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from natkeeper.alibaba.assistant import CHECK_TIMEOUT_S, SETUP_TIMEOUT_S
from natkeeper.domain.ids import EipId, InstanceId, TableId
from natkeeper.domain.observed import HopKind, NextHop
from natkeeper.guest.report import SetupReport
from natkeeper.guest.template import oos_template
from natkeeper.ports import (
    CreateRoute,
    Failure,
    HandOver,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadRoutes,
    ReadSetups,
    StartGatewayCheck,
    StartSetup,
)
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local, local_cloud
from tests.applying.test_long_work import PARAMETERS, TEMPLATE, report

HALVES = ("0.0.0.0/1", "128.0.0.0/1")


def sent(local: Local, action: str) -> list[Mapping[str, str]]:
    """The parameters of every request for `action`, whether or not its answer arrived."""
    return [call.params for call in local.cloud.calls if call.action == action]


# ---- route entries -------------------------------------------------------------------------------------------


def filled(local: Local, entries: int) -> TableId:
    """Make a table with entries of a cluster in front of the default route."""
    table = local.cloud.vpc.create_route_table(local.vpc)
    for number in range(entries):
        local.cloud.vpc.add_route(table, f"172.{16 + number // 256}.{number % 256}.0/24", local.second)
    local.cloud.vpc.add_route(table, "0.0.0.0/0", local.first)
    return TableId(table)


@pytest.mark.parametrize("entries", [98, 99, 100, 199, 200])
def test_the_last_entry_of_a_table_is_read(local: Local, entries: int) -> None:
    """0.0.0.0/0 is the 99th, 100th, 101st, 200th and 201st entry."""
    found = local.one(ReadRoutes(filled(local, entries)))
    assert len(found) == entries + 1
    assert found[-1].destination == "0.0.0.0/0"
    assert len(local.asked("DescribeRouteEntryList")) == -(-(entries + 1) // 100)


@pytest.mark.parametrize("way, pages", [("known", 1), ("ignored", 4), ("refused", 5)])
def test_a_big_table_is_one_page_where_the_api_filters(way: str, pages: int) -> None:
    """300 entries of a cluster: one request where the filter is known, and the same answer where it is not."""
    with local_cloud({"route-filters": way}) as local:
        table = filled(local, 300)
        local.cloud.vpc.add_route(table, "128.0.0.0/1", local.second)
        call = ReadRoutes(table, ("0.0.0.0/0", *HALVES))
        found = {entry.destination: entry.next_hop for entry in local.one(call)}
        assert found == {"0.0.0.0/0": local.to(local.first), "128.0.0.0/1": local.to(local.second)}
        assert len(local.asked("DescribeRouteEntryList")) == pages
        before = len(local.asked("DescribeRouteEntryList"))
        local.one(call)
        again = len(local.asked("DescribeRouteEntryList")) - before
        assert again == min(pages, 4), "what an API refused is not tried again"


@pytest.mark.parametrize("count", [200, 201])
def test_any_number_of_destinations_can_be_asked_for(local: Local, count: int) -> None:
    """The list takes 200 of them."""
    wanted = (*(f"192.168.{number}.0/24" for number in range(count - 1)), "0.0.0.0/0")
    (entry,) = local.one(ReadRoutes(local.table, wanted))
    assert entry.destination == "0.0.0.0/0"
    assert len(sent(local, "DescribeRouteEntryList")) == -(-count // 200)


def test_groups_that_share_a_table_share_one_read(local: Local) -> None:
    """Each gets the entries that it asked for; one that asks for the whole table makes it one whole read."""
    local.cloud.vpc.add_route(local.table, "192.0.2.0/24", local.second)
    first, second, both = local.ask(
        ReadRoutes(local.table, ("0.0.0.0/0",)),
        ReadRoutes(local.table, ("192.0.2.0/24",)),
        ReadRoutes(local.table, ("192.0.2.0/24", "0.0.0.0/0")),
    )
    assert [entry.destination for entry in first] == ["0.0.0.0/0"]
    assert [entry.destination for entry in second] == ["192.0.2.0/24"]
    assert len(both) == 2
    one, whole = local.ask(ReadRoutes(local.table, ("0.0.0.0/0",)), ReadRoutes(local.table))
    assert (len(one), len(whole)) == (1, 2)
    assert [request.get("DestCidrBlockList.2") for request in sent(local, "DescribeRouteEntryList")] == [
        "192.0.2.0/24",
        None,
    ]


def test_only_custom_entries_are_asked_for(local: Local) -> None:
    """System entries would fill pages, and are nobody's to change."""
    local.one(ReadRoutes(local.table))
    (request,) = sent(local, "DescribeRouteEntryList")
    assert (request["RouteEntryType"], request["RouteTableId"]) == ("Custom", local.table)


# ---- instances and addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 10, 11, 99, 100, 101, 201])
def test_every_instance_and_condition_is_read(local: Local, count: int) -> None:
    """At ten, which is the API's own page; at a hundred, which is the most it takes; and one more of each."""
    vswitch = local.cloud.vpc.create_vswitch(local.vpc, "10.0.1.0/24")
    ids = tuple(InstanceId(local.cloud.ecs.create_instance(vswitch, name=f"g{n}")) for n in range(count))
    instances, conditions = local.ask(ReadInstances(ids), ReadConditions(ids))
    assert tuple(instances) == ids
    assert tuple(conditions) == ids
    assert [each.status for each in conditions.values()] == [each.status for each in instances.values()]
    requests = -(-count // 100)
    assert len(local.asked("DescribeInstances")) == len(local.asked("DescribeInstancesFullStatus")) == requests


def test_no_stranger_is_among_the_instances(local: Local) -> None:
    """Two gateways of one group, in a region with many instances more: only what was asked for, by each call."""
    ids = (local.first,)
    instances, conditions = local.ask(ReadInstances(ids), ReadConditions(ids))
    assert list(instances) == list(conditions) == [local.first]
    gone = InstanceId("i-bp1nowhere")
    found, none = local.ask(ReadInstances((local.second, gone)), ReadConditions((gone,)))
    assert list(found) == [local.second]
    assert none == {}


@pytest.mark.parametrize("count", [1, 10, 11, 50, 51])
def test_every_eip_is_read(local: Local, count: int) -> None:
    """At ten, at fifty, and one more of each; with a stranger's among them."""
    local.cloud.vpc.allocate_eip()
    eips = [EipId(local.cloud.vpc.allocate_eip()) for _ in range(count)]
    found = local.ask(*(ReadEip(eip) for eip in eips))
    assert [eip.id for eip in found] == eips
    assert len(local.asked("DescribeEipAddresses")) == -(-count // 50)


# ---- setups --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["oos", "assistant"])
def via(request: pytest.FixtureRequest, local: Local) -> str:
    way = str(request.param)
    if way == "oos":
        local.adapter.ensure_template(TEMPLATE, oos_template(), local.now() + timedelta(seconds=9))
    local.guests.prints = lambda _: report()
    return way


def start(local: Local, via: str, gateways: tuple[InstanceId, ...], token: str) -> Any:
    return local.one(StartSetup(via, TEMPLATE, "natkeeper-oos", gateways, PARAMETERS, token))


@pytest.mark.parametrize("count", [10, 11, 49, 50, 51])
def test_the_reports_of_one_setup_are_all_read(local: Local, via: str, count: int) -> None:
    """At ten, which is Cloud Assistant's own page; at fifty, the most that one start has; and one more of each."""
    vswitch = local.cloud.vpc.create_vswitch(local.vpc, "10.0.1.0/24")
    ids = tuple(InstanceId(local.cloud.ecs.create_instance(vswitch, name=f"g{n}")) for n in range(count))
    for first in range(0, count, 50):
        assert isinstance(start(local, via, ids[first : first + 50], f"t-{first}"), str)
    local.advance(120)
    runs = local.one(ReadSetups(via, TEMPLATE, local.now() - timedelta(hours=1), ids))
    assert {run.gateway for run in runs if run.report is not None} == set(ids)


@pytest.mark.parametrize("others", [9, 10, 49, 50, 51, 101])
def test_a_setup_behind_many_others_is_found(local: Local, via: str, others: int) -> None:
    """The list of starts is read page by page until every gateway has a report."""
    start(local, via, (local.first,), "t-first")
    for number in range(others):
        local.advance(30)
        start(local, via, (local.second,), f"t-{number}")
    local.advance(120)
    runs = local.one(ReadSetups(via, TEMPLATE, local.now() - timedelta(hours=3), (local.first, local.second)))
    assert {run.gateway for run in runs if run.report is not None} == {local.first, local.second}


def test_someone_else_s_commands_are_no_setups(local: Local, via: str) -> None:
    """A newer command, and a newer execution of another template whose name begins the same."""
    start(local, via, (local.first,), "t-first")
    local.advance(60)
    local.cloud.call(
        "ecs",
        "RunCommand",
        {
            "RegionId": local.cloud.region,
            "Type": "RunShellScript",
            "CommandContent": "dHJ1ZQ==",
            "ContentEncoding": "Base64",
            "Name": "someone-else",
            "InstanceId.1": local.second,
        },
    )
    other = f"{TEMPLATE}-of-someone-else"
    local.adapter.ensure_template(other, oos_template(), local.now() + timedelta(seconds=9))
    local.one(StartSetup("oos", other, "natkeeper-oos", (local.second,), PARAMETERS, "t-other"))
    local.advance(60)
    runs = local.one(ReadSetups(via, TEMPLATE, local.now() - timedelta(hours=1)))
    assert [run.gateway for run in runs] == [local.first]


def test_another_gateway_s_report_is_not_this_one_s(local: Local, via: str) -> None:
    """A start without output is looked up among a gateway's commands, some of which ran on others as well."""
    both = local.first, local.second
    local.guests.prints = lambda gateway: report() if gateway == local.second else b""
    local.guests.exit_code = 1
    start(local, via, both, "t-1")
    start(local, "assistant", both, "t-2")
    local.advance(120)
    runs = local.one(ReadSetups(via, TEMPLATE, local.now() - timedelta(hours=1), both))
    assert {run.gateway for run in runs if isinstance(run.report, SetupReport)} == {local.second}


def test_no_command_is_kept(local: Local, via: str) -> None:
    """A region keeps a few hundred commands of an account, and natkeeper would fill them in a day."""
    start(local, via, (local.first,), "t-1")
    local.one(StartGatewayCheck(local.first, ("https://example.test",), 2.0))
    local.advance(30)
    kept: Any = local.cloud.call("ecs", "DescribeCommands", {"RegionId": local.cloud.region})
    assert kept["Commands"]["Command"] == []


def test_setups_have_ten_minutes_and_looks_one(local: Local, via: str) -> None:
    """Cloud Assistant's own time-out is 60 s, in which no package is installed, but the script's library is stored."""
    start(local, via, (local.first,), "t-1")
    local.advance(30)
    library = SETUP_TIMEOUT_S if via == "oos" else CHECK_TIMEOUT_S  # one action of the template runs both
    assert local.guests.timeouts == [library, SETUP_TIMEOUT_S]
    local.one(StartGatewayCheck(local.first, ("https://example.test",), 2.0))
    local.advance(30)
    assert local.guests.timeouts[2:] == [CHECK_TIMEOUT_S]


# ---- doing it twice ------------------------------------------------------------------------------------------


@pytest.fixture
def lost(local: Local, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lose the answer of the next call of an action, which is carried out."""
    for module in ("vpc", "oos", "assistant"):
        monkeypatch.setattr(f"natkeeper.alibaba.{module}.WRITE_S", 0.3)

    def lose(action: str) -> None:
        local.fault(FaultKind.TIMEOUT, action, executed=True, seconds=1.0)

    return lose


def test_a_start_that_is_tried_again_is_the_same_start(local: Local, via: str, lost: Callable[[str], None]) -> None:
    """The first answer is lost: the second try has the same token, and nothing runs twice."""
    action = "StartExecution" if via == "oos" else "RunCommand"
    lost(action)
    assert isinstance(start(local, via, (local.first,), "t-1"), str)
    tokens = [request["ClientToken"] for request in sent(local, action)]
    assert tokens == (["t-1", "t-1"] if via == "oos" else ["t-1-library", "t-1-library", "t-1"])
    local.advance(60)
    library, setup = local.guests.scripts
    assert library != setup
    start(local, via, (local.first,), "t-2")
    local.advance(60)
    assert local.guests.scripts == [library, setup] * 2


def test_setups_of_many_groups_start_together(local: Local, via: str) -> None:
    """The token of a joint start is as long as a token may be; the library's is another, and no longer."""
    one, other = (
        StartSetup(via, TEMPLATE, "natkeeper-oos", (gateway,), PARAMETERS, f"natkeeper-{gateway}")
        for gateway in (local.first, local.second)
    )
    first, second = local.ask(one, other)
    assert isinstance(first, str), first
    assert first == second
    tokens = [request["ClientToken"] for request in sent(local, "StartExecution" if via == "oos" else "RunCommand")]
    assert {len(token) for token in tokens} == {64}
    assert len(set(tokens)) == len(tokens) == (1 if via == "oos" else 2)


def test_looks_are_each_their_own_and_each_try_of_one_the_same(local: Local, lost: Callable[[str], None]) -> None:
    """Two looks with equal parameters are two commands; a repeated try of one is not."""
    check = StartGatewayCheck(local.first, ("https://example.test",), 2.0)
    lost("RunCommand")
    first, second = local.one(check), local.one(check)
    assert first != second
    tokens = [request["ClientToken"] for request in sent(local, "RunCommand")]
    assert len(tokens) == 3
    assert len(set(tokens)) == 2


def test_a_create_that_is_tried_again_has_its_token(local: Local, lost: Callable[[str], None]) -> None:
    """The caller gives the token; the adapter carries it, each time."""
    lost("CreateRouteEntry")
    hop = NextHop(HopKind.INSTANCE, local.second)
    call = CreateRoute(local.vpc, local.table, "192.0.2.0/24", hop, "natkeeper-prod", "memory", "token-1")
    assert local.one(call) is None
    assert [request["ClientToken"] for request in sent(local, "CreateRouteEntry")] == ["token-1", "token-1"]
    assert {request["RouteEntryName"] for request in sent(local, "CreateRouteEntry")} == {"natkeeper-prod"}


def test_a_create_without_its_refused_name_is_another_request() -> None:
    """The token of the first would bring back its refusal; the longest token still has room for the difference."""
    with local_cloud({"route-name": "refused"}) as local:
        call = CreateRoute(
            local.vpc, local.table, "192.0.2.0/24", local.to(local.second), "natkeeper-prod", "", "t" * 64
        )
        assert local.one(call) is None
        named, bare = sent(local, "CreateRouteEntry")
        assert (named.get("RouteEntryName"), bare.get("RouteEntryName")) == ("natkeeper-prod", None)
        assert named["ClientToken"] != bare["ClientToken"]
        assert len(bare["ClientToken"]) == 64


def test_a_hand_over_waits_for_nobody(local: Local) -> None:
    """The invocation type travels in a header; without it, the function would be waited for."""
    headers: list[dict[str, str]] = []
    local.cloud.wire_observers.append(lambda request, _: headers.append(dict(request.headers)))
    assert isinstance(local.one(HandOver("nobody", json.dumps({"tell": []}).encode())), Failure)
    assert headers[0]["x-fc-invocation-type"] == "Async"
