"""Plays one scenario on a local cloud of its own and says how it ended.

Nothing here calls natkeeper: its functions are deployed as `s deploy` would do it, run in processes of their own,
and are woken by events, timers, the probe's report or a person's API call. Latencies are those of the table in
natlab.cloud.kernel.latencies, times `pace`. Timers keep their minute; where a script waits for the next sweep, it
lets the timer fire before its time.
"""

from __future__ import annotations

import contextlib
import random
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.latencies import TABLE, Latencies
from natlab.deploy import Template
from natlab.scenarios import functions
from natlab.scenarios.course import Course
from natlab.scenarios.evidence import HostConnection, ScenarioEvidence
from natlab.scenarios.network import FAILOVER, NOTIFIES, PROBE, ScenarioNetwork, build, configuration
from natlab.scenarios.readings import Platform
from natlab.scenarios.record import Record, TimelineEntry
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import InVain, Play
from natlab.scenarios.testbed import RecordingDataPlane, SimulatedGround, Testbed
from natlab.scenarios.timing import ScenarioFigures, figures
from natlab.scenarios.topology import STRANGER
from natlab.scenarios.traffic import Traffic
from natlab.scenarios.verdicts import judge
from natlab.scenarios.webhook import Webhook

REGION = "cn-hangzhou"
BUILDING, BUNDLING, DEPLOYING = "building", "bundling", "deploying"
SETTING_UP, WATCHING, RUNNING = "setting up", "watching", "running"
"""What a play goes through, one phase after the other."""
HURRY = 0.1
"""Of what the platform would take where nothing is measured, as for the setup of the gateways before the fault."""
_HURRIED = "oos.", "ecs.assistant.", "ecs.instance.", "event.ecs."
CALM_S = 0.5
"""How long traffic is watched before anything is broken, and after the script has ended."""
READY_WITHIN_S = 60.0
BETWEEN_S = 3.0
"""Between two sweeps while the gateways are made ready: one may lead the lane, and the next finds nothing to do."""
RECIPE = b"""
sysctl -w net.ipv4.ip_forward=1
firewall-cmd --zone=public --change-interface=eth0
firewall-cmd --zone=public --add-masquerade
"""
"""How a person makes a gateway of a machine by hand."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How scenarios are played.

    `code` builds the functions, `amend` changes what s.yaml says before it is deployed, `webhook` makes the place
    where people are told. `pace` scales every assumed latency, `patience` how long to wait for what ought to happen.
    `platform` says how the platform is not as assumed.
    `unpacked` is a directory that shares unpacked code with other plays. `hear` gets the moments of the timeline,
    `phase` what is being done, `named` the scenario's names of ids. `beside` is entered when everything is ready and
    left when the script has ended, while machines and network are still there: something else that measures.
    """

    code: functions.Code = functions.bundles
    amend: Callable[[Template], Template] = lambda template: template
    pace: float = 1.0
    platform: Platform = field(default_factory=Platform)
    patience: float = 1.0
    unpacked: Path | None = None
    hear: Callable[[TimelineEntry], None] = lambda _: None
    webhook: Callable[[Callable[[str, str], None]], Webhook] = Webhook
    phase: Callable[[str], None] = lambda _: None
    named: Callable[[Mapping[str, str]], None] = lambda _: None
    ground: Callable[[], Testbed] = SimulatedGround
    course: Callable[[], Course] = Course
    beside: Callable[[Play], contextlib.AbstractContextManager[object]] = lambda _: contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Result:
    """How a scenario ended: the figures, what they come from, and why it is not good (nothing, when it is)."""

    scenario: str
    figures: ScenarioFigures
    evidence: ScenarioEvidence
    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """The object that `natlab demo --json` prints."""
        measured = self.figures
        shown: dict[str, Any] = {
            "scenario": self.scenario,
            "ok": self.ok,
            "outage_s": measured.outage_s,
            "detected_s": measured.detected_s,
            "decided_s": measured.decided_s,
            "routed_s": measured.routed_s,
            "verified": measured.verified,
            "next_hop": measured.next_hop,
            "receipts": [dict(receipt) for receipt in measured.receipts],
        }
        return shown | ({} if self.ok else {"reasons": list(self.reasons)})


def play(scenario: Scenario, setting: Setting | None = None) -> Result:
    """Play a scenario from an empty cloud to its verdict. Raises DeployError, and InVain when it cannot even begin."""
    setting = setting or Setting()
    with stage(scenario, setting) as ready:
        return perform(ready, scenario, setting)


@contextlib.contextmanager
def stage(scenario: Scenario, setting: Setting) -> Iterator[Play]:
    """Build a scenario's world, deploy into it, set the gateways up, and leave nothing behind."""
    setting.phase(BUILDING)
    with contextlib.ExitStack() as ending:
        course = setting.course()
        ground = setting.ground()
        ending.callback(ground.close)
        observed = RecordingDataPlane(ground.data_plane)
        haste = hasty(setting)
        cloud = Cloud(
            clock=course.clock,
            region=REGION,
            data_plane=observed,
            latencies=latencies_of(setting, haste),
            runtime=course.runtime(setting.unpacked),
            readings=setting.platform.readings,
        )
        ending.callback(cloud.close)
        course.begin(cloud)
        cloud.fc.tunnel = ground.tunnel
        ending.enter_context(cloud.serve())
        world = build(cloud, scenario.topology)
        record = Record(cloud, world)
        record.listeners.append(setting.hear)
        observed.hear = record.hear
        setting.named({each: name for name, each in world.ids.items()})
        setting.phase(BUNDLING)
        code = setting.code(configuration(world, cloud.region, scenario.policy))
        setting.phase(DEPLOYING)
        webhook = setting.webhook(record.told)
        ending.callback(webhook.close)
        notify = webhook.url if NOTIFIES in scenario.policy else ""
        account = functions.install(cloud, world, code, amend=setting.amend, notify=notify, sleeper=course.sleep)
        made = Play(cloud, ground, world, record, _traffic(course, ground, world, record), account, haste, course)
        setting.phase(SETTING_UP)
        made.patience = max(setting.patience, 1.0)  # impatience is for scripts
        _set_up(made)
        with cloud.lock:
            haste.clear()
        setting.phase(WATCHING)
        watch(made)
        yield made


