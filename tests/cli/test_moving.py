"""Commands that act, end to end: command line, FC, the function in a process of its own, VPC."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from natkeeper.cli.commands import actions
from natkeeper.cli.errors import Unreached
from natkeeper.cli.invoke import Asker
from natkeeper.ports import Failure
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cli.town import ROOT, SEEN_IP, Command, Workspace


def test_switch_moves_the_route_through_the_function(deployed: Workspace, natkeeper: Command) -> None:
    """The route is on the other gateway, the internet was seen through it, and the sentence says so."""
    ended = natkeeper("switch", "prod", "--to", deployed.b)
    assert ended.code == 0, ended
    assert deployed.hop == deployed.b
    assert f"from nat-a ({deployed.a}) to nat-b ({deployed.b}): a person asked for nat-b ({deployed.b})" in " ".join(
        ended.out.split()
    )
    assert SEEN_IP in ended.out


def test_a_request_that_changes_nothing_names_gateways_too(place: Workspace, natkeeper: Command) -> None:
    """A switch to where the route is, and the end of a pause that there is not; a sweep that finds nothing to do."""
    assert f"nat-a ({place.a})" in natkeeper("sweep", "--direct").out
    assert f"nat-a ({place.a})" in natkeeper("switch", "prod", "--to", place.a, "--direct").out
    assert place.a not in natkeeper("resume", "prod", "--direct").out.replace(f"nat-a ({place.a})", "")


def test_a_dry_run_moves_nothing(deployed: Workspace, natkeeper: Command) -> None:
    """It says what would be done, to the best standby where none is named."""
    ended = natkeeper("switch", "prod", "--dry-run", "--json")
    assert (ended.code, deployed.hop) == (0, deployed.a)
    (receipt,) = ended.data["receipts"]
    words = natkeeper("switch", "prod", "--dry-run").out
    assert "prod: nothing was done: would move" in words
    assert "under way" not in words
    assert receipt["sentence"].startswith(f"would move 0.0.0.0/0 in {deployed.table} from {deployed.a} to {deployed.b}")


@pytest.mark.parametrize(
    "flags, asked, told",
    [
        (["--wait"], ["switch", "sweep", "sweep"], ["step 1", "step 3"]),
        ([], ["switch"], ["step 1"]),
    ],
)
@pytest.mark.usefixtures("place")
def test_wait_asks_until_the_move_is_settled(
    natkeeper: Command, monkeypatch: pytest.MonkeyPatch, flags: list[str], asked: list[str], told: list[str]
) -> None:
    """Only if asked to; what the first answer did stays part of what is told."""
    requests: list[Any] = []

    def ask(_: Asker, request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        outcome = "waiting" if len(requests) < 3 else "changed"
        return {"receipts": [{"group": "prod", "outcome": outcome, "sentence": f"step {len(requests)}"}]}

    monkeypatch.setattr(Asker, "ask", ask)
    monkeypatch.setattr(actions, "LOOK_AGAIN_S", 0.01)
    ended = natkeeper("switch", "prod", *flags, "--table", "vtb-1", "--to", "i-b", "--json")
    assert [each["action"] for each in requests] == asked
    assert {each["group"] for each in requests} == {"prod"}
    assert requests[0]["dry_run"] is ("--dry-run" in flags)
    assert (requests[0]["to"], requests[0]["table"], requests[0]["force"]) == ("i-b", "vtb-1", False)
    assert [receipt["sentence"] for receipt in ended.data["receipts"]] == told


def test_wait_looks_every_two_seconds_and_gives_up_after_three_minutes() -> None:
    """A move that does not settle is an error of its own, which says where to look."""
    asks: list[bytes] = []
    now = 0.0

    class Never:
        name = "the function"

        def once(self, payload: bytes) -> tuple[bytes, str]:
            asks.append(payload)
            return b'{"receipts": [{"group": "prod", "outcome": "waiting", "sentence": "."}]}', ""

        def failure(self, error: Exception) -> Failure:
            raise error

    def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds == actions.LOOK_AGAIN_S
        now += seconds

    asker = Asker(Never(), print, sleeper=sleep, monotonic=lambda: now)
    with pytest.raises(Unreached, match=r"the move of prod was not settled within 180 s"):
        actions._settled(asker, "prod", asker.ask({"action": "switch", "group": "prod"}))
    assert len(asks) == 1 + 90


def test_an_unwell_gateway_is_refused_until_it_is_forced(place: Workspace, natkeeper: Command) -> None:
    """The refusal says why and what would be accepted; --force does it, and says what it is like."""
    place.cloud.ecs.stop(place.b, force=True)
    place.wait_for_status(place.b, "Stopped")
    refused = natkeeper("switch", "prod", "--to", place.b, "--direct")
    assert (refused.code, place.hop) == (5, place.a)
    assert f"nat-b ({place.b}) is Stopped; --force switches all the same" in refused.out
    natkeeper("switch", "prod", "--to", place.b, "--force", "--direct")
    assert place.hop == place.b


def test_direct_needs_no_function(place: Workspace, natkeeper: Command) -> None:
    """Nothing is deployed, and the route moves all the same; Cloud Assistant looks, which proves too little."""
    place.write(probe=None)
    ended = natkeeper("switch", "prod", "--to", place.b, "--direct", "--wait")
    assert (ended.code, place.hop) == (1, place.b), ended
    assert "nobody has seen yet that it forwards" in ended.out
    assert not [
        call
        for call in place.cloud.calls
        if call.product == "fc" and call.action == "InvokeFunction" and not call.error
    ]


def test_fc2_asks_a_function_of_a_service(place: Workspace, natkeeper: Command) -> None:
    """The same request by the SDK of FC 2.0."""
    _service(place)
    place.deploy(service="natkeeper")
    ended = natkeeper("switch", "prod", "--to", place.b, "--fc2", "natkeeper/natkeeper-failover", "--json")
    assert ended.code in (0, 1), ended
    assert place.hop == place.b
    missing = natkeeper("status", "--fc2", "natkeeper/other")
    assert (missing.code, missing.out) == (3, "")
    assert "there is no function natkeeper/other of FC 2.0" in missing.err


def _service(place: Workspace) -> None:
    import fc2

    client = fc2.Client(
        endpoint=place.cloud.endpoint, accessKeyID=place.key.access_key_id, accessKeySecret=place.key.access_key_secret
    )
    client.create_service("natkeeper")


def test_pause_and_resume_are_remembered_in_the_route(deployed: Workspace, natkeeper: Command) -> None:
    """While it lasts a switch is refused; after resume it is not."""
    paused = natkeeper("pause", "prod", "--for", "2h", "--why", "changing the firewall")
    assert paused.code == 0, paused
    assert "by a person: changing the firewall" in " ".join(paused.out.split())
    entry = deployed.cloud.vpc.route(deployed.table)
    assert entry is not None
    assert "changing the firewall" in entry.description
    assert natkeeper("switch", "prod").code == 5
    assert "paused until" in natkeeper("status").out
    assert natkeeper("resume", "prod").code == 0
    assert natkeeper("switch", "prod").code == 0
    assert deployed.hop == deployed.b


@pytest.mark.parametrize("length", ["0m", "two hours", "31d"])
def test_a_pause_of_an_impossible_length_is_refused(place: Workspace, natkeeper: Command, length: str) -> None:
    """natkeeper's own sentence comes through, as a wrong request."""
    ended = natkeeper("pause", "prod", "--for", length, "--why", "x", "--direct")
    assert ended.code == 2
    assert "pause: for must be" in ended.err


