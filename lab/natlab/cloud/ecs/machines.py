"""How does an instance come up, go down, and disappear?  With states over time, each with its event.

The data plane is switched where a real machine would feel it: off when Stopping begins, on when Starting ends.
Every change of status leaves on the event bus a little later.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from natlab.cloud.ecs import exceptions
from natlab.cloud.ecs.models import (
    EcsState,
    EventStatus,
    Instance,
    InstanceStatus,
    Interface,
    SecurityGroup,
    SystemEvent,
)
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import cloud_event, utc
from natlab.cloud.kernel.locking import locked

if TYPE_CHECKING:
    from natlab.cloud.ecs.context import EcsContext

_FIRST_HOST = 10
"""Private addresses that nobody chose begin at .10 of their vSwitch."""


class Machines:
    """Instances: setting them up, looking at them, and their ordinary life."""

    def __init__(self, cloud: EcsContext, state: EcsState) -> None:
        self._cloud = cloud
        self._state = state

    # -------------------------------------------------------------------- setting up and looking

    @locked
    def create_instance(
        self,
        vswitch: str,
        private_ip: str = "",
        *,
        public_ip: str | None = None,
        zone: str = "",
        spot: bool = False,
        running: bool = True,
        name: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """An instance that is there at once, without events; returns its id.

        `public_ip` is an address of its own ("" takes the next free one, None means none); an EIP is bound with
        `cloud.vpc.allocate_eip(instance_id)`.
        """
        cloud, now = self._cloud, self._cloud.clock.now()
        network = cloud.vpc.vswitch(vswitch)
        if public_ip == "":
            public_ip = cloud.vpc.addresses.new_public_ip()
        instance = Instance(
            id=cloud.ids.new("i"),
            name=name,
            status=InstanceStatus.RUNNING if running else InstanceStatus.STOPPED,
            private_ip=private_ip or self._free_ip(vswitch, network.cidr),
            vswitch_id=vswitch,
            vpc_id=network.vpc_id,
            zone=zone or network.zone,
            eni_id=cloud.ids.new("eni"),
            security_group_id=self._group_of(network.vpc_id).id,
            created=now,
            started=now,
            public_ip=public_ip or "",
            spot=spot,
        )
        mac = random.Random(instance.id).randbytes(3).hex(":")
        self._state.instances.put(instance.id, instance)
        self._state.interfaces.put(instance.eni_id, Interface(instance.eni_id, instance.id, f"00:16:3e:{mac}", now))
        if tags:
            self._state.tags.put(instance.id, dict(tags))
        cloud.data_plane.create_instance(instance.id, instance.private_ip, vswitch)
        if public_ip:
            cloud.data_plane.bind_address(instance.id, public_ip)
        if running:
            cloud.data_plane.power_on(instance.id)
        return instance.id

    @locked
    def attach_interface(self, instance_id: str) -> str:
        """A person attaches a further network interface in the instance's vSwitch; the id of it."""
        instance, ids = self.instance(instance_id), self._cloud.ids
        network = self._cloud.vpc.vswitch(instance.vswitch_id)
        eni, address = ids.new("eni"), self._free_ip(instance.vswitch_id, network.cidr)
        mac, now = random.Random(eni).randbytes(3).hex(":"), self._cloud.clock.now()
        self._state.interfaces.put(eni, Interface(eni, instance_id, f"00:16:3e:{mac}", now, secondary_ip=address))
        return eni

    def instance(self, instance_id: str) -> Instance:
        """An instance as it is now; ApiError when there is none."""
        found = self._state.instances.get(instance_id)
        if found is None:
            raise exceptions.no_such_instance()
        return found

    def status_of(self, instance_id: str) -> str | None:
        """Its status in the API's words; None when there is no such instance."""
        found = self._state.instances.get(instance_id)
        return None if found is None else found.status.value

    def vpc_of_instance(self, instance_id: str) -> str | None:
        """The VPC an instance is in; None when there is no such instance."""
        found = self._state.instances.get(instance_id)
        return None if found is None else found.vpc_id

    def vpc_of_interface(self, interface_id: str) -> str | None:
        """The VPC a network interface is in; None when there is no such interface."""
        interface = self._state.interfaces.get(interface_id)
        return None if interface is None else self.vpc_of_instance(interface.instance_id)

    def instance_of_interface(self, interface_id: str) -> str | None:
        """The instance that a network interface is attached to; None when there is no such interface."""
        interface = self._state.interfaces.get(interface_id)
        return None if interface is None else interface.instance_id

    def _interfaces_of(self, instance_id: str) -> list[str]:
        return [each.id for each in self._state.interfaces.values() if each.instance_id == instance_id]

    def check_settled(self, instance_id: str) -> None:
        """An EIP can be bound or released only while its instance is Running or Stopped."""
        found = self._state.instances.get(instance_id)
        if found is None:
            raise ApiError("InvalidInstance.NotExist", "The specified instance does not exist.")
        if found.status not in (InstanceStatus.RUNNING, InstanceStatus.STOPPED):
            raise ApiError("IncorrectInstanceStatus", "The status of the instance does not support this.")

    def check_can_take_eip(self, instance_id: str) -> None:
        """ApiError when an EIP can not be bound to it."""
        self.check_settled(instance_id)
        if self.instance(instance_id).public_ip:
            raise ApiError("EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", "The instance has a public IP address of its own.")

    def reset(self) -> None:
        """Forget every resource."""
        self._state.clear()

    # -------------------------------------------------------------------- the ordinary life; a dry run only checks

    @locked
    def start(self, instance_id: str, *, dry_run: bool = False) -> None:
        """StartInstance: Starting, then Running."""
        instance = self.instance(instance_id)
        if instance.status is not InstanceStatus.STOPPED:
            raise exceptions.wrong_status()
        if instance.locks:
            raise ApiError("InstanceLockedForSecurity", "The instance is locked.", 403)
        if dry_run:
            return
        self._become(instance_id, InstanceStatus.STARTING)
        self._later(instance_id, "ecs.instance.start", lambda: self._come_up(instance_id))

    @locked
    def stop(self, instance_id: str, *, force: bool = False, dry_run: bool = False) -> None:
        """StopInstance: Stopping, then Stopped; a machine that is already Stopped is not an error."""
        instance = self.instance(instance_id)
        if instance.status is InstanceStatus.STOPPED:
            return
        if instance.status is not InstanceStatus.RUNNING:
            raise exceptions.wrong_status()
        if dry_run:
            return
        self._go_down(instance_id, hard=force)
        latency = "ecs.instance.force_stop" if force else "ecs.instance.stop"
        self._later(instance_id, latency, lambda: self._become(instance_id, InstanceStatus.STOPPED))
        self._avoid_maintenance(instance_id)

    @locked
    def reboot(self, instance_id: str, *, force: bool = False, dry_run: bool = False) -> None:
        """RebootInstance: Stopping, Starting, then Running."""
        if self.instance(instance_id).status is not InstanceStatus.RUNNING:
            raise exceptions.wrong_status()
        if dry_run:
            return
        self._restart(instance_id, hard=force)
        self._avoid_maintenance(instance_id)

    @locked
    def delete(self, instance_id: str, *, force: bool = False, dry_run: bool = False) -> None:
        """DeleteInstance: only a Stopped one, or any with `force`; never one that is a next hop."""
        instance = self.instance(instance_id)
        if instance.status is not InstanceStatus.STOPPED and not force:
            raise exceptions.wrong_status()
        if any(map(self._cloud.vpc.is_next_hop, (instance_id, *self._interfaces_of(instance_id)))):
            raise exceptions.used_by_route()
        if dry_run:
            return
        if instance.status is not InstanceStatus.STOPPED:
            self._go_down(instance_id, hard=True)
        self._later(instance_id, "ecs.instance.delete", lambda: self.vanish(instance_id))

    @locked
    def vanish(self, instance_id: str) -> None:
        """The instance is gone, now."""
        instance = self.instance(instance_id)
        self._begin(instance_id)
        self._cloud.vpc.addresses.release_from(instance_id)
        if instance.public_ip:
            self._cloud.data_plane.unbind_address(instance_id, instance.public_ip)
        self._cloud.data_plane.destroy_instance(instance_id)
        self._state.instances.remove(instance_id)
        for interface in self._interfaces_of(instance_id):
            self._state.interfaces.remove(interface)
        if instance_id in self._state.tags:
            self._state.tags.remove(instance_id)
        self._publish_state(instance_id, "Deleted")

    # -------------------------------------------------------------------- transitions

    def _restart(self, instance_id: str, *, hard: bool) -> None:
        def starting() -> None:
            self._become(instance_id, InstanceStatus.STARTING)
            self._later(instance_id, "ecs.instance.reboot.starting", lambda: self._come_up(instance_id))

        self._go_down(instance_id, hard=hard)
        self._later(instance_id, "ecs.instance.reboot.stopping", starting)

    def _go_down(self, instance_id: str, *, hard: bool) -> None:
        self._become(instance_id, InstanceStatus.STOPPING)
        self._cloud.data_plane.power_off(instance_id, hard=hard)

    def _come_up(self, instance_id: str) -> None:
        now = self._cloud.clock.now()
        self._state.instances.put(instance_id, replace(self.instance(instance_id), started=now, health=""))
        self._become(instance_id, InstanceStatus.RUNNING)
        self._cloud.data_plane.power_on(instance_id)

    def _become(self, instance_id: str, status: InstanceStatus) -> None:
        self._state.instances.put(instance_id, replace(self.instance(instance_id), status=status))
        self._publish_state(instance_id, status.value)

    def _begin(self, instance_id: str) -> int:
        turn = self._state.turns.get(instance_id, 0) + 1
        self._state.turns[instance_id] = turn
        return turn

    def _later(self, instance_id: str, latency: str, action: Callable[[], None]) -> None:
        """Go on after a while, unless the instance has begun something else by then or is gone."""
        turn = self._begin(instance_id)

        def go_on() -> None:
            if self._state.turns.get(instance_id) == turn and instance_id in self._state.instances:
                action()

        self._cloud.clock.call_later(self._cloud.latencies.of(latency), go_on)

    # -------------------------------------------------------------------- events

    def _publish_state(self, instance_id: str, state: str) -> None:
        self._publish(
            "ecs:Instance:StateChange",
            instance_id,
            {"resourceId": instance_id, "resourceType": "ALIYUN::ECS::Instance", "state": state},
        )

    def _subject(self, instance_id: str) -> str:
        """What an event's subject names is not published: a reading."""
        cloud = self._cloud
        arn = f"acs:ecs:{cloud.region}:{cloud.account_id}:instance/{instance_id}"
        return {"arn": arn, "id": instance_id}.get(cloud.readings["event-subject"], "")

    def _publish(self, event_type: str, instance_id: str, data: Mapping[str, object]) -> None:
        cloud = self._cloud
        event = cloud_event(
            event_id=cloud.ids.uuid("event"),
            source="acs.ecs",
            event_type=event_type,
            subject=self._subject(instance_id),
            at=cloud.clock.now(),
            data=data,
            account_id=cloud.account_id,
            region=cloud.region,
        )
        cloud.clock.call_later(cloud.latencies.of("event.ecs.publish"), lambda: cloud.publish(event))

    def _publish_system_event(self, event: SystemEvent) -> None:
        data: dict[str, object] = {
            "eventId": event.id,
            "instanceId": event.instance_id,
            "eventType": event.kind,
            "eventStatus": event.status.value,
            "publishTime": utc(event.published),
        }
        moments = {
            "notBefore": event.not_before,
            "executeStartTime": event.started,
            "executeFinishTime": event.finished,
        }
        data.update({name: utc(moment) for name, moment in moments.items() if moment is not None})
        self._publish(f"ecs:Instance:{event.kind}", event.instance_id, data)

    def _set_event(self, event: SystemEvent) -> None:
        self._state.events.put(event.id, event)
        self._publish_system_event(event)

    def _avoid_maintenance(self, instance_id: str) -> None:
        """Who restarts the instance before the platform does has made the maintenance unnecessary."""
        for event in list(self._state.events.values()):
            if event.instance_id == instance_id and event.status is EventStatus.SCHEDULED:
                self._set_event(replace(event, status=EventStatus.AVOIDED))

    # -------------------------------------------------------------------- what an instance needs around it

    @locked
    def group_in(self, vpc_id: str) -> str:
        """The id of the default security group of a VPC, which is made at first need."""
        return self._group_of(vpc_id).id

    @locked
    def vpc_of_group(self, group_id: str) -> str:
        """The VPC of a security group; empty where there is no such group."""
        group = self._state.groups.get(group_id)
        return group.vpc_id if group else ""

    def _group_of(self, vpc_id: str) -> SecurityGroup:
        for group in self._state.groups.values():
            if group.vpc_id == vpc_id:
                return group
        cidr = self._cloud.vpc.vpc(vpc_id).cidr
        group = SecurityGroup(self._cloud.ids.new("sg"), "default", vpc_id, cidr, self._cloud.clock.now())
        self._state.groups.put(group.id, group)
        return group

    def _free_ip(self, vswitch: str, cidr: str) -> str:
        there = {other.id: other.private_ip for other in self._state.instances.values() if other.vswitch_id == vswitch}
        more = {each.secondary_ip for each in self._state.interfaces.values() if each.instance_id in there}
        taken = {*there.values(), *more}
        network = ipaddress.ip_network(cidr)
        for offset in range(_FIRST_HOST, network.num_addresses - 6):
            if (address := str(network[offset])) not in taken:
                return address
        raise ApiError("InvalidVSwitchId.IpNotEnough", "The vSwitch has no free address.", 403)
