"""What the configuration and the cloud say of gateways, in the words of the setup script."""

from __future__ import annotations

from typing import Any

from natkeeper.domain.config import Group, parse_config
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.guest import PortForward
from natkeeper.guest.script import fingerprint


def configured(**settings: Any) -> Group:
    """A configuration of one group."""
    group = {"gateways": ["i-gwa"], "routes": [{"table": "vtb-main"}], **settings}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": group}}).groups[0]


def test_what_is_configured_reaches_the_script() -> None:
    """Forwards of every kind, private networks, the proxy, and how services and connections are kept."""
    proxy = {"http": [{"host": "www.example.com", "to": "10.0.1.5:80"}]}
    forwards = [
        {"port": 443, "to": "10.0.1.5:8443", "from": ["192.0.2.0/24"]},
        {"port": "100-200", "to": "10.0.1.5", "protocol": "both"},
        {"port": "any", "to": "10.0.1.6", "address": "10.0.0.9"},
    ]
    setup = {"services": "report", "idle": "3h", "clamp_mss": False}
    group = configured(forwards=forwards, proxy=proxy, networks=["10.0.1.0/24"], setup=setup)
    parameters = setup_parameters(group)
    assert parameters.port_forwards == (
        PortForward("tcp", 443, "10.0.1.5", 8443, ("192.0.2.0/24",)),
        PortForward("tcp", "100-200", "10.0.1.5", "100-200"),
        PortForward("udp", "100-200", "10.0.1.5", "100-200"),
        PortForward("tcp", "any", "10.0.1.6", "any", (), "10.0.0.9"),
    )
    lines = parameters.lines()
    for line in ("services report", "established 10800", "clamp remove", "proxy_port 80/tcp"):
        assert line in lines
    assert "prove 10.0.1.254 10.0.1.0/24" in lines


def test_addresses_and_networks_make_no_other_configuration() -> None:
    """A report stays good when an EIP moves or the network list grows; what is asked for is the same."""
    assert fingerprint(setup_parameters(configured())) == fingerprint(
        setup_parameters(configured(networks=["10.0.1.0/24"]))
    )
    assert fingerprint(setup_parameters(configured())) != fingerprint(
        setup_parameters(configured(sources=["10.0.0.0/16"]))
    )
