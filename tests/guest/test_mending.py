"""What is done about rules of other people, other firewalls, and what the next boot needs."""

from __future__ import annotations

import json

import pytest

from tests.guest.tools import ToolFolder

DIRECT = "direct|ipv4 filter FORWARD 0 -j DROP|ipv4 filter FORWARD 0 -j DROP"
CHAIN = "iptables|FORWARD -s 10.0.0.0/8 -j DROP|-s 10.0.0.0/8 -j DROP"
POLICY = "iptables|FORWARD|policy drop"
NFT = "nft|inet mine c handle 4|inet mine c drop"
NFT_POLICY = "nft|inet mine c|policy drop"
REMOVE = "40 firewall-cmd{} --direct --remove-rule ipv4 filter FORWARD 0 -j DROP"
MEND = """foreign() {{ cp $ROOT/found $WORK/foreign; }}; let_through() {{ echo let through >>$ROOT/calls; }}
FIX={fix} FOREIGN={foreign} BROKEN='' UNDO=''
mend_foreign
echo "$CHANGED|$PROBLEMS"
"""


def mend(machine: ToolFolder, found: str, fix: str = "yes", foreign: str = "remove") -> tuple[list[str], list[str]]:
    """Return what was called, and the problems."""
    machine.write("found", found)
    machine.program(
        "timeout", f"[ \"$*\" != '40 firewall-cmd --permanent --direct --get-all-rules' ] || cat {machine.folder}/kept"
    )
    machine.program("iptables")
    machine.program("nft")
    problems = machine.out(MEND.format(fix=fix, foreign=foreign)).rstrip("\n").partition("|")[2]
    found_problems = json.loads(f"[{problems}]")
    assert all(each["code"] == "foreign_reject" for each in found_problems)
    calls = [call for call in machine.calls() if "get-all-rules" not in call]
    return calls, [each["message"].partition(": ")[2] for each in found_problems]


@pytest.mark.parametrize(
    "line, kept, calls",
    [
        (DIRECT, "", [f"timeout : {REMOVE.format('')}"]),
        (DIRECT, "ipv4 filter FORWARD 0 -j DROP -x", [f"timeout : {REMOVE.format('')}"]),
        (DIRECT, "ipv4 filter FORWARD 0 -j DROP",
         [f"timeout : {REMOVE.format('')}", f"timeout : {REMOVE.format(' --permanent')}"]),
        (CHAIN, "", ["iptables : -w -D FORWARD -s 10.0.0.0/8 -j DROP"]),
        (POLICY, "", ["let through"]),
        (NFT, "", ["nft : delete rule inet mine c handle 4"]),
        (NFT_POLICY, "", []),
    ],
)  # fmt: skip
def test_a_rule_that_refuses_all_goes_where_that_is_asked(
    machine: ToolFolder, line: str, kept: str, calls: list[str]
) -> None:
    """Where it stands, and for the next boot if it is kept for it. It is named in any case."""
    machine.write("kept", f"{kept}\n")
    how, _, rule = line.split("|")
    named = [f"{how} {rule}"]
    assert mend(machine, f"{line}\n") == (calls, named)
    machine.write("calls", "")
    assert mend(machine, f"{line}\n", fix="no") == ([], named)
    assert mend(machine, f"{line}\n", foreign="report") == ([], named)


def test_each_rule_is_mended(machine: ToolFolder) -> None:
    """In the order in which they were found."""
    machine.write("kept", "")
    calls, named = mend(machine, f"{CHAIN}\n{POLICY}\n{NFT}\n")
    assert [call.partition(" ")[0] for call in calls] == ["iptables", "let", "nft"]
    assert len(named) == 3


THROUGH = """FIX=yes BROKEN='' UNDO='' INTERFACES='{interfaces}'
ufw_is_on() {{ {ufw}; }}
let_through
echo "$DONE|$NOTES|$UNDO"
"""
ACCEPT = "ExecStartPost=-/bin/sh -c 'exec iptables -w -I DOCKER-USER -i {} -o {} -j ACCEPT'"
DOCKER_NOTE = (
    "docker drops forwarded packets at each start; an accept in DOCKER-USER lets them through, now and after a reboot"
)
UFW_NOTE = (
    "ufw drops forwarded packets; a route rule of natkeeper's lets them through, now and after a reboot: "
    "ufw route allow in on {} out on {}"
)


def let_through(machine: ToolFolder, chain: str = "", ufw: str = "false", interfaces: str = "eth0 eth1") -> list[str]:
    """Return what was called, beyond questions; the note and how it is taken back come last."""
    machine.program("iptables", f"case $* in '-w -S '*) [ '{chain}' = $3 ] ;; esac")
    machine.program("ufw")
    machine.program("systemctl")
    done, notes, undo = machine.out(THROUGH.format(interfaces=interfaces, ufw=ufw)).rstrip("\n").split("|")
    assert done
    noted = [each["message"] for each in json.loads(f"[{notes}]")]
    calls = [call for call in machine.calls() if " -S " not in call]
    return [*calls, *noted, undo.partition("\n")[0] if not noted else ""]


