"""s.yaml: what Serverless Devs will be told, checked against its own schema and against our own rules for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from natkeeper import __version__
from natkeeper.packaging import BUNDLES, read_configuration
from natlab.cloud import contracts
from natlab.cloud.eventbridge.pattern import Pattern, compile_pattern
from natlab.deploy import Template, load

ROOT = Path(__file__).resolve().parents[2]
MAX_TRIGGERS = 10
MAX_DESCRIPTION = 256
"""Bytes of a trigger's description (FC, CreateTriggerInput)."""


@pytest.fixture(scope="module")
def template() -> Template:
    """s.yaml with its expressions resolved."""
    return load(ROOT / "s.yaml", environ={})


def props(template: Template, name: str) -> dict[str, Any]:
    return next(resource.props for resource in template.resources if resource.name == name)


@pytest.mark.parametrize("name", ["failover", "probe", "notify"])
def test_the_fc3_component_accepts_every_function(template: Template, name: str) -> None:
    """The properties validate against the schema that the component itself uses."""
    jsonschema.validate(props(template, name), contracts.fc3_schema())


def shape_problems(value: object, shape: object, path: str = "") -> list[str]:
    """Say where `value` is not of a contract's shape: `string`, `integer`, `boolean`, an object, or [of one]."""
    kinds: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "number": float}
    if isinstance(shape, str):
        good = isinstance(value, kinds[shape]) and not (shape == "integer" and isinstance(value, bool))
        return [] if good else [f"{path}: {value!r} is no {shape}"]
    if isinstance(shape, list):
        items = value if isinstance(value, list) else [value]
        return [found for item in items for found in shape_problems(item, shape[0], path)]
    assert isinstance(shape, dict)
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    unknown = [f"{path}.{key}: unknown" for key in value if key not in shape]
    return unknown + [
        found for key in value if key in shape for found in shape_problems(value[key], shape[key], f"{path}.{key}")
    ]


def test_trigger_bodies_have_the_shape_of_the_api(template: Template) -> None:
    """The schema lets any trigger body pass, so each is held against the API's own description."""
    shapes = contracts.fc_configurations()
    kinds = {"timer": "TimerTriggerConfig", "eventbridge": "EventBridgeTriggerConfig"}
    for resource in template.resources:
        for trigger in resource.props.get("triggers", []):
            shape = shapes[kinds[trigger["triggerType"]]]
            assert shape_problems(trigger["triggerConfig"], shape, trigger["triggerName"]) == []


def test_eventbridge_triggers_are_complete_and_asynchronous(template: Template) -> None:
    """Each has all parts that the component's interface calls required, and lets FC do the retrying."""
    required = set(contracts.fc3_schema()["definitions"]["IEventBridge"]["required"])
    found = [each for each in props(template, "failover")["triggers"] if each["triggerType"] == "eventbridge"]
    assert found
    for trigger in found:
        assert required <= set(trigger["triggerConfig"])
        assert trigger["triggerConfig"]["asyncInvocationType"] is True
        assert trigger["triggerConfig"]["triggerEnable"] is True
        assert trigger["triggerConfig"]["eventSourceConfig"]["eventSourceType"] == "Default"


def test_the_timer_stands_first(template: Template) -> None:
    """fc3 skips what follows an EventBridge trigger that did not change."""
    for resource in template.resources:
        kinds = [trigger["triggerType"] for trigger in resource.props.get("triggers", [])]
        assert kinds == sorted(kinds, key=lambda kind: kind != "timer")
        assert len(kinds) <= MAX_TRIGGERS
    assert props(template, "failover")["triggers"][0]["triggerConfig"]["cronExpression"] == "@every 1m"


def test_nothing_can_be_invoked_anonymously_and_no_secret_is_written_down(template: Template) -> None:
    """No HTTP triggers, and no access keys or webhook addresses in the file."""
    assert {t["triggerType"] for r in template.resources for t in r.props.get("triggers", [])} == {
        "timer",
        "eventbridge",
    }
    text = (ROOT / "s.yaml").read_text(encoding="utf-8")
    assert not re.search(r"LTAI|[Aa]ccess_?[Kk]ey|[Ss]ecret_?[Kk]ey|://", text)
    assert props(template, "notify")["environmentVariables"]["NATKEEPER_NOTIFY"] == ""


def test_notification_addresses_come_from_the_deploying_shell() -> None:
    """What NATKEEPER_NOTIFY holds where `s deploy` runs is what the function gets."""
    deployed = load(ROOT / "s.yaml", environ={"NATKEEPER_NOTIFY": "json://example.test"})
    assert props(deployed, "notify")["environmentVariables"] == {"NATKEEPER_NOTIFY": "json://example.test"}


