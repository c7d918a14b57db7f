"""Scenarios in tests: every exchange is held against Alibaba's API metadata, latencies are a fifth of the assumed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from natlab.demo.workers import remove
from natlab.scenarios.play import Setting

PACE = 0.2


@pytest.fixture(scope="session")
def setting() -> Iterator[Setting]:
    """Quick, and with one place for the unpacked code of all plays."""
    unpacked = Path(tempfile.mkdtemp(prefix="natlab-unpacked-"))
    yield Setting(pace=PACE, unpacked=unpacked)
    remove(unpacked)
