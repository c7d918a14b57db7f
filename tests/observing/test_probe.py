"""The probe: looks again and again, reports by raising, and answers when it is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.egress import EgressLost, EgressSeen, NotChecked
from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import ProbeReport
from natkeeper.egress_check import OutcomeKind
from natkeeper.probe.handler import (
    EgressLostError,
    ProbeHandler,
    ProbeMisconfiguredError,
    Settings,
    read_settings,
    settings_file,
)
from natkeeper.probe.lane import LaneLooks
from natlab.bench.virtual import ADDRESS, Answer, VirtualPath

SHARED = Path(__file__).resolve().parents[2] / "shared"
FUNCTIONS = SHARED.parent / "functions"
TARGETS_BY_DEFAULT = (
    parse_config(
        {"region": "cn-hangzhou", "groups": {"a": {"gateways": ["i-bp1a"], "routes": [{"table": "vtb-bp1a"}]}}}
    )
    .groups[0]
    .probe.targets
)
TARGETS = ("http://www.internet.test/",)
IN_A_ROW = Settings("prod", TARGETS, interval=1.0, timeout=0.8, failures=3)
TIMER = json.dumps({"triggerTime": "2026-11-23T06:00:00Z", "triggerName": "look", "payload": ""})
CONFIG = {
    "region": "cn-hangzhou",
    "groups": {
        "prod": {
            "gateways": ["i-bp1a", "i-bp1b"],
            "routes": [{"table": "vtb-bp1a"}],
            "probe": {"interval": "2s", "failures": 4},
        },
        "test": {"gateways": ["i-bp1c"], "routes": [{"table": "vtb-bp1b"}], "probe": {"targets": ["10.0.0.9:80"]}},
    },
}


class LossyPath(VirtualPath):
    """The way to the internet, on a clock that only waits move. `lost` are the times at which it is lost.

    The wall clock is another one, which can step; nothing may hang on it.
    """

    def __init__(self, *lost: tuple[float, float], fails: OutcomeKind = OutcomeKind.SILENT) -> None:
        super().__init__(self.found)
        self.lost = lost
        self.fails = fails
        self.wall = 1_800_000_000.0

    def found(self, began: float, _timeout_s: float) -> Answer:
        lost = any(begin <= began < end for begin, end in self.lost)
        return (0.001, self.fails) if lost else (0.1, OutcomeKind.ANSWERED)

    @property
    def checks(self) -> list[float]:
        return [round(each, 3) for each in self.began]

    def probe(self, settings: Settings = IN_A_ROW) -> ProbeHandler:
        return ProbeHandler(settings, lambda _targets: self, self.ticks, lambda: self.wall + self.now)


def context(timeout: float) -> Any:
    """What FC says of the function."""
    return SimpleNamespace(function=SimpleNamespace(timeout=timeout))


def test_a_watch_looks_every_interval_until_the_next_one_begins() -> None:
    """The interval counts from the beginning of a look; a minute later the timer starts the next watch."""
    way = LossyPath()
    answer = way.probe()(TIMER, context(75))
    assert way.checks[:4] == [0.0, 1.0, 2.0, 3.0]
    assert way.checks[-1] == 59.0
    assert answer == {"group": "prod", "looks": len(way.checks), "lost": 0, "ip": ADDRESS}


def test_three_lost_looks_in_a_row_are_reported_by_raising() -> None:
    """The next look after a lost one begins at once: 10.0, 10.8, 11.6, and the report is out at 12.4."""
    way = LossyPath((9.5, 99))
    with pytest.raises(EgressLostError) as raised:
        way.probe()(TIMER, context(75))
    assert way.checks[-3:] == [10.0, 10.8, 11.6]
    assert round(way.now, 3) == 12.4
    said = json.loads(str(raised.value))
    assert said == {"natkeeper": "egress-lost", "group": "prod", "since": way.wall + 10.0, "lasted": 2.4, "failures": 3,
                    "reason": "no answer in time", "until": way.wall + 60.0}  # fmt: skip


def test_two_lost_looks_are_no_report() -> None:
    """Counted in a row: one that succeeds begins anew."""
    way = LossyPath((9.5, 11), (20.5, 22))
    answer = way.probe()(TIMER, context(75))
    assert answer["lost"] == 4


def test_errors_that_come_at_once_are_not_counted_in_one_instant() -> None:
    """A route that changes answers with an ICMP error for a moment: three looks take as long as three time-outs."""
    way = LossyPath((10.0, 10.5), fails=OutcomeKind.REFUSED)
    way.probe()(TIMER, context(75))
    assert 10.0 in way.checks
    assert 10.8 in way.checks


def test_the_failover_function_understands_the_report() -> None:
    """As the failure record of the asynchronous destination, which wraps the error's message."""
    way = LossyPath((0, 99))
    with pytest.raises(EgressLostError) as raised:
        way.probe()(TIMER, context(75))
    record = {
        "requestContext": {}, "requestPayload": TIMER,
        "responsePayload": json.dumps({"errorMessage": str(raised.value), "errorType": "EgressLostError"}),
    }  # fmt: skip
    read = parse(json.dumps(record).encode())
    since = datetime.fromtimestamp(way.wall, timezone.utc)
    until = since + timedelta(minutes=1)
    lasted = timedelta(seconds=2.4)
    assert read == (ProbeReport(parse_config(CONFIG).groups[0].name, since, 3, "no answer in time", until, lasted),)


