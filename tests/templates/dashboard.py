"""Draws the dashboard of templates/ros/monitoring.yaml from logged metrics, as Simple Log Service lays it out.

dashboard.jsonl has the lines that the failover function logged while the scenario `full` was played with minutes
around it (`metrics: 1m`, `setup.every: 1m`). Each chart asks for the largest value of one field in each minute, by
group.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from typing import Any

from tests.docs.markdown import ROOT

LINES = Path(__file__).with_name("dashboard.jsonl")
PICTURE = ROOT / "docs/img/dashboard.svg"
_UNIT_X, _UNIT_Y, _GAP, _TOP = 78.0, 40.0, 12.0, 56.0
_SANS = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif'
_STYLE = f"""
    .page {{ fill: #f6f8fa; }} .card {{ fill: #ffffff; stroke: #d0d7de; }}
    text {{ font-family: {_SANS}; font-size: 12px; fill: #59636e; }} .title {{ font-size: 14px; fill: #1f2328; }}
    .grid {{ stroke: #d0d7de; stroke-width: 1; }} .line {{ fill: none; stroke: #0969da; stroke-width: 2; }}
    .dot {{ fill: #0969da; }} .right {{ text-anchor: end; }}
    @media (prefers-color-scheme: dark) {{
      .page {{ fill: #010409; }} .card {{ fill: #0d1117; stroke: #3d444d; }}
      text {{ fill: #9198a1; }} .title {{ fill: #f0f6fc; }} .grid {{ stroke: #3d444d; }}
      .line {{ stroke: #4493f8; }} .dot {{ fill: #4493f8; }}
    }}
  """


def logged() -> list[dict[str, Any]]:
    """Every line: when it was written, in seconds, and what the handler wrote."""
    return [json.loads(line) for line in LINES.read_text(encoding="utf-8").splitlines()]


def points(query: str, lines: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    """What the query of a chart finds: for each group, the largest value of its field in each minute."""
    (field,) = set(re.findall(r"max\(cast\(json_extract_scalar\(message, '\$\.metrics\.(\w+)'\)", query))
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for line in lines:
        metrics, minute = line["metrics"], int(line["at"] // 60)
        if field in metrics:
            series = found[metrics["group"]]
            series[minute] = max(series.get(minute, 0.0), float(metrics[field]))
    return dict(found)


def draw(charts: list[dict[str, Any]], lines: list[dict[str, Any]]) -> str:
    """The picture, as SVG."""
    minutes = [int(line["at"] // 60) for line in lines]
    shown = [chart["Display"] for chart in charts]
    width = max(each["XPos"] + each["Width"] for each in shown) * _UNIT_X + _GAP
    height = max(each["YPos"] + each["Height"] for each in shown) * _UNIT_Y + _GAP + _TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
        "  <title>The dashboard natkeeper of Simple Log Service</title>",
        f"  <desc>{escape('; '.join(chart['Title'] for chart in charts))}: one group, whose gateway fills up.</desc>",
        f"  <style>{_STYLE}</style>",
        f'  <rect class="page" width="{width:g}" height="{height:g}"/>',
        f'  <text class="title" x="{_GAP:g}" y="34">natkeeper</text>',
    ]
    for chart in charts:
        parts += _chart(chart, points(chart["Search"]["Query"]["Fn::Sub"], lines), min(minutes), max(minutes))
    return "\n".join([*parts, "</svg>", ""])


def _chart(chart: dict[str, Any], found: dict[str, dict[int, float]], first: int, last: int) -> Iterator[str]:
    place = chart["Display"]
    x, y = place["XPos"] * _UNIT_X + _GAP, place["YPos"] * _UNIT_Y + _TOP
    wide, high = place["Width"] * _UNIT_X - _GAP, place["Height"] * _UNIT_Y - _GAP
    left, right, top, bottom = x + 58, x + wide - 20, y + 44, y + high - 30
    most = max((value for series in found.values() for value in series.values()), default=0.0) or 1.0
    yield f'  <rect class="card" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="6"/>'
    yield f'  <text class="title" x="{x + 12:g}" y="{y + 24:g}">{escape(chart["Title"])}</text>'
    for share in (0.0, 0.5, 1.0):
        level = bottom - share * (bottom - top)
        yield f'  <path class="grid" d="M{left:.1f} {level:.1f}H{right:.1f}"/>'
        yield f'  <text class="right" x="{left - 6:.1f}" y="{level + 4:.1f}">{most * share:,.3g}</text>'
    for at, side in ((first, ""), (last, ' class="right"')):
        when = datetime.fromtimestamp(at * 60, timezone.utc)
        yield f'  <text{side} x="{left if at == first else right:.1f}" y="{bottom + 20:.1f}">{when:%H:%M}</text>'
    for name, series in found.items():
        spots = [
            (left + (at - first) / max(1, last - first) * (right - left), bottom - value / most * (bottom - top))
            for at, value in sorted(series.items())
        ]
        yield f'  <path class="line" d="M{"L".join(f"{a:.1f} {b:.1f}" for a, b in spots)}"/>'
        yield from (f'  <circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in spots)
        yield f'  <text class="right" x="{right:.1f}" y="{y + 24:.1f}">{escape(name)}</text>'
