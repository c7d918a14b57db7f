"""What a person asks for: switch, pause, resume; and next hops that a person put there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from natkeeper.domain.decision import Await, Create, Hold, Keep, Leave, Move, Note, Refuse, Step, Verify
from natkeeper.domain.egress import EgressSeen
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import GroupName, TableId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EntryStatus
from natkeeper.domain.signals import Pause, Resume, Switch
from natkeeper.domain.world import RouteView
from tests.deciding.worlds import (
    BLIND,
    ELSEWHERE,
    NAT,
    NOON,
    ROUTE,
    STRANGER,
    A,
    B,
    C,
    ago,
    decision,
    entry,
    gateway,
    group,
    half,
    hop,
    later,
    lost,
    moved,
    spot,
    step,
    unready,
    world,
)

PROD = GroupName("prod")
PAUSED = Memory(paused_until=later(60))
TWO_TABLES = group(routes=(ROUTE, ELSEWHERE))
UNTIL = "paused until 2026-03-14 13:00 UTC"


def switch(to: str | None = None, *, force: bool = False, table: str | None = None) -> Switch:
    """A person's switch."""
    return Switch(PROD, to, None if table is None else TableId(table), force)


def to(found: Step) -> str:
    """Where a person's switch leads; it is remembered as a person's."""
    assert isinstance(found, (Move, Create)), found
    assert found.memory.by == "person"
    return found.to.id


# ---- switch ----------------------------------------------------------------------------------------------


def test_a_switch_moves_a_healthy_route_to_the_named_gateway() -> None:
    """That is what it is for."""
    found = step(world(wish=switch(B)))
    assert to(found) == B
    assert found.reason == "a person asked for i-gwb"


def test_a_switch_without_a_name_takes_the_best_standby() -> None:
    """The next eligible gateway in order of preference."""
    policy = group(A, B, C)
    assert to(step(world(wish=switch(), c="Running"), policy)) == B
    assert to(step(world(wish=switch(), b=unready(), c="Running"), policy)) == C
    assert to(step(world(on=B, wish=switch(), c="Running"), policy)) == A


@pytest.mark.parametrize("b", ["Stopped", spot(), unready(), BLIND])
def test_a_switch_without_a_name_is_refused_when_no_standby_is_eligible(b: str | Sight) -> None:
    """From a gateway that works neither to the fallback nor to one that drains: a person who wants that can name it."""
    found = step(world(wish=switch(), b=b), group(fallback=NAT))
    assert isinstance(found, Refuse)
    assert found.reason.startswith("there is no standby to switch to: i-gwb ")


def test_a_switch_that_finds_only_what_failed_lately_says_how_to_try_it() -> None:
    """A person may know that it works again; what is dead is not offered."""
    found = step(world(memory=moved(ago(60)).marked(B, ago(5)), wish=switch()))
    assert isinstance(found, Refuse)
    assert found.reason.endswith(f"; to try it all the same: natkeeper switch prod --to {B} --force")
    found = step(world(memory=moved(ago(60)).marked(B, ago(5)), b="Stopped", wish=switch()))
    assert isinstance(found, Refuse)
    assert "--force" not in found.reason


def test_a_switch_to_the_fallback_is_a_switch_like_any_other() -> None:
    """Named, it is meant."""
    assert to(step(world(wish=switch(NAT)), group(fallback=NAT))) == NAT


def test_a_switch_to_where_the_route_is_changes_nothing() -> None:
    """Already so."""
    assert decision(world(on=B, memory=moved(ago(60)), wish=switch(B))).settled


def test_a_switch_to_a_stranger_is_refused_with_what_is_known() -> None:
    """Rule 10: naming it does not make it ours, nor does force."""
    for force in (False, True):
        found = step(world(wish=switch(STRANGER, force=force)), group(fallback=NAT))
        assert found == Refuse(ROUTE, "i-firewall is not of this group; switch to one of i-gwa, i-gwb, ngw-managed")
    found = step(world(wish=switch(NAT)))
    assert found == Refuse(ROUTE, "ngw-managed is not of this group; switch to one of i-gwa, i-gwb")


