"""Does a packet arrive, and as whose?  Asked by sending one."""

from __future__ import annotations

import contextlib
import errno
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


def serves(connection: socket.socket, destination: str, port: int, name: str, patience_s: float) -> bool:
    """Whether a web server answers a request for a host name well."""
    with connection:
        connection.settimeout(patience_s)
        try:
            connection.connect((destination, port))
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {name or destination}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False


def arrival(
    origin: Namespace, hosts: Iterable[Namespace], destination: str, port: int, patience_s: float
) -> tuple[str, int] | None:
    """Where the first packet of a TCP connection to a destination arrives; None when at none of the hosts.

    The answer has to find back as well: an acceptance, or the refusal of a host where nothing listens.
    """
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
                arrived = socket.inet_ntoa(packet[16:20])
                # The gateway keeps the client's port where it can. A host that asks hears its own packet leave.
                if source_port == number and arrived != destination and packet[start + 13] & 2:
                    return (arrived, arrived_port) if _answered(client, deadline - time.monotonic()) else None
    return None


def _answered(client: socket.socket, patience_s: float) -> bool:
    _, ended, _ = select.select([], [client], [], max(0.0, patience_s))
    return bool(ended) and client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED)


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
