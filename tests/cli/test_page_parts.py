"""The parts of the live page by themselves: what the server answers, what is gathered, what a look says."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.errors import Exit, Unreached, Wrong
from natkeeper.cli.output import Screen
from natkeeper.cli.page import command
from natkeeper.cli.page.server import page, server
from natkeeper.cli.page.watching import PageWatch

# ---- the server ------------------------------------------------------------------------------------------


class PageWire:
    """Stands for the socket of one request."""

    def __init__(self, request: str) -> None:
        self._in, self.out = io.BytesIO(request.encode()), io.BytesIO()

    def makefile(self, *_: Any) -> io.BytesIO:
        return self._in

    def sendall(self, data: bytes) -> None:
        self.out.write(data)


def answered(line: str, host: str = "127.0.0.1:80") -> tuple[str, dict[str, str], str]:
    """Return the status, the headers and the body of an answer; no socket is connected."""
    made, wire = server(0, lambda: {"group": "生产"}), PageWire(f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    made.server_close()
    assert made.daemon_threads
    made.RequestHandlerClass(wire, ("127.0.0.1", 1), made)
    head, _, body = wire.out.getvalue().decode().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    return status, dict(each.split(": ", 1) for each in headers), body


HTML, JSON, TEXT = ("text/html", page()), ("application/json", '{"group": "生产"}'), "text/plain"
FOUND = (TEXT, "there is / and /state\n")


@pytest.mark.parametrize(
    "line, host, status, answer",
    [
        ("GET /", "127.0.0.1:80", "200 OK", HTML), ("GET /?lang=zh", "LocalHost", "200 OK", HTML),
        ("GET /state", "[::1]:9", "200 OK", JSON), ("GET /x", "127.0.0.1:80", "404 Not Found", FOUND),
        ("GET /state?x", "127.0.0.1", "404 Not Found", FOUND), ("HEAD /state", "127.0.0.1", "200 OK", JSON),
        ("GET /", "evil.example", "403 Forbidden", (TEXT, "only for this machine\n")),
    ],
)  # fmt: skip
def test_there_are_two_addresses_for_browsers_of_this_machine(
    line: str, host: str, status: str, answer: tuple[str, str]
) -> None:
    """Of one kind each, in UTF-8, as long as it says; what is asked for without its body has none."""
    said, headers, body = answered(line, host)
    kind, text = answer
    assert (said, body) == (f"HTTP/1.0 {status}", "" if line.startswith("HEAD") else text)
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert headers["Content-Length"] == str(len(text.encode()))
    assert headers["Server"].strip() == "natkeeper"


def test_the_page_may_run_its_own_style_and_script_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    """By their digests; and a page that asks every second does not fill the terminal."""
    _, headers, _ = answered("GET /")

    def digest(tag: str) -> str:
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page(), re.DOTALL)
        return "'sha256-" + base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode() + "'"

    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src {digest('style')}; script-src {digest('script')}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    others = ("Cache-Control", "X-Content-Type-Options", "Referrer-Policy")
    assert [headers[name] for name in others] == ["no-store", "nosniff", "no-referrer"]
    assert capfd.readouterr() == ("", "")


# ---- what is gathered ------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 5, 6, 7, 8, tzinfo=timezone.utc)
AT = NOW.timestamp()


def watch(status: Any, moves: Any = None, checks: Any = None) -> PageWatch:
    return PageWatch(status, moves or (lambda since: [{"since": since}]), checks or {}, lambda: NOW, "cn-hangzhou", 5.0)


EMPTY = {"groups": [], "at": "2026-03-05T06:07:08Z", "region": "cn-hangzhou", "every": 5.0, "looks": {}}
BUSY = Unreached("it was busy", "wait")


def raising(_: object = None) -> Any:
    raise BUSY


def test_a_trouble_stands_beside_what_was_seen_last_and_goes_when_it_is_over() -> None:
    """With what to do about it."""
    answers: list[Any] = [{"receipts": ["one"]}, BUSY, {}]

    def status() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watching = watch(status)
    assert watching.state() == EMPTY
    well = {**EMPTY, "error": None, "todo": None, "groups": ["one"], "answered": EMPTY["at"]}
    for wanted in (well, {**well, "error": "it was busy", "todo": "wait"}, {**well, "groups": []}):
        watching._ask_status()
        assert watching.state() == wanted


def test_moves_are_those_of_a_day_and_a_trouble_with_them_is_their_own() -> None:
    """The groups are shown all the same."""
    watching = watch(dict)
    watching._ask_moves()
    moves = {"moves": [{"since": NOW - timedelta(days=1)}], "moves_error": None}
    assert watching.state() == {**EMPTY, **moves}
    watching.moves = raising
    watching._ask_moves()
    assert watching.state() == {**EMPTY, **moves, "moves_error": "it was busy"}


def test_looks_of_the_last_ten_minutes_are_kept() -> None:
    """Each group has its own."""
    times = [AT - 600.1, AT - 600, AT]
    watching = watch(dict, checks={"prod": lambda: {"at": times.pop(0)}, "dev": dict})
    for _ in range(3):
        watching._check("prod")
    assert watching.state()["looks"] == {"prod": [{"at": AT - 600}, {"at": AT}], "dev": []}


def test_each_thing_is_asked_at_its_own_pace_while_a_browser_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifteen seconds after it asked last, it does not look any more; what ends, ends at once."""
    now, asked, paused = [100.0], list[str](), list[float | None]()
    monkeypatch.setattr("natkeeper.cli.page.watching.time.monotonic", lambda: now[0])

    def check() -> dict[str, Any]:
        asked.append("check")
        return {"at": 0}

    made = watch(dict, checks={"prod": check})
    assert [thread.daemon for thread in made._threads] == [True] * 3
    assert {thread._target for thread in made._threads} == {made._repeat}  # type: ignore[attr-defined]
    paces = [thread._args for thread in made._threads]  # type: ignore[attr-defined]
    assert [pace for _, pace in paces] == [5.0, 30.0, 5.0]
    paces[2][0]()
    assert asked == ["check"]

    def wait(seconds: float | None = None) -> bool:
        paused.append(seconds)
        now[0] += seconds or 0.0
        if seconds is None:  # nobody looks any more, then someone does again
            assert not made._wanted.is_set()
            (made.state if paused.count(None) == 1 else made.end)()
        return True

    monkeypatch.setattr(made._over, "wait", wait)
    monkeypatch.setattr(made._wanted, "wait", wait)
    made.state()
    assert made._wanted.is_set()
    made._repeat(lambda: asked.append("again"), 5.0)
    assert (asked[1:], paused) == (["again"] * 8, ([5.0] * 4 + [None]) * 2)
    assert (made._over.is_set(), made._wanted.is_set()) == (True, True)
    fresh = watch(dict)
    monkeypatch.setattr(fresh._wanted, "wait", fresh.end)
    fresh._repeat(lambda: asked.append("unasked"), 5.0)
    assert "unasked" not in asked


