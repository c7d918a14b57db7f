"""How long does each thing take?  Every assumed duration of the local cloud is a row of this one table.

Alibaba publishes almost none of these figures.  Where a row says "unpublished: assumed", it is our guess and
nothing may be concluded from it about the real cloud; tests and the demo scale the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Latency:
    """One row: `seconds` in the real cloud as far as known, `source` says how we know."""

    name: str
    seconds: float
    source: str


_ASSUMED = "unpublished: assumed"

TABLE: tuple[Latency, ...] = (
    Latency("api.round_trip", 0.0, "none added: clients of the local cloud sit on the same host"),
    # Vpc
    Latency("vpc.create_route_entry.task", 3.0, "PLATFORM: asynchronous, several seconds; figure assumed"),
    Latency("vpc.modify_route_entry.task", 1.0, _ASSUMED),
    Latency("vpc.delete_route_entry.task", 3.0, "PLATFORM: asynchronous, several seconds; figure assumed"),
    Latency(
        "vpc.route_entry.packets",
        0.0,
        "unpublished: assumed; from the end of a route task, as the API shows it, until packets follow",
    ),
    Latency("vpc.associate_route_table.task", 2.0, _ASSUMED),
    Latency("vpc.create_snat_entry.task", 3.0, _ASSUMED),
    Latency("vpc.associate_eip.task", 7.0, "PLATFORM: 7-8 s reported, more under concurrency"),
    Latency("vpc.unassociate_eip.task", 7.0, "PLATFORM: 7-8 s reported, more under concurrency"),
    # Ecs
    Latency("ecs.instance.start", 15.0, _ASSUMED),
    Latency("ecs.instance.stop", 10.0, _ASSUMED),
    Latency("ecs.instance.force_stop", 3.0, _ASSUMED),
    Latency("ecs.instance.reboot.stopping", 8.0, _ASSUMED),
    Latency("ecs.instance.reboot.starting", 12.0, _ASSUMED),
    Latency("ecs.instance.delete", 3.0, _ASSUMED),
    Latency("ecs.spot.notice", 300.0, "ECS documentation: a spot instance is released 5 minutes after its notice"),
    Latency("ecs.power_loss.noticed", 60.0, "unpublished: assumed; from a dark host to status Stopped"),
    Latency("ecs.maintenance.duration", 60.0, _ASSUMED),
    Latency("ecs.system_failure.recovery", 120.0, _ASSUMED),
    # Cloud Assistant
    Latency("ecs.assistant.delivery", 0.5, "unpublished: assumed; from the call to the agent on the instance"),
    Latency("ecs.assistant.delivery.timeout", 60.0, "InvocationStatus Aborted: not sent within one minute"),
    Latency("ecs.assistant.delivery.again", 5.0, "unpublished: assumed; between attempts to reach an agent"),
    Latency("ecs.assistant.report", 0.5, "unpublished: assumed; from the end of a script to its result"),
    # Oos
    Latency("oos.execution.start", 1.0, "PLATFORM: OOS adds seconds; figure assumed"),
    Latency("oos.task.start", 1.0, "PLATFORM: OOS adds seconds; figure assumed"),
    Latency("oos.poll", 2.0, "unpublished: assumed; between two looks at something a task waits for"),
    # Function Compute
    Latency(
        "fc.cold_start.platform",
        0.3,
        "unpublished: assumed; placing an instance and fetching its code, before the process itself starts",
    ),
    Latency("fc.async.dispatch", 0.05, "unpublished: assumed; from accepting a request to its first attempt"),
    Latency("fc.async.throttled_retry", 0.5, "PLATFORM: throttled requests after 0.5, 1, 2, 4 … s; the first"),
    Latency("fc.async.error_retry", 1.0, "unpublished: assumed; first wait after a failed function, then doubled"),
    Latency("fc.async.longest_retry", 300.0, "unpublished: assumed; where the doubling of waits ends"),
    # EventBridge
    Latency("eventbridge.delivery", 0.2, "unpublished: assumed; from the bus to a target's first attempt"),
    Latency("eventbridge.retry.backoff_min", 10.0, "PutTargets: BACKOFF_RETRY waits 10 to 20 s, three times"),
    Latency("eventbridge.retry.backoff_max", 20.0, "PutTargets: BACKOFF_RETRY waits 10 to 20 s, three times"),
    Latency("eventbridge.retry.exponential", 1.0, "PutTargets: EXPONENTIAL_DECAY_RETRY waits 1, 2, 4 … 512 s"),
    # Events
    Latency("event.ecs.publish", 1.0, "unpublished: assumed; from a change of state to the default event bus"),
    Latency("event.actiontrail.publish", 10.0, "PLATFORM: may be later than StateChange; figure assumed"),
    Latency("event.late", 30.0, "how late a late event of a fault is; ours"),
    Latency("actiontrail.history", 60.0, "unpublished: assumed; from the call to LookupEvents knowing it"),
)
"""Products add their rows here, in sections."""


@dataclass(frozen=True)
class Latencies:
    """The table, scaled.  An override is taken as it is, unscaled; a name that no row has is a KeyError."""

    scale: float = 1.0
    overrides: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.overrides) - set(_BY_NAME))
        if unknown:
            raise KeyError(f"no such latency: {', '.join(unknown)}")

    def of(self, name: str) -> float:
        """Seconds; KeyError for a name without a row."""
        row = _BY_NAME[name]
        return self.overrides.get(name, row.seconds * self.scale)


_BY_NAME: dict[str, Latency] = {row.name: row for row in TABLE}
KNOWN_LATENCIES = frozenset(_BY_NAME)
"""Every name."""
