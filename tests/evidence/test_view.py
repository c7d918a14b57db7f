"""What a person is shown of routes and the EIP: every key, in each state that the platform may show them in."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.ids import EipId, TableId
from natkeeper.domain.observed import EipStatus, EntryStatus
from natkeeper.ports import FailureKind, ReadEip, ReadInstances, ReadRoutes
from tests.fakes.stage import EIP, TABLE, A, B, Stage, group, hop, person


def shown(stage: Stage, part: str) -> Any:
    return (stage.one(person("status")).view or {})[part]


@pytest.mark.parametrize(
    "status, state",
    [
        (EntryStatus.AVAILABLE, "available"), (EntryStatus.PENDING, "pending"), (EntryStatus.MODIFYING, "modifying"),
        (EntryStatus.DELETING, "deleting"),
    ],
)  # fmt: skip
def test_a_route_is_shown_with_where_it_leads_and_its_state(status: EntryStatus, state: str) -> None:
    """Nothing is remembered of it before its first move."""
    stage = Stage()
    entry = stage.world.entry(TableId(TABLE), "0.0.0.0/0")
    assert entry is not None
    entry.status = status
    about = {"table": TABLE, "destination": "0.0.0.0/0", "home": A, "next_hop": A, "state": state}
    assert shown(stage, "routes") == [about]


def test_a_route_that_was_moved_says_since_when_by_what_and_why() -> None:
    """As the entry remembers it."""
    stage = Stage()
    stage.one(person("switch", to=B))
    (route,) = shown(stage, "routes")
    assert route["since"].startswith("2026-11-23T06:00:00")
    assert (route["next_hop"], route["home"], route["by"]) == (B, A, "person")
    assert f"a person asked for {B}" in route["why"]


def test_a_route_over_a_bridge_is_shown_as_bridged() -> None:
    """By where its halves lead."""
    stage = Stage()
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        stage.world.create(TableId(TABLE), half, hop(B), "")
    stage.world.advance(10)
    (route,) = shown(stage, "routes")
    assert (route["state"], route["next_hop"]) == ("bridged", B)


def test_a_route_that_is_missing_or_unread_says_so() -> None:
    """With what kept it from being read."""
    stage = Stage()
    stage.cloud.fail(ReadRoutes, FailureKind.DENIED)
    about = {"table": TABLE, "destination": "0.0.0.0/0", "home": A}
    (route,) = shown(stage, "routes")
    reason = route.pop("reason")
    assert (route, bool(reason)) == ({**about, "state": "unknown"}, True)
    gone = Stage()
    gone.world.tables[TableId(TABLE)].clear()
    assert shown(gone, "routes") == [{**about, "state": "missing"}]


def test_an_eip_is_shown_with_its_holder() -> None:
    """Or with why it could not be read, where no gateway shows it either."""
    stage = Stage({"prod": group(address={"follow": EIP})})
    seen = {"id": EIP, "address": "198.51.100.100", "state": "InUse", "holder": A}
    assert shown(stage, "eip") == seen
    stage.cloud.fail(ReadEip, FailureKind.DENIED)
    assert shown(stage, "eip")["holder"] == A
    stage.cloud.fail(ReadInstances, FailureKind.DENIED)
    free = stage.world.addresses[EipId(EIP)]
    free.holder, free.status = None, EipStatus.AVAILABLE
    assert shown(stage, "eip")["state"] == "unknown"
