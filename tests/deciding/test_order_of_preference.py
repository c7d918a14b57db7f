"""Where a route goes: preference, zone affinity, the fallback, and what is done when nothing is good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.domain.config import Group, Route
from natkeeper.domain.decision import Await, Create, Hold, Keep, Move, Step
from natkeeper.domain.egress import EgressLost
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import EntryStatus
from natkeeper.domain.world import RouteView
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    NAT,
    NOON,
    ROUTE,
    A,
    B,
    C,
    ago,
    decision,
    due,
    entry,
    gateway,
    group,
    hop,
    later,
    lost,
    marked,
    moved,
    refused,
    spot,
    step,
    unready,
    world,
)

THREE = group(A, B, C)
WITH_FALLBACK = group(fallback=NAT)


def goes(to: str, found: Step, *, because: str) -> None:
    """Assert that the route is moved to `to`, and why."""
    assert isinstance(found, Move), found
    assert (found.to, found.reason) == (hop(to), because)


def test_a_route_on_a_healthy_home_is_kept() -> None:
    """All is well: nothing is done, and nothing is worth writing down."""
    found = decision(world())
    assert found.steps == (Keep(ROUTE, "i-gwa carries it", hop(A)),)
    assert (found.settled, found.quiet, found.changes) == (True, True, False)


@pytest.mark.parametrize("status", ["Pending", "Starting", "Stopping", "Stopped"])
def test_a_gateway_that_does_not_run_is_left_at_once(status: str) -> None:
    """Stopping is enough: waiting for Stopped would be outage."""
    goes(B, step(world(a=status)), because=f"i-gwa is {status}")


def test_a_move_remembers_when_by_what_and_what_home_was() -> None:
    """Rule 9: all of it goes into the same call."""
    found = step(world(a="Stopped"))
    assert isinstance(found, Move)
    assert (found.memory, found.came_from) == (moved(NOON, to=B), hop(A))


def test_the_next_in_order_of_preference_takes_over() -> None:
    """Not the one that runs longest, not the one that was used last: the order that the user wrote."""
    goes(B, step(world(a="Stopped", c="Running"), THREE), because="i-gwa is Stopped")
    goes(C, step(world(a="Stopped", b="Stopped", c="Running"), THREE), because="i-gwa is Stopped")


def test_a_better_gateway_that_comes_back_moves_nothing() -> None:
    """Rule 6: from a healthy next hop there is only the planned return home, and that is off by default."""
    found = step(world(on=C, memory=moved(ago(60)), a="Stopped", c="Running"), THREE)
    assert found == Keep(ROUTE, "i-gwc carries it; the return to i-gwa waits for a person", hop(C))


@pytest.mark.parametrize(
    "b, c, to",
    [
        (unready(), "Running", C),
        ("Starting", "Running", C),
        (BLIND, "Running", C),
        (None, "Running", C),
        (spot(), "Running", C),
        (gateway(public_ip=None), "Running", C),
        (gateway(public_ip=None, interfaces=("eni-1", "eni-2")), "Running", C),
        (gateway(locks=("financial",)), "Running", C),
        (gateway(health="Impaired"), "Running", C),
        (lost(), "Running", C),
    ],
)
def test_a_standby_that_is_not_eligible_is_passed_over(b: Sight | str | None, c: str, to: str) -> None:
    """Whatever is wrong with it, the next one is better."""
    found = step(world(a="Stopped", b=b, c=c), THREE)
    assert isinstance(found, Move)
    assert found.to == hop(to)


def test_a_standby_that_the_platform_refused_in_this_run_is_passed_over() -> None:
    """It would be refused again."""
    found = step(world(a="Stopped", c="Running", refusals=refused(B, "InvalidNextHop")), THREE)
    goes(C, found, because="i-gwa is Stopped")


def test_the_fallback_takes_over_when_no_gateway_is_fit() -> None:
    """The managed NAT Gateway costs money and works."""
    goes(NAT, step(world(a="Stopped", b="Stopped"), WITH_FALLBACK), because="i-gwa is Stopped")


def test_a_fallback_that_cannot_be_read_is_the_last_hope() -> None:
    """What is left is dead anyway, and the platform refuses a NAT Gateway that is not there."""
    goes(NAT, step(world(a="Stopped", b="Stopped", nat=BLIND), WITH_FALLBACK), because="i-gwa is Stopped")
    goes(B, step(world(a="Stopped", nat=BLIND), WITH_FALLBACK), because="i-gwa is Stopped")


@pytest.mark.parametrize(
    "policy, more, said",
    [
        (group(A), {}, "the group has no other gateway"),
        (group(), {"b": "Stopped"}, "i-gwb is Stopped"),
        (group(), {"b": None}, "i-gwb does not exist"),
        (group(), {"b": BLIND}, "i-gwb cannot be seen: timed out"),
        (group(), {"refusals": refused(B, lasting=True)}, "i-gwb was refused by the platform: no"),
        (WITH_FALLBACK, {"b": "Stopped", "nat": None}, "i-gwb is Stopped, ngw-managed does not exist"),
        (WITH_FALLBACK, {"b": "Stopped", "nat": False}, "i-gwb is Stopped, ngw-managed is not available"),
    ],
)
def test_where_nothing_is_better_the_route_is_held_and_reported_about(
    policy: Group, more: dict[str, object], said: str
) -> None:
    """Rule 2: then hold, and say of every next hop why it will not do."""
    found = decision(world(a="Stopped", **more), policy)  # type: ignore[arg-type]
    assert found.steps == (Hold(ROUTE, f"i-gwa is Stopped, and nothing better is there: {said}"),)
    assert (found.settled, found.quiet) == (True, False)


def test_what_is_left_is_not_among_what_is_not_better() -> None:
    """A fallback that dies is the problem, not one of the ways out."""
    found = step(world(on=NAT, nat=False, a="Stopped", b="Stopped"), WITH_FALLBACK)
    assert found == Hold(
        ROUTE, "ngw-managed is not available, and nothing better is there: i-gwa is Stopped, i-gwb is Stopped"
    )


def test_from_what_is_certainly_dead_a_route_goes_even_to_what_may_not_work() -> None:
    """A standby that is not ready, or was seen to fail, can only be better than a stopped gateway."""
    goes(B, step(world(a="Stopped", b=unready())), because="i-gwa is Stopped")
    goes(B, step(world(memory=marked((B, ago(5))), a="Stopped")), because="i-gwa is Stopped")
    found = step(world(memory=marked((NAT, ago(5))), a="Stopped", b="Stopped"), WITH_FALLBACK)
    goes(NAT, found, because="i-gwa is Stopped")


@pytest.mark.parametrize("leaving", ["Stopped", None])
def test_from_what_is_certainly_dead_a_route_goes_even_to_what_was_just_seen_to_fail(leaving: str | None) -> None:
    """A witness may be wrong where ECS is not. What is merely marked comes first, gateways before the fallback."""
    because = "i-gwa is Stopped" if leaving else "i-gwa does not exist"
    goes(B, step(world(a=leaving, b=lost())), because=because)
    goes(C, step(world(memory=marked((C, ago(5))), a=leaving, b=lost(), c="Running"), THREE), because=because)
    lost_too = EgressLost(NOON, "no answer")
    goes(NAT, step(world(a=leaving, b=lost()), WITH_FALLBACK), because=because)
    goes(B, step(world(a=leaving, b=lost(), nat_egress=lost_too), WITH_FALLBACK), because=because)
    goes(NAT, step(world(a=leaving, b="Stopped", nat_egress=lost_too), WITH_FALLBACK), because=because)
    assert isinstance(step(world(a=leaving, b=lost(), refusals=refused(B, lasting=True))), Hold)


def test_from_what_lost_the_internet_a_route_does_not_go_to_what_lost_it_too() -> None:
    """That would be to and fro between two gateways that run."""
    found = step(world(memory=marked((A, ago(5)), (B, ago(5))), a=lost()))
    assert isinstance(found, Hold)


def test_from_a_fallback_that_lost_the_internet_a_route_does_not_go_to_what_is_not_ready() -> None:
    """It is there, and may be back in a moment."""
    state = world(
        on=NAT, memory=marked((NAT, NOON)), nat_egress=EgressLost(NOON, "no answer"), a=unready(), b=unready()
    )
    assert isinstance(step(state, WITH_FALLBACK), Hold)


# ---- zones -----------------------------------------------------------------------------------------------

ZONES = group(routes=(ROUTE, ELSEWHERE))


def test_each_table_keeps_to_the_gateway_of_its_zone() -> None:
    """Two tables, two homes, nothing to do."""
    assert decision(world(elsewhere=B), ZONES).quiet


def test_the_tables_of_a_dead_zone_move_and_the_others_stay() -> None:
    """Each route is decided for itself."""
    main, elsewhere = decision(world(elsewhere=B, b="Stopped"), ZONES).steps
    assert isinstance(main, Keep)
    goes(A, elsewhere, because="i-gwb is Stopped")


def test_a_decision_about_several_tables_reads_as_one_sentence() -> None:
    """Routes with one reason share it; different reasons name their tables."""
    both_on_a = world(elsewhere=A, a="Stopped")
    assert decision(both_on_a, ZONES).sentence() == "i-gwa is Stopped"
    assert decision(world(elsewhere=B, b="Stopped"), ZONES).sentence() == (
        "vtb-private: i-gwa carries it; vtb-zoneb: i-gwb is Stopped"
    )
    third = Route(table=TableId("vtb-third"))
    state = world(elsewhere=A, a="Stopped", memory=moved(ago(60)))
    state = replace(state, routes={**state.routes, third: RouteView(entry(B, route=third))})
    assert decision(state, group(routes=(*ZONES.routes, third))).sentence() == (
        "vtb-private, vtb-zoneb: i-gwa is Stopped; vtb-third: i-gwb carries it; a person put it there"
    )


def test_several_problems_at_once_are_each_decided() -> None:
    """One table cannot be read, the gateway of the other is gone."""
    main, elsewhere = decision(world(on=BLIND, elsewhere=B, b=None), ZONES).steps
    assert main == Hold(ROUTE, "the route table cannot be read: timed out")
    goes(A, elsewhere, because="i-gwb does not exist")


# ---- blindness, busy entries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "a, said", [(BLIND, "timed out"), (gateway("Unknown"), "is in a state that natkeeper does not know")]
)
def test_unknown_health_never_moves_a_route(a: Sight, said: str) -> None:
    """Rule 3: blind is not dead."""
    assert step(world(a=a)) == Hold(ROUTE, f"i-gwa cannot be seen, which moves nothing: {said}")


def test_an_unseen_fallback_keeps_the_route() -> None:
    """The same for the fallback as the current next hop."""
    found = step(world(on=NAT, memory=moved(ago(60)), nat=BLIND), WITH_FALLBACK)
    assert found == Hold(ROUTE, "ngw-managed cannot be seen, which moves nothing: timed out")


def test_an_unseen_condition_changes_nothing() -> None:
    """Conditions only add warnings; power state is the authority."""
    running = gateway()
    assert step(world(a=Sight(running.instance, BLIND))) == Keep(ROUTE, "i-gwa carries it", hop(A))


@pytest.mark.parametrize("status", [EntryStatus.PENDING, EntryStatus.MODIFYING, EntryStatus.DELETING])
def test_a_busy_entry_is_waited_for(status: EntryStatus) -> None:
    """The platform refuses to change it now (IncorrectRouteEntryStatus)."""
    found = decision(world(on=entry(A, status=status), a="Stopped"))
    assert found.steps == (Await(ROUTE, f"the entry for 0.0.0.0/0 is {status.value}"),)
    assert not found.settled


def test_an_entry_in_an_unknown_state_is_held() -> None:
    """Nobody knows whether it may be changed."""
    found = step(world(on=entry(A, status=EntryStatus.UNKNOWN), a="Stopped"))
    assert found == Hold(ROUTE, "the entry for 0.0.0.0/0 is in a state that natkeeper does not know")


# ---- a missing route -------------------------------------------------------------------------------------


def test_a_missing_route_is_created_to_its_home() -> None:
    """Someone deleted it: nothing else carries the traffic."""
    found = step(world(on=None))
    assert found == Create(ROUTE, hop(A), "the route entry was missing", moved(NOON, to=A))


def test_a_missing_route_is_created_to_whatever_is_best() -> None:
    """The same order as for a move, and anything is better than no route."""
    assert step(world(on=None, a="Stopped")).to == hop(B)  # type: ignore[union-attr]
    assert step(world(on=None, a="Stopped", b="Stopped"), WITH_FALLBACK).to == hop(NAT)  # type: ignore[union-attr]
    assert step(world(on=None, a="Stopped", b=unready())).to == hop(B)  # type: ignore[union-attr]


def test_a_missing_route_is_held_while_nothing_can_be_seen() -> None:
    """Blind, it could be pointed anywhere."""
    found = step(world(on=None, a=BLIND, b=BLIND))
    assert isinstance(found, Hold)
    assert found.reason.startswith("the route entry is missing, and no next hop is fit for it: i-gwa cannot be seen")


# ---- draining --------------------------------------------------------------------------------------------


def test_a_spot_gateway_that_is_reclaimed_is_left_before_it_goes() -> None:
    """Five minutes' notice are plenty."""
    goes(B, step(world(a=spot())), because="i-gwa is being reclaimed")


def test_a_gateway_due_for_maintenance_is_left_ahead_of_time_for_a_standby() -> None:
    """However far away: a planned second now is better than an outage then."""
    goes(B, step(world(a=due(later(3 * 24 * 60)))), because="i-gwa is due for SystemMaintenance.Reboot")


@pytest.mark.parametrize("until, fallback", [(later(11), False), (later(10), True), (later(-1), True), (None, True)])
def test_the_fallback_is_for_the_last_moment(until: object, fallback: bool) -> None:  # noqa: FBT001
    """It is paid by the hour: a standby may come until ten minutes before."""
    found = step(world(a=due(until), b="Stopped"), WITH_FALLBACK)  # type: ignore[arg-type]
    if fallback:
        assert isinstance(found, Move)
        assert found.to == hop(NAT)
    else:
        assert found == Hold(
            ROUTE,
            "i-gwa is due for SystemMaintenance.Reboot, and nothing better is there: "
            "i-gwb is Stopped, ngw-managed waits for the last moment",
        )


def test_a_draining_gateway_is_not_left_for_a_fallback_that_did_not_work() -> None:
    """What works now is not left for what was seen not to: else the two would exchange the route every minute."""
    found = step(world(memory=marked((NAT, ago(90))), a=spot(), b="Stopped"), WITH_FALLBACK)
    assert isinstance(found, Hold)
    assert f"ngw-managed could not carry the route at {ago(90):%Y-%m-%d} 10:30:00 UTC" in found.reason


def test_of_two_draining_gateways_the_route_goes_to_the_one_that_stays_much_longer() -> None:
    """And not to and fro: half an hour makes the difference."""
    goes(B, step(world(a=due(later(60)), b=due(later(90)))), because="i-gwa is due for SystemMaintenance.Reboot")
    assert isinstance(step(world(a=due(later(60)), b=due(later(89)))), Hold)
    assert isinstance(step(world(on=B, memory=moved(ago(30)), a=due(later(60)), b=due(later(90)))), Hold)
    assert isinstance(step(world(a=spot(), b=spot())), Hold)


@pytest.mark.parametrize(
    "b, to",
    [(due(later(40)), B), (due(later(20)), NAT), (spot(), NAT), (replace(due(later(40)), unready="no rules"), NAT)],
)
def test_from_a_dead_gateway_only_a_lasting_draining_one_beats_the_fallback(b: Sight, to: str) -> None:
    """One that is about to go would mean a second move in a moment, one that is not ready might not work."""
    goes(to, step(world(a="Stopped", b=b), WITH_FALLBACK), because="i-gwa is Stopped")


def test_from_a_dead_gateway_even_one_about_to_go_is_better_than_nothing() -> None:
    """The longest-lived of them."""
    goes(C, step(world(a="Stopped", b=due(later(5)), c=due(later(9))), THREE), because="i-gwa is Stopped")
