"""The rules that firewalld is to have: which are wanted, which are there, how they are asked for, and what goes."""

from __future__ import annotations

import json

import pytest

from tests.guest.tools import ToolFolder

RICH = 'rule family="ipv4"'


def wanted(machine: ToolFolder, settings: str) -> list[str]:
    """Return the rules for some settings, as `kind rule`."""
    return machine.out(f"OWN_IP=10.0.0.11; {settings}; wanted_rules").splitlines()


def forward(at: str, port: str, to: str, to_port: str = "", proto: str = "tcp", source: str = "") -> str:
    """Return a forward as firewalld prints it."""
    named = f' source address="{source}"' if source else ""
    target = f' to-port="{to_port}"' if to_port else ""
    return (
        f'port_forward {RICH}{named} destination address="{at}" forward-port port="{port}" protocol="{proto}"'
        f'{target} to-addr="{to}"'
    )


OWN, EIP = "10.0.0.11", "47.1.2.3"


@pytest.mark.parametrize(
    "settings, expected",
    [
        (":", []),
        ("SOURCES='10.0.0.0/8 100.64.0.0/10'", [
            f'masquerade {RICH} source address="10.0.0.0/8" masquerade',
            f'masquerade {RICH} source address="100.64.0.0/10" masquerade',
        ]),
        ("PROXY_PORTS=80/tcp$NL'443/udp'$NL", [
            f'proxy_port {RICH} port port="80" protocol="tcp" accept',
            f'proxy_port {RICH} port port="443" protocol="udp" accept',
        ]),
        ("PEERS='10.0.0.12 10.0.0.13'", [
            f'tunnel_port {RICH} source address="10.0.0.12" port port="4790" protocol="udp" accept',
            f'tunnel_port {RICH} source address="10.0.0.13" port port="4790" protocol="udp" accept',
        ]),
        ("FORWARDS='tcp 80 10.0.1.5 8080 -'$NL", [forward(OWN, "80", "10.0.1.5", "8080")]),
        ("FORWARDS='tcp 80 10.0.1.5 80 -'$NL", [forward(OWN, "80", "10.0.1.5", "80")]),
        ("FORWARDS='udp 60-62 10.0.1.5 60-62 -'$NL", [forward(OWN, "60-62", "10.0.1.5", proto="udp")]),
        ("FORWARDS='udp 60-62 10.0.1.5 70-72 -'$NL", [
            forward(OWN, str(60 + step), "10.0.1.5", str(70 + step), "udp") for step in range(3)
        ]),
        ("FORWARDS='tcp 80 10.0.1.5 81 198.51.100.0/24'$NL", [
            forward(OWN, "80", "10.0.1.5", "81", source="198.51.100.0/24")
        ]),
        (f"PUBLIC=' {EIP}' FORWARDS='tcp 80 10.0.1.5 81 -'$NL'tcp 82 10.0.1.6 82 -'$NL", [
            forward(at, port, to, to_port)
            for port, to, to_port in (("80", "10.0.1.5", "81"), ("82", "10.0.1.6", "82"))
            for at in (OWN, EIP)
        ]),
        (f"PUBLIC=' {EIP}' FORWARDS='tcp 80 10.0.1.5 81 - 10.0.0.21 10.0.0.22'$NL", [
            forward("10.0.0.21", "80", "10.0.1.5", "81"), forward("10.0.0.22", "80", "10.0.1.5", "81"),
        ]),
    ],
)  # fmt: skip
def test_what_an_order_wants_of_the_zone(machine: ToolFolder, settings: str, expected: list[str]) -> None:
    """Each on its own address and its public ones; a range that keeps its numbers is one rule."""
    assert wanted(machine, settings) == expected


def test_all_ports_leave_out_those_of_the_machine(machine: ToolFolder) -> None:
    """Of TCP those of sshd, of UDP the DHCP client's; and what other forwards and the proxy take."""
    machine.says("sshd", "port 2222\n")
    settings = (
        "PROXY_PORTS=80/tcp$NL'81/udp'$NL FORWARDS='tcp any 10.0.1.5 any -'$NL'udp any 10.0.1.6 any -'$NL"
        "'tcp 90-99 10.0.1.7 90-99 -'$NL"
    )
    assert wanted(machine, settings)[2:] == [
        *(forward(OWN, ports, "10.0.1.5") for ports in ("1-79", "81-89", "100-2221", "2223-65535")),
        *(forward(OWN, ports, "10.0.1.6", proto="udp") for ports in ("1-67", "69-80", "82-65535")),
        forward(OWN, "90-99", "10.0.1.7"),
    ]


