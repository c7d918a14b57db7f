"""Which lanes are refused, and what is allowed instead."""

from __future__ import annotations

from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from tests.config.test_refusals import refusals, with_group

ALLOWED = (
    "address:port of a host on the internet, which answers TCP and which no private host uses, such as 223.6.6.6:53"
)
A_HOST = "198.51.100.7"


def with_lane(value: str, **more: Any) -> dict[str, Any]:
    """A configuration with this lane; `more` are settings of the probe, or of the group where it has such."""
    of_group = {key: more.pop(key) for key in ("sources", "networks", "routes", "address") if key in more}
    probe = {"function": "natkeeper-probe", "lane": value, **more}
    return with_group(probe={key: each for key, each in probe.items() if each is not None}, **of_group)


@pytest.mark.parametrize(
    "value",
    ["dns.alidns.com:53", "223.6.6.6", "223.6.6.6:0", "223.6.6.6:65536", "223.6.6.256:53", "http://223.6.6.6/",
     "::1:53", "10.0.1.9:80", "172.31.0.1:80", "192.168.9.9:80", "100.100.2.136:53", "127.0.0.1:53", "169.254.1.1:80",
     "224.0.0.1:53", "255.255.255.255:53", "0.0.0.0:53"],
)  # fmt: skip
def test_only_an_address_of_the_internet_is_a_lane(value: str) -> None:
    """Neither a name, nor what lies in a VPC, nor what no packet is sent to."""
    assert refusals(with_lane(value)) == [f"groups.prod.probe.lane: got {value!r}; allowed: {ALLOWED}"]


@pytest.mark.parametrize(
    "settings, allowed",
    [
        ({"targets": [f"{A_HOST}:443"]}, f"another address than that of {A_HOST}:443, which is to go the usual way"),
        (
            {"targets": [f"https://{A_HOST}:8443/x"]},
            f"another address than that of https://{A_HOST}:8443/x, which is to go the usual way",
        ),
        ({"sources": ["198.51.100.0/24"]}, f"an address outside 198.51.100.0/24: {ALLOWED}"),
        ({"networks": ["198.51.0.0/16"]}, f"an address outside 198.51.0.0/16: {ALLOWED}"),
        (
            {"address": {"follow": "eip-one"}},
            "nothing where one EIP follows the route: a standby has no address then",
        ),
        ({"function": None}, "nothing without `probe.function`: only a probe looks through it"),
        (
            {"routes": [{"table": "vtb-main", "destination": "203.0.113.0/24"}]},
            "an address that a guarded route leads to: 203.0.113.0/24",
        ),
    ],
)
def test_a_lane_leads_neither_a_target_nor_a_private_host_astray(settings: dict[str, Any], allowed: str) -> None:
    """The probe's own targets go the default way, and so do packets between private hosts."""
    lane = f"{A_HOST}:80"
    assert refusals(with_lane(lane, **settings)) == [f"groups.prod.probe.lane: got '{lane}'; allowed: {allowed}"]


def test_the_lane_is_in_the_table_of_the_first_probe() -> None:
    """One host route, whatever the other tables have."""
    routes = [{"table": "vtb-main"}, {"table": "vtb-other", "probe": "natkeeper-probe-2"}]
    assert str(parse_config(with_lane("223.6.6.6:53", routes=routes)).groups[0].lane) == "223.6.6.6/32 in vtb-main"
    group = parse_config(with_lane("223.6.6.6:53", routes=routes, function=None)).groups[0]
    assert str(group.lane) == "223.6.6.6/32 in vtb-other"
