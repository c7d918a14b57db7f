"""A stage for whole runs: a configuration, a world that fits it, and the payloads that wake natkeeper.

`Stage.send` is one invocation of the failover function, from payload to answer, on virtual time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from natkeeper.domain.config import Config, parse_config
from natkeeper.domain.ids import EipId, InstanceId, TableId
from natkeeper.domain.observed import EipStatus, EntryStatus, HopKind, NextHop
from natkeeper.failover.run import Answer, Told, attend
from natkeeper.ports import Batch, Result, Run, drive
from natkeeper.receipt import Receipt
from tests.fakes.cloud import FakeCloud
from tests.fakes.things import Address, Timings
from tests.fakes.world import FakeWorld

A, B, C = "i-alpha", "i-bravo", "i-charlie"
TABLE, TABLE_2 = "vtb-one", "vtb-two"
FALLBACK = "ngw-last"
EIP = "eip-walks"
PROBE = "natkeeper-probe"
NOTIFY = "natkeeper-notify"
ITSELF = "natkeeper-failover"
RUN_FOR = timedelta(seconds=45)


def hop(name: str) -> NextHop:
    """Name a gateway or a NAT Gateway as a next hop."""
    return NextHop(HopKind.NAT_GATEWAY if name.startswith("ngw-") else HopKind.INSTANCE, name)


def group(**more: Any) -> dict[str, Any]:
    """The settings of a group of two gateways, one route and a probe; `more` changes them, None leaves one out."""
    settings: dict[str, Any] = {
        "gateways": [A, B],
        "routes": [{"table": TABLE}],
        "probe": {"function": PROBE},
        "setup": {"mode": "off"},
    }
    settings.update(more)
    return {key: value for key, value in settings.items() if value is not None}


class Stage:
    """One deployment of natkeeper and the world it guards, all well at first and every route at home."""

    def __init__(
        self,
        groups: dict[str, dict[str, Any]] | None = None,
        *,
        notify: bool = True,
        seed: int = 0,
        timings: Timings | None = None,
        **top: Any,
    ) -> None:
        data: dict[str, Any] = {"region": "cn-hangzhou", "groups": groups or {"prod": group()}, **top}
        if notify:
            data["notify"] = NOTIFY
        self.config: Config = parse_config(data)
        self.world = FakeWorld(seed=seed, timings=timings)
        self.cloud = FakeCloud(self.world)
        self.told = Told()
        self._runs = 0
        self.told.rest.itself = ITSELF
        for each in self.config.groups:
            follows = each.address if not isinstance(each.address, str) else None
            for number, gateway in enumerate(each.gateways):
                if gateway not in self.world.machines:
                    own = None if follows else f"198.51.100.{10 + len(self.world.machines)}"
                    self.world.add_machine(gateway, own)
                if follows and number == 0:
                    self.world.addresses[follows.follow] = Address(
                        follows.follow, "198.51.100.100", EipStatus.IN_USE, gateway
                    )
            for route in each.routes if each.gateways else ():  # where gateways are found, the test adds the routes
                self.world.add_route(route.table, NextHop.gateway(each.home(route)))
            if each.fallback:
                self.world.nat[each.fallback] = True
            self.cloud.probes |= each.probes

    # ---- invocations -------------------------------------------------------------------------------------

    def run_of(self, payload: object, run_for: timedelta = RUN_FOR) -> Run[Answer]:
        """One run of natkeeper for `payload`, not yet begun."""
        self._runs += 1
        raw = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        deadline = self.world.now + run_for
        return attend(raw, self.config, f"run-{self._runs}", self.world.clock, deadline, self.told)

    def send(self, payload: object, run_for: timedelta = RUN_FOR) -> Answer:
        """Invoke the failover function."""
        deadline = self.world.now + run_for + timedelta(seconds=10)
        return drive(self.run_of(payload, run_for), self.cloud, deadline)

    def one(self, payload: object) -> Receipt:
        """Invoke it about something that concerns one group, and take that group's receipt."""
        (receipt,) = self.send(payload).receipts
        return receipt

    def sweep(self) -> Receipt:
        """Let the timer fire, with one group."""
        return self.one(timer())

    def sweeps(self, minutes: float, every: float = 1.0) -> list[Receipt]:
        """Let the timer fire every minute, or less often, for some minutes."""
        receipts: list[Receipt] = []
        until = self.world.now + timedelta(minutes=minutes)
        while self.world.now < until:
            began = self.world.now
            receipts += self.send(timer()).receipts
            self.world.advance_to(began + timedelta(minutes=every))
        return receipts

    def killed(self, payload: object, calls: int) -> bool:
        """Invoke it and end it after `calls` calls were carried out; says whether it would have made more."""
        run = self.run_of(payload)
        deadline = self.world.now + RUN_FOR
        for part, whole in self._by_calls(run, deadline, calls):
            if part < whole:
                run.close()
                return True
        return False

    def _by_calls(self, run: Run[Answer], deadline: datetime, calls: int) -> Iterator[tuple[int, int]]:
        """Drive `run` for `calls` calls; yields how many calls of each batch were made, and how many it has."""
        try:
            batch: Batch = next(run)
            while True:
                results: list[Result] = list(self.cloud.perform(batch[:calls], deadline)) if calls else []
                yield len(results), len(batch)
                calls -= len(batch)
                batch = run.send(results)
        except StopIteration:
            return

    # ---- what there is to see ----------------------------------------------------------------------------

    def next_hop(self, table: str = TABLE) -> str | None:
        """Where the default route goes by the table."""
        entry = self.world.entry(TableId(table), "0.0.0.0/0")
        return None if entry is None or entry.hop is None else entry.hop.id

    def description(self, table: str = TABLE) -> str:
        """What the route entry remembers."""
        entry = self.world.entry(TableId(table), "0.0.0.0/0")
        assert entry is not None
        return entry.description

    def handed_on(self) -> list[dict[str, Any]]:
        """What runs have handed on to runs to come, in order."""
        return [json.loads(payload) for _, function, payload in self.cloud.handed if function == ITSELF]

    def told_people(self) -> list[dict[str, Any]]:
        """Every receipt that was handed over to the notify function."""
        payloads = [json.loads(payload) for _, function, payload in self.cloud.handed if function == NOTIFY]
        return [receipt for payload in payloads for receipt in payload.get("tell", [])]

    def whole(self) -> None:
        """Assert that every route is a single settled entry, on a gateway or fallback of its group that works."""
        for each in self.config.groups:
            for route in each.routes:
                lane = None if each.lane is None or each.lane.table != route.table else each.lane.destination
                entries = [e for e in self.world.tables[route.table] if e.destination != lane]
                assert [e.destination for e in entries] == [route.destination], entries
                entry = entries[0]
                assert entry.status is EntryStatus.AVAILABLE
                assert entry.hop == entry.carries
                assert self.world.egress(route.table) is not None, f"{route} leads nowhere: {entry.hop}"
            follows = each.address if not isinstance(each.address, str) else None
            if follows is not None:
                address = self.world.addresses[follows.follow]
                owner = self.next_hop(each.routes[0].table)
                if owner in each.gateways:
                    assert (address.status, address.holder) == (EipStatus.IN_USE, owner)
        assert self.world.uncovered == []

    def machine(self, name: str) -> Any:
        """The machine called `name`."""
        return self.world.machines[InstanceId(name)]

    def address(self) -> Address:
        """The EIP that follows."""
        return self.world.addresses[EipId(EIP)]

    # ---- payloads ----------------------------------------------------------------------------------------

    def state(self, gateway: str, state: str, age: float = 0.0) -> dict[str, Any]:
        """The ECS event that `gateway` is now in `state`."""
        return {
            "id": "e-1",
            "source": "acs.ecs",
            "specversion": "1.0",
            "type": "ecs:Instance:StateChange",
            "time": self._ago(age),
            "data": {"resourceId": gateway, "resourceType": "ALIYUN::ECS::Instance", "state": state},
        }

    def spot(self, gateway: str) -> dict[str, Any]:
        """The notice that a spot instance goes in five minutes."""
        data = {"instanceId": gateway, "action": "delete"}
        return {**self.state(gateway, ""), "type": "ecs:Instance:PreemptibleInstanceInterruption", "data": data}

    def system_event(self, gateway: str, name: str, status: str) -> dict[str, Any]:
        """A system event such as SystemMaintenance.Reboot."""
        data = {"instanceId": gateway, "eventId": "e-2", "eventType": name, "eventStatus": status}
        return {**self.state(gateway, ""), "type": f"ecs:Instance:{name}", "data": data}

    def stop_called(self, gateway: str) -> dict[str, Any]:
        """ActionTrail's early warning: someone called StopInstance."""
        data = {"eventName": "StopInstance", "requestParameters": {"InstanceId": gateway}, "eventTime": self._ago(0)}
        return {**self.state(gateway, ""), "type": "ecs:ActionTrail:ApiCall", "data": data}

    def route_touched(self, call: str = "ModifyRouteEntry", table: str = TABLE) -> dict[str, Any]:
        """ActionTrail: someone modified or deleted a route entry."""
        data = {"eventName": call, "requestParameters": {"RouteTableId": table}, "eventTime": self._ago(0)}
        return {**self.state(A, ""), "source": "acs.vpc", "type": "vpc:ActionTrail:ApiCall", "data": data}

    def report(self, name: str = "prod", age: float = 3.5, **more: Any) -> dict[str, Any]:
        """FC's record of a probe that lost the internet `age` seconds ago and saw three looks fail."""
        since = (self.world.now - timedelta(seconds=age)).timestamp()
        message = {"natkeeper": "egress-lost", "group": name, "since": since, "failures": 3, "reason": "no answer"}
        payload = {"errorMessage": json.dumps({**message, **more}), "errorType": "EgressLostError"}
        return {"requestContext": {"condition": "UnhandledInvocationError"}, "responsePayload": payload}

    def _ago(self, seconds: float) -> str:
        return f"{self.world.now - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def heard(lane: dict[str, Any]) -> dict[str, Any]:
    """FC's record of a watch of the first group's probe that ended well; `lane`: what it saw of the lane."""
    arn = f"acs:fc:cn-hangzhou:1000000000000001:functions/{PROBE}"
    told = {"group": "prod", "looks": 60, "lost": 0, "lane": lane}
    return {"requestContext": {"functionArn": arn, "condition": ""}, "responsePayload": json.dumps(told)}


def timer() -> dict[str, Any]:
    """The timer event."""
    return {"triggerTime": "2026-11-23T06:00:00Z", "triggerName": "sweep", "payload": ""}


def person(action: str, name: str = "prod", **more: Any) -> dict[str, Any]:
    """A person's request."""
    return {"action": action, "group": name, **more}
