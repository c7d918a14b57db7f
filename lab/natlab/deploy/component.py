"""What the component fc3 does with one resource of an s.yaml: look, compare, ask, and write.

Everything is read before anything is written. What is deployed already is compared with the file; where the two differ,
the component shows the difference and asks, unless it was told `-y`. Without an answer it writes nothing and ends well.
Source: behaviour of component fc3 0.1.22 (deploy of functions, triggers and their configurations) with Serverless Devs
3.1.10, as recorded in tests/deployment/recorded.json.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alibabacloud_fc20230330 import models
from Tea.exceptions import TeaException

from natlab.checksum import crc64
from natlab.deploy.comparison import comparable, comparable_async, comparable_trigger, differences
from natlab.deploy.template import DeployError, Json, Resource, Template, run_actions, zipped
from natlab.deploy.wire import Deployer, DeployWire, ServiceRefused

SEND_TO_FC = ("sendevent-fc.eventbridge.aliyuncs.com",)
SOURCES = ("source-cms.eventbridge.aliyuncs.com", "source-actiontrail.eventbridge.aliyuncs.com")
LOGS = "fc.aliyuncs.com"
_LOG_STORE = "default-logs"
_LATEST = "LATEST"
_POLLS, _POLL_S = 12, 5.0
_NOT_THE_FUNCTION = frozenset({
    "annotations", "asyncInvokeConfig", "code", "concurrencyConfig", "customDomain", "endpoint",
    "provisionConfig", "region", "scalingConfig", "supplement", "triggers", "vpcBinding",
})  # fmt: skip
"""What fc3 deploys with calls of their own, or does not send at all; the rest of `props` is the function itself."""
_DEFAULTS: Json = {"internetAccess": True, "description": "", "memorySize": 512, "timeout": 3}
_EMPTY: Json = {
    "vpcConfig": {"securityGroupId": "", "vSwitchIds": [], "vpcId": ""},
    "tracingConfig": {},
    "ossMountConfig": {"mountPoints": []},
    "nasConfig": {"groupId": 0, "userId": 0, "mountPoints": []},
    "logConfig": {
        "enableInstanceMetrics": False, "enableRequestMetrics": False, "logBeginRule": "None",
        "logstore": "", "project": "",
    },
    "environmentVariables": {},
    "layers": [],
    "instanceIsolationMode": "SHARE",
    "sessionAffinity": "NONE",
}  # fmt: skip
"""Sent for whatever the file does not have, so that nothing of an older deployment stays."""


@dataclass(frozen=True, slots=True)
class DeployStep:
    """One thing that was done: `created function natkeeper-failover`."""

    verb: str
    kind: str
    name: str

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.verb} {self.kind} {self.name}"


def deploy(
    template: Template,
    endpoint: str,
    account: Deployer,
    *,
    actions: bool = False,
    say: Callable[[str], None] | None = None,
    yes: bool = True,
    only: Mapping[str, Sequence[str] | None] | None = None,
    sleeper: Callable[[float], None] = time.sleep,
) -> list[DeployStep]:
    """Bring what `template` describes to Alibaba Cloud behind `endpoint` (`http://127.0.0.1:8000`).

    With `actions`, runs the template's pre-deploy commands first. `yes` is `-y`; without it, a difference is asked
    about and nobody answers. `only` is `s RESOURCE deploy --trigger NAME,NAME`: triggers by resource, or None for the
    whole of it. Returns what was done, in order; `say` hears of each step as it happens. Raises DeployError.
    """
    if actions:
        run_actions(template)
    done: list[DeployStep] = []
    for resource in template.resources:
        if only is not None and resource.name not in only:
            continue
        wire = DeployWire(endpoint, account, str(resource.props["region"]))
        component = Component(
            wire, resource, yes=yes, sleeper=sleeper, only=None if only is None else only[resource.name]
        )
        try:
            for step in component.deploy():
                done.append(step)
                if say:
                    say(str(step))
        except TeaException as error:
            denied = (error.data or {}).get("AccessDeniedDetail") or {}
            action = f" ({denied['AuthAction']})" if denied.get("AuthAction") else ""
            raise DeployError(f"{resource.function}: {error.code}: {error.message}{action}") from error
        except ServiceRefused as error:
            raise DeployError(f"{resource.function}: {error}") from error
    return done


@dataclass(slots=True)
class Component:
    """One function on its way; `only` names the triggers that alone are deployed."""

    wire: DeployWire
    resource: Resource
    yes: bool = True
    sleeper: Callable[[float], None] = time.sleep
    only: Sequence[str] | None = None
    _triggers: list[Json] = field(default_factory=list)

    @property
    def _name(self) -> str:
        return self.resource.function

    def _read(self, below: str = "", **query: str) -> Json | None:
        return self.wire.read(f"functions/{self._name}{below}", **query)

    def _write(self, method: str, below: str, body: Mapping[str, Any] | None = None, **query: str) -> None:
        self.wire.write(method, f"functions/{self._name}{below}", body, **query)

    def deploy(self) -> Iterator[DeployStep]:
        """Do what `s deploy` does with this resource; yields each step once it is done."""
        props = self.resource.props
        for trigger in props.get("triggers") or ():
            if trigger["triggerType"] == "eventbridge":
                yield from self._linked(SEND_TO_FC)
                yield from self._linked(SOURCES)
        self._triggers = [
            {"qualifier": _LATEST, "description": "", **trigger}
            for trigger in props.get("triggers") or ()
            if self.only is None or trigger["triggerName"] in self.only
        ]
        if self.only is not None:
            there = self._read_triggers()
            if self._asked(self._trigger_differences(there)):
                yield DeployStep("left unanswered", "the triggers of", self._name)
                return
            yield from self._put_triggers(there)
            return
        yield from self._deploy_all()

    # ── the whole resource ──────────────────────────────────────────────────────────────────────────────────

    def _deploy_all(self) -> Iterator[DeployStep]:
        name, props = self._name, self.resource.props
        local = {**_DEFAULTS, **{key: value for key, value in props.items() if key not in _NOT_THE_FUNCTION}}
        remote = self._read()
        checksum = str((remote or {}).get("codeChecksum") or "")
        if remote is not None:
            local.setdefault("role", "")
            if local.get("logConfig") == "auto" and (remote.get("logConfig") or {}).get("project"):
                local["logConfig"] = remote["logConfig"]
            if self._asked(differences(comparable(remote), local)):
                yield DeployStep("left unanswered", "function", name)
                return
        triggers = self._read_triggers()
        if self._asked(self._trigger_differences(triggers)):
            yield DeployStep("left unanswered", "the triggers of", name)
            return
        wanted = props.get("asyncInvokeConfig") or {}
        qualifier = str(wanted.get("qualifier") or _LATEST)
        asynchronous = self._read("/async-invoke-config", qualifier=qualifier)
        if asynchronous and self._asked(differences(comparable_async(asynchronous, qualifier), wanted)):
            yield DeployStep("left unanswered", "the asynchronous invocation of", name)
            return
        self._read("/vpc-bindings")
        scaling = self._scaling()
        if scaling and self._asked(differences(scaling, props.get("scalingConfig") or {})):
            yield DeployStep("left unanswered", "the scaling of", name)
            return
        reserved = self._read("/concurrency")
        concurrency = {key: value for key, value in (reserved or {}).items() if key != "functionArn"}
        if concurrency and self._asked(differences(concurrency, props.get("concurrencyConfig") or {})):
            yield DeployStep("left unanswered", "the concurrency of", name)
            return

        yield from self._put_function(local, checksum)
        yield from self._put_triggers(triggers)
        yield from self._put_async(wanted, qualifier)
        if scaling:
            yield from self._remove_scaling()
        yield from self._put_concurrency(concurrency)
        self._show()

    def _linked(self, services: Sequence[str]) -> Iterator[DeployStep]:
        """Look for service-linked roles, and create them, as far as the first one that exists."""
        for service in services:
            if self.wire.linked_role_exists(service):
                return
            self.wire.create_linked_role(service)
            yield DeployStep("created", "service-linked role for", service)

    def _asked(self, found: Sequence[str]) -> bool:
        """Return True if differences are asked about, which nobody here answers."""
        return bool(found) and not self.yes

    # ── function ────────────────────────────────────────────────────────────────────────────────────────────

    def _put_function(self, local: Json, checksum: str) -> Iterator[DeployStep]:
        name = self._name
        for key in ("vpcConfig", "nasConfig", "ossMountConfig"):
            if local.get(key) == "auto":
                raise DeployError(f"{name}: {key}: auto would create a network or storage; name one")
        if local.get("logConfig") == "auto":
            yield from self._make_log_store(local)
            if not local.get("role"):
                yield from self._linked((LOGS,))
        archive = zipped(self.resource.code)
        body = {**_EMPTY, **local}
        if checksum != str(crc64(archive)):
            place = self.wire.temporary_place()
            self.wire.put_object(place, archive)
            body["code"] = {"ossBucketName": place.bucket, "ossObjectName": place.key}
            yield DeployStep("uploaded", "the code of", name)
        if self._read() is None:
            _check(models.CreateFunctionInput(), body, name)
            self.wire.write("POST", "functions", body)
            yield DeployStep("created", "function", name)
            return
        changed = {key: value for key, value in body.items() if key != "functionName"}
        _check(models.UpdateFunctionInput(), changed, name)
        self._write("PUT", "", changed)
        yield DeployStep("updated", "function", name)

    def _make_log_store(self, local: Json) -> Iterator[DeployStep]:
        wire, project = self.wire, log_project(self.wire.region, self.wire.account.account_id)
        path = f"/logstores/{_LOG_STORE}"
        described = {"projectName": project, "description": "Made for the logs of functions"}
        store = {"logstoreName": _LOG_STORE, "shardCount": 1, "ttl": 30}
        index = {"line": {"caseSensitive": False, "chn": False, "token": [",", " ", "\n"]}, "ttl": 90}
        made = False
        for missing, look, make in (
            ("ProjectNotExist", ("GET", "/", project), ("POST", "/", "", described)),
            ("LogStoreNotExist", ("GET", path, project), ("POST", "/logstores", project, store)),
            ("IndexConfigNotExist", ("GET", f"{path}/index", project), ("POST", f"{path}/index", project, index)),
        ):
            try:
                wire.log(*look)
            except ServiceRefused as refused:
                if refused.code != missing:
                    raise
                wire.log(*make)
                made = True
        wire.log("GET", path, project)
        local["logConfig"] = {
            "enableInstanceMetrics": True,
            "enableRequestMetrics": True,
            "logBeginRule": "DefaultRegex",
            "logstore": _LOG_STORE,
            "project": project,
        }
        if made:
            yield DeployStep("created", "log store", f"{project}/{_LOG_STORE}")

    # ── triggers ────────────────────────────────────────────────────────────────────────────────────────────

    def _read_triggers(self) -> list[Json]:
        """What is deployed of each trigger, in their order; empty where there is none."""
        return [
            comparable_trigger(self._read(f"/triggers/{trigger['triggerName']}") or {}) for trigger in self._triggers
        ]

    def _trigger_differences(self, there: Sequence[Json]) -> list[str]:
        pairs = zip(self._triggers, there, strict=True)
        return [each for wanted, found in pairs if found for each in differences(found, wanted)]

    def _put_triggers(self, there: Sequence[Json]) -> Iterator[DeployStep]:
        """Write them in their order, up to the first EventBridge trigger that did not change: there it ends."""
        name = self._name
        for wanted, found in zip(self._triggers, there, strict=True):
            trigger = str(wanted["triggerName"])
            where = f"{name}/{trigger}"
            if found and wanted["triggerType"] == "eventbridge" and not differences(found, wanted):
                yield DeployStep("skipped", "eventbridge trigger", f"{where} and all after it")
                return
            body = wanted | {"triggerConfig": json.dumps(wanted["triggerConfig"], ensure_ascii=False)}
            if self._read(f"/triggers/{trigger}") is None:
                _check(models.CreateTriggerInput(), body, where)
                self._write("POST", "/triggers", body)
                yield DeployStep("created", f"{wanted['triggerType']} trigger", where)
                continue
            changed = {
                k: v for k, v in body.items() if k in {"description", "invocationRole", "qualifier", "triggerConfig"}
            }
            self._write("PUT", f"/triggers/{trigger}", changed)
            yield DeployStep("updated", f"{wanted['triggerType']} trigger", where)

    # ── configurations ──────────────────────────────────────────────────────────────────────────────────────

    def _put_async(self, wanted: Json, qualifier: str) -> Iterator[DeployStep]:
        if not wanted:
            return
        name = self._name
        sent = {"destinationConfig": {}, **{k: v for k, v in wanted.items() if k != "qualifier"}}
        _check(models.PutAsyncInvokeConfigInput(), sent, name)
        self._write("PUT", "/async-invoke-config", sent, qualifier=qualifier)
        yield DeployStep("set", "asynchronous invocation of", name)

    def _scaling(self) -> Json:
        """What is deployed of the scaling configuration; an answer without a function's ARN means none."""
        found = self._read("/scaling-config", qualifier=_LATEST) or {}
        if not found.get("functionArn"):
            return {}
        status = ("currentInstances", "currentError", "functionArn", "targetInstances")
        return {key: value for key, value in found.items() if key not in status}

    def _remove_scaling(self) -> Iterator[DeployStep]:
        name = self._name
        self._write("DELETE", "/scaling-config", qualifier=_LATEST)
        for _ in range(_POLLS):
            left = self._read("/scaling-config", qualifier=_LATEST) or {}
            if not left.get("functionArn") or not left.get("currentInstances"):
                break
            self.sleeper(_POLL_S)
        yield DeployStep("removed", "the scaling of", name)

    def _put_concurrency(self, there: Json) -> Iterator[DeployStep]:
        name = self._name
        if wanted := self.resource.props.get("concurrencyConfig"):
            _check(models.PutConcurrencyInput(), wanted, name)
            self._write("PUT", "/concurrency", wanted)
            yield DeployStep("set", "reserved concurrency of", name)
        elif there:
            self._write("DELETE", "/concurrency")
            yield DeployStep("removed", "reserved concurrency of", name)

    def _show(self) -> None:
        """Read once more what is shown at the end."""
        props = self.resource.props
        self._read()
        for trigger in self._triggers:
            self._read(f"/triggers/{trigger['triggerName']}")
        if wanted := props.get("asyncInvokeConfig"):
            qualifier = str(wanted.get("qualifier") or _LATEST)
            self._read("/async-invoke-config", qualifier=qualifier)
        if props.get("concurrencyConfig"):
            self._read("/concurrency")


def log_project(region: str, account_id: str) -> str:
    """Return the name of the log project that `logConfig: auto` stands for, the same for every deployment."""
    hashed = uuid.uuid5(uuid.UUID(int=0), account_id)
    return f"serverless-{region}-{hashed}"[:63]


def _check(model: object, wanted: Mapping[str, Any], where: str) -> None:
    """Refuse a field that the API does not know: it would be lost on the way. Raises DeployError."""
    unknown = set(wanted) - _wire_names(model)
    if unknown:
        raise DeployError(f"{where}: the API knows no {', '.join(sorted(unknown))}")


def _wire_names(model: Any) -> set[str]:
    """Return the names by which the API calls a model's fields: camel case of the Python ones."""
    special = {"custom_dns": "customDNS"}
    return {special.get(name) or re.sub(r"_(\w)", lambda m: m[1].upper(), name) for name in vars(model)}
