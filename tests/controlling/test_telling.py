"""People are told of what they want to know, after the route is safe, and telling them changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.domain.ids import TableId
from natkeeper.domain.observed import EntryStatus, SystemEvent
from natkeeper.failover import telling
from natkeeper.failover.handing_on import hand_over
from natkeeper.failover.run import LONGEST_PARCEL
from natkeeper.ports import Failure, FailureKind, HandOver, PointRoute, ReadRoutes
from tests.fakes.stage import NOTIFY, TABLE, TABLE_2, A, B, Stage, group, person, timer


def test_a_change_is_told_with_everything_a_person_needs(stage: Stage) -> None:
    """The very receipt that the function answers with."""
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert stage.told_people() == [receipt.as_json()]


def test_a_quiet_run_tells_nobody(stage: Stage) -> None:
    """Nor does one that was asked for something it refused: the person who asked has the answer."""
    stage.sweep()
    stage.one(person("switch", to="i-stranger"))
    assert stage.cloud.handed == []


def test_a_failing_hand_over_changes_nothing_but_a_line_in_the_receipt(stage: Stage) -> None:
    """The notify function is away: the move stands, the receipt says that people could not be told."""
    stage.cloud.fail(HandOver, FailureKind.UNREACHABLE)
    stage.world.stop(A)
    receipt = stage.one(stage.state(A, "Stopping"))
    assert receipt.outcome == "changed"
    assert any("people could not be told" in problem for problem in receipt.problems)
    stage.whole()


def test_a_trouble_that_could_not_be_told_is_told_by_the_next_sweep(stage: Stage) -> None:
    """What nobody heard was not told: it is not suppressed as a repetition."""
    stage.world.stop(A)
    stage.world.stop(B)
    fault = stage.cloud.fail(HandOver, FailureKind.THROTTLED)
    stage.sweep()
    assert stage.told_people() == []
    fault.times = 0
    stage.sweep()
    assert len(stage.told_people()) == 1


def test_a_trouble_that_lasts_is_told_now_and_then(stage: Stage) -> None:
    """Both gateways are down for two hours: told at once, then every half an hour."""
    stage.world.stop(A)
    stage.world.stop(B)
    stage.world.advance(30)
    stage.sweeps(119)
    assert len(stage.told_people()) == 4


@pytest.mark.parametrize("known", [7, 1])
def test_the_last_gateway_that_is_about_to_go_is_told_at_once(known: int) -> None:
    """That the standby is down was told, or is to be told after five minutes: this is worse, and there is little time.

    `known`: for how many minutes the standby has been down. People hear of it once in half an hour.
    """
    stage = Stage({"prod": group(probe=None)})
    stage.world.stop(B)
    stage.sweeps(known)
    before = len(stage.told_people())
    stage.machine(A).locks = frozenset({"Recycling"})
    stage.one(stage.spot(A))
    sentences = [each["sentence"] for each in stage.told_people()[before:]]
    assert sentences == [f"{A} is being reclaimed, and nothing better is there: {B} is Stopped"]
    stage.sweeps(25)
    assert sorted(len(each.get("episodes", ())) for each in stage.told_people()) == [0, 1]


def test_a_last_gateway_that_goes_in_days_is_no_news_beside_the_lost_standby() -> None:
    """There is time: the daily message about the standby says that the next failure is an outage."""
    stage = Stage({"prod": group(probe=None)})
    stage.world.stop(B)
    stage.sweeps(7)
    due = stage.world.now + timedelta(minutes=60)
    stage.machine(A).events = (SystemEvent("SystemMaintenance.Reboot", "Scheduled", due),)
    stage.sweeps(49)
    assert len(stage.told_people()) == 1
    stage.sweeps(3)
    assert f"{A} is due for SystemMaintenance.Reboot, and nothing better is there" in stage.told_people()[1]["sentence"]


def test_what_was_told_while_the_clock_was_ahead_mutes_nothing(stage: Stage) -> None:
    """The clock has gone back by two hours since: a trouble that lasts is told at once, and then as usual."""
    stage.world.stop(A)
    stage.world.stop(B)
    stage.sweeps(3)
    told = len(stage.told_people())
    for lasting in stage.told.ledger("prod").lasting.values():
        assert lasting.told is not None
        lasting.told += timedelta(hours=2)
    stage.sweeps(10)
    assert len(stage.told_people()) == told + 1


def test_a_trouble_of_the_api_is_one_trouble_although_every_answer_has_its_own_id(stage: Stage) -> None:
    """Request ids differ from sweep to sweep; the sentence does not, so people hear of it once."""
    from tests.fakes.cloud import READS

    stage.cloud.fail(READS, FailureKind.THROTTLED, code="Throttling.User")
    receipts = stage.sweeps(10)
    assert {receipt.outcome for receipt in receipts} == {"attention"}
    assert len(stage.told_people()) == 1
    assert "R-" not in receipts[0].sentence
    assert any("request R-" in problem for problem in receipts[0].problems)


def test_a_trouble_that_was_over_and_comes_back_is_told_again(stage: Stage) -> None:
    """Quiet in between makes it news."""
    stage.world.internet = False
    stage.one(stage.report())
    stage.world.internet = True
    stage.sweep()
    stage.world.internet = False
    stage.world.advance(60)
    stage.one(stage.report())
    told = [[("ended" in each) for each in receipt["episodes"]] for receipt in stage.told_people()]
    assert told == [[False], [True], [False]]


def test_every_change_is_told_even_if_it_is_the_same_change_again(stage: Stage) -> None:
    """Someone deletes the route twice within minutes: it is created twice, and told twice."""
    for _ in range(2):
        stage.world.remove_route("vtb-one")
        stage.sweep()
        stage.world.advance(180)
    assert [told["outcome"] for told in stage.told_people()] == ["changed", "changed"]


def test_without_a_notify_function_nobody_is_told() -> None:
    """It is optional."""
    stage = Stage(notify=False)
    stage.world.stop(A)
    assert stage.one(stage.state(A, "Stopping")).outcome == "changed"
    assert stage.cloud.sent(HandOver) == []


def test_very_many_receipts_are_handed_over_in_parts() -> None:
    """A region in trouble: hundreds of groups, no invocation larger than Function Compute takes, nobody forgotten."""
    names = [f"g{n:03}" for n in range(300)]
    stage = Stage(
        {
            name: group(
                gateways=[f"i-{name}one", f"i-{name}two"],
                routes=[{"table": f"vtb-{name}{t}"} for t in range(3)],
                probe=None,
            )
            for name in names
        }
    )
    for name in names:
        stage.world.stop(f"i-{name}one")
        stage.world.stop(f"i-{name}two")
    stage.send(timer())
    payloads = [payload for _, _, payload in stage.cloud.handed]
    assert len(payloads) > 1
    assert max(len(payload) for payload in payloads) < LONGEST_PARCEL + 20_000
    assert sorted(receipt["group"] for payload in payloads for receipt in json.loads(payload)["tell"]) == names


def test_a_run_that_used_its_time_up_still_tells(stage: Stage) -> None:
    """What people most need to hear of is the run that got nowhere."""
    from natkeeper.ports import PointRoute

    stage.cloud.fail(PointRoute, FailureKind.UNREACHABLE)
    stage.world.stop(A)
    began = stage.world.now
    stage.one(stage.state(A, "Stopping"))
    assert timedelta(seconds=5) < stage.world.now - began < timedelta(seconds=15)
    assert len(stage.told_people()) == 1


def broken(group: str = "prod") -> dict[str, object]:
    """What Function Compute hands over when a probe reports that it cannot look."""
    message = {"natkeeper": "probe-broken", "group": group, "reason": "223.5.5.5:53: too many open files"}
    payload = {"errorMessage": json.dumps(message), "errorType": "ProbeBrokenError"}
    return {"requestContext": {"condition": "UnhandledInvocationError"}, "responsePayload": payload}


def test_a_loss_behind_an_entry_that_is_stuck_is_told_within_two_minutes(stage: Stage) -> None:
    """No next hop can be blamed while the entry is Modifying, and none is moved; private hosts are dark even so."""
    stage.sweep()
    entry = stage.world.entry(TableId(TABLE), "0.0.0.0/0")
    assert entry is not None
    entry.status = EntryStatus.MODIFYING
    stage.machine(A).rules = False
    began = stage.world.now
    while (stage.world.now - began).total_seconds() < 110:
        stage.send(stage.report())
        stage.world.advance(2)
    (told,) = stage.told_people()
    assert "the probe lost the internet while the route entry is Modifying" in str(told["sentence"])
    assert "dark" in str(told["sentence"])
    entry.status = EntryStatus.AVAILABLE
    stage.machine(A).rules = True
    stage.sweeps(3)
    assert len(stage.told_people()) == 2


def test_a_broken_probe_is_told_and_moves_nothing(stage: Stage) -> None:
    """It says nothing about the gateway."""
    receipt = stage.one(broken())
    assert receipt.outcome == "attention"
    assert "too many open files" in receipt.sentence
    assert stage.told_people() == [receipt.as_json()]
    assert stage.cloud.accepted(PointRoute) == []


def test_a_probe_that_stays_broken_is_told_every_half_hour(stage: Stage) -> None:
    """It reports itself every minute, with quiet sweeps in between."""
    for _ in range(45):
        began = stage.world.now
        stage.send(broken())
        stage.sweep()
        stage.world.advance_to(began + timedelta(minutes=1))
    assert len(stage.told_people()) == 2


def test_a_broken_probe_of_a_stranger_is_ignored(stage: Stage) -> None:
    """No group has it."""
    answer = stage.send(broken("other"))
    assert answer.receipts == ()
    assert answer.ignored == ("a probe is broken for group 'other', which does not exist",)


def test_one_slow_answer_at_a_cold_start_is_no_episode() -> None:
    """A process that knows nothing yet looks again before it tells people that natkeeper is blind."""
    stage = Stage({"prod": group(routes=[{"table": TABLE}, {"table": TABLE_2}])})
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE, times=1, takes=3.1)
    receipt = stage.sweep()
    assert receipt.outcome == "quiet"
    assert stage.cloud.handed == []
    assert stage.description() == ""


def test_blindness_that_lasts_at_a_cold_start_is_told_at_once() -> None:
    """It may have lasted for long: nobody knows since when."""
    stage = Stage()
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    receipt = stage.sweep()
    assert [episode["kind"] for episode in receipt.as_json()["episodes"]] == ["blind"]
    assert len(stage.told_people()) == 1


@pytest.mark.parametrize(
    "top, style",
    [
        ({}, {"language": "en", "timezone": "UTC"}),
        (
            {"language": "zh", "timezone": "Asia/Shanghai", "runbook": "https://wiki.example.com/nat"},
            {"language": "zh", "timezone": "Asia/Shanghai", "runbook": "https://wiki.example.com/nat"},
        ),
    ],
)
def test_people_are_told_in_the_style_of_the_configuration(top: dict[str, Any], style: dict[str, str]) -> None:
    """What it does not say is left out; each character is sent as itself, for the size of a message is limited."""
    stage = Stage(**top)
    receipt = replace(stage.sweep(), sentence="网关")
    run = hand_over((receipt,), stage.config, NOTIFY)
    (call,) = next(run)
    assert isinstance(call, HandOver)
    assert json.loads(call.payload) == {"tell": [receipt.as_json()], "style": style}
    assert "网关".encode() in call.payload
    with pytest.raises(StopIteration) as ended:
        run.send([Failure(FailureKind.DENIED, "no")])
    assert ended.value.value == f"people could not be told: {Failure(FailureKind.DENIED, 'no')}"


@pytest.mark.parametrize(
    "since, every, told", [(0, 30, 0), (29, 30, 0), (30, 30, 30), (75, 30, 60), (75, 24 * 60, 0), (1441, 24 * 60, 1440)]
)
def test_what_another_process_told_last_is_counted_from_its_beginning(since: int, every: int, told: int) -> None:
    """It told people at once, and every so many minutes since."""
    began = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    last = telling._last_told(began, timedelta(minutes=every), began + timedelta(minutes=since))
    assert last == began + timedelta(minutes=told)
