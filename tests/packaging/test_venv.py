"""requirements/venv.sh makes .venv, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.cli.town import ROOT


def test_a_link_to_an_environment_of_others_is_not_cleared(tmp_path: Path) -> None:
    """`python -m venv --clear` would go through the link; the message says what to do."""
    checkout, shared = tmp_path / "checkout", tmp_path / "shared"
    (checkout / "requirements").mkdir(parents=True)
    for name in ("venv.sh", "build.txt", "dev.txt"):
        shutil.copy(ROOT / "requirements" / name, checkout / "requirements")
    shutil.copy(ROOT / "pyproject.toml", checkout)
    shared.mkdir()
    (shared / "kept").write_text("", encoding="utf-8")
    (checkout / ".venv").symlink_to(shared)
    ended = subprocess.run([checkout / "requirements" / "venv.sh"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"natkeeper: .venv is a link to {shared}, which would be cleared: remove the link\n"
    assert [each.name for each in shared.iterdir()] == ["kept"]
