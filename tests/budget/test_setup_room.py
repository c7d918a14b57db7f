"""How much of one Cloud Assistant command the setup takes: 24 KB after Base64 is all there is."""

from __future__ import annotations

import base64
from dataclasses import replace

from natkeeper.domain.gateway_config import LONGEST_ORDER
from natkeeper.guest import AddressMode, ForeignRules, Mode, PortForward, SetupParameters, render
from natkeeper.guest.script import library_command, room

LIMIT = 24 * 1024
MOST_TYPICAL = 14 * 1024
"""Measured 12,400 bytes. Before the script was divided and packed: 23.4 KB, for half of what it does now."""
MOST_LIBRARY = 23 * 1024
"""Measured 20,810 bytes. What does not fit any more has to go into the setup command, or into a second library."""
TYPICAL = SetupParameters(
    mode=Mode.APPLY,
    sources=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    address=AddressMode.OWN,
    port_forwards=tuple(PortForward("tcp", port, "10.0.1.20", port) for port in (22022, 80, 443)),
    targets=("http://www.aliyun.com/", "tcp://223.5.5.5:53"),
    egress_required=True,
    foreign=ForeignRules.REMOVE,
)
_FIXED = 300
"""Bytes of a compressed order that no configuration makes longer: mode, address, proofs, hash and fingerprint."""


def test_a_typical_setup_leaves_room() -> None:
    """Base64 included, as RunCommand counts."""
    assert len(base64.b64encode(render(TYPICAL))) <= MOST_TYPICAL


def test_the_library_leaves_room() -> None:
    """It travels in a command of its own."""
    assert len(base64.b64encode(library_command().encode())) <= MOST_LIBRARY


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
