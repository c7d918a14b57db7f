"""What a machine served before firewalld, function by function: listeners, rules of incoming packets."""

from __future__ import annotations

import pytest

from tests.guest.tools import ToolFolder

# ---- what listens

HEAD = "Netid State  Recv-Q Send-Q  Local Address:Port   Peer Address:Port Process\n"


@pytest.mark.parametrize(
    "kind, address, expected",
    [
        ("tcp", "0.0.0.0:22", "22 tcp"), ("tcp", "*:9000", "9000 tcp"), ("tcp", "[::]:443", "443 tcp"),
        ("tcp", ":::80", "80 tcp"), ("tcp", "10.0.0.11:8080", "8080 tcp"), ("tcp", "10.0.0.11%eth0:81", "81 tcp"),
        ("tcp", "[fe80::1]%eth0:82", "82 tcp"), ("tcp", "[::ffff:10.0.0.11]:83", "83 tcp"),
        ("tcp", "0.0.0.0:68", "68 tcp"), ("tcp", "0.0.0.0:32768", "32768 tcp"), ("tcp", "0.0.0.0:60000", "60000 tcp"),
        ("tcp", "12.7.0.1:84", "84 tcp"), ("tcp", "10.127.0.1:85", "85 tcp"), ("tcp", "[2001:db8::1]:86", "86 tcp"),
        ("tcp", "[2001:db8::ffff:127.0]:88", "88 tcp"),
        ("tcp", "127.0.0.1:25", ""), ("tcp", "127.8.9.10:25", ""), ("tcp", "127.0.0.53%lo:53", ""),
        ("tcp", "10.0.0.1%lo:53", ""), ("tcp", "[::1]:25", ""), ("tcp", "::1:25", ""),
        ("tcp", "[::ffff:127.0.0.1]:8005", ""), ("tcp", "::ffff:127.0.0.1:8005", ""),
        ("udp", "0.0.0.0:53", "53 udp"), ("udp", "0.0.0.0:500", "500 udp"), ("udp", "0.0.0.0:4500", "4500 udp"),
        ("udp", "10.0.0.11:1194", "1194 udp"), ("udp", "[::]:6081", "6081 udp"), ("udp", "*:67", "67 udp"),
        ("udp", "*:69", "69 udp"), ("udp", "0.0.0.0:9993", "9993 udp"), ("udp", "0.0.0.0:32767", "32767 udp"),
        ("udp", "0.0.0.0:32768", ""), ("udp", "0.0.0.0:51820", ""), ("udp", "[::]:45678", ""),
        ("udp", "192.168.0.5%eth0:68", ""), ("udp", "0.0.0.0:68", ""), ("udp", "127.0.0.1:323", ""),
        ("udp", "[::1]:323", ""), ("udp", "127.0.0.53%lo:53", ""),
        ("nl", "0.0.0.0:22", ""), ("u_str", "/run/x:1", ""), ("raw", "*:1", ""), ("sctp", "0.0.0.0:3868", ""),
    ],
)  # fmt: skip
def test_what_listens_beyond_loopback_counts(machine: ToolFolder, kind: str, address: str, expected: str) -> None:
    """In the forms of old and new `ss`; a UDP socket of a client listens as well, and is no service."""
    machine.says("ss", f"{HEAD}{kind} {'LISTEN' if kind == 'tcp' else 'UNCONN'} 0 128 {address} 0.0.0.0:*\n")
    assert machine.out("listening") == (f"{expected}\n" if expected else "")


def test_each_listener_is_listed_once(machine: ToolFolder) -> None:
    """IPv4 and IPv6 of one port are one service, TCP and UDP are two. Only sockets that listen are asked for."""
    lines = ["tcp LISTEN 0 128 0.0.0.0:53 0.0.0.0:*", "tcp LISTEN 0 128 [::]:53 [::]:*", "udp UNCONN 0 0 *:53 *:*"]
    text = HEAD + "\n".join(reversed(lines)) + "\n"
    machine.program("ss", f"[ \"$*\" != -lntu ] || cat <<'E'\n{text}E")
    assert machine.out("listening") == "53 tcp\n53 udp\n"


