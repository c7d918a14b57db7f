"""Which setups are due, to the second, what is said of earlier ones, and which changed ones wait for a proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.domain.health import Sight
from natkeeper.domain.ids import EntryId, InstanceId
from natkeeper.domain.memory import Memory
from natkeeper.domain.observed import EntryStatus, Instance, NextHop, PowerState, RouteEntry, Unseen
from natkeeper.domain.world import RouteView, World
from natkeeper.failover.gateway_setup import SetupResult, set_up_gateways, setup_parameters
from natkeeper.failover.rollout import proven_scripts
from natkeeper.guest.report import SetupFacts, SetupProblem, SetupReport, UnreadableReport
from natkeeper.guest.script import fingerprint, script_hash
from natkeeper.ports import Failure, FailureKind, SetupRun, StartSetup
from natkeeper.receipt import Act
from tests.fakes.stage import A, B, group

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
FIRST, SECOND = InstanceId(A), InstanceId(B)
CONFIG = {"gateways": [A, B], "setup": {"mode": "apply", "every": "10m", "template": "mine", "role": "role"}}
(POLICY,) = parse_config({"region": "cn-hangzhou", "groups": {"prod": group(**CONFIG)}}).groups
ROUTE = POLICY.routes[0]
SIGHTS = {gateway: Sight(Instance(gateway, PowerState.RUNNING)) for gateway in (FIRST, SECOND)}
ENTRY = RouteEntry(
    EntryId("rte-1"), ROUTE.table, ROUTE.destination, NextHop.gateway(FIRST), EntryStatus.AVAILABLE, "", ""
)


def world(**sights: Sight) -> World:
    """Two gateways that run, the first of which carries the route."""
    given = {InstanceId(name.replace("_", "-")): sight for name, sight in sights.items()}
    return World(POLICY.name, NOW, {**SIGHTS, **given}, {ROUTE: RouteView(ENTRY)})


PARAMETERS = setup_parameters(POLICY, world())
GOOD = SetupReport(
    "apply", ready=True, found=(), changed=(), undone=(), wrong=(), facts=SetupFacts(forwarding="proven"),
    started=1, finished=2, script=script_hash(), fingerprint=fingerprint(PARAMETERS),
)  # fmt: skip
OTHER = replace(GOOD, fingerprint="of other parameters")
NEWER = replace(GOOD, script="of an older release")


def ago(gateway: InstanceId, seconds: float, report: Any = GOOD) -> SetupRun:
    return SetupRun(gateway, NOW - timedelta(seconds=seconds), report)


def run(
    *runs: SetupRun, there: World | None = None, answer: object = "started", **more: Any
) -> tuple[StartSetup | None, SetupResult]:
    """Start what is due; returns the call, and what came of it."""
    given: dict[str, Any] = {"asked": frozenset(), "failed": frozenset(), "runs": runs} | more
    running = set_up_gateways(POLICY, there or world(), given.pop("runs"), clock=lambda: NOW, **given)
    try:
        (call,) = next(running)
    except StopIteration as stop:
        return None, stop.value
    assert isinstance(call, StartSetup)
    try:
        running.send([answer])
    except StopIteration as stop:
        return call, stop.value
    raise AssertionError("there was more than one call")


def due(*runs: SetupRun, **more: Any) -> tuple[str, ...]:
    call, _ = run(*runs, **more)
    return () if call is None else call.gateways


FINE = ago(SECOND, 60)
UNREAD = UnreadableReport("nothing was printed")
BAD = replace(GOOD, ready=False, wrong=(SetupProblem("masquerade_off", "nothing is masqueraded"),))


@pytest.mark.parametrize(
    "before, again",
    [
        ([], True),
        ([ago(FIRST, 594)], False),
        ([ago(FIRST, 595)], True),
        ([ago(FIRST, 899, None)], False),
        ([ago(FIRST, 900, None)], True),
        ([ago(FIRST, 119, BAD)], False),
        ([ago(FIRST, 120, BAD)], True),
        ([ago(FIRST, 119, UNREAD)], False),
        ([ago(FIRST, 120, UNREAD)], True),
        ([ago(FIRST, 700), ago(FIRST, 10, None)], False),
        ([ago(FIRST, 10, None), ago(FIRST, 700)], False),
        ([ago(FIRST, 10), ago(FIRST, 130, BAD)], False),
    ],
)
def test_a_setup_is_due_by_what_the_last_one_said(before: list[SetupRun], *, again: bool) -> None:
    """None, a bad one, one under way, a good one: each has its time."""
    assert due(*before, FINE) == ((A,) if again else ())


@pytest.mark.parametrize("age, marked, again", [(120, 119, True), (119, 100, False), (120, 120, False)])
def test_a_gateway_that_failed_since_is_set_up_anew(age: float, marked: float, *, again: bool) -> None:
    """A setup that began before the fault was seen proves nothing about it now."""
    memory = Memory(marks={FIRST: NOW - timedelta(seconds=marked)})
    there = replace(world(), routes={ROUTE: RouteView(ENTRY, unwritten=memory)})
    assert due(ago(FIRST, age), FINE, there=there) == ((A,) if again else ())


@pytest.mark.parametrize(
    "more, started",
    [
        ({}, (A, B)),
        ({"turn": False}, ()),
        ({"runs": None}, ()),
        ({"runs": None, "asked": frozenset({B})}, (B,)),
        ({"turn": False, "failed": frozenset({A})}, (A,)),
        ({"there": world(**{B.replace("-", "_"): Sight(Instance(SECOND, PowerState.STOPPED))})}, (A,)),
        ({"there": world(**{B.replace("-", "_"): Sight(None)})}, (A,)),
    ],
)
def test_who_is_set_up(more: dict[str, Any], started: tuple[str, ...]) -> None:
    """What runs, and is due, and has its turn; a person and a repair wait for no turn."""
    assert due(**more) == started


def test_the_order_of_a_setup() -> None:
    """The way, the template, the role and the parameters of the group, under a name of its own."""
    call, result = run()
    assert call is not None
    assert (call.via, call.template, call.role) == (POLICY.setup.via, "mine", "role")
    assert call.parameters == PARAMETERS
    assert result == SetupResult(started=frozenset({FIRST, SECOND}))
    again, _ = run()
    other, _ = run(FINE)
    person, _ = run(asked=frozenset({A, B}))
    assert again is not None and other is not None and person is not None  # noqa: PT018
    assert call.token == again.token != other.token
    assert person.token != call.token
    assert len(call.token) == len("natkeeper-") + 40


@pytest.mark.parametrize("which", ["asked", "failed"])
def test_a_setup_that_was_asked_for_is_told(which: str) -> None:
    """What was merely due is routine."""
    both: dict[str, Any] = {which: frozenset({A, B})}
    _, result = run(**both)
    told = SetupResult(
        (f"started the setup of {A}, {B}",), (Act("setup", f"{A}, {B}"),), started=frozenset({FIRST, SECOND})
    )
    assert result == told


def test_a_start_that_fails_is_a_problem() -> None:
    """Nothing was started, and it is said why."""
    failure = Failure(FailureKind.THROTTLED, "too many")
    _, result = run(answer=failure)
    assert result == SetupResult(problems=(f"setup could not be started: {failure}",))


@pytest.mark.parametrize(
    "sight, why",
    [
        (Sight(Instance(SECOND, PowerState.STOPPED)), "it is Stopped; start it, and it is set up when it runs"),
        (Sight(Unseen("no answer")), "no answer"),
        (Sight(None), "it does not exist"),
    ],
)
def test_a_gateway_that_cannot_be_set_up_says_why(sight: Sight, why: str) -> None:
    """A person asked for it."""
    call, result = run(there=world(**{B.replace("-", "_"): sight}), asked=frozenset({B}), turn=False)
    assert (call, result) == (None, SetupResult(problems=(f"{B} was not set up: {why}",)))


FOUND = tuple(SetupProblem(f"code{number}", f"problem {number}") for number in range(1, 6))
REPAIRED = replace(GOOD, found=FOUND[:3], changed=("nft",))
DRIFT = f"{A} had drifted and was repaired by the setup of 11:59:00 UTC: "


@pytest.mark.parametrize(
    "report, age, repaired, problems",
    [
        (GOOD, 60, (), ()),
        (None, 60, (), ()),
        (UNREAD, 60, (), (f"the setup of {A} produced no report: nothing was printed",)),
        (BAD, 60, (), (f"{A} is not ready: nothing is masqueraded",)),
        (REPAIRED, 60, (f"{DRIFT}problem 1; problem 2; problem 3",), ()),
        (replace(REPAIRED, found=FOUND), 60, (f"{DRIFT}problem 1; problem 2; problem 3; and 2 more",), ()),
        (replace(REPAIRED, found=FOUND[:4]), 60, (f"{DRIFT}problem 1; problem 2; problem 3; and 1 more",), ()),
        (replace(REPAIRED, found=()), 60, (), ()),
        (replace(REPAIRED, changed=()), 60, (), ()),
        (replace(REPAIRED, found=(*FOUND[:2], SetupProblem("settings_at_boot", "x"))), 60, (), ()),
        (replace(BAD, found=FOUND, changed=("nft",)), 60, (), (f"{A} is not ready: nothing is masqueraded",)),
        (replace(GOOD, notes=(SetupProblem("services_kept", "22/tcp is kept"),)), 599, (f"{A}: 22/tcp is kept",), ()),
        (replace(GOOD, notes=(SetupProblem("services_kept", "22/tcp is kept"),)), 600, (), ()),
        (replace(GOOD, notes=(SetupProblem("not_tuned", "read-only"),)), 60, (), ()),
    ],
)
def test_what_is_said_of_the_last_setup(
    report: Any, age: float, repaired: tuple[str, ...], problems: tuple[str, ...]
) -> None:
    """Drift and news for ten minutes, troubles as long as they last."""
    _, result = run(ago(FIRST, age, report), FINE)
    assert (result.repaired, result.problems) == (repaired, problems)


CARRIES = f"the changed setup of {A}, which carries a route, waits for a standby's proof"
ELSEWHERE = "the new setup of {} waits until another group has proven it"
BOLD = f"the changed setup of {A} goes on unproven: no standby proved it within 20 min"
UNPROVEN = replace(GOOD, facts=SetupFacts(forwarding="unproven"))


@pytest.mark.parametrize(
    "first, second, proven, started, held, bold",
    [
        (ago(FIRST, 60, OTHER), ago(SECOND, 60, OTHER), None, (B,), [CARRIES], []),
        (ago(FIRST, 60, OTHER), ago(SECOND, 60), None, (A,), [], []),
        (ago(FIRST, 60, OTHER), ago(SECOND, 60, UNPROVEN), None, (), [CARRIES], []),
        (ago(FIRST, 60, OTHER), ago(SECOND, 60, BAD), None, (), [CARRIES], []),
        (ago(FIRST, 60, NEWER), ago(SECOND, 60, NEWER), frozenset[str](), (),
         [ELSEWHERE.format(A), ELSEWHERE.format(B)], []),
        (ago(FIRST, 60, NEWER), ago(SECOND, 60, NEWER), frozenset({script_hash()}), (B,), [CARRIES], []),
        (ago(FIRST, 60, OTHER), ago(SECOND, 60, OTHER), frozenset[str](), (B,), [CARRIES], []),
        (ago(FIRST, 1199, OTHER), ago(SECOND, 60, UNPROVEN), None, (), [CARRIES], []),
        (ago(FIRST, 1200, OTHER), ago(SECOND, 60, UNPROVEN), None, (A,), [], [BOLD]),
        (ago(FIRST, 1200, OTHER), ago(SECOND, 60), None, (A,), [], []),
        (ago(FIRST, 600), ago(SECOND, 600), None, (A, B), [], []),
    ],
)  # fmt: skip
def test_a_changed_setup_waits_for_a_proof(
    first: SetupRun, second: SetupRun, proven: Any, started: tuple[str, ...], held: list[str], bold: list[str]
) -> None:
    """The standby first, one group first, and nobody for longer than twice the time between two setups."""
    call, result = run(first, second, proven=proven)
    assert (() if call is None else call.gateways) == started
    assert [problem for problem in result.problems if "waits" in problem] == held
    assert [*result.did] == bold
    assert result.acts == tuple(Act("setup", A, why=why) for why in bold)


def test_a_lone_gateway_waits_for_nobody() -> None:
    """The other one does not run, so it can prove nothing."""
    there = world(**{B.replace("-", "_"): Sight(Instance(SECOND, PowerState.STOPPED))})
    assert due(ago(FIRST, 60, OTHER), FINE, there=replace(there)) == (A,)
    assert due(ago(FIRST, 60, OTHER), ago(SECOND, 60, OTHER), there=there) == (A,)


def test_a_script_is_proven_by_a_good_report_with_a_proof() -> None:
    """By no other."""
    runs = (ago(FIRST, 1), ago(FIRST, 1, NEWER), ago(FIRST, 1, BAD), ago(FIRST, 1, UNREAD), ago(FIRST, 1, None))
    assert proven_scripts(runs) == {script_hash(), NEWER.script}
    assert proven_scripts((ago(FIRST, 1, UNPROVEN), ago(FIRST, 1, BAD))) == frozenset()
