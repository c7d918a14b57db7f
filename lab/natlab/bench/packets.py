"""What private hosts feel, with real gateways and real packets: scenarios played in the lab, from fault to recovery.

Stages are set with addresses of the gateways' own, with an EIP that follows, with a relay, with a way in by each
gateway; all runs of a kind are played on one of them, and what one breaks is mended before the next. Where there can be
no lab (no root, no namespaces) the figures are missing, with the reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from natlab.bench.results import Figure, Sample, absent, counted, failed

if TYPE_CHECKING:
    from natkeeper.drill import Observed
    from natlab.drill.command import Drills
    from natlab.scenarios.scenario import Scenario

_PACE_S = 0.1
"""Between two questions of a busy connection."""
OUT = "out"
_FEW, _MANY, _NONE = 25, 100, 0
"""Busy connections, and as many idle ones, that a private host keeps meanwhile."""


@dataclass(frozen=True, slots=True)
class PacketRow:
    """One figure of a scenario: how it is read from what was observed, its aim, and what it is made of."""

    key: str
    what: str
    unit: str
    read: Callable[[Observed], float]
    aside: str
    most: float | None = None
    least: float | None = None

    def figure(self, seen: list[Observed]) -> Figure:
        """The median of all runs. Raises WentBadlyError."""
        values = Sample.of([self.read(each) for each in seen])
        return Figure(self.key, self.what, self.unit, values, self.aside, self.most, least=self.least)

    def absent(self, why: str) -> Figure:
        """Say why there is none here."""
        return absent(self.key, self.what, self.unit, why)

    def failed(self, why: str) -> Figure:
        """Say what went wrong."""
        return failed(self.key, self.what, self.unit, why)


@dataclass(frozen=True, slots=True)
class PacketScenario:
    """One scenario, the connections that are kept meanwhile, and its figures."""

    scenario: str
    flows: int
    rows: tuple[PacketRow, ...]
    inward: int = 0
    """Busy connections, and as many idle ones, that visitors keep by each gateway."""


class WentBadlyError(Exception):
    """A scenario in the lab had another end than its verdict asks for; the message says which."""


# ---- how figures are read ----------------------------------------------------------------------------------


def _outage(seen: Observed) -> float:
    from natkeeper.drill import figures

    return figures(seen).outage_s


def _after_event(seen: Observed) -> float:
    """From the event's arrival at the bus until connections work again, less what the route task is assumed to take."""
    from natkeeper.drill import figures

    works = figures(seen).moments["first_packet"]
    heard = [m.at for m in seen.moments if m.who == "event bus" and "matches" in m.what and m.at >= seen.fault_at]
    if works is None or not heard:
        raise WentBadlyError("no event, or no end of the outage")
    return works - (min(heard) - seen.fault_at) - _assumed("vpc.modify_route_entry.task")


def _beside_eip(seen: Observed) -> float:
    """The outage, less what it is assumed to take to free the EIP and to bind it again."""
    return _outage(seen) - _assumed("vpc.unassociate_eip.task") - _assumed("vpc.associate_eip.task")


def _lost(seen: Observed) -> float:
    from natkeeper.drill import figures

    return float(figures(seen).lost_connections)


def _hung(seen: Observed) -> float:
    """How long after the move the last connection noticed that it was over, in seconds."""
    from natkeeper.drill import figures

    return max((each.hung_s for each in figures(seen).flows if each.hung_s is not None), default=0.0)


def _worst(seen: Observed) -> float:
    """The longest that a busy connection waited for an answer beyond its own pace, in seconds."""
    return max(max(0.0, flow.longest_gap_s - _PACE_S) for flow in seen.flows if flow.kind == "busy")


def _survivors(seen: Observed) -> float:
    return float(sum(flow.survived for flow in seen.flows if flow.kind != "udp"))


def _visitors(seen: Observed) -> float:
    return float(sum(flow.survived for flow in seen.flows if flow.way != OUT))


def _visitors_lost(seen: Observed) -> float:
    from natkeeper.drill import figures

    return float(sum(way.lost for key, way in figures(seen).ways.items() if key != OUT))


def _silent(seen: Observed) -> float:
    """How many TCP connections broke by waiting in vain and not by a reset."""
    from natkeeper.drill.figures import fate

    return float(sum(fate(flow, seen) == "silent" for flow in seen.flows if flow.kind != "udp"))


def _written(seen: Observed) -> float:
    """From a person's request to the write of the route, in seconds."""
    from natkeeper.drill import figures

    written = figures(seen).moments["decision"]
    if written is None:
        raise WentBadlyError("no route was written")
    return written


def _assumed(latency: str) -> float:
    from natlab.cloud.kernel.latencies import Latencies

    return Latencies().of(latency)


# ---- what is played ----------------------------------------------------------------------------------------

_ONCE_MORE = "until TCP tries again by itself; its pauses double"
_AT_ONCE = "until the next segment; ten are sent in a second"


def _hang(scenario: str, when: str, aside: str) -> PacketRow:
    what = f"lab: {when}: until the last connection was reset, after the move"
    return PacketRow(f"{scenario}_hung_s", what, "s", _hung, aside, most=1.0)


def _planned(scenario: str, when: str) -> PacketScenario:
    row = PacketRow(
        f"{scenario}_lost", f"lab: {when}: new connections that fail", "", _lost, "both gateways work", most=0.0
    )
    return PacketScenario(scenario, _FEW, (row, _hang(scenario, when, _AT_ONCE)))


def _write(key: str, what: str, most: float | None = None) -> PacketRow:
    return PacketRow(
        key, f"lab: {what}: from request to route write", "s", _written, "a reading of all comes first", most
    )


