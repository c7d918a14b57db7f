"""The playground itself: build it, say how to use it, show what happens, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from natlab.demo import wording
from natlab.demo.room import machine
from natlab.demo.timeline import row
from natlab.demo.waiting import Waiting
from natlab.demo.workers import remove
from natlab.play.breakage import KINDS, Breaker, CannotBreak
from natlab.play.control import PREFIX, VARIABLE, serve
from natlab.play.view import page
from natlab.scenarios.network import GROUP, configuration
from natlab.scenarios.play import REGION, Setting, stage
from natlab.scenarios.record import NO_PATTERN, TimelineEntry
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play

_SHOWN = ("fault", "step", "power", "event", "write", "route", "address", "receipt", "told", "connection")
_STYLES = {"fault": "bold red", "power": "red", "event": "magenta", "write": "bold blue", "route": "bold green",
           "address": "green", "receipt": "bold", "told": "bold", "step": "bold yellow"}  # fmt: skip
KEPT_ATTEMPTS = 5000
"""Connections of a private host that are remembered: four minutes."""
_TIDY_S = 5.0
_STOOD_STILL_S = 10.0
"""How late a wait ends on a machine that is not just busy but was asleep, or whose processes were stopped."""


class Playground:
    """One playground for the network and the settings of a scenario; its script is not played."""

    def __init__(self, scenario: Scenario, console: Console, pace: float = 1.0) -> None:
        self.scenario, self.console, self.pace = scenario, console, pace
        self._names: dict[str, str] = {}
        self._live = False
        self._said = ""

    def run(self, over: threading.Event) -> None:
        """Serve it until `over` is set. Raises what building a scenario raises."""
        sweep_leftovers()
        directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        try:
            with Waiting(self.console, "set-up", 5) as waiting:

                def phase(what: str) -> None:
                    waiting.say(what)
                    waiting.advance()

                unpacked = directory / "code"
                unpacked.mkdir()
                patience = machine().patience
                setting = Setting(
                    pace=self.pace, patience=patience, unpacked=unpacked, hear=self._hear, phase=phase, named=self._name
                )
                staged = stage(self.scenario, setting)
                play = staged.__enter__()
            try:
                self._serve(play, directory, over)
            finally:
                staged.__exit__(None, None, None)
        finally:
            remove(directory)

    def _serve(self, play: Play, directory: Path, over: threading.Event) -> None:
        bench = Breaker(play, self.scenario.topology.gateways)
        data = configuration(play.world, REGION, self.scenario.policy)
        (directory / "natkeeper.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        exports = {
            "NATKEEPER_ENDPOINT": play.cloud.endpoint,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": play.account.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": play.account.access_key_secret,
            "NATKEEPER_CONFIG": str(directory / "natkeeper.yaml"),
            VARIABLE: str(directory),
        }
        with page(exports) as url, serve(directory, lambda request: self._answer(bench, request)):
            self._welcome(exports, url)
            self._live = True
            play.traffic.start()
            try:
                for stood_still in standstills(over):
                    for attempts in play.traffic.attempts.values():
                        del attempts[:-KEPT_ATTEMPTS]
                    if stood_still:
                        what = f"stood still for {stood_still:.0f} s; what is late now is late because of that"
                        self._line(time.time(), "this machine", what, "bold red")
            finally:  # a signal may end it, too: what is taken down must not be told as a failure
                self._live = False
                self.console.print("\nEnding: what it kept is removed, which takes some seconds.", style="dim")
                play.traffic.stop()

    def _welcome(self, exports: Mapping[str, str], url: str) -> None:
        say = self.console.print
        say("\nThe playground is up: a local cloud with natkeeper deployed.", highlight=False)
        if url:
            say(f"In a browser: {url}", highlight=False, soft_wrap=True)
        say("In another terminal:\n", highlight=False)
        for name, value in exports.items():
            say(f"export {name}={value}", markup=False, highlight=False, soft_wrap=True)
        scripts = Path(sys.executable).parent
        if which("natkeeper") is None:  # it runs from an environment that is not active: nor will it be over there
            say(f"export PATH={scripts}:$PATH", markup=False, highlight=False, soft_wrap=True)
        first, *others = self.scenario.topology.gateways
        say(
            f"\nthen:  natkeeper status\n       natkeeper switch {GROUP}\n"
            f"       natlab break stop {others[0] if others else first}\n       natlab list\n       natlab heal\n",
            markup=False,
            highlight=False,
        )
        say("Below is what happens, as it happens. Ctrl-C ends everything.\n", style="dim")

    def _answer(self, bench: Breaker, request: Mapping[str, Any]) -> dict[str, Any]:
        action, kind, name = (str(request.get(key) or "") for key in ("action", "kind", "name"))
        try:
            if action == "break":
                said = bench.break_(kind, name)
                self._line(time.time(), "you", said, "bold red")
                return {"said": [said]}
            if action == "heal":
                done = bench.heal(name)
                for each in done:
                    self._line(time.time(), "you", each, "bold yellow")
                return {"said": done}
        except CannotBreak as refused:
            return {"error": str(refused)}
        ecs = bench.play.cloud.ecs
        gateways = {
            gateway: f"{bench.play.id(gateway)}  {ecs.status_of(bench.play.id(gateway))}" for gateway in bench.gateways
        }
        return {
            "gateways": gateways,
            "routes": {table: bench.play.hop(table) or "changing" for table in bench.play.world.vswitches},
            "broken": [f"{kind} {which}".rstrip() for kind, which in bench.broken],
            "kinds": {kind: each.says for kind, each in KINDS.items()},
        }

    # ---- the timeline ------------------------------------------------------------------------------------

    def _name(self, names: Mapping[str, str]) -> None:
        self._names.update(names)

    def _hear(self, moment: TimelineEntry) -> None:
        quiet = moment.kind not in _SHOWN or (moment.kind == "event" and NO_PATTERN in moment.what)
        if not self._live or quiet or (moment.kind == "receipt" and moment.what == self._said):
            return
        if moment.kind == "receipt":
            self._said = moment.what
        style = _STYLES.get(moment.kind, "green" if "works" in moment.what else "red")
        self._line(moment.at, moment.who or "the world", moment.what, style)

    def _line(self, at: float, who: str, what: str, style: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(at))
        said = wording.named(what, self._names)
        row(self.console, (clock, 8), who, Text(said), style)


def standstills(over: threading.Event, clock: Callable[[], float] = time.time) -> Iterator[float]:
    """Yield every few seconds until `over`: for how long the machine stood still meanwhile, in seconds, mostly 0.

    A clock that goes on while a machine sleeps tells: setups and checks that were under way then come late, and
    natkeeper, which cannot know why, calls gateways unproven for a minute.
    """
    before = clock()
    while not over.wait(_TIDY_S):
        now = clock()
        late = now - before - _TIDY_S
        yield late if late >= _STOOD_STILL_S else 0.0
        before = now


def sweep_leftovers() -> None:
    """Remove what playgrounds left that were killed; those of others that run are never touched."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = directory.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            remove(directory)
