"""When a call is tried again, how long that goes on, and what is said in the end."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.alibaba.retry import Patience, Persistence
from natkeeper.alibaba.threads import AT_ONCE, OPTIONAL_S, all_at_once
from natkeeper.domain.ids import TableId
from natkeeper.ports import Failure, FailureKind, ReadConditions, ReadInstances, ReadRoutes
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local

START = datetime(2026, 11, 23, tzinfo=timezone.utc)


class Throttled(Exception):
    """An SDK error that names the time to wait, in milliseconds."""

    code = "Throttling.User"

    def __init__(self, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        super().__init__()


class Pauses:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=sum(self.taken))

    def persist(
        self, attempt: Callable[[Callable[[], float]], str], kind: FailureKind, within: float = 30.0, code: str = ""
    ) -> str | Failure:
        """Perform `attempt`, whose errors are all of `kind`."""
        persistence = Persistence(
            self.now, self.taken.append, lambda _: Failure(kind, "no", code), random.Random(7), Patience()
        )
        return persistence.perform(attempt, START + timedelta(seconds=within))


def failing(error: Exception, times: int = 10_000) -> Callable[[Callable[[], float]], str]:
    """An attempt that raises `error` so many times, then succeeds."""
    left = [times]

    def attempt(_: Callable[[], float]) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return "done"

    return attempt


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.THROTTLED, FailureKind.BUSY])
def test_what_passes_is_tried_again(kind: FailureKind) -> None:
    """Two failures, then success."""
    assert Pauses().persist(failing(OSError(), 2), kind) == "done"


@pytest.mark.parametrize("kind", [FailureKind.DENIED, FailureKind.GONE, FailureKind.REFUSED, FailureKind.NOT_IN_PLACE])
def test_what_cannot_succeed_is_not_tried_again(kind: FailureKind) -> None:
    """Asking again would only cost time."""
    pauses = Pauses()
    assert pauses.persist(failing(OSError(), 1), kind) == Failure(kind, "no")
    assert pauses.taken == []


def test_pauses_grow_and_are_never_the_same() -> None:
    """Growing, so that an outage is not hammered; random, so that clients do not march in step."""
    pauses = Pauses()
    pauses.persist(failing(OSError()), FailureKind.UNREACHABLE)
    due = [0.2, 0.4, 0.8, 0.8, 0.8]
    assert len(pauses.taken) >= 4
    assert all(0.5 * most <= taken <= most for taken, most in zip(pauses.taken, due, strict=False))
    assert len(set(pauses.taken)) == len(pauses.taken)


@pytest.mark.parametrize("try_takes_s", [0.01, 1.0])
def test_the_end_of_an_outage_is_noticed_within_a_second(try_takes_s: float) -> None:
    """Whether the API refuses at once or lets each try wait in vain, and without more than twice the tries."""
    tries = {0.8: 0, 2.0: 0}
    for longest, seed, over in itertools.product(tries, range(40), (1.3, 2.9, 4.1)):
        pauses = Pauses()

        def attempt(_: Callable[[], float], over: float = over, pauses: Pauses = pauses) -> str:
            if pauses.now() >= START + timedelta(seconds=over):
                return "done"
            pauses.taken.append(try_takes_s)
            raise OSError

        persistence = Persistence(
            pauses.now,
            pauses.taken.append,
            lambda _: Failure(FailureKind.UNREACHABLE, "no"),
            random.Random(seed),
            Patience(longest_pause_s=longest),
        )
        assert persistence.perform(attempt, START + timedelta(seconds=30)) == "done"
        tries[longest] += len(pauses.taken)
        if longest == Patience().longest_pause_s:
            assert (pauses.now() - START).total_seconds() - over <= 1.0 + 0.05
    assert tries[0.8] <= 2 * tries[2.0]


def test_one_call_is_not_tried_without_end() -> None:
    """One product's outage must not keep the loop from acting on what it can see."""
    pauses = Pauses()
    assert isinstance(pauses.persist(failing(OSError()), FailureKind.UNREACHABLE, within=600), Failure)
    assert sum(pauses.taken) <= Patience().in_all_s