# ---- rules of incoming packets

ACCEPT, DROP, REJECT = "-P INPUT ACCEPT", "-P INPUT DROP", "-A INPUT -j REJECT --reject-with icmp-host-prohibited"


def dropping(*rules: str) -> str:
    """Return an INPUT chain of iptables that drops what no rule takes."""
    return "\n".join((DROP, *(f"-A INPUT {rule}" for rule in rules))) + "\n"


@pytest.mark.parametrize(
    "rule, expected",
    [
        ("-p tcp -m tcp --dport 80 -j ACCEPT", ["port 80 tcp "]),
        ("-p udp -m udp --dport 1194 -j ACCEPT", ["port 1194 udp "]),
        ("-p tcp -m state --state NEW -m tcp --dport 80 -j ACCEPT", ["port 80 tcp "]),
        ("-p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", ["port 80 tcp "]),
        ("-p tcp -m tcp --dport 80 -m state --state RELATED,NEW -j ACCEPT", ["port 80 tcp "]),
        ('-p tcp -m tcp --dport 80 -m comment --comment "the web -j DROP" -j ACCEPT', ["port 80 tcp "]),
        ("-p tcp -m tcp --dport 80 -m comment --comment web -j ACCEPT", ["port 80 tcp "]),
        ("-p tcp -m tcp --dport 8000:8010 -j ACCEPT", ["port 8000-8010 tcp "]),
        ("-p tcp -m multiport --dports 80,443,9000:9010 -j ACCEPT",
         ["port 80 tcp ", "port 443 tcp ", "port 9000-9010 tcp "]),
        ("-s 10.0.0.0/8 -p tcp -m tcp --dport 3306 -j ACCEPT", ["port 3306 tcp 10.0.0.0/8"]),
        ("-s 10.1.2.3/32 -p udp -m multiport --dports 53,67 -j ACCEPT",
         ["port 53 udp 10.1.2.3/32", "port 67 udp 10.1.2.3/32"]),
        ("-s 192.168.0.0/16 -j ACCEPT", ["source 192.168.0.0/16"]),
        ("-s 192.168.0.0/16 -m comment --comment office -j ACCEPT", ["source 192.168.0.0/16"]),
        ("-i lo -j ACCEPT", []),
        ("-m state --state RELATED,ESTABLISHED -j ACCEPT", []),
        ("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", []),
        ("-p icmp -j ACCEPT", []),
        ("-p icmp -m icmp --icmp-type 8 -j ACCEPT", []),
        ("-p ipv6-icmp -j ACCEPT", []),
        ("-j DROP", []),
        ("-m comment --comment last -j DROP", []),
        *((other, [f"cannot -A INPUT {other}"]) for other in (
            "-p tcp -j ACCEPT", "-p esp -j ACCEPT", "-i eth1 -j ACCEPT", "-i lo -p tcp -j DROP",
            "! -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT", "! -s 10.0.0.0/8 -j ACCEPT",
            "-p tcp -m tcp ! --dport 22 -j ACCEPT", "-p tcp -m tcp --sport 53 -j ACCEPT",
            "-p tcp -m tcp --dport 22 -j DROP", "-p tcp -m tcp --dport 22 -j f2b-sshd", "-j LOG", "-j ufw-before-input",
            "-s 1.2.3.4/32 -j DROP", "-s 10.0.0.0/8 -p udp -j ACCEPT",
            "-d 10.0.0.11/32 -p tcp -m tcp --dport 80 -j ACCEPT",
            "-m state --state INVALID -j DROP", "-i eth0 -p tcp -m tcp --dport 80 -j ACCEPT",
            "-p tcp -m tcp --dport 22 -m limit --limit 3/min -j ACCEPT", "-p icmp -j DROP",
            "-p sctp -m sctp --dport 80 -j ACCEPT",
        )),
    ],
)  # fmt: skip
def test_a_rule_of_iptables_is_kept_or_named(machine: ToolFolder, rule: str, expected: list[str]) -> None:
    """A policy that drops: what the rule lets in, as firewalld can say it; any other rule is named, never guessed."""
    machine.says("iptables", dropping(rule))
    assert machine.out("input_rules").splitlines() == ["closed", *expected]


