"""What is an ECS instance in the lab?  A system that boots and dies by its own worker thread, and runs scripts.

Power is switched without waiting, as the API does: orders queue up and are carried out one after the other. What
must happen at once (a dead machine forwards nothing) happens at the router, before the system notices.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Callable

from natlab.cloud.dataplane import CommandResult
from natlab.real.container import Container, Disk, end
from natlab.real.faults import Misfortune
from natlab.real.namespaces import Namespace
from natlab.real.router import Cable, Router

_LAUNCH = """
f=$(mktemp /tmp/assistant.XXXXXX) && cat >"$f" && chmod 700 "$f" || exit 126
"$f" </dev/null
code=$?
rm -f "$f"
exit $code
"""
"""As Cloud Assistant does: the command becomes a file, and the file is run."""

Guarded = Callable[[], contextlib.AbstractContextManager[object]]


class Machine(Misfortune):
    """One instance. All methods may be called from any thread; power is carried out in the background."""

    def __init__(self, name: str, disk: Disk, router: Router, cable: Cable, network: Namespace, lock: Guarded) -> None:
        self.name = name
        self.cable = cable
        self.private_ip = cable.address
        self.network = network
        self.container: Container | None = None
        self.power = False
        self.hung = False
        self.failure: Exception | None = None
        """Why the last boot failed."""
        self._packets_dropped = False
        self._disk = disk
        self._router = router
        self._lock = lock
        self._boots = 0
        self._generation = 0
        self._settled = threading.Condition()
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._pending = 0
        with self._lock():
            self._router.cut(cable)
        threading.Thread(target=self._work, name=f"power of {name}", daemon=True).start()

    # ── power ───────────────────────────────────────────────────────────────────────────────────────────────
    def power_on(self) -> None:
        """Boot, in the background."""
        if self.power:
            return
        self.power = True
        self.hung = False
        self._order(self._boot)

    def power_off(self, *, hard: bool = True) -> None:
        """Cut the power at once, or have the system shut itself down."""
        if not self.power:
            return
        self.power = False
        self._generation += 1
        if hard:
            self._cut()
            if self.container is not None:
                self.container.pull_the_plug()
        self._order(self._halt)

    def reboot(self) -> None:
        """Off and on again, hard, and wait for it."""
        self.power_off()
        self.power_on()
        self.settle()

    def abandon(self) -> None:
        """Everything of it was killed from outside: no answer will come, no order will be carried out."""
        self._generation += 1
        self._orders.put(None)
        if self.container is not None:
            self.container.kill()

    def destroy(self) -> None:
        """Cut the power for good; returns when nothing of it runs."""
        self.power_off()
        self._orders.put(None)
        self.settle()

    @property
    def alive(self) -> bool:
        """Return True if its system is up and answers."""
        container = self.container
        return self.power and not self.hung and container is not None and container.alive and self._pending == 0

    def settle(self, timeout_s: float = 90.0) -> None:
        """Wait until every order is carried out. Raises the last boot's failure, or TimeoutError."""
        with self._settled:
            if not self._settled.wait_for(lambda: self._pending == 0, timeout_s):
                raise TimeoutError(f"{self.name} is still busy after {timeout_s:.0f} s")
        if self.failure is not None:
            raise self.failure

    def _order(self, action: Callable[[], None]) -> None:
        with self._settled:
            self._pending += 1
        self._orders.put(action)

    def _work(self) -> None:
        while (action := self._orders.get()) is not None:
            try:
                action()
            except Exception as failure:  # noqa: BLE001  kept for settle(): nobody else listens to this thread
                self.failure = failure
            with self._settled:
                self._pending -= 1
                self._settled.notify_all()

    def _boot(self) -> None:
        self.failure = None
        self._fresh_network()
        container = Container(self.network.name, self._disk, self.network)
        self.container = container
        with self._lock():
            if self.power:
                self._router.join(self.cable)
        container.boot()

    def _halt(self) -> None:
        if self.container is not None:
            self.container.shut_down()
        self._cut()
        self.container = None

    def _cut(self) -> None:
        with self._lock():
            self._router.cut(self.cable)

    def _fresh_network(self) -> None:
        """A kernel that remembers nothing: a new namespace takes over the end of the cable."""
        self._boots += 1
        if self._boots == 1:
            return
        old, name = self.network, self.network.name.rpartition(".")[0] or self.network.name
        self.network = Namespace.create(f"{name}.{self._boots}")
        old.ip(f"link set eth0 netns {self.network.name}")
        old.delete()
        self.network.ip(*self.cable.plug_lines())

    # ── standing still ──────────────────────────────────────────────────────────────────────────────────────
    def freeze(self, *, packets: bool = True, processes: bool = True) -> None:
        """No packet passes the interface, and no process runs; either one alone is a misfortune of its own."""
        if packets:
            self._cut()
        if processes:
            self.hung = True
            if self.container is not None:
                self.container.freeze()

    def thaw(self) -> None:
        """It goes on where it stood."""
        if self.container is not None:
            self.container.thaw()
        self.hung = False
        if self.power:
            with self._lock():
                self._router.join(self.cable)

    def hang(self) -> None:
        """The whole machine stands still: no packet, no answer, no event."""
        self.freeze()

    def resume(self) -> None:
        """It goes on where it stood."""
        self.thaw()

    def lose_packets(self, share: float) -> None:
        """Lose this share of its packets, 0.0 to 1.0, in each direction."""
        with self._lock():
            self._router.lose(self.cable, share)

    # ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, script: bytes, timeout_s: float) -> CommandResult | None:
        """Run a script to its end; None when the machine stopped or hung meanwhile and nobody knows."""
        container, generation = self.container, self._generation
        if container is None or not self.alive:
            return None
        process = container.start("/bin/sh", "-c", _LAUNCH)
        error = ""
        try:
            output, _ = process.communicate(script, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            end(process)
            output, _ = process.communicate()
            error = "Timeout"
        if generation != self._generation or self.hung:
            return None
        return CommandResult(process.returncode, output, error)
