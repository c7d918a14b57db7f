"""What a maintainer expects of the repository: workflows that call .ci/run, types, a changelog in one form."""

from __future__ import annotations

import re

import pytest
import yaml

from natkeeper import __version__
from tests.docs.markdown import ROOT

SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


@pytest.mark.parametrize("workflow", [".github/workflows/check.yml", ".gitlab-ci.yml"])
def test_every_workflow_calls_the_same_script(workflow: str) -> None:
    """A code host adds no check of its own, so that `.ci/run` tells the same everywhere."""
    text = (ROOT / workflow).read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    job = data["jobs"]["check"] if "jobs" in data else data["check"]
    commands = [step["run"] for step in job["steps"] if "run" in step] if "steps" in job else job["script"]
    assert commands == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("package", ["shared/natkeeper", "lab/natlab"])
def test_the_packages_say_that_they_are_typed(package: str) -> None:
    """A type checker reads the annotations of an installed package only with this file."""
    assert (ROOT / package / "py.typed").is_file()


def test_the_changelog_keeps_its_form() -> None:
    """Releases newest first, each in sections of Keep a Changelog, the version of the code on top."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## (\d+)\.(\d+)\.(\d+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", text, re.MULTILINE)
    assert releases == sorted(releases, key=lambda each: tuple(map(int, each)), reverse=True)
    assert ".".join(releases[0]) == __version__
    for release in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert sections == [section for section in SECTIONS if section in sections], release.splitlines()[0]
        assert sections
