"""A play's time that nothing waits for: scenarios of the catalogue, whole, on a clock that only waits move.

The deployment, the calls, the event bus, the setup scripts and all of natkeeper's code are those of `natlab demo`.
Functions run in this process: failover one run after the other, outside the cloud's lock, because it calls the cloud;
a probe as a thread that goes on only when the clock says so; notify at once.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.domain.config import Config
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.egress_check import NO_ANSWER, Heard, OutcomeKind
from natkeeper.failover.probes import Probes
from natkeeper.failover.run import Told, attend
from natkeeper.notify.handler import handler as notify
from natkeeper.ports import Batch, CheckFromFunction, Result, drive
from natkeeper.probe.handler import ProbeHandler, Settings
from natkeeper.probe.lane import LaneLooks
from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import Done, FunctionInstance, InstanceSpec, InvocationJob, JobOutcome, as_bytes
from natlab.cloud.kernel.clock import Clock, VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.faults import FaultKind
from natlab.deploy import Deployer
from natlab.scenarios.course import Course
from natlab.scenarios.evidence import FunctionRun, HostConnection
from natlab.scenarios.network import FAILOVER, NOTIFY, WEB_SITE
from natlab.scenarios.testbed import WEB_SERVER, Try
from natlab.scenarios.traffic import Traffic
from natlab.simulated.network import Reached, Way
from tests.readings.ground import RememberingGround

TRY_EVERY_S = 0.25
ANSWER_AFTER_S = 0.02
"""When an answer of the internet is there."""
INTERVAL_S, SILENCE_S = 1.0, 1.2
"""How the probe looks, where natkeeper.yaml says nothing."""
FULL = 429
"""The status where the one instance is busy."""
WOKEN_WITHIN_S = 30.0
"""Of this machine's time: a thread that does not give the clock back by then never will."""


class VirtualCourse(Course):
    """One play. `config` is what the deployment was built from; `code` of the setting tells it."""

    poll_s = 0.25
    silence = FaultKind.UNREACHABLE

    def __init__(self) -> None:
        self.virtual = VirtualClock(time.time())  # scripts on gateways know no other time
        self.clock: Clock | None = self.virtual
        self.machines = RememberingGround(self.virtual)
        self.config: Config | None = None
        self.cloud: Cloud | None = None
        self.waiting: deque[Callable[[], None]] = deque()
        self.problems: list[str] = []
        """Evidence that receipts have named since the first sweep; what came before it does not count."""

    def runtime(self, shared: Path | None) -> VirtualCourse:
        """Run functions here."""
        return self

    def begin(self, cloud: Cloud) -> None:
        """Hear which cloud it is."""
        self.cloud = cloud

    def start(self, spec: InstanceSpec) -> FunctionInstance:
        """Start an instance."""
        if spec.function.handler != "index.handler":
            return _Broken()
        kinds: dict[str, Callable[[VirtualCourse, InstanceSpec], FunctionInstance]]
        kinds = {FAILOVER: _Failover, NOTIFY: _Notify}
        return kinds.get(spec.function.name, _Probe)(self, spec)

    def close(self) -> None:
        """Nothing to end."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.virtual.now(), timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Let time pass from one thing that is due to the next, and let the failover function run in between."""
        assert self.cloud is not None
        end = self.virtual.now() + seconds
        while True:
            while self.waiting:
                self.waiting.popleft()()
            now = self.virtual.now()
            if now >= end:
                return
            with self.cloud.lock:
                due = self.virtual.next_due()
                self.virtual.advance(max(0.0, (end if due is None else min(end, due)) - now))

    def pause(self, seconds: float) -> None:
        """Let time pass within a run of the failover function."""
        assert self.cloud is not None
        with self.cloud.lock:
            self.virtual.advance(seconds)

    def traffic(
        self, hosts: Mapping[str, Callable[[], Try]], changed: Callable[[str, HostConnection], None]
    ) -> Traffic:
        """Make private hosts that try in the clock's time."""
        return _VirtualTraffic(self.virtual, hosts, changed)

    def fine(self, run: FunctionRun) -> bool:
        """Where the platform takes no words, the one thing that is wrong is that nothing can be noted: that is told."""
        if self.cloud is None or self.cloud.readings.is_("route-description", "anything"):
            return False
        problems = [problem for receipt in run.receipts for problem in receipt.get("problems", ())]
        return bool(problems) and all("words refused" in problem for problem in problems)

    def ask(self, cloud: Cloud, account: Deployer, payload: bytes) -> bytes:
        """Invoke the failover function; again while its one instance is busy."""
        for _ in range(100):
            try:
                invocation = cloud.fc.begin(FAILOVER, payload)
            except ApiError as busy:
                if busy.status != FULL:
                    raise
                self.sleep(TRY_EVERY_S)
                continue
            while not invocation.ended:
                self.sleep(TRY_EVERY_S)
            return invocation.result
        raise AssertionError(f"{FAILOVER} was busy all the time")


