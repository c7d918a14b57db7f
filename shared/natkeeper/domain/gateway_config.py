"""What may a user ask of the gateways themselves?  Port forwards, a reverse proxy, and how they are
kept configured.

The order to a gateway travels in one Cloud Assistant command, so its length is limited; `refuse_long_order` says
what fits.
"""

from __future__ import annotations

import bisect
import re
import zlib
from typing import Literal

import msgspec

from natkeeper.domain.config_errors import bad
from natkeeper.domain.config_values import MAX_PORT, Seconds, Strict, is_address, network, require_distinct

_ADDRESS_PORT = re.compile(r"([0-9.]+):([0-9]{1,5})")
_SPAN = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_SSHD = 22
_RESERVED = 8790
_WIDEST_SHIFT = 64
"""Each shifted port is a rule of its own: firewalld moves a range to one port only."""
_TEMPLATE = re.compile(r"(?!(?:ALIYUN|ACS|ALIBABA|ALICLOUD))[A-Za-z][A-Za-z0-9_-]{0,199}", re.IGNORECASE)
_ROLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LONGEST_ORDER = 6000
"""Bytes that sources, targets and forwards may have when compressed: a command of Cloud Assistant holds 24 KB after
Base64 (tests/budget/test_setup_room.py)."""


class Forward(Strict, frozen=True, kw_only=True):
    """A port forward (DNAT) to a private host, the same on every gateway.

    `port` is one port, a range (`30000-30100`) or `any`: all ports of the address but sshd's and those of other
    forwards and of `proxy`. `to` is the private host with a port, a range as wide, or neither: then the port stays.
    `from_` (written `from`) are the networks that may use it; empty means everybody. `address` is a secondary private
    address of the gateways, where not the primary one is meant. `hide_source`: the host sees the gateway instead of the
    visitor, so it answers by the gateway that the visitor came to, whichever has the route.
    """

    port: int | str
    to: str
    protocol: Literal["tcp", "udp", "both"] = "tcp"
    from_: tuple[str, ...] = msgspec.field(default=(), name="from")
    address: str | None = None
    hide_source: bool = False

    def __post_init__(self) -> None:
        """Refuse ports out of range, ranges that do not match, and targets that are not private addresses."""
        span = self.span
        if span is None:
            raise bad("port", self.port, "a port from 1 to 65535, a range such as 30000-30100, or `any`")
        host, colon, port = self.to.partition(":")
        there = _span(port) if colon else span
        one = isinstance(self.port, int)
        if not is_address(host) or there is None or one > bool(colon) or (self.port == "any" and colon):
            allowed = "the IPv4 address and port of a private host, such as 10.0.1.20:443"
            if not one:
                allowed = "the IPv4 address of a private host; behind a range, ports may follow: 10.0.1.20:40000-40100"
            raise bad("to", self.to, allowed)
        if there[1] - there[0] != span[1] - span[0]:
            raise bad("to", self.to, f"ports as many as in {self.port}")
        if there != span and span[1] - span[0] >= _WIDEST_SHIFT:
            raise bad("to", self.to, f"the same ports, because a forward can shift {_WIDEST_SHIFT} at most")
        for source in self.from_:
            network("from", source)
        if self.address is not None and not is_address(self.address):
            raise bad("address", self.address, "a secondary private IPv4 address of the gateways")

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last port, or None where `port` is nothing that can be read."""
        if self.port == "any":
            return 1, MAX_PORT
        text = str(self.port)
        return _span(text) if isinstance(self.port, int) or "-" in text else None

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols, one by one."""
        return ("tcp", "udp") if self.protocol == "both" else (self.protocol,)

    def orders(self) -> list[str]:
        """Return the orders to the setup script: protocol, port, host, its port, who may come, and the address."""
        where = f" {self.address}" if self.address else ""
        return [
            f"{protocol} {self.port} {there} {source}{where}".removesuffix(" -")
            for protocol, there in self.targets()
            for source in (self.from_ or ("-",))
        ] + [f"hidden {protocol} {there}" for protocol, there in self.targets() if self.hide_source]

    def targets(self) -> list[tuple[str, str]]:
        """Return what it leads to: each protocol, and the host with its ports."""
        host, _, port = self.to.partition(":")
        return [(protocol, f"{host} {port or self.port}") for protocol in self.protocols]


