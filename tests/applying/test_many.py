"""Hundreds of groups in one batch: few requests, each answer to its own caller, and nothing read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.alibaba import assistant, oos
from natkeeper.alibaba.batching import BatchPlan
from natkeeper.alibaba.errors import RefusedError
from natkeeper.alibaba.fields import text_of
from natkeeper.alibaba.setups import MOST_FETCHED, TOGETHER, ReportCache, StartedSetup, latest
from natkeeper.domain.ids import InstanceId, TableId
from natkeeper.domain.observed import NextHop
from natkeeper.guest import Mode, SetupParameters, UnreadableReport
from natkeeper.ports import Failure, FailureKind, PointRoute, ReadSetups, SetupRun, StartSetup

PARAMETERS = SetupParameters(mode=Mode.APPLY, sources=("10.0.0.0/8",))
OTHERS = SetupParameters(mode=Mode.CHECK, sources=("10.0.0.0/8",))
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def ids(first: int, last: int) -> tuple[InstanceId, ...]:
    """Name gateways by number."""
    return tuple(InstanceId(f"i-{number:04}") for number in range(first, last))


def setup(gateways: tuple[InstanceId, ...], parameters: SetupParameters = PARAMETERS) -> StartSetup:
    """Ask for the setup of some gateways."""
    return StartSetup("oos", "template", "role", gateways, parameters, f"token-{gateways[0]}")


def begun(name: str, minute: int, gateways: tuple[InstanceId, ...], *, over: bool = True) -> StartedSetup:
    """Something started at a minute past noon."""
    return StartedSetup(name, NOON + timedelta(minutes=minute), gateways, frozenset(gateways if over else ()))


def told(start: StartedSetup) -> dict[InstanceId, UnreadableReport]:
    """Make up reports that say where they are from."""
    return {gateway: UnreadableReport(start.id) for gateway in start.gateways}


# ---- starting ----------------------------------------------------------------------------------------------


def started(*calls: StartSetup) -> tuple[list[StartSetup], list[object]]:
    """Perform a batch of starts; returns what was sent, and what each call was answered."""
    plan, sent = BatchPlan(), list[StartSetup]()

    def start(call: StartSetup) -> str:
        sent.append(call)
        return f"exec-{len(sent)}"

    answers = [plan.start_setup(call, start) for call in calls]
    outcomes = {job: job.run() for job in plan.jobs}
    return sent, [answer(outcomes) for answer in answers]


def test_the_same_setup_of_many_groups_is_started_fifty_gateways_at_a_time() -> None:
    """A first sweep of 500 groups is 20 requests, not 500; every group hears which one is its own."""
    sent, answers = started(*(setup(ids(2 * n, 2 * n + 2)) for n in range(500)))
    assert [len(call.gateways) for call in sent] == [TOGETHER] * 20
    assert {gateway for call in sent for gateway in call.gateways} == set(ids(0, 1000))
    assert answers[0] == answers[24] == "exec-1"
    assert answers[25] == "exec-2"


def test_setups_that_differ_are_started_apart() -> None:
    """One set of parameters for each start."""
    sent, answers = started(setup(ids(0, 2)), setup(ids(2, 4), OTHERS), setup(ids(4, 6)))
    assert [(call.parameters, call.gateways) for call in sent] == [
        (PARAMETERS, (*ids(0, 2), *ids(4, 6))),
        (OTHERS, ids(2, 4)),
    ]
    assert answers == ["exec-1", "exec-2", "exec-1"]


def test_a_joint_start_that_is_repeated_is_the_same_request() -> None:
    """Its token follows from the tokens of its calls; a start of one call keeps its own."""
    calls = [setup(ids(0, 2)), setup(ids(2, 4))]
    (once,), _ = started(*calls)
    (again,), _ = started(*calls)
    (other,), _ = started(calls[0], setup(ids(4, 6)))
    (alone,), _ = started(calls[0])
    assert once.token == again.token != other.token
    assert alone == calls[0]


# ---- reading -----------------------------------------------------------------------------------------------


def test_all_groups_of_a_sweep_share_one_listing() -> None:
    """From the earliest time that one of them asks for; each gets the runs of its own gateways."""
    plan, read = BatchPlan(), list[ReadSetups]()
    runs = tuple(SetupRun(gateway, NOON, None) for gateway in ids(0, 4))

    def listing(call: ReadSetups) -> tuple[SetupRun, ...]:
        read.append(call)
        return runs

    calls = [ReadSetups("oos", "template", NOON - timedelta(hours=n), ids(2 * n, 2 * n + 2)) for n in range(2)]
    answers = [plan.list_setups(call, listing) for call in calls]
    outcomes = {job: job.run() for job in plan.jobs}
    assert [answer(outcomes) for answer in answers] == [runs[:2], runs[2:]]
    assert read == [ReadSetups("oos", "template", NOON - timedelta(hours=1), ids(0, 4))]


def test_a_listing_that_failed_failed_for_everybody() -> None:
    """And is not taken for an empty one."""
    plan, failure = BatchPlan(), Failure(FailureKind.THROTTLED, "too many")
    answers = [
        plan.list_setups(ReadSetups("oos", "template", NOON, ids(n, n + 1)), lambda _: failure) for n in range(2)
    ]
    outcomes = {job: job.run() for job in plan.jobs}
    assert [answer(outcomes) for answer in answers] == [failure, failure]


def test_the_list_is_read_no_further_than_necessary() -> None:
    """Once every gateway has a report, older starts are nobody's business."""
    seen = []

    def starts() -> Iterator[StartedSetup]:
        for start in (begun("new", 9, ids(0, 2)), begun("old", 5, ids(2, 4)), begun("older", 1, ids(0, 4))):
            seen.append(start.id)
            yield start

    runs = latest(starts(), frozenset(ids(0, 4)), ReportCache(), told, lambda: 4.0)
    assert seen == ["new", "old"]
    assert [(run.gateway, run.report) for run in runs] == [
        (gateway, UnreadableReport("new" if gateway in ids(0, 2) else "old")) for gateway in ids(0, 4)
    ]


