"""What do the parts of the configuration have in common?  Times, windows, ids, networks, and how they are refused."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal

import msgspec

from natkeeper.domain.config_errors import ConfigProblem, bad, show
from natkeeper.domain.ids import InstanceId

MAX_PORT = 65535


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: unknown keys are refused."""


class Seconds(float):
    """A length of time in seconds; written `90s`, `5m`, `800ms`, `2h`, or a plain number of seconds."""

    __slots__ = ()


class Failback(Seconds):
    """How long the home gateway must have been healthy before its route returns; `manual` is never, infinity."""

    __slots__ = ()


class Finds(Strict, frozen=True, kw_only=True):
    """What of a group is found in `vpc` instead of listed: gateways by `tag`, and `routes` by where their entries lead.

    In natkeeper.yaml these are `vpc`, `gateways: {tag: KEY=VALUE}` and `routes: all` (discovery.py). `former`: gateways
    that the tag found earlier, while routes were guarded on them.
    """

    vpc: str
    tag: str = ""
    routes: bool = False
    former: tuple[InstanceId, ...] = ()


MANUAL = Failback("inf")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 365 * 86400.0


def decode(kind: type, value: Any) -> Any:  # noqa: ANN401  msgspec's hook is untyped by nature
    """Read durations; msgspec asks for every type that is not its own (`dec_hook`)."""
    if kind is Failback and value == "manual":
        return MANUAL
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    length = float(match[1]) * _UNIT_S[match[2]] if match else value
    if isinstance(length, (int, float)) and not isinstance(length, bool) and 0 <= length <= _LONGEST_S:
        return kind(length)
    also = "`manual`, or " if kind is Failback else ""
    raise bad("", value, f"{also}a time such as 90s, 5m, 2h or a number of seconds, 365d at most")


def how_often(value: object, problems: list[ConfigProblem]) -> Seconds | None:
    """Read how often metrics are logged, or add to `problems`."""
    if value is None:
        return None
    try:
        every = msgspec.convert(value, Seconds, dec_hook=decode)
    except msgspec.ValidationError:
        every = Seconds(0)
    if not 60 <= every <= 3600:  # noqa: PLR2004
        problems.append(ConfigProblem("metrics", show(value), "how often they are logged, 1m to 1h"))
    return every


WINDOW = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
ZONE = re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){0,2}")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


class Planned(Strict, frozen=True, kw_only=True):
    """When moves that have time are made: returns, and drains whose end is further away.

    `window` goes over midnight where its end is no later than its beginning; `days` are those on which it begins.
    """

    window: str
    days: tuple[Day, ...] = WEEK
    timezone: str | None = None
    """An IANA name; left out, that of the messages."""

    def __post_init__(self) -> None:
        """Refuse what is no window, and days that name none or one twice."""
        match = WINDOW.fullmatch(self.window)
        if match is None or match[1] == match[2]:
            raise bad("window", self.window, "two different times of the day such as 02:00-05:00 or 22:00-01:30")
        if not self.days:
            raise bad("days", [], f"at least one of {', '.join(WEEK)}")
        require_distinct("days", self.days)
        if self.timezone is not None and not ZONE.fullmatch(self.timezone):
            raise bad("timezone", self.timezone, "an IANA time zone such as Asia/Shanghai")
