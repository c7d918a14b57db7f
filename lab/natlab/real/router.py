"""What is a VPC, in packets?  One namespace that routes: local addresses first, then each vSwitch by its table.

Everything that has an address in the VPC hangs on a cable of its own with the router at the other end, which
answers ARP for all others. An EIP is stateless one-to-one NAT at the cable to the internet. The platform drops
what it cannot deliver and says nothing, so every table ends in a blackhole.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from natlab.real.namespaces import Namespace

RESOLVER = "100.100.2.136"
"""Alibaba Cloud's resolver for every VPC; it needs no way to the internet."""

_LOCAL, _PUBLIC, _VSWITCH, _NOTHING = 100, 200, 300, 400
"""Order of the rules: the VPC's own addresses, instances with a public address, the tables, and the end."""
_INTERNET_TABLE = 999
_FIRST_TABLE = 1000
_RULES = """
table ip vpc {
    set cut { type ifname; }
    set same { type ifname . ifname; }
    map inward { type ipv4_addr : ipv4_addr; }
    map outward { type ipv4_addr : ipv4_addr; }
    chain loss { }
    chain arriving { type filter hook prerouting priority -310; iifname @cut drop; jump loss; }
    chain inwards {
        type filter hook prerouting priority -300;
        iifname "internet" notrack ip daddr set ip daddr map @inward
    }
    chain passing { type filter hook forward priority 0; iifname . oifname @same drop; }
    chain outwards { type filter hook postrouting priority 300; oifname "internet" ip saddr set ip saddr map @outward; }
    chain leaving { type filter hook postrouting priority 310; oifname @cut drop; }
}
"""


@dataclass(frozen=True)
class Cable:
    """One end in the router, the other called eth0 in a namespace of its own."""

    port: str
    """The interface's name in the router."""
    address: str
    mac: str
    prefix: int
    gateway: str
    """What its owner calls its default gateway."""

    def plug_lines(self) -> list[str]:
        """Commands of `ip` that give a fresh eth0 its address and its way out."""
        return [
            f"addr add {self.address}/{self.prefix} dev eth0",
            "link set eth0 up",
            f"route add default via {self.gateway} dev eth0 onlink",
        ]


