"""How the setup script judges rules of others, and what it sees of a private host's way to the internet."""

from __future__ import annotations

import pytest

from tests.guest.tools import ToolFolder

FOREIGN = """INTERFACES='eth0 eth1' FORWARDING={proof} BACKEND={backend}
printf '%s\\n' {hosts} >"$WORK/prove"
foreign
cat "$WORK/foreign"
"""
PROHIBITED = "-j REJECT --reject-with icmp-host-prohibited"


def judge(
    machine: ToolFolder, proof: str = "unproven", backend: str = "nftables", hosts: str = "10.0.1.5"
) -> list[str]:
    """Return what refuses what the hosts send, as how|where|rule."""
    machine.program("timeout", 'shift; exec "$@"')
    asked = " ".join(f"'{host} {host}/32'" for host in hosts.split())
    return machine.out(FOREIGN.format(proof=proof, backend=backend, hosts=asked)).splitlines()


def iptables(machine: ToolFolder, *lines: str) -> None:
    """Let iptables list these lines of its FORWARD chain."""
    text = "".join(f"{line}\n" for line in lines)
    machine.program("iptables", f"[ \"$*\" != '-w -S FORWARD' ] || cat <<'E'\n{text}E")


IPTABLES = {
    "-j DROP": "no", "-j REJECT --reject-with icmp-port-unreachable": "no", PROHIBITED: "no",
    "-i eth0 -j DROP": "no", "-i eth0 -o eth1 -j DROP": "no", "-o eth1 -j REJECT --reject-with tcp-reset": "no",
    "-i eth2 -j DROP": "", "-i eth10 -j DROP": "", "! -i eth0 -j DROP": "", "-i eth0 -o wg0 -j DROP": "",
    "-s 10.0.1.0/24 -j DROP": "no", "-s 10.0.1.5/32 -i eth0 -j DROP": "no", "-s 0.0.0.0/0 -j DROP": "no",
    "-s 10.0.2.0/24 -j DROP": "", "-s 10.0.1.4/32 -j DROP": "", "! -s 10.0.2.0/24 -j DROP": "",
    "-d 1.2.3.4/32 -j DROP": "", "-p tcp -j DROP": "", "-p icmp -j ACCEPT": "", "-j LOG": "", "-j NFLOG": "",
    "-j LOG --log-prefix x": "",
    "-m conntrack --ctstate NEW -j DROP": "no", "-m state --state NEW,RELATED -j DROP": "no",
    "-m conntrack --ctstate INVALID -j DROP": "", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT": "",
    "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT": "yes",
    '-m comment --comment "no way out" -j DROP': "no", "-m comment --comment closed -j DROP": "no",
    "-j ACCEPT": "yes", "-i eth0 -j ACCEPT": "yes", "-s 10.0.1.0/24 -j ACCEPT": "yes", "-s 10.0.2.0/24 -j ACCEPT": "",
    "-i eth0 -o eth1 -m comment --comment x -j ACCEPT": "yes", "-i docker0 -j ACCEPT": "",
    "-j FORWARD_direct": "", "-j FWDI_public": "", "-j FWDO_public": "", "-j x_filter_y": "",
}  # fmt: skip
POLICY = "iptables||policy drop"


@pytest.mark.parametrize("rule, verdict", IPTABLES.items())
def test_a_rule_of_iptables_has_a_verdict_on_each_new_connection(machine: ToolFolder, rule: str, verdict: str) -> None:
    """It refuses them, takes them before the policy does, or says nothing of them all."""
    iptables(machine, "-P FORWARD DROP", f"-A FORWARD {rule}")
    expected = {"no": [f"iptables|FORWARD {rule}|{rule}", POLICY], "yes": [], "": [POLICY]}
    assert judge(machine) == expected[verdict]


