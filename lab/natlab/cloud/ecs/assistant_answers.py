"""How do commands, invocations and their results look in an answer?"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from natlab.cloud.ecs.assistant_commands import Command
from natlab.cloud.ecs.assistant_runs import CommandInvocation, CommandRun
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import JsonObject


def command_answer(command: Command, invoked: int, *, plain: bool) -> JsonObject:
    """One entry of DescribeCommands."""
    return {
        "CommandId": command.id,
        "Name": command.name,
        "Type": command.kind,
        "Description": command.description,
        "CommandContent": command.content.decode("utf-8", "replace") if plain else command.encoded,
        "WorkingDir": command.working_dir,
        "Timeout": command.timeout_s,
        "EnableParameter": command.has_parameters,
        "ParameterNames": {"ParameterName": command.parameter_names()},
        "InvokeTimes": invoked,
        "Provider": "User",
        "Version": 1,
        "Latest": True,
        "CreationTime": utc(command.created),
        "Tags": _tags(command.tags),
    }


def invocation_answer(invocation: CommandInvocation, values: Values, *, plain: bool, output: bool) -> JsonObject:
    """One entry of DescribeInvocations, with the runs on the instance asked for, or on all."""
    command = invocation.command
    instance_id = values.text("InstanceId")
    runs = [run for run in invocation.runs.values() if instance_id in ("", run.instance_id)]
    return {
        "InvokeId": invocation.id,
        "CommandId": command.id,
        "CommandName": command.name,
        "CommandDescription": command.description,
        "CommandType": command.kind,
        "CommandContent": command.content.decode("utf-8", "replace") if plain else command.encoded,
        "Parameters": json.dumps(dict(invocation.parameters)),
        "RepeatMode": "Once",
        "Timed": False,
        "Frequency": "",
        "Timeout": invocation.timeout_s,
        "Username": invocation.username,
        "WorkingDir": invocation.working_dir,
        "CreationTime": utc(invocation.created),
        "InvokeStatus": invocation.legacy_status,
        "InvocationStatus": invocation.status,
        "InvokeInstances": {"InvokeInstance": [_instance(run, plain=plain, output=output) for run in runs]},
        "Tags": _tags(invocation.tags),
    }


def _instance(run: CommandRun, *, plain: bool, output: bool) -> JsonObject:
    return {
        "InstanceId": run.instance_id,
        "InstanceInvokeStatus": record_status(run),
        "InvocationStatus": run.status,
        "CreationTime": utc(run.created),
        "StartTime": moment(run.started),
        "StopTime": moment(run.stopped),
        "FinishTime": moment(run.finished),
        "UpdateTime": utc(run.updated),
        "Timed": False,
        "Repeats": 1 if run.started else 0,
        "Dropped": run.dropped,
        "ErrorCode": run.error_code,
        "ErrorInfo": run.error_info,
        "Output": _output(run, plain=plain) if output else "",
        **_exit_code(run),
    }


def result_answer(invocation: CommandInvocation, run: CommandRun, *, plain: bool) -> JsonObject:
    """One entry of DescribeInvocationResults."""
    return {
        "InvokeId": invocation.id,
        "CommandId": invocation.command.id,
        "InstanceId": run.instance_id,
        "InvocationStatus": run.status,
        "InvokeRecordStatus": record_status(run),
        "StartTime": moment(run.started),
        "StopTime": moment(run.stopped),
        "FinishedTime": moment(run.finished),
        "Repeats": 1 if run.started else 0,
        "Dropped": run.dropped,
        "ErrorCode": run.error_code,
        "ErrorInfo": run.error_info,
        "Output": _output(run, plain=plain),
        "Username": invocation.username,
        "Tags": _tags(invocation.tags),
        **_exit_code(run),
    }


def _exit_code(run: CommandRun) -> JsonObject:
    return {} if run.exit_code is None else {"ExitCode": run.exit_code}


def _output(run: CommandRun, *, plain: bool) -> str:
    return run.output.decode("utf-8", "replace") if plain else base64.b64encode(run.output).decode()


def record_status(run: CommandRun) -> str:
    """One run in the older words of InvokeRecordStatus and InstanceInvokeStatus."""
    if run.status in ("Terminated", "Cancelled"):
        return "Stopped"
    if run.status in ("Pending", "Running", "Stopping"):
        return "Stopping" if run.status == "Stopping" else "Running"
    return "Finished" if run.status == "Success" else "Failed"


def moment(seconds: float) -> str:
    """A moment as Cloud Assistant writes it; empty for one that has not come."""
    return utc(seconds) if seconds else ""


def _tags(tags: Sequence[tuple[str, str]]) -> JsonObject:
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags]}
