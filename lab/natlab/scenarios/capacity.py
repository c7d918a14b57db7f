"""Scenarios about how much a gateway takes: connections, ports to one destination, the size of packets."""

from __future__ import annotations

from typing import Final

from natlab.scenarios import steps, verdicts
from natlab.scenarios.network import NOTIFIES
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import InVain, Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.topology import A, B
from natlab.scenarios.verdicts import no_connection_lost, passes, verified

NARROW: Final = 1300
"""Bytes that a tunnel or a PPPoE line may be left with."""
_UPLOAD: Final = 100_000
_FULL: Final = "its table of connections was full"
_USED_UP: Final = "ports to 203.0.113.77:443/tcp"
_STAYS: Final = (passes(), verdicts.ends_at(A), verdicts.nothing_moved, no_connection_lost)


def _uploads(play: Play) -> None:
    """See that a private host behind every table can send more than one packet takes. Raises InVain."""
    for table, vswitch in play.world.vswitches.items():
        if not play.ground.uploads(vswitch, _UPLOAD):
            raise InVain(f"an upload of {_UPLOAD} bytes behind {table} did not arrive")


CAPACITY: Final[tuple[Scenario, ...]] = (
    Scenario(
        "full",
        "connection table full",
        "Private hosts fill the active gateway's table of connections, so new ones are dropped; the route must move, "
        "and people must be told why.",
        (
            breaks(
                f"the table of connections of {A} is full",
                lambda play: play.ground.by_hand(play.id(A)).fill_connections(),
            ),
            steps.until_at(B),
            steps.until_told("moved", "the internet is reached"),
            steps.until_people_told(_FULL, within_s=60.0, sweeping=True),
        ),
        (passes(B), verdicts.ends_at(B), verified, verdicts.outage_below(20.0), verdicts.people_told(_FULL)),
        policy={NOTIFIES: True},
        takes_s=25,
        extra=True,
    ),
    Scenario(
        "ports",
        "ports to one place used up",
        "Private hosts use every port that the active gateway has for one destination; others work, so nothing may "
        "move, and people must be told which destination.",
        (
            breaks(
                f"every port of {A} to one destination is used",
                lambda play: play.ground.by_hand(play.id(A)).use_up_ports(),
            ),
            then("ten minutes pass", steps.minutes_pass(10.5)),
            steps.until_people_told(_USED_UP, within_s=60.0, sweeping=True),
        ),
        (*_STAYS, verdicts.people_told(_USED_UP)),
        policy={NOTIFIES: True},
        takes_s=20,
        extra=True,
    ),
    Scenario(
        "mtu",
        "a narrow path",
        "The path to the internet takes 1300 bytes from now on; uploads must arrive, and nothing may move.",
        (
            breaks(f"the path takes {NARROW} bytes", lambda play: play.ground.narrow_internet(NARROW)),
            then("a private host sends more than that", _uploads),
            steps.pause(2.0),
        ),
        _STAYS,
        extra=True,
    ),
)
