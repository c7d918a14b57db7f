"""What the doctor says of functions, triggers, rules, roles and templates: each differs from a healthy account once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from natkeeper.cli.doctor.facts import LINKED
from natkeeper.cli.survey.functions import Deployed
from natkeeper.cli.survey.template_file import DeclaredFunction, DeclaredTrigger, Incomplete
from natkeeper.guest.template import oos_template
from natkeeper.ports import Failure
from tests.cli.deployed import (
    EVENTS,
    FACTS,
    FUNCTION,
    HEALTHY_RULES,
    HEARTBEAT,
    LOOKS,
    LOOKS_WELL,
    NAMES,
    NOTIFY,
    PROBE,
    ROLES,
    TIMER,
    WANTED,
    WELL,
    answer,
    config,
    failover,
    ground,
    judged,
    linked,
    probe,
    role,
    rule,
    trigger,
    without,
)
from tests.cli.healthy import HEALTHY, NOT_SEEN, PRIVATE, TABLE, UNSEEN, difference, policy


def test_a_healthy_deployment_is_told_to_be_one() -> None:
    """Everything that was looked at, and nothing to do."""
    assert difference((), judged(FACTS)) == [
        "ok [deployment] natkeeper-failover concurrency: one run at a time",
        "ok [deployment] natkeeper-failover event rules: invoke asynchronously",
        "ok [deployment] natkeeper-failover triggers: 1 timer, 4 for events",
        f"ok natkeeper-probe: {LOOKS_WELL}",
        "ok [deployment] natkeeper-notify: tells 2 address(es)",
        HEARTBEAT,
        "ok [deployment] OOS template natkeeper-gateway-setup: is that of this version",
        *(f"ok [deployment] role {name}: is allowed all that it needs" for name in ROLES),
        *(f"ok [deployment] service-linked role {name}: is there" for name in LINKED),
        "ok what the function sees: prod is well",
    ]


DECLARED = DeclaredFunction("failover", FUNCTION, tuple(DeclaredTrigger(name, "eventbridge", "", {}) for name in NAMES))
OFF = tuple(trigger(name, "eventbridge", on=False, asyncInvocationType=True) for name in NAMES)
MAIN, TRIGGERS, RULES = (f"[deployment] {FUNCTION}{part}" for part in ("", " triggers", " event rules"))
NO_TRIGGERS = f"no longer ok {TRIGGERS}: 1 timer, 4 for events"
ALL_GONE = [
    f"no longer ok {MAIN} concurrency: one run at a time",
    f"no longer ok {RULES}: invoke asynchronously",
    NO_TRIGGERS,
]
REPORT = (
    "may not report a loss, by an asynchronous destination: fc:InvokeFunction on"
    f" acs:fc:cn-hangzhou:*:functions/{FUNCTION}, acs:fc:cn-hangzhou:*:functions/{FUNCTION}/*"
)
LOG = (
    "may not write its log: log:PostLogStoreLogs on"
    " acs:log:cn-hangzhou:*:project/serverless-cn-hangzhou-*/logstore/default-logs"
)
ENTER = f"may not enter the VPC in which it looks: {', '.join(WANTED['probe'].statements[1].actions)}"
NOT_LOOKED_AT = [
    f"no longer ok {PROBE}: {LOOKS_WELL}",
    f"no longer ok [deployment] {NOTIFY}: tells 2 address(es)",
    f"no longer {HEARTBEAT}",
]
SEES = "[deployment] what the function sees"
Case = tuple[dict[str, Any], list[str]]
FUNCTIONS: dict[str, Case] = {
    # what differs from the healthy account; what is said of it
    "not seen": ({"failover": UNSEEN}, [f"unseen {MAIN}: {NOT_SEEN}", "→ natkeeper policy --for operator", *ALL_GONE]),
    "not there": ({"failover": None}, [f"wrong {MAIN}: is not deployed", "→ natkeeper check && s deploy", *ALL_GONE]),
    "of FC 2.0": ({"failover": None, "fc2": True}, [
        f"advice {MAIN}: is a function of FC 2.0: settings and triggers are not looked at", "→ templates/fc2/s.yaml",
        f"wrong [deployment] the probe {PROBE} of prod, notify: functions of FC 2.0 cannot be called by the API of 3.0",
        "→ leave it out of natkeeper.yaml, and deploy",
        *ALL_GONE, *NOT_LOOKED_AT,
    ]),
    "of FC 2.0, with neither probe nor notify": (
        {"failover": None, "fc2": True, **config(notify=None, groups=(policy(probe={}),))},
        [f"advice {MAIN}: is a function of FC 2.0: settings and triggers are not looked at", *ALL_GONE, *NOT_LOOKED_AT],
    ),
    "of FC 2.0, with a probe and no answer": (
        {"failover": None, "fc2": True, "answer": "no answer", **config(notify=None)},
        [
            f"advice {MAIN}: is a function of FC 2.0: settings and triggers are not looked at",
            f"wrong [deployment] the probe {PROBE} of prod: functions of FC 2.0 cannot be called by the API of 3.0",
            f"wrong {SEES}: no answer", *ALL_GONE, *NOT_LOOKED_AT, "no longer ok what the function sees: prod is well",
        ],
    ),
    "not there, and not asked": ({"failover": None, "answer": "it is not deployed"}, [
        f"wrong {MAIN}: is not deployed", *ALL_GONE, "no longer ok what the function sees: prod is well",
    ]),
    "not seen, and not asked": ({"failover": UNSEEN, "answer": "it is not deployed"}, [
        f"unseen {MAIN}: {NOT_SEEN}", *ALL_GONE, "no longer ok what the function sees: prod is well",
    ]),
    "in a VPC": (failover(vpc="vpc-1"), [f"wrong {MAIN}: is bound to vpc-1", "→ take vpcConfig out of s.yaml"]),
    "no internet": (failover(internet_access=False), [
        f"wrong {MAIN}: has no internet access, so it cannot reach the API", "→ internetAccess: true in s.yaml",
    ]),
    "too short": (failover(timeout_s=59), [
        f"wrong {MAIN}: may run for 59 s only, and is cut off in the middle of a run", "→ timeout: 60 in s.yaml",
    ]),
    "longer than needed": (failover(timeout_s=61), []),
    "two at a time": (failover(reserved=2), [
        f"wrong {MAIN} concurrency: is 2", "→ concurrencyConfig: {reservedConcurrency: 1} in s.yaml",
    ]),
    "none at a time": (failover(reserved=0), [f"wrong {MAIN} concurrency: is 0"]),
    "any number at a time": (failover(reserved=None), [f"wrong {MAIN} concurrency: is no limit"]),
    "no role": (failover(role=""), [f"wrong {MAIN}: has no role, so it may do nothing", "→ role: in s.yaml"]),
    "no timer": (failover(triggers=EVENTS), [
        f"wrong {TRIGGERS}: no timer is on, so nothing is seen that makes no event", "→ s deploy",
    ]),
    "a timer that is off": (failover(triggers=(trigger("sweep", "timer", on=False), *EVENTS)), [
        f"wrong {TRIGGERS}: no timer is on, so nothing is seen that makes no event",
    ]),
    "no events": (failover(triggers=(TIMER,)), [
        f"wrong {TRIGGERS}: no EventBridge trigger is on: only the timer's minute looks for a dead gateway",
        "→ s deploy; where it cannot create them, make rules on bus `default` by hand",
    ]),
    "events that are off": (failover(triggers=(TIMER, *OFF)), [
        f"wrong {TRIGGERS}: no EventBridge trigger is on: only the timer's minute looks for a dead gateway",
    ]),
    "two events that are off": (failover(triggers=(TIMER, *OFF[:2], *EVENTS[2:])), [
        f"advice {TRIGGERS}: ecs-state, ecs-notices of s.yaml are not there or off",
        "→ s failover deploy --trigger ecs-state,ecs-notices -y: the component",
    ]),
    "an event that is not there": (failover(triggers=(TIMER, *EVENTS[:-1])), [
        f"advice {TRIGGERS}: vpc-operations of s.yaml are not there or off",
    ]),
    "another timer, another event": (
        failover(triggers=(TIMER, trigger("mine", "timer"), *EVENTS, trigger("mine-too", "eventbridge"))),
        [f"ok {TRIGGERS}: 2 timer, 5 for events"],
    ),
    "a trigger is missing": ({"incomplete": (Incomplete(DECLARED, NAMES[:1], ()),)}, [
        f"wrong {MAIN} in s.yaml: ecs-state missing", "→ s failover deploy --trigger ecs-state -y", NO_TRIGGERS,
    ]),
    "a trigger is missing, and that is named once": (
        {"incomplete": (Incomplete(DECLARED, NAMES[:1], ()),), **failover(triggers=(TIMER, *EVENTS[1:]))},
        [f"wrong {MAIN} in s.yaml: ecs-state missing", NO_TRIGGERS],
    ),
    "a trigger differs": ({"incomplete": (Incomplete(DECLARED, (), NAMES[:1]),)}, [
        f"advice {MAIN} in s.yaml: ecs-state differs from s.yaml",
        "→ s failover deploy --trigger ecs-state -y", NO_TRIGGERS,
    ]),
    "settings differ": ({"incomplete": (Incomplete(DECLARED, (), (), ("asyncInvokeConfig",)),)}, [
        f"wrong {MAIN} in s.yaml: asyncInvokeConfig not as s.yaml says", "→ s failover deploy -y", NO_TRIGGERS,
    ]),
    "rules not seen": ({"rules": UNSEEN}, [f"unseen {RULES}: {NOT_SEEN}", NO_TRIGGERS]),
    "no rules": ({"rules": ()}, [f"no longer ok {RULES}: invoke asynchronously"]),
    "rules that are off": (rule(enabled=False), [
        f"wrong {RULES}: ecs-state switched off, so their events wake nobody", "→ EnableRule", NO_TRIGGERS,
    ]),
    "several rules that are off": (
        {"rules": tuple(replace(each, enabled=False) for each in HEALTHY_RULES[:2])},
        [f"wrong {RULES}: ecs-state, ecs-notices switched off, so their events wake nobody", NO_TRIGGERS],
    ),
    "rules that stop": (
        {"rules": tuple(replace(each, tolerance="NONE") for each in HEALTHY_RULES[:2])},
        [
            f"wrong {RULES}: ecs-state, ecs-notices stop at an event that fails, and hold back all after it",
            "→ errorsTolerance: ALL in s.yaml",
            NO_TRIGGERS,
        ],
    ),
    "rules that wait": (
        {"rules": tuple(replace(each, way="SYNC") for each in HEALTHY_RULES[:2])},
        [
            f"advice {RULES}: ecs-state, ecs-notices invoke synchronously",
            "→ asyncInvocationType: false: this platform reads the flag the other way round; a busy function",
            NO_TRIGGERS,
        ],
    ),
    "rules that wait as they were told to": (
        {**rule(3, way="SYNC"), **failover(triggers=(TIMER, *(trigger(name, "eventbridge") for name in NAMES)))},
        [f"advice {RULES}: vpc-operations invoke synchronously", "→ asyncInvocationType: true; a busy", NO_TRIGGERS],
    ),
    "a rule that does not say": (rule(1, way=""), [f"no longer ok {RULES}: invoke asynchronously"]),
    "a way that is not seen": ({"zones": UNSEEN}, [
        f"unseen {PROBE} zone: {NOT_SEEN}", f"no longer ok {PROBE}: {LOOKS_WELL}",
    ]),
}  # fmt: skip
MINE = f"wrong {PROBE}"
PROBES: dict[str, Case] = {
    "not seen": ({"probes": {PROBE: UNSEEN}}, [f"unseen {PROBE}: {NOT_SEEN}"]),
    "not there": ({"probes": {PROBE: None}}, [
        f"{MINE}: this probe is not deployed", "→ natkeeper probes --write adds it to s.yaml; then s deploy. Or",
    ]),
    "no vSwitch": (probe(vswitches=()), [
        f"{MINE}: is in no vSwitch, so it does not see what private hosts see", "→ vpcConfig in s.yaml: a vSwitch",
    ]),
    "one good vSwitch excuses no others": (probe(vswitches=("vsw-y", PRIVATE.id, "vsw-x")), [
        f"{MINE}: vsw-x, vsw-y is not bound to {TABLE}, so it looks through another route", "→ use one of vsw-private",
    ]),
    "no vSwitch is bound to the table": (ground(vswitches=[]), [
        f"{MINE}: vsw-private is not bound to {TABLE}, so it looks through another route",
        "→ use one of none: no vSwitch",
    ]),
    "several could be used": (
        {**ground(vswitches=[replace(PRIVATE, id="vsw-2"), replace(PRIVATE, id="vsw-1")])},
        [
            f"{MINE}: vsw-private is not bound to {TABLE}, so it looks through another route",
            "→ use one of vsw-1, vsw-2",
        ],
    ),
    "vSwitches not seen": (ground(vswitches=UNSEEN), [f"unseen {PROBE}: {NOT_SEEN}"]),
    "zones that FC does not serve": ({"zones": frozenset({"x", "k"})}, [
        f"{MINE}: stands in h, which Function Compute does not serve", "→ use a vSwitch in one of k, x",
    ]),
    "one good zone excuses no other": (
        {**ground(vswitches=[PRIVATE, replace(PRIVATE, id="vsw-2", zone="z"), replace(PRIVATE, id="vsw-3", zone="y")]),
         **probe(vswitches=(PRIVATE.id, "vsw-2", "vsw-3"))},
        [f"{MINE}: stands in y, z, which Function Compute does not serve"],
    ),
    "no zone is known": ({"zones": frozenset()}, []),
    "a way out of its own": (probe(internet_access=True), [
        f"{MINE}: has FC's own way out, so it would never see a dead gateway", "→ internetAccess: false in s.yaml",
    ]),
    "another group": (probe(environment={"NATKEEPER_GROUP": "other"}), [
        f"{MINE}: guards group other", "→ NATKEEPER_GROUP: prod in s.yaml",
    ]),
    "no group": (probe(environment={}), [f"{MINE}: guards group nobody named"]),
    "reports to nobody": (probe(on_failure=""), [
        f"{MINE}: reports to nobody, and not to {FUNCTION}",
        "→ asyncInvokeConfig.destinationConfig.onFailure in s.yaml",
    ]),
    "reports to a namesake": (probe(on_failure="functions/my-natkeeper-failover"), [
        f"{MINE}: reports to functions/my-natkeeper-failover, and not to {FUNCTION}",
    ]),
    "its silence is not noticed": (probe(on_success="functions/my-natkeeper-failover"), [
        f"advice {PROBE}: does not report the end of its watches: nobody notices that it is silent, nor a brown-out",
        "→ asyncInvokeConfig.destinationConfig.onSuccess in s.yaml",
    ]),
    "tried again": (probe(async_retries=1), [
        f"advice {PROBE}: is tried again when it reports", "→ maxAsyncRetryAttempts: 0 in s.yaml",
    ]),
    "the platform's own tries": (probe(async_retries=None), [f"advice {PROBE}: is tried again when it reports"]),
    "a disabled timer": (probe(triggers=(trigger("look", "timer", on=False),)), [
        f"{MINE}: no timer is on, so it never looks", "→ s deploy",
    ]),
    "events instead of a timer": (probe(triggers=EVENTS), [f"{MINE}: no timer is on, so it never looks"]),
}  # fmt: skip
NOTIFICATION: dict[str, Case] = {
    "nobody is to be told": (config(notify=None, heartbeat=False), [
        "advice [deployment] notify: nobody is told of moves", "→ notify: natkeeper-notify, and NATKEEPER_NOTIFY",
        f"no longer ok [deployment] {NOTIFY}: tells 2 address(es)",
        f"no longer {HEARTBEAT}",
    ]),
    "not seen": ({"notify": UNSEEN}, [f"unseen [deployment] {NOTIFY}: {NOT_SEEN}"]),
    "not there": ({"notify": None}, [f"wrong [deployment] {NOTIFY}: is not deployed, so nobody is told", "→ s deploy"]),
    "addresses not seen": ({"addresses": UNSEEN}, [f"unseen [deployment] {NOTIFY}: {NOT_SEEN}"]),
    "no addresses": ({"addresses": 0}, [
        f"advice [deployment] {NOTIFY}: has no addresses, so it tells nobody",
        "→ write addresses into natkeeper.notify, or export NATKEEPER_NOTIFY, where you run s deploy",
    ]),
    "one address": ({"addresses": 1}, [f"ok [deployment] {NOTIFY}: tells 1 address(es)"]),
    "no heartbeat": (config(heartbeat=False), [
        "advice [deployment] heartbeat: nobody is told when Function Compute, the timer or the account itself stops",
        "→ heartbeat: true, and heartbeat+https://… in natkeeper.notify; or metrics: 5m and templates/ros/",
    ]),
    "metrics instead of a heartbeat": (config(heartbeat=False, metrics=300.0), [
        "ok [deployment] heartbeat: the log has metrics, for the alarms of templates/ros/monitoring.yaml",
    ]),
}  # fmt: skip
TEMPLATE, ROLE, LINK = (
    "[deployment] OOS template natkeeper-gateway-setup",
    f"[deployment] role {PROBE}",
    ("[deployment] service-linked role AliyunServiceRoleForEventBridgeSourceCMS"),
)
REST: dict[str, Case] = {
    "a template not seen": ({"templates": {"natkeeper-gateway-setup": UNSEEN}}, [f"unseen {TEMPLATE}: {NOT_SEEN}"]),
    "no template": ({"templates": {"natkeeper-gateway-setup": None}}, [
        f"wrong {TEMPLATE}: does not exist, so no gateway can be set up", "→ natkeeper template",
    ]),
    "an old template": ({"templates": {"natkeeper-gateway-setup": oos_template() + "#"}}, [
        f"advice {TEMPLATE}: is not that of this version", "→ natkeeper template",
    ]),
    "a template with white space around it": ({"templates": {"natkeeper-gateway-setup": f"\n{oos_template()}\n"}}, []),
    "a role not seen": ({"roles": {**ROLES, FUNCTION: UNSEEN}}, [f"unseen [deployment] role {FUNCTION}: {NOT_SEEN}"]),
    "no role": ({"roles": {**ROLES, FUNCTION: None}}, [
        f"wrong [deployment] role {FUNCTION}: does not exist", "→ natkeeper policy --ros > roles.yaml",
    ]),
    "a role of another service": (role(trusts=("ecs.aliyuncs.com", "oos.aliyuncs.com")), [
        f"wrong {ROLE}: trusts ecs.aliyuncs.com, oos.aliyuncs.com, and not fc.aliyuncs.com",
        "→ let its trust policy name fc.aliyuncs.com",
    ]),
    "a role of nobody": (role(trusts=()), [f"wrong {ROLE}: trusts nobody, and not fc.aliyuncs.com"]),
    "a role of several services": (role(trusts=("ecs.aliyuncs.com", "fc.aliyuncs.com")), []),
    "a role that may not report": (role(documents=(without(0),)), [
        f"wrong {ROLE}: {REPORT}",
        "→ natkeeper policy --for probe prints what it needs",
    ]),
    "a role that may not enter": (role(documents=(without(1),)), [f"wrong {ROLE}: {ENTER}"]),
    "permissions in two policies": (role(documents=(without(1), without(0))), []),
    "a role that may nothing": (role(documents=()), [
        f"wrong {ROLE}: {REPORT}",
        f"wrong {ROLE}: {ENTER}",
        f"wrong {ROLE}: {LOG}",
    ]),
    "a linked role not seen": (linked(UNSEEN), [f"unseen {LINK}: {NOT_SEEN}"]),
    "no linked role": (linked(None), [
        f"advice {LINK}: is not there: events of ECS do not arrive",
        "→ CreateServiceLinkedRole --ServiceName source-cms.eventbridge.aliyuncs.com",
    ]),
    "no answer": ({"answer": "no answer in 60 s"}, [
        f"wrong {SEES}: no answer in 60 s", "→ see its log, or compare with `natkeeper status --direct`",
        "no longer ok what the function sees: prod is well",
    ]),
    "no groups in the answer": ({"answer": {}}, [
        f"wrong {SEES}: groups none, and here: prod", "→ s deploy: the configuration is baked into the function",
        "no longer ok what the function sees: prod is well",
    ]),
    "other groups": (answer({**WELL, "group": "zulu"}, WELL, {**WELL, "group": "old"}), [
        f"wrong {SEES}: groups old, prod, zulu, and here: prod",
        "ok [zulu] what the function sees: prod is well",
        "ok [old] what the function sees: prod is well",
    ]),
    "a group of which nothing is found": (
        {"not_found": frozenset({"zulu", "lost"}), **answer(WELL, {**WELL, "group": "lost"})},
        [
            f"wrong {SEES}: groups lost, prod, and here: lost, prod, zulu",
            "ok [lost] what the function sees: prod is well",
        ],
    ),
    "a group of which nothing is found here or there": (
        {"not_found": frozenset({"lost"}), **answer(WELL, {**WELL, "group": "lost"})},
        ["ok [lost] what the function sees: prod is well"],
    ),
    "problems": (answer({**WELL, "problems": ["a denied call", "another"], "outcome": "attention"}), [
        "wrong what the function sees: a denied call; another", "→ mend what it names",
    ]),
    "attention": (answer({**WELL, "outcome": "attention", "sentence": "prod: no gateway is left"}), [
        "wrong what the function sees: prod: no gateway is left", "→ natkeeper status",
    ]),
    "a receipt without problems": (answer({key: value for key, value in WELL.items() if key != "problems"}), []),
}  # fmt: skip


PARTS = {"the function": FUNCTIONS, "a probe": PROBES, "notification": NOTIFICATION, "the rest": REST}
CASES = {f"{part}: {name}": case for part, cases in PARTS.items() for name, case in cases.items()}


@pytest.mark.parametrize("change, wanted", CASES.values(), ids=CASES)
def test_what_is_wrong_with_a_deployment_is_said_and_nothing_else(change: dict[str, Any], wanted: list[str]) -> None:
    """It is named, with what helps; what was well is said to be so no longer."""
    assert difference(judged(FACTS), judged(replace(FACTS, **change)), wanted) == wanted


RESERVED: dict[str, tuple[list[Deployed | Failure | None], int | None]] = {
    "as many as there are": ([LOOKS] * 33, None),
    "one too many": ([*[LOOKS] * 33, replace(LOOKS, reserved=1)], 100),
    "as many, of more probes": ([replace(LOOKS, reserved=2)] * 49, None),
    "none": ([replace(LOOKS, reserved=None)] * 200, None),
    "not deployed yet": ([None] * 34, 102),
    "not seen": ([UNSEEN] * 34, 102),
}


@pytest.mark.parametrize("probes, reserved", RESERVED.values(), ids=RESERVED)
def test_more_instances_than_an_account_has_are_counted(
    probes: list[Deployed | Failure | None], reserved: int | None
) -> None:
    """What probes reserve, or will by s.yaml, of all groups; and the function's one."""
    routes = [{"table": f"vtb-x{number:03}", "probe": f"probe-{number}"} for number in range(len(probes))]
    one, others = (policy(probe={}, routes=some) for some in (routes[:1], routes[1:]))
    groups = (msgspec.structs.replace(one, name="one"), others)
    known = {f"probe-{number}": each for number, each in enumerate(probes)}
    changed = replace(FACTS, probes=known, grounds={group.name: HEALTHY for group in groups}, **config(groups=groups))
    found = [each for each in judged(changed) if each.about == "instances"]
    says = f"{len(probes)} probes reserve {reserved} instances, with the failover function {(reserved or 0) + 1}, and"
    assert [(each.level.value, each.area, each.says) for each in found] == (
        [("advice", "deployment", f"{says} an account has 100 in a region")] if reserved else []
    )
