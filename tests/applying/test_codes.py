"""The table of error codes: every code of every operation that natkeeper calls has a row, and each row is Alibaba's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import natkeeper
from natkeeper.alibaba import errors
from natkeeper.alibaba.codes import BY_STATUS, TABLE
from natkeeper.alibaba.errors import meaning_of
from natkeeper.ports import FailureKind, FailureSubject
from tests.contract import known_codes
from tests.contract.checker import Contracts

K, N = FailureKind, FailureSubject

ROWS = {code for row in TABLE for code in row.codes.split()}
NOT_OF_THE_METADATA = frozenset(
    {"RouterEntryConflict.Duplicated", "OperationFailed.LastTokenProcessing", "UnknownError"}
)
"""Retried by terraform-provider-alicloud after route writes; what ECS answers where it has no other word."""
WITHOUT_CONTRACT = frozenset({"GetCallerIdentity"})
"""Calls of which the repository holds no metadata."""


def called() -> set[str]:
    """The operations that natkeeper's own source calls, as the SDKs and the generic client spell them."""
    names: set[str] = set()
    for path in Path(str(natkeeper.__file__)).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names |= {name.replace("_", "") for name in re.findall(r"\.([a-z0-9_]+)_with_options\(", text)}
        names |= {name.lower() for name in re.findall(r"""\.plain\(\s*"\w+",\s*"(\w+)\"""", text)}
    return names


def test_every_code_of_every_operation_that_natkeeper_calls_has_a_row(metadata: Contracts) -> None:
    """A code without a row would be a guess. No operation is passed over."""
    left = called()
    assert {"modifyrouteentry", "createrouteentry", "runcommand", "lookupevents"} <= left
    without: list[str] = []
    for api in metadata.apis:
        if api.name.lower() not in left:
            continue
        for code, status in api.metadata.errors.items():
            if code not in ROWS and (code, status) not in BY_STATUS:
                without.append(f"{api.name} {status} {code}")
    assert without == []
    unseen = left - {api.name.lower() for api in metadata.apis} - {name.lower() for name in WITHOUT_CONTRACT}
    assert unseen == set(), "calls whose metadata the repository does not hold"


def test_no_code_has_two_rows() -> None:
    """One table, one meaning."""
    codes = [code for row in TABLE for code in row.codes.split()]
    assert sorted(code for code in set(codes) if codes.count(code) > 1) == []
    assert not ROWS & {code for code, _ in BY_STATUS}


def test_every_code_of_the_table_is_one_that_alibaba_has(metadata: Contracts) -> None:
    """In the metadata of an operation that natkeeper calls, or among the codes of the layers around the products."""
    known = set(known_codes.RPC_GATEWAY) | set(known_codes.FC) | NOT_OF_THE_METADATA
    known |= {code for codes in known_codes.PRODUCT.values() for code in codes}
    for api in metadata.apis:
        if api.name.lower() in called():
            known |= set(api.metadata.errors)
    assert sorted((ROWS | errors.DUPLICATE_ROUTE | errors.ANOTHER_TASK | {errors.NEXT_HOP_EXISTS}) - known) == []


