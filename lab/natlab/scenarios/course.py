"""How does time pass in a play, and what runs its functions?

By the wall and in processes of their own, as here. A test hands another course to a play, on which nothing waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import Runtime
from natlab.cloud.fc.runtime.processes import ProcessRuntime
from natlab.cloud.kernel.clock import Clock
from natlab.cloud.kernel.faults import FaultKind
from natlab.deploy import Deployer
from natlab.scenarios import functions
from natlab.scenarios.evidence import FunctionRun, HostConnection
from natlab.scenarios.testbed import Try
from natlab.scenarios.traffic import Traffic


class Course:
    """One play's time, by the wall. `clock` and `runtime` are the local cloud's; None is the clock of this machine."""

    clock: Clock | None = None
    poll_s = 0.03
    """Between two looks at what a script waits for."""
    silence = FaultKind.TIMEOUT
    """How an API that does not answer is played."""

    def runtime(self, shared: Path | None) -> Runtime:
        """Make what runs functions; `shared` is a directory for unpacked code."""
        return ProcessRuntime(shared=shared)

    def begin(self, cloud: Cloud) -> None:
        """Hear which cloud the play is on, before anything is in it."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def traffic(
        self, hosts: Mapping[str, Callable[[], Try]], changed: Callable[[str, HostConnection], None]
    ) -> Traffic:
        """Make the private hosts that try new connections."""
        return Traffic(hosts, changed)

    def fine(self, run: FunctionRun) -> bool:
        """Whether all that a run found wrong is what this platform cannot do."""
        return False

    def ask(self, cloud: Cloud, account: Deployer, payload: bytes) -> bytes:
        """Invoke the failover function as a person; return its answer."""
        return functions.ask(cloud, account, payload)
