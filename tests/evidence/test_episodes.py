"""Never dark and silent: an episode is told at its beginning, now and then while it lasts, and at its end (rule 14)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from natkeeper.domain.memory import Memory, decode
from natkeeper.domain.observed import EntryStatus
from natkeeper.failover.run import Told
from natkeeper.ports import FailureKind, HandOver, NoteRoute, ReadInstances, ReadRoutes
from tests.fakes.cloud import READS
from tests.fakes.stage import FALLBACK, TABLE, A, B, C, Stage, group, hop, person


def told(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """Every episode of a kind that people were told of, in order."""
    return [each for receipt in stage.told_people() for each in receipt.get("episodes", []) if each["kind"] == kind]


def minutes_told(stage: Stage, kind: str) -> list[int]:
    """In which minutes of the stage's time people were told of episodes of a kind."""
    handed = ((at, receipt) for at, _, payload in stage.cloud.handed for receipt in json.loads(payload).get("tell", []))
    return [
        round((at - START).total_seconds() / 60)
        for at, receipt in handed
        if any(each["kind"] == kind for each in receipt.get("episodes", []))
    ]


START = datetime.fromisoformat("2026-11-23T06:00:00+00:00")


def cold(stage: Stage) -> None:
    """The process ends; the next invocation knows nothing."""
    stage.told = Told()


def test_an_hour_without_internet_is_told_four_times() -> None:
    """Sweeps and the probe's reports take turns: one beginning, every half hour while it lasts, one end."""
    stage = Stage()
    stage.world.internet = False
    for _ in range(62):
        stage.one(stage.report())
        stage.sweeps(1)
    stage.world.internet = True
    stage.sweeps(2)
    found = told(stage, "dark")
    assert [("ended" in each) for each in found] == [False, False, False, True][: len(found)]
    assert 3 <= len(found) <= 4
    assert len(stage.told_people()) == len(found)
    assert "it lasted 1 h" in stage.told_people()[-1]["sentence"]


def test_a_lost_standby_is_told_after_five_minutes_daily_and_at_its_end() -> None:
    """A works, B is stopped: nobody's internet is lost, and yet one failure more would be an outage."""
    stage = Stage()
    stage.world.stop(B)
    stage.sweeps(60 * 26)
    assert minutes_told(stage, "degraded") == [5, 5 + 24 * 60]
    (first, _) = told(stage, "degraded")
    assert first["cause"] == f"{B} is Stopped"
    assert first["left"] == "no standby is left: the next failure is an outage"
    assert stage.send(person("status")).ok is False
    stage.world.start(B)
    stage.sweeps(3)
    assert "ended" in told(stage, "degraded")[-1]
    assert stage.send(person("status")).ok is True


def test_a_deleted_fallback_is_degraded_and_says_how_many_failures_are_left() -> None:
    """The NAT Gateway is gone, B is still there."""
    stage = Stage({"prod": group(fallback=FALLBACK)})
    del stage.world.nat[stage.config.groups[0].fallback]  # type: ignore[arg-type]
    stage.sweeps(7)
    (found,) = told(stage, "degraded")
    assert found["left"] == f"{B} is the only standby left"
    assert found["cause"] == f"{FALLBACK} does not exist"


def test_a_group_of_one_gateway_is_never_degraded() -> None:
    """There is nothing to lose; `doctor` names it."""
    stage = Stage({"prod": group(gateways=[A])})
    stage.sweeps(20)
    assert stage.told_people() == []


def test_a_move_says_that_no_standby_is_left() -> None:
    """In the very message about the move."""
    stage = Stage()
    stage.world.stop(A)
    stage.one(stage.state(A, "Stopping"))
    (receipt,) = stage.told_people()
    assert "no standby is left" in receipt["sentence"]


def test_six_gateways_with_five_unready_standbys_are_one_episode() -> None:
    """Only four marks fit into an entry; ninety minutes of bad reports are one message."""
    gateways = [A, B, C, "i-delta", "i-echo", "i-foxtrot"]
    stage = Stage({"prod": group(gateways=gateways, setup={"mode": "check"})})
    for gateway in gateways[1:]:
        stage.machine(gateway).rules = False
    stage.sweeps(90)
    assert len(stage.told_people()) == 1
    (found,) = told(stage, "degraded")
    assert all(gateway in found["cause"] for gateway in gateways[1:])


def test_an_entry_that_stays_modifying_over_a_dead_gateway_is_told() -> None:
    """The platform works on it without end: no matter who is to blame, private hosts have nothing."""
    stage = Stage()
    entry = stage.world.entry(stage.config.groups[0].routes[0].table, "0.0.0.0/0")
    assert entry is not None
    stage.sweeps(2)
    entry.status = EntryStatus.MODIFYING
    stage.world.stop(A)
    stage.sweeps(4)
    (found,) = told(stage, "dark")
    assert found["about"] == [TABLE]
    assert stage.cloud.sent(NoteRoute) == [], "a busy entry is not written"


