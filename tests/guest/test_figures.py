"""What the setup script counts and calculates: figures of the kernel, and settings by the machine's memory."""

from __future__ import annotations

import json

import pytest

from tests.guest.tools import ToolFolder

STAT = """\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error search_restart
00000064  00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 {failed:08x} {drop:08x} {early:08x} 00000009 0000000b
00000064  00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008 00000001 00000000 00000000 00000009 0000000b
"""  # noqa: E501  as the kernel prints it
OLD_STAT = """\
entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error
0000000a  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000011 00000012 00000000
"""
DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   77       7    0    0    0     0          0         0       77       7    0    0    0     0       0          0
  eth0: 5000000000 4000 1    2    3     4          5         6 6000000000    3000    8    9   10    11      12         13
 eth01: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
"""  # noqa: E501  as the kernel prints it
CPU = "cpu  100 20 300 4000 50 6 700 80 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
MANGLE = """\
Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)
    pkts      bytes target     prot opt in     out     source               destination
     201    12060 TCPMSS     tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            tcp flags:0x06/0x02 TCPMSS clamp to PMTU
      40     2400 ACCEPT     tcp  --  *      *       0.0.0.0/0            0.0.0.0/0
"""  # noqa: E501  as iptables prints it
NOW = "1060 100 12 6 5000000000 4000 6000000000 3000 5256 700\n"
"""Time, new, dropped, not inserted, received, sent, all of the processor's ticks, and those of soft interrupts."""
NAMES = ("new", "drops", "insert_failed", "received_bytes", "received_packets", "sent_bytes", "sent_packets")


def fill(machine: ToolFolder, connections: int = 90, maximum: int = 100000, **stat: int) -> None:
    """Write what the kernel says."""
    for name, text in (
        ("sys/net/netfilter/nf_conntrack_count", f"{connections}\n"),
        ("sys/net/netfilter/nf_conntrack_max", f"{maximum}\n"),
        ("net/stat/nf_conntrack", STAT.format(**({"failed": 5, "drop": 10, "early": 2} | stat))),
        ("net/dev", DEV),
        ("stat", CPU),
        ("loadavg", "0.52 0.58 0.59 1/100 1234\n"),
    ):
        machine.write(f"proc/{name}", text)
    machine.program("iptables", f"[ \"$*\" != '-w -t mangle -nvxL' ] || cat <<'E'\n{MANGLE}E")
    (machine.folder / "run").mkdir(exist_ok=True)


def count(machine: ToolFolder) -> tuple[dict[str, object], str]:
    """Return the figures of a run at second 1060, and the notes."""
    figures, notes = machine.out('STARTED=1060 INPUT=eth0; figures; echo "{$FIGURES}"; echo "$NOTES"').splitlines()
    return json.loads(figures), notes


def test_the_first_run_has_nothing_to_compare_with(machine: ToolFolder) -> None:
    """It keeps what it read for the next one."""
    fill(machine)
    assert count(machine)[0] == {
        "connections": 90, "maximum": 100000, "load": 0.52, "softirq_percent": 0, "seconds": 0,
        **dict.fromkeys(NAMES, 0),
    }  # fmt: skip
    assert machine.read("run/natkeeper.last") == NOW


def test_a_run_tells_the_difference_to_the_one_before(machine: ToolFolder) -> None:
    """Of both processors; bytes beyond 32 bits; a part of the processor's time in percent."""
    fill(machine)
    machine.write("run/natkeeper.last", "1000 60 11 4 1000000000 1500 2000000000 1000 5056 650\n")
    figures, _ = count(machine)
    assert figures["seconds"] == 60
    assert [figures[name] for name in NAMES] == [40, 1, 2, 4000000000, 2500, 4000000000, 2000]
    assert figures["softirq_percent"] == 25


def test_counters_that_began_anew_are_not_below_nothing(machine: ToolFolder) -> None:
    """After a boot."""
    fill(machine)
    machine.write("run/natkeeper.last", "1000 999 99 99 9000000000 9999 9000000000 9999 9999 999\n")
    figures, _ = count(machine)
    assert [figures[name] for name in ("seconds", *NAMES, "softirq_percent")] == [60, *[0] * 8]


