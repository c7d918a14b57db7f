"""What changes around natkeeper while it runs: its configuration, its clock, what its witness and the APIs answer."""

from __future__ import annotations

import copy
from typing import Any

from natkeeper.domain.config import Config, parse_config
from tests.fakes.stage import NOTIFY
from tests.simulation.refusing import RefusingActs
from tests.simulation.region import TRICKLING

NEWER = "i-newer"
"""The instance that replaces a gateway."""


def configured(groups: dict[str, dict[str, Any]]) -> Config:
    """Read a configuration as natkeeper reads it."""
    return parse_config({"region": "cn-hangzhou", "groups": groups, "notify": NOTIFY})


class DeployingActs(RefusingActs):
    """What each of these happenings does."""

    def _configuration_changes(self, group: str, how: str, gateway: str) -> None:
        """Deploy another order of gateways, another failback, or an instance in place of a gateway.

        What a group no longer has goes on running; it may be deleted later.
        """
        simulation = self.simulation
        groups = copy.deepcopy(simulation.groups)
        settings = groups[group]
        match how:
            case "order":
                settings["gateways"] = settings["gateways"][::-1]
            case "failback":
                settings |= {"failback": "5m", "hold_down": "1m"}
            case _:
                if NEWER in simulation.town.machines or gateway not in settings["gateways"]:
                    return
                follows = isinstance(settings.get("address"), dict)
                simulation.town.add_machine(NEWER, None if follows else "198.51.100.60")
                settings["gateways"] = [NEWER if each == gateway else each for each in settings["gateways"]]
                for route in settings["routes"]:
                    if route.get("prefer") == gateway:
                        route["prefer"] = NEWER
        simulation.groups = groups
        config = configured(groups)
        simulation.function.configure(config)
        simulation.rules.reconfigured(config)
        simulation.town.played["configuration"] += 1

    def _clock_steps(self, seconds: float) -> None:
        """natkeeper's wall clock is set; what it remembers was written by the one before."""
        self.simulation.town.skew_s += seconds
        self._forgetful(3600.0 + abs(seconds))

    def _answers_trickle(self, what: str, seconds: float) -> None:
        self.simulation.region.trickle(TRICKLING[what], seconds)

    def _probe_lies(self, seconds: float) -> None:
        """It says that the internet is there, whatever is."""
        simulation = self.simulation
        until = simulation.region.probe_lies_until = simulation.town.second + seconds
        for eye in simulation.eyes.values():
            eye.lies_until = until
            eye.look()
        simulation.town.after(seconds, self._probe_is_mended)
