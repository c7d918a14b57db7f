"""Checks on the functions, their triggers, the OOS template, and the roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from natkeeper.cli.doctor.facts import LINKED
from natkeeper.cli.doctor.findings import Finding, Level, advice, ok, unseen, wrong
from natkeeper.cli.doctor.gateways import behind
from natkeeper.cli.policies import missing
from natkeeper.guest.template import oos_template
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.cli.doctor.facts import Facts
    from natkeeper.cli.policies import Grant
    from natkeeper.cli.survey.functions import Deployed
    from natkeeper.domain.config import Group

AREA = "deployment"
RUN_S = 60
EVENTS = ("ecs-state", "ecs-notices", "ecs-operations", "vpc-operations")
DEPLOY = "s deploy"
INSTANCES, INSTANCES_A_PROBE = 100, 3
"""Of an account in a region, unless raised (Function Compute, Limits); and reservedConcurrency of a probe in s.yaml."""


def deployment(facts: Facts, failover: str, grants: Mapping[str, Grant]) -> Iterator[Finding]:
    """Judge all that is deployed."""
    if facts.fc2:
        yield from _of_fc2(facts, failover)
    else:
        yield from _failover(facts, failover)
        for group in facts.config.groups:
            for function, table in group.probes.items():
                yield from _probe(facts, group, function, table, failover)
        yield from _instances(facts)
        yield from _notify(facts)
    yield from _templates(facts)
    yield from _roles(facts, grants)
    yield from _answer(facts)


def _of_fc2(facts: Facts, name: str) -> Iterator[Finding]:
    """Say what is not looked at, and what cannot work, where functions are of FC 2.0."""
    do = "compare them with templates/fc2/s.yaml in the console: triggers, one run at a time, the probe's vSwitch"
    yield advice(AREA, name, "is a function of FC 2.0: settings and triggers are not looked at", do)
    named = [f"the probe {function} of {group.name}" for group in facts.config.groups for function in group.probes]
    named += ["notify"] if facts.config.notify else []
    if named:
        do = "leave it out of natkeeper.yaml, and deploy"
        yield wrong(AREA, ", ".join(named), "functions of FC 2.0 cannot be called by the API of 3.0", do)


def _failover(facts: Facts, name: str) -> Iterator[Finding]:
    function = facts.failover
    if isinstance(function, Failure):
        yield unseen(AREA, name, function)
        return
    if function is None:
        yield wrong(AREA, name, "is not deployed", f"natkeeper check && {DEPLOY}")
        return
    if function.vpc:
        do = "take vpcConfig out of s.yaml: in the VPC it would lose the API together with the gateway"
        yield wrong(AREA, name, f"is bound to {function.vpc}", do)
    if not function.internet_access:
        yield wrong(AREA, name, "has no internet access, so it cannot reach the API", "internetAccess: true in s.yaml")
    if function.timeout_s < RUN_S:
        do = f"timeout: {RUN_S} in s.yaml"
        yield wrong(AREA, name, f"may run for {function.timeout_s} s only, and is cut off in the middle of a run", do)
    if function.reserved != 1:
        has = "no limit" if function.reserved is None else f"{function.reserved}"
        do = "concurrencyConfig: {reservedConcurrency: 1} in s.yaml: two runs would race for one route"
        yield wrong(AREA, f"{name} concurrency", f"is {has}", do)
    else:
        yield ok(AREA, f"{name} concurrency", "one run at a time")
    if not function.role:
        yield wrong(AREA, name, "has no role, so it may do nothing", "role: in s.yaml")
    yield from _triggers(facts, function)


def _triggers(facts: Facts, function: Deployed) -> Iterator[Finding]:
    about = f"{function.name} triggers"
    timers = [trigger for trigger in function.triggers if trigger.kind == "timer" and trigger.enabled]
    events = [trigger for trigger in function.triggers if trigger.kind == "eventbridge" and trigger.enabled]
    if not timers:
        yield wrong(AREA, about, "no timer is on, so nothing is seen that makes no event", DEPLOY)
    if not events:
        do = f"{DEPLOY}; where it cannot create them, make rules on bus `default` by hand (docs/operations.md)"
        yield wrong(AREA, about, "no EventBridge trigger is on: only the timer's minute looks for a dead gateway", do)
    lacking = [name for name in EVENTS if name not in {trigger.name for trigger in events}]
    named = list(_incomplete(facts))
    yield from named
    if events and lacking and not named:
        do = (
            f"s failover deploy --trigger {','.join(lacking)} -y: the component skips what follows an unchanged trigger"
        )
        yield advice(AREA, about, f"{', '.join(lacking)} of s.yaml are not there or off", do)
    ways = list(_ways(facts, function))
    yield from ways
    if timers and events and not lacking and not named and not [way for way in ways if way.level is not Level.OK]:
        yield ok(AREA, about, f"{len(timers)} timer, {len(events)} for events")


def _incomplete(facts: Facts) -> Iterator[Finding]:
    """Name what is not as s.yaml says: without a trigger the function is blind to something, without settings mute."""
    for one in facts.incomplete:
        about, bad = f"{one.function.name} in s.yaml", one.missing or one.settings
        yield wrong(AREA, about, one.says, one.command) if bad else advice(AREA, about, one.says, one.command)


def _ways(facts: Facts, function: Deployed) -> Iterator[Finding]:
    """Judge how the rules behind the triggers really invoke the function: the trigger's own flag is read both ways."""
    about = f"{function.name} event rules"
    rules = facts.rules
    if isinstance(rules, Failure):
        yield unseen(AREA, about, rules)
        return
    off = [rule.name for rule in rules if not rule.enabled]
    if off:
        do = "enable them in the EventBridge console, or with `aliyun eventbridge EnableRule`"
        yield wrong(AREA, about, f"{', '.join(off)} switched off, so their events wake nobody", do)
    strict = [rule.name for rule in rules if rule.tolerance == "NONE"]
    if strict:
        do = "errorsTolerance: ALL in s.yaml"
        yield wrong(AREA, about, f"{', '.join(strict)} stop at an event that fails, and hold back all after it", do)
    waiting = [rule.name for rule in rules if rule.way == "SYNC"]
    if waiting:
        sent = {
            trigger.config.get("asyncInvocationType") for trigger in function.triggers if trigger.kind == "eventbridge"
        }
        value = "false: this platform reads the flag the other way round" if sent == {True} else "true"
        do = f"asyncInvocationType: {value}; a busy function is then asked again within a second, and not after 10-20 s"
        yield advice(AREA, about, f"{', '.join(waiting)} invoke synchronously", do)
    elif rules and all(rule.way == "ASYNC" for rule in rules) and not off and not strict:
        yield ok(AREA, about, "invoke asynchronously")


