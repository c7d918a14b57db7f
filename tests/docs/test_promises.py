"""docs/reliability.md: each promise names the tests that it rests on, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
_NAMED = re.compile(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?`")


def test_every_test_that_a_promise_rests_on_is_there() -> None:
    """A renamed test or file is renamed in the table as well."""
    named = _NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 23
    gone = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert not gone
