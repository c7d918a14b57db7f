"""OOS: start the setup template, read what its executions found, and keep the template itself up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from natkeeper.alibaba.assistant import latest_report
from natkeeper.alibaba.clients import WRITE_S, Attempt
from natkeeper.alibaba.errors import TEMPLATE_GONE, code_of
from natkeeper.alibaba.fields import text_of, there, time_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.alibaba.setups import ReportCache, StartedSetup, latest
from natkeeper.domain.ids import InstanceId
from natkeeper.guest.report import SetupReport, UnreadableReport, parse_report
from natkeeper.guest.script import LIBRARY_TASK, parameter_block
from natkeeper.ports import SetupRun, StartSetup

with lean("alibabacloud_oos20190601"):
    from alibabacloud_oos20190601 import models
    from alibabacloud_oos20190601.client import Client

OURS = {"natkeeper": "setup"}
PER_PAGE = 100
MOST_PAGES = 6
"""Of the list of executions, in one reading: a gateway that none of them names counts as never set up."""
TASKS_PER_PAGE = 100
MOST_TASK_PAGES = 2
"""Two tasks for each gateway, and one for each of their loops: enough for every execution that natkeeper starts."""
_OVER = frozenset({"Success", "Failed", "Cancelled", "Skipped"})
_LONGEST_REASON = 300


class TemplateGoneError(Exception):
    """The setup template does not exist; the message says how to create it."""

    code = TEMPLATE_GONE

    def __init__(self, template: str, request_id: str) -> None:
        self.message = (
            f"the OOS template {template} does not exist in this region; create it with `natkeeper template`, "
            "or set `setup.via: assistant`"
        )
        self.request_id = request_id
        super().__init__(self.message)


def start_setup(attempt: Attempt, call: StartSetup) -> str:
    """Start the template on the gateways (StartExecution); returns the execution's id."""
    parameters = {
        "regionId": attempt.region,
        "instanceIds": list(call.gateways),
        "setupParameters": parameter_block(call.parameters),
        "OOSAssumeRole": call.role,
    }
    request = models.StartExecutionRequest(
        region_id=attempt.region,
        template_name=call.template,
        parameters=json.dumps(parameters),
        safety_check="Skip",
        client_token=call.token,
        tags=OURS,
    )
    try:
        answer = attempt.clients.client(Client).start_execution_with_options(request, attempt.options(WRITE_S))
    except Exception as error:
        if code_of(error) == TEMPLATE_GONE:
            raise TemplateGoneError(call.template, str(getattr(error, "request_id", ""))) from error
        raise
    return there(there(there(answer.body, "body").execution, "Execution").execution_id, "ExecutionId")


def read_setups(
    attempt: Attempt, template: str, since: datetime, gateways: frozenset[InstanceId], memory: ReportCache
) -> tuple[SetupRun, ...]:
    """Read the latest setup runs of `gateways` that began after `since` (ListExecutions, ListTaskExecutions).

    With no gateways named, of every gateway. Newest first.
    """
    words: dict[str, str] = {}
    starts = _starts(attempt, template, since, words)
    return latest(starts, gateways, memory, lambda start: _reports(attempt, start, words[start.id]), attempt.left)


def ensure_template(attempt: Attempt, name: str, content: str) -> bool:
    """Create the template, or update it where its content differs; returns whether anything was changed."""
    try:
        found = attempt.clients.client(Client).get_template_with_options(
            models.GetTemplateRequest(region_id=attempt.region, template_name=name), attempt.options()
        )
    except Exception as error:
        if code_of(error) != TEMPLATE_GONE:
            raise
        create = models.CreateTemplateRequest(region_id=attempt.region, template_name=name, content=content, tags=OURS)
        attempt.clients.client(Client).create_template_with_options(create, attempt.options(WRITE_S))
        return True
    if (there(found.body, "body").content or "").strip() == content.strip():
        return False
    update = models.UpdateTemplateRequest(region_id=attempt.region, template_name=name, content=content)
    attempt.clients.client(Client).update_template_with_options(update, attempt.options(WRITE_S))
    return True


