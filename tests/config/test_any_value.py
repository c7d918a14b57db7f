"""Whatever stands in a configuration is shown short, and is accepted or refused with its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.domain.config_errors import explain, show
from tests.config.test_refusals import A_TIME, forward, problems_of, refusals, with_group


def test_a_value_of_eighty_characters_is_shown_whole_and_a_longer_one_is_cut() -> None:
    """Quotes included."""
    assert show("x" * 78) == f"'{'x' * 78}'"
    assert show("x" * 79) == f"'{'x' * 78}…"


def test_of_several_kinds_of_value_each_is_allowed() -> None:
    """In our words, not msgspec's."""
    said = explain("groups.prod", {"every": []}, "Expected `int | str | null`, got `array` - at `$.every`", {}, {})
    assert str(said) == "groups.prod.every: got []; allowed: a whole number or a text"


@pytest.mark.parametrize("value", [10**5000, [[]] * 100, "x" * 1000], ids=["number", "list", "text"])
def test_values_are_shown_short(value: object) -> None:
    """A refusal fits on a line, whatever stands there."""
    assert len(show(value)) <= 80
    assert refusals(with_group(failback=value))


def test_a_list_within_itself_is_refused_like_any_other() -> None:
    """YAML can build it, and neither reading nor showing it may end in an error of Python's."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert refusals(with_group(failback=deep)) == [
        f"groups.prod.failback: got a list too long to show; allowed: `manual`, or {A_TIME}"
    ]


keys = st.sampled_from(
    [
        "region",
        "groups",
        "notify",
        "prod",
        "gateways",
        "routes",
        "table",
        "prefer",
        "address",
        "follow",
        "probe",
        "port",
    ]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=4)
    | st.dates()
    | st.sampled_from(["i-gwa", "vtb-main", "cn-hangzhou", "5m", "0.0.0.0/0", "ngw-one"])
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=5) | st.integers(), inner),
    max_leaves=15,
)


@given(anything, st.lists(st.sampled_from(["groups", "prod", "routes", "probe", "setup", "address", "forwards", 0])))
def test_anything_is_accepted_or_refused_with_its_path(data: Any, path: list[Any]) -> None:
    """Whatever YAML may hold: a configuration, or problems with a path, a value and what is allowed."""
    whole = with_group(forwards=forward(), probe={}, setup={}, address={"follow": "eip-one"})
    spot: Any = whole
    for key in path[:-1]:
        found = spot.get(key) if isinstance(spot, dict) else None
        spot = found if isinstance(found, dict) else spot
    if path and isinstance(spot, dict):
        spot[path[-1]] = data
    else:
        whole = data
    for problem in problems_of(whole):
        assert problem.path
        assert problem.value
        assert problem.allowed
        assert "\n" not in str(problem)
