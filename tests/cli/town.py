"""A served local cloud with a VPC, two gateways and natkeeper's functions, and a command line that is pointed at it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from natkeeper.cli import main
from natkeeper.cli.policies import grants
from natkeeper.guest.report import SetupFacts, SetupReport
from natkeeper.guest.template import TEMPLATE_NAME, oos_template
from natkeeper.packaging import read_configuration
from natlab.cloud.cloud import Cloud
from natlab.cloud.dataplane import CommandResult, NullDataPlane
from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.latencies import Latencies
from natlab.deploy import Deployer, Overrides, deploy, load

ROOT = Path(__file__).resolve().parents[2]
SEEN_IP = "198.51.100.77"
_FAILOVER = f"""
import sys
sys.path[:0] = {[str(ROOT / "shared"), *[p for p in sys.path if p.endswith("site-packages")]]!r}
from natkeeper.failover.handler import handler
"""
_PROBE = f"""
import json
def handler(event, context):
    return json.dumps({{"ok": True, "ip": "{SEEN_IP}", "reason": ""}})
"""
_LIVE_PROBE = """
import json, pathlib
def handler(event, context):
    world = json.loads(pathlib.Path(STATE).read_text())
    ok = world["hop"] not in world["off"]
    return json.dumps({"ok": ok, "ip": world["hop"] if ok else None, "reason": "" if ok else "nothing answers"})
"""
_NOTIFY = """
def handler(event, context):
    return event