@pytest.mark.parametrize("interfaces, into, onto", [("eth0", "eth0", "eth0"), ("eth1 eth0", "eth1", "eth0")])
def test_docker_lets_through_what_its_chain_for_users_accepts(
    machine: ToolFolder, interfaces: str, into: str, onto: str
) -> None:
    """Also at each of its starts."""
    assert let_through(machine, "DOCKER-USER", interfaces=interfaces) == [
        f"iptables : -w -I DOCKER-USER -i {into} -o {onto} -j ACCEPT", "systemctl : daemon-reload", DOCKER_NOTE, "",
    ]  # fmt: skip
    unit = machine.read("etc/systemd/system/docker.service.d/natkeeper.conf")
    assert unit == f"[Service]\n{ACCEPT.format(into, onto)}\n"


@pytest.mark.parametrize("chain, starts", [("ufw-user-forward", False), ("", True)])
def test_ufw_lets_through_by_a_route_rule(machine: ToolFolder, chain: str, *, starts: bool) -> None:
    """Its chains are made anew where a restart of firewalld took them."""
    steps = 'change() {{ shift; echo "$*" >>$ROOT/steps; DONE=x; }}\n'
    machine.program("iptables", f"case $* in '-w -S '*) [ '{chain}' = $3 ] ;; esac")
    said = machine.out((steps + THROUGH).format(interfaces="eth1 eth0", ufw="true"))
    assert UFW_NOTE.format("eth1", "eth0") in said
    called = ["/lib/ufw/ufw-init start"] * starts + ["ufw route allow in on eth1 out on eth0"]
    assert machine.read("steps").splitlines() == called


def test_a_policy_of_an_unknown_owner_is_opened(machine: ToolFolder) -> None:
    """And comes back if a later step fails."""
    assert let_through(machine) == ["iptables : -w -P FORWARD ACCEPT", "iptables -w -P FORWARD DROP"]


@pytest.mark.parametrize(
    "active, conf, expected",
    [
        ("", "", ""), ("iptables", "", " iptables"), ("nftables", "", " nftables"), ("", "ENABLED=yes\n", " ufw"),
        ("iptables nftables", "# x\nENABLED=yes\n", " iptables nftables ufw"), ("", "ENABLED=no\n", ""),
        ("", "#ENABLED=yes\n", ""),
    ],
)  # fmt: skip
def test_other_firewalls_are_named(machine: ToolFolder, active: str, conf: str, expected: str) -> None:
    """Those that run, by their unit or, for ufw, its file."""
    machine.program("systemctl", f"case ' {active} ' in *\" $2 \"*) echo active ;; *) echo inactive; exit 3 ;; esac")
    if conf:
        machine.write("etc/ufw/ufw.conf", conf)
    assert machine.out("others") == expected


@pytest.mark.parametrize(
    "says, state",
    [
        ("running", "running"),
        ("failed", "failed"),
        ("not running", "stopped"),
        ("", "stopped"),
        ("running (x)", "running"),
    ],
)
def test_firewalld_says_how_it_is(quiet: ToolFolder, says: str, state: str) -> None:
    """On either stream."""
    quiet.program("timeout", f"echo '{says}' >&2; exit 252")
    assert quiet.out("state") == f"{state}\n"
    assert quiet.calls() == ["timeout : 40 firewall-cmd --state"]


UNITS = """missing() {{ echo "$@"; }}; file() {{ echo "$@"; }}
ufw_is_on() {{ {ufw}; }}
units"""
DROPIN = "/etc/systemd/system/firewalld.service.d/natkeeper"
KEPT = [
    f"dropin {DROPIN}.conf [Service]",
    "ExecStartPost=-/bin/sh -c 'exec sysctl -q -p /etc/sysctl.d/zz-natkeeper.conf'",
]
AFTER_UFW = [
    f"ufw_at_boot {DROPIN}-ufw.conf [Service]",
    "ExecStartPost=-/bin/sh -c 'timeout 40 firewall-cmd --state; exec /lib/ufw/ufw-init start quiet'",
]
ENABLE = "firewalld_disabled firewalld does not start at boot systemctl disable firewalld systemctl enable firewalld"


@pytest.mark.parametrize(
    "enabled, ufw, expected",
    [
        ("enabled", "false", KEPT), ("masked", "false", KEPT), ("masked-runtime", "false", KEPT),
        ("disabled", "false", [ENABLE, *KEPT]), ("static", "false", [ENABLE, *KEPT]), ("", "false", [ENABLE, *KEPT]),
        ("enabled", "true", [*KEPT, *AFTER_UFW]),
    ],
)  # fmt: skip
def test_what_starts_at_boot(machine: ToolFolder, enabled: str, ufw: str, expected: list[str]) -> None:
    """firewalld itself, the settings after it, and ufw after that."""
    machine.program("systemctl", f"echo {enabled}; echo noise >&2; exit 1")
    assert machine.out(UNITS.format(ufw=ufw)).splitlines() == expected
    assert machine.calls() == ["systemctl : is-enabled firewalld"]


