"""How a receipt is told, how a command ends, how natkeeper is asked, and how a person is: to the letter."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import click
import pytest
from rich.console import Console

from natkeeper.cli import questions
from natkeeper.cli.errors import CommandError, Exit, Interrupted, Unreached, Wrong, trouble_of
from natkeeper.cli.invoke import Asker, Fc2Invoker, Fc3Invoker
from natkeeper.cli.output import Screen
from natkeeper.cli.receipts import conclude, exit_of
from natkeeper.ports import Failure, FailureKind

# ---- receipts --------------------------------------------------------------------------------------------


def receipt(outcome: str = "quiet", **more: Any) -> dict[str, Any]:
    return {"group": "prod", "outcome": outcome, "sentence": "i-a carries the route", **more}


def concluded(answer: dict[str, Any], *, would: bool = False, looks: bool = False) -> tuple[str, Exit]:
    """What a terminal shows, its colours by number, and how the command ends."""
    console = Console(width=120, file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False)
    screen = Screen(names={"i-a": "nat-a"})
    vars(screen)["console"] = console
    code = conclude(screen, answer, would=would, looks=looks)
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[([\d;]*)m", lambda found: f"<{found[1].strip('0')}>", console.file.getvalue()), code


SAYS = ": nat-a (i-a) carries the route\n"
TOLD: dict[str, tuple[dict[str, Any], str, Exit]] = {
    "all is well": (receipt(), f"<1>prod: <><32>ok<>{SAYS}", Exit.OK),
    "something was done": (receipt("changed"), f"<1>prod: <><32>done<>{SAYS}", Exit.OK),
    "something is under way": (receipt("waiting"), f"<1>prod: <><33>under way<>{SAYS}", Exit.OK),
    "something needs attention": (receipt("attention"), f"<1>prod: <><1;31>ATTENTION<>{SAYS}", Exit.ATTENTION),
    "something was refused": (receipt("refused"), f"<1>prod: <><31>refused<>{SAYS}", Exit.REFUSED),
    "a word of another release": (receipt("odd"), f"<1>prod: <>odd{SAYS}", Exit.OK),
    "a deed that the sentence tells": (receipt(did=["i-a carries"]), f"<1>prod: <><32>ok<>{SAYS}", Exit.OK),
    "a deed": (
        receipt(did=["moved to i-a"], ms={}), f"<1>prod: <><32>ok<>{SAYS}  did: moved to nat-a (i-a)\n", Exit.OK,
    ),
    "a deed that was timed": (
        receipt(did=["moved"], ms={"total": 900}), f"<1>prod: <><32>ok<>{SAYS}  did: moved\n<2>  took 900 ms<>\n",
        Exit.OK,
    ),
    "a write that was timed": (
        receipt(did=["moved"], ms={"total": 900, "written": 300}),
        f"<1>prod: <><32>ok<>{SAYS}  did: moved\n<2>  took 900 ms, the first write accepted after 300 ms<>\n", Exit.OK,
    ),
    "a look that was timed": (receipt(ms={"total": 900, "written": 1}), f"<1>prod: <><32>ok<>{SAYS}", Exit.OK),
    "a problem that the sentence tells": (
        receipt("refused", problems=["i-a carries the route"]), f"<1>prod: <><31>refused<>{SAYS}", Exit.REFUSED,
    ),
    "a problem": (
        receipt(problems=["i-a is slow"]), f"<1>prod: <><32>ok<>{SAYS}<33>  problem: nat-a (i-a) is slow<>\n", Exit.OK,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD.values(), ids=TOLD)
def test_a_receipt_is_a_sentence_with_what_was_done_below(case: tuple[dict[str, Any], str, Exit]) -> None:
    """Its colour and the exit code say whether a person is needed."""
    told, looks, code = case
    assert concluded({"receipts": [told]}) == (looks, code)


def test_what_would_be_done_was_not_done() -> None:
    """A plan says so, and ends as `status` does: with the trouble that lasts."""
    waiting = {"ok": False, "receipts": [receipt("waiting")], "ignored": ["group old"]}
    ignored = "ignored: group old\n"
    assert concluded(waiting, would=True) == (f"<1>prod: <><33>nothing was done<>{SAYS}{ignored}", Exit.ATTENTION)
    assert concluded(waiting) == (f"<1>prod: <><33>under way<>{SAYS}{ignored}", Exit.OK)
    assert concluded({"receipts": [receipt()]}, would=True) == (f"<1>prod: <><32>ok<>{SAYS}", Exit.OK)


@pytest.mark.parametrize(
    "outcome, verified, kind, code",
    [
        ("changed", None, "moved", Exit.ATTENTION), ("changed", None, "created", Exit.ATTENTION),
        ("changed", True, "moved", Exit.OK), ("changed", None, "setup", Exit.OK), ("waiting", None, "moved", Exit.OK),
    ],
)  # fmt: skip
def test_a_move_that_nobody_saw_work_is_an_exit_code(outcome: str, verified: object, kind: str, code: Exit) -> None:
    """As the help of the command says; what is under way may still be seen."""
    told = receipt(outcome, verified=verified, acts=[{"kind": kind, "what": "0.0.0.0/0"}])
    assert concluded({"receipts": [told]})[1] is code


@pytest.mark.parametrize("would, looks", [(True, False), (False, True), (False, False)])
def test_a_quiet_run_of_a_group_in_trouble_is_not_well(*, would: bool, looks: bool) -> None:
    """A plan or a sweep asks how things are, so the trouble is read and not "ok"; a deed is told by itself."""
    episodes = [{"kind": "full", "ended": "x"}, {"kind": "degraded"}]
    answer = {"ok": False, "receipts": [receipt(episodes=episodes)]}
    mark, code = ("33>degraded", Exit.ATTENTION) if would or looks else ("32>ok", Exit.OK)
    assert concluded(answer, would=would, looks=looks) == (f"<1>prod: <><{mark}<>{SAYS}", code)


def test_a_machine_gets_the_answer_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    """With the same exit code."""
    assert conclude(Screen(as_json=True), {"receipts": [receipt("refused")]}) is Exit.REFUSED
    assert capsys.readouterr().out.startswith('{\n "receipts": [\n')


@pytest.mark.parametrize(
    "outcomes, ok, code",
    [
        ([], True, Exit.OK), ([], False, Exit.ATTENTION), (["odd", "quiet"], True, Exit.OK),
        (["refused", "attention", "quiet"], True, Exit.ATTENTION), (["waiting", "refused"], False, Exit.REFUSED),
        (["waiting", "changed"], False, Exit.ATTENTION),
    ],
)  # fmt: skip
def test_the_worst_outcome_decides_how_a_command_ends(outcomes: list[str], ok: bool, code: Exit) -> None:  # noqa: FBT001
    """And then a trouble that lasts."""
    assert exit_of({"ok": ok, "receipts": [receipt(outcome) for outcome in outcomes]}) is code


# ---- errors ----------------------------------------------------------------------------------------------

PERMISSIONS = "`natkeeper policy --for operator` prints the permissions that these commands need"
AGAIN = "try again in a moment"
ENDS: dict[str, tuple[Failure, Exit, str]] = {
    "denied": (Failure(FailureKind.DENIED, "no"), Exit.DENIED, PERMISSIONS),
    "unreachable": (
        Failure(FailureKind.UNREACHABLE, "x"), Exit.UNREACHABLE, f"check the network from here, or {AGAIN}",
    ),
    "no such name": (
        Failure(FailureKind.UNREACHABLE, "x: its name does not resolve"), Exit.UNREACHABLE,
        "check the name of the region, and the network from here",
    ),
    "throttled": (Failure(FailureKind.THROTTLED, "x"), Exit.UNREACHABLE, AGAIN),
    "busy": (Failure(FailureKind.BUSY, "x"), Exit.UNREACHABLE, AGAIN),
    "refused": (Failure(FailureKind.REFUSED, "x"), Exit.ATTENTION, ""),
    "no such region": (
        Failure(FailureKind.REFUSED, "x", "InvalidRegionId.NotFound"), Exit.WRONG,
        "check the name of the region: `region` of the configuration, or --region",
    ),
}  # fmt: skip


def test_exit_codes_stay_as_scripts_know_them() -> None:
    """A number for each kind of end."""
    assert [code.value for code in Exit] == [0, 1, 2, 3, 4, 5, 70, 130]
    assert [code.name for code in Exit] == [
        "OK", "ATTENTION", "WRONG", "UNREACHABLE", "DENIED", "REFUSED", "BROKEN", "INTERRUPTED",
    ]  # fmt: skip


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS)
def test_a_failed_call_ends_a_command_with_what_to_do(case: tuple[Failure, Exit, str]) -> None:
    """It says what the call was for."""
    failure, code, do = case
    ended = trouble_of(failure, "reading vtb-1")
    assert (ended.what, ended.do, ended.code, str(ended)) == (f"reading vtb-1: {failure}", do, code, ended.what)


# ---- questions -------------------------------------------------------------------------------------------


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A person at the terminal: gives these answers, the last of them Ctrl-C."""
    answers: list[Any] = []

    def prompt(question: str, **how: Any) -> Any:
        click.echo(f"{question} {how}")
        if not answers:
            raise click.Abort
        return answers.pop(0)

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    return answers


