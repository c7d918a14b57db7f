"""What the failover function tells of the events that it received: their envelopes, and nothing that they say."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.failover.envelopes import KEPT, LONGEST, Envelopes

NOW = datetime(2026, 11, 28, 6, 0, tzinfo=timezone.utc)
ASKED = b'{"action": "received"}'
EVENT: dict[str, Any] = {
    "id": "1", "source": "acs.ecs", "specversion": "1.0", "type": "ecs:ActionTrail:ApiCall", "subject": "a",
    "time": "2026-11-28T05:59:58Z", "data": {"eventName": "StopInstance", "secret": "s3cret", "who": "i-bp1a"},
}  # fmt: skip


def told(envelopes: Envelopes) -> list[dict[str, Any]]:
    answer = envelopes.answer(ASKED, NOW)
    assert answer is not None
    found: list[dict[str, Any]] = json.loads(answer)["received"]
    return found


def test_an_event_is_told_by_its_envelope() -> None:
    """Names of fields and ids, and no value of the data but the name of the call."""
    envelopes = Envelopes()
    assert envelopes.answer(json.dumps(EVENT).encode(), NOW - timedelta(seconds=1)) is None
    assert told(envelopes) == [
        {
            "at": "2026-11-28T05:59:59.000+00:00", "type": "ecs:ActionTrail:ApiCall", "source": "acs.ecs",
            "subject": "a", "time": "2026-11-28T05:59:58Z", "fields": ["eventName", "secret", "who"],
            "call": "StopInstance", "about": ["i-bp1a"],
        }
    ]  # fmt: skip


def test_a_list_of_events_is_several() -> None:
    """As the bus may deliver them."""
    envelopes = Envelopes()
    envelopes.answer(json.dumps([EVENT, EVENT]).encode(), NOW)
    assert len(told(envelopes)) == 2


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"no JSON",
        b"[1, null]",
        b'{"triggerName": "sweep"}',
        b'{"action": "status"}',
        b"[" * 9000,
        b'{"specversion" no JSON',
        b'["specversion"]',
        b"[" * 9000 + b'"specversion"',
    ],
)
def test_what_is_no_event_is_not_told(event: bytes) -> None:
    """Timers, requests of people, and what cannot be read."""
    envelopes = Envelopes()
    assert envelopes.answer(event, NOW) is None
    assert told(envelopes) == []


def test_little_is_kept() -> None:
    """The last ones, and none that is very long."""
    envelopes = Envelopes()
    for number in range(KEPT + 5):
        envelopes.answer(json.dumps({**EVENT, "id": str(number)}).encode(), NOW)
    envelopes.answer(json.dumps({**EVENT, "more": "x" * LONGEST}).encode(), NOW)
    assert len(told(envelopes)) == KEPT


def test_timers_and_probes_push_no_event_out() -> None:
    """They come each minute, and an event of an hour ago may be asked for."""
    envelopes = Envelopes()
    envelopes.answer(json.dumps(EVENT).encode(), NOW)
    for _ in range(KEPT):
        envelopes.answer(b'{"triggerName": "sweep"}', NOW)
    assert len(told(envelopes)) == 1


def test_an_event_that_mentions_the_word_asks_nothing() -> None:
    """Only the request itself does."""
    envelopes = Envelopes()
    assert envelopes.answer(json.dumps({**EVENT, "data": {"action": "received"}}).encode(), NOW) is None