def test_a_report_is_fetched_once() -> None:
    """The next sweep of a warm function asks for what is new, and for nothing else."""
    memory, fetched = ReportCache(), list[str]()

    def fetch(start: StartedSetup) -> dict[InstanceId, UnreadableReport]:
        fetched.append(start.id)
        return told(start)

    old, new = begun("old", 1, ids(0, 2)), begun("new", 2, ids(2, 4))
    wanted = frozenset(ids(0, 4))
    first = latest([old], wanted, memory, fetch, lambda: 4.0)
    second = latest([new, old], wanted, memory, fetch, lambda: 4.0)
    assert fetched == ["old", "new"]
    assert set(second) == {*first, *latest([new], wanted, ReportCache(), told, lambda: 4.0)}


def test_what_is_still_under_way_on_one_gateway_is_asked_for_again() -> None:
    """Only reports that cannot change any more are remembered."""
    memory = ReportCache()
    half = StartedSetup("half", NOON, ids(0, 2), frozenset(ids(0, 1)))
    latest([half], frozenset(ids(0, 2)), memory, lambda _: {ids(0, 1)[0]: UnreadableReport("first")}, lambda: 4.0)
    runs = latest([begun("half", 0, ids(0, 2))], frozenset(ids(0, 2)), memory, told, lambda: 4.0)
    assert [run.report for run in runs] == [UnreadableReport("half")] * 2


@pytest.mark.parametrize("left, fetched", [(4.0, MOST_FETCHED), (0.5, 0)])
def test_a_reading_fetches_a_few_and_the_next_goes_on(left: float, fetched: int) -> None:
    """Hundreds of starts on a cold instance: what is left out counts as under way, so nothing is started twice."""
    starts = [begun(f"e{n}", -n, ids(n, n + 1)) for n in range(50)]
    memory, wanted = ReportCache(), frozenset(ids(0, 50))
    runs = latest(starts, wanted, memory, told, lambda: left)
    assert len(runs) == 50
    assert [run.report is not None for run in runs] == [True] * fetched + [False] * (50 - fetched)
    again = latest(starts, wanted, memory, told, lambda: 4.0)
    assert sum(run.report is not None for run in again) == min(50, fetched + MOST_FETCHED)


class CommandPages:
    """Stands for the clients of a region; a list of commands that has another page each time."""

    region = "cn-hangzhou"

    def __init__(self, *minutes: int | None) -> None:
        self.minutes, self.asked = minutes, 0

    def client(self, _kind: object) -> CommandPages:
        return self

    def describe_invocations_with_options(self, _request: object, _options: object) -> Any:
        self.asked += 1
        ran = SimpleNamespace(instance_id=f"i-{self.asked}", invocation_status="Running")
        page = [
            SimpleNamespace(
                invoke_id=f"t-{self.asked}-{number}",
                creation_time=None if minute is None else text_of(NOON + timedelta(minutes=minute)),
                invoke_instances=SimpleNamespace(invoke_instance=[ran]),
            )
            for number, minute in enumerate(self.minutes)
        ]
        return SimpleNamespace(body=SimpleNamespace(invocations=SimpleNamespace(invocation=page), next_token="more"))


@pytest.mark.parametrize(
    "minutes, pages, found",
    [((1, 0), 6, 12), ((1, -1), 1, 1), ((-1, 1), 1, 1), ((-1,), 1, 0), ((1, None), 1, 1), ((None, 1), 1, 1)],
)
def test_commands_are_listed_back_to_the_time_that_is_asked_for(
    minutes: tuple[int | None, ...], pages: int, found: int
) -> None:
    """In six pages at most; one that is older, or has no time, ends the list."""
    clients = CommandPages(*minutes)
    attempt: Any = SimpleNamespace(clients=clients, region="cn-hangzhou", options=lambda *_: None)
    assert len([*assistant._listed(attempt, NOON)]) == found
    assert clients.asked == pages


@pytest.mark.parametrize(
    "output, text",
    [
        (None, ""), ("", ""), ("bm9pc2U=", "noise"), ("bm9pc2U", "bm9pc2U"), ("not there", "not there"),
        ("/w==", "\ufffd"),
    ],
)  # fmt: skip
def test_output_is_decoded_where_it_is_base64(output: str | None, text: str) -> None:
    """What is none is taken as it is; bytes that are no text are marked."""
    assert assistant._decoded(output) == text