def asked_by(**screen: Any) -> Any:
    return SimpleNamespace(screen=Screen(names={"i-a": "nat-a"}, **screen), as_json=screen.get("as_json", False))


NAME_IT = "Write the name of the group to go on {'type': None, 'err': True}\n"


def test_the_name_of_the_group_is_what_lets_a_command_go_on(
    person: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another word and Ctrl-C end it, and nothing was done."""
    person += ["prod", "dev"]
    questions.name_of_group(asked_by(), "i-a will be stopped", "prod")
    assert capsys.readouterr() == (NAME_IT, "nat-a (i-a) will be stopped\n")
    with pytest.raises(Wrong, match=r"^that was not the name of the group; nothing was done$"):
        questions.name_of_group(asked_by(), "", "prod")
    capsys.readouterr()
    with pytest.raises(Interrupted, match=r"^interrupted; nothing was done$"):
        questions.name_of_group(asked_by(), "x", "prod")
    assert capsys.readouterr() == (NAME_IT, "x\n\n")


def test_yes_is_a_word_that_a_person_writes(person: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The question names what it is about."""
    person += [True, False]
    questions.yes(asked_by(), "Move to i-a?")
    assert capsys.readouterr().out == "Move to nat-a (i-a)? [y/N] {'type': BOOL, 'err': True}\n"
    with pytest.raises(Wrong, match=r"^nothing was done$"):
        questions.yes(asked_by(), "Move to i-a?")


@pytest.mark.parametrize("as_json, terminal", [(True, True), (False, False)])
def test_nobody_is_asked_where_nobody_is(
    monkeypatch: pytest.MonkeyPatch, person: list[Any], *, as_json: bool, terminal: bool
) -> None:
    """A script says --yes."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
    with pytest.raises(Wrong, match=r"^Move\? No person is here to ask$") as first:
        questions.yes(asked_by(as_json=as_json), "Move?")
    with pytest.raises(Wrong, match=r"^this asks before it breaks anything, and no person is here to ask$") as second:
        questions.name_of_group(asked_by(as_json=as_json), "x", "prod")
    assert (first.value.do, second.value.do) == ("say --yes", "say --yes")


# ---- asking ----------------------------------------------------------------------------------------------


class CallFailed(Exception):
    """What an SDK raises here: it brings its own classification."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__("raised")
        self.failure = Failure(kind, "it said so")


@dataclass
class ScriptedWay:
    """Answers one after another; the last again and again. A second passes with each."""

    answers: Sequence[Any]
    now: float = 0.0
    asked: list[bytes] = field(default_factory=list)
    name: str = "the function"

    def once(self, payload: bytes) -> tuple[bytes, str]:
        self.asked.append(payload)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, tuple) else (answer, "")

    def failure(self, error: Exception) -> Failure:
        assert isinstance(error, CallFailed)
        return error.failure

    def sleep(self, seconds: float) -> None:
        self.now += seconds


