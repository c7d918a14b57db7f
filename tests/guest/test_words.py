"""Single functions of the setup script, run alone: how it asks package managers, and how it waits for firewalld."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from natkeeper.guest.pack import SOURCES

TOOLS = ("cat", "cut", "date", "sed", "sh", "tail", "tr")
INSTALL = "apt-get noninteractive: -q -y -o DPkg::Lock::Timeout=120 install nginx"
UPDATE = "apt-get noninteractive: -q update"


@dataclass(frozen=True)
class ToolFolder:
    """A folder with programs that note what they are asked."""

    folder: Path

    def program(self, name: str, body: str = "") -> None:
        """Put a program there that notes its call and does `body`."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} ${{DEBIAN_FRONTEND:-}}: $*" >>{self.folder}/calls\n{body}\n')
        path.chmod(0o755)

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run some code behind the script's functions."""
        text = "".join((SOURCES / f"{name}.sh").read_text(encoding="ascii") for name in ("10-words", "30-firewalld"))
        environment = {"PATH": str(self.folder), "NATKEEPER_ROOT": str(self.folder)}
        line = [str(self.folder / "sh"), "-c", f"{text}\n{code}"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=20)

    def calls(self) -> list[str]:
        """What was asked, in order."""
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> ToolFolder:
    """One with text tools only."""
    for name in TOOLS:
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "calls").touch()
    return ToolFolder(tmp_path)


@pytest.mark.parametrize(
    "body, status, calls",
    [
        ("", 0, [INSTALL]),
        ("""[ "$(cat {}/calls | sed -n '$=')" != 1 ]""", 0, [INSTALL, UPDATE, INSTALL]),
        ("false", 1, [INSTALL, UPDATE]),
    ],
)  # fmt: skip
def test_apt_waits_for_its_lock_asks_nothing_and_reads_its_lists_when_they_are_old(
    machine: ToolFolder, body: str, status: int, calls: list[str]
) -> None:
    """A machine that has just booted upgrades itself, and its image knows versions that are gone."""
    machine.program("apt-get", body.replace("{}", str(machine.folder)))
    for other in ("dnf", "yum"):
        machine.program(other)
    assert machine.run("install_package nginx").returncode == status
    assert machine.calls() == calls


@pytest.mark.parametrize(
    "there, status, calls",
    [(["dnf", "yum"], 0, ["dnf : -q -y install a b"]), (["yum"], 0, ["yum : -q -y install a b"]), ([], 1, [])],
)
def test_dnf_comes_before_yum_and_neither_asks(
    machine: ToolFolder, there: list[str], status: int, calls: list[str]
) -> None:
    """Where there is none, that is what is said."""
    for name in there:
        machine.program(name)
    ended = machine.run("install_package a b")
    assert (ended.returncode, machine.calls()) == (status, calls)
    assert ended.stdout == ("" if there else "no apt-get, dnf or yum here\n")


@pytest.mark.parametrize(
    "answers, waits, state, broken",
    [
        (["running"], 0, "running", ""),
        (["not running"] * 3 + ["running"], 3, "running", ""),
        (["not running"] * 20 + ["running"], 20, "running", ""),
        (["not running"] * 21, 20, "stopped", "systemctl restart firewalld: it did not come up within 20 s"),
        (["not running", "failed"], 1, "failed", ""),
    ],
)
def test_firewalld_has_twenty_seconds_to_come_up(
    machine: ToolFolder, answers: list[str], waits: int, state: str, broken: str
) -> None:
    """One that cannot load its configuration is up, and not waited for. Each question has its limit."""
    (machine.folder / "answers").write_text("\n".join(answers) + "\n")
    machine.program("systemctl")
    machine.program("sleep")
    one = f"cd {machine.folder}; sed -n 1p answers; sed 1d answers >rest; cat rest >answers"
    machine.program("timeout", f'[ "$*" = "40 firewall-cmd --state" ] && {{ {one}; }}')
    ended = machine.run('FIX=yes STATE=stopped; start a b; echo "$STATE|$BROKEN|$ADDED|$UNDO"')
    assert ended.stdout == f"{state}|{broken}|yes|[ stopped = running ] || systemctl stop firewalld\n\n"
    assert machine.calls()[0] == "systemctl : restart firewalld"
    assert machine.calls().count("sleep : 1") == waits


@pytest.mark.parametrize(
    "text, said",
    [
        ('a "b" \\c', 'a "b" \\c'),
        ("tab\tline\nbell\a", "tab line bell "),
        ("x" * 301, "x" * 300),
        ('"' * 400, '"' * 300),
        ("größer", "gr    er"),
        ("$HOME `id` %s", "$HOME `id` %s"),
        ("", ""),
    ],
)
def test_whatever_a_program_says_the_report_stays_json(machine: ToolFolder, text: str, said: str) -> None:
    """Quoted, cut to what fits, and nothing but printable ASCII."""
    (machine.folder / "text").write_text(text, encoding="utf-8")
    assert json.loads(machine.run(f'json "$(cat {machine.folder}/text)"').stdout) == said