class ProxyTls(Strict, frozen=True, kw_only=True):
    """Where a gateway has the certificate and the key of a host: paths, kept there by the owner or an ACME client."""

    certificate: str
    key: str

    def __post_init__(self) -> None:
        """Refuse what is not a plain absolute path."""
        for name, path in (("certificate", self.certificate), ("key", self.key)):
            if not _PATH.fullmatch(path):
                raise bad(name, path, "an absolute path of letters, digits, ., -, _ and /")


class ProxyHost(Strict, frozen=True, kw_only=True):
    """A host name that nginx on the gateways serves from a private host."""

    host: str
    to: str
    port: int | None = None
    tls: ProxyTls | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a host name, a private host's port, or a port."""
        if not _HOST_NAME.fullmatch(self.host):
            raise bad("host", self.host, "a host name such as www.example.com")
        _require_port("port", self.listens)
        _require_target(self.to)

    @property
    def listens(self) -> int:
        """The port that visitors come to: 443 with a certificate and 80 without, if nothing else is said."""
        return (443 if self.tls else 80) if self.port is None else self.port


class ProxyStream(Strict, frozen=True, kw_only=True):
    """A port whose connections or datagrams nginx on the gateways relays; `send_proxy` tells the host who came."""

    port: int
    to: str
    protocol: Literal["tcp", "udp"] = "tcp"
    send_proxy: bool = False

    def __post_init__(self) -> None:
        """Refuse ports out of range and targets that are not `address:port`."""
        _require_port("port", self.port)
        _require_target(self.to)