WEB, SSH = "-p tcp -m tcp --dport 80 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT"


@pytest.mark.parametrize(
    "lines, expected",
    [
        ([], []),
        ([ACCEPT], []),
        ([ACCEPT, f"-A INPUT {WEB}"], []),
        ([ACCEPT, "-A INPUT -p tcp -j f2b-sshd"], []),
        ([ACCEPT, f"-A INPUT {WEB}", "-A INPUT -j DROP"], ["closed", "port 80 tcp "]),
        ([ACCEPT, f"-A INPUT {WEB}", REJECT], ["closed", "port 80 tcp "]),
        ([ACCEPT, f"-A INPUT {WEB}", REJECT, f"-A INPUT {SSH}"], ["closed", "port 80 tcp "]),
        ([ACCEPT, "-A INPUT -s 1.2.3.4/32 -j DROP"], ["closed", "cannot -A INPUT -s 1.2.3.4/32 -j DROP"]),
        ([ACCEPT, "-A INPUT -p tcp -j REJECT --reject-with tcp-reset"],
         ["closed", "cannot -A INPUT -p tcp -j REJECT --reject-with tcp-reset"]),
        ([ACCEPT, "-A INPUT -j ACCEPT", "-A INPUT -j DROP"], []),
        ([ACCEPT, "-A INPUT -j f2b", "-A INPUT -s 1.2.3.4/32 -j DROP",
          "-A INPUT -p tcp -m multiport --dports 1,2,3 -j ACCEPT"],
         ["closed", "cannot -A INPUT -j f2b", "cannot -A INPUT -s 1.2.3.4/32 -j DROP",
          *(f"port {n} tcp " for n in (1, 2, 3))]),
        ([DROP], ["closed"]),
        ([DROP, "-A INPUT -j ACCEPT"], []),
        ([DROP, f"-A INPUT {WEB}", "-A INPUT -m comment --comment all -j ACCEPT"], []),
        ([DROP, "-A INPUT -p tcp -m tcp --dport 23 -j DROP", "-A INPUT -j ACCEPT"],
         ["closed", "cannot -A INPUT -p tcp -m tcp --dport 23 -j DROP"]),
        ([DROP, f"-A INPUT {WEB}", f"-A INPUT {SSH}"], ["closed", "port 80 tcp ", "port 22 tcp "]),
    ],
)  # fmt: skip
def test_a_chain_of_iptables_is_closed_or_lets_all_in(
    machine: ToolFolder, lines: list[str], expected: list[str]
) -> None:
    """By its policy, or by a rule that ends it; what comes after that rule is never reached."""
    machine.says("iptables", "".join(f"{line}\n" for line in lines))
    assert machine.out("input_rules").splitlines() == expected


def ruleset(table: str, *rules: str, policy: str = "accept") -> str:
    """Return a ruleset as `nft list ruleset` prints it."""
    hook = f"type filter hook input priority filter; policy {policy};"
    body = "".join(f"\t\t{rule}\n" for rule in (hook, *rules))
    forward = (
        "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tct state new drop\n\t}\n"
    )
    return f"table {table} {{\n\tchain before {{\n\t\tdrop\n\t}}\n\n\tchain input {{\n{body}\t}}\n\n{forward}}}\n"


