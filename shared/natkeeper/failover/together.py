"""Merge the runs of several groups, so that their calls are made at once.

A run is a generator over ports.py. One group's slow calls must not stand between another group's reads and its write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from natkeeper.ports import (
    Batch,
    CheckThroughProbe,
    Failure,
    FailureKind,
    HandOver,
    ReadGatewayCheck,
    ReadInstances,
    ReadRelay,
    ReadSetups,
    ReadVpcRoutes,
    Result,
    Run,
    StartGatewayCheck,
    StartRelay,
    StartSetup,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")
_SLOW = (
    Wait,
    CheckThroughProbe,
    StartGatewayCheck,
    ReadGatewayCheck,
    StartRelay,
    ReadRelay,
    StartSetup,
    ReadSetups,
    HandOver,
)
_MANY = 3
"""Groups that do not lose instances in the same moment, if they are more than half of all."""


def together(runs: Mapping[str, Run[T]]) -> Run[dict[str, T]]:
    """Run all of `runs`: each round makes the calls of every run that still goes on in one batch."""
    done: dict[str, T] = {}
    pending: dict[str, Batch] = {name: next(run) for name, run in runs.items()}
    while pending:
        # A round lasts as long as its slowest call. So checks and long work wait until no run has a quick call, and the
        # survey of a VPC's tables, which no write depends on, waits for everything.
        turn = _without(pending, (*_SLOW, ReadVpcRoutes)) or _without(pending, (ReadVpcRoutes,)) or dict(pending)
        calls = tuple(call for batch in turn.values() for call in batch)
        results = iter(_without_holes(calls, (yield calls)))
        # Each run gets the answers to its own calls, in its order, and says what it asks next.
        for name, batch in turn.items():
            answers = [next(results) for _ in batch]
            try:
                pending[name] = runs[name].send(answers)
            except StopIteration as stop:
                done[name] = stop.value
                del pending[name]
    return {name: done[name] for name in runs}


def _without(pending: Mapping[str, Batch], kinds: tuple[type, ...]) -> dict[str, Batch]:
    return {name: batch for name, batch in pending.items() if not any(isinstance(call, kinds) for call in batch)}


def _without_holes(calls: Batch, results: Sequence[Result]) -> list[Result]:
    """Take it for blindness when many groups lose instances in the same moment: no list is that right (rule 3)."""
    asked = [(at, call) for at, call in enumerate(calls) if isinstance(call, ReadInstances)]
    lacking = [at for at, call in asked if not isinstance(results[at], Failure) and set(call.ids) - set(results[at])]
    if len(lacking) < _MANY or 2 * len(lacking) <= len(asked):
        return list(results)
    # One unreachable answer per group, because each group judges its own list and none sees the others'.
    blind = Failure(FailureKind.UNREACHABLE, f"instances of {len(lacking)} groups are missing from one answer")
    return [blind if at in lacking else result for at, result in enumerate(results)]
