"""A drill from its first question to its report, on a clock that only pauses move; what is felt is made up."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from natkeeper.cli.drill import rehearsal
from natkeeper.cli.drill.journal import RouteBefore
from natkeeper.cli.drill.rehearsal import Rehearsal
from natkeeper.cli.drill.restore import Restore
from natkeeper.cli.errors import Denied, Interrupted, Refused
from natkeeper.domain.config import parse_config
from natkeeper.drill import NewConnection
from tests.cli.rehearsing import DENIED, TABLE, UNREACHED, A, B, DrillRegion, view

FIT = {"gateways": [A, B], "routes": [{"table": "vtb-zero"}, {"table": TABLE}]}
PROBE = {"function": "probe-a", "table": TABLE}
QUIET = {"outcome": "quiet", "sentence": "all is well"}


@dataclass
class MadeUpFeeling:
    """What private hosts feel: it is noted when it begins and ends, and well again after 20 seconds."""

    reach: DrillRegion
    function: str
    clock: Callable[[], float]
    attempts: list[NewConnection] = field(default_factory=list)
    blind: str = ""
    did: list[tuple[float, str]] = field(default_factory=list)

    def also(self, name: str) -> None:
        """Do what a test wants besides."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self._does(name)

    def _does(self, name: str) -> None:
        self.did.append((self.clock(), name))
        if name == "begin":
            self.attempts += [NewConnection(self.clock() + at, self.clock() + at + 0.1) for at in (0.0, 23.0, 999.0)]
        self.also(name)

    def well(self, moved: float, count: int) -> bool:
        """By the clock."""
        assert (count, moved <= self.clock()) == (3, True)
        return self.clock() >= 20.0


def drill(
    monkeypatch: pytest.MonkeyPatch,
    region: DrillRegion,
    kind: str = "switch",
    probe: dict[str, Any] | None = PROBE,
    **more: Any,
) -> Rehearsal:
    settings = FIT | ({} if probe is None else {"probe": probe})
    monkeypatch.setattr(rehearsal, "Restore", partial(Restore, monotonic=region.ticks))
    (group,) = parse_config({"region": "cn-hangzhou", "groups": {"prod": settings}}).groups
    return Rehearsal(
        region, region, group, kind, 60.0, region.said.append, sleeper=region.sleep, clock=region.ticks, **more  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def felt(monkeypatch: pytest.MonkeyPatch) -> list[MadeUpFeeling]:
    """What was felt by the drills of a test."""
    made: list[MadeUpFeeling] = []

    def feel(*given: Any) -> MadeUpFeeling:
        made.append(MadeUpFeeling(*given))
        return made[-1]

    monkeypatch.setattr(rehearsal, "Feeling", feel)
    return made


def named(**more: Any) -> dict[str, Any]:
    seen = view(**more)
    seen["gateways"][0]["name"] = "nat-a"
    seen["routes"] = [{"table": "vtb-zero", "destination": "0.0.0.0/0", "next_hop": B}, *seen["routes"],
                      {"table": "vtb-nine", "destination": "0.0.0.0/0"}]  # fmt: skip
    return seen


@pytest.mark.parametrize(
    "outcome, seen, kind, spot, said",
    [
        ({"outcome": "attention", "sentence": "b is dark"}, view(), "switch", False,
         ("prod is not quiet: b is dark", "rehearse on a quiet day")),
        *(({**QUIET, "episodes": [{"kind": kind}, {"kind": "found"}]}, view(), "switch", False,
           ("prod is not quiet: all is well", "rehearse on a quiet day"))
          for kind in ("brown-out", "probe broken", "flapping")),
        (QUIET, {**view(), "paused_until": "soon"}, "switch", False,
         ("prod is not quiet: all is well", "rehearse on a quiet day")),
        (QUIET, view("eni-x"), "switch", False,
         ("the route goes to eni-x, which is not a gateway of the group", "switch it back first")),
        (QUIET, view(None), "switch", False,
         ("where 0.0.0.0/0 in vtb-one goes cannot be seen", "`natkeeper doctor` says more")),
        (QUIET, None, "switch", False,
         ("where 0.0.0.0/0 in vtb-one goes cannot be seen", "`natkeeper doctor` says more")),
        (QUIET, view(b="is Stopped"), "switch", False,
         ("there is no healthy standby, so this would be an outage: i-gwb is Stopped",
          "`natkeeper doctor` says more")),
        (QUIET, {**view(), "gateways": [{"id": A}, {"id": B, "health": "unknown"}]}, "switch", False,
         ("there is no healthy standby, so this would be an outage: i-gwb is unknown", "`natkeeper doctor` says more")),
        (QUIET, {**view(), "gateways": [{"id": A}, {"id": B, "health": "healthy", "unfit": "is held"}]}, "stop", False,
         ("there is no healthy standby, so this would be an outage: i-gwb is held", "`natkeeper doctor` says more")),
        (QUIET, {**view(), "gateways": [{"id": A}, *({"id": each, "reason": "boots"} for each in (B, "i-c"))]}, "stop",
         False, ("there is no healthy standby, so this would be an outage: i-gwb boots; i-c boots",
                 "`natkeeper doctor` says more")),
        (QUIET, {**view(), "gateways": [{"id": A}]}, "switch", False,
         ("there is no healthy standby, so this would be an outage: one gateway", "`natkeeper doctor` says more")),
        (QUIET, view(), "stop", True,
         ("i-gwa is a spot instance, which may not come back from a stop", "use --kind maintenance")),
    ],
)  # fmt: skip
def test_what_would_be_an_outage_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
    outcome: dict[str, str],
    seen: Any,
    kind: str,
    said: tuple[str, str],
    *,
    spot: bool,
) -> None:
    """With what is in the way, and what to do."""
    region = DrillRegion(views=[(0, seen)], outcome=outcome, spot=spot).read(monkeypatch)
    with pytest.raises(Refused) as raised:
        drill(monkeypatch, region, kind).check()
    assert (raised.value.what, raised.value.do) == said


