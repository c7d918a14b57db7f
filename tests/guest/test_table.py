"""natkeeper's own table of nftables and the tunnel between gateways: the text to the letter, and what is done when."""

from __future__ import annotations

import json

import pytest

from tests.guest.tools import ToolFolder

EMPTY = ["table ip natkeeper", "delete table ip natkeeper", "table ip natkeeper {", "}"]
FORWARD = (
    'port_forward rule family="ipv4"{source} destination address="{at}" forward-port port="{port}" protocol="{proto}"'
)
OWN, PUBLIC = "10.0.0.11", "47.1.2.3"


def rule(port: str, to: str, *, to_port: str = "", at: str = PUBLIC, source: str = "", proto: str = "tcp") -> str:
    """Return a forward as wanted_rules writes it."""
    named = f' source address="{source}"' if source else ""
    target = f' to-port="{to_port}"' if to_port else ""
    return FORWARD.format(source=named, at=at, port=port, proto=proto) + f'{target} to-addr="{to}"\n'


def text(machine: ToolFolder, settings: str = "", rules: str = "", hidden: str = "") -> list[str]:
    """Return the lines of the whole text."""
    machine.write("work/rules", rules)
    machine.write("work/hidden", hidden)
    return machine.out(f"OWN_IP={OWN}; {settings}; table_text").splitlines()


def test_a_table_without_anything_to_do_has_no_chain(machine: ToolFolder) -> None:
    """Of rules that are no forwards of a public address, none is a reason."""
    assert text(machine, ":") == EMPTY
    other = 'masquerade rule family="ipv4" source address="10.0.0.0/8" masquerade\n'
    private = rule("80", "10.0.1.5", at=OWN, to_port="80")
    assert text(machine, f"PUBLIC=' {PUBLIC}'", other + private + rule("80", "10.0.1.5", at="47.1.2.30")) == EMPTY


def test_the_gateway_itself_reaches_what_its_public_addresses_forward(machine: ToolFolder) -> None:
    """Of each address; with a source, a range, another port behind it, and one that stays the same."""
    rules = (
        rule("80", "10.0.1.5", to_port="8080"),
        rule("80", "10.0.1.5", to_port="8080", at=OWN),
        rule("1000-1009", "10.0.1.6", proto="udp"),
        rule("22", "10.0.1.7", to_port="22", source="198.51.100.0/24", at="47.1.2.4"),
    )
    assert text(machine, f"PUBLIC=' {PUBLIC} 47.1.2.4'", "".join(rules)) == [
        *EMPTY[:3],
        "chain itself {",
        "type nat hook output priority -100;",
        "ip daddr 47.1.2.3 tcp dport 80 dnat to 10.0.1.5:8080",
        "ip daddr 47.1.2.3 udp dport 1000-1009 dnat to 10.0.1.6",
        "ip saddr 198.51.100.0/24 ip daddr 47.1.2.4 tcp dport 22 dnat to 10.0.1.7:22",
        "}",
        "}",
    ]


def test_sources_are_hidden_from_what_asks_for_it(machine: ToolFolder) -> None:
    """By target, protocol and port; of a host that takes all ports, for each of them."""
    assert text(machine, ":", hidden="tcp 10.0.1.5 8080\nudp 10.0.1.6 1000-1009\ntcp 10.0.1.7 any\n") == [
        *EMPTY[:3],
        "chain hidden {",
        "type nat hook postrouting priority 90;",
        "ct status dnat ip daddr 10.0.1.5 meta l4proto tcp tcp dport 8080 masquerade",
        "ct status dnat ip daddr 10.0.1.6 meta l4proto udp udp dport 1000-1009 masquerade",
        "ct status dnat ip daddr 10.0.1.7 meta l4proto tcp masquerade",
        "}",
        "}",
    ]


UNKNOWN = [
    "chain unknown {",
    "type filter hook prerouting priority -150;",
    "iifname natkeeper0 return",
    "ct state != invalid return",
    "meta l4proto != tcp return",
]
OLD = ["map old { type ifname : ipv4_addr; flags timeout; }", "set served { type ifname; }"]
TO_OLD = "dup to iifname map @old device natkeeper0 drop"


def peers(count: int) -> tuple[list[str], list[str]]:
    """Return the maps and the chain of answers for so many peers."""
    maps = [f"map peer{number} {{ type ifname : ipv4_addr; }}" for number in range(1, count + 1)]
    dups = [f"dup to iifname map @peer{number} device natkeeper0" for number in range(1, count + 1)]
    return maps, ["chain answers {", "iifname != @served return", *dups, "drop", "}"]


