"""Uploads over a path that takes smaller packets than the VPC does: a tunnel, a PPPoE line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from natlab.real.internet import WEB_SERVER
from natlab.real.namespaces import Namespace
from natlab.real.reachability import upload
from tests.lab.stage import PRIVATE, A, LabStage

pytestmark = pytest.mark.lab
PATH = 1300
SENT = 100_000
_DEAF = """
table ip deaf {
    chain arriving { type filter hook input priority 0; icmp type destination-unreachable drop; }
}
"""


@pytest.fixture
def narrow(stage: LabStage) -> Iterator[LabStage]:
    """A way to the internet of 1300 bytes; afterwards it is 1500 again, and nobody remembers."""
    stage.lab.narrow_internet(PATH)
    yield stage
    stage.lab.narrow_internet(1500)
    host = stage.lab.private_host(PRIVATE)
    host.nft("table ip deaf\ndelete table ip deaf")
    _forget(stage)


def _forget(stage: LabStage) -> None:
    """Nobody remembers how wide the path is."""
    stage.lab.private_host(PRIVATE).ip("route flush cache")
    stage.guest(A).by_hand("ip route flush cache")


def uploads(host: Namespace) -> int:
    """How many bytes of an upload come back, up to all of them."""
    return upload(host, WEB_SERVER, SENT)


def test_fragmentation_needed_reaches_the_private_host(narrow: LabStage) -> None:
    """The gateway passes on what the router told it, translated back: path MTU discovery works, clamped or not."""
    assert narrow.set_up(A, clamp_mss=False).ready
    assert uploads(narrow.lab.private_host(PRIVATE)) == SENT


def test_a_host_that_hears_nothing_is_served_by_clamping(narrow: LabStage) -> None:
    """Its firewall drops ICMP: it needs a gateway whose own route knows the path, and clamping.

    What a router farther out says is translated back to the private host, so the gateway itself never learns from it.
    """
    host = narrow.lab.private_host(PRIVATE)
    host.nft(_DEAF)
    guest = narrow.guest(A)
    assert narrow.set_up(A, clamp_mss=True).ready
    assert uploads(host) == 0
    way = guest.by_hand("ip route show default").strip()
    guest.by_hand(f"ip route replace {way} mtu {PATH}")
    assert narrow.set_up(A, clamp_mss=False).ready
    assert uploads(host) == 0
    assert narrow.set_up(A, clamp_mss=True).ready
    assert uploads(host) == SENT
    guest.by_hand(f"ip route replace {way}")