@pytest.mark.parametrize("within", [0.0, 0.1, 0.5, 1.0, 3.0])
def test_no_pause_reaches_past_the_deadline(within: float) -> None:
    """What remains becomes a failure while there is still time to say so."""
    pauses = Pauses()
    assert isinstance(pauses.persist(failing(OSError()), FailureKind.UNREACHABLE, within), Failure)
    assert sum(pauses.taken) <= within


def test_a_throttled_answer_says_how_long_to_wait() -> None:
    """x-acs-retry-after is obeyed."""
    pauses = Pauses()
    assert pauses.persist(failing(Throttled(1500), 1), FailureKind.THROTTLED) == "done"
    assert 1.5 <= pauses.taken[0] <= 1.7


def test_another_task_is_waited_for_and_a_changing_thing_is_not() -> None:
    """TaskConflict is about someone else's task; IncorrectRouteEntryStatus is about the entry itself."""
    conflict, changing = Pauses(), Pauses()
    conflict.persist(failing(OSError()), FailureKind.BUSY, code="TaskConflict")
    changing.persist(failing(OSError()), FailureKind.BUSY, code="IncorrectRouteEntryStatus")
    assert sum(conflict.taken) > 5
    assert len(changing.taken) == 3


def test_throttled_reads_come_through(local: Local) -> None:
    """Three refusals and then an answer, all over HTTP."""
    local.fault(FaultKind.THROTTLE, "DescribeInstances", count=3)
    assert list(local.one(ReadInstances((local.first,)))) == [local.first]
    assert len(local.pauses) == 3


def test_a_server_fault_is_tried_again(local: Local) -> None:
    """503 ServiceUnavailable says nothing about the instances."""
    local.fault(FaultKind.SERVER_ERROR, "DescribeInstances", count=2)
    assert list(local.one(ReadInstances((local.first,)))) == [local.first]


def test_a_refused_connection_is_unreachable(local: Local) -> None:
    """A region that does not answer makes a failure that says so, and names nothing secret."""
    local.fault(FaultKind.UNREACHABLE, "*", count=None)
    failure = local.one(ReadInstances((local.first,)))
    assert (failure.kind, failure.code) == (FailureKind.UNREACHABLE, "")
    assert "127.0.0.1" in failure.message


