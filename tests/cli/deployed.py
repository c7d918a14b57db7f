"""A healthy deployment, as doctor reads it: functions, triggers, rules, roles, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec

from natkeeper.cli.doctor.deployment import deployment
from natkeeper.cli.doctor.facts import LINKED, Facts
from natkeeper.cli.doctor.findings import Finding
from natkeeper.cli.policies import Statement, grants
from natkeeper.cli.survey.functions import Deployed, SurveyedTrigger
from natkeeper.cli.survey.roles import Role
from natkeeper.cli.survey.rules import EventRule
from natkeeper.guest.template import oos_template
from natkeeper.ports import Failure
from tests.cli.healthy import HEALTHY, PRIVATE, configured, policy

FUNCTION, PROBE, NOTIFY = "natkeeper-failover", "natkeeper-probe", "natkeeper-notify"
ARN = f"acs:fc:cn-hangzhou:1:functions/{FUNCTION}"


def trigger(name: str, kind: str, *, on: bool = True, **config: object) -> SurveyedTrigger:
    return SurveyedTrigger(name, kind, {"enable" if kind == "timer" else "triggerEnable": on, **config})


TIMER = trigger("sweep", "timer")
NAMES = ("ecs-state", "ecs-notices", "ecs-operations", "vpc-operations")
EVENTS = tuple(trigger(name, "eventbridge", asyncInvocationType=True) for name in NAMES)
FAILOVER = Deployed(
    FUNCTION, FUNCTION, 60, internet_access=True, vpc="", vswitches=(), environment={}, triggers=(TIMER, *EVENTS),
    on_failure="", on_success="", async_retries=0, reserved=1,
)  # fmt: skip
LOOKS = Deployed(
    PROBE, PROBE, 75, internet_access=False, vpc="vpc-1", vswitches=(PRIVATE.id,),
    environment={"NATKEEPER_GROUP": "prod"}, triggers=(trigger("look", "timer"),),
    on_failure=ARN, on_success=ARN, async_retries=0, reserved=3,
)  # fmt: skip
CONFIG = configured(policy(), notify=NOTIFY, heartbeat=True)
WANTED = dict(sorted(grants(CONFIG).items(), key=lambda each: bool(each[1].trusts)))
ROLES = {
    grant.name: Role(grant.name, (grant.trusts,), (json.dumps(grant.document()),))
    for grant in WANTED.values()
    if grant.trusts
}
WELL = {"group": "prod", "outcome": "quiet", "sentence": "prod is well", "problems": []}
FACTS = Facts(
    config=CONFIG,
    grounds={"prod": HEALTHY},
    failover=FAILOVER,
    probes={PROBE: LOOKS},
    notify=replace(FAILOVER, name=NOTIFY),
    templates={"natkeeper-gateway-setup": oos_template()},
    roles=ROLES,
    linked={name: Role(name, (), ()) for name in LINKED},
    rules=tuple(EventRule(name, enabled=True, way="ASYNC", tolerance="ALL") for name in NAMES),
    zones=frozenset({"h"}),
    addresses=2,
    incomplete=(),
    has_template=True,
    answer={"receipts": [WELL]},
)


HEALTHY_RULES: tuple[EventRule, ...] = FACTS.rules  # type: ignore[assignment]
LOOKS_WELL = "looks through the guarded route, and reports to the failover function"
HEARTBEAT = "ok [deployment] heartbeat: a service outside is called after each good sweep"


def judged(facts: Facts) -> list[Finding]:
    return [*deployment(facts, FUNCTION, WANTED)]


# ---- one thing that differs ------------------------------------------------------------------------------


def failover(**more: Any) -> dict[str, Any]:
    return {"failover": replace(FAILOVER, **more)}


def probe(**more: Any) -> dict[str, Any]:
    return {"probes": {PROBE: replace(LOOKS, **more)}}


def ground(**more: Any) -> dict[str, Any]:
    return {"grounds": {"prod": replace(HEALTHY, **more)}}


def config(**more: Any) -> dict[str, Any]:
    return {"config": msgspec.structs.replace(CONFIG, **more)}


def role(**more: Any) -> dict[str, Any]:
    return {"roles": {**ROLES, PROBE: replace(ROLES[PROBE], **more)}}


def rule(number: int = 0, **more: Any) -> dict[str, Any]:
    changed = replace(HEALTHY_RULES[number], **more)
    return {"rules": (*HEALTHY_RULES[:number], changed, *HEALTHY_RULES[number + 1 :])}


def answer(*receipts: dict[str, Any]) -> dict[str, Any]:
    return {"answer": {"receipts": list(receipts)}}


def linked(found: Failure | None) -> dict[str, Any]:
    return {"linked": {**FACTS.linked, "AliyunServiceRoleForEventBridgeSourceCMS": found}}


def without(place: int) -> str:
    """What the probe's role is allowed, less one of its statements."""
    wanted = WANTED["probe"]
    kept: tuple[Statement, ...] = (*wanted.statements[:place], *wanted.statements[place + 1 :])
    return json.dumps(replace(wanted, statements=kept).document())