LISTED = f"""public (active)
  target: default
  interfaces: eth0 eth1
  services: ssh dhcpv6-client
  ports: 80/tcp
  forward: no
  rich rules:
\t{RICH} port port="80" protocol="tcp" accept  \n  {RICH} source address="10.0.0.0/8" masquerade
"""


def test_a_zone_is_read_once(machine: ToolFolder) -> None:
    """Fields by their name at the beginning of a line, rules without what stands around them."""
    machine.program("timeout", f"cat <<'E'\n{LISTED}E")
    said = machine.out(
        """ZONE=public; look_at 'firewall-cmd --permanent' _at_boot; echo "$C $BOOT $?"; cat "$WORK/there"
        field interfaces; field ports; field forward; field rich"""
    )
    assert said.splitlines() == [
        "firewall-cmd --permanent _at_boot 0",
        f'{RICH} port port="80" protocol="tcp" accept',
        f'{RICH} source address="10.0.0.0/8" masquerade',
        *("eth0 eth1", "80/tcp", "no"),
    ]
    assert machine.calls() == ["timeout : 40 firewall-cmd --permanent --zone=public --list-all"]


def test_a_zone_that_is_not_there_is_named(machine: ToolFolder) -> None:
    """And nothing more is done about it."""
    machine.program("timeout", "exit 112")
    code = """problem() { echo "$@"; }; ZONE=internal; look_at firewall-cmd '' && echo there"""
    assert machine.out(code) == "zone_missing firewalld has no zone internal\n"


NMCLI = """case "$*" in
"-g GENERAL.CONNECTION device show eth0") echo "Wired 1" ;;
"-g connection.zone connection show Wired 1") echo {} ;;
*) exit 10 ;;
esac"""


@pytest.mark.parametrize(
    "interface, boot, zone, inside",
    [
        ("eth1", "", None, True), ("eth1", "_at_boot", "work", True), ("eth0", "_at_boot", "public", True),
        ("eth0", "", "public", False), ("eth0", "_at_boot", "work", False), ("eth0", "_at_boot", None, False),
        ("eth2", "_at_boot", "public", False),
    ],
)  # fmt: skip
def test_networkmanager_keeps_the_zone_of_its_interfaces(
    machine: ToolFolder, interface: str, boot: str, zone: str | None, *, inside: bool
) -> None:
    """For the next boot; what runs is asked of firewalld alone."""
    if zone:
        machine.program("nmcli", NMCLI.format(zone))
    code = f"L='  interfaces: eth1'; ZONE=public BOOT={boot}; in_zone {interface} && echo inside"
    assert machine.out(code) == ("inside\n" if inside else "")


# ---- asking for rules

WANT = """C=firewall-cmd BOOT={boot} ZONE=public FIX={fix} BROKEN='' UNDO='' MASQUERADE=true
want {kind}
echo "$MASQUERADE|$ADDED|$PROBLEMS|$DONE"
printf %s "$UNDO"
"""


def want(
    machine: ToolFolder, rules: str, there: str = "", *, kind: str = "masquerade", boot: str = "", fix: str = "yes"
) -> tuple[str, str, list[str], list[str], list[str]]:
    """Return whether it masquerades, whether that is new, problems, what was done, and how it is taken back."""
    machine.program("timeout", "[ ! -e fails ]")
    machine.write("work/rules", rules)
    machine.write("work/there", there)
    said, _, undo = machine.out(WANT.format(kind=kind, boot=boot, fix=fix)).partition("\n")
    masquerades, new, problems, done = said.split("|")
    found = [f"{each['code']}: {each['message']}" for each in json.loads(f"[{problems}]")]
    return masquerades, new, found, json.loads(f"[{done}]"), [line for line in undo.splitlines() if line != ":"]


def test_rules_that_are_missing_are_added_in_one_call(machine: ToolFolder) -> None:
    """Those of the kind alone, as whole lines; each is named, and taken back as one."""
    rules = f"masquerade {RICH} a\nport_forward {RICH} b\nmasquerade {RICH} c\nmasquerade {RICH} d\n"
    said = want(machine, rules, f"{RICH} c\n{RICH} a and more\n")
    assert said == (
        *("false", "yes"),
        [f"masquerade_missing: {RICH} {each} is missing" for each in "ad"],
        [f"firewall-cmd --zone=public --add-rich-rule={RICH} a --add-rich-rule={RICH} d"],
        [f"timeout 40 firewall-cmd --zone=public '--remove-rich-rule={RICH} a' '--remove-rich-rule={RICH} d'"],
    )
    assert len(machine.calls()) == 1