TRACE, HERE = (
    "its log in Simple Log Service has the trace; --direct does the same from here",
    "--direct does the same from here",
)
BUSY = CallFailed(FailureKind.THROTTLED)
DEPLOY = "deploy it with `s deploy`, name another with --function or --fc2, or act from here with --direct"
NO_ANSWER: dict[str, tuple[Any, type[CommandError], str, str]] = {
    "it failed": ((b'{"errorMessage": "no luck"}', "Unhandled"), CommandError,
                  "the function failed (Unhandled): no luck", TRACE),
    "no JSON": (b"<html>\xff", CommandError, "the function failed: <html>\ufffd", TRACE),
    "no object": (b"[1]", CommandError, "the function failed: [1]", TRACE),
    "very much": (b"x" * 500, CommandError, f"the function failed: {'x' * 400}", TRACE),
    "a trouble of its own": (b'{"error": "no configuration"}', CommandError, "the function: no configuration", HERE),
    "a request that it does not take": (b'{"receipts": [], "error": "pause: for"}', Wrong, "pause: for", ""),
    "it is gone": (CallFailed(FailureKind.GONE), Unreached,
                   f"there is no the function: {CallFailed(FailureKind.GONE).failure}", DEPLOY),
    "it cannot be reached": (CallFailed(FailureKind.BUSY), Unreached,
                             f"asking the function: {CallFailed(FailureKind.BUSY).failure}", AGAIN),
    "a trouble before it was asked": (Wrong("no region", "name one"), Wrong, "no region", "name one"),
    "it is busy": (BUSY, Unreached, "the function was busy for 120 s", "its log tells what it does for so long"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_ANSWER.values(), ids=NO_ANSWER)
def test_what_is_no_answer_is_a_sentence_with_a_way_on(case: tuple[Any, type[CommandError], str, str]) -> None:
    """Nothing of it is learnt."""
    answer, kind, what, do = case
    way, learnt = ScriptedWay([answer]), list[Any]()
    asker = Asker(way, lambda _: None, learnt.append, way.sleep, lambda: way.now)
    with pytest.raises(kind) as ended:
        asker.ask({"action": "status"})
    assert (ended.value.what, ended.value.do, type(ended.value), learnt) == (what, do, kind, [])
    assert len(way.asked) == (121 if answer is BUSY else 1)


def test_a_busy_function_is_waited_for_and_that_is_said_once() -> None:
    """Then its answer is learnt and returned."""
    way, said, learnt = ScriptedWay([BUSY, BUSY, b'{"receipts": [], "error": ""}']), list[str](), list[Any]()
    answer = Asker(way, said.append, learnt.append, way.sleep, lambda: way.now).ask({"why": "生产"})
    assert (learnt, answer) == ([answer], {"receipts": [], "error": ""})
    assert (way.asked, way.now) == (['{"why": "生产"}'.encode()] * 3, 2.0)
    assert said == ["a run is under way, and natkeeper does one thing at a time: waiting for it"]


class FakeClients:
    """Takes the place of an SDK: notes what is asked of it."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls = [*answers], list[Any]()

    def client(self, kind: type) -> FakeClients:
        return self

    def invoke_function_with_options(self, *call: Any) -> Any:
        self.calls.append(call)
        return self.answers.pop(0)

    def invoke_function(self, *call: Any, **more: Any) -> Any:
        self.calls.append((*call, more))
        return self.answers.pop(0)


def test_the_function_is_asked_synchronously_and_given_its_time() -> None:
    """Its body is what it answered; a header tells that it failed."""
    failed = SimpleNamespace(body=io.BytesIO(b"{}"), headers={"x-fc-error-type": "Unhandled"})
    clients = FakeClients(failed, SimpleNamespace(body=None, headers=None))
    way = Fc3Invoker(SimpleNamespace(clients=clients, classify=str), "natkeeper-failover")  # type: ignore[arg-type]
    assert (way.once(b"{1}"), way.once(b"{2}")) == ((b"{}", "Unhandled"), (b"", ""))
    name, request, headers, options = clients.calls[0]
    assert (name, request.body.read(), headers.x_fc_invocation_type) == ("natkeeper-failover", b"{1}", "Sync")
    assert options.read_timeout == 75_000
    assert way.name == "function natkeeper-failover"
    assert str(way.failure(ValueError("x"))) == "x"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeClients, dict[str, Any]]:
    """The SDK of FC 2.0, and what its client was made with."""
    clients, made = FakeClients(SimpleNamespace(data=b"{}")), dict[str, Any]()

    def client(**more: Any) -> FakeClients:
        made.update(more)
        return clients

    monkeypatch.setattr("fc2.Client", client)
    return clients, made


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1"])
def test_a_function_of_a_service_is_asked_by_the_sdk_of_its_generation(
    service: tuple[FakeClients, dict[str, Any]], endpoint: str | None
) -> None:
    """At the account's own address, with the credentials as they are now."""
    keys = SimpleNamespace(access_key_id="id", access_key_secret="secret", security_token="token")
    reach = SimpleNamespace(credentials=lambda: keys, endpoint=endpoint, account=lambda: "17", region="cn-hangzhou")
    way = Fc2Invoker(reach, "s", "f")  # type: ignore[arg-type]
    assert (way.once(b"{1}"), way.name) == ((b"{}", ""), "function s/f of FC 2.0")
    clients, made = service
    assert made == {
        "endpoint": endpoint or "https://17.cn-hangzhou.fc.aliyuncs.com", "accessKeyID": "id",
        "accessKeySecret": "secret", "securityToken": "token", "Timeout": 75.0,
    }  # fmt: skip
    assert clients.calls == [("s", "f", {"payload": b"{1}", "headers": {"x-fc-invocation-type": "Sync"}})]


class ServiceError(Exception):
    """As fc2 raises it."""

    def __init__(self, code: Any = None, status: Any = None, request: Any = None, said: str = "with secret") -> None:
        super().__init__()
        self.err_code, self.status_code, self.request_id, self.message = code, status, request, said


class RefusedConnection(Exception):
    __module__ = "requests.exceptions"


@pytest.mark.parametrize(
    "error, failure",
    [
        (ServiceError("ServiceNotFound", 404, "r-1"), Failure(FailureKind.GONE, "with ***", "ServiceNotFound", "r-1")),
        (ServiceError("ServiceNotFound", 404, "r", '{"ErrorMessage": "no secret"}'),
         Failure(FailureKind.GONE, "no ***", "ServiceNotFound", "r")),
        (ServiceError("AccessDenied", 403), Failure(FailureKind.DENIED, "with ***", "AccessDenied", "")),
        (ServiceError("AccessDenied"), "classified"), (ServiceError(None, 403), "classified"),
        (RefusedConnection(), Failure(FailureKind.UNREACHABLE, "127.0.0.1:1: no connection (RefusedConnection)")),
    ],
)  # fmt: skip
def test_an_error_of_that_generation_is_read_by_its_own_fields(error: Exception, failure: Any) -> None:
    """Without a secret in it."""
    keys = SimpleNamespace(hide=lambda text: text.replace("secret", "***"))
    reach = SimpleNamespace(credentials=lambda: keys, endpoint="http://127.0.0.1:1/x", classify=lambda _: "classified")
    assert Fc2Invoker(reach, "s", "f").failure(error) == failure  # type: ignore[arg-type]
    if isinstance(error, RefusedConnection):
        reach.endpoint = None
        assert "Function Compute: no connection" in str(Fc2Invoker(reach, "s", "f").failure(error))  # type: ignore[arg-type]