class _VirtualTraffic(Traffic):
    def __init__(self, clock: VirtualClock, *given: Any) -> None:
        super().__init__(*given)
        self._clock, self._on = clock, False

    def start(self) -> None:
        self._on = True
        self._go()

    def stop(self) -> None:
        self._on = False

    def _now(self) -> float:
        return self._clock.now()

    def _go(self) -> None:
        if self._on:
            for table, connect in self._hosts.items():
                self._try(table, connect)
            self._clock.call_later(TRY_EVERY_S, self._go)


# ---- functions -------------------------------------------------------------------------------------------


@dataclass
class _Instance:
    course: VirtualCourse
    spec: InstanceSpec

    def stop(self) -> None:
        """Nothing to end."""

    def kill(self) -> None:
        """Nothing to end."""


class _Broken:
    def invoke(self, job: InvocationJob, done: Done) -> None:
        body = json.dumps({"errorMessage": "No module named 'nothing'", "errorType": "ModuleNotFoundError"})
        done(JobOutcome(body.encode(), "FunctionInitializationError", ended=True))

    def stop(self) -> None:
        """Nothing to end."""

    def kill(self) -> None:
        """Nothing to end."""


@dataclass
class _Failover(_Instance):
    told: Told = field(init=False)
    adapter: AlibabaCloud = field(init=False)
    job: InvocationJob | None = None

    def __post_init__(self) -> None:
        course, environment = self.course, self.spec.function.environment
        self.told = Told(probes=Probes(reporting=environment.get("NATKEEPER_PROBES_REPORT") == "true"))
        self.told.rest.itself = self.spec.function.name
        self.adapter = AlibabaCloud(
            self.spec.region, self._key, environment["NATKEEPER_ENDPOINT"], self.spec.account_id,
            clock=course.now, sleeper=course.pause, chance=random.Random(1),
        )  # fmt: skip

    def _key(self) -> Credentials:
        assert self.job is not None
        held = self.job.credentials
        names = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
        return Credentials(*(held[name] for name in names))

    def invoke(self, job: InvocationJob, done: Done) -> None:
        self.course.waiting.append(lambda: self._run(job, done))

    def _run(self, job: InvocationJob, done: Done) -> None:
        course, began, self.job = self.course, self.course.virtual.now(), job
        assert course.config is not None
        deadline = course.now() + timedelta(seconds=45)
        attending = attend(job.event, course.config, job.request_id, course.now, deadline, self.told)
        answer = drive(attending, self, deadline + timedelta(seconds=8))
        course.problems += (problem for receipt in answer.receipts for problem in receipt.problems)
        took = course.virtual.now() - began
        if answer.untold and b'"action"' not in job.event:
            body = json.dumps({"errorMessage": "; ".join(each.sentence for each in answer.untold)})
            done(JobOutcome(body.encode(), "UnhandledInvocationError", duration_s=took))
        else:
            done(JobOutcome(json.dumps(answer.as_json()).encode(), duration_s=took))

    def perform(self, batch: Batch, deadline: datetime) -> Sequence[Result]:
        """Perform a batch by the SDKs, and what looks by the function's own egress here."""
        others = tuple(call for call in batch if not isinstance(call, CheckFromFunction))
        found = iter(self.adapter.perform(others, deadline) if others else ())
        return [self._look() if isinstance(call, CheckFromFunction) else next(found) for call in batch]

    def _look(self) -> EgressSeen | EgressLost:
        way = self.course.machines.machines.path_from_public()
        now = self.course.now()
        return EgressSeen(now, way.public_ip) if isinstance(way, Reached) else EgressLost(now, NO_ANSWER)


class _Notify(_Instance):
    def invoke(self, job: InvocationJob, done: Done) -> None:
        function = self.spec.function
        context = SimpleNamespace(account_id=self.spec.account_id, region=self.spec.region, function=function)
        try:
            with mock.patch.dict(os.environ, function.environment), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # what Apprise imports
                done(JobOutcome(as_bytes(notify(job.event, context))))
        except Exception as error:  # noqa: BLE001  FC turns it into the answer
            done(JobOutcome(json.dumps({"errorMessage": str(error)}).encode(), "UnhandledInvocationError"))