@pytest.mark.parametrize(
    "there, kind, expected",
    [
        (f"{RICH} a\n", "masquerade", ("true", "no", [], [], [])),
        ("", "port_forward", ("true", "no", [], [], [])),
    ],
)
def test_rules_that_are_there_are_left_alone(
    machine: ToolFolder, there: str, kind: str, expected: tuple[object, ...]
) -> None:
    """Nothing is called, and it masquerades as before."""
    assert want(machine, f"masquerade {RICH} a\n", there, kind=kind) == expected
    assert machine.calls() == []


@pytest.mark.parametrize(
    "boot, kind, masquerades, new, problem",
    [
        ("", "masquerade", "false", "no", "masquerade_missing: r is missing"),
        ("_at_boot", "masquerade", "true", "no", "masquerade_missing_at_boot: r is missing (after a reboot)"),
        ("", "proxy_port", "true", "no", "proxy_port_missing: r is missing"),
    ],
)
def test_a_check_names_rules_and_adds_none(
    machine: ToolFolder, boot: str, kind: str, masquerades: str, new: str, problem: str
) -> None:
    """What the next boot lacks says nothing of what runs."""
    said = want(machine, f"{kind} r\n", kind=kind, boot=boot, fix="no")
    assert (said, machine.calls()) == ((masquerades, new, [problem], [], []), [])


def test_masquerading_at_the_next_boot_is_no_news_for_what_runs(machine: ToolFolder) -> None:
    """Flows that run are translated already."""
    assert want(machine, "masquerade r\n", boot="_at_boot")[:2] == ("true", "no")


@pytest.mark.parametrize("count, calls", [(49, [49]), (50, [50]), (51, [50, 1]), (101, [50, 50, 1])])
def test_fifty_rules_go_in_a_call(machine: ToolFolder, count: int, calls: list[int]) -> None:
    """Each call takes back what it did itself, the last one first."""
    rules = "".join(f"port_forward r{number}\n" for number in range(count))
    undo = want(machine, rules, kind="port_forward")[4]
    assert [call.count("--add-rich-rule=r") for call in machine.calls()] == calls
    assert [line.count("'--remove-rich-rule=r") for line in undo] == calls[::-1]


# ---- direct rules, and what an earlier configuration left

DIRECT = """C='{command}' BOOT={boot} FIX=yes BROKEN='' UNDO='' DIRECT='{there}'
direct code 'said so' {how} 'ipv4 filter FORWARD 0 -j X'
echo "$PROBLEMS|$DONE|$UNDO"
"""
LINE = "ipv4 filter FORWARD 0 -j X"
UNDONE = {"add": "remove", "remove": "add"}


@pytest.mark.parametrize(
    "how, there, calls",
    [("add", "", 1), ("add", LINE, 0), ("add", f"{LINE}Y", 1), ("remove", LINE, 1), ("remove", "", 0)],
)
@pytest.mark.parametrize("boot", ["", "_at_boot"])
def test_a_direct_rule_is_added_or_removed_once(
    machine: ToolFolder, how: str, there: str, calls: int, boot: str
) -> None:
    """And comes back as it was."""
    machine.program("timeout")
    said = machine.out(DIRECT.format(command="firewall-cmd --permanent", boot=boot, there=there, how=how))
    call = f"firewall-cmd --permanent --direct --{how}-rule {LINE}"
    assert machine.calls() == [f"timeout : 40 {call}"] * calls
    problems, done, undo = said.rstrip("\n").split("|")
    if not calls:
        assert (problems, done, undo) == ("", "", "")
        return
    assert json.loads(problems) == {"code": f"code{boot}", "message": "said so"}
    assert json.loads(done) == call
    assert undo == f"timeout 40 firewall-cmd --permanent --direct --{UNDONE[how]}-rule {LINE}"


OLD = """direct() { echo "$@"; }
C=firewall-cmd VERSION=%s SOURCES='10.0.0.0/8 172.16.0.0/12' INTERFACES='eth0 eth1' INPUT=eth1
forward_sources"""
NEEDS = "ipv4 filter FORWARD 77 -s {} -i eth1 -o {} -m conntrack --ctstate NEW -j ACCEPT"


