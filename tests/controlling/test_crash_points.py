"""Killed between any two calls, the next sweep finishes or repairs the work (rule 8), and no route is ever missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import EipStatus, SystemEvent
from natkeeper.ports import FailureKind, PointRoute
from natlab.scenarios.catalogue import NAMES
from tests.fakes.stage import EIP, FALLBACK, PROBE, TABLE, TABLE_2, A, B, C, Stage, group, heard, hop, person, timer

MOST_CALLS = 400


@dataclass(frozen=True)
class CrashStory:
    """How it begins and what wakes natkeeper.

    `hidden`: ECS shows nothing of the fault. Then the next thing that happens is not only the sweep: the probe's own
    timer fires within the same minute, and it reports again what it still sees. `ends`: what is over before the sweep.
    """

    stage: Callable[[], Stage]
    payload: Callable[[Stage], object]
    hidden: bool = False
    ends: Callable[[Stage], None] = lambda _stage: None


def _stop(stage: Stage) -> object:
    stage.world.stop(A)
    return stage.state(A, "Stopping")


def _crash(stage: Stage) -> object:
    stage.machine(A).hung = True
    return stage.report()


def _brown_out(stage: Stage) -> object:
    """Four watches have shown losses; the fifth tells people, and then the gateway stops in the midst of it."""
    for _ in range(5):
        ended = json.dumps({"group": "prod", "looks": 72, "lost": 24, "ip": None})
        arn = f"acs:fc:cn-hangzhou:1000000000000001:functions/{PROBE}"
        stage.send({"requestContext": {"functionArn": arn, "condition": ""}, "responsePayload": ended})
        stage.world.advance(60)
    assert stage.told_people()
    return _stop(stage)


def _misconfigured(stage: Stage) -> object:
    stage.machine(A).rules = False
    return stage.report()


def _spot(stage: Stage) -> object:
    stage.machine(A).locks = frozenset({"Recycling"})
    return stage.spot(A)


def _maintenance(stage: Stage) -> object:
    begins = stage.world.now + timedelta(minutes=30)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", begins),)
    return stage.system_event(A, "SystemMaintenance.Reboot", "Scheduled")


def _both_down(stage: Stage) -> object:
    stage.world.stop(B)
    return _stop(stage)


def _bad_standby(stage: Stage) -> object:
    stage.machine(B).rules = False
    return _stop(stage)


def _missing(stage: Stage) -> object:
    stage.world.remove_route(TABLE)
    return stage.route_touched("DeleteRouteEntry")


def _return(stage: Stage) -> object:
    stage.world.stop(A)
    stage.send(stage.state(A, "Stopping"))
    stage.world.advance(30)
    stage.world.start(A)
    stage.world.advance(10 * 60)
    return timer()


def _free_eip(stage: Stage) -> object:
    stage.address().status, stage.address().holder = EipStatus.AVAILABLE, None
    return timer()


def _host_fails(stage: Stage) -> object:
    stage.machine(A).hung = True
    stage.machine(A).events = (SystemEvent("SystemFailure.Reboot", "Executing"),)
    return stage.system_event(A, "SystemFailure.Reboot", "Executing")


def _standby_drifts(stage: Stage) -> object:
    stage.machine(B).rules = False
    return timer()


def _set_up() -> Stage:
    return Stage({"prod": group(setup={"mode": "apply"})})


def _api_outage(stage: Stage) -> object:
    stage.cloud.fail(object, FailureKind.UNREACHABLE)
    return _crash(stage)


def _foreign(stage: Stage) -> object:
    stage.world.add_machine("i-stranger", "198.51.100.99")
    stage.world.repoint(TABLE, hop("i-stranger"))
    return stage.route_touched()


def _internet_down(stage: Stage) -> object:
    stage.world.internet = False
    return stage.report()


def _internet_up(stage: Stage) -> None:
    stage.world.internet = True


def _split_bridge() -> Stage:
    stage = Stage({"prod": group(fallback=FALLBACK, gateways=[A, B])})
    stage.world.in_place = lambda _old, _new: False
    return stage


def _switch(_stage: Stage) -> object:
    return person("switch", to=B)


def _timer(_stage: Stage) -> object:
    return timer()


def _relayed() -> Stage:
    return Stage({"prod": group(relay="10m")})


def _with_lane() -> Stage:
    stage = Stage({"prod": group(gateways=[A, B, C], probe={"function": PROBE, "lane": "223.6.6.6:53"})})
    stage.sweep()
    stage.world.advance(60)
    return stage


def _lane_lost(stage: Stage) -> object:
    stage.machine(B).rules = False
    stage.send(heard({"at": stage.world.now.timestamp(), "looks": 60, "lost": 56, "answers": False, "lasted": 55.0}))
    return timer()


STORIES = {
    "stop": CrashStory(Stage, _stop),
    "crash": CrashStory(Stage, _crash, hidden=True),
    "misconfigured": CrashStory(_set_up, _misconfigured, hidden=True),
    "drift-forwarding": CrashStory(_set_up, _misconfigured, hidden=True),
    "drift-stopped": CrashStory(_set_up, _misconfigured, hidden=True),
    "drift-reject": CrashStory(_set_up, _misconfigured, hidden=True),
    "drift-masquerade": CrashStory(_set_up, _standby_drifts),
    "drift-masked": CrashStory(_set_up, _standby_drifts),
    "drift-unbound": CrashStory(_set_up, _standby_drifts),
    "reboot": CrashStory(_set_up, _stop, ends=lambda stage: stage.world.start(A)),
    "dnat": CrashStory(Stage, _host_fails),
    "spot": CrashStory(Stage, _spot),
    "maintenance": CrashStory(Stage, _maintenance),
    "both-down": CrashStory(lambda: Stage({"prod": group(fallback=FALLBACK)}), _both_down),
    "manual": CrashStory(Stage, _switch),
    "return": CrashStory(lambda: Stage({"prod": group(failback="5m", hold_down="1m")}), _return),
    "zones": CrashStory(
        lambda: Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2, "prefer": B}])}), _stop
    ),
    "two tables": CrashStory(lambda: Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])}), _stop),
    "follow": CrashStory(lambda: Stage({"prod": group(address={"follow": EIP})}), _stop),
    "follow, free": CrashStory(lambda: Stage({"prod": group(address={"follow": EIP})}), _free_eip),
    "freeze": CrashStory(Stage, _crash, hidden=True),
    "api-outage": CrashStory(Stage, _api_outage, hidden=True, ends=lambda stage: stage.cloud.mend()),
    "foreign": CrashStory(Stage, _foreign),
    "internet-down": CrashStory(Stage, _internet_down, ends=_internet_up),
    "relay": CrashStory(_relayed, _switch),
    "relay-then-death": CrashStory(_relayed, _switch, ends=lambda stage: stage.world.stop(A)),
    "spot-relay": CrashStory(_relayed, _spot),
    "visitors": CrashStory(Stage, _switch),
    "ranges": CrashStory(Stage, _switch),
    "hairpin": CrashStory(Stage, _switch),
    "nginx": CrashStory(Stage, _switch),
    "flush": CrashStory(_set_up, _misconfigured, hidden=True),
    "source-zone": CrashStory(_set_up, _misconfigured, hidden=True),
    "probe-dead": CrashStory(Stage, _stop),
    "lane": CrashStory(_with_lane, _lane_lost),
    "lane, then a death": CrashStory(_with_lane, _stop),
    "brown-out": CrashStory(Stage, _brown_out),
    "full": CrashStory(_set_up, _misconfigured, hidden=True),
    "ports": CrashStory(_set_up, _timer),
    "mtu": CrashStory(_set_up, _timer),
    "missing": CrashStory(Stage, _missing),
    "bad standby": CrashStory(lambda: Stage({"prod": group(gateways=[A, B, C])}), _bad_standby),
    "bridge": CrashStory(_split_bridge, _stop),
    "bridge to the fallback": CrashStory(_split_bridge, _both_down),
}


DISTINCT = tuple({story: name for name, story in reversed(STORIES.items())}.values())
"""A name of each story: several scenarios, which differ on real gateways, are the same calls to kill here."""


def test_every_scenario_has_its_story() -> None:
    """What the demo and the lab play is killed here at each of its calls."""
    assert set(NAMES) <= set(STORIES)


@pytest.mark.parametrize("name", DISTINCT)
def test_a_run_that_is_killed_anywhere_is_healed_by_one_sweep(name: str) -> None:
    """After each call of the run in turn: kill it, let a minute pass, sweep once, and all is as it should be."""
    story = STORIES[name]
    for calls in range(MOST_CALLS):
        stage = story.stage()
        killed = stage.killed(story.payload(stage), calls)
        stage.world.advance(60)
        story.ends(stage)
        if story.hidden and stage.world.egress(TableId(TABLE)) is None:
            stage.send(stage.report())
        receipt = stage.sweep()
        stage.world.advance(1)  # the packets follow
        try:
            stage.whole()
        except AssertionError as error:
            raise AssertionError(f"killed after {calls} calls: {error}; {receipt.sentence}") from error
        if not killed:
            assert calls > 3, "the story has no middle to be killed in"
            return  # so many crash points: all of them
    pytest.fail(f"{name} makes more than {MOST_CALLS} calls")


@pytest.mark.parametrize("name", ["stop", "follow", "both-down", "bridge", "bridge to the fallback"])
def test_a_sweep_right_after_the_crash_heals_as_well(name: str) -> None:
    """The next wake may come at once, while the tasks that the dead run started are still under way."""
    story = STORIES[name]
    for calls in range(MOST_CALLS):
        stage = story.stage()
        killed = stage.killed(story.payload(stage), calls)
        stage.sweep()
        stage.world.advance(1)  # the packets follow
        stage.whole()
        if not killed:
            return


@pytest.mark.parametrize("name", ["stop", "follow", "bridge"])
def test_a_sweep_that_is_killed_too_is_healed_by_the_next(name: str) -> None:
    """Two deaths in a row, the second anywhere as well."""
    story = STORIES[name]
    for calls in range(0, 40, 3):
        for more in range(0, 40, 4):
            stage = story.stage()
            stage.killed(story.payload(stage), calls)
            stage.world.advance(5)
            stage.killed(timer(), more)
            stage.world.advance(60)
            stage.sweep()
            stage.whole()


@pytest.mark.parametrize("name", DISTINCT)
def test_a_run_that_is_not_killed_leaves_nothing_for_the_sweep(name: str) -> None:
    """The first run does it all; the sweep after it writes nothing."""
    story = STORIES[name]
    stage = story.stage()
    stage.send(story.payload(stage))
    stage.world.advance(60)
    story.ends(stage)
    if story.hidden and stage.world.egress(TableId(TABLE)) is None:
        stage.send(stage.report())
    moves = len(stage.cloud.sent(PointRoute))
    stage.send(timer())
    assert len(stage.cloud.sent(PointRoute)) == moves
    stage.whole()


def test_an_outage_in_the_middle_is_a_crash_like_any_other() -> None:
    """The API goes away for two minutes after each call of the failover in turn; when it is back, one sweep heals."""
    for calls in range(30):
        stage = Stage({"prod": group(address={"follow": EIP})})
        stage.world.stop(A)

        def cut(stage: Stage = stage, calls: int = calls) -> None:
            if len(stage.cloud.log) == calls and not stage.cloud.faults:
                stage.cloud.fail(object, FailureKind.UNREACHABLE)

        stage.cloud.watch = cut
        stage.send(stage.state(A, "Stopping"))
        stage.cloud.watch = lambda: None
        stage.cloud.mend()
        stage.world.advance(60)
        stage.sweep()
        stage.whole()
