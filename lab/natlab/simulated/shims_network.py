"""What do ip, tc, curl, iptables, nft and conntrack do on a simulated machine?

Addresses and routes are fixed; a namespace for the proof is a note of the address it has and of how its packets enter.
"""

# Programs print.

from __future__ import annotations

import sys

from natlab.simulated import system
from natlab.simulated.system import State

_LONGEST_PREFIX = 32


def _too_narrow(arguments: list[str]) -> bool:
    """Whether there is a network among them that no kernel takes."""
    sizes = [word.rpartition("/")[2] for word in arguments if "/" in word]
    return any(size.isdecimal() and int(size) > _LONGEST_PREFIX for size in sizes)


def ip(state: State, arguments: list[str]) -> int:
    """Addresses, routes, rules, and the namespace of a proof."""
    line = " ".join(arguments)
    if line.endswith("route show default"):
        print("default via 10.255.255.253 dev eth0")
    elif "-o addr show" in line:
        if arguments[-2] == "dev" and arguments[-1] != "eth0":
            return 1
        for address in (*state["first_addresses"], state["private_ip"]):
            print(f"2: eth0    inet {address}/24 brd 10.255.255.255 scope global eth0")
    elif line.startswith("route get") and "from" in arguments:
        source = arguments[arguments.index("from") + 1]
        if any(system.inside(source, network) for network in state["unroutable"]):
            print("RTNETLINK answers: Invalid cross-device link", file=sys.stderr)
            return 2
    elif line.startswith("rule del"):
        return 2  # no rule is ever left
    elif line.startswith("netns add"):
        return 0 if state["flavour"]["namespaces"] else 1
    elif line.startswith("netns exec nkprobe ip addr add"):
        state["probe_host"] = arguments[6].partition("/")[0]
    elif line.startswith("netns del"):
        state["probe_host"], state["probe_enters"] = "", ""
    elif line.startswith("netns exec nkprobe curl"):
        reason = system.forwards(state, state["probe_host"], state["probe_enters"] or "nkprobe0")
        return curl(state, [*arguments[4:], "--refused"] if reason else arguments[4:])
    return int(_too_narrow(arguments))


def tc(state: State, arguments: list[str]) -> int:
    """What enters by one interface goes on as if it had entered by another."""
    if "ingress redirect" in " ".join(arguments):
        state["probe_enters"] = arguments[-1]
    return 0


def curl(state: State, arguments: list[str]) -> int:
    """The internet answers with the public address it sees, or nothing answers within the limit."""
    world = state["world"]
    if arguments[-1] == "http://127.0.0.1:8790/":
        served = state["units"].get("natkeeper-proxy", {}).get("active") and state["served"]
        print(served.partition("return 200 ")[2].partition(";")[0] if served else "", end="")
        return 0 if served else 7
    answered = world["reaches_internet"] and "--refused" not in arguments
    if answered and "-o" not in arguments:
        print(world["public_ip"], end="")
    if "-w" in arguments:
        values = {
            "%{remote_ip}": "203.0.113.10" if answered else "",
            "%{time_connect}": "0.001200" if answered else "0.000000",
            "%{http_code}": "200" if answered else "000",
        }
        text = arguments[arguments.index("-w") + 1]
        for name, value in values.items():
            text = text.replace(name, value)
        print(text, end="")
    return 0 if answered else 28


def iptables(state: State, arguments: list[str]) -> int:
    """The filter table's FORWARD and user chains, and what firewalld's iptables backend keeps in nat."""
    words = [word for word in arguments if word != "-w"]
    if words[:2] == ["-t", "nat"]:
        if words[2] == "-S":
            print("\n".join(["-P PREROUTING ACCEPT", "-P POSTROUTING ACCEPT", *_nat_rules(state)]))
        return 0
    if words[0] == "-t":
        return 0
    chain, rule = words[1] if len(words) > 1 else "", " ".join(words[2:])
    if words[0] == "-S":
        if chain == "INPUT":
            print("\n".join(state["input"]))
            return 0
        if chain and chain != "FORWARD" and chain not in state["chains"]:
            print("iptables: No chain/target/match by that name.", file=sys.stderr)
            return 1
        _list_chains(state, chain)
        return 0
    if words[0] == "-P":
        state["iptables"]["policy"] = words[2]
        return 0
    rules = state["iptables"]["rules"] if chain == "FORWARD" else state["chains"][chain]
    if words[0] == "-I":
        rules.insert(0, rule)
    elif words[0] == "-D":
        if rule not in rules:
            print("iptables: Bad rule (does a matching rule exist in that chain?).", file=sys.stderr)
            return 1
        rules.remove(rule)
    return 0


def ufw(state: State, arguments: list[str]) -> int:
    """`ufw route allow in on IN out on OUT`, and `ufw route delete …`."""
    rule = f"-i {arguments[-4]} -o {arguments[-1]} -j ACCEPT"
    rules = state["chains"]["ufw-user-forward"]
    if "delete" in arguments:
        rules.remove(rule)
    elif rule not in rules:
        rules.append(rule)
    return 0


