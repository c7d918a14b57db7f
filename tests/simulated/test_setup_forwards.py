"""Port forwards like the managed gateway's, and what a gateway remembers and counts."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from natkeeper.domain.load import GatewayLoad
from natkeeper.guest import PortForward
from natlab.simulated.flavours import FLAVOURS
from natlab.simulated.guest import Guest
from tests.simulated.conftest import CHECK, ORDER, PRIVATE_HOST, MakeGuest, setup

HOST = "10.0.1.5"


def set_up(guest: Guest, *forwards: PortForward, public: tuple[str, ...] = ()) -> Guest:
    """Run the setup with these forwards, twice: the second run changes nothing, and a reboot neither."""
    order = replace(ORDER, port_forwards=forwards, public=public)
    status, report = setup(guest, order)
    assert (status, report.wrong) == (0, ())
    assert setup(guest, order)[1].changed == ()
    guest.reboot()
    return guest


@pytest.mark.parametrize("flavour", ["debian12", "centos7"])
def test_a_range_keeps_its_ports(ready: MakeGuest, flavour: str) -> None:
    """One rule, to the first and the last port."""
    guest = set_up(ready(flavour), PortForward("udp", "30000-30100", HOST, "30000-30100"))
    assert guest.forwarded_port("udp", 29999) is None
    assert guest.forwarded_port("udp", 30000) == (HOST, 30000)
    assert guest.forwarded_port("udp", 30100) == (HOST, 30100)
    assert guest.forwarded_port("tcp", 30000) is None


def test_a_range_can_be_shifted(ready: MakeGuest) -> None:
    """Port by port."""
    guest = set_up(ready(), PortForward("tcp", "8000-8003", HOST, "9100-9103"))
    assert [guest.forwarded_port("tcp", port) for port in range(8000, 8005)] == [
        *((HOST, port) for port in range(9100, 9104)),
        None,
    ]


def test_any_port_leaves_the_gateway_its_own(ready: MakeGuest) -> None:
    """sshd, the DHCP client and other forwards keep theirs."""
    guest = ready()
    with guest.by_hand() as state:
        state["flavour"]["sshd_ports"] = [22, 2222]
    forwards = (
        PortForward("tcp", "any", HOST, "any"),
        PortForward("udp", "any", HOST, "any"),
        PortForward("tcp", 8080, "10.0.1.9", 80),
        PortForward("tcp", "9000-9010", "10.0.1.8", "9000-9010"),
    )
    set_up(guest, *forwards)
    for port in (1, 21, 23, 2221, 2223, 8079, 8081, 8999, 9011, 65535):
        assert guest.forwarded_port("tcp", port) == (HOST, port)
    assert guest.forwarded_port("tcp", 22) is None
    assert guest.forwarded_port("tcp", 2222) is None
    assert guest.forwarded_port("tcp", 8080) == ("10.0.1.9", 80)
    assert guest.forwarded_port("tcp", 9005) == ("10.0.1.8", 9005)
    assert guest.forwarded_port("udp", 68) is None
    assert guest.forwarded_port("udp", 22) == (HOST, 22)


def test_only_named_networks_may_use_a_forward_and_an_address_can_be_said(ready: MakeGuest) -> None:
    """The rule carries both."""
    guest = set_up(
        ready(),
        PortForward("tcp", 443, HOST, 443, ("203.0.113.0/24",)),
        PortForward("tcp", 443, HOST, 444, (), "10.0.0.50"),
    )
    rules = guest.state["runtime"]["zones"]["public"]["rich_rules"]
    to = f'forward-port port="443" protocol="tcp" to-port="443" to-addr="{HOST}"'
    assert f'rule family="ipv4" source address="203.0.113.0/24" destination address="10.0.0.11" {to}' in rules
    assert any('destination address="10.0.0.50"' in rule and 'to-port="444"' in rule for rule in rules)


def test_private_hosts_reach_a_forward_by_the_public_address(ready: MakeGuest) -> None:
    """A rule for each public address of the group; it goes with the address."""
    guest = ready()
    forward = PortForward("tcp", 443, HOST, 443)
    set_up(guest, forward, public=("198.51.100.7", "198.51.100.8"))
    rules = " ".join(guest.state["runtime"]["zones"]["public"]["rich_rules"])
    for address in ("10.0.0.11", "198.51.100.7", "198.51.100.8"):
        assert f'destination address="{address}"' in rules
    set_up(guest, forward, public=("198.51.100.7",))
    assert "198.51.100.8" not in " ".join(guest.state["runtime"]["zones"]["public"]["rich_rules"])


# ── room for connections ────────────────────────────────────────────────────────────────────────────────────────
SYSCTL = "net.netfilter.nf_conntrack_"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_connections_have_room_and_idle_ones_end(fresh: MakeGuest, flavour: str) -> None:
    """By memory; now and after a reboot."""
    guest = fresh(flavour)
    order = replace(ORDER, established_s=21600)
    assert setup(guest, order)[0] == 0
    for _ in range(2):
        kernel = guest.state["sysctl"]
        assert kernel[f"{SYSCTL}max"] == "333333"
        assert kernel[f"{SYSCTL}buckets"] == "83333"
        assert kernel[f"{SYSCTL}tcp_timeout_established"] == "21600"
        assert kernel["net.ipv4.conf.all.send_redirects"] == "0"
        assert kernel["net.ipv4.conf.eth0.send_redirects"] == "0"
        guest.reboot()
    assert setup(guest, order)[1].changed == ()


def test_two_million_connections_where_there_is_the_memory(fresh: MakeGuest) -> None:
    """On a machine of 8 GB, and not more on a larger one; now and after a reboot."""
    for gigabytes in (8, 64):
        guest = fresh()
        (guest.directory / "root/proc/meminfo").write_text(f"MemTotal: {gigabytes * 1024 * 1024} kB\n")
        assert setup(guest)[0] == 0
        for _ in range(2):
            kernel = guest.state["sysctl"]
            assert (kernel[f"{SYSCTL}max"], kernel[f"{SYSCTL}buckets"]) == ("2097152", "524288")
            guest.reboot()


def test_a_larger_value_of_a_person_stays(ready: MakeGuest) -> None:
    """Room is never taken away, not at the next boot either."""
    guest = ready()
    with guest.by_hand() as state:
        state["sysctl"][f"{SYSCTL}max"] = "4000000"
    assert setup(guest)[0] == 0
    guest.reboot()
    assert guest.state["sysctl"][f"{SYSCTL}max"] == "4000000"


def test_a_setting_that_the_machine_does_not_take_is_a_note(fresh: MakeGuest) -> None:
    """A container's kernel: the gateway is ready all the same."""
    guest = fresh()
    guest.break_command(f"sysctl -w {SYSCTL}max", "permission denied")
    status, report = setup(guest)
    assert (status, {note.code for note in report.notes}) == (0, {"not_tuned"})
    assert "nf_conntrack_max is 65536 instead of 333333" in report.notes[0].message