def test_the_failover_function_does_not_depend_on_the_network_it_mends(template: Template) -> None:
    """It is outside the VPC, alone, and has time."""
    failover = props(template, "failover")
    assert "vpcConfig" not in failover
    assert failover.get("internetAccess", True)
    assert failover["concurrencyConfig"] == {"reservedConcurrency": 1}
    assert failover["timeout"] == 60
    assert failover["role"] == "acs:ram::1000000000000001:role/natkeeper-failover"


def test_the_probe_goes_through_the_gateway_or_nowhere(template: Template) -> None:
    """In the guarded vSwitch, without FC's own egress; its failure goes to the failover function, once."""
    probe = props(template, "probe")
    assert probe["internetAccess"] is False
    assert set(probe["vpcConfig"]) == {"vpcId", "vSwitchIds", "securityGroupId"}
    asynchronous = probe["asyncInvokeConfig"]
    assert asynchronous["maxAsyncRetryAttempts"] == 0
    failover = props(template, "failover")["functionName"]
    assert asynchronous["destinationConfig"]["onFailure"]["destination"].endswith(f":functions/{failover}")
    assert probe["environmentVariables"] == {"NATKEEPER_GROUP": "prod"}


def test_a_run_that_fails_is_told_by_the_platform(template: Template) -> None:
    """What the failover function cannot tell itself goes to the notify function, which understands the record."""
    asynchronous = props(template, "failover")["asyncInvokeConfig"]
    notify = props(template, "notify")["functionName"]
    assert asynchronous["destinationConfig"]["onFailure"]["destination"].endswith(f":functions/{notify}")
    assert asynchronous["maxAsyncRetryAttempts"] == 2


def test_role_names_are_lower_case(template: Template) -> None:
    """The component lower-cases them, so a name with capitals would not be found."""
    roles = [resource.props["role"] for resource in template.resources if "role" in resource.props]
    assert roles
    assert [role.lower() for role in roles] == roles


def test_processor_and_memory_are_a_pair_that_function_compute_takes(template: Template) -> None:
    """vCPU to GB is between 1:1 and 1:4, in steps of 0.05 vCPU and 64 MB."""
    for resource in template.resources:
        cpu, memory = resource.props["cpu"], resource.props["memorySize"]
        assert 1 <= memory / 1024 / cpu <= 4
        assert round(cpu * 100) % 5 == 0
        assert memory % 64 == 0


def test_every_function_has_its_code(template: Template) -> None:
    """Each deploys a bundle that packaging makes, from an entry file that exists."""
    assert sorted(resource.name for resource in template.resources) == sorted(spec.name for spec in BUNDLES)
    for resource in template.resources:
        assert resource.code == ROOT / "build" / "bundle" / f"{resource.name}.zip"
        assert resource.props["handler"] == "index.handler"
        assert (ROOT / "functions" / resource.name / "index.py").is_file()


def actions() -> Any:
    return yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))["actions"]


def test_a_deployment_is_prepared_by_two_commands(template: Template) -> None:
    """It builds and validates first, then looks whether notification addresses would be lost; either stops it."""
    assert [action["run"] for action in template.pre_deploy] == [
        "make bundle",
        ".venv/bin/natkeeper deployment --before",
    ]


def test_what_follows_a_deployment_runs_after_success_only_and_cannot_fail_it() -> None:
    """Edition 3.0.0 has no action post-deploy: the engine skips it, or runs it after a failure, too."""
    assert set(actions()) == {"pre-deploy", "success-deploy"}
    first, second = (action["run"] for action in actions()["success-deploy"])
    assert first == ".venv/bin/natkeeper template --account ${vars.account}; true"
    assert second == ".venv/bin/natkeeper deployment; .venv/bin/natkeeper sweep; true"


def test_the_version_of_the_file_is_that_of_the_package(template: Template) -> None:
    """It stands in the description of every EventBridge trigger, so that an upgrade writes all of them."""
    described = [
        trigger["description"]
        for trigger in props(template, "failover")["triggers"]
        if trigger["triggerType"] == "eventbridge"
    ]
    assert len(described) == 4
    assert all(text.endswith(f", natkeeper {__version__}") for text in described)
    assert all(len(text.encode()) <= MAX_DESCRIPTION for text in described)


def test_the_qualifier_is_written_down(template: Template) -> None:
    """The API answers it, so a second deployment would ask without it."""
    assert {resource.props["asyncInvokeConfig"]["qualifier"] for resource in template.resources} == {"LATEST"}


def fields(pattern: Any) -> Iterator[list[Any]]:
    """Every list of alternatives in a pattern, however deep."""
    for value in pattern.values():
        if isinstance(value, dict):
            yield from fields(value)
        else:
            yield value


def test_no_field_of_a_pattern_has_more_than_five_expressions(template: Template) -> None:
    """EventBridge takes five in one field by its limits page."""
    found = [
        field
        for trigger in props(template, "failover")["triggers"]
        if trigger["triggerType"] == "eventbridge"
        for field in fields(json.loads(trigger["triggerConfig"]["eventRuleFilterPattern"]))
    ]
    assert len(found) == 11
    assert max(map(len, found)) == 5