class Proxy(Strict, frozen=True, kw_only=True):
    """The way in through nginx, on every gateway alike."""

    http: tuple[ProxyHost, ...] = ()
    stream: tuple[ProxyStream, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an empty proxy, and ports that two would need."""
        if not self.http and not self.stream:
            raise bad("http", [], "at least one host under http, or one port under stream")
        require_distinct("http", [f"{host.host}:{host.listens}" for host in self.http])
        for port in {host.listens for host in self.http}:
            if len({host.tls is None for host in self.http if host.listens == port}) > 1:
                raise bad("http", f"port {port} with and without tls", "one of the two on each port")
        web = [f"{port}/tcp" for port in sorted({host.listens for host in self.http})]
        require_distinct("stream", web + [f"{stream.port}/{stream.protocol}" for stream in self.stream])

    @property
    def taken(self) -> set[tuple[str, int]]:
        """The protocols and ports that it listens on."""
        streams = {(stream.protocol, stream.port) for stream in self.stream}
        return {("tcp", host.listens) for host in self.http} | streams


class Setup(Strict, frozen=True, kw_only=True):
    """How gateways are kept configured.

    `mode`: `apply` repairs drift, `check` only reports it, `off` leaves gateways alone. `via`: `oos` runs the
    template (an audit trail in the console), `assistant` runs the script by Cloud Assistant directly. `every`: how
    old a gateway's last report may be before the sweep asks for a new one. `foreign_rules`: what becomes of a rule,
    not natkeeper's, that refuses all forwarded packets; a gateway that does not forward is useless, so `apply`
    removes it by default and reports it. Rules that let forwarding work stay, no matter who added them.
    """

    mode: Literal["apply", "check", "off"] = "apply"
    via: Literal["oos", "assistant"] = "oos"
    every: Seconds = Seconds(600.0)
    foreign_rules: Literal["remove", "report"] = "remove"
    template: str = "natkeeper-gateway-setup"
    role: str = "natkeeper-oos"
    services: Literal["keep", "report"] = "keep"
    """What listens when firewalld is started for the first time on a machine: opened, or only reported."""
    idle: Seconds = Seconds(21600.0)
    """How long an idle TCP connection is remembered. The kernel's five days fill the table with dead ones; RFC 5382
    asks for 2 h 4 min."""
    clamp_mss: bool = True
    """Whether TCP's segments are fitted to what the gateway's own interface or route takes, for hosts that no
    "fragmentation needed" reaches."""

    def __post_init__(self) -> None:
        """Refuse an interval shorter than a setup run may take or longer than its report is believed, and odd names."""
        if not 60 <= self.every <= 3600:  # noqa: PLR2004
            raise bad("every", f"{self.every:g}s", "1m to 1h")
        if not _TEMPLATE.fullmatch(self.template):
            allowed = "the name of an OOS template: letters, digits, - and _; not beginning with ALIYUN, ACS, ALI…"
            raise bad("template", self.template, allowed)
        if not _ROLE.fullmatch(self.role):
            raise bad("role", self.role, "the name of a RAM role")
        if not 7440 <= self.idle <= 432000:  # noqa: PLR2004  RFC 5382, and the kernel's own five days
            raise bad("idle", f"{self.idle:g}s", "124m to 120h")


def refuse_clashes(forwards: tuple[Forward, ...], proxy: Proxy | None) -> None:
    """Refuse two for one port of one address, and a target that is told of its visitors by only some forwards."""
    hides: dict[tuple[str, str], bool] = {}
    for forward in forwards:
        if any(hides.setdefault(target, forward.hide_source) != forward.hide_source for target in forward.targets()):
            raise bad("forwards", f"{forward.to} with and without hide_source", "one of the two for each target")
    seen: list[tuple[str, str, str, tuple[int, int]]] = []
    for forward in forwards:
        first, last = forward.span or (0, 0)
        for protocol in forward.protocols:
            for name, other, address, (begin, end) in seen:
                same = other == protocol and address == (forward.address or "")
                if (
                    same
                    and begin <= last
                    and first <= end
                    and ("any" not in (name, forward.port) or name == forward.port)
                ):
                    raise bad(
                        "forwards",
                        f"{forward.port}/{protocol}",
                        f"each port once, and {name}/{protocol} has it already",
                    )
            seen.append((str(forward.port), protocol, forward.address or "", (first, last)))
            for other, port in sorted(proxy.taken) if proxy else ():
                if other == protocol and first <= port <= last and forward.port != "any" and not forward.address:
                    raise bad("proxy", f"{port}/{protocol}", f"a port that no forward has, and {forward.port} does")


def _span(text: str) -> tuple[int, int] | None:
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if first <= last <= MAX_PORT else None


def _require_port(field: str, port: int) -> None:
    if not 1 <= port <= MAX_PORT:
        raise bad(field, port, "a port from 1 to 65535")
    if port in (_SSHD, _RESERVED):
        raise bad(field, port, "a port that neither sshd (22) nor the proxy's own health address (8790) has")


def _require_target(to: str) -> None:
    match = _ADDRESS_PORT.fullmatch(to)
    if match is None or not is_address(match[1]) or not 1 <= int(match[2]) <= MAX_PORT:
        raise bad("to", to, "the IPv4 address and port of a private host, such as 10.0.1.20:443")


def refuse_long_order(
    sources: tuple[str, ...], targets: tuple[str, ...], forwards: tuple[Forward, ...], proxy: Proxy | None = None
) -> None:
    """Refuse what is too long for one command, and say how many of the forwards fit."""
    lines = [f"source {source}" for source in sources]
    lines += [f"target {target} {target.partition('//')[2]}" for target in targets]
    if proxy is not None:
        lines += [f"{host.host} {host.to} {host.tls}" * 2 for host in proxy.http] + [
            str(stream) for stream in proxy.stream
        ]
        lines += ["proxy" * 60]
    room = f"{LONGEST_ORDER} bytes (compressed) of sources, probe.targets and forwards in one setup command"
    if _length(lines) > LONGEST_ORDER:
        raise bad("sources", f"{_length(lines)} bytes with probe.targets", f"{room}: use fewer or shorter ones")
    orders = ["\n".join(f"forward {order}" for order in forward.orders()) for forward in forwards]
    length = _length([*lines, *orders])
    if length > LONGEST_ORDER:
        fit = bisect.bisect(range(1, len(orders)), LONGEST_ORDER, key=lambda count: _length([*lines, *orders[:count]]))
        raise bad("forwards", f"{len(forwards)} forwards, {length} bytes in all", f"{room}: the first {fit} fit")


def _length(lines: list[str]) -> int:
    """Return how long an order is, compressed as the command carries it."""
    return len(zlib.compress("\n".join(lines).encode(), 9))
