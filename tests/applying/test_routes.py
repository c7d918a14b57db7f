"""Writing routes: in place, with the memory in the same request, and as often as one likes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natkeeper.domain.ids import EntryId, TableId
from natkeeper.domain.observed import EntryStatus, HopKind, NextHop
from natkeeper.ports import (
    CreateRoute,
    DeleteRoute,
    Failure,
    FailureKind,
    FailureSubject,
    NoteRoute,
    PointRoute,
    ReadRoutes,
    Wait,
)
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local

DEFAULT = "0.0.0.0/0"
NOTE = "natkeeper: moved [nk1 b=auto]"


def point(local: Local, **other: Any) -> PointRoute:
    """A move of the default route to the second gateway."""
    given = {"table": local.table, "destination": DEFAULT, "to": local.to(local.second), **other}
    return PointRoute(local.vpc, name="natkeeper-prod", description=NOTE, **given)


def create(local: Local, **other: Any) -> CreateRoute:
    """A new entry for one half of the internet."""
    given = {"destination": "0.0.0.0/1", "to": local.to(local.second), "token": "t-1", **other}
    return CreateRoute(local.vpc, local.table, name="natkeeper-prod", description=NOTE, **given)


def test_a_move_changes_hop_and_memory_in_one_request(local: Local) -> None:
    """Rule 9: what must be remembered is in the same ModifyRouteEntry call."""
    assert local.one(point(local)) is None
    assert local.asked() == ["ModifyRouteEntry"]
    local.advance(2)
    (entry,) = local.one(ReadRoutes(local.table))
    assert (entry.next_hop, entry.description) == (local.to(local.second), NOTE)
    assert entry.status is EntryStatus.AVAILABLE


def test_an_entry_is_never_deleted_to_be_changed(local: Local) -> None:
    """Rule 1, seen from the wire."""
    local.ask(point(local), NoteRoute(local.vpc, local.table, DEFAULT, "natkeeper-prod", NOTE))
    assert set(local.asked()) == {"ModifyRouteEntry"}


def test_a_hop_that_is_there_already_still_gets_its_memory(local: Local) -> None:
    """OperationDenied.NextHopExist refuses the whole request, so the memory is written on its own."""
    assert local.one(point(local, to=local.to(local.first))) is None
    (entry,) = local.one(ReadRoutes(local.table))
    assert entry.description == NOTE
    assert entry.next_hop == local.to(local.first)


def test_a_move_whose_answer_was_lost_is_found_done(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request was carried out and not answered; the repeated one finds the entry changing, or changed."""
    monkeypatch.setattr("natkeeper.alibaba.vpc.WRITE_S", 0.2)
    local.fault(FaultKind.TIMEOUT, "ModifyRouteEntry", executed=True)
    first = local.one(point(local))
    assert first is None or first.kind is FailureKind.BUSY
    local.advance(2)
    assert local.one(point(local)) is None
    (entry,) = local.one(ReadRoutes(local.table))
    assert (entry.next_hop, entry.description) == (local.to(local.second), NOTE)


def test_a_note_leaves_the_hop_alone(local: Local) -> None:
    """NoteRoute writes name and description only."""
    assert local.one(NoteRoute(local.vpc, local.table, DEFAULT, "natkeeper-prod", NOTE)) is None
    (entry,) = local.one(ReadRoutes(local.table))
    assert (entry.next_hop, entry.description) == (local.to(local.first), NOTE)


@pytest.mark.parametrize("code", ["UnsupportedFeature.NextHopType", "UnsupportedFeature.ModifyRouteEntryNextHop"])
def test_a_refusal_to_change_in_place_is_told_as_such(local: Local, code: str) -> None:
    """So that the two halves can carry the traffic."""
    local.cloud.vpc.routing.refused_in_place["*"] = code
    failure = local.one(point(local))
    assert (failure.kind, failure.code) == (FailureKind.NOT_IN_PLACE, code)
    assert len(local.asked()) == 1


def test_an_entry_that_is_not_there_is_gone(local: Local) -> None:
    """The loop looks again, and creates it if it is missing."""
    assert local.one(point(local, destination="10.9.0.0/16")).kind is FailureKind.GONE


def test_a_kind_of_hop_that_is_never_set_is_refused_unsent(local: Local) -> None:
    """natkeeper restores no foreign next hop."""
    failure = local.one(point(local, to=NextHop(HopKind.OTHER, "eni-bp1")))
    assert failure.kind is FailureKind.REFUSED
    assert local.asked() == []


def test_another_task_of_the_vpc_is_not_waited_for_by_writing(local: Local) -> None:
    """TaskConflict is answered at once: the run reads until the task is over, and writes once more."""
    local.cloud.vpc.add_route(local.table, "10.9.0.0/16", local.first)
    first, second = local.ask(point(local), point(local, destination="10.9.0.0/16"))
    assert first is None
    assert (second.kind, second.names) == (FailureKind.BUSY, FailureSubject.NOTHING)
    assert len(local.asked("ModifyRouteEntry")) == 2
    local.advance(5)
    assert local.one(point(local, destination="10.9.0.0/16")) is None


