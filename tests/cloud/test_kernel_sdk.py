"""The official SDK clients, unmodified, against the local cloud over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi.utils_models import Config
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from Tea.exceptions import TeaException

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.latencies import Latencies

REGION = "cn-hangzhou"


@dataclass
class Sdk:
    cloud: Cloud
    vpc: VpcClient
    ecs: EcsClient
    vswitch: str
    table: str
    a: str
    b: str


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    cloud = Cloud(latencies=Latencies(scale=0.001))
    vpc = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.1.0/24")
    table = cloud.vpc.create_route_table(vpc, [vswitch])
    a, b = (cloud.ecs.create_instance(vswitch) for _ in range(2))
    cloud.vpc.add_route(table, "0.0.0.0/0", a)
    with cloud.serve() as endpoint:
        credentials = cloud.accounts.assume_role("natkeeper")
        config = Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=endpoint.removeprefix("http://"),
            protocol="http",
            region_id=REGION,
            connect_timeout=2000,
            read_timeout=5000,
        )
        yield Sdk(cloud, VpcClient(config), EcsClient(config), vswitch, table, a, b)
    cloud.close()


def test_the_vpc_client_moves_a_route(sdk: Sdk) -> None:
    """Read, modify in place, read back."""
    ask = vpc_models.DescribeRouteEntryListRequest(
        region_id=REGION, route_table_id=sdk.table, dest_cidr_block_list=["0.0.0.0/0"], max_result=100
    )
    (entry,) = sdk.vpc.describe_route_entry_list(ask).body.route_entrys.route_entry
    assert entry.next_hops.next_hop[0].next_hop_id == sdk.a
    sdk.vpc.modify_route_entry(
        vpc_models.ModifyRouteEntryRequest(
            region_id=REGION,
            route_entry_id=entry.route_entry_id,
            new_next_hop_id=sdk.b,
            new_next_hop_type="Instance",
            description="moved, ünd remembered: a=b&c",
        )
    )
    deadline = time.monotonic() + 10
    while entry.status != "Available" or entry.next_hops.next_hop[0].next_hop_id == sdk.a:
        assert time.monotonic() < deadline
        (entry,) = sdk.vpc.describe_route_entry_list(ask).body.route_entrys.route_entry
    assert (entry.next_hops.next_hop[0].next_hop_id, entry.description) == (
        sdk.b,
        "moved, ünd remembered: a=b&c",
    )
    assert {call.role for call in sdk.cloud.calls} == {"natkeeper"}


def test_the_ecs_client_reads_and_stops_instances(sdk: Sdk) -> None:
    """Lists, nested structures and repeated parameters arrive as they should."""
    ids = json.dumps([sdk.a, sdk.b])
    ask = ecs_models.DescribeInstancesRequest(region_id=REGION, instance_ids=ids, max_results=100)
    instances = sdk.ecs.describe_instances(ask).body.instances.instance
    assert [one.instance_id for one in instances] == [sdk.a, sdk.b]
    assert instances[0].vpc_attributes.v_switch_id == sdk.vswitch
    full = sdk.ecs.describe_instances_full_status(
        ecs_models.DescribeInstancesFullStatusRequest(region_id=REGION, instance_id=[sdk.a])
    )
    (status,) = full.body.instance_full_status_set.instance_full_status_type
    assert status.health_status.name == "Ok"
    sdk.ecs.stop_instances(ecs_models.StopInstancesRequest(region_id=REGION, instance_id=[sdk.a]))
    assert [call.action for call in sdk.cloud.calls][-1] == "StopInstances"


def test_a_refusal_reaches_the_client_with_code_and_request_id(sdk: Sdk) -> None:
    """As TeaException, the way the real cloud's do."""
    with pytest.raises(TeaException) as refusal:
        sdk.vpc.modify_route_entry(
            vpc_models.ModifyRouteEntryRequest(
                region_id=REGION, route_entry_id="rte-none", new_next_hop_id=sdk.b, new_next_hop_type="Instance"
            )
        )
    assert refusal.value.code == "InvalidRouteEntryId.NotFound"
    assert refusal.value.data["RequestId"]


def test_throttling_and_server_errors_reach_the_client(sdk: Sdk) -> None:
    """Each with its code; then the call goes through."""
    for fault, code in [(FaultKind.THROTTLE, "Throttling.User"), (FaultKind.SERVER_ERROR, "ServiceUnavailable")]:
        sdk.cloud.faults.add(CallFault(fault, count=1))
        with pytest.raises(TeaException) as refusal:
            sdk.ecs.describe_regions(ecs_models.DescribeRegionsRequest())
        assert refusal.value.code == code
    assert sdk.ecs.describe_regions(ecs_models.DescribeRegionsRequest()).body.regions.region


def test_an_eip_is_associated_through_the_client(sdk: Sdk) -> None:
    """Allocate, associate, read back."""
    allocated = sdk.vpc.allocate_eip_address(vpc_models.AllocateEipAddressRequest(region_id=REGION)).body
    sdk.vpc.associate_eip_address(
        vpc_models.AssociateEipAddressRequest(
            region_id=REGION, allocation_id=allocated.allocation_id, instance_id=sdk.a, instance_type="EcsInstance"
        )
    )
    ask = vpc_models.DescribeEipAddressesRequest(region_id=REGION, allocation_id=allocated.allocation_id)
    deadline = time.monotonic() + 10
    while sdk.cloud.vpc.eip(allocated.allocation_id).status.value != "InUse" and time.monotonic() < deadline:
        time.sleep(0.005)
    (eip,) = sdk.vpc.describe_eip_addresses(ask).body.eip_addresses.eip_address
    assert (eip.status, eip.instance_id) == ("InUse", sdk.a)
