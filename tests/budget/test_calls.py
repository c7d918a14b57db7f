"""How many API calls each kind of run may cost. Alibaba throttles by the call, so a call more is worth a red test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from natkeeper.alibaba.threads import AT_ONCE
from natkeeper.alibaba.transport import POOL
from natkeeper.domain.payloads import parse
from natkeeper.failover.dispatch import SETUPS_A_SWEEP, plan
from natlab.bench.scale import THREADS, goal_calls
from tests.budget.many import TIMER, Many, many

READS = Counter(DescribeRouteEntryList=1, DescribeInstances=1, DescribeInstancesFullStatus=1)


@pytest.fixture(scope="module")
def twenty() -> Iterator[Many]:
    """Twenty groups whose gateways are set up."""
    with many(20) as built:
        built.sweep()
        built.advance(120)
        built.sweep()
        yield built


def test_a_quiet_sweep_costs_a_call_a_table_and_one_a_hundred_instances(twenty: Many) -> None:
    """Not one report is fetched that was fetched before."""
    answer, made = twenty.sweep()
    assert {receipt.outcome for receipt in answer.receipts} == {"quiet"}
    assert made == Counter(
        DescribeRouteEntryList=20, DescribeInstances=1, DescribeInstancesFullStatus=1, ListExecutions=1
    )
    assert made.total() == goal_calls(20)


def test_an_event_with_nothing_to_do_costs_the_reads_of_one_group(twenty: Many) -> None:
    """However many other groups there are."""
    event = {"source": "acs.ecs", "type": "ecs:Instance:StateChange", "id": "1", "specversion": "1.0",
             "data": {"resourceId": twenty.groups[3].gateways[1], "state": "Stopped"}}  # fmt: skip
    _, made = twenty.send(event | {"time": "2020-01-01T00:00:00Z"})
    assert Counter(call.action for call in made) == READS


def test_a_failover_costs_ten_calls_and_a_look(twenty: Many) -> None:
    """Three reads and the write; two reads while the platform is at work, two to see the move, two after the look."""
    answer, made = twenty.stop(twenty.groups[7])
    assert [receipt.outcome for receipt in answer.receipts] == ["changed"]
    calls = [call.action for call in made]
    assert Counter(calls[:3]) == READS
    assert calls[3] == "ModifyRouteEntry"
    assert calls.count("StartExecution") == 1, "without a probe, the proof behind the gateway is asked for at once"
    checks = [call for call in calls if call in ("RunCommand", "DescribeInvocationResults", "StartExecution")]
    assert checks[:3] == ["RunCommand", "DescribeInvocationResults", "DescribeInvocationResults"]
    assert len(calls) - len(checks) <= 10


def test_a_stranger_s_event_costs_nothing(twenty: Many) -> None:
    """Nothing is asked about an instance that is nobody's gateway."""
    event = {"source": "acs.ecs", "type": "ecs:Instance:StateChange", "data": {"resourceId": "i-x", "state": "Stopped"}}
    assert twenty.send(event)[1] == []


def test_a_first_sweep_starts_one_setup_for_fifty_gateways(twenty: Many) -> None:
    """Twenty groups alike are one execution; what it found is fetched in one call, once."""
    with many(20) as fresh:
        _, first = fresh.sweep()
        assert (first["StartExecution"], first["ListTaskExecutions"]) == (1, 0)
        fresh.advance(120)
        _, second = fresh.sweep()
        assert (second["StartExecution"], second["ListTaskExecutions"]) == (0, 1)


def test_hundreds_of_groups_take_turns() -> None:
    """In no minute may more than fifty groups start setups, within ten minutes all five hundred may."""
    with many(500) as crowd:
        signals = tuple(parse(json.dumps(TIMER)))
        seen: Counter[str] = Counter()
        for _ in range(10):
            turns = [
                assignment.group.name
                for assignment in plan(signals, crowd.config, crowd.now()).assignments
                if assignment.turn
            ]
            assert len(turns) <= SETUPS_A_SWEEP
            seen.update(turns)
            crowd.advance(60)
        assert len(seen) == 500
        assert set(seen.values()) == {1}


def test_the_aim_for_five_hundred_groups_is_what_was_promised() -> None:
    """500 tables, 1,000 instances by the hundred for two products' calls, one listing."""
    assert goal_calls(500) == 500 + 10 + 10 + 1


def test_every_thread_keeps_its_connection() -> None:
    """A pool smaller than the threads of a batch would make handshakes again and again."""
    assert THREADS == AT_ONCE <= POOL
