"""Do Alibaba's own clients, unmodified, work against the served OOS and Cloud Assistant?"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_oos20190601 import models as oos_models
from alibabacloud_oos20190601.client import Client as OosClient
from alibabacloud_tea_openapi.models import Config
from Tea.exceptions import TeaException

from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.guests import ScriptedGuests
from tests.cloud.test_oos_executions import LOOP

REGION = "cn-hangzhou"


class ServedCloud:
    """A served cloud with one instance, and clients of it."""

    def __init__(self, cloud: Cloud, endpoint: str) -> None:
        self.cloud = cloud
        key = cloud.accounts.create_access_key()
        self.config = Config(
            access_key_id=key.access_key_id,
            access_key_secret=key.access_key_secret,
            endpoint=endpoint.removeprefix("http://"),
            protocol="http",
            region_id=REGION,
        )
        self.oos = OosClient(self.config)
        self.ecs = EcsClient(self.config)
        vswitch = cloud.vpc.create_vswitch(cloud.vpc.create_vpc("10.0.0.0/8"), "10.0.0.0/24")
        self.instance = cloud.ecs.create_instance(vswitch)


@pytest.fixture
def served() -> Iterator[ServedCloud]:
    guests = ScriptedGuests(script=lambda _instance, script: CommandResult(0, b"ran " + script))
    cloud = Cloud(latencies=Latencies(scale=0.01), data_plane=guests)
    with cloud.serve() as endpoint:
        yield ServedCloud(cloud, endpoint)
    cloud.close()


def eventually(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """Look again until it is good; the test's own time limit is what ends it otherwise."""
    seen: Any = None
    for _ in range(1000):
        seen = look()
        if good(seen):
            return seen
        time.sleep(0.01)
    pytest.fail(f"still {seen}")


def test_the_oos_client_drives_a_template_from_creation_to_outputs(served: ServedCloud) -> None:
    """Create, read, start, watch, list tasks and logs, delete."""
    oos = served.oos
    content = json.dumps(LOOP)
    made = oos.create_template(
        oos_models.CreateTemplateRequest(
            region_id=REGION, template_name="natkeeper-setup", content=content, tags={"app": "natkeeper"}
        )
    ).body.template
    assert (made.template_version, made.tags) == ("v1", {"app": "natkeeper"})
    read = oos.get_template(oos_models.GetTemplateRequest(region_id=REGION, template_name="natkeeper-setup")).body
    assert (read.content, read.template.hash) == (content, made.hash)
    started = oos.start_execution(
        oos_models.StartExecutionRequest(
            region_id=REGION,
            template_name="natkeeper-setup",
            parameters=json.dumps({"instanceIds": [served.instance]}),
            safety_check="Skip",
            client_token="once",
            tags={"group": "prod"},
        )
    ).body.execution
    assert (started.status, json.loads(started.parameters)["instanceIds"]) == ("Started", [served.instance])

    def look() -> Any:
        request = oos_models.ListExecutionsRequest(region_id=REGION, execution_id=started.execution_id)
        return oos.list_executions(request).body.executions[0]

    done = eventually(look, lambda execution: execution.status in {"Success", "Failed"})
    assert (done.status, json.loads(done.outputs)) == ("Success", {"reports": ["ran report"]})
    assert done.parameters["role"] == "OOSServiceRole"
    listed = oos.list_task_executions(
        oos_models.ListTaskExecutionsRequest(
            region_id=REGION, execution_id=started.execution_id, include_child_task_execution=True
        )
    ).body.task_executions
    assert {task.status for task in listed} == {"Success"}
    logs = oos.list_execution_logs(
        oos_models.ListExecutionLogsRequest(region_id=REGION, execution_id=started.execution_id)
    ).body
    assert logs.execution_logs[0].message == "The task run started."
    oos.delete_template(oos_models.DeleteTemplateRequest(region_id=REGION, template_name="natkeeper-setup"))
    with pytest.raises(TeaException) as refusal:
        oos.get_template(oos_models.GetTemplateRequest(region_id=REGION, template_name="natkeeper-setup"))
    assert refusal.value.code == "EntityNotExists.Template"


def test_the_oos_client_validates_and_asks_for_a_policy(served: ServedCloud) -> None:
    """The two operations that tell about a template without running it."""
    validated = served.oos.validate_template_content(
        oos_models.ValidateTemplateContentRequest(region_id=REGION, content=json.dumps(LOOP))
    ).body
    assert validated.tasks[0].type == "ACS::ECS::RunCommand"
    policy = served.oos.generate_execution_policy(
        oos_models.GenerateExecutionPolicyRequest(region_id=REGION, template_content=json.dumps(LOOP))
    ).body
    assert "ecs:RunCommand" in policy.policy
    with pytest.raises(TeaException):
        served.oos.validate_template_content(
            oos_models.ValidateTemplateContentRequest(region_id=REGION, content="Tasks: []")
        )


