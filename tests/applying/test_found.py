"""Reading what the configuration does not list: instances by tag and VPC, the tables of a VPC, on the local cloud."""

from __future__ import annotations

from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import TaggedInstance
from natkeeper.ports import ReadTagged, ReadVpcTables
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local


def tag(local: Local, *instances: str, value: str = "prod") -> None:
    ids = {f"ResourceId.{number}": one for number, one in enumerate(instances, 1)}
    given = {"Tag.1.Key": "natkeeper", "Tag.1.Value": value}
    local.cloud.call(
        "ecs", "TagResources", {"RegionId": local.cloud.region, "ResourceType": "instance", **ids, **given}
    )


def having(local: Local, *known: InstanceId) -> set[str]:
    (found,) = local.ask(ReadTagged(local.vpc, "natkeeper", "prod", known))
    assert all(isinstance(each, TaggedInstance) for each in found), found
    return {each.id for each in found}


def asked(local: Local) -> list[dict[str, str]]:
    return [dict(call.params) for call in local.cloud.calls if call.action == "DescribeInstances"]


def test_key_value_and_vpc_all_have_to_fit(local: Local) -> None:
    """An instance of another VPC with the tag, or of this one with another value, is none."""
    vswitch = local.cloud.vpc.create_vswitch(local.cloud.vpc.create_vpc(cidr="172.16.0.0/12"), "172.16.0.0/24")
    elsewhere = local.cloud.ecs.create_instance(vswitch)
    tag(local, local.first, elsewhere)
    tag(local, local.second, value="test")
    assert having(local) == {local.first}
    assert len(asked(local)) == 1


def test_every_page_is_read(local: Local) -> None:
    """A hundred instances are a page."""
    vswitch = local.cloud.ecs.instance(local.first).vswitch_id
    many = [local.cloud.ecs.create_instance(vswitch) for _ in range(120)]
    for first in range(0, 120, 40):
        tag(local, *many[first : first + 40])
    assert having(local) == set(many)
    assert len(asked(local)) == 2


def test_the_time_of_creation_is_read(local: Local) -> None:
    """By it, gateways are in order."""
    tag(local, local.first)
    (found,) = local.ask(ReadTagged(local.vpc, "natkeeper", "prod"))
    (one,) = found
    made = local.cloud.ecs.instance(local.first).created
    assert abs(one.created.timestamp() - made) < 60


def test_what_a_list_lacks_is_asked_for_by_id(local: Local) -> None:
    """A list that is out of date lacks a gateway; asked for by its id, it has the tag."""
    local.time.advance(600)
    tag(local, local.first)
    local.time.advance(5)
    local.fault(FaultKind.STALE_READ, "DescribeInstances", seconds=60)
    assert having(local, local.first) == {local.first}
    assert [set(params) & {"Tag.1.Key", "InstanceIds"} for params in asked(local)] == [{"Tag.1.Key"}, {"InstanceIds"}]


def test_one_without_the_tag_and_one_that_is_gone_are_left_out(local: Local) -> None:
    """Both were known, and both were asked for once more."""
    tag(local, local.first)
    assert having(local, local.second, InstanceId("i-gone")) == {local.first}
    assert len(asked(local)) == 2


def test_the_tables_of_a_vpc_and_of_no_other(local: Local) -> None:
    """The system's own table is among them: it may have custom entries too."""
    other = local.cloud.vpc.create_route_table(local.cloud.vpc.create_vpc(cidr="172.16.0.0/12"))
    more = local.cloud.vpc.create_route_table(local.vpc)
    (found,) = local.ask(ReadVpcTables(local.vpc))
    assert {local.table, more} <= set(found)
    assert other not in found
