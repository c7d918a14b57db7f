"""Every value of the two s.yaml, each with its reason: a value that is changed or added has to be thought about here.

Variables are put in as their own names, so that a value also shows which variable it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper import __version__
from natlab.deploy import TemplateScope

ROOT = Path(__file__).resolve().parents[2]
SEEN_ELSEWHERE = ("description", "eventRuleFilterPattern", "component")
"""Prose; patterns, which are held against events; the components, whose schemas are."""

Values = dict[str, tuple[object, str]]
PYTHON = "what the bundles are built for"
SIZE = "what docs/performance.md measured: less is slower, more costs more"
ALONE = "a request that waited in an instance would share its processor and its minute"
SAID = "unsaid, the component deletes and writes the settings at every deployment"
LATEST = "the API answers it: a second deployment without it would ask"
AGAIN = "a run that failed did nothing or half of it: the platform tries it again"
FRESH = "an event of five minutes ago says nothing: the sweep has seen what it was about"
ONCE = "a report is the failure itself: tried again it would be told again"
LOG = "without a log nobody can see afterwards what happened"
TIMER = "what makes no event is seen within a minute"

EVENTS: Values = {
    "type": ("eventbridge", "what wakes the function within a second"),
    "triggerEnable": (True, "one that is off wakes nobody"),
    "asyncInvocationType": (True, "the platform retries what the function could not do"),
    "eventSourceConfig.eventSourceType": ("Default", "where ECS, VPC and ActionTrail put their events"),
}
SINK: Values = {
    "eventSourceConfig.eventSourceParameters": ({}, "required, and the default bus has none"),
    "eventSinkConfig.deliveryOption.eventSchema": ("CloudEvents", "the one form that payloads.py reads"),
    "runOptions.mode": ("event-driven", "one event a request: a batch would wait for others"),
    "runOptions.errorsTolerance": ("ALL", "an event that cannot be delivered must not hold up those after it"),
    "runOptions.retryStrategy.PushRetryStrategy": ("BACKOFF_RETRY", "tried again within minutes, not for a day"),
}
EACH_MINUTE: Values = {
    "type": ("timer", TIMER),
    "cronExpression": ("@every 1m", TIMER),
    "enable": (True, "one that is off does nothing"),
    "payload": ("", "a timer says all there is by its name"),
}


def triggers(own: Values, names: tuple[str, ...], **more: object) -> Values:
    """The values of triggers, each under its name; `more` stands in every one."""
    return {
        f"triggers.{name}.{key}": value
        for name in names
        for key, value in {**own, **{extra: (given, LATEST) for extra, given in more.items()}}.items()
    }


WATCHED = ("ecs-state", "ecs-notices", "ecs-operations", "vpc-operations")
FC3: dict[str, Values] = {
    "failover": {
        "region": ("<region>", "where the routes are"),
        "functionName": ("<failover>", "the name that people and the probe call"),
        "runtime": ("python3.12", PYTHON),
        "handler": ("index.handler", "functions/failover/index.py"),
        "code": ("./build/bundle/failover.zip", "what `make bundle` writes"),
        "cpu": (1, SIZE),
        "memorySize": (1024, SIZE),
        "diskSize": (512, "the least there is"),
        "timeout": (60, "a run has its minute: the next sweep would overtake a longer one"),
        "instanceConcurrency": (1, ALONE),
        "concurrencyConfig.reservedConcurrency": (1, "two runs at a time would write against each other"),
        "role": ("acs:ram::<account>:role/<failoverRole>", "the only role that may write routes"),
        "logConfig": ("auto", LOG),
        "environmentVariables.NATKEEPER_PROBES_REPORT": ("true", "the probe of this file reports its watches' ends"),
        "asyncInvokeConfig.qualifier": ("LATEST", LATEST),
        "asyncInvokeConfig.maxAsyncRetryAttempts": (2, AGAIN),
        "asyncInvokeConfig.maxAsyncEventAgeInSeconds": (300, FRESH),
        "asyncInvokeConfig.destinationConfig.onFailure.destination": (
            "acs:fc:<region>:<account>:functions/<notify>", "people hear of a run that failed",
        ),
        **triggers(EACH_MINUTE, ("sweep",), qualifier="LATEST"),
        **triggers(EVENTS | SINK, WATCHED, qualifier="LATEST"),
    },
    "probe": {
        "region": ("<region>", "where the vSwitch is"),
        "functionName": ("<probe>", "the name that natkeeper.yaml has"),
        "runtime": ("python3.12", PYTHON),
        "handler": ("index.handler", "functions/probe/index.py"),
        "code": ("./build/bundle/probe.zip", "what `make bundle` writes"),
        "cpu": (0.1, "it is charged all day, and waits nearly all of it"),
        "memorySize": (128, "the same"),
        "diskSize": (512, "the least there is"),
        "timeout": (75, "a watch lasts 60 s and what remains of a look"),
        "instanceConcurrency": (1, ALONE),
        "concurrencyConfig.reservedConcurrency": (3, "the watch, the next one, and a look after a move"),
        "internetAccess": (False, "through the gateway or nowhere"),
        "vpcConfig.vpcId": ("<vpc>", "where it looks from"),
        "vpcConfig.vSwitchIds.0": ("<vswitch>", "behind the guarded route"),
        "vpcConfig.securityGroupId": ("<securityGroup>", "which lets it out"),
        "role": ("acs:ram::<account>:role/<probeRole>", "may write no route"),
        "logConfig": ("auto", LOG),
        "environmentVariables.NATKEEPER_GROUP": ("<group>", "whose targets it looks at"),
        "asyncInvokeConfig.qualifier": ("LATEST", LATEST),
        "asyncInvokeConfig.maxAsyncRetryAttempts": (0, ONCE),
        "asyncInvokeConfig.maxAsyncEventAgeInSeconds": (60, "the next watch begins then"),
        "asyncInvokeConfig.destinationConfig.onFailure.destination": (
            "acs:fc:<region>:<account>:functions/<failover>", "its failure is its report of a loss",
        ),
        "asyncInvokeConfig.destinationConfig.onSuccess.destination": (
            "acs:fc:<region>:<account>:functions/<failover>", "the end of a watch shows that it lives",
        ),
        **triggers(EACH_MINUTE, ("look",), qualifier="LATEST"),
    },
    "notify": {
        "region": ("<region>", "beside the failover function"),
        "functionName": ("<notify>", "the name that natkeeper.yaml has"),
        "runtime": ("python3.12", PYTHON),
        "handler": ("index.handler", "functions/notify/index.py"),
        "code": ("./build/bundle/notify.zip", "what `make bundle` writes"),
        "cpu": (0.35, SIZE),
        "memorySize": (512, SIZE),
        "diskSize": (512, "the least there is"),
        "timeout": (60, "the slowest address has its time-out within it"),
        "instanceConcurrency": (1, ALONE),
        "logConfig": ("auto", LOG),
        "asyncInvokeConfig.qualifier": ("LATEST", LATEST),
        "asyncInvokeConfig.maxAsyncRetryAttempts": (2, AGAIN),
        "asyncInvokeConfig.maxAsyncEventAgeInSeconds": (3600, "news of an hour ago is still news"),
    },
}  # fmt: skip
FC2: dict[str, Values] = {
    "failover": {
        "region": ("<region>", "where the routes are"),
        "service.name": ("<service>", "what people name with --fc2"),
        "service.internetAccess": (True, "it must reach the API while the VPC has no way out"),
        "service.role": ("acs:ram::<account>:role/<failoverRole>", "the only role that may write routes"),
        "service.logConfig": ("auto", LOG),
        "function.name": ("<failover>", "what people name with --fc2"),
        "function.runtime": ("python3.10", "the newest of FC 2.0"),
        "function.handler": ("index.handler", "functions/failover/index.py"),
        "function.codeUri": ("../../build/bundle/failover.zip", "what `make bundle` writes"),
        "function.cpu": (1, SIZE),
        "function.memorySize": (1024, SIZE),
        "function.diskSize": (512, "the least there is"),
        "function.timeout": (60, "as in FC 3.0"),
        "function.instanceConcurrency": (1, ALONE),
        "function.asyncConfiguration.maxAsyncRetryAttempts": (2, AGAIN),
        "function.asyncConfiguration.maxAsyncEventAgeInSeconds": (300, FRESH),
        "function.asyncConfiguration.statefulInvocation": (False, SAID),
        **triggers(EACH_MINUTE, ("sweep",), qualifier="LATEST"),
        **triggers(EVENTS, WATCHED, qualifier="LATEST"),
    },
    "probe": {
        "region": ("<region>", "where the vSwitch is"),
        "service.name": ("<probeService>", "one of its own: role and network belong to a service"),
        "service.internetAccess": (False, "through the gateway or nowhere"),
        "service.vpcConfig.vpcId": ("<vpc>", "where it looks from"),
        "service.vpcConfig.vswitchIds.0": ("<vswitch>", "behind the guarded route"),
        "service.vpcConfig.securityGroupId": ("<securityGroup>", "which lets it out"),
        "service.role": ("acs:ram::<account>:role/<probeRole>", "may write no route"),
        "service.logConfig": ("auto", LOG),
        "function.name": ("<probe>", "what the destination of nothing else names"),
        "function.runtime": ("python3.10", "the newest of FC 2.0"),
        "function.handler": ("index.handler", "functions/probe/index.py"),
        "function.codeUri": ("../../build/bundle/probe.zip", "what `make bundle` writes"),
        "function.cpu": (0.1, "it is charged all day, and waits nearly all of it"),
        "function.memorySize": (128, "the same"),
        "function.diskSize": (512, "the least there is"),
        "function.timeout": (75, "as in FC 3.0"),
        "function.instanceConcurrency": (1, ALONE),
        "function.environmentVariables.NATKEEPER_GROUP": ("<group>", "whose targets it looks at"),
        "function.asyncConfiguration.maxAsyncRetryAttempts": (0, ONCE),
        "function.asyncConfiguration.maxAsyncEventAgeInSeconds": (60, "the next watch begins then"),
        "function.asyncConfiguration.statefulInvocation": (False, SAID),
        "function.asyncConfiguration.destination.onFailure": (
            "acs:fc:<region>:<account>:services/<service>.LATEST/functions/<failover>", "its failure is its report",
        ),
        **triggers(EACH_MINUTE, ("look",), qualifier="LATEST"),
    },
}  # fmt: skip
NAMES: Values = {
    "region": ("cn-hangzhou", "as in natkeeper.example.yaml"),
    "account": ("1000000000000001", "a text: YAML would make a number of it, and lose zeros"),
    "failover": ("natkeeper-failover", "as the commands and the printed policies have it"),
    "probe": ("natkeeper-probe", "as natkeeper.example.yaml has it"),
    "failoverRole": ("natkeeper-failover", "as the printed policies have it; lower case"),
    "probeRole": ("natkeeper-probe", "as the printed policies have it; lower case"),
    "group": ("prod", "as in natkeeper.example.yaml"),
    "vpc": ("vpc-bp1example00000000000", "an id of the right length that nobody has"),
    "vswitch": ("vsw-bp1example00000000000", "the same"),
    "securityGroup": ("sg-bp1example0000000000", "the same"),
}
FILES: dict[str, tuple[dict[str, Values], Values, Values]] = {
    "s.yaml": (
        FC3,
        NAMES | {"version": (__version__, "of this release"), "notify": ("natkeeper-notify", "as in the example")},
        {
            "edition": ("3.0.0", "which runs success-deploy after success only"),
            "name": ("natkeeper", "of the project"),
            "access": ("default", "the alias that `s config add` makes first"),
            "actions.pre-deploy.0.path": ("./", "the top of the repository, where the Makefile is"),
            "actions.pre-deploy.1.path": ("./", "the same"),
            "actions.success-deploy.0.path": ("./", "the same"),
            "actions.success-deploy.1.path": ("./", "the same"),
        },
    ),
    "templates/fc2/s.yaml": (
        FC2,
        NAMES | {"service": ("natkeeper", "what people name with --fc2"), "probeService": ("natkeeper-probe", "")},
        {
            "edition": ("1.0.0", "the one that has services"),
            "name": ("natkeeper-fc2", "of the project"),
            "access": ("default", "the alias that `s config add` makes first"),
            "services.failover.actions.pre-deploy.0.run": (
                'make bundle ARGS="--for fc2 --only failover --only probe"', "for its Python, and nothing else",
            ),
            "services.failover.actions.pre-deploy.0.path": ("../../", "the top of the repository"),
            "services.failover.actions.post-deploy.0.run": (
                ("aliyun fc-open PUT /2021-04-06/services/<service>/functions/<failover>/on-demand-config "
                '--region <region> --qualifier LATEST --header "Content-Type=application/json" '
                "--body '{\"maximumInstanceCount\": 1}'"),
                "one run at a time; the component has no setting for it",
            ),
            "services.failover.actions.post-deploy.0.path": ("./", "it needs no file"),
            "services.failover.actions.post-deploy.1.run": (
                (".venv/bin/natkeeper template --account <account>; "
                ".venv/bin/natkeeper sweep --fc2 <service>/<failover>; true"),
                "cannot fail the deployment",
            ),
            "services.failover.actions.post-deploy.1.path": ("../../", "the top of the repository"),
        },
    ),
}  # fmt: skip


def leaves(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value with its path; a trigger is known by its name, whichever component spells its parts how."""
    match node:
        case {"triggerName": name, "triggerType": kind, "triggerConfig": config, **rest}:
            yield from leaves({**rest, **config, "type": kind}, f"{path.rpartition('.')[0]}.{name}")
        case {"name": name, "type": kind, "config": config, **rest}:
            yield from leaves({**rest, **config, "type": kind}, f"{path.rpartition('.')[0]}.{name}")
        case dict() if node:
            for key, value in node.items():
                if key not in SEEN_ELSEWHERE:
                    yield from leaves(value, f"{path}.{key}".lstrip("."))
        case list() if node:
            for number, value in enumerate(node):
                yield from leaves(value, f"{path}.{number}")
        case _:
            yield path, node


