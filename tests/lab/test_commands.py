"""Cloud Assistant's work in the lab: a command becomes a file on the system and runs there as root."""

from __future__ import annotations

import queue

import pytest

from natlab.cloud.dataplane import CommandResult
from tests.lab.stage import A, LabStage

pytestmark = pytest.mark.lab


def _run(stage: LabStage, script: str, timeout_s: float = 30.0) -> CommandResult:
    answers: queue.Queue[CommandResult] = queue.Queue()
    stage.lab.run(A, script.encode(), timeout_s, answers.put)
    return answers.get(timeout=60.0)


def test_command_runs_on_the_system_itself(stage: LabStage) -> None:
    """It is root on a machine with its own name, services and processes; output and errors come back together."""
    result = _run(
        stage, "#!/bin/sh\nid -u; hostname; cat /proc/1/comm; systemctl is-active firewalld\necho oh >&2; exit 7"
    )
    assert (result.exit_code, result.error) == (7, "")
    assert result.output.decode().split() == ["0", A, "systemd", "active", "oh"]


def test_interpreter_is_the_one_the_command_names(stage: LabStage) -> None:
    """The first line decides, as on the platform."""
    assert _run(stage, "#!/usr/bin/env python3\nprint(6 * 7)").output == b"42\n"


def test_command_that_takes_too_long_is_ended(stage: LabStage) -> None:
    """Its children end with it."""
    result = _run(stage, "#!/bin/sh\necho begun\nsleep 4321 & wait", 0.5)
    assert (result.error, result.output) == ("Timeout", b"begun\n")
    assert "sleep 4321" not in stage.guest(A).by_hand("ps -eo args")


def test_frozen_machine_takes_no_command(stage: LabStage) -> None:
    """Nobody answers, now or later."""
    stage.guest(A).freeze()
    answers: list[CommandResult] = []
    stage.lab.run(A, b"true", 1.0, answers.append)
    stage.guest(A).thaw()
    assert stage.guest(A).by_hand("echo back") == "back\n"
    assert answers == []


def test_what_is_on_disk_stays_and_what_is_in_memory_goes(stage: LabStage) -> None:
    """A reboot keeps files and forgets processes and the kernel's settings."""
    stage.guest(A).by_hand(
        "echo kept >/etc/note; sysctl -q -w net.ipv4.ip_default_ttl=99; sleep 4322 >/dev/null 2>&1 &"
    )
    stage.guest(A).reboot()
    assert stage.guest(A).by_hand("cat /etc/note; sysctl -n net.ipv4.ip_default_ttl").split() == ["kept", "64"]
    assert "sleep 4322" not in stage.guest(A).by_hand("ps -eo args")
