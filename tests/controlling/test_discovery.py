"""Gateways found by a tag, routes found by where they lead: what is told, guarded, left, and what it costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.payloads import parse
from natkeeper.failover.search import searches
from natkeeper.ports import (
    CreateRoute,
    FailureKind,
    NoteRoute,
    PointRoute,
    ReadConditions,
    ReadInstances,
    ReadRoutes,
    ReadTagged,
    ReadVpcTables,
    StartSetup,
)
from tests.controlling.finding import TAG, VPC, episodes, give, tagged
from tests.fakes.stage import TABLE, TABLE_2, A, B, C, Stage, group, hop, person, timer


def test_a_cold_process_finds_gateways_and_tables_and_fails_over() -> None:
    """Nothing is listed, nothing is remembered: one round trip more than with lists, and the write comes third."""
    stage = tagged(tables=(TABLE, TABLE_2))
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert (stage.next_hop(), stage.next_hop(TABLE_2)) == (B, B)
    assert receipt.outcome == "changed"
    assert [type(call) for call in stage.cloud.batches[0]] == [ReadTagged, ReadVpcTables]
    assert min(sent.batch for sent in stage.cloud.sent(PointRoute)) == 2


def test_a_warm_process_fails_over_in_two_round_trips() -> None:
    """What the sweep found is remembered: the event's run reads what a list would have it read, and writes."""
    stage = tagged()
    stage.sweeps(3)
    began = len(stage.cloud.batches)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    reads, write = stage.cloud.batches[began : began + 2]
    assert {type(call) for call in reads} == {ReadRoutes, ReadInstances, ReadConditions}
    assert [type(call) for call in write] == [PointRoute]


def test_listed_groups_keep_their_two_round_trips_beside_a_cold_search() -> None:
    """Another group of the deployment looks for its gateways meanwhile."""
    found = group(vpc=VPC, gateways={"tag": TAG}, routes=[{"table": TABLE_2}], probe=None)
    stage = Stage({"prod": group(probe=None), "found": found})
    give(stage, C, days=3)
    stage.world.add_route(TABLE_2, hop(C))
    stage.world.stop(A)
    stage.send([timer()])
    assert stage.next_hop() == B
    assert min(sent.batch for sent in stage.cloud.sent(PointRoute)) == 1


def test_the_oldest_is_home_and_the_order_is_by_creation() -> None:
    """A failback leads to the oldest."""
    stage = tagged(failback="5m")
    stage.world.stop(A)
    stage.sweeps(2)
    assert stage.next_hop() == B
    stage.world.start(A)
    stage.sweeps(15)
    assert stage.next_hop() == A
    status = stage.one(person("status"))
    assert status.view is not None
    assert [each["id"] for each in status.view["gateways"]] == [A, B]


def test_what_was_found_is_told_once_and_named_by_the_status() -> None:
    """Told when it is found, by ids and by the tag; the status says which things were found."""
    stage = tagged()
    stage.sweeps(120)
    (notice,) = episodes(stage)
    assert notice["about"] == [A, B, TABLE]
    assert f"{A}, {B} have the tag {TAG}" in notice["cause"]
    assert TABLE in notice["cause"]
    status = stage.one(person("status"))
    assert status.view is not None
    assert all(each["found"] for each in (*status.view["gateways"], *status.view["routes"]))
    assert {receipt.outcome for receipt in stage.sweeps(5)} == {"quiet"}


def test_a_new_process_does_not_tell_again_what_an_entry_remembers() -> None:
    """Only these very things: one more is told at once."""
    stage = tagged()
    stage.sweeps(3)
    stage.told = type(stage.told)()
    stage.sweeps(3)
    assert len(episodes(stage)) == 1
    give(stage, C, days=1)
    stage.told = type(stage.told)()
    stage.sweeps(3)
    assert [each["about"] for each in episodes(stage)] == [[A, B, TABLE], [A, B, C, TABLE]]


def test_what_one_entry_does_not_take_another_one_remembers() -> None:
    """A table that refused a note is asked no more, and neither keeps it from the others."""
    stage = tagged(tables=(TABLE, TABLE_2))
    stage.cloud.fail(NoteRoute, FailureKind.REFUSED, where=lambda call: call.table == TABLE)
    noted = []
    for name in (C, "i-delta"):
        stage.sweeps(2)
        noted.append(decode(stage.description(TABLE_2)))
        give(stage, name, days=1)
    first, second = (memory.found for memory in noted if isinstance(memory, Memory))
    assert first
    assert second not in ("", first)
    assert [sent.call.table for sent in stage.cloud.sent(NoteRoute)] == [TABLE, TABLE_2, TABLE_2]


