"""What may a user ask of the gateways themselves?  Port forwards and how they are kept configured.

The order to a gateway travels in one Cloud Assistant command, so its length is limited; `refuse_long_order` says
what fits.
"""

from __future__ import annotations

import re
from typing import Literal

from natkeeper.domain.config_errors import bad
from natkeeper.domain.config_values import MAX_PORT, Seconds, Strict, is_address

_ADDRESS_PORT = re.compile(r"([0-9.]+):([0-9]{1,5})")
_TEMPLATE = re.compile(r"(?!(?:ALIYUN|ACS|ALIBABA|ALICLOUD))[A-Za-z][A-Za-z0-9_-]{0,199}", re.IGNORECASE)
_ROLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LONGEST_ORDER = 3000
"""Characters of sources, targets and forwards that a setup has room for: a command of Cloud Assistant holds 24 KB after
Base64, and the packed setup script takes about half of it (tests/budget/test_setup_room.py)."""


class Forward(Strict, frozen=True, kw_only=True):
    """A port forward (DNAT) to a private host, the same on every gateway."""

    port: int
    to: str
    protocol: Literal["tcp", "udp"] = "tcp"

    def __post_init__(self) -> None:
        """Refuse ports out of range and targets that are not `address:port`."""
        if not 1 <= self.port <= MAX_PORT:
            raise bad("port", self.port, "a port from 1 to 65535")
        match = _ADDRESS_PORT.fullmatch(self.to)
        if match is None or not is_address(match[1]) or not 1 <= int(match[2]) <= MAX_PORT:
            raise bad("to", self.to, "the IPv4 address and port of a private host, such as 10.0.1.20:443")


class Setup(Strict, frozen=True, kw_only=True):
    """How gateways are kept configured.

    `mode`: `apply` repairs drift, `check` only reports it, `off` leaves gateways alone. `via`: `oos` runs the
    template (an audit trail in the console), `assistant` runs the script by Cloud Assistant directly. `every`: how
    old a gateway's last report may be before the sweep asks for a new one. `foreign_rules`: what becomes of a rule,
    not natkeeper's, that refuses all forwarded packets; a gateway that does not forward is no gateway, so `apply`
    removes it by default and tells, while rules that let forwarding work stay whoever added them.
    """

    mode: Literal["apply", "check", "off"] = "apply"
    via: Literal["oos", "assistant"] = "oos"
    every: Seconds = Seconds(600.0)
    foreign_rules: Literal["remove", "report"] = "remove"
    template: str = "natkeeper-gateway-setup"
    role: str = "natkeeper-oos"

    def __post_init__(self) -> None:
        """Refuse an interval shorter than a setup run may take or longer than its report is believed, and odd names."""
        if not 60 <= self.every <= 3600:  # noqa: PLR2004
            raise bad("every", f"{self.every:g}s", "1m to 1h")
        if not _TEMPLATE.fullmatch(self.template):
            allowed = "the name of an OOS template: letters, digits, - and _; not beginning with ALIYUN, ACS, ALI…"
            raise bad("template", self.template, allowed)
        if not _ROLE.fullmatch(self.role):
            raise bad("role", self.role, "the name of a RAM role")


def refuse_long_order(sources: tuple[str, ...], targets: tuple[str, ...], forwards: tuple[Forward, ...]) -> None:
    """Refuse what is too long for one command, and say how many of the forwards fit."""
    base = sum(len(f"source {source}\n") for source in sources)
    base += sum(2 * len(target) + len("target tcp:// :443\n") for target in targets)
    length, fit = base, 0
    for forward in forwards:
        length += len(f"forward {forward.protocol} {forward.port} {forward.to}\n")
        fit += length <= LONGEST_ORDER
    if length <= LONGEST_ORDER:
        return
    room = f"{LONGEST_ORDER} characters of sources, probe.targets and forwards in one setup command"
    if base > LONGEST_ORDER:
        raise bad("sources", f"{base} characters with probe.targets", f"{room}: use fewer or shorter ones")
    raise bad("forwards", f"{len(forwards)} forwards, {length} characters in all", f"{room}: the first {fit} fit")
