"""A drill puts back what it broke: where stopping is slow, where calls are refused or lost, and however it is ended.

What can be ended in the middle runs in its own process, and a real signal ends it at a moment that is read from the
calls that the local cloud received.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.latencies import Latencies
from tests.cli.town import ROOT, Command, Workspace
from tests.contract.watching import ContractWatch

SLOW_STOP_S = 5.0


@pytest.fixture(autouse=True)
def contract_watch(contract_watch: ContractWatch | None) -> Iterator[ContractWatch | None]:
    """Every exchange is checked, but for ListVpcBindings: fc3 reads it, and the metadata at hand has not got it."""
    yield contract_watch
    if contract_watch:
        contract_watch.problems[:] = [each for each in contract_watch.problems if "vpc-bindings" not in each]


@pytest.fixture
def slow(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A deployed town in which an instance takes seconds to stop."""
    place.guests.state = place.home / "network.json"
    place.settle()
    place.cloud.latencies = Latencies(scale=0.01, overrides={"ecs.instance.stop": SLOW_STOP_S})
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.BEFORE_S", 0.3)
    monkeypatch.setattr("natkeeper.cli.drill.rehearsal.POLL_S", 0.1)
    monkeypatch.setattr("natkeeper.cli.drill.restore.POLL_S", 0.1)
    monkeypatch.setattr("natkeeper.cli.drill.restore.STEADY_S", 2.0)
    return place


def state(place: Workspace) -> tuple[str, str | None]:
    """Where the route goes, and how the first gateway is."""
    return place.hop, place.cloud.ecs.status_of(place.a)


def journals() -> list[Path]:
    return list(Path(os.environ["XDG_STATE_HOME"], "natkeeper").glob("*/drill-*.json"))


def test_a_gateway_that_stops_slowly_runs_again(slow: Workspace, natkeeper: Command) -> None:
    """It is started once it is Stopped, and not while it is Stopping, when the platform refuses."""
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert ended.code == 0, ended
    assert state(slow) == (slow.a, "Running")
    starts = [call for call in slow.cloud.calls if call.action == "StartInstance"]
    assert [call.error for call in starts] == [""]
    assert f"nat-a ({slow.a}) is Stopping" in ended.err
    assert not journals()


def test_a_start_that_is_refused_is_tried_until_it_is_granted(slow: Workspace, natkeeper: Command) -> None:
    """The platform refuses for a while what it grants later."""
    slow.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="StartInstance", count=30, code="IncorrectInstanceStatus", status=403)
    )
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert (ended.code, state(slow)) == (0, (slow.a, "Running")), ended


def test_a_stop_whose_answer_was_lost_is_put_back(slow: Workspace, natkeeper: Command) -> None:
    """The command cannot know whether it happened: it looks, and starts what is stopped."""
    slow.cloud.faults.add(CallFault(FaultKind.TIMEOUT, action="StopInstance", count=1, seconds=20, executed=True))
    slow.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="StopInstance", count=99, code="Forbidden.RAM", status=403)
    )
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes", "--json")
    assert ended.code == 1
    assert "the drill could not go on" in ended.data["reasons"][0]
    assert "left" not in ended.data
    assert state(slow) == (slow.a, "Running")


def test_a_notice_whose_answer_was_lost_is_cancelled(slow: Workspace, natkeeper: Command) -> None:
    """It is found by its time: the id was in the answer that never came."""
    slow.cloud.faults.add(
        CallFault(FaultKind.TIMEOUT, action="CreateSimulatedSystemEvents", count=1, seconds=20, executed=True)
    )
    ended = natkeeper("drill", "prod", "--kind", "maintenance", "--yes")
    assert ended.code in (0, 1)
    assert state(slow) == (slow.a, "Running")
    answer = slow.cloud.call(
        "ecs", "DescribeInstancesFullStatus", {"RegionId": slow.cloud.region, "InstanceId.1": slow.a}
    )
    assert "SystemMaintenance" not in str(answer)
    assert any(call.action == "CancelSimulatedSystemEvents" and not call.error for call in slow.cloud.calls)


