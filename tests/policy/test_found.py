"""Where gateways are found by a tag and routes by where they lead: the printed policies suffice, and are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from natkeeper.cli.policies import Grant, Statement, grants
from natkeeper.domain.config import parse_config
from natlab.cloud.kernel.rpc import RpcService
from tests.policy.estate import FC, Estate, estate, taking

TAG = "natkeeper=found"
VIAS = ("oos", "assistant")


def settings(via: str, **more: Any) -> dict[str, Any]:
    """A group that lists nothing; the estate puts the id of its VPC there."""
    return {"vpc": "vpc-standin", "gateways": {"tag": TAG}, "routes": "all", "setup": {"via": via}, **more}


@contextmanager
def found(via: str = "oos", without: Callable[[Grant], Grant] = lambda grant: grant, **more: Any) -> Iterator[Estate]:
    """Serve an estate whose one group has found what the group `bare` would list."""
    with estate(without, only={"found": settings(via, **more)}) as place:
        ids = {"ResourceId.1": place.ids["c"], "ResourceId.2": place.ids["d"], "ResourceId.3": place.ids["f"]}
        tag = {"Tag.1.Key": "natkeeper", "Tag.1.Value": "found"}
        place.cloud.call(
            "ecs", "TagResources", {"RegionId": place.cloud.region, "ResourceType": "instance", **ids, **tag}
        )
        yield place


def sweep(place: Estate) -> dict[str, Any]:
    return place.run({"action": "sweep", "group": "found"}, "found")


def moves_a_found_route(place: Estate) -> None:
    """The gateway that carries it stops; a cold process finds all of it."""
    place.stop("c")
    receipt = sweep(place)
    assert place.hop("bare") == place.ids["d"], receipt


def replaces_a_found_route_that_is_not_changed_in_place(place: Estate) -> None:
    """Parts of the destination carry the traffic meanwhile."""
    place.cloud.vpc.routing.refused_in_place["*"] = "UnsupportedFeature.ModifyRouteEntryNextHop"
    receipt = place.run({"action": "switch", "group": "found"}, "found")
    for _ in range(15):
        place.let_pass(10)
        receipt = sweep(place)
        if place.hop("bare") == place.ids["d"] and place.cloud.vpc.route(place.ids["bare"], "0.0.0.0/1") is None:
            break
    assert place.hop("bare") == place.ids["d"], receipt


def sets_a_found_gateway_up(place: Estate) -> None:
    """A person asks, and a later run reads what came of it."""
    place.guests.broken.add(place.ids["d"])
    receipt = place.run({"action": "setup", "group": "found"}, "found")
    assert "started the setup" in str(receipt.get("did")), receipt
    place.let_pass(120)
    receipt = sweep(place)
    assert "masquerading is off" in str(receipt.get("problems")), receipt


def looks_from_a_found_gateway(place: Estate) -> None:
    """There is no probe, so the gateway itself looks after a move."""
    receipt = place.run({"action": "switch", "group": "found"}, "found")
    assert "itself was seen to reach the internet" in str(receipt.get("problems")), receipt


def starts_a_found_cold_standby(place: Estate) -> None:
    """Both that run stop; the third one, which was stopped, is started."""
    place.stop("c")
    place.stop("d")
    receipt = sweep(place)
    assert "started " in str(receipt.get("did")), receipt


FLOWS = (
    moves_a_found_route,
    replaces_a_found_route_that_is_not_changed_in_place,
    sets_a_found_gateway_up,
    looks_from_a_found_gateway,
    starts_a_found_cold_standby,
)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_with_exactly_the_printed_policies_everything_works(flow: Callable[[Estate], None], via: str) -> None:
    """Nothing is denied on the way."""
    with found(via, standby="cold") as place:
        flow(place)
        assert not [call for call in place.cloud.calls if "Forbidden" in call.error or "AccessDenied" in call.error]


def parts(via: str) -> list[tuple[str, int, str]]:
    """Each action of the statements that only groups which find something have."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"found": settings(via, standby="cold")}})
    return [
        (grant.key, number, action)
        for grant in grants(config).values()
        if grant.trusts == FC or grant.key == "oos"
        for number, statement in enumerate(grant.statements)
        if is_wide(statement)
        for action in statement.actions
    ]


def is_wide(statement: Statement) -> bool:
    """Return True if a statement reaches further than one for what is listed."""
    tagged = statement.condition is not None and statement.condition[1].startswith("acs:ResourceTag/")
    return tagged or any(each.endswith(("routetable/*", "command/*")) for each in statement.resources)


@pytest.mark.parametrize("via, key, number, action", [(via, *part) for via in VIAS for part in parts(via)], ids=str)
def test_without_any_one_of_the_wider_permissions_something_fails(via: str, key: str, number: int, action: str) -> None:
    """Each is needed by some flow."""
    failed = []
    for flow in FLOWS:
        with found(via, taking(key, number, action), standby="cold") as place:
            try:
                flow(place)
            except AssertionError:
                failed.append(flow.__name__)
        if failed:
            break
    assert failed


def test_the_tag_is_the_limit() -> None:
    """The role may run nothing on an instance without the tag, nor with another value, and start none."""
    with found(standby="cold") as place:
        key = place.cloud.accounts.assume_role("natkeeper-failover", service=FC)
        principal = place.cloud.accounts.issued(key.access_key_id)
        ecs = place.cloud.service("ecs")
        assert isinstance(ecs, RpcService)
        assert principal is not None
        may = place.cloud.ecs.instance(place.ids["d"]).id
        other = place.cloud.ecs.instance(place.ids["a"]).id
        for action in ("ecs:RunCommand", "ecs:StartInstance"):
            seen = {}
            for instance in (may, other):
                arn = f"acs:ecs:{place.cloud.region}:{place.cloud.account_id}:instance/{instance}"
                tags = ecs.context_of(arn)
                seen[instance] = place.cloud.accounts.authorize(principal.principal, action, arn, tags)
            assert seen == {may: True, other: False}


def test_a_group_that_lists_all_gets_nothing_wider() -> None:
    """Neither beside one that finds its gateways: its own stay named."""
    listed = {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}]}
    config = parse_config({"region": "cn-hangzhou", "groups": {"listed": listed}})
    assert not [s for s in grants(config)["function"].statements if s.condition and "ResourceTag" in s.condition[1]]
    assert "routetable/*" not in str(grants(config)["function"].document())
    both = parse_config({"region": "cn-hangzhou", "groups": {"listed": listed, "found": settings("oos")}})
    document = str(grants(both)["function"].document())
    assert "instance/i-gwa" in document
    assert "acs:ResourceTag/natkeeper" in document