@pytest.mark.parametrize(
    "b, why",
    [
        ("Stopped", "is Stopped"),
        (unready(), "is not ready: masquerade is off"),
        (BLIND, "cannot be seen: timed out"),
        (spot(), "is being reclaimed"),
    ],
)
def test_a_switch_to_what_is_not_eligible_needs_force(b: str | Sight, why: str) -> None:
    """Refused with the reason; with force it is done and the reason stands in the record."""
    assert step(world(wish=switch(B), b=b)) == Refuse(ROUTE, f"i-gwb {why}; --force switches all the same")
    found = step(world(wish=switch(B, force=True), b=b))
    assert to(found) == B
    assert found.reason == f"a person asked for i-gwb, although it {why}"


def test_a_switch_of_one_table_leaves_the_others() -> None:
    """And is no refusal for them."""
    main, elsewhere = decision(world(elsewhere=B, wish=switch(B, table=ROUTE.table)), TWO_TABLES).steps
    assert to(main) == B
    assert isinstance(elsewhere, Keep)


def test_a_switched_route_is_verified_and_then_kept() -> None:
    """The wish is fulfilled once this run has moved the route."""
    there = {"on": B, "memory": moved(NOON, "person"), "wish": switch(), "moved": {ROUTE: hop(B)}}
    assert isinstance(step(world(**there)), Verify)  # type: ignore[arg-type]
    assert isinstance(step(world(**there, b=gateway(egress=EgressSeen(NOON)))), Keep)  # type: ignore[arg-type]


def test_a_switch_that_does_not_verify_is_taken_further() -> None:
    """To the next best: nobody wants to be without the internet."""
    found = step(world(on=B, memory=moved(NOON, "person"), b=lost(), wish=switch(B), moved={ROUTE: hop(B)}))
    assert isinstance(found, Move)
    assert found.to == hop(A)


def test_a_forced_switch_that_does_not_verify_is_left_as_the_person_insists() -> None:
    """In this run; how to keep it there is said."""
    found = step(world(on=B, memory=moved(NOON), b=lost(), wish=switch(B, force=True), moved={ROUTE: hop(B)}))
    assert found == Hold(
        ROUTE, "i-gwb does not reach the internet: no answer; a person insisted on it, pause the group to keep it there"
    )


def test_a_switch_of_a_missing_route_creates_it_as_wished() -> None:
    """Not to the home first."""
    found = step(world(on=None, wish=switch(B)))
    assert isinstance(found, Create)
    assert to(found) == B
    assert isinstance(step(world(on=None, wish=switch(B), b="Stopped")), Refuse)
    assert step(world(on=None, wish=switch(B), moved={ROUTE: hop(B)})).to == hop(A)  # type: ignore[union-attr]


def test_a_switch_waits_for_a_busy_entry() -> None:
    """The platform would refuse it."""
    assert isinstance(step(world(on=entry(A, status=EntryStatus.MODIFYING), wish=switch(B))), Await)


# ---- someone else's next hop -----------------------------------------------------------------------------


@pytest.mark.parametrize("on, named", [(STRANGER, "i-firewall"), ("ngw-other", "ngw-other"), ("eni-one", "eni-one")])
def test_a_foreign_next_hop_is_left_and_told(on: str, named: str) -> None:
    """Rule 5: someone else set it, however dead our own gateways are."""
    found = decision(world(on=on, a="Stopped"), group(fallback=NAT))
    assert found.steps == (Leave(ROUTE, f"the route goes to {named}, which someone else set: natkeeper leaves it"),)
    assert (found.settled, found.quiet) == (True, False)


def test_several_next_hops_are_foreign_too() -> None:
    """ECMP is nothing that natkeeper ever sets."""
    found = step(world(on=entry(None)))
    assert found == Leave(ROUTE, "the route goes to several next hops, which someone else set: natkeeper leaves it")


def test_the_fallback_of_a_group_without_one_is_foreign() -> None:
    """Ours is only what the configuration names."""
    assert isinstance(step(world(on=NAT)), Leave)


def test_a_foreign_next_hop_is_taken_over_only_with_force() -> None:
    """Refused first, with the way to insist."""
    assert step(world(on=STRANGER, wish=switch(A))) == Refuse(
        ROUTE, "the route goes to i-firewall, which someone else set; --force takes it over"
    )
    assert to(step(world(on=STRANGER, wish=switch(A, force=True)))) == A
    assert to(step(world(on=entry(None), wish=switch(force=True)))) == A


# ---- pause and resume ------------------------------------------------------------------------------------

PAUSE = Pause(PROD, timedelta(hours=1), "kernel update")


