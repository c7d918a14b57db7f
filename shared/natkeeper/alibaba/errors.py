"""What does a failed call mean? Codes are looked up in codes.py, once and nowhere else; a code that is not listed is
judged by its form and by the HTTP status. An error without any code is a network error, wrapped by the SDK in
UnretryableException.
"""

from __future__ import annotations

import re
from typing import Any

from natkeeper.alibaba.codes import BY_FORM, BY_STATUS, TABLE
from natkeeper.alibaba.credentials import Credentials, NoCredentialsError
from natkeeper.ports import Failure, FailureKind, FailureSubject

NAME_REFUSED = "InvalidRouteEntryName.Malformed"
NEXT_HOP_EXISTS = "OperationDenied.NextHopExist"
DUPLICATE_ROUTE = frozenset(
    {
        "InvalidCIDRBlock.Duplicate",
        "InvalidRouteEntry.Duplicate",
        "RouteConflict.AlreadyExist",
        "RouterEntryConflict.Duplicated",
        "Duplicated.VpcNextHop",
    }
)
ANOTHER_TASK = frozenset(
    {
        "TaskConflict",
        "OperationConflict",
        "OperationFailed.DistibuteLock",
        "IdempotentProcessing",
        "LastTokenProcessing",
    }
)
"""Refused because a task is running that is not about the named thing itself: over in a moment, so wait for it."""
TEMPLATE_GONE = "EntityNotExists.Template"

_MEANING = {code: (row.kind, row.names) for row in TABLE for code in row.codes.split()}
_SIGNATURE = re.compile(r"Signature(DoesNotMatch|NotMatch)|IncompleteSignature")
_UNAUTHORIZED, _FORBIDDEN, _CONFLICT, _TOO_MANY, _SERVER_FAULT = 401, 403, 409, 429, 500

_NETWORK: tuple[tuple[str, str], ...] = (
    ("NameResolution|getaddrinfo|Name or service not known|name resolution", "its name does not resolve"),
    ("ConnectTimeout|timed out. .connect timeout|connect timeout", "no connection in time"),
    ("Read timed out|ReadTimeout|timed out", "no answer in time"),
    ("Connection refused", "the connection was refused"),
    ("Connection aborted|RemoteDisconnected|reset by peer|Broken pipe", "the connection broke off"),
    ("SSL|certificate", "the TLS handshake failed"),
    ("unreachable", "there is no way to it"),
    ("JSON|Expecting value", "the answer was unreadable"),
)


_BY_STATUS = {
    _UNAUTHORIZED: (FailureKind.DENIED, FailureSubject.CALLER),
    _FORBIDDEN: (FailureKind.DENIED, FailureSubject.CALLER),
    _CONFLICT: (FailureKind.BUSY, FailureSubject.NOTHING),
    _TOO_MANY: (FailureKind.THROTTLED, FailureSubject.NOTHING),
}


class UnreadableAnswerError(Exception):
    """An answer without what its API always has; it must never be taken for 'there is none'."""


class RefusedError(Exception):
    """natkeeper itself refuses to send a call, or an answer says no in words of its own; the message says why."""


def code_of(error: BaseException) -> str:
    """Return Alibaba's code of an SDK exception, empty where there is none."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code != "None" else ""


def meaning_of(code: str, status: int | None = None) -> tuple[FailureKind, FailureSubject]:
    """Return what `code`, answered with HTTP `status`, means, and what it names."""
    known = _MEANING.get(code) or BY_STATUS.get((code, status or 0))
    if known is not None:
        return known
    if not code or (status is not None and status >= _SERVER_FAULT):
        by_status = FailureKind.UNREACHABLE, FailureSubject.NOTHING
    else:
        by_status = _BY_STATUS.get(status or 0, (FailureKind.REFUSED, FailureSubject.NOTHING))
    return next(((kind, names) for form, kind, names in BY_FORM if re.fullmatch(form, code)), by_status)


def kind_of(code: str, status: int | None = None) -> FailureKind:
    """Return what is done about `code`, answered with HTTP `status`."""
    return meaning_of(code, status)[0]


def classify(error: Exception, credentials: Credentials | None = None) -> Failure:
    """Make a Failure of what an SDK client raised. Its message names no part of `credentials`."""
    if isinstance(error, RefusedError):
        return Failure(FailureKind.REFUSED, str(error))
    if isinstance(error, NoCredentialsError):
        return Failure(FailureKind.DENIED, str(error), names=FailureSubject.CALLER)
    if isinstance(error, UnreadableAnswerError):
        return Failure(FailureKind.UNREACHABLE, str(error))
    code = code_of(error)
    if not code:
        return Failure(FailureKind.UNREACHABLE, _network_sentence(error))
    status = getattr(error, "status_code", None)
    data = getattr(error, "data", None)
    answer: dict[str, Any] = data if isinstance(data, dict) else {}
    message = str(answer.get("Message") or answer.get("message") or getattr(error, "message", ""))
    if _SIGNATURE.fullmatch(code):
        message = "the signature was not accepted: the access key's secret is wrong"
    detail = answer.get("AccessDeniedDetail")
    if isinstance(detail, dict) and detail.get("AuthAction"):
        message = f"{message.rstrip('.')}: the caller's policies do not allow {detail['AuthAction']}"
    if credentials is not None:
        message = credentials.hide(message)
    request_id = str(answer.get("RequestId") or getattr(error, "request_id", None) or "")
    kind, names = meaning_of(code, status if isinstance(status, int) else None)
    return Failure(kind, message, code, request_id, names)


def _network_sentence(error: Exception) -> str:
    """Say in one sentence what went wrong on the way, and with which host; the SDK's own text is a stack of reprs."""
    inner = getattr(error, "inner_exception", None) or error
    headers = getattr(getattr(error, "last_request", None), "headers", None) or {}
    where = str(headers.get("host") or "the API")
    text = repr(inner)
    for pattern, sentence in _NETWORK:
        if re.search(pattern, text):
            return f"{where}: {sentence}"
    return f"{where}: no usable answer ({type(inner).__name__})"
