"""The probe: sees what private hosts see, by looking at the internet through the guarded route.

A timer event, or `{"action": "watch"}`, makes it look for a minute, or `"until"` a time; after `failures` looks in a
row without an answer it raises, and Function Compute hands the failed invocation to the failover function
(asynchronous destination), so the report needs no network. `{"action": "look"}` makes it look once and answer
`{"ok", "ip", "reason"}`.

Packaging puts `probe.json` beside index.py, one entry for each group, times in seconds:
`{"prod": {"targets": ["http://…"], "interval": 1.0, "timeout": 0.8, "failures": 3}}`; the variable
NATKEEPER_GROUP names the group that this function guards.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natkeeper import bundle_root
from natkeeper.domain.egress import Egress, EgressSeen
from natkeeper.egress_check import look

if TYPE_CHECKING:
    from natkeeper.domain.config import Config

GROUP = "NATKEEPER_GROUP"
SETTINGS_FILE = "probe.json"
WATCH_S = 60.0
"""Until the next timer event comes: no pause for a loss to hide in. Two watches at once, for a moment, do no harm."""
LEAST_REST_S = 3.0
"""Of the function's own timeout, so that a watch ends by itself and a late report is not cut off."""


class EgressLostError(Exception):
    """The guarded route leads nowhere. Its message is one JSON object, which the failover function reads:

    `{"natkeeper": "egress-lost", "group", "since": seconds since the epoch, "failures", "reason",
    "until": when the watch would have ended}`.
    """


class ProbeMisconfiguredError(Exception):
    """probe.json or NATKEEPER_GROUP is missing or wrong; the message says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to look; `interval` and `timeout` in seconds."""

    group: str
    targets: tuple[str, ...]
    interval: float
    timeout: float
    failures: int


def settings_file(config: Config) -> bytes:
    """Write probe.json for `config`: what packaging puts beside index.py."""
    groups = {
        group.name: {
            "targets": list(group.probe.targets),
            "interval": float(group.probe.interval),
            "timeout": float(group.probe.timeout),
            "failures": group.probe.failures,
        }
        for group in config.groups
    }
    return (json.dumps(groups, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


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
        return Settings(
            name,
            tuple(str(target) for target in read["targets"]),
            float(read["interval"]),
            float(read["timeout"]),
            int(read["failures"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProbeMisconfiguredError(f"{SETTINGS_FILE}: {name}: {error!r}") from error


@dataclass(frozen=True)
class Probe:
    """The handler of the probe function. `clock` in seconds since the epoch, `sleeper` takes seconds."""

    settings: Settings
    clock: Callable[[], float] = time.time
    sleeper: Callable[[float], None] = time.sleep
    looker: Callable[..., Egress] = look

    def __call__(self, event: bytes | str, context: object) -> dict[str, Any]:
        """Answer one invocation; raises EgressLostError when a watch finds that egress is lost."""
        try:
            asked = json.loads(event)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return {"ignored": "the event is not a JSON object"}
        if asked.get("action") == "look":
            return self.look_once()
        if asked.get("action") == "watch" or "triggerName" in asked or "triggerTime" in asked:
            at_most = _allowed(context) - LEAST_REST_S
            return self.watch(max(0.0, min(WATCH_S, at_most, self._left(asked))), at_most)
        return {"ignored": 'neither a timer event nor {"action": "look"}'}

    def look_once(self) -> dict[str, Any]:
        """Look, and once more if nothing answered: a single lost packet says little."""
        seen = self._look()
        if not isinstance(seen, EgressSeen):
            seen = self._look()
        if isinstance(seen, EgressSeen):
            return {"ok": True, "ip": seen.public_ip, "reason": ""}
        return {"ok": False, "ip": None, "reason": seen.reason}

    def watch(self, seconds: float, at_most: float) -> dict[str, Any]:
        """Look every `interval` for `seconds`; raise EgressLostError after `failures` lost looks in a row.

        The interval counts from the beginning of a look. After a lost look the next begins when the time-out of
        that one is over: at once, where it was waited out; but an error that came at once is not asked again and
        again within the same hiccup. A loss that has begun is looked at to its end, unless that takes more than
        `at_most` seconds: the next watch would have to begin with it anew.
        """
        settings, started = self.settings, self.clock()
        looks = lost = in_a_row = 0
        since, ip = started, None
        while (began := self.clock()) - started < (at_most if in_a_row else seconds):
            seen = self._look()
            looks += 1
            if isinstance(seen, EgressSeen):
                in_a_row, ip, pace = 0, seen.public_ip or ip, settings.interval
            else:
                since = began if in_a_row == 0 else since
                lost, in_a_row, pace = lost + 1, in_a_row + 1, min(settings.timeout, settings.interval)
                if in_a_row >= settings.failures:
                    raise EgressLostError(_report(settings.group, since, in_a_row, seen.reason, started + seconds))
            rest = began + pace - self.clock()
            if rest > 0:
                self.sleeper(rest)
        return {"group": settings.group, "looks": looks, "lost": lost, "ip": ip}

    def _left(self, asked: dict[str, Any]) -> float:
        """Return how long a watch that ended with its report would have gone on: what goes on for it ends with it."""
        until = asked.get("until")
        return until - self.clock() if isinstance(until, (int, float)) else WATCH_S

    def _look(self) -> Egress:
        return self.looker(self.settings.targets, self.settings.timeout, self._now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), timezone.utc)


def _allowed(context: object) -> float:
    """Return how long this invocation may take: the timeout in the function's metadata, where the context has it."""
    timeout = getattr(getattr(context, "function", None), "timeout", None)
    return float(timeout) if isinstance(timeout, (int, float)) and timeout > 0 else WATCH_S + LEAST_REST_S


def _report(group: str, since: float, failures: int, reason: str, until: float) -> str:
    told = {"group": group, "since": since, "failures": failures, "reason": reason, "until": until}
    return json.dumps({"natkeeper": "egress-lost", **told}, ensure_ascii=False)


@cache
def _deployed() -> Probe:
    """Build the probe of this bundle."""
    return Probe(read_settings(bundle_root(os.environ), os.environ))


def handler(event: bytes | str, context: object) -> dict[str, Any]:
    """Handle one invocation of the probe function; see Probe. Raises ProbeMisconfiguredError."""
    return _deployed()(event, context)