def test_a_dead_gateway_of_a_paused_group_is_told_at_once_and_every_six_hours() -> None:
    """Paused is no reason for silence: the message says until when natkeeper does nothing about it."""
    stage = Stage()
    stage.one(person("pause", **{"for": "24h", "why": "work on the gateways"}))
    stage.world.stop(A)
    before = len(stage.told_people())
    stage.sweeps(60 * 7)
    found = told(stage, "dark")
    assert len(found) == 2
    assert "natkeeper is paused until" in found[0]["cause"]
    assert len(stage.told_people()) == before + 2


def test_blindness_is_told_after_a_minute_and_at_its_end() -> None:
    """One bad minute of the API is nobody's news."""
    stage = Stage()
    stage.sweeps(2)
    fault = stage.cloud.fail(READS, FailureKind.THROTTLED)
    stage.sweeps(5)
    assert len(told(stage, "blind")) == 1
    fault.times = 0
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "blind")] == [False, True]


def test_a_short_trouble_is_not_told() -> None:
    """The standby restarts: unfit for two minutes."""
    stage = Stage()
    stage.sweeps(1)
    stage.world.stop(B)
    stage.sweeps(2)
    stage.world.start(B)
    stage.sweeps(10)
    assert stage.told_people() == []


def test_an_episode_outlives_a_cold_start() -> None:
    """Its beginning stands in the route entry: no second beginning, and an end with the whole length."""
    stage = Stage()
    stage.world.stop(B)
    stage.sweeps(10)
    for _ in range(5):
        cold(stage)
        stage.sweeps(2)
    assert len(told(stage, "degraded")) == 1
    cold(stage)
    stage.world.start(B)
    stage.sweeps(3)
    last = told(stage, "degraded")[-1]
    assert (last["since"], "ended" in last) == ("2026-11-23T06:00:00Z", True)
    memory = decode(stage.description())
    assert isinstance(memory, Memory)
    assert memory.episodes == {}


def test_a_trouble_that_comes_back_is_not_taken_for_the_one_that_was_told() -> None:
    """Its end could be told and not written down: the mark of the old one is not the new one's, of which nobody heard.

    A process that starts anew tells it after its five minutes.
    """
    stage = Stage()
    stage.world.stop(B)
    stage.sweeps(7)
    stage.world.start(B)
    stage.world.advance(60)
    stage.cloud.fail(NoteRoute, FailureKind.UNREACHABLE, times=1)
    assert "no longer degraded" in stage.sweep().sentence
    stage.world.stop(B)
    stage.world.advance(30)
    stage.sweeps(2)
    cold(stage)
    stage.sweeps(6)
    assert ["ended" in each for each in told(stage, "degraded")] == [False, True, False]


def test_where_no_entry_can_remember_a_cold_start_tells_once_more() -> None:
    """Writing is never a condition for telling: one message too many is right."""
    stage = Stage()
    stage.cloud.fail(NoteRoute, FailureKind.REFUSED)
    stage.world.stop(B)
    stage.sweeps(7)
    cold(stage)
    stage.sweeps(1)
    assert len(told(stage, "degraded")) == 2


def test_a_pending_trouble_is_told_by_processes_that_each_live_for_one_sweep() -> None:
    """Every sweep is a cold start: the beginning that the first one wrote down makes the sixth tell, and only it."""
    stage = Stage()
    stage.world.stop(B)
    for _ in range(12):
        cold(stage)
        stage.sweeps(1)
    assert minutes_told(stage, "degraded") == [5]


def test_what_could_not_be_handed_over_is_told_by_the_next_sweep() -> None:
    """The notify function is throttled at the end of an episode: its end is not lost."""
    stage = Stage()
    stage.world.stop(B)
    stage.sweeps(7)
    stage.world.start(B)
    stage.world.advance(30)
    fault = stage.cloud.fail(HandOver, FailureKind.THROTTLED)
    stage.sweeps(1)
    fault.times = 0
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "degraded")] == [False, True]


def test_a_foreign_entry_is_never_written() -> None:
    """Someone pointed the route elsewhere while B is down: nothing of natkeeper's is written into it."""
    stage = Stage()
    stage.sweeps(1)
    stage.world.repoint(TABLE, hop("i-stranger"))
    stage.world.stop(B)
    stage.sweeps(10)
    assert stage.cloud.sent(NoteRoute) == []
    assert stage.description() == ""


def test_no_gateway_is_called_well_that_no_setup_could_prove() -> None:
    """No probe, and the proof cannot be had: unproven, told once, and the route stays."""
    stage = Stage({"prod": group(gateways=[A, B], probe=None, setup={"mode": "apply"})})
    stage.cloud.unprovable = {A}
    stage.sweeps(30)
    (found,) = told(stage, "unproven")
    assert A in found["cause"]
    assert found["about"] == [TABLE]
    assert stage.next_hop() == A


