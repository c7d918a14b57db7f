"""How an instance's sockets reach the simulated internet: through a loopback port of the local cloud.

Installed into an instance's own `socket` module when the handler imports it.  Loopback stays as it is;
every other connection asks the tunnel, which relays bytes, refuses, or never answers: a dropped packet, which
the caller sees as the connect timeout it asked for.  Names under internet.test resolve to 203.0.113.0/24
(TEST-NET-3); no other name resolves, so that nothing in an instance ever talks to the real network.
"""

from __future__ import annotations

import errno
import json
import os
import time
from typing import Any

_SYN_TIMEOUT_S = 127.0
"""How long Linux itself goes on sending SYNs (tcp_syn_retries 6) when a socket has no timeout."""
_DOMAIN = ".internet.test"


def address_of(name: str) -> str:
    """The simulated address of a name: always the same one of 203.0.113.1 to 203.0.113.254."""
    return f"203.0.113.{1 + sum(name.lower().encode()) % 254}"


class TunnelClient:
    """The client side of the tunnel; `egress` is its `from`, or None for a function without a network."""

    def __init__(self, address: str, egress: dict[str, Any] | None) -> None:
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.egress = egress

    def install(self, socket: Any) -> None:  # noqa: C901 - a list of small replacements that share four names
        """Patch a freshly imported `socket` module."""
        connect = socket.socket.connect
        sendto = socket.socket.sendto
        getaddrinfo = socket.getaddrinfo
        tunnel = self

        def tunnelled_connect(sock: Any, address: Any) -> None:
            if _local(socket, sock, address):
                connect(sock, address)
                return
            if sock.type != socket.SOCK_STREAM or tunnel.egress is None:
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
            host = resolve(address[0])
            tunnel.open(sock, connect, [host, address[1]])

        def tunnelled_connect_ex(sock: Any, address: Any) -> int:
            try:
                tunnelled_connect(sock, address)
            except TimeoutError:
                return errno.EAGAIN
            except OSError as error:
                return error.errno or errno.EIO
            return 0

        def local_sendto(sock: Any, data: Any, *arguments: Any) -> int:
            if not _local(socket, sock, arguments[-1]):
                raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
            sent: int = sendto(sock, data, *arguments)
            return sent

        def resolve(host: Any) -> str:
            name = host.decode() if isinstance(host, bytes | bytearray) else host
            if name.lower().rstrip(".").endswith(_DOMAIN):
                return address_of(name.rstrip("."))
            if name in ("", "localhost") or _is_address(socket, name):
                return str(name)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        def simulated_getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
            return getaddrinfo(host if host is None else resolve(host), port, *arguments, **named)

        def simulated_gethostbyname(host: str) -> str:
            found = simulated_getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
            return str(found[0][4][0])

        socket.socket.connect = tunnelled_connect
        socket.socket.connect_ex = tunnelled_connect_ex
        socket.socket.sendto = local_sendto
        socket.getaddrinfo = simulated_getaddrinfo
        socket.gethostbyname = simulated_gethostbyname
        socket.gethostbyname_ex = lambda host: (host, [], [simulated_gethostbyname(host)])

    def open(self, sock: Any, connect: Any, destination: list[Any]) -> None:
        """Have the tunnel connect this socket to a destination, within the socket's own timeout."""
        timeout = sock.gettimeout()
        if timeout == 0:
            raise OSError(errno.EOPNOTSUPP, "non-blocking connects are not simulated")
        deadline = time.monotonic() + (_SYN_TIMEOUT_S if timeout is None else timeout)
        try:
            connect(sock, self.address)
            sock.sendall(json.dumps({"from": self.egress, "to": destination}).encode() + b"\n")
            answer = json.loads(self._line(sock, deadline))
        except TimeoutError:
            if timeout is None:
                raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            raise
        finally:
            sock.settimeout(timeout)
        if answer.get("ok"):
            return
        if answer.get("error") == "refused":
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))

    @staticmethod
    def _line(sock: Any, deadline: float) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left)
            byte = sock.recv(1)  # one at a time: what follows the line belongs to the caller
            if not byte:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            line += byte
        return bytes(line)


def _local(socket: Any, sock: Any, address: Any) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = address[0]
    return host in ("", "localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 (compared, not bound)


def _is_address(socket: Any, name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return True
    return False