def test_a_pause_is_written_into_the_route_entry() -> None:
    """Rule 9: nothing else has to remember it, and the console shows why."""
    found = step(world(memory=moved(ago(60)), wish=PAUSE))
    assert found == Note(
        ROUTE,
        "0.0.0.0/0",
        f"{UNTIL} by a person: kernel update",
        Memory(since=ago(60), by="auto", home=A, paused_until=later(60)),
        "paused",
    )


def test_a_pause_that_is_written_is_not_written_again() -> None:
    """The next look at the world finds it."""
    assert step(world(memory=PAUSED, wish=PAUSE)) == Keep(ROUTE, UNTIL, hop(A))


def test_a_pause_that_ends_about_when_the_written_one_does_is_the_same() -> None:
    """A wish is carried out a little later each time a run looks at the world: less than a minute is no new pause."""
    for seconds, kind in ((59.9, Keep), (-59.9, Keep), (60, Note), (-60, Note)):
        wish = Pause(PROD, timedelta(hours=1, seconds=seconds), "kernel update")
        assert isinstance(step(world(memory=PAUSED, wish=wish)), kind)


def test_a_longer_pause_replaces_a_shorter_one() -> None:
    """And a shorter one a longer."""
    for hours in (2, 0.5):
        found = step(world(memory=PAUSED, wish=Pause(PROD, timedelta(hours=hours), "more tests")))
        assert isinstance(found, Note)
        assert found.memory.paused_until == later(hours * 60)


def test_a_paused_group_is_left_alone_whatever_happens() -> None:
    """Dead gateways, missing routes, half a bridge: a person said hands off."""
    for on in (entry(A, PAUSED), RouteView(entry(A, PAUSED), (half(B, 0, PAUSED),))):
        assert decision(world(on=on, a="Stopped")).steps == (Keep(ROUTE, UNTIL),)


def test_one_paused_route_pauses_the_group() -> None:
    """A pause is of a group; each entry alone can carry it."""
    main, elsewhere = decision(world(memory=PAUSED, elsewhere=B, b="Stopped"), TWO_TABLES).steps
    assert (main, elsewhere) == (Keep(ROUTE, UNTIL), Keep(ELSEWHERE, UNTIL))


def test_a_pause_ends_by_itself() -> None:
    """At its time, not a second later."""
    assert isinstance(step(world(memory=PAUSED, a="Stopped"), now=later(60)), Move)


def test_a_switch_during_a_pause_is_refused_without_force() -> None:
    """The person who paused may not be the one who switches."""
    found = step(world(memory=PAUSED, wish=switch(B)))
    assert found == Refuse(ROUTE, f"{UNTIL}; resume first, or switch with --force")


def test_a_forced_switch_during_a_pause_is_done_verified_and_stays_paused() -> None:
    """The pause is carried over in the same call."""
    found = step(world(memory=PAUSED, wish=switch(B, force=True)))
    assert to(found) == B
    assert isinstance(found, Move)
    assert found.memory.paused_until == later(60)
    there = world(on=B, memory=found.memory, wish=switch(B, force=True), moved={ROUTE: hop(B)})
    assert isinstance(step(there), Verify)


def test_a_move_remembers_the_pause_of_the_group_wherever_it_stands() -> None:
    """And forgets one that is over."""
    state = world(elsewhere=entry(B, PAUSED, route=ELSEWHERE), wish=switch(B, force=True, table=ROUTE.table))
    found = decision(state, TWO_TABLES).steps[0]
    assert isinstance(found, Move)
    assert found.memory.paused_until == later(60)
    after = step(world(memory=PAUSED, a="Stopped"), now=later(60))
    assert isinstance(after, Move)
    assert after.memory.paused_until is None


def test_a_switch_during_a_pause_to_where_the_route_is_changes_nothing() -> None:
    """Forced or not, and however dead the gateway is."""
    for force in (False, True):
        assert step(world(memory=PAUSED, a="Stopped", wish=switch(A, force=force))) == Keep(ROUTE, UNTIL)


def test_a_resume_ends_the_pause_of_every_route_that_remembers_one() -> None:
    """And of no other: nothing is written where there is nothing to forget."""
    paused = Memory(since=ago(60), by="auto", paused_until=later(60))
    main, elsewhere = decision(world(memory=paused, elsewhere=B, wish=Resume(PROD)), TWO_TABLES).steps
    assert main == Note(ROUTE, "0.0.0.0/0", "resumed by a person", Memory(since=ago(60), by="auto"), "resumed")
    assert elsewhere == Keep(ELSEWHERE, "not paused", hop(B))