def _starts(attempt: Attempt, template: str, since: datetime, words: dict[str, str]) -> Iterator[StartedSetup]:
    """Yield the executions of `template` that began after `since`, newest first; note in `words` how each stands."""
    request = models.ListExecutionsRequest(
        region_id=attempt.region,
        template_name=template,
        start_date_after=text_of(since),
        sort_field="StartDate",
        sort_order="Descending",
        max_results=PER_PAGE,
    )
    for _ in range(MOST_PAGES):
        answer = attempt.clients.client(Client).list_executions_with_options(request, attempt.options())
        body = there(answer.body, "body")
        for execution in there(body.executions, "Executions"):
            if execution.template_name != template:  # the API finds every name that contains this one
                continue
            began = time_of(execution.start_date) or time_of(execution.create_date) or since
            gateways = tuple(_gateways(execution.parameters))
            words[execution.execution_id] = ": ".join(filter(None, (execution.status, execution.status_message)))
            over = frozenset(gateways if execution.status in _OVER else ())
            yield StartedSetup(execution.execution_id, began, gateways, over)
        if not body.next_token:
            return
        request.next_token = body.next_token


def _reports(attempt: Attempt, start: StartedSetup, word: str) -> dict[InstanceId, SetupReport | UnreadableReport]:
    """Read what the runs of the setup task, one a gateway, gave out.

    A script that ends with an error fails its task, and then OOS promises no output; Cloud Assistant has it.
    """
    request = models.ListTaskExecutionsRequest(
        region_id=attempt.region,
        execution_id=start.id,
        include_child_task_execution=True,
        max_results=TASKS_PER_PAGE,
    )
    missing = UnreadableReport(f"the execution ended as {word}")
    reports: dict[InstanceId, SetupReport | UnreadableReport] = dict.fromkeys(start.gateways, missing)
    for task in _tasks(attempt, request):
        # The library's task, one a gateway as well, reports nothing.
        if not task.loop_item or task.task_name == LIBRARY_TASK:
            continue
        gateway = InstanceId(task.loop_item.strip('"'))
        report = _output(task.outputs)
        if isinstance(report, UnreadableReport) and task.status != "Success":
            printed = latest_report(attempt, gateway, start.began)
            report = printed or UnreadableReport((task.status_message or report.reason)[:_LONGEST_REASON])
        reports[gateway] = report
    return reports


def _tasks(
    attempt: Attempt, request: models.ListTaskExecutionsRequest
) -> Iterator[models.ListTaskExecutionsResponseBodyTaskExecutions]:
    """Yield all tasks of an execution: one a gateway for the library and the setup, and one for each of their loops."""
    for _ in range(MOST_TASK_PAGES):
        answer = attempt.clients.client(Client).list_task_executions_with_options(request, attempt.options())
        body = there(answer.body, "body")
        yield from there(body.task_executions, "TaskExecutions")
        if not body.next_token:
            return
        request.next_token = body.next_token


def _output(outputs: str | None) -> SetupReport | UnreadableReport:
    given = _mapping(outputs)
    texts = [value for value in given.values() if isinstance(value, str)]
    reports = [parse_report(text) for text in texts]
    readable = [report for report in reports if isinstance(report, SetupReport)]
    if readable:
        return readable[0]
    return reports[0] if reports else UnreadableReport("the task gave nothing out")


def _gateways(parameters: object) -> list[InstanceId]:
    """Return the gateways that an execution was started for."""
    ids = _read(_mapping(parameters).get("instanceIds"))
    return [InstanceId(one) for one in ids if isinstance(one, str)] if isinstance(ids, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    """Take an object, or the JSON text of one; anything else is empty."""
    value = _read(value)
    return value if isinstance(value, Mapping) else {}


def _read(value: object) -> object:
    """Read the JSON of a text; None where it is none. Anything but a text is taken as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
