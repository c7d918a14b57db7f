"""What the tests of single functions of the setup script share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.tools import ToolFolder


@pytest.fixture
def machine(tmp_path: Path) -> ToolFolder:
    """One with text tools only."""
    return ToolFolder.of(tmp_path)
