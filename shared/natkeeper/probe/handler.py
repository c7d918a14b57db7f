"""The probe: sees what private hosts see, by looking at the internet through the guarded route.

A timer event, or `{"action": "watch"}`, makes it look for a minute, or `"until"` a time; once nothing has answered for
`silence` it raises, and Function Compute hands the failed invocation to the failover function (asynchronous
destination), so the report needs no network. `{"action": "look"}` makes it look until something answers or that much
is lost, and answer `{"ok", "ip", "reason"}`. When a loss is a loss: loss.py; how time is kept: watch.py.

Packaging puts `probe.json` beside index.py, one entry for each group, times in seconds:
`{"prod": {"targets": ["http://…"], "interval": 1.0, "silence": 1.2}}`, or instead of `silence` the rule of 0.1,
`"timeout": 0.8, "failures": 3`; `"lane": "address:port"` where a standby is looked through as well; the variable
NATKEEPER_GROUP names the group that this function guards.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natkeeper import bundle_root
from natkeeper.egress_check import ADDRESS_GRACE_S, Heard, OutcomeKind, tells_address
from natkeeper.egress_check import EgressChecks as AllChecks
from natkeeper.probe.lane import LaneLooks
from natkeeper.probe.loss import RECENT, USUAL, LossRule, Lost, PathWatch
from natkeeper.probe.watch import Broken, CheckRunner, Watching

if TYPE_CHECKING:
    from natkeeper.domain.config import Config
    from natkeeper.domain.probe_config import Probe as ProbeConfig

GROUP = "NATKEEPER_GROUP"
SETTINGS_FILE = "probe.json"
WATCH_S = 60.0
"""Until the next timer event comes: no pause for a loss to hide in. Two watches at once, for a moment, do no harm."""
LEAST_REST_S = 3.0
"""Of the function's own timeout, so that a watch ends by itself and a late report is not cut off."""


class EgressLostError(Exception):
    """The guarded route leads nowhere. Its message is one JSON object, which the failover function reads:

    `{"natkeeper": "egress-lost", "group", "since": seconds since the epoch, "lasted": seconds, "failures": checks,
    "reason", "until": when the watch would have ended}`.
    """


class ProbeBrokenError(Exception):
    """The probe cannot check, for want of its own resources. Its message is one JSON object:

    `{"natkeeper": "probe-broken", "group", "reason"}`.
    """


class ProbeMisconfiguredError(Exception):
    """probe.json or NATKEEPER_GROUP is missing or wrong; the message says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to check: times in seconds; either `silence`, or `timeout` and `failures`. `lane`: address:port, or None."""

    group: str
    targets: tuple[str, ...]
    interval: float
    silence: float | None = None
    timeout: float = 0.0
    failures: int = 0
    lane: str | None = None

    @property
    def rule(self) -> LossRule:
        """When a watch reports a loss."""
        if self.silence is not None:
            return LossRule.silence(self.silence, self.interval)
        return LossRule.in_a_row(self.failures, self.timeout, self.interval)

    @property
    def rule_of_one_check(self) -> LossRule:
        """When a single check is lost: where checks are counted, after two, for one lost packet says little."""
        return self.rule if self.silence is not None else LossRule.in_a_row(2, self.timeout, self.interval)


