"""What may be sent to an operation, and what did the client send?

RPC parameters are flat strings: lists are `Name.1`, `Name.2`, lists of structures `Name.1.Key`, structures
`Name.Key`, booleans `true`/`false`.  A table of `Parameter` per operation says what is required and of
which type.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from natlab.cloud.kernel.errors import ApiError

COMMON_PARAMETERS = frozenset(
    {
        "AccessKeyId",
        "AccessKeySecret",
        "Format",
        "OwnerAccount",
        "OwnerId",
        "ResourceOwnerAccount",
        "ResourceOwnerId",
        "SecurityToken",
        "Signature",
        "SignatureAlgorithm",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "Timestamp",
        "Version",
    }
)
"""Parameters of the gateway, or of every operation; their values never reach a handler or the request log."""


_TOKEN_LENGTH = 64
"""Characters of a ClientToken, all of them ASCII."""


class ParameterType(enum.Enum):
    """Types of parameters; the value is the word that Alibaba's metadata uses."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "object"
    TEXTS = "[string]"
    STRUCTS = "[object]"
    STRUCT = "{object}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of one operation.

    `missing` is the product's own error code for a required one that is absent, with `missing_status`; without
    one the gateway's `Missing<Name>` is answered. `invalid` is its own code for one of another type or out of range,
    in place of the gateway's `Invalid<Name>`; `excess` the one for a list that is too long, with `excess_status`.
    """

    kind: ParameterType = ParameterType.TEXT
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    missing: str = ""
    missing_status: int = 400
    invalid: str = ""
    excess: str = ""
    excess_status: int = 400
    at_most: int | None = None
    """How many elements a list may have."""


TEXT = Parameter()
NEEDED = Parameter(required=True)


@dataclass(frozen=True)
class Values:
    """What the client sent, typed; an absent or empty parameter is simply not there."""

    given: Mapping[str, object] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name)
        return value if isinstance(value, str) else default

    def integer(self, name: str, default: int) -> int:
        value = self.given.get(name)
        return value if isinstance(value, int) else default

    def boolean(self, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - a default value
        value = self.given.get(name)
        return value if isinstance(value, bool) else default

    def texts(self, name: str) -> list[str]:
        value = self.given.get(name)
        return [str(item) for item in value] if isinstance(value, list) else []

    def structs(self, name: str) -> list[dict[str, str]]:
        value = self.given.get(name)
        return [dict(item) for item in value] if isinstance(value, list) else []

    def struct(self, name: str) -> dict[str, str]:
        value = self.given.get(name)
        return dict(value) if isinstance(value, dict) else {}

    def json(self, name: str) -> object:
        """A parameter of style JSON, decoded; None when absent."""
        return self.given.get(name)

    def json_texts(self, name: str, at_most: int = 100) -> list[str] | None:
        """A plain string that holds a JSON array of strings (InstanceIds, a hundred at most); None when absent."""
        value = self.text(name)
        if not value:
            return None
        try:
            decoded = json.loads(value)
        except ValueError:
            raise _invalid(name) from None
        if not isinstance(decoded, list) or not all(isinstance(item, str) for item in decoded):
            raise _invalid(name)
        if len(decoded) > at_most:
            raise _invalid(name)
        return decoded


def read(raw: Mapping[str, str], table: Mapping[str, Parameter]) -> Values:
    """Check and type what was sent.

    Raises ApiError: `Missing<Name>` (or the table's own code), `Invalid<Name>`, and UnsupportedParameter for
    one that the table does not know, because an emulator that ignores a filter answers wrongly in silence.
    """
    given: dict[str, object] = {}
    known: set[str] = set()
    for name, parameter in table.items():
        value = _value(name, parameter, raw, known)
        if value is not None:
            given[name] = value
        elif parameter.required:
            code = parameter.missing or f"Missing{name}"
            raise ApiError(code, f"{name} is mandatory for this action.", parameter.missing_status)
    unknown = sorted(name for name, value in raw.items() if value and name not in known)
    if unknown:
        raise ApiError("UnsupportedParameter", f"The local cloud does not know parameter {unknown[0]} here.")
    return Values(given)


def _value(name: str, parameter: Parameter, raw: Mapping[str, str], known: set[str]) -> object | None:
    if parameter.kind in (ParameterType.TEXTS, ParameterType.STRUCTS, ParameterType.STRUCT):
        parts = {key: value for key, value in raw.items() if key.startswith(name + ".")}
        known.update(parts)
        return _nested(name, parameter, parts)
    known.add(name)
    text = raw.get(name, "")
    return _scalar(name, parameter, text) if text else None


def _scalar(name: str, parameter: Parameter, text: str) -> object:
    if parameter.kind is ParameterType.BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise _invalid(name, parameter.invalid)
        return text.lower() == "true"
    if parameter.kind is ParameterType.JSON:
        try:
            decoded: object = json.loads(text)
        except ValueError:
            raise _invalid(name, parameter.invalid) from None
        return decoded
    if parameter.kind is ParameterType.NUMBER:
        try:
            return float(text)
        except ValueError:
            raise _invalid(name, parameter.invalid) from None
    if parameter.kind is not ParameterType.INTEGER:
        if name == "ClientToken" and (len(text) > _TOKEN_LENGTH or not text.isascii()):
            raise ApiError("InvalidClientToken.Malformed", "Specified ClientToken is not valid.")
        return text
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise _invalid(name, parameter.invalid)
    number = int(text)
    too_small = parameter.minimum is not None and number < parameter.minimum
    too_large = parameter.maximum is not None and number > parameter.maximum
    if too_small or too_large:
        raise _invalid(name, parameter.invalid)
    return number


def _nested(name: str, parameter: Parameter, parts: Mapping[str, str]) -> object | None:
    if not parts:
        return None
    if parameter.kind is ParameterType.STRUCT:
        return {key.removeprefix(name + "."): value for key, value in parts.items()}
    elements: dict[int, dict[str, str]] = {}
    for key, value in parts.items():
        index, _, inner = key.removeprefix(name + ".").partition(".")
        if not index.isdigit() or bool(inner) is not (parameter.kind is ParameterType.STRUCTS):
            raise _invalid(name)
        elements.setdefault(int(index), {})[inner] = value
    if parameter.at_most is not None and len(elements) > parameter.at_most:
        raise _invalid(name, parameter.excess, parameter.excess_status)
    ordered = [elements[index] for index in sorted(elements)]
    return ordered if parameter.kind is ParameterType.STRUCTS else [element[""] for element in ordered]


def _invalid(name: str, code: str = "", status: int = 400) -> ApiError:
    return ApiError(code or f"Invalid{name}", f"Specified parameter {name} is not valid.", status)
