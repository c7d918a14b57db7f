"""What a product may ask of the cloud around it: clock, ids, latencies, accounts, the wire, other products by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from natlab.cloud.dataplane import DataPlane
from natlab.cloud.kernel.accounts import Accounts, Principal
from natlab.cloud.kernel.clock import Clock
from natlab.cloud.kernel.events import Event
from natlab.cloud.kernel.faults import Faults
from natlab.cloud.kernel.gate import Gate
from natlab.cloud.kernel.ids import Ids
from natlab.cloud.kernel.latencies import Latencies
from natlab.cloud.kernel.rates import Rates
from natlab.cloud.kernel.readings import Readings
from natlab.cloud.kernel.wire import Request, Response, Service


class CloudContext(Protocol):
    """One account in one region; `natlab.cloud.cloud.Cloud` is one."""

    region: str
    account_id: str
    clock: Clock
    lock: threading.RLock
    ids: Ids
    latencies: Latencies
    faults: Faults
    accounts: Accounts
    gate: Gate
    data_plane: DataPlane
    readings: Readings
    rates: Rates

    @property
    def services(self) -> Sequence[Service]:
        """Every product's API."""

    def service(self, product: str) -> Service:
        """A product by its name ("ecs", "vpc", "oos", …); KeyError when there is none."""

    def call(
        self, product: str, action: str, params: Mapping[str, str], principal: Principal | None = None
    ) -> dict[str, object]:
        """Call an RPC product in process. Raises ApiError for a refusal, NoAnswer where a fault swallows the answer."""

    def publish(self, event: Event) -> None:
        """Put a CloudEvents object on the default bus."""

    def observe(self, request: Request, response: Response) -> None:
        """Show an exchange to everyone who watches the wire."""
