"""One way to call Alibaba Cloud from here: clients, patience, and failures as the ends of a command.

For all that the function never does. What it does goes through natkeeper.alibaba.cloud, with --direct as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from natkeeper.alibaba.clients import Attempt, Clients
from natkeeper.alibaba.credentials import Credentials
from natkeeper.alibaba.errors import classify
from natkeeper.alibaba.retry import Patience, Persistence
from natkeeper.cli.errors import Denied, trouble_of
from natkeeper.ports import Failure

T = TypeVar("T")
IN_ALL_S = 15.0
"""How long one thing may be asked for: a person waits for it."""
_GLOBAL = {
    "sts": "sts.aliyuncs.com",
    "ram": "ram.aliyuncs.com",
    "actiontrail": "actiontrail.{region}.aliyuncs.com",
    "eventbridge": "eventbridge-console.{region}.aliyuncs.com",
}
_VERSIONS = {"sts": "2015-04-01", "ram": "2015-05-01", "actiontrail": "2020-07-06", "eventbridge": "2020-04-01"}


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(timezone.utc)


@dataclass
class RegionClients:
    """Clients of one region; `endpoint` takes the place of every product's own."""

    region: str
    credentials: Callable[[], Credentials]
    endpoint: str | None = None
    clock: Callable[[], datetime] = utc_now
    sleeper: Callable[[float], None] = time.sleep
    patience: Patience = field(default_factory=lambda: Patience(in_all_s=IN_ALL_S))

    def __post_init__(self) -> None:
        self.clients = Clients(self.region, self.credentials, self.endpoint)
        self._persistence = Persistence(self.clock, self.sleeper, self.classify, patience=self.patience)

    def try_(self, make: Callable[[Attempt], T]) -> T | Failure:
        """Make a call, again where that helps; a failure is an answer."""
        until = self.clock() + timedelta(seconds=IN_ALL_S)
        return self._persistence.perform(lambda left: make(Attempt(self.clients, left)), until)

    def do(self, doing: str, make: Callable[[Attempt], T]) -> T:
        """Make a call, again where that helps. Raises CommandError; `doing` says what it is for."""
        answer = self.try_(make)
        if isinstance(answer, Failure):
            raise trouble_of(answer, doing)
        return answer

    def classify(self, error: Exception) -> Failure:
        """Make a Failure of what an SDK raised; having no credentials ends the command."""
        if isinstance(error, Denied):
            raise error
        return classify(error, self.credentials())

    def plain(self, product: str, action: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any] | Failure:
        """Call an RPC API whose own SDK is not worth a dependency (STS, RAM, ActionTrail): OpenAPI's generic call."""
        return self.try_(lambda attempt: self._plain(attempt, product, action, dict(parameters or {})))

    def _plain(self, attempt: Attempt, product: str, action: str, parameters: dict[str, str]) -> dict[str, Any]:
        from alibabacloud_tea_openapi.client import Client
        from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params

        from natkeeper.alibaba.clients import Signer

        config = Config(credential=Signer(self.credentials), region_id=self.region)
        config.endpoint = _GLOBAL[product].format(region=self.region)
        if self.endpoint is not None:
            config.protocol, _, config.endpoint = self.endpoint.rstrip("/").partition("://")
        params = Params(
            action=action,
            version=_VERSIONS[product],
            protocol="HTTPS" if self.endpoint is None else config.protocol,
            method="POST",
            auth_type="AK",
            style="RPC",
            pathname="/",
            req_body_type="formData",
            body_type="json",
        )
        answer = Client(config).call_api(params, OpenApiRequest(query=parameters), attempt.options())
        body = answer["body"]
        return body if isinstance(body, dict) else {}

    def account(self) -> str:
        """Ask STS which account these credentials are of. Raises CommandError."""
        answer = self.plain("sts", "GetCallerIdentity")
        if isinstance(answer, Failure):
            raise trouble_of(answer, "asking STS which account this is")
        return str(answer.get("AccountId") or "")
