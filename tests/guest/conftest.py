"""What the tests of single functions of the setup script share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.guest.tools import ToolFolder


@pytest.fixture
def machine(tmp_path: Path) -> ToolFolder:
    """One with text tools only."""
    return ToolFolder.of(tmp_path)


@pytest.fixture
def quiet(tmp_path: Path) -> ToolFolder:
    """The same, with programs that complain of nothing: what they say is what people see."""
    return replace(ToolFolder.of(tmp_path), noisy=False)
