"""The small parts of the adapters, by tables: pauses, codes, time-outs, clients, connections, reports of tasks."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from natkeeper.alibaba import assistant, oos, transport
from natkeeper.alibaba.clients import Clients, Signer
from natkeeper.alibaba.clock import SteadyClock
from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.alibaba.errors import ANOTHER_TASK, DUPLICATE_ROUTE, meaning_of
from natkeeper.alibaba.fields import text_of, time_of
from natkeeper.alibaba.retry import Persistence
from natkeeper.alibaba.setups import (
    LEAST_LEFT_S,
    MOST_REMEMBERED,
    ReportCache,
    StartedSetup,
    latest,
)
from natkeeper.alibaba.threads import all_at_once
from natkeeper.domain.egress import EgressSeen, NotChecked
from natkeeper.domain.ids import InstanceId
from natkeeper.guest import UnreadableReport
from natkeeper.guest.script import LIBRARY_TASK
from natkeeper.ports import CheckFromFunction, CreateRoute, Failure, FailureKind, FailureSubject
from natlab.cloud.kernel.faults import FaultKind
from tests.applying.local import Local
from tests.applying.test_codes import NOT_OF_THE_METADATA

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
K, N = FailureKind, FailureSubject


# ---- trying again --------------------------------------------------------------------------------------------


class Longest(random.Random):
    """Every pause is as long as it may be."""

    def uniform(self, a: float, b: float) -> float:
        return b


class ToldLater(Exception):
    """A refusal that may say when to come again, in milliseconds."""

    def __init__(self, retry_after: object) -> None:
        self.retry_after = retry_after
        super().__init__()


@pytest.mark.parametrize(
    "kind, code, tries, busy_tries, told, takes, pauses",
    [
        (K.UNREACHABLE, "", 5, 3, None, 0.0, [0.2, 0.4, 0.8, 0.8]),
        (K.UNREACHABLE, "", 1, 3, None, 0.0, []),
        (K.UNREACHABLE, "", 4, 3, None, 0.3, [0.05, 0.1, 0.5]),
        (K.THROTTLED, "", 4, 1, None, 0.3, [0.2, 0.4, 0.8]),
        (K.THROTTLED, "", 2, 1, 1500, 0.0, [1.6]),
        (K.THROTTLED, "", 2, 1, 1, 0.0, [0.101]),
        (K.THROTTLED, "", 2, 1, 0, 0.0, [0.2]),
        (K.THROTTLED, "", 2, 1, -5, 0.0, [0.2]),
        (K.THROTTLED, "", 2, 1, "1500", 0.0, [0.2]),
        (K.BUSY, "IncorrectStatus", 9, 3, None, 0.3, [0.3, 0.3]),
        (K.BUSY, "IncorrectStatus", 9, 1, None, 0.0, []),
        *((K.BUSY, code, 6, 3, None, 0.0, [0.3] * 5) for code in sorted(ANOTHER_TASK)),
        *((K.BUSY, code, 6, 2, None, 0.0, [0.3] * 5) for code in sorted(ANOTHER_TASK)),
        (K.BUSY, "TaskConflict", 6, 1, None, 0.0, []),
        (K.DENIED, "", 9, 3, 1500, 0.0, []),
        (K.REFUSED, "TaskConflict", 9, 3, None, 0.0, []),
    ],
)  # fmt: skip
def test_a_failure_is_followed_by_these_pauses(
    kind: FailureKind, code: str, tries: int, busy_tries: int, told: object, takes: float, pauses: list[float]
) -> None:
    """How often, and how long at most; what waited in vain was a pause already."""
    taken: list[float] = []
    now = [NOON]

    def attempt(_left: Callable[[], float]) -> None:
        now[0] += timedelta(seconds=takes)
        raise ToldLater(told)

    persistence = Persistence(lambda: now[0], taken.append, lambda _: Failure(kind, "no", code), Longest())
    assert persistence.perform(attempt, NOON + timedelta(seconds=25), tries, busy_tries) == Failure(kind, "no", code)
    assert taken == pytest.approx(pauses)


def test_without_time_nothing_is_asked() -> None:
    """And it is said so."""
    persistence = Persistence(lambda: NOON, cast("Any", None), cast("Any", None))
    failure = persistence.perform(cast("Any", None), NOON)
    assert failure == Failure(K.UNREACHABLE, "there was no time left to ask")


@pytest.mark.parametrize(
    "status, meaning",
    [
        (400, (K.REFUSED, N.NOTHING)),
        (401, (K.DENIED, N.CALLER)),
        (403, (K.DENIED, N.CALLER)),
        (409, (K.BUSY, N.NOTHING)),
        (410, (K.REFUSED, N.NOTHING)),
        (429, (K.THROTTLED, N.NOTHING)),
        (499, (K.REFUSED, N.NOTHING)),
        (500, (K.UNREACHABLE, N.NOTHING)),
        (503, (K.UNREACHABLE, N.NOTHING)),
        (None, (K.REFUSED, N.NOTHING)),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(status: int | None, meaning: tuple[FailureKind, Any]) -> None:
    """A code that nobody has seen yet."""
    assert meaning_of("Nobody.HasSeen", status) == meaning
    assert meaning_of("", status) == (K.UNREACHABLE, N.NOTHING)


@pytest.mark.parametrize("code", sorted(DUPLICATE_ROUTE - NOT_OF_THE_METADATA))
def test_a_route_that_is_there_already_is_created_by_any_of_its_names(local: Local, code: str) -> None:
    """Several codes say the same; one of them is in no metadata, so the local cloud cannot say it."""
    local.cloud.vpc.add_route(local.table, "0.0.0.0/1", local.second)
    local.fault(FaultKind.ERROR_CODE, "CreateRouteEntry", code=code)
    to = local.to(local.second)
    assert local.one(CreateRoute(local.vpc, local.table, "0.0.0.0/1", to, "", "", "token")) is None


# ---- looking from the function -------------------------------------------------------------------------------


@pytest.mark.parametrize("left, limit", [(60.0, 2.0), (1.5, 1.5), (0.0, 0.0), (-1.0, 0.0)])
def test_a_look_from_the_function_has_the_time_that_is_left(
    left: float, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own, unless the run ends sooner; the clock is the run's."""
    given: list[Any] = []

    def check(targets: Sequence[str], limit_s: float, clock: Callable[[], datetime]) -> EgressSeen | NotChecked:
        given.extend((targets, limit_s, clock()))
        return EgressSeen(clock(), None) if left > 0 else NotChecked(clock(), "no socket")

    monkeypatch.setattr("natkeeper.egress_check.check_egress", check)
    cloud = AlibabaCloud("cn-hangzhou", cast("Any", None), clock=lambda: NOON)
    call = CheckFromFunction(("https://example.test",), 2.0)
    (found,) = cloud.perform((call,), NOON + timedelta(seconds=left))
    assert given == [call.targets, limit, NOON]
    none = Failure(K.UNREACHABLE, "this function could not look at the internet: no socket")
    assert found == (EgressSeen(NOON, None) if left > 0 else none)


