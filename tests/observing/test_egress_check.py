"""One look at the internet, with the standard library alone, at servers on loopback."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from natkeeper import egress_check
from natkeeper.domain.egress import EgressLost, EgressSeen, NotChecked
from natkeeper.egress_check import check_egress
from natkeeper.ports import CheckFromFunction
from tests.applying.local import Local
from tests.applying.test_tls import certificate, served

AT = datetime(2026, 11, 23, tzinfo=timezone.utc)
NOBODY = "127.0.0.1:9"
SHARED = Path(egress_check.__file__).parents[1]


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


def seen(*targets: str, within: float = 2.0) -> EgressSeen | EgressLost | NotChecked:
    """Look at `targets` at a known time."""
    return check_egress(targets, within, lambda: AT)


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


@pytest.mark.parametrize("written, path", [("/ip?a=b&c", "/ip?a=b&c"), ("/ip", "/ip"), ("", "/")])
def test_a_url_is_asked_for_as_it_is_written(written: str, path: str) -> None:
    """With its query and host; the name says whose check it is, and no connection is kept."""
    asked: list[tuple[str, ...]] = []

    class Recording(Pages):
        def do_GET(self) -> None:
            asked.append((self.path, *(self.headers.get(name, "") for name in ("Host", "User-Agent", "Connection"))))
            super().do_GET()

    http = ThreadingHTTPServer(("127.0.0.1", 0), Recording)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    host = f"127.0.0.1:{http.server_address[1]}"
    seen(f"http://{host}{written}")
    http.shutdown()
    http.server_close()
    assert asked == [(path, host, "natkeeper", "close")]


@pytest.mark.parametrize(
    "name, trusted, reason",
    [
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1", "other.example.com", "self-signed certificate"),
        ("www.example.com", "www.example.com", "is not valid for '127.0.0.1'"),
    ],
)
def test_https_counts_only_from_whom_it_should_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: str, reason: str | None
) -> None:
    """A captive portal or a proxy that answers in another's name is not the internet."""
    pem = certificate(tmp_path, name)
    roots = pem if trusted == name else certificate(tmp_path, trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    egress_check._tls_context.cache_clear()
    try:
        with served(pem) as url:
            found = seen(url, within=10.0)
    finally:
        egress_check._tls_context.cache_clear()
    assert isinstance(found, EgressSeen if reason is None else EgressLost), found
    assert reason is None or (isinstance(found, EgressLost) and reason in found.reason)


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
    ended: list[EgressSeen | EgressLost | NotChecked] = []

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
    assert ends(lambda: not looking())
    assert lost == EgressLost(AT, "name.internet.test:80: no answer in time")


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The VPC's resolver answers even without a way out, so this is worth knowing."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    assert seen("name.internet.test:80") == EgressLost(AT, "name.internet.test:80: its name does not resolve")


class Trickle(socketserver.BaseRequestHandler):
    """Sends a byte of a header that never ends every 20 ms, so that no read ever times out."""

    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(OSError):
            while True:
                self.request.sendall(b"x")
                time.sleep(0.02)


@pytest.fixture
def trickling() -> Iterator[str]:
    """host:port of a web server whose header never ends."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Trickle)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def looking() -> list[threading.Thread]:
    """List the threads of looks; a thread is named for what it runs."""
    return [thread for thread in threading.enumerate() if "(_try)" in thread.name]


def open_files() -> list[int]:
    """List this process's descriptors."""
    return [int(each.name) for each in Path("/proc/self/fd").iterdir()]


def ends(condition: Callable[[], bool]) -> bool:
    """Return True if a condition comes true within five seconds."""
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_a_target_that_trickles_its_header_keeps_no_thread_and_no_socket(trickling: str) -> None:
    """Its bytes come in time for every read; the look's own time ends it all the same."""
    sockets = len(open_files())
    for _ in range(20):
        found = seen(f"http://{trickling}/", within=0.05)
        assert isinstance(found, EgressLost)
        assert found.reason.endswith("no answer in time")  # a busy machine may not even have begun with the target
    assert ends(lambda: not looking())
    # The server's own ends close once ours are.
    assert ends(lambda: len(open_files()) <= sockets + 1)


def test_a_handshake_that_trickles_keeps_no_thread(trickling: str) -> None:
    """TLS is ended as well: bytes that are no TLS, or none at all."""
    for _ in range(5):
        assert isinstance(seen(f"https://{trickling}/", within=0.05), EgressLost)
    assert ends(lambda: not looking())


def test_a_silent_tls_server_keeps_no_thread(silent: str) -> None:
    """Its handshake never comes."""
    assert isinstance(seen(f"https://{silent}/", within=0.05), EgressLost)
    assert ends(lambda: not looking())


def test_a_name_that_hangs_keeps_one_thread_however_often_it_is_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Later looks wait for the look-up that is under way."""
    resolving = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        resolving.wait(20)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", hang)
    for _ in range(10):
        seen("name.internet.test:80", within=0.02)
    assert ends(lambda: len(looking()) == 1)
    resolving.set()
    assert ends(lambda: not looking())


WITHOUT_DESCRIPTORS = """
import os, resource, sys
from natkeeper.egress_check import check_egress

def opened():
    try:
        return os.open("/dev/null", os.O_RDONLY)
    except OSError:
        return None

before = check_egress([sys.argv[1]], 2.0)  # a probe that has worked until now
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
while opened() is not None: ...
found = check_egress([sys.argv[1]], 2.0)
print(type(before).__name__, type(found).__name__, found.reason)
"""


@pytest.mark.parametrize("target", ["127.0.0.1:9", "http://127.0.0.1:9/", "name.internet.test:80"])
def test_a_process_without_descriptors_says_nothing_of_the_internet(target: str) -> None:
    """Too many open files is the looking process's own trouble; the resolver does not even say so."""
    looking = [sys.executable, "-c", WITHOUT_DESCRIPTORS, target]
    ended = subprocess.run(
        looking, check=False, env={"PYTHONPATH": str(SHARED)}, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.startswith("EgressLost NotChecked "), ended
    assert "too many open files" in ended.stdout


def test_a_process_without_threads_says_nothing_of_the_internet(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """The way to the target is fine."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert seen(silent) == NotChecked(AT, f"{silent}: can't start new thread")


def test_one_target_that_answers_is_enough_even_for_a_process_in_want(
    monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    """The other target's thread could not be started."""
    started = threading.Thread.start
    left = iter([True])

    def refuse(thread: threading.Thread) -> None:
        if not next(left, False):
            raise RuntimeError("can't start new thread")
        started(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert seen(silent, NOBODY) == EgressSeen(AT, None)


def test_a_dead_address_among_several_does_not_take_all_the_time(
    monkeypatch: pytest.MonkeyPatch, silent: str, full: str
) -> None:
    """Each address has its share."""
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, int(port)))
                 for host, port in (each.split(":") for each in (full, silent))]  # fmt: skip
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: addresses)
    assert seen("name.internet.test:80", within=2.0) == EgressSeen(AT, None)


@pytest.fixture
def full() -> Iterator[str]:
    """host:port of something that answers no SYN: its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as clients:
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_the_failover_function_looks_by_the_same_code(local: Local, server: str) -> None:
    """CheckFromFunction crosses no gateway."""
    checked = local.one(CheckFromFunction((f"http://{server}/ip",), 2.0))
    assert (type(checked), checked.public_ip) == (EgressSeen, "198.51.100.7")
    assert local.asked() == []


def test_a_check_that_is_over_opens_nothing_more() -> None:
    """A thread that comes late with its socket closes it itself."""
    check = egress_check.EgressCheck((), 1.0, lambda _outcome: None)
    kept, late = socket.socket(), socket.socket()
    assert check._hold(kept) is kept
    check.close()
    with pytest.raises(TimeoutError):
        check._hold(late)
    assert late.fileno() == -1
    kept.close()
