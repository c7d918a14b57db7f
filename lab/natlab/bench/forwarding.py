"""How much does a gateway forward? Packets and new connections a second, on systems of the lab, in one run.

Three gateways take turns, packet ring by packet ring: one that only forwards, one with a bare nft masquerade, and one
that natkeeper set up. Each has one wire to a namespace that sends as private hosts do, takes back what is forwarded,
and counts it. Each tracks as many connections as the row says. The clock is the processor time that a ring takes, on
one processor, because others want this machine, too. What counts are ratios of one run: the rates are those of a wire
between namespaces, and not of a network card.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from natlab.bench.results import Figure, FigureTable, NotMeasuredError, Sample, absent
from natlab.real.commands import run
from natlab.real.dataplane import LabDataPlane
from natlab.real.machine import Machine
from natlab.real.namespaces import Namespace
from natlab.real.preflight import preflight

KEYS = ("forwarding_ratio",)
MODES = "plain", "bare nft", "natkeeper"
TRACKED = 10_000, 100_000, 1_000_000
_AIM_AT, _AIM = 100_000, 0.95
_WHAT = "lab: packets a second with 100,000 connections, of those of a bare nft masquerade"
_FRAMES, _FRAME_SIZE = 4096, 256
_HEADER = 32
"""Of a frame in the ring, before the packet (struct tpacket2_hdr)."""
_FLOWS_TO_ONE = 40_000
_NEW = 8 * _FRAMES
_ROUNDS = 30
_GATEWAY_IP, _HOST_IP = "10.0.0.11", "10.0.1.5"
_MAC, _WIRE_MAC = bytes.fromhex("024e00000001"), bytes.fromhex("024e00000002")
_BARE = "table ip bare { chain out { type nat hook postrouting priority 100; ip saddr 10.0.0.0/8 masquerade; }; }"
_ENOUGH = 0.999
_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What passed in a second of processor time."""

    packets: float
    connections: float


def frame(number: int, *, answer: bool, translated: bool) -> bytes:
    """The packet of connection `number`: from the private host, or the answer to it; see linux/if_packet.h."""
    there, port = f"203.0.113.{1 + number // _FLOWS_TO_ONE}", 1024 + number % _FLOWS_TO_ONE
    here = _GATEWAY_IP if answer and translated else _HOST_IP
    addresses = [socket.inet_aton(each) for each in ((there, here) if answer else (here, there))]
    ports = struct.pack("!HH", *((7, port) if answer else (port, 7)))
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 46, 0, 0, 64, 17, 0, *addresses)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:]
    packet = _MAC + _WIRE_MAC + b"\x08\x00" + header + ports + struct.pack("!HH", 26, 0) + bytes(18)
    ready = struct.pack("=III", 1, len(packet), 0).ljust(_HEADER, b"\0")
    return (ready + packet).ljust(_FRAME_SIZE, b"\0")


def images(first: int, count: int, *, answer: bool = False, translated: bool = True) -> list[bytes]:
    """Rings full of packets, one for each connection; the last is not longer than it has to be."""
    numbers = range(first, first + count)
    packets = [frame(number, answer=answer, translated=translated) for number in numbers]
    return [b"".join(packets[at : at + _FRAMES]) for at in range(0, count, _FRAMES)]


