"""Which instances of a VPC have a tag?  Asked only where gateways are found by one.

A list may have holes, and what it lacks may be gone, or have lost the tag. An instance that was known is therefore
asked for by its id before the answer leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.ecs import IDS_PER_CALL
from natkeeper.alibaba.fields import optional, said, there, time_of
from natkeeper.alibaba.lean_imports import lean
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import TaggedInstance
from natkeeper.ports import ReadTagged

with lean("alibabacloud_ecs20140526"):
    from alibabacloud_ecs20140526 import models
    from alibabacloud_ecs20140526.client import Client

_UNKNOWN = datetime(9999, 1, 1, tzinfo=timezone.utc)
"""When an instance was created whose time cannot be read: after all others, so that it is nobody's home."""


def read_tagged(attempt: Attempt, call: ReadTagged) -> tuple[TaggedInstance, ...]:
    """Read the instances that `call` asks for (DescribeInstances with Tag and VpcId, all pages)."""
    request = models.DescribeInstancesRequest(
        region_id=attempt.region,
        vpc_id=call.vpc,
        tag=[models.DescribeInstancesRequestTag(key=call.key, value=call.value)],
        max_results=IDS_PER_CALL,
    )
    found = {one.id: one for one in map(_tagged, _listed(attempt, request))}
    lacking = [gateway for gateway in call.known if gateway not in found]
    for first in range(0, len(lacking), IDS_PER_CALL):
        some = json.dumps(lacking[first : first + IDS_PER_CALL])
        by_id = models.DescribeInstancesRequest(region_id=attempt.region, instance_ids=some, max_results=IDS_PER_CALL)
        for item in _listed(attempt, by_id):
            if _has(item, call):
                found[InstanceId(item.instance_id)] = _tagged(item)
    return tuple(found.values())


def _listed(
    attempt: Attempt, request: models.DescribeInstancesRequest
) -> Iterator[models.DescribeInstancesResponseBodyInstancesInstance]:
    while True:
        answer = attempt.clients.client(Client).describe_instances_with_options(request, attempt.options())
        body = there(answer.body, "body")
        yield from there(there(body.instances, "Instances").instance, "Instances.Instance")
        if not body.next_token:
            return
        request.next_token = body.next_token


def _has(item: models.DescribeInstancesResponseBodyInstancesInstance, call: ReadTagged) -> bool:
    """Return True if an instance that was asked for by id is of the VPC and has the tag."""
    where, listed = optional(item.vpc_attributes), optional(item.tags)
    tags = {(tag.tag_key, tag.tag_value) for tag in (listed.tag if listed else None) or ()}
    return where is not None and where.vpc_id == call.vpc and (call.key, call.value) in tags


def _tagged(item: models.DescribeInstancesResponseBodyInstancesInstance) -> TaggedInstance:
    name = InstanceId(said(there(item.instance_id, "InstanceId"), "InstanceId"))
    return TaggedInstance(name, time_of(item.creation_time) or _UNKNOWN)
