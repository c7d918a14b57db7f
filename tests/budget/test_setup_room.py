"""How much of one Cloud Assistant command the setup takes: 24 KB after Base64 is all there is."""

from __future__ import annotations

import base64
from dataclasses import replace

from natkeeper.domain.gateway_config import LONGEST_ORDER
from natkeeper.guest import AddressMode, ForeignRules, Mode, PortForward, SetupParameters, render
from natkeeper.guest.script import room

LIMIT = 24 * 1024
MOST_TYPICAL = 14 * 1024
"""Measured 13,088 bytes."""
TYPICAL = SetupParameters(
    mode=Mode.APPLY,
    sources=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    address=AddressMode.OWN,
    port_forwards=tuple(PortForward("tcp", port, "10.0.1.20", port) for port in (22022, 80, 443)),
    targets=("http://www.aliyun.com/", "tcp://223.5.5.5:53"),
    egress_required=True,
    foreign=ForeignRules.REMOVE,
)
_FIXED = 200
"""Characters of an order that no configuration makes longer: mode, address, proof, hash and fingerprint."""


def test_a_typical_setup_leaves_ten_kilobytes_free() -> None:
    """Base64 included, as RunCommand counts."""
    assert len(base64.b64encode(render(TYPICAL))) <= MOST_TYPICAL


def test_what_the_configuration_allows_fits() -> None:
    """The domain's limit on sources, targets and forwards stays below the room of the command."""
    assert room() >= LONGEST_ORDER + _FIXED


def test_a_setup_of_the_longest_order_renders() -> None:
    """Forwards as long as the configuration takes them."""
    line = "forward tcp 10000 10.100.100.100 50000\n"
    forwards = tuple(
        PortForward("tcp", 10000 + number, "10.100.100.100", 50000) for number in range(LONGEST_ORDER // len(line))
    )
    assert len(base64.b64encode(render(replace(TYPICAL, port_forwards=forwards)))) <= LIMIT
