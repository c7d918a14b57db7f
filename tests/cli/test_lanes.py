"""What people see of a lane: the doctor's findings, and a line of status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from natkeeper.cli.doctor import lanes
from natkeeper.cli.doctor.facts import GroupFacts
from natkeeper.cli.doctor.findings import Level
from natkeeper.domain.ids import EntryId, InstanceId, TableId
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import EntryStatus, NextHop, RouteEntry
from natkeeper.ports import Failure, FailureKind
from tests.cli.healthy import HEALTHY, PRIVATE, PROBED, TABLE, A, B, policy
from tests.cli.town import Command, Workspace

LANE = "223.6.6.6:53"
WANTED = {**PROBED, "lane": LANE}


def entry(to: str, *, by: str = "", **more: Any) -> RouteEntry:
    """An entry for the lane's address; `by`: a gateway that natkeeper led it through."""
    memory = Memory(to=by, lane=True, owner=policy().owner)
    words = encode(memory, "the probe proves it") if by else "by hand"
    made = RouteEntry(EntryId("rte-9"), TableId(TABLE), "223.6.6.6/32", NextHop.gateway(InstanceId(to)))
    return replace(made, description=words, **more)


def with_entry(made: RouteEntry | None) -> GroupFacts:
    """The account with this entry in the guarded table."""
    entries = (*HEALTHY.entries[TABLE], *([made] if made else []))  # type: ignore[misc]
    return replace(HEALTHY, entries={TABLE: entries}, everywhere=entries)


CASES: dict[str, tuple[GroupFacts, Level, str]] = {
    "it is there": (with_entry(entry(B, by=B)), Level.OK, f"goes through {B}"),
    "it is missing": (with_entry(None), Level.ADVICE, "nothing proves a standby now"),
    "it is someone else's": (with_entry(entry(B)), Level.WRONG, f"goes to {B}, and natkeeper did not lead it there"),
    "someone led it elsewhere": (with_entry(entry(A, by=B)), Level.WRONG, f"goes to {A}, and natkeeper did not"),
    "it changes": (with_entry(entry(B, by=B, status=EntryStatus.MODIFYING)), Level.ADVICE, "is Modifying"),
    "it cannot be read": (
        replace(HEALTHY, entries={TABLE: Failure(FailureKind.UNREACHABLE, "no answer")}),
        Level.UNSEEN,
        "no answer",
    ),
}


@pytest.mark.parametrize("ground, level, says", CASES.values(), ids=CASES)
def test_the_doctor_judges_the_entry_of_the_lane(ground: GroupFacts, level: Level, says: str) -> None:
    """One finding, with what to do unless all is well."""
    (found,) = lanes.lane(policy(probe=WANTED), ground)
    assert (found.level, found.area, found.about) == (level, "prod", f"lane 223.6.6.6/32 in {TABLE}")
    assert says in found.says
    assert bool(found.do) is (level is not Level.OK)


def test_an_address_inside_the_vpc_is_no_lane() -> None:
    """Its own vSwitches have it, whatever range they are of: the configuration cannot know them."""
    ground = replace(with_entry(entry(B, by=B)), vswitches=[replace(PRIVATE, cidr="223.6.6.0/24")])
    found = [each for each in lanes.lane(policy(probe=WANTED), ground) if each.level is Level.WRONG]
    assert [each.says.partition(" ")[0] for each in found] == ["223.6.6.6"]


def test_a_lane_that_the_configuration_no_longer_has_is_named() -> None:
    """The next sweeps delete it."""
    ground = with_entry(entry(B, by=B))
    (found,) = lanes.lane(policy(), ground)
    assert (found.level, found.about) == (Level.ADVICE, f"223.6.6.6/32 in {TABLE}")
    assert list(lanes.lane(policy(), with_entry(entry(B)))) == []


def test_status_shows_where_the_lane_leads(place: Workspace, natkeeper: Command) -> None:
    """Before the first sweep nowhere; then through the standby, and since when."""
    place.write(probe={"function": "natkeeper-probe", "lane": LANE})
    assert f"lane {LANE}" in natkeeper("status", "--direct").out
    assert "through no standby" in natkeeper("status", "--direct").out
    natkeeper("sweep", "--direct")
    place.cloud.fc.wait_for(lambda: False, 0.3)
    lane = natkeeper("status", "--direct", "--json").data["receipts"][0]["view"]["lane"]
    assert (lane["target"], lane["table"], lane["next_hop"]) == (LANE, place.table, place.b)
    assert f"through nat-b ({place.b}) since" in natkeeper("status", "--direct").out


def test_init_does_not_offer_a_lane_as_a_route(place: Workspace, natkeeper: Command) -> None:
    """It is natkeeper's own, and goes with the configuration that wants it."""
    place.write(probe={"function": "natkeeper-probe", "lane": LANE})
    natkeeper("sweep", "--direct")
    place.cloud.fc.wait_for(lambda: place.cloud.vpc.route(place.table, "223.6.6.6/32") is not None, 5)
    assert place.cloud.vpc.route(place.table, "223.6.6.6/32") is not None
    assert "223.6.6.6" not in natkeeper("init", "-o", "-", "--gateway", place.a, "--table", place.table).out
    assert "223.6.6.6" not in natkeeper("init", "-o", "-", "--region", "cn-hangzhou").out
