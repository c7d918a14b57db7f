"""What events lately woke this process: their envelopes, without what they say. For `natkeeper conformance`.

Nothing keeps what the event bus delivered, and its documents leave open what types and subjects events have. So a
process keeps the last events as they came, and reads them only when it is asked.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KEPT = 60
LONGEST = 16_384
"""Bytes of an event that is kept: an event of ECS or ActionTrail has a few thousand."""
_ASKED = b'"received"'
_OF_THE_BUS = b'"specversion"'
"""What every event of the bus has, and no timer, probe or person."""
_ID = re.compile(r"\b(?:i|vtb|eip)-[a-z0-9]{3,40}\b")


@dataclass(frozen=True, slots=True)
class Envelopes:
    """The last events and when each arrived."""

    kept: deque[tuple[datetime, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def answer(self, event: bytes, at: datetime) -> str | None:
        """Return the answer to `{"action": "received"}`; keep any other event, and return None."""
        if len(event) <= len(_ASKED) * 4 and _ASKED in event:
            found = [envelope for each in self.kept for envelope in _envelopes(*each)]
            return json.dumps({"ok": True, "receipts": [], "received": found}, ensure_ascii=False)
        if _OF_THE_BUS in event and len(event) <= LONGEST:
            self.kept.append((at, event))
        return None


def _envelopes(at: datetime, event: bytes) -> list[dict[str, Any]]:
    try:
        data: Any = json.loads(event)
    except (ValueError, RecursionError):
        return []
    each = data if isinstance(data, list) else [data]
    return [_envelope(at, one) for one in each if isinstance(one, dict) and "specversion" in one]


def _envelope(at: datetime, event: dict[str, Any]) -> dict[str, Any]:
    said = event.get("data")
    data: dict[str, Any] = said if isinstance(said, dict) else {}
    return {
        "at": at.isoformat(timespec="milliseconds"),
        **{name: str(event.get(name) or "") for name in ("type", "source", "subject", "time")},
        "fields": sorted(map(str, data)),
        "call": str(data.get("eventName") or ""),
        "about": sorted(set(_ID.findall(json.dumps(event)))),
    }
