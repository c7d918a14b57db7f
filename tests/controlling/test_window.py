"""Planned moves wait for the group's window and are told once; what is dead waits for nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from natkeeper.domain.observed import SystemEvent
from natkeeper.ports import PointRoute
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, hop, person

NIGHT = {"window": "02:00-05:00", "timezone": "Asia/Shanghai"}
"""The stage begins at 14:00 by that clock: the window opens in twelve hours."""
OPENS = "waits for the window at 2026-11-24 02:00 (Asia/Shanghai)"


def stage_with(planned: Any = NIGHT, **more: Any) -> Stage:
    """Three gateways and a window."""
    return Stage({"prod": group(gateways=[A, B, C], planned=planned, **more)})


def announce(stage: Stage, hours: float, kind: str = "SystemMaintenance.Reboot", gateway: str = A) -> None:
    """Let ECS announce something for `gateway`."""
    at = stage.world.now + timedelta(hours=hours)
    stage.machine(gateway).events = (SystemEvent(kind, "Scheduled", at),)


def told(stage: Stage, kind: str = "postponed") -> list[dict[str, Any]]:
    """What people were told of it."""
    return [e for r in stage.told_people() for e in r.get("episodes", []) if e["kind"] == kind]


def moved_after(stage: Stage, hours: float) -> float | None:
    """Sweep for so many hours; after how many the route was moved for the first time, to five minutes."""
    began = stage.world.now
    stage.sweeps(60 * hours, every=5)
    times = stage.cloud.accepted_at(PointRoute)
    later = [at for at in times if at >= began]
    return (later[0] - began).total_seconds() / 3600 if later else None


def test_a_drain_that_has_time_waits_and_is_told_once() -> None:
    """Maintenance in two days: the move is made when the window opens."""
    stage = stage_with()
    announce(stage, 48)
    receipt = stage.sweep()
    assert receipt.outcome == "quiet"
    assert f"the move to {B} {OPENS}" in receipt.sentence
    assert moved_after(stage, 11.5) is None
    assert len(told(stage)) == 1
    assert OPENS in told(stage)[0]["cause"]
    moved = moved_after(stage, 1)
    assert moved is not None
    assert 0.4 < moved < 0.6
    assert stage.next_hop() == B
    assert [("ended" in each) for each in told(stage)] == [False, True]


def test_it_is_told_once_although_the_process_begins_anew() -> None:
    """That people know of it stands in the entry."""
    stage = stage_with()
    announce(stage, 48)
    stage.sweeps(5)
    stage.told = type(stage.told)()
    stage.sweeps(60)
    assert len(told(stage)) == 1


def test_a_drain_that_has_no_time_waits_for_nothing() -> None:
    """Maintenance two hours before the window opens, and a spot gateway that goes in five minutes."""
    stage = stage_with()
    announce(stage, 10)
    stage.sweep()
    assert stage.next_hop() == B
    stage = stage_with()
    stage.machine(A).locks = frozenset({"Recycling"})
    stage.send(stage.spot(A))
    assert stage.next_hop() == B


def test_the_dead_and_the_lost_never_wait() -> None:
    """A stop while a drain waits, and egress that is lost."""
    stage = stage_with()
    announce(stage, 48)
    stage.sweep()
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == B
    stage = stage_with()
    stage.machine(A).rules = False
    stage.send(stage.report())
    assert stage.next_hop() == B


def test_a_return_waits() -> None:
    """Home has been healthy for long enough in the afternoon; the route returns at night."""
    stage = stage_with(failback="30m")
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.start(A, rules=True)
    assert moved_after(stage, 11.9) is None
    assert any(f"the return to {A} {OPENS}" in each["cause"] for each in told(stage))
    assert len(told(stage)) == 1
    assert moved_after(stage, 0.5) is not None
    assert stage.next_hop() == A


def test_the_return_from_the_fallback_waits() -> None:
    """A return like any other: it interrupts connections."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK, planned=NIGHT)})
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    assert stage.next_hop() == FALLBACK
    stage.world.start(A, rules=True)
    assert moved_after(stage, 2) is None
    assert moved_after(stage, 11) is not None
    assert stage.next_hop() == A


def test_a_person_s_switch_waits_for_nothing() -> None:
    """A person who asks means now."""
    stage = stage_with()
    stage.one(person("switch", to=B))
    assert stage.next_hop() == B


def test_a_gateway_that_was_replaced_in_the_configuration_is_left_at_the_window() -> None:
    """It works, so there is time."""
    stage = stage_with()
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.config = Stage({"prod": group(gateways=[C, A], planned=NIGHT)}).config
    assert moved_after(stage, 11.9) is None
    assert len(told(stage)) == 1
    assert moved_after(stage, 0.5) is not None
    assert stage.next_hop() == C


def test_route_and_eip_wait_together() -> None:
    """With one EIP that follows the route."""
    stage = stage_with(address={"follow": EIP})
    announce(stage, 48)
    assert moved_after(stage, 11.9) is None
    assert stage.address().holder == A
    assert moved_after(stage, 0.5) is not None
    stage.whole()


def test_status_says_what_waits() -> None:
    """In a process that has never swept."""
    stage = stage_with()
    announce(stage, 48)
    answer = stage.send(person("status"))
    assert OPENS in answer.receipts[0].sentence
    assert answer.ok


def test_the_clock_of_the_messages_is_that_of_a_window_without_one() -> None:
    """`timezone` stands at the top."""
    stage = Stage({"prod": group(planned={"window": "02:00-05:00"})}, timezone="Asia/Shanghai")
    announce(stage, 48)
    assert OPENS in stage.sweep().sentence


# ---- stops for want of payment -----------------------------------------------------------------------------


def test_a_gateway_that_expires_is_told_each_day_and_moves_in_its_last_hour() -> None:
    """From seven days ahead."""
    stage = Stage()
    announce(stage, 24 * 7 + 2, "InstanceExpiration.Stop")
    stage.sweeps(60)
    assert told(stage, "expiring") == []
    moved = moved_after(stage, 24 * 7 + 1)
    assert moved is not None
    assert 24 * 7 - 0.1 < moved < 24 * 7 + 0.1
    times = [each for each in told(stage, "expiring") if "ended" not in each]
    assert len(times) == 7
    assert f"{A} expires on 2026-11-30 08:00 UTC" in times[0]["cause"]
    assert "renew" in times[0]["todo"]


def test_a_renewal_ends_that() -> None:
    """Told once; a condition that cannot be read ends nothing."""
    stage = Stage()
    announce(stage, 24, "AccountUnbalanced.Stop", B)
    stage.sweeps(2)
    assert len(told(stage, "expiring")) == 1
    stage.machine(B).events = ()
    stage.sweeps(2)
    assert ["ended" in each for each in told(stage, "expiring")] == [False, True]


def test_notices_mute_nothing_else() -> None:
    """A stranger's next hop is told at once, and not each minute, while something is announced."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    announce(stage, 24, "InstanceExpiration.Stop")
    stage.sweeps(2)
    before = len(stage.told_people())
    stage.world.repoint(TABLE_2, hop("i-someone-else"))
    stage.sweeps(20)
    assert [r["outcome"] for r in stage.told_people()[before:]] == ["attention"]
