"""natkeeper itself, deployed on the local cloud, saves private hosts in the lab: real systems, real packets.

All scenarios are played on one stage: what one breaks is mended before the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from natlab.real.testbed import LabGround
from natlab.scenarios import play as playing
from natlab.scenarios import reuse
from natlab.scenarios.catalogue import NAMES, scenario
from natlab.scenarios.play import Setting
from natlab.scenarios.topology import A, B

pytestmark = [pytest.mark.lab, pytest.mark.slow]

_SETTING = Setting(ground=LabGround, pace=0.2, patience=3.0)  # the platform is quick, a busy machine is not
_STATE = r"""
nft list ruleset 2>/dev/null | sed 's/packets [0-9]* bytes [0-9]*//; s/handle [0-9]*//'
sysctl net.ipv4.ip_forward net.netfilter.nf_conntrack_tcp_loose net.netfilter.nf_conntrack_tcp_be_liberal
find /etc/firewalld /etc/sysctl.d /etc/systemd /etc/natkeeper -type f -printf '%p %T@ %s\n' | sort
"""
"""What a setup could have changed on a gateway."""
_PLAYED = [
    "stop", "drift-masquerade", "drift-masked", "drift-unbound",
    "freeze", "drift-forwarding", "drift-stopped", "drift-reject",
]  # fmt: skip


@pytest.fixture(scope="module")
def stage() -> Iterator[reuse.ReadyWorld]:
    """Two gateways that natkeeper has set up, and people who are told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playing, "READY_WITHIN_S", 240.0)
        with reuse.kept(scenario("stop"), _SETTING) as kept:
            yield kept


def test_sweep_of_healthy_gateways_changes_nothing(stage: reuse.ReadyWorld) -> None:
    """Nothing is written, neither to the platform nor on the gateways."""
    ready = stage.ready
    guests = [ready.ground.by_hand(ready.id(name)) for name in (A, B)]
    before = [guest.by_hand(_STATE) for guest in guests]  # type: ignore[attr-defined]  # a real machine
    assert stage.sweep() == 0
    assert [guest.by_hand(_STATE) for guest in guests] == before  # type: ignore[attr-defined]


def test_every_kind_of_drift_is_played() -> None:
    """A new one in the list of scenarios is one here, too."""
    assert {name for name in NAMES if name.startswith("drift-")} <= set(_PLAYED)


@pytest.mark.parametrize("name", _PLAYED)
def test_scenario_ends_well_in_the_lab(stage: reuse.ReadyWorld, name: str) -> None:
    """The same scenario and verdict as on the simulated network: drift is noticed, mended and told, the route safe.

    A busy machine may be late for one connection of many; what natkeeper does wrong shows a second time as well.
    """
    first = stage.play(scenario(name), _SETTING).reasons
    again = stage.play(scenario(name), _SETTING).reasons if first else ()
    assert again == (), first