def settings_file(config: Config) -> bytes:
    """Write probe.json for `config`: what packaging puts beside index.py."""
    groups = {group.name: _written(group.probe) for group in config.groups}
    return (json.dumps(groups, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _written(probe: ProbeConfig) -> dict[str, Any]:
    written: dict[str, Any] = {"targets": list(probe.targets), "interval": float(probe.interval)}
    if probe.lane is not None:
        written["lane"] = probe.lane
    if probe.counted is None:
        return written | {"silence": float(probe.silent_s)}
    timeout, failures = probe.counted
    return written | {"timeout": float(timeout), "failures": failures}


def read_settings(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings of the group that the environment names. Raises ProbeMisconfiguredError."""
    try:
        groups = json.loads((folder / SETTINGS_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise ProbeMisconfiguredError(f"{SETTINGS_FILE} cannot be read: {error}") from error
    name = environ.get(GROUP, "")
    if name not in groups:
        raise ProbeMisconfiguredError(f"{GROUP}: got {name!r}; allowed: {', '.join(sorted(groups))}")
    try:
        read = groups[name]
        targets, interval = tuple(str(target) for target in read["targets"]), float(read["interval"])
        lane = None if read.get("lane") is None else str(read["lane"])
        if "silence" in read:
            return Settings(name, targets, interval, float(read["silence"]), lane=lane)
        return Settings(name, targets, interval, None, float(read["timeout"]), int(read["failures"]), lane)
    except (KeyError, TypeError, ValueError) as error:
        raise ProbeMisconfiguredError(f"{SETTINGS_FILE}: {name}: {error!r}") from error


@dataclass(frozen=True)
class ProbeHandler:
    """The handler of the probe function. `ticks`: a monotonic clock; `wall`: seconds since the epoch, for reports only.

    Wall clocks step: a time that is compared with one of another machine is made from it at the last moment.
    """

    settings: Settings
    checks: Callable[[tuple[str, ...]], CheckRunner] = AllChecks
    ticks: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    times: deque[float] = field(default_factory=lambda: deque(maxlen=USUAL))
    fates: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    lane: Callable[[str, float, float], LaneLooks] = LaneLooks

    def __call__(self, event: bytes | str, context: object) -> dict[str, Any]:
        """Answer one invocation. Raises EgressLostError when egress is lost, ProbeBrokenError when it cannot look."""
        try:
            asked = json.loads(event)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return {"ignored": "the event is not a JSON object"}
        if asked.get("action") == "look":
            return self.check_once()
        if asked.get("action") == "watch" or "triggerName" in asked or "triggerTime" in asked:
            at_most = _allowed(context) - LEAST_REST_S
            return self.watch(max(0.0, min(WATCH_S, at_most, self._left(asked))), at_most)
        return {"ignored": 'neither a timer event nor {"action": "look"}'}

    def check_once(self) -> dict[str, Any]:
        """Check until something answers, or until that much is lost."""
        with self._watching(self.settings.rule_of_one_check) as watching:
            for event in watching.events():
                match event:
                    case Heard(kind=OutcomeKind.ANSWERED, told=told):
                        ip = told or self._address(watching.checks, event.check)
                        return {"ok": True, "ip": ip or None, "reason": ""}
                    case Lost(last=last):
                        self.fates.clear()
                        return {"ok": False, "ip": None, "reason": watching.checks.reason(last)}
                    case Broken(reason=reason) | Heard(kind=OutcomeKind.BROKEN, told=reason):
                        raise self._broken(reason)
        raise AssertionError("a look without an end ends with what it heard")

    def _address(self, checks: CheckRunner, check: int) -> str:
        """Wait a moment for the address that another target may tell, once one has answered; empty for none."""
        end = self.ticks() + ADDRESS_GRACE_S
        while tells_address(checks.waiting(check)) and (left := end - self.ticks()) > 0:
            heard = checks.wait(left)
            if heard is not None and heard.kind is OutcomeKind.ANSWERED and heard.told:
                return heard.told
        return ""

    def watch(self, seconds: float, at_most: float) -> dict[str, Any]:
        """Check every `interval` for `seconds`; raise EgressLostError once the internet is lost.

        A loss that may have begun is looked at to its end, unless that takes more than `at_most` seconds: the next
        watch would have to begin with it anew.
        """
        group, started, ip = self.settings.group, self.ticks(), None
        with self._watching(self.settings.rule) as watching, self._beside() as lane:
            watch = watching.watch
            watching.until, watching.at_most = started + seconds, started + at_most
            for event in watching.events():
                match event:
                    case Heard(kind=OutcomeKind.ANSWERED, told=told):
                        ip = told or ip
                    case Lost(since=since, last=last):
                        lasted, until = watching.ago(since), self.wall() + started + seconds - self.ticks()
                        report = {"natkeeper": "egress-lost", "group": group, "since": self.wall() - lasted,
                                  "lasted": round(lasted, 3), "failures": event.checks,
                                  "reason": watching.checks.reason(last), "until": until}  # fmt: skip
                        self.fates.clear()  # the route moves, and what is usual on the next way is not known
                        raise EgressLostError(json.dumps(report, ensure_ascii=False))
                    case Broken(reason=reason):
                        raise self._broken(reason)
                    case Heard(kind=OutcomeKind.BROKEN, told=reason) if watch.broken_checks == 1:
                        _log(f"the probe of {group} cannot look: {reason}")
            answer: dict[str, Any] = {"group": group, "looks": watch.asked, "ip": ip}
            answer["lost"] = watch.lost + len(watch.unanswered)
            figures = None if lane is None else lane.figures()
            if figures is not None:
                answer["lane"] = {**figures, "at": self.wall()}
            return answer

    @contextmanager
    def _beside(self) -> Iterator[LaneLooks | None]:
        """Look at the lane, where there is one, for as long as a watch lasts."""
        if self.settings.lane is None:
            yield None
            return
        looks = self.lane(self.settings.lane, self.settings.interval, self.settings.rule.answer_s)
        looks.start()
        try:
            yield looks
        finally:
            looks.close()

    @contextmanager
    def _watching(self, rule: LossRule) -> Iterator[Watching]:
        watching = Watching(PathWatch(rule, self.times, self.fates), self.checks(self.settings.targets), self.ticks)
        try:
            yield watching
        finally:
            watching.checks.close()

    def _left(self, asked: dict[str, Any]) -> float:
        """Return how long a watch that ended with its report would have gone on: what goes on for it ends with it."""
        until = asked.get("until")
        return until - self.wall() if isinstance(until, (int, float)) else WATCH_S

    def _broken(self, reason: str) -> ProbeBrokenError:
        told = {"natkeeper": "probe-broken", "group": self.settings.group, "reason": reason}
        return ProbeBrokenError(json.dumps(told, ensure_ascii=False))


def _allowed(context: object) -> float:
    """Return how long this invocation may take: the timeout in the function's metadata, where the context has it."""
    timeout = getattr(getattr(context, "function", None), "timeout", None)
    return float(timeout) if isinstance(timeout, (int, float)) and timeout > 0 else WATCH_S + LEAST_REST_S


def _log(message: str) -> None:
    print(json.dumps({"level": "warning", "message": message}, ensure_ascii=False), flush=True)  # noqa: T201  the log


@cache
def _deployed() -> ProbeHandler:
    """Build the probe of this bundle."""
    return ProbeHandler(read_settings(bundle_root(os.environ), os.environ))


def handler(event: bytes | str, context: object) -> dict[str, Any]:
    """Handle one invocation of the probe function; see ProbeHandler. Raises ProbeMisconfiguredError."""
    return _deployed()(event, context)
