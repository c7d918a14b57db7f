"""What the probe answers, reads and logs: each case differs from a watch or a look that is well in one thing."""

from __future__ import annotations

import heapq
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from natkeeper.egress_check import ADDRESS_GRACE_S, Heard, OutcomeKind
from natkeeper.probe import handler as module
from natkeeper.probe.handler import (
    EgressLostError,
    ProbeBrokenError,
    ProbeHandler,
    ProbeMisconfiguredError,
    Settings,
    read_settings,
)
from natkeeper.probe.lane import LaneLooks
from natlab.bench.virtual import Answer, VirtualPath

SILENCE = Settings("prod", ("http://www.internet.test/",), 1.0, 1.2, lane=None)
WELL: Answer = (0.02, OutcomeKind.ANSWERED)
BROKEN: Answer = (0.01, OutcomeKind.BROKEN)
LOST: Answer = (0.0, OutcomeKind.SILENT)
WALL = 1_800_000_000.0


class SomeAnswers(VirtualPath):
    """A path whose answers tell no address by themselves; `left` are the targets that may still do so, `more`: when."""

    def __init__(
        self, answers: list[Answer], told: list[str], left: tuple[str, ...] = (), more: tuple[float, ...] = ()
    ) -> None:
        super().__init__(lambda _at, _timeout: next(self.answers, WELL))
        self.answers, self.told, self.left, self.more, self.closed = iter(answers), iter(told), left, more, 0

    def begin(self, check: int, timeout_s: float) -> None:
        super().begin(check, timeout_s)
        for after in self.more:
            heapq.heappush(self._due, (self.now + after, check, OutcomeKind.ANSWERED))

    def wait(self, seconds: float) -> Heard | None:
        heard = super().wait(seconds)
        known = heard is not None and heard.kind is OutcomeKind.ANSWERED
        return Heard(heard.check, heard.kind, next(self.told, "")) if heard is not None and known else heard

    def waiting(self, check: int) -> tuple[str, ...]:
        return self.left

    def close(self) -> None:
        super().close()
        self.closed += 1


def probe(path: VirtualPath, settings: Settings = SILENCE) -> ProbeHandler:
    return ProbeHandler(settings, lambda _targets: path, path.ticks, lambda: WALL + path.now)


URL = ("http://other.test/",)


@pytest.mark.parametrize(
    "told, left, more, ip, waits",
    [
        (["203.0.113.7"], (), (), "203.0.113.7", 0.0),
        (["203.0.113.7"], URL, (), "203.0.113.7", 0.0),
        ([], (), (), None, 0.0),
        ([], ("10.0.0.9:80",), (), None, 0.0),
        ([], URL, (), None, ADDRESS_GRACE_S),
        (["", "203.0.113.7"], URL, (0.1,), "203.0.113.7", 0.08),
        (["", "", "203.0.113.7"], URL, (0.1, 0.15), "203.0.113.7", 0.13),
        (["", "203.0.113.7"], URL, (0.3,), None, ADDRESS_GRACE_S),
    ],
)
def test_a_look_waits_a_moment_for_the_address_that_may_still_come(
    told: list[str], left: tuple[str, ...], more: tuple[float, ...], ip: str | None, waits: float
) -> None:
    """And then answers without one: the internet is there either way."""
    path = SomeAnswers([WELL], told, left, more)
    path.now = 5.0
    assert probe(path).check_once() == {"ok": True, "ip": ip, "reason": ""}
    assert path.now == pytest.approx(5.02 + waits)
    assert path.closed == 1


def test_a_look_that_is_lost_forgets_what_was_usual() -> None:
    """The route moves, and the next way may lose nothing."""
    path = SomeAnswers([LOST] * 9, [])
    watching = probe(path)
    watching.fates.extend([True, False])
    assert watching.check_once() == {"ok": False, "ip": None, "reason": "no answer in time"}
    assert list(watching.fates) == []


def test_a_look_that_cannot_be_made_is_the_probes_own_trouble() -> None:
    """In words that the failover function reads."""
    with pytest.raises(ProbeBrokenError) as raised:
        probe(SomeAnswers([BROKEN], [])).check_once()
    assert json.loads(str(raised.value)) == {"natkeeper": "probe-broken", "group": "prod", "reason": "broken"}


@pytest.mark.parametrize("began", [0.0, 1000.0])
def test_a_report_says_when_its_watch_would_have_ended(began: float) -> None:
    """Whatever the monotonic clock shows when it begins."""
    path = VirtualPath(lambda at, _: LOST if at >= began + 9.5 else WELL, now=began)
    with pytest.raises(EgressLostError) as raised:
        probe(path).watch(60.0, 72.0)
    told = json.loads(str(raised.value))
    assert (told["since"], told["until"]) == (pytest.approx(WALL + began + 10.0), pytest.approx(WALL + began + 60.0))


