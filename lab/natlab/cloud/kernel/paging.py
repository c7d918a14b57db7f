"""Which part of a long list is answered?  Both paging styles of Alibaba's APIs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.parameters import Values
from natlab.cloud.kernel.rpc import JsonObject

Item = TypeVar("Item")


def numbered(items: Sequence[Item], values: Values, default_size: int = 10) -> tuple[list[Item], JsonObject]:
    """The page that PageNumber and PageSize ask for, and what the answer says about it."""
    number, size = values.integer("PageNumber", 1), values.integer("PageSize", default_size)
    start = (number - 1) * size
    about: JsonObject = {"PageNumber": number, "PageSize": size, "TotalCount": len(items)}
    return list(items[start : start + size]), about


def by_token(
    items: Sequence[Item], token: str, size: int, invalid_code: str = "InvalidNextToken", invalid_status: int = 400
) -> tuple[list[Item], str]:
    """The page after `token`, and the token of the next one ("" at the end).

    Tokens are opaque to clients.  Raises ApiError with `invalid_code` and its status for one that was never given out.
    """
    start = _offset(token, invalid_code, invalid_status) if token else 0
    following = start + size
    return list(items[start:following]), _token(following) if following < len(items) else ""


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset:{offset}".encode()).decode()


def _offset(token: str, invalid_code: str, invalid_status: int) -> int:
    try:
        kind, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        kind, number = "", ""
    if kind != "offset" or not number.isdigit():
        raise ApiError(invalid_code, "The specified NextToken is not valid.", invalid_status)
    return int(number)
