"""What is proven on real systems: packets of a real private network, by the interface that they really enter by."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from natkeeper.domain.load import GatewayLoad
from natkeeper.guest import Mode, SetupReport
from natlab.simulated.network import Reached
from tests.lab.stage import ADDRESS, A, LabStage

pytestmark = pytest.mark.lab

NETWORK = "10.0.1.0/24"
STRICT = "sysctl -w net.ipv4.conf.all.rp_filter={}"
BREAKS = {
    "source zone": (
        "firewall-cmd --zone=internal --add-source=10.0.0.0/22",
        "firewall-cmd --zone=internal --remove-source=10.0.0.0/22",
        "zone internal claims source 10.0.0.0/22",
    ),
    "drop in a jumped-to chain": (
        "iptables -N COMPANY; iptables -A COMPANY -i eth0 -s 10.0.1.0/24 -j DROP; iptables -I FORWARD -j COMPANY",
        "iptables -D FORWARD -j COMPANY; iptables -F COMPANY; iptables -X COMPANY",
        "COMPANY",
    ),
    "drop in raw": (
        "iptables -t raw -A PREROUTING -i eth0 -s 10.0.1.0/24 -j DROP",
        "iptables -t raw -F",
        "-A PREROUTING -s 10.0.1.0/24 -i eth0 -j DROP",
    ),
    "strict reverse path": (
        "ip link add other type veth peer name more; ip link set other up; ip link set more up; "
        "ip route add 10.0.1.0/24 dev other; " + STRICT.format(1),
        "ip link del other; " + STRICT.format(0),
        "the kernel drops what comes from it by eth0",
    ),
    "blackhole rule": (
        "ip rule add pref 50 from 10.0.1.0/24 blackhole",
        "ip rule del pref 50",
        "the kernel drops what comes from it by eth0",
    ),
}


@pytest.fixture
def broken(stage: LabStage, request: pytest.FixtureRequest) -> Iterator[str]:
    """Gateway A, with something that cuts real private hosts off; what the report has to say of it."""
    broke, mended, says = BREAKS[request.param]
    stage.guest(A).by_hand(broke)
    yield says
    stage.guest(A).by_hand(mended)


@pytest.mark.parametrize("broken", BREAKS, indirect=True)
def test_what_cuts_real_private_hosts_is_seen_and_named(stage: LabStage, broken: str) -> None:
    """Real hosts are cut, and so is the proof."""
    assert stage.is_cut_off()
    report = stage.set_up(A, mode=Mode.CHECK)
    assert (report.ready, report.facts.forwarding) == (False, "refused")
    assert [(one.network, one.forwarding) for one in report.facts.networks] == [(NETWORK, "refused")]
    assert broken in report.sentence


@pytest.mark.parametrize("flush", ["nft flush ruleset", "nft -f /etc/nftables.conf", "nft flush table inet firewalld"])
def test_rules_that_the_kernel_lost_come_back(stage: LabStage, flush: str) -> None:
    """firewalld still lists them all; a check names it, an apply ends it."""
    stage.guest(A).by_hand(flush)
    assert stage.is_cut_off()
    assert "rules_lost" in {problem.code for problem in stage.set_up(A, mode=Mode.CHECK).wrong}
    report = stage.set_up(A)
    assert (report.ready, report.facts.forwarding) == (True, "proven"), report.sentence
    assert stage.way_out() == Reached(ADDRESS[A])
    assert stage.set_up(A).changed == ()


def test_a_check_proves_and_leaves_nothing_behind(stage: LabStage) -> None:
    """The interface, the rules and the tables of the proof are gone."""
    state = "ip rule; ip route show table all; ip link; ip netns; firewall-cmd --list-all"
    before = stage.guest(A).by_hand(state)
    report = stage.set_up(A, mode=Mode.CHECK)
    assert isinstance(report, SetupReport)
    assert (report.ready, report.facts.forwarding) == (True, "proven"), report.sentence
    assert "by eth0" in report.facts.networks[0].note
    assert stage.guest(A).by_hand(state) == before


def test_with_etc_read_only_the_running_gateway_is_repaired(stage: LabStage) -> None:
    """The internet comes back; what the next boot would lack is told by a name of its own."""
    guest = stage.guest(A)
    rule = """'rule family="ipv4" source address="10.0.0.0/8" masquerade'"""
    for permanent in ("", "--permanent"):
        guest.by_hand(f"firewall-cmd {permanent} --zone=public --remove-rich-rule={rule}")
    guest.by_hand("mount --bind /etc /etc && mount -o remount,ro,bind /etc")
    try:
        report = stage.set_up(A)
        assert stage.way_out() == Reached(ADDRESS[A])
        assert report.has("not_saved")
        assert report.facts.forwarding == "proven"
    finally:
        guest.by_hand("umount /etc")
    assert stage.set_up(A).ready


def test_figures_come_from_the_kernel(stage: LabStage) -> None:
    """Connections, bytes and new connections since the report before."""
    stage.set_up(A)
    for _ in range(3):
        assert stage.way_out() == Reached(ADDRESS[A])
    figures = msgspec.convert(stage.set_up(A).figures, GatewayLoad)
    assert 0 < figures.connections < figures.maximum
    assert figures.new >= 3
    assert figures.sent_packets > 0
    assert figures.received_bytes > 0
