"""Checks on a group's gateways: state, addresses, security groups, interfaces, agent, setup."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from natkeeper.cli.doctor.findings import Finding, advice, ok, unseen, wrong
from natkeeper.cli.survey.network import InboundRule, SurveyedInstance, SurveyedTable, VSwitch
from natkeeper.domain.capacity import unlike
from natkeeper.domain.config import Follow
from natkeeper.domain.health import Draining, Healthy, Sight, assess, remark
from natkeeper.domain.ids import InstanceId, InterfaceId
from natkeeper.domain.observed import Instance, PowerState
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.failover.proof import load_of
from natkeeper.guest.report import SetupReport, UnreadableReport
from natkeeper.guest.script import fingerprint, script_hash
from natkeeper.ports import Failure, SetupRun

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.cli.doctor.facts import GroupFacts
    from natkeeper.domain.config import Group

_EVERYTHING = "-1/-1"
_ALL_PORTS = (_EVERYTHING, "1/65535")


def gateways(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Judge every gateway, and what they have in common."""
    if isinstance(ground.machines, Failure):
        yield unseen(group.name, "gateways", ground.machines)
        return
    if isinstance(ground.conditions, Failure):
        yield unseen(group.name, "system events of gateways", ground.conditions)
    present = [ground.machines[g] for g in group.gateways if g in ground.machines]
    for gateway in group.gateways:
        machine = ground.machines.get(gateway)
        if machine is None:
            do = "create it, or take it out of `gateways`"
            yield wrong(group.name, gateway, "does not exist in this region", do)
            continue
        yield from _one(group, ground, machine)
    yield from _together(group, present)
    yield from _never_proven(group, ground)


def _never_proven(group: Group, ground: GroupFacts) -> Iterator[Finding]:
    """Name tables that no probe looks through where no setup of the last day proved that a gateway forwards."""
    blind = list(dict.fromkeys(route.table for route in group.routes if not group.checked_by_probe(route)))
    if not blind or isinstance(ground.setups, Failure):
        return
    reports = [run.report for run in ground.setups if run.gateway in group.gateways]
    if not any(isinstance(report, SetupReport) and report.facts.forwarding == "proven" for report in reports):
        do = "name the private vSwitches in `networks`, or give each table a probe (routes[].probe)"
        says = f"nothing has shown that private hosts behind {', '.join(blind)} reach the internet: no probe looks, "
        says += "and no setup of the last day proved it"
        yield advice(group.name, "evidence", says, do)