@pytest.mark.parametrize(
    "lines, changes, expected",
    [
        (["-P FORWARD ACCEPT"], {}, []),
        (["-P FORWARD DROP"], {}, [POLICY]),
        (["-P FORWARD DROP"], {"backend": "iptables"}, []),
        (["-P FORWARD ACCEPT", f"-A FORWARD {PROHIBITED}"], {"backend": "iptables"}, []),
        (["-P FORWARD ACCEPT", "-A FORWARD -j REJECT --reject-with icmp-admin-prohibited"],
         {"backend": "iptables"}, []),
        (["-P FORWARD ACCEPT", "-A FORWARD -j DROP"], {"backend": "iptables"}, ["iptables|FORWARD -j DROP|-j DROP"]),
        (["-P FORWARD ACCEPT", "-A FORWARD -j ACCEPT", "-A FORWARD -j DROP"], {}, []),
        (["-P FORWARD ACCEPT", "-A FORWARD -i eth0 -j DROP", "-A FORWARD -j DROP"], {},
         ["iptables|FORWARD -i eth0 -j DROP|-i eth0 -j DROP", "iptables|FORWARD -j DROP|-j DROP"]),
        (["-P FORWARD DROP", "-A FORWARD -j ufw-before-forward", "-A FORWARD -j DROP"], {}, []),
        (["-P FORWARD DROP", "-A FORWARD -g DOCKER-USER"], {}, []),
        (["-P FORWARD DROP", "-A FORWARD -p tcp -j ufw-before-forward"], {}, [POLICY]),
        (["-P FORWARD DROP", "-A FORWARD -j ufw-before-forward", "-A FORWARD -j DROP"], {"proof": "refused"},
         ["iptables|FORWARD -j DROP|-j DROP", POLICY]),
        (["-P FORWARD ACCEPT", "-A FORWARD -s 10.0.1.0/24 -j DROP"], {"hosts": "10.0.1.5 10.0.1.6"},
         ["iptables|FORWARD -s 10.0.1.0/24 -j DROP|-s 10.0.1.0/24 -j DROP"]),
        (["-P FORWARD ACCEPT", "-A FORWARD -s 10.0.1.0/24 -j DROP"], {"hosts": "10.0.1.5 10.0.2.6"}, []),
    ],
)  # fmt: skip
def test_a_chain_of_iptables_refuses_by_rule_or_policy(
    machine: ToolFolder, lines: list[str], changes: dict[str, str], expected: list[str]
) -> None:
    """The policy and the last word of firewalld's own chain are firewalld's; a chain of others may accept."""
    iptables(machine, *lines)
    assert judge(machine, **changes) == expected


NFT = {
    "drop": "no", "reject with icmp admin-prohibited": "no", "counter packets 5 bytes 300 drop": "no",
    "counter drop": "no", 'iifname "eth0" drop': "no", 'iifname "eth0" oifname "eth1" reject': "no",
    'iifname "eth2" drop': "", 'oifname "eth1" comment "no way out" drop': "no", 'drop comment "x"': "no",
    "ct state new drop": "no", "ct state new counter packets 0 bytes 0 drop": "no",
    "ct state invalid,new drop": "no", "ct state { new, untracked } reject": "no", "ct state new accept": "yes",
    "ct state established,related accept": "", "ct state { established, related } accept": "",
    "ct state invalid drop": "", "ct state vmap { established : accept, new : drop }": "",
    "ip saddr 10.0.1.0/24 drop": "no", "ip saddr 10.0.2.0/24 drop": "", "ip daddr 10.0.1.0/24 drop": "",
    "tcp dport 25 drop": "", "log": "", "accept": "yes", 'iifname "eth0" accept': "yes",
    "ip saddr 10.0.1.5 accept": "yes",
    "jump filter_FORWARD_POLICIES_pre": "",
}  # fmt: skip


def ruleset(table: str, *rules: str, policy: str = "accept", hook: str = "forward", first: int = 4) -> str:
    """Return a table as `nft -a list ruleset` prints it."""
    body = "".join(f"\t\t{rule} # handle {number}\n" for number, rule in enumerate(rules, first))
    begin = f"\tchain c {{ # handle 1\n\t\ttype filter hook {hook} priority filter; policy {policy};\n"
    return f"table {table} {{ # handle 1\n{begin}{body}\t}}\n}}\n"


