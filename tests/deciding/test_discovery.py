"""What becomes of a reading: which instances are gateways, which entries are guarded, and what people are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.domain.config import Group, parse_config
from natkeeper.domain.discovery import (
    MOST,
    Finding,
    completed,
    completed_all,
    digest,
    found,
    in_words,
    lacking,
    not_found,
)
from natkeeper.domain.episodes import EpisodeKind, Trouble
from natkeeper.domain.ids import EntryId, InstanceId, TableId
from natkeeper.domain.memory import Memory, encode
from natkeeper.domain.observed import HopKind, NextHop, RouteEntry, TaggedInstance
from tests.deciding.worlds import NOON, A, B, C

VPC = "vpc-one"
NAMES = [InstanceId(f"i-{number:03}") for number in range(30)]
LISTED: dict[str, object] = {"gateways": [A, B], "routes": [{"table": "vtb-one"}]}


def group(**more: object) -> Group:
    settings = {"vpc": VPC, "gateways": {"tag": "natkeeper=prod"}, "routes": "all", "fallback": "ngw-last", **more}
    settings = {key: value for key, value in settings.items() if value is not None}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": settings}}).groups[0]


def tagged(name: str, day: int = 0) -> TaggedInstance:
    return TaggedInstance(InstanceId(name), NOON + timedelta(days=day))


def entry(to: str, table: str = "vtb-one", destination: str = "0.0.0.0/0", description: str = "") -> RouteEntry:
    kinds = {"n": HopKind.NAT_GATEWAY, "e": HopKind.NETWORK_INTERFACE}
    hop = NextHop(kinds.get(to[0], HopKind.INSTANCE), to)
    return RouteEntry(EntryId(f"rte-{table}"), TableId(table), destination, hop, description=description)


def words(to: str, policy: Group, owner: str = "") -> str:
    """What natkeeper writes in an entry that it leads to `to`."""
    return encode(Memory(since=NOON, by="auto", to=to, owner=owner or policy.owner), "moved")


def guarded(
    *entries: RouteEntry, policy: Group | None = None, owners: dict[str, InstanceId] | None = None
) -> list[str]:
    finding = Finding().with_tagged([tagged(A), tagged(B, 1)])
    whole = completed(policy or group(), finding)
    return [route.table for route in finding.with_entries(entries, whole, owners or {}).routes]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3)), unique_by=lambda one: one[0]), st.randoms())
def test_the_order_is_by_age_whatever_the_order_of_the_answer(listed: list[tuple[str, int]], chance: object) -> None:
    """Oldest first, and of the same age by id; never more than the bound."""
    readings = [tagged(name, day) for name, day in listed]
    shuffled = list(readings)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Finding().with_tagged(readings), Finding().with_tagged(shuffled)
    assert one == other
    assert [(g.created, g.id) for g in one.gateways] == sorted((g.created, g.id) for g in one.gateways)
    assert len(one.gateways) == min(len(listed), MOST)


def test_an_empty_answer_and_one_of_too_many_replace_nothing() -> None:
    """Both are told; the next good answer ends it."""
    before = Finding().with_tagged([tagged(A), tagged(B, 1)])
    for answer in ([], [tagged(name) for name in NAMES]):
        after = before.with_tagged(answer)
        assert after.gateways == before.gateways
        trouble = not_found(completed(group(routes=[{"table": "vtb-one"}]), after), after)
        assert trouble is not None
        assert A in trouble.left
        assert after.with_tagged([tagged(A)]).tagged is None


def test_the_bound_itself_is_not_too_many() -> None:
    """As many as a group takes are followed as they are, be it a cold process or not."""
    for before in (Finding(), Finding().with_tagged([tagged(A)])):
        after = before.with_tagged([tagged(name) for name in NAMES[:MOST]])
        assert (len(after.gateways), after.tagged) == (MOST, None)


def test_a_gateway_without_the_tag_is_former_while_it_carries() -> None:
    """And forgotten as soon as no route leads to it."""
    before = Finding().with_tagged([tagged(A), tagged(B, 1)])
    assert before.with_tagged([tagged(B, 1)], {A}).former == (A,)
    assert before.with_tagged([tagged(B, 1)], {B}).former == ()
    assert before.with_tagged([tagged(B, 1)], {A}).with_tagged([tagged(A), tagged(B, 1)], {A}).former == ()


def test_entries_that_lead_to_a_gateway_are_guarded_and_no_others() -> None:
    """Other destinations, other instances and the fallback by someone else's hand are not."""
    policy = group()
    assert guarded(entry(A), entry(B, "vtb-two"), entry(C, "vtb-three")) == ["vtb-one", "vtb-two"]
    assert guarded(entry(A, destination="10.9.0.0/16"), entry("ngw-last")) == []
    assert guarded(entry("ngw-last", description=words("ngw-last", policy))) == ["vtb-one"]
    assert guarded(entry("ngw-last", description=words("ngw-last", policy, owner="abcdef"))) == []


def test_an_entry_by_interface_is_guarded_by_its_owner() -> None:
    """The owner is known from the instances."""
    assert guarded(entry("eni-a1"), owners={"eni-a1": A}) == ["vtb-one"]
    assert guarded(entry("eni-a1")) == []


