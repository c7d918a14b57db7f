"""From the start of a process to its first request on the wire: natkeeper, the SDKs as documented, and nothing at all.

All three are function instances of the same runtime; the clock stops when a socket here has the first bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from natlab.bench.baselines import code_of, documented_sdks
from natlab.bench.machine import Checkout
from natlab.bench.results import Figure, Sample
from natlab.bench.worlds import PAPER_CONFIG, PAPER_GATEWAYS, stopping
from natlab.cloud.fc.models import Code, Function
from natlab.cloud.fc.runtime.instances import FunctionInstance, InstanceSpec, InvocationJob, JobOutcome
from natlab.cloud.fc.runtime.processes import ProcessInstance, ProcessRuntime
from natlab.scenarios.functions import bundles

KEYS = "cold_ms", "cold_cpu_ms", "cold_documented_ms", "cold_bare_ms", "cold_over_bare", "cold_ratio"
GOAL_MS, GOAL_RATIO, GOAL_OVER_BARE = 250.0, 0.4, 2.7
_KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIbench", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench-secret"}

DOCUMENTED = """\
import os
from alibabacloud_ecs20140526.client import Client as Ecs
from alibabacloud_oos20190601.client import Client as Oos
from alibabacloud_tea_openapi import models as open_api_models
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as Vpc


def handler(event, context):
    config = open_api_models.Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=os.environ["BENCH"],
        protocol="http",
    )
    request = vpc_models.DescribeRouteEntryListRequest(region_id="cn-hangzhou", route_table_id="vtb-bench")
    Vpc(config).describe_route_entry_list(request)
"""
"""What the documentation of the SDKs shows, for the three products that natkeeper works with."""

BARE = """\
import http.client, os


def handler(event, context):
    connection = http.client.HTTPConnection(os.environ["BENCH"])
    connection.request("POST", "/?RouteTableId=vtb-bench", headers={"x-acs-action": "DescribeRouteEntryList"})
    connection.getresponse()
"""
"""The least that can send a request: no signature, no answer read."""


class FirstByteSocket:
    """A socket that says when the first bytes of a request came in, and then hangs up."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._came = threading.Event()
        self._at = 0.0
        self._threads = threading.Thread(target=self._listen, daemon=True)
        self._threads.start()

    def expect(self) -> None:
        """Forget what came before."""
        self._came.clear()

    def first(self, within_s: float = 30.0) -> float:
        """Return when the first bytes came, on the monotonic clock. Raises TimeoutError."""
        if not self._came.wait(within_s):
            raise TimeoutError("no request was sent")
        return self._at

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                if connection.recv(16) and not self._came.is_set():
                    self._at = time.monotonic()
                    self._came.set()
                connection.close()


@dataclass(frozen=True, slots=True)
class Contender:
    """A function to be started cold: its code, its environment, and the event that makes it send something."""

    name: str
    code: bytes
    environment: Mapping[str, str]
    event: bytes = b"{}"


def cold(place: Checkout, runs: int) -> list[Figure]:
    """Measure cold starts, taking turns so that all see the same load."""
    archive = bundles(PAPER_CONFIG)["failover"].read_bytes()
    with contextlib.closing(FirstByteSocket()) as wire, _runtime() as runtime:
        sdks = str(documented_sdks(place))
        contenders = (
            Contender(
                "natkeeper",
                archive,
                {"NATKEEPER_ENDPOINT": f"http://{wire.address}"},
                json.dumps(stopping(PAPER_GATEWAYS[0])).encode(),
            ),
            Contender("documented", code_of(index=DOCUMENTED), {"BENCH": wire.address, "PYTHONPATH": sdks}),
            Contender("bare", code_of(index=BARE), {"BENCH": wire.address}),
        )
        for contender in contenders:
            start(contender, wire, runtime)  # unpacks the code, and brings the files into memory
        taken: dict[str, list[StartTimes]] = {contender.name: [] for contender in contenders}
        for _ in range(runs):
            for contender in contenders:
                taken[contender.name].append(start(contender, wire, runtime))
    ours, documented, bare = (Sample.of([start.ms for start in taken[c.name]]) for c in contenders)
    busy = Sample.of([start.cpu_ms for start in taken["natkeeper"]])
    theirs = Sample.of([start.cpu_ms for start in taken["documented"]])
    ratio = Sample.of([one / other for one, other in zip(ours.values, documented.values, strict=True)])
    over = Sample.of([one / other for one, other in zip(ours.values, bare.values, strict=True)])
    least = f"bare Python and http.client {bare.median:.0f} ms"
    return [
        Figure("cold_ms", "cold start: process to first request", "ms", ours, least, GOAL_MS),
        Figure("cold_cpu_ms", "… of which the processor works, whatever the load", "ms", busy,
               f"the documented way {theirs.median:.0f} ms"),
        Figure("cold_documented_ms", "the three SDKs as documented", "ms", documented, least),
        Figure("cold_bare_ms", "bare Python and http.client", "ms", bare),
        Figure("cold_over_bare", "cold start, times the bare one", "", over, "bare: 1", GOAL_OVER_BARE),
        Figure("cold_ratio", "cold start, as a part of the documented way", "", ratio,
               f"{bare.median / documented.median:.2f}", GOAL_RATIO),
    ]  # fmt: skip


_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class StartTimes:
    """From the start of a process to its first request: on the wall, and of the processor."""

    ms: float
    cpu_ms: float


def start(contender: Contender, wire: FirstByteSocket, runtime: ProcessRuntime) -> StartTimes:
    """Start one instance, and end it after its first request."""
    checksum = f"{contender.name}-{len(contender.code)}"
    function = Function(
        name=contender.name,
        runtime="python3.12",
        handler="index.handler",
        code=Code(contender.code, checksum),
        timeout_s=60,
        environment=contender.environment,
    )
    spec = InstanceSpec(f"c-{next(_numbers)}", function, "1000000000000001", "cn-hangzhou")
    ended = threading.Event()

    def done(_: JobOutcome) -> None:
        ended.set()

    wire.expect()
    instance = runtime.start(spec)
    began = time.monotonic()
    instance.invoke(InvocationJob("bench", contender.event, 60.0, _KEYS), done)
    try:
        ms = 1000 * (wire.first() - began)
        return StartTimes(ms, _cpu_ms(instance))
    finally:
        instance.kill()
        ended.wait(5.0)


def _cpu_ms(instance: FunctionInstance) -> float:
    """Return for how long the instance's threads have had a processor (schedstat of proc(5)); 0.0 if it is gone."""
    pid = instance.pid if isinstance(instance, ProcessInstance) else None
    spent = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            spent += int(path.read_text(encoding="ascii").split()[0])
    return spent / 1e6


@contextlib.contextmanager
def _runtime() -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime()
    try:
        yield runtime
    finally:
        runtime.close()