@pytest.mark.parametrize("addresses", ["10.0.0.12", "10.0.0.12 10.0.0.13"])
def test_a_relay_sends_what_it_does_not_know_to_where_natkeeper_points(machine: ToolFolder, addresses: str) -> None:
    """One map a peer; what comes by the tunnel goes no further."""
    maps, answers = peers(len(addresses.split()))
    said = text(machine, f"RELAY=yes PEERS='{addresses}' FORWARDS='tcp 80 10.0.1.5 8080 -'$NL")
    assert said == [*EMPTY[:3], *OLD, *maps, *answers, *UNKNOWN, TO_OLD, "}", "}"]


FORWARDS = """tcp 80 10.0.1.5 8080 -
tcp 81 10.0.1.5 8080 -
udp 53 10.0.1.5 53 -
tcp any 10.0.1.6 any -
tcp 90 10.0.1.7 9000 198.51.100.0/24
tcp 2000-2009 10.0.1.4 2000-2009 -
tcp 91 10.0.1.7 900 -
"""


def test_answers_to_visitors_go_back_by_the_tunnel(machine: ToolFolder) -> None:
    """Of each TCP target once, by the port that answers; one whose sources are hidden answers its own gateway."""
    maps, answers = peers(1)
    said = text(
        machine, f'WAY_IN=yes PEERS=10.0.0.12 FORWARDS="{FORWARDS}"', hidden="tcp 10.0.1.7 9000\nudp 10.0.1.5 8080\n"
    )
    jumps = [
        "ip saddr 10.0.1.4 tcp sport 2000-2009 jump answers",
        "ip saddr 10.0.1.5 tcp sport 8080 jump answers",
        "ip saddr 10.0.1.6 jump answers",
        "ip saddr 10.0.1.7 tcp sport 900 jump answers",
    ]
    assert said[:-6] == [*EMPTY[:3], *OLD, *maps, *answers, *UNKNOWN, *jumps, "}"]
    assert said[-6] == "chain hidden {"


def test_relay_and_way_in_stand_in_one_chain(machine: ToolFolder) -> None:
    """Flows of a planned move first: the map is armed for minutes only. The gateway's own way comes after the peers."""
    maps, answers = peers(1)
    settings = f"RELAY=yes WAY_IN=yes PEERS=10.0.0.12 PUBLIC={PUBLIC} FORWARDS='tcp 80 10.0.1.5 8080 - '$NL"
    jump = "ip saddr 10.0.1.5 tcp sport 8080 jump answers"
    itself = ["chain itself {", "type nat hook output priority -100;"]
    assert text(machine, settings, rule("80", "10.0.1.5", to_port="8080")) == [
        *(*EMPTY[:3], *OLD, *maps, *answers, *UNKNOWN, TO_OLD, jump, "}"),
        *(*itself, "ip daddr 47.1.2.3 tcp dport 80 dnat to 10.0.1.5:8080", "}", "}"),
    ]


@pytest.mark.parametrize(
    "call, said",
    [
        ("dport 80 tcp", " tcp dport 80"), ("dport 53 udp", " udp dport 53"), ("sport 80", " tcp sport 80"),
        ("sport 1-9", " tcp sport 1-9"), ("dport any udp", ""), ("sport any", ""),
    ],
)  # fmt: skip
def test_ports_are_matched_unless_all_are_meant(machine: ToolFolder, call: str, said: str) -> None:
    """TCP where nothing else is named."""
    assert machine.out(f"ports_of {call}").removesuffix("\n") == said


@pytest.mark.parametrize(
    "settings, said",
    [
        ("PRIMARY=' 10.0.0.11 10.0.0.12 10.0.0.13' RELAY=yes", "10.0.0.12 10.0.0.13"),
        ("PRIMARY=' 10.0.0.12 10.0.0.11' WAY_IN=yes", "10.0.0.12"),
        ("PRIMARY=' 10.0.0.110 10.0.0.1 10.0.0.11' RELAY=yes WAY_IN=yes", "10.0.0.110 10.0.0.1"),
        ("PRIMARY=' 10.0.0.11' RELAY=yes", ""),
        ("PRIMARY=' 10.0.0.11 10.0.0.12'", ""),
        ("PRIMARY= RELAY=yes", ""),
    ],
)
def test_peers_are_the_other_gateways_where_a_tunnel_is_asked_for(
    machine: ToolFolder, settings: str, said: str
) -> None:
    """By their primary addresses, in order; never the gateway itself."""
    assert machine.out(f'OWN_IP={OWN}; {settings}; find_peers; echo "$PEERS"') == f"{said}\n"


