"""What nginx on a gateway reads, to the letter; tests/simulated and tests/lab show what it does with it."""

from __future__ import annotations

from natkeeper.domain.gateway_config import Proxy, ProxyHost, ProxyStream, ProxyTls
from natkeeper.guest.proxy import nginx_conf, ports

WEB = ProxyHost(host="www.example.com", to="10.0.1.5:8080")
OTHER = ProxyHost(host="other.example.com", to="10.0.1.5:8081")
SAFE = ProxyHost(
    host="safe.example.com", to="10.0.1.6:8080", tls=ProxyTls(certificate="/etc/ssl/nk/a.crt", key="/etc/ssl/nk/a.key")
)
BASE = ProxyStream(port=5432, to="10.0.1.7:5432", send_proxy=True)
DNS = ProxyStream(port=5353, to="10.0.1.7:53", protocol="udp")
TEXT = """\
# natkeeper 695b58a80654
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
server { listen 127.0.0.1:8790; location / { return 200 695b58a80654; } }
server { listen 80; server_name www.example.com; location / { proxy_pass http://10.0.1.5:8080; } }
# certificate safe.example.com /etc/ssl/nk/a.crt /etc/ssl/nk/a.key
server { listen 443 ssl; server_name safe.example.com; ssl_certificate /etc/ssl/nk/a.crt; ssl_certificate_key /etc/ssl/nk/a.key;
if ($host != safe.example.com) { return 444; }
location / { proxy_pass http://10.0.1.6:8080; } }
# end
server { listen 80 default_server; return 444; }
}
stream {
proxy_connect_timeout 3s;
server { listen 5432; proxy_pass 10.0.1.7:5432; proxy_protocol on; }
server { listen 5353 udp; proxy_pass 10.0.1.7:53; }
}
"""  # noqa: E501  as nginx reads it


def test_the_whole_text() -> None:
    """A host without and one with a certificate, a stream of each protocol, and what nobody asked for."""
    assert nginx_conf(Proxy(http=(WEB, SAFE), stream=(BASE, DNS))) == TEXT


def test_without_streams_there_is_no_such_part() -> None:
    """nginx may lack the module."""
    assert "stream" not in nginx_conf(Proxy(http=(WEB,)))


def test_another_text_has_another_fingerprint() -> None:
    """That is how a reload that did not take is noticed."""
    first, second = (nginx_conf(Proxy(http=(host,))).splitlines()[0] for host in (WEB, SAFE))
    assert first != second


def test_each_port_is_opened_once() -> None:
    """By number and protocol."""
    assert ports(Proxy(http=(WEB, OTHER, SAFE), stream=(BASE, DNS))) == ["443/tcp", "5353/udp", "5432/tcp", "80/tcp"]
