"""What becomes of an execution of the local OOS, task by task?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cloud.guests import GuestCloud

LOOP = {
    "FormatVersion": "OOS-2019-06-01",
    "Parameters": {
        "instanceIds": {"Type": "List"},
        "rate": {"Type": "Json", "Default": {"Mode": "Concurrency", "Concurrency": 1}},
        "role": {"Type": "String", "Default": "OOSServiceRole"},
    },
    "RamRole": "{{ role }}",
    "Tasks": [
        {
            "Name": "run",
            "Action": "ACS::ECS::RunCommand",
            "Properties": {"instanceId": "{{ ACS::TaskLoopItem }}", "commandContent": "report"},
            "Outputs": {"report": {"ValueSelector": "invocationOutput"}},
            "Loop": {
                "Items": "{{ instanceIds }}",
                "RateControl": "{{ rate }}",
                "Outputs": {"reports": {"AggregateType": "Fn::ListJoin", "AggregateField": "report"}},
            },
        }
    ],
    "Outputs": {"reports": {"Type": "List", "Value": "{{ run.reports }}"}},
}


@pytest.fixture
def ground() -> Iterator[GuestCloud]:
    ground = GuestCloud()
    yield ground
    ground.cloud.close()


def start(ground: GuestCloud, template: object, parameters: object = None, **more: str) -> str:
    content = {"TemplateContent": json.dumps(template)} if template else {}
    given = {"SafetyCheck": "Skip", "Parameters": json.dumps(parameters or {}), **content, **more}
    answer: Any = ground.oos("StartExecution", **given)
    return str(answer["Execution"]["ExecutionId"])


def execution(ground: GuestCloud, execution_id: str) -> Any:
    answer: Any = ground.oos("ListExecutions", ExecutionId=execution_id)
    return answer["Executions"][0]


def tasks(ground: GuestCloud, execution_id: str, **more: str) -> list[Any]:
    answer: Any = ground.oos("ListTaskExecutions", ExecutionId=execution_id, SortOrder="Ascending", **more)
    found: list[Any] = answer["TaskExecutions"]
    return found


def one_task(action: str, properties: dict[str, object], **more: object) -> dict[str, Any]:
    return {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [{"Name": "only", "Action": action, "Properties": properties, **more}],
    }


def refusal(ground: GuestCloud, action: str, **parameters: str) -> str:
    with pytest.raises(ApiError) as raised:
        ground.oos(action, **parameters)
    return raised.value.code


def test_a_loop_runs_on_every_instance_and_gathers_outputs(ground: GuestCloud) -> None:
    """Started, Running, Success; one sub-task an instance; outputs in the order of the items."""
    ground.guests.script = lambda instance, _script: CommandResult(0, instance.encode())
    execution_id = start(ground, LOOP, {"instanceIds": [ground.two, ground.one]})
    assert execution(ground, execution_id)["Status"] == "Started"
    ground.pass_time(3)
    running = execution(ground, execution_id)
    assert (running["Status"], running["CurrentTasks"][0]["TaskName"]) == ("Running", "run")
    ground.pass_time(30)
    done = execution(ground, execution_id)
    assert (done["Status"], done["RamRole"]) == ("Success", "OOSServiceRole")
    assert json.loads(done["Outputs"]) == {"reports": [ground.two, ground.one]}
    assert done["Counters"]["Success"] == 1
    [parent] = tasks(ground, execution_id)
    assert parent["Loop"] == {"Total": 2, "Success": 2, "Failed": 0}
    children = tasks(ground, execution_id, ParentTaskExecutionId=parent["TaskExecutionId"])
    assert [child["LoopItem"] for child in children] == [ground.two, ground.one]
    assert json.loads(children[0]["Outputs"])["report"] == ground.two


def test_concurrency_is_how_many_run_at_once(ground: GuestCloud) -> None:
    """One at a time waits for the first; two at a time begin together."""
    slowly: dict[str, int] = {}
    for concurrency in (1, 2):
        ground.guests.ran.clear()
        rate = {"Mode": "Concurrency", "Concurrency": concurrency}
        start(ground, LOOP, {"instanceIds": [ground.one, ground.two], "rate": rate})
        ground.pass_time(3)
        slowly[str(concurrency)] = len(ground.guests.ran)
        ground.pass_time(30)
    assert slowly == {"1": 1, "2": 2}


def test_a_failing_item_stops_the_loop_beyond_max_errors(ground: GuestCloud) -> None:
    """With no error allowed the second instance is never touched; with one allowed all goes on."""
    ground.guests.script = lambda instance, _script: CommandResult(int(instance == ground.one), b"output")
    both = [ground.one, ground.two]
    strict = start(ground, LOOP, {"instanceIds": both})
    ground.pass_time(30)
    failed = execution(ground, strict)
    assert failed["Status"] == "Failed"
    assert "ExitCodeNonzero" in failed["StatusMessage"]
    assert json.loads(failed["Outputs"]) == {}
    assert [instance for instance, _ in ground.guests.ran] == [ground.one]
    lenient = start(ground, LOOP, {"instanceIds": both, "rate": {"Mode": "Concurrency", "MaxErrors": 1}})
    ground.pass_time(30)
    done = execution(ground, lenient)
    assert (done["Status"], json.loads(done["Outputs"])) == ("Success", {"reports": ["output"]})


def test_a_script_that_fails_says_so_in_logs_and_message(ground: GuestCloud) -> None:
    """The output of a failed command is in the status message, the calls are in the log."""
    ground.guests.script = lambda _instance, _script: CommandResult(7, b"no firewalld here")
    template = one_task("ACS::ECS::RunCommand", {"instanceId": ground.one, "commandContent": "setup"})
    execution_id = start(ground, template)
    ground.pass_time(30)
    [task] = tasks(ground, execution_id)
    assert task["Status"] == "Failed"
    assert "no firewalld here" in task["StatusMessage"]
    logs: Any = ground.oos("ListExecutionLogs", ExecutionId=execution_id, TaskExecutionId=task["TaskExecutionId"])
    apis = [json.loads(line["Message"])["API"] for line in logs["ExecutionLogs"] if "API" in line["Message"]]
    assert apis[:2] == ["DescribeInstances", "RunCommand"]
    assert apis[-1] == "DescribeInvocationResults"
    same: Any = ground.oos("ListExecutionLogs", ExecutionId=task["ChildExecutionId"])
    assert same["ExecutionLogs"] == logs["ExecutionLogs"]


def test_calls_are_made_as_the_role(ground: GuestCloud) -> None:
    """ECS sees the role that the template names, not the caller of OOS."""
    start(ground, LOOP, {"instanceIds": [ground.one], "role": "NatkeeperOos"})
    ground.pass_time(30)
    roles = {call.role for call in ground.cloud.calls if call.product == "ecs"}
    assert roles == {"NatkeeperOos"}


def test_a_role_must_be_passable_and_assumable(ground: GuestCloud) -> None:
    """No ram:PassRole refuses the call; a role that does not trust OOS fails the execution."""
    ground.cloud.accounts.authorizer = lambda _who, action, _what: action != "ram:PassRole"
    with pytest.raises(ApiError, match="NoPermission"):
        start(ground, LOOP, {"instanceIds": [ground.one]})
    ground.cloud.accounts.authorizer = lambda _who, action, _what: action != "sts:AssumeRole"
    execution_id = start(ground, LOOP, {"instanceIds": [ground.one]})
    ground.pass_time(30)
    assert "Assumes role failed" in execution(ground, execution_id)["StatusMessage"]
    assert ground.guests.ran == []


def test_without_skip_a_risky_task_waits_for_a_person(ground: GuestCloud) -> None:
    """The default safety check waits; approving goes on, rejecting ends it."""
    template = one_task("ACS::ECS::RunCommand", {"instanceId": ground.one, "commandContent": "setup"})
    answer: Any = ground.oos("StartExecution", TemplateContent=json.dumps(template))
    approved = answer["Execution"]["ExecutionId"]
    ground.pass_time(60)
    assert execution(ground, approved)["Status"] == "Waiting"
    assert ground.guests.ran == []
    ground.oos("NotifyExecution", ExecutionId=approved, NotifyType="Approve")
    ground.pass_time(30)
    assert execution(ground, approved)["Status"] == "Success"
    answer = ground.oos("StartExecution", TemplateContent=json.dumps(template))
    rejected = answer["Execution"]["ExecutionId"]
    ground.pass_time(60)
    ground.oos("NotifyExecution", ExecutionId=rejected, NotifyType="Reject")
    assert execution(ground, rejected)["Status"] == "Failed"
    assert refusal(ground, "NotifyExecution", ExecutionId=approved, NotifyType="Approve") == "InvalidParameter"


def test_an_execution_can_be_cancelled_while_it_runs(ground: GuestCloud) -> None:
    """It is Cancelled at once with its tasks, and nothing of it goes on."""
    execution_id = start(ground, LOOP, {"instanceIds": [ground.one, ground.two]})
    ground.pass_time(2.5)
    ground.oos("CancelExecution", ExecutionId=execution_id)
    ground.pass_time(60)
    assert execution(ground, execution_id)["Status"] == "Cancelled"
    assert {task["Status"] for task in tasks(ground, execution_id, IncludeChildTaskExecution="true")} == {"Cancelled"}
    assert len(ground.guests.ran) <= 1
    assert refusal(ground, "CancelExecution", ExecutionId=execution_id) == "InvalidParameter"
    assert refusal(ground, "CancelExecution", ExecutionId="exec-none") == "EntityNotExists.Execution"


def test_throttled_calls_are_tried_again(ground: GuestCloud) -> None:
    """OOS outlasts throttling and lost answers, and the command still runs once."""
    ground.cloud.faults.add(CallFault(FaultKind.THROTTLE, "ecs", "RunCommand", count=1))
    ground.cloud.faults.add(CallFault(FaultKind.TIMEOUT, "ecs", "RunCommand", count=1, executed=True))
    execution_id = start(ground, LOOP, {"instanceIds": [ground.one]})
    ground.pass_time(60)
    assert execution(ground, execution_id)["Status"] == "Success"
    assert len(ground.guests.ran) == 1


@pytest.mark.parametrize(
    "code, http, status",
    [
        ("Throttling.User", 400, "Success"),
        ("SystemBusy", 400, "Success"),
        ("InternalError", 500, "Success"),
        ("ServiceUnavailable", 503, "Success"),
        ("Forbidden.RAM", 403, "Failed"),
    ],
)
def test_what_passes_is_tried_again(ground: GuestCloud, code: str, http: int, status: str) -> None:
    """Nine times; what will not pass fails the task at once."""
    ground.cloud.faults.add(CallFault(FaultKind.ERROR_CODE, "ecs", "RunCommand", count=9, code=code, status=http))
    execution_id = start(ground, LOOP, {"instanceIds": [ground.one]})
    ground.pass_time(120)
    assert execution(ground, execution_id)["Status"] == status


def test_an_api_can_be_called_waited_for_and_checked(ground: GuestCloud) -> None:
    """ExecuteAPI, WaitFor and CheckFor on the real products, with references into their answers."""
    ground.cloud.ecs.stop(ground.one)
    find = {"Service": "ECS", "API": "DescribeInstances", "Parameters": {"InstanceIds": [ground.one]}}
    status = {"PropertySelector": "Instances.Instance[].Status", "DesiredValues": ["Stopped"]}
    template = {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [
            {"Name": "wait", "Action": "ACS::WaitFor", "Properties": {**find, **status}},
            {"Name": "check", "Action": "ACS::CheckFor", "Properties": {**find, **status}},
            {"Name": "find", "Action": "ACS::ExecuteApi", "Properties": find},
            {
                "Name": "tag",
                "Action": "ACS::ExecuteAPI",
                "Properties": {
                    "Service": "ecs",
                    "API": "TagResources",
                    "Parameters": {
                        "ResourceType": "instance",
                        "ResourceIds": [ground.one],
                        "Tags": [{"Key": "seen", "Value": "{{ find.Instances.Instance[0].Status }}"}],
                    },
                },
            },
            {"Name": "rest", "Action": "ACS::Sleep", "Properties": {"Duration": "PT10S"}},
        ],
        "Outputs": {"ids": {"Type": "List", "Value": "{{ find.Instances.Instance[].InstanceId }}"}},
    }
    execution_id = start(ground, template)
    ground.pass_time(5)
    assert execution(ground, execution_id)["Status"] == "Running"
    ground.pass_time(60)
    done = execution(ground, execution_id)
    assert (done["Status"], json.loads(done["Outputs"])) == ("Success", {"ids": [ground.one]}), done["StatusMessage"]
    tagged: Any = ground.ecs("ListTagResources", ResourceType="instance", ResourceId__1=ground.one)
    assert tagged["TagResources"]["TagResource"][0]["TagValue"] == "Stopped"


def test_a_task_can_be_skipped_and_an_error_can_lead_elsewhere(ground: GuestCloud) -> None:
    """When false skips; OnError leads to a clean-up, and the execution is Failed all the same."""
    broken = {"Service": "ecs", "API": "DescribeNothing", "Parameters": {}}
    template = {
        "FormatVersion": "OOS-2019-06-01",
        "Parameters": {"deep": {"Type": "Boolean", "Default": False}},
        "Tasks": [
            {"Name": "deep", "Action": "ACS::ExecuteAPI", "Properties": broken, "When": "{{ deep }}"},
            {"Name": "bad", "Action": "ACS::ExecuteAPI", "Properties": broken, "OnError": "clean"},
            {"Name": "never", "Action": "ACS::Sleep", "Properties": {"Duration": "PT1S"}},
            {"Name": "clean", "Action": "ACS::Sleep", "Properties": {"Duration": "PT1S"}},
        ],
    }
    execution_id = start(ground, template)
    ground.pass_time(60)
    states = {task["TaskName"]: task["Status"] for task in tasks(ground, execution_id)}
    assert states == {"deep": "Skipped", "bad": "Failed", "clean": "Success"}
    ended = execution(ground, execution_id)
    assert ended["Status"] == "Failed"
    assert "task bad failed" in ended["StatusMessage"]


def test_what_a_caller_passes_is_data(ground: GuestCloud) -> None:
    """Braces in a value are not evaluated; those in the template's own default are."""
    template = one_task("ACS::ECS::RunCommand", {"instanceId": ground.one, "commandContent": "{{ given }} {{ own }}"})
    template["Parameters"] = {
        "given": {"Type": "String"},
        "own": {"Type": "String", "Default": "{{ ACS::RegionId }}"},
    }
    start(ground, template, {"given": "{{ ACS::AccountId }}"})
    ground.pass_time(30)
    assert ground.guests.ran == [(ground.one, b"{{ ACS::AccountId }} cn-hangzhou")]


