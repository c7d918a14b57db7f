"""What a configuration means once it is accepted: defaults, durations, orders, and the example to start from."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper.domain.config import Follow, Route, parse_config
from natkeeper.domain.config_errors import ConfigError
from natkeeper.domain.config_values import MANUAL, Failback, Seconds
from natkeeper.domain.gateway_config import Forward, Setup
from natkeeper.domain.ids import EipId, InstanceId, NatGatewayId, TableId
from natkeeper.domain.probe_config import Probe

EXAMPLE = Path(__file__).resolve().parents[2] / "natkeeper.example.yaml"
A, B = InstanceId("i-gwa"), InstanceId("i-gwb")
MAIN, ZONE_B = TableId("vtb-main"), TableId("vtb-zoneb")


def parse(**settings: Any) -> Any:
    """The only group of a configuration with these settings."""
    group = {"gateways": [A, B], "routes": [{"table": MAIN}], **settings}
    return parse_config({"region": "cn-hangzhou", "groups": {"prod": group}}).groups[0]


@pytest.mark.parametrize(
    "given, counted",
    [
        ({}, None),
        ({"silence": "2s"}, None),
        ({"interval": "5s"}, None),
        ({"failures": 4}, (0.8, 4)),
        ({"timeout": "500ms"}, (0.5, 3)),
        ({"timeout": 1, "failures": 2}, (1.0, 2)),
    ],
)
def test_a_configuration_of_0_1_keeps_its_rule(given: dict[str, Any], counted: tuple[float, int] | None) -> None:
    """Looks are counted where their number or their time-out is set; silence is the rule where neither is."""
    assert parse(probe=given).probe.counted == counted


def test_gateways_and_routes_are_enough() -> None:
    """Everything else has a default that is safe: no planned return, no following EIP, no probe, setup applied."""
    group = parse()
    assert (group.name, group.gateways, group.routes) == ("prod", (A, B), (Route(table=MAIN, destination="0.0.0.0/0"),))
    assert (group.address, group.fallback, group.failback, group.hold_down) == ("own", None, MANUAL, 300)
    assert (group.sources, group.forwards, group.probe, group.setup) == ((), (), Probe(), Setup())
    probe, setup = group.probe, group.setup
    assert (probe.function, probe.interval, probe.silent_s, probe.counted, probe.table) == (None, 1.0, 1.2, None, None)
    assert probe.check_s == 0.8
    assert probe.targets == ("http://www.aliyun.com/", "223.5.5.5:53")
    assert (setup.mode, setup.via, setup.every, setup.foreign_rules) == ("apply", "oos", 600, "remove")
    assert (setup.template, setup.role) == ("natkeeper-gateway-setup", "natkeeper-oos")


@pytest.mark.parametrize(
    "written, seconds",
    [
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1500ms", 1.5),
        ("1.5m", 90),
        (45, 45),
        (0.5, 0.5),
        (0, 0),
        ("365d", 365 * 86400),
    ],
)
def test_times_are_written_with_a_unit_or_as_seconds(written: object, seconds: float) -> None:
    """The two ways of writing a time mean the same everywhere."""
    group = parse(hold_down=written, failback=written)
    assert (group.hold_down, group.failback) == (Seconds(seconds), Failback(seconds))


@pytest.mark.parametrize("port", [1, 65535])
def test_any_port_can_be_forwarded_and_forwarded_to(port: int) -> None:
    """The first and the last there is."""
    to = f"10.0.1.20:{port}"
    assert parse(forwards=[{"port": port, "to": to}]).forwards == (Forward(port=port, to=to),)


@pytest.mark.parametrize(
    "settings",
    [
        {"probe": {"failures": 2}},
        {"probe": {"failures": 20, "timeout": "2s"}},
        {"probe": {"failures": 4, "timeout": "10s"}},
        {"probe": {"timeout": "100ms"}},
        {"probe": {"interval": "200ms"}},
        {"probe": {"interval": "30s"}},
        {"probe": {"targets": ["example.com:1", "example.com:65535", "http://example.com:65535/"]}},
        {"setup": {"every": "1m"}},
        {"setup": {"every": "1h"}},
        {"routes": [{"table": MAIN, "destination": "203.0.113.8/31"}]},
        {"routes": [{"table": MAIN, "destination": "203.0.113.8/32"}]},
    ],
)
def test_a_limit_itself_is_allowed(settings: dict[str, Any]) -> None:
    """What a refusal says is allowed is accepted to the last."""
    assert parse(**settings)


def scattered(count: int) -> list[dict[str, Any]]:
    """Forwards that hardly compress: no port or address follows from another."""
    mixed = [number * 40503 % 65521 for number in range(1, count + 1)]
    return [
        {"port": port + 1, "to": f"10.{port % 251}.{port // 256}.{port % 13}:{port * 7 % 60013 + 1}"} for port in mixed
    ]


def test_as_many_forwards_as_a_refusal_says_are_accepted() -> None:
    """One more, and the order would not fit into a command."""
    with pytest.raises(ConfigError) as refused:
        parse(forwards=scattered(900))
    said = re.search(r"the first (\d+) fit", str(refused.value))
    assert said
    fit = int(said[1])
    assert fit > 250
    assert parse(forwards=scattered(fit))
    with pytest.raises(ConfigError, match=re.escape(f"the first {fit} fit")):
        parse(forwards=scattered(fit + 1))


def test_hundreds_of_forwards_of_a_kind_fit() -> None:
    """The order is compressed."""
    assert parse(forwards=[{"port": port, "to": f"10.0.1.20:{port}"} for port in range(8000, 8900)])


def test_sources_alone_can_be_too_long() -> None:
    """Then no forward is blamed."""
    sources = [f"10.{n * 37 % 251}.{n * 101 % 256}.{n * 16 % 256}/28" for n in range(1800)]
    with pytest.raises(ConfigError, match=r"sources: got '.* bytes with probe\.targets'"):
        parse(sources=sources)


def test_a_manual_failback_never_comes() -> None:
    """`manual` is an infinite wait."""
    assert math.isinf(parse(failback="manual").failback)


def test_the_home_of_a_route_is_what_it_prefers_or_the_first_gateway() -> None:
    """Zone affinity: each route may have its own order."""
    group = parse(routes=[{"table": MAIN}, {"table": ZONE_B, "prefer": B}])
    main, zone_b = group.routes
    assert (group.home(main), group.order(main)) == (A, (A, B))
    assert (group.home(zone_b), group.order(zone_b)) == (B, (B, A))


def test_the_probe_looks_along_the_first_route_unless_told_otherwise() -> None:
    """A look proves something only of the route that its packets take."""
    routes = [{"table": MAIN}, {"table": ZONE_B}]
    without = parse(routes=routes)
    first = parse(routes=routes, probe={"function": "natkeeper-probe"})
    second = parse(routes=routes, probe={"function": "natkeeper-probe", "table": ZONE_B})
    looked_at = [[group.checked_by_probe(route) for route in group.routes] for group in (without, first, second)]
    assert looked_at == [[False, False], [True, False], [False, True]]


def test_each_table_may_have_a_probe_of_its_own() -> None:
    """Beside `probe.function`, or instead of it; several routes of one table share theirs."""
    routes = [{"table": MAIN}, {"table": ZONE_B, "probe": "zone-b"}, {"table": ZONE_B, "destination": "100.64.0.0/10"}]
    group = parse(routes=routes, probe={"function": "natkeeper-probe"})
    assert group.probes == {"natkeeper-probe": MAIN, "zone-b": ZONE_B}
    assert [group.probe_of(route) for route in group.routes] == ["natkeeper-probe", "zone-b", "zone-b"]
    assert parse(routes=routes).probes == {"zone-b": ZONE_B}
    assert parse(routes=[{"table": MAIN, "probe": "one"}], probe={"function": "one"}).probes == {"one": MAIN}


def test_the_same_destination_in_two_tables_is_two_routes() -> None:
    """And a narrower network beside the default route is no half of it."""
    assert (
        len(parse(routes=[{"table": MAIN}, {"table": ZONE_B}, {"table": MAIN, "destination": "100.64.0.0/10"}]).routes)
        == 3
    )


def test_a_group_is_found_by_its_name() -> None:
    """Or not at all."""
    config = parse_config({"region": "cn-hangzhou", "groups": {"prod": {"gateways": [A], "routes": [{"table": MAIN}]}}})
    assert config.group("prod") is config.groups[0]
    assert config.group("test") is None


def test_the_example_is_accepted_and_means_what_it_says() -> None:
    """The file that every user starts from uses every key of a group but the one that excludes another."""
    data = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    config = parse_config(data)
    group = config.groups[0]
    assert (config.region, config.notify, group.name) == ("cn-hangzhou", "natkeeper-notify", "prod")
    assert set(data["groups"]["prod"]) == set(group.__struct_fields__) - {"name", "finds"}
    assert group.fallback == NatGatewayId("ngw-bp1example00000000000")
    assert (group.failback, group.hold_down) == (Failback(1800), Seconds(300))
    assert group.forwards == (
        Forward(port=8443, to="10.0.1.20:443", protocol="tcp", from_=("203.0.113.0/24",)),
        Forward(port="30000-30100", to="10.0.1.21", protocol="both", hide_source=False),
    )
    assert group.proxy
    assert group.proxy.taken == {("tcp", 443), ("tcp", 5432)}
    assert [group.home(route) for route in group.routes] == list(group.gateways)
    assert group.probe.function == "natkeeper-probe"


def test_a_following_eip_fits_into_the_example() -> None:
    """The alternative that the example describes in words works once its routes have one home."""
    data = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    prod = data["groups"]["prod"]
    prod["address"] = {"follow": "eip-bp1example00000000000"}
    del prod["probe"]["lane"]
    for key in ("relay", "way_in"):  # only addresses of the gateways' own need them
        del prod[key]
    for route in prod["routes"]:
        route.pop("prefer", None)
    assert parse_config(data).groups[0].address == Follow(follow=EipId("eip-bp1example00000000000"))


def test_what_packaging_bakes_reads_the_same() -> None:
    """YAML in, JSON in the bundle: both give the same configuration."""
    data = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert parse_config(json.loads(json.dumps(data))) == parse_config(data)


def test_metrics_and_heartbeat_are_off_by_default() -> None:
    """None unless written; a heartbeat needs the function that calls."""
    plain = {"region": "cn-hangzhou", "groups": {"prod": {"gateways": ["i-gwa"], "routes": [{"table": "vtb-private"}]}}}
    assert (parse_config(plain).metrics, parse_config(plain).heartbeat) == (None, False)
    asked = parse_config({**plain, "metrics": "5m", "notify": "natkeeper-notify", "heartbeat": True})
    assert (asked.metrics, asked.heartbeat) == (300.0, True)
    for wrong, path in (
        ({"metrics": "30s"}, "metrics"),
        ({"metrics": "soon"}, "metrics"),
        ({"heartbeat": True}, "heartbeat"),
        ({"heartbeat": "yes", "notify": "natkeeper-notify"}, "heartbeat"),
    ):
        with pytest.raises(ConfigError) as refused:
            parse_config({**plain, **wrong})
        assert [problem.path for problem in refused.value.problems] == [path]
