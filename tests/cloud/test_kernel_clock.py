"""Clocks, latencies, records, events: the small things everything else stands on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.accounts import Accounts
from natlab.cloud.kernel.clock import RealClock, VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.ids import Ids
from natlab.cloud.kernel.latencies import TABLE, Latencies
from natlab.cloud.kernel.paging import by_token
from natlab.cloud.kernel.parameters import NEEDED, Parameter, ParameterType, read
from natlab.cloud.kernel.records import REMEMBERED_S, Records


@pytest.fixture
def real() -> Iterator[RealClock]:
    clock = RealClock()
    yield clock
    clock.close()


def test_virtual_time_runs_what_is_due_in_order() -> None:
    """Each action at its own moment, those of one moment in the order asked for, later ones not at all."""
    clock = VirtualClock(0.0)
    seen: list[tuple[str, float]] = []
    for name, delay in [("late", 3.0), ("first", 1.0), ("second", 1.0), ("never", 9.0)]:
        clock.call_later(delay, lambda name=name: seen.append((name, clock.now())))  # type: ignore[misc]

    def nest() -> None:
        clock.call_later(0.5, lambda: seen.append(("nested", clock.now())))

    clock.call_later(2.0, nest)
    clock.advance(5)
    assert seen == [("first", 1.0), ("second", 1.0), ("nested", 2.5), ("late", 3.0)]
    assert (clock.now(), clock.next_due()) == (5.0, 9.0)
    clock.clear()
    assert clock.next_due() is None


def test_a_cancelled_timer_never_fires() -> None:
    """Nor does cancelling one that has fired do anything."""
    clock = VirtualClock()
    seen: list[str] = []
    timer = clock.call_later(1.0, lambda: seen.append("cancelled"))
    other = clock.call_later(1.0, lambda: seen.append("fired"))
    timer.cancel()
    clock.advance(2)
    other.cancel()
    assert (seen, other.pending) == (["fired"], False)


def test_the_real_clock_runs_actions_under_its_lock(real: RealClock) -> None:
    """Holding the lock keeps every action out; one that fails does not stop the others."""
    done = threading.Event()

    def fail() -> None:
        raise ZeroDivisionError

    with real.lock:
        real.call_later(0.0, fail)
        real.call_later(0.0, done.set)
        assert not done.wait(0.05)
    assert done.wait(5)


def test_the_real_clock_is_on_time(real: RealClock) -> None:
    """It wakes when the next action is due, and not at a second's end."""
    done = threading.Event()
    real.call_later(0.01, done.set)
    assert done.wait(0.9)


def test_a_closed_clock_runs_nothing_more(real: RealClock) -> None:
    """Timers asked for afterwards are born cancelled."""
    seen: list[str] = []
    waiting = real.call_later(30.0, lambda: seen.append("waiting"))
    real.close()
    late = real.call_later(0.0, lambda: seen.append("late"))
    assert (seen, late.pending, waiting.pending) == ([], False, True)


def test_every_latency_has_a_source_and_can_be_scaled() -> None:
    """Names are unique, unknown ones are errors, overrides are taken as they are."""
    assert len({row.name for row in TABLE}) == len(TABLE)
    assert all(row.source and row.seconds >= 0 for row in TABLE)
    latencies = Latencies(scale=0.1, overrides={"api.round_trip": 0.5})
    assert latencies.of("vpc.associate_eip.task") == pytest.approx(0.7)
    assert latencies.of("api.round_trip") == 0.5
    with pytest.raises(KeyError):
        latencies.of("vpc.teleport")
    with pytest.raises(KeyError):
        Latencies(overrides={"vpc.teleport": 1.0})


def test_records_remember_what_they_were() -> None:
    """As of a moment, with what was added and removed since undone; beyond memory, the oldest it knows."""
    clock = VirtualClock(100.0)
    records: Records[str] = Records(clock.now)
    records.put("a", "one")
    clock.advance(10)
    records.put("a", "two")
    clock.advance(10)
    records.remove("a")
    assert [dict(records.as_of(moment)) for moment in (99.0, 105.0, 115.0, 125.0, None)] == [
        {},
        {"a": "one"},
        {"a": "two"},
        {},
        {},
    ]
    clock.advance(REMEMBERED_S)
    records.put("b", "three")
    assert dict(records.as_of(99.0)) == {"a": "two"}
    with pytest.raises(KeyError):
        records.remove("a")


