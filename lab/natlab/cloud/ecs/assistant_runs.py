"""What becomes of a command on each instance, over time?

Pending until it is delivered, Running while the guest works, then Success, Failed, Timeout, Error or
Terminated; Aborted when it could not be delivered.  States and error codes: DescribeInvocationResults (ECS
2014-05-26), InvocationStatus and ErrorCode.  Which end of a long output is kept: the agent's own source
(aliyun/aliyun_assist_client, task.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.ecs.assistant_commands import Command, filled_in
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.records import Records

MAX_OUTPUT = 24 * 1024
"""Bytes of output that are kept; more than that is dropped from the beginning."""
HEARTBEAT_S = 120.0
"""DescribeCloudAssistantStatus: an agent counts as running while its last heartbeat is younger than this."""
UNFINISHED = frozenset({"Pending", "Running", "Stopping"})

KEPT = 1000
"""The last invocations that are remembered: a cloud that is up for a day must not slow down."""


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command on one instance; moments in seconds since the epoch, 0 for not yet."""

    instance_id: str
    status: str = "Pending"
    exit_code: int | None = None
    output: bytes = b""
    dropped: int = 0
    error_code: str = ""
    error_info: str = ""
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0
    stopped: float = 0.0
    updated: float = 0.0

    @property
    def over(self) -> bool:
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class CommandInvocation:
    """One invocation of a command on some instances."""

    id: str
    command: Command
    parameters: Mapping[str, str]
    timeout_s: int
    username: str
    working_dir: str
    created: float
    runs: Mapping[str, CommandRun]
    tags: tuple[tuple[str, str], ...] = field(default=())

    @property
    def status(self) -> str:
        """Of all instances together, in the words of InvocationStatus."""
        states = [run.status for run in self.runs.values()]
        if "Stopping" in states:
            return "Stopping"
        if any(state in UNFINISHED for state in states):
            return "Pending" if set(states) == {"Pending"} else "Running"
        if set(states) <= {"Terminated", "Cancelled"}:
            return "Stopped"
        good = states.count("Success")
        return "Success" if good == len(states) else "PartialFailed" if good else "Failed"

    @property
    def legacy_status(self) -> str:
        """The same in the words of InvokeStatus: a success is Finished there, and waiting is Running."""
        return {"Success": "Finished", "Pending": "Running"}.get(self.status, self.status)


