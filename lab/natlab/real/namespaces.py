"""How does one do something inside a network namespace?  By entering it with the calling thread for a moment.

A socket belongs to the namespace it was made in, and a program to the one it was started in, so both can be used
from anywhere afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from natlab.real.commands import CommandFailed, run

_HOME = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


@dataclass(frozen=True)
class Namespace:
    """A network namespace that `ip netns` knows by name."""

    name: str

    @classmethod
    def create(cls, name: str) -> Namespace:
        """A new one, with its loopback up."""
        run(["ip", "netns", "add", name])
        made = cls(name)
        made.ip("link set lo up")
        # Not what this machine happens to have, which a new namespace inherits.
        made.sysctl(ip_forward=0)
        for scope in ("all", "default"):
            made.sysctl(**{f"conf__{scope}__rp_filter": 0})
        return made

    @property
    def path(self) -> Path:
        """The file that stands for it."""
        return _HOME / self.name

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """What the calling thread makes or starts meanwhile is inside."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)

    def ip(self, *lines: str) -> None:
        """Commands of `ip`, such as `link set lo up`, in one go. Raises CommandFailed at the first refusal."""
        with self.entered():
            run(["ip", "-batch", "-"], "\n".join(lines) + "\n")

    def try_ip(self, *lines: str) -> None:
        """The same, each on its own, where a refusal means that there was nothing to do."""
        for line in lines:
            with contextlib.suppress(CommandFailed):
                self.ip(line)

    def nft(self, text: str) -> None:
        """Load rules, as one transaction."""
        with self.entered():
            run(["nft", "-f", "-"], text)

    def sysctl(self, **settings: str | int) -> None:
        """Write settings under net.ipv4, dots as two underscores."""
        with self.entered():
            for key, value in settings.items():
                Path("/proc/sys/net/ipv4", *key.split("__")).write_text(str(value), encoding="utf-8")

    def socket(self, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET, protocol: int = 0) -> socket.socket:
        """A socket that is inside, for good."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def start(self, command: Sequence[str], *, quiet: bool = False) -> subprocess.Popen[bytes]:
        """Start a program inside, with pipes to its input and output, in a session of its own."""
        with self.entered():
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if quiet else None, start_new_session=True, env={"PATH": os.environ["PATH"]},
            )  # fmt: skip

    def delete(self) -> None:
        """Gone, as soon as no process is left in it."""
        with contextlib.suppress(CommandFailed):
            run(["ip", "netns", "del", self.name])