def test_the_same_token_starts_one_execution(ground: GuestCloud) -> None:
    """A repeated call answers with the execution of the first; other parameters are refused."""
    first = start(ground, LOOP, {"instanceIds": [ground.one]}, ClientToken="t")
    assert start(ground, LOOP, {"instanceIds": [ground.one]}, ClientToken="t") == first
    with pytest.raises(ApiError, match="IdempotentParameterMismatch"):
        start(ground, LOOP, {"instanceIds": [ground.two]}, ClientToken="t")


def test_executions_are_found_by_what_they_are(ground: GuestCloud) -> None:
    """Template, status, tags, time, order and pages."""
    ground.oos("CreateTemplate", TemplateName="natkeeper-a", Content=json.dumps(LOOP))
    ids = []
    for number in range(3):
        parameters = {"instanceIds": [ground.one]}
        ids.append(start(ground, None, parameters, TemplateName="natkeeper-a", Tags=json.dumps({"n": str(number)})))
        ground.pass_time(30)

    def found(**filters: str) -> list[str]:
        answer: Any = ground.oos("ListExecutions", **filters)
        return [item["ExecutionId"] for item in answer["Executions"]]

    assert found(TemplateName="natkeeper") == ids[::-1]
    assert found(SortOrder="Ascending") == ids
    assert found(Tags='{"n": "1"}') == [ids[1]]
    assert found(Status="Running") == []
    assert found(StartDateAfter="2026-01-01T00:00:30Z") == [ids[2], ids[1]]
    assert found(EndDateBefore="2026-01-01T00:00:25Z") == [ids[0]]
    page: Any = ground.oos("ListExecutions", MaxResults="2")
    assert (len(page["Executions"]), page["TotalCount"]) == (2, 3)
    assert found(MaxResults="2", NextToken=page["NextToken"]) == [ids[0]]
    assert refusal(ground, "ListExecutions", SortField="Colour") == "InvalidParameter"


