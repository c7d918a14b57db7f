"""What a drill feels by the probe, and the signals that may end it: without a cloud, and nearly without a clock."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.drill.interrupts import Interrupts
from natkeeper.cli.drill.sampler import Feeling
from natkeeper.drill import NewConnection
from natkeeper.ports import Failure, FailureKind


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_a_phase_that_may_be(number: signal.Signals) -> None:
    """Only that; one between two phases interrupts the next, and none counts twice."""
    before = signal.getsignal(number)
    interrupts = Interrupts(lambda _seconds: None)
    with interrupts as entered:
        assert entered is interrupts
        os.kill(os.getpid(), number)
        assert interrupts.count == 1
        with pytest.raises(KeyboardInterrupt):
            interrupts.arm()
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interrupts.sleep(1.0)
        interrupts.disarm()
        with pytest.raises(KeyboardInterrupt):
            interrupts.arm()
        interrupts.disarm()
        interrupts.arm()
        interrupts.sleep(1.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        interrupts.disarm()
        interrupts.sleep(1.0)
    assert (interrupts.count, signal.getsignal(number)) == (3, before)


def test_only_the_main_thread_catches_signals() -> None:
    """Another one cannot, and need not."""
    interrupts = Interrupts()
    thread = threading.Thread(target=interrupts.catch)
    thread.start()
    thread.join(5.0)
    assert interrupts._before == {}


# ---- what is felt ---------------------------------------------------------------------------------------------


class ProbeAnswers:
    """The client of Function Compute: answers of the probe, or what is raised, one after the other."""

    def __init__(self, *said: Any) -> None:
        self.said, self.asked = [*said], list[tuple[Any, ...]]()

    def invoke_function_with_options(self, function: str, request: Any, headers: Any, options: Any) -> Any:
        self.asked.append((function, request.body.read(), headers.x_fc_invocation_type, options.read_timeout))
        said = self.said.pop(0)
        if isinstance(said, Exception):
            raise said
        return SimpleNamespace(body=io.BytesIO(said if isinstance(said, bytes) else json.dumps(said).encode()))


def feeling(*said: Any) -> tuple[Feeling, ProbeAnswers]:
    """Feel by a probe that says this; each look takes half a second."""
    answers, ticks = ProbeAnswers(*said), itertools.count(100)
    reach = SimpleNamespace(
        clients=SimpleNamespace(client=lambda _kind: answers, region="cn-hangzhou"),
        classify=lambda error: Failure(FailureKind(str(error)), "said"),
    )
    return Feeling(reach, "probe-a", lambda: next(ticks) / 2, between_s=0.0), answers  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said, found, blind",
    [
        ({"ok": True, "ip": "192.0.2.1"}, NewConnection(50.0, 50.5, "", "192.0.2.1"), ""),
        ({"ok": True, "ip": None, "reason": "x"}, NewConnection(50.0, 50.5), ""),
        ({"ok": False, "reason": "silent"}, NewConnection(50.0, 50.5, "silent"), ""),
        ({"ok": False, "reason": ""}, NewConnection(50.0, 50.5, "no answer"), ""),
        ({"ok": "yes"}, NewConnection(50.0, 50.5, "no answer"), ""),
        (ValueError(FailureKind.DENIED.value), None, f"probe-a: {Failure(FailureKind.DENIED, 'said')}"),
        (ValueError(FailureKind.THROTTLED.value), None, ""),
    ],
)
def test_a_look_is_a_new_connection_or_says_nothing_of_the_way(
    said: Any, found: NewConnection | None, blind: str
) -> None:
    """What a probe that cannot be asked says is no loss; that it is busy is not said either."""
    looks, answers = feeling(said)
    assert (looks.check(), looks.blind) == (found, blind)
    assert answers.asked == [("probe-a", b'{"action":"look"}', "Sync", 20_000)]


def test_looks_go_on_until_they_are_to_end() -> None:
    """In a thread of their own; those that say nothing are not counted."""
    looks, answers = feeling(*[{"ok": True}, ValueError(FailureKind.THROTTLED.value)] * 3)
    looks.join()
    answers.said.append({"ok": False})
    whole = looks.check

    def check() -> NewConnection | None:
        if len(answers.said) == 1:
            looks.stop()
        return whole()

    looks.check = check  # type: ignore[method-assign]
    looks.begin()
    looks.join()
    assert (len(looks.attempts), answers.said, looks._thread.is_alive()) == (4, [], False)
    assert (looks._thread.daemon, looks._thread.name) == (True, "drill")


@pytest.mark.parametrize(
    "since_s, count, well",
    [(2.0, 2, True), (2.5, 2, False), (1.0, 3, False), (0.0, 4, False), (2.0, 1, True)],
)
def test_the_way_is_well_after_some_looks_in_a_row(since_s: float, count: int, *, well: bool) -> None:
    """All begun since the route moved, and all answered."""
    looks, _ = feeling()
    looks.attempts = [NewConnection(1.0, 1.1, "lost"), NewConnection(2.0, 2.1), NewConnection(3.0, 3.1)]
    assert looks.well(since_s, count) is well
