"""One TLS context for all connections must not mean less checking: real handshakes with servers made up here."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from natkeeper.alibaba import transport
from natkeeper.alibaba.clients import Clients
from natkeeper.alibaba.credentials import Credentials


def certificate(folder: Path, name: str, *others: str) -> Path:
    """Make a self-signed certificate for `name` and the `others`, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = dt.datetime.now(dt.timezone.utc)
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(each)) if each.replace(".", "").isdigit() else x509.DNSName(each)
        for each in (name, *others)
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TlsRequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Say nothing."""


class TlsServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses is the point."""


@contextmanager
def served(pem: Path) -> Iterator[str]:
    """Serve HTTPS on loopback with a certificate; yields the address."""
    server = TlsServer(("127.0.0.1", 0), TlsRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Each test makes the context anew, and leaves none behind that trusts strangers."""
    transport._tls_context.cache_clear()
    yield
    transport._tls_context.cache_clear()


def session() -> requests.Session:
    """Make a session as the SDK makes one; it asks no environment."""
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", transport.SharedTls())
    return made


def test_a_stranger_s_certificate_is_refused(tmp_path: Path) -> None:
    """Who signs himself is nobody."""
    with served(certificate(tmp_path, "127.0.0.1")) as address, pytest.raises(requests.exceptions.SSLError):
        session().get(address, timeout=5)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    """Trusted, but for another host name."""
    pem = certificate(tmp_path, "vpc.example.test")
    transport.tls_context().load_verify_locations(pem)
    with served(pem) as address, pytest.raises(requests.exceptions.SSLError, match="IP address mismatch"):
        session().get(address, timeout=5)


def test_roots_are_read_once_for_all_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three connections to two hosts, one reading of each set of root certificates."""
    read = []
    load = ssl.SSLContext.load_verify_locations

    def count(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        read.append(args)
        load(self, *args, **kwargs)

    pem = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", count)
    transport.tls_context().load_verify_locations(pem)
    with served(pem) as one, served(pem) as other:
        assert [session().get(address, timeout=5).text for address in (one, one, other)] == ["ok"] * 3
    assert len(read) == 2  # certifi's, and the one that this test adds


def test_the_sdk_makes_its_sessions_with_it() -> None:
    """The place in the SDK where that is decided is still there, and plain HTTP makes no context at all."""
    from alibabacloud_vpc20160428.client import Client

    Clients("cn-hangzhou", lambda: Credentials("an-id", "a-secret"), "http://127.0.0.1:9").client(Client)
    core = sys.modules["darabonba.core"].DaraCore
    made = core._get_session("http://bench:pool=7", "HTTP", pool_size=7)
    try:
        assert isinstance(made.get_adapter("http://127.0.0.1:9/"), transport.SharedTls)
        assert transport._tls_context.cache_info().currsize == 0
    finally:
        del core._sessions["http://bench:pool=7"]
