"""Cloud Assistant: start a command on gateways, and read later what it printed.

A command is never told apart by what it prints but by the name it was started with. Output arrives as Base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from natkeeper.alibaba.clients import LONGEST_TOKEN, WRITE_S, Attempt
from natkeeper.alibaba.egress_check_script import check_script
from natkeeper.alibaba.errors import RefusedError
from natkeeper.alibaba.fields import optional, there, time_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.alibaba.setups import ReportCache, StartedSetup, latest
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.domain.ids import InstanceId
from natkeeper.guest.report import SetupReport, UnreadableReport, parse_report
from natkeeper.guest.script import library_command, render
from natkeeper.ports import Clock, SetupRun, StartGatewayCheck, StartRelay, StartSetup

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models
    from alibabacloud_ecs20140526.client import Client


SETUP = "natkeeper-setup"
LIBRARY = "natkeeper-library"
CHECK = "natkeeper-look"
RELAY = "natkeeper-relay"
SETUP_TIMEOUT_S = 600
CHECK_TIMEOUT_S = 60
PER_PAGE = 50
MOST_PAGES = 6
"""Of the list of invocations, in one reading: a gateway that none of them names counts as never set up."""
_UNDER_WAY = frozenset({"Pending", "Scheduled", "Running", "Stopping"})
_ENDED = ("Finished", "Failed", "PartialFailed")
"""Values of InvokeStatus for invocations that have ended (DescribeInvocations)."""
_LONGEST_REASON = 300
_OF_LIBRARY = "-library"
"""What makes the token of a setup that of its library."""


def start_setup(attempt: Attempt, call: StartSetup) -> str:
    """Run the setup script on the gateways (RunCommand, twice); returns the invocation's id.

    The library goes first; the setup waits for it.
    """
    token = f"{call.token[: LONGEST_TOKEN - len(_OF_LIBRARY)]}{_OF_LIBRARY}"
    _run(attempt, LIBRARY, library_command().encode(), call.gateways, CHECK_TIMEOUT_S, token)
    return _run(attempt, SETUP, render(call.parameters), call.gateways, SETUP_TIMEOUT_S, call.token)


def start_check(attempt: Attempt, call: StartGatewayCheck, token: str) -> str:
    """Look at the targets from the gateway itself (RunCommand); returns the invocation's id."""
    script = check_script(call.targets, call.timeout_s)
    return _run(attempt, CHECK, script, (call.gateway,), CHECK_TIMEOUT_S, token)


def read_check(attempt: Attempt, invocation: str, clock: Clock) -> Egress | None:
    """Read what a check found (DescribeInvocationResults); None while it is under way.

    It counts as seen now: the platform's own time has whole seconds, and could lie before the move it is to prove.

    Raises RefusedError when it did not run to its end: then nothing is known about egress.
    """
    results = _results(attempt, invocation)
    if not results:
        return None
    result = results[0]
    status = result.invocation_status or ""
    if status in _UNDER_WAY:
        return None
    try:
        found = json.loads(_decoded(result.output).strip().rpartition("\n")[2])
        if found["ok"] is True:
            return EgressSeen(clock(), str(found["ip"]) or None)
        return EgressLost(clock(), str(found["reason"])[:_LONGEST_REASON])
    except (ValueError, KeyError, TypeError):
        why = ", ".join(filter(None, (status, result.error_code, result.error_info)))
        raise RefusedError(f"the check on {result.instance_id} produced no report: {why}") from None


def start_relay(attempt: Attempt, call: StartRelay, token: str) -> str:
    """Arm the relay with the program that the setup left on the gateway (RunCommand); returns the invocation's id."""
    script = f'#!/bin/sh\nexec sh "${{NATKEEPER_ROOT:-}}/etc/natkeeper/table.sh" arm {call.peer} {call.seconds}\n'
    return _run(attempt, RELAY, script.encode(), (call.gateway,), CHECK_TIMEOUT_S, token)


def read_relay(attempt: Attempt, invocation: str) -> str | None:
    """Read whether a relay is armed (DescribeInvocationResults): empty if it is, else why not; None while under way."""
    results = _results(attempt, invocation)
    status = (results[0].invocation_status or "") if results else "Pending"
    if status in _UNDER_WAY:
        return None
    said = _decoded(results[0].output).strip().rpartition("\n")[2]
    if said == "armed":
        return ""
    return said[:_LONGEST_REASON] or ", ".join(filter(None, (status, results[0].error_code, results[0].error_info)))


def read_setups(
    attempt: Attempt, since: datetime, gateways: frozenset[InstanceId], memory: ReportCache
) -> tuple[SetupRun, ...]:
    """Read the latest setup runs of `gateways` that began after `since`, newest first.

    With no gateways named, of every gateway (DescribeInvocations, DescribeInvocationResults).
    """
    return latest(_starts(attempt, since), gateways, memory, lambda start: _reports(attempt, start), attempt.left)


