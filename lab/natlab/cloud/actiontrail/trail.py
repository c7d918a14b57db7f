"""Who called what?  Write calls become audit events after a while, failed ones with their error code.

The event reports the request, not its outcome.  Reads and calls that never reached a product are not audited.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from natlab.cloud.actiontrail.models import TrailRecord
from natlab.cloud.kernel.events import cloud_event, utc
from natlab.cloud.kernel.gate import CallRecord
from natlab.cloud.kernel.rpc import RpcService

if TYPE_CHECKING:
    from natlab.cloud.kernel.context import CloudContext

HISTORY = 5_000
"""How many calls the history keeps."""
AUDITED = {"ecs": "2014-05-26", "vpc": "2016-04-28", "oos": "2019-06-01"}
_RESOURCES = {
    "i": "ACS::ECS::Instance",
    "eni": "ACS::ECS::NetworkInterface",
    "vtb": "ACS::VPC::RouteTable",
    "rte": "ACS::VPC::RouteEntry",
    "eip": "ACS::EIP::EipAddress",
    "ngw": "ACS::NAT::NatGateway",
    "vsw": "ACS::VPC::VSwitch",
    "vpc": "ACS::VPC::VPC",
}


class Trail:
    """The audit log of one cloud."""

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self.entries: deque[TrailRecord] = deque(maxlen=HISTORY)
        cloud.gate.observers.append(self.record)

    def record(self, call: CallRecord) -> None:
        """Called for every call; keeps and publishes the writes among them."""
        cloud = self._cloud
        service = cloud.service(call.product)
        if not isinstance(service, RpcService) or not service.is_write(call.action):
            return
        if call.error == "NoAnswer":
            return  # lost on the way there: the product never heard of it
        with cloud.lock:
            data = self._data(call)
            own = cloud.readings.is_("trail-types", "of-actiontrail")
            event = cloud_event(
                event_id=cloud.ids.uuid("trail"),
                source="acs.actiontrail" if own else f"acs.{call.product}",
                event_type=f"{'actiontrail' if own else call.product}:ActionTrail:ApiCall",
                subject=f"acs:{call.product}:{cloud.region}:{cloud.account_id}:{call.action}",
                at=call.at,
                data=data,
                account_id=cloud.account_id,
                region=cloud.region,
            )
            known_from = call.at + cloud.latencies.of("actiontrail.history")
            self.entries.append(TrailRecord(data, call.product, call.action, call.at, known_from))
            cloud.clock.call_later(cloud.latencies.of("event.actiontrail.publish"), lambda: cloud.publish(event))

    def _data(self, call: CallRecord) -> dict[str, object]:
        cloud = self._cloud
        referenced: dict[str, list[str]] = {}
        for value in call.params.values():
            kind = _RESOURCES.get(value.partition("-")[0])
            if kind is not None and "-" in value:
                referenced.setdefault(kind, []).append(value)
        data: dict[str, object] = {
            "eventId": cloud.ids.uuid("trail-event"),
            "eventName": call.action,
            "eventTime": utc(call.at),
            "eventType": "ApiCall",
            "eventCategory": "Management",
            "eventRW": "Write",
            "eventSource": f"{call.product}.{cloud.region}.aliyuncs.com",
            "eventVersion": "1",
            "apiVersion": AUDITED.get(call.product, ""),
            "serviceName": call.product.capitalize(),
            "acsRegion": cloud.region,
            "requestId": call.request_id,
            "referencedResources": referenced,
            "resourceType": next(iter(referenced), ""),
            "resourceName": next(iter(referenced.values()), [""])[0],
            "sourceIpAddress": "127.0.0.1",
            "userAgent": "",
            "isGlobal": False,
            "userIdentity": self._identity(call),
        }
        if cloud.readings.is_("trail-request", "carried"):
            data["requestParameters"] = dict(call.params)
        if call.error:
            data["errorCode"] = call.error
            data["errorMessage"] = call.message
        return data

    def _identity(self, call: CallRecord) -> dict[str, object]:
        account = self._cloud.account_id
        identity: dict[str, object] = {"accountId": account, "accessKeyId": call.access_key_id}
        if call.role is None:
            return {**identity, "type": "root-account", "principalId": account, "userName": "root"}
        return {
            **identity,
            "type": "assumed-role",
            "principalId": f"3{account[-15:]}:natlab",
            "userName": f"{call.role}:natlab",
        }

    def reset(self) -> None:
        """Forget the history."""
        self.entries.clear()
