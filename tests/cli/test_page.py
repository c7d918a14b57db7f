"""`natkeeper status --serve`: a page that only reads, for this machine only, in any window and in two languages."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from natkeeper.cli.errors import Unreached
from natkeeper.cli.page.server import page, server
from natkeeper.cli.page.watching import PageWatch
from tests import browser
from tests.cli.test_terminals import ANSWER, B
from tests.cli.town import ROOT, SEEN_IP, Command, Workspace

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"
AT = 1_795_500_000.0
READ = """(() => {
  const box = (each) => each.getBoundingClientRect();
  return { text: document.querySelector("main").innerText, images: document.images.length, title: document.title,
    wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    outside: [...document.querySelectorAll("main *")].filter((one) => box(one).right > innerWidth + 1).length,
    loaded: performance.getEntriesByType("resource").map((one) => new URL(one.name).pathname),
    dark: getComputedStyle(document.body).backgroundColor, ticks: document.querySelectorAll(".strip rect").length,
    lost: document.querySelectorAll(".strip rect.lost").length,
    order: [...document.querySelectorAll("h2")].map((one) => one.textContent) };
})()"""


def shown(**news: Any) -> dict[str, Any]:
    """A state with everything that the page can show: two groups, an episode, load, a lost look, a move."""
    receipts = json.loads(json.dumps(ANSWER["receipts"]))
    receipts[1]["episodes"] = [
        {"group": "bad-one", "kind": "dark", "since": "2026-11-24T05:00:00Z", "cause": EVIL,
         "left": "no standby is left", "todo": "start a gateway"},
    ]  # fmt: skip
    receipts[0]["view"]["gateways"][1]["figures"] = {"connections": 52_000, "maximum": 65_536, "load": 1.25, "drops": 3}
    checks = [
        {"at": AT - 5 * n, "found": "lost" if 3 < n < 7 else "answered", "ip": "198.51.100.1"} for n in range(100)
    ]
    state = {
        "at": datetime.fromtimestamp(AT, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "answered": "2026-11-24T06:00:00Z",
        "region": "cn-hangzhou",
        "every": 5.0,
        "groups": receipts,
        "looks": {"bad-one": sorted(checks, key=lambda check: check["at"])},
        "moves": [{"at": "2026-11-24T05:00:01Z", "group": "bad-one", "what": "ModifyRouteEntry 0.0.0.0/0", "to": B,
                   "why": "the gateway is Stopped"}],
    }  # fmt: skip
    return {**state, **news}


Serve = Callable[[Callable[[], Any]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a page of that state; give its port."""
    running = []

    def begin(state: Callable[[], Any]) -> int:
        made = server(0, state)
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        running.append((made, thread))
        return int(made.server_address[1])

    yield begin
    for made, thread in running:
        made.shutdown()
        made.server_close()
        thread.join()


