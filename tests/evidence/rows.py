"""The rows of test_no_empty_word.py: groups, ways of looking, kinds of setup, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from natkeeper.domain.observed import EipStatus, EntryStatus
from natkeeper.ports import (
    AssociateEip,
    CreateRoute,
    FailureKind,
    PointRoute,
    ReadConditions,
    ReadInstances,
    StartSetup,
)
from tests.fakes.stage import EIP, FALLBACK, TABLE, TABLE_2, A, B, C, Stage, group, hop, person

Settings = dict[str, Any]
SECOND = "natkeeper-probe-2"
EVERY = timedelta(minutes=5)
AT_ONCE, BY_ITS_SETUP = timedelta(minutes=2), EVERY + timedelta(minutes=1, seconds=35)
"""Within which time it is told or moved: what a probe, ECS or nobody but the next setup (and its half minute) shows."""

GROUPS: dict[str, Settings] = {
    "two tables": {"gateways": [A, B, C], "routes": [{"table": TABLE}, {"table": TABLE_2, "prefer": B}]},
    "follow": {"gateways": [A, B], "address": {"follow": EIP}},
    "fallback": {"gateways": [A, B], "fallback": FALLBACK},
    "three": {"gateways": [A, B, C], "routes": [{"table": TABLE}, {"table": TABLE_2}]},
}
PER_TABLE, ONE, THROTTLED, DEAD, NONE = "a probe per table", "one probe", "throttled", "dead", "no probe"
SIGHTS = (PER_TABLE, ONE, THROTTLED, DEAD, NONE)
APPLY, CHECK, UNPROVABLE, OFF = "apply", "check", "unprovable", "off"
SETUPS = (APPLY, CHECK, UNPROVABLE, OFF)


def _hangs(stage: Stage) -> None:
    stage.machine(A).hung = True


def _loses_its_rules(stage: Stage) -> None:
    stage.machine(A).rules = False


def _is_claimed(stage: Stage) -> None:
    stage.machine(A).claimed = True


def _loses_upstream(stage: Stage) -> None:
    stage.machine(A).upstream = False


def _the_second_hangs(stage: Stage) -> None:
    stage.machine(B).hung = True


def _all_lose_upstream(stage: Stage) -> None:
    for each in stage.world.machines.values():
        each.upstream = False


def _stops_before_a_standby_without_rules(stage: Stage) -> None:
    stage.machine(B).rules = False
    stage.world.stop(A)


def _stops_before_a_claimed_standby(stage: Stage) -> None:
    stage.machine(B).claimed = True
    stage.world.stop(A)


def _hangs_before_a_hanging_standby(stage: Stage) -> None:
    stage.machine(A).hung = stage.machine(B).hung = True


def _is_paused_and_hangs(stage: Stage) -> None:
    stage.send(person("pause", **{"for": "2h", "why": "trying things"}))
    stage.machine(A).hung = True


def _is_switched_to_a_standby_without_rules(stage: Stage) -> None:
    stage.machine(B).rules = False
    stage.send(person("switch", to=B))


def _loses_the_internet(stage: Stage) -> None:
    stage.world.internet = False


def _stays_modifying_and_hangs(stage: Stage) -> None:
    for entries in stage.world.tables.values():
        entries[0].status = EntryStatus.MODIFYING
    stage.machine(A).hung = True


def _stays_modifying_and_stops(stage: Stage) -> None:
    for entries in stage.world.tables.values():
        entries[0].status = EntryStatus.MODIFYING
    stage.world.stop(A)


def _loses_its_eip_and_gets_none_back(stage: Stage) -> None:
    stage.cloud.answer(AssociateEip, "InvalidStatus.NotAllow")
    stage.world.unassociate(stage.address())


def _keeps_an_eip_that_is_on_its_way_for_good(stage: Stage) -> None:
    stage.address().status = EipStatus.ASSOCIATING


def _is_left_for_a_fallback_that_is_gone(stage: Stage) -> None:
    stage.world.nat.clear()
    stage.world.stop(A)
    stage.world.stop(B)


def _is_replaced_by_a_strangers_machine_without_rules(stage: Stage) -> None:
    stage.world.add_machine("i-stranger", "198.51.100.99", rules=False)
    for table in stage.world.tables:
        stage.world.repoint(table, hop("i-stranger"))


def _has_its_entries_deleted_for_good(stage: Stage) -> None:
    stage.cloud.answer(CreateRoute, "Forbidden.RAM", status=403)
    for table in list(stage.world.tables):
        stage.world.remove_route(table)


def _hangs_unseen_by_ecs(stage: Stage) -> None:
    stage.cloud.fail((ReadInstances, ReadConditions), FailureKind.UNREACHABLE)
    stage.machine(A).hung = True


def _hangs_and_moves_are_denied(stage: Stage) -> None:
    stage.cloud.answer(PointRoute, "Forbidden.RAM", status=403)
    stage.machine(A).hung = True


def _hangs_and_setups_are_denied(stage: Stage) -> None:
    stage.cloud.answer(StartSetup, "Forbidden.RAM", status=403)
    stage.machine(A).hung = True


def _loses_its_rules_and_a_standby_hangs_later(stage: Stage) -> None:
    stage.machine(A).rules = False
    stage.world.after(400, lambda: setattr(stage.machine(B), "hung", True))


def _is_well(_stage: Stage) -> None:
    """Nothing happens."""


TROUBLES: tuple[Callable[[Stage], None], ...] = (
    _hangs,
    _loses_its_rules,
    _is_claimed,
    _loses_upstream,
    _the_second_hangs,
    _all_lose_upstream,
    _stops_before_a_standby_without_rules,
    _stops_before_a_claimed_standby,
    _hangs_before_a_hanging_standby,
    _is_paused_and_hangs,
    _is_switched_to_a_standby_without_rules,
    _loses_the_internet,
    _stays_modifying_and_hangs,
    _stays_modifying_and_stops,
    _loses_its_eip_and_gets_none_back,
    _keeps_an_eip_that_is_on_its_way_for_good,
    _is_left_for_a_fallback_that_is_gone,
    _is_replaced_by_a_strangers_machine_without_rules,
    _has_its_entries_deleted_for_good,
    _hangs_unseen_by_ecs,
    _hangs_and_moves_are_denied,
    _hangs_and_setups_are_denied,
    _loses_its_rules_and_a_standby_hangs_later,
    _is_well,
)

ONLY: dict[Callable[[Stage], None], tuple[str, ...]] = {
    _loses_its_eip_and_gets_none_back: ("follow",),
    _keeps_an_eip_that_is_on_its_way_for_good: ("follow",),
    _is_left_for_a_fallback_that_is_gone: ("fallback",),
}
"""Groups that a trouble is about, where it is not about all."""
BY_THE_PLATFORM = (
    _stays_modifying_and_stops,
    _loses_its_eip_and_gets_none_back,
    _keeps_an_eip_that_is_on_its_way_for_good,
    _is_left_for_a_fallback_that_is_gone,
    _is_replaced_by_a_strangers_machine_without_rules,
    _has_its_entries_deleted_for_good,
    _hangs_unseen_by_ecs,
)
"""Troubles that ECS or the VPC shows, or that leave natkeeper blind: no probe is needed to tell of them."""


@dataclass(frozen=True)
class TroubledWorld:
    """One world; `trouble` happens after some well minutes."""

    group: str
    sight: str
    setup: str
    trouble: Callable[[Stage], None]

    def __str__(self) -> str:
        return f"{self.group}, {self.sight}, {self.setup}: {self.trouble.__name__.strip('_').replace('_', ' ')}"

    def stage(self) -> Stage:
        """Build it."""
        settings = {**GROUPS[self.group], "setup": {"mode": {UNPROVABLE: APPLY}.get(self.setup, self.setup)}}
        if self.setup != OFF:
            settings["setup"]["every"] = "5m"
        if self.sight == NONE:
            settings["probe"] = None
        elif self.sight != ONE and len(settings.get("routes", ())) > 1:
            first, second = settings["routes"]
            settings["routes"] = [first, {**second, "probe": SECOND}]
        stage = Stage({"prod": group(**settings)})
        stage.told.probes.reporting = self.sight != NONE
        if self.setup == UNPROVABLE:
            stage.cloud.unprovable = {A, B, C}
        return stage

    def bound(self, stage: Stage, table: str) -> timedelta | None:
        """Return how long people behind a table may be dark, untold and unmoved; None where nobody can see it."""
        watched = table in stage.cloud.probes.values()
        if self.sight == DEAD or watched or self.trouble in BY_THE_PLATFORM:
            return AT_ONCE
        return None if self.setup == OFF else BY_ITS_SETUP


def rows(trouble: Callable[[Stage], None]) -> Iterator[TroubledWorld]:
    """List every sight with every setup, each in one group after the other."""
    names, at = ONLY.get(trouble, tuple(GROUPS)), TROUBLES.index(trouble)
    for one, sight in enumerate(SIGHTS):
        for other, setup in enumerate(SETUPS):
            yield TroubledWorld(names[(at + one + other) % len(names)], sight, setup, trouble)
