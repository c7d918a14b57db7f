"""Functions as they are deployed: settings, triggers, asynchronous invocation, reserved concurrency (FC 2023-03-30)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.errors import code_of, kind_of
from natkeeper.alibaba.fields import optional
from natkeeper.alibaba.lean_imports import lean
from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients

with lean("alibabacloud_fc20230330"):
    from alibabacloud_fc20230330 import models
    from alibabacloud_fc20230330.client import Client

T = TypeVar("T")
_SETTINGS_S = 10.0
_PAGE = 100
"""ListTriggers, limit: at most 100 (FC 2023-03-30)."""


@dataclass(frozen=True, slots=True)
class SurveyedTrigger:
    """One trigger; `config` is its body."""

    name: str
    kind: str
    config: Mapping[str, Any]
    description: str = ""

    @property
    def enabled(self) -> bool:
        """Return True if it fires: timers and EventBridge call it differently."""
        return bool(self.config.get("enable", self.config.get("triggerEnable", True)))


@dataclass(frozen=True, slots=True)
class Deployed:
    """One function of FC 3.0. `vswitches` is empty outside of a VPC; `on_failure` and `on_success` are ARNs."""

    name: str
    role: str
    timeout_s: int
    internet_access: bool
    vpc: str
    vswitches: tuple[str, ...]
    environment: Mapping[str, str]
    triggers: tuple[SurveyedTrigger, ...]
    on_failure: str
    on_success: str
    async_retries: int | None
    reserved: int | None


def deployed(attempt: Attempt, name: str) -> Deployed | None:
    """Read a function and all that belongs to it; None when it does not exist."""
    client = attempt.clients.client(Client, attempt.clients.fc_address)
    function = _or_none(
        lambda: client.get_function_with_options(name, models.GetFunctionRequest(), {}, attempt.options()).body
    )
    if function is None:
        return None
    listed = _triggers(attempt, client, name)
    asynchronous = _or_none(
        lambda: (
            client.get_async_invoke_config_with_options(
                name, models.GetAsyncInvokeConfigRequest(qualifier="LATEST"), {}, attempt.options()
            ).body
        )
    )
    concurrency = _or_none(lambda: client.get_concurrency_config_with_options(name, {}, attempt.options()).body)
    network = optional(function.vpc_config)
    destination = optional(asynchronous.destination_config) if asynchronous is not None else None
    failure = optional(destination.on_failure) if destination is not None else None
    success = optional(destination.on_success) if destination is not None else None
    return Deployed(
        name=name,
        role=(function.role or "").rpartition("/")[2].lower(),
        timeout_s=function.timeout or 3,
        internet_access=function.internet_access is not False,
        vpc=(network.vpc_id if network else "") or "",
        vswitches=tuple((network.v_switch_ids if network else None) or ()),
        environment=dict(function.environment_variables or {}),
        triggers=tuple(
            SurveyedTrigger(
                one.trigger_name or "", one.trigger_type or "", _object(one.trigger_config), one.description or ""
            )
            for one in listed
        ),
        on_failure=(failure.destination if failure is not None else "") or "",
        on_success=(success.destination if success is not None else "") or "",
        async_retries=None if asynchronous is None else asynchronous.max_async_retry_attempts,
        reserved=None if concurrency is None else concurrency.reserved_concurrency,
    )


def served_zones(reach: RegionClients) -> frozenset[str] | Failure:
    """Read the zones in which functions can enter a VPC (GetAccountSettings, which only FC 2.0's API has)."""
    import fc2

    keys = reach.credentials()
    try:
        client = fc2.Client(
            endpoint=reach.endpoint or f"https://{reach.account()}.{reach.region}.fc.aliyuncs.com",
            accessKeyID=keys.access_key_id,
            accessKeySecret=keys.access_key_secret,
            securityToken=keys.security_token,
            Timeout=_SETTINGS_S,
        )
        return frozenset(str(zone) for zone in client.get_account_settings().data.get("availableAZs") or ())
    except Exception as error:  # noqa: BLE001  this SDK has errors of its own
        code, status = getattr(error, "err_code", None), getattr(error, "status_code", None)
        if isinstance(code, str) and isinstance(status, int):
            return Failure(kind_of(code, status), keys.hide(str(getattr(error, "message", ""))), code)
        return Failure(FailureKind.UNREACHABLE, f"no answer ({type(error).__name__})")


def addresses(reach: RegionClients, function: Deployed) -> int | Failure:
    """Return how many addresses the deployed notify function has: in its environment, or as it answers for its code."""
    from natkeeper.cli.invoke import Fc3Invoker
    from natkeeper.packaging.notification import COUNT, HEARTBEAT, NOBODY, VARIABLE

    if given := function.environment.get(VARIABLE, "").split():
        return 0 if given == [NOBODY] else sum(not url.startswith(HEARTBEAT) for url in given)
    payload = json.dumps({"action": COUNT}).encode()
    told = reach.try_(lambda _attempt: Fc3Invoker(reach, function.name).once(payload))
    if isinstance(told, Failure):
        return told
    body, error = told
    try:
        answer = {} if error else json.loads(body)
    except ValueError:
        answer = {}
    count = answer.get(COUNT, 0) if isinstance(answer, dict) else 0
    return count if isinstance(count, int) else 0


def _triggers(attempt: Attempt, client: Client, name: str) -> list[models.Trigger]:
    """List every trigger of a function; the API gives at most a hundred at a time."""
    found: list[models.Trigger] = []
    token: Any = None
    while True:
        request = models.ListTriggersRequest(limit=_PAGE, next_token=token)
        page = client.list_triggers_with_options(name, request, {}, attempt.options()).body
        found += page.triggers or ()
        token = page.next_token
        if not token:
            return found


def _or_none(read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or None where the thing is not there."""
    try:
        return read()
    except Exception as error:
        code = code_of(error)
        if code.endswith(("NotExist", "NotExists")) or (code and kind_of(code) is FailureKind.GONE):
            return None
        raise


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
