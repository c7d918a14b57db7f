"""s.yaml deployed to the local cloud through the official SDK, over HTTP: what comes out is what was written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config

from natlab.cloud.cloud import Cloud
from natlab.deploy import Deployer, DeployStep, Overrides, Template, deploy, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A local cloud that listens."""
    with closing(Cloud()) as cloud, cloud.serve():
        yield cloud


@pytest.fixture
def account(cloud: Cloud) -> Deployer:
    key = cloud.accounts.create_access_key()
    return Deployer(cloud.account_id, key.access_key_id, key.access_key_secret)


@pytest.fixture
def template(cloud: Cloud, tmp_path: Path) -> Template:
    """The project's own s.yaml, with a function of one line in the place of the bundles."""
    code = tmp_path / "code.zip"
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return b'here'\n")
    wanted = Overrides(
        vars={"account": cloud.account_id, "region": cloud.region},
        environment={"NATKEEPER_ENDPOINT": cloud.endpoint},
        cron="@every 10m",
        code=dict.fromkeys(("failover", "probe", "notify"), code),
    )
    return load(ROOT / "s.yaml", wanted, environ={"NATKEEPER_NOTIFY": "json://example.test"})


@pytest.fixture
def first(cloud: Cloud, account: Deployer, template: Template) -> list[DeployStep]:
    """What the first deployment did."""
    return deploy(template, cloud.endpoint, account)


@pytest.fixture
def client(cloud: Cloud, account: Deployer, first: list[DeployStep]) -> Client:
    """The SDK, after the deployment."""
    return Client(
        Config(
            access_key_id=account.access_key_id,
            access_key_secret=account.access_key_secret,
            endpoint=cloud.endpoint.removeprefix("http://"),
            protocol="http",
        )
    )


def test_everything_new_is_created_in_order(first: list[DeployStep]) -> None:
    """Function by function: the function, its triggers with the timer first, then its configurations."""
    failover = [str(step) for step in first if "natkeeper-failover" in step.name]
    assert failover == [
        "uploaded the code of natkeeper-failover",
        "created function natkeeper-failover",
        "created timer trigger natkeeper-failover/sweep",
        "created eventbridge trigger natkeeper-failover/ecs-state",
        "created eventbridge trigger natkeeper-failover/ecs-notices",
        "created eventbridge trigger natkeeper-failover/ecs-operations",
        "created eventbridge trigger natkeeper-failover/vpc-operations",
        "set asynchronous invocation of natkeeper-failover",
        "set reserved concurrency of natkeeper-failover",
    ]


def test_functions_are_there_as_they_were_written(client: Client) -> None:
    """Size, time, environment, network and role arrive unchanged."""
    probe = client.get_function("natkeeper-probe", models.GetFunctionRequest()).body
    assert (probe.cpu, probe.memory_size, probe.timeout) == (0.1, 128, 75)
    assert probe.internet_access is False
    assert probe.vpc_config.v_switch_ids == ["vsw-bp1example00000000000"]
    assert probe.environment_variables["NATKEEPER_GROUP"] == "prod"
    failover = client.get_function("natkeeper-failover", models.GetFunctionRequest()).body
    assert failover.role == "acs:ram::1000000000000001:role/natkeeper-failover"
    assert failover.environment_variables["NATKEEPER_ENDPOINT"].startswith("http://127.0.0.1:")
    notify = client.get_function("natkeeper-notify", models.GetFunctionRequest()).body
    assert notify.environment_variables["NATKEEPER_NOTIFY"] == "json://example.test"


def test_triggers_and_configurations_are_there(client: Client, template: Template) -> None:
    """The pattern of a trigger, the destination of failures, the one instance."""
    declared = template.resources[1].props["triggers"][1]
    trigger = client.get_trigger("natkeeper-failover", "ecs-state").body
    found = json.loads(trigger.trigger_config)
    assert found["asyncInvocationType"] is True
    assert json.loads(found["eventRuleFilterPattern"]) == json.loads(
        declared["triggerConfig"]["eventRuleFilterPattern"]
    )
    request = models.GetAsyncInvokeConfigRequest(qualifier="LATEST")
    asynchronous = client.get_async_invoke_config("natkeeper-probe", request).body
    assert asynchronous.max_async_retry_attempts == 0
    destination = asynchronous.destination_config.on_failure.destination
    assert destination == "acs:fc:cn-hangzhou:1000000000000001:functions/natkeeper-failover"
    assert client.get_concurrency_config("natkeeper-failover").body.reserved_concurrency == 1


def test_the_deployed_code_runs(client: Client) -> None:
    """The archive in the request is what the function executes."""
    answer = client.invoke_function("natkeeper-failover", models.InvokeFunctionRequest())
    assert answer.body.read() == b"here"
