"""What a group costs that finds its gateways and routes: one read a sweep, nothing in a failover of a warm process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.failover.run import Told
from natlab.bench.worlds import world
from natlab.cloud.cloud import Cloud
from tests.budget.many import Many, many
from tests.budget.test_calls import READS
from tests.budget.test_start import failed_over

CREATED = {"source": "acs.ecs", "type": "ecs:Instance:StateChange", "id": "1", "specversion": "1.0"}


@pytest.fixture
def found() -> Iterator[Many]:
    """One group whose two gateways have a tag, and whose VPC has two route tables."""
    with many(1) as built:
        (group,) = built.groups
        settings = tagged(built.cloud, group.gateways)
        built.config = parse_config({"region": built.cloud.region, "groups": {group.name: settings}})
        yield built


def tagged(cloud: Cloud, gateways: tuple[str, ...]) -> dict[str, Any]:
    """Tag gateways; return the settings that find them and their routes."""
    ids = {f"ResourceId.{number}": one for number, one in enumerate(gateways, 1)}
    tag = {"Tag.1.Key": "natkeeper", "Tag.1.Value": "prod"}
    cloud.call("ecs", "TagResources", {"RegionId": cloud.region, "ResourceType": "instance", **ids, **tag})
    vpc = cloud.ecs.instance(gateways[0]).vpc_id
    return {"vpc": vpc, "gateways": {"tag": "natkeeper=prod"}, "routes": "all"}


def warm(built: Many) -> None:
    for _ in range(3):
        built.sweep()
        built.advance(120)


def test_a_warm_process_fails_over_with_the_calls_of_a_list(found: Many) -> None:
    """Three reads and the write: what the sweep found is remembered."""
    warm(found)
    answer, made = found.stop(found.groups[0])
    assert [receipt.outcome for receipt in answer.receipts] == ["changed"]
    calls = [call.action for call in made]
    assert Counter(calls[:3]) == READS
    assert calls[3] == "ModifyRouteEntry"


def test_a_cold_process_needs_two_reads_more_and_each_table_of_the_vpc(found: Many) -> None:
    """The tag and the list of tables at once; then every table beside what a list would read; then the write."""
    warm(found)
    found.told = Told()
    answer, made = found.stop(found.groups[0])
    assert [receipt.outcome for receipt in answer.receipts] == ["changed"]
    calls = [call.action for call in made]
    assert Counter(calls[:2]) == Counter(DescribeInstances=1, DescribeRouteTableList=1)
    assert Counter(calls[2:6]) == READS + Counter(DescribeRouteEntryList=1)
    assert calls[6] == "ModifyRouteEntry"


def test_a_quiet_sweep_reads_the_tag_once(found: Many) -> None:
    """Besides what a list costs; and the tables every ten minutes, as any group's sweep looks for them."""
    warm(found)
    answer, made = found.sweep()
    assert {receipt.outcome for receipt in answer.receipts} == {"quiet"}
    assert made == READS + Counter(DescribeInstances=1, ListExecutions=1)


def test_a_stranger_s_event_costs_one_read_a_minute(found: Many) -> None:
    """However often its state changes."""
    warm(found)
    counts = []
    for state in ("Running", "Stopping", "Stopped"):
        _, made = found.send(CREATED | {"data": {"resourceId": "i-stranger", "state": state}})
        counts.append([call.action for call in made])
    assert counts == [["DescribeInstances"], [], []]


def test_the_bundle_carries_what_finding_needs(tmp_path: Path) -> None:
    """The SDK in it is cut down to what natkeeper's sources name: a cold process of it finds, and fails over."""
    with world(1) as around:
        (group,) = around.groups
        found = tagged(around.cloud, group.gateways)

        def config(**more: Any) -> dict[str, Any]:
            data: dict[str, Any] = around.config(**more)
            (settings,) = data["groups"].values()
            settings |= {**found, "probe": {**settings["probe"], "table": group.table}}
            return data

        ran = failed_over(
            cast("Any", SimpleNamespace(cloud=around.cloud, groups=around.groups, config=config)), tmp_path
        )
    (receipt,) = ran["answer"]["receipts"]
    assert any(deed.startswith("moved 0.0.0.0/0") for deed in receipt["did"]), receipt
