"""`natkeeper doctor` names the tables behind which nothing has shown that private hosts reach the internet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.cli.doctor.facts import GroupFacts
from natkeeper.cli.doctor.findings import Finding
from natkeeper.cli.doctor.gateways import gateways
from natkeeper.ports import Failure, FailureKind, StartSetup
from tests.fakes.stage import TABLE, TABLE_2, A, B, Stage, group

EMPTY = GroupFacts({}, {}, [], {}, {}, {}, {}, {}, None, None, (), {})
SECOND = {"routes": [{"table": TABLE}, {"table": TABLE_2, "prefer": B}]}


def found(stage: Stage, ground: GroupFacts) -> list[Finding]:
    """What the doctor says of evidence."""
    return [each for each in gateways(stage.config.groups[0], ground) if each.about == "evidence"]


@pytest.mark.parametrize(
    "settings, tables", [({}, None), ({"probe": None}, TABLE), (SECOND, TABLE_2)], ids=["probe", "none", "one of two"]
)
def test_a_table_that_nobody_looked_through_is_named(settings: dict[str, object], tables: str | None) -> None:
    """No report at all: only the tables without a probe are named."""
    said = [each.says for each in found(Stage({"prod": group(**settings)}), EMPTY)]
    assert len(said) == (tables is not None)
    assert all(f"behind {tables} reach" in each for each in said)


def test_one_proof_of_the_last_day_is_enough_and_blindness_says_nothing() -> None:
    """What a setup proved counts, what could not be proven does not, and what cannot be read is said elsewhere."""
    stage = Stage({"prod": group(probe=None, setup={"mode": "apply"})})
    stage.cloud.unprovable = {A, B}
    stage.sweeps(2)
    assert stage.cloud.accepted(StartSetup)
    assert len(found(stage, replace(EMPTY, setups=tuple(stage.cloud.setups)))) == 1
    stage.cloud.unprovable = {A}
    stage.sweeps(12)
    assert found(stage, replace(EMPTY, setups=tuple(stage.cloud.setups))) == []
    assert found(stage, replace(EMPTY, setups=Failure(FailureKind.DENIED, "no"))) == []