class Wire:
    """The other end of a gateway's only interface."""

    def __init__(self, name: str, guest: Machine) -> None:
        self.place = Namespace.create(name)
        self.guest = guest
        guest.network.ip("link set eth0 down", "link set eth0 name cable0")
        guest.network.ip(
            f"link add eth0 address {_MAC.hex(':')} type veth peer name wire netns {name}",
            f"addr add {_GATEWAY_IP}/24 dev eth0", "link set eth0 up", "route add default via 10.0.0.253 dev eth0",
            f"neigh add 10.0.0.253 lladdr {_WIRE_MAC.hex(':')} dev eth0 nud permanent",
            "route add 10.0.1.0/24 via 10.0.0.253 dev eth0",
        )  # fmt: skip
        self.place.ip(f"link set wire address {_WIRE_MAC.hex(':')} up")
        self._line = self.place.socket(socket.SOCK_RAW, socket.AF_PACKET)
        self._line.setsockopt(263, 10, 1)  # SOL_PACKET, PACKET_VERSION, TPACKET_V2
        self._line.setsockopt(
            263, 13, struct.pack("=IIII", 65536, _FRAMES * _FRAME_SIZE // 65536, _FRAME_SIZE, _FRAMES)
        )
        with self.place.entered():
            self._line.bind(("wire", 0))
        self._ring = mmap.mmap(self._line.fileno(), _FRAMES * _FRAME_SIZE)

    def send(self, packets: list[bytes]) -> None:
        """Send rings of packets; the kernel forwards them meanwhile."""
        for each in packets:
            whole = each.ljust(_FRAMES * _FRAME_SIZE, b"\0")
            self._ring[:] = whole
            self._line.send(b"")

    def received(self) -> int:
        """How many packets came back so far."""
        with self.place.entered():
            (link,) = json.loads(run(["ip", "-s", "-j", "link", "show", "wire"]))
        return int(link["stats64"]["rx"]["packets"])

    def close(self) -> None:
        """Leave nothing behind."""
        self._ring.close()
        self._line.close()
        self.place.delete()


def rates(wires: dict[str, Wire], tracked: int) -> dict[str, Rate]:
    """What each gateway forwards while it tracks that many connections."""
    for mode, wire in wires.items():
        wire.guest.by_hand("conntrack -F 2>/dev/null || :")
        wire.send(images(0, tracked))
        wire.send(images(0, min(tracked, _FRAMES), answer=True, translated=mode != "plain"))
    again = _passing(wires, images(0, min(tracked, _FRAMES)) * _ROUNDS)
    fresh = _passing(wires, images(tracked, _NEW))
    return {mode: Rate(again[mode], fresh[mode]) for mode in wires}


def _passing(wires: dict[str, Wire], rings: list[bytes]) -> dict[str, float]:
    """How many packets pass in a second: by the median ring. Raises NotMeasuredError where some are lost."""
    before = {mode: wire.received() for mode, wire in wires.items()}
    took: dict[str, list[float]] = {mode: [] for mode in wires}
    with _one_processor() as spent:
        for ring in rings:
            for mode, wire in wires.items():
                began = spent()
                wire.send([ring])
                took[mode].append((spent() - began) / (len(ring) // _FRAME_SIZE))
    sent = sum(len(ring) // _FRAME_SIZE for ring in rings)
    for mode, wire in wires.items():
        passed = wire.received() - before[mode]
        if passed < sent * _ENOUGH:
            raise NotMeasuredError(f"{mode}: {passed:,} of {sent:,} packets passed")
    return {mode: 1e9 / median(each) for mode, each in took.items()}


@contextlib.contextmanager
def _one_processor() -> Iterator[Callable[[], int]]:
    """Stay on one processor; how many ns this thread and the kernel's thread for packets took of it so far."""
    free = os.sched_getaffinity(0)
    number = max(free)
    named = (each for each in Path("/proc").glob("[0-9]*/comm") if _read(each) == f"ksoftirqd/{number}\n")
    packets = next(named).with_name("schedstat")
    os.sched_setaffinity(0, {number})
    try:
        yield lambda: time.thread_time_ns() + int(_read(packets).split()[0])
    finally:
        os.sched_setaffinity(0, free)


def _read(path: Path) -> str:
    """Empty where the process has ended meanwhile."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""


def forwarding(runs: int, say: Callable[[str], None]) -> Iterator[Figure | FigureTable]:
    """Measure every mode `runs` times for each number of tracked connections, taking turns."""
    why = "not asked for (--lab-runs)" if runs < 1 else " ".join(preflight())
    if why:
        yield absent(KEYS[0], _WHAT, "", why)
        return
    found: dict[tuple[str, int], list[Rate]] = {}
    with _wires() as wires:
        most = int(wires["bare nft"].guest.by_hand("cat /proc/sys/net/netfilter/nf_conntrack_max"))
        for tracked in (each for each in TRACKED if each + _NEW <= most):
            for number in range(runs):
                say(f"forwarding: {tracked:,} connections, {number + 1} of {runs}")
                for mode, rate in rates(wires, tracked).items():
                    found.setdefault((mode, tracked), []).append(rate)
    pairs = zip(found["natkeeper", _AIM_AT], found["bare nft", _AIM_AT], strict=True)
    ratios = Sample.of([own.packets / bare.packets for own, bare in pairs])
    yield Figure(KEYS[0], _WHAT, "", ratios, "the same run, taking turns", least=_AIM)
    yield _table(found, most)


def _table(found: dict[tuple[str, int], list[Rate]], most: int) -> FigureTable:
    rows, told = [], []
    for (mode, tracked), rates in found.items():
        bare = found["bare nft", tracked]
        packets, connections = (median(getattr(each, kind) for each in rates) for kind in ("packets", "connections"))
        ratio = median(own.packets / other.packets for own, other in zip(rates, bare, strict=True))
        fresh = median(own.connections / other.connections for own, other in zip(rates, bare, strict=True))
        rows.append((f"{tracked:,}", mode, f"{packets:,.0f}", f"{ratio:.2f}", f"{connections:,.0f}", f"{fresh:.2f}"))
        told.append({"tracked": tracked, "mode": mode, "packets": round(packets), "ratio": round(ratio, 3),
                     "connections": round(connections), "connections_ratio": round(fresh, 3)})  # fmt: skip
    title = f"Forwarding on one wire between namespaces; this machine tracks {most:,} connections at most"
    headings = "tracked", "gateway", "packets/s", "of bare nft", "new connections/s", "of bare nft"
    return FigureTable("forwarding", title, headings, tuple(rows), tuple(told))


@contextlib.contextmanager
def _wires() -> Iterator[dict[str, Wire]]:
    """A gateway of each mode, with its wire."""
    from natkeeper.guest import Mode, SetupParameters, parse_report, render
    from natkeeper.guest.report import SetupReport
    from natkeeper.guest.script import library_command

    order = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",), primary=(_GATEWAY_IP,))
    with LabDataPlane() as lab, contextlib.ExitStack() as ending:
        lab.create_vswitch("vsw-public", "10.0.0.0/24", "vpc-1")
        for number in range(len(MODES)):
            lab.create_instance(f"i-{number}", f"10.0.0.{11 + number}", "vsw-public")
            lab.power_on(f"i-{number}")
        lab.settle()
        wires = {}
        for number, mode in enumerate(MODES):
            guest = lab.guests[f"i-{number}"]
            # The wire comes first: what is set for an interface goes with it.
            wires[mode] = Wire(f"{lab.prefix}wire{number}", guest)
            ending.callback(wires[mode].close)
            if mode == "natkeeper":
                guest.run(library_command().encode(), _TIMEOUT_S)
                result = guest.run(render(order), _TIMEOUT_S)
                report = parse_report(b"" if result is None else result.output)
                if not isinstance(report, SetupReport) or not report.ready:
                    raise RuntimeError(f"the gateway could not be set up: {report}")
            else:
                # A firewalld that is stopped while it starts leaves its rules.
                guest.by_hand("systemctl stop firewalld; nft flush ruleset; sysctl -qw net.ipv4.ip_forward=1")
            if mode == "bare nft":
                guest.network.nft(_BARE)
            times = (f"net.netfilter.nf_conntrack_udp_timeout{each}=3600" for each in ("", "_stream"))
            guest.by_hand(f"sysctl -qw {' '.join(times)} 2>/dev/null || :")
        yield wires