@pytest.mark.parametrize(
    "code, status, kind, names",
    [
        ("ResourceNotFound.Instance", 400, K.GONE, N.HOP),
        ("ResourceNotFound.NatGateway", 404, K.GONE, N.HOP),
        ("OperationFailed.EcsMigrating", 400, K.BUSY, N.HOP),
        ("IncorrectStatus.NextHop", 400, K.BUSY, N.HOP),
        ("EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", 400, K.REFUSED, N.HOP),
        ("IncorrectStatus.Vswitch", 400, K.BUSY, N.NOTHING),
        ("IncorrcetRouteEntryStatus", 400, K.BUSY, N.NOTHING),
        ("TaskConflict", 400, K.BUSY, N.NOTHING),
        ("SignatureNonceUsed", 400, K.BUSY, N.NOTHING),
        ("IllegalTimestamp", 400, K.BUSY, N.NOTHING),
        ("InvalidStatus.NotAllow", 400, K.BUSY, N.HOP),
        ("InvalidIpStatus.HasBeenUsedBySnatTable", 400, K.BUSY, N.ADDRESS),
        ("OperationDenied.RouteTableTypeNotPermitted", 400, K.REFUSED, N.CALL),
        ("QuotaExceeded", 400, K.REFUSED, N.CALL),
        ("InvalidVRouter.NotFound", 400, K.GONE, N.CALL),
        ("InvalidDescription.Malformed", 400, K.WORDS, N.WORDS),
        ("IllegalParam.RouteEntryName", 400, K.WORDS, N.WORDS),
        ("InvalidRouteEntryId.NotFound", 400, K.GONE, N.ENTRY),
        ("InvalidVpnInstanceId.NotFound", 400, K.GONE, N.HOP),
        ("Duplicated.VpcNextHop", 400, K.BUSY, N.ENTRY),
        ("Forbidden", 400, K.REFUSED, N.ADDRESS),
        ("Forbidden", 403, K.DENIED, N.CALLER),
        ("Forbbiden", 400, K.REFUSED, N.ENTRY),
        ("Forbbiden", 403, K.DENIED, N.CALLER),
        # in no row: by their form
        ("IncorrectStatus.SomethingNew", 400, K.BUSY, N.NOTHING),
        ("IncorrectFooStatus", 400, K.BUSY, N.NOTHING),
        ("IncorrectStatus.Instance", 400, K.BUSY, N.HOP),
        ("Throttling.Something", 400, K.THROTTLED, N.NOTHING),
        ("FlowControl", 400, K.THROTTLED, N.NOTHING),
        ("QpsLimit.User", 400, K.THROTTLED, N.NOTHING),
        ("VpcSystemBusy", 400, K.BUSY, N.NOTHING),
        ("NoPermission.Something", 400, K.DENIED, N.CALLER),
        ("Forbidden.Something", 400, K.DENIED, N.CALLER),
        ("ResourceNotFound.NextHop", 404, K.GONE, N.HOP),
        ("ResourceNotFound.Something", 404, K.GONE, N.CALL),
        ("QuotaExceeded.Something", 400, K.REFUSED, N.CALL),
        # and by the status
        ("SomethingNew", 400, K.REFUSED, N.NOTHING),
        ("SomethingNew", 401, K.DENIED, N.CALLER),
        ("SomethingNew", 403, K.DENIED, N.CALLER),
        ("SomethingNew", 409, K.BUSY, N.NOTHING),
        ("SomethingNew", 429, K.THROTTLED, N.NOTHING),
        ("SomethingNew", 503, K.UNREACHABLE, N.NOTHING),
    ],
)
def test_what_a_code_names(code: str, status: int, kind: FailureKind, names: FailureSubject) -> None:
    """A refusal is held against what it names: the rows that decide most, the families, and the statuses."""
    assert meaning_of(code, status) == (kind, names)


FORMS = {
    (K.THROTTLED, N.NOTHING): """
        Throttled.Of ApiFlowControl.Of QpsLimit.Of
    """,
    (K.BUSY, N.HOP): """
        IncorrectOfStatus.NextHop IncorrcetOfStatus.Instance IncorrectStatus.NetworkInterface
    """,
    (K.BUSY, N.NOTHING): """
        IncorrectOfStatus IncorrectStatus.Of OfBusy OfBusy.Of OfTaskConflict OfLastTokenProcessing
        InvalidTimeStamp.Of IllegalTimestamp.Of
    """,
    (K.WORDS, N.WORDS): """
        OfRouteEntryNameOf OfDescription.Malformed OfDescription.InvalidOf IllegalParam.Description
    """,
    (K.DENIED, N.CALLER): """
        InvalidAccessKeyId.Of InvalidAccessKeyID.Of InvalidSecurityToken.Of Forbidden.Of NoPermission.Of
    """,
    (K.UNREACHABLE, N.NOTHING): """
        InternalError.Of ServiceUnavailable.Of
    """,
    (K.GONE, N.ENTRY): """
        ResourceNotFound.RouteEntryId InvalidRouteEntryId
    """,
    (K.GONE, N.ADDRESS): """
        ResourceNotFound.Allocation ResourceNotFound.AllocationId ResourceNotFound.EipAddress
        ResourceNotFound.Eip InvalidEip.NotFound InvalidEipAddress.NotFound InvalidAllocation.NotFound
    """,
    (K.GONE, N.CALL): """
        ResourceNotFound.VRouter ResourceNotFound.VSwitchId InvalidVpc InvalidVPCId
        InvalidVSwitch.NotFound InvalidOf.NotFound ResourceNotFound.Of EntityNotExists.Of OfNotFound
    """,
    (K.GONE, N.HOP): """
        InvalidOfInstance.NotFound InvalidNetworkInterfaceId.NotFound InvalidNextHop.NotExist
        InvalidNexthopId.NotFound InvalidEni.NotFound ResourceNotFound.NextHop ResourceNotFound.Eni
    """,
    (K.REFUSED, N.CALL): """
        OfQuotaOf OfLimitExceedOf UnsupportedRegionOf MissingOf
    """,
}
"""Of each form every way to write it, in codes that are in no row."""


@pytest.mark.parametrize(
    "kind, names, code", [(*means, one) for means, codes in FORMS.items() for one in codes.split()]
)
def test_what_the_form_of_a_code_says(kind: FailureKind, names: FailureSubject, code: str) -> None:
    """A code that Alibaba adds tomorrow counts as its family does."""
    assert meaning_of(code, 400) == (kind, names)


def test_the_forms_are_tried_with_codes_that_no_row_has() -> None:
    """Or the row would answer."""
    assert ROWS.isdisjoint(" ".join(FORMS.values()).split())