def test_ids_depend_on_the_seed_and_their_kind_only() -> None:
    """What is made in between does not change the next id."""
    one, two = Ids(7), Ids(7)
    two.new("eip")
    two.uuid()
    assert one.new("i") == two.new("i")
    assert Ids(8).new("i") != Ids(7).new("i")


def test_parameters_are_read_by_their_table() -> None:
    """Lists, structures, JSON and numbers come out typed; element order is by index."""
    table = {
        "Name": NEEDED,
        "Size": Parameter(ParameterType.INTEGER),
        "Ratio": Parameter(ParameterType.NUMBER),
        "Ids": Parameter(ParameterType.TEXTS),
        "Tag": Parameter(ParameterType.STRUCTS),
        "Shape": Parameter(ParameterType.STRUCT),
        "Extra": Parameter(ParameterType.JSON),
    }
    raw = {
        "Name": "n",
        "Size": "3",
        "Ratio": "0.5",
        "Ids.2": "b",
        "Ids.1": "a",
        "Ids.10": "c",
        "Tag.1.Key": "k",
        "Tag.1.Value": "v",
        "Shape.Width": "2",
        "Extra": '{"x": [1]}',
    }
    values = read(raw, table)
    assert (values.text("Name"), values.integer("Size", 0)) == ("n", 3)
    assert values.given["Ratio"] == 0.5
    assert values.texts("Ids") == ["a", "b", "c"]
    assert values.structs("Tag") == [{"Key": "k", "Value": "v"}]
    assert (values.struct("Shape"), values.json("Extra")) == ({"Width": "2"}, {"x": [1]})


@pytest.mark.parametrize(
    "raw,code",
    [
        ({}, "MissingName"),
        ({"Name": "n", "Size": "many"}, "InvalidSize"),
        ({"Name": "n", "Ratio": "half"}, "InvalidRatio"),
        ({"Name": "n", "Extra": "{"}, "InvalidExtra"),
        ({"Name": "n", "Ids.x": "a"}, "InvalidIds"),
        ({"Name": "n", "Ids.1.Key": "a"}, "InvalidIds"),
        ({"Name": "n", "Ids.1": "a", "Ids.2": "b", "Ids.3": "c"}, "InvalidIds"),
        ({"Name": "n", "Nonsense": "1"}, "UnsupportedParameter"),
    ],
)
def test_malformed_parameters_are_refused_by_name(raw: dict[str, str], code: str) -> None:
    """Never ignored: a filter that is not understood would select wrongly."""
    table = {
        "Name": NEEDED,
        "Size": Parameter(ParameterType.INTEGER),
        "Ratio": Parameter(ParameterType.NUMBER),
        "Ids": Parameter(ParameterType.TEXTS, at_most=2),
        "Extra": Parameter(ParameterType.JSON),
    }
    with pytest.raises(ApiError) as refusal:
        read(raw, table)
    assert refusal.value.code == code


def test_page_tokens_lead_through_the_whole_list() -> None:
    """The last page has no next one; foreign tokens are refused."""
    first, token = by_token(range(3), "", 2)
    second, end = by_token(range(3), token, 2)
    assert (first, second, end) == ([0, 1], [2], "")
    for foreign in ("x", "b2Zmc2V0Og==", "ä"):
        with pytest.raises(ApiError, match="InvalidNextToken"):
            by_token(range(3), foreign, 2)


def test_credentials_of_a_role_run_out() -> None:
    """A user's key does not."""
    clock = VirtualClock()
    accounts = Accounts("1", clock.now, random.Random(0))
    user, role = accounts.create_access_key(), accounts.assume_role("r", duration_s=900)
    clock.advance(901)
    issued = accounts.issued(role.access_key_id)
    own = accounts.issued(user.access_key_id)
    assert issued is not None
    assert own is not None
    assert (accounts.expired(issued), accounts.expired(own)) == (True, False)


def test_two_clouds_know_nothing_of_each_other() -> None:
    """No global state."""
    one, two = Cloud(VirtualClock()), Cloud(VirtualClock())
    one.vpc.create_vpc()
    assert two.call("vpc", "DescribeVpcs", {"RegionId": "cn-hangzhou"})["TotalCount"] == 0
    with pytest.raises(KeyError):
        one.service("moon")
