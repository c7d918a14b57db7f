"""The failover path is two round trips: all reads at once, then the write, and nothing else before it."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.memory import Memory, decode
from natkeeper.failover.together import together
from natkeeper.ports import (
    Call,
    CheckFromFunction,
    CheckThroughProbe,
    FailureKind,
    HandOver,
    PointRoute,
    ReadConditions,
    ReadEip,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
    ReadSetups,
    Run,
    UnassociateEip,
    ask,
)
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, Stage, group, hop, timer


def kinds(stage: Stage, number: int) -> list[str]:
    """Name the calls of a batch."""
    return sorted(type(call).__name__ for call in stage.cloud.batches[number])


@pytest.fixture
def full() -> Stage:
    """Everything a group can have: two tables, a fallback, an EIP that follows, a probe, setup."""
    routes = [{"table": TABLE}, {"table": TABLE_2}]
    return Stage(
        {"prod": group(routes=routes, fallback=FALLBACK, address={"follow": EIP}, setup={"mode": "apply"})},
    )


def test_an_event_reads_everything_at_once_and_then_writes(full: Stage) -> None:
    """Two batches, whatever the group has; setup reports are not among the reads."""
    full.world.stop(A)
    full.one(full.state(A, "Stopping"))
    reads = [ReadRoutes, ReadRoutes, ReadInstances, ReadEip, ReadConditions, ReadNatGateway]
    assert kinds(full, 0) == sorted(kind.__name__ for kind in reads)
    assert kinds(full, 1) == sorted(kind.__name__ for kind in [PointRoute, PointRoute, UnassociateEip])


def test_a_report_of_the_probe_is_as_quick(full: Stage) -> None:
    """The look that crosses no gateway is taken beside the reads."""
    full.machine(A).hung = True
    full.one(full.report())
    assert "CheckFromFunction" in kinds(full, 0)
    assert set(kinds(full, 1)) == {"PointRoute", "UnassociateEip"}


def test_the_sweep_is_as_quick(full: Stage) -> None:
    """A sweep that finds a dead gateway writes in the second batch; the setup reports are read when that is done."""
    full.world.stop(A)
    full.one(timer())
    assert "ReadSetups" not in kinds(full, 0)
    assert set(kinds(full, 1)) == {"PointRoute", "UnassociateEip"}
    assert [kinds(full, n) for n in range(len(full.cloud.batches))].count(["ReadSetups"]) == 1


def test_what_does_not_change_is_not_read_again(full: Stage) -> None:
    """The rounds after the write read what the write changes, and nothing else."""
    full.world.stop(A)
    full.one(full.state(A, "Stopping"))
    later = {type(entry.call) for entry in full.cloud.log if entry.batch > 1}
    assert not later & {ReadConditions, ReadNatGateway, ReadSetups, CheckFromFunction}


def test_setup_reports_are_never_read_on_an_event(full: Stage) -> None:
    """Not even when a gateway comes back: then its setup is started without asking what it was."""
    full.world.stop(A)
    full.one(full.state(A, "Stopping"))
    full.world.advance(30)
    full.world.start(A)
    full.world.advance(30)
    full.one(full.state(A, "Running"))
    assert full.cloud.sent(ReadSetups) == []


@pytest.mark.parametrize("slow", [ReadConditions, ReadNatGateway, ReadSetups])
@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.DENIED])
def test_a_read_that_is_not_needed_cannot_hold_up_the_move(full: Stage, slow: type, kind: FailureKind) -> None:
    """One API is out: the move waits some seconds for it at most, and is made without it."""
    full.world.stop(A)
    full.cloud.fail(slow, kind)
    full.one(timer())
    assert full.next_hop() == B
    written = full.cloud.sent(PointRoute)[0].at
    assert (written - full.cloud.log[0].at).total_seconds() < 4.5


def test_people_hear_of_it_after_the_route_is_safe(stage: Stage) -> None:
    """The hand-over is the last call of the run."""
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    assert [type(call) for call in stage.cloud.batches[-1]] == [HandOver]
    assert len(stage.cloud.sent(HandOver)) == 1


def test_groups_of_one_sweep_share_their_batches() -> None:
    """A sweep of many groups takes as many round trips as a sweep of one: what decides, then the VPC's tables."""
    one = Stage({"g": group(probe=None)})
    many = Stage(
        {
            f"g{n}": group(gateways=[f"i-one{n}", f"i-two{n}"], routes=[{"table": f"vtb-t{n:02}"}], probe=None)
            for n in range(20)
        }
    )
    one.send(timer())
    many.send(timer())
    assert len(many.cloud.batches) == len(one.cloud.batches) == 2
    assert len(many.cloud.batches[0]) == 20 * len(one.cloud.batches[0])


def test_a_sweep_of_two_dead_groups_writes_both_in_the_second_batch() -> None:
    """Two gateways die at once: neither group waits for the other."""
    two = Stage(
        {
            "east": group(gateways=["i-east1", "i-east2"], routes=[{"table": TABLE}], probe=None),
            "west": group(gateways=["i-west1", "i-west2"], routes=[{"table": TABLE_2}], probe=None),
        }
    )
    two.world.stop("i-east1")
    two.world.stop("i-west1")
    answer = two.send(timer())
    assert [type(call) for call in two.cloud.batches[1]] == [PointRoute, PointRoute]
    assert [receipt.outcome for receipt in answer.receipts] == ["changed", "changed"]
    two.whole()


def test_an_entry_says_where_it_leads_since_when_and_why(full: Stage) -> None:
    """A person reads it in the console; the entry remembers whose it is as well."""
    full.world.stop(A)
    full.one(full.state(A, "Stopping"))
    memory = decode(full.description())
    assert isinstance(memory, Memory)
    said = f"natkeeper: {B} since {memory.since:%Y-%m-%dT%H:%M:%SZ}: {A} is Stopp"
    assert full.description().startswith(said)
    assert memory.owner == full.config.groups[0].owner


def test_what_is_old_is_read_again_before_it_is_acted_on(full: Stage) -> None:
    """One read took seconds, in which someone else moved the route: no write is based on what was there before."""
    full.world.stop(A)
    full.cloud.fail(ReadConditions, FailureKind.UNREACHABLE)
    full.world.after(1.0, lambda: full.world.repoint(TABLE, hop(B)))
    full.world.after(1.0, lambda: full.world.repoint(TABLE_2, hop(B)))
    full.one(full.state(A, "Stopping"))
    assert full.cloud.sent(PointRoute) == []
    assert full.next_hop() == B


def test_one_groups_look_does_not_stand_before_anothers_write() -> None:
    """A round lasts as long as its slowest call: whatever is quick is asked first, whatever is slow waits for it."""
    check, read = CheckThroughProbe("p"), ReadRoutes(TableId(TABLE))
    write = PointRoute("", TableId(TABLE), "0.0.0.0/0", hop(B), "", "")

    def asks(*calls: Call[Any]) -> Run[Any]:
        for call in calls:
            yield from ask(call)
        return calls

    run = together({"east": asks(check), "west": asks(read, write), "north": asks(check)})
    first = next(run)
    second = run.send([None])
    third = run.send([None])
    assert [first, second, third] == [(read,), (write,), (check, check)]
    with pytest.raises(StopIteration) as end:
        run.send([None, None])
    assert list(end.value.value) == ["east", "west", "north"]