@pytest.mark.parametrize(
    "version, needed",
    [
        ("0.4.4.5", True), ("0.5.4", True), ("0.6.0", True), ("0.5.5", False), ("0.6.1", False), ("0.6.3", False),
        ("1.0.4", False), ("2.3.0", False), ("''", False),
    ],
)  # fmt: skip
def test_an_old_firewalld_is_told_to_accept_what_comes_from_its_sources(
    machine: ToolFolder, version: str, *, needed: bool
) -> None:
    """By each way out; what another configuration wanted goes, and other priorities are other people's."""
    kept = NEEDS.format("10.0.0.0/8", "eth0")
    old = NEEDS.format("192.168.0.0/16", "eth0")
    machine.program("timeout", f"printf '%s\\n' '{kept}' '{old}' '{old.replace('77', '0')}' 'ipv4 nat X 77 -j Y'")
    said = machine.out(OLD % version).splitlines()
    if not needed:
        assert (said, machine.calls()) == ([], [])
        return
    assert said == [
        *(
            f"forward_missing firewalld {version} refuses what comes from sources that it masquerades add "
            + NEEDS.format(source, out)
            for source in ("10.0.0.0/8", "172.16.0.0/12")
            for out in ("eth0", "eth1")
        ),
        f"leftover {old} is of an earlier configuration remove {old}",
    ]


EXTRAS = """direct() {{ echo "direct $@"; }}
rich() {{ echo "rich $@"; cat "$WORK/change"; }}; soft() {{ echo "soft $@"; }}
want() {{ echo "want $1"; }}
C=firewall-cmd ADDRESS={address} CLAMP={clamp} BOOT={boot} FIX={fix} BROKEN='' UNDO='' ZONE=public
extras"""
WANTS = [
    "want port_forward",
    "want proxy_port",
    "want tunnel_port",
    "rich remove add leftover is of an earlier configuration",
]
MSS = "ipv4 mangle FORWARD 0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
RESET = (
    "ipv4 filter FORWARD 0 -p tcp -m conntrack --ctstate INVALID -m tcp --tcp-flags SYN,RST NONE -j REJECT"
    " --reject-with tcp-reset"
)
RESETS = {
    "own": f"direct fast_reset connections of a lost gateway would hang add {RESET}",
    "follow": f"direct fast_reset connections would be reset that should go on remove {RESET}",
}
FITS = (
    "soft not_tuned the rule that fits TCP's segments to the path is not as wanted"
    " timeout 40 firewall-cmd --direct --{}-rule "
)


def extras(
    machine: ToolFolder, address: str = "own", clamp: str = "add", boot: str = "", fix: str = "yes", there: str = "b\nc"
) -> list[str]:
    """Return what is asked for beyond what forwarding takes; a was wanted and is, b was and is not."""
    machine.write("work/wanted", "a\nd\n")
    machine.write("work/owned", "a\nb\ne\n")
    machine.write("work/there", f"{there}\n")
    return machine.out(EXTRAS.format(address=address, clamp=clamp, boot=boot, fix=fix)).splitlines()


@pytest.mark.parametrize("address", RESETS)
@pytest.mark.parametrize(
    "clamp, there, fits", [("add", "", ["add"]), ("add", MSS, []), ("remove", MSS, ["remove"]), ("remove", "", [])]
)
def test_what_else_a_zone_should_have(
    machine: ToolFolder, address: str, clamp: str, there: str, fits: list[str]
) -> None:
    """Only rules of natkeeper's own that are still there are taken away; segments fit unless told otherwise."""
    machine.program("timeout", f"echo '{there}'")
    said = extras(machine, address, clamp)
    assert said == [*WANTS, "b", *(FITS.format(how) + MSS for how in fits), RESETS[address]]


def test_rules_are_noted_before_they_are_made(machine: ToolFolder) -> None:
    """A run that is killed leaves none that nobody knows; those that a person made are not noted."""
    machine.program("timeout")
    assert extras(machine, boot="_at_boot", there="b\nc")[0] == "want port_forward"
    assert machine.read("etc/natkeeper/owned") == "a\nb\ne\nd\n"
    assert machine.read("work/owned") == "a\nb\ne\nd\n"


@pytest.mark.parametrize("more", [{"boot": ""}, {"boot": "_at_boot", "fix": "no"}, {"boot": "_at_boot", "there": "d"}])
def test_what_is_not_made_is_not_noted(machine: ToolFolder, more: dict[str, str]) -> None:
    """At runtime, by a check, and where a rule is there already."""
    machine.program("timeout")
    extras(machine, **more)
    assert not (machine.folder / "etc").exists()


@pytest.mark.parametrize("owned, expected", [("a\nb\n", "a\n"), ("a\n", None), ("b\n", "\n")])
def test_rules_that_are_not_wanted_any_more_are_forgotten(
    machine: ToolFolder, owned: str, expected: str | None
) -> None:
    """The list is written where it changes."""
    machine.write("work/wanted", "a\nd\n")
    machine.write("work/owned", owned)
    machine.out("FIX=yes BROKEN='' UNDO=''; forget_old_rules")
    path = machine.folder / "etc/natkeeper/owned"
    assert (path.read_text() if path.exists() else None) == expected