def nft(machine: ToolFolder, text: str) -> None:
    """Let nft print a ruleset with its handles."""
    machine.program("nft", f"[ \"$*\" != '-a -t list ruleset' ] || cat <<'E'\n{text}E")


@pytest.mark.parametrize("rule, verdict", NFT.items())
def test_a_rule_of_nftables_has_a_verdict_on_each_new_connection(machine: ToolFolder, rule: str, verdict: str) -> None:
    """The same of nftables, which names a rule by its handle."""
    nft(machine, ruleset("inet mine", rule, policy="drop"))
    policy = "nft|inet mine c|policy drop"
    expected = {"no": [f"nft|inet mine c handle 4|inet mine c {rule}", policy], "yes": [], "": [policy]}
    assert judge(machine) == expected[verdict]


DROPS = ["nft|{0} c handle 4|{0} c drop", "nft|{0} c|policy drop"]


@pytest.mark.parametrize(
    "text, expected",
    [
        (ruleset("inet mine"), []),
        (ruleset("inet mine", "drop", policy="drop"), [each.format("inet mine") for each in DROPS]),
        (ruleset("ip mine", "drop", policy="drop"), [each.format("ip mine") for each in DROPS]),
        (ruleset("ip filter", "drop", policy="drop"), [each.format("ip filter") for each in DROPS]),
        *((ruleset(f"{name}", "drop", policy="drop"), []) for name in (
            "ip6 mine", "bridge mine", "inet firewalld", "ip firewalld", "inet firewalld_policy_drop",
        )),
        (ruleset("inet mine", "drop", policy="drop", hook="input"), []),
        (ruleset("inet mine", "accept", "drop", policy="drop"), []),
        (ruleset("inet mine", "drop", "accept", policy="drop"), ["nft|inet mine c handle 4|inet mine c drop"]),
        (ruleset("inet mine", "jump users", "drop", policy="drop"), []),
        (ruleset("inet mine", "goto users", "drop", policy="drop"), []),
        (ruleset("inet a", "accept", policy="drop") + ruleset("inet b", "drop", first=12),
         ["nft|inet b c handle 12|inet b c drop"]),
        (ruleset("inet a", policy="drop") + ruleset("inet b"), ["nft|inet a c|policy drop"]),
        (ruleset("inet a") + ruleset("inet b", "drop", hook="input"), []),
    ],
)  # fmt: skip
def test_a_chain_of_nftables_refuses_by_rule_or_policy(machine: ToolFolder, text: str, expected: list[str]) -> None:
    """Each chain that sees forwarded IPv4 packets for itself; firewalld's are its own business."""
    nft(machine, text)
    assert judge(machine) == expected


def test_a_table_of_iptables_is_judged_once(machine: ToolFolder) -> None:
    """Where there is iptables, `ip filter` is what it lists."""
    iptables(machine, "-P FORWARD DROP")
    nft(machine, ruleset("ip filter", "drop", policy="drop"))
    assert judge(machine) == [POLICY]


def test_an_old_nft_lists_elements_too(machine: ToolFolder) -> None:
    """It does not know how to leave them out."""
    text = ruleset("inet mine", "drop")
    machine.program("nft", f"[ \"$*\" != '-a list ruleset' ] && exit 1; cat <<'E'\n{text}E")
    assert judge(machine) == ["nft|inet mine c handle 4|inet mine c drop"]


OWN = (
    "ipv4 filter FORWARD 0 -p tcp -m conntrack --ctstate INVALID -m tcp --tcp-flags SYN,RST NONE -j REJECT"
    " --reject-with tcp-reset"
)


