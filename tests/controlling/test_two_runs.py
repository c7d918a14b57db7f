"""Two runs at once, by mistake or by design: they converge, and do not undo each other's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from natkeeper.failover.run import Answer
from natkeeper.ports import Run
from tests.fakes.stage import EIP, FALLBACK, RUN_FOR, TABLE, TABLE_2, A, B, C, Stage, group, person, timer

Payload = Callable[[Stage], object]


def interleave(stage: Stage, payloads: Sequence[object], order: Sequence[int]) -> None:
    """Run a run for each payload, one batch of one of them at a time: who goes next is said by `order`."""
    runs: list[Run[Answer]] = [stage.run_of(payload) for payload in payloads]
    deadline = stage.world.now + RUN_FOR + timedelta(seconds=10)
    pending = {number: next(run) for number, run in enumerate(runs)}
    turns = iter(order)
    while pending:
        choices = sorted(pending)
        number = choices[next(turns, 0) % len(choices)]
        try:
            pending[number] = runs[number].send(stage.cloud.perform(pending[number], deadline))
        except StopIteration:
            del pending[number]


def stopped(stage: Stage) -> None:
    """The gateway stops."""
    stage.world.stop(A)


def hung(stage: Stage) -> None:
    """The gateway hangs."""
    stage.machine(A).hung = True


def standby_bad(stage: Stage) -> None:
    """The gateway stops and the first standby has lost its rules."""
    stage.world.stop(A)
    stage.machine(B).rules = False


def gone_missing(stage: Stage) -> None:
    """Someone deletes the route."""
    stage.world.remove_route(TABLE)


SETTINGS: dict[str, dict[str, object]] = {
    "plain": {"gateways": [A, B, C]},
    "follow": {"gateways": [A, B, C], "address": {"follow": EIP}},
    "tables": {"gateways": [A, B, C], "routes": [{"table": TABLE}, {"table": TABLE_2}]},
    "fallback": {"gateways": [A, B], "fallback": FALLBACK},
}
PAYLOADS: dict[str, Payload] = {
    "event": lambda stage: stage.state(A, "Stopping"),
    "report": lambda stage: stage.report(),
    "sweep": lambda _: timer(),
    "switch": lambda _: person("switch", to=B),
    "touched": lambda stage: stage.route_touched(),
}
ORDERS = st.lists(st.integers(0, 1), max_size=60)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    what=st.sampled_from(sorted(SETTINGS)),
    fault=st.sampled_from([stopped, hung, standby_bad, gone_missing]),
    one=st.sampled_from(sorted(PAYLOADS)),
    other=st.sampled_from(sorted(PAYLOADS)),
    early=st.booleans(),
    order=ORDERS,
)
@example(what="plain", fault=hung, one="report", other="report", early=False, order=[0, 1, 0, 1])
@example(what="follow", fault=stopped, one="event", other="sweep", early=False, order=[0, 1, 1, 0])
def test_two_runs_converge_and_do_not_play_ping_pong(
    *, what: str, fault: Callable[[Stage], None], one: str, other: str, early: bool, order: list[int]
) -> None:
    """Whatever woke them and however they interleave: one move where one is enough, and no run tries a candidate twice.

    A run that stands still between its look and its write for as long as the other takes may repeat the other's
    mistake, because the platform has no compare-and-set; it then finds it out as the other did.
    """
    stage = Stage({"prod": group(**SETTINGS[what])})
    stage.world.shows_new_hop_early = early
    fault(stage)
    interleave(stage, [PAYLOADS[one](stage), PAYLOADS[other](stage)], order)
    stage.world.advance(60)
    if stage.world.egress(stage.config.groups[0].routes[0].table) is None:
        stage.send(stage.report())
    stage.sweep()
    stage.world.advance(1)  # the packets follow
    stage.whole()
    tables = len(stage.config.groups[0].routes)
    bad = fault is standby_bad or (fault is hung and "switch" in (one, other))
    assert len(stage.world.moves) <= tables * (4 if bad else 1), stage.world.moves


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.lists(st.integers(0, 2), max_size=90))
def test_three_runs_for_one_stop_make_one_move(order: list[int]) -> None:
    """The event, its duplicate and the sweep, all at once: one change of the route."""
    stage = Stage({"prod": group(gateways=[A, B, C], address={"follow": EIP})})
    stage.world.stop(A)
    interleave(stage, [stage.state(A, "Stopping"), stage.state(A, "Stopping"), timer()], order)
    assert stage.world.moves == [("0.0.0.0/0", B)]
    stage.whole()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(order=ORDERS)
def test_two_bridges_at_once_leave_no_halves(order: list[int]) -> None:
    """Both runs replace the entry over its halves: one whole entry remains, and there was always a way."""
    stage = Stage({"prod": group(gateways=[A], fallback=FALLBACK)})
    stage.world.in_place = lambda _old, _new: False
    stage.world.stop(A)
    interleave(stage, [stage.state(A, "Stopping"), timer()], order)
    stage.sweep()
    stage.whole()


@pytest.mark.parametrize("order", [[0, 1] * 20, [1, 0] * 20, [0, 0, 1, 1] * 10, [1] * 30])
def test_two_wishes_at_once_end_with_one_of_them(order: list[int]) -> None:
    """Two people ask for different gateways in the same moment: each gets at most one move, and the last one stands."""
    stage = Stage({"prod": group(gateways=[A, B, C])})
    interleave(stage, [person("switch", to=B), person("switch", to=C)], order)
    assert len(stage.world.moves) <= 2
    assert stage.next_hop() in (B, C)
    stage.whole()
