"""What happens to every request between the wire and its product?  Faults strike, and the call is logged."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from natlab.cloud.kernel.clock import Clock
from natlab.cloud.kernel.errors import ApiError, NoAnswer
from natlab.cloud.kernel.faults import CallFault, FaultKind, Faults
from natlab.cloud.kernel.parameters import COMMON_PARAMETERS
from natlab.cloud.kernel.wire import NamesActions, Request, Response, Service, raw_parameters

LOGGED_CALLS = 10_000
_SECRET_WORDS = ("password", "secret", "securitytoken", "credential")


@dataclass(frozen=True)
class CallRecord:
    """One line of the request log.

    `at` is the cloud's time in seconds since the epoch, `duration_s` is measured on the wall, `error` is the
    code of the refusal, "" when the call was served; `answered` is False when the client never heard of it.
    """

    at: float
    product: str
    action: str
    params: Mapping[str, str]
    role: str | None
    access_key_id: str
    request_id: str
    error: str
    message: str
    duration_s: float
    answered: bool = True


@dataclass(frozen=True)
class DelayedAnswer:
    """An answer, and how long the server shall hold it back."""

    response: Response
    delay_s: float = 0.0


class Gate:
    """Every request goes through here, over HTTP and in process alike."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self.calls: deque[CallRecord] = deque(maxlen=LOGGED_CALLS)
        self.observers: list[Callable[[CallRecord], None]] = []
        """Who hears of every call that reached a product, such as ActionTrail."""

    def answer(self, service: Service, request: Request) -> DelayedAnswer:
        """The product's answer; ApiError for a refusal, NoAnswer when the client shall hear nothing."""
        action = action_of(service, request)
        started, at = time.perf_counter(), self._clock.now()
        fault = self._faults.strike(service.name, action)
        error, message, answered = "", "", True
        try:
            return self._answer(service, request, fault)
        except ApiError as refusal:
            error, message = refusal.code, refusal.message
            raise
        except NoAnswer:
            answered = False
            error = "" if fault is not None and fault.executed else "NoAnswer"
            raise
        finally:
            self._log(
                CallRecord(
                    at=at,
                    product=service.name,
                    action=action,
                    params=_without_secrets(request),
                    role=request.principal.role,
                    access_key_id=request.principal.access_key_id,
                    request_id=request.request_id,
                    error=error,
                    message=message,
                    duration_s=time.perf_counter() - started,
                    answered=answered,
                )
            )

    def _answer(self, service: Service, request: Request, fault: CallFault | None) -> DelayedAnswer:
        if fault is None:
            return DelayedAnswer(service.respond(request))
        if fault.kind is FaultKind.SLOW:
            return DelayedAnswer(service.respond(request), fault.seconds)
        if fault.kind is FaultKind.UNREACHABLE:
            raise NoAnswer(0.0, refused=True)
        if fault.kind is FaultKind.TIMEOUT:
            if fault.executed:
                service.respond(request)
            raise NoAnswer(fault.seconds)
        raise refusal_of(fault)

    def _log(self, record: CallRecord) -> None:
        self.calls.append(record)
        for observer in self.observers:
            observer(record)


def refusal_of(fault: CallFault) -> ApiError:
    """What a client hears of a fault that refuses."""
    if fault.kind is FaultKind.THROTTLE:
        code, message, status = "Throttling.User", "Request was denied due to user flow control.", 400
    elif fault.kind is FaultKind.SERVER_ERROR:
        code, message, status = (
            "ServiceUnavailable",
            "The request has failed due to a temporary failure.",
            503,
        )
    else:
        code, message, status = "InternalError", "The request is refused by a fault of the local cloud.", 400
    return ApiError(fault.code or code, fault.message or message, fault.status or status)


def action_of(service: Service, request: Request) -> str:
    """The action a request asks for, in the product's words."""
    if isinstance(service, NamesActions):
        return service.action_of(request)
    return f"{request.method} {request.path}"


def decode(response: Response) -> dict[str, object]:
    """The JSON object in an answer; a product that answers in process must answer with one."""
    decoded: object = json.loads(response.body)
    if not isinstance(decoded, dict):
        raise TypeError("the answer is not a JSON object")
    return decoded


def _without_secrets(request: Request) -> dict[str, str]:
    return {
        name: value
        for name, value in raw_parameters(request).items()
        if name not in COMMON_PARAMETERS
        and name != "Action"
        and not any(word in name.lower() for word in _SECRET_WORDS)
    }
