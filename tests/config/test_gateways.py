"""What may be asked of the gateways themselves: forwards, a proxy, and their limits."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.config import Group, parse_config
from natkeeper.domain.config_errors import ConfigError
from natkeeper.domain.gateway_config import LONGEST_ORDER

TLS = {"certificate": "/etc/ssl/a.crt", "key": "/etc/ssl/a.key"}


def parse(**settings: Any) -> Group:
    """A configuration of one group."""
    group = {"gateways": ["i-gwa"], "routes": [{"table": "vtb-main"}], **settings}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": group}}).groups[0]


def refusal(**settings: Any) -> str:
    """Why it is refused."""
    with pytest.raises(ConfigError) as refused:
        parse(**settings)
    return str(refused.value).removeprefix("groups.prod.")


@pytest.mark.parametrize(
    "forward, orders",
    [
        ({"port": 80, "to": "10.0.1.5:8080"}, ["tcp 80 10.0.1.5 8080"]),
        ({"port": 80, "to": "10.0.1.5:8080", "protocol": "both"}, ["tcp 80 10.0.1.5 8080", "udp 80 10.0.1.5 8080"]),
        ({"port": "100-200", "to": "10.0.1.5"}, ["tcp 100-200 10.0.1.5 100-200"]),
        ({"port": "100-110", "to": "10.0.1.5:300-310"}, ["tcp 100-110 10.0.1.5 300-310"]),
        ({"port": "any", "to": "10.0.1.5"}, ["tcp any 10.0.1.5 any"]),
        (
            {"port": 80, "to": "10.0.1.5:80", "from": ["192.0.2.0/24"], "address": "10.0.0.9"},
            ["tcp 80 10.0.1.5 80 192.0.2.0/24 10.0.0.9"],
        ),
        ({"port": 80, "to": "10.0.1.5:80", "address": "10.0.0.9"}, ["tcp 80 10.0.1.5 80 - 10.0.0.9"]),
    ],
)
def test_a_forward_becomes_orders(forward: dict[str, Any], orders: list[str]) -> None:
    """One for each protocol and each network that may come."""
    assert parse(forwards=[forward]).forwards[0].orders() == orders


@pytest.mark.parametrize(
    "forward, says",
    [
        ({"port": "200-100", "to": "10.0.1.5"}, "forwards[0].port: got '200-100'"),
        ({"port": "1-70000", "to": "10.0.1.5"}, "forwards[0].port: got '1-70000'"),
        ({"port": "all", "to": "10.0.1.5"}, "forwards[0].port: got 'all'"),
        ({"port": "any", "to": "10.0.1.5:80"}, "forwards[0].to: got '10.0.1.5:80'"),
        ({"port": 80, "to": "10.0.1.5"}, "forwards[0].to: got '10.0.1.5'; allowed: the IPv4 address and port"),
        ({"port": "10-20", "to": "10.0.1.5:x"}, "forwards[0].to: got '10.0.1.5:x'"),
        ({"port": "10-20", "to": "10.0.1.5:30-50"}, "allowed: ports as many as in 10-20"),
        ({"port": "100-200", "to": "10.0.1.5:300-400"}, "allowed: the same ports, because a forward can shift 64"),
        ({"port": 80, "to": "10.0.1.5:80", "from": ["192.0.2.1/24"]}, "forwards[0].from: got '192.0.2.1/24'"),
        ({"port": 80, "to": "10.0.1.5:80", "address": "here"}, "forwards[0].address: got 'here'"),
    ],
)
def test_what_no_forward_can_be_is_refused(forward: dict[str, Any], says: str) -> None:
    """With what would be allowed."""
    assert says in refusal(forwards=[forward])


def test_forwards_do_not_take_each_others_ports() -> None:
    """Ranges overlap too; `any` leaves out what others have; another address or protocol is another port."""
    range_ = {"port": "100-200", "to": "10.0.1.5"}
    assert "forwards: got '150/tcp'" in refusal(forwards=[range_, {"port": 150, "to": "10.0.1.6:1"}])
    twice = [{"port": "any", "to": "10.0.1.5"}, {"port": "any", "to": "10.0.1.6"}]
    assert "forwards: got 'any/tcp'" in refusal(forwards=twice)
    others: list[dict[str, Any]] = [
        {"port": "any", "to": "10.0.1.6"},
        {"port": 150, "to": "10.0.1.6:1", "protocol": "udp"},
        {"port": 150, "to": "10.0.1.6:1", "address": "10.0.0.9"},
        {"port": 201, "to": "10.0.1.6:1"},
    ]
    assert len(parse(forwards=[range_, *others]).forwards) == 5


def test_a_proxy_listens_where_it_is_told() -> None:
    """80 without and 443 with a certificate, if no port is said."""
    http = [
        {"host": "a.example.com", "to": "10.0.1.5:80"},
        {"host": "b.example.com", "to": "10.0.1.5:80", "tls": TLS},
        {"host": "c.example.com", "to": "10.0.1.5:80", "port": 8080},
    ]
    stream = [{"port": 53, "to": "10.0.1.5:53", "protocol": "udp"}]
    proxy = parse(proxy={"http": http, "stream": stream}).proxy
    assert proxy
    assert proxy.taken == {("tcp", 80), ("tcp", 443), ("tcp", 8080), ("udp", 53)}


WEB = {"host": "a.example.com", "to": "10.0.1.5:80"}


@pytest.mark.parametrize(
    "proxy, says",
    [
        ({}, "proxy.http: got []; allowed: at least one host"),
        ({"http": [{**WEB, "host": "a_b.com"}]}, "proxy.http[0].host: got 'a_b.com'"),
        ({"http": [{**WEB, "host": "a.com; return 200"}]}, "proxy.http[0].host"),
        ({"http": [{**WEB, "to": "10.0.1.5"}]}, "proxy.http[0].to: got '10.0.1.5'"),
        ({"http": [{**WEB, "port": 0}]}, "proxy.http[0].port: got 0"),
        ({"http": [{**WEB, "port": 22}]}, "a port that neither sshd (22)"),
        ({"stream": [{"port": 8790, "to": "10.0.1.5:80"}]}, "proxy.stream[0].port: got 8790"),
        ({"http": [{**WEB, "tls": {**TLS, "key": "a.key"}}]}, "proxy.http[0].tls.key: got 'a.key'"),
        ({"http": [{**WEB, "tls": {**TLS, "certificate": "/etc/a b"}}]}, "proxy.http[0].tls.certificate"),
        ({"http": [WEB, WEB]}, "proxy.http: got 'a.example.com:80'"),
        ({"http": [WEB, {**WEB, "host": "b.example.com", "port": 80, "tls": TLS}]}, "port 80 with and without tls"),
        ({"http": [WEB], "stream": [{"port": 80, "to": "10.0.1.5:80"}]}, "proxy.stream: got '80/tcp'"),
        (
            {"http": [WEB], "streams": []},
            "proxy.streams: got an unknown key (did you mean stream?); allowed: http, stream",
        ),
    ],
)
def test_what_no_proxy_can_be_is_refused(proxy: dict[str, Any], says: str) -> None:
    """Nothing that nginx would read as more than a name, an address or a path."""
    assert says in refusal(proxy=proxy)


def test_forwards_and_proxy_do_not_take_each_others_ports() -> None:
    """`any` leaves out the proxy's, and a forward of another address is none of its business."""
    taken = "proxy: got '80/tcp'; allowed: a port that no forward has, and 80 does"
    assert taken in refusal(proxy={"http": [WEB]}, forwards=[{"port": 80, "to": "10.0.1.5:80"}])
    harmless = [
        {"port": "any", "to": "10.0.1.5"},
        {"port": 80, "to": "10.0.1.5:80", "address": "10.0.0.9"},
        {"port": 80, "to": "10.0.1.5:80", "protocol": "udp"},
    ]
    proxy = {"http": [WEB], "stream": [{"port": 81, "to": "10.0.1.5:1"}]}
    assert len(parse(proxy=proxy, forwards=harmless).forwards) == 3