def test_setup_runs_on_one_gateway_or_all(place: Workspace, natkeeper: Command) -> None:
    """An instance id is enough to know the group."""
    place.write(setup={"via": "assistant"})
    ended = natkeeper("setup", place.b, "--direct", "--json")
    assert (ended.code, ended.data["receipts"][0]["did"]) == (0, [f"started the setup of {place.b}"])
    both = natkeeper("setup", "prod", "--direct")
    assert f"started the setup of nat-a ({place.a}), nat-b ({place.b})" in both.out
    stranger = natkeeper("setup", "i-stranger", "--direct")
    assert stranger.code == 2
    assert f"gateways are: prod: {place.a}, {place.b}" in stranger.err


@pytest.mark.parametrize("command", [["switch", "prod", "--direct", "--to"], ["setup", "--direct"]])
def test_a_gateway_may_be_called_by_its_name(place: Workspace, natkeeper: Command, command: list[str]) -> None:
    """Nobody knows ids by heart; a name that no gateway has is answered with all of them."""
    place.write(setup={"via": "assistant"})
    ended = natkeeper(*command, "nat-b", "--json")
    assert place.b in str(ended.data["receipts"][0]["did"]), ended
    for wrong in ("nat-c", place.table):
        refused = natkeeper(*command, wrong)
        assert refused.code == 2
        assert f"no gateway is called '{wrong}'" in refused.err
        assert f"gateways are: nat-a ({place.a}), nat-b ({place.b})" in refused.err
    assert "Did you mean nat-" in natkeeper(*command, "nat-c").err


def test_two_gateways_of_one_name_have_to_be_told_apart(place: Workspace, natkeeper: Command) -> None:
    """A guess could move the route to the wrong one."""
    place.cloud.ecs._state.instances.put(place.b, replace(place.cloud.ecs.instance(place.b), name="nat-a"))
    ended = natkeeper("switch", "prod", "--to", "nat-a", "--direct")
    assert ended.code == 2
    assert "more than one gateway is called 'nat-a'" in ended.err
    assert place.hop == place.a


