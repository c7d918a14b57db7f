"""What does one simulated machine know, and would it forward a packet?

The state is one small file beside the machine's /etc; Python and the shims of running scripts share it
under a file lock. This module is imported by every shim, so it imports next to nothing.
"""

# pathlib takes longer to import than a shim takes to run.
# ruff: noqa: PTH105, PTH118, PTH123

from __future__ import annotations

import fcntl
import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes longer to import than a shim takes to run
    from types import TracebackType
    from typing import Any, TypeAlias

    State: TypeAlias = dict[str, Any]
else:
    State = dict


BLANKET = ("-i eth0", "-o eth0", "-m conntrack", "--ctstate NEW", 'iifname "eth0"', 'oifname "eth0"', "ct state new")
CONNTRACK = {
    "net.netfilter.nf_conntrack_tcp_loose": "1",
    "net.netfilter.nf_conntrack_tcp_be_liberal": "0",
    "net.netfilter.nf_conntrack_tcp_timeout_established": "432000",
    "net.netfilter.nf_conntrack_max": "65536",
    "net.netfilter.nf_conntrack_buckets": "16384",
}
KERNEL = {"net.ipv4.ip_forward": "0", "net.ipv4.conf.all.send_redirects": "1", "net.ipv4.conf.eth0.send_redirects": "1"}