def test_a_long_proxy_counts_into_the_order() -> None:
    """It travels in the same command."""
    hosts = [
        {**WEB, "host": f"h{n * 7919 % 99991}.example.com", "to": f"10.0.{n % 256}.{n * 7 % 251}:{n + 1}"}
        for n in range(900)
    ]
    assert str(LONGEST_ORDER) in refusal(proxy={"http": hosts})


def test_networks_are_networks() -> None:
    """Host bits are zero; a gateway proves forwarding from each."""
    assert parse(networks=["10.0.1.0/24"]).networks == ("10.0.1.0/24",)
    assert "networks: got '10.0.1.1/24'" in refusal(networks=["10.0.1.1/24"])


@pytest.mark.parametrize("idle", ["123m", "121h"])
def test_idle_connections_are_kept_for_two_hours_and_five_days_at_most(idle: str) -> None:
    """RFC 5382 and the kernel's default."""
    assert "setup.idle" in refusal(setup={"idle": idle})


def test_hidden_sources_are_part_of_the_orders() -> None:
    """One line for each target; two forwards to one target agree."""
    hidden = {"port": 80, "to": "10.0.1.5:8080", "hide_source": True}
    assert parse(forwards=[hidden]).forwards[0].orders() == ["tcp 80 10.0.1.5 8080", "hidden tcp 10.0.1.5 8080"]
    says = refusal(forwards=[hidden, {"port": 81, "to": "10.0.1.5:8080"}])
    assert "10.0.1.5:8080 with and without hide_source" in says
    parse(forwards=[hidden, {"port": 81, "to": "10.0.1.5:8080", "hide_source": True}])


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"relay": "30s"}, "relay: got '30s'; allowed: 1m to 24h"),
        ({"relay": "25h"}, "relay: got '90000s'; allowed: 1m to 24h"),
        ({"relay": "10m", "address": {"follow": "eip-a"}}, "relay: got '600s'; allowed: nothing where one EIP follows"),
        ({"way_in": "every", "address": {"follow": "eip-a"}}, "way_in: got 'every'; allowed: nothing where one EIP"),
        ({"way_in": "both"}, "way_in: got 'both'"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], says: str) -> None:
    """With an EIP that follows, connections go on anyway."""
    assert says in refusal(**settings)


def test_a_relay_and_the_way_in_are_off_unless_asked_for() -> None:
    """They need a port between gateways."""
    assert (parse().relay, parse().way_in) == (None, "route")
    assert (parse(relay="10m").relay, parse(way_in="every").way_in) == (600.0, "every")


@pytest.mark.parametrize("idle, seconds", [("124m", 7440), ("5d", 432_000), ("6h", 21_600)])
def test_idle_connections_may_be_kept_for_two_hours_or_five_days(idle: str, seconds: int) -> None:
    """Both ends included."""
    assert float(parse(setup={"idle": idle}).setup.idle) == seconds
