"""Does a packet arrive, and as whose?  Asked by sending one."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterable

from natlab.real.namespaces import Namespace
from natlab.real.servers import ECHO_PORT
from natlab.simulated.network import Dropped, Reached, Way

_ETH_P_IP = 0x0800
_HEADER = 20
_CHUNK, _UPLOAD_PATIENCE_S = 10_000, 3.0


def check(connection: socket.socket, destination: str, port: int, patience_s: float) -> Way:
    """Connect and ask an HTTP server who we are: Reached(what it saw), or Dropped(why)."""
    with connection:
        connection.settimeout(patience_s)
        try:
            connection.connect((destination, port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            answer = connection.recv(4096).decode("ascii", "replace")
        except TimeoutError:
            return Dropped(f"no answer from {destination}:{port} in {patience_s} s")
        except ConnectionRefusedError:
            # A rule on the way can say the same as a closed port: no server was seen.
            return Dropped(f"{destination}:{port} refuses")
        except OSError as error:
            return Dropped(f"{destination}:{port}: {error.strerror or error}")
    return Reached(answer.rpartition("\r\n\r\n")[2].strip())


def arrival(
    origin: Namespace, hosts: Iterable[Namespace], destination: str, port: int, patience_s: float
) -> tuple[str, int] | None:
    """Where the first packet of a TCP connection to a destination arrives; None when at none of the hosts."""
    with contextlib.ExitStack() as stack:
        listening = [
            stack.enter_context(host.socket(socket.SOCK_DGRAM, socket.AF_PACKET, socket.htons(_ETH_P_IP)))
            for host in hosts
        ]
        client = stack.enter_context(origin.socket())
        client.settimeout(0)
        client.bind(("", 0))
        number = client.getsockname()[1]
        client.connect_ex((destination, port))
        deadline = time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select(listening, [], [], left)
            for sniffer in readable:
                packet = sniffer.recv(2048)
                start = (packet[0] & 15) * 4
                if len(packet) < start + _HEADER or packet[9] != socket.IPPROTO_TCP:
                    continue
                source_port, arrived_port = struct.unpack_from("!HH", packet, start)
                # The gateway keeps the client's port where it can, and always its address.
                if source_port == number and packet[start + 13] & 2:
                    return socket.inet_ntoa(packet[16:20]), arrived_port
    return None


def upload(host: Namespace, destination_ip: str, size: int) -> int:
    """How many bytes of an upload come back from an echo server, up to all of them."""
    with host.socket() as line:
        line.settimeout(_UPLOAD_PATIENCE_S)
        line.connect((destination_ip, ECHO_PORT))
        came = 0
        for sent in range(_CHUNK, size + 1, _CHUNK):
            line.sendall(bytes(_CHUNK))
            while came < sent:
                try:
                    came += len(line.recv(65536))
                except TimeoutError:
                    return came
        return came
