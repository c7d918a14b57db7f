"""A move and a trouble that lasts, and how the message about them differs where one thing of them does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from natkeeper.notify.message import Style, message

_ABOUT: dict[str, Any] = {
    "group": "prod",
    "run": "run-1",
    "at": "2026-11-23T06:30:00.000Z",
    "signal": "sweep",
    "sentence": "said",
    "view": {
        "gateways": [
            {"id": "i-a", "name": "nat-a", "health": "unhealthy", "reason": "does not forward"},
            {"id": "i-b", "health": "healthy", "evidence": {"found": "seen"}},
        ],
        "routes": [{"table": "vtb-1", "destination": "0.0.0.0/0", "next_hop": "i-b", "home": "i-a"}],
    },
}
MOVE = {"kind": "moved", "what": "0.0.0.0/0 in vtb-1", "to": "i-b", "came_from": "i-a", "why": "i-a does not forward"}
MOVED = {**_ABOUT, "outcome": "changed", "verified": True, "acts": [MOVE]}
_EPISODE = {"kind": "degraded", "since": "2026-11-23T06:00:00Z", "about": ["vtb-1"], "cause": "i-a does not forward"}
LASTING = {**_ABOUT, "outcome": "quiet", "episodes": [_EPISODE]}


def with_(receipt: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Change a receipt: by the path of a field, such as `acts.0.to`, its value."""
    new: Any = copy.deepcopy(receipt)
    for path, value in change.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        here = new
        for step in way:
            here = here[step]
        if value is None:
            del here[last]
        elif isinstance(here, list) and last == len(here):
            here.append(value)
        else:
            here[last] = value
    return dict(new)


def lines(receipt: Mapping[str, Any], style: Style) -> list[str]:
    """Give the title and the lines of the message."""
    heading, text = message([receipt], style)
    return [heading, *text.splitlines()]


def differs(receipt: Mapping[str, Any], change: Mapping[str, Any], style: Style) -> list[str]:
    """Say what else the message says with the change, and after a minus the label of what it says no more."""
    before, after, colon = (
        lines(receipt, style),
        lines(with_(receipt, change), style),
        "：" if style.language == "zh" else ": ",
    )
    labels = [line.partition(colon)[0] for line in after[1:]]
    gone = (label for label in (line.partition(colon)[0] for line in before[1:]) if label not in labels)
    return [*(line for line in after if line not in before), *(f"- {label}" for label in gone)]
