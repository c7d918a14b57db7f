"""Setups that are overdue: they leave a gateway without evidence, and are not evidence against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.egress import EgressSeen
from natkeeper.failover.gateway_setup import setup_parameters

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.world import World
    from natkeeper.ports import SetupRun

LATE = timedelta(seconds=55)
"""How long a repeated setup may take: some seconds are usual, and the next sweep is a minute away."""


def without_the_late(
    world: World, policy: Group, runs: tuple[SetupRun, ...], just_started: frozenset[InstanceId], now: datetime
) -> World:
    """Return the world without the proofs of gateways whose next setup should have reported by now, and did not.

    A setup that is changed may install something, and takes as long as that does: only one that repeats its
    predecessor is late. Nothing moves for it, because it is not evidence against the gateway. One that was
    due while the API did not answer and that was `just_started` has its time before it.
    """
    late = {
        gateway: why
        for gateway in policy.gateways
        if (why := _unheard(gateway, policy, world, runs, now, just_started=gateway in just_started))
    }
    if not late:
        return world
    gateways = {
        gateway: sight
        if gateway not in late
        else replace(sight, proof=None if isinstance(sight.proof, EgressSeen) else sight.proof, unheard=late[gateway])
        for gateway, sight in world.gateways.items()
    }
    return replace(world, gateways=gateways)


def _unheard(
    gateway: InstanceId, policy: Group, world: World, runs: tuple[SetupRun, ...], now: datetime, *, just_started: bool
) -> str | None:
    """Say why a gateway's setup says nothing although it should, or None where it said something, or has time left."""
    from natkeeper.guest.report import SetupReport, UnreadableReport
    from natkeeper.guest.script import fingerprint, script_hash

    mine = sorted((run for run in runs if run.gateway == gateway), key=lambda run: run.started)
    reports = [run for run in mine if isinstance(run.report, SetupReport)]
    if not reports:
        return None
    last, after = reports[-1], [run for run in mine if run.started > reports[-1].started]
    if after and isinstance(after[-1].report, UnreadableReport):
        started, reason = after[-1].started, after[-1].report.reason
        return f"the setup of {gateway} of {started:%H:%M:%S} UTC produced no report: {reason}"
    age, every = now - last.started, timedelta(seconds=policy.setup.every)
    late = now - after[0].started >= LATE if after else age >= every + timedelta(minutes=1) + LATE and not just_started
    if age < every or not late:
        return None
    report = last.report
    if not isinstance(report, SetupReport) or (report.fingerprint, report.script) != (
        fingerprint(setup_parameters(policy, world)),
        script_hash(),
    ):
        return None
    return f"the setup of {gateway} has not reported since {last.started:%H:%M:%S} UTC"