"""


class WorkspaceGuests(NullDataPlane):
    """Gateways on which every setup ends well, unless `broken` names them, and every look sees the internet."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.figures: dict[str, dict[str, int | float | str]] = {}
        self.state: Path | None = None
        """Where to write what the network is like, for a probe that looks at it."""
        self._world: dict[str, Any] = {"hop": "", "off": []}

    def power_on(self, instance_id: str) -> None:
        self.write(off=[one for one in self._world["off"] if one != instance_id])

    def power_off(self, instance_id: str, *, hard: bool) -> None:
        self.write(off=[*self._world["off"], instance_id])

    def set_route(self, table_id: str, destination: str, next_hop_type: str, next_hop_id: str) -> None:
        if destination == "0.0.0.0/0":
            self.write(hop=next_hop_id)

    def write(self, **news: Any) -> None:
        """Note what has changed, and let the probe know."""
        self._world |= news
        if self.state is not None:
            scratch = self.state.with_suffix(".new")
            scratch.write_text(json.dumps(self._world), encoding="utf-8")
            scratch.replace(self.state)

    def agent_alive(self, instance_id: str) -> bool:
        return instance_id not in self.silent

    def run(self, instance_id: str, script: bytes, timeout_s: float, done: Callable[[CommandResult], None]) -> None:
        text = script.decode()
        _, _, after = text.partition("NK_PARAMETERS='")
        if not after:
            done(CommandResult(0, json.dumps({"ok": True, "ip": SEEN_IP, "reason": ""}).encode()))
            return
        order = dict(
            line.split(" ", 1)
            for line in gzip.decompress(base64.b64decode(after.partition("'")[0])).decode().splitlines()
            if " " in line
        )
        ready = instance_id not in self.broken
        report = SetupReport(
            mode="apply",
            ready=ready,
            found=(),
            changed=(),
            undone=(),
            wrong=() if ready else ({"code": "masquerade_off", "message": "masquerading is off"},),  # type: ignore[arg-type]
            facts=SetupFacts(),
            started=0,
            finished=1,
            script=order.get("script", ""),
            fingerprint=order.get("fingerprint", ""),
            figures=self.figures.get(instance_id),
        )
        fields = msgspec.to_builtins(report)
        text = json.dumps({"format": fields.pop("format"), **fields}, separators=(",", ":"))
        done(CommandResult(0 if ready else 1, text.encode()))


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it answered with --json."""
        return json.loads(self.out)


@dataclass
class Workspace:
    """The cloud, what is in it, and a directory with natkeeper.yaml in which commands run."""

    cloud: Cloud
    guests: WorkspaceGuests
    home: Path
    vpc: str
    private: str
    table: str
    a: str
    b: str
    key: KeyPair
    config: dict[str, Any] = field(default_factory=dict)
    top: dict[str, Any] = field(default_factory=dict)
    """Settings of the whole deployment."""

    def write(self, **group: Any) -> None:
        """Write natkeeper.yaml, with these settings of group `prod` instead of the usual ones; None leaves one out."""
        settings: dict[str, Any] = {
            "gateways": [self.a, self.b],
            "routes": [{"table": self.table}],
            "probe": {"function": "natkeeper-probe"},
            "setup": {"mode": "off"},
            **group,
        }
        settings = {key: value for key, value in settings.items() if value is not None}
        self.config = {
            "region": self.cloud.region,
            "notify": "natkeeper-notify",
            **self.top,
            "groups": {"prod": settings},
        }
        self.home.joinpath("natkeeper.yaml").write_text(yaml.safe_dump(self.config), encoding="utf-8")

    def deploy(self, *, role: str = "natkeeper-failover", service: str = "") -> None:
        """Put the functions where `s deploy` would, the failover function with natkeeper's own code and settings."""
        settings = json.dumps(self.config)
        bodies = {
            "natkeeper-failover": (_FAILOVER, {"natkeeper.json": settings}),
            "natkeeper-probe": (_PROBE, {}),
            "natkeeper-notify": (_NOTIFY, {}),
        }
        for name, (source, files) in bodies.items():
            body = {
                "functionName": name,
                "runtime": "python3.12",
                "handler": "index.handler",
                "timeout": 60,
                "code": {"zipFile": _zipped({"index.py": source, **files})},
                "environmentVariables": {"NATKEEPER_ENDPOINT": self.cloud.endpoint},
                "role": f"acs:ram::{self.cloud.account_id}:role/{role}" if name == "natkeeper-failover" else "",
            }
            function = self.cloud.fc.create_function(body, service=service)
            if name == "natkeeper-failover":
                self.cloud.fc.put_concurrency(function.name, {"reservedConcurrency": 1})

    def settle(self) -> None:
        """Make everything as it should be: roles, s.yaml deployed, the OOS template stored, gateways set up."""
        config, _ = read_configuration(self.home / "natkeeper.yaml")
        for grant in grants(config).values():
            if grant.trusts:
                self.cloud.ram.create_role(grant.name, grant.trusts, {grant.policy_name: grant.document()})
        self.deploy_template()
        region = {"RegionId": self.cloud.region}
        self.cloud.call("oos", "CreateTemplate", {**region, "TemplateName": TEMPLATE_NAME, "Content": oos_template()})

    def deploy_template(
        self,
        account: Deployer | None = None,
        *,
        say: Callable[[str], None] | None = None,
        only: Mapping[str, Sequence[str] | None] | None = None,
        **variables: str,
    ) -> None:
        """Deploy the project's own s.yaml, with small functions in the place of the bundles."""
        code = {name: self.home / f"{name}.zip" for name in ("failover", "probe", "notify")}
        sources = {"failover": _FAILOVER, "probe": _PROBE, "notify": _NOTIFY}
        if self.guests.state is not None:
            self.guests.write()
            sources["probe"] = _LIVE_PROBE.replace("STATE", repr(str(self.guests.state)))
        for name, path in code.items():
            files = {"index.py": sources[name], "natkeeper.json": json.dumps(self.config)}
            path.write_bytes(base64.b64decode(_zipped(files)))
        self.write_template(**variables)
        wanted = Overrides(environment={"NATKEEPER_ENDPOINT": self.cloud.endpoint}, code=code)
        template = load(self.home / "s.yaml", wanted, environ={"NATKEEPER_NOTIFY": "json://example.test"})
        key = self.key
        account = account or Deployer(self.cloud.account_id, key.access_key_id, key.access_key_secret)
        deploy(template, self.cloud.endpoint, account, say=say, only=only)

    def replace_code(self, function: str, source: str) -> None:
        """Give a deployed function other code and no environment of its own."""
        self.cloud.fc.update_function(
            function, {"code": {"zipFile": _zipped({"index.py": source})}, "environmentVariables": {}}
        )

    def write_template(self, **variables: str) -> None:
        """Write s.yaml beside the configuration: the project's own, with this town's values and rare timers."""
        document = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))
        own = {"account": self.cloud.account_id, "region": self.cloud.region, "vpc": self.vpc, "vswitch": self.private}
        document["vars"] |= own | variables
        for resource in document["resources"].values():
            for trigger in resource["props"].get("triggers", ()):
                if trigger["triggerType"] == "timer":
                    trigger["triggerConfig"]["cronExpression"] = "@every 30m"
        self.home.joinpath("s.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    @property
    def hop(self) -> str:
        """Where the guarded route goes."""
        entry = self.cloud.vpc.route(self.table)
        assert entry is not None
        return entry.next_hop.id

    def wait_for_status(self, instance: str, wanted: str) -> None:
        """Let time pass until the API shows that status."""
        reached = self.cloud.fc.wait_for(lambda: self.cloud.ecs.status_of(instance) == wanted, 0.01)
        while not reached:
            reached = self.cloud.fc.wait_for(lambda: self.cloud.ecs.status_of(instance) == wanted, 0.02)


def _zipped(files: dict[str, str]) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return base64.b64encode(buffer.getvalue()).decode()


@contextmanager
def town(home: Path) -> Iterator[Workspace]:
    """Serve a town. Tasks of the platform take a hundredth of their time."""
    guests = WorkspaceGuests()
    cloud = Cloud(latencies=Latencies(scale=0.01), data_plane=guests)
    vpc = cloud.vpc.create_vpc("10.0.0.0/8", name="Production")
    outside_a = cloud.vpc.create_vswitch(vpc, "10.0.1.0/24", zone="cn-hangzhou-h", name="public-h")
    outside_b = cloud.vpc.create_vswitch(vpc, "10.0.2.0/24", zone="cn-hangzhou-i", name="public-i")
    private = cloud.vpc.create_vswitch(vpc, "10.0.3.0/24", zone="cn-hangzhou-h", name="private")
    table = cloud.vpc.create_route_table(vpc, [private], name="private")
    a = cloud.ecs.create_instance(outside_a, name="nat-a", public_ip="")
    b = cloud.ecs.create_instance(outside_b, name="nat-b", public_ip="")
    cloud.vpc.add_route(table, "0.0.0.0/0", a)
    with cloud.serve():
        yield Workspace(cloud, guests, home, vpc, private, table, a, b, cloud.accounts.create_access_key())
    cloud.close()


Command = Callable[..., Ended]


def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return what runs one command line in this process."""

    def natkeeper(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        told = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(int(ended.value.code), told.out, told.err)

    return natkeeper
