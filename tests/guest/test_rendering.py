"""How parameters and script become one command, and how the OOS template carries the same script."""

from __future__ import annotations

import base64
import gzip
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper.guest import (
    Mode,
    PortForward,
    SetupParameters,
    SetupReport,
    TooLong,
    parameter_block,
    parse_report,
    render,
    script,
)
from natkeeper.guest.pack import joined, packed
from natkeeper.guest.script import LONGEST_COMMAND, command, library_command, room, setup_script
from natkeeper.guest.template import TEMPLATE_NAME, oos_template

GOOD = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",))
COMMITTED = Path(__file__).parents[2] / "templates" / "oos" / "natkeeper-gateway-setup.yaml"
SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox", "ksh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_here_can_read_the_command(shell: str) -> None:
    """`-n` reads without running."""
    reader = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
    read = subprocess.run(reader, input=render(GOOD), capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, b"")


def test_the_script_uses_nothing_that_only_bash_knows() -> None:
    """No [[, no arrays, no `function`, no `local`, no process substitution, no here-strings, no echo options."""
    shell_only = re.sub(r"awk .*?'\n|IN_NET='.*?'\n|awk .*?' ?[>|)]", "", setup_script(), flags=re.DOTALL)
    assert not re.search(
        r"\[\[ |<<<|<\(|>\(|\bfunction \w+ *\{|(?:^|[;{&] *)local |^\w+=\(|\becho -|&>|=\$'", shell_only, re.MULTILINE
    )


def test_the_parameters_are_one_quoted_word_of_base64() -> None:
    """Nothing of a parameter stands in the script as text."""
    first, second, rest = render(GOOD).decode().split("\n", 2)
    assert first == "#!/bin/sh"
    assert re.fullmatch(r"NK_PARAMETERS='[A-Za-z0-9+/]+=*'", second)
    assert rest == command("").split("\n", 2)[2]


def test_the_packed_script_is_the_sources() -> None:
    """`python -m natkeeper.guest.pack` packs them anew."""
    assert setup_script() == joined(library=True) + joined(library=False)
    parts = [gzip.decompress(base64.b64decode(line)).decode() for line in packed().splitlines()]
    assert parts == [joined(library=False), joined(library=True)]


def run(shell: str, text: str, path: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a gateway would, with its files under `root`."""
    reader = [shell, "sh"] if shell == "busybox" else [shell]
    environment = {"PATH": path, "NATKEEPER_ROOT": str(root)}
    return subprocess.run(reader, input=text, capture_output=True, check=False, env=environment, text=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_here_unpacks_the_same_script(shell: str, tmp_path: Path) -> None:
    """What is evaluated on the gateway is the script, but for a line end. An older library makes room."""
    path = os.environ["PATH"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run/natkeeper.library-0123456789ab").write_text("old")
    for _ in range(2):
        assert run(shell, library_command(), path, tmp_path).returncode == 0
        assert len(list((tmp_path / "run").iterdir())) == 1
    show = command("").replace("eval ", "printf '%s\\n' ")
    assert run(shell, show, path, tmp_path).stdout == setup_script()


@pytest.mark.parametrize("lost", ["base64", "gzip", "sha256sum", "library", "damaged"])
def test_a_machine_that_cannot_unpack_reports_it(lost: str, tmp_path: Path) -> None:
    """Nothing of a damaged or missing script is run."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in {"base64", "gzip", "sha256sum", "sleep", "mkdir", "mv", "rm", "sh"} - {lost}:
        (tools / name).symlink_to(shutil.which(name) or name)
    if lost != "library":
        assert run("/bin/sh", library_command(), str(tools), tmp_path).returncode == 0
    if lost == "damaged":
        [library] = (tmp_path / "run").iterdir()
        library.write_text(library.read_text()[:-4])
    quick = command(parameter_block(GOOD)).replace("$n = 300", "$n = 2")
    ran = run("/bin/sh", quick, str(tools), tmp_path)
    report = parse_report(ran.stdout)
    assert isinstance(report, SetupReport)
    assert (ran.returncode, report.ready, report.has("cannot_unpack")) == (5, False, True)


def test_the_library_fits_into_a_command_of_its_own() -> None:
    """24 KB after Base64."""
    assert len(base64.b64encode(library_command().encode())) <= 24 * 1024


def test_a_command_fits_into_cloud_assistant() -> None:
    """24 KB after Base64, with room for four hundred port forwards."""
    forwards = tuple(PortForward("tcp", 8000 + number, "10.0.1.5", 80) for number in range(400))
    parameters = replace(GOOD, port_forwards=forwards)
    assert len(base64.b64encode(render(parameters))) <= 24 * 1024


def test_a_command_that_does_not_fit_is_refused_with_the_reason() -> None:
    """Better here than by the API."""
    forwards = tuple(PortForward("tcp", 1 + number * 40503 % 65521, "10.0.1.5", 80) for number in range(9000))
    with pytest.raises(TooLong, match="fewer port forwards"):
        render(SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",), port_forwards=forwards))


def test_a_command_that_just_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over that, the message says how much of the compressed order has to go: Base64 makes four of three."""
    longest = len(render(GOOD))
    monkeypatch.setattr(script, "LONGEST_COMMAND", longest)
    assert len(render(GOOD)) == longest
    monkeypatch.setattr(script, "LONGEST_COMMAND", longest - 400)
    with pytest.raises(TooLong, match=rf"is 300 bytes too long for Cloud Assistant \(compressed; {room()} fit\)"):
        render(GOOD)


def test_the_committed_template_is_the_generated_one() -> None:
    """`python -m natkeeper.guest.pack` writes it anew."""
    assert COMMITTED.read_text(encoding="utf-8") == oos_template()


def test_the_template_runs_the_same_command() -> None:
    """With the parameter put in where OOS puts it, the command is what Cloud Assistant would get."""
    template: Any = yaml.safe_load(oos_template())
    library, task = template["Tasks"]
    assert library["Properties"]["commandContent"] == library_command()
    command = task["Properties"]["commandContent"]
    placeholders = re.findall(r"\{\{.*?\}\}", command)
    assert placeholders == ["{{ setupParameters }}"]
    assert command.replace(placeholders[0], parameter_block(GOOD)) == render(GOOD).decode()


def test_the_template_lets_only_base64_into_the_command() -> None:
    """OOS refuses anything else before the task starts."""
    parameters: Any = yaml.safe_load(oos_template())["Parameters"]
    allowed = re.compile(parameters["setupParameters"]["AllowedPattern"])
    assert allowed.match(parameter_block(GOOD))
    for hostile in ("'; reboot; '", "$(reboot)", "abcdefgh\nreboot", "abcdefgh '"):
        assert not allowed.match(hostile)


def test_room_is_what_is_left_for_the_compressed_order() -> None:
    """Three bytes more do not fit any more."""
    assert len(command(base64.b64encode(b"x" * room()).decode())) <= LONGEST_COMMAND
    assert len(command(base64.b64encode(b"x" * (room() + 3)).decode())) > LONGEST_COMMAND


def test_the_longest_command_is_24_kb_after_base64() -> None:
    """The limit counts encoded bytes (RunCommand, ECS 2014-05-26)."""
    assert len(base64.b64encode(b"x" * LONGEST_COMMAND)) == 24 * 1024


def test_the_template_has_the_name_that_configurations_and_permissions_use() -> None:
    """A gateway's setup of an earlier release goes by it."""
    assert TEMPLATE_NAME == "natkeeper-gateway-setup"
