"""A whole drill: real systems, real packets, and the report of it."""

from __future__ import annotations

import pytest

from natkeeper.drill import figures, render
from natlab.drill.command import drill
from natlab.drill.measurement import Flows
from natlab.real.preflight import preflight
from natlab.scenarios.catalogue import scenario

_MISSING = " ".join(preflight())


@pytest.mark.lab
@pytest.mark.slow
@pytest.mark.skipif(bool(_MISSING), reason=_MISSING)
def test_connections_outlive_their_gateway_where_the_eip_follows() -> None:
    """All of them: busy, idle and UDP outwards, and those that came in by a forwarded port."""
    observed = drill(scenario("follow"), Flows(busy=10, idle=10, udp=2, inward=2)).observed
    found = figures(observed)
    assert found.reasons == ()
    assert (found.flows_survived, found.flows_total) == (26, 26)
    assert found.outage_s > 1.0
    assert None not in found.moments.values()
    assert found.ways["in the-eip"].lost < found.ways["in the-eip"].connections
    page = render(observed)
    assert "26 / 26" in page
    assert "EIP +" in page