LISTED = "table ip natkeeper {{\n\tmap old {{\n\t\ttype ifname : ipv4_addr\n{}\t}}\n}}\n"


@pytest.mark.parametrize(
    "lists, loaded, status",
    [
        (LISTED.format(""), LISTED.format(""), 0),
        (LISTED.format('\t\telements = { "eth0" timeout 5m expires 1m : 169.254.78.1 }\n'), LISTED.format(""), 0),
        (LISTED.format("\t\tflags timeout\n"), LISTED.format(""), 1),
        ("", LISTED.format(""), 1),
        (LISTED.format(""), None, 1),
    ],
)
def test_a_table_runs_as_loaded_whatever_it_has_learnt(
    machine: ToolFolder, lists: str, loaded: str | None, status: int
) -> None:
    """Elements come and go; nothing else may differ."""
    machine.program("nft", f"[ \"$*\" != 'list table ip natkeeper' ] || printf %s '{lists}'")
    if loaded is not None:
        machine.write("run/natkeeper.table", loaded)
    assert machine.out("runs_as_loaded; echo $?") == f"{status}\n"


# ---- what a run of the setup makes of it

KEEP = """FIX={fix} FOUND={found} OWN_IP=10.0.0.11 INPUT=eth0 RELAY={relay}; PRIMARY=' 10.0.0.11 10.0.0.12 10.0.0.13'
find_peers
connections
echo "$CHANGED|$FOUND|$NOTES|$PROBLEMS"
"""
FILES = ("etc/natkeeper/table.nft", "etc/natkeeper/table.sh", "etc/systemd/system/natkeeper-table.service")
LOST = '{"code":"connections_lost","message":"natkeeper\'s table of connections does not run as wanted"}'
STARTED = '"start natkeeper-table"'
RESTARTS = ["systemctl : daemon-reload", "systemctl : enable natkeeper-table", "systemctl : restart natkeeper-table"]
UNIT = """\
[Unit]
Description=natkeeper: connections between gateways
After=network-online.target firewalld.service
[Service]
ExecStartPre=/bin/sh /etc/natkeeper/table.sh load
ExecStart=/bin/sh /etc/natkeeper/table.sh watch
ExecStopPost=/bin/sh /etc/natkeeper/table.sh stop
Restart=always
RestartSec=2
[Install]
WantedBy=multi-user.target
"""


def connect(machine: ToolFolder, fix: str = "yes", relay: str = "yes", found: str = "") -> tuple[list[str], list[str]]:
    """Run the step; return what it reports, and the calls that change something or wait."""
    machine.write("calls", "")
    machine.write("work/rules", "")
    said = machine.out(KEEP.format(fix=fix, relay=relay, found=found)).removesuffix("\n").split("|")
    changes = ("daemon-reload", "enable ", "restart", "disable", "sleep", "nft : -f")
    return said, [call for call in machine.calls() if any(part in call for part in changes) and "is-" not in call]


@pytest.fixture
def ready(quiet: ToolFolder) -> ToolFolder:
    """One where everything that is asked succeeds, and both peers answer."""
    for name in ("sleep", "ip", "bridge", "sysctl"):
        quiet.program(name)
    quiet.program("systemctl", "echo done; echo done >&2")
    quiet.program("nft", f"[ ! -e {quiet.folder}/broken ] || [ $1 != -f ] || {{ echo no such map && exit 1; }}")
    quiet.write("run/natkeeper.peers", "10.0.0.12 10.0.0.13\n")
    quiet.write("run/natkeeper.table", "")
    return quiet


def test_a_table_is_written_and_started_once(ready: ToolFolder) -> None:
    """All three files; the second time nothing is to be done."""
    assert connect(ready) == ([STARTED, "", "", ""], RESTARTS)
    assert ready.read(FILES[2]) == UNIT
    assert ready.read(FILES[0]) == "\n".join(text(ready, "RELAY=yes PEERS='10.0.0.12 10.0.0.13'")) + "\n"
    assert ready.read(FILES[1]).startswith("own=10.0.0.11 peers='10.0.0.12 10.0.0.13' in=eth0 net=169.254.78\n")
    assert connect(ready) == (["", "", "", ""], [])


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_table_that_changed_is_written_again(ready: ToolFolder, name: str) -> None:
    """A check says so and leaves it."""
    connect(ready)
    before = ready.read(name)
    ready.write(name, "changed\n")
    assert connect(ready, fix="no") == (["", "", LOST, ""], [])
    assert ready.read(name) == "changed\n"
    assert connect(ready) == ([STARTED, "", "", ""], RESTARTS)
    assert ready.read(name) == before