def loaded(file: str) -> dict[str, Any]:
    raw = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    assert isinstance(raw, dict)
    return raw


def named(raw: dict[str, Any], node: object) -> Any:
    """A part of the file with every variable as its own name."""
    return TemplateScope({name: f"<{name}>" for name in raw["vars"]}, {}, {}).resolve(node)


def expected(values: Values) -> dict[str, object]:
    return {path: value for path, (value, _) in values.items()}


@pytest.mark.parametrize("file, name", [(file, name) for file, (functions, *_) in FILES.items() for name in functions])
def test_every_value_of_a_function_has_its_reason(file: str, name: str) -> None:
    """No more values than the table has, no fewer, and no others."""
    raw = loaded(file)
    described = raw.get("resources") or raw["services"]
    assert set(described) == set(FILES[file][0])
    props = dict(described[name]["props"])
    if name == "notify":  # NATKEEPER_NOTIFY comes from the deploying shell: see tests/deployment/test_s_yaml.py
        assert list(props.pop("environmentVariables")) == ["NATKEEPER_NOTIFY"]
    assert dict(leaves(named(raw, props))) == expected(FILES[file][0][name])


@pytest.mark.parametrize("file", FILES)
def test_every_name_and_every_step_has_its_reason(file: str) -> None:
    """What stands above the functions: variables, and where the steps before and after a deployment run."""
    raw = loaded(file)
    _, names, above = FILES[file]
    assert raw["vars"] == expected(names)
    rest = {key: value for key, value in raw.items() if key not in ("vars", "resources", "services")}
    rest |= {"services": {name: {"actions": each["actions"]} for name, each in raw.get("services", {}).items()
                          if "actions" in each}} if "services" in raw else {}  # fmt: skip
    found = dict(leaves(named(raw, rest)))
    if file == "s.yaml":  # its commands: see tests/deployment/test_s_yaml.py
        found = {path: value for path, value in found.items() if not path.endswith(".run")}
    assert found == expected(above)