def test_a_kernel_without_connection_tracking_has_no_figures(machine: ToolFolder) -> None:
    """Nothing is said, nothing is kept."""
    assert machine.out('STARTED=1060 INPUT=eth0; figures; echo "$FIGURES$NOTES"') == "\n"
    assert not (machine.folder / "run").exists()


def test_columns_are_found_by_their_names(machine: ToolFolder) -> None:
    """Kernels before 5.x have others in between."""
    fill(machine)
    machine.write("proc/net/stat/nf_conntrack", OLD_STAT)
    count(machine)
    assert machine.read("run/natkeeper.last").split()[2:4] == ["35", "16"]


@pytest.mark.parametrize(
    "connections, maximum, drop, full",
    [
        (9499, 10000, 10, False), (9500, 10000, 10, True), (10000, 10000, 10, True), (90, 10000, 10, False),
        (90, 10000, 11, True),
    ],
)  # fmt: skip
def test_a_table_that_is_full_is_told(
    machine: ToolFolder, connections: int, maximum: int, drop: int, *, full: bool
) -> None:
    """At 95 of a hundred entries, and wherever one was dropped since the run before."""
    fill(machine, connections, maximum, drop=drop)
    machine.write("run/natkeeper.last", NOW)
    _, notes = count(machine)
    assert notes.startswith('{"code":"connections_full",') is full
    assert (f"has {connections} of {maximum} entries, {drop - 10} were dropped" in notes) is full


ENTRY = "{} 6 300 ESTABLISHED src=10.0.1.5 dst={} sport={} dport={} src=9.9.9.9 dst=10.0.0.11 sport=443 dport=9 use=1\n"
ENTRIES = (
    "".join(ENTRY.format("tcp", "1.1.1.1", port, 443) for port in range(3))
    + "".join(ENTRY.format("tcp", "1.1.1.1", port, 80) for port in range(2))
    + "".join(ENTRY.format("udp", "1.1.1.1", port, 443) for port in range(2))
    + "".join(ENTRY.format("tcp", "1.1.1.2", port, 443) for port in range(2))
    + "icmp 1 29 src=10.0.1.5 dst=1.1.1.1 type=8 code=0 id=1 src=1.1.1.1 dst=10.0.0.11 type=0 code=0 id=1\n" * 4
)


def test_the_destination_with_most_ports_is_named(machine: ToolFolder) -> None:
    """By address, port and protocol, as the private host asked for it; pings use no port."""
    fill(machine, 20000)
    machine.write("proc/net/nf_conntrack", "".join(f"ipv4     2 {line}\n" for line in ENTRIES.splitlines()))
    figures, notes = count(machine)
    assert (figures["busiest"], figures["busiest_ports"], notes) == ("1.1.1.1:443/tcp", 3, "")


def test_a_kernel_without_that_file_is_asked_by_its_program(machine: ToolFolder) -> None:
    """For five seconds at most."""
    fill(machine, 20000)
    machine.program("timeout", f"[ \"$*\" != '5 conntrack -L' ] || cat <<'E'\n{ENTRIES}E")
    assert count(machine)[0]["busiest_ports"] == 3


def test_few_connections_use_up_nothing(machine: ToolFolder) -> None:
    """So nobody asks; and where nothing has a port, nothing is named."""
    fill(machine, 19999)
    machine.write("proc/net/nf_conntrack", ENTRIES)
    assert "busiest" not in count(machine)[0]
    fill(machine, 20000)
    machine.write("proc/net/nf_conntrack", "")
    assert "busiest" not in count(machine)[0]


@pytest.mark.parametrize("used", [57999, 58000])
def test_ports_that_are_nearly_used_up_are_told(machine: ToolFolder, used: int) -> None:
    """64,512 is all there is."""
    fill(machine, used)
    machine.write("proc/net/nf_conntrack", "tcp dst=1.1.1.1 dport=443\n" * used)
    figures, notes = count(machine)
    assert figures["busiest_ports"] == used
    assert notes.startswith('{"code":"ports_used_up","message":"58000 of 64512 ports are used for 1.1.1.1:443/tcp') is (
        used == 58000
    )


