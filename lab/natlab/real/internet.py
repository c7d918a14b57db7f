"""What is beyond the VPC?  One namespace: servers at every address of TEST-NET-3, behind a stateful firewall.

Public addresses of the account come from TEST-NET-2 and lead to the router of the VPC that has them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from natlab.real import servers
from natlab.real.commands import CommandFailed
from natlab.real.namespaces import Namespace

SERVERS = "203.0.113.0/24"
ACCOUNT = "198.51.100.0/24"
PUBLIC_SIDE = "198.51.100.254"
"""The address that a function without a VPC is seen with."""
WEB_SERVER = "203.0.113.10"
VISITOR = "203.0.113.250"
"""Whom connections from the internet to a public address come from."""

_RULES = """
table ip internet {
    chain outage { }
    chain arriving { type filter hook prerouting priority -400; jump outage; }
    chain servers { type filter hook input priority 0; ct state invalid drop; }
}
"""


class InternetNamespace:
    """The internet's namespace and its servers."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._uplinks: dict[str, str] = {}
        namespace.nft(_RULES)
        namespace.ip(
            f"route add local {SERVERS} dev lo",
            f"addr add {PUBLIC_SIDE}/32 dev lo",
            f"route add blackhole {ACCOUNT}",
            "route add blackhole default",
        )
        # As most servers' firewalls do: a segment of a connection nobody knows is not answered.
        with namespace.entered():
            Path("/proc/sys/net/netfilter/nf_conntrack_tcp_loose").write_text("0", encoding="utf-8")
        self.servers = start_servers(namespace, {"http": list(servers.HTTP_PORTS), "echo": [servers.ECHO_PORT]})

    def connect(self, router: Namespace) -> str:
        """Lay the cable to a VPC's router, where it is called `internet`; returns our address on it."""
        number = len(self._uplinks)
        here, there = f"100.64.{number}.1", f"100.64.{number}.2"
        self.namespace.ip(
            f"link add vpc{number} type veth peer name internet netns {router.name}",
            f"addr add {here}/30 dev vpc{number}",
            f"link set vpc{number} up",
        )
        router.ip(f"addr add {there}/30 dev internet", "link set internet up")
        self._uplinks[router.name] = there
        return here

    def lead(self, public_ip: str, router: Namespace) -> None:
        """A public address is in that VPC from now on."""
        self.namespace.ip(f"route replace {public_ip}/32 via {self._uplinks[router.name]} src {VISITOR}")

    def forget(self, public_ip: str) -> None:
        """Nobody has that address."""
        self.namespace.try_ip(f"route del {public_ip}/32")

    def down(self) -> None:
        """Nothing on the internet answers."""
        self.namespace.nft("flush chain ip internet outage\nadd rule ip internet outage drop")

    def up(self) -> None:
        """It answers again."""
        self.namespace.nft("flush chain ip internet outage")


def start_servers(namespace: Namespace, order: dict[str, list[object]]) -> subprocess.Popen[bytes]:
    """Start servers.py inside a namespace, and return when everything listens. Raises CommandFailed."""
    process = namespace.start([sys.executable, "-IS", servers.__file__, json.dumps(order)])
    assert process.stdout is not None  # noqa: S101  namespace.start makes pipes
    if process.stdout.readline() != b"ready\n":
        raise CommandFailed(f"the servers in {namespace.name} did not start")
    return process
