"""What the RPC products take where only certain words are allowed: a refusal of one more would not be missed elsewhere.

The words are those of Alibaba's descriptions of each parameter.
"""

from __future__ import annotations

import pytest

from tests.cloud.worlds import CloudWorld, build

WORDS = {
    ("ecs", "DescribeInstances", "Status"): "Pending Starting Running Stopping Stopped",
    ("ecs", "DescribeInstances", "LockReason"): "financial security Recycling dedicatedhostfinancial refunded",
    ("ecs", "DescribeInstances", "InstanceNetworkType"): "vpc classic",
    ("ecs", "DescribeSecurityGroupAttribute", "NicType"): "internet intranet",
    ("vpc", "DescribeRouteEntryList", "RouteEntryType"): "Custom System BGP CEN ECR",
    ("vpc", "DescribeRouteEntryList", "IpVersion"): "IPv4 ipv4 IPv6 ipv6",
    ("vpc", "DescribeEipAddresses", "Status"): "Available Associating InUse Unassociating",
    ("vpc", "DescribeEipAddresses", "AssociatedInstanceType"): (
        "EcsInstance SlbInstance Nat HaVip NetworkInterface IpAddress"
    ),
    ("oos", "ListExecutions", "SortOrder"): "Ascending Descending",
}


@pytest.fixture(scope="module")
def town() -> CloudWorld:
    return build()


@pytest.mark.parametrize(
    "product, action, name, word", [(*asked, word) for asked, words in WORDS.items() for word in words.split()]
)
def test_each_word_that_is_allowed_is_taken(town: CloudWorld, product: str, action: str, name: str, word: str) -> None:
    """It narrows the answer down, which may then be empty."""
    about = {
        "DescribeSecurityGroupAttribute": {"SecurityGroupId": town.cloud.ecs.group_in(town.vpc)},
        "DescribeRouteEntryList": {"RouteTableId": town.table},
    }
    assert town.call(product, action, **about.get(action, {}), **{name: word})["RequestId"]
