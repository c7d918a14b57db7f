"""Setups and looks: started in one run, looked at in a later one, by OOS and by Cloud Assistant alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from natkeeper.alibaba.egress_check_script import check_script
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import PowerState
from natkeeper.guest import Mode, SetupParameters, SetupReport, UnreadableReport, parameter_block, render
from natkeeper.guest.script import library_command
from natkeeper.guest.template import oos_template
from natkeeper.ports import (
    FailureKind,
    FailureSubject,
    ReadGatewayCheck,
    ReadInstances,
    ReadRelay,
    ReadSetups,
    SetupRun,
    StartGateway,
    StartGatewayCheck,
    StartRelay,
    StartSetup,
)
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local

PARAMETERS = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",))
TEMPLATE = "natkeeper-gateway-setup"


def report(*, ready: bool = True) -> bytes:
    """The line with which the setup script ends."""
    wrong = [] if ready else [{"code": "masquerade_off", "message": "nothing is masqueraded"}]
    line = {"format": 1, "mode": "apply", "ready": ready, "found": [], "changed": [], "undone": [], "wrong": wrong,
            "facts": {}, "started": 1, "finished": 2, "script": "s", "fingerprint": "f"}  # fmt: skip
    return "some noise, of déjà vu\n".encode() + json.dumps(line, separators=(",", ":")).encode() + b"\n"


def setup(local: Local, via: str, *gateways: InstanceId, token: str = "t-1") -> StartSetup:  # noqa: S107
    """Set gateways up; both of them unless named."""
    return StartSetup(via, TEMPLATE, "natkeeper-oos", gateways or (local.first, local.second), PARAMETERS, token)


def read(local: Local, via: str) -> tuple[SetupRun, ...]:
    """Read what became of the setups of the last hour."""
    runs: tuple[SetupRun, ...] = local.one(ReadSetups(via, TEMPLATE, local.now() - timedelta(hours=1)))
    return runs


def ready(run: SetupRun) -> bool:
    """Return True if the run ended with a good report."""
    return isinstance(run.report, SetupReport) and run.report.ready


@pytest.fixture(params=["oos", "assistant"])
def via(request: pytest.FixtureRequest, local: Local) -> str:
    """Both ways of setting a gateway up; for OOS the template is there."""
    way = str(request.param)
    if way == "oos":
        assert local.adapter.ensure_template(TEMPLATE, oos_template(), local.now() + timedelta(seconds=9)) is True
    return way


def test_a_setup_is_started_and_read_later(local: Local, via: str) -> None:
    """Under way it has no report; when it is over it has one, of each gateway."""
    local.guests.prints = lambda _: report()
    assert isinstance(local.one(setup(local, via)), str)
    under_way = read(local, via)
    assert {run.gateway for run in under_way} == {local.first, local.second}
    assert all(run.report is None for run in under_way)
    local.advance(60)
    over = read(local, via)
    assert {run.gateway for run in over} == {local.first, local.second}
    assert all(ready(run) for run in over)


def test_what_runs_on_the_gateway_is_the_one_script(local: Local, via: str) -> None:
    """The library, and the same command with the same parameters on either way."""
    local.one(setup(local, via, local.first))
    local.advance(60)
    (first, library), (second, script) = sorted(local.guests.scripts, key=lambda ran: b"NK_PARAMETERS" in ran[1])
    assert first == second == local.first
    assert library.decode().strip() == library_command().strip()
    assert script.decode().strip() == render(PARAMETERS).decode().strip()


def test_a_setup_that_found_something_wrong_says_what(local: Local, via: str) -> None:
    """A script that ends with an error has printed its report all the same."""
    local.guests.prints = lambda gateway: report(ready=gateway != local.second)
    local.guests.exit_code = 3
    local.one(setup(local, via))
    local.advance(60)
    reports = {run.gateway: run.report for run in read(local, via)}
    second = reports[local.second]
    assert isinstance(second, SetupReport)
    assert second.sentence == "nothing is masqueraded"


def test_a_setup_that_printed_nothing_is_unreadable(local: Local, via: str) -> None:
    """And says how it ended."""
    local.guests.exit_code = 1
    local.one(setup(local, via, local.first))
    local.advance(60)
    (run,) = read(local, via)
    assert isinstance(run.report, UnreadableReport)
    assert run.report.reason


def test_the_newest_run_of_each_gateway_comes_first(local: Local, via: str) -> None:
    """An older run is read only for gateways that have no newer one that is over."""
    local.guests.prints = lambda _: report(ready=False)
    local.one(setup(local, via))
    local.advance(60)
    local.guests.prints = lambda _: report()
    local.one(setup(local, via, local.first, token="t-2"))
    local.advance(60)
    runs = read(local, via)
    assert [(run.gateway, ready(run)) for run in runs] == [(local.first, True), (local.second, False)]
    assert runs[0].started > runs[1].started


def test_a_run_under_way_hides_nothing(local: Local, via: str) -> None:
    """The last report stays known while a new run is on its way."""
    local.guests.prints = lambda _: report()
    local.one(setup(local, via, local.first))
    local.advance(60)
    local.one(setup(local, via, local.first, token="t-2"))
    assert [run.report is None for run in read(local, via)] == [True, False]


def test_the_same_token_starts_one_setup(local: Local, via: str) -> None:
    """A request that is repeated because its answer was lost is the same request."""
    assert local.one(setup(local, via)) == local.one(setup(local, via))


def test_old_runs_are_not_read(local: Local, via: str) -> None:
    """What began before `since` is none of this sweep's business."""
    local.one(setup(local, via))
    local.advance(1800)
    since = local.now() - timedelta(seconds=60)
    assert local.one(ReadSetups(via, TEMPLATE, since)) == ()