@pytest.mark.parametrize(
    "parameters,code",
    [
        ({"TemplateName": "nobody"}, "EntityNotExists.Template"),
        ({}, "InvalidParameter"),
        ({"TemplateContent": "Tasks: 1"}, "InvalidParameter"),
        ({"TemplateContent": json.dumps(LOOP)}, "InvalidParameter"),
        ({"TemplateContent": json.dumps(LOOP), "Parameters": "[]"}, "InvalidParameter"),
        ({"TemplateContent": json.dumps(LOOP), "Parameters": "{"}, "InvalidParameter"),
        ({"TemplateContent": json.dumps(LOOP), "SafetyCheck": "No"}, "InvalidParameter"),
        ({"TemplateContent": json.dumps(LOOP), "Mode": "Debug"}, "InvalidParameter"),
    ],
)
def test_a_wrong_start_is_refused(ground: GuestCloud, parameters: dict[str, str], code: str) -> None:
    """Nothing starts that could only fail."""
    assert refusal(ground, "StartExecution", **parameters) == code
    assert ground.oos("ListExecutions")["TotalCount"] == 0


def test_templates_have_versions_and_a_hash(ground: GuestCloud) -> None:
    """Create, update, read an old version, list and delete."""
    content, newer = json.dumps(LOOP), json.dumps({**LOOP, "Description": "newer"})
    made: Any = ground.oos("CreateTemplate", TemplateName="setup", Content=content)
    assert made["Template"]["TemplateVersion"] == "v1"
    assert refusal(ground, "CreateTemplate", TemplateName="setup", Content=content) == "EntityAlreadyExists.Template"
    ground.oos("UpdateTemplate", TemplateName="setup", Content=newer)
    latest: Any = ground.oos("GetTemplate", TemplateName="setup")
    first: Any = ground.oos("GetTemplate", TemplateName="setup", TemplateVersion="v1")
    assert (latest["Content"], latest["Template"]["TemplateVersion"]) == (newer, "v2")
    assert (first["Content"], first["Template"]["Hash"]) == (content, made["Template"]["Hash"])
    listed: Any = ground.oos("ListTemplates", TemplateName="set")
    assert [item["TemplateName"] for item in listed["Templates"]] == ["setup"]
    ground.oos("DeleteTemplate", TemplateName="setup")
    assert refusal(ground, "GetTemplate", TemplateName="setup") == "EntityNotExists.Template"


