"""Established connections when a gateway dies, and the program that measures them from inside."""

from __future__ import annotations

import pytest

from natkeeper.guest import AddressMode
from natlab.real.measurement import HostMeasurement, Measurement, MeasurementPlan, offer
from tests.lab.stage import ADDRESS, HTTP_PORT, INWARD_PORT, PRIVATE, A, B, LabStage, eventually

pytestmark = pytest.mark.lab
_FLOWS = MeasurementPlan(busy=50, idle=50, udp=5)


def _working(measurement: Measurement, seen: str) -> bool:
    return any(attempt.seen == seen for attempt in list(measurement.account.attempts))


def _cut_and_move(stage: LabStage, *, with_address: bool) -> HostMeasurement:
    """Let A lose its power and B take over, while the private host goes on working; what it noticed."""
    measurement = Measurement(stage.lab.private_host(PRIVATE), _FLOWS)
    assert eventually(lambda: _working(measurement, ADDRESS[A]))
    stage.lab.power_off(A, hard=True)
    assert stage.is_cut_off()
    stage.route_to(B)
    if with_address:
        stage.lab.unbind_address(A, ADDRESS[A])
        stage.lab.bind_address(B, ADDRESS[A])
    assert stage.reaches_through(B) if not with_address else eventually(lambda: not stage.is_cut_off())
    worked = len(measurement.account.attempts)
    assert eventually(lambda: len(measurement.account.attempts) > worked + 20)
    return measurement.stop()


def test_own_addresses_reset_connections_and_new_ones_work(stage: LabStage) -> None:
    """Each gateway its own address: TCP flows are reset rather than left to hang, UDP goes on, new ones work."""
    account = _cut_and_move(stage, with_address=False)
    assert account.seen == [ADDRESS[A], ADDRESS[B]]
    for flow in account.flows:
        if flow.kind == "udp":
            assert flow.survived
        else:
            assert "reset" in flow.error.lower(), flow
    figures = account.figures()
    assert (figures["flows_total"], figures["flows_survived"]) == (105, 5)
    assert figures["outage_s"] > 0.3  # the private host was seen to be cut off


def test_address_that_follows_keeps_every_connection(stage: LabStage) -> None:
    """The EIP follows: all busy, idle and UDP flows outlive their gateway."""
    stage.lab.unbind_address(B, ADDRESS[B])
    try:
        assert all(report.changed for report in stage.set_up_all(AddressMode.FOLLOW))
        account = _cut_and_move(stage, with_address=True)
        assert account.seen == [ADDRESS[A]]
        assert [flow for flow in account.flows if not flow.survived] == []
        assert account.outage_s > 0.3
    finally:
        stage.lab.unbind_address(B, ADDRESS[A])
        stage.lab.bind_address(A, ADDRESS[A])
        stage.lab.bind_address(B, ADDRESS[B])
        stage.lab.power_on(A)
        stage.lab.settle()
        assert all(report.ready for report in stage.set_up_all())


def test_forwarded_port_is_measured_from_outside(stage: LabStage) -> None:
    """A visitor opens connections to the private host through the gateway's address, and keeps flows there."""
    server = offer(stage.lab.private_host(PRIVATE), http=HTTP_PORT)
    try:
        order = MeasurementPlan(connect=(ADDRESS[A], INWARD_PORT))
        measurement = Measurement(stage.lab.internet.namespace, order)
        assert eventually(lambda: len(measurement.account.attempts) > 10)
        account = measurement.stop()
    finally:
        server.communicate(timeout=5.0)
    assert [attempt for attempt in account.attempts if attempt.error] == []