def test_a_pause_needs_an_entry_to_be_remembered_in() -> None:
    """Refused where there is none at all; where another route has one, that one remembers it."""
    assert isinstance(step(world(on=None, wish=PAUSE)), Refuse)
    main, elsewhere = decision(world(on=None, elsewhere=B, wish=PAUSE), TWO_TABLES).steps
    assert main == Keep(ROUTE, "the route entry does not exist, so it remembers no pause")
    assert isinstance(elsewhere, Note)
    assert isinstance(step(world(on=None, wish=Resume(PROD))), Keep)


def test_a_pause_during_a_bridge_is_remembered_in_a_half() -> None:
    """It is the entry that is there."""
    found = step(world(on=RouteView(None, (half(B, 0), half(B, 1))), wish=PAUSE))
    assert isinstance(found, Note)
    assert found.destination == "0.0.0.0/1"


def test_a_pause_during_a_bridge_is_remembered_in_every_entry_in_turn() -> None:
    """Each keeps what it remembers of its own move; and a resume clears them all, so that no pause comes back."""
    whole, first = entry(A), half(B, 0, moved(NOON, to=B))
    found = step(world(on=RouteView(whole, (first,)), wish=PAUSE))
    assert isinstance(found, Note)
    assert (found.destination, found.memory.since) == ("0.0.0.0/0", None)
    noted = entry(A, found.memory)
    found = step(world(on=RouteView(noted, (first,)), wish=PAUSE))
    assert isinstance(found, Note)
    assert (found.destination, found.memory.since) == ("0.0.0.0/1", NOON)
    paused = RouteView(noted, (half(B, 0, found.memory),))
    assert step(world(on=paused, wish=PAUSE)) == Keep(ROUTE, UNTIL, hop(A))
    assert step(world(on=paused, wish=Resume(PROD))) == Note(
        ROUTE, "0.0.0.0/0", "resumed by a person", Memory(), "resumed"
    )
    last = RouteView(entry(A), (half(B, 0, found.memory),))
    resumed = Note(ROUTE, "0.0.0.0/1", "resumed by a person", moved(NOON, to=B), "resumed")
    assert step(world(on=last, wish=Resume(PROD))) == resumed


def test_what_a_half_remembers_counts_though_the_whole_entry_remembers_nothing() -> None:
    """It may be older than natkeeper; a mark or a pause without a move is memory all the same."""
    seen = RouteView(entry(A), (half(B, 0, PAUSED),))
    assert seen.remembered == PAUSED


def test_a_pause_is_not_written_over_what_others_wrote() -> None:
    """Rule 5 holds for descriptions: a foreign entry is left alone anyway, and the request is refused."""
    foreign = "the route goes to i-firewall, which natkeeper does not manage and leaves alone"
    land = world(on=entry(STRANGER, "the firewall, do not touch"), wish=PAUSE)
    assert step(land) == Refuse(ROUTE, f"not paused: {foreign}, so no entry can remember a pause")
    land = world(on=entry(STRANGER, "the firewall, do not touch"), wish=Resume(PROD))
    assert step(land) == Refuse(ROUTE, f"there is no pause to end: {foreign}, so no entry can remember a pause")


def test_a_pause_that_another_route_of_the_group_remembers_holds_beside_a_foreign_one() -> None:
    """One paused route pauses them all, so the request is not refused."""
    land = world(on=entry(STRANGER, "the firewall"), elsewhere=A, wish=PAUSE)
    first, second = decision(land, TWO_TABLES).steps
    assert first == Leave(ROUTE, "the route goes to i-firewall, which natkeeper does not manage and leaves alone")
    assert isinstance(second, Note)


def test_a_pause_can_be_ended_in_an_entry_that_someone_has_pointed_elsewhere_since() -> None:
    """What it remembers is ours, and would keep the whole group paused."""
    found = step(world(on=entry(STRANGER, PAUSED), wish=Resume(PROD)))
    assert isinstance(found, Note)
    assert found.memory == Memory()


def test_a_pause_waits_for_a_busy_entry() -> None:
    """The platform would refuse it."""
    assert isinstance(step(world(on=entry(A, status=EntryStatus.PENDING), wish=PAUSE)), Await)


def test_a_pause_of_a_table_that_cannot_be_read_is_held() -> None:
    """Nothing is known of the entry."""
    assert isinstance(step(world(on=BLIND, wish=PAUSE)), Hold)
