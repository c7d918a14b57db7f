"""`natlab play`, and the tour through it: every command of docs/tour.md is run, and prints what the page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from tests import browser
from tests.cli.screens import masked
from tests.cli.town import ROOT

PAGE = ROOT / "docs" / "tour.md"
READY_WITHIN_S = 400.0
_MODULES = {"natkeeper": "natkeeper.cli", "natlab": "natlab.cli"}


def steps() -> Iterator[tuple[str, list[str]]]:
    """The commands of the page, each with the lines that it prints there."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.rstrip().splitlines()
            yield command, lines


def recorded() -> list[str]:
    """The lines of the first terminal that the page shows, without the time at their beginning."""
    block: str
    (block,) = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return block.splitlines()


def until(true: Callable[[], bool], within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def run(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    line = [sys.executable, "-m", _MODULES[program], *arguments]
    return subprocess.run(line, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)


@pytest.fixture(scope="module")
def playground() -> Iterator[tuple[subprocess.Popen[str], dict[str, str], Path]]:
    """A playground in a process of its own, and the environment that its exports make."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'lab'}", "TMPDIR": scratch}
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "natlab.cli", "play"], env=environ, cwd=ROOT, stdout=out, stderr=out, text=True
            )
        try:
            until = time.monotonic() + READY_WITHIN_S
            while "Ctrl-C ends everything" not in log.read_text(encoding="utf-8"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < until, log.read_text(encoding="utf-8")
                time.sleep(0.2)
            exports = dict(re.findall(r"^export (\w+)=(.*)$", log.read_text(encoding="utf-8"), re.MULTILINE))
            exports = {name: value.replace("$PATH", environ["PATH"]) for name, value in exports.items()}
            yield process, {**environ, **exports}, log
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(150)


def test_the_exports_lead_to_the_commands(playground: tuple[subprocess.Popen[str], dict[str, str], Path]) -> None:
    """Also where no environment is active in the other terminal."""
    _, environ, _ = playground
    assert all(shutil.which(name, path=environ["PATH"]) for name in ("natkeeper", "natlab"))


_PICTURE = ROOT / "docs" / "img" / "live-page.png"
_WORDS = "[...document.querySelectorAll('h1, h2, h3, strong, .word, code')].map((one) => one.textContent).join('\\n')"
_WELL = "document.querySelector('section.quiet') !== null"
_MOVED = "[...document.querySelectorAll('h3')].at(-1).nextSibling.children.length > 1"


@pytest.mark.skipif(browser.PROGRAM is None, reason="chromium is not installed: apt-get install chromium")
def test_the_picture_of_the_page_is_true(
    playground: tuple[subprocess.Popen[str], dict[str, str], Path], tmp_path: Path
) -> None:
    """The page says the words that its picture was taken with.

    NATKEEPER_SHOTS=docs/img takes it anew, after two moves and when the page knows of them (three minutes).
    """
    _, environ, log = playground
    (url,) = re.findall(r"In a browser: (http://127\.0\.0\.1:\d+/)", log.read_text(encoding="utf-8"))
    with browser.opened(f"{url}?lang=en", tmp_path, width=900, height=600) as tab:
        if browser.SHOTS in os.environ:
            for name in ("gateway-b", "gateway-a"):
                (gateway,) = set(re.findall(rf"{name} \((i-\w+)\)", PAGE.read_text(encoding="utf-8")))
                run(f"natkeeper switch prod --to {gateway}", environ).check_returncode()
            until(lambda: bool(tab.evaluate(f"{_MOVED} && {_WELL}")), 300.0)
        tab.until(_WELL)
        says = tab.evaluate(_WORDS)
        tab.picture(_PICTURE.stem, says)
    assert says == browser.text_of(_PICTURE)
    assert _PICTURE.stat().st_size < 150_000


def test_the_tour_is_true(playground: tuple[subprocess.Popen[str], dict[str, str], Path]) -> None:
    """In the order of the page, with nothing but the printed exports; then it ends without leaving anything."""
    process, environ, log = playground
    count = 0
    for command, lines in steps():
        ended = run(command, environ)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        printed = masked(ended.stdout).splitlines()
        for line in lines:
            wanted = masked(line).rstrip("\n")
            assert any(each.startswith(wanted) for each in printed), (command, ended.stdout)
        count += 1
    assert count >= 8
    for line in recorded():
        until(lambda line=line: line in log.read_text(encoding="utf-8"))  # type: ignore[misc]
    timeline = log.read_text(encoding="utf-8")
    (url,) = re.findall(r"In a browser: (http://127\.0\.0\.1:\d+/)", timeline)
    assert "<title>natkeeper</title>" in urllib.request.urlopen(url, timeout=10).read().decode()  # noqa: S310  loopback
    assert "a person stops the instance" in timeline
    assert "moved 0.0.0.0/0 in table from gateway-a to gateway-b" in timeline
    wrong = run("natlab break stop gateway-z", environ)
    assert (wrong.returncode, "gateway-a, gateway-b" in wrong.stderr) == (2, True)
    wrong = run("natlab break teapot", environ)
    assert (wrong.returncode, "stop, crash, freeze" in wrong.stderr) == (2, True)
    scratch = Path(environ["TMPDIR"])
    left = scratch / "natlab-play-999999999-x"
    left.mkdir()
    process.send_signal(signal.SIGINT)
    assert process.wait(150) == 0
    assert [path for path in scratch.glob("natlab-*") if path != left] == []
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)  # noqa: S310  loopback
    over = run("natlab list", environ)
    assert (over.returncode, "natlab play" in over.stderr) == (3, True)


def test_what_a_killed_one_left_is_swept_and_that_of_others_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process id in the name."""
    from natlab.cloud.fc.runtime.processes import remove_leftovers
    from natlab.play.playground import sweep_leftovers

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine, gone = os.getpid(), 999_999_999
    names = [f"{prefix}{pid}-x" for prefix in ("natlab-play-", "natlab-guests-", "natlab-fc-") for pid in (mine, gone)]
    for name in [*names, "natlab-play-notes", "other"]:
        (tmp_path / name).mkdir()
    sweep_leftovers()
    remove_leftovers()
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {name for name in names if str(mine) in name} | {"natlab-play-notes", "other"}


def test_a_machine_that_stood_still_is_told(mocker: MockerFixture) -> None:
    """A laptop that slept for a quarter of an hour; a wait that ends a little late is none."""
    from natlab.play.playground import standstills

    over = mocker.Mock()
    over.wait.side_effect = [False, False, False, True]
    times = iter([100.0, 105.1, 118.0, 1023.0])
    assert list(standstills(over, lambda: next(times))) == [0.0, 0.0, pytest.approx(900.0)]


def test_a_cloud_forgets_old_executions() -> None:
    """A day of them must not slow a sweep down."""
    from natlab.cloud.kernel.records import Records

    records: Records[int] = Records(lambda: 0.0, keep=3)
    for number in range(10):
        records.put(str(number), number)
    records.put("8", 80)
    assert dict(records) == {"7": 7, "8": 80, "9": 9}


def test_a_cloud_forgets_nothing_that_is_under_way() -> None:
    """A setup of a thousand gateways goes on to its end, and can be read then."""
    from natlab.cloud.kernel.records import Records

    records: Records[str] = Records(lambda: 0.0, keep=2, over=lambda state: state == "over")
    for name in ("a", "b", "c", "d"):
        records.put(name, "runs")
    records.put("b", "over")
    assert list(records) == ["a", "c", "d"]
    records.put("a", "over")
    assert list(records) == ["c", "d"]


def test_a_cloud_that_was_up_for_a_day_holds_no_more_than_one_that_was_up_for_an_hour() -> None:
    """Every table that grows with each run is bounded, and so are the states that stale reads look back to."""
    from natlab.cloud.cloud import Cloud
    from natlab.cloud.kernel.clock import VirtualClock
    from natlab.cloud.kernel.records import STATES, Records

    clock = VirtualClock()
    cloud = Cloud(clock=clock)
    try:
        vswitch = cloud.vpc.create_vswitch(cloud.vpc.create_vpc("10.0.0.0/8"), "10.0.1.0/24", zone="cn-hangzhou-h")
        gateway, region = cloud.ecs.create_instance(vswitch), {"RegionId": cloud.region}
        order = {**region, "Type": "RunShellScript", "CommandContent": "true", "InstanceId.1": gateway}
        for _ in range(2000):
            cloud.call("ecs", "RunCommand", order)
            clock.advance(2.0)
        for action in ("DescribeCommands", "DescribeInvocations"):
            assert int(str(cloud.call("ecs", action, region)["TotalCount"])) <= 1000
    finally:
        cloud.close()
    records: Records[int] = Records(lambda: 0.0, keep=3)
    for number in range(1000):
        records.put(str(number), number)
    assert len(records._past) == STATES
