"""How do templates, executions, tasks and logs look in an answer?  Times are UTC to the second."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.rpc import JsonObject
from natlab.cloud.oos.models import Execution, LogLine, StoredTemplate, TaskExecution
from natlab.cloud.oos.template import OosTemplate, Output


def template_answer(stored: StoredTemplate) -> JsonObject:
    """The metadata of a template; the SHA-256 of its content is what the platform calls Hash."""
    return {
        "TemplateId": stored.id,
        "TemplateName": stored.name,
        "TemplateVersion": stored.version,
        "TemplateFormat": stored.template.format,
        "Description": stored.template.description,
        "Hash": content_hash(stored.content),
        "ShareType": "Private",
        "HasTrigger": False,
        "Tags": dict(stored.tags),
        "CreatedBy": stored.created_by,
        "CreatedDate": utc(stored.created),
        "UpdatedBy": stored.updated_by,
        "UpdatedDate": utc(stored.updated),
    }


def content_hash(content: str) -> str:
    """The Hash of a template's content, in lower-case hexadecimal."""
    import hashlib

    return hashlib.sha256(content.encode()).hexdigest()


def execution_answer(execution: Execution, tasks: Sequence[TaskExecution], *, parameters_as_text: bool) -> JsonObject:
    """An execution; StartExecution writes its Parameters as JSON text, ListExecutions as an object."""
    own = [task for task in tasks if task.execution_id == execution.id]
    top = [task for task in own if not task.parent]
    counted = Counter(task.status for task in top)
    parameters: object = dict(execution.parameters)
    return {
        "ExecutionId": execution.id,
        "TemplateId": execution.template_id,
        "TemplateName": execution.template_name,
        "TemplateVersion": execution.template_version,
        "Status": execution.status,
        "StatusMessage": execution.message,
        "Mode": "Automatic",
        "SafetyCheck": execution.safety_check,
        "RamRole": execution.ram_role,
        "ExecutedBy": by(execution.principal.access_key_id, execution.principal.account_id),
        "Description": execution.description,
        "Parameters": json.dumps(parameters, ensure_ascii=False) if parameters_as_text else parameters,
        "Outputs": json.dumps(dict(execution.outputs), ensure_ascii=False),
        "Tags": dict(execution.tags),
        "IsParent": False,
        "ParentExecutionId": "",
        "Counters": {
            "Total": len(execution.template.tasks),
            **{status: counted[status] for status in ("Success", "Failed", "Running", "Skipped", "Cancelled")},
        },
        "CurrentTasks": [
            {"TaskName": task.name, "TaskAction": task.action, "TaskExecutionId": task.id}
            for task in top
            if not task.over
        ],
        "CreateDate": utc(execution.created),
        "StartDate": _moment(execution.started),
        "UpdateDate": utc(execution.updated or execution.created),
        "EndDate": _moment(execution.ended),
    }


def task_answer(task: TaskExecution, template_id: str) -> JsonObject:
    """One entry of ListTaskExecutions."""
    answer: JsonObject = {
        "TaskExecutionId": task.id,
        "ExecutionId": task.execution_id,
        "ChildExecutionId": task.id,
        "ParentTaskExecutionId": task.parent,
        "TaskName": task.name,
        "TaskAction": task.action,
        "TemplateId": template_id,
        "Status": task.status,
        "StatusMessage": task.message,
        "Properties": json.dumps(dict(task.properties), ensure_ascii=False),
        "Outputs": json.dumps(dict(task.outputs), ensure_ascii=False),
        "LoopItem": task.item,
        "LoopBatchNumber": task.batch,
        "CreateDate": utc(task.created),
        "StartDate": utc(task.created),
        "UpdateDate": utc(task.updated),
        "EndDate": _moment(task.ended),
    }
    return answer if task.loop is None else {**answer, "Loop": dict(task.loop)}


def log_answer(line: LogLine) -> JsonObject:
    """One entry of ListExecutionLogs."""
    return {
        "Timestamp": utc(line.at),
        "TaskExecutionId": line.task_execution_id,
        "LogType": "System",
        "Message": line.message,
    }


def validated_answer(template: OosTemplate) -> JsonObject:
    """What ValidateTemplateContent says of a sound template."""
    return {
        "RamRole": str(template.ram_role),
        "Parameters": json.dumps({name: dict(spec.rules) for name, spec in template.parameters.items()}),
        "Outputs": json.dumps({output.name: _output(output) for output in template.outputs}),
        "Tasks": [
            {
                "Name": task.name,
                "Type": task.action.name,
                "Description": task.description,
                "Properties": json.dumps(dict(task.properties)),
                "Outputs": json.dumps({output.name: _output(output) for output in task.outputs}),
            }
            for task in template.tasks
        ],
    }


def by(access_key_id: str, account_id: str) -> str:
    """Who did something, as OOS writes it: `root(1000000000000001)`, or the key's id for a temporary one."""
    name = access_key_id if access_key_id.startswith("STS.") else "root"
    return f"{name}({account_id})"


def _output(output: Output) -> JsonObject:
    return {"Type": output.kind, "Value": output.source}


def _moment(seconds: float) -> str:
    return utc(seconds) if seconds else ""
