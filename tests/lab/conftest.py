"""One lab per session, with the root filesystem from the cache; where there can be none, tests skip with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from natlab.real.dataplane import LabDataPlane
from natlab.real.preflight import preflight
from tests.lab.stage import A, B, LabStage

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there can be no lab, its tests are skipped, and say why."""
    ours = [item for item in items if _HERE in item.path.parents and item.get_closest_marker("lab")]
    missing = preflight() if ours else []
    for item in ours:
        if missing:
            item.add_marker(pytest.mark.skip(reason=" ".join(missing)))


@pytest.fixture(scope="session")
def bare() -> Iterator[LabStage]:
    """The lab with two booted gateways as their image left them."""
    with LabDataPlane() as lab:
        stage = LabStage(lab)
        stage.build()
        yield stage


@pytest.fixture(scope="session")
def first_reports(bare: LabStage) -> dict[str, object]:
    """What the script said when it met each bare gateway, and what the private host saw before."""
    before = bare.way_out(0.5)
    return {"before": before, **dict(zip((A, B), bare.set_up_all(), strict=True))}


@pytest.fixture
def stage(bare: LabStage, first_reports: dict[str, object]) -> Iterator[LabStage]:
    """The lab with both gateways set up and running and the route on A, before and after the test."""
    yield bare
    bare.lab.internet_up()
    for gateway in (A, B):
        bare.guest(gateway).thaw()
        bare.lab.power_on(gateway)
    bare.lab.settle()
    bare.route_to(A)
    assert bare.reaches_through(A), "a test left the lab worse than it was"