def test_a_loss_that_has_begun_is_looked_at_to_its_end() -> None:
    """The watch of this minute reports it; the next one would have to count from the beginning."""
    way = LossyPath((58.5, 99))
    with pytest.raises(EgressLostError):
        way.probe()(TIMER, context(75))
    assert round(way.now, 3) == 59.0 + 3 * 0.8


def test_a_loss_is_not_looked_at_beyond_the_functions_own_time() -> None:
    """Else the platform would end the probe, and nobody would hear of anything."""
    way = LossyPath((58.5, 99))
    assert way.probe()(TIMER, context(64))["lost"] == 3
    assert way.now <= 61


def test_a_watch_ends_within_the_functions_own_time() -> None:
    """A function that was given less time watches for less."""
    way = LossyPath()
    way.probe()(TIMER, context(20))
    assert way.checks[-1] < 17


def test_a_watch_can_be_asked_for() -> None:
    """After a report the failover function starts the probe again."""
    way = LossyPath()
    assert way.probe()('{"action":"watch"}', object())["looks"] > 50


def test_a_watch_goes_on_for_the_one_that_ended_with_its_report() -> None:
    """And ends when that would have: each minute begins its own, and two that overlap must not become three."""
    way = LossyPath()
    again = json.dumps({"action": "watch", "until": way.wall + 20.5})
    assert way.probe()(again, context(75))["looks"] == 21
    way.now = 20.5
    assert way.probe()(again, context(75))["looks"] == 0


def test_a_look_that_succeeds_is_one_look() -> None:
    """The answer that CheckThroughProbe reads."""
    way = LossyPath()
    assert way.probe()(b'{"action":"look"}', object()) == {"ok": True, "ip": ADDRESS, "reason": ""}
    assert len(way.checks) == 1


def test_a_look_that_fails_is_taken_once_more() -> None:
    """And a second success counts."""
    way = LossyPath((0, 0.5))
    assert way.probe()(b'{"action":"look"}', object())["ok"] is True
    lost = LossyPath((0, 99))
    assert lost.probe()(b'{"action":"look"}', object()) == {"ok": False, "ip": None, "reason": "no answer in time"}
    assert len(lost.checks) == 2


@pytest.mark.parametrize("event", [{"triggerName": "look"}, {"triggerTime": "2026-11-23T06:00:00Z"}])
def test_either_mark_of_a_timer_begins_a_watch(event: dict[str, str]) -> None:
    """Function Compute gives both; the name is the user's, and the time is what a test of the console leaves out."""
    way = LossyPath()
    assert "ignored" not in way.probe()(json.dumps(event), context(75))
    assert len(way.checks) > 1


@pytest.mark.parametrize("event", ["", "not json", "[]", "{}", '{"action":"format"}'])
def test_an_event_for_someone_else_is_ignored_with_a_reason(event: str) -> None:
    """Nothing is looked at, and nothing is raised."""
    way = LossyPath()
    assert list(way.probe()(event, object())) == ["ignored"]
    assert way.checks == []


def test_the_settings_of_the_group_are_read(tmp_path: Path) -> None:
    """One bundle for all groups; the variable chooses."""
    (tmp_path / "probe.json").write_bytes(settings_file(parse_config(CONFIG)))
    prod = read_settings(tmp_path, {"NATKEEPER_GROUP": "prod"})
    assert prod == Settings("prod", parse_config(CONFIG).groups[0].probe.targets, 2.0, None, 0.8, 4)
    assert read_settings(tmp_path, {"NATKEEPER_GROUP": "test"}).silence == 1.2
    assert read_settings(tmp_path, {"NATKEEPER_GROUP": "test"}).targets == ("10.0.0.9:80",)