class Saved:
    """The state of a machine, read under a lock and written back when changed."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "state")
        self._lock = os.path.join(directory, "state.lock")

    def __enter__(self) -> State:
        self._handle = open(self._lock, "a", encoding="utf-8")
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with open(self._path, "rb") as file:
            self._bytes = file.read()
        state: State = marshal.loads(self._bytes)  # noqa: S302 -- nobody else writes this file
        self._state = state
        return state

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        content = marshal.dumps(self._state)
        if content != self._bytes:
            with open(self._path + ".new", "wb") as file:
                file.write(content)
            os.replace(self._path + ".new", self._path)
        self._handle.close()


def save(directory: str, state: State) -> None:
    """Write the first state of a machine."""
    with open(os.path.join(directory, "state"), "wb") as file:
        file.write(marshal.dumps(state))


def copied(configuration: State) -> State:
    """A copy that shares nothing; the copy module takes longer to import than a shim takes to run."""
    copy: State = marshal.loads(marshal.dumps(configuration))  # noqa: S302 -- made in the same line
    return copy


def zone(flavour: State, *, target: str = "default", services: tuple[str, ...] = ()) -> State:
    """A zone as firewalld ships it."""
    return {
        "target": target,
        "interfaces": [],
        "services": list(services),
        "ports": [],
        "sources": [],
        "forward": flavour["zones_forward"],
        "masquerade": False,
        "rich_rules": [],
    }


def fresh(flavour: State, private_ip: str) -> State:
    """A machine as its image boots for the first time."""
    public = zone(flavour, services=("dhcpv6-client", "ssh"))
    zones = {
        "public": public,
        "external": {**zone(flavour, services=("ssh",)), "masquerade": True},
        "drop": zone(flavour, target="DROP"),
        "trusted": zone(flavour, target="ACCEPT"),
    }
    permanent = {"default_zone": "public", "zones": zones, "direct": []}
    state: State = {
        "flavour": flavour,
        "private_ip": private_ip,
        "installed": flavour["installed"],
        "units": {"firewalld": {"active": False, "enabled": True, "masked": False}},
        "permanent": permanent,
        "runtime": None,
        "sysctl": dict(KERNEL),
        "iptables": {"policy": "ACCEPT", "rules": []},
        "nft": [],
        "chains": {},
        "flushed": False,
        "dropin": "",
        "full": False,
        "panic": False,
        "failed": False,
        "first_addresses": [],
        "unroutable": [],
        "connections": [],
        "journal": [],
        "listening": [],
        "input": ["-P INPUT ACCEPT"],
        "stream_module": False,
        "served": "",
        "table": "",
        "probe_host": "",
        "probe_enters": "",
        "world": {"public_ip": "", "reaches_internet": False},
        "broken": {},
    }
    if flavour["installed"]:
        start_firewalld(state)
    return state


def start_firewalld(state: State) -> None:
    """The daemon loads its permanent configuration, and connection tracking comes with it."""
    state["units"]["firewalld"]["active"] = True
    state["runtime"] = copied(state["permanent"])
    state["flushed"] = state["full"] = False
    for key, value in CONNTRACK.items():
        state["sysctl"].setdefault(key, value)
    active = (name for name, one in state["runtime"]["zones"].items() if one["interfaces"])
    if any(masquerades(state["runtime"]["zones"][name]) for name in (state["runtime"]["default_zone"], *active)):
        state["sysctl"]["net.ipv4.ip_forward"] = "1"


def stop_firewalld(state: State) -> None:
    """A stopped daemon takes its rules with it."""
    state["units"]["firewalld"]["active"] = False
    state["runtime"] = None


def masquerades(settings: State) -> bool:
    """Return True if a zone masquerades anything, which makes firewalld switch forwarding on."""
    return bool(settings["masquerade"]) or any(rule.endswith(" masquerade") for rule in settings["rich_rules"])


def number(address: str) -> int:
    """An IPv4 address as a number."""
    a, b, c, d = (int(part) for part in address.split("."))
    return a << 24 | b << 16 | c << 8 | d


def inside(address: str, network: str) -> bool:
    """Return True if an IPv4 address is in a network given as CIDR."""
    base, _, bits = network.partition("/")
    shift = 32 - int(bits or 32)
    return number(address) >> shift == number(base) >> shift


def verdict(rule: str, source: str) -> str:
    """What a foreign rule does to a forwarded new connection of `source`: accept, refuse or nothing."""
    for harmless in BLANKET:
        rule = rule.replace(harmless, "")
    words = rule.split()
    for word in ("-s", "saddr"):
        if word in words:
            at = words.index(word)
            if not inside(source, words[at + 1]):
                return ""
            del words[at : at + 2]
    words = [word for word in words if word not in {"-j", "ip", "counter"}]
    if not words:
        return ""
    return {"accept": "accept", "reject": "refuse", "drop": "refuse"}.get(words[0].lower(), "")


def refused_by_others(state: State, source: str) -> str:
    """The rule, not firewalld's, that refuses a forwarded packet; empty when none does."""
    if state["runtime"]:
        for rule in state["runtime"]["direct"]:
            if " filter FORWARD " in rule and verdict(rule.split(" FORWARD ")[1].split(" ", 1)[1], source) == "refuse":
                return f"direct rule {rule}"
    chains = [{"name": "iptables FORWARD", **state["iptables"]}, *state["nft"]]
    for chain in chains:
        verdicts = [verdict(rule, source) for rule in unfolded(state, chain["rules"])]
        verdicts.append("refuse" if chain["policy"].lower() == "drop" else "accept")
        if next(answer for answer in verdicts if answer) == "refuse":
            return f"a rule in {chain['name']}"
    return ""


def unfolded(state: State, rules: list[str]) -> list[str]:
    """The rules of a chain with those of the chains it jumps to in their places."""
    found = []
    for rule in rules:
        name = rule.removeprefix("-j ")
        found += unfolded(state, state["chains"][name]) if name in state["chains"] else [rule]
    return found


