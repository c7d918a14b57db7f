"""What may a setup be asked to do?  Every value is checked here before it goes near a shell.

The checks are strict enough that no value can hold a quote, a blank, a line break or anything else that
a shell reads as more than a letter; the script checks the characters once more when it takes them.
"""

from __future__ import annotations

import base64
import gzip
import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from natkeeper.guest.proxy import ProxySettings, nginx_conf, ports

_ZONE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,16}")
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_TARGET = re.compile(
    r"(?P<scheme>https?|tcp)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~:/?%&=+,@-]{0,200})?"
)
_USUAL_PORT = {"http": "80", "https": "443"}
_HIGHEST_PORT = 65535
_RANGE = re.compile("([1-9][0-9]{0,4})-([1-9][0-9]{0,4})")
_SMALLEST_NETWORK_WITH_ROOM = 30


class Mode(Enum):
    """Whether the script repairs what it finds, or only names it."""

    APPLY = "apply"
    CHECK = "check"


class AddressMode(Enum):
    """Whether each gateway has a public address of its own, or one address follows the route."""

    OWN = "own"
    FOLLOW = "follow"


class ForeignRules(Enum):
    """What becomes of a rule, not natkeeper's, that refuses forwarded packets."""

    REPORT = "report"
    REMOVE = "remove"