class _GoneError(Exception):
    """The instance was killed while it waited."""


class _Probe(_Instance):
    """Each invocation is a thread; either it runs or the clock does."""

    def __init__(self, course: VirtualCourse, spec: InstanceSpec) -> None:
        super().__init__(course, spec)
        self.gone = False

    def kill(self) -> None:
        self.gone = True

    def invoke(self, job: InvocationJob, done: Done) -> None:
        _ProbeThread(self, job, done).resume()


class _ProbeThread:
    """An invocation, and its checks as natkeeper.probe.watch.CheckRunner has them."""

    def __init__(self, probe: _Probe, job: InvocationJob, done: Done) -> None:
        self._probe, self._job, self._done = probe, job, done
        self._clock = probe.course.virtual
        self._go, self._rests = threading.Event(), threading.Event()
        self._due: list[tuple[float, int, OutcomeKind, str]] = []
        self._outcome: JobOutcome | None = None
        self._thread = threading.Thread(target=self._body, name="probe", daemon=True)

    def resume(self) -> None:
        """Let it go on until it waits or ends."""
        self._rests.clear()
        self._go.set()
        if not self._thread.is_alive():
            self._thread.start()
        assert self._rests.wait(WOKEN_WITHIN_S), "the probe's thread does not come back"
        if self._outcome is not None:
            self._done(self._outcome)

    def _body(self) -> None:
        config, clock = self._probe.course.config, self._clock
        assert config is not None
        settings = Settings("prod", (WEB_SITE,), INTERVAL_S, SILENCE_S, lane=config.groups[0].probe.lane)
        handler = ProbeHandler(settings, lambda _targets: self, clock.now, clock.now, lane=self._lane)
        timeout = self._probe.spec.function.timeout_s
        context = SimpleNamespace(function=SimpleNamespace(timeout=timeout))
        try:
            self._outcome = JobOutcome(as_bytes(handler(self._job.event, context)))
        except _GoneError:
            pass
        except Exception as error:  # noqa: BLE001  FC turns it into the answer
            body = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            self._outcome = JobOutcome(json.dumps(body).encode(), "UnhandledInvocationError")
        self._rests.set()

    def _way(self, destination: str) -> Way:
        network = self._probe.spec.function.vpc
        return self._probe.course.machines.machines.path(network.vswitch_ids[0] if network else "", destination)

    def _lane(self, target: str, interval: float, timeout: float) -> LaneLooks:
        return _VirtualLane(self._clock, lambda: self._way(target.partition(":")[0]), target, interval, timeout)

    def begin(self, check: int, timeout_s: float) -> None:
        """Begin a check."""
        way = self._way(WEB_SERVER)
        if isinstance(way, Reached):
            heapq.heappush(self._due, (self._clock.now() + ANSWER_AFTER_S, check, OutcomeKind.ANSWERED, way.public_ip))

    def wait(self, seconds: float) -> Heard | None:
        """Give the clock back until something is heard, or for `seconds`."""
        until = self._clock.now() + max(0.0, seconds)
        heard = bool(self._due) and self._due[0][0] <= until
        self._go.clear()
        self._clock.call_later((self._due[0][0] if heard else until) - self._clock.now(), self.resume)
        self._rests.set()
        self._go.wait()
        if self._probe.gone:
            raise _GoneError
        if not heard:
            return None
        _, check, kind, told = heapq.heappop(self._due)
        return Heard(check, kind, told)

    def reason(self, check: int) -> str:
        """Say why a check was not answered."""
        return NO_ANSWER

    def waiting(self, check: int) -> tuple[str, ...]:
        """List targets of which nothing was heard: there is one target."""
        return ()

    def close(self) -> None:
        """End all checks."""
        self._due.clear()


class _VirtualLane(LaneLooks):
    """Looks when the clock says so, beside the probe's thread."""

    def __init__(
        self, clock: VirtualClock, way: Callable[[], Way], target: str, interval: float, timeout: float
    ) -> None:
        super().__init__(target, interval, timeout, clock.now)
        self._clock, self._way = clock, way

    def start(self) -> None:
        if not self._over.is_set():
            self._note(self._clock.now(), answered=isinstance(self._way(), Reached))
            self._clock.call_later(self.interval, self.start)
