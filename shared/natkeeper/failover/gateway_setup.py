"""Keep gateways configured: start the setup script where it is due, and read what earlier runs of it said.

Setup takes a minute, a run of natkeeper takes seconds; so a run only starts setups, and a later sweep looks at what
became of them. What is due follows from the platform's own record of past runs: nothing of it is stored elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.config import Follow, Group
from natkeeper.domain.observed import Instance, PowerState, Unseen
from natkeeper.domain.world import RouteView
from natkeeper.failover import rollout
from natkeeper.ports import Clock, Failure, Run, SetupRun, StartSetup, ask
from natkeeper.receipt import Act

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.health import Sight
    from natkeeper.domain.ids import InstanceId
    from natkeeper.domain.world import World
    from natkeeper.guest.parameters import SetupParameters

JITTER = timedelta(seconds=5)
"""Sweeps come about once a minute: what would be due within seconds is due now."""
AGAIN = timedelta(minutes=2)
"""How soon a setup that failed, or could not be read, is tried again."""
ASKED_AGAIN = timedelta(seconds=30)
"""Within which the same request of a person, or the same event delivered twice, starts one setup."""
GIVEN_UP = timedelta(minutes=15)
"""How long a run may be under way before it no longer keeps another from starting."""
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""What a VPC's own addresses are where the configuration does not say (RFC 1918)."""
TOLD_FOR = timedelta(minutes=10)
"""How long after its start a setup run that repaired something is news; several sweeps see it meanwhile."""
_OWN_FILE = "settings_at_boot"
"""What a setup finds on a machine that has not been a gateway of this kind yet: natkeeper's own file is not there."""
_FEW = 3


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What was set up, what could not be, and what earlier setups turned out to have repaired.

    `started`: gateways whose setup has just been started.
    """

    did: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    problems: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    started: frozenset[InstanceId] = frozenset()


def set_up_gateways(
    policy: Group,
    world: World,
    runs: tuple[SetupRun, ...] | None,
    *,
    asked: frozenset[str],
    failed: frozenset[str],
    turn: bool = True,
    proven: frozenset[str] | None = None,
    clock: Clock,
) -> Run[SetupResult]:
    """Start setups that are due.

    `runs` is None when past runs were not read: then only those are due that a person `asked` for, and those of
    gateways that `failed` a check in this run (their repair; not where setup is off). The same holds when it is
    not this group's `turn`: hundreds of groups do not start what is due in one minute. `proven` are the scripts that
    some group has proven; None where this group is the one that tries a new script (rollout.py).
    """
    # A person's request counts even where setup is off; a failed check does not, since the owner wants no repair there.
    off = policy.setup.mode == "off"
    now_please = asked if off else asked | failed
    if off and not asked:
        return SetupResult()
    # The platform's record of past runs says what is due, so a killed run loses nothing (rule 8).
    parameters = setup_parameters(policy, world)
    # Only the last run of a gateway counts: what an earlier one found was repaired, or is found again.
    latest = _latest(runs or ()).values()
    problems = tuple(_problem(run) for run in latest if _problem(run))
    # A repair is news for some minutes only, because every sweep reads the same record again.
    fresh = [run for run in latest if clock() - run.started < TOLD_FOR]
    repaired = tuple(each for run in fresh for each in (_repair(run), *_news(run)) if each)
    # Cloud Assistant needs a running machine. Requests and repairs do not wait for the group's turn.
    due = tuple(
        gateway
        for gateway in policy.gateways
        if _running(world.gateways[gateway])
        and (
            gateway in now_please
            or (turn and not off and runs is not None and _due(gateway, policy, world, parameters, runs, clock()))
        )
    )
    # A change of the script or its parameters goes out gradually. A setup that someone asked for, or a repair, is not
    # held back: the gateway does not work anyway.
    known = _latest(tuple(run for run in runs or () if run.report is not None))
    wanted = _wanted(parameters)
    running = frozenset(gateway for gateway in policy.gateways if _running(world.gateways[gateway]))
    changed = tuple(gateway for gateway in due if gateway not in now_please)
    held = rollout.held_back(
        changed, policy, world, known, wanted, running, clock(), script_proven=proven is None or wanted[1] in proven
    )
    due = tuple(gateway for gateway in due if gateway not in held)
    bold = rollout.goes_on_unproven(changed, policy, world, known, wanted, clock())
    problems += tuple(held.values())
    problems += tuple(
        _skipped(gateway, world) for gateway in policy.gateways if gateway in asked and gateway not in due
    )
    if not due:
        return SetupResult(problems=problems, repaired=repaired)
    # The token has the time in it, rounded: a retry within the bucket is the same request, a later one a new setup.
    setup = policy.setup
    bucket = ASKED_AGAIN if asked else AGAIN
    token = _token(policy, due, parameters, int(clock().timestamp() // bucket.total_seconds()))
    started = yield from ask(StartSetup(setup.via, setup.template, setup.role, due, parameters, token))
    if isinstance(started, Failure):
        return SetupResult(problems=(*problems, f"setup could not be started: {started}"), repaired=repaired)
    # A setup that was merely due is routine and no act to report, unless it goes on without a proof.
    if not now_please:
        acts = tuple(Act("setup", gateway, why=why) for gateway, why in bold.items())
        return SetupResult(tuple(bold.values()), acts, problems, repaired, frozenset(due))
    names = ", ".join(due)
    did, acts = (f"started the setup of {names}",), (Act("setup", names),)
    return SetupResult(did, acts, problems, repaired, frozenset(due))


def _wanted(parameters: SetupParameters) -> tuple[str, str]:
    """Return what a gateway's report names when it is about this very setup: its fingerprint and the script's hash."""
    from natkeeper.guest.script import fingerprint, script_hash

    return fingerprint(parameters), script_hash()


def _token(policy: Group, due: tuple[str, ...], parameters: SetupParameters, when: int) -> str:
    """Make a repeated start the same request, and one for other gateways or parameters another."""
    from natkeeper.guest.script import parameter_block

    what = f"{policy.name} {policy.setup} {due} {parameter_block(parameters)} {when}"
    return f"natkeeper-{hashlib.sha256(what.encode()).hexdigest()[:40]}"


def setup_parameters(policy: Group, world: World | None = None) -> SetupParameters:
    """Say what a gateway of the group is to be, in the words of the setup script.

    `world` knows the gateways' addresses. Without it the script finds its own, and private hosts do not reach
    forwarded ports by the public ones.
    """
    from natkeeper.guest.parameters import (
        AddressMode,
        ForeignRules,
        Mode,
        PortForward,
        SetupParameters,
    )

    forwards = []
    for forward in policy.forwards:
        host, _, port = forward.to.partition(":")
        there = int(port) if port.isdigit() else port or forward.port
        forwards += [
            PortForward(protocol, forward.port, host, there, forward.from_, forward.address or "", forward.hide_source)
            for protocol in forward.protocols
        ]
    instances = [sight.instance for sight in world.gateways.values()] if world else []
    known = [instance for instance in instances if isinstance(instance, Instance)]
    follows = isinstance(policy.address, Follow)
    return SetupParameters(
        mode=Mode.CHECK if policy.setup.mode == "check" else Mode.APPLY,
        sources=policy.sources or PRIVATE,
        networks=policy.networks,
        address=AddressMode.FOLLOW if follows else AddressMode.OWN,
        port_forwards=tuple(forwards),
        targets=tuple(t if "://" in t else f"tcp://{t}" for t in policy.probe.targets),
        egress_required=not follows,
        foreign=ForeignRules(policy.setup.foreign_rules),
        relay=policy.relay is not None,
        way_in=policy.way_in,
        proxy=policy.proxy,
        services=policy.setup.services,
        established_s=int(policy.setup.idle),
        clamp_mss=policy.setup.clamp_mss,
        primary=tuple(sorted({one.private_ip for one in known if one.private_ip})),
        public=tuple(sorted({one.public_ip for one in known if one.public_ip and policy.forwards})),
    )


def _due(
    gateway: InstanceId,
    policy: Group,
    world: World,
    parameters: SetupParameters,
    runs: tuple[SetupRun, ...],
    now: datetime,
) -> bool:
    """Return True if the last setup run is too old, failed, had other parameters, or was before the gateway's fault."""
    from natkeeper.guest.report import SetupReport

    last = _latest(runs).get(gateway)
    if last is None:
        return True
    age = now - last.started
    # Still under way. A run that never reports must not block its gateway for good.
    if last.report is None:
        return age >= GIVEN_UP
    # What failed may have failed for a reason that has passed, so try soon, but not in every sweep.
    if not isinstance(last.report, SetupReport) or not last.report.ready:
        return age >= AGAIN
    # It configured something else than is wanted now: another configuration, or another version of the script.
    if (last.report.fingerprint, last.report.script) != _wanted(parameters):
        return True
    # The gateway failed after its last setup, so that setup proves nothing about it now.
    if age >= AGAIN and any(mark > last.started for mark in _marks(gateway, world)):
        return True
    return age >= timedelta(seconds=policy.setup.every) - JITTER


