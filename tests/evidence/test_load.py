"""How full a gateway is, and from when on that is news. Pure."""

from __future__ import annotations

import pytest

from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.load import PORTS, Alarms, GatewayLoad
from tests.deciding.worlds import gateway, group, world
from tests.evidence.test_troubles import judged, kinds

ROOMY = GatewayLoad(connections=100, maximum=1000, busiest="203.0.113.10:443/tcp", busiest_ports=10)


def full(**figures: object) -> list[str]:
    """What is too full, with the alarms that everybody has."""
    return [what for what, _ in Alarms().exceeded(GatewayLoad(**{"connections": 0, "maximum": 1000, **figures}))]  # type: ignore[arg-type]


FULL = "packets in 60 s because its table of connections was full"
TO = "203.0.113.10:443/tcp"


@pytest.mark.parametrize(
    "figures, said",
    [
        ({"connections": 799}, []),
        ({"connections": 800}, ["uses 80 % of its 1000 connections"]),
        ({"drops": 1, "seconds": 60}, [f"dropped 1 {FULL}"]),
        ({"connections": 999, "drops": 7, "seconds": 60}, [f"dropped 7 {FULL}"]),
        ({"busiest": TO, "busiest_ports": PORTS * 89 // 100}, []),
        ({"busiest": TO, "busiest_ports": 58061}, [f"uses 58061 of 64512 ports to {TO}: soon none is left for it"]),
    ],
)
def test_the_alarms_that_everybody_has(figures: dict[str, object], said: list[str]) -> None:
    """80 % of the connections, 90 % of the ports, any drop; a drop says more than a share."""
    assert full(**figures) == said


def test_a_table_of_unknown_size_is_not_full() -> None:
    """A report of a kernel without the figure."""
    assert GatewayLoad(connections=7, maximum=0).connections_percent == 0


@pytest.mark.parametrize("wrong", [{"connections": 0}, {"ports": 101}, {"drops": 0}])
def test_an_alarm_is_a_share_or_a_count(wrong: dict[str, int]) -> None:
    """What could never be, or would always be, is refused."""
    with pytest.raises(ValueError, match=r"percentage|packets"):
        Alarms(**wrong)


def test_a_full_gateway_is_an_episode_with_what_to_do() -> None:
    """Whichever gateway of the group it is."""
    found = judged(world(b=gateway(figures=GatewayLoad(connections=900, maximum=1000))))
    (trouble,) = (each for each in found.troubles if each.kind is EpisodeKind.FULL)
    assert trouble.cause == "i-gwb uses 90 % of its 1000 connections"
    assert "use an instance with more memory, shorten setup.idle" in trouble.todo


def test_a_higher_alarm_is_not_reached() -> None:
    """`alarms` is the owner's to set."""
    policy = group(alarms=Alarms(connections=95))
    assert EpisodeKind.FULL not in kinds(
        judged(world(b=gateway(figures=GatewayLoad(connections=900, maximum=1000))), policy)
    )


def test_it_is_over_only_when_what_carries_a_route_has_said_how_full_it_is() -> None:
    """Without a report nobody knows."""
    assert EpisodeKind.FULL not in judged(world()).well
    assert EpisodeKind.FULL in judged(world(a=gateway(figures=ROOMY))).well
