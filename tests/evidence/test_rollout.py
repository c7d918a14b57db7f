"""A changed setup never reaches all gateways at once: standbys first, one group first, and only for so long."""

from __future__ import annotations

import pytest

from natkeeper.ports import StartSetup
from tests.fakes import cloud
from tests.fakes.stage import A, B, C, Stage, group

FORWARD = {"port": 8443, "to": "10.0.1.20:443"}
SETUP = {"mode": "apply", "every": "10m"}


def started(stage: Stage, since: int) -> list[tuple[str, ...]]:
    """The gateways of every setup that was started since a batch."""
    return [call.gateways for call in stage.cloud.accepted(StartSetup, since)]


def change(stage: Stage, **more: object) -> int:
    """Change the configuration of the one group; returns the number of the next batch."""
    stage.config = Stage({"prod": group(setup=SETUP, **more)}).config
    return len(stage.cloud.batches)


def test_changed_forwards_reach_the_standby_first() -> None:
    """The active gateway is changed by the sweep that reads the standby's good and proven report."""
    stage = Stage({"prod": group(setup=SETUP)})
    stage.sweeps(3)
    since = change(stage, forwards=[FORWARD])
    stage.sweeps(1)
    assert started(stage, since) == [(B,)]
    stage.sweeps(3)
    assert started(stage, since) == [(B,), (A,)]


def test_a_change_that_no_standby_proves_goes_on_after_two_rounds_and_is_told() -> None:
    """The proof cannot be had on B: A waits for twenty minutes, and then people are told that it goes on unproven."""
    stage = Stage({"prod": group(setup=SETUP)})
    stage.sweeps(3)
    stage.cloud.unprovable = {B}
    since = change(stage, forwards=[FORWARD])
    stage.sweeps(15)
    assert all(A not in gateways for gateways in started(stage, since))
    stage.sweeps(8)
    assert any(A in gateways for gateways in started(stage, since))
    assert any("goes on unproven" in receipt["sentence"] for receipt in stage.told_people())


def test_a_bad_change_stays_on_the_standby() -> None:
    """Its report says that private hosts behind it reach nothing: the active gateway keeps what works."""
    stage = Stage({"prod": group(gateways=[A, B, C], setup={**SETUP, "mode": "check"})})
    stage.sweeps(3)
    for gateway in (B, C):
        stage.machine(gateway).rules = False
    stage.config = Stage(
        {"prod": group(gateways=[A, B, C], setup={**SETUP, "mode": "check"}, forwards=[FORWARD])}
    ).config
    since = len(stage.cloud.batches)
    stage.sweeps(10)
    assert all(A not in gateways for gateways in started(stage, since))


def test_a_group_without_a_standby_waits_for_nobody() -> None:
    """There is nothing to try a change on."""
    stage = Stage({"prod": group(gateways=[A], setup=SETUP)})
    stage.sweeps(3)
    stage.config = Stage({"prod": group(gateways=[A], setup=SETUP, forwards=[FORWARD])}).config
    since = len(stage.cloud.batches)
    stage.sweeps(1)
    assert started(stage, since) == [(A,)]


def test_a_new_script_reaches_one_group_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade the second group is changed when a gateway of the first has proven the script."""
    groups = {
        "one": group(setup=SETUP),
        "two": group(gateways=["i-delta", "i-echo"], routes=[{"table": "vtb-two"}], setup=SETUP, probe=None),
    }
    stage = Stage(groups)
    stage.sweeps(3)
    since = len(stage.cloud.batches)
    monkeypatch.setattr("natkeeper.guest.script.script_hash", lambda: "a-new-one")
    monkeypatch.setattr(cloud, "script_hash", lambda: "a-new-one")
    stage.sweeps(1)
    assert started(stage, since) == [(B,)]
    stage.sweeps(6)
    order = [gateway for gateways in started(stage, since) for gateway in gateways]
    assert order[0] == B
    assert order.index("i-echo") < order.index("i-delta")
    assert set(order) == {A, B, "i-delta", "i-echo"}
