"""DNS, QUIC and WireGuard between the private host and the internet, each spoken by a program of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from natlab.real.internet import VISITOR, start_servers
from natlab.real.protocols import dns, quic, wireguard
from natlab.real.protocols.asking import Asking
from tests.lab.stage import PRIVATE, LabStage, eventually

_TUNNELS = {"busy": 0, "asked": 0, "kept": 25, "silent": 0}
"""The tunnels and their PersistentKeepalive in seconds, none where 0.

Through `busy` the host asks and through `asked` the server; through the others nobody does until the route has moved.
"""
_ONCE_S = 3600.0
_QUIET_S = 12.0
"""How long after its last word a tunnel is quiet: what was received is confirmed after ten seconds."""
AT_ONCE = (("dns", "resolver"), ("dns", "forwarder"), ("client", "busy"), ("inside", "busy"), ("outside", "asked"))
"""Who asks what from the beginning on."""


@dataclass
class Protocols:
    """The programs at work: a DNS client, a QUIC client and its server, and both ends of the tunnels."""

    programs: Mapping[str, Asking]
    moved_at: float = 0.0

    def begin(self, *which: tuple[str, str]) -> None:
        for program, habit in which:
            self.programs[program].begin(habit)

    def answered(self, *which: tuple[str, str], within_s: float = 60.0) -> bool:
        """Return True if all of these have an answer to a question of after the move, or get one in time."""
        return eventually(
            lambda: all(self.programs[program].answered(habit, self.moved_at) for program, habit in which), within_s
        )

    def end(self, move: str) -> dict[str, dict[str, Any]]:
        """Print the figures for docs/connections.md, and return what the QUIC server tells of each connection."""
        sys.stdout.write("\n".join([f"\n{move}:", *self._figures(), ""]))
        server = self.programs["server"]
        server.__exit__()
        assert eventually(lambda: len(server.told) == len(quic.CONNECTIONS))
        return {told.pop("connection"): told for told in server.told}

    def _figures(self) -> Iterator[str]:
        for program, asking in self.programs.items():
            for habit in dict.fromkeys(each.habit for each in list(asking.questions)):
                asked = asking.of(habit)
                answered = [each for each in asked if not each.error]
                since = [each.ended - self.moved_at for each in answered if each.asked >= self.moved_at]
                yield (
                    f"  {program} {habit}: {len(answered)} of {len(asked)} answered,"
                    f" slowest {max(each.ended - each.asked for each in answered):.3f} s,"
                    f" longest silence {asking.silence_s(habit):.3f} s"
                    + (f", first after the move {min(since):.3f} s" if since else "")
                )


@contextmanager
def speaking(stage: LabStage, directory: Path) -> Iterator[Protocols]:
    """Start the programs; yield when all that asks at once has answers and the tunnels that wait are quiet."""
    host, internet = stage.lab.private_host(PRIVATE), stage.lab.internet.namespace
    quic.certificate(directory)
    inside, outside = _tunnels()
    habit = {"every_s": 0.1, "patience_s": 90.0}
    resolver = start_servers(internet, {"dns": [dns.SERVER]})
    programs: dict[str, Asking] = {}
    try:
        programs["server"] = Asking.start(internet, "quic", ["server", str(directory), habit])
        programs["client"] = Asking.start(host, "quic", ["client", str(directory), habit])
        programs["dns"] = Asking.start(
            host, "dns", {"resolver": {"patience_s": 30.0}, "forwarder": {}}, dns.WITH_ITS_RESOLVER
        )
        programs["outside"] = Asking.start(internet, "wireguard", outside, wireguard.WITH_ITS_RUN)
        programs["inside"] = Asking.start(host, "wireguard", inside, wireguard.WITH_ITS_RUN)
        made = Protocols(programs)
        assert made.answered(*AT_ONCE, ("inside", "hello")), {
            name: each.questions[-3:] for name, each in programs.items()
        }
        time.sleep(_QUIET_S)
        yield made
    finally:
        for program in programs.values():
            program.__exit__()
        resolver.communicate(timeout=5.0)


def _tunnels() -> tuple[dict[str, Any], dict[str, Any]]:
    """The orders of both ends: a device for each tunnel at the host, one for all of them at the server."""
    private, public = wireguard.keys()
    endpoint = f"{VISITOR}:{wireguard.PORT}"
    devices, theirs, out, back = [], [], {}, {}
    for number, (name, keepalive) in enumerate(_TUNNELS.items(), 1):
        key, known_as = wireguard.keys()
        here, there = f"10.99.0.{number}", f"10.99.1.{number}"
        out[name], back[name] = (here, there), (there, here)
        peer = {"PublicKey": public, "Endpoint": endpoint} | ({"PersistentKeepalive": keepalive} if keepalive else {})
        tunnel = {"here": here, "there": there, "peer": peer}
        devices.append({"name": f"wg{number}", "key": key, "port": 0, "tunnels": [tunnel]})
        theirs.append({"here": there, "there": here, "peer": {"PublicKey": known_as}})
    server = {"name": "wg0", "key": private, "port": wireguard.PORT, "tunnels": theirs}
    often, once = {"patience_s": 1.0}, {"every_s": _ONCE_S}
    later = {"every_s": 1.0, "patience_s": 1.0, "at_once": False}
    return (
        {"devices": devices, "habits": {
            "busy": (*out["busy"], often),
            "introduces": (*out["asked"], once),
            "hello": (*out["silent"], once),
            "speaks": (*out["silent"], once | {"at_once": False}),
        }},
        {"devices": [server], "habits": {
            "asked": (*back["asked"], later | {"at_once": True}),
            "kept": (*back["kept"], later),
            "silent": (*back["silent"], later),
        }},
    )  # fmt: skip
