"""Alarms and dashboard: each value of the stack has its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "templates/ros/monitoring.yaml").read_text(encoding="utf-8"))
OF_A_GROUP = (
    "functionName: ${{Failover}} and metrics | SELECT {time}"
    "max(cast(json_extract_scalar(message, '$.metrics.{metric}') AS double)) AS {name}, "
    "json_extract_scalar(message, '$.metrics.group') AS name GROUP BY {by}"
)
LINES = "functionName: ${Failover}%s | SELECT count(1) AS lines"


def of_a_group(metric: str, name: str) -> str:
    """The largest value of a metric, for each group."""
    return OF_A_GROUP.format(time="", metric=metric, name=name, by="name")


ALERTS = {
    # Five sweeps in a row without a line; a log without any line has to fire.
    "NoSweep": ("nosweep", "no sweep for five minutes", LINES % "", "-5m", 10, "lines == 0", True),
    "Errors": ("errors", "a run failed", LINES % ' and "level" and "error"', "-5m", 8, "lines > 0", False),
    "Dark": ("dark", "private hosts have no internet", of_a_group("dark", "dark"), "-5m", 10, "dark > 0", False),
    # Three measures of five minutes, so that one that is late ends no alarm.
    "Degraded": ("degraded", "a standby is lost", of_a_group("degraded", "degraded"), "-15m", 6, "degraded > 0", False),
    "Connections": (
        "connections", "a gateway runs out of connections", of_a_group("gateway_connections_ratio", "used"), "-15m", 6,
        "used >= 0.8", False,
    ),
    "Drops": (
        "drops", "a gateway drops packets", of_a_group("gateway_drops", "drops"), "-15m", 8, "drops > 0", False
    ),
}  # fmt: skip
"""Name, sentence, query, how far back, severity (10 critical, 8 high, 6 medium), condition, fires without data."""
CHARTS = (
    ("Private hosts without internet", "dark", "dark", 0, 0),
    ("Connections, share of the table", "gateway_connections_ratio", "used", 6, 0),
    ("Packets dropped", "gateway_drops", "drops", 0, 5),
    ("Bytes sent a second", "gateway_sent_bytes_per_second", "sent", 6, 5),
)
GATEWAY = {"instanceId": {"Ref": "Gateway"}}
RULES = {
    "FailoverErrors": (
        "errors of the failover function", "acs_fc", "FunctionFunctionErrors", "Failover", "Sum", "1",
    ),
    "NotifyErrors": ("people cannot be told", "acs_fc", "FunctionFunctionErrors", "Notify", "Sum", "1"),
    "GatewayCpu": ("a gateway's processors are busy", "acs_ecs_dashboard", "cpu_total", None, "Average", "85"),
    "GatewayBandwidth": (
        "a gateway's bandwidth is used up", "acs_ecs_dashboard", "VPC_PublicIP_InternetOutRate_Percent", None,
        "Average", "90",
    ),
    "GatewayPackets": (
        "a gateway's packets are dropped by its instance type's limit", "acs_ecs_dashboard", "packetOutDropRates",
        None, "Maximum", "1",
    ),
}  # fmt: skip
"""Sentence, namespace and metric of CloudMonitor, the function or the gateway, statistic, threshold."""


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_looks_every_five_minutes_and_tells_every_half_hour(name: str) -> None:
    """As often as metrics are written, and as often as an episode is told; its end is told as well."""
    short, sentence, query, start, severity, condition, no_data = ALERTS[name]
    made = dict(STACK["Resources"][name]["Properties"]["Detail"]["Configuration"])
    assert made.pop("Annotations")[0]["Key"] == "desc"
    assert made == {
        "Version": "2.0",
        "Type": "default",
        "Dashboard": "natkeeper",
        "QueryList": [
            {
                "Query": {"Fn::Sub": query}, "Store": {"Ref": "Logstore"}, "StoreType": "log",
                "Project": {"Ref": "Project"}, "Region": {"Ref": "ALIYUN::Region"}, "Start": start, "End": "now",
                "TimeSpanType": "Relative",
            }
        ],
        "GroupConfiguration": {"Type": "no_group"},
        "SeverityConfigurations": [
            {"Severity": severity, "EvalCondition": {"Condition": condition, "CountCondition": ""}}
        ],
        "PolicyConfiguration": {
            "AlertPolicyId": "sls.builtin.dynamic", "ActionPolicyId": {"Ref": "ActionPolicy"}, "RepeatInterval": "30m"
        },
        "Threshold": 1,
        "SendResolved": True,
        "NoDataFire": no_data,
    }  # fmt: skip
    properties = STACK["Resources"][name]["Properties"]
    assert STACK["Resources"][name]["Type"] == "ALIYUN::SLS::Alert"
    assert properties["Project"] == {"Ref": "Project"}
    detail = {key: value for key, value in properties["Detail"].items() if key != "Configuration"}
    schedule = {"Type": "FixedRate", "Interval": "5m"}
    assert detail == {"Name": f"natkeeper-{short}", "DisplayName": f"natkeeper: {sentence}", "Schedule": schedule}


def test_the_dashboard_shows_a_day_of_each_figure() -> None:
    """Two in a row, each six of twelve columns wide."""
    dashboard = STACK["Resources"]["Dashboard"]
    assert dashboard["Type"] == "ALIYUN::SLS::Dashboard"
    assert dashboard["Properties"] == {
        "ProjectName": {"Ref": "Project"},
        "DashboardName": "natkeeper",
        "DisplayName": "natkeeper",
        "Charts": [
            {
                "Title": title,
                "Type": "linepro",
                "Search": {
                    "Logstore": {"Ref": "Logstore"},
                    "Query": {
                        "Fn::Sub": OF_A_GROUP.format(
                            time="date_trunc('minute', __time__) AS t, ", metric=metric, name=name, by="t, name"
                        )
                        + " ORDER BY t LIMIT 10000"
                    },
                    "Start": "-86400s",
                    "End": "now",
                },
                "Display": {
                    "XAxis": ["t"], "YAxis": [name], "XPos": x, "YPos": y, "Width": 6, "Height": 5, "DisplayName": title
                },
            }
            for title, metric, name, x, y in CHARTS
        ],
    }  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_cloudmonitor_fires_after_three_minutes(name: str) -> None:
    """Three periods of a minute, so that one peak alarms nobody."""
    sentence, namespace, metric, function, statistic, threshold = RULES[name]
    of_function = {"region": {"Ref": "ALIYUN::Region"}, "functionName": {"Ref": function}}
    assert STACK["Resources"][name] == {
        "Type": "ALIYUN::CMS::ResourceMetricRule",
        "Properties": {
            "RuleName": f"natkeeper: {sentence}",
            "Namespace": namespace,
            "MetricName": metric,
            "Period": 60,
            "ContactGroups": [{"Ref": "ContactGroup"}],
            "Resources": [of_function if function else GATEWAY],
            "Escalations": {
                "Critical": {
                    "Statistics": statistic, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                    "Threshold": threshold, "Times": 3,
                }
            },
        },
    }  # fmt: skip


def test_nothing_of_the_stack_is_left_unsaid() -> None:
    """Each resource has a row here, and each parameter the default that `s deploy` and the console give."""
    assert STACK["ROSTemplateFormatVersion"] == "2015-09-01"
    assert set(STACK["Resources"]) == {*ALERTS, "Dashboard", *RULES}
    own = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))["vars"]
    parameters = {name: {k: v for k, v in each.items() if k != "Label"} for name, each in STACK["Parameters"].items()}
    assert parameters == {
        "Project": {"Type": "String"},
        "Logstore": {"Type": "String", "Default": "default-logs"},
        "ActionPolicy": {"Type": "String", "Default": "sls.builtin.dynamic"},
        "ContactGroup": {"Type": "String", "Default": "云账号报警联系人"},
        "Failover": {"Type": "String", "Default": own["failover"]},
        "Notify": {"Type": "String", "Default": own["notify"]},
        "Gateway": {"Type": "String", "AssociationProperty": "ALIYUN::ECS::Instance::InstanceId"},
    }


def test_each_alert_says_what_it_means() -> None:
    """In one sentence for the person who is woken by it."""
    said = {name: STACK["Resources"][name]["Properties"]["Detail"]["Configuration"]["Annotations"] for name in ALERTS}
    assert [[each["Key"] for each in annotations] for annotations in said.values()] == [["desc"]] * len(ALERTS)
    assert {annotations[0]["Value"] for annotations in said.values()} == {
        "The timer, the event bus or the function itself stands still.",
        "A run of the failover function failed in a way that was not foreseen; its log has the trace.",
        "natkeeper status NAME says why and what to do.",
        "The next failure is an outage.",
        "Use an instance with more memory, or shorten setup.idle.",
        "The table of connections is full.",
    }
