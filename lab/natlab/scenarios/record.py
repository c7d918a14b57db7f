"""Who did what, when?  Listens to a local cloud while a scenario is played, and keeps what it hears.

Everything arrives under the cloud's lock; listeners (a timeline) must be quick.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.models import Invocation, InvocationStatus
from natlab.cloud.kernel.events import Event
from natlab.cloud.kernel.gate import CallRecord
from natlab.scenarios.evidence import FunctionRun, Hop, SeenWrite
from natlab.scenarios.network import FAILOVER, ScenarioNetwork
from natlab.scenarios.testbed import WEB_SERVER

_ROLE_OF_OURS = "natkeeper-"
NO_PATTERN = "no pattern matches"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a timeline. `kind`: fault, step, power, event, start, end, read, write, wait, route, address,
    receipt, connection, told, note.
    """

    at: float
    kind: str
    who: str
    what: str


class Record:
    """What was heard so far; `listeners` hear of each moment at once."""

    def __init__(self, cloud: Cloud, world: ScenarioNetwork) -> None:
        self._cloud = cloud
        self.world = world
        self.hops: list[Hop] = []
        self._entries: dict[str, dict[IPv4Network | IPv6Network, str]] = {
            world.ids[table]: {ip_network("0.0.0.0/0"): world.ids[home]}
            for table, home in world.topology.tables.items()
        }
        self.writes: list[SeenWrite] = []
        self.messages: list[str] = []
        self.listeners: list[Callable[[TimelineEntry], None]] = []
        self.single_connections = True
        """Whether it is told of each new connection that works or fails after another: not while many are lost."""
        cloud.subscribers.append(self._event)
        cloud.fc.observers.append(self._invocation)
        cloud.gate.observers.append(self._call)

    def say(self, kind: str, who: str, what: str, at: float | None = None) -> None:
        """Tell the listeners."""
        moment = TimelineEntry(self._cloud.clock.now() if at is None else at, kind, who, what)
        for listener in self.listeners:
            listener(moment)

    def runs(self) -> tuple[FunctionRun, ...]:
        """The runs of the failover function that began, oldest first."""
        found = self._cloud.fc.invocations_of(FAILOVER)
        return tuple(run_of(each) for each in found if each.started is not None)

    def hear(self, what: str, subject: str, target: str) -> None:
        """Hear what the cloud does to machines and cables (`ground.Observed`)."""
        name = self.world.name_of
        if what.startswith("route "):
            self._led(subject, what.removeprefix("route "), target)
            where = f"{what.removeprefix('route ')} of {name(subject)} leads to {name(target)}"
            self.say("route", "network", where if target else f"{name(subject)} has no {what}")
        elif what in ("on", "off"):
            self.say("power", name(subject), f"has {'power' if what == 'on' else 'no power'}")
        else:
            self.say("address", "network", f"{target} {'is on' if what == 'bind' else 'leaves'} {name(subject)}")

    def _led(self, table: str, destination: str, target: str) -> None:
        """Note where packets to the internet go now, if that changed: a more specific entry may have carried them."""
        entries = self._entries.setdefault(table, {})
        network, before = ip_network(destination), _leads(entries)
        if target:
            entries[network] = target
        else:
            entries.pop(network, None)
        after = _leads(entries)
        if after != before:
            self.hops.append(Hop(self._cloud.clock.now(), self.world.name_of(table), self.world.name_of(after)))

    def told(self, title: str, text: str) -> None:
        """Hear what people are told."""
        self.messages.append(f"{title}\n{text}")
        self.say("told", "people", f"are told: {title}")

    def _event(self, event: Event) -> None:
        deliveries = [each for each in self._cloud.bus.deliveries if each.event["id"] == event["id"]]
        rules = ", ".join(_trigger(each.rule) for each in deliveries)
        outcome = f"matches the pattern of {rules}" if rules else NO_PATTERN
        self.say("event", "event bus", f"{event['type']}: {_about(event)}; {outcome}")

    def _invocation(self, invocation: Invocation) -> None:
        if not invocation.ended:
            self.say("start", invocation.function, _start_in_words(invocation))
            return
        self.say("end", invocation.function, _end_in_words(invocation))
        for receipt in run_of(invocation).news:
            self.say("receipt", invocation.function, str(receipt.get("sentence")))

    def _call(self, call: CallRecord) -> None:
        role = call.role or ""
        if _ROLE_OF_OURS not in role:
            return
        service = self._cloud.service(call.product)
        is_write = getattr(service, "is_write", lambda _: False)(call.action)
        refused = f": {call.error}" if call.error else ""
        if not is_write:
            self.say("read", call.product, call.action + refused, call.at)
            return
        name = self.world.name_of
        table, to = (
            call.params.get("RouteTableId", ""),
            call.params.get("NewNextHopId", call.params.get("NextHopId", "")),
        )
        if call.params.get("DestinationCidrBlock", "").endswith("/32"):
            to = ""  # a lane: it carries no private host's packets
        self.writes.append(SeenWrite(call.at, call.action, name(table), name(to) if to else "", call.error))
        detail = f" {name(table)} to {name(to)}" if to else ""
        self.say("write", call.product, call.action + detail + refused, call.at)


def _leads(entries: Mapping[IPv4Network | IPv6Network, str]) -> str:
    """Where packets to the web server go: by the most specific entry; empty for nowhere."""
    there = ip_address(WEB_SERVER)
    return max(((net.prefixlen, hop) for net, hop in entries.items() if there in net), default=(0, ""))[1]


def run_of(invocation: Invocation) -> FunctionRun:
    """What can be seen of one invocation."""
    answer: Any = {}
    if invocation.ended and invocation.result:
        try:
            answer = json.loads(invocation.result)
        except ValueError:
            answer = {"error": "the answer is not JSON"}
    return FunctionRun(
        source=invocation.source,
        started=invocation.started or invocation.received,
        finished=invocation.finished,
        cold=invocation.cold,
        answer=answer if isinstance(answer, dict) else {},
        error="" if invocation.status is InvocationStatus.STOPPED else invocation.error_type,
    )


def _about(event: Event) -> str:
    data = event.get("data")
    if not isinstance(data, dict):
        return ""
    words = [data.get("resourceId") or data.get("instanceId") or "", data.get("state") or data.get("eventStatus") or ""]
    if "eventName" in data:
        words = [str(data["eventName"])]
    return " ".join(str(word) for word in words if word)


def _start_in_words(invocation: Invocation) -> str:
    source, _, detail = invocation.source.partition(":")
    why = {
        "event": f"for an event ({_trigger(detail)})",
        "timer": f"for timer {detail}",
        "destination": f"for the report of {detail}",
        "api": "by an API call",
    }.get(source, invocation.source)
    return f"starts {'cold' if invocation.cold else 'warm'} {why}"


def _end_in_words(invocation: Invocation) -> str:
    took = (invocation.finished or 0.0) - (invocation.started or 0.0)
    if not invocation.error_type:
        return f"ends after {took:.2f} s"
    return f"fails after {took:.2f} s: {_raised(invocation)}"


def _raised(invocation: Invocation) -> str:
    """What a function raised; a probe's report is told in its own words."""
    try:
        message = str(json.loads(invocation.result)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return invocation.error_type
    try:
        report = json.loads(message)
        return f"{report['natkeeper']}, {report['failures']} checks in a row: {report['reason']}"
    except (ValueError, KeyError, TypeError):
        return message


def _trigger(rule: str) -> str:
    """The trigger that a rule of the bus stands behind."""
    return rule.removeprefix(f"fc-{FAILOVER}-")
