"""Function Compute 3.0: ask the probe for a check and wait for its answer, or hand something over and do not."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from natkeeper.alibaba.clients import WRITE_S, Attempt
from natkeeper.alibaba.errors import RefusedError
from natkeeper.alibaba.lean_imports import lean
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.ports import Clock

with lean("alibabacloud_fc20230330"):
    from alibabacloud_fc20230330 import models
    from alibabacloud_fc20230330.client import Client

CHECK_S = 20.0
"""A cold start in a VPC, and two checks that time out."""
_CHECK = b'{"action":"look"}'
_ERROR_TYPE = "x-fc-error-type"
_LONGEST_REASON = 300


def check_through_probe(attempt: Attempt, function: str, clock: Clock) -> Egress:
    """Invoke the probe synchronously for one check.

    Raises RefusedError when the probe itself failed: then nothing is known about egress.
    """
    headers, body = _invoke(attempt, function, _CHECK, "Sync", CHECK_S, {})
    error = headers.get(_ERROR_TYPE)
    if error:
        raise RefusedError(f"{function} failed ({error}): {_message(body)}")
    try:
        answer = json.loads(body)
        ok, ip, reason = answer["ok"], answer.get("ip"), answer.get("reason")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RefusedError(f"{function} gave no answer that a probe gives") from None
    if ok is True:
        return EgressSeen(clock(), ip if isinstance(ip, str) and ip else None)
    return EgressLost(clock(), str(reason or "no target answered")[:_LONGEST_REASON])


def hand_over(attempt: Attempt, function: str, payload: bytes, delay_s: int = 0) -> None:
    """Invoke `function` asynchronously: Function Compute keeps the payload and delivers it, `delay_s` seconds later."""
    _invoke(attempt, function, payload, "Async", WRITE_S, {"x-fc-async-delay": str(delay_s)} if delay_s else {})


def _invoke(
    attempt: Attempt,
    function: str,
    payload: bytes,
    kind: str,
    longest_s: float,
    headers: dict[str, str],
) -> tuple[Mapping[str, str], bytes]:
    answer = attempt.clients.client(Client, attempt.clients.fc_address).invoke_function_with_options(
        function,
        models.InvokeFunctionRequest(body=io.BytesIO(payload)),
        models.InvokeFunctionHeaders(x_fc_invocation_type=kind, common_headers=headers),
        attempt.options(longest_s),
    )
    body: Any = answer.body
    return answer.headers or {}, body.read() if body is not None else b""


def _message(body: bytes) -> str:
    """Return what a failed function said: `errorMessage` in the platform's words, or else how its body begins."""
    try:
        said = json.loads(body)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        said = body.decode("utf-8", "replace")
    return str(said)[:_LONGEST_REASON]