SETTINGS = """SETTINGS="a = 1${NL}b = 2" COMFORT="c = 3" FIX=%s
file() { echo "$@"; }; soft() { echo "soft $@"; }
settings_at_boot"""
CONF = "/etc/sysctl.d/zz-natkeeper.conf"
WRITE = [f"settings_at_boot {CONF} a = 1", "b = 2", "c = 3"]
SOFT = [f"soft not_tuned {CONF} has not all of natkeeper's settings false"]


@pytest.mark.parametrize(
    "text, fix, expected",
    [
        ("a = 1\nb = 2\nc = 3\n", "yes", []), ("a = 1\nb = 2\nc = 3\n", "no", []),
        ("a = 1\nb = 2\n", "yes", WRITE), ("a = 1\nb = 2\n", "no", SOFT), ("a = 1\nb = 2\nc = 9\n", "no", SOFT),
        ("a = 1\n", "no", WRITE), (None, "no", WRITE), (None, "yes", WRITE), ("x\na = 1\nb = 2\n", "no", WRITE),
    ],
)  # fmt: skip
def test_settings_of_an_earlier_version_are_enough_for_a_check(
    machine: ToolFolder, text: str | None, fix: str, expected: list[str]
) -> None:
    """As long as what it takes to forward stands first."""
    if text is not None:
        machine.write(CONF[1:], text)
    assert machine.out(SETTINGS % fix).splitlines() == expected


# ---- the order, and where packets come in

ADDRESSES = """1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever
2: eth0    inet 10.0.0.100/32 scope global eth0\\       valid_lft forever
2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever
3: eth1    inet 10.0.1.11/24 brd 10.0.1.255 scope global eth1\\       valid_lft forever
4: tun0    inet 10.9.0.1 peer 10.9.0.2/32 scope global tun0\\       valid_lft forever
"""
IP = """case "$*" in
"-4 route show default") printf '%s' "{routes}" ;;
"-4 -o addr show") cat <<'E'
{all}E
;;
"-4 -o addr show dev "*) cat <<'E' | grep ": $6 "
{all}E
;;
esac"""
DEFAULT = "default via 10.0.0.253 dev eth0 proto dhcp src 10.0.0.11 metric 100\n"


@pytest.mark.parametrize(
    "settings, routes, owned, expected",
    [
        ("PRIMARY=' 10.0.0.11'", DEFAULT, "", "10.0.0.11|eth0|eth0"),
        ("PRIMARY=' 10.0.1.11'", DEFAULT, "", "10.0.1.11|eth1|eth1 eth0"),
        ("PRIMARY=' 10.7.0.1 10.0.0.100'", DEFAULT, "", "10.0.0.100|eth0|eth0"),
        ("PRIMARY=' 10.9.0.1'", DEFAULT, "", "10.9.0.1|tun0|tun0 eth0"),
        ("PRIMARY=' 10.0.0.1'", DEFAULT, "", "10.0.0.100|eth0|eth0"),
        ("PRIMARY=' 0.0.0.11'", DEFAULT, "", "10.0.0.100|eth0|eth0"),
        ("PRIMARY=' 10.0.1.11' INTERFACES='eth5 eth6'", DEFAULT, "", "10.0.1.11|eth1|eth5 eth6"),
        (":", DEFAULT, "", "10.0.0.100|eth0|eth0"),
        (":", DEFAULT, 'rule x destination address="10.0.0.11" y', "10.0.0.11|eth0|eth0"),
        (":", DEFAULT, 'rule x destination address="10.0.1.11" y', "10.0.0.100|eth0|eth0"),
        ("INTERFACES='eth1 eth0'", DEFAULT, "", "10.0.1.11|eth1|eth1 eth0"),
        (":", "default via 10.0.1.253 dev eth1\n" + DEFAULT, "", "10.0.1.11|eth1|eth1"),
    ],
)
def test_an_address_is_the_one_that_ecs_knows(
    quiet: ToolFolder, settings: str, routes: str, owned: str, expected: str
) -> None:
    """Else one that forwards use already, else the first; packets come in there and leave by the default route."""
    quiet.program("ip", IP.format(routes=routes, all=ADDRESSES))
    quiet.write("work/owned", f"{owned}\n")
    assert quiet.out(f'{settings}; find_interfaces; echo "$OWN_IP|$INPUT|$INTERFACES"') == f"{expected}\n"


@pytest.mark.parametrize("routes, interfaces", [("", ""), (DEFAULT.replace("eth0", "eth7"), ""), (DEFAULT, "eth8")])
def test_a_machine_without_an_address_cannot_be_a_gateway(machine: ToolFolder, routes: str, interfaces: str) -> None:
    """It cannot run here, and says so."""
    machine.program("ip", IP.format(routes=routes, all=ADDRESSES))
    machine.write("work/owned", "")
    ended = machine.run(f"INTERFACES={interfaces}; find_interfaces")
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["wrong"]) == (5, [
        {"code": "no_interface", "message": "no interface with a default route and an IPv4 address"}
    ])  # fmt: skip
