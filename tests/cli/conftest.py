from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.town import Command, Workspace, command, town


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same terminal everywhere, no credentials but those of the test, and no metadata service."""
    for name in (
        "ALIBABA_CLOUD_PROFILE",
        "NATKEEPER_CONFIG",
        "NATKEEPER_FC2",
        "NATKEEPER_FUNCTION",
        "NATKEEPER_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    monkeypatch.setenv("COLUMNS", "130")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def natkeeper(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command line."""
    return command(capsys)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A town with a configuration, and the environment of a person who works there."""
    with town(tmp_path) as built:
        built.write()
        monkeypatch.setenv("NATKEEPER_ENDPOINT", built.cloud.endpoint)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", built.key.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", built.key.access_key_secret)
        yield built


@pytest.fixture
def deployed(place: Workspace) -> Workspace:
    """A town with the functions deployed."""
    place.deploy()
    return place
