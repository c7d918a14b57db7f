"""What do the parts of the configuration have in common?  Lengths of time, ids, networks, and how they are refused."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from natkeeper.domain.config_errors import bad

MAX_PORT = 65535


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: unknown keys are refused."""


class Seconds(float):
    """A length of time in seconds; written `90s`, `5m`, `800ms`, `2h`, or a plain number of seconds."""

    __slots__ = ()


class Failback(Seconds):
    """How long the home gateway must have been healthy before its route returns; `manual` is never, infinity."""

    __slots__ = ()


def require_id(field: str, value: str, prefix: str) -> None:
    """Refuse what is not an id of Alibaba Cloud that begins with `prefix`."""
    if not re.fullmatch(re.escape(prefix) + r"[a-z0-9]{3,40}", value):
        raise bad(field, value, f"an id such as {prefix}bp1… (lower-case letters and digits)")


def require_distinct(field: str, values: list[str] | tuple[str, ...]) -> None:
    """Refuse a value that stands twice in a list."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise bad(field, value, "each value once")
        seen.add(value)


def network(field: str, value: str) -> ipaddress.IPv4Network:
    """Return the IPv4 network that `value` writes, or refuse it."""
    try:
        found = ipaddress.IPv4Network(value)
    except ValueError:
        found = None
    if found is None or str(found) != value:
        raise bad(field, value, "an IPv4 network such as 10.0.0.0/8, host bits zero")
    return found


def is_address(value: str) -> bool:
    """Return True if `value` writes an IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True
