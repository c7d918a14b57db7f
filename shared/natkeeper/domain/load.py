"""How full is a gateway, and from when on is that news?  The figures of a setup report, and what a user asks of them.

Alibaba's managed NAT Gateway has alarms for the same three: connections, ports to one destination, drops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from natkeeper.domain.config_errors import bad
from natkeeper.domain.config_values import Strict

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTS = 64512
"""Ports that masquerading has for one destination: 1024 to 65535 (net/netfilter/nf_nat_core.c keeps to the range of the
port that the private host chose)."""
BANDWIDTH_PERCENT = 90
"""Of the bandwidth of a public address, averaged between two setups: the peaks in it are cut off by then."""
_ELSEWHERE = "send some tables through another gateway"
_MORE_ROOM = f"use an instance with more memory, shorten setup.idle, or {_ELSEWHERE}"


@dataclass(frozen=True, slots=True)
class GatewayLoad:
    """How full a gateway is. Differences are to the run before, `seconds` ago (0: there was none since the boot)."""

    connections: int
    maximum: int
    load: float = 0.0
    """Runnable processes, averaged over a minute."""
    softirq_percent: int = 0
    """Share of processor time that the kernel spent on packets."""
    seconds: int = 0
    new: int = 0
    """TCP connections begun; 0 where the rule that counts them is not wanted."""
    drops: int = 0
    """Packets dropped, and connections forgotten, because the table was full."""
    insert_failed: int = 0
    """Connections that found no free port or met another at the same moment."""
    received_bytes: int = 0
    received_packets: int = 0
    sent_bytes: int = 0
    sent_packets: int = 0
    busiest: str = ""
    """The destination with the most connections, such as 203.0.113.10:443/tcp; looked for above 20,000 in all."""
    busiest_ports: int = 0

    @property
    def connections_percent(self) -> float:
        """The share of the connection table that is used."""
        return 100 * self.connections / self.maximum if self.maximum else 0.0

    @property
    def ports_percent(self) -> float:
        """The share of the ports to the busiest destination that is used."""
        return 100 * self.busiest_ports / PORTS


class Alarms(Strict, frozen=True, kw_only=True):
    """From when on a gateway counts as full: percent of its connections and ports, and packets dropped."""

    connections: int = 80
    ports: int = 90
    drops: int = 1
    """Between two reports. A full table drops what is new, so the first one is news."""

    def __post_init__(self) -> None:
        """Refuse values that are neither a share nor a count."""
        for name, share in (("connections", self.connections), ("ports", self.ports)):
            if not 1 <= share <= 100:  # noqa: PLR2004
                raise bad(name, share, "a percentage, 1 to 100")
        if self.drops < 1:
            raise bad("drops", self.drops, "a number of packets, at least 1")

    def exceeded(self, figures: GatewayLoad, bandwidth: int = 0) -> Iterator[tuple[str, str]]:
        """Yield what is too full, and what to do about it. `bandwidth`: of the public address, in Mbit/s, if known."""
        sent = 8 * figures.sent_bytes / figures.seconds / 1e6 if figures.seconds else 0.0
        if bandwidth and 100 * sent >= BANDWIDTH_PERCENT * bandwidth:
            used = f"sent {sent:.0f} of {bandwidth} Mbit/s for {figures.seconds} s: what is more is dropped"
            yield used, f"give its public address more bandwidth, or {_ELSEWHERE}"
        if figures.drops >= self.drops:
            yield (
                f"dropped {figures.drops} packets in {figures.seconds} s because its table of connections was full",
                _MORE_ROOM,
            )
        elif figures.connections_percent >= self.connections:
            share = f"{figures.connections_percent:.0f} % of its {figures.maximum} connections"
            yield f"uses {share}", _MORE_ROOM
        if figures.ports_percent >= self.ports:
            used = f"uses {figures.busiest_ports} of {PORTS} ports to {figures.busiest}: soon none is left for it"
            yield used, f"keep connections to {figures.busiest} open, or {_ELSEWHERE}"
