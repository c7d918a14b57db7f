"""Is every exchange really seen, over HTTP and in process, success and refusal?"""

from __future__ import annotations

import dataclasses
import urllib.error
import urllib.request

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.rpc import JsonObject, RpcCall, RpcService
from tests.contract.watching import ContractWatch


@pytest.fixture
def watch(contract_watch: ContractWatch) -> ContractWatch:
    return contract_watch


def answer_with(cloud: Cloud, answer: JsonObject) -> None:
    """Make DescribeRegions answer something else."""
    service = cloud.service("ecs")
    assert isinstance(service, RpcService)

    def handler(_call: RpcCall) -> JsonObject:
        return answer

    service.operations["DescribeRegions"] = dataclasses.replace(service.operations["DescribeRegions"], handler=handler)


def test_a_departure_in_process_is_seen(watch: ContractWatch) -> None:
    """A field that no contract knows is noticed wherever the call came from."""
    cloud = Cloud(clock=VirtualClock())
    cloud.call("ecs", "DescribeRegions", {})
    assert (watch.seen, watch.problems) == (1, [])
    answer_with(cloud, {"Colour": "blue"})
    cloud.call("ecs", "DescribeRegions", {})
    seen, watch.problems = watch.problems, []
    assert seen == ["DescribeRegions: answer.Colour: not a field of this API"]
    cloud.close()


def test_a_refusal_is_checked_as_well(watch: ContractWatch) -> None:
    """A code that the API does not list is a departure."""
    cloud = Cloud(clock=VirtualClock())
    service = cloud.service("ecs")
    assert isinstance(service, RpcService)

    def refuse(_call: RpcCall) -> JsonObject:
        raise ApiError("RegionIsSad", "no")

    service.operations["DescribeRegions"] = dataclasses.replace(service.operations["DescribeRegions"], handler=refuse)
    with pytest.raises(ApiError):
        cloud.call("ecs", "DescribeRegions", {})
    seen, watch.problems = watch.problems, []
    assert len(seen) == 1
    assert "RegionIsSad" in seen[0]
    cloud.close()


def test_an_exchange_over_http_is_seen(watch: ContractWatch) -> None:
    """What the server answers, even to a request without a signature, goes through the checks."""
    cloud = Cloud(clock=VirtualClock())
    with cloud.serve() as endpoint, pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{endpoint}/?Action=DescribeRegions&Version=2014-05-26", timeout=10)  # noqa: S310 - loopback
    refusal.value.close()
    assert watch.seen == 1
    cloud.close()
