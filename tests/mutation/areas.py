"""Where faults are planted, by area, and which tests ought to notice one there, the quickest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_APPLYING = "tests/applying", "tests/contract", "tests/budget/test_calls.py"
_PLAYED = ("tests/end_to_end/test_scenarios.py::test_a_scenario_ends_well[stop]",)
"""Not every scenario: they go much the same ways, and a fault that nothing notices would cost ten minutes."""


@dataclass(frozen=True, slots=True)
class Area:
    """Some files by their patterns; a fault in one of them is noticed when one of `tests` fails."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]

    def paths(self) -> Iterator[Path]:
        """List the files of the area, relative to the repository, in order."""
        for pattern in self.files:
            yield from (path.relative_to(ROOT) for path in sorted(ROOT.glob(pattern)) if path.is_file())


AREAS = {
    area.name: area
    for area in (
        Area(
            "core",
            ("shared/natkeeper/domain/*.py",),
            (
                *("tests/deciding", "tests/memory", "tests/config", "tests/events", "tests/controlling"),
                *("tests/observing", "tests/evidence"),
            ),
        ),
        Area("adapters", ("shared/natkeeper/alibaba/*.py",), (*_APPLYING, "tests/hostile", "tests/policy", *_PLAYED)),
        Area(
            "cli", ("shared/natkeeper/cli/**/*.py",), ("tests/cli", "tests/config", "tests/policy", "tests/templates")
        ),
        Area(
            "shell",
            ("shared/natkeeper/failover/*.py", "shared/natkeeper/receipt.py", "shared/natkeeper/ports.py"),
            (
                *("tests/controlling", "tests/receipts", "tests/evidence", "tests/observing", "tests/hostile"),
                "tests/budget/test_log.py",
                "tests/packaging/test_methods.py",
                *_APPLYING,
            ),
        ),
        Area(
            "guest",
            ("shared/natkeeper/guest/*.py", "shared/natkeeper/guest/setup/*.sh"),
            ("tests/guest", "tests/budget/test_setup_room.py", "tests/simulated"),
        ),
        Area(
            "probe",
            ("shared/natkeeper/probe/*.py", "shared/natkeeper/egress_check.py"),
            ("tests/observing", "tests/packaging", *_PLAYED),
        ),
        Area("notify", ("shared/natkeeper/notify/*.py",), ("tests/receipts", "tests/packaging", *_PLAYED)),
        Area(
            "packaging",
            ("shared/natkeeper/packaging/*.py",),
            ("tests/packaging", "tests/config", "tests/deployment", "tests/cli/test_making.py"),
        ),
        Area(
            "cloud",
            ("lab/natlab/cloud/**/*.py",),
            ("tests/cloud", "tests/contract", "tests/applying", "tests/policy", "tests/deployment", *_PLAYED),
        ),
        Area(
            "templates",
            ("s.yaml", "templates/fc2/*.yaml", "templates/ros/*.yaml", "templates/oos/*.yaml"),
            (
                "tests/deployment",
                "tests/templates",
                "tests/guest",
                "tests/cloud/test_oos_committed_templates.py",
                "tests/policy",
                *_PLAYED,
            ),
        ),
    )
}
"""By name. The core can also be examined whole, in a quicker way of its own: see campaign.py."""