_MANUAL = _planned("manual", "a person switches")
OWN = (
    replace(_MANUAL, rows=(*_MANUAL.rows, _write("manual_write_s", "a person switches"))),
    _planned("maintenance", "maintenance is announced"),
    _planned("spot", "spot instance reclaimed"),
    PacketScenario("stop", _FEW, (
        PacketRow("stop_outage_s", "lab: gateway stopped: outage", "s", _outage,
            "assumed: event 1 s, delivery 0.25 s, route task 1 s"),
        PacketRow("stop_after_event_s", "lab: the same, from event to connection, less the route task's 1 s", "s",
            _after_event, "assumed: delivery 0.25 s", most=1.0),
        _hang("stop", "gateway stopped", _ONCE_MORE),
    )),
    PacketScenario("freeze", _FEW, (
        PacketRow("freeze_outage_s", "lab: gateway hangs, no event: outage", "s", _outage,
            "half an interval, 1.2 s of silence, route task 1 s", most=2.8),
        _hang("freeze", "gateway hangs", _ONCE_MORE),
    )),
)  # fmt: skip
FOLLOWING = (
    PacketScenario("follow", _MANY, (
        PacketRow("follow_survived", "lab: host fails, the EIP follows: TCP connections of 200 that go on",
            "", _survivors, "with addresses of the gateways' own none does", least=2.0 * _MANY),
        PacketRow("follow_outage_s", "lab: the same: outage", "s", _outage, "assumed: event 1 s, EIP 7 s + 7 s"),
    )),
    PacketScenario("freeze-follow", _NONE, (
        PacketRow("freeze_follow_s", "lab: gateway hangs, the EIP follows: outage less the EIP's 14 s",
            "s", _beside_eip, "the same looks; the EIP waits for no route task", most=5.0),
    )),
)  # fmt: skip
RELAYED = (
    PacketScenario("relay", _MANY, (
        PacketRow("relay_survived", "lab: planned move, own addresses, relay: TCP connections of 200 that go on", "",
            _survivors, "without a relay none does", least=2.0 * _MANY),
        PacketRow("relay_worst_s", "lab: the same: longest wait of a busy connection", "s", _worst,
            "beyond its pace of 0.1 s", most=0.1),
        PacketRow("relay_lost", "lab: the same: new connections that fail", "", _lost, "both gateways work", most=0.0),
        _write("relay_write_s", "the same", 10.0),
    )),
    PacketScenario("relay-then-death", _MANY, (
        PacketRow("relay_death_silent", "lab: relay, then the old gateway dies: TCP connections of 200 that hang", "",
            _silent, "all others are reset", most=0.0),
    )),
)  # fmt: skip
VISITED = (
    PacketScenario("visitors", _NONE, (
        PacketRow("visitors_survived", "lab: planned move, way_in every: visitors' connections of 100 that go on", "",
            _visitors, "half of them by each gateway", least=4.0 * _FEW),
        PacketRow("visitors_lost", "lab: the same: new connections of visitors that fail", "", _visitors_lost,
            "by both gateways", most=0.0),
    ), inward=_FEW),
)  # fmt: skip
STAGES = OWN, FOLLOWING, RELAYED, VISITED
"""Each on a stage of its own."""
SWEEP = "sweep_writes", "lab: writes of a sweep of two healthy gateways", ""
KEYS = (SWEEP[0], *(row.key for parts in STAGES for part in parts for row in part.rows))


def packets(runs: int, say: Callable[[str], None]) -> Iterator[Figure]:
    """Play every scenario `runs` times."""
    from natlab.real.preflight import preflight

    why = "not asked for (--lab-runs)" if runs < 1 else " ".join(preflight())
    if why:
        yield absent(*SWEEP, why)
        yield from (row.absent(why) for parts in STAGES for part in parts for row in part.rows)
        return
    for parts in STAGES:
        yield from _on_a_stage(parts, runs, say)


def _on_a_stage(parts: tuple[PacketScenario, ...], runs: int, say: Callable[[str], None]) -> Iterator[Figure]:
    from natlab.scenarios.stage import InVain

    say(f"lab: setting a stage for {', '.join(part.scenario for part in parts)}")
    with _stage("stop" if parts is OWN else parts[0].scenario) as stage:
        if parts is OWN:
            yield counted(*SWEEP[:2], stage.sweep(), target=0.0)
        for part in parts:
            try:
                yield from _repeated(stage, part, runs, say)
            except (WentBadlyError, InVain) as bad:
                yield from (row.failed(str(bad)) for row in part.rows)


def _repeated(stage: Drills, part: PacketScenario, runs: int, say: Callable[[str], None]) -> list[Figure]:
    from natlab.drill.measurement import Flows

    seen: list[Observed] = []
    for number in range(runs):
        say(f"lab: {part.scenario}, {number + 1} of {runs}")
        flows = Flows(part.flows, part.flows, udp=0, inward=part.inward)
        observed = stage.drill(_scenario(part.scenario), flows).observed
        if observed.reasons:
            raise WentBadlyError(f"run {number + 1} of {runs} went badly: {'; '.join(observed.reasons)}")
        seen.append(observed)
    return [row.figure(seen) for row in part.rows]


def _scenario(name: str) -> Scenario:
    from natlab.scenarios.catalogue import scenario

    if name != "freeze-follow":
        return scenario(name)
    stands_still, follow = scenario("freeze").script[0], scenario("follow")
    return replace(follow, name=name, script=(stands_still, *follow.script[1:]))


@contextlib.contextmanager
def _stage(fits: str) -> Iterator[Drills]:
    from natlab.drill.command import drills
    from natlab.scenarios.catalogue import scenario

    with drills(scenario(fits)) as stage:
        yield stage
