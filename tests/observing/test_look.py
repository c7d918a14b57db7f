"""One look at the internet, with the standard library alone, at servers on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.egress_check import look
from natkeeper.ports import LookFromHere
from tests.applying.local import Local

AT = datetime(2026, 11, 23, tzinfo=timezone.utc)
NOBODY = "127.0.0.1:9"


class Pages(BaseHTTPRequestHandler):
    """A web server that tells an address, sends elsewhere, fails, or keeps its peer waiting."""

    def do_GET(self) -> None:
        status, body = {
            "/ip": (200, b" 198.51.100.7\n"),
            "/page": (200, b"<html>" + b"x" * 100_000),
            "/moved": (302, b""),
            "/not-there": (404, b"no"),
        }.get(self.path, (503, b"no"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    """host:port of a web server."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def seen(*targets: str, within: float = 2.0) -> EgressSeen | EgressLost:
    """Look at `targets` at a known time."""
    return look(targets, within, lambda: AT)


def test_a_url_whose_body_is_an_address_tells_the_public_one(server: str) -> None:
    """What the internet saw is what it answers."""
    assert seen(f"http://{server}/ip") == EgressSeen(AT, "198.51.100.7")


@pytest.mark.parametrize("page", ["page", "moved", "not-there"])
def test_any_answer_below_500_is_the_internet(server: str, page: str) -> None:
    """Only whether it answers counts, not what it thinks of us; a redirect is not followed."""
    assert seen(f"http://{server}/{page}") == EgressSeen(AT, None)


def test_a_server_fault_is_not_the_internet(server: str) -> None:
    """A proxy on the way that answers 503 is a lost egress, and said so."""
    assert seen(f"http://{server}/fault") == EgressLost(AT, f"http://{server}/fault: answered 503")


def test_a_connection_is_enough_for_host_and_port(silent: str) -> None:
    """No word needs to be spoken."""
    assert seen(silent) == EgressSeen(AT, None)


def test_one_target_of_several_is_enough(server: str, silent: str) -> None:
    """A dead target delays nobody and decides nothing."""
    assert seen(NOBODY, f"http://{silent}/", f"http://{server}/ip") == EgressSeen(AT, "198.51.100.7")


def test_an_address_that_comes_a_little_later_is_waited_for(server: str, silent: str) -> None:
    """The port answers at once, the URL tells more."""
    assert seen(silent, f"http://{server}/ip") == EgressSeen(AT, "198.51.100.7")


def test_an_address_that_does_not_come_is_not_waited_for_long(silent: str) -> None:
    """The grace ends before the time-out does."""
    began = threading.Event()
    ended: list[EgressSeen | EgressLost] = []

    def go() -> None:
        began.set()
        ended.append(seen(silent, f"http://{silent}/", within=30.0))

    thread = threading.Thread(target=go)
    thread.start()
    thread.join(timeout=15.0)
    assert ended == [EgressSeen(AT, None)]


def test_no_answer_in_time_is_a_lost_egress_with_every_reason(silent: str) -> None:
    """Each target says why."""
    lost = seen(NOBODY, f"http://{silent}/", within=0.2)
    assert isinstance(lost, EgressLost)
    assert f"{NOBODY}: connection refused" in lost.reason
    assert f"http://{silent}/: no answer in time" in lost.reason


def test_a_name_that_hangs_in_the_resolver_is_left_behind(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """getaddrinfo knows no time-out."""
    resolving = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        resolving.wait(20)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", hang)
    lost = seen("name.internet.test:80", within=0.1)
    resolving.set()
    assert lost == EgressLost(AT, "name.internet.test:80: no answer in time")


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The VPC's resolver answers even without a way out, so this is worth knowing."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert seen("name.internet.test:80") == EgressLost(AT, "name.internet.test:80: its name does not resolve")


def test_the_failover_function_looks_by_the_same_code(local: Local, server: str) -> None:
    """LookFromHere crosses no gateway."""
    looked = local.one(LookFromHere((f"http://{server}/ip",), 2.0))
    assert (type(looked), looked.public_ip) == (EgressSeen, "198.51.100.7")
    assert local.asked() == []
