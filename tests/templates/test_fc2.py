"""templates/fc2: what the component of FC 2.0 is told, deployed to the local FC 2.0 with that generation's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fc2
import pytest
import yaml

from natkeeper.packaging import BUNDLES
from natkeeper.packaging.target import FUNCTION_COMPUTE_2
from natlab.deploy import TemplateScope, load
from tests.cli.town import Command, Workspace, command, town

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "templates" / "fc2" / "s.yaml"

# Fields of the component fc: its documentation, "Yaml specification" (service, function, triggers).
SERVICE = {"name", "description", "internetAccess", "role", "vpcConfig", "logConfig", "nasConfig", "tracingConfig"}
FUNCTION = {
    *("name", "description", "codeUri", "handler", "memorySize", "runtime", "timeout", "cpu", "diskSize"),
    *("environmentVariables", "instanceConcurrency", "asyncConfiguration"),
}
TRIGGER = {"name", "type", "config", "qualifier", "role", "sourceArn"}


def template(**variables: str) -> dict[str, Any]:
    """The template with its variables put in."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    scope = TemplateScope({**raw["vars"], **variables}, {}, {})
    services = scope.resolve(raw["services"])
    assert isinstance(services, dict)
    return services


def pattern(config: dict[str, Any]) -> Any:
    """The event pattern of a trigger's body, whatever its white space."""
    return json.loads(config.get("eventRuleFilterPattern", "null"))


def test_every_field_is_one_of_the_component() -> None:
    """A misspelt field would be ignored without a word."""
    for service in template().values():
        assert service["component"] == "fc"
        props = service["props"]
        assert set(props) == {"region", "service", "function", "triggers"}
        assert set(props["service"]) <= SERVICE
        assert set(props["function"]) <= FUNCTION
        assert all(set(trigger) <= TRIGGER for trigger in props["triggers"])


def test_it_says_the_same_as_the_template_for_fc_3() -> None:
    """Patterns, sizes, times, destinations: a person who changes one is reminded of the other."""
    new = {resource.name: resource.props for resource in load(ROOT / "s.yaml", environ={}).resources}
    for name, service in template().items():
        old, function = service["props"], service["props"]["function"]
        props = new[name]
        for key in ("cpu", "memorySize", "diskSize", "timeout", "handler", "instanceConcurrency"):
            assert function[key] == props[key], (name, key)
        wanted = {trigger["triggerName"]: pattern(trigger["triggerConfig"]) for trigger in props["triggers"]}
        assert {trigger["name"]: pattern(trigger["config"]) for trigger in old["triggers"]} == wanted
        asynchronous = dict(props["asyncInvokeConfig"])
        asynchronous.pop("destinationConfig", None)
        assert asynchronous.pop("qualifier") == "LATEST"  # the component of FC 2.0 has no such field: it is always so
        mine = dict(function["asyncConfiguration"])
        mine.pop("destination", None)
        assert mine.pop("statefulInvocation") is False  # FC 3.0 calls it asyncTask; false is the default of both
        assert mine == asynchronous
        assert old["service"]["internetAccess"] is (name != "probe")
        assert ("vpcConfig" in old["service"]) is (name == "probe")


def test_the_bundles_are_built_for_its_python() -> None:
    """runtime, code and the pre-deploy step agree."""
    services = template()
    names = {spec.name for spec in BUNDLES}
    for name, service in services.items():
        function = service["props"]["function"]
        assert function["runtime"] == f"python{FUNCTION_COMPUTE_2.python}"
        assert (FILE.parent / function["codeUri"]).resolve() == ROOT / "build" / "bundle" / f"{name}.zip"
        assert name in names
    (action,) = services["failover"]["actions"]["pre-deploy"]
    assert f"--for {FUNCTION_COMPUTE_2.name}" in action["run"]
    assert (FILE.parent / action["path"]).resolve() == ROOT


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A town whose functions are those of the template, in the local FC 2.0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    with town(tmp_path) as built:
        built.write(probe=None, setup={"via": "assistant"})
        monkeypatch.setenv("NATKEEPER_ENDPOINT", built.cloud.endpoint)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", built.key.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", built.key.access_key_secret)
        _deploy(built)
        yield built


def _deploy(place: Workspace) -> None:
    """Do what the component does: services, functions, triggers, asynchronous settings."""
    from tests.cli import town as sources

    client = fc2.Client(
        endpoint=place.cloud.endpoint, accessKeyID=place.key.access_key_id, accessKeySecret=place.key.access_key_secret
    )
    code = {"failover": sources._FAILOVER, "probe": sources._PROBE}
    variables = {"account": place.cloud.account_id, "vpc": place.vpc, "vswitch": place.private}
    for name, described in template(**variables).items():
        props = described["props"]
        service, function = props["service"], props["function"]
        network = service.get("vpcConfig")
        if network is not None:  # the component's spelling, and the API's
            network = {("vSwitchIds" if key == "vswitchIds" else key): value for key, value in network.items()}
        client.create_service(
            service["name"],
            service["description"],
            role=service["role"],
            internetAccess=service["internetAccess"],
            vpcConfig=network,
        )
        files = {"index.py": code[name], "natkeeper.json": json.dumps(place.config)}
        folder = place.home / name
        folder.mkdir()
        for path, content in files.items():
            (folder / path).write_text(content, encoding="utf-8")
        client.create_function(
            service["name"],
            function["name"],
            function["runtime"],
            function["handler"],
            codeDir=str(folder),
            timeout=function["timeout"],
            memorySize=function["memorySize"],
            environmentVariables={
                **function.get("environmentVariables", {}),
                "NATKEEPER_ENDPOINT": place.cloud.endpoint,
            },
        )
        for trigger in props["triggers"]:
            config = {**trigger["config"], **({"cronExpression": "@every 30m"} if trigger["type"] == "timer" else {})}
            client.create_trigger(
                service["name"], function["name"], trigger["name"], trigger["type"], config, None, None
            )


def test_the_command_line_asks_the_function_of_the_service(
    place: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """status and switch, through FC 2.0, by natkeeper's own code on an older runtime's contract."""
    natkeeper: Command = command(capsys)
    way = ("--fc2", "natkeeper/natkeeper-failover")
    assert natkeeper("status", *way).code == 0
    ended = natkeeper("switch", "prod", *way, "--json")
    (receipt,) = ended.data["receipts"]
    assert (ended.code, place.hop) == (1, place.b), ended  # nothing proves it
    assert receipt["verified"] is None  # no probe in FC 2.0: only the gateway itself was seen to reach the internet
    told = natkeeper("doctor", *way, "--json").data["findings"]
    said = {finding["about"]: finding["says"] for finding in told}
    assert "not looked at" in said["natkeeper-failover"]
    assert "cannot be called" in said["notify"]
    assert "carries it" in said["what the function sees"] or "internet" in said["what the function sees"]
    triggers = {trigger.name for trigger in place.cloud.fc.triggers("natkeeper$natkeeper-failover")}
    assert triggers == {"sweep", "ecs-state", "ecs-notices", "ecs-operations", "vpc-operations"}