# ---- settings

KNOWS = """case "$*" in
"-n net.netfilter.nf_conntrack_max") echo {maximum} ;;
"-n net.netfilter.nf_conntrack_buckets") echo {buckets} ;;
*) exit 1 ;;
esac"""


def settings(machine: ToolFolder, memory: str, maximum: str = "", buckets: str = "", more: str = ":") -> list[str]:
    """Return the comfort settings."""
    machine.program("sysctl", KNOWS.format(maximum=maximum, buckets=buckets))
    machine.write("proc/meminfo", f"MemTotal:{memory:>15} kB\nMemFree: 1 kB\nSwapTotal: 2 kB\n" if memory else "")
    return machine.out(f'INTERFACES=eth0; {more}; wanted_settings; echo "$COMFORT"').splitlines()


@pytest.mark.parametrize(
    "memory, maximum, buckets, expected",
    [
        ("3000", "", "", (1000, 250)),
        ("3002", "", "", (1000, 250)),
        ("3003", "", "", (1001, 250)),
        ("3012", "", "", (1004, 251)),
        ("1000000", "65536", "16384", (333333, 83333)),
        ("1000000", "333332", "83332", (333333, 83333)),
        ("1000000", "333333", "83333", (333333, 83333)),
        ("1000000", "333334", "83334", (333334, 83334)),
        ("1000000", "4000000", "16384", (4000000, 83333)),
        ("6291455", "", "", (2097151, 524287)),
        ("6291456", "", "", (2097152, 524288)),
        ("6291459", "", "", (2097152, 524288)),
        ("64000000", "262144", "65536", (2097152, 524288)),
        ("64000000", "3000000", "600000", (3000000, 600000)),
    ],
)
def test_the_table_of_connections_grows_with_the_memory(
    machine: ToolFolder, memory: str, maximum: str, buckets: str, expected: tuple[int, int]
) -> None:
    """An entry per 3 kB, two million at most, four to a bucket; never fewer than there are."""
    said = settings(machine, memory, maximum, buckets)
    assert said[-2:] == [
        f"net.netfilter.nf_conntrack_buckets = {expected[1]}",
        f"net.netfilter.nf_conntrack_max = {expected[0]}",
    ]


REDIRECTS = ["net.ipv4.conf.all.send_redirects = 0", "net/ipv4/conf/eth0/send_redirects = 0"]
IDLE = "net.netfilter.nf_conntrack_tcp_timeout_established = {}"


@pytest.mark.parametrize(
    "more, expected",
    [
        (":", REDIRECTS),
        ("INTERFACES='eth0 eth1.5'", [*REDIRECTS, "net/ipv4/conf/eth1.5/send_redirects = 0"]),
        ("ESTABLISHED=3600", [*REDIRECTS, IDLE.format(3600)]),
    ],
)
def test_what_is_good_to_have(machine: ToolFolder, more: str, expected: list[str]) -> None:
    """Where the memory cannot be read, the size of the table is left alone."""
    assert settings(machine, "", more=more) == expected


FORWARD, TRACK = "net.ipv4.ip_forward = 1", "net.netfilter.nf_conntrack_tcp_"


@pytest.mark.parametrize(
    "address, expected",
    [
        ("own", [FORWARD, f"{TRACK}loose = 0", f"{TRACK}be_liberal = 1"]),
        ("follow", [FORWARD, f"{TRACK}loose = 1"]),
    ],
)
def test_connections_of_a_lost_gateway_go_on_where_its_address_follows(
    machine: ToolFolder, address: str, expected: list[str]
) -> None:
    """Elsewhere they are reset at once."""
    assert machine.out(f'ADDRESS={address}; wanted_settings; echo "$SETTINGS"').splitlines() == expected