def _marks(gateway: InstanceId, world: World) -> Iterator[datetime]:
    """List when routes remember that `gateway` was seen not to work."""
    for view in world.routes.values():
        if isinstance(view, RouteView) and gateway in view.remembered.marks:
            yield view.remembered.marks[gateway]


def _latest(runs: tuple[SetupRun, ...]) -> dict[InstanceId, SetupRun]:
    latest: dict[InstanceId, SetupRun] = {}
    for run in runs:
        if run.gateway not in latest or run.started > latest[run.gateway].started:
            latest[run.gateway] = run
    return latest


def _problem(run: SetupRun) -> str:
    """Say what is wrong with the gateway by its last report, or nothing."""
    from natkeeper.guest.report import UnreadableReport

    match run.report:
        case None:
            return ""
        case UnreadableReport(reason=reason):
            return f"the setup of {run.gateway} produced no report: {reason}"
        case report:
            return "" if report.ready else f"{run.gateway} is not ready: {report.sentence}"


def _repair(run: SetupRun) -> str:
    """Say what a setup found on a gateway and put right, or nothing: a first setup does not count as a repair."""
    from natkeeper.guest.report import SetupReport

    report = run.report
    if not isinstance(report, SetupReport) or not (report.ready and report.found and report.changed):
        return ""
    if any(problem.code == _OWN_FILE for problem in report.found):
        return ""
    found = [problem.message for problem in report.found[:_FEW]]
    more = len(report.found) - len(found)
    what = "; ".join(found) + f"; and {more} more" * (more > 0)
    return f"{run.gateway} had drifted and was repaired by the setup of {run.started:%H:%M:%S} UTC: {what}"


def _news(run: SetupRun) -> tuple[str, ...]:
    """Say what a setup did for the gateway's owner, which no later one repeats."""
    from natkeeper.failover.proof import NEWS
    from natkeeper.guest.report import SetupReport

    notes = run.report.notes if isinstance(run.report, SetupReport) else ()
    return tuple(f"{run.gateway}: {note.message}" for note in notes if note.code in NEWS)


def _skipped(gateway: InstanceId, world: World) -> str:
    """Say why a gateway that a person asked for is not set up: Cloud Assistant needs a running machine."""
    instance = world.gateways[gateway].instance
    if isinstance(instance, Instance):
        begins = instance.status in (PowerState.STARTING, PowerState.PENDING)
        todo = "it is set up when it runs" if begins else "start it, and it is set up when it runs"
        return f"{gateway} was not set up: it is {instance.status.value}; {todo}"
    reason = instance.reason if isinstance(instance, Unseen) else "it does not exist"
    return f"{gateway} was not set up: {reason}"


def _running(sight: Sight) -> bool:
    return isinstance(sight.instance, Instance) and sight.instance.status is PowerState.RUNNING
