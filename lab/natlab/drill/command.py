"""`natlab drill`: play a scenario in the lab, feel it as a private host, write the report."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from natkeeper.drill import DrillFigures, Moment, Observed, figures, render
from natkeeper.drill.figures import OUT, fate
from natkeeper.drill.observed import Kind
from natlab.demo import wording
from natlab.drill.measurement import FlowMeasurement, Flows, forwarding, is_served_by_each
from natlab.real.preflight import require
from natlab.real.testbed import LabGround
from natlab.scenarios import record
from natlab.scenarios.catalogue import scenario
from natlab.scenarios.network import FAILOVER, PROBE
from natlab.scenarios.play import Result, Setting, play
from natlab.scenarios.reuse import ReadyWorld, kept
from natlab.scenarios.scenario import Scenario

PLACE: Final = "natlab's lab: Linux systems with firewalld, network namespaces, real packets; a local Alibaba Cloud"
_PROMISED: Final = frozenset({(OUT, "busy"), (OUT, "idle")})
_BEFORE_S = 1.0
"""How much of what happened before the fault is told."""
_MOVES = ("ModifyRouteEntry", "CreateRouteEntry")
_TOLD = frozenset({"event", "start", "end", "write", "route", "address", "receipt", "told", "power", "fault", "step"})


@dataclass(frozen=True, slots=True)
class Drilled:
    """How the play ended, and what was observed."""

    result: Result
    observed: Observed


def run(name: str, out: Path, facts: Path | None = None, *, as_json: bool) -> bool:
    """Drill a scenario of the list, write the report and show the figures; whether it ended well.

    Raises NoLab, before anything is touched.
    """
    require()
    drilled = drill(scenario(name), phase=lambda phase: _say(f"drill: {phase}"))
    found = figures(drilled.observed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(drilled.observed), encoding="utf-8")
    if facts is not None:
        facts.write_text(json.dumps(drilled.observed.as_json()), encoding="utf-8")
    sys.stdout.write(json.dumps(found.as_json()) + "\n" if as_json else in_words(found))
    _say(f"drill: the report is in {out}")
    return found.ok


def in_words(found: DrillFigures) -> str:
    """The figures for a person, a line each."""
    lines = [
        f"{found.scenario}: {'good' if found.ok else 'not good'}",
        *(f"  {reason}" for reason in found.reasons),
        f"  outage of new connections  {found.outage_s:.2f} s, {found.lost_connections} of {found.connections} lost",
        f"  flows that survived        {found.flows_survived} of {found.flows_total}",
    ]
    for each in found.flows:
        gap = "" if each.longest_gap_s is None else f", silent for {each.longest_gap_s:.2f} s at most"
        when = f"{each.hung_s:.2f} s after the move" if each.hung_s else "before the move"
        hung = "" if each.hung_s is None else f", the others broke {when}"
        relayed = f", {each.fates['relayed']} of them relayed" if each.fates.get("relayed") else ""
        lines.append(
            f"    {found.ways[each.way].name} {each.kind}: {each.survived} of {each.total}{relayed}{gap}{hung}"
        )
    lines += [
        f"  {name.replace('_', ' '):26} +{at:.2f} s after the fault"
        for name, at in found.moments.items()
        if at is not None
    ]
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def drill(scenario: Scenario, flows: Flows | None = None, phase: Callable[[str], None] = lambda _: None) -> Drilled:
    """Play a scenario in the lab and observe it. Raises NoLab, DeployError, InVain."""
    return _observed(scenario, flows, phase, play)


class Drills:
    """Several drills on one stage of the lab; see natlab.scenarios.reuse for what scenarios these may be."""

    def __init__(self, on: ReadyWorld) -> None:
        self.stage = on

    def drill(self, scenario: Scenario, flows: Flows | None = None) -> Drilled:
        """Play a scenario and observe it. Raises InVain."""
        return _observed(scenario, flows, lambda _: None, self.stage.play)

    def sweep(self) -> int:
        """Let a sweep look after gateways that are well; how many writes it sent."""
        return self.stage.sweep()


@contextlib.contextmanager
def drills(scenario: Scenario) -> Iterator[Drills]:
    """Set a stage in the lab that fits a scenario, for it and others. Raises NoLab, DeployError, InVain."""
    with kept(forwarding(scenario), Setting(ground=LabGround)) as on:
        yield Drills(on)


def _observed(
    scenario: Scenario,
    flows: Flows | None,
    phase: Callable[[str], None],
    playing: Callable[[Scenario, Setting], Result],
) -> Drilled:
    flows = replace(flows or Flows(), every=is_served_by_each(scenario))
    felt, heard, names = FlowMeasurement(flows), list[record.TimelineEntry](), dict[str, str]()
    setting = Setting(ground=LabGround, beside=felt.beside, hear=heard.append, phase=phase, named=names.update)
    result = playing(forwarding(scenario), setting)
    fault_at = result.evidence.fault_at
    observed = Observed(
        scenario=scenario.name,
        story=scenario.story,
        place=PLACE,
        began_at=felt.began_at,
        fault_at=fault_at,
        ended_at=felt.ended_at,
        attempts=tuple(felt.attempts),
        ways=felt.ways,
        flows=tuple(felt.lasting),
        gaps=tuple(felt.gaps),
        moments=_moments(heard, names, fault_at),
        reasons=tuple(wording.named(reason, names) for reason in result.reasons),
    )
    return Drilled(result, replace(observed, reasons=(*observed.reasons, *_unlike(scenario.fate, observed))))


def _unlike(wanted: str, observed: Observed) -> Iterator[str]:
    """Yield how lasting TCP connections outwards ended otherwise than the scenario promises."""
    ends = Counter(fate(flow, observed) for flow in observed.flows if wanted and (flow.way, flow.kind) in _PROMISED)
    for found, number in sorted(ends.items()):
        if found != wanted:
            yield f"{number} of {ends.total()} TCP connections outwards were {found}, not {wanted}"


def _moments(heard: list[record.TimelineEntry], names: dict[str, str], fault_at: float) -> tuple[Moment, ...]:
    """What people want to read of what was heard, oldest first; the run that decides began with the signal."""
    told = [each for each in heard if each.kind in _TOLD and each.at > fault_at - _BEFORE_S]
    told = [each for each in told if record.NO_PATTERN not in each.what and not _is_quiet_probe(each)]
    decided = next((each.at for each in told if each.kind == "write" and each.what.startswith(_MOVES)), None)
    signals = [each for each in told if each.kind == "start" and each.who == FAILOVER]
    signal = next((each for each in reversed(signals) if decided is not None and each.at <= decided), None)
    kept = sorted((each for each in told if each is signal or not _is_routine(each)), key=lambda each: each.at)
    return tuple(
        replace(
            _moment(each, "signal" if each is signal else _kind(each, decided)), what=wording.named(each.what, names)
        )
        for each in kept
    )


def _moment(heard: record.TimelineEntry, kind: Kind) -> Moment:
    return Moment(heard.at, kind, heard.who or "the world", heard.what)


def _kind(heard: record.TimelineEntry, decided: float | None) -> Kind:
    match heard.kind:
        case "fault":
            return "fault"
        case "step":
            return "step"
        case "route":
            return "route"
        case "write" if heard.at == decided:
            return "decision"
        case "address" if " is on " in heard.what:
            return "eip"
        case "receipt":
            return "told"
    return "detail"


def _is_routine(heard: record.TimelineEntry) -> bool:
    """A sweep that begins, or a run that ends as it should: what it did is told by itself."""
    ends = heard.kind == "end" and heard.what.startswith("ends")
    return heard.who == FAILOVER and (ends or (heard.kind == "start" and "timer sweep" in heard.what))


def _is_quiet_probe(heard: record.TimelineEntry) -> bool:
    """A probe that begins its minute, or ends it without a report."""
    return heard.who == PROBE and "fails" not in heard.what
