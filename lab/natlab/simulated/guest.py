"""What is a simulated machine to those who use it?  Something that runs scripts and can be broken by hand.

A directory with an /etc, the state of the model, and a PATH of shims and text tools. A script runs in the
host's shell with that PATH, an otherwise empty environment and every file path under the directory.
"""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import natlab
from natlab.cloud.dataplane import CommandResult
from natlab.simulated import answers, shims, shims_firewalld, shims_server, system
from natlab.simulated.flavours import Flavour

TEXT_TOOLS = (
    "sh", "cat", "sed", "awk", "grep", "tr", "head", "tail", "cut", "sort", "wc", "printf", "base64", "gzip", "date",
    "sha256sum", "mkdir", "mktemp", "rm", "mv", "cp", "flock", "sleep", "timeout", "env", "true", "false",
)  # fmt: skip
PROC = {
    "meminfo": "MemTotal:        1000000 kB\nMemFree:          500000 kB\n",
    "loadavg": "0.08 0.05 0.01 1/120 4242\n",
    "stat": "cpu  100 0 100 1000 0 0 50 0 0 0\ncpu0 100 0 100 1000 0 0 50 0 0 0\n",
    "net/dev": "Inter-|   Receive\n face |bytes packets\n  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n",
    "net/stat/nf_conntrack": "entries  insert_failed drop early_drop\n0000000a 00000001 00000002 00000003\n",
    "sys/net/netfilter/nf_conntrack_count": "10\n",
    "sys/net/netfilter/nf_conntrack_max": "65536\n",
}
"""What the kernel of a machine of a gigabyte counts; tests write what else they need."""
PACKAGE_MANAGERS = {"apt-get", "dnf", "yum"}


_MKFIFO = shutil.which("mkfifo") if Path("/proc/self/cmdline").exists() else None
"""Makes a queue; None where the shims of a script cannot be served by one process, which needs /proc."""


