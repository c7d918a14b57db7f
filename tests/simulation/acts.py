"""What each happening of a story does to the simulated town, its APIs and the function."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from tests.fakes.stage import FALLBACK, hop
from tests.simulation.deploying import DeployingActs
from tests.simulation.region import OF_API, ApiTrouble
from tests.simulation.story import STRANGE_TABLE, STRANGER


class Acts(DeployingActs):
    """What each happening does."""

    def __init__(self, simulation: Any) -> None:
        self.simulation, self.town, self.region = simulation, simulation.town, simulation.region

    def do(self, what: str, about: tuple[Any, ...]) -> None:
        """Do it."""
        getattr(self, "_" + what.lower().replace(" ", "_").replace("-", "_"))(*about)

    def _stops(self, gateway: str, called: bool) -> None:  # noqa: FBT001  arguments are a story's data
        self.town.stop(gateway, called=called)

    def _starts(self, gateway: str, rules: bool) -> None:  # noqa: FBT001
        self.town.start(gateway, rules=rules)

    def _hangs(self, gateway: str) -> None:
        self.town.hang(gateway, hung=True)

    def _wakes(self, gateway: str) -> None:
        self.town.hang(gateway, hung=False)

    def _loses_its_rules(self, gateway: str) -> None:
        self.town.masquerade(gateway, there=False)

    def _gets_its_rules_back(self, gateway: str) -> None:
        self.town.masquerade(gateway, there=True)

    def _is_reclaimed(self, gateway: str) -> None:
        self.town.reclaim(gateway)

    def _is_maintained(self, gateway: str, ahead_s: float) -> None:
        self.town.maintain(gateway, ahead_s)

    def _fails(self, gateway: str) -> None:
        self.town.fail(gateway)

    def _is_deleted(self, gateway: str) -> None:
        self.town.release(gateway)

    def _loses_its_address(self, gateway: str) -> None:
        self.town.own_address(gateway, None)

    def _gets_an_address(self, gateway: str) -> None:
        self.town.own_address(gateway, f"198.51.100.{70 + sum(gateway.encode()) % 100}")

    def _eip_is_taken_off(self, eip: str) -> None:
        self.town.lose_eip(eip)

    def _eip_is_bound(self, eip: str, to: str) -> None:
        self.town.give_eip(EipId(eip), to)

    def _switch(self, group: str, to: str | None, force: bool) -> None:  # noqa: FBT001
        asked = {"action": "switch", "group": group, "force": force}
        self.simulation.person({**asked, "to": to} if to else asked)

    def _pause(self, group: str, length: str) -> None:
        self.simulation.person({"action": "pause", "group": group, "for": length, "why": "work on the gateways"})

    def _resume(self, group: str) -> None:
        self.simulation.person({"action": "resume", "group": group})

    def _setup(self, group: str) -> None:
        self.simulation.person({"action": "setup", "group": group})

    def _status(self, group: str) -> None:
        self.simulation.person({"action": "status", "group": group})

    def _route_deleted(self, table: str) -> None:
        self.town.drop_route(table)

    def _route_re_pointed(self, table: str, to: str) -> None:
        if InstanceId(to) in self.town.machines:
            self.town.point_route(table, hop(to))

    def _half_added(self, table: str) -> None:
        self.town.halve(table, hop(STRANGER))

    def _half_removed(self, table: str) -> None:
        entry = self.town.entry(TableId(table), "128.0.0.0/1")
        if entry is not None and not entry.description:
            self.town.drop_entry(table, "128.0.0.0/1")

    def _internet_down(self) -> None:
        self.town.internet = False

    def _internet_up(self) -> None:
        self.town.internet = True

    def _nat_down(self) -> None:
        self.town.nat[NatGatewayId(FALLBACK)] = False

    def _nat_up(self) -> None:
        self.town.nat[NatGatewayId(FALLBACK)] = True

    def _api_fails(self, api: str, how: str, seconds: float) -> None:
        self._trouble(ApiTrouble(OF_API[api], self.town.second + seconds, how), seconds)

    def _api_slow(self, api: str, slow_s: float, seconds: float) -> None:
        self._trouble(ApiTrouble(OF_API[api], self.town.second + seconds, slow_s=slow_s), seconds)

    def _trouble(self, trouble: ApiTrouble, seconds: float) -> None:
        self.region.troubles.append(trouble)
        self.town.after(seconds, self._over)

    def _over(self) -> None:
        self.simulation.rules.disturbed("the trouble is over")

    def _api_stale(self, seconds: float) -> None:
        self.region.begin_stale(seconds, self.simulation.reads())
        self.town.after(seconds, self._over)

    def _api_busy(self, seconds: float) -> None:
        self.town.occupy(seconds)
        self.town.after(seconds, self._over)

    def _killed(self, calls: int, before: bool) -> None:  # noqa: FBT001
        self.simulation.function.next_kill.append((calls, before))

    def _stalled(self, batches: int, seconds: float) -> None:
        self.simulation.function.next_stall.append((batches, seconds))

    def _frozen(self) -> None:
        self.simulation.function.next_stall.append((1, 100.0))

    def _no_timer(self) -> None:
        self.simulation._skip_timer += 1

    def _throttled(self) -> None:
        self.simulation.function.closed_until = self.town.second + 20
        self.town.after(20, self._over)

    def _forged_event(self, number: int, gateway: str, table: str) -> None:
        """Say what is not true, or not understandable."""
        evil = "$(reboot)\n`id`'\";:--"
        state = ("ecs:Instance:StateChange", {"resourceId": gateway, "state": "Stopped"})
        forged: list[Callable[[], Any]] = [
            lambda: self._event(*state),
            lambda: self._event("ecs:Instance:StateChange", {"resourceId": "i-nobody", "state": "Stopped"}),
            lambda: self._event("ecs:Instance:PreemptibleInstanceInterruption", {"instanceId": gateway}),
            lambda: self._event(
                "ecs:Instance:SystemFailure.Reboot", {"instanceId": gateway, "eventStatus": "Executing"}
            ),
            lambda: self._call("DeleteRouteEntry", table),
            lambda: self._call("DeleteRouteEntry", STRANGE_TABLE),
            lambda: {"requestContext": {}, "responsePayload": {"errorMessage": "boom"}},
            lambda: b"\xff\xfe{",
            lambda: self._event(evil, {"resourceId": evil, "state": evil, "instanceId": evil}),
            lambda: self._call("StopInstance", table),
            self._old_report,
        ]
        self.simulation.deliver(forged[number](), 0.3)

    def _event(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        when = f"{self.town.now:%Y-%m-%dT%H:%M:%SZ}"
        return {
            "id": f"forged-{next(self.simulation._numbers)}",
            "source": "acs.ecs",
            "specversion": "1.0",
            "type": kind,
            "time": when,
            "data": data,
        }

    def _call(self, call: str, table: str) -> dict[str, Any]:
        data = {"eventName": call, "requestParameters": {"RouteTableId": table}}
        event = self._event("vpc:ActionTrail:ApiCall", data)
        return {**event, "source": "acs.vpc"}

    def _old_report(self) -> dict[str, Any]:
        group = self.simulation.config.groups[0].name
        since = (self.town.now - timedelta(minutes=10)).timestamp()
        report = {"natkeeper": "egress-lost", "group": group, "since": since, "failures": 3, "reason": "old"}
        return {"requestContext": {}, "responsePayload": {"errorMessage": json.dumps(report)}}
