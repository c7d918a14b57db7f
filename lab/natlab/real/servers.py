"""What answers in the lab?  Servers on the internet, the VPC's resolver, and the port a private host offers.

A program of its own, started inside the namespace it serves: nothing but the standard library, its order in its
first argument as JSON: {"http": [ports], "echo": [ports], "dns": [addresses]}. It prints a line when
everything listens. HTTP answers say which address the request came from.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from typing import Any

DOMAIN = ".internet.test"
HTTP_PORTS = (53, 80, 443, 853, 8080)
ECHO_PORT = 7
_PATIENCE_S = 900.0


def address_of(name: str) -> str:
    """The address of a name under internet.test, as function instances resolve it, too."""
    return f"203.0.113.{1 + sum(name.lower().encode()) % 254}"


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername")
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
        while peer:
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE_S)
            body = peer[0].encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
    writer.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        while data := await asyncio.wait_for(reader.read(65536), _PATIENCE_S):
            writer.write(data)
            await writer.drain()
    writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self._answer(data)
        if answer:
            self._transport.sendto(answer, addr)


def dns_answer(query: bytes) -> bytes:
    """The answer to one question: an A record for names under internet.test, NXDOMAIN for others."""
    try:
        (number,) = struct.unpack_from("!H", query)
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        kind, _ = struct.unpack_from("!HH", query, at + 1)
    except (struct.error, IndexError, UnicodeDecodeError):
        return b""
    question = query[12 : at + 5]
    name = ".".join(labels)
    if not f".{name.lower()}".endswith(DOMAIN):
        return struct.pack("!HHHHHH", number, 0x8183, 1, 0, 0, 0) + question
    if kind != 1:
        return struct.pack("!HHHHHH", number, 0x8180, 1, 0, 0, 0) + question
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 5, 4) + socket.inet_aton(address_of(name))
    return struct.pack("!HHHHHH", number, 0x8180, 1, 1, 0, 0) + question + record


async def serve(order: dict[str, list[Any]]) -> None:
    """Listen as ordered, until the end of input."""
    loop = asyncio.get_running_loop()
    for ports, handler in (("http", _http), ("echo", _echo)):
        for port in order.get(ports, []):
            await asyncio.start_server(handler, "0.0.0.0", port, backlog=1024)  # noqa: S104  its namespace is all there is
    for port in order.get("echo", []):
        # One socket serves all addresses of its namespace; the answer must come from the one that was asked.
        await asyncio.to_thread(_bind_echo, loop, port)
    for address in order.get("dns", []):
        await loop.create_datagram_endpoint(lambda: _Datagrams(dns_answer), local_addr=(address, 53))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    os._exit(0)  # connections that are open now have nobody left to say goodbye to


def _bind_echo(loop: asyncio.AbstractEventLoop, port: int) -> None:
    """Echo datagrams from the very address they were sent to (IP_PKTINFO)."""
    pktinfo = 8
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.setsockopt(socket.IPPROTO_IP, pktinfo, 1)
    echo.bind(("", port))
    echo.settimeout(0)

    def readable() -> None:
        with contextlib.suppress(OSError):
            while True:
                data, ancillary, _, peer = echo.recvmsg(2048, 128)
                told = [(level, kind, b"\0\0\0\0" + info[4:8] + b"\0\0\0\0") for level, kind, info in ancillary]
                echo.sendmsg([data], told, 0, peer)

    loop.call_soon_threadsafe(loop.add_reader, echo.fileno(), readable)


def main() -> None:
    """Serve what the first argument says."""
    asyncio.run(serve(json.loads(sys.argv[1])))


if __name__ == "__main__":
    main()
