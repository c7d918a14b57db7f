"""What a maintainer expects of the repository: workflows that call .ci/run, types, a changelog in one form."""

from __future__ import annotations

import re

import pytest
import yaml

from natkeeper import __version__
from tests import house
from tests.docs.markdown import ROOT, rows, section, spans

MOST_PLACES, MOST_LEVELS, MOST_IMPORTS = 12, 5, 25
MOST_NAMES_TWICE = 10
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


def test_the_layout_stays_within_its_limits() -> None:
    """docs/architecture.md has the table; `python -m tests.house` prints today's figures."""
    assert len(house.places()) <= MOST_PLACES
    assert house.levels() <= MOST_LEVELS
    assert len(house.imports()) <= MOST_IMPORTS, sorted(house.imports())


def test_few_classes_share_a_name() -> None:
    """A search for a class finds one; what stays double is a term of the platform, and no module imports both."""
    assert len(house.classes()) <= MOST_NAMES_TWICE, list(house.classes())
    assert house.meeting() == []


def test_modules_are_read_in_one_sitting() -> None:
    """None is over 400 lines, those of the tests included; `python -m tests.house` names those that are."""
    assert house.long_modules() == []


def test_the_walk_names_files_that_exist() -> None:
    """A newcomer who follows docs/architecture.md finds each file."""
    walk = section(ROOT / "docs" / "architecture.md", "A walk: from the event to the receipt")
    named = [name for row in rows(walk) for name in spans(row[0])]
    assert named[0] == "functions/failover/index.py"
    assert named[-1] == "receipt.py"
    assert [name for name in named if not any((top / name).is_file() for top in (ROOT, house.PRODUCT))] == []


def test_every_decision_has_a_number_a_status_and_a_date() -> None:
    """A reader knows whether it still holds and since when."""
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    entries = re.split(r"^## (\d+)\. .+\n", text, flags=re.MULTILINE)[1:]
    assert [int(number) for number in entries[::2]] == list(range(1, len(entries) // 2 + 1))
    for number, entry in zip(entries[::2], entries[1::2], strict=True):
        assert re.match(r"\n\*\*Status\.\*\* (Accepted|Superseded by \d+|Amended by \d+)\.\n", entry), number
        assert re.search(r"^\*\*Date\.\*\* \d{4}-\d\d-\d\d\.$", entry, re.MULTILINE), number
        assert "**Decision.**" in entry, number
