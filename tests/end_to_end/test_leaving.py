"""However a demonstration ends, no process and no directory of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config
from rich.console import Console

from natlab.demo.show import prepare
from natlab.scenarios.catalogue import scenario

PATIENCE_S = 240.0
"""How long to wait for what ought to happen on a machine that does much else: nothing here is about time."""


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def processes_of(directory: Path) -> list[int]:
    """Processes whose environment names the directory: what a demonstration starts keeps its files there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(directory).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    return found


@pytest.fixture(scope="module", autouse=True)
def bundles() -> None:
    """Build what the demonstrations deploy: on a new clone that takes a minute, and nothing here is about it."""
    prepare([scenario("crash"), scenario("manual")], Console(quiet=True))


@pytest.fixture
def natlab(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `natlab …` with its temporary files in a directory of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "natlab.cli", *arguments],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell may have started the tests in the background, where Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  harmless
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing_behind(
    natlab: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """In the middle of a play, with functions running and code unpacked."""
    process = natlab("demo", "crash", "--json")
    wait(lambda: list(tmp_path.glob("natlab-demo-*/code-*")), "no function was ever started")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_plays_end_when_their_demonstration_is_killed(
    natlab: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Nobody can clean up after a SIGKILL, but what was started notices; the next one removes the directory."""
    process = natlab("demo", "crash", "--json")
    wait(lambda: list(tmp_path.glob("natlab-demo-*/code-*")), "no function was ever started")
    process.kill()
    process.communicate()
    wait(lambda: not processes_of(tmp_path), "something goes on")
    assert [each.name.startswith("natlab-demo-") for each in tmp_path.iterdir()] == [True]
    following = natlab("demo", "manual", "--json", "--pace", "0.2")
    following.communicate(timeout=PATIENCE_S)
    assert following.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_is_served_until_it_is_ended(natlab: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """It prints what Alibaba's own client needs, and leaves nothing either."""
    process = natlab("cloud")
    assert process.stdout is not None
    told = dict(process.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(3))
    config = Config(
        access_key_id=told["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=told["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=told["NATKEEPER_ENDPOINT"].removeprefix("http://"),
        protocol="http",
    )
    answer = Client(config).describe_instances(models.DescribeInstancesRequest(region_id="cn-hangzhou"))
    assert answer.body.total_count in (0, None)
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []
