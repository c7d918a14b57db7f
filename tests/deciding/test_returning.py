"""The planned way back: home after a time, off the fallback, and never to and fro."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.domain.config_values import Failback, Seconds
from natkeeper.domain.decision import Hold, Keep, Move
from natkeeper.domain.health import Sight
from natkeeper.domain.memory import NOTHING, Memory
from natkeeper.domain.observed import EntryStatus, Instance
from natkeeper.domain.world import RouteView
from tests.deciding.worlds import (
    NAT,
    ROUTE,
    A,
    B,
    C,
    ago,
    due,
    entry,
    gateway,
    group,
    hop,
    later,
    lost,
    marked,
    moved,
    spot,
    step,
    unready,
    world,
)

AFTER_HALF_AN_HOUR = group(failback=Failback(1800))
WITH_FALLBACK = group(fallback=NAT)


def test_by_default_a_person_decides_about_the_way_home() -> None:
    """One more interruption is not worth it unless a person says so."""
    found = step(world(on=B, memory=moved(ago(24 * 60))))
    assert found == Keep(ROUTE, "i-gwb carries it; the return to i-gwa waits for a person", hop(B))


def test_a_route_returns_home_when_home_has_been_well_for_long_enough() -> None:
    """Measured from the move away."""
    waiting = step(world(on=B, memory=moved(ago(29))), AFTER_HALF_AN_HOUR)
    assert waiting == Keep(
        ROUTE, "i-gwb carries it; the return to i-gwa waits until it has been healthy for 1800 s", hop(B)
    )
    found = step(world(on=B, memory=moved(ago(30))), AFTER_HALF_AN_HOUR)
    assert isinstance(found, Move)
    assert (found.to, found.reason) == (hop(A), "i-gwa has been healthy again for long enough")


def test_a_restart_of_home_starts_the_wait_anew() -> None:
    """Well since it came up, not since the route left it."""
    came_up = world(on=B, memory=moved(ago(300)), a=gateway(started=ago(10)))
    assert isinstance(step(came_up, AFTER_HALF_AN_HOUR), Keep)


def test_the_hold_down_keeps_a_short_failback_from_flapping() -> None:
    """Rule 6: no planned move within it."""
    policy = group(failback=Failback(0), hold_down=Seconds(600))
    assert isinstance(step(world(on=B, memory=moved(ago(9))), policy), Keep)
    assert isinstance(step(world(on=B, memory=moved(ago(10))), policy), Move)


def test_the_hold_down_keeps_nobody_on_a_dead_gateway() -> None:
    """A dead one is left at once, a minute after a move too."""
    assert isinstance(step(world(on=B, memory=moved(ago(1)), b="Stopped")), Move)


@pytest.mark.parametrize(
    "home, said",
    [
        ("Stopped", "i-gwa is Stopped"),
        (unready(at=None), "i-gwa is not ready: masquerade is off"),
        (spot(), "i-gwa is being reclaimed"),
    ],
)
def test_a_route_does_not_return_to_a_home_that_is_not_eligible(home: str | Sight, said: str) -> None:
    """Healthy elsewhere is better than anything but healthy at home."""
    found = step(world(on=B, memory=moved(ago(60)), a=home), AFTER_HALF_AN_HOUR)
    assert found == Keep(ROUTE, f"i-gwb carries it; {said}", hop(B))


def test_a_route_does_not_return_to_a_home_that_was_not_seen_to_work_since() -> None:
    """An old mark no longer makes it unhealthy, and is no proof that it is well: else it would be tried every hour."""
    found = step(world(on=B, memory=marked((A, ago(300)), since=ago(300))), AFTER_HALF_AN_HOUR)
    assert found == Keep(
        ROUTE,
        "i-gwb carries it; the return to i-gwa waits until it is seen to work; at 2026-03-14 07:00 UTC it did not",
        hop(B),
    )


def test_a_good_setup_report_since_then_is_proof() -> None:
    """Then the return is due, and the mark is forgotten."""
    repaired = world(on=B, memory=marked((A, ago(300)), since=ago(300)), a=gateway(ready_at=ago(5)))
    found = step(repaired, AFTER_HALF_AN_HOUR)
    assert isinstance(found, Move)
    assert not found.memory.marks


def dim() -> Sight:
    """A gateway of which DescribeInstances says nothing: only its power state is known, by another call."""
    sight = gateway(public_ip=None)
    assert isinstance(sight.instance, Instance)
    return replace(sight, instance=replace(sight.instance, unread="not in the list"))


TOO_LITTLE = "shows no more than that it runs, and nothing forces a move there"


def test_a_route_does_not_return_to_a_home_that_is_seen_in_part_only() -> None:
    """It may have lost its address meanwhile."""
    found = step(world(on=B, memory=moved(ago(60)), a=dim()), AFTER_HALF_AN_HOUR)
    assert found == Keep(ROUTE, f"i-gwb carries it; i-gwa {TOO_LITTLE}", hop(B))
    found = step(world(on=NAT, memory=moved(ago(60)), a=dim(), b="Stopped"), WITH_FALLBACK)
    assert found == Keep(ROUTE, f"ngw-managed carries it; no gateway to return to: i-gwa {TOO_LITTLE}", hop(NAT))


def test_maintenance_that_has_time_waits_for_a_standby_that_can_be_seen() -> None:
    """At the last moment what may not work is better than what will not."""
    early = step(world(a=due(later(600)), b=dim()))
    assert early == Hold(
        ROUTE, f"i-gwa is due for SystemMaintenance.Reboot, and nothing better is there: i-gwb {TOO_LITTLE}"
    )
    assert isinstance(step(world(a=due(later(1)), b=dim())), Move)
    assert isinstance(step(world(a="Stopped", b=dim())), Move)


@pytest.mark.parametrize("memory", [moved(ago(300), by="person"), NOTHING, Memory(by="auto")])
def test_where_a_person_put_it_a_route_stays(memory: Memory) -> None:
    """By natkeeper or in the console: what natkeeper does not remember moving, it does not move back."""
    found = step(world(on=B, memory=memory), AFTER_HALF_AN_HOUR)
    assert found == Keep(ROUTE, "i-gwb carries it; a person put it there", hop(B))


def test_where_a_person_put_it_in_the_console_a_route_stays_though_the_entry_remembers_our_own_move() -> None:
    """The console changes the next hop and leaves the description: what it tells of is no longer there."""
    ours = moved(ago(300), to=B)
    assert isinstance(step(world(on=B, memory=ours), AFTER_HALF_AN_HOUR), Move)
    theirs = step(world(on=C, memory=ours, c="Running"), group(A, B, C, failback="30m"))
    assert theirs == Keep(ROUTE, "i-gwc carries it; a person put it there", hop(C))


def test_an_entry_that_changes_need_not_show_its_new_next_hop_yet() -> None:
    """Whichever of the two the platform shows first, the move is still ours."""
    changing = entry(A, moved(ago(300), to=B), status=EntryStatus.MODIFYING)
    assert RouteView(changing).remembered.since == ago(300)


def test_garbled_memory_is_reported_and_moves_nothing() -> None:
    """Rule 9: unreadable state is unknown state; a dead gateway is left all the same."""
    garbled = "natkeeper: i-gwb since [nk1 s=17"
    found = step(world(on=B, memory=garbled), AFTER_HALF_AN_HOUR)
    assert found == Keep(
        ROUTE, "i-gwb carries it; a person put it there; what the entry remembers cannot be read", hop(B)
    )
    assert isinstance(step(world(on=B, memory=garbled, b="Stopped"), AFTER_HALF_AN_HOUR), Move)


# ---- off the fallback ------------------------------------------------------------------------------------


def test_the_fallback_is_left_for_a_gateway_that_is_well_again() -> None:
    """It costs money, so the return needs no failback setting, only the hold-down."""
    assert isinstance(step(world(on=NAT, memory=moved(ago(4))), WITH_FALLBACK), Keep)
    found = step(world(on=NAT, memory=moved(ago(5))), WITH_FALLBACK)
    assert isinstance(found, Move)
    assert (found.to, found.reason) == (hop(A), "i-gwa has been healthy again for long enough")


def test_the_return_from_the_fallback_goes_to_the_best_gateway_there_is() -> None:
    """Home need not be it."""
    found = step(world(on=NAT, memory=moved(ago(5)), a="Stopped"), WITH_FALLBACK)
    assert isinstance(found, Move)
    assert found.to == hop(B)


def test_a_gateway_that_has_just_come_up_is_given_the_hold_down() -> None:
    """It may be Running and still loading its firewall rules."""
    came_up = world(on=NAT, memory=moved(ago(60)), a=gateway(started=ago(1)), b="Stopped")
    assert step(came_up, WITH_FALLBACK) == Keep(
        ROUTE, "ngw-managed carries it; the return to i-gwa waits until it has been healthy for 300 s", hop(NAT)
    )


def test_the_fallback_is_not_left_for_a_gateway_that_drains() -> None:
    """It would be taken back in a moment, and so on."""
    found = step(world(on=NAT, memory=moved(ago(60)), a=spot(), b="Stopped"), WITH_FALLBACK)
    assert found == Keep(
        ROUTE,
        "ngw-managed carries it; no gateway to return to: i-gwa is being reclaimed, i-gwb is Stopped",
        hop(NAT),
    )


def test_where_a_person_chose_the_fallback_the_route_stays() -> None:
    """They know what it costs."""
    found = step(world(on=NAT, memory=moved(ago(60), by="person")), WITH_FALLBACK)
    assert found == Keep(ROUTE, "ngw-managed carries it; a person put it there", hop(NAT))


def test_a_fallback_that_dies_is_left_for_whatever_runs() -> None:
    """It is a next hop like any other then."""
    found = step(world(on=NAT, memory=moved(ago(60)), a="Stopped", b=unready(), nat=False), WITH_FALLBACK)
    assert isinstance(found, Move)
    assert (found.to, found.reason) == (hop(B), "ngw-managed is not available")


def test_the_only_gateway_and_no_fallback_leaves_nothing_to_choose() -> None:
    """Held, whatever it is that was lost."""
    found = step(world(memory=marked((A, ago(1))), a=lost()), group(A))
    assert isinstance(found, Hold)
