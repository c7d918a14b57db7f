"""How does OOS call other products?  As the execution's role, in process, again when it is told to wait.

Parameters of ACS::ExecuteAPI are nested values under the names of the API; lists may go under the plural
(`InstanceIds` for `InstanceId.N`), as Alibaba's own templates write them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from natlab.cloud.kernel.errors import ApiError, NoAnswer
from natlab.cloud.kernel.parameters import Parameter, ParameterType
from natlab.cloud.kernel.rpc import RpcService

if TYPE_CHECKING:
    from natlab.cloud.kernel.accounts import Principal
    from natlab.cloud.kernel.context import CloudContext

ATTEMPTS = 10
"""How often a call is tried that was throttled or got no answer: assumed."""
_AGAIN = ("Throttling", "ServiceUnavailable", "InternalError", "SystemBusy")


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls for one execution; `still_wanted` is asked before every attempt, `log` gets every exchange."""

    cloud: CloudContext
    principal: Principal
    still_wanted: Callable[[], bool]
    log: Callable[[str], None]

    def call(
        self,
        service: str,
        api: str,
        parameters: Mapping[str, object],
        then: Callable[[dict[str, object]], None],
        otherwise: Callable[[str], None],
        attempt: int = 1,
    ) -> None:
        """Call an API; exactly one of `then` and `otherwise` hears of it, or none when nobody wants it any more."""
        if not self.still_wanted():
            return
        try:
            declared = self._declared(service, api)
            region = {"RegionId": self.cloud.region} if "RegionId" in declared else {}
            sent = flat({**region, **parameters}, declared)
            answer = self.cloud.call(service.lower(), api, sent, self.principal)
        except (ApiError, NoAnswer) as error:
            code = error.code if isinstance(error, ApiError) else "ServiceUnavailable"
            self._log(api, parameters, {"Code": code, "Message": str(error)})
            if code.startswith(_AGAIN) and attempt < ATTEMPTS:
                self.cloud.clock.call_later(
                    self.cloud.latencies.of("oos.poll"),
                    lambda: self.call(service, api, parameters, then, otherwise, attempt + 1),
                )
                return
            otherwise(f"call {service}.{api} failed: {error}")
            return
        self._log(api, parameters, answer)
        then(answer)

    def _declared(self, service: str, api: str) -> Mapping[str, Parameter]:
        try:
            product = self.cloud.service(service.lower())
        except KeyError:
            raise ApiError("InvalidParameter", f"there is no service {service}") from None
        if not isinstance(product, RpcService) or api not in product.operations:
            raise ApiError("InvalidAction.NotFound", f"{service} has no API {api}", 404)
        return product.operations[api].parameters

    def _log(self, api: str, request: Mapping[str, object], response: Mapping[str, object]) -> None:
        self.log(json.dumps({"API": api, "Request": request, "Response": response}, ensure_ascii=False))


def flat(parameters: Mapping[str, object], declared: Mapping[str, Parameter]) -> dict[str, str]:
    """Nested parameters in the flat form of the wire; empty ones are left out."""
    sent: dict[str, str] = {}
    for name, value in parameters.items():
        if value is None or value in ("", [], {}):
            continue
        chosen = name
        if name not in declared and name.endswith("s") and name[:-1] in declared:
            chosen = name[:-1]
        kind = declared[chosen].kind if chosen in declared else ParameterType.TEXT
        if kind in (ParameterType.TEXTS, ParameterType.STRUCTS, ParameterType.STRUCT):
            _spread(chosen, value, sent)
        else:
            sent[chosen] = _text(value)
    return sent


def _spread(prefix: str, value: object, sent: dict[str, str]) -> None:
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            _spread(f"{prefix}.{number}", item, sent)
    elif isinstance(value, dict):
        for key, item in value.items():
            _spread(f"{prefix}.{key}", item, sent)
    else:
        sent[prefix] = _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
