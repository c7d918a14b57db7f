"""Instance incidents that no API call causes: crashes, lost power, reclaimed spot capacity, maintenance."""

from __future__ import annotations

from dataclasses import replace

from natlab.cloud.ecs import exceptions
from natlab.cloud.ecs.machines import Machines
from natlab.cloud.ecs.models import OPEN_EVENTS, EventStatus, InstanceStatus, SystemEvent
from natlab.cloud.kernel.locking import locked

RECYCLING = "Recycling"


class Ecs(Machines):
    """Instances and their misfortunes: what `cloud.ecs` is."""

    @locked
    def crash(self, instance_id: str) -> None:
        """The guest is dead, and ECS does not notice: status stays Running, no event ever comes."""
        self.instance(instance_id)
        self._cloud.data_plane.power_off(instance_id, hard=True)

    @locked
    def find_health(self, instance_id: str, health: str) -> None:
        """ECS finds something about an instance, such as Warning; it runs as before, and no event comes."""
        self._state.instances.put(instance_id, replace(self.instance(instance_id), health=health))

    @locked
    def power_loss(self, instance_id: str) -> None:
        """The host goes dark at once; ECS notices after a while: Stopped, with its StateChange event."""
        self.instance(instance_id)
        self._cloud.data_plane.power_off(instance_id, hard=True)
        self._later(instance_id, "ecs.power_loss.noticed", lambda: self._become(instance_id, InstanceStatus.STOPPED))

    @locked
    def reclaim_spot(self, instance_id: str) -> None:
        """Notice now (event and Recycling lock); five minutes later the instance is stopped and deleted."""
        instance = self.instance(instance_id)
        self._state.instances.put(instance_id, replace(instance, locks=(RECYCLING,)))
        self._publish(
            "ecs:Instance:PreemptibleInstanceInterruption",
            instance_id,
            {"instanceId": instance_id, "action": "delete"},
        )
        # Not a turn of the instance: whatever it does meanwhile, its time runs out.
        self._cloud.clock.call_later(
            self._cloud.latencies.of("ecs.spot.notice"), lambda: self._reclaim_now(instance_id)
        )

    def _reclaim_now(self, instance_id: str) -> None:
        if instance_id not in self._state.instances or RECYCLING not in self.instance(instance_id).locks:
            return

        def stopped() -> None:
            self._become(instance_id, InstanceStatus.STOPPED)
            self._later(instance_id, "ecs.instance.delete", lambda: self.vanish(instance_id))

        self._go_down(instance_id, hard=True)
        self._later(instance_id, "ecs.instance.force_stop", stopped)

    @locked
    def schedule_maintenance(
        self,
        instance_id: str,
        kind: str = "SystemMaintenance.Reboot",
        not_before: float | None = None,
        *,
        simulated: bool = False,
    ) -> str:
        """A system event, Scheduled now and Executing at `not_before` (seconds; default: in an hour).

        A kind that ends in Stop leaves the instance Stopped, any other one restarts it.  A simulated event
        goes through its states and touches nothing (CreateSimulatedSystemEvents); a failure is not announced, so it
        is Executing at once.  Returns the event's id.
        """
        self.instance(instance_id)
        now = self._cloud.clock.now()
        if simulated and kind.startswith("SystemFailure"):
            not_before = now
        event = SystemEvent(
            id=self._cloud.ids.new("e"),
            instance_id=instance_id,
            kind=kind,
            status=EventStatus.SCHEDULED,
            published=now,
            not_before=now + 3600.0 if not_before is None else not_before,
            simulated=simulated,
        )
        self._set_event(event)
        self._cloud.clock.call_later((event.not_before or now) - now, lambda: self._execute(event.id))
        return event.id

    @locked
    def cancel_event(self, event_id: str) -> None:
        """A scheduled event will not happen; ApiError when it is over or unknown."""
        event = self._state.events.get(event_id)
        if event is None or event.status not in OPEN_EVENTS:
            raise exceptions.no_such_event()
        self._set_event(replace(event, status=EventStatus.CANCELED, finished=self._cloud.clock.now()))

    @locked
    def call_off(self, instance_id: str) -> None:
        """Nothing that was announced will happen: events are cancelled, spot capacity is not taken back."""
        self._state.instances.put(instance_id, replace(self.instance(instance_id), locks=()))
        for event in list(self._state.events.values()):
            if event.instance_id == instance_id and event.status is EventStatus.SCHEDULED:
                self.cancel_event(event.id)

    @locked
    def system_failure(self, instance_id: str, kind: str = "SystemFailure.Reboot") -> str:
        """The host breaks: the guest is dead at once, the event of that kind is Executing until it is back.

        Assumed: the status stays Running meanwhile (DescribeInstancesFullStatus says Impaired), and a
        StateChange to Running follows the recovery.  Returns the event's id.
        """
        instance = self.instance(instance_id)
        now = self._cloud.clock.now()
        self._state.instances.put(instance_id, replace(instance, health="Impaired"))
        self._cloud.data_plane.power_off(instance_id, hard=True)
        event = SystemEvent(
            id=self._cloud.ids.new("e"),
            instance_id=instance_id,
            kind=kind,
            status=EventStatus.EXECUTING,
            published=now,
            started=now,
        )
        self._set_event(event)

        def recovered() -> None:
            self._come_up(instance_id)
            self._finish(event.id)

        self._later(instance_id, "ecs.system_failure.recovery", recovered)
        return event.id

    def _execute(self, event_id: str) -> None:
        event = self._state.events.get(event_id)
        if event is None or event.status is not EventStatus.SCHEDULED:
            return  # avoided or cancelled
        self._set_event(replace(event, status=EventStatus.EXECUTING, started=self._cloud.clock.now()))
        instance_id = event.instance_id
        if event.simulated or instance_id not in self._state.instances:
            self._cloud.clock.call_later(
                self._cloud.latencies.of("ecs.maintenance.duration"), lambda: self._finish(event_id)
            )
            return
        stops = event.kind.endswith("Stop")

        def done() -> None:
            if stops:
                self._become(instance_id, InstanceStatus.STOPPED)
            else:
                self._come_up(instance_id)
            self._finish(event_id)

        if self.instance(instance_id).status is InstanceStatus.RUNNING:
            self._go_down(instance_id, hard=False)
        self._later(instance_id, "ecs.maintenance.duration", done)

    def _finish(self, event_id: str) -> None:
        event = self._state.events[event_id]
        if event.status is EventStatus.EXECUTING:
            self._set_event(replace(event, status=EventStatus.EXECUTED, finished=self._cloud.clock.now()))
