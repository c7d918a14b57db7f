"""Running scripts on simulated machines: results, time-outs, machines that stop, and nothing of the host touched."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import natlab.simulated.guest
from natlab.cloud.dataplane import CommandResult, DataPlane
from natlab.simulated.dataplane import SimulatedDataPlane
from tests.simulated.conftest import MakeGuest

PATIENCE_S = 30.0


@pytest.fixture
def ground() -> Iterator[SimulatedDataPlane]:
    """One machine, switched on."""
    data_plane = SimulatedDataPlane()
    data_plane.create_vswitch("vsw-1", "10.0.0.0/24", "vpc-1")
    data_plane.create_instance("i-1", "10.0.0.11", "vsw-1")
    data_plane.power_on("i-1")
    yield data_plane
    data_plane.close()


class Waiter:
    """Collects the result of a command."""

    def __init__(self) -> None:
        self.results: list[CommandResult] = []
        self._arrived = threading.Event()

    def __call__(self, result: CommandResult) -> None:
        self.results.append(result)
        self._arrived.set()

    def wait(self) -> CommandResult:
        """The result, once it is there."""
        assert self._arrived.wait(PATIENCE_S)
        return self.results[0]


def test_it_is_a_data_plane() -> None:
    """mypy checks the assignment; the test keeps it."""
    simulated = SimulatedDataPlane()
    data_plane: DataPlane = simulated
    data_plane.reset()
    simulated.close()


def test_a_script_runs_and_its_end_is_told_once(ground: SimulatedDataPlane) -> None:
    """Exit status and output, from a thread of its own."""
    waiter = Waiter()
    ground.run("i-1", b"echo hello; echo oops >&2; exit 7", PATIENCE_S, waiter)
    result = waiter.wait()
    assert (result.exit_code, result.error) == (7, "")
    assert result.output.split() == [b"hello", b"oops"]
    assert len(waiter.results) == 1


def test_a_script_that_takes_too_long_is_ended(ground: SimulatedDataPlane) -> None:
    """With everything it started; what it printed is kept."""
    waiter = Waiter()
    ground.run("i-1", b"echo begun; sleep 1000 & sleep 1000", 1.5, waiter)
    result = waiter.wait()
    assert (result.output, result.error) == (b"begun\n", "Timeout")
    assert result.exit_code != 0


@pytest.mark.parametrize("end", ["power_off", "hang"])
def test_a_machine_that_stops_never_answers(ground: SimulatedDataPlane, end: str) -> None:
    """Neither for a script under way nor for a later one, and it has no heartbeat."""
    waiter = Waiter()
    begun = ground.guests["i-1"].directory / "root" / "begun"
    ground.run("i-1", b"echo > begun; sleep 1000", PATIENCE_S, waiter)
    for _ in range(int(PATIENCE_S / 0.01)):
        if begun.exists():
            break
        threading.Event().wait(0.01)
    assert ground.agent_alive("i-1")
    getattr(ground.guests["i-1"], end)()
    assert not ground.agent_alive("i-1")
    ground.run("i-1", b"true", PATIENCE_S, waiter)
    for thread in threading.enumerate():
        if thread.name == "script on i-1":
            thread.join(PATIENCE_S)
    assert waiter.results == []


def test_unknown_machines_have_no_agent(ground: SimulatedDataPlane) -> None:
    """And run nothing."""
    waiter = Waiter()
    ground.run("i-none", b"true", 1, waiter)
    assert not ground.agent_alive("i-none")
    assert waiter.results == []


def test_power_on_boots_only_what_has_no_power(ground: SimulatedDataPlane) -> None:
    """Runtime state is lost by a reboot and not by switching on twice."""
    machine = ground.guests["i-1"]
    with machine.by_hand() as state:
        state["sysctl"]["net.ipv4.ip_forward"] = "1"
    ground.power_on("i-1")
    assert machine.state["sysctl"]["net.ipv4.ip_forward"] == "1"
    machine.reboot()
    assert machine.state["sysctl"]["net.ipv4.ip_forward"] == "0"


def test_scripts_find_only_shims_and_text_tools(fresh: MakeGuest) -> None:
    """A clean environment, and no program that could change the host's network, packages or services."""
    guest = fresh()
    result = guest.run(
        b"env; echo; for p in python3 mount ip6tables reboot su chroot; do command -v $p; done; true", 20
    )
    assert result is not None
    environment, found = result.output.decode().split("\n\n")
    names = {line.partition("=")[0] for line in environment.splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "NATKEEPER_ROOT", "TMPDIR", "HOME", "NATLAB_SHIMS"}
    assert found.strip() == ""
    for program in ("ip", "nft", "iptables", "sysctl", "systemctl", "curl", "firewall-cmd", "apt-get", "id", "sshd"):
        assert os.readlink(guest.directory / "bin" / program) == ".shim"  # noqa: PTH115 -- the text of the link