def test_one_episode_lists_all_its_tables() -> None:
    """Two tables go dark together: one message."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": "vtb-two"}])})
    stage.world.stop(A)
    stage.world.stop(B)
    stage.sweeps(3)
    (found,) = told(stage, "dark")
    assert found["about"] == [TABLE, "vtb-two"]


@pytest.mark.parametrize("seconds, words", [(42, "42 s"), (60, "1 min"), (95, "1 min 35 s"), (7500, "2 h 5 min")])
def test_lengths_read_as_people_say_them(seconds: int, words: str) -> None:
    """Whole units, the finer one beside it."""
    from natkeeper.domain.episodes import lasted

    assert lasted(timedelta(seconds=seconds)) == words
    assert lasted(timedelta(days=3, hours=4)) == "3 d 4 h"


def test_a_table_that_cannot_be_read_ends_no_darkness() -> None:
    """Blind while dark: the episode goes on until the internet is seen again."""
    stage = Stage()
    stage.world.internet = False
    stage.one(stage.report())
    fault = stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    stage.world.internet = True
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "dark")] == [False]
    fault.times = 0
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "dark")] == [False, True]


def test_a_standby_that_cannot_be_seen_ends_no_degraded_episode() -> None:
    """B is gone, and for one sweep nobody can tell: nothing was mended, so people hear of no end."""
    stage = Stage()
    stage.world.delete_machine(B)
    stage.sweeps(8)
    before = len(told(stage, "degraded"))
    fault = stage.cloud.fail(ReadInstances, FailureKind.UNREACHABLE, where=lambda call: call.ids == (B,))
    stage.sweeps(2)
    fault.times = 0
    stage.sweeps(8)
    assert len(told(stage, "degraded")) == before
    assert "e=G" in stage.description()


def test_a_strangers_next_hop_that_leaves_private_hosts_dark_is_told() -> None:
    """Someone pointed the route at a machine that forwards nothing: left alone, told, and its end is told."""
    stage = Stage()
    stage.sweeps(1)
    stage.world.add_machine("i-stranger", "198.51.100.99", rules=False)
    stage.world.repoint(TABLE, hop("i-stranger"))
    for _ in range(3):
        stage.send(stage.report())
        stage.sweeps(1)
    (first,) = told(stage, "dark")
    assert "i-stranger, which someone else set and natkeeper leaves alone" in first["cause"]
    assert first["todo"].endswith("to take it back: natkeeper switch prod --force")
    stage.sweeps(5)
    assert len(told(stage, "dark")) == 1, "silence of the probe ends nothing"
    stage.machine("i-stranger").rules = True
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "dark")] == [False, True]
    assert stage.next_hop() == "i-stranger"


def test_a_lost_internet_behind_a_strangers_next_hop_asks_for_no_further_watch() -> None:
    """The next watch begins with the minute: one that went on would report again within seconds."""
    stage = Stage()
    stage.world.add_machine("i-stranger", "198.51.100.99", rules=False)
    stage.world.repoint(TABLE, hop("i-stranger"))
    stage.send(stage.report(until=(stage.world.now + timedelta(seconds=40)).timestamp()))
    assert [function for _, function, _ in stage.cloud.handed if function == "natkeeper-probe"] == []


def test_darkness_behind_a_stranger_ends_once_a_person_took_the_route_back() -> None:
    """A check through the gateway ends it."""
    stage = Stage()
    stage.world.add_machine("i-stranger", "198.51.100.99", rules=False)
    stage.world.repoint(TABLE, hop("i-stranger"))
    for _ in range(2):
        stage.send(stage.report())
        stage.sweeps(1)
    stage.send(person("switch", to=A, force=True))
    stage.sweeps(1)
    assert ["ended" in each for each in told(stage, "dark")] == [False, True]


def test_a_standby_that_its_setup_finds_broken_is_told_with_that_report() -> None:
    """Its last good report is ten minutes old: nobody has to wait for five more."""
    stage = Stage({"prod": group(setup={"mode": "check"})})
    stage.sweeps(5)
    stage.machine(B).rules = False
    stage.sweeps(15)
    assert minutes_told(stage, "degraded") == [11]


def test_a_standby_that_never_was_fit_has_its_five_minutes() -> None:
    """A new gateway's first setup may fail for want of a package, and the next one not."""
    stage = Stage({"prod": group(setup={"mode": "check"})})
    stage.machine(B).rules = False
    stage.sweeps(15)
    assert minutes_told(stage, "degraded") == [6]


def test_all_tables_behind_a_stranger_are_checked_at_once() -> None:
    """A sweep of many tables takes no longer than one check."""
    routes = [{"table": TABLE}, {"table": "vtb-two", "probe": "natkeeper-probe-2"}]
    stage = Stage({"prod": group(routes=routes)})
    stage.world.add_machine("i-stranger", "198.51.100.99", rules=False)
    for table in (TABLE, "vtb-two"):
        stage.world.repoint(table, hop("i-stranger"))
    stage.send(stage.report())
    stage.sweeps(3)
    assert told(stage, "dark")[-1]["about"] == [TABLE, "vtb-two"]