@pytest.mark.parametrize("fault", ["is-active", "is-enabled", "flushed"])
def test_a_table_that_was_lost_is_started_and_told(ready: ToolFolder, fault: str) -> None:
    """It ended, the next boot would not have it, or its rules were flushed."""
    connect(ready)
    if fault == "flushed":
        ready.write("run/natkeeper.table", "table ip natkeeper {\n")
    else:
        ready.program("systemctl", f"echo done >&2; [ $1 != {fault} ]")
    assert connect(ready, fix="no") == (["", "", LOST, ""], [])
    assert connect(ready) == ([STARTED, LOST, "", ""], RESTARTS)
    assert connect(ready, found="'{}'; PROBLEMS={} ")[0] == [STARTED, f"{{}},{LOST}", "", "{}"]
    assert connect(ready, found="; PROBLEMS={} ")[0] == [STARTED, f"{{}},{LOST}", "", "{}"]


def test_a_table_that_does_not_start_says_why(ready: ToolFolder) -> None:
    """What loading it prints; it is a note, for the gateway leads to the internet all the same."""
    ready.program("systemctl", "echo failed >&2; [ $1 != restart ]")
    ready.write("broken", "")
    (changed, found, notes, problems), _ = connect(ready)
    assert (changed, found, problems) == ("", "", "")
    assert notes.startswith(LOST.replace(' wanted"', ' wanted: no such map"'))


def test_what_a_table_complains_of_is_cut_at_200_characters(ready: ToolFolder) -> None:
    """A note is read by people."""
    ready.write("broken", "")
    ready.program("nft", f"[ $1 != -f ] || {{ printf '%s' {'x' * 300}; exit 1; }}")
    ready.program("systemctl", "[ $1 != restart ]")
    note = json.loads(f"[{connect(ready)[0][2]}]")[0]["message"]
    assert note == f"natkeeper's table of connections does not run as wanted: {'x' * 200}"


def test_sources_are_hidden_where_the_order_says_so(ready: ToolFolder) -> None:
    """The table is wanted for that alone."""
    ready.write("work/rules", "")
    ready.out(f"HIDDEN='tcp 10.0.1.5 80'$NL; {KEEP.format(fix='yes', relay='', found='')}")
    assert "ct status dnat ip daddr 10.0.1.5 meta l4proto tcp tcp dport 80 masquerade" in ready.read(FILES[0])


def test_a_table_that_is_not_wanted_any_more_is_taken_away(ready: ToolFolder) -> None:
    """One that never was is no reason to do anything."""
    assert connect(ready, relay="") == (["", "", "", ""], [])
    connect(ready)
    leftover = (
        '{"code":"connections_leftover","message":"natkeeper\'s table of connections is of an earlier configuration"}'
    )
    assert connect(ready, fix="no", relay="") == (["", "", leftover, ""], [])
    assert all((ready.folder / name).exists() for name in FILES)
    said, calls = connect(ready, relay="")
    assert said == ['"remove_table"', "", "", ""]
    assert calls == ["systemctl : disable --now natkeeper-table", "systemctl : daemon-reload"]
    assert not any((ready.folder / name).exists() for name in FILES)


@pytest.mark.parametrize(
    "alive, silent",
    [
        ("10.0.0.12", ["10.0.0.13"]),
        ("10.0.0.13", ["10.0.0.12"]),
        ("", ["10.0.0.12", "10.0.0.13"]),
        ("10.0.0.130", ["10.0.0.12", "10.0.0.13"]),
    ],
)
def test_a_peer_that_is_silent_is_named_after_three_seconds(ready: ToolFolder, alive: str, silent: list[str]) -> None:
    """A check does not wait."""
    connect(ready)
    ready.write("run/natkeeper.peers", f"{alive}\n")
    for fix, waits in (("yes", ["sleep : 0.5"] * 5), ("no", [])):
        said, calls = connect(ready, fix=fix)
        assert calls == waits
        assert [part.split(" ", 1)[0] for part in said[2].split('"message":"')[1:]] == silent
        assert said[2].count('"code":"tunnel_silent"') == len(silent)
        assert "let 4790/udp from it in (security group)" in said[2]
