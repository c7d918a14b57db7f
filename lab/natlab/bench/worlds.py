"""Networks to measure in, the configurations that guard them, and functions deployed there by s.yaml.

Machines are made of paper here: they answer every command at once, a look with an address and a setup with a good
report. What natkeeper sees of them by the API is what it would see of real ones.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from natlab import deploy
from natlab.bench.baselines import code_of
from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult, NullDataPlane
from natlab.cloud.kernel.gate import CallRecord
from natlab.cloud.kernel.latencies import Latencies
from natlab.scenarios.functions import ROOT, TEMPLATE

FAILOVER = "natkeeper-failover"
SEES_ALWAYS = 'def handler(event, context):\n    return {"ok": True, "ip": "192.0.2.1", "reason": ""}\n'
"""In place of the probe's own code: a look that is answered at once."""
_PARAMETERS = re.compile(rb"NK_PARAMETERS='([A-Za-z0-9+/=]+)'")


class Paper(NullDataPlane):
    """Machines that exist in the API only, and whose agents always have good news."""

    def agent_alive(self, instance_id: str) -> bool:
        return True

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        asked = _PARAMETERS.search(script)
        if asked is None:
            done(CommandResult(0, b'{"ok":true,"ip":"192.0.2.1","reason":""}\n'))
            return
        lines = gzip.decompress(base64.b64decode(asked[1])).decode().splitlines()
        given = dict(line.split(" ", 1) for line in lines if " " in line)
        now = int(time.time())
        report = {"format": 1, "mode": given["mode"], "ready": True, "found": [], "changed": [], "undone": [],
                  "wrong": [], "facts": {"forwarding": "proven"}, "started": now, "finished": now,
                  "script": given["script"], "fingerprint": given["fingerprint"]}  # fmt: skip
        done(CommandResult(0, json.dumps(report, separators=(",", ":")).encode() + b"\n"))


@dataclass(frozen=True, slots=True)
class Guarded:
    """One group as it is in the cloud."""

    name: str
    table: str
    gateways: tuple[str, str]
    vpc: str = ""

    @property
    def probe(self) -> str:
        """The function that looks for it."""
        return f"natkeeper-probe-{self.name}"


@dataclass(frozen=True, slots=True)
class BenchWorld:
    """A cloud with groups in it, each in a VPC of its own, and the configuration that guards them.

    `function` is the failover function that guards `groups`; several guard one cloud where it is sharded.
    """

    cloud: Cloud
    groups: tuple[Guarded, ...]
    function: str = FAILOVER

    def config(self, **more: Any) -> dict[str, Any]:
        """Write natkeeper.yaml, everything by default but what `more` says for each group."""
        groups = {
            group.name: {
                "gateways": list(group.gateways),
                "routes": [{"table": group.table}],
                "probe": {"function": group.probe, "targets": ["http://www.internet.test/"]},
                **more,
            }
            for group in self.groups
        }
        return {"region": self.cloud.region, "groups": groups}

    def slow_down(self, round_trip_s: float) -> None:
        """Let every API call take that long from now on; what was built before needed no such patience."""
        now = self.cloud.latencies
        self.cloud.latencies = Latencies(now.scale, {**now.overrides, "api.round_trip": round_trip_s})

    def cool_down(self) -> None:
        """Let the next run of the failover function be a cold start, of code that was unpacked before."""
        self.cloud.fc.invoke(self.function, b"{}")
        self.cloud.fc.update_function(
            self.function, {"description": "as before; its instances end with the old version"}
        )

    def hop(self, group: Guarded) -> str:
        """Where the group's route goes now."""
        entry = self.cloud.vpc.route(group.table)
        return "" if entry is None else entry.next_hop.id

    def asked(self, since: float) -> list[CallRecord]:
        """List what the failover function called since a moment of the cloud's clock."""
        calls = [call for call in list(self.cloud.calls) if call.at >= since]
        return [call for call in calls if (call.role or "").endswith(f"/{self.function}")]