def test_a_bridge_alone_still_shows_that_a_table_is_guarded() -> None:
    """Killed while the entry is replaced: only its halves are there, and they say whose they are."""
    policy = group()
    half = entry(A, destination="0.0.0.0/1", description=words(A, policy))
    assert guarded(half) == ["vtb-one"]
    assert guarded(entry(A, destination="0.0.0.0/1")) == []
    assert guarded(entry(C, destination="0.0.0.0/1", description=words(C, policy))) == []
    assert guarded(replace(half, next_hop=None)) == []


def test_what_natkeeper_led_to_a_gateway_that_lost_its_tag_stays_guarded() -> None:
    """By the entry's own words."""
    assert guarded(entry(C, description=words(C, group()))) == ["vtb-one"]


def test_what_another_group_has_is_left_to_it() -> None:
    """Listed, or found by a group that stands before it."""
    listed = {"gateways": [A], "routes": [{"table": "vtb-one"}]}
    mine = {"vpc": VPC, "gateways": {"tag": "a=b"}, "routes": "all"}
    config = parse_config({"region": "cn-hangzhou", "groups": {"mine": mine, "listed": listed}})
    finding = Finding().with_tagged([tagged(A), tagged(B, 1)])
    config = completed_all(
        config, {"mine": finding.with_entries([entry(A), entry(B, "vtb-two")], completed(group(), finding), {})}
    )
    assert config.groups[0].gateways == (B,)
    assert config.groups[1].gateways == (A,)
    assert [route.table for route in config.groups[0].routes] == ["vtb-two"]
    lost = finding.with_tagged([tagged(C)])
    found_now = completed_all(config, {"mine": lost}).groups[0].finds
    assert found_now is not None
    assert found_now.former == (B,)


HAVE = f"in {VPC}, {A}, {B} have the tag natkeeper=prod and 0.0.0.0/0 in vtb-one, vtb-two leads to gateways"


@pytest.mark.parametrize(
    "known, cause",
    [
        ((), HAVE),
        ((A, B, "vtb-one", "vtb-two"), HAVE),
        ((A, "vtb-one", C, "vtb-x"), f"{HAVE}; new: {B}, vtb-two; no longer: {C}, vtb-x"),
    ],
)
def test_what_is_told_names_what_is_new_and_what_is_gone(known: tuple[str, ...], cause: str) -> None:
    """And what to do about it."""
    finding = Finding().with_tagged([tagged(A), tagged(B, 1)])
    entries = [entry(A), entry(B, "vtb-two")]
    whole = completed(group(), finding.with_entries(entries, completed(group(), finding), {}))
    todo = "if one should not be in prod: take the tag off it, or point its entry elsewhere"
    assert found(whole, known) == Trouble(EpisodeKind.FOUND, (A, B, "vtb-one", "vtb-two"), cause, todo=todo)
    assert lacking(whole) == ""


def test_one_gateway_alone_has_the_tag_and_nothing_is_told_of_lists() -> None:
    """In the singular; what is listed is no news."""
    one = completed(group(routes=[{"table": "vtb-one"}]), Finding().with_tagged([tagged(A)]))
    notice = found(one)
    assert notice is not None
    assert notice.cause == f"in {VPC}, {A} has the tag natkeeper=prod"
    assert found(group(vpc=None, **LISTED)) is None


def test_what_keeps_a_group_from_being_guarded_is_said() -> None:
    """No gateway, no route, or too many gateways."""
    finding = Finding().with_tagged([tagged(A), tagged(B, 1)])
    assert "no instance" in lacking(group())
    assert "no route table" in lacking(completed(group(), finding))
    many = finding.with_tagged([tagged(name) for name in NAMES])
    trouble = not_found(completed(group(routes=[{"table": "vtb-one"}]), many), many)
    assert trouble is not None
    assert trouble.left == f"its gateways stay {A}, {B}, and none is set up meanwhile"


def test_what_an_entry_remembers_of_found_things_is_the_same_in_every_release() -> None:
    """In any order; another value would tell people once more of all that they know."""
    assert digest((A, B)) == digest((B, A)) == "67f78d"
    assert digest((A, C)) != digest((A, B))


@pytest.mark.parametrize(
    "listed, words",
    [
        ((), "gateways with the tag natkeeper=prod and every entry for 0.0.0.0/0 that leads to a gateway in vpc-one"),
        (("routes",), "gateways with the tag natkeeper=prod in vpc-one"),
        (("gateways",), "every entry for 0.0.0.0/0 that leads to a gateway in vpc-one"),
        (("gateways", "routes"), ""),
    ],
)
def test_people_read_what_of_a_group_is_found(listed: tuple[str, ...], words: str) -> None:
    """Nothing of a group that lists what it has; such a group stays as it is, whatever is found."""
    vpc = {} if words else {"vpc": None}
    settings = {**vpc, **{key: LISTED[key] for key in listed}}
    policy = group(**settings)
    assert in_words(policy) == words
    if not words:
        assert completed(policy, Finding().with_tagged([tagged(C)])) == policy
