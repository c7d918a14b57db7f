"""More stories in which the simulation found a fault, the newest ones: each holds every rule now."""

from __future__ import annotations

import pytest

from tests.simulation.simulation import play
from tests.simulation.story import Happening, Story

FOUND = {
    "a route stayed on a gateway without an address, because a broken probe spoke against the other one": Story(
        351006766,
        "zones",
        3.2,
        (Happening(126, "loses its address", ("i-bravo",)), Happening(133, "probe is broken", (60.0,))),
        retries=0,
    ),
    "two deployments, one of them with a gateway more, led a route to and fro without end": Story(
        352000736,
        "two deployments",
        9.1,
        (
            Happening(88, "configuration changes", ("prod", "order", "i-alpha")),
            Happening(88, "route deleted", ("vtb-one",)),
            Happening(488, "configuration changes", ("prod", "replaced", "i-alpha")),
            Happening(488, "probe is broken", (60.0,)),
        ),
        retries=0,
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_since_stays_mended(what: str) -> None:
    """Its schedule in as few events as show it, played to the end."""
    assert play(FOUND[what]).broken is None
