"""Plays a scenario of the catalogue on a platform of some readings, on virtual time: was everything good?"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from natkeeper.domain.config import parse_config
from natkeeper.packaging.bundles import CONFIG_NAME
from natlab.scenarios.play import Result, Setting, play
from natlab.scenarios.readings import Platform
from natlab.scenarios.scenario import Scenario
from tests.readings.course import VirtualCourse

WORDLESS = ("ascii-without-brackets", "nothing")
"""Ways of route-description by which nothing can be remembered."""
NEEDS_MEMORY = ("return", "both-down", "lane")
"""Scenarios in which a route goes home by itself, or a lane is known by its words: a person is told that neither is."""


def reasons(scenario: Scenario, ways: Mapping[str, str]) -> tuple[str, ...]:
    """Play it; why it was not good, or nothing. What cannot be there has to be told: see NEEDS_MEMORY."""
    course = VirtualCourse()
    result = played(scenario, ways, course)
    if scenario.name in NEEDS_MEMORY and ways.get("route-description") in WORDLESS:
        # A lane is refused while the group is set up; where a route went, it is told of that move.
        after = [str(receipt.get("problems")) for receipt in result.figures.receipts]
        told = any("words refused" in problem for problem in (course.problems if scenario.name == "lane" else after))
        works = all(attempts[-1].public_ip for attempts in result.evidence.attempts.values())
        return () if told and works else ("it was not told that nothing can be remembered, or private hosts are dark",)
    return result.reasons


def played(scenario: Scenario, ways: Mapping[str, str], course: VirtualCourse) -> Result:
    """Play it."""
    with TemporaryDirectory() as folder:

        def code(data: Mapping[str, Any]) -> Mapping[str, Path]:
            course.config = parse_config(dict(data))
            return {name: _archive(Path(folder) / f"{name}.zip", data) for name in ("failover", "probe", "notify")}

        setting = Setting(code=code, course=lambda: course, ground=lambda: course.machines, platform=Platform(ways))
        return play(scenario, setting)


def _archive(path: Path, data: Mapping[str, Any]) -> Path:
    """A package that names its configuration: functions run in this process."""
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(CONFIG_NAME, json.dumps(data))
    return path