SETS = """FIX={fix} SETTINGS='net.ipv4.ip_forward = 1
net.netfilter.nf_conntrack_tcp_loose = 0
net.netfilter.nf_conntrack_tcp_be_liberal = 1' COMFORT='net.ipv4.conf.all.send_redirects = 0
net/ipv4/conf/eth1.5/send_redirects = 0
net.netfilter.nf_conntrack_max = 7'
forwarding_on
connection_tracking
comfort
echo "$IP_FORWARD|$BROKEN|$DONE|$PROBLEMS|$NOTES"
"""
SYSCTL = """cd {}/keys
case $1 in
-n) cat $(echo $2 | tr / %) 2>/dev/null ;;
-w) [ -e stuck ] || echo ${{2#*=}} >$(echo ${{2%%=*}} | tr / %) ;;
esac"""
KEYS = {
    "net.ipv4.ip_forward": "0", "net.netfilter.nf_conntrack_tcp_loose": "1",
    "net.netfilter.nf_conntrack_tcp_be_liberal": "1", "net.ipv4.conf.all.send_redirects": "1",
    "net%ipv4%conf%eth1.5%send_redirects": "1", "net.netfilter.nf_conntrack_max": "7",
}  # fmt: skip


def tuned(machine: ToolFolder, fix: str, **keys: str | None) -> tuple[list[str], list[str]]:
    """Return what is reported, and the settings that were written."""
    for key, value in (KEYS | keys).items():
        if value is not None:
            machine.write(f"keys/{key}", f"{value}\n")
    machine.program("sysctl", SYSCTL.format(machine.folder))
    said = machine.out(SETS.format(fix=fix)).removesuffix("\n").split("|")
    return said, [call.removeprefix("sysctl : -w ") for call in machine.calls() if " -w " in call]


def test_settings_that_are_not_as_wanted_are_set(machine: ToolFolder) -> None:
    """The others are left alone."""
    said, writes = tuned(machine, "yes")
    assert writes == [
        "net.ipv4.ip_forward=1",
        "net.netfilter.nf_conntrack_tcp_loose=0",
        "net.ipv4.conf.all.send_redirects=0",
        "net/ipv4/conf/eth1.5/send_redirects=0",
    ]
    assert said[:2] == ["1", ""]
    assert [json.loads(f"[{part}]") for part in (said[2], said[4])] == [
        [
            *(f"sysctl -w {write}" for write in writes[:2]),
            *(f"tune {write.replace('=', ' ')}" for write in writes[2:]),
        ],
        [],
    ]
    assert [each["message"] for each in json.loads(f"[{said[3]}]")] == [
        "net.ipv4.ip_forward is 0 instead of 1",
        "net.netfilter.nf_conntrack_tcp_loose is 1 instead of 0",
    ]


def test_a_check_of_settings_says_what_it_would_set(machine: ToolFolder) -> None:
    """And sets nothing."""
    said, writes = tuned(machine, "no")
    assert (said[:3], writes) == (["0", "", ""], [])
    assert [each["code"] for each in json.loads(f"[{said[3]}]")] == ["ip_forward_off", "conntrack"]
    assert [each["message"] for each in json.loads(f"[{said[4]}]")] == [
        "net.ipv4.conf.all.send_redirects is 1 instead of 0",
        "net/ipv4/conf/eth1.5/send_redirects is 1 instead of 0",
    ]


def test_a_setting_that_cannot_be_set_is_told(machine: ToolFolder) -> None:
    """In a container, sysctl says yes to what it does not change."""
    machine.write("keys/stuck", "")
    said, _ = tuned(machine, "yes")
    assert said[4].count('"code":"not_tuned"') == 2
    assert "tune" not in said[2]


def test_connection_tracking_that_is_not_there_is_a_problem(machine: ToolFolder) -> None:
    """What is good to have is not missed."""
    gone = dict.fromkeys((*list(KEYS)[1:2], *list(KEYS)[3:]), None)
    said, writes = tuned(machine, "yes", **gone)
    assert writes == ["net.ipv4.ip_forward=1"]
    assert '{"code":"conntrack","message":"net.netfilter.nf_conntrack_tcp_loose is not there"}' in said[3]
    assert said[4] == ""
