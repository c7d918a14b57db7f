"""Cloud Assistant, the part of ECS that runs commands on instances: its operations and their answers.

`Assistant(...).offers` joins the operations of the Ecs product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from natlab.cloud.ecs import assistant_commands as commands
from natlab.cloud.ecs.assistant_answers import (
    command_answer,
    invocation_answer,
    moment,
    record_status,
    result_answer,
)
from natlab.cloud.ecs.assistant_commands import Command
from natlab.cloud.ecs.assistant_runs import HEARTBEAT_S, KEPT, CommandInvocation, CommandRun, Runs
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.offered import Offer
from natlab.cloud.kernel.paging import by_token, numbered
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.records import Records
from natlab.cloud.kernel.rpc import JsonObject, RpcCall

Item = TypeVar("Item")
MAX_PAGE = 50
AGENT_VERSION = "2.2.3.857"
_SYSTEM = "Linux"
"""Of every guest here."""


class Assistant:
    """Commands and invocations; `status_of` tells an instance's state, None when there is no such instance."""

    def __init__(self, cloud: CloudContext, status_of: Callable[[str], str | None]) -> None:
        self._cloud = cloud
        self._status_of = status_of
        self.reset()

    def reset(self) -> None:
        """Forget every command and invocation."""
        self.runs = Runs(self._cloud, self._status_of)
        self.commands: Records[Command] = Records(self._cloud.clock.now, KEPT)
        self._tokens: dict[tuple[str, str], tuple[Mapping[str, object], JsonObject]] = {}

    @property
    def offers(self) -> dict[str, Offer]:
        """Cloud Assistant's share of the Ecs product."""
        return {
            "RunCommand": Offer(
                self._run_command,
                "ClientToken ContentEncoding Description EnableParameter InstanceId KeepCommand Name "
                "Parameters RepeatMode ResourceGroupId Tag Timed Timeout Username WorkingDir",
                writes=True,
            ),
            "CreateCommand": Offer(
                self._create_command,
                "ContentEncoding Description EnableParameter ResourceGroupId Tag Timeout WorkingDir",
                writes=True,
            ),
            "InvokeCommand": Offer(
                self._invoke_command,
                "ClientToken InstanceId Parameters RepeatMode ResourceGroupId Tag Timed Timeout Username WorkingDir",
                writes=True,
            ),
            "DescribeCommands": Offer(
                self._describe_commands,
                "CommandId ContentEncoding MaxResults Name NextToken PageNumber PageSize Provider Tag Type",
                most_on_a_page=MAX_PAGE,
            ),
            "DescribeInvocations": Offer(
                self._describe_invocations,
                "CommandId CommandName CommandType ContentEncoding IncludeOutput InstanceId InvokeId "
                "InvokeStatus MaxResults NextToken PageNumber PageSize Tag",
                most_on_a_page=MAX_PAGE,
            ),
            "DescribeInvocationResults": Offer(
                self._describe_results,
                "CommandId ContentEncoding InstanceId InvokeId InvokeRecordStatus MaxResults NextToken "
                "PageNumber PageSize Tag",
                most_on_a_page=MAX_PAGE,
            ),
            "StopInvocation": Offer(self._stop_invocation, "InstanceId", writes=True),
            "DescribeCloudAssistantStatus": Offer(
                self._describe_status,
                "InstanceId MaxResults NextToken OSType PageNumber PageSize",
                most_on_a_page=MAX_PAGE,
            ),
        }

    # ------------------------------------------------------------------ writes

    def _run_command(self, call: RpcCall) -> JsonObject:
        values = call.values
        command = self._new_command(values, kept=values.boolean("KeepCommand"))

        def act() -> JsonObject:
            if command.kept:
                self.commands.put(command.id, command)
            invocation = self._invocation(values, command, mismatch_status=400)
            self.runs.start(invocation)
            return {"CommandId": command.id, "InvokeId": invocation.id}

        return self._once("RunCommand", values, act)

    def _create_command(self, call: RpcCall) -> JsonObject:
        command = self._new_command(call.values, kept=True)
        self.commands.put(command.id, command)
        return {"CommandId": command.id}

    def _invoke_command(self, call: RpcCall) -> JsonObject:
        values = call.values
        command = self.commands.get(values.text("CommandId"))
        if command is None:
            raise ApiError("InvalidCmdId.NotFound", "The specified command ID does not exist.", 404)
        chosen = command

        def act() -> JsonObject:
            invocation = self._invocation(values, chosen, mismatch_status=403)
            self.runs.start(invocation)
            return {"InvokeId": invocation.id}

        return self._once("InvokeCommand", values, act)

    def _stop_invocation(self, call: RpcCall) -> JsonObject:
        invocation = self.runs.invocations.get(call.values.text("InvokeId"))
        if invocation is None:
            raise ApiError("InvalidInvokeId.NotFound", "The specified invoke ID does not exist.", 404)
        wanted = call.values.texts("InstanceId") or list(invocation.runs)
        for instance_id in wanted:
            if instance_id not in invocation.runs:
                raise ApiError("InvalidInstanceId.NotFound", "The specified parameter InstanceId does not exist.", 404)
        self.runs.stop(invocation, wanted)
        return {}

    def _new_command(self, values: Values, *, kept: bool) -> Command:
        commands.check_labels(values)
        command = Command(
            id="",
            name=values.text("Name"),
            kind=values.text("Type"),
            content=commands.content_of(values),
            description=values.text("Description"),
            working_dir=values.text("WorkingDir"),
            timeout_s=commands.timeout_of(values),
            has_parameters=values.boolean("EnableParameter"),
            created=self._cloud.clock.now(),
            kept=kept,
            tags=commands.tags_of(values.structs("Tag")),
        )
        commands.check_definitions(command)
        return replace(command, id=self._cloud.ids.new("c"))

    def _invocation(self, values: Values, command: Command, *, mismatch_status: int) -> CommandInvocation:
        if values.text("RepeatMode", "Once") != "Once" or values.boolean("Timed"):
            raise ApiError("InvalidRepeatMode.NotFound", "The local cloud runs commands once only.", 404)
        commands.check_directory(values)
        now = self._cloud.clock.now()
        return CommandInvocation(
            id=self._cloud.ids.new("t"),
            command=command,
            parameters=commands.parameters_of(values, command, mismatch_status=mismatch_status),
            timeout_s=commands.timeout_of(values, command.timeout_s),
            username=values.text("Username", "root"),
            working_dir=values.text("WorkingDir", command.working_dir) or "/root",
            created=now,
            runs={name: CommandRun(name, created=now, updated=now) for name in self._targets(values)},
            tags=commands.tags_of(values.structs("Tag")),
        )

    def _targets(self, values: Values) -> list[str]:
        instance_ids = list(dict.fromkeys(filter(None, values.texts("InstanceId"))))
        if not instance_ids:
            raise ApiError("MissingParam.InstanceId", "The parameter instanceId is missing or empty.")
        if len(instance_ids) > commands.MAX_INSTANCES:
            raise ApiError("InstanceIds.ExceedLimit", "The number of instance IDs exceeds the upper limit.", 403)
        for instance_id in instance_ids:
            if self._status_of(instance_id) is None:
                raise ApiError("InvalidInstance.NotFound", "The specified instance does not exist.", 404)
        return instance_ids

    def _once(self, action: str, values: Values, act: Callable[[], JsonObject]) -> JsonObject:
        """The same ClientToken with the same parameters gets the same answer, and nothing runs again."""
        token = values.text("ClientToken")
        if not token:
            return act()
        before = self._tokens.get((action, token))
        if before is None:
            answer = act()
            self._tokens[action, token] = (dict(values.given), answer)
            return answer
        given, answer = before
        if given != values.given and self._cloud.readings.is_("client-tokens", "one-request"):
            raise ApiError(
                "IdempotentParameterMismatch",
                "The specified parameter has changed while using an already used clientToken.",
                403,
            )
        return answer

    # ------------------------------------------------------------------ reads

    def _describe_commands(self, call: RpcCall) -> JsonObject:
        values = call.values
        plain = values.text("ContentEncoding").lower() == "plaintext"
        wanted = {"CommandId": "id", "Name": "name", "Type": "kind"}
        found = [
            command
            for command in self.commands.as_of(call.as_of).values()
            if all(values.text(name) in ("", getattr(command, field)) for name, field in wanted.items())
            and _tagged(command.tags, values)
            and values.text("Provider", "User") == "User"
        ]
        page, paging = _page(found, values)
        used = [invocation.command.id for invocation in self.runs.invocations.values()]
        return {
            "Commands": {"Command": [command_answer(item, used.count(item.id), plain=plain) for item in page]},
            **paging,
        }

    @property
    def _listed(self) -> str:
        """The state of the invocations that a list shows if no state is asked for; "" for all of them (a reading)."""
        return "Running" if self._cloud.readings.is_("invocations", "running-only") else ""

    def _describe_invocations(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            invocation
            for invocation in self._newest_first(call)
            if values.text("CommandName") in ("", invocation.command.name)
            and values.text("CommandType") in ("", invocation.command.kind)
            and (values.text("InvokeStatus") or self._listed) in ("", invocation.legacy_status, invocation.status)
        ]
        page, paging = _page(found, values)
        plain = values.text("ContentEncoding").lower() == "plaintext"
        output = values.boolean("IncludeOutput")
        shown = [invocation_answer(item, values, plain=plain, output=output) for item in page]
        return {"Invocations": {"Invocation": shown}, **paging}

    def _describe_results(self, call: RpcCall) -> JsonObject:
        values = call.values
        found = [
            (invocation, run)
            for invocation in self._newest_first(call)
            for run in invocation.runs.values()
            if values.text("InstanceId") in ("", run.instance_id)
            and values.text("InvokeRecordStatus") in ("", record_status(run))
        ]
        page, paging = _page(found, values)
        plain = values.text("ContentEncoding").lower() == "plaintext"
        results = [result_answer(invocation, run, plain=plain) for invocation, run in page]
        return {"Invocation": {"InvocationResults": {"InvocationResult": results}, **paging}}

    def _newest_first(self, call: RpcCall) -> list[CommandInvocation]:
        values = call.values
        return [
            invocation
            for invocation in reversed(list(self.runs.invocations.as_of(call.as_of).values()))
            if values.text("InvokeId") in ("", invocation.id)
            and values.text("CommandId") in ("", invocation.command.id)
            and values.text("InstanceId") in ("", *invocation.runs)
            and _tagged(invocation.tags, values)
        ]

    def _describe_status(self, call: RpcCall) -> JsonObject:
        instance_ids = call.values.texts("InstanceId")
        for instance_id in instance_ids:
            if self._status_of(instance_id) is None:
                raise ApiError("InvalidInstance.NotFound", "The specified instance does not exist.", 404)
        if not instance_ids:
            raise ApiError("MissingParam.InstanceId", "The parameter instanceId is missing or empty.")
        found = instance_ids if call.values.text("OSType") in ("", _SYSTEM) else []
        page, paging = _page(found, call.values)
        return {
            "InstanceCloudAssistantStatusSet": {
                "InstanceCloudAssistantStatus": [self._agent(instance_id) for instance_id in page]
            },
            **paging,
        }

    def _agent(self, instance_id: str) -> JsonObject:
        seen = self.runs.heartbeat(instance_id)
        alive = bool(seen) and self._cloud.clock.now() - seen < HEARTBEAT_S
        active, total, invoked = self.runs.counts(instance_id)
        return {
            "InstanceId": instance_id,
            "CloudAssistantStatus": "true" if alive else "false",
            "CloudAssistantVersion": AGENT_VERSION if seen else "",
            "LastHeartbeatTime": moment(seen),
            "LastInvokedTime": moment(invoked),
            "InvocationCount": total,
            "ActiveTaskCount": active,
            "SupportSessionManager": alive,
            "OSType": _SYSTEM,
        }


def _tagged(tags: Sequence[tuple[str, str]], values: Values) -> bool:
    """Return True if all asked-for tags are there; an asked-for tag without a value matches any."""
    have = dict(tags)
    return all(
        struct.get("Key", "") in have and struct.get("Value", "") in ("", have[struct["Key"]])
        for struct in values.structs("Tag")
    )


def _page(items: Sequence[Item], values: Values) -> tuple[list[Item], JsonObject]:
    """One page by NextToken and MaxResults, or by PageNumber and PageSize where neither is given."""
    if "NextToken" in values or "MaxResults" in values:
        size = values.integer("MaxResults", 10)
        page, token = by_token(items, values.text("NextToken"), size, "InvalidParameter.NextToken")
        return page, {"NextToken": token}
    return numbered(items, values)
