"""What does each operation of the Ecs product do with its parameters?

Handlers translate between the wire and the product; what happens is in machines.py and incidents.py.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from natlab.cloud.ecs import exceptions
from natlab.cloud.ecs.incidents import Ecs
from natlab.cloud.ecs.models import OPEN_EVENTS, EcsState, Instance, InstanceStatus
from natlab.cloud.ecs.responses import EcsRenderer, health_of
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.paging import by_token, numbered
from natlab.cloud.kernel.rpc import JsonObject, RpcCall
from natlab.cloud.vpc.models import Eip

if TYPE_CHECKING:
    from natlab.cloud.ecs.context import EcsContext

Item = TypeVar("Item")
_SIMULATED_KINDS = frozenset(
    {
        "SystemMaintenance.Reboot",
        "SystemMaintenance.Redeploy",
        "SystemMaintenance.Stop",
        "SystemFailure.Reboot",
        "SystemFailure.Redeploy",
        "InstanceFailure.Reboot",
    }
)
_LOCK_REASONS = ("financial", "security", "Recycling", "dedicatedhostfinancial", "refunded")
_DEFAULT_ZONES = ("h", "i", "j", "k")


class EcsHandlers:
    """One method per operation."""

    def __init__(self, cloud: EcsContext, state: EcsState, ecs: Ecs) -> None:
        self._cloud = cloud
        self._state = state
        self._ecs = ecs

    def _render(self, call: RpcCall) -> EcsRenderer:
        return EcsRenderer(
            self._state, self._cloud.region, self._cloud.account_id, call.as_of, by_state=self._by_state()
        )

    def _by_state(self) -> bool:
        return self._cloud.readings.is_("health-status", "of-the-state")

    def _eip(self, call: RpcCall, instance: Instance) -> Eip | None:
        return self._cloud.vpc.addresses.eip_of(instance.id, call.as_of)

    def _instance(self, call: RpcCall, instance_id: str) -> Instance:
        found = self._state.instances.as_of(call.as_of).get(instance_id)
        if found is None:
            raise exceptions.no_such_instance()
        return found

    # -------------------------------------------------------------------- reading instances

    def describe_instances(self, call: RpcCall) -> JsonObject:
        values = call.values
        ids = values.json_texts("InstanceIds")
        addresses = values.json_texts("PrivateIpAddresses")
        if values.text("Status") not in ("", *(status.value for status in InstanceStatus)):
            raise ApiError("InvalidStatus.NotFound", "The specified Status does not exist.", 404)
        if values.text("LockReason") not in ("", *_LOCK_REASONS):
            raise ApiError("InvalidLockReason.NotFound", "The specified LockReason does not exist.", 404)
        if values.text("InstanceNetworkType") not in ("", "vpc", "classic"):
            raise ApiError("InvalidNetworkType.NotFound", "The specified InstanceNetworkType does not exist.", 404)
        tags = {_key(tag): tag.get("Value", tag.get("value")) for tag in values.structs("Tag")}
        render = self._render(call)
        own_tags = self._state.tags.as_of(call.as_of)
        found = [
            instance
            for instance in self._state.instances.as_of(call.as_of).values()
            if (ids is None or instance.id in ids)
            and (addresses is None or instance.private_ip in addresses)
            and values.text("Status") in ("", instance.status.value)
            and values.text("VpcId") in ("", instance.vpc_id)
            and values.text("VSwitchId") in ("", instance.vswitch_id)
            and values.text("ZoneId") in ("", instance.zone)
            and values.text("InstanceName") in ("", instance.name)
            and values.text("SecurityGroupId") in ("", instance.security_group_id)
            and values.text("InstanceNetworkType") in ("", "vpc")
            and (not values.text("LockReason") or values.text("LockReason") in instance.locks)
            and all(
                key in own_tags.get(instance.id, {}) and value in (None, own_tags[instance.id][key])
                for key, value in tags.items()
            )
        ]
        page, about = _either_paging(call, found)
        rendered = [render.instance(instance, self._eip(call, instance)) for instance in page]
        return {**about, "Instances": {"Instance": rendered}}

    def describe_instance_status(self, call: RpcCall) -> JsonObject:
        if call.values.text("ZoneId") not in ("", *self._zones()):
            raise ApiError("InvalidZoneId.NotFound", "The specified zone does not exist.", 404)
        found = self._selected(call)
        page, about = numbered(found, call.values)
        statuses = [{"InstanceId": instance.id, "Status": instance.status.value} for instance in page]
        return {**about, "InstanceStatuses": {"InstanceStatus": statuses}}

    def describe_instances_full_status(self, call: RpcCall) -> JsonObject:
        values = call.values
        kinds = set(values.texts("InstanceEventType"))
        if values.text("EventType"):
            kinds.add(values.text("EventType"))
        event_ids = set(values.texts("EventId"))
        found: list[Instance] = []
        for instance in self._selected(call):
            events = [
                event
                for event in self._state.events.as_of(call.as_of).values()
                if event.instance_id == instance.id and event.status in OPEN_EVENTS
            ]
            if event_ids and not any(event.id in event_ids for event in events):
                continue
            if kinds and not any(event.kind in kinds for event in events):
                continue
            if values.text("HealthStatus") not in ("", health_of(instance, events, by_state=self._by_state())):
                continue
            if values.text("Status") in ("", instance.status.value):
                found.append(instance)
        page, about = numbered(found, values)
        render = self._render(call)
        rendered = [render.full_status(instance) for instance in page]
        return {**about, "InstanceFullStatusSet": {"InstanceFullStatusType": rendered}}

    def _selected(self, call: RpcCall) -> list[Instance]:
        ids = set(call.values.texts("InstanceId"))
        return [
            instance
            for instance in self._state.instances.as_of(call.as_of).values()
            if (not ids or instance.id in ids) and call.values.text("ZoneId") in ("", instance.zone)
        ]

    def describe_instance_attribute(self, call: RpcCall) -> JsonObject:
        instance = self._instance(call, call.values.text("InstanceId"))
        return self._render(call).instance_attribute(instance, self._eip(call, instance))

    # -------------------------------------------------------------------- changing instances

    def start_instance(self, call: RpcCall) -> JsonObject:
        return self._one(call, self._ecs.start)

    def stop_instance(self, call: RpcCall) -> JsonObject:
        return self._one(call, partial(self._ecs.stop, force=call.values.boolean("ForceStop")))

    def reboot_instance(self, call: RpcCall) -> JsonObject:
        return self._one(call, partial(self._ecs.reboot, force=call.values.boolean("ForceStop")))

    def delete_instance(self, call: RpcCall) -> JsonObject:
        force = call.values.boolean("Force") or call.values.boolean("ForceStop")
        return self._one(call, partial(self._ecs.delete, force=force))

    def _one(self, call: RpcCall, action: Callable[..., None]) -> JsonObject:
        dry_run = call.values.boolean("DryRun")
        action(call.values.text("InstanceId"), dry_run=dry_run)
        if dry_run:
            raise exceptions.dry_run_passed()
        return {}

    def start_instances(self, call: RpcCall) -> JsonObject:
        return self._batch(call, self._ecs.start)

    def stop_instances(self, call: RpcCall) -> JsonObject:
        return self._batch(call, partial(self._ecs.stop, force=call.values.boolean("ForceStop")))

    def reboot_instances(self, call: RpcCall) -> JsonObject:
        return self._batch(call, partial(self._ecs.reboot, force=call.values.boolean("ForceReboot")))

    def delete_instances(self, call: RpcCall) -> JsonObject:
        force = call.values.boolean("Force") or call.values.boolean("ForceStop")
        self._batch(call, partial(self._ecs.delete, force=force))
        return {}

    def _batch(self, call: RpcCall, action: Callable[..., None]) -> JsonObject:
        ids = call.values.texts("InstanceId")
        before = {instance_id: self._ecs.instance(instance_id).status.value for instance_id in ids}
        if call.values.text("BatchOptimization", "AllTogether") == "AllTogether":
            for instance_id in ids:
                action(instance_id, dry_run=True)
        if call.values.boolean("DryRun"):
            raise exceptions.dry_run_passed()
        responses: list[JsonObject] = []
        for instance_id in ids:
            code, message = "200", "success"
            try:
                action(instance_id)
            except ApiError as refusal:
                code, message = refusal.code, refusal.message
            responses.append(
                {
                    "InstanceId": instance_id,
                    "Code": code,
                    "Message": message,
                    "PreviousStatus": before[instance_id],
                    "CurrentStatus": self._ecs.instance(instance_id).status.value,
                }
            )
        return {"InstanceResponses": {"InstanceResponse": responses}}

    # -------------------------------------------------------------------- interfaces and groups

    def describe_network_interfaces(self, call: RpcCall) -> JsonObject:
        values = call.values
        ids = set(values.texts("NetworkInterfaceId"))
        instances = self._state.instances.as_of(call.as_of)
        found = [
            interface
            for interface in self._state.interfaces.as_of(call.as_of).values()
            if (not ids or interface.id in ids)
            and values.text("InstanceId") in ("", interface.instance_id)
            and values.text("PrimaryIpAddress")
            in ("", interface.secondary_ip or instances[interface.instance_id].private_ip)
            and values.text("VSwitchId") in ("", instances[interface.instance_id].vswitch_id)
            and values.text("VpcId") in ("", instances[interface.instance_id].vpc_id)
            and values.text("Type") in ("", interface.kind)
            and values.text("Status") in ("", "InUse")
        ]
        page, about = _either_paging(call, found)
        render = self._render(call)
        rendered = [
            render.interface(interface, instance, self._eip(call, instance))
            for interface in page
            for instance in [instances[interface.instance_id]]
        ]
        return {**about, "NetworkInterfaceSets": {"NetworkInterfaceSet": rendered}}

    def modify_network_interface_attribute(self, call: RpcCall) -> JsonObject:
        values = call.values
        interface = self._state.interfaces.get(values.text("NetworkInterfaceId"))
        if interface is None:
            raise exceptions.no_such_interface()
        self._state.interfaces.put(
            interface.id,
            replace(
                interface,
                source_dest_check=values.boolean("SourceDestCheck", default=interface.source_dest_check),
                name=values.text("NetworkInterfaceName", interface.name),
                description=values.text("Description", interface.description),
            ),
        )
        return {}

    def describe_security_groups(self, call: RpcCall) -> JsonObject:
        values = call.values
        ids = values.json_texts("SecurityGroupIds")
        found = [
            group
            for group in self._state.groups.as_of(call.as_of).values()
            if (ids is None or group.id in ids)
            and values.text("SecurityGroupId") in ("", group.id)
            and values.text("SecurityGroupName") in ("", group.name)
            and values.text("VpcId") in ("", group.vpc_id)
        ]
        page, about = _either_paging(call, found, "InValidParameter.NextToken")
        render = self._render(call)
        groups = [render.group(group) for group in page]
        return {**about, "RegionId": self._cloud.region, "SecurityGroups": {"SecurityGroup": groups}}

    def describe_security_group_attribute(self, call: RpcCall) -> JsonObject:
        group = self._state.groups.as_of(call.as_of).get(call.values.text("SecurityGroupId"))
        if group is None:
            raise ApiError("InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.", 404)
        if call.values.text("NicType") not in ("", "internet", "intranet"):
            raise ApiError("InvalidNicType.ValueNotSupported", "The specified NicType is not supported.")
        return self._render(call).group_attribute(group, call.values.text("Direction", "all"))

    # -------------------------------------------------------------------- places

    def describe_regions(self, call: RpcCall) -> JsonObject:
        region = self._cloud.region
        one = {
            "RegionId": region,
            "RegionEndpoint": f"ecs.{region}.aliyuncs.com",
            "LocalName": region,
            "Status": "available",
        }
        return {"Regions": {"Region": [one]}}

    def describe_zones(self, call: RpcCall) -> JsonObject:
        rendered = [{"ZoneId": zone, "LocalName": zone, "ZoneType": "AvailabilityZone"} for zone in self._zones()]
        return {"Zones": {"Zone": rendered}}

    def _zones(self) -> list[str]:
        region = self._cloud.region
        return sorted({f"{region}-{letter}" for letter in _DEFAULT_ZONES}.union(self._cloud.vpc.zones()))

    # -------------------------------------------------------------------- simulated events

    def create_simulated_system_events(self, call: RpcCall) -> JsonObject:
        values = call.values
        if values.text("EventType") not in _SIMULATED_KINDS:
            raise ApiError("InvalidParameter", "The specified EventType is not valid.", 403)
        try:
            not_before = datetime.fromisoformat(values.text("NotBefore").replace("Z", "+00:00")).timestamp()
        except ValueError:
            raise ApiError("InvalidParameter", "The specified NotBefore is not valid.", 403) from None
        if not_before < self._cloud.clock.now():
            raise ApiError("InvalidNotBefore.Passed", "The specified NotBefore has passed.", 403)
        ids = values.texts("InstanceId")
        for instance_id in ids:
            self._ecs.instance(instance_id)
        created = [
            self._ecs.schedule_maintenance(instance_id, values.text("EventType"), not_before, simulated=True)
            for instance_id in ids
        ]
        return {"EventIdSet": {"EventId": created}}

    def cancel_simulated_system_events(self, call: RpcCall) -> JsonObject:
        ids = call.values.texts("EventId")
        for event_id in ids:
            event = self._state.events.get(event_id)
            if event is None or event.status not in OPEN_EVENTS:
                raise exceptions.no_such_event()
            if not event.simulated:
                raise ApiError("CannotCancelSystemEvent.NotSimulated", "Only simulated events can be cancelled.", 403)
        for event_id in ids:
            self._ecs.cancel_event(event_id)
        return {}

    # -------------------------------------------------------------------- tags

    def list_tag_resources(self, call: RpcCall) -> JsonObject:
        values = call.values
        kind = values.text("ResourceType")
        ids, wanted = set(values.texts("ResourceId")), values.structs("Tag")
        if not ids and not wanted:
            raise ApiError("BothEmpty.TagsAndResources", "ResourceId and Tag are both absent.", 403)
        found = [
            {"ResourceId": resource_id, "ResourceType": kind, "TagKey": key, "TagValue": value}
            for resource_id, tags in self._state.tags.as_of(call.as_of).items()
            if _kind(resource_id) == kind
            and (not ids or resource_id in ids)
            and all(tag.get("Key") in tags and tag.get("Value", "") in ("", tags[tag["Key"]]) for tag in wanted)
            for key, value in tags.items()
        ]
        page, token = by_token(found, values.text("NextToken"), 50, "Invalid.NextToken", 403)
        return {"NextToken": token, "TagResources": {"TagResource": page}}

    def tag_resources(self, call: RpcCall) -> JsonObject:
        new = {tag.get("Key", ""): tag.get("Value", "") for tag in call.values.structs("Tag")}
        if "" in new or any(key.startswith(("aliyun", "acs:")) for key in new):
            raise ApiError("InvalidTagKey.Malformed", "The specified tag key is not valid.")
        for resource_id in self._taggable(call):
            self._state.tags.put(resource_id, {**self._state.tags.get(resource_id, {}), **new})
        return {}

    def untag_resources(self, call: RpcCall) -> JsonObject:
        keys = set(call.values.texts("TagKey"))
        for resource_id in self._taggable(call):
            old = self._state.tags.get(resource_id, {})
            everything = call.values.boolean("All") and not keys
            kept = {} if everything else {key: value for key, value in old.items() if key not in keys}
            self._state.tags.put(resource_id, kept)
        return {}

    def _taggable(self, call: RpcCall) -> list[str]:
        kind = call.values.text("ResourceType")
        tables: dict[str, Container[str]] = {
            "instance": self._state.instances,
            "eni": self._state.interfaces,
            "securitygroup": self._state.groups,
        }
        if kind not in tables:
            raise ApiError("InvalidResourceType.NotFound", "The specified ResourceType does not exist.", 404)
        ids = call.values.texts("ResourceId")
        if any(resource_id not in tables[kind] for resource_id in ids):
            raise ApiError("InvalidResourceId.NotFound", "The specified ResourceId does not exist.", 404)
        return ids


def _either_paging(
    call: RpcCall, items: Sequence[Item], invalid_code: str = "InvalidNextToken"
) -> tuple[list[Item], JsonObject]:
    """MaxResults and NextToken when either is given, else PageNumber and PageSize."""
    values = call.values
    if "MaxResults" not in values and "NextToken" not in values:
        page, about = numbered(items, values)
        return page, {**about, "NextToken": ""}
    size = values.integer("MaxResults", 10)
    page, token = by_token(items, values.text("NextToken"), size, invalid_code)
    return page, {"NextToken": token, "TotalCount": len(items)}


def _key(tag: dict[str, str]) -> str:
    return tag.get("Key", tag.get("key", ""))


def _kind(resource_id: str) -> str:
    return {"i": "instance", "eni": "eni", "sg": "securitygroup"}.get(resource_id.partition("-")[0], "")