def test_reading_setups_never_holds_a_sweep_up(local: Local, via: str) -> None:
    """OOS may be out of order while routes want to be guarded."""
    local.fault(FaultKind.SERVER_ERROR, "ListExecutions|DescribeInvocations", count=None)
    before = local.now()
    failure = local.one(ReadSetups(via, TEMPLATE, before - timedelta(hours=1)))
    assert failure.kind is FailureKind.UNREACHABLE
    assert local.now() - before < timedelta(seconds=5)


def test_a_template_that_is_missing_says_how_to_create_it(local: Local) -> None:
    """First use: one sentence that helps."""
    failure = local.one(setup(local, "oos"))
    assert (failure.kind, failure.code) == (FailureKind.GONE, "EntityNotExists.Template")
    assert "create it" in failure.message


def test_a_template_is_updated_only_when_it_differs(local: Local) -> None:
    """Creating, leaving alone, changing."""
    deadline = local.now() + timedelta(seconds=20)
    text = oos_template()
    assert local.adapter.ensure_template(TEMPLATE, text, deadline) is True
    assert local.adapter.ensure_template(TEMPLATE, text, deadline) is False
    assert local.adapter.ensure_template(TEMPLATE, text.replace("Default: 600", "Default: 300"), deadline) is True
    assert local.asked("UpdateTemplate") == ["UpdateTemplate"]


def test_oos_gets_parameters_as_data_and_no_question_asked(local: Local) -> None:
    """SafetyCheck=Skip, or an execution waits for a person; the role is named."""
    local.adapter.ensure_template(TEMPLATE, oos_template(), local.now() + timedelta(seconds=9))
    local.one(setup(local, "oos"))
    sent = next(call.params for call in local.cloud.calls if call.action == "StartExecution")
    assert sent["SafetyCheck"] == "Skip"
    assert json.loads(sent["Parameters"])["setupParameters"] == parameter_block(PARAMETERS)
    assert json.loads(sent["Parameters"])["OOSAssumeRole"] == "natkeeper-oos"


# ---- looks from a gateway --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "printed, kind, found",
    [
        (b'{"ok":true,"ip":"198.51.100.7","reason":""}\n', EgressSeen, "198.51.100.7"),
        (b'{"ok":true,"ip":"","reason":""}\n', EgressSeen, None),
        (b'noise\n{"ok":false,"ip":"","reason":"no target answered"}\n', EgressLost, "no target answered"),
    ],
)
def test_a_look_from_a_gateway_is_started_and_read(local: Local, printed: bytes, kind: Any, found: str) -> None:
    """RunCommand and DescribeInvocationResults; under way there is nothing yet."""
    local.guests.prints = lambda _: printed
    invocation = local.one(StartGatewayCheck(local.second, ("http://www.internet.test/",), 0.8))
    assert local.one(ReadGatewayCheck(invocation)) is None
    local.advance(10)
    check = local.one(ReadGatewayCheck(invocation))
    assert type(check) is kind
    assert found == (check.reason if kind is EgressLost else check.public_ip)