def asked(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def test_it_can_only_be_read(serve: Serve) -> None:
    """Two addresses, no method but GET and HEAD."""
    port = serve(shown)
    assert asked(port, "GET", "/")[2] == page()
    assert json.loads(asked(port, "GET", "/state")[2]) == shown()
    assert asked(port, "HEAD", "/")[::2] == (200, "")
    assert asked(port, "GET", "/../../etc/passwd")[0] == 404
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert asked(port, method, "/state")[0] == 501, method


@pytest.mark.parametrize("name", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_of_elsewhere_that_leads_here_is_refused(serve: Serve, name: str) -> None:
    """Otherwise a page of elsewhere could read it in the operator's browser."""
    port = serve(shown)
    assert asked(port, "GET", "/state", Host=name)[0] == 403
    assert asked(port, "GET", "/state", Host=f"localhost:{port}")[0] == 200


def test_the_page_may_load_nothing_and_needs_nothing(serve: Serve) -> None:
    """Style and script are allowed by their digests; nothing in the file names another address."""
    _, headers, text = asked(serve(shown), "GET", "/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\bsrc\s*=|@import|url\(|innerHTML|\son\w+=", text)


def test_both_languages_have_the_same_words() -> None:
    """A word that joins one joins the other."""
    english, chinese = re.findall(r"^  (?:en|zh): \{(.*?)\},$", page(), re.MULTILINE | re.DOTALL)

    def keys(text: str) -> set[str]:
        return set(re.findall(r'(?:^|[,{]|\n)\s*"?([\w\' -]+?)"?: "', text))

    places = {"a private host's place", "behind the gateway", "the gateway itself"}
    assert keys(chinese) - places == keys(english)
    assert len(keys(english)) > 40


# ---- what is gathered for it -----------------------------------------------------------------------------


class CountedRequests:
    """Counts what is asked; `down` makes the function unreachable."""

    def __init__(self) -> None:
        self.times, self.down = 0, False

    def status(self) -> dict[str, Any]:
        self.times += 1
        if self.down:
            raise Unreached("function natkeeper-failover was busy for 120 s", "its log tells why")
        return {"receipts": [{"group": "prod", "outcome": "quiet", "sentence": "all is well"}]}

    def check(self) -> dict[str, Any]:
        return {"at": datetime.now(timezone.utc).timestamp(), "found": "answered"}


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def gathered() -> Iterator[tuple[CountedRequests, PageWatch]]:
    counts = CountedRequests()
    watching = PageWatch(
        counts.status, lambda _: [], {"prod": counts.check}, lambda: datetime.now(timezone.utc), "r", 0.01
    )
    watching.begin()
    yield counts, watching
    watching.end()


def test_nothing_is_asked_while_no_browser_looks(
    gathered: tuple[CountedRequests, PageWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every status occupies the one instance of the function for a moment."""
    counts, watching = gathered
    monkeypatch.setattr("natkeeper.cli.page.watching.WATCHED_S", 0.2)
    time.sleep(0.1)
    assert counts.times == 0
    until(lambda: watching.state()["groups"] and watching.state()["looks"]["prod"])
    time.sleep(0.4)
    settled = counts.times
    time.sleep(0.2)
    assert counts.times == settled
    until(lambda: watching.state() and counts.times > settled)


def test_a_function_that_does_not_answer_is_shown_beside_what_was_seen_last(
    gathered: tuple[CountedRequests, PageWatch],
) -> None:
    """And the page goes on by itself."""
    counts, watching = gathered
    until(lambda: watching.state()["groups"])
    counts.down = True
    until(lambda: watching.state().get("error"))
    assert watching.state()["groups"]
    assert "busy for 120 s" in watching.state()["error"]
    counts.down = False
    until(lambda: not watching.state()["error"])


def test_old_looks_leave_the_strip(
    monkeypatch: pytest.MonkeyPatch, gathered: tuple[CountedRequests, PageWatch]
) -> None:
    """A page that stays open for a day remembers ten minutes."""
    monkeypatch.setattr("natkeeper.cli.page.watching.KEPT_S", 0.3)
    _, watching = gathered
    first = datetime.now(timezone.utc).timestamp()
    until(lambda: watching.state()["looks"]["prod"])
    until(lambda: all(check["at"] > first + 0.5 for check in watching.state()["looks"]["prod"] or [{"at": 0}]))


def test_the_command_serves_what_status_shows(deployed: Workspace) -> None:
    """The real command, in a process of its own, until Ctrl-C."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "shared")}
    line = [sys.executable, "-m", "natkeeper.cli", "status", "--serve", "--every", "0.2", "--json"]
    process = subprocess.Popen(line, env=environ, cwd=deployed.home, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = "".join(iter(process.stdout.readline, "}\n"))
        port = int(json.loads(told + "}")["url"].rpartition(":")[2].strip("/"))

        def state() -> dict[str, Any]:
            return dict(json.loads(asked(port, "GET", "/state")[2]))

        until(lambda: state()["groups"] and state()["looks"]["prod"] and "moves" in state())
        seen = state()
        assert [one["name"] for one in seen["groups"][0]["view"]["gateways"]] == ["nat-a", "nat-b"]
        assert {check["found"] for check in seen["looks"]["prod"]} == {"answered"}
        assert seen["looks"]["prod"][0]["ip"] == SEEN_IP
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken_is_named(natkeeper: Command, place: Workspace, serve: Serve) -> None:
    """With what to do."""
    port = serve(shown)
    ended = natkeeper("status", "--serve", "--port", str(port))
    assert (ended.code, f"port {port} cannot be served" in ended.err, "--port" in ended.err) == (2, True, True)
    assert natkeeper("status", "--serve", "--watch").code == 2


# ---- in a browser ----------------------------------------------------------------------------------------

Browse = Callable[..., dict[str, Any]]


@pytest.fixture
def browse(tmp_path: Path, serve: Serve) -> Browse:
    """Open the page in headless Chromium, and let it say what it sees."""
    if browser.PROGRAM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")

    def ask(state: dict[str, Any], *, width: int = 1280, dark: bool = False, lang: str = "en") -> dict[str, Any]:
        url = f"http://127.0.0.1:{serve(lambda: state)}/?lang={lang}"
        with browser.opened(url, tmp_path, width=width, dark=dark) as tab:
            tab.until("document.readyState === 'complete' && document.querySelector('footer p')?.textContent !== ''")
            tab.picture(f"page-{width}-{'dark' if dark else 'light'}-{lang}")
            return dict(tab.evaluate(READ))

    return ask


@pytest.mark.slow
@pytest.mark.parametrize("width, dark, lang", [(1280, False, "en"), (390, True, "zh"), (390, False, "en"),
                                               (1280, True, "zh"), (768, False, "zh")])  # fmt: skip
def test_a_browser_shows_it_in_any_window(browse: Browse, width: int, dark: bool, lang: str) -> None:  # noqa: FBT001
    """Nothing is cut, nothing is loaded but the state, words of others stay text, what needs people stands first."""
    seen = browse(shown(), width=width, dark=dark, lang=lang)
    assert (seen["wide"], seen["outside"], seen["images"]) == (0, 0, 0)
    assert set(seen["loaded"]) <= {"/state", "/favicon.ico"}
    assert seen["order"] == ["bad-one", "quiet-one"]
    assert (seen["ticks"], seen["lost"]) == (100, 3)
    assert EVIL in seen["text"]
    assert "生产环境备用网关" in seen["text"]
    assert "52000 / 65536" in seen["text"]
    assert f"生产环境备用网关 ({B}) is not ready" in seen["text"]
    assert f"→ 生产环境备用网关 ({B})" in seen["text"]
    assert re.search(r"2026-11-2\d \d\d:\d\d:\d\d", seen["text"]), "the year first, in both languages"
    words = (
        ("断网", "承载路由", "次探测", "最近的切换") if lang == "zh" else ("no internet", "carries the route", "checks")
    )
    assert all(word in seen["text"] for word in words)
    assert (("需要处理" if lang == "zh" else "needs you") in seen["title"]) is True
    assert (seen["dark"] == "rgb(15, 20, 26)") is dark


@pytest.mark.slow
def test_without_a_standby_not_all_is_well(browse: Browse) -> None:
    """The route works, and the next failure is an outage; a standby that natkeeper would start is one."""
    state = shown()
    del state["groups"][1]
    view = state["groups"][0]["view"]
    view.pop("fallback")
    assert "no standby" in browse(state)["text"]
    view["gateways"][0] |= {"cold": True}
    seen = browse(state)["text"]
    assert "no standby" not in seen
    assert "cold standby" in seen


@pytest.mark.slow
@pytest.mark.parametrize("kind, words", [("dark", "no internet"), ("degraded", "no standby"), ("full", "full")])
def test_while_a_trouble_lasts_not_all_is_well(browse: Browse, kind: str, words: str) -> None:
    """Whatever the last run did: the group is called by its trouble, stands first, and the title says so."""
    state = shown()
    state["groups"][1] |= {"outcome": "waiting", "episodes": []}
    state["groups"][0]["episodes"] = [{"kind": kind, "since": "2026-11-24T05:00:00Z", "cause": "x"}]
    seen = browse(state)
    assert seen["order"] == ["quiet-one", "bad-one"]
    assert "all well" not in seen["text"]
    assert seen["text"].count(words) >= 2
    assert "needs you" in seen["title"]


@pytest.mark.slow
def test_a_browser_shows_a_trouble_and_an_empty_beginning(browse: Browse) -> None:
    """Before the first answer, and where there is none."""
    assert "Looking" in browse(shown(groups=[]))["text"]
    seen = browse(shown(error="asking function natkeeper-failover: no connection", todo="check the network"))
    assert "no connection" in seen["text"]
    assert "check the network" in seen["text"]
    assert seen["order"] == ["bad-one", "quiet-one"]
