"""WireGuard between a private host and a server: tunnels of the userspace implementation, and questions through them.

Source: wireguard.com/protocol, timers; wireguard-go and wg(8). Each device is a process that ends with this program.
Its control socket is in a /run that only this program sees.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from shutil import which
from typing import Any

from natlab.real.commands import run
from natlab.real.protocols.asking import Habit, ask

PROGRAMS = {"wireguard-go": "wireguard-go", "wg": "wireguard-tools"}
"""What it needs, and the Debian packages that have them."""
_MOUNTS = 'mount -t tmpfs tmpfs /run; exec "$0" "$@"'
WITH_ITS_RUN = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTS)
"""In front of the program's command."""
PORT = 51820
_ECHO_PORT = 7007
_DEVICE_WITHIN_S = 10.0


def missing() -> list[str]:
    """The packages that are not installed."""
    return [package for program, package in PROGRAMS.items() if not which(program)]


def keys() -> tuple[str, str]:
    """A private key and its public one."""
    private = run(["wg", "genkey"]).strip()
    return private, run(["wg", "pubkey"], private).strip()


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(data, addr)


class Questions(asyncio.DatagramProtocol):
    """Asks the echo at the other end of a tunnel."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, asyncio.Future[None]] = {}
        self._numbers = itertools.count(1)
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        if (waiting := self._waiting.pop(data, None)) and not waiting.done():
            waiting.set_result(None)

    async def question(self) -> None:
        what = b"%08d" % next(self._numbers)
        self._waiting[what] = asyncio.get_running_loop().create_future()
        self.transport.sendto(what)
        await self._waiting[what]


def device(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Make a device with its tunnels, and return its process when the device is up. Raises CommandFailed."""
    name = order["name"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(["wireguard-go", "-f", name], stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S607
    ends = time.monotonic() + _DEVICE_WITHIN_S
    while not Path("/run/wireguard", f"{name}.sock").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    text = f"[Interface]\nPrivateKey = {order['key']}\nListenPort = {order['port']}\n"
    lines = [f"link set {name} up"]
    for tunnel in order["tunnels"]:
        peer = tunnel["peer"] | {"AllowedIPs": f"{tunnel['there']}/32"}
        text += "[Peer]\n" + "".join(f"{key} = {value}\n" for key, value in peer.items())
        lines.append(f"addr add {tunnel['here']}/32 dev {name}")
        lines.append(f"route add {tunnel['there']} dev {name} src {tunnel['here']}")
    run(["wg", "setconf", name, "/dev/stdin"], text)
    run(["ip", "-batch", "-"], "\n".join(lines) + "\n")
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


async def main(order: dict[str, Any]) -> None:
    """Make devices with their tunnels, answer here, and ask there: each habit names both addresses."""
    loop = asyncio.get_running_loop()
    with ExitStack() as ending:
        for each in order["devices"]:
            ending.callback(_end, device(each))
            for tunnel in each["tunnels"]:
                await loop.create_datagram_endpoint(Echo, local_addr=(tunnel["here"], _ECHO_PORT))
        habits: dict[str, tuple[Habit, Callable[[], Awaitable[object]]]] = {}
        for name, (here, there, habit) in order["habits"].items():
            to = (there, _ECHO_PORT)
            _, asks = await loop.create_datagram_endpoint(Questions, local_addr=(here, 0), remote_addr=to)
            habits[name] = (Habit(**habit), asks.question)
        await ask(habits)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
