"""In which order a changed setup reaches gateways: never all of them at once, because it may be wrong.

A standby is changed first, the gateway that carries a route only after a standby's good and proven report of the very
same setup. A new version of the script reaches one group first, the others after a good and proven report of it. What
cannot be proven waits only so long: after two `setup.every` it goes on, and people are told.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.evidence import carrying

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group
    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.world import World
    from natkeeper.guest.report import SetupReport
    from natkeeper.ports import SetupRun

PATIENCE = 2
"""For how many `setup.every` a changed setup waits for a proof."""


def held_back(
    due: tuple[InstanceId, ...],
    policy: Group,
    world: World,
    latest: dict[InstanceId, SetupRun],
    wanted: tuple[str, str],
    others: frozenset[InstanceId],
    now: datetime,
    *,
    script_proven: bool,
) -> dict[InstanceId, str]:
    """Return the gateways of `due` that wait for a proof elsewhere, each with the reason.

    `wanted` is the fingerprint of the parameters and the hash of the script; `others` are running gateways of the
    group; `script_proven` says that this script was proven, or that this group is the one to try it.
    """
    held = {}
    active = {hop.id for hop in carrying(world, policy)}
    for gateway in due:
        report = _report(latest.get(gateway))
        if report is None or (report.fingerprint, report.script) == wanted or waited(latest[gateway], policy, now):
            continue
        if report.script != wanted[1] and not script_proven:
            held[gateway] = f"the new setup of {gateway} waits until another group has proven it"
        elif gateway in active and others - active and not _proven_elsewhere(gateway, latest, wanted):
            held[gateway] = f"the changed setup of {gateway}, which carries a route, waits for a standby's proof"
    return held


def waited(run: SetupRun, policy: Group, now: datetime) -> bool:
    """Return True if a changed setup has waited long enough since the gateway's last one."""
    return now - run.started >= timedelta(seconds=PATIENCE * policy.setup.every)


def goes_on_unproven(
    due: tuple[InstanceId, ...],
    policy: Group,
    world: World,
    latest: dict[InstanceId, SetupRun],
    wanted: tuple[str, str],
    now: datetime,
) -> dict[InstanceId, str]:
    """Say which gateways that carry a route are changed although no standby proved the change in time."""
    active = {hop.id for hop in carrying(world, policy)}
    return {
        gateway: f"the changed setup of {gateway} goes on unproven: no standby proved it within "
        f"{PATIENCE * policy.setup.every / 60:g} min"
        for gateway in due
        if gateway in active
        and (report := _report(latest.get(gateway))) is not None
        and (report.fingerprint, report.script) != wanted
        and waited(latest[gateway], policy, now)
        and not _proven_elsewhere(gateway, latest, wanted)
    }


def proven_scripts(runs: tuple[SetupRun, ...]) -> frozenset[str]:
    """Return the hashes of the scripts of which there is a good and proven report."""
    reports = (_report(run) for run in runs)
    return frozenset(report.script for report in reports if report is not None and _good(report))


def _proven_elsewhere(gateway: InstanceId, latest: dict[InstanceId, SetupRun], wanted: tuple[str, str]) -> bool:
    reports = (_report(run) for other, run in latest.items() if other != gateway)
    return any(r is not None and _good(r) and (r.fingerprint, r.script) == wanted for r in reports)


def _good(report: SetupReport) -> bool:
    return report.ready and report.facts.forwarding == "proven"


def _report(run: SetupRun | None) -> SetupReport | None:
    from natkeeper.guest.report import SetupReport

    return run.report if run is not None and isinstance(run.report, SetupReport) else None