@pytest.mark.parametrize(
    "text, iptables, expected",
    [
        ("", False, []),
        (ruleset("inet filter", 'iif "lo" accept', "tcp dport 22 accept"), False, []),
        (ruleset("inet filter", "tcp dport 22 accept", policy="drop"), False, ["inet filter input policy drop"]),
        (ruleset("inet filter", "tcp dport 22 accept", "drop"), False, ["inet filter input drop"]),
        (ruleset("inet filter", "counter packets 1 bytes 60 reject with icmpx admin-prohibited"), False,
         ["inet filter input counter packets 1 bytes 60 reject with icmpx admin-prohibited"]),
        (ruleset("inet mine", "tcp dport 23 drop", "udp dport 23 drop", policy="drop"), True,
         ["inet mine input policy drop", "inet mine input tcp dport 23 drop", "inet mine input udp dport 23 drop"]),
        (ruleset("ip filter", "drop"), False, ["ip filter input drop"]),
        (ruleset("ip filter", "drop", policy="drop"), True, []),
        (ruleset("ip mangle", "drop"), True, ["ip mangle input drop"]),
        (ruleset("inet firewalld", "drop", policy="drop"), False, []),
        (ruleset("ip firewalld", "reject with icmp admin-prohibited"), True, []),
        (ruleset("inet firewalld_policy_drop", "drop", policy="drop"), False, []),
        *((ruleset(f"{family} filter", "drop", policy="drop"), False, []) for family in ("ip6", "arp", "bridge")),
        (ruleset("ip6 filter", "drop") + ruleset("inet filter", "drop"), False, ["inet filter input drop"]),
        (ruleset("inet filter") + ruleset("ip6 filter", "drop"), False, []),
    ],
)  # fmt: skip
def test_a_ruleset_of_nftables_is_named_where_it_refuses(
    machine: ToolFolder,
    text: str,
    *,
    iptables: bool,
    expected: list[str],
) -> None:
    """Of IPv4 only; firewalld's own is firewalld's, and `ip filter` that of iptables where there is such a program."""
    if iptables:
        machine.says("iptables", f"{ACCEPT}\n")
    machine.says("nft", text)
    said = ["closed", *(f"cannot nft {rule}" for rule in expected)] if expected else []
    assert machine.out("input_rules").splitlines() == said


def test_both_programs_are_asked_for_all_they_know(machine: ToolFolder) -> None:
    """Rules of both count; iptables waits for its lock."""
    machine.program("iptables", f"printf '%s\\n' '{ACCEPT}'")
    machine.program("nft", f"cat <<'E'\n{ruleset('inet mine', 'drop')}E")
    assert machine.out("input_rules") == "closed\ncannot nft inet mine input drop\n"
    assert sorted(machine.calls()) == ["iptables : -w -S INPUT", "nft : list ruleset"]


# ---- sshd's ports and what firewalld has open


@pytest.mark.parametrize(
    "sshd, config, sockets, expected",
    [
        (None, "", "", ["22"]),
        (None, "#Port 22\nPermitRootLogin no\n", "", ["22"]),
        (None, "Port 2222\n#Port 22\n", "", ["2222"]),
        (None, "Port\t2222\nport 2223\n", "", ["2222", "2223"]),
        ("port 22\naddressfamily any\nlistenaddress 0.0.0.0:22\nlistenaddress [::]:22\n", "", "", ["22"] * 3),
        ("port 2222\nlistenaddress 10.0.0.11:2200\n", "Port 1\n", "", ["2222", "2200"]),
        ("port 22\nx11displayoffset 10\nsupport 7\n", "", "", ["22"]),
        ("port 22\n", "", "Listen=[::]:2022 (Stream)\n\nListen=0.0.0.0:2023 (Stream)\n", ["22", "2022", "2023"]),
        ("port 22\n", "", "Listen=/run/x.sock (Stream)\nListen=[::]:24 (Datagram)\nListen=\n", ["22"]),
    ],
)  # fmt: skip
def test_sshd_keeps_every_port_it_has(
    machine: ToolFolder, sshd: str | None, config: str, sockets: str, expected: list[str]
) -> None:
    """As sshd itself says, its file where it says nothing, and systemd where systemd listens for it."""
    if sshd is not None:
        machine.program("sshd", f"[ \"$*\" != -T ] || cat <<'E'\n{sshd}E")
    machine.program("systemctl", f"[ \"$*\" != 'show -p Listen ssh.socket sshd.socket' ] || cat <<'E'\n{sockets}E")
    machine.write("etc/ssh/sshd_config", config)
    assert machine.out("ssh_ports").split() == expected