def test_an_answer_that_does_not_come_is_not_waited_for(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read time-out is ours, not the SDK's ten seconds."""
    monkeypatch.setattr("natkeeper.alibaba.clients.Attempt.options.__defaults__", (0.15,))
    local.fault(FaultKind.TIMEOUT, "DescribeInstances", count=1)
    assert list(local.one(ReadInstances((local.first,)))) == [local.first]
    assert len(local.asked("DescribeInstances")) == 2


def test_nobody_listening_is_a_failure_and_not_an_exception() -> None:
    """The port never raises."""
    cloud = AlibabaCloud("cn-hangzhou", lambda: Credentials("LTAItest", "secret-of-test"), "http://127.0.0.1:9")
    (failure,) = cloud.perform((ReadRoutes(TableId("vtb-1")),), datetime.now(timezone.utc) + timedelta(seconds=0.5))
    assert failure.kind is FailureKind.UNREACHABLE
    assert "refused" in failure.message


def test_a_deadline_that_has_passed_is_answered_at_once(local: Local) -> None:
    """And nothing is sent."""
    assert local.one(ReadRoutes(local.table), within=-1.0).kind is FailureKind.UNREACHABLE
    assert local.asked() == []


@dataclass(eq=False)
class Doing:
    """A job for the threads."""

    do: Callable[[], Any]
    patience_s: float = 10.0
    optional: bool = False

    def run(self) -> Any:
        return self.do()


def test_a_job_that_hangs_is_left_behind() -> None:
    """A name look-up knows no time-out; the batch ends all the same, with what is there."""
    hanging = threading.Event()
    slow, quick = Doing(hanging.wait), Doing(lambda: 1)
    outcomes = all_at_once([slow, quick], 0.0, lambda: None)
    hanging.set()
    assert outcomes == {quick: 1}


def test_a_job_is_waited_for_no_longer_than_its_patience() -> None:
    """However long the batch has: its own time ends sooner."""
    hanging = threading.Event()
    slow, quick = Doing(hanging.wait, patience_s=0.1), Doing(lambda: 1)
    began = time.monotonic()
    outcomes = all_at_once([slow, quick], 10.0, lambda: None)
    assert 0.1 < time.monotonic() - began < 1.0
    hanging.set()
    assert outcomes == {quick: 1}


def test_jobs_that_hang_take_no_place_from_those_that_wait() -> None:
    """As many hang as there are threads; the fifty behind them are done."""
    hanging = threading.Event()
    stuck = [Doing(hanging.wait, patience_s=0.1) for _ in range(AT_ONCE)]
    others = [Doing(time.time) for _ in range(50)]
    outcomes = all_at_once([*stuck, *others], 10.0, lambda: None)
    hanging.set()
    assert set(outcomes) == set(others)


def test_the_patience_of_a_job_begins_when_it_begins() -> None:
    """It is not late because it had to wait for its turn."""
    busy = [Doing(lambda: time.sleep(0.5)) for _ in range(AT_ONCE)]
    later = Doing(lambda: "done", patience_s=0.05)
    assert all_at_once([*busy, later], 10.0, lambda: None)[later] == "done"


def test_optional_jobs_get_half_a_second_more_than_needed_ones() -> None:
    """One that comes within it counts, one that does not is left behind."""
    hanging = threading.Event()
    needed = Doing(lambda: 1)
    soon, never = Doing(lambda: time.sleep(0.2), optional=True), Doing(hanging.wait, optional=True)
    began = time.monotonic()
    outcomes = all_at_once([never, needed, soon], 10.0, lambda: None)
    assert OPTIONAL_S <= time.monotonic() - began < OPTIONAL_S + 0.4
    hanging.set()
    assert set(outcomes) == {needed, soon}


def test_needed_jobs_have_all_the_time_and_optional_ones_as_long_again() -> None:
    """Half a second is no limit for what is needed, nor for the rest beside something needed that was slow."""
    needed = Doing(lambda: time.sleep(OPTIONAL_S + 0.3))
    slow = Doing(lambda: time.sleep(2 * OPTIONAL_S + 0.4), optional=True)
    assert set(all_at_once([needed, slow], 10.0, lambda: None)) == {needed, slow}


def test_optional_jobs_alone_have_all_the_time() -> None:
    """Nothing waits for them."""
    quick, slow = Doing(time.time, optional=True), Doing(lambda: time.sleep(OPTIONAL_S + 0.3), optional=True)
    assert set(all_at_once([quick, slow], 10.0, lambda: None)) == {quick, slow}


def test_a_job_that_raises_raises_where_it_is_waited_for() -> None:
    """A bug is not swallowed by a thread."""

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        all_at_once([Doing(broken)], 1.0, lambda: None)


def test_more_jobs_than_threads_are_all_done() -> None:
    """Fifty jobs take turns."""
    assert len(all_at_once([Doing(time.time) for _ in range(50)], 10.0, lambda: None)) == 50


@pytest.mark.parametrize("kind", [ReadConditions, ReadInstances, ReadRoutes])
def test_a_call_is_tried_for_as_long_as_it_is_worth(local: Local, kind: Any) -> None:
    """What the loop can do without ends sooner, even where others of the batch are still tried."""
    local.fault(FaultKind.SERVER_ERROR, count=None)
    before = local.now()
    call = kind(local.table) if kind is ReadRoutes else kind((local.first,))
    assert isinstance(local.one(call), Failure)
    taken = (local.now() - before).total_seconds()
    assert 0.4 * kind.patience_s < taken <= kind.patience_s
