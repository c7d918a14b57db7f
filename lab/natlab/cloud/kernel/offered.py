"""Which parameters does an operation take? What Alibaba's metadata declares, as far as the local cloud emulates it.

A product lists, for each operation, its handler and the optional parameters that the handler knows; required ones,
types and limits come from the metadata. A parameter that is not listed is refused aloud (parameters.read).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from natlab.cloud import contracts
from natlab.cloud.kernel.parameters import Parameter, ParameterType
from natlab.cloud.kernel.rpc import Handler, Operation

MOST_ON_A_PAGE = 100
"""Where the metadata names no limit for a page; the API references of these operations say "1 to 100"."""
_PAGES = ("PageSize", "MaxResults", "MaxResult", "Limit")


@dataclass(frozen=True)
class Offer:
    """One operation of a product. `takes`: the names of its optional parameters, separated by blanks.

    `missing`: the product's own code for a required parameter that is absent, by its name, answered with
    `missing_status`. `most_on_a_page`: the limit where the metadata names none.
    """

    handler: Handler
    takes: str = ""
    writes: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    missing_status: int = 400
    most_on_a_page: int = MOST_ON_A_PAGE


def offered(product: str, offers: Mapping[str, Offer]) -> dict[str, Operation]:
    """Make the operations of `product` by their names. Raise KeyError for a name that the metadata does not know."""
    return {action: _operation(product, action, offer) for action, offer in offers.items()}


def _operation(product: str, action: str, offer: Offer) -> Operation:
    parameters = dict(_declared(product, action, offer.takes, offer.most_on_a_page))
    for name, code in offer.missing.items():
        parameters[name] = replace(parameters[name], missing=code, missing_status=offer.missing_status)
    foreign = contracts.api(product, action).errors.get("InvalidRegionId.NotFound", 404)
    return Operation(offer.handler, parameters, writes=offer.writes, foreign_region=foreign)


@cache
def _declared(product: str, action: str, takes: str, most: int) -> Mapping[str, Parameter]:
    api = contracts.api(product, action)
    needed = [name for name, parameter in api.parameters.items() if parameter.required]
    return {name: _parameter(name, api.parameters[name], api.errors, most) for name in (*needed, *takes.split())}


def _parameter(name: str, theirs: contracts.ParameterContract, errors: Mapping[str, int], most: int) -> Parameter:
    low, high = theirs.minimum, theirs.maximum
    if name == "PageNumber" or name in _PAGES:
        low = low or 1
    if name in _PAGES:
        high = high or most
    excess = f"{name}LimitExceeded"
    return Parameter(
        _kind(theirs),
        required=theirs.required,
        minimum=None if low is None else int(low),
        maximum=None if high is None else int(high),
        at_most=_number(theirs.at_most),
        invalid=next((code for code in (f"InvalidParam.{name}", f"InvalidParameter.{name}") if code in errors), ""),
        excess=excess if excess in errors else "",
        excess_status=errors.get(excess, 400),
    )


def _number(at_most: int | None) -> int | None:
    """Return how many items a list may have. Where the metadata says 21 or 51, the API reference says 20 or 50."""
    return at_most - 1 if at_most is not None and at_most % 10 == 1 else at_most


def _kind(theirs: contracts.ParameterContract) -> ParameterType:
    if theirs.style == "json":
        return ParameterType.JSON
    if isinstance(theirs.type, list):
        return ParameterType.STRUCTS if isinstance(theirs.type[0], dict) else ParameterType.TEXTS
    return ParameterType.STRUCT if isinstance(theirs.type, dict) else ParameterType(theirs.type)