def test_a_new_gateway_is_told_before_anything_is_changed_on_it() -> None:
    """The sweep that finds it tells it; a setup on it starts with the next one."""
    stage = tagged(setup={"via": "assistant"})
    stage.sweep()
    assert stage.cloud.sent(StartSetup) == []
    assert len(episodes(stage)) == 1
    stage.world.advance(60)
    stage.sweep()
    assert {g for sent in stage.cloud.sent(StartSetup) for g in sent.call.gateways} == {A, B}


def test_an_event_of_an_unknown_instance_reads_the_tags_first() -> None:
    """A gateway was added a moment ago: its event finds it, and people are told in that run."""
    stage = tagged()
    stage.sweeps(3)
    give(stage, C, days=0)
    receipt = stage.one(stage.state(C, "Running"))
    assert C in [each["id"] for each in (stage.one(person("status")).view or {})["gateways"]]
    assert [episode.trouble.kind.value for episode in receipt.episodes if episode.due] == ["found"]
    assert "new: i-charlie" in episodes(stage)[-1]["cause"]


def test_a_stranger_s_event_costs_one_read_a_minute() -> None:
    """It is not ours, as its tags say; its next events need no read."""
    stage = tagged()
    stage.sweeps(3)
    give(stage, C, days=0, tags=("role=web",))
    before = len(stage.cloud.log)
    for state in ("Running", "Stopping", "Stopped"):
        answer = stage.send(stage.state(C, state))
        assert answer.receipts == ()
        assert "no group has this gateway" in answer.ignored[0]
    assert [type(sent.call) for sent in stage.cloud.log[before:]] == [ReadTagged]


def called(stage: Stage, call: str, name: str) -> dict[str, Any]:
    """ActionTrail: a person called an operation about an instance."""
    asked = {"InstanceId": name, "AllocationId": "eip-bp1new", "InstanceType": "EcsInstance"}
    said = {"eventName": call, "requestParameters": asked}
    product = "ecs" if call == "StopInstance" else "vpc"
    return {**stage.stop_called(name), "source": f"acs.{product}", "type": f"{product}:ActionTrail:ApiCall", "data": {
        **stage.stop_called(name)["data"], **said,
    }}  # fmt: skip


@pytest.mark.parametrize("call", ["StopInstance", "UnassociateEipAddress"])
@pytest.mark.parametrize("name, asked", [(A, []), (C, [ReadTagged])])
def test_a_call_about_an_unknown_instance_reads_the_tags(call: str, name: str, asked: list[type]) -> None:
    """One about a gateway that was found before does not."""
    stage = tagged()
    stage.sweeps(3)
    give(stage, C, days=0, tags=("role=web",))
    before = len(stage.cloud.log)
    stage.send(called(stage, call, name))
    assert [type(sent.call) for sent in stage.cloud.log[before:] if type(sent.call) is ReadTagged] == asked


def test_a_new_entry_through_a_gateway_is_found_by_its_event() -> None:
    """ActionTrail says that an entry of an unknown table was created: one read shows that it leads to a gateway."""
    stage = tagged()
    stage.sweeps(3)
    stage.world.add_route(TABLE_2, hop(A))
    receipt = stage.one(stage.route_touched("CreateRouteEntry", TABLE_2))
    assert any(TABLE_2 in episode.trouble.about for episode in receipt.episodes)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert (stage.next_hop(), stage.next_hop(TABLE_2)) == (B, B)


def test_an_entry_that_leads_elsewhere_is_not_found() -> None:
    """By sweep and by event."""
    stage = tagged()
    stage.world.add_route(TABLE_2, hop("i-firewall"))
    stage.sweeps(12)
    answer = stage.send(stage.route_touched("CreateRouteEntry", TABLE_2))
    assert answer.receipts == ()
    stage.world.stop(A)
    stage.sweeps(2)
    assert (stage.next_hop(), stage.next_hop(TABLE_2)) == (B, "i-firewall")


def test_a_sweep_finds_a_table_within_ten_minutes() -> None:
    """Without any event."""
    stage = tagged()
    stage.sweeps(2)
    stage.world.add_route(TABLE_2, hop(B))
    assert not [problem for problem in stage.one(person("status")).problems if "nobody guards" in problem]
    stage.sweeps(11)
    assert TABLE_2 in episodes(stage)[-1]["about"]
    assert episodes(stage, "unguarded") == []