class BadParameter(ValueError):
    """A value that a setup must not be given: which one, and what would be allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {value!r} is not allowed; allowed is {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class PortForward:
    """A port of the gateway that leads to a private host (DNAT)."""

    protocol: str
    port: int | str
    """A port, a range such as 30000-30100, or any: all that the gateway itself does not need."""
    to_address: str
    to_port: int | str
    """A port, a range as wide, or any."""
    sources: tuple[str, ...] = ()
    """Networks that may use it, as CIDRs; empty means everybody."""
    address: str = ""
    """The gateway's address that it is about; empty: the primary one, and the public ones."""
    hide_source: bool = False
    """Whether the host sees the gateway instead of the visitor, and so answers by that gateway."""

    def __post_init__(self) -> None:
        if self.protocol not in {"tcp", "udp"}:
            raise BadParameter("port_forwards.protocol", self.protocol, "tcp or udp")
        for name, port in (("port", self.port), ("to_port", self.to_port)):
            _ports(f"port_forwards.{name}", port)
        _address("port_forwards.to_address", self.to_address)
        for source in self.sources:
            _network("port_forwards.sources", source)
        if self.address:
            _address("port_forwards.address", self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupParameters:
    """One order to the setup script. Raises `BadParameter` when built with a value it must not have."""

    mode: Mode
    sources: tuple[str, ...]
    """The VPC's own networks (CIDRs): only what comes from them is masqueraded."""
    address: AddressMode = AddressMode.OWN
    zone: str = ""
    """firewalld zone; empty: the one the interface is in, else the default zone."""
    interfaces: tuple[str, ...] = ()
    """Interfaces to bind to the zone; empty: the one with the default route."""
    port_forwards: tuple[PortForward, ...] = ()
    targets: tuple[str, ...] = ()
    """Looks at the internet: http://…, https://… or tcp://host:port. The first that answers decides."""
    egress_required: bool = False
    """Whether a gateway that reaches no target itself is wrong (a standby without address is not)."""
    foreign: ForeignRules = ForeignRules.REPORT
    prove: bool = True
    """Whether a run sends packets through the gateway from a short-lived namespace behind it."""
    networks: tuple[str, ...] = ()
    """The private vSwitches (CIDRs) behind the guarded routes: forwarding is proven from an address of each. Empty:
    not known, and the proof is from an address of `sources`."""
    primary: tuple[str, ...] = ()
    """The primary private addresses of the group's gateways as ECS knows them; a gateway takes the one it has."""
    public: tuple[str, ...] = ()
    """The group's public addresses: private hosts reach forwarded ports by them as well."""
    relay: bool = False
    """Whether gateways bring each other the packets of flows that a planned move has cut off from them."""
    way_in: str = "route"
    """every: visitors are served by every gateway. route: by the one with the route, and by others where a source is
    hidden."""
    proxy: ProxySettings | None = None
    services: str = "keep"
    """keep: what listens before firewalld's very first start stays reachable. report: it is only reported."""
    established_s: int = 0
    """Seconds that an idle TCP connection is remembered; 0 leaves the kernel's value."""
    clamp_mss: bool = True
    """Whether TCP's segments are fitted to the path."""

    def __post_init__(self) -> None:
        self._refuse_other_kinds()
        if not self.sources:
            raise BadParameter("sources", self.sources, "at least one network")
        for name, check in (("sources", _network), ("networks", _network), ("primary", _address), ("public", _address)):
            for value in getattr(self, name):
                check(name, value)
        if self.services not in {"keep", "report"}:
            raise BadParameter("services", self.services, "keep or report")
        if self.way_in not in {"route", "every"}:
            raise BadParameter("way_in", self.way_in, "route or every")
        if type(self.established_s) is not int or self.established_s < 0:
            raise BadParameter("established_s", self.established_s, "a number of seconds")
        if self.zone:
            _match("zone", self.zone, _ZONE, "letters, digits, - and _, at most 17")
        for interface in self.interfaces:
            _match("interfaces", interface, _INTERFACE, "the name of an interface")
        for target in self.targets:
            _target(target)

    def _refuse_other_kinds(self) -> None:
        for name, kind in (("mode", Mode), ("address", AddressMode), ("foreign", ForeignRules)):
            if not isinstance(getattr(self, name), kind):
                raise BadParameter(name, getattr(self, name), ", ".join(member.value for member in kind))
        for name in ("sources", "interfaces", "port_forwards", "targets", "networks", "primary", "public"):
            if not isinstance(getattr(self, name), tuple):
                raise BadParameter(name, getattr(self, name), "a tuple")

    def lines(self) -> list[str]:
        """The order as the script reads it, one `key value` a line, without the mode (see `parameter_block`)."""
        lines = [f"source {source}" for source in self.sources]
        lines.append(f"address {self.address.value}")
        if self.zone:
            lines.append(f"zone {self.zone}")
        lines += [f"interface {interface}" for interface in self.interfaces]
        lines += [f"primary {address}" for address in self.primary]
        for forward in self.port_forwards:
            what = f"forward {forward.protocol} {forward.port} {forward.to_address} {forward.to_port}"
            where = f" {forward.address}" if forward.address else ""
            lines += [f"{what} {source}{where}".removesuffix(" -") for source in forward.sources or ("-",)]
        hidden = (one for one in self.port_forwards if one.hide_source)
        lines += dict.fromkeys(f"hidden {one.protocol} {one.to_address} {one.to_port}" for one in hidden)
        lines += [f"target {target} {_host_and_port(target)}" for target in self.targets]
        if self.egress_required:
            lines.append("egress required")
        if self.foreign is not ForeignRules.REPORT:
            lines.append(f"foreign {self.foreign.value}")
        lines += [f"public {address}" for address in self.public]
        if self.services != "keep":
            lines.append(f"services {self.services}")
        if self.established_s:
            lines.append(f"established {self.established_s}")
        if not self.clamp_mss:
            lines.append("clamp remove")
        if self.relay:
            lines.append("relay on")
        if self.way_in != "route":
            lines.append(f"way_in {self.way_in}")
        if self.proxy is not None:
            packed = gzip.compress(nginx_conf(self.proxy).encode(), 9, mtime=0)
            lines.append(f"proxy {base64.b64encode(packed).decode()}")
            lines += [f"proxy_port {port}" for port in ports(self.proxy)]
        if self.prove:
            lines += [f"prove {host} {network}" for host, network in self._hosts_behind()]
        return lines

    def _hosts_behind(self) -> list[tuple[str, str]]:
        """Return an address for the proof and its network, for each network: the last but one of a vSwitch.

        Alibaba Cloud keeps the last three addresses of every vSwitch for itself, so no host has it.
        """
        networks = [ipaddress.IPv4Network(network) for network in self.networks or self.sources]
        wide = [one for one in networks if 0 < one.prefixlen <= _SMALLEST_NETWORK_WITH_ROOM]
        return [(str(one.broadcast_address - 1), str(one)) for one in (wide if self.networks else wide[:1])]


def _ports(field: str, value: object) -> None:
    """Refuse what is neither a port, nor a range of ports, nor any."""
    found = _RANGE.fullmatch(value) if isinstance(value, str) else None
    first, last = map(int, found.groups()) if found else (value, value)
    if value != "any" and not (type(first) is type(last) is int and 1 <= first <= last <= _HIGHEST_PORT):
        raise BadParameter(field, value, f"a number from 1 to {_HIGHEST_PORT}, a range such as 30000-30100, or any")


def _match(field: str, value: object, pattern: re.Pattern[str], allowed: str) -> re.Match[str]:
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadParameter(field, value, allowed)
    return match


def _network(field: str, value: object) -> None:
    if not (isinstance(value, str) and _is_network(value)):
        raise BadParameter(field, value, "an IPv4 network such as 10.0.0.0/8")


@lru_cache(maxsize=512)  # each sweep builds the same parameters anew
def _is_network(value: str) -> bool:
    try:
        return "/" in value and str(ipaddress.IPv4Network(value)) == value
    except ValueError:
        return False


def _address(field: str, value: object) -> None:
    try:
        good = isinstance(value, str) and str(ipaddress.IPv4Address(value)) == value
    except ValueError:
        good = False
    if not good:
        raise BadParameter(field, value, "an IPv4 address such as 10.0.1.5")


def _target(value: object) -> re.Match[str]:
    allowed = "http://host/path, https://host/path or tcp://host:port"
    match = _match("targets", value, _TARGET, allowed)
    port = match["port"]
    if port is not None and not 1 <= int(port) <= _HIGHEST_PORT:
        raise BadParameter("targets", value, f"a port from 1 to {_HIGHEST_PORT}")
    if match["scheme"] == "tcp" and (port is None or match["path"]):
        raise BadParameter("targets", value, allowed)
    return match


def _host_and_port(target: str) -> str:
    match = _target(target)
    return f"{match['host']}:{match['port'] or _USUAL_PORT[match['scheme']]}"
