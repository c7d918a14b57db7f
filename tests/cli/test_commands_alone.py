"""Commands and a function that answers what it is told to: what each asks, what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper.cli.commands import actions, status
from natkeeper.cli.errors import Unreached, Wrong
from natkeeper.cli.invoke import Asker
from natkeeper.cli.output import Screen
from natkeeper.cli.survey.history import Written
from natkeeper.ports import Failure, FailureKind
from tests.cli.town import Command

QUIET: dict[str, Any] = {
    "ok": True,
    "receipts": [
        {"group": "prod", "outcome": "quiet", "sentence": "all is well",
         "view": {"routes": [], "gateways": [{"id": "i-gwa", "name": "nat-a", "health": "healthy"}]}}
    ],
}  # fmt: skip
BOARD = "prod  quiet  all is well\n    nat-a  i-gwa  healthy\n"
TOLD = "prod: ok: all is well\n"
BUSY = Unreached("the function was busy", "wait")
CONFIG: dict[str, Any] = {
    "region": "cn-hangzhou", "notify": "natkeeper-notify",
    "groups": {
        "prod": {"gateways": ["i-gwa", "i-gwb"], "routes": [{"table": "vtb-one"}], "probe": {"function": "p"}},
        "dev": {"gateways": ["i-gwc"], "fallback": "ngw-abc", "routes": [{"table": "vtb-two"}],
                "probe": {"function": "q"}},
    },
}  # fmt: skip


class ScriptedFunction:
    """Answers one after another, the last again and again; an error is raised."""

    def __init__(self) -> None:
        self.answers: list[Any] = [QUIET]
        self.requests, self.ways, self.waits, self.shows = list[Any](), list[str](), list[float](), list[str]()

    def ask(self, asker: Asker, request: dict[str, Any]) -> dict[str, Any]:
        asker.sleeper = self.waits.append
        self.requests.append(dict(request))
        self.ways.append(asker.way.name)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        asker.learn(answer)
        return dict(answer)


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ScriptedFunction:
    """The function of a configuration with two groups; `shows` is what a person sees while it works."""
    made = ScriptedFunction()

    @contextmanager
    def working(_: Screen, on: str) -> Iterator[None]:
        made.shows.append(on)
        yield

    def ask(asker: Asker, request: dict[str, Any]) -> dict[str, Any]:
        return made.ask(asker, request)

    monkeypatch.setattr(Asker, "ask", ask)
    monkeypatch.setattr(Screen, "working", working)
    Path("natkeeper.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")
    return made


PAUSED = {"action": "pause", "group": "prod", "for": "2h", "why": "cables"}
MOVED = {"action": "switch", "group": "prod", "force": False, "dry_run": False}
DRY = "asking what a switch of prod would do"
ASKED: dict[str, tuple[str, dict[str, Any], str, list[str]]] = {
    # the line; what is asked; what is printed; what a person sees meanwhile
    "status": ("status", {"action": "status"}, BOARD, ["looking"]),
    "status of a group": ("status prod", {"action": "status", "group": "prod"}, BOARD, ["looking"]),
    "plan": ("plan", {"action": "status"}, TOLD, ["deciding"]),
    "plan of a group": ("plan dev", {"action": "status", "group": "dev"}, TOLD, ["deciding"]),
    "sweep": ("sweep", {"action": "sweep"}, TOLD, ["sweeping"]),
    "sweep of a group": ("sweep dev", {"action": "sweep", "group": "dev"}, TOLD, ["sweeping"]),
    "resume": ("resume prod", {"action": "resume", "group": "prod"}, TOLD, []),
    "pause": ("pause prod --for 2h --why cables", PAUSED, TOLD, []),
    "setup of a group": ("setup prod", {"action": "setup", "group": "prod"}, TOLD, []),
    "setup of a gateway": ("setup i-gwc", {"action": "setup", "group": "dev", "gateway": "i-gwc"}, TOLD, []),
    "switch": ("switch prod", MOVED, TOLD, ["moving prod"]),
    "switch of all there is": (
        "switch prod --to i-gwb --table vtb-one --force",
        {**MOVED, "to": "i-gwb", "table": "vtb-one", "force": True}, TOLD, ["moving prod"],
    ),
    "switch to a fallback": (
        "switch dev --to ngw-abc", {**MOVED, "group": "dev", "to": "ngw-abc"}, TOLD, ["moving dev"],
    ),
    "a dry run": ("switch prod --dry-run", {**MOVED, "dry_run": True}, TOLD, [DRY]),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED)
def test_each_command_is_one_request_and_its_answer(
    function: ScriptedFunction, natkeeper: Command, case: tuple[str, dict[str, Any], str, list[str]]
) -> None:
    """In the same words for a machine."""
    line, request, prints, shows = case
    ended = natkeeper(*line.split())
    assert (ended.code, ended.out, ended.err) == (0, prints, "")
    assert (function.requests, function.shows) == ([request], shows)
    assert natkeeper(*line.split(), "--json").data == QUIET
    function.answers = [{**QUIET, "ok": False}]
    assert natkeeper(*line.split()).code == (
        1 if request["action"] in ("status", "sweep") or "--dry-run" in line else 0
    )


@pytest.mark.parametrize(
    "line", ["status", "plan", "sweep", "resume", "pause --for 1h --why x", "switch", "setup", "metrics"]
)
def test_a_group_that_is_not_configured_is_refused_before_anything_is_asked(
    function: ScriptedFunction, natkeeper: Command, line: str
) -> None:
    """Without a configuration here, the function knows its groups."""
    name, *options = line.split()
    ended = natkeeper(name, "pord", *options)
    assert (ended.code, function.requests) == (2, [])
    assert "there is no group 'pord' in natkeeper.yaml. Did you mean prod?\n" in ended.err
    Path("natkeeper.yaml").unlink()
    natkeeper(name, "pord", *options, "--region", "cn-hangzhou")
    assert [request["group"] for request in function.requests] == ["pord"]


REFUSED = {
    "status --serve --watch": ("--serve and --watch are two ways to look", "leave one out"),
    "status --every 3": (
        "--every has no meaning without --watch or --serve",
        "add --watch or --serve, or leave it out",
    ),
    "status --serve --times 3": ("--times has no meaning without --watch", "add --watch, or leave it out"),
    "status --watch --port 80": ("--port has no meaning without --serve", "add --serve, or leave it out"),
    "switch prod --dry-run --wait": ("--wait has no meaning with --dry-run", "leave one out"),
    "metrics --format openmetrics": ("--json has no meaning with --format openmetrics", "leave one out"),
    "template --print": ("--json has no meaning with --print", "leave one out"),
    "completion bash": ("--json has no meaning with completion", "leave it out"),
    "probes --vswitch vtb-1=vsw-1": ("--vswitch has no meaning without --write", "add --write, or leave it out"),
}


@pytest.mark.parametrize("line", REFUSED)
def test_options_that_do_not_go_together_are_refused(function: ScriptedFunction, natkeeper: Command, line: str) -> None:
    """Before anything is asked."""
    what, do = REFUSED[line]
    ended = natkeeper(*line.split(), "--json")
    assert (ended.code, ended.data) == (2, {"ok": False, "error": what, "do": do, "exit": 2})
    assert function.requests == []


def test_a_gateway_that_no_group_has_is_answered_with_all(function: ScriptedFunction, natkeeper: Command) -> None:
    """By group."""
    ended = natkeeper("setup", "i-gwx")
    assert (ended.code, function.requests) == (2, [])
    assert ended.err == (
        "natkeeper: no group in natkeeper.yaml has gateway i-gwx\n"
        "           gateways are: prod: i-gwa, i-gwb; dev: i-gwc\n"
    )


@pytest.mark.parametrize("outcome, code", [("changed", 0), ("attention", 1), ("refused", 5)])
def test_waiting_asks_again_and_tells_all_that_was_done(
    function: ScriptedFunction, natkeeper: Command, outcome: str, code: int
) -> None:
    """Every two seconds; what was done first stays part of it."""
    told = ([{"group": "prod", "outcome": word, "sentence": word}] for word in ("waiting", outcome))
    first, last = ({**QUIET, "receipts": receipts} for receipts in told)
    function.answers = [first, first, last]
    ended = natkeeper("switch", "prod", "--wait")
    assert ended.code == code
    assert [line.rpartition(": ")[2] for line in ended.out.splitlines()] == ["waiting", outcome]
    assert function.requests == [MOVED, *[{"action": "sweep", "group": "prod"}] * 2]
    assert function.waits == [2.0, 2.0]
    function.answers = [last]
    assert natkeeper("switch", "prod", "--wait").out.count("\n") == 1


def test_a_move_that_does_not_settle_is_given_up_after_three_minutes(function: ScriptedFunction) -> None:
    """It says where to look."""
    waiting = {"receipts": [{"group": "prod", "outcome": "waiting", "sentence": "."}]}
    now, asked = [0.0], list[Any]()

    class WaitingFor(Asker):
        def ask(self, request: Any) -> dict[str, Any]:
            asked.append(request)
            return waiting

    way: Any = None
    asker = WaitingFor(way, print, sleeper=lambda seconds: now.append(now[-1] + seconds), monotonic=lambda: now[-1])
    with pytest.raises(Unreached, match=r"^the move of prod was not settled within 180 s$") as ended:
        actions._settled(asker, "prod", waiting)
    assert ended.value.do == "see `natkeeper status`"
    assert len(asked) == 90


# ---- watching --------------------------------------------------------------------------------------------


def test_watching_looks_again_at_its_pace_and_shows_what_cannot_be_reached(
    function: ScriptedFunction, natkeeper: Command
) -> None:
    """One board after another, or an object a line; the last look decides how it ends."""
    function.answers = [QUIET, BUSY, {**QUIET, "ok": False}]
    ended = natkeeper("status", "--watch", "--times", "3", "--every", "7")
    assert (ended.code, ended.out, function.waits) == (1, f"{BOARD}the function was busy\n{BOARD}", [7.0, 7.0])
    function.answers = [BUSY, QUIET, BUSY]
    ended = natkeeper("status", "-w", "--times", "3", "--json")
    trouble = {"ok": False, "error": "the function was busy", "exit": 3}
    assert ([json.loads(line) for line in ended.out.splitlines()], ended.code) == ([trouble, QUIET, trouble], 3)
    assert function.waits[2:] == [5.0, 5.0]
    function.answers = [{**QUIET, "ok": False}, KeyboardInterrupt()]
    assert natkeeper("status", "-w").code == 1, "Ctrl-C ends it as the last look was"
    function.answers = [{"ok": True, "error": "名称"}]
    assert natkeeper("status", "-w", "--times", "1", "--json").out == '{"ok": true, "error": "名称"}\n'


def test_a_terminal_shows_the_last_board_only(
    function: ScriptedFunction, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a screen of its own, which is left when it ends."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    ended = natkeeper("status", "-w", "--times", "2")
    assert (ended.out.count("\x1b[?1049h"), ended.out.count("\x1b[?1049l")) == (1, 1)
    assert ended.out.count("UTC; Ctrl-C ends") == 2
    assert ended.out.count("looked at ") == ended.out.count("all is well") == 2
    assert "\x1b[2mlooked at" in ended.out


# ---- history ---------------------------------------------------------------------------------------------

EVENT = Written(
    "2026-11-23T06:20:07Z", "prod", "ModifyRouteEntry 0.0.0.0/0 vtb-one", "i-gwb", "role", "i-gwa is Stopped",
    ours=True, error="", request_id="r",
)  # fmt: skip
NOTHING = (
    "{} to these routes in the last 2d, as far as ActionTrail knows; it is some minutes late. "
    "`natkeeper status` shows the last move.\n"
)


@pytest.mark.parametrize("names", [{"i-gwa": "nat-a"}, {}])
def test_history_is_read_for_the_groups_and_the_time_that_were_asked_for(
    function: ScriptedFunction, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    """With names where they can be read."""
    asked, found = list[Any](), [EVENT]

    def events(_: Any, groups: list[Any], since: Any, *, everybody: bool) -> list[Written]:
        asked.append(([group.name for group in groups], since, everybody))
        return found

    denied = Failure(FailureKind.DENIED, "no")
    monkeypatch.setattr("natkeeper.cli.survey.history.events_of", events)
    monkeypatch.setattr("natkeeper.cli.client.RegionClients.try_", lambda *_: ["machine"] if names else denied)
    monkeypatch.setattr("natkeeper.cli.survey.network.names", lambda _: names)
    monkeypatch.setattr("natkeeper.cli.client.utc_now", lambda: timedelta(days=10))
    ended = natkeeper("history", "--since", "2d")
    called = "nat-a (i-gwa)" if names else "i-gwa"
    assert (ended.code, f"{called} is Stopped" in ended.out) == (0, True)
    assert natkeeper("history", "prod", "--all", "--json").data == {"events": [EVENT.as_json()]}
    found.clear()
    assert natkeeper("history", "dev", "--since", "2d").out == NOTHING.format("natkeeper wrote nothing")
    assert natkeeper("history", "dev", "--since", "2d", "--all").out == NOTHING.format("Nobody wrote anything")
    eight, three = timedelta(days=8), timedelta(days=3)
    assert asked == [
        (["prod", "dev"], eight, False), (["prod"], three, True), (["dev"], eight, False), (["dev"], eight, True),
    ]  # fmt: skip
    assert function.shows == ["reading ActionTrail"] * 4


NO_LENGTH, OUT = "is not a length of time", "is out of range"


@pytest.mark.parametrize(
    "text, length",
    [
        ("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("90d", timedelta(days=90)), ("91d", OUT),
        ("0m", OUT), ("129600m", timedelta(days=90)), ("1234567m", OUT), ("7w", NO_LENGTH), ("h", NO_LENGTH),
        ("", NO_LENGTH), ("-1h", NO_LENGTH),
    ],
)  # fmt: skip
def test_a_length_of_time_is_a_number_and_a_unit(text: str, length: Any) -> None:
    """As far back as ActionTrail goes."""
    if isinstance(length, timedelta):
        assert status._length(text) == length
        return
    with pytest.raises(Wrong) as refused:
        status._length(text)
    told = f"--since {text!r} {length}" if length is NO_LENGTH else f"--since {text} {length}"
    do = "write it as 30m, 12h or 7d"
    if length is OUT:
        do = "ActionTrail keeps events for 90 days: more than 0m, at most 90d"
    assert (refused.value.what, refused.value.do) == (told, do)


# ---- metrics, notifications ------------------------------------------------------------------------------


def test_figures_have_three_forms(function: ScriptedFunction, natkeeper: Command) -> None:
    """A table and an object end as `status` does; a scrape goes on, because its lines say what is wrong."""
    function.answers = [{**QUIET, "ok": False}]
    table, scrape = natkeeper("metrics", "prod"), natkeeper("metrics", "--format", "openmetrics")
    figures = natkeeper("metrics", "--json")
    assert (table.code, scrape.code, figures.code) == (1, 0, 1)
    assert function.requests == [{"action": "status", "group": "prod"}, {"action": "status"}, {"action": "status"}]
    assert function.shows == ["looking"] * 3
    found = figures.data["metrics"]
    assert {"name", "group", "value"} <= set(found[0])
    assert [line.split()[0] for line in table.out.splitlines()] == [
        each["name"].removeprefix("natkeeper_") for each in found
    ]
    assert scrape.out.endswith("# EOF\n")
    assert not scrape.out.endswith("\n\n")


Answer = dict[str, Any]
TRIED: dict[str, tuple[Answer, int, str, str]] = {
    "all": ({"told": 2, "of": 2}, 0, "2 of 2 addresses took the test message.\n", ""),
    "some": (
        {"told": 1, "of": 2, "problems": ["address 2 is odd"]}, 1,
        "natkeeper-notify: address 2 is odd\n1 of 2 addresses took the test message.\n", "",
    ),
    "nobody": ({"of": 2}, 1, "0 of 2 addresses took the test message.\n", ""),
    "none there": (
        {"told": 0, "of": 0, "reason": "it is empty"}, 1, "", "natkeeper-notify has no address: it is empty",
    ),
    "an older function": ({}, 1, "", "natkeeper-notify has no address: it is older than this command: deploy it"),
}  # fmt: skip


@pytest.mark.parametrize("case", TRIED.values(), ids=TRIED)
def test_a_test_message_is_counted(
    function: ScriptedFunction, natkeeper: Command, case: tuple[Answer, int, str, str]
) -> None:
    """For a machine it is one object in any case."""
    answer, code, out, err = case
    function.answers = [answer]
    ended = natkeeper("notify", "--test")
    do = "put Apprise URLs into natkeeper.notify beside natkeeper.yaml, one a line, and deploy"
    assert (ended.code, ended.out, ended.err) == (code, out, f"natkeeper: {err}\n           {do}\n" if err else "")
    data = natkeeper("notify", "--test", "--json", "--fc2", "s").data
    assert data == ({"ok": False, "error": err, "do": do, "exit": 1} if err else {"ok": code == 0, **answer})
    assert function.ways == ["function natkeeper-notify", "function s/natkeeper-notify of FC 2.0"]
    style = {"language": "en", "timezone": "UTC", "runbook": None}
    assert function.requests == [{"action": "test", "style": style}] * 2
    assert function.shows == ["sending a test message"] * 2


def test_a_test_message_has_to_be_asked_for_and_someone_to_be_told(
    function: ScriptedFunction, natkeeper: Command
) -> None:
    """Nothing is sent by mistake."""
    assert natkeeper("notify").err == (
        "natkeeper: say what to do\n           natkeeper notify --test sends a test message\n"
    )
    Path("natkeeper.yaml").write_text(yaml.safe_dump({**CONFIG, "notify": None}), encoding="utf-8")
    assert natkeeper("notify", "--test").err == (
        "natkeeper: natkeeper.yaml has no notify, so nobody is notified\n           name the function: notify: NAME\n"
    )
    assert function.requests == []