def test_a_look_that_did_not_run_says_nothing_of_egress(local: Local) -> None:
    """Not seen is not lost (rule 3)."""
    local.guests.exit_code = 5
    invocation = local.one(StartGatewayCheck(local.second, ("http://www.internet.test/",), 0.8))
    local.advance(10)
    failure = local.one(ReadGatewayCheck(invocation))
    assert failure.kind is FailureKind.REFUSED
    assert "produced no report" in failure.message


# ---- a relay before a planned move -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "printed, exit_code, says",
    [
        (b"armed\n", 0, ""),
        (b"10.0.0.12 does not answer by the tunnel (4790/udp)\n", 3, "10.0.0.12 does not answer by the tunnel"),
        (b"sh: 0: cannot open /etc/natkeeper/table.sh: No such file\n", 2, "cannot open /etc/natkeeper/table.sh"),
        (b"", 127, "Failed"),
    ],
)
def test_a_relay_is_armed_by_what_the_setup_left(local: Local, printed: bytes, exit_code: int, says: str) -> None:
    """One RunCommand on the new gateway; what it says when it is not armed is the reason."""
    local.guests.prints = lambda _: printed
    local.guests.exit_code = exit_code
    invocation = local.one(StartRelay(local.second, "10.0.0.12", 600))
    assert local.one(ReadRelay(invocation)) is None
    local.advance(10)
    answer = local.one(ReadRelay(invocation))
    assert says in answer
    assert bool(says) == bool(answer)
    gateway, script = local.guests.scripts[-1]
    assert gateway == local.second
    assert script.endswith(b'/etc/natkeeper/table.sh" arm 10.0.0.12 600\n')


# ---- a cold standby --------------------------------------------------------------------------------------


def test_a_stopped_gateway_is_started_and_one_that_runs_is_busy(local: Local) -> None:
    """StartInstance: success means that it boots; for another state there is one try and the platform's own code."""
    local.cloud.ecs.stop(local.second)
    local.advance(60)
    assert local.one(ReadInstances((local.second,)))[local.second].status is PowerState.STOPPED
    assert local.one(StartGateway(local.second)) is None
    local.advance(60)
    assert local.one(ReadInstances((local.second,)))[local.second].status is PowerState.RUNNING
    before = len(local.cloud.calls)
    failure = local.one(StartGateway(local.second))
    assert (failure.kind, failure.names, failure.code) == (
        FailureKind.BUSY,
        FailureSubject.HOP,
        "IncorrectInstanceStatus",
    )
    assert len(local.cloud.calls) == before + 1


class WebTarget(BaseHTTPRequestHandler):
    """A web server on loopback that tells an address, or fails."""

    def do_GET(self) -> None:
        status, body = (500, b"") if self.path == "/broken" else (200, b"198.51.100.7\n")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def target() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), WebTarget)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def run_check(*targets: str, path: str = os.defpath) -> dict[str, Any]:
    """Run the look script here, as a gateway would."""
    done = subprocess.run(
        ["/bin/sh", "-c", check_script(targets, 0.5).decode()], capture_output=True, check=True, env={"PATH": path}
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")


@needs_curl
def test_the_script_sees_a_url_and_tells_its_address(target: str) -> None:
    """The second target answers."""
    assert run_check("http://127.0.0.1:9/", f"http://{target}/") == {"ok": True, "ip": "198.51.100.7", "reason": ""}


@needs_curl
def test_the_script_sees_a_port(target: str) -> None:
    """host:port is a connection, nothing more."""
    assert run_check(target)["ok"] is True
    assert run_check("127.0.0.1:9")["ok"] is False


@needs_curl
def test_the_script_takes_a_server_fault_for_no_answer(target: str) -> None:
    """A middlebox that answers 500 is not the internet."""
    assert run_check(f"http://{target}/broken")["ok"] is False


@needs_curl
def test_a_target_is_data_whatever_it_holds(tmp_path: Path) -> None:
    """Nothing in a target is executed (rule 10)."""
    trap = tmp_path / "trap"
    assert run_check(f"$(touch {trap})", f"`touch {trap}`", f"';touch {trap};'")["ok"] is False
    assert not trap.exists()