def forwards(state: State, source: str, interface: str = "eth0") -> str:
    """Why a packet of the private host `source` is not forwarded and masqueraded; empty when it is."""
    if state["sysctl"].get("net.ipv4.ip_forward") != "1":
        return "ip_forward is off"
    if state["full"]:
        return "its table of connections is full"
    if interface == "eth0" and any(inside(source, network) for network in state["unroutable"]):
        return "dropped by the reverse-path filter or an ip rule"
    refused = refused_by_others(state, source)
    if refused:
        return f"refused by {refused}"
    runtime = state["runtime"]
    if not runtime or state["flushed"]:
        return "nothing masquerades"
    if state["panic"]:
        return "firewalld is in panic mode"
    bound = next((name for name, one in runtime["zones"].items() if "eth0" in one["interfaces"]), None)
    settings = runtime["zones"][bound or runtime["default_zone"]]
    by_source = (one for one in runtime["zones"].values() if any(inside(source, net) for net in one["sources"]))
    entered = next(by_source, None)
    if entered is not None and entered is not settings:
        return "" if entered["target"] == "ACCEPT" else "rejected by the zone that its source is in"
    same_zone = interface in settings["interfaces"] and "eth0" in settings["interfaces"]
    wanted = ['rule family="ipv4" source address="', '" masquerade']
    masquerade = settings["masquerade"] or any(
        rule.startswith(wanted[0])
        and rule.endswith(wanted[1])
        and inside(source, rule[len(wanted[0]) : -len(wanted[1])])
        for rule in settings["rich_rules"]
    )
    accepted = settings["target"] == "ACCEPT" or bool(settings["forward"] and same_zone)
    if not accepted and (state["flavour"]["rejects_unbound"] or not masquerade):
        return "rejected by firewalld (admin-prohibited)"
    if (
        masquerade
        and state["flavour"]["forwards_backwards"]
        and not settings["masquerade"]
        and not _let(runtime, source)
    ):
        return "rejected by firewalld: its rule for a masqueraded source accepts what goes there (host-prohibited)"
    return "" if masquerade else "nothing masquerades"


def _let(runtime: State, source: str) -> bool:
    """Whether a direct rule accepts what a host sends on."""
    rules = (rule.split(" FORWARD ")[1] for rule in runtime["direct"] if " filter FORWARD " in rule)
    return any(verdict(rule.split(" ", 1)[1], source) == "accept" for rule in rules)


def forwarded_port(state: State, protocol: str, port: int, address: str = "") -> tuple[str, int] | None:
    """Where a packet to a port of `address` goes on to, which is the machine's own private one where none is named.

    None when it stays or is refused.
    """
    if not state["runtime"] or state["flushed"] or state["sysctl"].get("net.ipv4.ip_forward") != "1":
        return None
    runtime = state["runtime"]
    bound = next((name for name, one in runtime["zones"].items() if "eth0" in one["interfaces"]), None)
    for rule in runtime["zones"][bound or runtime["default_zone"]]["rich_rules"]:
        values = dict(word.replace('"', "").split("=", 1) for word in rule.split() if "=" in word)
        first, _, last = values.get("port", "0").partition("-")
        mine = int(first) <= port <= int(last or first) and values.get("protocol") == protocol and "to-addr" in values
        if mine and f'destination address="{address or state["private_ip"]}"' in rule:
            return values["to-addr"], int(values.get("to-port", port))
    return None


def boot(state: State, sysctl_files: list[str], dropin: str) -> bool:
    """Runtime state is gone, what is on disk comes to life: settings first, then firewalld if it is to start.

    Return True if it started: then its drop-in runs.
    """
    state["dropin"] = dropin
    state["sysctl"] = dict(KERNEL)
    state["iptables"] = {"policy": "ACCEPT", "rules": []}
    state["nft"] = []
    state["chains"] = {}
    state["unroutable"] = []
    state["connections"] = []
    stop_firewalld(state)
    for text in sysctl_files:
        apply_settings(state, text)
    for name, unit in state["units"].items():
        if name != "firewalld":
            unit["active"] = unit["enabled"]
    unit = state["units"]["firewalld"]
    if state["installed"] and unit["enabled"] and not unit["masked"]:
        start_firewalld(state)
    return bool(unit["active"])


def apply_settings(state: State, text: str) -> None:
    """Settings of a sysctl.d file; those that do not exist yet are lost, as on a real system."""
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        key = key.replace("/", ".")
        if equals and not key.startswith(("#", ";")) and key in state["sysctl"]:
            state["sysctl"][key] = value