def test_without_a_probe_a_drill_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked."""
    region = DrillRegion()
    with pytest.raises(Refused) as raised:
        drill(monkeypatch, region, probe=None).check()
    assert (raised.value.what, raised.value.do) == (
        "prod has no probe, and a drill is measured by it", "set probe.function",
    )  # fmt: skip
    assert region.calls == []


@pytest.mark.parametrize("kind, spot", [("switch", True), ("maintenance", True), ("stop", False)])
def test_a_quiet_group_may_be_drilled(monkeypatch: pytest.MonkeyPatch, kind: str, *, spot: bool) -> None:
    """The gateway behind the probe's route is the one; where the others go is remembered."""
    region = DrillRegion(views=[(0, named())], spot=spot).read(monkeypatch)
    planned = drill(monkeypatch, region, kind)
    assert planned.check() == A
    assert planned.before == (RouteBefore("vtb-zero", "0.0.0.0/0", B), RouteBefore(TABLE, "0.0.0.0/0", A))
    assert planned.names == {A: "nat-a"}
    assert region.asked("ask") == [(0, {"action": "status", "group": "prod"})]


def test_a_move_that_waits_to_be_seen_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a sweep, whose view then holds."""
    region = DrillRegion(views=[(0, view(B))], outcome={"outcome": "waiting", "sentence": "looks"})

    def swept(_request: object) -> None:
        region.outcome, region.views = QUIET, [(0, view(A))]

    region.on["sweep"] = swept
    assert drill(monkeypatch, region).check() == A
    assert region.asked("ask")[-1] == (0, {"action": "sweep", "group": "prod"})


@pytest.mark.parametrize("after, fine", [("quiet", True), ("waiting", False), ("attention", False)])
def test_what_such_a_sweep_notes_does_not_keep_a_drill_from_beginning(
    monkeypatch: pytest.MonkeyPatch, after: str, *, fine: bool
) -> None:
    """Having changed something, it is asked once more how things are."""
    region = DrillRegion(views=[(0, view(A))], outcome={"outcome": "waiting", "sentence": "looks"}).read(monkeypatch)

    def swept(_request: object) -> None:
        region.outcome = {"outcome": "changed", "sentence": "noted: a works again"}
        region.on["status"] = lambda _: setattr(region, "outcome", {"outcome": after, "sentence": "so it is"})

    region.on["sweep"] = swept
    planned = drill(monkeypatch, region)
    if fine:
        assert planned.check() == A
        return
    with pytest.raises(Refused, match="prod is not quiet: so it is"):
        planned.check()


def test_a_drill_is_felt_broken_moved_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling]
) -> None:
    """Three looks, then three seconds of quiet before and after; every moment is told with its time."""
    hops: list[tuple[float, Any]] = [(0, A), (5, UNREACHED), (6, ""), (7, "changing"), (8, None), (9, B)]
    region = DrillRegion(views=[(0, named()), (4, named(hop=B)), (24, named())], hops=hops).read(monkeypatch)
    planned = drill(monkeypatch, region, file=tmp_path / "drill.json")
    region.on["switch"] = lambda request: (
        None if "to" in request else region.said.append(json.loads((tmp_path / "drill.json").read_text())["kind"])
    )
    observed = planned.run(planned.check())
    assert [(moment.at, moment.kind, moment.who, moment.what) for moment in observed.moments] == [
        (3.0, "fault", "drill", "a person switches to the standby"),
        (9.0, "route", "route table", f"the route goes to {B}"),
        (20.0, "step", "probe", "3 checks in a row have succeeded"),
        (25.0, "step", "drill", f"everything is back: the route goes to nat-a ({A})"),
    ]
    assert region.said == [
        "switch", "a person switches to the standby", f"the route goes to {B}", "3 checks in a row have succeeded",
        "putting everything back (Ctrl-C leaves it as it is)", f"everything is back: the route goes to {A}",
    ]  # fmt: skip
    assert [did for _, did in felt[0].did] == ["check", "check", "check", "begin", "stop", "join"]
    assert felt[0].function == "probe-a"
    assert (observed.began_at, observed.fault_at, observed.ended_at) == (0.0, 3.0, 23.0)
    assert [each.began for each in observed.attempts] == [0.0, 23.0]
    assert (observed.scenario, observed.story) == (
        "switch in prod", f"A planned move away from {A}, through natkeeper.",
    )  # fmt: skip
    assert observed.place == f"account's own region cn-hangzhou, route 0.0.0.0/0 in {TABLE}"
    assert observed.ways == {"out": "a private vSwitch to the internet"}
    assert (observed.reasons, observed.how, planned.left) == ((), rehearsal.HOW, [])
    assert (planned.mend, list(tmp_path.iterdir())) == ("natkeeper drill prod --restore", [])


@pytest.mark.parametrize(
    "hops, well_from, reason",
    [
        ([(0, A)], 0.0, "the route was not moved within 60 s"),
        ([(0, B)], 999.0, "the internet was not seen again within 60 s"),
    ],
)
def test_what_did_not_come_in_time_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling], hops: list[Any], well_from: float, reason: str
) -> None:
    """And is put back all the same."""
    region = DrillRegion(hops=hops).read(monkeypatch)
    monkeypatch.setattr(MadeUpFeeling, "well", lambda self, *_: self.clock() >= well_from)
    observed = drill(monkeypatch, region).run(A)
    assert (observed.reasons, observed.ended_at, len(felt)) == ((reason,), 66.0, 1)


@pytest.mark.parametrize(
    "does, reason",
    [
        ({"outcome": "refused", "sentence": "no standby"}, "the drill could not go on: no standby"),
        (ValueError("odd"), "the drill could not go on: ValueError: odd"),
    ],
)
def test_a_drill_that_cannot_go_on_is_put_back(
    monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling], does: Any, reason: str
) -> None:
    """Whatever it was: a fault of ours must not leave a gateway stopped either."""
    region = DrillRegion(outcome=does if isinstance(does, dict) else QUIET).read(monkeypatch)

    def switch(_request: object) -> None:
        if isinstance(does, Exception):
            raise does

    region.on["switch"] = switch
    observed = drill(monkeypatch, region).run(A)
    assert observed.reasons == (reason,)
    assert region.said[-1] == f"everything is back: the route goes to {A}"
    assert felt[0].did[-2:] == [(3.0, "stop"), (3.0, "join")]


def test_what_is_not_put_back_is_a_reason_each(monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling]) -> None:
    """And stays to be said with the command that mends it."""
    region = DrillRegion(views=[(0, view(B, a="boots"))], hops=[(0, B)]).read(monkeypatch)
    planned = drill(monkeypatch, region)
    planned.before = (RouteBefore(TABLE, "0.0.0.0/0", A),)
    observed = planned.run(A)
    assert len(planned.left) == 2
    assert observed.reasons == tuple(f"not put back: {sentence}" for sentence in planned.left)
    assert felt[0].attempts


def test_a_drill_that_cannot_be_written_down_says_what_to_do_if_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling]
) -> None:
    """It goes on."""
    region = DrillRegion(hops=[(0, B)]).read(monkeypatch)
    (tmp_path / "file").write_text("", encoding="utf-8")
    drill(monkeypatch, region, file=tmp_path / "file" / "drill.json").run(A)
    assert region.said[0].startswith("this drill is not written down (")
    assert region.said[0].endswith(f"): if it is killed, start {A} by hand")
    assert felt[0].attempts


@pytest.mark.parametrize("blind, said", [("probe-a: denied", "probe-a: denied"), ("", "no check came to its end")])
def test_a_drill_in_which_nothing_was_felt_has_no_good_figures(
    monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling], blind: str, said: str
) -> None:
    """Why is the reason."""
    region = DrillRegion(hops=[(0, B)]).read(monkeypatch)
    monkeypatch.setattr(MadeUpFeeling, "_does", lambda self, _: setattr(self, "blind", blind))
    assert drill(monkeypatch, region).run(A).reasons == (f"nothing could be felt: {said}",)
    assert len(felt) == 1


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "at_first, moments, views, what, do",
    [
        (True, [], [(0, view())], "interrupted before anything was done", ""),
        (False, [8.0], [(0, view())], "interrupted; everything is back as it was", ""),
        (False, [8.0, 20.0], [(0, view(B, a="boots"))], (f"interrupted; still broken: {TABLE}: 0.0.0.0/0 goes to {B} "
         f"and went to {A} before the drill"), "mend it with `natkeeper drill prod --restore`"),
    ],
)  # fmt: skip
def test_an_interrupted_drill_says_what_is_broken(
    monkeypatch: pytest.MonkeyPatch,
    felt: list[MadeUpFeeling],
    moments: list[float],
    views: list[Any],
    what: str,
    do: str,
    *,
    at_first: bool,
) -> None:
    """Nothing, nothing any more, or what the second Ctrl-C left; one that comes at the end changes nothing."""
    also = "check" if at_first else "join"
    region = DrillRegion(views=views).read(monkeypatch)
    monkeypatch.setattr(MadeUpFeeling, "also", lambda _self, name: interrupt() if name == also else None)
    planned = drill(monkeypatch, region)
    planned.before = (RouteBefore(TABLE, "0.0.0.0/0", A),)
    due = [*moments]

    def sleep(seconds: float) -> None:
        region.now += seconds
        if due and region.now >= due[0]:
            due.pop(0)
            interrupt()

    planned.sleeper = sleep
    with pytest.raises(Interrupted) as raised:
        planned.run(A)
    assert (raised.value.what, raised.value.do, due) == (what, do, [])
    assert felt[0].did[-1][1] == "join"


def test_nothing_comes_between_a_fault_and_what_is_written_of_it(
    monkeypatch: pytest.MonkeyPatch, felt: list[MadeUpFeeling]
) -> None:
    """A signal that comes while the gateway is being broken interrupts what follows."""
    region = DrillRegion().read(monkeypatch)
    region.on["switch"] = lambda _: interrupt()
    planned = drill(monkeypatch, region)
    with pytest.raises(Interrupted, match=r"^interrupted; everything is back as it was$"):
        planned.run(A)
    assert [moment.what for moment in planned.moments] == [
        "a person switches to the standby", f"everything is back: the route goes to {A}",
    ]  # fmt: skip
    assert felt[0].attempts


def test_a_gateway_that_may_not_be_read_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be a spot instance."""
    region = DrillRegion(machine=[(0, DENIED)]).read(monkeypatch)
    with pytest.raises(Denied, match=rf"^reading {A}: "):
        drill(monkeypatch, region, "stop").check()