def test_an_entry_that_is_changing_is_left_to_the_run(local: Local) -> None:
    """IncorrectRouteEntryStatus: the run decides anew rather than insisting."""
    local.fault(FaultKind.ERROR_CODE, "ModifyRouteEntry", count=None, code="IncorrectRouteEntryStatus")
    failure = local.one(point(local))
    assert failure.kind is FailureKind.BUSY
    assert len(local.asked()) == 1


def test_writes_of_one_vpc_are_sent_in_their_order(local: Local) -> None:
    """Two tables of one VPC: the first is not overtaken."""
    other = TableId(local.cloud.vpc.create_route_table(local.vpc))
    local.cloud.vpc.add_route(other, DEFAULT, local.first)
    local.ask(point(local), point(local, table=other))
    written = [call.params["RouteTableId"] for call in local.cloud.calls]
    assert written == [local.table, other]


def test_a_bare_move_leaves_name_and_description_as_they_are(local: Local) -> None:
    """Where the platform refuses the words, the next hop changes all the same."""
    assert local.one(replace(point(local), name="", description="")) is None
    (call,) = local.cloud.calls
    assert not {"Description", "RouteEntryName"} & set(call.params)
    local.advance(5)
    assert local.hop() == local.second


def test_a_missing_route_is_created_with_its_memory(local: Local) -> None:
    """CreateRouteEntry; the entry is Pending for a while."""
    assert local.one(create(local)) is None
    local.advance(5)
    entry = next(e for e in local.one(ReadRoutes(local.table)) if e.destination == "0.0.0.0/1")
    assert (entry.next_hop, entry.description) == (local.to(local.second), NOTE)


def test_a_route_that_is_there_and_goes_the_same_way_is_created(local: Local) -> None:
    """Someone else, or an earlier run of ours, was quicker."""
    local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.second)
    assert local.one(create(local)) is None


def test_a_route_that_is_there_and_goes_another_way_is_refused(local: Local) -> None:
    """Rule 5: it may be someone else's."""
    local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.first)
    failure = local.one(create(local))
    assert (failure.kind, failure.names) == (FailureKind.BUSY, FailureSubject.ENTRY)
    assert "Duplicate" in failure.code or "AlreadyExist" in failure.code


def test_deleting_what_is_gone_is_success(local: Local) -> None:
    """And deleting what is there deletes it."""
    entry = EntryId(local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.second))
    assert local.one(DeleteRoute(local.vpc, entry)) is None
    local.advance(5)
    assert local.one(DeleteRoute(local.vpc, entry)) is None
    assert len(local.one(ReadRoutes(local.table))) == 1


@pytest.mark.parametrize(
    "code, deleted",
    [
        ("InvalidRouteEntryId.NotFound", True),
        ("InvalidRouteEntry.NotFound", True),
        ("InvalidRouteTableId.NotFound", False),
        ("InvalidVpnInstanceId.NotFound", False),
        ("InvalidVRouter.NotFound", False),
        ("ResourceNotFound.PrefixList", False),
    ],
)
def test_only_an_entry_that_is_not_found_is_a_deleted_one(local: Local, code: str, deleted: bool) -> None:  # noqa: FBT001
    """Another thing that is not there says nothing of the entry: it may carry packets still."""
    entry = EntryId(local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.second))
    local.fault(FaultKind.ERROR_CODE, "DeleteRouteEntry", code=code)
    failure = local.one(DeleteRoute(local.vpc, entry))
    assert (failure is None) is deleted, failure
    assert deleted or failure.code == code


def test_without_a_known_vpc_a_write_is_made_all_the_same(local: Local) -> None:
    """The VPC only tells what to put behind one another."""
    entry = EntryId(local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.second))
    assert local.one(DeleteRoute("", entry)) is None


def test_one_lane_that_hangs_leaves_the_answers_of_the_others(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write without an answer is Unreachable at the deadline; the read beside it is answered."""
    monkeypatch.setattr("natkeeper.alibaba.vpc.WRITE_S", 0.1)
    local.fault(FaultKind.TIMEOUT, "ModifyRouteEntry", count=None)
    failure, entries = local.ask(point(local), ReadRoutes(local.table), within=1.0)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNREACHABLE
    assert len(entries) == 1


def test_waiting_happens_beside_the_calls(local: Local) -> None:
    """A Wait in a batch is the caller's pause, and is answered with None."""
    entries, waited = local.ask(ReadRoutes(local.table), Wait(0.3))
    assert (len(entries), waited) == (1, None)
    assert local.pauses == [0.3]