def latest_report(attempt: Attempt, gateway: InstanceId, since: datetime) -> SetupReport | None:
    """Find the newest report that a command which failed printed on `gateway` after `since` (DescribeInvocations).

    The state is named: without one, only invocations under way may be listed.
    """
    request = models.DescribeInvocationsRequest(
        region_id=attempt.region, instance_id=gateway, include_output=True, max_results=10, invoke_status="Failed"
    )
    answer = attempt.clients.client(Client).describe_invocations_with_options(request, attempt.options())
    listed = there(there(there(answer.body, "body").invocations, "Invocations").invocation, "Invocation")
    for invocation in sorted(listed, key=lambda one: one.creation_time or "", reverse=True):
        if (time_of(invocation.creation_time) or since) < since:
            break
        for instance in _instances(invocation):
            report = parse_report(_decoded(instance.output))
            if instance.instance_id == gateway and isinstance(report, SetupReport):
                return report
    return None


def report_of(
    result: models.DescribeInvocationResultsResponseBodyInvocationInvocationResultsInvocationResult,
) -> SetupReport | UnreadableReport:
    """Read the report in a command's output; where there is none, say how the command ended."""
    report = parse_report(_decoded(result.output))
    if isinstance(report, SetupReport) or result.invocation_status == "Success":
        return report
    why = ", ".join(filter(None, (result.invocation_status, result.error_code, result.error_info)))
    return UnreadableReport(f"{report.reason} ({why})")


def _run(attempt: Attempt, name: str, script: bytes, gateways: Sequence[InstanceId], timeout_s: int, token: str) -> str:
    request = models.RunCommandRequest(
        region_id=attempt.region,
        name=name,
        type="RunShellScript",
        command_content=base64.b64encode(script).decode(),
        content_encoding="Base64",
        instance_id=list(gateways),
        timeout=timeout_s,
        keep_command=False,
        client_token=token,
        tag=[models.RunCommandRequestTag(key="natkeeper", value=name)],
    )
    answer = attempt.clients.client(Client).run_command_with_options(request, attempt.options(WRITE_S))
    return there(there(answer.body, "body").invoke_id, "InvokeId")


def _starts(attempt: Attempt, since: datetime) -> Iterator[StartedSetup]:
    """Yield the setup invocations that began after `since`, newest first; where none of them has ended, ask for those.

    Whether a list without a state holds more than what is under way is not confirmed (DescribeInvocations).
    """
    ended = False
    for start in _listed(attempt, since):
        ended = ended or bool(start.over)
        yield start
    if not ended:
        rest = [start for state in _ENDED for start in _listed(attempt, since, state)]
        yield from sorted(rest, key=lambda start: start.began, reverse=True)


def _listed(attempt: Attempt, since: datetime, state: str = "") -> Iterator[StartedSetup]:
    """Yield the setup invocations of a state that began after `since`, newest first."""
    request = models.DescribeInvocationsRequest(region_id=attempt.region, command_name=SETUP, max_results=PER_PAGE)
    if state:
        request.invoke_status = state
    for _ in range(MOST_PAGES):
        answer = attempt.clients.client(Client).describe_invocations_with_options(request, attempt.options())
        body = there(answer.body, "body")
        page = there(there(body.invocations, "Invocations").invocation, "Invocation")
        for invocation in sorted(page, key=lambda one: one.creation_time or "", reverse=True):
            began = time_of(invocation.creation_time)
            if began is None or began < since:
                return
            states = {InstanceId(one.instance_id): one.invocation_status or "" for one in _instances(invocation)}
            over = frozenset(gateway for gateway, status in states.items() if status not in _UNDER_WAY)
            yield StartedSetup(invocation.invoke_id, began, tuple(states), over)
        if not body.next_token:
            return
        request.next_token = body.next_token


def _reports(attempt: Attempt, start: StartedSetup) -> dict[InstanceId, SetupReport | UnreadableReport]:
    """Read what an invocation printed on the gateways on which it has ended."""
    found: dict[InstanceId, SetupReport | UnreadableReport] = dict.fromkeys(
        start.over, UnreadableReport("its output is missing")
    )
    for result in _results(attempt, start.id):
        if result.instance_id in found:
            found[InstanceId(result.instance_id)] = report_of(result)
    return found


def _instances(
    invocation: models.DescribeInvocationsResponseBodyInvocationsInvocation,
) -> list[models.DescribeInvocationsResponseBodyInvocationsInvocationInvokeInstancesInvokeInstance]:
    listed = optional(invocation.invoke_instances)
    return [one for one in (listed.invoke_instance if listed else None) or () if one.instance_id]


def _results(
    attempt: Attempt, invocation: str
) -> list[models.DescribeInvocationResultsResponseBodyInvocationInvocationResultsInvocationResult]:
    request = models.DescribeInvocationResultsRequest(
        region_id=attempt.region, invoke_id=invocation, max_results=PER_PAGE
    )
    answer = attempt.clients.client(Client).describe_invocation_results_with_options(request, attempt.options())
    results = there(there(answer.body, "body").invocation, "Invocation").invocation_results
    return list(there(there(results, "InvocationResults").invocation_result, "InvocationResult"))


def _decoded(output: str | None) -> str:
    """Decode Base64; output that is none of it is taken as it is."""
    try:
        return base64.b64decode(output or "", validate=True).decode("utf-8", "replace")
    except ValueError:
        return output or ""