@pytest.mark.parametrize(
    "written, group, said",
    [
        (None, "prod", "cannot be read"),
        ("{", "prod", "cannot be read"),
        ('{"prod": {}}', "other", "allowed: prod"),
        ('{"prod": {"targets": []}}', "prod", "interval"),
    ],
)
def test_settings_that_are_missing_say_so(tmp_path: Path, written: str | None, group: str, said: str) -> None:
    """A probe that looks at nothing must not seem content."""
    if written is not None:
        (tmp_path / "probe.json").write_text(written)
    with pytest.raises(ProbeMisconfiguredError, match=said):
        read_settings(tmp_path, {"NATKEEPER_GROUP": group})


def test_the_probe_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """Its bundle: index.py, probe.json and a few modules, in an interpreter without any package."""
    for name in (
        "__init__",
        "probe/__init__",
        "probe/handler",
        "probe/lane",
        "probe/loss",
        "probe/watch",
        "egress_check",
        "domain/__init__",
        "domain/egress",
    ):
        target = tmp_path / "natkeeper" / f"{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / "natkeeper" / f"{name}.py", target)
    shutil.copy(FUNCTIONS / "probe" / "index.py", tmp_path)
    (tmp_path / "probe.json").write_bytes(settings_file(parse_config(CONFIG)))
    code = "import sys; sys.path.insert(0, sys.argv[1]); import index; print(index.handler(b'{}', None))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, env={"NATKEEPER_GROUP": "prod"},
    )  # fmt: skip
    assert "ignored" in done.stdout


LANE = "223.6.6.6:53"


class LaneSeen:
    """Looks at the lane as a watch makes them, without a thread: what was asked for, and what it found."""

    def __init__(self, figures: dict[str, Any] | None = None) -> None:
        self.made: list[tuple[str, float, float]] = []
        self.said = figures
        self.running = False

    def __call__(self, target: str, interval: float, timeout: float) -> Any:
        self.made.append((target, interval, timeout))
        return self

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False

    def figures(self) -> dict[str, Any] | None:
        return self.said


def test_a_watch_looks_through_the_lane_beside_and_says_what_it_found(tmp_path: Path) -> None:
    """The settings come from probe.json; the answer is what the failover function reads."""
    config = json.loads(json.dumps(CONFIG))
    config["groups"]["prod"]["probe"] |= {"function": "p", "lane": LANE}
    (tmp_path / "probe.json").write_bytes(settings_file(parse_config(config)))
    settings = read_settings(tmp_path, {"NATKEEPER_GROUP": "prod"})
    way, lane = LossyPath(), LaneSeen({"looks": 30, "lost": 1, "answers": True, "lasted": 12.0})
    answer = replace(way.probe(settings), lane=lane)(TIMER, context(75))
    assert lane.made == [(LANE, 2.0, 0.8)]
    assert answer["lane"] == {"looks": 30, "lost": 1, "answers": True, "lasted": 12.0, "at": way.wall + way.now}
    assert not lane.running


def test_the_looks_through_the_lane_end_with_a_watch_that_reports() -> None:
    """Whatever ends it."""
    way, lane = LossyPath((9.5, 99)), LaneSeen()
    with pytest.raises(EgressLostError):
        replace(way.probe(replace(IN_A_ROW, lane=LANE)), lane=lane)(TIMER, context(75))
    assert (len(lane.made), lane.running) == (1, False)
    assert "lane" not in replace(LossyPath().probe(), lane=lane)(TIMER, context(75))


def test_looks_through_the_lane_are_counted_and_their_latest_run_is_timed() -> None:
    """Two answered, three lost; a check that could not be made counts for nothing."""
    now, moment = 0.0, datetime(2026, 11, 23, tzinfo=timezone.utc)
    found = iter([EgressSeen(moment), EgressSeen(moment), NotChecked(moment, "no thread"),
                  *[EgressLost(moment, "no answer")] * 3])  # fmt: skip

    def check(targets: tuple[str, ...], _timeout: float) -> Any:
        nonlocal now
        assert targets == (LANE,)
        now += 1.0
        outcome = next(found, None)
        if outcome is None:
            looks.close()
            return NotChecked(moment, "the end")
        return outcome

    looks = LaneLooks(LANE, 0.0, 0.8, lambda: now, check)
    assert looks.figures() is None
    looks.start()
    for _ in range(200):
        if now >= 7.0:
            break
        time.sleep(0.01)
    assert looks.figures() == {"looks": 5, "lost": 3, "answers": False, "lasted": now - 3.0}
