"""Takes an execution through its tasks.

Started, Running, at times Waiting for an approval, then Success, Failed or Cancelled.  Nothing here sleeps
or blocks: each step is asked for from the cloud's clock, so executions interleave with everything else as
they do in the real service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.events import utc
from natlab.cloud.kernel.records import Records
from natlab.cloud.oos import actions
from natlab.cloud.oos.calling import Caller
from natlab.cloud.oos.expressions import ExpressionError, Scope, evaluated, true
from natlab.cloud.oos.loops import Looping, pace
from natlab.cloud.oos.models import Execution, LogLine, TaskExecution
from natlab.cloud.oos.performing import Done, Failed, Outcome, perform
from natlab.cloud.oos.refusal import InvalidTemplateError
from natlab.cloud.oos.selectors import BadSelectorError, converted, one
from natlab.cloud.oos.template import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from natlab.cloud.kernel.context import CloudContext

SERVICE = "oos.aliyuncs.com"
"""The service that a role must trust for OOS to assume it."""

KEPT = 1000
"""The last executions that are remembered: a cloud that is up for a day must not slow down."""


class Engine:
    """All executions."""

    def __init__(self, cloud: CloudContext) -> None:
        self.cloud = cloud
        self.executions: Records[Execution] = Records(
            cloud.clock.now, KEPT, lambda execution: execution.id not in self._under_way
        )
        # Tasks go with their execution: one for fifty instances has more than a hundred.
        self.tasks: Records[TaskExecution] = Records(
            cloud.clock.now, KEPT, lambda task: task.execution_id not in self.executions
        )
        self.logs: dict[str, list[LogLine]] = {}
        self._under_way: dict[str, _Course] = {}

    def start(self, execution: Execution) -> None:
        """Take on a new execution."""
        self.executions.put(execution.id, execution)
        self.logs[execution.id] = []
        course = _Course(self, execution.id)
        self._under_way[execution.id] = course
        self.cloud.clock.call_later(self.cloud.latencies.of("oos.execution.start"), course.begin)

    def cancel(self, execution_id: str) -> None:
        """End it where it is; what runs on an instance already is not called back (unconfirmed)."""
        self._under_way[execution_id].end("Cancelled", "the execution was cancelled")

    def notify(self, execution_id: str, *, approve: bool) -> None:
        """Let a waiting execution go on, or end it."""
        self._under_way[execution_id].notified(approve=approve)

    def under_way(self, execution_id: str) -> list[TaskExecution]:
        """The tasks that run now."""
        return [
            task
            for task in self.tasks.values()
            if task.execution_id == execution_id and not task.over and not task.parent
        ]

    def forget(self, execution_id: str) -> None:
        """Drop the machinery of an execution that is over; its record stays."""
        self._under_way.pop(execution_id, None)


def parameter_scope(execution: Execution, cloud: CloudContext) -> Scope:
    """What names mean before any task has run; defaults may refer to pseudo parameters."""
    pseudo: dict[str, object] = {
        "ACS::RegionId": cloud.region,
        "ACS::AccountId": cloud.account_id,
        "ACS::ExecutionId": execution.id,
        "ACS::TemplateName": execution.template_name,
        "ACS::TemplateId": execution.template_id,
        "ACS::TemplateVersion": execution.template_version,
        "ACS::CurrentDate": utc(cloud.clock.now()),
    }
    outer = Scope(parameters={}, pseudo=pseudo)
    values = {
        name: value if name in execution.given else evaluated(value, outer)
        for name, value in execution.parameters.items()
    }  # what a caller passes is data; only what the template itself says is evaluated
    return Scope(parameters=values, pseudo=pseudo)


class _Course:
    """One execution on its way."""

    def __init__(self, engine: Engine, execution_id: str) -> None:
        self._engine = engine
        self._cloud = engine.cloud
        self._id = execution_id
        self._outputs: dict[str, Mapping[str, object]] = {}
        self._answers: dict[str, object] = {}
        self._principal: Principal | None = None
        self._count = 0
        self._waiting: Task | None = None
        self._failure = ""

    # ------------------------------------------------------------------ from task to task

    def begin(self) -> None:
        if self._execution.over:
            return
        execution = self._execution
        self._principal = execution.principal
        if execution.ram_role:
            arn = f"acs:ram::{self._cloud.account_id}:role/{execution.ram_role.lower()}"
            service = Principal(self._cloud.account_id, SERVICE)
            if not self._cloud.accounts.authorize(service, "sts:AssumeRole", arn):
                self.end("Failed", f"Assumes role failed. Code: NoPermission, msg: {SERVICE} may not assume {arn}")
                return
            credentials = self._cloud.accounts.assume_role(
                execution.ram_role, session=f"OOS-{self._id}", service=SERVICE
            )
            self._principal = Principal(
                self._cloud.account_id, credentials.access_key_id, execution.ram_role, taken_on_by=SERVICE
            )
        self._put(status="Running", started=self._cloud.clock.now())
        self._go_to(execution.template.tasks[0])

    def _go_to(self, task: Task) -> None:
        try:
            wanted = true(evaluated(task.when, self._scope()))
        except ExpressionError as error:
            self.end("Failed", f"task {task.name}: When: {error}")
            return
        if not wanted:
            self._close(self._open(task), "Skipped", "When is false", {})
            self._follow(task, "ACS::NEXT")
            return
        if self._needs_approval(task):
            self._waiting = task
            self._put(status="Waiting", message=f"task {task.name} waits for an approval")
            return
        self._later("oos.task.start", partial(self._launch, task))

    def notified(self, *, approve: bool) -> None:
        task, self._waiting = self._waiting, None
        if task is None:
            return
        if not approve:
            self.end("Failed", f"task {task.name} was rejected")
            return
        self._put(status="Running", message="")
        self._later("oos.task.start", partial(self._launch, task))

    def _needs_approval(self, task: Task) -> bool:
        return self._execution.safety_check != "Skip" and not actions.reads_only(task.action, task.properties)

    def _launch(self, task: Task) -> None:
        if self._execution.over:
            return
        if task.loop is None:
            self._run(task, self._open(task), self._scope(), partial(self._finished, task))
            return
        opened = self._open(task)
        try:
            items = evaluated(task.loop.items, self._scope())
            chosen = pace(evaluated(task.loop.rate_control, self._scope()), items)
        except (ExpressionError, InvalidTemplateError) as error:
            self._close(opened, "Failed", str(error), {})
            self._finished(task, Failed(str(error)), {})
            return
        looping = Looping(
            chosen,
            partial(self._launch_item, task, opened),
            partial(self._looped, task, opened),
        )
        looping.go()

    def _launch_item(
        self, task: Task, parent: TaskExecution, item: object, batch: int, report: Callable[[Outcome], None]
    ) -> None:
        if self._execution.over:
            return
        written = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        opened = self._open(task, parent=parent.id, item=written, batch=batch)
        scope = self._scope()
        scope = replace(scope, pseudo={**scope.pseudo, "ACS::TaskLoopItem": item})
        self._run(task, opened, scope, lambda outcome, outputs: report(_with(outcome, outputs)))

    def _looped(self, task: Task, parent: TaskExecution, outcomes: list[Outcome | None], failure: str) -> None:
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        gathered: dict[str, object] = {}
        for name, source in (task.loop.gathers if task.loop else {}).items():
            gathered[name] = [outcome.outputs.get(source) for outcome in done]
        failed = sum(isinstance(outcome, Failed) for outcome in outcomes)
        self._engine.tasks.put(
            parent.id,
            replace(
                self._engine.tasks[parent.id],
                loop={"Total": len(outcomes), "Success": len(done), "Failed": failed},
            ),
        )
        self._close(parent, "Failed" if failure else "Success", failure, gathered)
        self._finished(task, Failed(failure) if failure else Done(gathered, gathered), gathered)

    def _finished(self, task: Task, outcome: Outcome, outputs: Mapping[str, object]) -> None:
        if self._execution.over:
            return
        if isinstance(outcome, Done):
            self._outputs[task.name] = outputs
            self._answers[task.name] = outcome.answer
            self._follow(task, task.on_success)
            return
        if task.on_error == "ACS::END":
            self.end("Failed", f"task {task.name} failed: {outcome.reason}")
            return
        if task.on_error != "ACS::NEXT":
            self._failure = f"task {task.name} failed: {outcome.reason}"
        self._follow(task, task.on_error)

    def _follow(self, task: Task, where: str) -> None:
        tasks = self._execution.template.tasks
        if where == "ACS::END":
            self._conclude()
        elif where != "ACS::NEXT":
            self._go_to(self._execution.template.task(where))
        elif tasks.index(task) + 1 < len(tasks):
            self._go_to(tasks[tasks.index(task) + 1])
        else:
            self._conclude()

    def _conclude(self) -> None:
        if self._failure:
            self.end("Failed", self._failure)
            return
        outputs: dict[str, object] = {}
        for output in self._execution.template.outputs:
            try:
                outputs[output.name] = converted(evaluated(output.source, self._scope()), output.kind)
            except (ExpressionError, BadSelectorError) as error:
                self.end("Failed", f"Outputs.{output.name}: {error}")
                return
        self._put(outputs=outputs)
        self.end("Success", "")

    def end(self, status: str, message: str) -> None:
        """The execution is over, and with it every task of it that is not."""
        now = self._cloud.clock.now()
        for task in list(self._engine.tasks.values()):
            if task.execution_id == self._id and not task.over:
                self._close(task, "Cancelled" if status == "Cancelled" else "Failed", message, {})
        self._put(status=status, message=message, ended=now)
        self._engine.forget(self._id)

    # ------------------------------------------------------------------ one task

    def _run(
        self,
        task: Task,
        opened: TaskExecution,
        scope: Scope,
        report: Callable[[Outcome, Mapping[str, object]], None],
    ) -> None:
        def finish(outcome: Outcome) -> None:
            outputs: dict[str, object] = {}
            if isinstance(outcome, Done):
                try:
                    outputs = {
                        output.name: one(outcome.answer, str(output.source), output.kind) for output in task.outputs
                    }
                except BadSelectorError as error:
                    outcome = Failed(f"Outputs: {error}")
                else:
                    outputs = {**outcome.outputs, **outputs}
            if isinstance(outcome, Failed):
                self._log(opened.id, f"The task {task.name} failed: {outcome.reason}")
                self._close(opened, "Failed", outcome.reason, {})
            else:
                self._log(opened.id, f"The task {task.name} completed.")
                self._close(opened, "Success", "", outputs)
            report(outcome, outputs)

        self._log(opened.id, f"The task {task.name} started.")
        try:
            properties = {name: evaluated(value, scope) for name, value in task.properties.items()}
        except ExpressionError as error:
            finish(Failed(str(error)))
            return
        self._engine.tasks.put(opened.id, replace(self._engine.tasks[opened.id], properties=properties))
        principal = self._principal or self._execution.principal
        caller = Caller(self._cloud, principal, lambda: not self._execution.over, partial(self._log, opened.id))
        perform(task.action, properties, caller, opened.id, finish)

    def _open(self, task: Task, parent: str = "", item: str = "", batch: int = 0) -> TaskExecution:
        self._count += 1
        now = self._cloud.clock.now()
        opened = TaskExecution(
            id=f"{self._id}.{self._count:04d}",
            execution_id=self._id,
            name=task.name,
            action=task.action.name,
            created=now,
            updated=now,
            parent=parent,
            item=item,
            batch=batch,
        )
        self._engine.tasks.put(opened.id, opened)
        self._put()
        return opened

    def _close(self, opened: TaskExecution, status: str, message: str, outputs: Mapping[str, object]) -> None:
        now = self._cloud.clock.now()
        closed = replace(
            self._engine.tasks[opened.id],
            status=status,
            message=message,
            outputs=outputs,
            updated=now,
            ended=now,
        )
        self._engine.tasks.put(opened.id, closed)

    # ------------------------------------------------------------------ small things

    @property
    def _execution(self) -> Execution:
        return self._engine.executions[self._id]

    def _scope(self) -> Scope:
        scope = parameter_scope(self._execution, self._cloud)
        return replace(scope, outputs=dict(self._outputs), answers=dict(self._answers))

    def _put(self, **changes: Any) -> None:
        changed = replace(self._execution, updated=self._cloud.clock.now(), **changes)
        self._engine.executions.put(self._id, changed)

    def _log(self, task_execution_id: str, message: str) -> None:
        line = LogLine(self._cloud.clock.now(), task_execution_id, message)
        self._engine.logs.setdefault(self._id, []).append(line)

    def _later(self, latency: str, action: Callable[[], None]) -> None:
        def act() -> None:
            if not self._execution.over:
                action()

        self._cloud.clock.call_later(self._cloud.latencies.of(latency), act)


def _with(outcome: Outcome, outputs: Mapping[str, object]) -> Outcome:
    return replace(outcome, outputs=outputs) if isinstance(outcome, Done) else outcome
