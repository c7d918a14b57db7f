"""The function's shell: an answer whatever happens, logs that a machine can read, and no secret in them."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.alibaba.clock import SteadyClock
from natkeeper.failover import handler
from natkeeper.failover.run import Told
from natkeeper.ports import FailureKind, HandOver, ReadConditions, ReadInstances, ReadRoutes
from tests.fakes.stage import TABLE, A, B, Stage, group, person, timer
from tests.fakes.things import Timings

SECRET = "geheim-0123456789"
CONTEXT = SimpleNamespace(request_id="1-6741", account_id="1000000000000001")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cold instance, with credentials as Function Compute hands them over."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-made-up-id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", f"{SECRET}-token")
    monkeypatch.setattr(handler, "_TOLD", Told())
    monkeypatch.setattr(handler, "_RAISED", deque(maxlen=1))
    reader = handler.load_config
    reader.cache_clear()
    yield
    reader.cache_clear()


@pytest.fixture
def woken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, with the function's shell put around it."""
    put_around(stage, monkeypatch)
    return stage


def put_around(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handler run on the stage's world and time."""
    monkeypatch.setattr(handler, "load_config", lambda: stage.config)
    monkeypatch.setattr(handler, "_cloud", lambda _region: stage.cloud)
    monkeypatch.setattr(handler, "_CLOCK", stage.world.steady())


def ask(payload: object) -> dict[str, Any]:
    """Invoke the handler as the runtime does."""
    answer = json.loads(handler.handler(json.dumps(payload).encode(), CONTEXT))
    assert isinstance(answer, dict)
    return answer


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every line of the log, each of which must be a JSON object."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_ends_with_its_receipt(woken: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Answer and last line of the log are the same receipt, with the platform's request id."""
    woken.world.stop(A)
    answer = ask(woken.state(A, "Stopping"))
    assert answer["ok"] is True
    (receipt,) = answer["receipts"]
    assert receipt["run"] == "1-6741"
    last = lines(capsys)[-1]
    assert last == {"level": "info", "message": receipt["sentence"], "receipt": receipt}


def test_groups_that_need_nothing_share_a_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A quiet minute of many groups is one short line."""
    stage = Stage(
        {f"g{n}": group(gateways=[f"i-one{n}"], routes=[{"table": f"vtb-t{n:02}"}], probe=None) for n in range(9)}
    )
    put_around(stage, monkeypatch)
    ask(timer())
    (line,) = lines(capsys)
    assert line["message"] == "9 group(s) need nothing: g0, g1, g2, g3, g4 …"
    assert len(json.dumps(line)) < 300


def test_trouble_is_a_warning(woken: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """So that an alarm on the log can find it."""
    woken.world.stop(A)
    woken.world.stop(B)
    assert ask(timer())["ok"] is False
    assert lines(capsys)[-1]["level"] == "warning"


def test_problems_of_a_quiet_run_are_in_the_log(woken: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was to do, but something could not be read: a person who looks at the log finds it."""
    woken.cloud.fail(ReadConditions, FailureKind.DENIED, code="Forbidden.RAM")
    assert ask(timer())["ok"] is True
    (line,) = lines(capsys)
    assert line["level"] == "warning"
    assert "Forbidden.RAM" in line["receipt"]["problems"][0]


def test_what_was_ignored_or_refused_is_said_and_why(woken: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """An event of a stranger is ignored and fine; a wish that cannot be meant is refused and is not."""
    assert ask(woken.state("i-stranger", "Stopped"))["ok"] is True
    refused = ask(person("swich"))
    assert refused["ok"] is False
    assert "unknown action" in refused["error"]
    assert [line["level"] for line in lines(capsys)] == ["info", "warning"]


@pytest.mark.parametrize("context", [None, object(), SimpleNamespace(request_id=None)])
def test_a_runtime_without_request_ids_gets_one_of_ours(woken: Stage, context: object) -> None:
    """Whatever the context is, the receipt names its run."""
    woken.world.stop(A)
    answer = json.loads(handler.handler(json.dumps(woken.state(A, "Stopping")).encode(), context))
    assert answer["receipts"][0]["run"].startswith("run-2026")


def test_a_bundle_without_configuration_answers_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """natkeeper.json is missing: an answer, a log line that says what is missing, no exception."""
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    answer = ask(person("sweep"))
    assert answer["ok"] is False
    assert "FileNotFoundError" in answer["error"]
    (line,) = lines(capsys)
    assert line["level"] == "error"
    assert "natkeeper.json" in line["trace"]


def test_a_bundle_with_a_wrong_configuration_says_which_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Path, value and what is allowed are in the log, although packaging should have refused it."""
    (tmp_path / "natkeeper.json").write_text(json.dumps({"region": "cn-hangzhou", "groups": {"x": {"gatways": []}}}))
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    with pytest.raises(handler.RunFailedError):
        ask(timer())
    assert "gatways" in lines(capsys)[-1]["trace"]


def test_a_configuration_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warm instance does not read it again."""
    config = {"region": "cn-hangzhou", "groups": {"prod": group()}}
    (tmp_path / "natkeeper.json").write_text(json.dumps(config))
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    first = handler.load_config()
    (tmp_path / "natkeeper.json").unlink()
    assert handler.load_config() is first
    assert first.groups[0].routes[0].table == TABLE


def test_a_fault_of_our_own_is_an_answer_and_shows_no_secret(
    woken: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something raises what nobody foresaw, and quotes the credentials: both stay out of answer and log."""

    def burst(*_: object) -> None:
        raise RuntimeError(f"signing with {SECRET} and {SECRET}-token by LTAI-made-up-id failed")

    monkeypatch.setattr(woken.cloud, "perform", burst)
    with pytest.raises(handler.RunFailedError) as raised:
        handler.handler(json.dumps(timer()).encode(), CONTEXT)
    answer = handler.handler(json.dumps(person("sweep")).encode(), CONTEXT)
    out, _, _ = capsys.readouterr().out.partition("\n")
    assert "RuntimeError" in json.loads(answer)["error"]
    assert SECRET not in answer + out + str(raised.value)
    assert "LTAI-made-up-id" not in answer + out + str(raised.value)
    assert "burst" in json.loads(out)["trace"]


def test_a_fault_without_credentials_is_an_answer_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function has no role: there is nothing to hide and everything to say."""
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}")
    monkeypatch.setenv("FC_FUNCTION_CODE_PATH", str(tmp_path))
    assert ask(person("sweep"))["ok"] is False
    assert lines(capsys)[-1]["level"] == "error"


def test_one_process_remembers_what_it_told(woken: Stage) -> None:
    """A warm instance tells a lasting trouble once."""
    woken.world.stop(A)
    woken.world.stop(B)
    woken.world.advance(30)
    for _ in range(5):
        ask(timer())
        woken.world.advance(60)
    assert len(woken.told_people()) == 1


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe\x00", b"[" * 3000, b'"\\ud800"', b'{"action":"\\n\\u2028"}'])
def test_no_payload_breaks_the_log(woken: Stage, payload: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line stays one JSON object, whatever the payload quotes."""
    json.loads(handler.handler(payload, CONTEXT))
    assert lines(capsys)


# ---- what the function cannot tell itself --------------------------------------------------------------------


def test_a_run_that_can_tell_nobody_raises_its_trouble(woken: Stage) -> None:
    """Blind, and the notify function cannot be invoked: Function Compute tells people what the error says."""
    woken.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    woken.cloud.fail(HandOver, FailureKind.UNREACHABLE)
    with pytest.raises(handler.RunFailedError, match="prod: "):
        ask(timer())


def test_a_failure_is_raised_every_half_hour_and_not_each_minute(woken: Stage) -> None:
    """Function Compute starts a failed run anew, twice: a lasting trouble must not triple the runs."""
    woken.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    woken.cloud.fail(HandOver, FailureKind.UNREACHABLE)
    raised = []
    for minute in range(65):
        try:
            ask(timer())
        except handler.RunFailedError:
            raised.append(minute)
        woken.world.advance(60)
    assert len(raised) == 3
    assert raised[0] == 0


def test_a_person_gets_an_answer_and_no_exception(woken: Stage) -> None:
    """The person who asked sees the receipt, with what could not be done."""
    woken.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    woken.cloud.fail(HandOver, FailureKind.UNREACHABLE)
    answer = ask(person("sweep"))
    assert answer["ok"] is False
    assert "people could not be told" in answer["receipts"][0]["problems"][-1]


@pytest.fixture
def expired(woken: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A process that has served for an hour, whose every call is refused; gives the times at which it ended itself."""
    ended: list[float] = []
    over = threading.Event()

    def end() -> None:
        ended.append(time.monotonic())
        over.set()

    monkeypatch.setattr(handler, "_end_process", end)
    monkeypatch.setattr(handler, "_ANSWER_FIRST_S", 0.05)
    monkeypatch.setattr(handler, "_ENDING", threading.Event())
    monkeypatch.setattr(handler, "_BEGAN", (time.time() - 3700, time.monotonic() - 3700))
    for kind in (ReadRoutes, ReadInstances, ReadConditions, HandOver):
        woken.cloud.fail(kind, FailureKind.DENIED, code="InvalidSecurityToken.Expired")
    yield ended
    if handler._ENDING.is_set():
        assert over.wait(2)


def test_expired_credentials_end_the_process_after_the_answer(
    expired: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A person has the receipt first, the log has one line about it, and the next invocation is a fresh process."""
    answer = ask(person("sweep"))
    answered = time.monotonic()
    assert answer["receipts"][0]["outcome"] == "attention"
    assert [line["message"] for line in lines(capsys) if "expired: this process" in line["message"]] != []
    time.sleep(0.2)
    assert len(expired) == 1
    assert expired[0] > answered - 0.05
    ask(person("sweep"))
    assert len(expired) >= 2, "an instance that was frozen before its end must not begin another run"


@pytest.mark.parametrize("served_s", [0, 3500])
def test_a_fresh_process_does_not_end_itself(
    expired: list[float], monkeypatch: pytest.MonkeyPatch, served_s: float
) -> None:
    """What it was given is what there is: it would only be started again, and again."""
    monkeypatch.setattr(handler, "_BEGAN", (time.time() - served_s, time.monotonic() - served_s))
    ask(person("sweep"))
    time.sleep(0.15)
    assert expired == []


def test_one_call_that_is_answered_keeps_the_process(woken: Stage, expired: list[float]) -> None:
    """Then the credentials are good, and something else is the matter."""
    woken.cloud.faults = [fault for fault in woken.cloud.faults if fault.which is not ReadRoutes]
    ask(person("sweep"))
    time.sleep(0.15)
    assert expired == []


# ---- clocks that step ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_step_of_the_clock_ends_no_run_and_lengthens_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    """The wall clock steps when the first reads are answered: the run goes on as if it had not."""
    put_around(stage, monkeypatch)
    stepped = [0.0]
    clock = SteadyClock(
        lambda: stage.world.clock() + timedelta(seconds=stepped[0]), lambda: stage.world.clock().timestamp()
    )
    monkeypatch.setattr(handler, "_CLOCK", clock)
    perform = stage.cloud.perform

    def step(batch: Any, deadline: Any) -> Any:
        results = perform(batch, deadline)
        stepped[0] = step_s
        return results

    monkeypatch.setattr(stage.cloud, "perform", step)
    stage.world.stop(A)
    answer = ask(stage.state(A, "Stopping"))
    assert answer["receipts"][0]["outcome"] == "changed"
    assert stage.next_hop() == B


def test_an_outage_of_the_api_is_waited_for_by_the_monotonic_clock(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hour back while the API is down: the run ends as it would have, and not when Function Compute kills it."""
    put_around(stage, monkeypatch)
    stepped = [0.0]
    clock = SteadyClock(
        lambda: stage.world.clock() + timedelta(seconds=stepped[0]), lambda: stage.world.clock().timestamp()
    )
    monkeypatch.setattr(handler, "_CLOCK", clock)
    stage.cloud.fail(ReadRoutes, FailureKind.UNREACHABLE)
    stage.world.stop(A)
    began = stage.world.clock()
    stage.world.after(3, lambda: stepped.__setitem__(0, -3600.0))
    ask(stage.state(A, "Stopping"))
    assert timedelta(seconds=5) < stage.world.clock() - began < handler.RUN_FOR + handler.TELL_FOR


def test_a_run_that_used_up_its_time_still_tells_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of the work leaves time to tell people of it."""
    slow = Stage(timings=Timings(modify=60.0))
    put_around(slow, monkeypatch)
    monkeypatch.setattr(handler, "RUN_FOR", timedelta(seconds=3))
    slow.world.stop(A)
    began = slow.world.now
    ask(slow.state(A, "Stopping"))
    assert slow.world.now - began >= handler.RUN_FOR
    assert [receipt["group"] for receipt in slow.told_people()] == ["prod"]
