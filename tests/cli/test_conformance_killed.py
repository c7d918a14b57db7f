"""`natkeeper conformance`, killed or interrupted after each of its writes, leaves nothing that does not come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from natkeeper.cli.commands import conformance
from natkeeper.cli.conformance.place import Place
from natkeeper.cli.conformance.trial import Trial
from natlab.cloud.kernel.latencies import Latencies
from tests.cli.test_conformance import untouched
from tests.cli.town import Command, Workspace

MOST_WRITES = 60


class TrialKilledError(BaseException):
    """The process is gone."""


@pytest.fixture
def trial(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A place with a fallback, and a standby with an EIP; no function is needed."""
    monkeypatch.setattr("natkeeper.cli.conformance.place.POLL_S", 0.02)
    monkeypatch.setattr("natkeeper.cli.conformance.figures.LOOKED_WITHIN_S", 0.5)
    place.cloud.latencies = Latencies(scale=0.002)
    vswitch = place.cloud.vpc.create_vswitch(place.vpc, "10.0.9.0/24")
    place.b = place.cloud.ecs.create_instance(vswitch, name="nat-c")
    place.cloud.vpc.allocate_eip(place.b)
    place.write(fallback=place.cloud.vpc.create_nat_gateway(place.vpc, vswitch), gateways=[place.a, place.b])
    return place


def ending(place: Workspace, number: int, how: Callable[[], BaseException]) -> Callable[..., Any]:
    """What makes a call and then ends the trial, if the call is the write of that number."""
    make, written = Place.code, 0

    def writes() -> int:
        records = list(place.cloud.calls)
        return sum(
            getattr(place.cloud.service(one.product), "is_write", lambda _: False)(one.action) for one in records
        )

    def code(self: Place, call: Any) -> str:
        nonlocal written
        before = writes()
        answer = make(self, call)
        if writes() > before:
            written += 1
            if written == number:
                raise how()
        return answer

    return code


def attempt(place: Workspace, natkeeper: Command) -> None:
    """Run a trial; its own findings do not matter here."""
    place.cloud.calls.clear()
    place.cloud.rates.reset()
    assert natkeeper("conformance", "prod", "--yes", "--vpc", place.vpc).code != 130


def test_killed_after_any_write_it_is_put_back_by_the_next_command(trial: Workspace, natkeeper: Command) -> None:
    """Nothing of this process puts anything back; what it wrote down before is enough."""
    for number in range(1, MOST_WRITES):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Place, "code", ending(trial, number, TrialKilledError))
            patch.setattr(conformance, "_put_back", lambda *_given: None)
            try:
                attempt(trial, natkeeper)
            except TrialKilledError:
                ended = False
            else:
                ended = True
        assert natkeeper("conformance", "prod", "--restore").code == 0
        untouched(trial)
        if ended:
            assert number > 20, "a trial has more writes than that"
            return
    pytest.fail(f"a trial makes more than {MOST_WRITES} writes")


def test_a_probe_that_answers_nothing_is_not_asked_without_a_pause(trial: Workspace, natkeeper: Command) -> None:
    """Thousands of invocations in half a minute were made where each is refused at once."""
    attempt(trial, natkeeper)
    asked = [call.action for call in trial.cloud.calls].count("InvokeFunction")
    assert 0 < asked < 10


@pytest.mark.parametrize("number", [1, 4, 14, 23, 27, 29, 30, 31, 33])
def test_interrupted_after_a_write_it_puts_everything_back(trial: Workspace, natkeeper: Command, number: int) -> None:
    """Ctrl-C: it says so, and is done; the last of these fall into the changed hop, the maintenance and the stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Place, "code", ending(trial, number, KeyboardInterrupt))
        trial.cloud.calls.clear()
        ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert ended.code == 130, ended
    assert "everything is back" in ended.err
    untouched(trial)


@pytest.mark.parametrize("step", ["_cancel", "_start", "_bind", "_delete", "_lead_back"])
def test_interrupted_while_it_puts_back_it_names_the_command_that_goes_on(
    trial: Workspace, natkeeper: Command, step: str
) -> None:
    """That command does, from whichever step it was."""

    def interrupted(_: Trial) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, step, interrupted)
        ended = natkeeper("conformance", "prod", "--yes", "--vpc", trial.vpc)
    assert ended.code == 130, ended
    assert "natkeeper conformance prod --restore" in ended.err
    assert natkeeper("conformance", "prod", "--restore").code == 0
    untouched(trial)
