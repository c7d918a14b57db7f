"""Cloud Assistant: what becomes of a command, and what its answers say."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.kernel.errors import ApiError
from tests.cloud.guests import GuestCloud


@pytest.fixture
def ground() -> Iterator[GuestCloud]:
    ground = GuestCloud()
    yield ground
    ground.cloud.close()


def run(ground: GuestCloud, script: str = "echo hello", **more: str) -> str:
    content = base64.b64encode(script.encode()).decode()
    given = {
        "Type": "RunShellScript",
        "CommandContent": content,
        "ContentEncoding": "Base64",
        "InstanceId__1": ground.one,
    }
    return str(ground.ecs("RunCommand", **(given | more))["InvokeId"])


def results(ground: GuestCloud, invoke_id: str, **more: str) -> list[Any]:
    answer: Any = ground.ecs("DescribeInvocationResults", InvokeId=invoke_id, **more)
    found: list[Any] = answer["Invocation"]["InvocationResults"]["InvocationResult"]
    return found


def invocation(ground: GuestCloud, invoke_id: str) -> Any:
    answer: Any = ground.ecs("DescribeInvocations", InvokeId=invoke_id)
    return answer["Invocations"]["Invocation"][0]


def refusal(ground: GuestCloud, action: str, **parameters: str) -> str:
    with pytest.raises(ApiError) as raised:
        ground.ecs(action, **parameters)
    return raised.value.code


def test_a_command_goes_through_its_states(ground: GuestCloud) -> None:
    """Pending until delivered, Running until reported, then Success with output and exit code."""
    invoke_id = run(ground)
    assert results(ground, invoke_id)[0]["InvocationStatus"] == "Pending"
    ground.pass_time(0.6)
    assert results(ground, invoke_id)[0]["InvocationStatus"] == "Running"
    assert invocation(ground, invoke_id)["InvokeStatus"] == "Running"
    ground.pass_time(1.0)
    result = results(ground, invoke_id)[0]
    assert (result["InvocationStatus"], result["InvokeRecordStatus"], result["ExitCode"]) == ("Success", "Finished", 0)
    assert base64.b64decode(result["Output"]) == b"done\n"
    assert results(ground, invoke_id, ContentEncoding="PlainText")[0]["Output"] == "done\n"
    assert invocation(ground, invoke_id)["InvokeStatus"] == "Finished"
    assert ground.guests.ran == [(ground.one, b"echo hello")]


def test_an_exit_code_fails_the_command(ground: GuestCloud) -> None:
    """A script that ends with 3 is Failed with ExitCodeNonzero."""
    ground.guests.script = lambda _instance, _script: CommandResult(3, b"no\n")
    invoke_id = run(ground)
    ground.pass_time(2)
    result = results(ground, invoke_id)[0]
    assert (result["InvocationStatus"], result["ErrorCode"], result["ExitCode"]) == ("Failed", "ExitCodeNonzero", 3)


def test_what_cannot_be_delivered_is_aborted_with_the_reason(ground: GuestCloud) -> None:
    """A stopped instance and a missing agent are told apart."""
    ground.guests.alive = False
    invoke_id = run(ground)
    ground.pass_time(1)
    result = results(ground, invoke_id)[0]
    assert (result["InvocationStatus"], result["ErrorCode"]) == ("Aborted", "ClientNotRunning")
    assert "ExitCode" not in result
    ground.cloud.ecs.stop(ground.one, force=True)
    ground.pass_time(60)
    invoke_id = run(ground)
    ground.pass_time(1)
    assert results(ground, invoke_id)[0]["ErrorCode"] == "InstanceNotRunning"
    assert ground.guests.ran == []


def test_an_agent_that_was_seen_lately_is_waited_for(ground: GuestCloud) -> None:
    """A hung guest delays delivery for a minute, unless it comes back in time."""
    ground.pass_time(1)
    ground.ecs("DescribeCloudAssistantStatus", InstanceId__1=ground.one)
    ground.guests.alive = False
    given_up, delivered = run(ground), ""
    ground.pass_time(30)
    assert results(ground, given_up)[0]["InvocationStatus"] == "Pending"
    ground.pass_time(31)
    assert results(ground, given_up)[0]["ErrorCode"] == "DeliveryTimeout"
    delivered = run(ground)
    ground.pass_time(10)
    ground.guests.alive = True
    ground.pass_time(10)
    assert results(ground, delivered)[0]["InvocationStatus"] == "Success"


def test_a_guest_that_never_answers_times_out(ground: GuestCloud) -> None:
    """Timeout counts from the beginning on the instance; a late report changes nothing."""
    ground.guests.script = lambda _instance, _script: None
    invoke_id = run(ground, Timeout="30")
    ground.pass_time(30)
    assert results(ground, invoke_id)[0]["InvocationStatus"] == "Running"
    ground.pass_time(1)
    result = results(ground, invoke_id)[0]
    assert (result["InvocationStatus"], result["ErrorCode"]) == ("Timeout", "ExecutionTimeout")


def test_an_instance_that_goes_down_interrupts_its_command(ground: GuestCloud) -> None:
    """It is Failed with ExecutionInterrupted, not a timeout."""
    ground.guests.script = lambda _instance, _script: None
    invoke_id = run(ground)
    ground.pass_time(5)
    ground.cloud.ecs.stop(ground.one, force=True)
    ground.pass_time(60)
    result = results(ground, invoke_id)[0]
    assert (result["InvocationStatus"], result["ErrorCode"]) == ("Failed", "ExecutionInterrupted")


def test_several_instances_fail_in_part(ground: GuestCloud) -> None:
    """One of two failing makes the invocation PartialFailed; each instance keeps its own result."""
    ground.guests.script = lambda instance, _script: CommandResult(0 if instance == ground.one else 1, b"")
    invoke_id = run(ground, InstanceId__2=ground.two)
    ground.pass_time(2)
    assert invocation(ground, invoke_id)["InvocationStatus"] == "PartialFailed"
    assert [result["ExitCode"] for result in results(ground, invoke_id)] == [0, 1]
    assert len(results(ground, invoke_id, InstanceId=ground.two)) == 1
    assert len(results(ground, invoke_id, InvokeRecordStatus="Failed")) == 1


def test_the_end_of_a_long_output_is_kept(ground: GuestCloud) -> None:
    """24 KB remain, from the end, and Dropped says how much went."""
    ground.guests.script = lambda _instance, _script: CommandResult(0, b"x" * 30_000 + b"last line")
    invoke_id = run(ground)
    ground.pass_time(2)
    result = results(ground, invoke_id, ContentEncoding="PlainText")[0]
    assert result["Output"].endswith("last line")
    assert (len(result["Output"]), result["Dropped"]) == (24 * 1024, 30_009 - 24 * 1024)


def test_the_same_token_runs_once(ground: GuestCloud) -> None:
    """A repeated call gets the same invocation; other parameters under the token are refused."""
    first = run(ground, ClientToken="t-1")
    assert run(ground, ClientToken="t-1") == first
    ground.pass_time(2)
    assert len(ground.guests.ran) == 1
    with pytest.raises(ApiError, match="IdempotentParameterMismatch"):
        run(ground, "echo other", ClientToken="t-1")


def test_custom_parameters_are_filled_in(ground: GuestCloud) -> None:
    """Names are case-insensitive, one that is not passed is empty, built-in ones come from the cloud."""
    script = "echo {{ Name }} [{{other}}] {{ACS::InstanceId}}"
    run(ground, script, EnableParameter="true", Parameters='{"name": "Jack"}')
    ground.pass_time(1)
    assert ground.guests.ran == [(ground.one, f"echo Jack [] {ground.one}".encode())]
    assert refusal_of_run(ground, script, EnableParameter="true", Parameters='{"who": "J"}') == "Parameter.NotMatched"
    assert refusal_of_run(ground, script, Parameters='{"name": "J"}') == "Parameter.Disabled"


def refusal_of_run(ground: GuestCloud, script: str, **more: str) -> str:
    with pytest.raises(ApiError) as raised:
        run(ground, script, **more)
    return raised.value.code


@pytest.mark.parametrize(
    "more,code",
    [
        ({"Type": "RunPython"}, "InvalidCmdType.NotFound"),
        ({"CommandContent": "%%%"}, "CmdContent.DecodeError"),
        ({"CommandContent": base64.b64encode(b"x" * 18_433).decode()}, "CmdContent.ExceedLimit"),
        ({"Timeout": "86401"}, "InvalidTimeout.ExceedLimit"),
        ({"Timeout": "9"}, "InvalidParameter"),
        ({"Name": "n" * 129}, "CmdName.ExceedLimit"),
        ({"WorkingDir": "tmp"}, "InvalidParameter.WorkingDir"),
        ({"InstanceId__1": "i-nobody"}, "InvalidInstance.NotFound"),
        ({"InstanceId__1": ""}, "MissingParam.InstanceId"),
        ({"RepeatMode": "Period"}, "InvalidRepeatMode.NotFound"),
        ({"ClientToken": "t" * 65}, "InvalidClientToken.Malformed"),
        ({"Tag__1__Value": "v"}, "MissingParameter.TagKey"),
    ],
)
def test_a_wrong_command_is_refused_in_alibabas_words(ground: GuestCloud, more: dict[str, str], code: str) -> None:
    """Every limit of the reference has its own code, and nothing runs."""
    assert refusal_of_run(ground, "true", **more) == code
    ground.pass_time(2)
    assert ground.guests.ran == []


def test_content_of_just_24_kilobytes_is_taken(ground: GuestCloud) -> None:
    """The limit counts after Base64: 18432 bytes are the most."""
    run(ground, "x" * 18_432)


def test_at_most_a_hundred_instances(ground: GuestCloud) -> None:
    """One more is refused before anything else is looked at."""
    many = {f"InstanceId__{number}": f"i-{number}" for number in range(1, 102)}
    assert refusal_of_run(ground, "true", **many) == "InstanceIds.ExceedLimit"


def test_a_command_can_be_kept_and_invoked(ground: GuestCloud) -> None:
    """CreateCommand and KeepCommand keep one, a plain RunCommand does not."""
    run(ground, Name="passing")
    run(ground, Name="kept", KeepCommand="true")
    created = ground.ecs("CreateCommand", Name="made", Type="RunShellScript", CommandContent="true", Tag__1__Key="k")
    listed: Any = ground.ecs("DescribeCommands", ContentEncoding="PlainText")
    assert [command["Name"] for command in listed["Commands"]["Command"]] == ["kept", "made"]
    tagged: Any = ground.ecs("DescribeCommands", Tag__1__Key="k")
    assert [base64.b64decode(item["CommandContent"]) for item in tagged["Commands"]["Command"]] == [b"true"]
    command_id = str(created["CommandId"])
    invoke_id = str(ground.ecs("InvokeCommand", CommandId=command_id, InstanceId__1=ground.two)["InvokeId"])
    ground.pass_time(2)
    assert results(ground, invoke_id)[0]["InvocationStatus"] == "Success"
    assert refusal(ground, "InvokeCommand", CommandId="c-none", InstanceId__1=ground.one) == "InvalidCmdId.NotFound"


def test_a_command_that_is_no_text_is_shown_with_marks(ground: GuestCloud) -> None:
    """A read never fails for what someone once wrote; as Base64 it is whole."""
    content = base64.b64encode(b"echo \xff").decode()
    odd = {"Name": "odd", "Type": "RunShellScript", "CommandContent": content, "ContentEncoding": "Base64"}
    ground.ecs(
        "InvokeCommand", CommandId=str(ground.ecs("CreateCommand", **odd)["CommandId"]), InstanceId__1=ground.one
    )
    shown = []
    for encoding in ("PlainText", "Base64"):
        kept: Any = ground.ecs("DescribeCommands", ContentEncoding=encoding)
        ran: Any = ground.ecs("DescribeInvocations", ContentEncoding=encoding)
        shown += [kept["Commands"]["Command"][0], ran["Invocations"]["Invocation"][0]]
    assert [each["CommandContent"] for each in shown] == [*["echo \ufffd"] * 2, *[content] * 2]


def test_a_running_command_can_be_stopped(ground: GuestCloud) -> None:
    """What waits is cancelled at once, what runs is told to stop and ends a little later."""
    ground.guests.script = lambda _instance, _script: None
    running = run(ground)
    ground.pass_time(1)
    waiting = run(ground)
    for invoke_id in (running, waiting):
        ground.ecs("StopInvocation", InvokeId=invoke_id)
    assert results(ground, waiting)[0]["InvocationStatus"] == "Cancelled"
    assert invocation(ground, running)["InvokeStatus"] == "Stopping"
    ground.pass_time(1)
    assert results(ground, running)[0]["InvocationStatus"] == "Terminated"
    assert invocation(ground, running)["InvokeStatus"] == "Stopped"
    assert refusal(ground, "StopInvocation", InvokeId="t-none") == "InvalidInvokeId.NotFound"
    assert refusal(ground, "StopInvocation", InvokeId=running, InstanceId__1=ground.two) == "InvalidInstanceId.NotFound"


def test_the_agents_status_is_a_word_and_lags_behind(ground: GuestCloud) -> None:
    """The word is true for two minutes after the last heartbeat, whatever has become of the guest."""

    def status() -> Any:
        answer: Any = ground.ecs("DescribeCloudAssistantStatus", InstanceId__1=ground.one)
        return answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"][0]

    assert status()["CloudAssistantStatus"] == "true"
    assert status()["LastHeartbeatTime"] == "2026-01-01T00:00:00Z"
    ground.guests.alive = False
    ground.pass_time(119)
    assert status()["CloudAssistantStatus"] == "true"
    ground.pass_time(2)
    assert status()["CloudAssistantStatus"] == "false"
    nobody = refusal(ground, "DescribeCloudAssistantStatus", InstanceId__1="i-nobody")
    assert nobody == "InvalidInstance.NotFound"


def test_results_come_in_pages_of_either_style(ground: GuestCloud) -> None:
    """Numbers with a total, or tokens; a token that was never given out is refused."""
    for _ in range(3):
        run(ground)
    numbered: Any = ground.ecs("DescribeInvocations", PageNumber="2", PageSize="2")
    assert (len(numbered["Invocations"]["Invocation"]), numbered["TotalCount"]) == (1, 3)
    first: Any = ground.ecs("DescribeInvocations", MaxResults="2")
    second: Any = ground.ecs("DescribeInvocations", MaxResults="2", NextToken=first["NextToken"])
    assert (len(second["Invocations"]["Invocation"]), second["NextToken"]) == (1, "")
    assert refusal(ground, "DescribeInvocations", NextToken="nonsense") == "InvalidParameter.NextToken"
    assert refusal(ground, "DescribeInvocations", MaxResults="51") == "InvalidParameter.MaxResults"
    assert refusal(ground, "DescribeInvocations", PageSize="51") == "InvalidParam.PageSize"
