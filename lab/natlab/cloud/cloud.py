"""Which products, on which clock, over which data plane?  One object is one account in one region.

There is no global state: two clouds in one process know nothing of each other.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from natlab.cloud import actiontrail, ecs, ram, vpc
from natlab.cloud.dataplane import DataPlane, NullDataPlane
from natlab.cloud.eventbridge.bus import Bus
from natlab.cloud.eventbridge.routes import EventBridge
from natlab.cloud.fc.functions import FunctionCompute
from natlab.cloud.fc.places import Places
from natlab.cloud.fc.routes import FunctionComputeV3
from natlab.cloud.fc.runtime.instances import Runtime
from natlab.cloud.fc.runtime.processes import ProcessRuntime
from natlab.cloud.fc2.routes import FunctionComputeV2
from natlab.cloud.kernel.accounts import Accounts, Principal
from natlab.cloud.kernel.clock import Clock, RealClock, VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.events import Event
from natlab.cloud.kernel.faults import EventFault, EventKind, Faults
from natlab.cloud.kernel.gate import CallRecord, Gate, decode
from natlab.cloud.kernel.ids import Ids
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.kernel.rates import Rates
from natlab.cloud.kernel.readings import Readings
from natlab.cloud.kernel.rpc import RpcService, rendered
from natlab.cloud.kernel.wire import Request, Response, Service
from natlab.cloud.oos.routes import Oos
from natlab.cloud.oss.routes import ObjectStorage
from natlab.cloud.oss.store import ObjectStore
from natlab.cloud.resourcemanager import ServiceLinkedRoles
from natlab.cloud.sls.routes import LogService


class Cloud:
    """The local Alibaba Cloud: `call` it in process, or `serve` it over HTTP on loopback."""

    def __init__(
        self,
        clock: Clock | None = None,
        latencies: Latencies | None = None,
        data_plane: DataPlane | None = None,
        region: str = "cn-hangzhou",
        account_id: str = "1000000000000001",
        seed: int = 0,
        runtime: Runtime | None = None,
        readings: Mapping[str, str] | None = None,
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.seed = seed
        self.clock: Clock = RealClock() if clock is None else clock
        self.lock: threading.RLock = self.clock.lock if isinstance(self.clock, RealClock) else threading.RLock()
        self.latencies = Latencies() if latencies is None else latencies
        self.data_plane: DataPlane = NullDataPlane() if data_plane is None else data_plane
        self.readings = Readings(readings)
        self.rates = Rates(self.clock.now)
        self.ids = Ids(seed)
        self.faults = Faults(random.Random(f"{seed}:faults"))
        self.accounts = Accounts(account_id, self.clock.now, random.Random(f"{seed}:accounts"))
        self.gate = Gate(self.clock, self.faults)
        self.endpoint = ""
        """Where `serve` listens, such as http://127.0.0.1:40001; empty while it does not."""
        self.subscribers: list[Callable[[Event], None]] = []
        """Who gets every event of the default bus, after faults: the event bus, tests."""
        self.wire_observers: list[Callable[[Request, Response], None]] = []
        """Who sees every request and its answer as they are on the wire, calls in process included."""
        self._held_back: list[Callable[[], None]] = []
        self.services: list[Service] = []
        # Products: each adds itself below in one or two lines.
        self.vpc, vpc_api = vpc.install(self)
        self.ecs, ecs_api = ecs.install(self)
        self.actiontrail, actiontrail_api = actiontrail.install(self)
        self.ram, ram_api, sts_api = ram.install(self)
        self.objects, self.sls = ObjectStore(self), LogService(self)
        self.services += [ObjectStorage(self, self.objects), self.sls, ServiceLinkedRoles(self, self.ram)]
        self.services += [vpc_api, ecs_api, actiontrail_api, ram_api, sts_api]
        self.oos = Oos(self)
        self.services.append(self.oos)
        table_of_now = lambda name: self.latencies.of(name)  # noqa: E731, PLW0108  it may be replaced
        self.bus = Bus(self.clock, table_of_now, random.Random(f"{seed}:bus"))
        self.bus.most_rules = int(self.readings["bus-rules"])
        self.subscribers.append(self.bus.publish)
        places = Places(
            self.objects.get,
            self.sls.problem,
            self.vpc.vpc_of_vswitch,
            self.ecs.vpc_of_group,
            lambda name: name.lower() in self.ram.roles,
        )
        self.fc = FunctionCompute(self, self.lock, self.bus, runtime or ProcessRuntime(), places)
        self.services += [
            EventBridge(self, self.bus),
            FunctionComputeV3(self, self.fc),
            FunctionComputeV2(self, self.fc, self.objects),
        ]

    @property
    def calls(self) -> deque[CallRecord]:
        """The last calls, oldest first."""
        return self.gate.calls

    def service(self, product: str) -> Service:
        """A product by its name ("ecs", "vpc", "oos", …); KeyError when there is none."""
        for service in self.services:
            if service.name == product:
                return service
        raise KeyError(product)

    def call(
        self, product: str, action: str, params: Mapping[str, str], principal: Principal | None = None
    ) -> dict[str, object]:
        """Call an RPC product in process: no HTTP, no signature, no waiting.

        Raises ApiError for a refusal, NoAnswer when a fault leaves the call without an answer, KeyError for
        an unknown product.
        """
        service = self.service(product)
        version = service.version if isinstance(service, RpcService) else ""
        request = Request(
            method="POST",
            path="/",
            query=dict(params),
            headers={"x-acs-action": action, "x-acs-version": version},
            principal=principal or self.accounts.owner,
            request_id=self.ids.uuid(),
        )
        try:
            response = self.gate.answer(service, request).response
        except ApiError as refusal:
            self.observe(request, rendered(refusal, service, request, self.region))
            raise
        self.observe(request, response)
        return decode(response)

    def observe(self, request: Request, response: Response) -> None:
        """Show an exchange to everyone who watches the wire."""
        for observer in list(self.wire_observers):
            observer(request, response)

    def publish(self, event: Event) -> None:
        """Put a CloudEvents object on the default bus, as far as faults let it through."""
        with self.lock:
            fault = self.faults.on_event(event)
            if fault is not None and fault.kind is EventKind.REORDER:
                self._hold_back(event, fault)
                return
            if fault is None or fault.kind is EventKind.DUPLICATE:
                self._deliver(event)
            if fault is not None and fault.kind in (EventKind.DUPLICATE, EventKind.LATE):
                self.clock.call_later(fault.seconds, lambda: self._deliver(event))
            held_back, self._held_back = self._held_back, []
            for release in held_back:
                release()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Answer HTTP on loopback while the context lasts; yields the endpoint. Port 0 takes a free one."""
        from natlab.cloud.kernel.server import CloudServer

        server = CloudServer(self, port)
        self.endpoint = server.endpoint
        try:
            yield server.endpoint
        finally:
            self.endpoint = ""
            server.close()

    def reset(self) -> None:
        """Forget every resource, fault, event and call; keys that were given out stay valid."""
        with self.lock:
            if isinstance(self.clock, (RealClock, VirtualClock)):
                self.clock.clear()
            self.faults.clear()
            self._held_back.clear()
            self.gate.calls.clear()
            self.rates.reset()
            self.data_plane.reset()
            for service in self.services:
                if callable(reset := getattr(service, "reset", None)):
                    reset()

    def close(self) -> None:
        """Stop what runs: products that own processes, then the clock's thread."""
        for service in self.services:
            if callable(close := getattr(service, "close", None)):
                close()
        if isinstance(self.clock, RealClock):
            self.clock.close()

    def _deliver(self, event: Event) -> None:
        for subscriber in list(self.subscribers):
            subscriber(dict(event))

    def _hold_back(self, event: Event, fault: EventFault) -> None:
        def release() -> None:
            timer.cancel()
            self._deliver(event)

        timer = self.clock.call_later(fault.seconds, release)
        self._held_back.append(lambda: release() if timer.pending else None)


__all__ = ["ApiError", "Cloud"]
