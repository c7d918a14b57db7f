"""An account that enforces RAM, with everything a configuration can have, and what natkeeper does there in its life.

On a virtual clock: every pause costs nothing. The failover function's code runs here, with the credentials that FC
would give it, against the served local cloud; probe and notify are callables in the local FC.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.cli.policies import Grant, grants
from natkeeper.domain.config import Config, parse_config
from natkeeper.domain.parts import parts_of
from natkeeper.failover.run import Told, attend
from natkeeper.guest.template import TEMPLATE_NAME, oos_template
from natkeeper.ports import drive
from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.sls.routes import LogStore, Project
from tests.cli.town import SEEN_IP, WorkspaceGuests

Json = dict[str, Any]
FC, OOS = "fc.aliyuncs.com", "oos.aliyuncs.com"
RUNS_OF_A_BRIDGE = 15
LOGS = "serverless-cn-hangzhou-example"
"""A project as `logConfig: auto` names it."""
NOBODY = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ecs:DescribeRegions", "Resource": "*"}]}
"""A policy that allows nothing of interest: RAM takes none without a statement."""


@dataclass
class Estate:
    """Group `full` has an EIP, a fallback, a probe and setups through OOS; group `bare` has two gateways, no more.

    Group `cold` is like `bare`, and its standby is stopped.
    """

    cloud: Cloud
    time: VirtualClock
    guests: WorkspaceGuests
    config: Config
    ids: Mapping[str, str]
    told: list[bytes] = field(default_factory=list)
    receipts: list[Json] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.now(), timezone.utc)

    def run(self, request: Json, group: str = "") -> Json:
        """Let the failover function attend to a request, with its role's credentials; the receipt of one group."""
        issued = self.cloud.accounts.assume_role("natkeeper-failover", service=FC)
        key = Credentials(issued.access_key_id, issued.access_key_secret, issued.security_token)
        pausing = threading.Lock()

        def pause(seconds: float) -> None:
            with pausing:
                self.let_pass(seconds)

        adapter = AlibabaCloud(
            self.cloud.region, lambda: key, self.cloud.endpoint, clock=self.now, sleeper=pause, chance=random.Random(1)
        )
        deadline = self.now() + timedelta(seconds=45)
        told = Told()
        told.rest.itself = "natkeeper-failover"
        attending = attend(json.dumps(request), self.config, "run", self.now, deadline, told)
        answer = drive(attending, adapter, deadline + timedelta(seconds=8)).as_json()
        self.receipts += answer["receipts"]
        assert "error" not in answer, answer
        return next(receipt for receipt in answer["receipts"] if group in ("", receipt["group"]))

    def let_pass(self, seconds: float) -> None:
        with self.cloud.lock:
            self.time.advance(seconds)

    def hop(self, table: str) -> str:
        entry = self.cloud.vpc.route(self.ids[table])
        return "" if entry is None else entry.next_hop.id

    def stop(self, gateway: str) -> None:
        self.cloud.ecs.stop(self.ids[gateway], force=True)
        self.let_pass(10)


@contextmanager
def estate(
    without: Callable[[Grant], Grant] = lambda grant: grant,
    readings: Mapping[str, str] | None = None,
    only: Mapping[str, Json] | None = None,
) -> Iterator[Estate]:
    """Serve an estate whose roles have exactly the printed policies, but for what `without` takes from one.

    `only`: other groups instead of its own; a `vpc` in them becomes that of the estate.
    """
    time, guests = VirtualClock(), WorkspaceGuests()
    cloud = Cloud(clock=time, latencies=Latencies(scale=1.0), data_plane=guests, readings=readings)
    ids = _build(cloud)
    settings = _settings(cloud, ids)
    if only is not None:
        settings["groups"] = {name: {**group, "vpc": ids["vpc"]} for name, group in only.items()}
    config = parse_config(settings)
    for grant in grants(config).values():
        left = without(grant)
        if grant.trusts:
            document = left.document() if left.statements else NOBODY
            cloud.ram.create_role(grant.name, grant.trusts, {grant.policy_name: document})
    region = {"RegionId": cloud.region}
    cloud.call("oos", "CreateTemplate", {**region, "TemplateName": TEMPLATE_NAME, "Content": oos_template()})
    built = Estate(cloud, time, guests, config, ids)
    _functions(built)
    cloud.ram.enforce()
    with cloud.serve():
        yield built
    cloud.close()