def test_a_gateway_of_the_last_release_stays_ready_in_check_mode(ready: MakeGuest) -> None:
    """Without the new settings and the new rule: notes, no problems."""
    guest = ready()
    conf = guest.directory / "root/etc/sysctl.d/zz-natkeeper.conf"
    conf.write_text("\n".join(conf.read_text().splitlines()[:3]) + "\n")
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["direct"] = [rule for rule in state[kind]["direct"] if "TCPMSS" not in rule]
        state["sysctl"][f"{SYSCTL}max"] = "65536"
    status, report = setup(guest, CHECK)
    assert (status, report.wrong, {note.code for note in report.notes}) == (0, (), {"not_tuned"})


def test_the_segments_of_tcp_are_fitted_to_the_path_unless_the_owner_objects(ready: MakeGuest) -> None:
    """A rule that comes and goes."""
    guest = ready()
    assert any("clamp-mss-to-pmtu" in rule for rule in guest.state["runtime"]["direct"])
    order = replace(ORDER, clamp_mss=False)
    assert setup(guest, order)[0] == 0
    for kind in ("permanent", "runtime"):
        assert not any("clamp-mss-to-pmtu" in rule for rule in guest.state[kind]["direct"])
    assert setup(guest, order)[1].changed == ()


# ── how full ────────────────────────────────────────────────────────────────────────────────────────────────────
def proc(guest: Guest, name: str, text: str) -> None:
    """Write what the kernel counts."""
    path = guest.directory / "root/proc" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_figures_are_differences_to_the_run_before(ready: MakeGuest) -> None:
    """Hexadecimal sums over processors, bytes of the interface, the share of packets in processor time."""
    guest = ready()
    figures = msgspec.convert(setup(guest)[1].figures, GatewayLoad)
    assert (figures.connections, figures.maximum, figures.load) == (10, 65536, 0.08)
    proc(guest, "net/stat/nf_conntrack", "entries insert_failed drop early_drop\n0a 02 02 03\n0a 1f 00 00\n")
    proc(guest, "net/dev", "  eth0: 5000 30 0 0 0 0 0 0 9000 70 0 0 0 0 0 0\n")
    proc(guest, "stat", "cpu  150 0 100 1000 0 0 100 0 0 0\n")
    report = setup(guest)[1]
    figures = msgspec.convert(report.figures, GatewayLoad)
    assert (figures.insert_failed, figures.drops) == (32, 0)
    assert (figures.received_bytes, figures.received_packets) == (4000, 20)
    assert (figures.sent_bytes, figures.sent_packets) == (7000, 50)
    assert figures.softirq_percent == 50
    assert not report.notes


