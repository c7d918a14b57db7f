"""docs/img/dashboard.svg is what the template's charts show of a scenario's logged metrics.

NATKEEPER_SCREENS=1 draws it anew.
"""

from __future__ import annotations

import os
from typing import Any

from natkeeper.domain.load import GatewayLoad
from natkeeper.failover.metrics import as_log
from tests.templates.dashboard import PICTURE, draw, logged, points
from tests.templates.test_ros import MONITORING, stack


def charts() -> list[dict[str, Any]]:
    """Of the dashboard in the template."""
    found: list[dict[str, Any]] = stack(MONITORING)["Resources"]["Dashboard"]["Properties"]["Charts"]
    return found


def test_the_picture_is_what_the_template_shows() -> None:
    """Titles, places and queries of the template; figures of the log."""
    drawn = draw(charts(), logged())
    if os.environ.get("NATKEEPER_SCREENS"):
        PICTURE.write_text(drawn, encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8") == drawn


def test_the_log_has_the_fields_that_are_logged_today() -> None:
    """A field that is renamed or new makes the lines old: play the scenario again."""
    figures = dict.fromkeys(GatewayLoad.__dataclass_fields__, 1)
    gateway = {"id": "i-a", "health": "healthy", "figures": figures}
    today = as_log({"group": "prod", "outcome": "quiet", "view": {"gateways": [gateway], "routes": []}})
    assert set().union(*(line["metrics"] for line in logged())) == today.keys()


def test_every_chart_has_something_to_show() -> None:
    """A gateway that fills up: dropped packets, a full table, and no internet for a moment."""
    for chart in charts():
        series = points(chart["Search"]["Query"]["Fn::Sub"], logged())
        assert len(series["prod"]) >= 3, chart["Title"]
    assert (
        max(
            points("max(cast(json_extract_scalar(message, '$.metrics.gateway_drops') AS double))", logged())[
                "prod"
            ].values()
        )
        > 0
    )