def _build(cloud: Cloud) -> dict[str, str]:
    vpc = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
    ids = {name: cloud.ecs.create_instance(vswitch, public_ip="") for name in ("c", "d", "e")}
    ids |= {"vpc": vpc, "vswitch": vswitch}
    ids["f"] = cloud.ecs.create_instance(vswitch, public_ip="", running=False)
    ids |= {name: cloud.ecs.create_instance(vswitch) for name in ("a", "b")}
    ids["eip"] = cloud.vpc.allocate_eip(ids["a"])
    ids["fallback"] = cloud.vpc.create_nat_gateway(vpc, vswitch)
    for table, hop in (("full", "a"), ("bare", "c"), ("cold", "e")):
        ids[table] = cloud.vpc.create_route_table(vpc)
        cloud.vpc.add_route(ids[table], "0.0.0.0/0", ids[hop])
    return ids


def _settings(cloud: Cloud, ids: Mapping[str, str]) -> Json:
    full = {
        "gateways": [ids["a"], ids["b"]],
        "routes": [{"table": ids["full"]}],
        "address": {"follow": ids["eip"]},
        "fallback": ids["fallback"],
        "probe": {"function": "natkeeper-probe"},
        "setup": {"via": "oos"},
    }
    bare = {"gateways": [ids["c"], ids["d"]], "routes": [{"table": ids["bare"]}], "setup": {"via": "assistant"}}
    cold = {
        "gateways": [ids["e"], ids["f"]],
        "routes": [{"table": ids["cold"]}],
        "setup": {"via": "assistant"},
        "standby": "cold",
    }
    groups = {"full": full, "bare": bare, "cold": cold}
    return {"region": cloud.region, "notify": "natkeeper-notify", "groups": groups}