class Router:
    """The router of one VPC. Not for several threads at once: the data plane's lock is around it."""

    def __init__(self, namespace: Namespace, uplink: str) -> None:
        self.namespace = namespace
        self._uplink = uplink
        self._ports = 0
        self._tables: dict[str, int] = {}
        self._rules: dict[str, str] = {}
        self._losses: dict[str, float] = {}
        self._given: dict[str, tuple[str, ...]] = {}
        for scope in ("all", "default"):
            namespace.sysctl(**{f"conf__{scope}__send_redirects": 0})
        # Gateways pass on what the router told them ("fragmentation needed"): its own address comes back as a source.
        namespace.sysctl(ip_forward=1, conf__default__proxy_arp=1, icmp_ratelimit=0, conf__all__accept_local=1)
        namespace.nft(_RULES)
        namespace.ip(
            f"addr add {RESOLVER}/32 dev lo",
            f"route add default via {uplink} dev internet onlink table {_INTERNET_TABLE}",
            f"rule add pref {_LOCAL} lookup main suppress_prefixlength 0",
            f"rule add pref {_NOTHING} blackhole",
        )

    # ── cables ──────────────────────────────────────────────────────────────────────────────────────────────
    def add_vswitch(self, cidr: str) -> None:
        """The network is local from now on: an address in it that nobody has leads nowhere."""
        self.namespace.ip(f"route replace blackhole {cidr}")

    def connect(self, owner: Namespace, address: str, cidr: str) -> Cable:
        """Lay a cable to a namespace and configure both ends."""
        network = ipaddress.IPv4Network(cidr)
        self._ports += 1
        port = f"port{self._ports}"
        mac = f"00:16:3e:{':'.join(f'{byte:02x}' for byte in secrets.token_bytes(3))}"
        gateway = str(network[-3]) if network.num_addresses > 3 else str(network[0])  # noqa: PLR2004  as on the platform
        cable = Cable(port, address, mac, network.prefixlen, gateway)
        owner.ip(f"link add eth0 address {mac} type veth peer name {port} netns {self.namespace.name}")
        self.namespace.ip(
            f"link set {port} up",
            f"addr add {gateway}/32 dev {port}",
            f"route replace {address}/32 dev {port}",
            f"neigh replace {address} lladdr {mac} dev {port} nud permanent",
        )
        self.namespace.sysctl(**{f"neigh__{port}__proxy_delay": 0})
        self.namespace.nft(f"add element ip vpc same {{ {port} . {port} }}")
        owner.ip(*cable.plug_lines())
        return cable

    def disconnect(self, cable: Cable) -> None:
        """Remove a cable and every rule about it."""
        self._drop_rule(f"public {cable.port}")
        self._drop_rule(f"table {cable.port}")
        self.join(cable)
        self.lose(cable, 0.0)
        self.namespace.nft(f"delete element ip vpc same {{ {cable.port} . {cable.port} }}")
        self.namespace.try_ip(f"link del {cable.port}")

    def cut(self, cable: Cable) -> None:
        """From now on nothing passes the cable, either way."""
        self.namespace.nft(f"add element ip vpc cut {{ {cable.port} }}")

    def join(self, cable: Cable) -> None:
        """The cable is whole again."""
        self.namespace.nft(f"add element ip vpc cut {{ {cable.port} }}\ndelete element ip vpc cut {{ {cable.port} }}")

    def lose(self, cable: Cable, share: float) -> None:
        """Lose this share of the packets on the cable, in each direction; 0.0 heals it."""
        self._losses.pop(cable.port, None)
        if share > 0:
            self._losses[cable.port] = share
        rules = ["flush chain ip vpc loss", "flush chain ip vpc leaving"]
        for port, lost in self._losses.items():
            odds = f"numgen random mod 1000 < {round(lost * 1000)} drop"
            rules += [f"add rule ip vpc loss iifname {port} {odds}", f"add rule ip vpc leaving oifname {port} {odds}"]
        rules.append("add rule ip vpc leaving oifname @cut drop")
        self.namespace.nft("\n".join(rules))

    def narrow(self, mtu: int) -> None:
        """From now on packets to the internet have `mtu` bytes at most; larger ones are refused as routers do."""
        self.namespace.ip(f"link set internet mtu {mtu}")

    # ── routes ──────────────────────────────────────────────────────────────────────────────────────────────
    def use_table(self, cable: Cable, table_id: str) -> None:
        """What arrives on the cable is routed by this table."""
        self._set_rule(f"table {cable.port}", f"pref {_VSWITCH} iif {cable.port} lookup {self._number(table_id)}")

    def set_route(self, table_id: str, destination: str, hop: Cable | None) -> None:
        """Lead a destination to a cable, or nowhere, in one step."""
        way = f"blackhole {destination}" if hop is None else f"{destination} via {hop.address} dev {hop.port} onlink"
        self.namespace.ip(f"route replace {way} table {self._number(table_id)}")

    def remove_route(self, table_id: str, destination: str) -> None:
        """The table has no such entry any more."""
        self.namespace.try_ip(f"route del {destination} table {self._number(table_id)}")

    def _number(self, table_id: str) -> int:
        if table_id not in self._tables:
            self._tables[table_id] = _FIRST_TABLE + len(self._tables)
        return self._tables[table_id]

    # ── public addresses ────────────────────────────────────────────────────────────────────────────────────
    def give_address(self, cable: Cable, public_ips: Sequence[str]) -> None:
        """All these public addresses lead to the cable's owner, whose own packets leave with the first; none is fine.

        One step: nobody ever sees half of it.
        """
        rules, given = [], self._given.pop(cable.port, ())
        if given:
            rules += [f"delete element ip vpc inward {{ {', '.join(given)} }}"]
            rules += [f"delete element ip vpc outward {{ {cable.address} }}"]
        if public_ips:
            pairs = ", ".join(f"{public} : {cable.address}" for public in public_ips)
            rules += [f"add element ip vpc inward {{ {pairs} }}"]
            rules += [f"add element ip vpc outward {{ {cable.address} : {public_ips[0]} }}"]
            self._given[cable.port] = tuple(public_ips)
            rule = f"pref {_PUBLIC} iif {cable.port} from {cable.address} lookup {_INTERNET_TABLE}"
            self._set_rule(f"public {cable.port}", rule)
        else:
            self._drop_rule(f"public {cable.port}")
        if rules:
            self.namespace.nft("\n".join(rules))

    def route_public(self, cable: Cable, public_ip: str) -> None:
        """A public address is at the other end of the cable itself: a managed NAT gateway."""
        self.namespace.ip(f"route replace {public_ip}/32 via {cable.address} dev {cable.port} onlink")
        self._set_rule(f"public {cable.port}", f"pref {_PUBLIC} iif {cable.port} lookup {_INTERNET_TABLE}")

    def _set_rule(self, what: str, rule: str) -> None:
        old = self._rules.get(what)
        if old == rule:
            return
        self.namespace.ip(f"rule add {rule}")
        self._rules[what] = rule
        if old:
            self.namespace.ip(f"rule del {old}")

    def _drop_rule(self, what: str) -> None:
        if rule := self._rules.pop(what, ""):
            self.namespace.try_ip(f"rule del {rule}")
