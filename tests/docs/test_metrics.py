"""Every metric has a row in docs/gateway.md, and none is there that is not measured."""

from __future__ import annotations

import re
from pathlib import Path

from natkeeper.failover.metrics import HELP

PAGE = Path(__file__).resolve().parents[2] / "docs/gateway.md"


def test_the_table_of_metrics_is_the_one_of_the_code() -> None:
    """Names are a promise: what alarms and dashboards use."""
    rows = dict(re.findall(r"^\| `(natkeeper_\w+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == HELP
