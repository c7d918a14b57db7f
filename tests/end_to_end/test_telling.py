"""A webhook can delay nothing and lose nothing but itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from natlab.scenarios import verdicts
from natlab.scenarios.catalogue import scenario
from natlab.scenarios.play import Setting, play
from natlab.scenarios.webhook import Webhook


def test_a_webhook_that_hangs_delays_no_failover(setting: Setting) -> None:
    """The route is safe, verified and accounted for, while the notification target does not answer."""
    stop = scenario("stop")
    unheard = replace(stop, script=stop.script[:-1], verdict=(verdicts.ends_at("gateway-b"), verdicts.verified))
    result = play(unheard, replace(setting, webhook=partial(Webhook, hangs=True)))
    assert result.reasons == ()
    assert result.evidence.told == ()
    (receipt,) = [each for each in result.figures.receipts if each["outcome"] == "changed"]
    assert "problems" not in receipt
