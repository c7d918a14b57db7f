"""Connections between two real gateways with addresses of their own: a relay for planned moves, visitors, hairpin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from natkeeper.guest import Mode, PortForward
from natlab.real.measurement import HostMeasurement, Measurement, MeasurementPlan, offer
from tests.lab.stage import ADDRESS, HTTP_PORT, PRIVATE, A, B, LabStage, eventually

pytestmark = pytest.mark.lab
_FLOWS = MeasurementPlan(busy=20, idle=20, udp=3)
ECHO_PORT = 8007
WEB, ECHO, HIDDEN = 8022, 8023, 9000
"""Ports of the gateways: two that show who comes, and one, for UDP and TCP, that hides it."""
_LOAD = "sh /etc/natkeeper/table.sh"


@pytest.fixture
def order(stage: LabStage) -> dict[str, Any]:
    """What their setup is asked for."""
    host = stage.lab.private_address(PRIVATE)
    forwards = (
        PortForward("tcp", WEB, host, HTTP_PORT),
        PortForward("tcp", ECHO, host, ECHO_PORT),
        PortForward("udp", HIDDEN, host, ECHO_PORT, hide_source=True),
    )
    peers, public = ("10.0.0.11", "10.0.0.12"), tuple(ADDRESS.values())
    return {"relay": True, "way_in": "every", "port_forwards": forwards, "public": public, "primary": peers}


@pytest.fixture
def joined(stage: LabStage, order: dict[str, Any]) -> Iterator[LabStage]:
    """Both gateways with the tunnel between them, and a private host that serves; afterwards nothing of it is left."""
    for gateway, tunnel in ((A, ""), (B, "10.0.0.11")):
        report = stage.set_up(gateway, **order)
        assert (report.ready, report.facts.forwarding, report.facts.tunnel) == (True, "proven", tunnel), report
    knows = "cat /run/natkeeper.peers"
    assert eventually(lambda: stage.guest(A).by_hand(knows).strip() == "10.0.0.12")  # A was there first, alone
    server = offer(stage.lab.private_host(PRIVATE), HTTP_PORT, ECHO_PORT)
    yield stage
    server.communicate(timeout=5.0)
    for gateway in (A, B):
        assert stage.set_up(gateway).ready
        left = stage.guest(gateway).by_hand("nft list tables; ip -o link; firewall-cmd --list-all; ls /etc/natkeeper")
        assert [word for word in ("ip natkeeper", "natkeeper0", "4790", "table.") if word in left] == []


def _working(measurement: Measurement, seen: str) -> bool:
    return eventually(lambda: any(attempt.seen == seen for attempt in list(measurement.account.attempts)))


def _moved(stage: LabStage, *, armed: bool) -> HostMeasurement:
    """Let a private host work while its route moves from A to B; what it noticed."""
    measurement = Measurement(stage.lab.private_host(PRIVATE), _FLOWS)
    assert _working(measurement, ADDRESS[A])
    if armed:
        assert stage.guest(B).by_hand(f"{_LOAD} arm 10.0.0.11 60").strip() == "armed"
    stage.route_to(B)
    assert _working(measurement, ADDRESS[B])
    worked = len(measurement.account.attempts)
    assert eventually(lambda: len(measurement.account.attempts) > worked + 40)
    return measurement.stop()


def test_a_planned_move_keeps_every_connection(joined: LabStage) -> None:
    """Busy and idle TCP go on through the old gateway, UDP with the new address; without arming, TCP is reset."""
    account = _moved(joined, armed=True)
    assert [flow for flow in account.flows if not flow.survived] == []
    assert account.lost_connections == 0
    joined.guest(B).by_hand("nft flush map ip natkeeper old")
    joined.route_to(A)
    account = _moved(joined, armed=False)
    assert {flow.kind for flow in account.flows if flow.survived} == {"udp"}


def test_nothing_hangs_when_the_old_gateway_dies_meanwhile(joined: LabStage) -> None:
    """The new one notices that it is silent and resets what only the old one knew; a dead one is not armed."""
    measurement = Measurement(joined.lab.private_host(PRIVATE), _FLOWS)
    assert _working(measurement, ADDRESS[A])
    joined.guest(B).by_hand(f"{_LOAD} arm 10.0.0.11 60")
    joined.route_to(B)
    assert _working(measurement, ADDRESS[B])
    joined.lab.power_off(A, hard=True)
    table = "nft list table ip natkeeper"
    assert eventually(lambda: ": 169.254.78.1" not in joined.guest(B).by_hand(table))
    time.sleep(1.0)
    account = measurement.stop()
    assert {flow.kind for flow in account.flows if flow.survived} == {"udp"}
    assert all("reset" in flow.error.lower() for flow in account.flows if flow.error)
    said = joined.guest(B).by_hand(f"{_LOAD} arm 10.0.0.11 60 || :")
    assert "10.0.0.11 does not answer by the tunnel" in said
    joined.lab.power_on(A)
    joined.lab.settle()
    assert eventually(lambda: ": 169.254.78.1" in joined.guest(B).by_hand(table))  # after a boot, without a setup


def test_visitors_of_both_gateways_are_served_and_outlive_a_move(joined: LabStage) -> None:
    """TCP with their own addresses, UDP with the gateway's, in the middle of a move; the gateway itself as well."""
    internet = joined.lab.internet.namespace
    with ExitStack() as ending:
        visitors = []
        for gateway in (A, B):
            for echo, busy, udp in ((ECHO, 3, 0), (HIDDEN, 0, 2)):
                order = MeasurementPlan(
                    (ADDRESS[gateway], WEB), (ADDRESS[gateway], echo), busy=busy, idle=busy, udp=udp
                )
                visitors.append(ending.enter_context(Measurement(internet, order)))
        ending.callback(joined.route_to, A)
        assert all(eventually(lambda v=v: len(v.account.attempts) > 10) for v in visitors)  # type: ignore[misc]
        joined.route_to(B)
        counts = [len(visitor.account.attempts) for visitor in visitors]
        assert all(
            eventually(lambda v=v, n=n: len(v.account.attempts) > n + 40)  # type: ignore[misc]
            for v, n in zip(visitors, counts, strict=True)
        )
        for visitor in visitors:
            account = visitor.stop()
            assert [attempt for attempt in account.attempts if attempt.error] == []
            assert [flow for flow in account.flows if not flow.survived] == []
    for gateway in (A, B):
        for address in ADDRESS.values():
            ask = f"curl -s -m 3 -o /dev/null -w '%{{http_code}}' http://{address}:{WEB}/ || :"
            assert joined.guest(gateway).by_hand(ask) == "200"


