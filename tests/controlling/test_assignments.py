"""What each signal asks of each group, to the last field, and what is said of signals that ask nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.domain.config import Group, parse_config
from natkeeper.domain.ids import EipId, EntryId, GroupName, InstanceId, TableId
from natkeeper.domain.signals import (
    AddressTouched,
    FunctionFailed,
    GoOn,
    Ignored,
    InstanceEvent,
    InstancesTouched,
    Parsed,
    Pause,
    ProbeBroken,
    ProbeHeard,
    ProbeReport,
    Resume,
    RouteTouched,
    SetUp,
    Status,
    Sweep,
    Switch,
    Timer,
    Unclear,
)
from natkeeper.failover.dispatch import Assignment, RunPlan, plan, with_losses
from tests.fakes.stage import EIP, TABLE, TABLE_2, A, B, C, group

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
EARLY, OLD, FRESH = timedelta(seconds=5), NOW - timedelta(minutes=2), NOW - timedelta(minutes=2) + timedelta(seconds=1)
CONFIG = parse_config(
    {
        "region": "cn-hangzhou",
        "groups": {
            "east": group(gateways=[A, B]),
            "west": group(gateways=["i-west1", C], routes=[{"table": TABLE_2}], probe=None),
            "walks": group(
                gateways=["i-walk1", "i-walk2"], routes=[{"table": "vtb-walk"}], probe=None, address={"follow": EIP}
            ),
        },
    }
)
EAST, WEST, WALKS = CONFIG.groups
PROBE = next(iter(EAST.probes))
ALONE = "a person's request comes alone, not in a list with others; nothing was done for it"
KNOWN = "groups are: east, west, walks"


def of(each: Group, about: str, **more: Any) -> Assignment:
    """An assignment; what is not named is as if nobody had asked for it."""
    whole: dict[str, Any] = {
        "wish": None, "report": None, "ominous": frozenset(), "patience": timedelta(0), "deleted": frozenset(),
        "check": False, "lossy": None, "sweep": False, "turn": True, "leads": True, "setup_now": frozenset(),
        "by_person": False, "read_only": False, "show": False, "links": 0, "alone": True,
    }  # fmt: skip
    return Assignment(each, about, **(whole | more))


def event(what: str, *, ominous: bool = False, at: datetime | None = None, instance: str = A) -> InstanceEvent:
    return InstanceEvent(InstanceId(instance), what, ominous, at)


def name(text: str) -> GroupName:
    return GroupName(text)


REPORT = ProbeReport(name("east"), NOW, 3, "timed out", function="older")
SWITCH, DRY = Switch(name("east"), A), Switch(name("east"), dry_run=True)
PAUSE, RESUME = Pause(name("west"), timedelta(hours=1), "why"), Resume(name("west"))
LOST, LEFT = "the probe lost the internet (3 checks in a row)", "what an earlier run has left ({} in a row)"
BROKEN = "the probe is broken, so its gateway is looked at another way"
STOP = {"ominous": frozenset({A}), "patience": EARLY}
SWEEPS = tuple(of(each, "timer minute", sweep=True, leads=each is EAST) for each in CONFIG.groups)


@pytest.mark.parametrize(
    "signals, planned",
    [
        ([event("Stopping", ominous=True)], [of(EAST, f"{A}: Stopping", **STOP)]),
        ([event("Stopping", ominous=True, at=FRESH)], [of(EAST, f"{A}: Stopping", **STOP)]),
        ([event("Stopping", ominous=True, at=OLD)], [of(EAST, f"{A}: Stopping")]),
        ([event("Running", at=FRESH)], [of(EAST, f"{A}: Running", setup_now=frozenset({A}))]),
        ([event("Running", at=OLD)], [of(EAST, f"{A}: Running")]),
        ([event("Deleted", at=OLD)], [of(EAST, f"{A}: Deleted", deleted=frozenset({A}))]),
        (
            [InstancesTouched((InstanceId(A), InstanceId(C)), "StopInstances")],
            [
                of(EAST, f"{A}: StopInstances", **STOP),
                of(WEST, f"{C}: StopInstances", ominous=frozenset({C}), patience=EARLY),
            ],
        ),
        (
            [InstancesTouched((InstanceId(B), InstanceId(A)), "Deleted", OLD)],
            [of(EAST, f"{A}, {B}: Deleted")],
        ),
        ([InstancesTouched((InstanceId(A),), "Running")], [of(EAST, f"{A}: Running", **STOP)]),
        ([RouteTouched((TableId(TABLE),), None, "Modify")], [of(EAST, f"Modify of {TABLE}")]),
        (
            [RouteTouched((), EntryId("rte-1"), "Delete")],
            [of(each, "Delete of a route entry") for each in CONFIG.groups],
        ),
        (
            [AddressTouched(EipId(EIP), InstanceId("i-walk1"), "Unassociate", FRESH)],
            [of(WALKS, f"Unassociate of {EIP} on i-walk1", ominous=frozenset({"i-walk1"}), patience=EARLY)],
        ),
        (
            [AddressTouched(EipId("eip-2"), InstanceId(A), "Unassociate", OLD)],
            [of(EAST, f"Unassociate of eip-2 on {A}", ominous=frozenset({A}))],
        ),
        ([AddressTouched(EipId(EIP), None, "Release")], [of(WALKS, f"Release of {EIP}")]),
        (
            [AddressTouched(None, None, "Release")],
            [of(EAST, "Release of an EIP"), of(WEST, "Release of an EIP")],
        ),
        (
            [REPORT],
            [
                of(
                    EAST, LOST, patience=EARLY,
                    report=replace(REPORT, function=PROBE),
                )
            ],
        ),
        ([FunctionFailed(PROBE, "timed out")], [of(EAST, BROKEN, check=True)]),
        ([GoOn((name("west"),), 4)], [of(WEST, LEFT.format(4), links=4)]),
        ([Timer("minute")], [*SWEEPS]),
        ([Status(name("west"))], [of(WEST, "status", read_only=True, sweep=True)]),
        ([Status()], [of(each, "status", read_only=True, sweep=True) for each in CONFIG.groups]),
        ([Sweep(name("west"))], [of(WEST, "sweep by a person", sweep=True, show=True)]),
        (
            [Sweep()],
            [of(each, "sweep by a person", sweep=True, show=True, leads=each is EAST) for each in CONFIG.groups],
        ),
        (
            [SetUp(name("east"))],
            [of(EAST, "a person: setup", setup_now=frozenset({A, B}), by_person=True, show=True)],
        ),
        (
            [SetUp(name("east"), InstanceId(B))],
            [of(EAST, "a person: setup", setup_now=frozenset({B}), by_person=True, show=True)],
        ),
        ([SWITCH], [of(EAST, f"a person: switch to {A}", wish=SWITCH, show=True)]),
        ([DRY], [of(EAST, "a person: switch to the best standby", wish=DRY, show=True, read_only=True)]),
        ([PAUSE], [of(WEST, "a person: pause", wish=PAUSE, show=True)]),
        ([RESUME], [of(WEST, "a person: resume", wish=RESUME, show=True)]),
        (
            [event("Stopping", ominous=True), event("Running", instance=B)],
            [of(EAST, f"{A}: Stopping; {B}: Running", setup_now=frozenset({B}), **STOP)],
        ),
        (
            [event("Deleted"), event("Deleted", instance=B)],
            [of(EAST, f"{A}: Deleted; {B}: Deleted", deleted=frozenset({A, B}))],
        ),
        (
            [REPORT, FunctionFailed(PROBE, "timed out"), GoOn((name("east"),), 1), GoOn((name("east"),), 3)],
            [
                of(
                    EAST,
                    f"{LOST}; {BROKEN}; {LEFT.format(1)}; {LEFT.format(3)}",
                    patience=EARLY, check=True, links=3, report=replace(REPORT, function=PROBE),
                )
            ],
        ),
        (
            [Timer("minute"), event("Stopping", ominous=True)],
            [of(EAST, f"timer minute; {A}: Stopping", sweep=True, **STOP), *SWEEPS[1:]],
        ),
        ([event("Stopping"), event("Stopping")], [of(EAST, f"{A}: Stopping")]),
        ([event("x" * 400), event("y")], [of(EAST, f"{A}: {'x' * 400}; "[:300])]),
    ],
)  # fmt: skip
def test_a_signal_asks_this_of_these_groups(signals: list[Parsed], planned: list[Assignment]) -> None:
    """What asks for more wins where two ask; nothing is said of them besides."""
    found = plan(signals, CONFIG, NOW)
    assert found.assignments == tuple(planned)
    assert (found.ignored, found.unclear) == ((), ())


@pytest.mark.parametrize(
    "signals, ignored, unclear",
    [
        ([Ignored("a reason")], "a reason", ""),
        ([Unclear("a question")], "", "a question"),
        ([event("Stopping", instance="i-x")], "i-x: Stopping, but no group has this gateway", ""),
        (
            [InstancesTouched((InstanceId("i-x"), InstanceId("i-y")), "Stop")],
            "i-x, i-y: Stop, but no group has this gateway",
            "",
        ),
        ([RouteTouched((TableId("vtb-x"),), None, "Modify")], "Modify of vtb-x, which no group guards", ""),
        (
            [AddressTouched(EipId("eip-x"), InstanceId("i-x"), "Release")],
            "Release of eip-x on i-x, which concerns no group",
            "",
        ),
        (
            [replace(REPORT, group=name("north"))],
            "a probe reports for group 'north', which does not exist",
            "",
        ),
        ([ProbeBroken(name("north"), "why")], "a probe is broken for group 'north', which does not exist", ""),
        (
            [ProbeHeard(name("n" * 80), 60, 0)],
            f"a probe looks for group {repr('n' * 80)[:60]}, which does not exist",
            "",
        ),
        ([FunctionFailed("f" * 80, "why")], f"the function {'f' * 60} failed, and it is not the probe of a group", ""),
        ([GoOn((name("north"),), 1)], "something was left of group 'north', which does not exist", ""),
        ([Status(name("north"))], "", f"there is no group 'north'; {KNOWN}"),
        ([SetUp(name("n" * 80))], "", f"there is no group {'n' * 60!r}; {KNOWN}"),
        (
            [Switch(name("east"), table=TableId("vtb-x"))],
            "",
            f"group east does not guard vtb-x; its tables are: {TABLE}",
        ),
        ([SetUp(name("east"), InstanceId("i-x"))], "", f"i-x is not of group east; its gateways: {A}, {B}"),
        ([Sweep(), Ignored("a reason")], "a reason", ALONE),
        ([PAUSE, PAUSE], "", ALONE),
    ],
)
def test_a_signal_that_asks_nothing_is_answered(signals: list[Parsed], ignored: str, unclear: str) -> None:
    """Strangers with a reason, people with what there is; no group is looked at."""
    wanted = RunPlan(ignored=(ignored,) if ignored else (), unclear=(unclear,) if unclear else ())
    assert plan(signals, CONFIG, NOW) == wanted


@pytest.mark.parametrize("function", [PROBE, "older", None])
def test_what_is_known_of_a_probe_is_sorted_by_its_group(function: str | None) -> None:
    """One of an older release does not name itself, and counts as the first."""
    said = ProbeBroken(name("east"), "why", function), ProbeHeard(name("east"), 60, 2, function=function)
    found = plan(said, CONFIG, NOW)
    assert (found.broken, found.heard) == ((replace(said[0], function=PROBE),), (replace(said[1], function=PROBE),))
    assert found.assignments == ()


def test_lost_checks_are_a_reason_to_look() -> None:
    """Of a watch that ended well, of a group that exists and is not looked at anyway."""
    heard = ProbeHeard(name("east"), 60, 2)
    todo = RunPlan((of(WEST, "status"),), ignored=("a reason",))
    lossy: dict[GroupName, ProbeHeard | ProbeReport] = {
        name("east"): heard, name("west"): heard, name("north"): heard, name("walks"): REPORT,
    }  # fmt: skip
    found = with_losses(todo, lossy, CONFIG)
    assert found == replace(todo, assignments=(*todo.assignments, of(EAST, "the probe lost 2 of 60 checks")))


@pytest.mark.parametrize("minute", range(4))
def test_many_groups_take_turns_by_the_minute(minute: int) -> None:
    """A hundred groups and one start what is due in three minutes, each in one of them."""
    many = {
        f"g{number}": group(gateways=[f"i-gw{number}"], routes=[{"table": f"vtb-of{number}"}], probe=None)
        for number in range(101)
    }
    config = parse_config({"region": "cn-hangzhou", "groups": many})
    at = NOW + timedelta(minutes=minute, seconds=59)
    turns = [each.turn for each in plan([Timer("minute")], config, at).assignments]
    first = int(at.timestamp()) // 60 % 3
    assert turns == [number % 3 == first for number in range(101)]
