"""How does a Linux system live and die in the lab?  systemd-nspawn boots it over an overlay of the cached root.

Its mounts are in a mount namespace that ends with it, its processes in a control group and a process namespace of
its own. Every boot finds a fresh network namespace: what the kernel knew is gone, what is on disk stays.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from natlab.real import cgroups, processes
from natlab.real.commands import CommandFailed
from natlab.real.namespaces import Namespace

BOOT_TIMEOUT_S = 60.0
SHUTDOWN_TIMEOUT_S = 20.0
_POWER_OFF = signal.SIGRTMIN + 4
"""systemd's signal for an orderly power off (systemd(1))."""
_OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class BootFailed(CommandFailed):
    """A system did not come up; the message ends with what its console showed last."""


@dataclass(frozen=True)
class Disk:
    """A machine's own files over the root that all share."""

    root: Path
    upper: Path

    @classmethod
    def create(cls, root: Path, home: Path, hostname: str, resolver: str) -> Disk:
        """As the image left it, with an identity of its own."""
        disk = cls(root, home / "upper")
        for directory in (disk.upper / "etc", home / "work", home / "merged"):
            directory.mkdir(parents=True)
        (disk.upper / "etc" / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (disk.upper / "etc" / "hostname").write_text(f"{hostname}\n")
        (disk.upper / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n")
        (disk.upper / "etc" / "resolv.conf").write_text(f"nameserver {resolver}\noptions timeout:1 attempts:2\n")
        return disk

    @property
    def home(self) -> Path:
        """Where its directories are."""
        return self.upper.parent

    def mounting(self) -> str:
        """Shell commands that mount it on home/merged."""
        layers = f"lowerdir={self.root},upperdir={self.upper},workdir={self.home / 'work'}"
        return f"mount -t overlay natlab -o '{layers}' '{self.home / 'merged'}'\n"


class Container:
    """One boot of a system, from power on to power off."""

    def __init__(self, name: str, disk: Disk, network: Namespace) -> None:
        self.name = name
        self.disk = disk
        self.network = network
        self.leader = 0
        """The id of the system's init on this machine."""
        self._group = name
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._pid_namespace = ""
        self._started = ""

    @property
    def console(self) -> Path:
        """What the system said while booting."""
        return self.disk.home / "console.log"

    # ── up ──────────────────────────────────────────────────────────────────────────────────────────────────
    def boot(self) -> None:
        """Boot, and return when the system says it is up. Raises BootFailed."""
        notices = self.disk.home / "notify"
        notices.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, self.console.open("wb") as console:
            notify.bind(str(notices))
            self._supervisor = subprocess.Popen(
                [*_OWN_MOUNTS, "sh", "-ec", self._script()],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True, cwd="/",
                env={"PATH": _PATH, "NOTIFY_SOCKET": str(notices), "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )  # fmt: skip
            self._wait(notify)

    def _script(self) -> str:
        nspawn = (
            "exec systemd-nspawn --quiet --boot --register=no --keep-unit --capability=all --notify-ready=yes "
            "--console=read-only --resolv-conf=off --timezone=off --link-journal=no "
            f"--directory='{self.disk.home / 'merged'}' --machine='{self.name}' "
            f"--network-namespace-path='{self.network.path}'\n"
        )
        return cgroups.joining(self._group) + self.disk.mounting() + nspawn

    def _wait(self, notify: socket.socket) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([notify], [], [], min(left, 0.2))
            if not readable:
                if self._supervisor is not None and self._supervisor.poll() is not None:
                    break
                continue
            notices = dict(line.partition("=")[::2] for line in notify.recv(4096).decode(errors="replace").splitlines())
            if "X_NSPAWN_LEADER_PID" in notices:
                self.leader = int(notices["X_NSPAWN_LEADER_PID"])
                self._started = processes.started(self.leader)
                self._pid_namespace = processes.namespace_of(self.leader, "pid")
            if notices.get("READY") == "1" and self.leader:
                return
        said = self.console.read_text(errors="replace").strip()[-400:]
        self.kill()
        raise BootFailed(f"{self.name} did not boot; its console ends with: {said}")

    # ── down ────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def alive(self) -> bool:
        """Return True if its init still runs."""
        return bool(self._started) and processes.started(self.leader) == self._started

    def shut_down(self) -> None:
        """Ask the system to power itself off; what does not listen is killed in the end."""
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
        if self.alive:
            processes.send([self.leader], _POWER_OFF)
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def pull_the_plug(self) -> None:
        """Kill the init, and with it at once everything that runs on the system."""
        if self.alive:
            processes.send([self.leader], signal.SIGKILL)

    def kill(self) -> None:
        """End everything that is left, and wait for it."""
        self.pull_the_plug()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                supervisor.wait(5.0)
            if supervisor.poll() is None:
                supervisor.kill()
                supervisor.wait()
        deadline = time.monotonic() + 5.0
        while (left := cgroups.members(self._group)) and time.monotonic() < deadline:
            processes.send(left, signal.SIGKILL)
            time.sleep(0.01)
        cgroups.remove(self._group)

    # ── standing still ──────────────────────────────────────────────────────────────────────────────────────
    def freeze(self) -> None:
        """Stop every process of the system where it is; its kernel, which all share, goes on forwarding."""
        processes.send_all(self._processes, signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on."""
        processes.send_all(self._processes, signal.SIGCONT)

    def _processes(self) -> list[int]:
        return processes.in_namespace("pid", self._pid_namespace) if self.alive else []

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────
    def inside(self, *command: str) -> list[str]:
        """The command line that runs a command on the system, in an environment like a service's."""
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        environment = ["env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8"]
        return [*enter, "--", *environment, *command]

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command on the system, with pipes; its output and errors are one."""
        return subprocess.Popen(
            self.inside(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, cwd="/",
        )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