def test_the_oos_client_cancels_and_approves(served: ServedCloud) -> None:
    """Without SafetyCheck=Skip an execution waits, and can be ended or let go on."""

    def waiting() -> str:
        request = oos_models.StartExecutionRequest(
            region_id=REGION,
            template_content=json.dumps({**LOOP, "Outputs": {}}),
            parameters=json.dumps({"instanceIds": [served.instance]}),
        )
        execution_id = str(served.oos.start_execution(request).body.execution.execution_id)
        eventually(lambda: status(execution_id), lambda state: bool(state == "Waiting"))
        return execution_id

    def status(execution_id: str) -> str:
        request = oos_models.ListExecutionsRequest(region_id=REGION, execution_id=execution_id)
        return str(served.oos.list_executions(request).body.executions[0].status)

    cancelled, approved = waiting(), waiting()
    served.oos.cancel_execution(oos_models.CancelExecutionRequest(region_id=REGION, execution_id=cancelled))
    assert status(cancelled) == "Cancelled"
    served.oos.notify_execution(
        oos_models.NotifyExecutionRequest(region_id=REGION, execution_id=approved, notify_type="Approve")
    )
    assert eventually(lambda: status(approved), lambda state: bool(state == "Success")) == "Success"


def test_the_ecs_client_runs_a_command(served: ServedCloud) -> None:
    """Run, look, decode the output; the agent's status is a word."""
    ecs = served.ecs
    script = b"echo hello {{ who }}"
    invoke_id = ecs.run_command(
        ecs_models.RunCommandRequest(
            region_id=REGION,
            type="RunShellScript",
            command_content=base64.b64encode(script).decode(),
            content_encoding="Base64",
            instance_id=[served.instance],
            enable_parameter=True,
            parameters={"who": "world"},
            timeout=60,
            keep_command=False,
            client_token="once",
            tag=[ecs_models.RunCommandRequestTag(key="app", value="natkeeper")],
        )
    ).body.invoke_id

    def look() -> Any:
        request = ecs_models.DescribeInvocationResultsRequest(region_id=REGION, invoke_id=invoke_id)
        return ecs.describe_invocation_results(request).body.invocation.invocation_results.invocation_result[0]

    done = eventually(look, lambda result: result.invocation_status not in {"Pending", "Running"})
    assert (done.invocation_status, done.exit_code) == ("Success", 0)
    assert base64.b64decode(done.output) == b"ran echo hello world"
    agent = ecs.describe_cloud_assistant_status(
        ecs_models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[served.instance])
    ).body.instance_cloud_assistant_status_set.instance_cloud_assistant_status[0]
    assert agent.cloud_assistant_status == "true"
    with pytest.raises(TeaException) as refusal:
        ecs.run_command(
            ecs_models.RunCommandRequest(
                region_id=REGION, type="RunShellScript", command_content="true", instance_id=["i-nobody"]
            )
        )
    assert refusal.value.code == "InvalidInstance.NotFound"


def test_the_ecs_client_keeps_invokes_and_stops_commands(served: ServedCloud) -> None:
    """Create a command, invoke it twice, stop one, describe all."""
    ecs = served.ecs
    command_id = ecs.create_command(
        ecs_models.CreateCommandRequest(
            region_id=REGION, name="setup", type="RunShellScript", command_content="true", timeout=60
        )
    ).body.command_id
    invoke = ecs_models.InvokeCommandRequest(region_id=REGION, command_id=command_id, instance_id=[served.instance])
    ids = [ecs.invoke_command(invoke).body.invoke_id for _ in range(2)]
    ecs.stop_invocation(ecs_models.StopInvocationRequest(region_id=REGION, invoke_id=ids[1]))
    commands = ecs.describe_commands(ecs_models.DescribeCommandsRequest(region_id=REGION)).body.commands.command
    assert [(command.name, command.invoke_times) for command in commands] == [("setup", 2)]
    described = ecs.describe_invocations(
        ecs_models.DescribeInvocationsRequest(region_id=REGION, command_id=command_id, max_results=1)
    ).body
    assert described.next_token
    assert described.invocations.invocation[0].invoke_id == ids[1]