def _instances(facts: Facts) -> Iterator[Finding]:
    """Count the instances that probes reserve, or will: an account has a hundred in a region, unless raised."""
    probes = [facts.probes[name] for group in facts.config.groups for name in group.probes]
    reserved = sum(
        INSTANCES_A_PROBE if probe is None or isinstance(probe, Failure) else probe.reserved or 0 for probe in probes
    )
    if reserved + 1 > INSTANCES:
        do = "raise the quota of function instances (Quota Center), or lower reservedConcurrency of probes in s.yaml"
        says = f"{len(probes)} probes reserve {reserved} instances, with the failover function {reserved + 1}, "
        says += f"and an account has {INSTANCES} in a region"
        yield advice(AREA, "instances", says, do)


def _probe(facts: Facts, group: Group, name: str, table: str, failover: str) -> Iterator[Finding]:
    function = facts.probes[name]
    if isinstance(function, Failure):
        yield unseen(group.name, name, function)
        return
    if function is None:
        do = f"natkeeper probes --write adds it to s.yaml; then {DEPLOY}. Or take it out of the group"
        yield wrong(group.name, name, "this probe is not deployed", do)
        return
    fine = True
    for finding in _probe_problems(facts, group, function, table, failover):
        fine = False
        yield finding
    if fine:
        yield ok(group.name, name, "looks through the guarded route, and reports to the failover function")


