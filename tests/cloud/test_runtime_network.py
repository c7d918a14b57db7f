"""How the sockets of a function instance reach the simulated internet, and nothing else."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.tunnel import _is_address, address_of
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.functions_for_tests import function_body

VPC = {"vpcId": "vpc-1", "vSwitchIds": ["vsw-1", "vsw-2"], "securityGroupId": "sg-1"}
SITE_PACKAGES = str(Path(requests.__file__).parent.parent)


class FakeTunnel:
    """The server's side: port 80 answers, 81 is closed, 82 never answers, 83 is unreachable."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for connection in self._held:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._held.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            order = json.loads(stream.readline())
            self.orders.append(order)
            port = order["to"][1]
            if port == 82:
                stream.read(1)
                return
            answer = {81: {"ok": False, "error": "refused"}, 83: {"ok": False, "error": "unreachable"}}
            stream.write(json.dumps(answer.get(port, {"ok": True})).encode() + b"\n")
            stream.flush()
            if port != 80:
                return
            while stream.readline().strip():
                pass
            stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n198.51.100.7")


class NetworkBench:
    def __init__(self) -> None:
        self.tunnel = FakeTunnel()
        self.cloud = Cloud(latencies=Latencies(scale=0.0))
        self.cloud.fc.tunnel = self.tunnel.address

    def answer(self, source: str, **settings: Any) -> Any:
        """What a handler with this body returns; it has `attempt(action)` -> name of the error."""
        whole = (
            "import socket, time\n"
            "def attempt(action):\n"
            " began = time.monotonic()\n"
            " try:\n  found = action()\n except OSError as error:\n"
            "  return [type(error).__name__, round(time.monotonic() - began, 1)]\n"
            " return found if isinstance(found, (str, list)) else 'done'\n"
            f"def handler(event, context):\n{source}"
        )
        self.cloud.fc.create_function(function_body("f", whole, timeout=20, **settings))
        invocation = self.cloud.fc.invoke("f")
        assert not invocation.error_type, invocation.result
        return json.loads(invocation.result)


@pytest.fixture
def bench() -> Iterator[NetworkBench]:
    made = NetworkBench()
    yield made
    made.cloud.close()
    made.tunnel.close()


@pytest.mark.parametrize(
    "settings, origin",
    [
        ({}, {"public": True}),
        ({"vpcConfig": VPC, "internetAccess": False}, {"vswitch": "vsw-1"}),
        ({"vpcConfig": VPC, "internetAccess": True}, {"public": True}),
    ],
)
def test_where_the_packets_of_a_function_come_from(
    bench: NetworkBench, settings: dict[str, Any], origin: dict[str, Any]
) -> None:
    """A VPC function without internet access sits in its first vSwitch, others have FC's own egress."""
    source = (
        " import urllib.request\n"
        " return [urllib.request.urlopen('http://probe.internet.test/', timeout=5).read().decode()]\n"
    )
    assert bench.answer(source, **settings) == ["198.51.100.7"]
    assert bench.tunnel.orders == [{"from": origin, "to": [address_of("probe.internet.test"), 80]}]


def test_a_function_without_any_network_reaches_nothing(bench: NetworkBench) -> None:
    """internetAccess false and no VPC: there is no way out, and it is known at once."""
    source = " return attempt(lambda: socket.create_connection(('203.0.113.10', 80), timeout=5))\n"
    assert bench.answer(source, internetAccess=False) == ["OSError", 0.0]
    assert bench.tunnel.orders == []


def test_http_client_and_requests_work_as_they_are(bench: NetworkBench) -> None:
    """By address and by name, with the libraries that handlers use."""
    source = (
        " import http.client, sys\n"
        " connection = http.client.HTTPConnection('203.0.113.10', 80, timeout=5)\n"
        " connection.request('GET', '/')\n"
        " one = connection.getresponse().read().decode()\n"
        f" sys.path.append({SITE_PACKAGES!r})\n"
        " import requests\n"
        " two = requests.get('http://www.internet.test/ip', timeout=5).text\n"
        " return [one, two]\n"
    )
    assert bench.answer(source) == ["198.51.100.7", "198.51.100.7"]


def test_a_dropped_packet_is_a_connect_timeout(bench: NetworkBench) -> None:
    """A tunnel that never answers is a SYN that got lost: the caller's own timeout ends it."""
    source = (
        " one = attempt(lambda: socket.create_connection(('203.0.113.10', 82), timeout=0.3))\n"
        " import urllib.request\n"
        " two = attempt(lambda: urllib.request.urlopen('http://203.0.113.10:82/', timeout=0.3))\n"
        " import sys\n"
        f" sys.path.append({SITE_PACKAGES!r})\n"
        " import requests\n"
        " three = attempt(lambda: requests.get('http://203.0.113.10:82/', timeout=(0.3, 5)))\n"
        " return [one, two, three]\n"
    )
    one, two, three = bench.answer(source)
    assert [one[0], two[0], three[0]] == ["TimeoutError", "URLError", "ConnectTimeout"]


def test_a_closed_port_is_refused_and_an_unreachable_host_is_unreachable(bench: NetworkBench) -> None:
    """What the network says comes as the error that the kernel would give."""
    source = (
        " return [attempt(lambda: socket.create_connection(('203.0.113.10', port), timeout=5))[0] for port in (81, 83)]"
        " + [socket.socket().connect_ex(('203.0.113.10', 81))]\n"
    )
    refused, unreachable, number = bench.answer(source)
    assert (refused, unreachable, number) == ("ConnectionRefusedError", "OSError", 111)


def test_only_simulated_names_resolve(bench: NetworkBench) -> None:
    """No query ever leaves for a real name server; localhost and addresses stay what they are."""
    source = (
        " names = ['probe.internet.test', 'localhost', '203.0.113.9', 'example.com']\n"
        " found = [attempt(lambda: socket.gethostbyname(name)) for name in names]\n"
        " datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        " return [*found, attempt(lambda: datagram.sendto(b'x', ('203.0.113.9', 53)))[0]]\n"
    )
    probe, local, address, real, datagram = bench.answer(source)
    assert (probe, local, address) == (address_of("probe.internet.test"), "127.0.0.1", "203.0.113.9")
    assert probe.startswith("203.0.113.")
    assert (real[0], datagram) == ("gaierror", "OSError")


def test_loopback_goes_around_the_tunnel(bench: NetworkBench) -> None:
    """The APIs of the local cloud itself are on loopback."""

    class LocalRequestHandler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"local")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the stdlib's name
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), LocalRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        source = f" import urllib.request\n return [urllib.request.urlopen({url!r}).read().decode()]\n"
        assert bench.answer(source) == ["local"]
    assert bench.tunnel.orders == []


def test_without_a_tunnel_the_sockets_are_left_alone() -> None:
    """In the lab an instance has a real network of its own."""
    cloud = Cloud(latencies=Latencies(scale=0.0))
    try:
        source = "import socket\ndef handler(event, context):\n return socket.socket.connect.__qualname__"
        cloud.fc.create_function(function_body("f", source))
        assert cloud.fc.invoke("f").result == socket.socket.connect.__qualname__.encode()
    finally:
        cloud.close()


@pytest.mark.parametrize(
    "name, address",
    [("1.2.3.4", True), ("::1", True), ("fe80::1", True), ("1.2.3", False), ("a.example", False), ("", False)],
)
def test_a_name_is_no_address(name: str, *, address: bool) -> None:
    """Of either family; everything else has to be looked up, and is not known."""
    assert _is_address(socket, name) is address
