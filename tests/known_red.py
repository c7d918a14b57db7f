"""Tests that are red today, by name and reason: the list of what to mend first. Nothing is added to it lightly.

Each is expected to fail and may pass; what passes again leaves the list. The reasons were read off the failures and
are not proven: look again before you mend one.
"""

from __future__ import annotations

import pytest

_DRIFT = "a repair by turns is told later than these scenarios wait"
RED = {
    "tests/lab/test_scenarios.py::test_scenario_ends_well_in_the_lab[drift-": _DRIFT,
    "tests/lab/test_proxy.py": "its teardown leaves sockets of the guest open",
    "tests/simulation/test_stories.py::test_no_schedule_of_failures_breaks_a_rule": (
        "about one story in five hundred still breaks a rule since refusals are part of it"
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the tests of the list to fail."""
    for item in items:
        for name, reason in RED.items():
            if item.nodeid.startswith(name):
                skip = name == "tests/lab/test_proxy.py"  # an error at the end of a test cannot be expected
                item.add_marker(pytest.mark.skip(reason) if skip else pytest.mark.xfail(reason=reason, strict=False))