def _probe_problems(facts: Facts, group: Group, function: Deployed, table: str, failover: str) -> Iterator[Finding]:
    name, ground = function.name, facts.grounds[group.name]
    inside = {vswitch.id for vswitch in behind(ground, table)}
    if not function.vswitches:
        do = "vpcConfig in s.yaml: a vSwitch whose route table has the guarded route"
        yield wrong(group.name, name, "is in no vSwitch, so it does not see what private hosts see", do)
    elif isinstance(ground.vswitches, Failure):
        yield unseen(group.name, name, ground.vswitches)
    elif not set(function.vswitches) <= inside:
        outside = ", ".join(sorted(set(function.vswitches) - inside))
        do = f"use one of {', '.join(sorted(inside)) or 'none: no vSwitch is bound to the table'}"
        yield wrong(group.name, name, f"{outside} is not bound to {table}, so it looks through another route", do)
    zones = {
        vswitch.id: vswitch.zone for vswitch in ([] if isinstance(ground.vswitches, Failure) else ground.vswitches)
    }
    mine = {zones[one] for one in function.vswitches if one in zones}
    if isinstance(facts.zones, Failure):
        yield unseen(group.name, f"{name} zone", facts.zones)
    elif facts.zones and not mine <= facts.zones:
        do = f"use a vSwitch in one of {', '.join(sorted(facts.zones))}"
        outside = ", ".join(sorted(mine - facts.zones))
        yield wrong(group.name, name, f"stands in {outside}, which Function Compute does not serve", do)
    if function.internet_access:
        do = "internetAccess: false in s.yaml"
        yield wrong(group.name, name, "has FC's own way out, so it would never see a dead gateway", do)
    told = function.environment.get("NATKEEPER_GROUP")
    if told != group.name:
        do = f"NATKEEPER_GROUP: {group.name} in s.yaml"
        yield wrong(group.name, name, f"guards group {told or 'nobody named'}", do)
    if not function.on_failure.endswith(f"/{failover}"):
        has = function.on_failure or "nobody"
        do = "asyncInvokeConfig.destinationConfig.onFailure in s.yaml: its report is its failure"
        yield wrong(group.name, name, f"reports to {has}, and not to {failover}", do)
    if not function.on_success.endswith(f"/{failover}"):
        do = "asyncInvokeConfig.destinationConfig.onSuccess in s.yaml: the end of each watch, with its losses"
        says = "does not report the end of its watches: nobody notices that it is silent, nor a brown-out"
        yield advice(group.name, name, says, do)
    if function.async_retries != 0:
        do = "maxAsyncRetryAttempts: 0 in s.yaml: a report that is tried again comes a minute late"
        yield advice(group.name, name, "is tried again when it reports", do)
    if not any(trigger.kind == "timer" and trigger.enabled for trigger in function.triggers):
        yield wrong(group.name, name, "no timer is on, so it never looks", DEPLOY)


def _notify(facts: Facts) -> Iterator[Finding]:
    function, name = facts.notify, facts.config.notify or ""
    if not name:
        yield advice(AREA, "notify", "nobody is told of moves", "notify: natkeeper-notify, and NATKEEPER_NOTIFY")
    elif isinstance(function, Failure):
        yield unseen(AREA, name, function)
    elif function is None:
        yield wrong(AREA, name, "is not deployed, so nobody is told", DEPLOY)
    elif isinstance(facts.addresses, Failure):
        yield unseen(AREA, name, facts.addresses)
    elif not facts.addresses:
        do = f"write addresses into natkeeper.notify, or export NATKEEPER_NOTIFY, where you run {DEPLOY}"
        yield advice(AREA, name, "has no addresses, so it tells nobody", do)
    else:
        yield ok(AREA, name, f"tells {facts.addresses} address(es)")
    yield from _heartbeat(facts)


