"""Tests that are red today, by name and reason: the list of what to mend first. Nothing is added to it lightly.

Each is expected to fail and may pass; what passes again leaves the list. The reasons were read off the failures and
are not proven: look again before you mend one.
"""

from __future__ import annotations

import pytest

RED = {
    "tests/simulation/test_stories.py::test_no_schedule_of_failures_breaks_a_rule": (
        "about one story in a thousand still breaks a rule since refusals are part of it"
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the tests of the list to fail."""
    for item in items:
        for name, reason in RED.items():
            if item.nodeid.startswith(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
