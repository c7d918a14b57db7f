"""What each operation asks for and takes, held against Alibaba's metadata: required ones, types, limits, nothing else.

One row for each parameter of each operation, so that a new operation is held to the same. Products whose metadata is
not vendored (RAM, STS, resource directory) are read for what they declare themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from natlab.cloud import contracts
from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.parameters import Parameter, ParameterType
from natlab.cloud.kernel.rpc import RpcService

Row = tuple[str, str, str]
"""Product, operation, parameter."""
_GOOD: Mapping[ParameterType, Mapping[str, str]] = {
    ParameterType.TEXT: {"": "x"},
    ParameterType.INTEGER: {"": "1"},
    ParameterType.NUMBER: {"": "1.5"},
    ParameterType.BOOLEAN: {"": "true"},
    ParameterType.JSON: {"": "{}"},
    ParameterType.TEXTS: {".1": "x"},
    ParameterType.STRUCTS: {".1.Key": "x"},
    ParameterType.STRUCT: {".Key": "x"},
}
_BAD: Mapping[ParameterType, Mapping[str, str]] = {
    ParameterType.INTEGER: {"": "1.5"},
    ParameterType.NUMBER: {"": "many"},
    ParameterType.BOOLEAN: {"": "yes"},
    ParameterType.JSON: {"": "{"},
    ParameterType.TEXTS: {".first": "x"},
    ParameterType.STRUCTS: {".1": "x"},
}
_PAGES = ("PageNumber", "PageSize", "MaxResults", "MaxResult", "Limit")
_FIFTY = {"DescribeCommands", "DescribeInvocations", "DescribeInvocationResults", "DescribeCloudAssistantStatus"}
"""Cloud Assistant's references say "1 to 50" where the metadata says nothing."""
_READS = ("Describe", "List", "Get", "Lookup", "Check", "Validate", "Generate", "Test")
UNDECLARED = frozenset({"ram", "sts", "resourcemanager"})


def services() -> dict[str, RpcService]:
    """List the products that declare what they take."""
    found = (each for each in Cloud(VirtualClock()).services if isinstance(each, RpcService))
    return {each.name: each for each in found}


SERVICES = services()


def rows(*kinds: ParameterType) -> Iterator[tuple[Row, Parameter]]:
    """List every parameter of every operation, or those of some types."""
    for product, service in SERVICES.items():
        for action, operation in service.operations.items():
            for name, parameter in operation.parameters.items():
                if not kinds or parameter.kind in kinds:
                    yield (product, action, name), parameter


def named(row: object) -> str:
    return ".".join(row) if isinstance(row, tuple) else ""


def sent(name: str, how: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}{suffix}": value for suffix, value in how.items()}


def fitting(product: str, action: str, name: str) -> Mapping[str, str]:
    """Return a value of the parameter's type, by the rest of the name that it is sent with."""
    kind = SERVICES[product].operations[action].parameters[name].kind
    if kind is ParameterType.JSON and isinstance(contracts.api(product, action).parameters[name].type, list):
        return {"": "[]"}
    return {"": "fc.aliyuncs.com"} if name == "ServiceName" else _GOOD[kind]


def required(product: str, action: str) -> list[str]:
    """List what an operation cannot do without."""
    if product in UNDECLARED:
        parameters = SERVICES[product].operations[action].parameters
        return [name for name, parameter in parameters.items() if parameter.required]
    return [name for name, each in contracts.api(product, action).parameters.items() if each.required]


def refusal(row: Row, given: Mapping[str, str], *, without: str = "", allowed: bool = True) -> tuple[str, int]:
    """Send an operation all that it asks for, and more; its refusal, or nothing."""
    product, action, _ = row
    asked = {
        key: value
        for name in required(product, action)
        if name != without and not any(key.partition(".")[0] == name for key in given)
        for key, value in sent(name, fitting(product, action, name)).items()
    }
    if "RegionId" in asked:
        asked["RegionId"] = "cn-hangzhou"
    cloud = Cloud(VirtualClock())
    cloud.accounts.authorizer = lambda _who, _action, _what: allowed
    try:
        cloud.call(product, action, {**asked, **given})
    except ApiError as refused:
        return refused.code, refused.status
    return "", 200


def missing_codes(row: Row) -> tuple[str, int]:
    """Return the product's own code for what is missing where its metadata lists one, else the gateway's."""
    product, action, name = row
    errors = {} if product in UNDECLARED else contracts.api(product, action).errors
    own = (f"MissingParam.{name}", f"MissingParameter.{name}", f"MissingParameter.{name}s", "MissingParameter")
    return next(((code, errors[code]) for code in own if code in errors), (f"Missing{name}", 400))


def invalid_code(row: Row) -> tuple[str, int]:
    """Return the product's own code for what is of another type or out of range, else the gateway's."""
    product, action, name = row
    errors = {} if product in UNDECLARED else contracts.api(product, action).errors
    own = (f"InvalidParam.{name}", f"InvalidParameter.{name}")
    return next(((code, errors[code]) for code in own if code in errors), (f"Invalid{name}", 400))


