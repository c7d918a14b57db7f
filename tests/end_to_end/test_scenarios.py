"""Every scenario, from the bundle that is uploaded to the packet of a private host."""

from __future__ import annotations

import pytest

from natlab.scenarios.catalogue import NAMES, SCENARIOS
from natlab.scenarios.play import Setting, play
from natlab.scenarios.scenario import Scenario
from tests.contract.watching import ContractWatch

KEYS = ["scenario", "ok", "outage_s", "detected_s", "decided_s", "routed_s", "verified", "next_hop", "receipts"]


@pytest.mark.parametrize("each", SCENARIOS, ids=NAMES)
def test_a_scenario_ends_well(each: Scenario, setting: Setting, contract_watch: ContractWatch) -> None:
    """natkeeper, deployed and left alone, puts it right; every exchange on the way is as Alibaba's metadata say."""
    result = play(each, setting)
    assert result.reasons == ()
    assert list(result.as_json()) == KEYS
    assert contract_watch.seen > 50
