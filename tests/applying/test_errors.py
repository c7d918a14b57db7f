"""Every refusal is given its meaning once, and no meaning is invented for a code that Alibaba does not have."""

from __future__ import annotations

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from darabonba.exceptions import RetryError
from Tea.exceptions import UnretryableException
from Tea.request import TeaRequest

from natkeeper.alibaba.credentials import Credentials, NoCredentialsError
from natkeeper.alibaba.errors import RefusedError, UnreadableAnswerError, classify, kind_of
from natkeeper.ports import FailureKind
from tests.contract.checker import Contracts

KEY = Credentials("LTAI5tEXAMPLE", "TheSecretOfTheKey", "CAISlongtoken")

K = FailureKind


def refusal(code: str, status: int = 400, message: str = "no") -> ClientException:
    """An SDK exception as the client raises it."""
    return ClientException(
        status_code=status, code=code, message=f"code: {status}, {message} request id: R-1", request_id="R-1",
        data={"Code": code, "Message": message, "RequestId": "R-1"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "code, status, kind",
    [
        ("Throttling", 400, K.THROTTLED),
        ("Throttling.User", 400, K.THROTTLED),
        ("Throttling.Api", 503, K.THROTTLED),
        ("Whatever", 429, K.THROTTLED),
        ("TaskConflict", 400, K.BUSY),
        ("OperationConflict", 409, K.BUSY),
        ("IncorrectRouteEntryStatus", 400, K.BUSY),
        ("IncorrectRouteEntryStatus.Middle", 400, K.BUSY),
        ("IncorrectStatus.RouteEntry", 400, K.BUSY),
        ("SystemBusy", 503, K.BUSY),
        ("ServiceUnavailable", 503, K.UNREACHABLE),
        ("InternalError", 400, K.UNREACHABLE),
        ("SomethingNew", 500, K.UNREACHABLE),
        ("Forbbiden", 403, K.DENIED),
        ("Forbidden.RAM", 403, K.DENIED),
        ("NoPermission", 403, K.DENIED),
        ("InvalidAccessKeyId.NotFound", 404, K.DENIED),
        ("InvalidAccessKeyId.Inactive", 400, K.DENIED),
        ("InvalidSecurityToken.Expired", 400, K.DENIED),
        ("UnsupportedFeature.NextHopType", 400, K.NOT_IN_PLACE),
        ("UnsupportedFeature.ModifyRouteEntryNextHop", 400, K.NOT_IN_PLACE),
        ("OperationDenied.NextHopTypeNonsupport", 400, K.NOT_IN_PLACE),
        ("IllegealParam.NextHopType", 400, K.NOT_IN_PLACE),
        ("InvalidRouteEntryId.NotFound", 400, K.GONE),
        ("ResourceNotFound.RouteEntry", 400, K.GONE),
        ("InvalidAllocationId.NotFound", 404, K.GONE),
        ("FunctionNotFound", 404, K.GONE),
        ("EntityNotExists.Template", 404, K.GONE),
        ("InvalidRegionId.NotFound", 404, K.REFUSED),
        ("Forbidden.FinancialLocked", 400, K.REFUSED),
        ("IncorrectStatus.NextHop", 400, K.BUSY),
        ("InvalidCIDRBlock.Duplicate", 400, K.BUSY),
        ("SomethingNew", 400, K.REFUSED),
    ],
)
def test_a_code_means_one_thing(code: str, status: int, kind: FailureKind) -> None:
    """The table of errors.py, row by row where it matters."""
    assert classify(refusal(code, status)).kind is kind


def test_a_failure_carries_what_a_support_ticket_needs() -> None:
    """Alibaba's code and request id, and its own sentence without the SDK's decoration."""
    failure = classify(refusal("TaskConflict", message="The operation is too frequent."))
    assert (failure.code, failure.request_id) == ("TaskConflict", "R-1")
    assert failure.message == "The operation is too frequent."


@pytest.mark.parametrize(
    "text, said",
    [
        ("HTTPConnectionPool(host='x', port=80): NewConnectionError('Connection refused')", "refused"),
        ("HTTPSConnectionPool(host='x', port=443): Read timed out. (read timeout=2.5)", "no answer in time"),
        ("Caused by ConnectTimeoutError('Connection to x timed out. (connect timeout=1.0)')", "no connection in time"),
        ("Caused by NameResolutionError('Failed to resolve')", "does not resolve"),
        ("('Connection aborted.', RemoteDisconnected('Remote end closed'))", "broke off"),
        ("something else", "RetryError"),
    ],
)  # fmt: skip
def test_a_network_error_is_one_sentence(text: str, said: str) -> None:
    """The SDK hands over a stack of reprs; people get the host and what happened."""
    request = TeaRequest()  # type: ignore[no-untyped-call]
    request.headers = {"host": "vpc.aliyuncs.com"}
    failure = classify(UnretryableException(request, RetryError(text)))  # type: ignore[no-untyped-call]
    assert (failure.kind, failure.code) == (K.UNREACHABLE, "")
    assert failure.message.startswith("vpc.aliyuncs.com: ")
    assert said in failure.message


@pytest.mark.parametrize(
    "error, kind",
    [
        (UnreadableAnswerError("the answer has no body"), K.UNREACHABLE),
        (RefusedError("the probe failed"), K.REFUSED),
        (NoCredentialsError("no key"), K.DENIED),
        (ZeroDivisionError("a bug"), K.UNREACHABLE),
    ],
)
def test_errors_of_our_own_have_their_kinds(error: Exception, kind: FailureKind) -> None:
    """What is not understood is blindness, never a statement about the world (rule 3)."""
    assert classify(error).kind is kind


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "SignatureNotMatch", "IncompleteSignature", "Forbidden.RAM"])
def test_a_refusal_never_repeats_what_was_signed_with(code: str) -> None:
    """Alibaba quotes the string to sign, and with it the security token."""
    quoted = f"string to sign: {KEY.access_key_id} {KEY.security_token} {KEY.access_key_secret}"
    text = str(classify(refusal(code, message=quoted), KEY))
    for secret in (KEY.access_key_id, KEY.access_key_secret, KEY.security_token):
        assert secret not in text


def test_no_code_of_a_route_write_is_taken_for_a_broken_network(metadata: Contracts) -> None:
    """A refusal that is listed must not be repeated as if it had not arrived."""
    for api in metadata.apis:
        if api.product == "vpc" and api.name in {"ModifyRouteEntry", "CreateRouteEntry", "DeleteRouteEntry"}:
            for code, status in api.metadata.errors.items():
                kind = kind_of(code, status)
                if code not in {"InternalError", "ServiceUnavailable"} and status < 500:
                    assert kind is not K.UNREACHABLE, code