# ---- clients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint, kept",
    [
        (None, True), ("http://192.0.2.1:80", True), ("http://localhost.example.test", True),
        ("http://127.0.0.1:8000", False), ("http://localhost:8000", False), ("http://[::1]:8000", False),
    ],
)  # fmt: skip
def test_proxies_are_forgotten_for_this_machine_alone(
    endpoint: str | None,
    kept: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real APIs may only be reachable through one."""
    names = "http_proxy", "HTTP_PROXY", "https_proxy"
    for name in names:
        monkeypatch.setenv(name, "http://proxy.example.test")
    Clients("cn-hangzhou", cast("Any", None), endpoint)
    assert [name in os.environ for name in names] == [kept, kept, True]


@pytest.mark.parametrize(
    "endpoint, address, host, protocol",
    [
        (None, None, None, None),
        (None, "1.fc.example.test", "1.fc.example.test", None),
        ("http://127.0.0.1:8000", "1.fc.example.test", "127.0.0.1:8000", "http"),
        ("https://api.example.test", None, "api.example.test", "https"),
    ],
)
def test_a_client_is_built_once_and_knows_its_host(
    endpoint: str | None, address: str | None, host: str | None, protocol: str | None
) -> None:
    """The endpoint goes before any address of a product."""
    built: list[Any] = []
    key = Credentials("id", "secret", "token")
    clients = Clients("cn-hangzhou", lambda: key, endpoint)

    def kind(config: Any) -> str:
        built.append(config)
        return f"client {len(built)}"

    def other(config: Any) -> str:
        return "another"

    assert [clients.client(kind, address), clients.client(kind, address)] == ["client 1"] * 2
    assert clients.client(other) == "another"
    (config,) = built
    assert (config.region_id, config.endpoint, config.protocol) == ("cn-hangzhou", host, protocol)
    signing = config.credential.get_credential()
    assert (signing.access_key_id, signing.access_key_secret, signing.security_token) == ("id", "secret", "token")
    assert (signing.type, signing.provider_name, signing.bearer_token) == ("sts", None, None)
    assert isinstance(config.credential, Signer)
    assert Clients("cn-hangzhou", lambda: key).unsupported == set()


@pytest.mark.parametrize(
    "url, verify, shared",
    [
        ("https://api.example.test/", True, True),
        ("https://api.example.test/", False, False),
        ("https://api.example.test/", "/etc/roots.pem", False),
        ("http://api.example.test/", True, False),
    ],
)
def test_the_shared_context_is_for_checked_tls_alone(url: str, verify: Any, shared: bool) -> None:  # noqa: FBT001
    """Who brings roots of his own, or checks nothing, has a context of his own."""
    request: Any = SimpleNamespace(url=url)
    _, pool = transport.SharedTls(1).build_connection_pool_key_attributes(request, verify)
    assert (pool.get("ssl_context") is transport.tls_context()) is shared


@pytest.mark.parametrize("given, pool", [(None, 40), (0, 40), (7, 7)])
def test_an_adapter_keeps_as_many_connections_as_are_asked_for(given: int | None, pool: int) -> None:
    """Forty, unless the SDK says otherwise."""
    adapter: Any = transport._adapter("https://", None, given)
    assert (adapter._pool_maxsize, adapter._pool_connections) == (pool, 1)


def test_the_steady_clock_goes_on_from_the_wall_s_time() -> None:
    """It takes over the wall's time at each start, and never steps between two."""
    wall, monotonic = [NOON], [100.0]
    clock = SteadyClock(lambda: wall[0], lambda: monotonic[0])
    wall[0] += timedelta(hours=1)
    monotonic[0] += 5.0
    assert (clock(), clock.after(2.0)) == (NOON + timedelta(seconds=5), NOON + timedelta(seconds=7))
    assert clock.start() == clock() == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    "text, time",
    [
        ("2026-01-01T12:00Z", NOON),
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T12:00:00", NOON),
        ("2026-01-01T20:00:00+08:00", NOON),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_time_of_an_answer_is_read(text: object, time: datetime | None) -> None:
    """With seconds and without, in UTC unless it says otherwise; and written in one form."""
    assert time_of(text) == time
    assert text_of(NOON.astimezone(timezone(timedelta(hours=8)))) == "2026-01-01T12:00:00Z"


# ---- setups --------------------------------------------------------------------------------------------------


A, B = InstanceId("i-a"), InstanceId("i-b")


@pytest.mark.parametrize("left, fetched", [(LEAST_LEFT_S, False), (LEAST_LEFT_S + 0.01, True)])
def test_a_report_is_fetched_while_there_is_time(left: float, *, fetched: bool) -> None:
    """Half an answer is worth more than none."""
    start = StartedSetup("s", NOON, (A,), frozenset({A}))
    runs = latest([start], frozenset(), ReportCache(), lambda _: {A: UnreadableReport("r")}, lambda: left)
    assert [run.report is not None for run in runs] == [fetched]


def test_the_oldest_reports_are_forgotten_first() -> None:
    """So many are remembered, and no more."""
    memory = ReportCache()
    for number in range(MOST_REMEMBERED + 2):
        memory.keep(StartedSetup(f"s{number}", NOON, (), frozenset()), {})
    assert (len(memory.reports), next(iter(memory.reports))) == (MOST_REMEMBERED, "s2")


class Tasks:
    """Stands for the clients of a region, whose executions had these tasks."""

    region = "cn-hangzhou"

    def __init__(self, *tasks: dict[str, Any]) -> None:
        blank = {"loop_item": None, "task_name": "setUp", "outputs": None, "status": "Success", "status_message": None}
        self.printed: list[Any] = []
        self.tasks = [SimpleNamespace(**{**blank, **task}) for task in tasks]

    def client(self, _kind: object) -> Tasks:
        return self

    def list_task_executions_with_options(self, *_: object) -> object:
        return SimpleNamespace(body=SimpleNamespace(task_executions=self.tasks, next_token=""))

    def describe_invocations_with_options(self, *_: object) -> object:
        return SimpleNamespace(body=SimpleNamespace(invocations=SimpleNamespace(invocation=self.printed)))


REPORT: dict[str, Any] = {
    "format": 1, "mode": "apply", "ready": True, "found": [], "changed": [], "undone": [], "wrong": [], "facts": {},
    "started": 1, "finished": 2, "script": "s", "fingerprint": "f",
}  # fmt: skip
NOTHING_OUT = "the task gave nothing out"


@pytest.mark.parametrize(
    "task, reason",
    [
        ({"outputs": None}, NOTHING_OUT),
        ({"outputs": "{}"}, NOTHING_OUT),
        ({"outputs": "no JSON"}, NOTHING_OUT),
        ({"outputs": json.dumps({"number": 5})}, NOTHING_OUT),
        ({"status": "Failed"}, NOTHING_OUT),
        ({"status": "Failed", "status_message": "no such instance"}, "no such instance"),
        ({"status": "Failed", "status_message": "x" * 400}, "x" * 300),
        ({"status": "Success", "status_message": "fine"}, NOTHING_OUT),
        ({"task_name": LIBRARY_TASK}, "the execution ended as word"),
        ({"loop_item": "i-b"}, "the execution ended as word"),
    ],
)
def test_a_task_without_a_report_says_why(task: dict[str, Any], reason: str) -> None:
    """In its own words where it has some; the library's task says nothing of the setup."""
    tasks = Tasks({"loop_item": '"i-a"', **task})
    attempt: Any = SimpleNamespace(clients=tasks, region="cn-hangzhou", options=lambda *_: None)
    reports = oos._reports(attempt, StartedSetup("exec", NOON, (A,), frozenset({A})), "word")
    assert reports[A] == UnreadableReport(reason)


def printed(minute: int | None, gateway: str, output: str) -> Any:
    """A command that failed, with what it printed."""
    ran = SimpleNamespace(instance_id=gateway, output=output)
    when = None if minute is None else text_of(NOON + timedelta(minutes=minute))
    return SimpleNamespace(creation_time=when, invoke_instances=SimpleNamespace(invoke_instance=[ran]))


@pytest.mark.parametrize(
    "commands, finished",
    [
        ([], None),
        ([(1, A, 10), (2, A, 20)], 20),
        ([(2, A, 20), (1, A, 10)], 20),
        ([(2, B, 20), (1, A, 10)], 10),
        ([(2, A, None), (1, A, 10)], 10),
        ([(0, A, 10)], 10),
        ([(-1, A, 10)], None),
        ([(-1, A, 10), (1, B, 20)], None),
        ([(None, A, 10), (1, A, 20)], 20),
        ([(None, A, 10)], 10),
    ],
)
def test_the_newest_report_that_a_gateway_printed_counts(
    commands: list[tuple[int | None, InstanceId, int | None]], finished: int | None
) -> None:
    """In whatever order they are listed; no other gateway's, and none from before the start."""
    tasks = Tasks()
    tasks.printed = [
        printed(minute, gateway, "noise" if end is None else json.dumps({**REPORT, "finished": end}))
        for minute, gateway, end in commands
    ]
    attempt: Any = SimpleNamespace(clients=tasks, region="cn-hangzhou", options=lambda *_: None)
    report = assistant.latest_report(attempt, A, NOON)
    assert (None if report is None else report.finished) == finished


@dataclass(eq=False)
class ThreadJob:
    """Tells whether its thread is a daemon."""

    patience_s: float = 5.0
    optional: bool = False

    def run(self) -> bool:
        return threading.current_thread().daemon


def test_no_thread_keeps_a_process_from_ending() -> None:
    """A job that hangs is left behind, also at the end."""
    job = ThreadJob()
    assert all_at_once([job], 5.0, lambda: None) == {job: True}