@pytest.mark.parametrize(
    "row",
    [
        (product, action, name)
        for product, service in SERVICES.items()
        for action in service.operations
        for name in required(product, action)
    ],
    ids=named,
)
def test_what_an_operation_requires_is_asked_for(row: Row) -> None:
    """Everything else is there; the code and status are those of the metadata."""
    assert refusal(row, {}, without=row[2]) == missing_codes(row)


@pytest.mark.parametrize("row, parameter", list(rows(*_BAD)), ids=named)
def test_what_is_of_another_type_is_refused(row: Row, parameter: Parameter) -> None:
    """A client that writes a number, a truth or a list wrongly hears so, of whichever operation."""
    nested = parameter.kind in (ParameterType.TEXTS, ParameterType.STRUCTS)
    invalid = (f"Invalid{row[2]}", 400) if nested else invalid_code(row)
    assert refusal(row, sent(row[2], _BAD[parameter.kind])) == invalid
    assert refusal(row, sent(row[2], fitting(*row))) != invalid


@pytest.mark.parametrize("row", [row for row, _ in rows() if row[2] in _PAGES and row[1] != "LookupEvents"], ids=named)
def test_a_page_has_one_row_at_least_and_no_more_than_the_metadata_says(row: Row) -> None:
    """A hundred where it says nothing, as the API references do; the first page is page one."""
    product, action, name = row
    declared = contracts.api(product, action).parameters[name].maximum
    most = 10**6 if name == "PageNumber" else int(declared or (50 if action in _FIFTY else 100))
    refused = invalid_code(row)
    for value in (-1, 0, most + 1) if name != "PageNumber" else (-1, 0):
        assert refusal(row, {name: str(value)}) == refused
    for value in (1, most):
        assert refusal(row, {name: str(value)}) != refused


@pytest.mark.parametrize("row, parameter", [(row, each) for row, each in rows() if each.at_most is not None], ids=named)
def test_a_list_is_as_long_as_the_metadata_says(row: Row, parameter: Parameter) -> None:
    """The last item is taken, one more is not; where the metadata says 21 or 51 the references say 20 or 50."""
    product, action, name = row
    declared = contracts.api(product, action).parameters[name].at_most
    assert declared is not None
    most = {21: 20, 51: 50, 501: 500}.get(declared, declared)
    shape = contracts.api(product, action).parameters[name].type
    part = f".{next(iter(shape[0]))}" if parameter.kind is ParameterType.STRUCTS and isinstance(shape, list) else ""

    def items(count: int) -> dict[str, str]:
        return {f"{name}.{number}{part}": "x" for number in range(1, count + 1)}

    errors, own = contracts.api(product, action).errors, f"{name}LimitExceeded"
    refused = (own, errors[own]) if own in errors else (f"Invalid{name}", 400)
    assert refusal(row, items(most + 1)) == refused
    assert refusal(row, items(most)) != refused


@pytest.mark.parametrize(
    "row", [(product, action, "") for product, each in SERVICES.items() for action in each.operations], ids=named
)
def test_no_operation_takes_what_it_does_not_know(row: Row) -> None:
    """Ignored, a filter would answer with too much, and a dry run would be carried out."""
    assert refusal(row, {"Nonsense": "x"}) == ("UnsupportedParameter", 400)
    product, action, _ = row
    if product not in UNDECLARED:
        assert (
            SERVICES[product].operations[action].parameters.keys() <= contracts.api(product, action).parameters.keys()
        )


def test_what_changes_something_is_a_write() -> None:
    """So that it is audited, and never answered from the past; reads are told by their names."""
    operations = {action: each for service in SERVICES.values() for action, each in service.operations.items()}
    assert [action for action, each in operations.items() if each.writes is action.startswith(_READS)] == []


@pytest.mark.parametrize(
    "row", [(product, action, "") for product, each in SERVICES.items() for action in each.operations], ids=named
)
def test_no_operation_goes_on_without_permission(row: Row) -> None:
    """RAM is asked by every one, except that anyone may ask who they are."""
    assert refusal(row, {}, allowed=False) == (("", 200) if row[0] == "sts" else ("Forbidden.RAM", 403))


@pytest.mark.parametrize("row", [row for row, _ in rows() if row[2] == "RegionId"], ids=named)
def test_another_region_is_refused(row: Row) -> None:
    """By every operation that asks for one; the metadata may list another status than the gateway's."""
    product, action, _ = row
    status = contracts.api(product, action).errors.get("InvalidRegionId.NotFound", 404)
    assert refusal(row, {"RegionId": "cn-atlantis"}) == ("InvalidRegionId.NotFound", status)


@pytest.mark.parametrize("row", [row for row, _ in rows() if row[2] == "ClientToken"], ids=named)
def test_every_client_token_is_ascii_and_at_most_64_long(row: Row) -> None:
    """64 characters are taken, by whichever operation takes a token."""
    malformed = ("InvalidClientToken.Malformed", 400)
    assert refusal(row, {"ClientToken": "x" * 64}) != malformed
    for token in ("x" * 65, "é"):
        assert refusal(row, {"ClientToken": token}) == malformed