def test_a_group_that_was_mistyped_is_guessed(place: Workspace, natkeeper: Command) -> None:
    """In every command that takes one."""
    for command in (["switch", "prdo"], ["setup", "prdo"], ["status", "prdo"]):
        ended = natkeeper(*command, "--direct")
        assert (ended.code, "Did you mean prod?" in ended.err) == (2, True), ended


def test_sweep_repairs_what_it_finds(place: Workspace, natkeeper: Command) -> None:
    """A route that goes through a stopped gateway moves; a quiet sweep says so."""
    quiet = natkeeper("sweep", "--direct")
    assert (quiet.code, place.hop) == (0, place.a)
    place.cloud.ecs.stop(place.a, force=True)
    place.wait_for_status(place.a, "Stopped")
    moved = natkeeper("sweep", "prod", "--direct")
    assert place.hop == place.b
    assert f"nat-a ({place.a}) is Stopped" in moved.out


def test_attention_is_an_exit_code(place: Workspace, natkeeper: Command) -> None:
    """A route that someone else set is left there, reported, and makes the exit code 1."""
    stranger = place.cloud.ecs.create_instance(place.private, name="other", public_ip="")
    params = {"RegionId": place.cloud.region, "RouteTableId": place.table, "DestinationCidrBlock": "0.0.0.0/0"}
    place.cloud.call("vpc", "ModifyRouteEntry", {**params, "NewNextHopType": "Instance", "NewNextHopId": stranger})
    ended = natkeeper("sweep", "--direct")
    assert ended.code == 1
    assert "which someone else set: natkeeper leaves it" in ended.out


def test_a_run_under_way_is_waited_for(
    deployed: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FC answers 429 while the one instance is busy: the command says so once and asks again."""
    throttle = CallFault(FaultKind.ERROR_CODE, action="InvokeFunction", count=2, code="ResourceThrottled", status=429)
    deployed.cloud.faults.add(throttle)
    monkeypatch.setattr("natkeeper.cli.invoke.AGAIN_S", 0.01)
    ended = natkeeper("status")
    assert ended.code == 0, ended
    assert ended.err.count("a run is under way") == 1


def test_a_function_that_breaks_is_told_in_a_sentence(place: Workspace, natkeeper: Command) -> None:
    """FC's error kind and what the function said, and the way round."""
    body: dict[str, Any] = {
        "functionName": "natkeeper-failover",
        "runtime": "python3.12",
        "handler": "index.handler",
        "code": {"zipFile": _source("def handler(event, context):\n    raise ValueError('no such luck')\n")},
    }
    place.cloud.fc.create_function(body)
    ended = natkeeper("sweep")
    assert ended.code == 1
    assert "failed (UnhandledInvocationError)" in ended.err
    assert "no such luck" in ended.err
    assert "--direct" in ended.err


def _source(text: str) -> str:
    from tests.cli.town import _zipped

    return _zipped({"index.py": text})


def test_without_a_function_the_command_says_what_to_do(place: Workspace, natkeeper: Command) -> None:
    """Exit 3, with the three ways on."""
    ended = natkeeper("switch", "prod")
    assert ended.code == 3
    assert "there is no function natkeeper-failover" in ended.err
    for way in ("s deploy", "--function", "--fc2", "--direct"):
        assert way in ended.err


def test_an_interruption_says_what_goes_on(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the command with 130 and leaves the run to end by itself."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("natkeeper.cli.invoke.Asker.ask", interrupted)
    ended = natkeeper("switch", "prod")
    assert ended.code == 130
    assert "ends by itself" in ended.err


def test_no_thread_is_left_behind(place: Workspace, natkeeper: Command) -> None:
    """A command in this process ends as a whole."""
    before = {thread.name for thread in threading.enumerate() if not thread.daemon}
    natkeeper("sweep", "--direct")
    assert {thread.name for thread in threading.enumerate() if not thread.daemon} <= before


def test_ctrl_c_in_the_middle_leaves_what_the_next_sweep_repairs(place: Workspace, natkeeper: Command) -> None:
    """The write was on its way when the person gave up; what it left is verified or finished, not undone."""
    place.write(probe=None)
    slow = CallFault(FaultKind.SLOW, action="ModifyRouteEntry", count=1, seconds=5.0)
    place.cloud.faults.add(slow)
    command = [sys.executable, "-m", "natkeeper.cli", "switch", "prod", "--direct"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "shared")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        asked = place.cloud.fc.wait_for(lambda: any(c.action == "ModifyRouteEntry" for c in place.cloud.calls), 0.02)
        while not asked and running.poll() is None:
            asked = place.cloud.fc.wait_for(
                lambda: any(c.action == "ModifyRouteEntry" for c in place.cloud.calls), 0.02
            )
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=20)
    assert running.returncode == 130, told
    assert "interrupted" in told
    assert "Traceback" not in told
    swept = natkeeper("sweep", "--direct", "--json")
    assert (swept.code, place.hop) == (0, place.b), swept
    assert swept.data["receipts"][0]["egress_ip"], "Cloud Assistant looked on the new gateway"
