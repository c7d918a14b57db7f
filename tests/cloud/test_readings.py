"""Readings: the ways that the local cloud can be, where the platform's documents leave it open."""

from __future__ import annotations

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.readings import SWITCHES, Readings, UnknownReading


def test_the_first_way_is_taken_unless_another_is_given() -> None:
    """One reading deviates, the others do not."""
    readings = Readings({"route-half": "black-listed"})
    assert readings["route-half"] == "black-listed"
    assert {name: way for name, way in readings.items() if name != "route-half"} == {
        name: ways[0] for name, ways in SWITCHES.items() if name != "route-half"
    }
    assert len(readings) == len(SWITCHES)


@pytest.mark.parametrize("given", [{"route-halves": "taken"}, {"route-half": "perhaps"}])
def test_what_does_not_exist_is_refused(given: dict[str, str]) -> None:
    """A misspelt reading would be one that nothing follows."""
    with pytest.raises(UnknownReading, match="route-half"):
        Readings(given)


def test_a_product_cannot_ask_for_a_way_that_does_not_exist() -> None:
    """The answer would always be no."""
    with pytest.raises(UnknownReading):
        Readings().is_("route-half", "perhaps")


def test_a_cloud_is_what_it_is_told_to_be() -> None:
    """The values are handed in; the cloud knows no others."""
    assert Cloud(readings={"bus-rules": "10"}).readings.is_("bus-rules", "10")