def test_a_full_table_and_used_up_ports_are_told_by_name(ready: MakeGuest) -> None:
    """And make no gateway unfit."""
    guest = ready()
    setup(guest)
    proc(guest, "sys/net/netfilter/nf_conntrack_count", "65000\n")
    proc(guest, "net/stat/nf_conntrack", "entries insert_failed drop early_drop\n0a 01 12 03\n")
    line = "ipv4 2 tcp 6 300 ESTABLISHED src=10.0.1.5 dst={} sport=1 dport=443 src={} dst=10.0.0.11 sport=443 dport=1\n"
    many = line.format("203.0.113.9", "203.0.113.9") * 58000
    proc(guest, "net/nf_conntrack", many + line.format("203.0.113.8", "203.0.113.8") * 100)
    status, report = setup(guest)
    assert (status, {note.code for note in report.notes}) == (0, {"connections_full", "ports_used_up"})
    figures = msgspec.convert(report.figures, GatewayLoad)
    assert (figures.busiest, figures.busiest_ports) == ("203.0.113.9:443/tcp", 58000)
    assert figures.drops == 16


def test_old_firewalld_lets_pass_what_masqueraded_sources_send(fresh: MakeGuest, ready: MakeGuest) -> None:
    """By a direct rule for each source, which goes with it; newer ones need none."""
    guest = fresh(replace(FLAVOURS["centos7"], firewalld="0.5.3", forwards_backwards=True))
    rule = "ipv4 filter FORWARD 77 -s {} -i eth0 -o eth0 -m conntrack --ctstate NEW -j ACCEPT"
    assert setup(guest)[0] == 0
    assert guest.forwards(PRIVATE_HOST) == ""
    for kind in ("runtime", "permanent"):
        assert [each for each in guest.state[kind]["direct"] if " 77 " in each] == [
            rule.format(source) for source in ORDER.sources
        ]
    with guest.by_hand() as state:
        state["runtime"]["direct"].clear()
    assert "host-prohibited" in guest.forwards(PRIVATE_HOST)
    assert setup(guest, replace(ORDER, sources=("10.0.0.0/16",)))[0] == 0
    for kind in ("runtime", "permanent"):
        assert [each for each in guest.state[kind]["direct"] if " 77 " in each] == [rule.format("10.0.0.0/16")]
    newer = ready("centos7")
    assert not [each for each in newer.state["runtime"]["direct"] if " 77 " in each]


def test_many_forwards_take_few_calls(ready: MakeGuest) -> None:
    """A call of firewalld takes a second, however many rules it brings; what goes goes in few calls as well."""
    guest = ready()
    forwards = tuple(PortForward("tcp", 5000 + number, HOST, 6000 + number) for number in range(60))
    report = setup(guest, replace(ORDER, port_forwards=forwards), uncut=True)[1]
    rules = [call for call in report.changed if "add-rich-rule" in call and "forward-port" in call]
    assert (report.ready, len(rules)) == (True, 4)  # fifty and ten, now and at boot
    report = setup(guest, replace(ORDER, port_forwards=forwards[:1]), uncut=True)[1]
    assert (report.ready, len([call for call in report.changed if "remove-rich-rule" in call])) == (True, 4)
    assert guest.forwarded_port("tcp", 5000) == (HOST, 6000)
    assert guest.forwarded_port("tcp", 5001) is None
