"""What does nginx on a gateway read?  One file, made here from the configuration and carried as data.

The setup script leaves out the hosts whose certificate is not on the machine, tests the file, and only then puts it
in place. A health address on loopback answers the fingerprint, so a reload that did not take is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

HEALTH_PORT = 8790


class CertificateFiles(Protocol):
    """Where a gateway has the certificate and the key of a host."""

    @property
    def certificate(self) -> str: ...
    @property
    def key(self) -> str: ...


class ServedHost(Protocol):
    """A host name that is served from a private host, `to`, such as 10.0.1.5:8080."""

    @property
    def host(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def listens(self) -> int: ...
    @property
    def tls(self) -> CertificateFiles | None: ...


class RelayedPort(Protocol):
    """A port that is relayed."""

    @property
    def port(self) -> int: ...
    @property
    def to(self) -> str: ...
    @property
    def protocol(self) -> str: ...
    @property
    def send_proxy(self) -> bool: ...


class ProxySettings(Protocol):
    """What the configuration says of nginx; it has checked every value."""

    @property
    def http(self) -> Sequence[ServedHost]: ...
    @property
    def stream(self) -> Sequence[RelayedPort]: ...


_HEAD = """\
include /usr/share/nginx/modules/*.conf;
include /etc/nginx/modules-enabled/*.conf;
pid /run/natkeeper-nginx.pid;
error_log stderr warn;
worker_processes auto;
worker_rlimit_nofile 65536;
events { worker_connections 8192; }
http {
access_log off;
server_tokens off;
proxy_connect_timeout 3s;
proxy_http_version 1.1;
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
"""


def ports(proxy: ProxySettings) -> list[str]:
    """Return the ports that visitors come to, such as 443/tcp, each once."""
    found = [f"{host.listens}/tcp" for host in proxy.http]
    found += [f"{stream.port}/{stream.protocol}" for stream in proxy.stream]
    return sorted(set(found))


def nginx_conf(proxy: ProxySettings) -> str:
    """Return the configuration. Its first line and its health address carry its fingerprint."""
    servers = [_host(host) for host in proxy.http]
    # Who asks for no known host gets no answer.
    plain = sorted({host.listens for host in proxy.http if host.tls is None})
    servers += [f"server {{ listen {port} default_server; return 444; }}\n" for port in plain]
    streams = "".join(_stream(stream) for stream in proxy.stream)
    body = "".join(servers) + "}\n"
    if streams:
        body += f"stream {{\nproxy_connect_timeout 3s;\n{streams}}}\n"
    mark = hashlib.sha256((_HEAD + body).encode()).hexdigest()[:12]
    health = f"server {{ listen 127.0.0.1:{HEALTH_PORT}; location / {{ return 200 {mark}; }} }}\n"
    return f"# natkeeper {mark}\n{_HEAD}{health}{body}"


def _host(host: ServedHost) -> str:
    place = f"location / {{ proxy_pass http://{host.to}; }}"
    if host.tls is None:
        return f"server {{ listen {host.listens}; server_name {host.host}; {place} }}\n"
    certificate, key = host.tls.certificate, host.tls.key
    # Without a server for unknown names the first one takes them.
    return (
        f"# certificate {host.host} {certificate} {key}\n"
        f"server {{ listen {host.listens} ssl; server_name {host.host}; ssl_certificate {certificate}; "
        f"ssl_certificate_key {key};\nif ($host != {host.host}) {{ return 444; }}\n"
        f"{place} }}\n# end\n"
    )


def _stream(stream: RelayedPort) -> str:
    listens = f"{stream.port} udp" if stream.protocol == "udp" else str(stream.port)
    more = " proxy_protocol on;" * stream.send_proxy
    return f"server {{ listen {listens}; proxy_pass {stream.to};{more} }}\n"