def test_the_example_names_the_functions_of_s_yaml(template: Template) -> None:
    """Both files, unedited, speak of the same functions and the same group."""
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    assert config.notify == props(template, "notify")["functionName"]
    assert config.region == props(template, "failover")["region"]
    group = config.group(props(template, "probe")["environmentVariables"]["NATKEEPER_GROUP"])
    assert group is not None
    assert group.probe.function == props(template, "probe")["functionName"]


def event(source: str, kind: str, **data: object) -> dict[str, Any]:
    return {"id": "1", "source": source, "specversion": "1.0", "type": kind, "data": data}


def state(name: str) -> dict[str, Any]:
    return event("acs.ecs", "ecs:Instance:StateChange", resourceId="i-1", state=name)


def trail(product: str, kind: str, name: str) -> dict[str, Any]:
    return event(f"acs.{product}", f"{product}:ActionTrail:{kind}", eventName=name)


WANTED = [
    *(state(name) for name in ("Stopping", "Stopped", "Deleted", "Running")),
    event("acs.ecs", "ecs:Instance:PreemptibleInstanceInterruption", instanceId="i-1", action="delete"),
    event("acs.ecs", "ecs:Instance:SystemMaintenance.Reboot", instanceId="i-1", eventStatus="Scheduled"),
    event("acs.ecs", "ecs:Instance:SystemFailure.Redeploy", instanceId="i-1", eventStatus="Executing"),
    event("acs.ecs", "ecs:Instance:InstanceFailure.Reboot", instanceId="i-1", eventStatus="Executing"),
    *(
        trail("ecs", kind, f"{verb}Instance{plural}")
        for kind in ("ApiCall", "ConsoleOperation")
        for verb in ("Stop", "Reboot", "Delete")
        for plural in ("", "s")
    ),
    trail("ecs", "ApiCall", "RedeployInstance"),
    trail("ecs", "ConsoleOperation", "ReplaceSystemDisk"),
    *(
        trail("vpc", kind, f"{verb}RouteEntr{plural}")
        for kind in ("ApiCall", "ConsoleOperation")
        for verb, plural in (("Modify", "y"), ("Delete", "y"), ("Delete", "ies"), ("Create", "y"), ("Create", "ies"))
    ),
    *(trail("vpc", "ApiCall", f"{verb}RouteTable") for verb in ("Associate", "Unassociate")),
    *(
        trail(product, "ApiCall", f"{verb}EipAddress")
        for product in ("vpc", "eip")
        for verb in ("Unassociate", "Release")
    ),
    # As ActionTrail's own page in EventBridge's documentation has it (actiontrail-events).
    event("acs.actiontrail", "actiontrail:ActionTrail:ApiCall", serviceName="Ecs", eventName="StopInstances"),
    event(
        "acs.actiontrail", "actiontrail:ActionTrail:ConsoleOperation", serviceName="Vpc", eventName="ModifyRouteEntry"
    ),
]
UNWANTED = [
    *(state(name) for name in ("Created", "Starting")),
    event("acs.ecs", "ecs:Disk:DiskOperationCompleted", diskId="d-1"),
    event("acs.ecs", "ecs:Instance:PerformanceModeChange", instanceId="i-1"),
    event("acs.oss", "ecs:Instance:StateChange", state="Stopped"),
    trail("ecs", "ApiCall", "DescribeInstances"),
    trail("ecs", "ApiCall", "StartInstance"),
    trail("ecs", "AliyunServiceEvent", "StopInstance"),
    trail("vpc", "ApiCall", "CreateVpc"),
    trail("vpc", "ApiCall", "CreateRouteTable"),
    trail("vpc", "ApiCall", "DescribeRouteEntryList"),
    trail("vpc", "ApiCall", "DescribeEipAddresses"),
    trail("ecs", "ApiCall", "ModifyRouteEntry"),
]


def patterns(template: Template) -> list[Pattern]:
    triggers = props(template, "failover")["triggers"]
    return [
        compile_pattern(trigger["triggerConfig"]["eventRuleFilterPattern"])
        for trigger in triggers
        if trigger["triggerType"] == "eventbridge"
    ]


@pytest.mark.parametrize("wanted", WANTED, ids=lambda e: f"{e['type']} {e['data'].get('state', '')}")
def test_an_event_that_matters_wakes_the_function_once(template: Template, wanted: dict[str, Any]) -> None:
    """Exactly one trigger lets it pass: none would be blind, two would run twice."""
    assert [pattern.matches(wanted) for pattern in patterns(template)].count(True) == 1


@pytest.mark.parametrize("unwanted", UNWANTED, ids=lambda e: f"{e['type']} {e['data'].get('state', '')}")
def test_an_event_that_says_nothing_wakes_nobody(template: Template, unwanted: dict[str, Any]) -> None:
    """The patterns are no wider than the signals of the design."""
    assert not any(pattern.matches(unwanted) for pattern in patterns(template))
