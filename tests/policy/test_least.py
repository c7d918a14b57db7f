"""The printed policies suffice for all that natkeeper does, and nothing in them is superfluous."""

from __future__ import annotations

import pytest

from natkeeper.cli.policies import grants
from tests.policy.estate import FLOWS, estate, failures, taking


def parts() -> list[tuple[str, int, str, str]]:
    """Each action of each statement of the roles: grant, place, action, purpose."""
    with estate() as place:
        found = grants(place.config)
    return [
        (grant.key, number, action, statement.purpose)
        for grant in found.values()
        if grant.trusts
        for number, statement in enumerate(grant.statements)
        for action in statement.actions
    ]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_with_exactly_the_printed_policies_everything_works(flow: object) -> None:
    """Route, EIP, fallback, bridge, looks, setups, notification, report: with least privilege."""
    assert callable(flow)
    with estate() as place:
        flow(place)
        denied = [call for call in place.cloud.calls if "Forbidden" in call.error or "AccessDenied" in call.error]
        assert not denied


@pytest.mark.parametrize("key, place, action, purpose", parts(), ids=str)
def test_without_any_one_permission_something_fails_and_says_so(
    key: str, place: int, action: str, purpose: str
) -> None:
    """Every action of every statement is needed; the failure names the action that is missing."""
    (failure,) = failures(taking(key, place, action))
    product, _, operation = action.partition(":")
    named = (action, f"{product}.{operation}", f"'{action}'")
    assert any(name in failure for name in named), failure


def test_without_the_right_to_change_an_entry_a_route_is_led_around_it() -> None:
    """By the real API's strictness: halves are created, the entry is replaced, and the receipt names the right."""
    change = "vpc:ModifyRouteEntry"
    ((key, number),) = {(key, number) for key, number, action, _ in parts() if action == change}
    with estate(taking(key, number, change)) as place:
        place.stop("a")
        receipt = place.run({"action": "sweep", "group": "full"})
        assert any(change in problem for problem in receipt["problems"]), receipt
        for _ in range(3):
            place.let_pass(10)
            receipt = place.run({"action": "sweep", "group": "full"})
        assert place.hop("full") == place.ids["b"], receipt
        assert place.cloud.vpc.eip(place.ids["eip"]).target_id == place.ids["b"], receipt
