"""Hundreds of groups in a local cloud, guarded by the real adapters in this process, on a clock that stands still."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.domain.config import Config, parse_config
from natkeeper.failover.run import Answer, Told, attend
from natkeeper.guest.template import oos_template
from natkeeper.ports import drive
from natlab.bench.worlds import Guarded, Paper, stopping
from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.gate import CallRecord
from natlab.cloud.kernel.latencies import Latencies

TIMER = {"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "sweep", "payload": ""}
RUN_FOR = timedelta(seconds=45)


@dataclass
class Many:
    """Groups of two gateways and one table, each in a VPC of its own."""

    cloud: Cloud
    time: VirtualClock
    groups: tuple[Guarded, ...]
    config: Config
    adapter: AlibabaCloud
    told: Told = field(default_factory=Told)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.now(), timezone.utc)

    def send(self, payload: object) -> tuple[Answer, list[CallRecord]]:
        """Invoke natkeeper once; returns its answer and the calls that it made itself, not OOS for it."""
        before = len(self.cloud.calls)
        run = attend(json.dumps(payload), self.config, "run", self.now, self.now() + RUN_FOR, self.told)
        answer = drive(run, self.adapter, self.now() + RUN_FOR)
        made = [call for call in list(self.cloud.calls)[before:] if (call.role or "").endswith("natkeeper-failover")]
        return answer, made

    def sweep(self) -> tuple[Answer, Counter[str]]:
        """Sweep as the timer does; returns how often each action was called."""
        answer, made = self.send(TIMER)
        return answer, Counter(call.action for call in made)

    def stop(self, group: Guarded) -> tuple[Answer, list[CallRecord]]:
        """Stop the gateway that carries a group's route, and deliver the event."""
        with self.cloud.lock:
            self.cloud.ecs.stop(group.gateways[0])
        return self.send(stopping(group.gateways[0]))

    def advance(self, seconds: float) -> None:
        with self.cloud.lock:
            self.time.advance(seconds)


@contextmanager
def many(groups: int, **policy: Any) -> Iterator[Many]:
    """Serve a cloud with so many groups, all well."""
    time = VirtualClock()
    cloud = Cloud(clock=time, data_plane=Paper(), latencies=Latencies(0.01))
    region = cloud.region
    cloud.call("oos", "CreateTemplate",
               {"RegionId": region, "TemplateName": "natkeeper-gateway-setup", "Content": oos_template()})  # fmt: skip
    built = tuple(_built(cloud, number) for number in range(groups))
    issued = cloud.accounts.assume_role("natkeeper-failover", duration_s=86_400.0)
    key = Credentials(issued.access_key_id, issued.access_key_secret, issued.security_token)
    data = {
        group.name: {"gateways": list(group.gateways), "routes": [{"table": group.table}], **policy} for group in built
    }

    def pause(seconds: float) -> None:
        with cloud.lock:
            time.advance(seconds)

    try:
        with cloud.serve() as endpoint:
            adapter = AlibabaCloud(
                region,
                lambda: key,
                endpoint,
                clock=lambda: datetime.fromtimestamp(time.now(), timezone.utc),
                sleeper=pause,
            )
            config = parse_config({"region": region, "groups": data})
            yield Many(cloud, time, built, config, adapter)
    finally:
        cloud.close()


def _built(cloud: Cloud, number: int) -> Guarded:
    vpc = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
    first, second = (
        cloud.ecs.create_instance(vswitch, public_ip=f"198.{18 + half}.{number // 250}.{number % 250 + 1}")
        for half in range(2)
    )
    table = cloud.vpc.create_route_table(vpc)
    cloud.vpc.add_route(table, "0.0.0.0/0", first)
    return Guarded(f"group-{number:03}", table, (first, second))
