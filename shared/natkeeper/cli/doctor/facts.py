"""Everything that the doctor looks at, read once. What could not be read is a Failure in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba import ecs, vpc
from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.vpc_tables import read_vpc_routes
from natkeeper.cli.errors import is_about_keys, trouble_of
from natkeeper.cli.survey import functions, network
from natkeeper.cli.survey.roles import Role, role
from natkeeper.cli.survey.template_file import incomplete
from natkeeper.domain.config import Follow
from natkeeper.domain.memory import NOTHING, encode
from natkeeper.domain.observed import Condition, Eip, HopKind, NextHop, RouteEntry, resolved
from natkeeper.domain.parts import around_zero, halves_of
from natkeeper.ports import Failure, FailureKind, FailureSubject, ReadSetups, SetupRun

if TYPE_CHECKING:
    from natkeeper.alibaba.clients import Attempt
    from natkeeper.cli.client import RegionClients
    from natkeeper.cli.policies import Grant
    from natkeeper.cli.survey.rules import EventRule
    from natkeeper.cli.survey.template_file import DeclaredFunction, Incomplete
    from natkeeper.domain.config import Config, Group, Route
    from natkeeper.domain.ids import EipId, InstanceId

SETUPS_BACK = timedelta(hours=24)
DRY_RUN_PASSED = "DryRunOperation"
"""What an API answers when a dry run would have succeeded."""
LINKED = {
    "AliyunServiceRoleForFC": ("fc", "the log of a function without a role of its own, such as notify, needs it"),
    "AliyunServiceRoleForEventBridgeSendToFC": ("sendevent-fc.eventbridge", "event rules cannot invoke functions"),
    "AliyunServiceRoleForEventBridgeSourceCMS": ("source-cms.eventbridge", "events of ECS do not arrive"),
    "AliyunServiceRoleForEventBridgeSourceActionTrail": (
        "source-actiontrail.eventbridge",
        "events of ActionTrail do not arrive; Serverless Devs never creates it where that for CloudMonitor exists",
    ),
}
"""Service-linked roles: for which service (less .aliyuncs.com), and what is lacking without it. Sources: FC and
EventBridge, "Service-linked role"; behaviour of component fc3."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the platform said of pointing a route at `target`, without doing it.

    Where it does not change such an entry in place: `half`, the first part of its destination that would carry the
    traffic meanwhile, and what it said of creating that.
    """

    target: NextHop
    told: Failure
    half: str = ""
    half_told: Failure | None = None


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is known of one group's network and gateways."""

    tables: Mapping[str, network.SurveyedTable | Failure | None]
    entries: Mapping[str, tuple[RouteEntry, ...] | Failure]
    vswitches: list[network.VSwitch] | Failure
    machines: Mapping[str, network.SurveyedInstance] | Failure
    conditions: Mapping[Any, Condition] | Failure
    cards: Mapping[str, list[network.Card] | Failure]
    rules: Mapping[str, list[network.InboundRule] | Failure]
    heartbeats: Mapping[str, bool] | Failure
    eip: Eip | Failure | None
    fallback: network.ManagedNat | Failure | None
    setups: tuple[SetupRun, ...] | Failure
    dry_runs: Mapping[Route, tuple[DryRun, ...]]
    """What the platform said of pointing a route at its standby and at the fallback, without doing it."""
    everywhere: tuple[RouteEntry, ...] | Failure = ()
    """The custom entries of every route table of the VPC."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the account."""

    config: Config
    grounds: Mapping[str, GroupFacts]
    failover: functions.Deployed | Failure | None
    probes: Mapping[str, functions.Deployed | Failure | None]
    notify: functions.Deployed | Failure | None
    templates: Mapping[str, str | Failure | None]
    roles: Mapping[str, Role | Failure | None]
    linked: Mapping[str, Role | Failure | None]
    rules: tuple[EventRule, ...] | Failure
    """Event rules that invoke the failover function."""
    zones: frozenset[str] | Failure
    """Zones in which functions can enter a VPC."""
    addresses: int | Failure
    """How many addresses the notify function has."""
    incomplete: tuple[Incomplete, ...]
    """Triggers that are not as s.yaml beside the configuration says."""
    has_template: bool
    answer: Mapping[str, Any] | str
    """What the deployed function said to a status, or why there is no answer."""
    fc2: bool = False
    """The functions are of FC 2.0: their settings are not looked at."""
    not_found: frozenset[str] = frozenset()
    """Groups of which not enough is found: not in `config`, and in the function's answer all the same."""