def _one(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Iterator[Finding]:
    yield _state(group, ground, machine)
    if isinstance(group.address, Follow) and machine.own_ip:
        do = "turn it into an EIP (aliyun ecs ConvertNatPublicIpToEip) and free that, or use address: own"
        says = f"has {machine.own_ip} of its own, and then takes no EIP: it could not take {group.address.follow} over"
        yield wrong(group.name, f"{machine.id} address", says, do)
    yield from _same_vpc(group, ground, machine)
    yield from _interfaces(group, ground, machine)
    yield from _inbound(group, ground, machine)
    if isinstance(ground.heartbeats, Failure):
        yield unseen(group.name, f"{machine.id} Cloud Assistant", ground.heartbeats)
    elif _is_cold(group, machine):
        yield ok(group.name, f"{machine.id} Cloud Assistant", "is not asked: the instance is stopped")
    elif ground.heartbeats.get(machine.id, False):
        yield ok(group.name, f"{machine.id} Cloud Assistant", "has a heartbeat")
    elif machine.status in (PowerState.STOPPED.value, PowerState.STOPPING.value):  # which is said already
        yield ok(group.name, f"{machine.id} Cloud Assistant", "is not asked: the instance does not run")
    else:
        do = "start its agent: systemctl restart aliyun; without it there is no setup and no look"
        yield wrong(group.name, f"{machine.id} Cloud Assistant", "no heartbeat for two minutes", do)
    yield from _setup(group, ground, machine)


def _state(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Finding:
    """Judge it exactly as the function would."""
    try:
        status = PowerState(machine.status)
    except ValueError:
        status = PowerState.UNKNOWN
    cards = ground.cards.get(machine.id, [])
    instance = Instance(
        InstanceId(machine.id),
        status,
        machine.zone,
        machine.vpc,
        machine.private_ip,
        machine.public_ip or None,
        interfaces=() if isinstance(cards, Failure) else tuple(InterfaceId(card.id) for card in cards),
    )
    conditions = {} if isinstance(ground.conditions, Failure) else ground.conditions
    own = not isinstance(group.address, Follow)
    condition = conditions.get(InstanceId(machine.id))
    health = assess(Sight(instance, condition), needs_own_address=own)
    match health:
        case Healthy() if own and instance.public_ip is None:
            said = f"shows no public address; one of its {len(instance.interfaces)} interfaces may have one"
            do = "natkeeper looks through it before it believes either, and takes it last; bind the EIP to the instance"
            return advice(group.name, machine.id, said, do)
        case Healthy() if said := remark(condition):
            do = f"look at the events of {machine.id} in the ECS console; routes stay on it while it works"
            return advice(group.name, machine.id, said, do)
        case Healthy():
            address = f", seen as {machine.public_ip}" if machine.public_ip else ""
            return ok(group.name, machine.id, f"is {machine.status} in {machine.zone}{address}")
        case Draining(reason=reason, until=until):
            when = f" at {until:%Y-%m-%d %H:%M} UTC" if until else ""
            return advice(group.name, machine.id, f"{reason}{when}", "natkeeper moves routes away from it in time")
    if _is_cold(group, machine):
        return ok(group.name, machine.id, f"is Stopped in {machine.zone}: a cold standby, started when it is needed")
    do = "give it a public address or an EIP, or let one follow the route (address: {follow: eip-…})"
    return wrong(
        group.name, machine.id, health.reason, do if "address" in health.reason else "make it Running and well"
    )


def _is_cold(group: Group, machine: SurveyedInstance) -> bool:
    """Return True if it is stopped as a cold standby should be; the first gateway is to run."""
    stopped = machine.status == PowerState.STOPPED.value
    return group.standby == "cold" and stopped and machine.id != group.gateways[0]


def _same_vpc(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Iterator[Finding]:
    for table in ground.tables.values():
        if isinstance(table, SurveyedTable) and table.vpc and table.vpc != machine.vpc:
            do = "a next hop has to be in the VPC of its route table: use a gateway of that VPC"
            yield wrong(group.name, machine.id, f"is in {machine.vpc}, and {table.id} is of {table.vpc}", do)


def _interfaces(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Iterator[Finding]:
    cards = ground.cards.get(machine.id, [])
    about = f"{machine.id} SourceDestCheck"
    if isinstance(cards, Failure):
        yield unseen(group.name, about, cards)
        return
    checking = [card.id for card in cards if card.source_dest_check]
    if checking:
        name = checking[0]
        do = f"aliyun ecs ModifyNetworkInterfaceAttribute --NetworkInterfaceId {name} --SourceDestCheck false"
        yield wrong(group.name, about, f"is on at {', '.join(checking)}: forwarded packets are dropped", do)
    elif cards:
        yield ok(group.name, about, "is off")


def _inbound(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Iterator[Finding]:
    """Judge whether the security groups let in what private hosts send out through the gateway."""
    about = f"{machine.id} security groups"
    known = [ground.rules.get(name) for name in machine.groups]
    failed = next((rules for rules in known if isinstance(rules, Failure)), None)
    if failed is not None:
        yield unseen(group.name, about, failed)
        return
    rules = [rule for rules in known if isinstance(rules, list) for rule in rules]
    networks = guarded_networks(ground)
    if not networks:
        return
    parts = {network: _parts(rules, network, machine) for network in networks}
    shut = [network for network in networks if not all(_open(rules, part, machine) for part in parts[network])]
    if shut:
        first = machine.groups[0] if machine.groups else "sg-…"
        do = (
            f"aliyun ecs AuthorizeSecurityGroup --SecurityGroupId {first} --IpProtocol all --PortRange -1/-1 "
            f"--SourceCidrIp {shut[0]}  (or only what private hosts need)"
        )
        says = f"do not let in everything from {', '.join(map(str, shut))}, which is behind the guarded route"
        yield wrong(group.name, about, says, do)
        return
    each = [part for network in networks for part in parts[network]]
    before = list(dict.fromkeys(rule for part in each for rule in _drops(rules, part, machine)))
    if before:
        kept_out = ", ".join(_named(rule) for rule in before)
        says = f"do not let in {kept_out}: a rule drops it before another lets everything in"
        yield advice(group.name, about, says, "take the rule away, unless that is what it is for")
    else:
        yield ok(group.name, about, f"let in everything from {', '.join(map(str, networks))}")


def guarded_networks(ground: GroupFacts) -> list[ipaddress.IPv4Network]:
    """List the networks of the vSwitches that are bound to a guarded table."""
    if isinstance(ground.vswitches, Failure):
        return []
    behind = [vswitch for vswitch in ground.vswitches if vswitch.table in ground.tables and vswitch.cidr]
    return [ipaddress.IPv4Network(vswitch.cidr) for vswitch in behind]


def _parts(
    rules: Sequence[InboundRule], network: ipaddress.IPv4Network, machine: SurveyedInstance
) -> list[ipaddress.IPv4Network]:
    """Divide a network that no single rule lets in by the rules that let in a part of it."""
    parts = [network]
    if _open(rules, network, machine):
        return parts
    for source in (_source(rule, machine) for rule in rules if rule.accept):
        whole = next((part for part in parts if source is not None and source.subnet_of(part)), None)
        if source is not None and whole is not None:
            parts = [*(part for part in parts if part != whole), source, *whole.address_exclude(source)]
    return parts


def _open(rules: Sequence[InboundRule], network: ipaddress.IPv4Network, machine: SurveyedInstance) -> bool:
    """Return True if all of `network` is accepted: by a rule for ALL, or by one each for TCP, UDP and ICMP."""
    about = [rule for rule in rules if _is_about(rule, network, machine)]
    for protocol in ("TCP", "UDP", "ICMP"):
        mine = [rule for rule in about if rule.protocol in ("ALL", protocol) and rule.ports in _ALL_PORTS]
        if not mine:
            return False
        best = min(rule.priority for rule in mine)
        if not all(rule.accept for rule in mine if rule.priority == best):
            return False
    return True


def _drops(
    rules: Sequence[InboundRule], network: ipaddress.IPv4Network, machine: SurveyedInstance
) -> Iterator[InboundRule]:
    """List the rules that keep out a part of what `network` sends, where others let in all of it.

    Of rules of the same priority a drop wins (Alibaba Cloud, "Security group rules").
    """
    for protocol in ("TCP", "UDP", "ICMP"):
        mine = [rule for rule in rules if rule.protocol in ("ALL", protocol)]
        whole = (
            rule for rule in mine if rule.accept and rule.ports in _ALL_PORTS and _is_about(rule, network, machine)
        )
        best = min(rule.priority for rule in whole)
        for rule in mine:
            source = None if rule.accept or rule.priority > best else _source(rule, machine)
            if source is not None and source.overlaps(network):
                yield rule


def _named(rule: InboundRule) -> str:
    """Say what a rule is about: `TCP to port 443 from 10.0.1.0/24`."""
    first, _, last = rule.ports.partition("/")
    span = f" to port {first}" if first == last else f" to ports {first} to {last}"
    what = "everything" if rule.protocol == "ALL" else rule.protocol
    return f"{what}{'' if rule.ports in _ALL_PORTS else span} from {rule.source}"


def _is_about(rule: InboundRule, network: ipaddress.IPv4Network, machine: SurveyedInstance) -> bool:
    source = _source(rule, machine)
    return source is not None and network.subnet_of(source)


def _source(rule: InboundRule, machine: SurveyedInstance) -> ipaddress.IPv4Network | None:
    """Return where packets that a rule is about come from; None for the members of a group, who are not known here."""
    if rule.source in machine.groups:
        return None
    try:
        source = ipaddress.ip_network(rule.source, strict=False)
    except ValueError:
        return None
    return source if isinstance(source, ipaddress.IPv4Network) else None


def _setup(group: Group, ground: GroupFacts, machine: SurveyedInstance) -> Iterator[Finding]:
    about = f"{machine.id} setup"
    if group.setup.mode == "off":
        do = "run `natkeeper setup` after every change by hand, or set setup.mode to check"
        yield advice(group.name, about, "nobody looks after it (setup.mode: off)", do)
        return
    if isinstance(ground.setups, Failure):
        yield unseen(group.name, about, ground.setups)
        return
    last = next((run for run in ground.setups if run.gateway == machine.id), None)
    if last is None and _is_cold(group, machine):
        yield ok(group.name, about, "is not due: the instance is stopped")
        return
    yield _last_setup(group, about, last)
    report = None if last is None else last.report
    if last is not None and isinstance(report, SetupReport):
        yield from _load(group, machine, report, last.started)
    if isinstance(report, SetupReport) and isinstance(ground.machines, Mapping):
        yield from tunnel(group, machine, [ground.machines[g] for g in group.gateways if g in ground.machines], report)


def _load(group: Group, machine: SurveyedInstance, report: SetupReport, when: datetime) -> Iterator[Finding]:
    """Judge how full it was in its latest setup, as the function does (`alarms`)."""
    about, at = f"{machine.id} load", f"{when:%Y-%m-%d %H:%M} UTC"
    figures = load_of(report)
    if figures is None:
        return
    found = list(group.alarms.exceeded(figures, machine.bandwidth or 0))
    for says, do in found:
        yield wrong(group.name, about, f"at {at} it {says}", do)
    if not found:
        yield ok(group.name, about, f"at {at}: {figures.connections} of {figures.maximum} connections")


def tunnel(
    group: Group, machine: SurveyedInstance, all_: Sequence[SurveyedInstance], report: SetupReport
) -> Iterator[Finding]:
    """Say with which other gateways `relay` and `way_in: every` work, and print the rule that may be missing."""
    if group.relay is None and group.way_in != "every":
        return
    about = f"{machine.id} tunnel"
    answer = report.facts.tunnel.split()
    peers = [one for one in all_ if one.id != machine.id and one.private_ip and not _is_cold(group, one)]
    for peer in peers:
        if peer.private_ip in answer:
            yield ok(group.name, about, f"{peer.id} answers: connections can be handed to it")
            continue
        first = machine.groups[0] if machine.groups else "sg-…"
        do = (
            f"aliyun ecs AuthorizeSecurityGroup --SecurityGroupId {first} --IpProtocol udp --PortRange 4790/4790 "
            f"--SourceCidrIp {peer.private_ip}/32, then natkeeper setup; kernels before 4.18 have no relay"
        )
        says = f"{peer.id} does not answer (4790/udp): its connections are reset in planned moves, as without a relay"
        yield advice(group.name, about, says, do)


def _last_setup(group: Group, about: str, last: SetupRun | None) -> Finding:
    do = f"natkeeper setup {about.split(maxsplit=1)[0]}, then look again"
    if last is None:
        return advice(group.name, about, "has not run in the last day", do)
    when = f"{last.started:%Y-%m-%d %H:%M} UTC"
    match last.report:
        case None:
            return ok(group.name, about, f"is under way since {when}")
        case UnreadableReport(reason=reason):
            return wrong(group.name, about, f"of {when} produced no report: {reason}", do)
    report: SetupReport = last.report
    if not report.ready:
        return wrong(group.name, about, f"of {when}: {report.sentence}", do)
    if (report.fingerprint, report.script) != (fingerprint(setup_parameters(group)), script_hash()):
        return advice(group.name, about, f"of {when} was for other settings", "the next sweep sets it up anew")
    return ok(group.name, about, f"of {when}: {report.sentence}")


def _together(group: Group, present: Sequence[SurveyedInstance]) -> Iterator[Finding]:
    running = [machine for machine in present if machine.status == PowerState.RUNNING.value]
    running += [machine for machine in present if _is_cold(group, machine)]
    if len(running) < 2 and group.fallback is None:  # noqa: PLR2004  one to fail, one to go to
        do = "add a gateway, start the stopped one, or name a fallback"
        run = "runs" if len(running) == 1 else "run"
        yield wrong(group.name, "gateways", f"{len(running)} of {len(group.gateways)} {run}: nothing can fail over", do)
    zones = {machine.zone for machine in present}
    if len(present) > 1 and len(zones) == 1:
        do = "put one into another zone: a zone can fail as a whole"
        yield advice(group.name, "gateways", f"all are in {zones.pop()}", do)
    yield from _alike(group, present)
    if present and all(machine.spot for machine in present) and group.fallback is None:
        do = "let one of them be pay-as-you-go or subscription, or name a fallback"
        yield advice(group.name, "gateways", "all are spot instances, which are reclaimed together", do)


def _alike(group: Group, present: Sequence[SurveyedInstance]) -> Iterator[Finding]:
    """Compare each standby with the group's first gateway: after a move it has to carry as much."""
    instances = [
        Instance(InstanceId(one.id), PowerState.RUNNING, type=one.type, bandwidth=one.bandwidth) for one in present
    ]
    for other in instances[1:]:
        found = unlike(other, instances[0], group)
        if found is not None:
            do = "let a standby be as large as the gateway that it replaces, or know that it carries less"
            yield advice(group.name, f"{other.id} capacity", found, do)


def behind(ground: GroupFacts, table: str) -> list[VSwitch]:
    """List the vSwitches that are bound to a table."""
    return [] if isinstance(ground.vswitches, Failure) else [v for v in ground.vswitches if v.table == table]
