"""What people hear of what is dark: rule 14, no group is dark for two minutes that was neither told nor moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from natkeeper.domain.ids import InstanceId
from natkeeper.ports import HandOver
from tests.simulation.town import DEFAULT

if TYPE_CHECKING:
    from natkeeper.domain.config import Group, Route

TOLD_WITHIN_S = 120.0
SWEEP_S = 60.0
AGAIN_S = 31 * 60.0
"""How long it counts that people were told of a dark group: they hear of it every half hour while it lasts."""


FLAPPING_S, SINGLE_S = 2 * 3600.0, 660.0
"""How long it counts that troubles come and go, and how long a single one may last then before it is told."""


class People:
    """Those whom the notifying function tells; what they should know is judged once a minute, after the sweep began."""

    def __init__(self, rules: Any) -> None:
        self.rules, self.town, self.region = rules, rules.town, rules.region
        self.heard: dict[str, float] = {}
        self.knows_dark: dict[str, float] = {}
        """When people were last told of a dark group that is dark, whose end nobody told them."""
        self.flapping: dict[str, float] = {}
        """When people were last told that a group's troubles come and go."""
        self.dark: dict[str, float] = {}
        """Since when, or since the last disturbance."""
        self.began: dict[str, float] = {}
        """Since when at the earliest, no matter who disturbed."""

    def hear(self, payload: bytes) -> None:
        """Take notice of receipts."""
        for receipt in json.loads(payload).get("tell", ()):
            self.heard[receipt["group"]] = self.town.second
            self.town.played["told"] += 1
            for episode in receipt.get("episodes", ()):
                if episode["kind"] == "flapping":
                    self.flapping[receipt["group"]] = -1e9 if "ended" in episode else self.town.second
                if episode["kind"] == "dark":
                    self.knows_dark.pop(receipt["group"], None)
                    if "ended" not in episode:
                        self.knows_dark[receipt["group"]] = self.town.second

    def disturbed(self) -> None:
        """What is owed is owed from now on."""
        self.dark.clear()

    def tick(self) -> None:
        """See who is in the dark, and whether people know."""
        tables = [route.table for group in self.rules.config.groups for route in group.routes]
        lost = [table for table in tables if self.town.egress(table) is None]
        self.began = {table: self.began.get(table, self.town.second - SWEEP_S) for table in lost}
        noise = self.rules.story.noise
        if noise.fails or noise.slow or self.region.troubled_lately or self.region.trickles(HandOver):
            self.disturbed()
            return
        for group in self.rules.config.groups:
            for route in group.routes:
                self._judge(group, route)

    def _judge(self, group: Group, route: Route) -> None:
        if self.town.egress(route.table) is not None or not self._shows(group, route):
            self.dark.pop(route.table, None)
            return
        since = self.dark.setdefault(route.table, self.town.second)
        lasts = self.town.second - since
        if self.town.second - self.knows_dark.get(group.name, -1e9) < AGAIN_S:
            return  # a broken probe had it dark before it was: that it truly is now cannot be seen, nor is it news
        if lasts < SINGLE_S and self.town.second - self.flapping.get(group.name, -1e9) < FLAPPING_S:
            return
        if lasts >= TOLD_WITHIN_S and self.heard.get(group.name, -1.0) < self.began[route.table]:
            self.rules.violate("silence", f"{route.table} is dark for {lasts:.0f} s, and nobody was told")

    def _shows(self, group: Group, route: Route) -> bool:
        """Return True if natkeeper can know that the route leads nowhere: ECS shows it, or a probe that works."""
        if self.rules.truth.foreign(group, route) and not group.checked_by_probe(route):
            return self.town.entry(route.table, DEFAULT) is None
        if not self.region.reads(route.table):
            return False
        hop = self.town.hop_of(route.table)
        if self.rules.truth.paused(group) and not group.checked_by_probe(route):
            return (
                False  # without a probe nobody sees that an earlier outage is over, and a paused group tells no second
            )
        if hop is None:
            return True
        if any(self.town.holes.get(gateway, -1.0) > self.town.second for gateway in group.gateways):
            return False
        shown = InstanceId(hop.id) in self.rules.truth.hop_of and self.rules.truth.shown(hop, group)
        if shown and not self.rules.truth.only_announced(hop, group) and not self.rules.truth.only_reclaimed(hop):
            return True
        return group.checked_by_probe(route) and self.town.second >= self.region.probe_lies_until