def ground(reach: RegionClients, group: Group) -> GroupFacts:
    """Read what there is of a group. Raises CommandError where ECS and VPC answer nobody, or not with these keys."""
    ids = list(group.gateways)
    tables: list[str] = list(dict.fromkeys(route.table for route in group.routes))
    known = {t: reach.try_(lambda a, t=t: network.table(a, t)) for t in tables}  # type: ignore[misc]
    machines = reach.try_(lambda a: {m.id: m for m in network.machines(a, ids=ids)})
    if isinstance(machines, Failure) and all(map(_useless, (machines, *known.values()))):
        raise trouble_of(machines, "reading the gateways")
    present = [] if isinstance(machines, Failure) else list(machines.values())
    security = dict.fromkeys(name for machine in present for name in machine.groups)
    where = next((t.vpc for t in known.values() if isinstance(t, network.SurveyedTable)), "")
    owners = network.owners(present)
    entries = {t: reach.try_(lambda a, t=t: _entries(network.entries(a, t), owners)) for t in tables}  # type: ignore[misc]
    fallback = group.fallback
    return GroupFacts(
        tables=known,
        entries=entries,
        everywhere=reach.try_(lambda a: _entries(read_vpc_routes(a, where), owners)) if where else (),
        vswitches=reach.try_(lambda a: network.vswitches(a, where)) if where else [],
        machines=machines,
        conditions=reach.try_(lambda a: ecs.read_conditions(a, ids)),
        cards={m.id: reach.try_(lambda a, m=m: network.cards(a, m.id)) for m in present},  # type: ignore[misc]
        rules={s: reach.try_(lambda a, s=s: network.inbound(a, s)) for s in security},  # type: ignore[misc]
        heartbeats=reach.try_(lambda a: network.heartbeats(a, ids)),
        eip=_eip(reach, group),
        fallback=None if fallback is None else reach.try_(_nat(fallback)),
        setups=_setups(reach, group),
        dry_runs={route: _dry_runs(reach, group, route, entries[route.table], present) for route in group.routes},
    )


def _useless(answer: object) -> bool:
    """Return True if another question would be answered no better."""
    return isinstance(answer, Failure) and (answer.kind is FailureKind.UNREACHABLE or is_about_keys(answer.code))


def _entries(found: Iterable[RouteEntry], owners: Mapping[str, InstanceId]) -> tuple[RouteEntry, ...]:
    """Let entries to interfaces of gateways lead to the gateways, as the function does."""
    return tuple(resolved(entry, owners) for entry in found)


def _eip(reach: RegionClients, group: Group) -> Eip | Failure | None:
    if not isinstance(group.address, Follow):
        return None
    wanted: EipId = group.address.follow
    found = reach.try_(lambda a: vpc.read_eips(a, (wanted,)))
    return found if isinstance(found, Failure) else found.get(wanted)


def _nat(wanted: str) -> Callable[[Attempt], network.ManagedNat | None]:
    def read(attempt: Attempt) -> network.ManagedNat | None:
        found = network.nat_gateways(attempt, gateway=wanted)
        return next((gateway for gateway in found if gateway.id == wanted), None)

    return read


def _setups(reach: RegionClients, group: Group) -> tuple[SetupRun, ...] | Failure:
    if group.setup.mode == "off":
        return ()
    cloud = AlibabaCloud(reach.region, reach.credentials, reach.endpoint, clock=reach.clock, sleeper=reach.sleeper)
    call = ReadSetups(group.setup.via, group.setup.template, reach.clock() - SETUPS_BACK, group.gateways)
    (answer,) = cloud.perform((call,), reach.clock() + timedelta(seconds=10))
    found: tuple[SetupRun, ...] | Failure = answer
    return found


def _dry_runs(
    reach: RegionClients,
    group: Group,
    route: Route,
    entries: tuple[RouteEntry, ...] | Failure,
    present: Sequence[network.SurveyedInstance],
) -> tuple[DryRun, ...]:
    """Ask the platform whether it would point this route at its standby, and at the fallback, without doing it."""
    if isinstance(entries, Failure):
        return ()
    entry = next((entry for entry in entries if entry.destination == route.destination), None)
    if entry is None or entry.next_hop is None:
        return ()
    standby = next((one for one in group.order(route) if one != entry.next_hop.id), None)
    targets = [NextHop.gateway(standby)] if standby is not None else []
    if entry.next_hop.via:
        cards = next((machine.interfaces for machine in present if machine.id == standby), ())
        targets = [NextHop(HopKind.NETWORK_INTERFACE, card) for card in cards[:1]]
    if group.fallback is not None and entry.next_hop.id != group.fallback:
        targets.append(NextHop.nat_gateway(group.fallback))
    return tuple(_dry_run(reach, route, target) for target in targets)