@pytest.mark.parametrize(
    "line, seen",
    [
        ("ipv4 filter FORWARD 0 -j DROP", True), ("ipv4 filter FORWARD -1 -i eth0 -j DROP", True),
        ("ipv4 filter FORWARD 10 -s 10.0.1.0/24 -j REJECT", True), ("ipv4 filter FORWARD 0 -j ACCEPT", False),
        ("ipv4 filter INPUT 0 -j DROP", False), ("ipv4 filter FORWARD 0 -p udp -j DROP", False), (OWN, False),
    ],
)  # fmt: skip
def test_a_direct_rule_that_refuses_is_named(machine: ToolFolder, line: str, *, seen: bool) -> None:
    """Once: the same rule stands in the kernel as well. natkeeper's own is not one of others."""
    machine.program("firewall-cmd", f"[ \"$*\" != '--direct --get-all-rules' ] || printf '%s\\n' '{line}'")
    iptables(machine, "-P FORWARD ACCEPT", *(["-A FORWARD -j DROP"] if seen else []))
    assert judge(machine) == ([f"direct|{line}|{line}"] if seen else [])


# ---- what answers

WEB, DNS = "http://www.aliyun.com/", "tcp://223.5.5.5:53"


@pytest.mark.parametrize(
    "url, printed, status, expected",
    [
        (WEB, "body\n1.2.3.4 0.012345", 0, "1.2.3.4|body"),
        (WEB, "a\nb\n1.2.3.4 0.012345", 0, "1.2.3.4|a\nb"),
        (WEB, "\n1.2.3.4 0.012345", 28, None),
        (WEB, "\n 0.000000", 6, None),
        (DNS, "\n223.5.5.5 0.004", 28, "223.5.5.5|"),
        (DNS, "\n223.5.5.5 0.004", 0, "223.5.5.5|"),
        (DNS, "\n223.5.5.5 0.000000", 7, None),
        (DNS, "\n223.5.5.5 0", 7, None),
        (DNS, "\n 0.000000", 28, None),
        (DNS, "", 127, None),
    ],
)
def test_a_target_answers_when_a_connection_was_made(
    machine: ToolFolder, url: str, printed: str, status: int, expected: str | None
) -> None:
    """curl waits for words on a plain port until its time is up, and fails; that it connected is what counts."""
    machine.program("curl", f"printf '%s' '{printed}'; echo noise >&2; exit {status}")
    said = machine.out(f"""look '' {url} --more && echo "$PEER|$ANSWER" """)
    assert said == ("" if expected is None else f"{expected}\n")
    asked = url.replace("tcp:", "telnet:")
    call = machine.read("calls").replace("\n%{remote_ip}", " %{remote_ip}")
    assert call == f"curl : -q -g -s -m 4 -w  %{{remote_ip}} %{{time_connect}} --more --url {asked}\n"


ZONES = """case "$*" in
"40 firewall-cmd --get-active-zones") cat <<'E'
public (default)
  interfaces: eth0
  sources: 10.0.9.0/24
office
  sources: 10.0.1.0/24 10.0.2.0/24 ipset:x 02:00:00:00:00:01
trusted
  interfaces: eth5
  sources: 10.0.1.128/25
E
;;
"40 firewall-cmd --zone=trusted --list-all") echo "  target: ACCEPT" ;;
"40 firewall-cmd --zone=office --list-all") echo "  target: default" ;;
esac"""
CLAIM = "; zone {} claims source {}"


@pytest.mark.parametrize(
    "call, expected",
    [
        ("10.0.1.0/24", [("office", "10.0.1.0/24"), ("trusted", "10.0.1.128/25")]),
        ("10.0.2.0/25", [("office", "10.0.2.0/24")]),
        ("10.0.9.0/24", []),
        ("10.0.3.0/24", []),
        ("10.0.0.0/16 10.0.3.1", [("office", "10.0.1.0/24"), ("office", "10.0.2.0/24")]),
        ("10.0.0.0/16 10.0.1.1", [("office", "10.0.2.0/24")]),
        ("10.0.1.0/24 10.0.1.129", []),
    ],
)
def test_zones_that_claim_a_part_of_a_network_are_named(
    machine: ToolFolder, call: str, expected: list[tuple[str, str]]
) -> None:
    """Not the one of the host that was seen to pass, nor, then, one that accepts everything."""
    machine.program("timeout", ZONES)
    network, _, host = call.partition(" ")
    said = machine.out(f"ZONE=public; zones_of {network} '{host}'")
    assert said == "".join(CLAIM.format(*each) for each in expected)
