"""Stand-ins, on loopback, for the places that hand out temporary credentials, and a resolver that leads there.

STS, the metadata service of an instance, CloudSSO and OAuth keep their own names in what is tested; only the name
resolution and the trust store of the child process are replaced (`resolver` writes a sitecustomize.py for it).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.signing import v1_signature
from tests.cli.town import Workspace

STS = "sts.aliyuncs.com"
OAUTH = "oauth.aliyun.com"
METADATA = "100.100.100.200"
TOKEN = "a-token-of-the-pod"
ACCESS_TOKEN = "an-access-token"
_EXPIRES = "%Y-%m-%dT%H:%M:%SZ"
_SITE = """
import socket
_REAL, _PORTS = socket.getaddrinfo, {ports!r}
def _resolve(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name in _PORTS:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", _PORTS[name][str(port)]))]
    if name not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(-2, f"a test may not ask for {{name}}")
    return _REAL(host, port, *args, **kwargs)
socket.getaddrinfo = _resolve
try:
    import certifi
    certifi.where = lambda: {authority!r}
except ImportError:
    pass
"""


@dataclass
class IdentityStandIn:
    """What was asked of the stand-ins, and how a child process gets to them."""

    place: Workspace
    asked: list[str] = field(default_factory=list)
    issued: list[KeyPair] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)
    """The names that sessions of a role were asked for under."""

    def issue(self, role: str) -> KeyPair:
        """Give out credentials of a role, as the local cloud knows them."""
        key = self.place.cloud.accounts.assume_role(role)
        self.issued.append(key)
        return key

    def site(self, folder: Path) -> Path:
        """Write the sitecustomize.py that leads a child process here; returns the folder for its PYTHONPATH."""
        folder.mkdir()
        secure, plain = {"443": self.ports["https"]}, {"80": self.ports["http"]}
        ports = {STS: secure, OAUTH: secure, METADATA: plain}
        text = _SITE.format(ports=ports, authority=str(self.place.home / "authority.pem"))
        folder.joinpath("sitecustomize.py").write_text(text, encoding="utf-8")
        return folder

    # ---- answers -----------------------------------------------------------------------------------------

    def answer(self, method: str, host: str, path: str, query: dict[str, str], body: str, bearer: str) -> Any:
        """Answer one request; None is a refusal."""
        self.asked.append(f"{method} {host}{path} {query.get('Action', '')}".rstrip())
        if host == STS:
            return self._sts(method, query, dict(parse_qsl(body)))
        if host == METADATA:
            if method == "PUT":
                return "metadata-token"
            if path.endswith("/security-credentials/"):
                return "machine-role"
            return {"Code": "Success", **self._fields(path.rpartition("/")[2])}
        if path == "/cloud-credentials":
            return {"CloudCredential": self._fields("sso")} if bearer == f"Bearer {ACCESS_TOKEN}" else None
        if path == "/v1/token":
            return {"access_token": ACCESS_TOKEN, "refresh_token": "the-next-refresh-token", "expires_in": 3600}
        if path == "/v1/exchange" and bearer == f"Bearer {ACCESS_TOKEN}":
            return self._fields("oauth")
        return {"Code": "Success", **self._fields("uri")} if path == "/credentials" else None

    def _sts(self, method: str, query: dict[str, str], body: dict[str, str]) -> Any:
        both = {**query, **body}
        role = both.get("RoleArn", "").rpartition("/")[2]
        self.sessions.append(both.get("RoleSessionName", ""))
        if both.get("Action") == "AssumeRoleWithOIDC":
            return {"Credentials": self._fields(role)} if both.get("OIDCToken") == TOKEN else None
        key = self.place.cloud.accounts.issued(query.get("AccessKeyId", ""))
        if key is None or v1_signature(method, query, key.credentials.access_key_secret)[0] != query["Signature"]:
            return None
        return {"Credentials": self._fields(role)}

    def _fields(self, role: str) -> dict[str, str]:
        key = self.issue(role)
        until = time.strftime(_EXPIRES, time.gmtime(time.time() + 3600))
        return {
            "AccessKeyId": key.access_key_id,
            "AccessKeySecret": key.access_key_secret,
            "SecurityToken": key.security_token,
            "Expiration": until,
        }


@contextmanager
def identity(place: Workspace) -> Iterator[IdentityStandIn]:
    """Serve the stand-ins over HTTP and HTTPS."""
    known = IdentityStandIn(place)
    key, certificate = _certificate()
    place.home.joinpath("authority.pem").write_bytes(certificate)
    place.home.joinpath("server.pem").write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.home / "server.pem")
    servers = {}
    for name in ("http", "https"):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(known))
        server.daemon_threads = True
        if name == "https":
            server.socket = context.wrap_socket(server.socket, server_side=True)
        servers[name] = server
        known.ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield known
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()


def _handler(known: IdentityStandIn) -> type[BaseHTTPRequestHandler]:
    class IdentityRequestHandler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode()
            host = self.headers.get("host", "").partition(":")[0]
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            bearer = self.headers.get("authorization", "")
            said = known.answer(self.command, host, url.path, query, body, bearer)
            self.send_response(200 if said is not None else 403)
            if said is None:
                said = {"Code": "NoPermission", "Message": "You are not authorized to do this action."}
            data = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = serve  # noqa: N815  the standard library's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            """A test reads `asked`."""

    return IdentityRequestHandler


def _certificate() -> tuple[bytes, bytes]:
    """Make a key and a certificate of its own for the names that are resolved here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = dt.datetime.now(dt.timezone.utc)
    names = [*(x509.DNSName(each) for each in (STS, OAUTH)), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
