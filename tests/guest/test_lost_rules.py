"""What has to be put right behind firewalld: flows that go untranslated, and rules that the kernel lost."""

from __future__ import annotations

import pytest

from tests.guest.tools import ToolFolder

RICH = 'rule family="ipv4"'
OWN = "10.0.0.11"

# ---- what ran before masquerading did

FLOWS = """tcp 6 300 ESTABLISHED src=10.0.1.5 dst=1.1.1.1 sport=4000 dport=443 src=1.1.1.1 dst=10.0.1.5 sport=443 dport=4000 mark=0 use=1
udp 17 29 src=10.0.1.6 dst=8.8.8.8 sport=5000 dport=53 [UNREPLIED] src=8.8.8.8 dst=10.0.1.6 sport=53 dport=5000 mark=0
tcp 6 300 ESTABLISHED src=10.0.1.5 dst=1.1.1.2 sport=4001 dport=443 src=1.1.1.2 dst=10.0.0.11 sport=443 dport=4001
tcp 6 300 ESTABLISHED src=10.0.1.5 dst=10.0.2.9 sport=4002 dport=80 src=10.0.2.9 dst=10.0.1.5 sport=80 dport=4002
tcp 6 300 ESTABLISHED src=192.168.1.5 dst=1.1.1.3 sport=4003 dport=80 src=1.1.1.3 dst=192.168.1.5 sport=80 dport=4003
tcp 6 300 ESTABLISHED src=10.0.1.7 dst=203.0.113.1 sport=4004 dport=22 src=203.0.113.1 dst=10.0.1.7 sport=22 dport=4004
tcp 6 300 ESTABLISHED src=172.16.9.9 dst=1.1.1.4 sport=4005 dport=80 src=1.1.1.4 dst=172.16.9.9 sport=80 dport=4005
icmp 1 29 src=10.0.1.5 dst=1.1.1.1 type=8 code=0 id=7 src=1.1.1.1 dst=10.0.1.5 type=0 code=0 id=7
"""  # noqa: E501
GONE = [
    "conntrack : -D -p tcp -s 10.0.1.5 -d 1.1.1.1 --sport 4000 --dport 443",
    "conntrack : -D -p udp -s 10.0.1.6 -d 8.8.8.8 --sport 5000 --dport 53",
    "conntrack : -D -p tcp -s 172.16.9.9 -d 1.1.1.4 --sport 4005 --dport 80",
]


def forget(machine: ToolFolder) -> str:
    """Return whether masquerading still counts as new."""
    return machine.out(
        "SOURCES='10.0.0.0/8 172.16.0.0/12' OWN_IP=203.0.113.1 ADDED=yes; forget_untranslated; echo $ADDED"
    )


def test_flows_that_go_untranslated_are_forgotten(machine: ToolFolder) -> None:
    """Of the sources, outwards, and by their ports; translated ones and those to the gateway itself live on."""
    machine.program("conntrack", f"echo noise >&2\n[ $1 = -L ] || {{ echo noise; exit 0; }}\ncat <<'E'\n{FLOWS}E")
    assert forget(machine) == "no\n"
    assert machine.calls() == ["conntrack : -L", *GONE]


def test_five_thousand_flows_are_forgotten_at_most(machine: ToolFolder) -> None:
    """A call each: the rest ends by itself."""
    machine.program(
        "conntrack",
        f"[ $1 = -L ] || exit 0\nn=0\nwhile [ $n -lt 5001 ]; do n=$((n + 1)); echo '{FLOWS.splitlines()[0]}'; done",
    )
    forget(machine)
    assert len(machine.calls()) == 5001


def test_without_conntrack_nothing_is_forgotten(machine: ToolFolder) -> None:
    """The program is not on every machine."""
    assert forget(machine) == "yes\n"


# ---- rules that firewalld lists and the kernel lacks

MASQUERADE = f'{RICH} source address="10.0.0.0/8" masquerade'
SINGLE = f'{RICH} source address="10.0.1.5/32" masquerade'
TO_PORT = f'{RICH} destination address="{OWN}" forward-port port="80" protocol="tcp" to-port="8080" to-addr="10.0.1.5"'
TO_RANGE = f'{RICH} destination address="{OWN}" forward-port port="60-62" protocol="tcp" to-addr="10.0.1.6"'
OPEN = f'{RICH} port port="4790" protocol="udp" accept'
WANTED = f"masquerade {MASQUERADE}\nmasquerade {SINGLE}\nport_forward {TO_PORT}\nport_forward {TO_RANGE}\nport {OPEN}\n"
IN_FORWARD = "jump filter_FORWARD_POLICIES\n"
LINES = {
    MASQUERADE: "ip saddr 10.0.0.0/8 oifname != lo masquerade",
    SINGLE: "ip saddr 10.0.1.5 oifname != lo masquerade",
    TO_PORT: "ip daddr 10.0.0.11 tcp dport 80 dnat to 10.0.1.5:8080",
    TO_RANGE: "ip daddr 10.0.0.11 tcp dport 60-62 dnat to 10.0.1.6",
}
NO_FORWARD = "the kernel has no rules of firewalld in its forward chain"
NO_RULE = "the kernel has no rule of firewalld for: {}"