def _python(code: str) -> list[str]:
    """Return the command that runs code with the modules of the shims; quick to start."""
    lab = str(Path(natlab.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {lab!r}); from natlab.simulated import shims, shims_server; {code}"
    return [sys.executable, "-IS", "-c", program]


class Guest:
    """One simulated machine. All methods may be called from any thread."""

    def __init__(self, directory: Path, flavour: Flavour, private_ip: str, shell: str = "/bin/sh") -> None:
        self.directory = directory
        self.flavour = flavour
        self.private_ip = private_ip
        self.power = True
        self.hung = False
        self.loss = 0.0
        """Which share of what it forwards is lost, on the way there or back."""
        self._chance = random.Random(private_ip)
        self._shell = shell
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._generation = 0
        directory.mkdir(parents=True)
        system.save(str(directory), system.fresh(flavour.as_dict(), private_ip))
        self._furnish()

    def _furnish(self) -> None:
        """Lay out the machine's files and the programs that scripts find on it."""
        etc = self.directory / "root" / "etc"
        etc.mkdir(parents=True)
        (self.directory / "tmp").mkdir()
        (etc / "os-release").write_text(f'NAME="{self.flavour.os}"\nPRETTY_NAME="{self.flavour.os}"\n')
        for name, text in PROC.items():
            path = self.directory / "root/proc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        commands = self.directory / "bin"
        commands.mkdir()
        asks = shims_server.PROGRAM.replace("MKFIFO", shlex.quote(_MKFIFO or "false"))
        (commands / ".shim").write_text(f'{asks}exec {shlex.join(_python("shims.main()"))} "$0" "$@"\n')
        (commands / ".shim").chmod(0o755)
        absent = PACKAGE_MANAGERS - {self.flavour.package_manager}
        absent |= {"firewall-cmd", "firewall-offline-cmd", "nginx"}
        if not self.flavour.iptables:
            absent.add("iptables")
        absent |= {name for name in ("nft", "tc", "conntrack") if not getattr(self.flavour, name)}
        for name in shims.PROGRAMS.keys() - absent:
            (commands / name).symlink_to(".shim")
        for name in TEXT_TOOLS:
            real = shutil.which(name)
            if real:
                (commands / name).symlink_to(real)
        if self.flavour.installed:
            with self._edit() as state:
                state["root"] = str(self.directory)
                shims_firewalld.provide(state)
                del state["root"]

    @contextlib.contextmanager
    def _edit(self) -> Iterator[system.State]:
        with system.Saved(str(self.directory)) as state:
            yield state

    @property
    def state(self) -> system.State:
        """The state of the model, as a copy to look at."""
        with self._edit() as state:
            return state

    @property
    def alive(self) -> bool:
        """Return True if the machine has power and its system answers."""
        return self.power and not self.hung

    def forwards(self, source: str) -> str:
        """Why a packet of this private host is not forwarded and masqueraded; empty when it is."""
        if not self.power:
            return "the gateway is off"
        if self.hung:
            return "the gateway hangs"
        if self._chance.random() < self.loss:
            return "the packet is lost on the way"
        return system.forwards(self.state, source)

    def forwarded_port(self, protocol: str, port: int, address: str = "") -> tuple[str, int] | None:
        """The private address and port that a packet to a port of `address` goes on to; empty: the machine's own."""
        return system.forwarded_port(self.state, protocol, port, address) if self.alive else None

    def serves(self, port: int, host: str) -> bool:
        """Whether nginx takes requests for a host name, or all that come to a port of its own, to a private host."""
        state = self.state
        runs = self.alive and state["units"].get("natkeeper-proxy", {}).get("active")
        return bool(runs) and answers.serves(state["served"], port, host)

    def tell_world(self, public_ip: str, *, reaches_internet: bool) -> None:
        """What the machine's own look at the internet sees from now on."""
        with self._edit() as state:
            state["world"] = {"public_ip": public_ip, "reaches_internet": reaches_internet}

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────
    def power_off(self) -> None:
        """Cut the power: scripts under way never end, runtime state is lost."""
        self.power = False
        self._kill_scripts()

    def power_on(self) -> None:
        """Boot: only what is on disk comes back."""
        if self.power:
            return
        with self._edit() as state:
            root = str(self.directory)
            if system.boot(state, self._settings_for_boot(), shims.read(root, shims.DROPIN)):
                shims.run_dropin(state, root)
        self.power = True
        self.hung = False

    def reboot(self) -> None:
        """Off and on again."""
        self.power_off()
        self.power_on()

    def hang(self) -> None:
        """The whole machine stands still: no packet, no answer, no event."""
        self.hung = True
        self._kill_scripts()

    def resume(self) -> None:
        """It goes on where it stood."""
        self.hung = False

    def _settings_for_boot(self) -> list[str]:
        folder = self.directory / "root" / "etc" / "sysctl.d"
        return [file.read_text() for file in sorted(folder.glob("*.conf"), key=lambda path: path.name)]

    # ── broken by hand ──────────────────────────────────────────────────────────────────────────────────────
    def lose_masquerade(self, *, permanently: bool = False) -> None:
        """A person removes the masquerading rules of every zone."""
        with self._edit() as state:
            for configuration in self._configurations(state, permanently=permanently):
                for settings in configuration["zones"].values():
                    settings["masquerade"] = False
                    settings["rich_rules"] = [
                        rule for rule in settings["rich_rules"] if not rule.endswith("masquerade")
                    ]

    def flush_rules(self) -> None:
        """A person runs `nft flush ruleset`, or `iptables -F; iptables -t nat -F`: firewalld does not notice."""
        with self._edit() as state:
            state["flushed"] = True
            state["nft"], state["table"] = [], ""
            state["iptables"] = {"policy": "ACCEPT", "rules": []}

    def switch_off_forwarding(self) -> None:
        """A person runs `sysctl -w net.ipv4.ip_forward=0`."""
        with self._edit() as state:
            state["sysctl"]["net.ipv4.ip_forward"] = "0"

    def stop_firewalld(self, *, mask: bool = False) -> None:
        """A person stops the service, or masks it too."""
        with self._edit() as state:
            system.stop_firewalld(state)
            if mask:
                state["units"]["firewalld"]["masked"] = True

    def unbind_interface(self, *, permanently: bool = False) -> None:
        """A person takes the interface out of its zone."""
        with self._edit() as state:
            for configuration in self._configurations(state, permanently=permanently):
                for settings in configuration["zones"].values():
                    settings["interfaces"] = []

    def claim_source(self, network: str) -> None:
        """A person gives a network to the zone `internal`."""
        with self._edit() as state:
            for configuration in self._configurations(state, permanently=True):
                zone = configuration["zones"].setdefault("internal", system.zone(state["flavour"]))
                zone["sources"].append(network)

    def add_foreign_reject(self, where: str = "iptables") -> None:
        """Another program refuses forwarded packets: where is `iptables`, `nft` or `direct`."""
        with self._edit() as state:
            if where == "iptables":
                state["iptables"]["rules"].insert(0, "-j REJECT --reject-with icmp-port-unreachable")
            elif where == "nft":
                state["nft"].append({"name": "inet filter forward", "policy": "accept", "rules": ["counter reject"]})
            elif where == "direct":
                for configuration in self._configurations(state, permanently=True):
                    configuration["direct"].append("ipv4 filter FORWARD 0 -j REJECT")
            else:
                raise ValueError(f"{where!r} is none of iptables, nft, direct")

    def fill_connections(self) -> None:
        """Private hosts keep so many connections that the table has no room left: what is new is dropped."""
        proc = self.directory / "root/proc"
        most = (proc / "sys/net/netfilter/nf_conntrack_max").read_text()
        (proc / "sys/net/netfilter/nf_conntrack_count").write_text(most)
        (proc / "net/stat/nf_conntrack").write_text(
            "entries  insert_failed drop early_drop\n00010000 00000001 00000040 00000003\n"
        )
        with self._edit() as state:
            state["full"] = True

    def use_up_ports(self) -> None:
        """Private hosts keep a connection on every port that there is for one destination."""
        proc = self.directory / "root/proc"
        line = "ipv4 2 tcp 6 900 ESTABLISHED src=10.0.100.200 dst=203.0.113.77 sport={0} dport=443 src=203.0.113.77\n"
        (proc / "net/nf_conntrack").write_text("".join(line.format(port) for port in range(1024, 65536)))
        (proc / "sys/net/netfilter/nf_conntrack_count").write_text("64512\n")
        (proc / "sys/net/netfilter/nf_conntrack_max").write_text("262144\n")

    def break_proxy(self) -> None:
        """A person edits natkeeper's file, and gives nginx a module that is not there."""
        with (self.directory / "root/etc/natkeeper/nginx.conf").open("a") as file:
            file.write("# by hand\n")
        self.break_command("nginx -t", "nginx: [emerg] dlopen() nothing.so failed")

    def break_command(self, part: str, message: str) -> None:
        """Every command line that has this part fails with this message; an empty message heals it."""
        with self._edit() as state:
            state["broken"].pop(part, None)
            if message:
                state["broken"][part] = message

    @contextlib.contextmanager
    def by_hand(self) -> Iterator[system.State]:
        """Change anything the model knows."""
        with self._edit() as state:
            yield state

    @staticmethod
    def _configurations(state: system.State, *, permanently: bool) -> list[system.State]:
        return [state["permanent"] if kind == "permanent" else state["runtime"]
                for kind in ("permanent", "runtime")
                if (kind == "runtime" or permanently) and state[kind]]  # fmt: skip

    # ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, script: bytes, timeout_s: float) -> CommandResult | None:
        """Run a script to its end; None when the machine stopped meanwhile and nobody knows."""
        if not self.alive:
            return None
        queue = Path(tempfile.mkdtemp(dir=self.directory, prefix="shims-"))
        served = [*_python("shims_server.main(*sys.argv[1:])"), str(queue)] if _MKFIFO else []
        with self._lock:
            generation = self._generation
            process = subprocess.Popen(
                [*served, self._shell, "/dev/stdin"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd=self.directory / "root", env=self._environment(), start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
        error = ""
        try:
            output, _ = process.communicate(script, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._kill(process)
            output, _ = process.communicate()
            error = "Timeout"
        finally:
            with self._lock:
                self._running.discard(process)
            shutil.rmtree(queue, ignore_errors=True)
        if generation != self._generation:
            return None
        return CommandResult(process.returncode, output, error)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": str(self.directory / "bin"),
            "NATKEEPER_ROOT": str(self.directory / "root"),
            "TMPDIR": str(self.directory / "tmp"),
            "HOME": str(self.directory / "root"),
        }

    def _kill_scripts(self) -> None:
        with self._lock:
            self._generation += 1
            for process in self._running:
                self._kill(process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def destroy(self) -> None:
        """Nothing of it remains."""
        self.power_off()
        shutil.rmtree(self.directory, ignore_errors=True)