_RULES = r"""firewall-cmd --list-rich-rules | grep '$part' | while read -r rule; do
    firewall-cmd -q --remove-rich-rule="$rule"; firewall-cmd -q --permanent --remove-rich-rule="$rule"
done"""
_HARM = {
    "nft flush chain ip natkeeper unknown": {"connections_lost"},
    "nft flush chain ip natkeeper itself": {"connections_lost"},
    "systemctl disable natkeeper-table": {"connections_lost"},
    "systemctl stop natkeeper-table": {"connections_lost"},
    _RULES.replace("$part", "4790"): {"tunnel_port_missing", "tunnel_port_missing_at_boot"},
    _RULES.replace("$part", f'forward-port port="{ECHO}"'): {"port_forward_missing", "port_forward_missing_at_boot"},
}
"""What a person does by hand, and the codes by which a check names it."""
_ASIDE = {"not_tuned", "tunnel_silent"}
"""What a container keeps read-only, and what may follow from the harm sooner or later."""
_FILLED_AGAIN = (
    "ip link del natkeeper0",
    "nft delete table ip natkeeper",
    "nft flush set ip natkeeper served; nft flush map ip natkeeper peer1",
)
"""What the unit itself puts right."""


def test_each_piece_that_is_removed_by_hand_comes_back(joined: LabStage, order: dict[str, Any]) -> None:
    """The device, the sets and the table by the unit within seconds; rules, the unit and ports by the next setup."""
    guest = joined.guest(B)
    table = "ip -o link show natkeeper0; nft list set ip natkeeper served; nft list map ip natkeeper peer1 || :"
    for harm in _FILLED_AGAIN:
        guest.by_hand(harm)
        assert eventually(lambda: guest.by_hand(table).count("eth0") == 2), harm
    for harm, codes in _HARM.items():
        guest.by_hand(harm)
        checked = joined.set_up(B, mode=Mode.CHECK, **order)
        assert {one.code for one in (*checked.wrong, *checked.notes)} - _ASIDE == codes, harm
        repaired = joined.set_up(B, **order)
        assert (repaired.ready, {one.code for one in repaired.found}) == (True, codes), harm
    well = joined.set_up(B, mode=Mode.CHECK, **order)
    assert (well.found, {one.code for one in well.notes} - {"not_tuned"}, well.facts.tunnel) == ((), set(), "10.0.0.11")


def test_large_packets_pass_the_tunnel(joined: LabStage) -> None:
    """A download's and an upload's full segments are larger than what fits beside the tunnel's own headers."""
    host, address = joined.lab.private_host(PRIVATE), "203.0.113.10"
    sizes = joined.guest(B).by_hand("cat /sys/class/net/natkeeper0/mtu; ip -o link show eth0").split()
    assert sizes[0] == "1500"
    with host.socket() as flow:
        flow.connect((address, 7))
        flow.settimeout(5.0)
        assert joined.guest(B).by_hand(f"{_LOAD} arm 10.0.0.11 60").strip() == "armed"
        joined.route_to(B)
        for _ in range(50):
            flow.sendall(b"x" * 20_000)
            got = 0
            while got < 20_000:
                part = flow.recv(65536)
                assert part
                got += len(part)
    joined.route_to(A)
