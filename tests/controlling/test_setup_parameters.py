"""What the configuration and the cloud say of gateways, in the words of the setup script."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from natkeeper.domain.config import Group, parse_config
from natkeeper.failover.gateway_setup import setup_parameters
from natkeeper.guest import PortForward
from natkeeper.guest.script import fingerprint, parameter_block
from natkeeper.ports import StartSetup
from tests.fakes.stage import A, B, Stage, group


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


FOLLOW = {"address": {"follow": "eip-bp1ygq1zkf3ixm43ab7cd"}}


@pytest.mark.parametrize(
    "settings, there, absent",
    [
        ({}, "foreign remove", ""),
        ({"setup": {"foreign_rules": "report"}}, "", "foreign"),
        ({}, "mode apply", ""),
        ({"setup": {"mode": "check"}}, "mode check", ""),
        ({}, "address own", ""),
        (FOLLOW, "address follow", ""),
        ({}, "egress required", ""),
        (FOLLOW, "", "egress"),
        ({"relay": "10m"}, "relay on", ""),
        ({}, "", "relay"),
        ({"way_in": "every"}, "way_in every", ""),
        ({}, "", "way_in"),
        ({"forwards": [{"port": 53, "to": "10.0.1.5:5353", "hide_source": True}]}, "hidden tcp 10.0.1.5 5353", ""),
        ({"forwards": [{"port": 53, "to": "10.0.1.5:5353"}]}, "forward tcp 53 10.0.1.5 5353", "hidden"),
        ({"sources": ["10.9.0.0/16"]}, "source 10.9.0.0/16", "source 10.0.0.0/8"),
        ({"probe": {"function": "p", "targets": ["192.0.2.1:53"]}}, "target tcp://192.0.2.1:53 192.0.2.1:53", ""),
    ],
)
def test_each_setting_is_a_line_of_the_order(settings: dict[str, Any], there: str, absent: str) -> None:
    """What is left out of the order is what the script does by itself."""
    block = gzip.decompress(base64.b64decode(parameter_block(setup_parameters(configured(**settings))))).decode()
    lines = block.splitlines()
    assert not there or there in lines
    assert not absent or not [line for line in lines if line.startswith(absent)]


@pytest.mark.parametrize("mode, started", [("off", []), ("apply", [(A,)])])
def test_a_failed_check_sets_a_gateway_up_unless_setup_is_off(mode: str, started: list[tuple[str, ...]]) -> None:
    """The route moves in any case; `off` means that its owner looks after the machine, also when it fails."""
    stage = Stage({"prod": group(setup={"mode": mode})})
    if mode != "off":
        stage.sweeps(5)
    before = len(stage.cloud.sent(StartSetup))
    stage.machine(A).rules = False
    stage.one(stage.report())
    assert stage.next_hop() == B
    assert [sent.call.gateways for sent in stage.cloud.sent(StartSetup)[before:]] == started


def test_a_person_who_asks_is_served_where_setup_is_off() -> None:
    """Off is about what natkeeper does by itself."""
    stage = Stage()
    stage.sweeps(2)
    assert stage.cloud.sent(StartSetup) == []
    stage.one({"action": "setup", "group": "prod", "gateway": B})
    assert [sent.call.gateways for sent in stage.cloud.sent(StartSetup)] == [(B,)]


@pytest.mark.parametrize(
    "settings",
    [{"via": "assistant"}, {"via": "oos"}, {"via": "oos", "template": "mine", "role": "natkeeper-oos"}],
)
def test_a_setup_goes_the_way_that_is_configured(settings: dict[str, str]) -> None:
    """By Cloud Assistant or OOS, with the template and the role that are named."""
    stage = Stage({"prod": group(setup={"mode": "apply", **settings})})
    stage.sweep()
    setup = stage.config.groups[0].setup
    calls = [sent.call for sent in stage.cloud.sent(StartSetup)]
    assert calls
    for call in calls:
        assert (call.via, call.template, call.role) == (setup.via, setup.template, setup.role)
        assert {name: getattr(call, name) for name in settings} == settings