@contextmanager
def world(groups: int, **latencies: float) -> Iterator[BenchWorld]:
    """Serve a cloud with `groups` groups; `latencies` are by name with _ for the dot, the others a hundredth."""
    named = {name.replace("__", "."): seconds for name, seconds in latencies.items()}
    cloud = Cloud(data_plane=Paper(), latencies=Latencies(0.01, named))
    try:
        with cloud.serve():
            yield BenchWorld(cloud, tuple(_guarded(cloud, number) for number in range(groups)))
    finally:
        cloud.close()


def _guarded(cloud: Cloud, number: int) -> Guarded:
    vpc = cloud.vpc.create_vpc("10.0.0.0/8", f"bench-{number}")
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
    # RFC 2544 set 198.18.0.0/15 aside for benchmarks; the cloud's own range would not do for a thousand gateways.
    addresses = (f"198.{18 + half}.{number // 250}.{number % 250 + 1}" for half in range(2))
    first, second = (cloud.ecs.create_instance(vswitch, public_ip=address) for address in addresses)
    table = cloud.vpc.create_route_table(vpc)
    cloud.vpc.add_route(table, "0.0.0.0/0", first)
    return Guarded(f"group-{number:03}", table, (first, second), vpc)


def install(cloud: Cloud, archive: Any, *probed: Guarded, function: str = FAILOVER) -> None:
    """Deploy the failover function as s.yaml says, under the name `function`, and probes for `probed`.

    The timer is slowed down, so that nothing happens unasked.
    """
    key = cloud.accounts.create_access_key()
    account = deploy.Deployer(cloud.account_id, key.access_key_id, key.access_key_secret)
    setup = {"RegionId": cloud.region, "TemplateName": TEMPLATE.stem, "Content": TEMPLATE.read_text(encoding="utf-8")}
    if not cloud.fc.functions():
        cloud.call("oos", "CreateTemplate", setup)
    wanted = deploy.Overrides(
        vars={"account": cloud.account_id, "region": cloud.region, "failover": function, "failoverRole": function},
        environment={"NATKEEPER_ENDPOINT": cloud.endpoint},
        cron="@every 1440m",
        code={"failover": archive},
    )
    template = deploy.load(ROOT / "s.yaml", wanted, account_id=cloud.account_id, environ={})
    only = tuple(resource for resource in template.resources if resource.function == function)
    deploy.deploy(replace(template, resources=only), cloud.endpoint, account)
    for group in probed:
        put_function(cloud, group.probe, SEES_ALWAYS)


def put_function(cloud: Cloud, name: str, source: str, **environment: str) -> None:
    """Deploy a function of one small file, with a role of its own name."""
    cloud.fc.create_function(
        {
            "functionName": name,
            "runtime": "python3.12",
            "handler": "index.handler",
            "timeout": 30,
            "role": f"acs:ram::{cloud.account_id}:role/{name}",
            "environmentVariables": environment,
            "code": {"zipFile": base64.b64encode(code_of(index=source)).decode()},
        }
    )


def stopping(instance: str, state: str = "Stopping") -> Mapping[str, Any]:
    """Make the event that says that an instance changes state, as EventBridge delivers it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "id": str(uuid.uuid4()),
        "source": "acs.ecs",
        "specversion": "1.0",
        "type": "ecs:Instance:StateChange",
        "subject": f"acs:ecs:cn-hangzhou:1000000000000001:instance/{instance}",
        "time": now,
        "datacontenttype": "application/json;charset=utf-8",
        "aliyunaccountid": "1000000000000001",
        "aliyunregionid": "cn-hangzhou",
        "aliyuneventbusname": "default",
        "aliyunpublishtime": now,
        "data": {"resourceId": instance, "resourceType": "ALIYUN::ECS::Instance", "state": state},
    }


PAPER_GATEWAYS = ("i-bench0000000000000a", "i-bench0000000000000b")
PAPER_CONFIG: Mapping[str, Any] = {
    "region": "cn-hangzhou",
    "groups": {"prod": {"gateways": list(PAPER_GATEWAYS), "routes": [{"table": "vtb-bench0000000000000a"}]}},
}
"""One group on paper only: enough to start, and to send the first request."""