def lost(machine: ToolFolder, nft: str, listed: str, more: str = "BACKEND=nftables") -> str:
    """Return what the kernel has lost."""
    machine.write("work/rules", WANTED)
    machine.program("nft", f"[ \"$*\" != 'list table inet firewalld' ] || cat <<'E'\n{nft}E")
    rules = "".join(f" {rule}\n" for rule in listed.splitlines())
    return machine.out(f"""L='{rules}'; {more}; rules_lost && echo "$LOST" """).removesuffix("\n")


def table(*lines: str, chain: str = IN_FORWARD) -> str:
    """Return firewalld's table."""
    return (
        "table inet firewalld {\nchain filter_FORWARD {\ntype filter hook forward priority 10; policy accept;\n"
        f"{chain}}}\nchain nat_POST_public {{\n" + "".join(f"{line}\n" for line in lines) + "}\n}\n"
    )


ALL = "\n".join((*LINES, OPEN))


def test_a_kernel_that_has_all_rules_lost_none(machine: ToolFolder) -> None:
    """By what each leads to; a rule that opens a port is not looked for."""
    assert lost(machine, table(*LINES.values()), ALL) == ""


@pytest.mark.parametrize("rule", LINES)
def test_a_rule_that_the_kernel_lost_is_named(machine: ToolFolder, rule: str) -> None:
    """Where firewalld lists it; where it does not, it is merely missing."""
    lines = [line for each, line in LINES.items() if each != rule]
    assert lost(machine, table(*lines), ALL) == NO_RULE.format(rule)
    assert lost(machine, table(*lines), "\n".join(each for each in (*LINES, OPEN) if each != rule)) == ""


@pytest.mark.parametrize(
    "nft, expected",
    [
        ("", NO_FORWARD),
        (table(*LINES.values(), chain=""), NO_FORWARD),
        (table(*LINES.values(), chain="ct state established accept\n"), ""),
        (table(*LINES.values(), chain="reject with icmp type host-prohibited\n"), ""),
        (table(*LINES.values(), chain="drop\n"), ""),
        (table(*LINES.values(), chain="counter\n"), NO_FORWARD),
        (table(*(line.replace("masquerade", "accept") for line in LINES.values())), NO_RULE.format(MASQUERADE)),
        (table(*LINES.values(), 'comment "x"').replace("masquerade", "MASQUERADE"), ""),
    ],
)
def test_an_empty_forward_chain_has_lost_everything(machine: ToolFolder, nft: str, expected: str) -> None:
    """What hooks it in is no rule."""
    assert lost(machine, nft, ALL) == expected


NAT = "-A POST_public -s 10.0.0.0/8 ! -o lo -j MASQUERADE\n-A PRE_public -j DNAT --to-destination 10.0.1.5:8080\n"
IPTABLES = """case "$*" in
"-w -t nat -S") printf %b '{nat}' ;;
"-w -S FORWARD") printf %b '{forward}' ;;
*) exit 2 ;;
esac"""


@pytest.mark.parametrize(
    "nat, forward_chain, expected",
    [
        (NAT, "-P FORWARD ACCEPT\n-A FORWARD -j FORWARD_direct\n", ""),
        (NAT, "-P FORWARD ACCEPT\n", NO_FORWARD),
        (NAT.replace("MASQUERADE", "ACCEPT"), "-A FORWARD -j FORWARD_direct\n", NO_RULE.format(MASQUERADE)),
        (NAT.replace("8080", "8081"), "-A FORWARD -j FORWARD_direct\n", NO_RULE.format(TO_PORT)),
    ],
)
def test_rules_of_iptables_can_be_lost_too(machine: ToolFolder, nat: str, forward_chain: str, expected: str) -> None:
    """With that back end nft is not asked."""
    machine.program(
        "iptables", IPTABLES.format(nat=nat.replace("\n", "\\n"), forward=forward_chain.replace("\n", "\\n"))
    )
    assert lost(machine, table(), f"{MASQUERADE}\n{TO_PORT}", "BACKEND=iptables") == expected
    assert {call.partition(" ")[0] for call in machine.calls()} == {"iptables"}


def test_without_nft_nothing_is_known_to_be_lost(machine: ToolFolder) -> None:
    """A firewalld that speaks to the kernel itself needs no such program."""
    assert machine.out('BACKEND=nftables; rules_lost && echo "$LOST"') == ""
