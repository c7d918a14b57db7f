"""Nothing of a lab stays behind, however it ends, and labs do not disturb each other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from natlab.real import cgroups, processes
from natlab.real.run_directory import HOME, RunDirectory, clean_leftovers
from natlab.simulated.network import Reached
from tests.lab.stage import ADDRESS, A, LabStage, eventually

pytestmark = pytest.mark.lab

_LAB = """
import sys
from natlab.real.dataplane import LabDataPlane
lab = LabDataPlane()
def build():
    lab.create_vswitch("vsw-1", "10.0.0.0/24", "vpc-1")
    lab.attach_table("vsw-1", "vtb-1")
    lab.create_instance("i-1", "10.0.0.11", "vsw-1")
    lab.bind_address("i-1", "198.51.100.7")
    lab.power_on("i-1")
    lab.settle()
build()
print(lab.prefix, lab._guardian.pid, flush=True)
while sys.stdin.readline():
    lab.reset()
    build()
    print(lab.path_from_instance("i-1", "203.0.113.10"), flush=True)
"""


def _traces(prefix: str) -> list[str]:
    """What a run has on this machine."""
    mounts = [
        line
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
        if f"/{prefix.rstrip('-')}/" in line
    ]
    names = [path.name for path in Path("/run/netns").glob(f"{prefix}*")]
    groups = [str(group) for root in cgroups.hierarchies() for group in root.glob(f"{prefix}*")]
    directory = HOME / prefix.rstrip("-")
    return [
        *mounts,
        *names,
        *groups,
        *map(str, cgroups.members(prefix)),
        *([str(directory)] if directory.exists() else []),
    ]


class OtherLab:
    """A lab in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.prefix, guardian = self.process.stdout.readline().split()
        self.guardian = int(guardian)

    def end(self, number: int) -> None:
        """End its process by a signal."""
        self.process.send_signal(number)
        self.process.communicate(timeout=30.0)


def test_reset_lets_one_lab_begin_anew(other: OtherLab) -> None:
    """After a reset the same ids and addresses can be used again."""
    assert other.process.stdin is not None
    assert other.process.stdout is not None
    other.process.stdin.write("again\n")
    other.process.stdin.flush()
    assert other.process.stdout.readline() == "Reached(public_ip='198.51.100.7')\n"


@pytest.fixture
def other() -> Iterator[OtherLab]:
    lab = OtherLab()
    yield lab
    lab.process.kill()
    lab.process.communicate()
    RunDirectory(HOME / lab.prefix.rstrip("-")).clean()


def test_two_labs_side_by_side(stage: LabStage, other: OtherLab) -> None:
    """A second lab with the same addresses boots beside the first; its end leaves nothing, and the first as it was."""
    assert other.prefix != stage.lab.prefix
    assert _traces(other.prefix)
    other.process.communicate("", timeout=30.0)
    assert other.process.returncode == 0
    assert _traces(other.prefix) == []
    assert stage.way_out() == Reached(ADDRESS[A])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_guardian_cleans_up_after_a_signal(other: OtherLab, number: int) -> None:
    """A lab whose process is ended from outside is taken apart by the guardian it left."""
    other.end(number)
    assert eventually(lambda: _traces(other.prefix) == [])


def test_next_run_cleans_up_when_the_guardian_died_too(stage: LabStage, other: OtherLab) -> None:
    """Leftovers whose owner is gone go with the next start; a run that lives is left alone."""
    processes.send([other.guardian], signal.SIGKILL)
    assert eventually(lambda: not processes.started(other.guardian))
    other.end(signal.SIGKILL)
    assert _traces(other.prefix)
    assert clean_leftovers() == [other.prefix]
    assert _traces(other.prefix) == []
    assert stage.way_out() == Reached(ADDRESS[A])
