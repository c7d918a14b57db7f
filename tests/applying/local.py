"""The real adapters against the served local cloud, on one virtual clock: pauses cost no time and are exact."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import NextHop
from natkeeper.ports import Call
from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult, NullDataPlane
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.faults import CallFault, FaultKind

DEADLINE_S = 30.0


class LocalGuests(NullDataPlane):
    """Guests that answer every script with `prints` and `exit_code`, and remember what they were given."""

    def __init__(self) -> None:
        self.prints: Callable[[str], bytes] = lambda _instance: b""
        self.exit_code = 0
        self.scripts: list[tuple[str, bytes]] = []
        self.timeouts: list[float] = []

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        self.scripts.append((instance_id, script))
        self.timeouts.append(timeout_s)
        done(CommandResult(self.exit_code, self.prints(instance_id)))


@dataclass
class Local:
    """A VPC with two gateways, a default route through the first, and the adapter that looks after it."""

    cloud: Cloud
    time: VirtualClock
    guests: LocalGuests
    vpc: str
    table: TableId
    first: InstanceId
    second: InstanceId
    adapter: AlibabaCloud
    pauses: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.now(), timezone.utc)

    def ask(self, *calls: Call[Any], within: float = DEADLINE_S) -> list[Any]:
        """Perform one batch."""
        return list(self.adapter.perform(calls, self.now() + timedelta(seconds=within)))

    def one(self, call: Call[Any], within: float = DEADLINE_S) -> Any:
        """Perform one call."""
        return self.ask(call, within=within)[0]

    def advance(self, seconds: float) -> None:
        with self.cloud.lock:
            self.time.advance(seconds)

    def fault(self, kind: FaultKind, action: str = "*", count: int | None = 1, **more: Any) -> None:
        self.cloud.faults.add(CallFault(kind, action=action, count=count, **more))

    def asked(self, action: str = "") -> list[str]:
        """The actions that were called, oldest first; only `action` if given."""
        return [call.action for call in self.cloud.calls if action in ("", call.action)]

    def hop(self) -> str:
        """Where the default route goes now."""
        entry = self.cloud.vpc.route(self.table)
        assert entry is not None
        return entry.next_hop.id

    def to(self, gateway: InstanceId) -> NextHop:
        return NextHop.gateway(gateway)


@contextmanager
def local_cloud(readings: Mapping[str, str] | None = None) -> Iterator[Local]:
    """Serve a local cloud for one test; `readings` say how it is where the platform's documents leave that open."""
    time, guests, pauses = VirtualClock(), LocalGuests(), list[float]()
    cloud = Cloud(clock=time, data_plane=guests, readings=readings)
    vpc = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
    first, second = (cloud.ecs.create_instance(vswitch, public_ip="") for _ in range(2))
    table = cloud.vpc.system_table(vpc)
    cloud.vpc.add_route(table, "0.0.0.0/0", first)
    issued = cloud.accounts.assume_role("natkeeper-failover")
    key = Credentials(issued.access_key_id, issued.access_key_secret, issued.security_token)
    pausing = threading.Lock()

    def pause(seconds: float) -> None:
        with pausing, cloud.lock:
            pauses.append(seconds)
            time.advance(seconds)

    with cloud.serve() as endpoint:
        adapter = AlibabaCloud(
            cloud.region,
            lambda: key,
            endpoint,
            clock=lambda: datetime.fromtimestamp(time.now(), timezone.utc),
            sleeper=pause,
            chance=random.Random(1),
        )
        gateways = InstanceId(first), InstanceId(second)
        yield Local(cloud, time, guests, vpc, TableId(table), *gateways, adapter, pauses)
    cloud.close()
