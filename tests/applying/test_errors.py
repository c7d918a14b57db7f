"""Every refusal is given its meaning once, and no meaning is invented for a code that Alibaba does not have."""

from __future__ import annotations

from typing import Any

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
    "text, said",
    [
        ("NameResolutionError(...)", "its name does not resolve"),
        ("gaierror in getaddrinfo", "its name does not resolve"),
        ("[Errno -2] Name or service not known", "its name does not resolve"),
        ("Temporary failure in name resolution", "its name does not resolve"),
        ("ConnectTimeout(...)", "no connection in time"),
        ("x timed out. (connect timeout=1)", "no connection in time"),
        ("connect timeout", "no connection in time"),
        ("Read timed out.", "no answer in time"),
        ("ReadTimeout(...)", "no answer in time"),
        ("timed out", "no answer in time"),
        ("[Errno 111] Connection refused", "the connection was refused"),
        ("Connection aborted.", "the connection broke off"),
        ("RemoteDisconnected(...)", "the connection broke off"),
        ("Connection reset by peer", "the connection broke off"),
        ("Broken pipe", "the connection broke off"),
        ("SSLError(...)", "the TLS handshake failed"),
        ("certificate has expired", "the TLS handshake failed"),
        ("Network is unreachable", "there is no way to it"),
        ("JSONDecodeError(...)", "the answer was unreadable"),
        ("Expecting value: line 1 column 1 (char 0)", "the answer was unreadable"),
        ("nothing of these", "no usable answer (OSError)"),
    ],
)
def test_each_way_to_fail_on_the_way_has_its_sentence(text: str, said: str) -> None:
    """By what is told of it; where nothing is known of the request, the host is the API."""
    assert classify(OSError(text)).message == f"the API: {said}"


def test_a_request_without_a_host_names_the_api() -> None:
    """Headers may be missing, or say nothing."""
    found: tuple[Any, ...] = (None, {}, {"host": ""})
    for headers in found:
        request = TeaRequest()  # type: ignore[no-untyped-call]
        request.headers = headers
        failure = classify(UnretryableException(request, OSError("timed out")))
        assert failure.message == "the API: no answer in time"


class Answered(Exception):
    """An exception with these fields, as some client of the SDK raises it."""

    def __init__(self, **fields: object) -> None:
        super().__init__("text")
        vars(self).update(fields)


@pytest.mark.parametrize(
    "fields, message, request_id, kind",
    [
        ({"data": {"Message": "a", "message": "b", "RequestId": "1"}, "request_id": "2"}, "a", "1", K.REFUSED),
        ({"data": {"message": "b"}, "message": "c", "request_id": "2"}, "b", "2", K.REFUSED),
        ({"data": None, "message": "c"}, "c", "", K.REFUSED),
        ({"data": "text", "message": "c", "request_id": None}, "c", "", K.REFUSED),
        ({}, "", "", K.REFUSED),
        ({"status_code": 429}, "", "", K.THROTTLED),
        ({"status_code": "429"}, "", "", K.REFUSED),
        (
            {"data": {"Message": "No.", "AccessDeniedDetail": {"AuthAction": "ecs:X"}}, "status_code": 403},
            "No: the caller's policies do not allow ecs:X", "", K.DENIED,
        ),
        ({"data": {"Message": "No.", "AccessDeniedDetail": {"AuthAction": ""}}}, "No.", "", K.REFUSED),
        ({"data": {"Message": "No.", "AccessDeniedDetail": {}}}, "No.", "", K.REFUSED),
        ({"data": {"Message": "No.", "AccessDeniedDetail": "ecs:X"}}, "No.", "", K.REFUSED),
    ],
)  # fmt: skip
def test_what_a_refusal_says_is_found_where_the_sdk_left_it(
    fields: dict[str, object], message: str, request_id: str, kind: FailureKind
) -> None:
    """In the answer, or in the exception; with the action that the caller may not do."""
    failure = classify(Answered(code="Something.New", **fields))
    assert (failure.message, failure.request_id, failure.kind, failure.code) == (
        message, request_id, kind, "Something.New",
    )  # fmt: skip


@pytest.mark.parametrize("code", [None, "", "None", 404])
def test_what_is_no_code_makes_a_network_error(code: object) -> None:
    """The SDK writes a missing one as a word."""
    failure = classify(Answered(code=code, message="no"))
    assert (failure.kind, failure.code, failure.message) == (K.UNREACHABLE, "", "the API: no usable answer (Answered)")


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "SignatureNotMatch", "IncompleteSignature"])
def test_a_wrong_secret_is_named_as_such(code: str) -> None:
    """Instead of the string to sign, which the platform quotes; a code that only contains one of these is another."""
    wrong = "the signature was not accepted: the access key's secret is wrong"
    assert classify(refusal(code)).message == wrong
    assert classify(refusal(f"{code}.Else")).message == "no"


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