class Runs:
    """All invocations, and the timers that move them on."""

    def __init__(self, cloud: CloudContext, status_of: Callable[[str], str | None]) -> None:
        self._cloud = cloud
        self._status_of = status_of
        self.invocations: Records[CommandInvocation] = Records(
            cloud.clock.now, KEPT, lambda invocation: invocation.status not in (*UNFINISHED, "Stopping")
        )
        self._heartbeats: dict[str, float] = {}
        self._last_invoked: dict[str, float] = {}

    def start(self, invocation: CommandInvocation) -> None:
        """Take on a new invocation; every instance goes its own way from here."""
        self.invocations.put(invocation.id, invocation)
        for instance_id in invocation.runs:
            self._last_invoked[instance_id] = invocation.created
            self._later("ecs.assistant.delivery", partial(self._deliver, invocation.id, instance_id))

    def stop(self, invocation: CommandInvocation, instance_ids: list[str]) -> None:
        """StopInvocation: what has not begun is cancelled at once, what runs is told to stop."""
        now = self._cloud.clock.now()
        for instance_id in instance_ids:
            run = self._run(invocation.id, instance_id)
            if run.status == "Pending":
                self._put(invocation.id, replace(run, status="Cancelled", stopped=now, finished=now))
            elif run.status == "Running":
                self._put(invocation.id, replace(run, status="Stopping", stopped=now))
                self._later("ecs.assistant.report", partial(self._terminated, invocation.id, instance_id))

    def heartbeat(self, instance_id: str) -> float:
        """The agent's last heartbeat, seconds since the epoch, 0 for none.

        A living agent has one just now; of a dead one only what was seen before is known here.
        """
        if self._status_of(instance_id) == "Running" and self._cloud.data_plane.agent_alive(instance_id):
            self._heartbeats[instance_id] = self._cloud.clock.now()
        return self._heartbeats.get(instance_id, 0.0)

    def counts(self, instance_id: str) -> tuple[int, int, float]:
        """How many runs are under way on an instance, how many there were, when the last was asked for."""
        runs = [
            invocation.runs[instance_id] for invocation in self.invocations.values() if instance_id in invocation.runs
        ]
        return sum(not run.over for run in runs), len(runs), self._last_invoked.get(instance_id, 0.0)

    # ------------------------------------------------------------------ one run, step by step

    def _deliver(self, invoke_id: str, instance_id: str, *, waited_s: float = 0.0) -> None:
        run = self._run(invoke_id, instance_id)
        if run.status != "Pending":
            return
        if self._status_of(instance_id) != "Running":
            self._abort(invoke_id, run, "InstanceNotRunning", "the instance is not running")
            return
        if self._cloud.data_plane.agent_alive(instance_id):
            self._begin(invoke_id, run)
            return
        seen = self.heartbeat(instance_id)
        if not seen or self._cloud.clock.now() - seen > HEARTBEAT_S:
            self._abort(invoke_id, run, "ClientNotRunning", "the Cloud Assistant Agent is not running")
            return
        limit_s, again_s = (self._cloud.latencies.of(f"ecs.assistant.delivery.{name}") for name in ("timeout", "again"))
        if waited_s + again_s > limit_s:
            self._abort(invoke_id, run, "DeliveryTimeout", "the command could not be delivered in time")
            return
        self._cloud.clock.call_later(
            again_s, lambda: self._deliver(invoke_id, instance_id, waited_s=waited_s + again_s)
        )

    def _abort(self, invoke_id: str, run: CommandRun, code: str, info: str) -> None:
        now = self._cloud.clock.now()
        self._put(invoke_id, replace(run, status="Aborted", error_code=code, error_info=info, finished=now))

    def _begin(self, invoke_id: str, run: CommandRun) -> None:
        self.heartbeat(run.instance_id)
        invocation = self.invocations[invoke_id]
        self._put(invoke_id, replace(run, status="Running", started=self._cloud.clock.now()))
        built_in = {
            "ACS::RegionId": self._cloud.region,
            "ACS::AccountId": self._cloud.account_id,
            "ACS::InstanceId": run.instance_id,
            "ACS::InstanceName": run.instance_id,
            "ACS::InvokeId": invoke_id,
            "ACS::CommandId": invocation.command.id,
        }
        script = filled_in(invocation.command, invocation.parameters, built_in)
        self._cloud.clock.call_later(float(invocation.timeout_s), lambda: self._timed_out(invoke_id, run.instance_id))
        self._cloud.data_plane.run(
            run.instance_id,
            script,
            float(invocation.timeout_s),
            lambda result: self._reported(invoke_id, run.instance_id, result),
        )

    def _reported(self, invoke_id: str, instance_id: str, result: CommandResult) -> None:
        """The guest is done: any thread may say so, and the cloud knows a moment later."""
        self._later("ecs.assistant.report", lambda: self._finished(invoke_id, instance_id, result))

    def _finished(self, invoke_id: str, instance_id: str, result: CommandResult) -> None:
        run = self._run(invoke_id, instance_id)
        if run.status != "Running":
            return
        dropped = max(0, len(result.output) - MAX_OUTPUT)
        run = replace(run, output=result.output[dropped:], dropped=dropped, finished=self._cloud.clock.now())
        if result.error:
            interrupted = self._status_of(instance_id) != "Running"
            code = "ExecutionInterrupted" if interrupted else "ExecutionException"
            status = "Failed" if interrupted else "Error"
            self._put(invoke_id, replace(run, status=status, error_code=code, error_info=result.error))
        elif result.exit_code:
            self._put(
                invoke_id,
                replace(run, status="Failed", exit_code=result.exit_code, error_code="ExitCodeNonzero"),
            )
        else:
            self._put(invoke_id, replace(run, status="Success", exit_code=0))

    def _timed_out(self, invoke_id: str, instance_id: str) -> None:
        run = self._run(invoke_id, instance_id)
        if run.status != "Running":
            return
        now = self._cloud.clock.now()
        if self._status_of(instance_id) == "Running":
            code, info, status = "ExecutionTimeout", "the command did not end in time", "Timeout"
        else:
            code, info, status = "ExecutionInterrupted", "the instance went down meanwhile", "Failed"
        self._put(invoke_id, replace(run, status=status, error_code=code, error_info=info, finished=now))

    def _terminated(self, invoke_id: str, instance_id: str) -> None:
        run = self._run(invoke_id, instance_id)
        if run.status == "Stopping":
            self._put(invoke_id, replace(run, status="Terminated", finished=self._cloud.clock.now()))

    def _run(self, invoke_id: str, instance_id: str) -> CommandRun:
        return self.invocations[invoke_id].runs[instance_id]

    def _put(self, invoke_id: str, run: CommandRun) -> None:
        invocation = self.invocations[invoke_id]
        run = replace(run, updated=self._cloud.clock.now())
        self.invocations.put(invoke_id, replace(invocation, runs={**invocation.runs, run.instance_id: run}))

    def _later(self, latency: str, action: Callable[[], None]) -> None:
        self._cloud.clock.call_later(self._cloud.latencies.of(latency), action)