def _dry_run(reach: RegionClients, route: Route, target: NextHop) -> DryRun:
    nothing = Failure(FailureKind.REFUSED, "no answer to a dry run")
    told = reach.try_(lambda a: network.try_route(a, route.table, route.destination, target))
    if told is None or told.kind is not FailureKind.NOT_IN_PLACE:
        return DryRun(target, told or nothing)
    words = encode(NOTHING, "a dry run of natkeeper doctor")
    parts = halves_of(route.destination)
    if not parts:
        return DryRun(target, told)
    part = parts[0]
    answer = _try_part(reach, route, part, target, words)
    finer = around_zero(route.destination)
    if finer and answer is not None and answer.names is FailureSubject.DESTINATION:
        part = finer[-1]
        answer = _try_part(reach, route, part, target, words)
    return DryRun(target, told, part, answer)


def _try_part(reach: RegionClients, route: Route, part: str, target: NextHop, words: str) -> Failure | None:
    """Ask for a part of the destination, as natkeeper does: without words where they are refused."""
    answer = reach.try_(lambda a: network.try_part(a, route.table, part, target, words))
    if answer is not None and answer.kind is FailureKind.WORDS:
        answer = reach.try_(lambda a: network.try_part(a, route.table, part, target, ""))
    return answer


def _incomplete(
    template: Sequence[DeclaredFunction], seen: Mapping[str, functions.Deployed | Failure | None]
) -> Iterator[Incomplete]:
    """List functions with triggers that are not as the template says; one that is not deployed has a finding anyway."""
    for declared in template:
        found = seen.get(declared.name)
        lacking = incomplete(declared, found) if isinstance(found, functions.Deployed) else None
        if lacking is not None:
            yield lacking


def account(
    reach: RegionClients,
    config: Config,
    failover: str,
    grants: Mapping[str, Grant],
    ask: Callable[[], Mapping[str, Any] | str],
    *,
    fc2: bool = False,
    template: Sequence[DeclaredFunction] = (),
    not_found: frozenset[str] = frozenset(),
) -> Facts:
    """Read everything. `ask` asks the deployed function for its status; `template` is what s.yaml declares.

    `not_found` names the groups that `config` lacks because not enough of them is found.
    """
    from natkeeper.cli.survey.rules import rules_for
    from natkeeper.cli.survey.templates import content

    wanted: Sequence[str] = [grant.name for grant in grants.values() if grant.trusts]
    templates = dict.fromkeys(g.setup.template for g in config.groups if g.setup.via == "oos")
    deployed = None if fc2 else reach.try_(lambda a: functions.deployed(a, failover))
    there = fc2 or (deployed is not None and not isinstance(deployed, Failure))
    probes = [] if fc2 else [function for group in config.groups for function in group.probes]
    notify = None if fc2 else config.notify
    seen: dict[str, functions.Deployed | Failure | None] = {failover: deployed}
    for name in dict.fromkeys([*probes, *([notify] if notify else [])]):
        seen[name] = reach.try_(lambda a, name=name: functions.deployed(a, name))  # type: ignore[misc]
    told = seen.get(notify or "")
    return Facts(
        config=config,
        grounds={group.name: ground(reach, group) for group in config.groups},
        failover=deployed,
        probes={probe: seen[probe] for probe in probes},
        notify=told,
        templates={t: reach.try_(lambda a, t=t: content(a, t)) for t in templates},  # type: ignore[misc]
        roles={name: role(reach, name) for name in wanted},
        linked={name: role(reach, name, policies=False) for name in LINKED},
        rules=() if fc2 or not there else rules_for(reach, failover),
        zones=functions.served_zones(reach) if probes else frozenset(),
        addresses=functions.addresses(reach, told) if isinstance(told, functions.Deployed) else 0,
        incomplete=tuple(_incomplete(template, seen)),
        has_template=bool(template),
        answer=ask() if there else "it is not deployed",
        fc2=fc2,
        not_found=not_found,
    )