class OneResult:
    """Stands for the clients of a region; a command has these results."""

    region = "cn-hangzhou"

    def __init__(self, *states: str) -> None:
        blank = {"output": "", "error_code": "Code", "error_info": "why", "instance_id": "i-a"}
        self.results = [SimpleNamespace(**blank, invocation_status=state) for state in states]

    def client(self, _kind: object) -> OneResult:
        return self

    def describe_invocation_results_with_options(self, *_: object) -> Any:
        results = SimpleNamespace(invocation_results=SimpleNamespace(invocation_result=self.results))
        return SimpleNamespace(body=SimpleNamespace(invocation=results))


@pytest.mark.parametrize(
    "states, why",
    [
        ((), None), (("Pending",), None), (("Scheduled",), None), (("Running",), None), (("Stopping",), None),
        (("Failed",), "Failed, Code, why"), (("",), "Code, why"), (("Failed", "Running"), "Failed, Code, why"),
    ],
)  # fmt: skip
def test_a_command_is_under_way_or_says_how_it_ended(states: tuple[str, ...], why: str | None) -> None:
    """One that has no result yet is under way; a look that printed nothing is no answer about egress."""
    clients: Any = OneResult(*states)
    attempt: Any = SimpleNamespace(clients=clients, region="cn-hangzhou", options=lambda *_: None)
    assert assistant.read_relay(attempt, "t-1") == why
    if why is None:
        assert assistant.read_check(attempt, "t-1", lambda: NOON) is None
        return
    with pytest.raises(RefusedError, match=f"^the check on i-a produced no report: {why}$"):
        assistant.read_check(attempt, "t-1", lambda: NOON)


class Executions:
    """Stands for the clients of a region, in which one execution ended without any task."""

    region = "cn-hangzhou"

    def __init__(self, message: str | None, status: str = "Failed") -> None:
        self.found = SimpleNamespace(
            execution_id="exec-1", template_name="mine", status=status, status_message=message,
            start_date=text_of(NOON), create_date=None, parameters={"instanceIds": ["i-a"]},
        )  # fmt: skip

    def client(self, _kind: object) -> Executions:
        return self

    def list_executions_with_options(self, *_: object) -> Any:
        return SimpleNamespace(body=SimpleNamespace(executions=[self.found], next_token=""))

    def list_task_executions_with_options(self, *_: object) -> Any:
        return SimpleNamespace(body=SimpleNamespace(task_executions=[], next_token=""))


@pytest.mark.parametrize("message, word", [(None, "Failed"), ("", "Failed"), ("no such role", "Failed: no such role")])
def test_an_execution_without_a_task_says_how_it_ended(message: str | None, word: str) -> None:
    """With the platform's reason where there is one."""
    clients: Any = Executions(message)
    attempt: Any = SimpleNamespace(clients=clients, region="cn-hangzhou", options=lambda *_: None, left=lambda: 4.0)
    (run,) = oos.read_setups(attempt, "mine", NOON, frozenset(), ReportCache())
    assert run == SetupRun(InstanceId("i-a"), NOON, UnreadableReport(f"the execution ended as {word}"))


@pytest.mark.parametrize("status", ["Success", "Failed", "Cancelled", "Skipped"])
def test_an_execution_that_is_over_has_no_report_to_wait_for(status: str) -> None:
    """Each state in which OOS does nothing more."""
    assert _ended_setup(status) == UnreadableReport(f"the execution ended as {status}")


@pytest.mark.parametrize("status", ["Running", "Started", "Waiting", "Queued", None])
def test_an_execution_that_goes_on_may_report_yet(status: str) -> None:
    """A state that natkeeper does not know counts as one of these."""
    assert _ended_setup(status) is None


def _ended_setup(status: str) -> object:
    clients: Any = Executions(None, status)
    attempt: Any = SimpleNamespace(clients=clients, region="cn-hangzhou", options=lambda *_: None, left=lambda: 4.0)
    (run,) = oos.read_setups(attempt, "mine", NOON, frozenset(), ReportCache())
    return run.report


# ---- writing -----------------------------------------------------------------------------------------------


def test_route_writes_of_one_vpc_follow_each_other_and_those_of_others_do_not_wait() -> None:
    """Five hundred VPCs are five hundred jobs; the writes of each are one job, in order."""
    plan, written = BatchPlan(), list[PointRoute]()
    calls = [
        PointRoute(f"vpc-{n % 500}", TableId(f"vtb-{n}"), "0.0.0.0/0", NextHop.gateway(InstanceId("i-1")), "", "")
        for n in range(1000)
    ]

    def write(call: object) -> None:
        assert isinstance(call, PointRoute)
        written.append(call)

    for call in calls:
        plan.write_route(call, write)
    assert len(plan.jobs) == 500
    for job in plan.jobs:
        job.run()
    assert written == [calls[n + m] for n in range(500) for m in (0, 500)]
