"""What does a task do?  Each action as a chain of calls that ends in Done or Failed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from natlab.cloud.oos import actions
from natlab.cloud.oos.calling import Caller
from natlab.cloud.oos.expressions import true
from natlab.cloud.oos.selectors import BadSelectorError, select


@dataclass(frozen=True, slots=True)
class Done:
    """A task that succeeded; `answer` is what its selectors pick from, `outputs` those the action has itself."""

    answer: object
    outputs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that did not, and why."""

    reason: str


Outcome: TypeAlias = Done | Failed
Report = Callable[[Outcome], None]
Properties = Mapping[str, object]

MAX_WAITS = 900
"""How often ACS::WaitFor looks before it gives up: assumed (half an hour)."""


def perform(action: actions.Action, properties: Properties, caller: Caller, token: str, report: Report) -> None:
    """Begin an action; `report` hears once how it ended, unless nobody wants to know any more."""
    if action is actions.RUN_COMMAND:
        _RunCommand(properties, caller, token, report).begin()
    elif action is actions.SLEEP:
        _sleep(properties, caller, report)
    elif action is actions.EXECUTE_API:
        _execute(properties, caller, lambda answer: report(Done(answer)), report)
    elif action is actions.WAIT_FOR:
        _wait(properties, caller, report, looks=1)
    else:
        _execute(properties, caller, lambda answer: _check(properties, answer, report), report)


def _execute(properties: Properties, caller: Caller, then: Callable[[dict[str, object]], None], report: Report) -> None:
    parameters = properties["Parameters"]
    caller.call(
        str(properties["Service"]),
        str(properties["API"]),
        parameters if isinstance(parameters, dict) else {},
        then,
        lambda reason: report(Failed(reason)),
    )


def _wait(properties: Properties, caller: Caller, report: Report, looks: int) -> None:
    def look(answer: dict[str, object]) -> None:
        try:
            found = select(answer, str(properties["PropertySelector"]))
        except BadSelectorError as error:
            report(Failed(str(error)))
            return
        desired, hopeless = _texts(properties["DesiredValues"]), _texts(properties["StopRetryValues"])
        if found and all(_text(value) in desired for value in found):
            report(Done(answer))
        elif any(_text(value) in hopeless for value in found):
            report(Failed(f"{properties['PropertySelector']} became {found}, which is one of {hopeless}"))
        elif looks >= MAX_WAITS:
            report(Failed(f"{properties['PropertySelector']} is still {found}, expected {desired}"))
        else:
            cloud = caller.cloud
            cloud.clock.call_later(cloud.latencies.of("oos.poll"), lambda: _wait(properties, caller, report, looks + 1))

    _execute(properties, caller, look, report)


def _check(properties: Properties, answer: dict[str, object], report: Report) -> None:
    try:
        found = select(answer, str(properties["PropertySelector"]))
    except BadSelectorError as error:
        report(Failed(str(error)))
        return
    desired = _texts(properties["DesiredValues"])
    if found and all(_text(value) in desired for value in found):
        report(Done(answer))
    else:
        report(Failed(f"{properties['PropertySelector']} is {found}, expected {desired}"))


def _sleep(properties: Properties, caller: Caller, report: Report) -> None:
    try:
        seconds = actions.duration_s(str(properties["Duration"]))
    except ValueError as error:
        report(Failed(str(error)))
        return

    def wake() -> None:
        if caller.still_wanted():
            report(Done({}))

    caller.cloud.clock.call_later(seconds, wake)


_CUT = 4000
"""Characters of a task's output, by the reading that it is cut; how long it may be is not published."""


@dataclass(frozen=True, slots=True)
class _RunCommand:
    """ACS::ECS::RunCommand: run, wait until it is over, fetch the output.

    A script that does not end with 0 fails the task, and its output goes into the message.
    """

    properties: Properties
    caller: Caller
    token: str
    report: Report

    def begin(self) -> None:
        """Look at the instance first, as OOS does, then run the command there."""
        given = self.properties
        asked = {"RegionId": given["regionId"], "InstanceIds": json.dumps([given["instanceId"]])}
        self.caller.call("ecs", "DescribeInstances", asked, lambda _answer: self._run(), self._fail)

    def _run(self) -> None:
        given = self.properties
        content = str(given["commandContent"])
        self.caller.call(
            "ecs",
            "RunCommand",
            {
                "RegionId": given["regionId"],
                "Type": given["commandType"],
                "CommandContent": base64.b64encode(content.encode()).decode(),
                "ContentEncoding": "Base64",
                "InstanceId": [given["instanceId"]],
                "Timeout": given["timeout"],
                "WorkingDir": given["workingDir"],
                "EnableParameter": true(given["enableParameter"]),
                "Parameters": given["parameters"],
                "Username": given["username"],
                "WindowsPasswordName": given["windowsPasswordName"],
                "ResourceGroupId": given["resourceGroupId"],
                "ClientToken": self.token[-64:],
            },
            lambda answer: self._look(str(answer["InvokeId"])),
            self._fail,
        )

    def _look(self, invoke_id: str) -> None:
        def looked(answer: dict[str, object]) -> None:
            status = _first(answer, "Invocations.Invocation[].InvocationStatus")
            if status in ("Pending", "Running", "Stopping"):
                self.caller.cloud.clock.call_later(
                    self.caller.cloud.latencies.of("oos.poll"), lambda: self._look(invoke_id)
                )
                return
            self._fetch(invoke_id)

        self.caller.call(
            "ecs",
            "DescribeInvocations",
            {"RegionId": self.properties["regionId"], "InvokeId": invoke_id},
            looked,
            self._fail,
        )

    def _fetch(self, invoke_id: str) -> None:
        self.caller.call(
            "ecs",
            "DescribeInvocationResults",
            {"RegionId": self.properties["regionId"], "InvokeId": invoke_id},
            self._fetched,
            self._fail,
        )

    def _fetched(self, answer: dict[str, object]) -> None:
        def result(name: str) -> object:
            return _first(answer, f"Invocation.InvocationResults.InvocationResult[].{name}")

        output = base64.b64decode(str(result("Output") or "")).decode(errors="replace")
        status = result("InvocationStatus")
        if status == "Success":
            if self.caller.cloud.readings.is_("oos-output", "cut"):
                output = output[:_CUT]
            self.report(Done({"invocationOutput": output}, {"invocationOutput": output}))
            return
        parts = [f"the command ended as {status}"]
        parts += [f"{name} {result(name)}" for name in ("ExitCode", "ErrorCode", "ErrorInfo") if result(name)]
        parts += [f"output: {output[-2000:]}"] if output else []
        self._fail(", ".join(parts))

    def _fail(self, reason: str) -> None:
        self.report(Failed(reason))


def _first(answer: object, selector: str) -> object:
    found = select(answer, selector)
    return found[0] if found else None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _texts(values: object) -> list[str]:
    return [_text(value) for value in values] if isinstance(values, list) else [_text(values)]
