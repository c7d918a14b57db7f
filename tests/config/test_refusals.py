"""Each refusal says where the value is, what stands there, and what is allowed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.config_errors import ConfigError, ConfigProblem

WELL: dict[str, Any] = {
    "region": "cn-hangzhou",
    "groups": {"prod": {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-main"}]}},
}
AN_ID = "(lower-case letters and digits)"
A_TIME = "a time such as 90s, 5m, 2h or a number of seconds, 365d at most"
A_NETWORK = "an IPv4 network such as 10.0.0.0/8, host bits zero"
A_TARGET = "URLs such as http://host/path, or host:port"
GROUP_KEYS = (
    "vpc, gateways, routes, address, fallback, failback, hold_down, planned, sources, networks, forwards, way_in, "
    "relay, proxy, probe, setup, alarms, standby"
)
A_WINDOW = "two different times of the day such as 02:00-05:00 or 22:00-01:30"
A_TEMPLATE = "the name of an OOS template: letters, digits, - and _; not beginning with ALIYUN, ACS, ALI…"

TOP = "region, groups, notify, language, timezone, runbook, metrics, heartbeat"


def refusals(data: object) -> list[str]:
    """What is said of a configuration, one line for each problem."""
    with pytest.raises(ConfigError) as refused:
        parse_config(data)
    lines = [str(problem) for problem in refused.value.problems]
    assert str(refused.value) == "\n".join(lines)
    return lines


def problems_of(data: object) -> tuple[ConfigProblem, ...]:
    """The problems of a configuration, none if it is accepted."""
    try:
        parse_config(data)
    except ConfigError as refused:
        return refused.problems
    return ()


def with_group(**settings: Any) -> dict[str, Any]:
    """The well-formed configuration with some settings of its group replaced."""
    data = copy.deepcopy(WELL)
    data["groups"]["prod"].update(settings)
    return data


SETUP_KEYS = "mode, via, every, foreign_rules, template, role, services, idle, clamp_mss"
A_PORT = "a port from 1 to 65535, a range such as 30000-30100, or `any`"


def forward(**settings: Any) -> list[dict[str, Any]]:
    """One port forward."""
    return [{"port": 8443, "to": "10.0.1.20:443", **settings}]


@pytest.mark.parametrize(
    "setting, line",
    [
        ({"gateways": []}, "gateways: got []; allowed: at least one instance id"),
        ({"gateways": "i-gwa"}, "gateways: got 'i-gwa'; allowed: a list of instance ids, or {tag: KEY=VALUE}"),
        ({"gateways": [7]}, "gateways[0]: got 7; allowed: a text"),
        ({"gateways": {7}}, "gateways[0]: got {7}; allowed: a text"),  # YAML has sets
        ({"gateways": ["gw1"]}, f"gateways: got 'gw1'; allowed: an id such as i-bp1… {AN_ID}"),
        ({"gateways": ["i-gwa", "i-gwa"]}, "gateways: got 'i-gwa'; allowed: each value once"),
        ({"gateways": ["i-gwa; reboot"]}, f"gateways: got 'i-gwa; reboot'; allowed: an id such as i-bp1… {AN_ID}"),
        ({"routes": []}, "routes: got []; allowed: at least one route: {table: vtb-…}"),
        (
            {"routes": {"table": "vtb-main"}},
            "routes: got {'table': 'vtb-main'}; allowed: a list of {table: vtb-…}, or `all`",
        ),
        ({"routes": ["vtb-main"]}, "routes[0]: got 'vtb-main'; allowed: a mapping"),
        ({"routes": [{}]}, "routes[0].table: got nothing; allowed: a value; this key is required"),
        ({"routes": [{"table": "main"}]}, f"routes[0].table: got 'main'; allowed: an id such as vtb-bp1… {AN_ID}"),
        (
            {"routes": [{"tabel": "vtb-main"}]},
            ("routes[0].tabel: got an unknown key (did you mean table?); allowed: table, destination, prefer, probe"),
        ),
        (
            {"routes": [{"table": "vtb-main", "destination": "10.0.0.1/8"}]},
            f"routes[0].destination: got '10.0.0.1/8'; allowed: {A_NETWORK}",
        ),
        (
            {"routes": [{"table": "vtb-main", "destination": "10.0.0.0/255.0.0.0"}]},
            f"routes[0].destination: got '10.0.0.0/255.0.0.0'; allowed: {A_NETWORK}",
        ),
        (
            {"routes": [{"table": "vtb-main", "destination": "::/0"}]},
            f"routes[0].destination: got '::/0'; allowed: {A_NETWORK}",
        ),
        (
            {"routes": [{"table": "vtb-main", "destination": "a - at `$.b`"}]},
            f"routes[0].destination: got 'a - at `$.b`'; allowed: {A_NETWORK}",
        ),
        ({"routes": [{"table": "vtb-main"}] * 2}, "routes: got '0.0.0.0/0 in vtb-main'; allowed: each value once"),
        (
            {"routes": [{"table": "vtb-main"}, {"table": "vtb-other", "prefer": "i-gwc"}]},
            "routes[1].prefer: got 'i-gwc'; allowed: a gateway of this group: i-gwa, i-gwb",
        ),
        (
            {"routes": [{"table": "vtb-main", "prefer": "gwc"}]},
            f"routes[0].prefer: got 'gwc'; allowed: an id such as i-bp1… {AN_ID}",
        ),
        (
            {"routes": [{"table": "vtb-main"}, {"table": "vtb-main", "destination": "128.0.0.0/1"}]},
            (
                "routes: got '128.0.0.0/1 in vtb-main'; "
                "allowed: no part that the bridge of another guarded route may need, as it is of 0.0.0.0/0 in vtb-main"
            ),
        ),
        (
            {"routes": [{"table": "vtb-main"}, {"table": "vtb-main", "destination": "8.0.0.0/5"}]},
            (
                "routes: got '8.0.0.0/5 in vtb-main'; "
                "allowed: no part that the bridge of another guarded route may need, as it is of 0.0.0.0/0 in vtb-main"
            ),
        ),
        ({"address": "both"}, "address: got 'both'; allowed: `own`, or {follow: eip-…}"),
        ({"address": 5}, "address: got 5; allowed: `own`, or {follow: eip-…}"),
        ({"address": {}}, "address.follow: got nothing; allowed: a value; this key is required"),
        ({"address": {"follow": "1.2.3.4"}}, f"address.follow: got '1.2.3.4'; allowed: an id such as eip-bp1… {AN_ID}"),
        (
            {
                "address": {"follow": "eip-one"},
                "routes": [{"table": "vtb-main"}, {"table": "vtb-other", "prefer": "i-gwb"}],
            },
            (
                "routes.prefer: got 'i-gwa, i-gwb'; "
                "allowed: one preference for all routes, because one EIP can follow only one gateway"
            ),
        ),
        ({"fallback": "nat-1"}, f"fallback: got 'nat-1'; allowed: an id such as ngw-bp1… {AN_ID}"),
        ({"fallback": ["ngw-one"]}, "fallback: got ['ngw-one']; allowed: a text"),
        ({"failback": "soon"}, f"failback: got 'soon'; allowed: `manual`, or {A_TIME}"),
        ({"failback": True}, f"failback: got True; allowed: `manual`, or {A_TIME}"),
        ({"failback": None}, f"failback: got an empty value; allowed: `manual`, or {A_TIME}"),
        ({"failback": -1}, f"failback: got -1; allowed: `manual`, or {A_TIME}"),
        ({"failback": float("inf")}, f"failback: got inf; allowed: `manual`, or {A_TIME}"),
        ({"failback": float("nan")}, f"failback: got nan; allowed: `manual`, or {A_TIME}"),
        ({"hold_down": "manual"}, f"hold_down: got 'manual'; allowed: {A_TIME}"),
        ({"hold_down": "5 m"}, f"hold_down: got '5 m'; allowed: {A_TIME}"),
        ({"hold_down": "366d"}, f"hold_down: got '366d'; allowed: {A_TIME}"),
        ({"hold_down": 365 * 86400 + 1}, f"hold_down: got 31536001; allowed: {A_TIME}"),
        ({"hold_down": ["5m"]}, f"hold_down: got ['5m']; allowed: {A_TIME}"),
        ({"sources": ["10.0.0.0/8", "10.1.0.0"]}, f"sources: got '10.1.0.0'; allowed: {A_NETWORK}"),
        ({"forwards": forward(port=0)}, f"forwards[0].port: got 0; allowed: {A_PORT}"),
        ({"forwards": forward(port="80")}, f"forwards[0].port: got '80'; allowed: {A_PORT}"),
        (
            {"forwards": forward(protocol="sctp")},
            "forwards[0].protocol: got 'sctp'; allowed: `tcp` or `udp`; in forwards also `both`",
        ),
        (
            {"forwards": forward() * 2},
            "forwards: got '8443/tcp'; allowed: each port once, and 8443/tcp has it already",
        ),
        ({"probe": {"function": "a b"}}, "probe.function: got 'a b'; allowed: the name of an FC function"),
        ({"probe": {"loss": 0}}, "probe.loss: got 0; allowed: 1 to 90, in per cent of checks: more is an outage"),
        (
            {"routes": [{"table": "vtb-main", "probe": "a b"}]},
            "routes[0].probe: got 'a b'; allowed: the name of an FC function",
        ),
        (
            {"routes": [{"table": "vtb-main", "probe": "two"}], "probe": {"function": "one"}},
            "routes[0].probe: got 'two'; allowed: one, which looks through that table",
        ),
        (
            {"routes": [{"table": "vtb-main", "probe": "one"}, {"table": "vtb-other", "probe": "one"}]},
            "routes[1].probe: got 'one'; allowed: a function that looks through no other table",
        ),
        (
            {"routes": [{"table": "vtb-main"}, {"table": "vtb-other", "probe": "one"}], "probe": {"function": "one"}},
            "routes[1].probe: got 'one'; allowed: a function that looks through no other table",
        ),
        (
            {"probe": {"targets": []}},
            "probe.targets: got []; allowed: at least one URL (http://host/path) or host:port",
        ),
        ({"probe": {"targets": ["ping me"]}}, f"probe.targets: got 'ping me'; allowed: {A_TARGET}"),
        ({"probe": {"targets": ["host:99999"]}}, f"probe.targets: got 'host:99999'; allowed: {A_TARGET}"),
        ({"probe": {"targets": ["http://host:0/"]}}, f"probe.targets: got 'http://host:0/'; allowed: {A_TARGET}"),
        ({"probe": {"failures": 1}}, "probe.failures: got 1; allowed: 2 to 20: a single lost packet must move nothing"),
        (
            {"probe": {"failures": 21}},
            "probe.failures: got 21; allowed: 2 to 20: a single lost packet must move nothing",
        ),
        ({"probe": {"interval": "50ms"}}, "probe.interval: got '0.05s'; allowed: 200ms to 30s"),
        ({"probe": {"interval": "31s"}}, "probe.interval: got '31s'; allowed: 200ms to 30s"),
        ({"probe": {"timeout": "90ms"}}, "probe.timeout: got '0.09s'; allowed: 100ms to 10s"),
        (
            {"probe": {"failures": 5, "timeout": "8.1s"}},
            (
                "probe.failures: got '5 of 8.1s each'; allowed: so many that, with timeout, they take 40 s at most: "
                "a watch lasts for 60 s"
            ),
        ),
        ({"probe": {"silence": "400ms"}}, "probe.silence: got '0.4s'; allowed: 500ms to 40s: a watch lasts for 60 s"),
        ({"probe": {"silence": "41s"}}, "probe.silence: got '41s'; allowed: 500ms to 40s: a watch lasts for 60 s"),
        (
            {"probe": {"silence": "1.2s", "failures": 3}},
            "probe.silence: got '1.2s'; allowed: nothing where timeout or failures is set: one rule or the other",
        ),
        ({"setup": {"every": "59s"}}, "setup.every: got '59s'; allowed: 1m to 1h"),
        ({"setup": {"every": 3601}}, "setup.every: got '3601s'; allowed: 1m to 1h"),
        ({"forwards": forward(port=65536)}, f"forwards[0].port: got 65536; allowed: {A_PORT}"),
        ({"probe": {"targets": ["host:0"]}}, f"probe.targets: got 'host:0'; allowed: {A_TARGET}"),
        (
            {"probe": {"failures": 20, "timeout": "3s"}},
            (
                "probe.failures: got '20 of 3s each'; allowed: so many that, with timeout, they take 40 s at most: "
                "a watch lasts for 60 s"
            ),
        ),
        ({"probe": {"timeout": 11}}, "probe.timeout: got '11s'; allowed: 100ms to 10s"),
        (
            {"probe": {"table": "vtb-other"}},
            "probe.table: got 'vtb-other'; allowed: the table of one of this group's routes",
        ),
        ({"planned": {}}, "planned.window: got nothing; allowed: a value; this key is required"),
        (
            {"planned": {"window": "05:00-05:00"}},
            f"planned.window: got '05:00-05:00'; allowed: {A_WINDOW}",
        ),
        (
            {"planned": {"window": "02:00-05:00", "days": []}},
            "planned.days: got []; allowed: at least one of mon, tue, wed, thu, fri, sat, sun",
        ),
        (
            {"planned": {"window": "02:00-05:00", "days": ["sun", "sun"]}},
            "planned.days: got 'sun'; allowed: each value once",
        ),
        (
            {"planned": {"window": "02:00-05:00", "days": ["Sunday"]}},
            "planned.days[0]: got 'Sunday'; allowed: one of mon, tue, wed, thu, fri, sat and sun",
        ),
        (
            {"planned": {"window": "02:00-05:00", "timezone": "+8"}},
            "planned.timezone: got '+8'; allowed: an IANA time zone such as Asia/Shanghai",
        ),
        ({"setup": {"mode": False}}, "setup.mode: got False; allowed: `apply`, `check` or `off`"),
        (
            {"setup": {"foreign_rules": "keep"}},
            "setup.foreign_rules: got 'keep'; allowed: `remove` or `report`",
        ),
        ({"setup": {"via": "ssh"}}, "setup.via: got 'ssh'; allowed: `oos` or `assistant`"),
        ({"setup": {"every": "10s"}}, "setup.every: got '10s'; allowed: 1m to 1h"),
        ({"setup": {"every": "2h"}}, "setup.every: got '7200s'; allowed: 1m to 1h"),
        ({"setup": {"template": "ACS-mine"}}, f"setup.template: got 'ACS-mine'; allowed: {A_TEMPLATE}"),
        ({"setup": {"template": 5}}, "setup.template: got 5; allowed: a text"),
        ({"setup": {"role": "a role"}}, "setup.role: got 'a role'; allowed: the name of a RAM role"),
        (
            {"setup": {"evry": "5m"}},
            f"setup.evry: got an unknown key (did you mean every?); allowed: {SETUP_KEYS}",
        ),
        (
            {"forwards": forward(proto="tcp")},
            (
                "forwards[0].proto: got an unknown key (did you mean protocol?); "
                "allowed: port, to, protocol, from, address, hide_source"
            ),
        ),
        ({"setup": None}, "setup: got an empty value; allowed: a mapping"),
        ({"name": "prod"}, "name: got 'prod'; allowed: nothing: a group is named by its key under `groups`"),
        (
            {"gateway": []},
            f"gateway: got an unknown key (did you mean gateways?); allowed: {GROUP_KEYS}",
        ),
        (
            {"probe": {"a\nb - at `c": 1}},
            (
                r"probe.a\nb - at `c: got an unknown key; allowed: function, targets, interval, silence, timeout, "
                r"failures, loss, table, lane"
            ),
        ),
    ],
)
def test_a_wrong_setting_of_a_group_is_refused(setting: dict[str, Any], line: str) -> None:
    """One line: path, value, what is allowed."""
    assert refusals(with_group(**setting)) == [f"groups.prod.{line}"]


@pytest.mark.parametrize("to", ["web:443", "10.0.1.20", "10.0.1.20:0", "10.0.1.20:65536", "010.0.1.20:80", "1.2.3:4"])
def test_a_forward_leads_to_an_address_and_port(to: str) -> None:
    """Names, other forms of addresses and impossible ports are refused."""
    allowed = "the IPv4 address and port of a private host, such as 10.0.1.20:443"
    assert refusals(with_group(forwards=forward(to=to))) == [
        f"groups.prod.forwards[0].to: got '{to}'; allowed: {allowed}"
    ]


@pytest.mark.parametrize(
    "data, lines",
    [
        (None, ["(top): got an empty value; allowed: a mapping with `region` and `groups`"]),
        (["region"], ["(top): got ['region']; allowed: a mapping with `region` and `groups`"]),
        (
            {},
            [
                "region: got nothing; allowed: a region id such as cn-hangzhou",
                "groups: got nothing; allowed: a mapping of at least one group name to its settings",
            ],
        ),
        (
            {"region": "Hangzhou", "groups": []},
            [
                "region: got 'Hangzhou'; allowed: a region id such as cn-hangzhou",
                "groups: got []; allowed: a mapping of at least one group name to its settings",
            ],
        ),
        (
            {**WELL, "groups": {}},
            ["groups: got {}; allowed: a mapping of at least one group name to its settings"],
        ),
        ({**WELL, "notify": "a b"}, ["notify: got 'a b'; allowed: the name of an FC function"]),
        ({**WELL, "notify": 5}, ["notify: got 5; allowed: the name of an FC function"]),
        ({**WELL, "": {}}, [f"'': got an unknown key; allowed: {TOP}"]),
        ({**WELL, "gruops": {}}, [f"gruops: got an unknown key (did you mean groups?); allowed: {TOP}"]),
        (dict[Any, Any](WELL) | {5: {}}, [f"5: got an unknown key; allowed: {TOP}"]),
        (
            {**WELL, "groups": {"prod": ["i-gwa"]}},
            ["groups.prod: got ['i-gwa']; allowed: a mapping with `gateways` and `routes`"],
        ),
        (
            {**WELL, "groups": {"Prod_1": {}}},
            [
                (
                    "groups: got 'Prod_1'; "
                    "allowed: a group name: lower-case letters, digits and hyphens, 31 at most, a letter first"
                )
            ],
        ),
        ({**WELL, "groups": {"prod": {1: 2}}}, ["groups.prod: got {1: 2}; allowed: a text"]),
    ],
)
def test_a_wrong_frame_is_refused(data: object, lines: list[str]) -> None:
    """The same for what stands around the groups; all problems at once."""
    assert refusals(data) == lines


@pytest.mark.parametrize(
    "settings, path, claim",
    [
        ({"gateways": ["i-gwb"]}, "gateways", "i-gwb"),
        ({"routes": [{"table": "vtb-main"}]}, "routes", "0.0.0.0/0 in vtb-main"),
        ({"address": {"follow": "eip-one"}}, "address.follow", "eip-one"),
        ({"probe": {"function": "natkeeper-probe"}}, "probe.function", "natkeeper-probe"),
        ({"routes": [{"table": "vtb-test", "probe": "natkeeper-probe"}]}, "routes.probe", "natkeeper-probe"),
    ],
)
def test_two_groups_cannot_claim_the_same(settings: dict[str, Any], path: str, claim: str) -> None:
    """Two owners would undo each other's work: a gateway, a route, an EIP and a probe belong to one group."""
    data = with_group(address={"follow": "eip-one"}, probe={"function": "natkeeper-probe"})
    data["groups"]["test"] = {"gateways": ["i-gwc"], "routes": [{"table": "vtb-test"}], **settings}
    allowed = "only one group may have it, and group prod already does"
    assert refusals(data) == [f"groups.test.{path}: got '{claim}'; allowed: {allowed}"]


def test_the_problems_of_all_groups_are_told_at_once() -> None:
    """Nobody should have to mend one thing at a time."""
    data = with_group(failback="soon")
    data["groups"]["test"] = {"gateways": ["i-gwc"]}
    assert refusals(data) == [
        f"groups.prod.failback: got 'soon'; allowed: `manual`, or {A_TIME}",
        "groups.test.routes: got nothing; allowed: a value; this key is required",
    ]
