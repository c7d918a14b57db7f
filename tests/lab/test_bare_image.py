"""An image that lacks firewalld: the setup script installs it by the image's own package manager."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from natlab.real.machine import Machine
from natlab.real.rootfs import MIRROR
from natlab.simulated.network import Reached
from tests.lab.stage import PUBLIC, A, LabStage

pytestmark = pytest.mark.lab

C, ADDRESS = "i-c", "198.51.100.13"
_STRIP = rf"""
systemctl stop firewalld
export DEBIAN_FRONTEND=noninteractive
there=$(sed -n 's/^Package: //p' {MIRROR}/Packages |
    while read -r package; do ! dpkg -s "$package" >/dev/null 2>&1 || echo "$package"; done)
apt-get -q -y -o Dpkg::Options::=--force-unsafe-io purge $there
rm -rf /etc/firewalld
nft list ruleset 2>/dev/null || :
"""


@pytest.fixture
def without_firewalld(stage: LabStage) -> Iterator[Machine]:
    """A third gateway, without firewalld and all that came with it; a repository in its own files has them."""
    lab = stage.lab
    lab.create_instance(C, "10.0.0.13", PUBLIC)
    lab.bind_address(C, ADDRESS)
    lab.power_on(C)
    lab.settle()
    lab.guests[C].by_hand(_STRIP)
    yield lab.guests[C]
    stage.route_to(A)
    lab.destroy_instance(C)


def test_image_without_firewalld_ends_up_forwarding(stage: LabStage, without_firewalld: Machine) -> None:
    """No firewalld, no iptables, no Python: one run installs what is missing, and packets pass."""
    assert without_firewalld.by_hand("command -v firewall-cmd iptables nft python3 || echo none") == "none\n"
    report = stage.set_up(C)
    assert report.ready, report.sentence
    assert "firewalld_missing" in {problem.code for problem in report.found}
    assert (report.facts.firewalld, report.facts.forwarding) == ("running", "proven")
    stage.route_to(C)
    assert stage.way_out() == Reached(ADDRESS)
    again = stage.set_up(C)
    assert (again.ready, again.found, again.changed) == (True, (), ())