def test_what_cannot_be_put_back_is_said_with_the_command_that_mends_it(
    slow: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard output, in the JSON, in the exit code; a further drill is refused until it is mended."""
    monkeypatch.setattr("natkeeper.cli.drill.restore.RUNNING_WITHIN_S", 7.0)
    slow.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="StartInstance", code="IncorrectInstanceStatus", status=403)
    )
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert ended.code == 1
    assert f"nat-a ({slow.a}) is Stopped, and starting it was refused" in ended.out
    assert "mend it with: natkeeper drill prod --restore" in ended.out
    again = natkeeper("drill", "prod", "--yes")
    assert (again.code, "natkeeper drill prod --restore" in again.err) == (5, True)
    slow.cloud.faults.clear()
    mended = natkeeper("drill", "--restore")
    assert (mended.code, state(slow)) == (0, (slow.a, "Running")), mended
    assert "Everything is back as it was." in mended.out
    assert not journals()


def test_every_route_goes_back_to_its_own_gateway(slow: Workspace, natkeeper: Command) -> None:
    """With zone affinity the routes of one group have different homes; a drill of one gateway keeps the other's."""
    other = slow.cloud.vpc.create_route_table(slow.vpc, [], name="zone-i")
    slow.cloud.vpc.add_route(other, "0.0.0.0/0", slow.b)
    slow.write(routes=[{"table": slow.table}, {"table": other, "prefer": slow.b}])
    slow.deploy_template()
    ended = natkeeper("drill", "prod", "--kind", "stop", "--yes")
    assert ended.code == 0, ended
    entry = slow.cloud.vpc.route(other)
    assert entry is not None
    assert (state(slow), entry.next_hop.id) == ((slow.a, "Running"), slow.b)


def test_without_anything_written_down_stopped_gateways_are_started(slow: Workspace, natkeeper: Command) -> None:
    """The drill ran on another machine: its file is not here, and the account is."""
    slow.cloud.ecs.stop(slow.a, force=True)
    slow.wait_for_status(slow.a, "Stopped")
    asked = natkeeper("drill", "prod", "--restore")
    assert asked.code == 2
    assert f"start nat-a ({slow.a})?" in " ".join(asked.err.split())
    assert natkeeper("drill", "prod", "--restore", "--yes").code == 0
    assert slow.cloud.ecs.status_of(slow.a) == "Running"
    nothing = natkeeper("drill", "prod", "--restore")
    assert (nothing.code, "Nothing to put back" in nothing.out) == (0, True)


# ---- ended in the middle, in a process of its own -------------------------------------------------------------


def spawn(place: Workspace) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "natkeeper.cli", "drill", "prod", "--kind", "stop", "--yes"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
        cwd=place.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def called(place: Workspace, action: str, count: int = 1) -> Callable[[], bool]:
    return lambda: sum(call.action == action for call in list(place.cloud.calls)) >= count


def wait_until(wanted: Callable[[], bool], within_s: float = 60.0) -> None:
    until = time.monotonic() + within_s
    while not wanted():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize(
    "moment, after_s, number",
    [
        ("InvokeFunction", 0.0, signal.SIGINT),  # it looks whether it may
        ("StopInstance", 0.0, signal.SIGINT),  # the answer of the stop is on its way
        ("StopInstance", 0.3, signal.SIGINT),
        ("StopInstance", 2.5, signal.SIGTERM),
        ("ModifyRouteEntry", 0.5, signal.SIGHUP),  # a terminal that is closed while it waits for the looks
    ],
)
def test_whenever_it_is_interrupted_the_gateway_runs_again(
    slow: Workspace, moment: str, after_s: float, number: signal.Signals
) -> None:
    """The command does not end before, and says so; where nothing was broken yet, it says that."""
    drill = spawn(slow)
    wait_until(called(slow, moment))
    time.sleep(after_s)
    drill.send_signal(number)
    out, err = drill.communicate(timeout=90)
    assert drill.returncode in (130, -number), (out, err)
    assert "Traceback" not in err
    if called(slow, "StopInstance")():
        assert "everything is back as it was" in err
        assert state(slow) == (slow.a, "Running")
    assert not journals()


def test_a_second_ctrl_c_says_what_is_still_broken_and_restore_mends_it(slow: Workspace, natkeeper: Command) -> None:
    """A person who insists gets the prompt back, with the gateway's state and the command."""
    drill = spawn(slow)
    wait_until(called(slow, "StopInstance"))
    drill.send_signal(signal.SIGINT)
    time.sleep(1.5)
    drill.send_signal(signal.SIGINT)
    drill.send_signal(signal.SIGINT)
    out, err = drill.communicate(timeout=30)
    # The third may meet a process that has said all and is ending: a shell says 130 of both.
    assert drill.returncode in (130, -signal.SIGINT), (out, err)
    assert f"still broken: nat-a ({slow.a}) is Stopping and was Running before the drill" in err
    assert "natkeeper drill prod --restore" in err
    mended = natkeeper("drill", "prod", "--restore")
    assert (mended.code, f"nat-a ({slow.a}) is" in mended.err) == (0, True), mended
    assert state(slow) == (slow.a, "Running")


def test_a_drill_that_is_killed_is_put_back_by_restore(slow: Workspace, natkeeper: Command) -> None:
    """What it was about to break was written down before."""
    drill = spawn(slow)
    wait_until(called(slow, "StopInstance"))
    drill.kill()
    drill.communicate(timeout=30)
    (journal,) = journals()
    assert slow.a in journal.read_text(encoding="utf-8")
    assert natkeeper("drill", "prod", "--restore").code == 0
    assert state(slow) == (slow.a, "Running")
    assert not journals()