def _functions(built: Estate) -> None:
    def check(event: bytes, _context: object) -> str:
        if json.loads(event).get("action") == "watch":
            raise RuntimeError('{"natkeeper": "egress-lost"}')
        return json.dumps({"ok": True, "ip": SEEN_IP, "reason": ""})

    def tell(event: bytes, _context: object) -> str:
        built.told.append(event)
        return "{}"

    cloud = built.cloud
    cloud.sls.projects[LOGS] = Project(stores={"default-logs": LogStore(30, 1)})
    handlers = {"natkeeper-probe": check, "natkeeper-notify": tell, "natkeeper-failover": tell}
    cloud.fc.dispatcher.runtime = CallableRuntime(built.time, dict(handlers))
    account = f"acs:ram::{cloud.account_id}:role"
    network = {
        "vpcId": built.ids["vpc"],
        "vSwitchIds": [built.ids["vswitch"]],
        "securityGroupId": cloud.ecs.group_in(built.ids["vpc"]),
    }
    for name in handlers:
        role = {"natkeeper-probe": f"{account}/natkeeper-probe", "natkeeper-failover": f"{account}/natkeeper-failover"}
        cloud.fc.create_function(
            {
                "functionName": name,
                "runtime": "python3.12",
                "handler": "index.handler",
                "code": {"zipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
                "role": role.get(name, ""),
                "logConfig": {"project": LOGS, "logstore": "default-logs"},
                "vpcConfig": network if name == "natkeeper-probe" else {},
            }
        )
    destination = {"onFailure": {"destination": cloud.fc.arn("natkeeper-failover")}}
    settings = {"maxAsyncRetryAttempts": 0, "destinationConfig": destination}
    cloud.fc.put_async_config("natkeeper-probe", settings)


# ---- what natkeeper does in its life ---------------------------------------------------------------------


def moves_a_route_and_its_eip(place: Estate) -> None:
    """A gateway with the EIP stops: route and EIP go to the standby, the probe sees the internet, people are told."""
    place.stop("a")
    receipt = place.run({"action": "sweep", "group": "full"})
    assert place.hop("full") == place.ids["b"], receipt
    assert place.cloud.vpc.eip(place.ids["eip"]).target_id == place.ids["b"], receipt
    assert receipt["verified"] is True, receipt
    assert not [each for each in receipt.get("problems", ()) if "words refused" not in each], receipt
    place.let_pass(5)
    assert place.told, receipt


def falls_back_to_the_managed_gateway(place: Estate) -> None:
    """Both gateways stop."""
    place.stop("a")
    place.stop("b")
    receipt = place.run({"action": "sweep", "group": "full"})
    for _ in range(RUNS_OF_A_BRIDGE):  # where the entry is not changed in place, each run may make one part
        if place.hop("full") == place.ids["fallback"]:
            break
        place.let_pass(10)
        receipt = place.run({"action": "sweep", "group": "full"})
    assert place.hop("full") == place.ids["fallback"], receipt
    assert "cannot be read" not in str(receipt.get("problems", "")), receipt


def creates_what_is_missing(place: Estate) -> None:
    """Someone deleted the entry."""
    entry = place.cloud.vpc.route(place.ids["bare"])
    assert entry is not None
    place.cloud.call("vpc", "DeleteRouteEntry", {"RegionId": place.cloud.region, "RouteEntryId": entry.id})
    place.let_pass(10)
    receipt = place.run({"action": "sweep", "group": "bare"})
    assert place.hop("bare") == place.ids["c"], receipt


def replaces_what_cannot_be_changed_in_place(place: Estate) -> None:
    """Parts of the destination carry the traffic meanwhile, and are gone afterwards."""
    place.cloud.vpc.routing.refused_in_place["*"] = "UnsupportedFeature.ModifyRouteEntryNextHop"
    receipt = place.run({"action": "switch", "group": "bare"})
    for _ in range(RUNS_OF_A_BRIDGE):
        place.let_pass(10)
        receipt = place.run({"action": "sweep", "group": "bare"})
        if place.hop("bare") == place.ids["d"] and not _parts(place):
            break
    assert place.hop("bare") == place.ids["d"], receipt
    assert _parts(place) == [], receipt


def _parts(place: Estate) -> list[str]:
    """List the parts of the default route that have an entry."""
    return [part for part in parts_of("0.0.0.0/0") if place.cloud.vpc.route(place.ids["bare"], part) is not None]


def goes_on_in_a_later_run(place: Estate) -> None:
    """A route task takes long: the run hands on what is left to a run of its own, by the function's own role."""
    place.cloud.latencies = Latencies(scale=1.0, overrides={"vpc.modify_route_entry.task": 30.0})
    place.stop("c")
    receipt = place.run({"triggerName": "sweep", "triggerTime": "2026-11-23T06:00:00Z"}, "bare")
    assert "the next run goes on" in receipt["sentence"], receipt
    place.let_pass(10)
    received = place.cloud.fc.invocations_of("natkeeper-failover")
    assert any(b"go-on" in invocation.payload for invocation in received), receipt


def starts_a_cold_standby(place: Estate) -> None:
    """Its only running gateway stops: the other one is started, and takes the route when it runs."""
    place.stop("e")
    vanished = place.cloud.readings.is_("route-stopped-hop", "vanishes")
    started = place.ids["e" if vanished else "f"]  # without its entry nobody knows what the next hop was: home is tried
    receipt = place.run({"action": "sweep", "group": "cold"})
    assert f"started {started}" in str(receipt.get("did")), receipt
    place.let_pass(60)
    receipt = place.run({"action": "sweep", "group": "cold"})
    assert place.hop("cold") == started, receipt


def names_what_nobody_guards(place: Estate) -> None:
    """A table of the VPC that is in no group leads to a gateway."""
    table = place.cloud.vpc.create_route_table(place.cloud.ecs.instance(place.ids["c"]).vpc_id)
    place.cloud.vpc.add_route(table, "0.0.0.0/0", place.ids["c"])
    receipt = place.run({"action": "status", "group": "bare"})
    assert f"nobody guards 0.0.0.0/0 in {table}" in str(receipt.get("problems")), receipt


def looks_from_the_gateway_where_there_is_no_probe(place: Estate) -> None:
    """Cloud Assistant looks: it says nothing of what the gateway forwards, and a proof is started."""
    receipt = place.run({"action": "switch", "group": "bare"})
    assert "only the gateway itself was seen to reach the internet" in str(receipt.get("problems")), receipt
    assert "started the setup" in str(receipt), receipt
    assert place.hop("bare") == place.ids["d"], receipt


def sets_gateways_up_through_oos(place: Estate) -> None:
    """A sweep starts it, a later one reads that they are ready: nothing is wrong then."""
    _sets_up(place, "full")


def sets_gateways_up_by_cloud_assistant(place: Estate) -> None:
    """The same without OOS."""
    _sets_up(place, "bare")


def _sets_up(place: Estate, group: str) -> None:
    assert not place.run({"action": "sweep", "group": group}).get("problems")
    place.let_pass(60)
    asked = {"RegionId": place.cloud.region, "IncludeChildTaskExecution": "true"}
    tasks = place.cloud.call("oos", "ListTaskExecutions", asked)["TaskExecutions"]
    assert isinstance(tasks, list)
    ended = {(task["Status"], task.get("StatusMessage", "")) for task in tasks}
    assert ended <= {("Success", "")}, ended  # what the console shows of it
    place.guests.broken.add(place.ids["b" if group == "full" else "d"])
    receipt = place.run({"action": "setup", "group": group})
    assert "started the setup" in str(receipt.get("did")), receipt
    place.let_pass(120)
    receipt = place.run({"action": "sweep", "group": group})
    assert "masquerading is off" in str(receipt.get("problems")), receipt


def reports_a_loss_by_the_probe(place: Estate) -> None:
    """The probe raises, and FC hands its record to the failover function, by the probe's own role."""
    place.cloud.fc.submit("natkeeper-probe", b'{"action": "watch"}')
    place.let_pass(10)
    received = place.cloud.fc.invocations_of("natkeeper-failover")
    assert received, "the failover function never heard of the loss: role natkeeper-probe, fc:InvokeFunction"


def enters_its_vpc(place: Estate) -> None:
    """The probe's instance gets a network interface in the vSwitch, with the rights of the probe's own role."""
    invocation = place.cloud.fc.submit("natkeeper-probe", b'{"action": "look"}')
    place.let_pass(10)
    assert invocation.ok, invocation.result.decode()


def writes_logs(place: Estate) -> None:
    """What the two functions with a role of their own write is kept."""
    for name in ("natkeeper-failover", "natkeeper-probe"):
        place.cloud.fc.submit(name, b'{"action": "look"}')
    place.let_pass(10)
    for name in ("natkeeper-failover", "natkeeper-probe"):
        assert place.cloud.fc.logs(name), (name, place.cloud.fc.dispatcher.unlogged)


FLOWS = (
    moves_a_route_and_its_eip,
    falls_back_to_the_managed_gateway,
    creates_what_is_missing,
    replaces_what_cannot_be_changed_in_place,
    goes_on_in_a_later_run,
    starts_a_cold_standby,
    names_what_nobody_guards,
    looks_from_the_gateway_where_there_is_no_probe,
    sets_gateways_up_through_oos,
    sets_gateways_up_by_cloud_assistant,
    reports_a_loss_by_the_probe,
    enters_its_vpc,
    writes_logs,
)


def failures(without: Callable[[Grant], Grant], *, first: bool = True) -> list[str]:
    """Play every flow, each in an estate of its own; what failed, in words. Ends at the `first` failure."""
    found = []
    for flow in FLOWS:
        with estate(without) as place:
            try:
                flow(place)
            except AssertionError as error:
                found.append(f"{flow.__name__}: {error}")
                if first:
                    break
    return found


def taking(key: str, wanted: int, action: str = "") -> Callable[[Grant], Grant]:
    """Take one statement, or one action of it, from one grant."""

    def without(grant: Grant) -> Grant:
        if grant.key != key:
            return grant
        left = []
        for place, statement in enumerate(grant.statements):
            if place != wanted:
                left.append(statement)
            elif action and len(statement.actions) > 1:
                left.append(replace(statement, actions=tuple(one for one in statement.actions if one != action)))
        return replace(grant, statements=tuple(left))

    return without