def latencies_of(setting: Setting, haste: dict[str, float]) -> Latencies:
    """Return the platform's latencies, and those of `haste` for as long as it holds any: it is read at each use."""
    return Latencies(setting.pace, ChainMap(haste, dict(setting.platform.latencies)))


def hasty(setting: Setting) -> dict[str, float]:
    """What gateways are made to wait for while nothing is measured."""
    return {row.name: row.seconds * setting.pace * HURRY for row in TABLE if row.name.startswith(_HURRIED)}


def perform(ready: Play, scenario: Scenario, setting: Setting) -> Result:
    """Play a scenario's script on a stage where its world is up and well."""
    ready.traffic = _traffic(ready.course, ready.ground, ready.world, ready.record)
    ready.marks, ready.fault_at = {}, 0.0
    with contextlib.ExitStack() as ending:
        ending.callback(ready.traffic.stop)
        ending.enter_context(setting.beside(ready))
        setting.phase(RUNNING)
        ready.patience = setting.patience
        in_vain = _perform(ready, scenario)
        evidence = _evidence(ready, in_vain)
    measured = figures(evidence)
    return Result(scenario.name, measured, evidence, judge(scenario.verdict, evidence, measured))


def _set_up(stage: Play) -> None:
    """Let the first sweeps set the gateways up through OOS."""
    if STRANGER in stage.world.ids:
        stage.ground.run(stage.id(STRANGER), RECIPE)
    stage.poke(FAILOVER, "sweep")
    stage.until("the first sweep had set up all gateways", stage.set_up, READY_WITHIN_S)
    began = stage.now()
    swept = 0.0

    def quiet() -> bool:
        nonlocal swept
        if stage.now() - swept > BETWEEN_S:
            swept = stage.now()
            stage.poke(FAILOVER, "sweep")
        return quiet_since(stage, began)

    stage.until("a sweep found nothing more to do", quiet, READY_WITHIN_S)


def watch(stage: Play) -> None:
    """Let the probe begin the minute."""
    watched = next(iter(stage.world.vswitches.values()))
    before = stage.ground.watched_from(watched)
    stage.poke(PROBE, "look")
    stage.until("the probe was watching", lambda: stage.ground.watched_from(watched) > before, READY_WITHIN_S)


def quiet_since(stage: Play, began: float) -> bool:
    """Return True if a run that began since then found nothing to do and nothing wrong."""
    runs = [run for run in stage.record.runs() if run.started >= began and run.receipts]
    return any(not run.news and not run.receipts[0].get("problems") for run in runs) or any(
        map(stage.course.fine, runs)
    )


def _perform(stage: Play, scenario: Scenario) -> tuple[str, ...]:
    """Play the script; returns what it waited for in vain."""
    stage.traffic.start()
    stage.sleep(CALM_S + random.random())  # a fault does not wait for a certain moment between two looks of the probe
    stage.fault_at = stage.now()
    try:
        for step in scenario.script:
            if step.fault:
                stage.fault_at = stage.now()
            if step.say:
                stage.record.say("fault" if step.fault else "step", "", step.say)
            step.do(stage)
    except InVain as vain:
        stage.record.say("note", "", str(vain))
        return (str(vain),)
    finally:
        stage.sleep(CALM_S)
        stage.traffic.stop()
    return ()


def _evidence(stage: Play, in_vain: tuple[str, ...]) -> ScenarioEvidence:
    since, record = stage.fault_at, stage.record
    with stage.cloud.lock:
        attempts = {table: tuple(each) for table, each in stage.traffic.attempts.items()}
        seen = {
            table: tuple(dict.fromkeys(a.public_ip for a in each if a.public_ip)) for table, each in attempts.items()
        }
        return ScenarioEvidence(
            fault_at=since,
            ended_at=stage.now(),
            ids=dict(stage.world.ids),
            attempts=attempts,
            runs=tuple(run for run in record.runs() if run.started >= since),
            writes=tuple(write for write in record.writes if write.at >= since),
            hops=tuple(hop for hop in record.hops if hop.at >= since),
            next_hops={table: stage.hop(table) for table in stage.world.vswitches},
            eip_on=stage.eip_on(),
            marks=dict(stage.marks),
            told=tuple(record.messages),
            in_vain=in_vain,
            addresses=seen,
        )


def _traffic(course: Course, ground: Testbed, world: ScenarioNetwork, record: Record) -> Traffic:
    hosts = {table: _host(ground, vswitch) for table, vswitch in world.vswitches.items()}
    return course.traffic(hosts, lambda table, attempt: _noticed(record, world, table, attempt))


def _host(ground: Testbed, vswitch: str) -> Callable[[], Any]:
    return lambda: ground.connect(vswitch)


def _noticed(record: Record, world: ScenarioNetwork, table: str, attempt: HostConnection) -> None:
    if not record.single_connections:
        return
    who = "private host" if len(world.vswitches) == 1 else f"host behind {table}"
    what = f"a new connection works, seen as {attempt.public_ip}" if attempt.public_ip else "new connections fail"
    lost = attempt.lost
    record.say("connection", who, what + (f": {lost}" if lost else ""), attempt.at)
