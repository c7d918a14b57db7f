"""A storm of copies through the local cloud: the deployed function, its queue and its API calls."""

from __future__ import annotations

from natlab.bench.storm import play

COPIES = 24
CALLS_WITHOUT_COPIES = 18
ROUNDS = 12
"""Copies that come ten seconds after the last look are looked at: how often the queue's retries may take that long."""


def test_copies_of_an_event_are_hardly_more_calls_and_both_groups_move() -> None:
    """Each copy is a run; nearly all of them find that it was attended to. A route that stays fails the storm."""
    seen = play(COPIES)
    assert seen.runs >= COPIES
    assert seen.calls.count("ModifyRouteEntry") == 2
    assert len(seen.calls) < 2 * CALLS_WITHOUT_COPIES + 3 * ROUNDS + 12