ZONE = """public (active)
  target: default
  interfaces: eth0
  services: {services}
  ports: 80/tcp 8000-8010/tcp 53/udp 5000-5001/udp
  rich rules:
\trule family="ipv4" port port="9000" protocol="tcp" accept
\trule family="ipv4" port port="9001" protocol="tcp" reject
\trule service name="ssh" accept
"""


@pytest.mark.parametrize(
    "port, services, found",
    [
        ("80/tcp", "", True), ("80/udp", "", False), ("8/tcp", "", False), ("800/tcp", "", False),
        ("79/tcp", "", False), ("81/tcp", "", False), ("7999/tcp", "", False), ("8000/tcp", "", True),
        ("8005/tcp", "", True), ("8010/tcp", "", True), ("8011/tcp", "", False), ("53/udp", "", True),
        ("53/tcp", "", False), ("5001/udp", "", True), ("5000/tcp", "", False), ("9000/tcp", "", True),
        ("9000/udp", "", False),
        ("9001/tcp", "", False), ("900/tcp", "", False), ("22/udp", "ssh", False), ("2222/tcp", "ssh", False),
        ("22/tcp", "dhcpv6-client ssh", True), ("22/tcp", "", True),
    ],
)  # fmt: skip
def test_a_port_is_open_by_service_port_range_or_rule(
    machine: ToolFolder,
    port: str,
    services: str,
    *,
    found: bool,
) -> None:
    """Of the same protocol, and by a rule that accepts."""
    machine.write("zone", ZONE.format(services=services))
    code = f"L=$(cat {machine.folder}/zone); is_open {port.replace('/', ' ')} && echo open"
    assert machine.out(code) == ("open\n" if found else "")


@pytest.mark.parametrize("services, found", [("ssh", True), ("ssh-other", False), ("cockpit", False)])
def test_ssh_is_open_by_its_service(machine: ToolFolder, services: str, *, found: bool) -> None:
    """Without any rule."""
    code = f"L='  services: {services}\n  ports: \n  rich rules: '; is_open 22 tcp && echo open"
    assert machine.out(code) == ("open\n" if found else "")


# ---- what is kept

LISTENS = HEAD + "".join(
    f"{kind} X 0 128 0.0.0.0:{port} 0.0.0.0:*\n"
    for kind, port in (("tcp", 22), ("tcp", 80), ("tcp", 2222), ("tcp", 443), ("udp", 1194), ("tcp", 222), ("udp", 22))
)
INPUT_RULES = dropping(
    WEB, SSH, "-s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT", "-s 10.1.0.0/16 -j ACCEPT",
    "-p udp -m udp --dport 7000:7010 -j ACCEPT",
)  # fmt: skip
SEPARATE = 'rule family="ipv4" source address='
KEEP = """BOOT=_at_boot C=offline ZONE=public FIX=yes SERVICES={mode} L='  ports: 80/tcp'
change() {{ shift; echo "$*"; }}
keep_services; echo "= $?"; echo "$PROBLEMS"; echo "$NOTES"
"""


def kept(machine: ToolFolder, mode: str) -> tuple[list[str], str, str, str]:
    """Return what was opened, how it ended, the problems and the notes."""
    machine.says("sshd", "port 22\nport 2222\n")
    *opened, end, problems, notes = machine.out(KEEP.format(mode=mode)).splitlines()
    return [each.removeprefix("timeout 40 offline --zone=public ") for each in opened], end, problems, notes