def _list_chains(state: State, wanted: str) -> None:
    if not wanted:
        print("-P INPUT ACCEPT")
    if wanted in {"", "FORWARD"}:
        print(f"-P FORWARD {state['iptables']['policy']}")
    if not wanted:
        print("\n".join(f"-N {name}" for name in state["chains"]))
    if wanted in {"", "FORWARD"}:
        for one in state["iptables"]["rules"]:
            print(f"-A FORWARD {one}")
        if state["flavour"]["backend"] == "iptables" and state["runtime"] and not state["flushed"]:
            print("-A FORWARD -j REJECT --reject-with icmp-host-prohibited")
    for name, rules in state["chains"].items():
        if wanted in {"", name}:
            print("\n".join(f"-A {name} {one}" for one in rules))


def _rich(state: State) -> list[dict[str, str]]:
    """The values of the rich rules that the kernel was given, by word."""
    if not state["runtime"] or state["flushed"]:
        return []
    rules = [rule for zone in state["runtime"]["zones"].values() for rule in zone["rich_rules"]]
    found = []
    for rule in rules:
        values = {"masquerade": ""} if rule.endswith(" masquerade") else {}
        last = ""
        for word in rule.split():
            key, equals, value = word.partition("=")
            if equals:
                values[f"source {key}" if last == "source" else key] = value.strip('"')
            last = word
        found.append(values)
    return found


def _nat_rules(state: State) -> list[str]:
    rules = []
    for rule in _rich(state):
        if "masquerade" in rule:
            rules.append(f"-A POST_public_allow -s {rule['source address']} ! -o lo -j MASQUERADE")
        elif "to-addr" in rule:
            to = f"{rule['to-addr']}:{rule.get('to-port', '')}".removesuffix(":")
            rules.append(f"-A PRE_public_allow -p {rule['protocol']} -j DNAT --to-destination {to}")
    return rules if state["flavour"]["backend"] == "iptables" else []


def nft(state: State, arguments: list[str]) -> int:
    """Firewalld's table, and the base chains that other programs hooked into forward."""
    if arguments == ["list", "table", "ip", "natkeeper"] and state["table"]:
        print(state["table"], end="")
    elif arguments[:2] == ["list", "table"]:
        there = state["flavour"]["backend"] == "nftables" and state["runtime"] and not state["flushed"]
        if arguments[2:] != ["inet", "firewalld"] or not there:
            print("Error: No such file or directory", file=sys.stderr)
            return 1
        _list_firewalld(state)
    elif "ruleset" in arguments:
        if state["flavour"]["backend"] == "nftables" and state["runtime"] and not state["flushed"]:
            _list_firewalld(state)
        for chain in state["nft"]:
            table, _, name = chain["name"].rpartition(" ")
            print(f"table {table} {{ # handle 5\n\tchain {name} {{ # handle 1")
            print(f"\t\ttype filter hook forward priority filter; policy {chain['policy']};")
            for handle, rule in enumerate(chain["rules"], 2):
                print(f"\t\t{rule} # handle {handle}")
            print("\t}\n}")
    elif arguments[:2] == ["delete", "rule"]:
        name, handle = " ".join(arguments[2:-2]), int(arguments[-1])
        del next(chain for chain in state["nft"] if chain["name"] == name)["rules"][handle - 2]
    return 0


def _list_firewalld(state: State) -> None:
    print("table inet firewalld { # handle 1\n\tchain filter_FORWARD { # handle 2")
    print("\t\ttype filter hook forward priority filter + 10; policy accept;")
    print("\t\tjump filter_FORWARD_ZONES # handle 3\n\t\treject with icmpx admin-prohibited # handle 4\n\t}")
    print("\tchain nat_POST_public_allow { # handle 5")
    for rule in _rich(state):
        if "masquerade" in rule:
            print(f'\t\tip saddr {rule["source address"].removesuffix("/32")} oifname != "lo" masquerade # handle 6')
        elif "to-addr" in rule:
            to = f"{rule['to-addr']}:{rule.get('to-port', '')}".removesuffix(":")
            print(
                f"\t\tip daddr {state['private_ip']} {rule['protocol']} dport {rule['port']} dnat ip to {to} # handle 7"
            )
    print("\t}\n}")


def conntrack(state: State, arguments: list[str]) -> int:
    """The connections that the kernel tracks: list them, delete one by its tuple."""
    if arguments[0] == "-L":
        print("\n".join(state["connections"]))
    elif arguments[0] == "-D":
        values = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        start = f"src={values['-s']} dst={values['-d']} sport={values['--sport']} dport={values['--dport']} "
        state["connections"] = [
            one
            for one in state["connections"]
            if not (one.split()[0] == values["-p"] and start in one.partition("[")[0])
        ]
    return 0