@pytest.mark.parametrize("name", ["ACS-mine", "aliyun-mine", "ALIBABA", "Alicloud_x", "with space", "n" * 201])
def test_some_template_names_are_not_ours_to_take(ground: GuestCloud, name: str) -> None:
    """Reserved beginnings, other characters and too long names are refused."""
    assert refusal(ground, "CreateTemplate", TemplateName=name, Content=json.dumps(LOOP)) == "InvalidParameter"


def test_a_template_tells_what_it_needs(ground: GuestCloud) -> None:
    """Validation describes it, and the policy has just the actions that its tasks perform."""
    told: Any = ground.oos("ValidateTemplateContent", Content=json.dumps(LOOP))
    assert told["Tasks"][0]["Type"] == "ACS::ECS::RunCommand"
    assert json.loads(told["Parameters"])["instanceIds"] == {"Type": "List"}
    assert refusal(ground, "ValidateTemplateContent", Content="{}") == "InvalidParameter"
    needed: Any = ground.oos("GenerateExecutionPolicy", TemplateContent=json.dumps(LOOP), RamRole="NatkeeperOos")
    assert json.loads(needed["Policy"])["Statement"][0]["Action"] == [
        "ecs:DescribeInstances",
        "ecs:DescribeInvocationResults",
        "ecs:DescribeInvocations",
        "ecs:RunCommand",
    ]
    assert needed["MissingPolicy"] == ""
    ground.cloud.accounts.authorizer = lambda _who, action, _what: action != "ecs:RunCommand"
    lacking: Any = ground.oos("GenerateExecutionPolicy", TemplateContent=json.dumps(LOOP), RamRole="NatkeeperOos")
    assert json.loads(lacking["MissingPolicy"])["Statement"][0]["Action"] == ["ecs:RunCommand"]


def test_reset_forgets_templates_and_executions(ground: GuestCloud) -> None:
    """Nothing that was under way comes back."""
    ground.oos("CreateTemplate", TemplateName="setup", Content=json.dumps(LOOP))
    start(ground, LOOP, {"instanceIds": [ground.one]})
    ground.cloud.reset()
    ground.pass_time(60)
    assert ground.oos("ListExecutions")["TotalCount"] == 0
    assert ground.oos("ListTemplates")["Templates"] == []
    assert ground.guests.ran == []