def test_no_entry_is_created_where_routes_are_found() -> None:
    """A person deleted it: it stays deleted, also when someone asks for a switch."""
    stage = tagged()
    stage.sweeps(2)
    stage.world.tables[TABLE].clear()  # type: ignore[index]
    stage.world.guarded.clear()
    stage.send(stage.route_touched("DeleteRouteEntry"))
    stage.sweeps(15)
    stage.one(person("switch", to=B))
    assert stage.cloud.sent(CreateRoute) == []


def test_a_route_on_the_fallback_stays_found() -> None:
    """In a new process too: the entry says that natkeeper led it there."""
    stage = tagged(fallback="ngw-last")
    stage.world.nat["ngw-last"] = True  # type: ignore[index]
    stage.sweeps(2)
    for name in (A, B):
        stage.world.stop(name)
    stage.sweeps(3)
    assert stage.next_hop() == "ngw-last"
    stage.told = type(stage.told)()
    stage.world.start(B)
    stage.sweeps(20)
    assert stage.next_hop() == B


def test_listed_routes_with_tagged_gateways() -> None:
    """One half of it alone: the table is listed, and created where it is missing, as ever."""
    stage = tagged(routes=[{"table": TABLE}], tables=())
    stage.world.tables.setdefault(TABLE, [])  # type: ignore[arg-type]
    stage.sweeps(2)
    assert stage.next_hop() == A


def test_found_routes_with_listed_gateways() -> None:
    """The other half: gateways are listed, tables found, one of them by the interface of a gateway."""
    stage = Stage({"prod": group(vpc=VPC, routes="all", probe=None)})
    stage.world.add_route(TABLE, hop(A))
    stage.sweeps(2)
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    (notice,) = episodes(stage)
    assert notice["about"] == [TABLE]


def test_what_another_group_lists_is_not_found() -> None:
    """An instance or table that a group lists stays that group's."""
    other = group(gateways=[C], routes=[{"table": TABLE_2}], probe=None)
    found = group(vpc=VPC, gateways={"tag": TAG}, routes="all", probe=None)
    stage = Stage({"found": found, "other": other})
    stage.machine(C).tags = frozenset({TAG})
    for number, name in enumerate((A, B)):
        give(stage, name, days=10 - number)
    stage.world.add_route(TABLE, hop(A))
    stage.send(timer())
    views = {r.group: r.view or {} for r in stage.send({"action": "status"}).receipts}
    assert [each["id"] for each in views["found"]["gateways"]] == [A, B]
    assert [each["table"] for each in views["found"]["routes"]] == [TABLE]


@pytest.mark.parametrize("action", ["setup", "switch", "pause", "status", "sweep"])
def test_a_person_s_first_request_in_a_cold_process_is_understood(action: str) -> None:
    """It names what only the search knows."""
    stage = tagged(setup={"via": "assistant"})
    more = {"setup": {"gateway": B}, "switch": {"to": B, "table": TABLE}, "pause": {"why": "work", "for": "10m"}}
    receipt = stage.one(person(action, **more.get(action, {})))
    assert receipt.outcome != "refused", receipt
    if action == "switch":
        assert stage.next_hop() == B
    if action == "setup":
        assert [sent.call.gateways for sent in stage.cloud.sent(StartSetup)] == [(B,)]


@pytest.mark.parametrize("calls", range(12))
def test_killed_anywhere_the_next_process_finishes(calls: int) -> None:
    """A search, a read, a write: what a cold process has not done, the next one does."""
    stage = tagged(tables=(TABLE, TABLE_2))
    stage.world.stop(A)
    stage.killed(stage.state(A, "Stopping"), calls)
    stage.told = type(stage.told)()
    stage.sweeps(3)
    assert (stage.next_hop(), stage.next_hop(TABLE_2)) == (B, B)
    assert InstanceId(A) in stage.world.machines


@pytest.mark.parametrize("order", [("plain", "found"), ("found", "plain")])
def test_every_group_that_finds_its_gateways_is_searched(order: tuple[str, ...]) -> None:
    """Wherever it stands in the configuration, beside others that list theirs."""
    kinds = {
        "plain": group(),
        "found": group(vpc=VPC, gateways={"tag": TAG}, routes="all", probe=None),
    }
    stage = Stage({name: kinds[name] for name in order})
    event = parse(json.dumps(stage.state("i-stranger", "Running")))
    found = searches(event, stage.config, (), {}, stage.world.now)
    assert [(search.group, search.tag, search.tables) for search in found] == [("found", True, True)]