def _heartbeat(facts: Facts) -> Iterator[Finding]:
    """Say whether anyone outside notices when natkeeper itself stops."""
    if facts.config.heartbeat:
        yield ok(AREA, "heartbeat", "a service outside is called after each good sweep")
    elif facts.config.metrics is not None:
        yield ok(AREA, "heartbeat", "the log has metrics, for the alarms of templates/ros/monitoring.yaml")
    elif facts.config.notify:
        do = "heartbeat: true, and heartbeat+https://… in natkeeper.notify; or metrics: 5m and "
        do += "templates/ros/monitoring.yaml"
        says = "nobody is told when Function Compute, the timer or the account itself stops"
        yield advice(AREA, "heartbeat", says, do)


def _templates(facts: Facts) -> Iterator[Finding]:
    for name, content in facts.templates.items():
        about = f"OOS template {name}"
        if isinstance(content, Failure):
            yield unseen(AREA, about, content)
        elif content is None:
            yield wrong(AREA, about, "does not exist, so no gateway can be set up", "natkeeper template")
        elif content.strip() != oos_template().strip():
            yield advice(AREA, about, "is not that of this version", "natkeeper template")
        else:
            yield ok(AREA, about, "is that of this version")


def _roles(facts: Facts, grants: Mapping[str, Grant]) -> Iterator[Finding]:
    for grant in grants.values():
        if not grant.trusts:
            continue
        about, role = f"role {grant.name}", facts.roles[grant.name]
        if isinstance(role, Failure):
            yield unseen(AREA, about, role)
            continue
        if role is None:
            do = "natkeeper policy --ros > roles.yaml, and create a ROS stack from it"
            yield wrong(AREA, about, "does not exist", do)
            continue
        if grant.trusts not in role.trusts:
            do = f"let its trust policy name {grant.trusts}"
            yield wrong(AREA, about, f"trusts {', '.join(role.trusts) or 'nobody'}, and not {grant.trusts}", do)
        lacks = missing(grant, role.documents)
        for purpose in dict.fromkeys(lack.purpose for lack in lacks):
            mine = [lack for lack in lacks if lack.purpose == purpose]
            actions = ", ".join(dict.fromkeys(lack.action for lack in mine))
            on = ", ".join(dict.fromkeys(lack.resource for lack in mine if lack.resource != "*"))
            do = f"natkeeper policy --for {grant.key} prints what it needs"
            yield wrong(AREA, about, f"may not {purpose}: {actions}{f' on {on}' if on else ''}", do)
        if not lacks and grant.trusts in role.trusts:
            yield ok(AREA, about, "is allowed all that it needs")
    yield from _linked(facts)


def _linked(facts: Facts) -> Iterator[Finding]:
    for name, role in facts.linked.items():
        about = f"service-linked role {name}"
        if isinstance(role, Failure):
            yield unseen(AREA, about, role)
        elif role is None:
            service, without = LINKED[name]
            do = f"aliyun resourcemanager CreateServiceLinkedRole --ServiceName {service}.aliyuncs.com"
            yield advice(AREA, about, f"is not there: {without}", do)
        else:
            yield ok(AREA, about, "is there")


def _answer(facts: Facts) -> Iterator[Finding]:
    """Judge what the function itself sees: it is the one that has to."""
    about = "what the function sees"
    if isinstance(facts.answer, str):
        if facts.fc2 or (facts.failover is not None and not isinstance(facts.failover, Failure)):
            yield wrong(AREA, about, facts.answer, "see its log, or compare with `natkeeper status --direct`")
        return
    receipts = facts.answer.get("receipts", [])
    theirs = {receipt["group"] for receipt in receipts}
    ours = {group.name for group in facts.config.groups} | facts.not_found
    if theirs != ours:
        do = f"{DEPLOY}: the configuration is baked into the function"
        yield wrong(
            AREA, about, f"groups {', '.join(sorted(theirs)) or 'none'}, and here: {', '.join(sorted(ours))}", do
        )
    for receipt in receipts:
        problems = "; ".join(receipt.get("problems", ()))
        if problems:
            yield wrong(receipt["group"], about, problems, "mend what it names; a denied call is one for the role")
        elif receipt["outcome"] == "attention":
            yield wrong(receipt["group"], about, receipt["sentence"], "natkeeper status")
        else:
            yield ok(receipt["group"], about, receipt["sentence"])