def test_what_listens_is_opened_but_sshd_and_what_is_open(machine: ToolFolder) -> None:
    """sshd's ports are another step's; those of UDP are not sshd's, and 222 is not 22."""
    machine.says("ss", LISTENS)
    opened, end, problems, notes = kept(machine, "keep")
    assert opened == [f"--add-port={port}" for port in ("1194/udp", "22/udp", "222/tcp", "443/tcp")]
    assert end == "= 0"
    assert problems.count("service_closed_at_boot") == len(opened)
    assert notes == (
        '{"code":"services_kept","message":"this machine served before firewalld\'s first start, and goes on to:'
        ' 1194/udp, 22/udp, 222/tcp, 443/tcp,"}'
    )


def test_what_an_earlier_firewall_let_in_is_opened(machine: ToolFolder) -> None:
    """For the sources that it let in, and nothing that only listens."""
    machine.says("ss", LISTENS)
    machine.says("iptables", INPUT_RULES)
    opened, end, _, notes = kept(machine, "keep")
    assert opened == [
        "--add-port=22/tcp",
        f'--add-rich-rule={SEPARATE}"10.0.0.0/8" port port="80" protocol="tcp" accept',
        f'--add-rich-rule={SEPARATE}"10.1.0.0/16" accept',
        "--add-port=7000-7010/udp",
    ]
    assert end == "= 0"
    assert "goes on to: 22/tcp, 80/tcp from 10.0.0.0/8, all from 10.1.0.0/16, 7000-7010/udp," in notes


def test_services_that_are_only_reported_are_not_opened(machine: ToolFolder) -> None:
    """The note says what firewalld closes."""
    machine.says("ss", LISTENS)
    opened, end, problems, notes = kept(machine, "report")
    assert (opened, end, problems) == ([], "= 0", "")
    assert notes == (
        '{"code":"services_closed","message":"this machine served before firewalld\'s first start, which closes:'
        ' 1194/udp, 22/udp, 222/tcp, 443/tcp,"}'
    )


def test_a_rule_that_firewalld_cannot_express_ends_it(machine: ToolFolder) -> None:
    """Before anything is opened; the first such rule is named."""
    machine.says("iptables", dropping(WEB, "-p esp -j ACCEPT", "-p ah -j ACCEPT"))
    opened, end, problems, notes = kept(machine, "keep")
    assert (opened, end, notes) == ([], "= 1", "")
    assert problems == (
        '{"code":"services_unclear","message":"starting firewalld would end a rule about incoming packets that it '
        'cannot express: -A INPUT -p esp -j ACCEPT"}'
    )


@pytest.mark.parametrize("text, notes", [(HEAD, ""), (HEAD + "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n", "")])
def test_a_machine_that_serves_nothing_has_nothing_to_keep(machine: ToolFolder, text: str, notes: str) -> None:
    """Nor has one where only sshd listens: its port is opened in any case."""
    machine.says("ss", text)
    assert kept(machine, "keep") == ([], "= 0", "", notes)


@pytest.mark.parametrize(
    "protocol, forwards, proxy, free",
    [
        ("tcp", "", "", "1-21 23-65535"),
        ("udp", "", "", "1-67 69-65535"),
        ("tcp", "tcp 1 a 1\ntcp 3 a 3\nudp 5 a 5\ntcp any b any\n", "", "2 4-21 23-65535"),
        ("tcp", "tcp 20-30 a 20-30\ntcp 25 b 25\n", "", "1-19 31-65535"),
        ("udp", "tcp 20 a 20\nudp 65535 a 1\n", "53/udp\n443/tcp\n", "1-52 54-67 69-65534"),
        ("tcp", "", "53/udp\n443/tcp\n", "1-21 23-442 444-65535"),
    ],
)
def test_any_port_leaves_out_what_has_a_forward_of_its_own(
    machine: ToolFolder, protocol: str, forwards: str, proxy: str, free: str
) -> None:
    """And sshd, the DHCP client and the proxy: to forward everything takes no gateway out of its owner's hands."""
    said = machine.run(f"FORWARDS='{forwards}' PROXY_PORTS='{proxy}'; free_ports {protocol}").stdout
    assert said.split() == free.split()