@pytest.mark.parametrize(
    "script, output",
    [
        (
            "id -u; sysctl -n no.key; echo $?",
            b"0\nsysctl: cannot stat /proc/sys/no/key: No such file or directory\n255\n",
        ),
        ("sysctl -n no.key 2>/dev/null || id -u | cat", b"0\n"),
        ('x=$(id -u); echo "<$x>"', b"<0>\n"),
        ("{ id -u; echo a; id -u; } >f; id -u >>f; cat f", b"0\na\n0\n0\n"),
        ("ss -lntu | { read -r first _; id -u; echo $first; }", b"0\nNetid\n"),
        ("mkdir d; cd d; echo { >f; nginx -t -q -c f", b'nginx: [emerg] unexpected end of file, expecting "}"\n'),
        ("env -i PATH=$PATH id -u", b"0\n"),
        ("(id -u)& (id -u)& (id -u)& wait", b"0\n0\n0\n"),
        ("timeout -s KILL 0.001 id -u; sleep 0.1; echo over; id -u", b"over\n0\n"),
        ("(sleep 0.3; id -u)& echo over", b"over\n0\n"),
        ("systemctl; echo no", b"IndexError: list index out of range\nno\n"),
        ("sh -c 'kill -TERM $$'; echo $?; exit 7", b"143\n"),
    ],
)
@pytest.mark.parametrize("served", [True, False], ids=["served", "each a Python"])
def test_programs_of_a_script_do_the_same_served_or_not(
    script: str, output: bytes, *, served: bool, fresh: MakeGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments, directory, both outputs, status, concurrency; a file that several write; what outlives the script."""
    if not served:
        monkeypatch.setattr(natlab.simulated.guest, "_MKFIFO", None)
    machine = fresh()
    (machine.directory / "bin/nginx").symlink_to(".shim")
    result = machine.run(script.encode(), PATIENCE_S)
    assert result is not None
    assert result.output.endswith(output)
    assert result.exit_code == (7 if "exit 7" in script else 1 if "nginx" in script else 0)
    assert list(machine.directory.glob("shims-*")) == []


def test_a_look_with_curl_sees_the_public_address(fresh: MakeGuest) -> None:
    """As the command line of curl asks: body, status, time, or silence."""
    guest = fresh()
    look = b"curl -s http://www.internet.test/; echo; curl -s -o /dev/null -w '%{http_code} %{time_connect}' http://x/"
    result = guest.run(look, 20)
    assert result is not None
    assert result.output == b"198.51.100.7\n200 0.001200"
    guest.tell_world("", reaches_internet=False)
    result = guest.run(look, 20)
    assert result is not None
    assert (result.output, result.exit_code) == (b"\n000 0.000000", 28)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing removes every directory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data_plane = SimulatedDataPlane()
    data_plane.create_vswitch("vsw-1", "10.0.0.0/24", "vpc-1")
    data_plane.create_instance("i-1", "10.0.0.11", "vsw-1")
    data_plane.close()
    assert list(tmp_path.iterdir()) == []
