"""What happens to a gateway happens to the private hosts behind it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from natlab.real.measurement import Measurement, MeasurementPlan
from natlab.simulated.network import Dropped, Reached
from tests.lab.stage import PRIVATE, A, B, LabStage, eventually

pytestmark = pytest.mark.lab


def test_power_loss_cuts_off_at_once(stage: LabStage) -> None:
    """From one packet to the next nothing passes, no agent answers, and a command that runs never ends."""
    answers: list[object] = []
    stage.lab.run(A, b"sleep 60", 60.0, answers.append)
    assert eventually(lambda: "sleep" in stage.guest(A).by_hand("ps -eo comm"))
    stage.lab.power_off(A, hard=True)
    assert stage.is_cut_off()
    assert not stage.lab.agent_alive(A)
    stage.lab.settle()
    assert answers == []


def test_orderly_stop_cuts_off_and_the_next_start_heals(stage: LabStage) -> None:
    """A system that shuts itself down is soon silent; started again, it forwards as before."""
    stage.lab.power_off(A, hard=False)
    assert eventually(stage.is_cut_off)
    stage.lab.settle()
    assert not stage.lab.agent_alive(A)
    stage.lab.power_on(A)
    stage.lab.settle()
    assert stage.lab.agent_alive(A)
    assert stage.reaches_through(A)


@pytest.mark.parametrize(
    "packets, processes, forwards, answers",
    [(True, True, False, False), (True, False, False, True), (False, True, True, False)],
    ids=["both", "packets alone", "processes alone"],
)
def test_freeze(stage: LabStage, packets: bool, processes: bool, forwards: bool, answers: bool) -> None:  # noqa: FBT001
    """Dropped packets cut off the private hosts, stopped processes the agent; a frozen machine is both."""
    stage.guest(A).freeze(packets=packets, processes=processes)
    assert isinstance(stage.way_out(10.0 if forwards else 0.4), Reached) is forwards
    assert stage.lab.agent_alive(A) is answers
    stage.guest(A).thaw()
    assert stage.reaches_through(A)
    assert stage.lab.agent_alive(A)


def test_lost_packets_are_lost_and_the_others_pass(stage: LabStage) -> None:
    """Of many questions through a gateway that loses packets some are answered and some are not."""
    stage.guest(A).lose_packets(0.25)
    try:
        measurement = Measurement(stage.lab.private_host(PRIVATE), MeasurementPlan(connect=None, udp=10, pause_s=0.02))
        time.sleep(0.5)
        flows = measurement.stop().flows
    finally:
        stage.guest(A).lose_packets(0.0)
    assert 0 < sum(flow.answered for flow in flows) < sum(flow.asked for flow in flows)


@pytest.mark.parametrize(
    "harm, remedy",
    [
        (lambda a: a.switch_off_forwarding(), lambda a: a.by_hand("sysctl -q -w net.ipv4.ip_forward=1")),
        (lambda a: a.add_foreign_reject("nft"), lambda a: a.by_hand("nft delete table inet other")),
        (lambda a: a.add_foreign_reject("iptables"), lambda a: a.by_hand("iptables -w -D FORWARD -j REJECT")),
        (
            lambda a: a.unbind_interface(),
            lambda a: a.by_hand("firewall-cmd -q --zone=public --add-interface=eth0"),
        ),
    ],
    ids=["forwarding off", "nft reject", "iptables reject", "interface unbound"],
)
def test_what_people_do_wrong_is_real(
    stage: LabStage, harm: Callable[[object], None], remedy: Callable[[object], None]
) -> None:
    """Each misfortune by hand cuts the private host off, and taking it back heals it."""
    harm(stage.guest(A))
    assert stage.is_cut_off()
    remedy(stage.guest(A))
    assert stage.reaches_through(A)


def test_dead_internet_is_not_the_gateways_fault(stage: LabStage) -> None:
    """When nothing out there answers, every way fails alike and the gateways stay alive."""
    stage.lab.internet_down()
    for gateway in (A, B):
        stage.route_to(gateway)
        assert stage.is_cut_off()
        assert stage.lab.agent_alive(gateway)
    assert isinstance(stage.lab.path_from_public(), Dropped)