def test_the_first_check_that_cannot_be_made_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each time that there is one, and not for each check."""
    path = SomeAnswers([WELL, BROKEN, BROKEN, WELL, WELL, BROKEN], [])
    assert probe(path).watch(12.0, 15.0)["group"] == "prod"
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert logged == [{"level": "warning", "message": "the probe of prod cannot look: broken"}] * 2
    assert path.closed == 1


def test_the_log_is_read_by_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Chinese stays Chinese."""
    module._log("没有互联网")
    assert capsys.readouterr().out == '{"level": "warning", "message": "没有互联网"}\n'


@pytest.mark.parametrize("timeout, lasts", [(75, 60.0), (20, 17.0), (1, 0.0), (0, 60.0), (None, 60.0), ("20", 60.0)])
def test_a_watch_is_as_long_as_the_function_may_take(timeout: Any, lasts: float) -> None:
    """Three seconds less, and a minute at most; a minute where nothing says so."""
    path = VirtualPath(lambda _at, _timeout: WELL)
    probe(path)(b'{"triggerName": "look"}', SimpleNamespace(function=SimpleNamespace(timeout=timeout)))
    assert len(path.began) == int(lasts)


WRITTEN: dict[str, Any] = {"targets": ["http://a/", 7], "interval": 1, "silence": 2}


@pytest.mark.parametrize(
    "change, settings",
    [
        ({}, Settings("prod", ("http://a/", "7"), 1.0, 2.0)),
        ({"lane": "10.0.0.9:80"}, Settings("prod", ("http://a/", "7"), 1.0, 2.0, lane="10.0.0.9:80")),
        ({"silence": None}, None),
        ({"targets": None}, None),
        ({"interval": "often"}, None),
    ],
)
def test_settings_are_read_whole_or_not_at_all(
    tmp_path: Path, change: dict[str, Any], settings: Settings | None
) -> None:
    """What is wrong is said with the group it is of."""
    (tmp_path / "probe.json").write_text(json.dumps({"prod": {**WRITTEN, **change}, "test": {}}), encoding="utf-8")
    environ = {"NATKEEPER_GROUP": "prod"}
    if settings is not None:
        assert read_settings(tmp_path, environ) == settings
        return
    with pytest.raises(ProbeMisconfiguredError, match=r"^probe\.json: prod: (TypeError|ValueError)\("):
        read_settings(tmp_path, environ)
    with pytest.raises(ProbeMisconfiguredError) as refused:
        read_settings(tmp_path, {})
    assert str(refused.value) == "NATKEEPER_GROUP: got ''; allowed: prod, test"


@pytest.fixture
def fresh() -> Iterator[None]:
    """A process that has handled nothing yet."""
    module._deployed.cache_clear()
    yield
    module._deployed.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_the_function_answers_with_the_settings_of_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """They are read once."""
    (tmp_path / "probe.json").write_text(json.dumps({"prod": WRITTEN}), encoding="utf-8")
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    monkeypatch.setenv("NATKEEPER_GROUP", "prod")
    reading = mocker.spy(module, "read_settings")
    ignored = {"ignored": 'neither a timer event nor {"action": "look"}'}
    assert [module.handler(b"{}", None) for _ in range(2)] == [ignored] * 2
    assert module.handler(b"[]", None) == {"ignored": "the event is not a JSON object"}
    assert reading.call_count == 1


def test_the_looks_through_a_lane_begin_and_end_with_their_watch() -> None:
    """Each begins an interval after the one before it; the thread keeps no process alive."""
    waited: list[float] = []
    over, now = threading.Event(), 0.0

    def check(_targets: tuple[str, ...], _timeout: float) -> Any:
        nonlocal now
        now += 0.25
        return None

    class Over:
        is_set = staticmethod(over.is_set)
        set = staticmethod(over.set)

        def wait(self, seconds: float) -> None:
            nonlocal now
            waited.append(seconds)
            now += seconds
            if len(waited) == 3:
                looks.close()

    looks = LaneLooks("10.0.0.9:80", 1.0, 0.8, lambda: now, check, _over=Over())  # type: ignore[arg-type]
    looks._run()
    assert (waited, over.is_set()) == ([0.75] * 3, True)


def test_without_a_thread_for_the_lane_nothing_is_looked_at(mocker: MockerFixture) -> None:
    """The watch of the route goes on; and where there is one, it is no reason for the process to stay."""
    thread = mocker.patch("natkeeper.probe.lane.threading.Thread")
    looks = LaneLooks("10.0.0.9:80", 1.0, 0.8)
    looks.start()
    thread.assert_called_once_with(target=looks._run, daemon=True)
    thread.return_value.start.side_effect = RuntimeError("can't start new thread")
    looks.start()
    assert looks.figures() is None
    assert looks._over.is_set()
