"""What a quiet minute may cost in the log, which is paid for by the byte and read by people."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from natkeeper.failover import handler
from natkeeper.failover.run import Answer
from natkeeper.receipt import Receipt

MOST_BYTES = 350


@pytest.mark.parametrize("groups", [1, 10, 500, 5000])
def test_a_quiet_sweep_is_one_short_line_however_many_groups_there_are(
    groups: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first groups by name, the rest by number."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    run = "1-65a1b2c3-15d4e5f6-0123456789ab"
    receipts = tuple(
        Receipt(run, at, f"production-{number:04}", "timer sweep", "quiet", "every route is where it belongs")
        for number in range(groups)
    )
    handler._account(Answer(receipts), run)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"].startswith(f"{groups} group(s) need nothing: production-0000")
    assert len(line.encode()) <= MOST_BYTES