# ---- the command -----------------------------------------------------------------------------------------


class Served:
    """Stands for the server: the person ends it at once."""

    server_address = ("127.0.0.1", 8123)

    def __init__(self, *, ctrl_c: bool) -> None:
        self.ctrl_c, self.done = ctrl_c, list[Any]()

    def serve_forever(self, poll_interval: float) -> None:
        self.done.append(poll_interval)
        if self.ctrl_c:
            raise KeyboardInterrupt

    def server_close(self) -> None:
        self.done.append("closed")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the watch was made with, and what it was told to do."""
    kept: list[Any] = []

    class NotedWatch:
        def __init__(self, **more: Any) -> None:
            kept.append(more)

        def state(self) -> None: ...

        def begin(self) -> None:
            kept.append("begin")

        def end(self) -> None:
            kept.append("end")

    monkeypatch.setattr(command, "PageWatch", NotedWatch)
    monkeypatch.setattr(command, "utc_now", lambda: NOW)
    return kept


def group(name: str, function: str | None) -> Any:
    return SimpleNamespace(name=name, probe=SimpleNamespace(function=function))


def context(*, as_json: bool = False) -> Any:
    groups = {"prod": group("prod", "p"), "dev": group("dev", None)}
    return SimpleNamespace(
        group=groups.get, config=SimpleNamespace(groups=tuple(groups.values())), as_json=as_json, region_id="r",
        reach=SimpleNamespace(credentials=lambda: None), screen=Screen(as_json),
    )  # fmt: skip


@pytest.mark.parametrize("ctrl_c", [True, False])
@pytest.mark.parametrize("as_json", [True, False])
def test_the_page_is_served_until_ctrl_c(
    made: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, ctrl_c: bool, as_json: bool
) -> None:
    """The address is told, for a person or a machine; what was begun is ended."""
    served = Served(ctrl_c=ctrl_c)
    monkeypatch.setattr(command, "server", lambda port, state: served if (port, state()) == (80, None) else None)
    asker: Any = SimpleNamespace(ask=lambda request: {"asked": request})
    assert command.serve(context(as_json=as_json), asker, {"action": "status"}, 5.0, 80) is Exit.OK
    url = "http://127.0.0.1:8123/"
    told = f"{url}  a page for browsers of this machine; it only reads. Ctrl-C ends it.\n"
    assert capsys.readouterr().out == (f'{{\n "ok": true,\n "url": "{url}"\n}}\n' if as_json else told)
    assert (made[1:], served.done) == (["begin", "end"], [0.1, "closed"])
    about = made[0]
    assert (about["region"], about["every_s"], [*about["checks"]], about["clock"]()) == ("r", 5.0, ["prod"], NOW)
    assert about["status"]() == {"asked": {"action": "status"}}
    events = [SimpleNamespace(moved=moved, as_json=lambda moved=moved: moved) for moved in (True, False)]
    asked: list[Any] = []

    def events_of(_: Any, *call: Any, **more: Any) -> list[Any]:
        asked.append((call, more))
        return events

    monkeypatch.setattr(command, "events_of", events_of)
    assert about["moves"](NOW) == [True]
    (((groups, since), more),) = asked
    assert ([each.name for each in groups], since, more) == (["prod", "dev"], NOW, {"everybody": True})


def test_a_page_of_one_group_and_a_port_that_is_taken(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the groups that were asked for are looked at; another port can be named."""

    def taken(*_: Any) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(command, "server", taken)
    with pytest.raises(Wrong, match=r"^port 80 cannot be served: Address already in use$") as ended:
        command.serve(context(), SimpleNamespace(ask=None), {"group": "dev"}, 5.0, 80)  # type: ignore[arg-type]
    assert ended.value.do == "name another with --port"
    assert made[0]["checks"] == {}
    without = context()
    without.reach.credentials = raising
    with pytest.raises(Unreached):
        command.serve(without, SimpleNamespace(ask=None), {}, 5.0, 80)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "seen, blind, says",
    [
        (SimpleNamespace(error="", seen="198.51.100.1"), "", {"found": "answered", "ip": "198.51.100.1", "why": ""}),
        (SimpleNamespace(error="no answer", seen=""), "", {"found": "lost", "ip": "", "why": "no answer"}),
        (None, "not allowed", {"found": "unseen", "why": "not allowed"}),
        (None, "", {"found": "unseen", "why": "p was busy"}),
    ],
)
def test_a_look_through_the_probe_is_answered_lost_or_unseen(
    monkeypatch: pytest.MonkeyPatch, seen: Any, blind: str, says: dict[str, str]
) -> None:
    """What could not be asked says nothing of the way."""
    monkeypatch.setattr(command, "Feeling", lambda *_: SimpleNamespace(check=lambda: seen, blind=blind))
    monkeypatch.setattr(command, "utc_now", lambda: NOW)
    assert command._check(context(), "p")() == {"at": AT, **says}
