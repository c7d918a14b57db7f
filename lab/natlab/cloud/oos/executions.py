"""The operations on executions, their tasks and their logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.rpc import JsonObject, RpcCall
from natlab.cloud.oos.engine import SERVICE, Engine, parameter_scope
from natlab.cloud.oos.exceptions import invalid, no_such_execution
from natlab.cloud.oos.expressions import ExpressionError, evaluated
from natlab.cloud.oos.models import Execution
from natlab.cloud.oos.parameters import bound
from natlab.cloud.oos.queries import has_tags, json_object, ordered, page_of, tags_of, within
from natlab.cloud.oos.refusal import InvalidTemplateError
from natlab.cloud.oos.responses import by, execution_answer, log_answer, task_answer
from natlab.cloud.oos.templates import TemplateApi

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext


class ExecutionApi:
    """Executions, newest first."""

    def __init__(self, cloud: CloudContext, templates: TemplateApi) -> None:
        self._cloud = cloud
        self._templates = templates
        self.reset()

    def reset(self) -> None:
        """Forget them all."""
        self.engine = Engine(self._cloud)
        self._tokens: dict[str, tuple[Mapping[str, object], str]] = {}

    def age(self, seconds: float) -> None:
        """As if all executions had been started that much earlier, by requests that nobody repeats any more."""
        for key, each in list(self.engine.executions.items()):
            ended = each.ended - seconds if each.ended else 0.0
            older = replace(each, created=each.created - seconds, started=each.started - seconds, ended=ended)
            self.engine.executions.put(key, older)
        self._tokens.clear()

    def start(self, call: RpcCall) -> JsonObject:
        values = call.values
        token = values.text("ClientToken")
        if token in self._tokens:
            given, execution_id = self._tokens[token]
            if given != values.given and self._cloud.readings.is_("client-tokens", "one-request"):
                raise ApiError("IdempotentParameterMismatch", "The ClientToken was used with other parameters.")
            return self._started(execution_id)
        if values.text("Mode", "Automatic") != "Automatic" or values.text("LoopMode", "Automatic") != "Automatic":
            raise invalid("Mode", "the local cloud knows Automatic only")
        safety = values.text("SafetyCheck", "ConfirmEveryHighRiskAction")
        if safety not in ("Skip", "ConfirmEveryHighRiskAction"):
            raise invalid("SafetyCheck", f"{safety!r}, allowed are Skip and ConfirmEveryHighRiskAction")
        template, stored, version = self._templates.wanted(values)
        given_parameters = json_object(values.text("Parameters", "{}"), "Parameters")
        try:
            parameters = bound(template.parameters, given_parameters)
        except InvalidTemplateError as error:
            raise invalid("Parameters", str(error)) from error
        execution = Execution(
            id=f"exec-{self._cloud.ids.uuid('execution').replace('-', '').lower()[:20]}",
            template=template,
            template_id=stored.id if stored else "",
            template_name=stored.name if stored else "",
            template_version=version,
            parameters=parameters,
            given=frozenset(given_parameters),
            principal=call.principal,
            ram_role="",
            safety_check=safety,
            description=values.text("Description"),
            tags=tags_of(values),
            created=self._cloud.clock.now(),
        )
        execution = replace(execution, ram_role=self._role(execution))
        if token:
            self._tokens[token] = (dict(values.given), execution.id)
        self.engine.start(execution)
        return self._started(execution.id)

    def _role(self, execution: Execution) -> str:
        """The role that the template names, which the caller must be allowed to hand over."""
        try:
            role = evaluated(execution.template.ram_role, parameter_scope(execution, self._cloud))
        except ExpressionError as error:
            raise invalid("RamRole", str(error)) from error
        arn = f"acs:ram::{self._cloud.account_id}:role/{str(role).lower()}"
        service = {"acs:Service": SERVICE}
        if role and not self._cloud.accounts.authorize(execution.principal, "ram:PassRole", arn, service):
            raise ApiError("NoPermission", f"You are not authorized to do ram:PassRole on {arn}.", 403)
        return str(role or "")

    def _started(self, execution_id: str) -> JsonObject:
        execution = self.engine.executions[execution_id]
        tasks = list(self.engine.tasks.values())
        return {"Execution": execution_answer(execution, tasks, parameters_as_text=True)}

    def list_executions(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            execution
            for execution in self.engine.executions.as_of(call.as_of).values()
            if values.text("ExecutionId") in ("", execution.id)
            and values.text("TemplateName") in execution.template_name
            and values.text("Status") in ("", execution.status)
            and values.text("RamRole") in ("", execution.ram_role)
            and values.text("Mode") in ("", "Automatic")
            and values.text("Description") in execution.description
            and values.text("ExecutedBy") in ("", by(execution.principal.access_key_id, execution.principal.account_id))
            and within(execution.started or execution.created, execution.ended, values)
            and has_tags(execution.tags, values)
        ]
        keys: dict[str, Callable[[Execution], object]] = {
            "StartDate": lambda execution: execution.created,
            "EndDate": lambda execution: execution.ended,
            "Status": lambda execution: execution.status,
        }
        found = ordered(found, values, keys, "StartDate")
        page, token, size = page_of(found, values)
        tasks = list(self.engine.tasks.as_of(call.as_of).values())
        return {
            "Executions": [
                {**execution_answer(item, tasks, parameters_as_text=False), "Category": "Other"} for item in page
            ],
            "MaxResults": size,
            "NextToken": token,
            "TotalCount": len(found),
        }

    def list_tasks(self, call: RpcCall) -> JsonObject:
        values = call.values
        nested = values.boolean("IncludeChildTaskExecution") or bool(values.text("TaskExecutionId"))
        parent = values.text("ParentTaskExecutionId")
        wanted = {"ExecutionId": "execution_id", "TaskExecutionId": "id", "TaskName": "name", "Status": "status"}
        found = [
            task
            for task in self.engine.tasks.as_of(call.as_of).values()
            if all(values.text(name) in ("", getattr(task, field)) for name, field in wanted.items())
            and values.text("TaskAction").lower() in ("", task.action.lower())
            and (task.parent == parent if parent else nested or not task.parent)
            and within(task.created, task.ended, values)
        ]
        found = ordered(found, values, {"StartDate": lambda task: (task.created, task.id)}, "StartDate")
        page, token, size = page_of(found, values)
        executions = self.engine.executions
        entries = [task_answer(task, executions[task.execution_id].template_id) for task in page]
        return {"TaskExecutions": entries, "MaxResults": size, "NextToken": token}

    def list_logs(self, call: RpcCall) -> JsonObject:
        values = call.values
        execution_id, _, task_number = values.text("ExecutionId").partition(".")
        if execution_id not in self.engine.executions:
            raise no_such_execution(values.text("ExecutionId"))
        chosen = values.text("ExecutionId") if task_number else values.text("TaskExecutionId")
        lines = [
            line
            for line in self.engine.logs.get(execution_id, [])
            if chosen in ("", line.task_execution_id) and values.text("LogType") in ("", "System")
        ]
        page, token, size = page_of(lines, values)
        entries = [log_answer(line) for line in page]
        return {"ExecutionLogs": entries, "MaxResults": size, "NextToken": token, "IsTruncated": bool(token)}

    def cancel(self, call: RpcCall) -> JsonObject:
        execution = self._execution(call.values.text("ExecutionId"))
        if execution.over:
            raise invalid("ExecutionId", f"the execution is {execution.status} already")
        self.engine.cancel(execution.id)
        return {}

    def notify(self, call: RpcCall) -> JsonObject:
        execution = self._execution(call.values.text("ExecutionId"))
        kind = call.values.text("NotifyType")
        if kind not in ("Approve", "Reject"):
            raise invalid("NotifyType", f"{kind!r}, the local cloud knows Approve and Reject")
        if execution.status != "Waiting":
            raise invalid("ExecutionId", f"the execution is {execution.status} and does not wait")
        self.engine.notify(execution.id, approve=kind == "Approve")
        return {}

    def _execution(self, execution_id: str) -> Execution:
        execution = self.engine.executions.get(execution_id)
        if execution is None:
            raise no_such_execution(execution_id)
        return execution
