"""How long an answer on a kept connection is waited for, and in which order commands that have ended are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.alibaba import assistant, connections


class Slow:
    """Stands for urllib3's part: it notes for how long it would wait."""

    timeout: float

    def getresponse(self) -> float:
        return self.timeout


class IdleConnection(connections._Careful, Slow):
    """A connection without a socket."""

    def __init__(self, idle_s: float | None, timeout: float) -> None:
        self.idle_s, self.timeout = idle_s, timeout


@pytest.mark.parametrize(
    "idle_s, timeout, waits",
    [
        (None, 10.0, 10.0),
        (0.0, 10.0, 10.0),
        (0.999, 10.0, 10.0),
        (1.0, 10.0, 1.0),
        (3.0, 10.0, 1.0),
        (0.5, 2.6, 2.6),
        (0.5, 2.5, 1.0),
        (0.5, 2.0, 1.0),
        (3.0, 0.4, 0.4),
    ],
)
def test_a_connection_that_was_idle_is_given_a_second_to_answer(
    idle_s: float | None, timeout: float, waits: float
) -> None:
    """It may have died silently. One that was used a moment ago, by a call that has time, is trusted."""
    assert IdleConnection(idle_s, timeout).getresponse() == waits


@pytest.mark.parametrize("running_has_ended", [False, True])
def test_commands_that_have_ended_are_told_newest_first(
    monkeypatch: pytest.MonkeyPatch, *, running_has_ended: bool
) -> None:
    """Of all states together; where the list without a state holds ended ones, none is asked for."""
    lists = {"": [9], assistant._ENDED[0]: [5, 2], assistant._ENDED[-1]: [7, 3]}

    def listed(_attempt: Any, _since: Any, state: str = "") -> Any:
        began = lists.get(state, [])
        return (SimpleNamespace(began=each, over=bool(state) or running_has_ended) for each in began)

    monkeypatch.setattr(assistant, "_listed", listed)
    attempt: Any = None
    found = [start.began for start in assistant._starts(attempt, attempt)]
    assert found == ([9] if running_has_ended else [9, 7, 5, 3, 2])
