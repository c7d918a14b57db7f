"""The bench itself: what it promises to write is written, and its figures are what they say."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest
from rich.console import Console

from natkeeper.egress_check import OutcomeKind
from natlab.bench import cold, command, loss, scale, shards, storm, trouble
from natlab.bench import detection as detecting
from natlab.bench.detection import detection, in_a_row, row, seen_after, shipped, silent_for, usd_a_month
from natlab.bench.machine import Checkout
from natlab.bench.report import as_json
from natlab.bench.results import BenchPart, Figure, FigureTable, NotMeasuredError, Sample, absent, counted
from natlab.bench.worlds import BenchWorld

PROMISED = {"warm_overhead_ms", "cold_ms", "cold_ratio", "cold_peak_mb", "bundle_mb", "sweep500_s", "sweep500_calls",
            "event_calls", "stop_outage_s", "freeze_outage_s", "follow_survived",
            "false_reports_10pct", "cold_over_bare", "status_s", "other_vpc_wait_s", "writes_per_move",
            "api_back_lag_s", "shards_sweep_s", "shards_last_route_s", "shards_writes_a_minute"}  # fmt: skip
MACHINE = {"processor": "one", "load": "0.00"}


@pytest.fixture(scope="module")
def detected() -> Iterator[list[Figure | FigureTable]]:
    """Measured once, with a death at fewer moments of a minute than the bench has: each setting takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detecting, "_EVERY_S", 1.3)
        yield detection()


@pytest.mark.slow
def test_everything_that_is_promised_is_written_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detected: list[Figure | FigureTable]
) -> None:
    """A small bench from end to end; starts and the storm (test_storm plays it) are made up, the lab is not asked."""
    monkeypatch.setattr(storm, "play", lambda copies: storm.Storm(50.0, copies, ("ModifyRouteEntry",) * 2, 80.0))
    monkeypatch.setattr(shards, "shards", lambda *_: [counted(key, key, 1) for key in shards.KEYS])  # below
    monkeypatch.setattr(detecting, "detection", lambda: detected)
    monkeypatch.setattr(cold, "documented_sdks", lambda _place: tmp_path)
    monkeypatch.setattr(trouble, "TASK_S", 0.3)
    monkeypatch.setattr(trouble, "DOWN_S", 1.0)
    monkeypatch.setattr(loss, "LOSSES", (0.1,))
    monkeypatch.setattr(loss, "BURSTS_S", (1.0,))
    monkeypatch.setattr(cold, "start", lambda contender, *_: cold.StartTimes(len(contender.name), 1.0))
    out, shown, said = tmp_path / "bench.json", io.StringIO(), list[str]()
    order = command.BenchOptions(runs=1, sweeps=1, groups=2, lab_runs=0, hours=1)
    command.measure(order, Console(file=shown, width=300), out, as_json=False, say=said.append)
    told = json.loads(out.read_text(encoding="utf-8"))
    assert {name.replace("500", "2") for name in PROMISED} <= set(told)
    assert told["cold_ratio"] == round(len("natkeeper") / len("documented"), 3)
    assert told["event_calls"] == 9
    assert "missing" not in told["figures"]["sweep2_calls"], told["figures"]["sweep2_calls"]
    assert told["sweep2_calls"] == told["figures"]["sweep2_calls"]["target"] == 5
    assert told["stop_outage_s"] is None
    assert "--lab-runs" in told["figures"]["stop_outage_s"]["missing"]
    for figure in told["figures"].values():
        assert figure["what"] in shown.getvalue()
    assert said[-1] == f"written to {out}"


def test_a_part_that_cannot_be_measured_costs_no_other_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detected: list[Figure | FigureTable]
) -> None:
    """Its figures are rows with the reason; what other parts measured is printed and written."""

    def breaks() -> Iterator[Figure]:
        yield counted("storm_ms", "storm", 3)
        raise ConnectionResetError("the cloud hung up")

    monkeypatch.setattr(storm, "storm", breaks)
    monkeypatch.setattr(detecting, "detection", lambda: detected)
    out, shown = tmp_path / "bench.json", io.StringIO()
    order = command.BenchOptions(only=("storm", "detection"))
    complete = command.measure(order, Console(file=shown, width=300), out, as_json=False, say=lambda _: None)
    told = json.loads(out.read_text(encoding="utf-8"))
    assert not complete
    assert (told["storm_ms"], told["storm_calls"]) == (3, None)
    assert told["detection_s"] > 0
    assert told["figures"]["storm_calls"]["failed"]
    assert "not measured: ConnectionResetError: the cloud hung up" in shown.getvalue()


def test_shards_guard_their_own_groups_and_every_route_moves_once() -> None:
    """Sixteen groups in two shards; eight gateways die at once, four of each shard."""
    told = {figure.key: figure.value for figure in shards.shards(1, 16, 8)}
    assert set(told) == set(shards.KEYS)
    assert told["shards_sweep_calls"] == 2 * (scale.goal_calls(8) - 1)
    assert told["shards_strangers_calls"] == told["shards_lost_runs"] == 0
    assert told["shards_writes_a_minute"] == 8


def test_the_busiest_minute_is_found_wherever_it_begins() -> None:
    """Three writes within a minute, and two later."""
    writes = shards.RouteWrites(accepted=[0.0, 50.0, 59.0, 60.5, 130.0])
    assert writes.most_within(60.0) == 3


def test_a_bench_that_is_interrupted_keeps_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written after each part."""

    def interrupted() -> list[Figure]:
        raise KeyboardInterrupt

    monkeypatch.setattr(storm, "storm", lambda: [counted("storm_ms", "storm", 3)])
    monkeypatch.setattr(detecting, "detection", interrupted)
    out, order = tmp_path / "bench.json", command.BenchOptions(only=("storm", "detection"))
    with pytest.raises(KeyboardInterrupt):
        command.measure(order, Console(file=io.StringIO()), out, as_json=False, say=lambda _: None)
    assert json.loads(out.read_text(encoding="utf-8"))["storm_ms"] == 3


def test_every_part_keeps_its_promise_of_figures() -> None:
    """A figure that a part promises and does not yield is not noticed otherwise."""
    part = BenchPart("size", ("bundle_mb", "probe_mb"), lambda: [counted("bundle_mb", "bundle", 1)])
    figures = [each for each in part.figures() if isinstance(each, Figure)]
    assert [(figure.key, figure.failed) for figure in figures] == [("bundle_mb", False), ("probe_mb", True)]


def test_quiet_sweeps_that_differ_say_in_which_calls() -> None:
    """The figure is missing with the reason, not an exception."""
    usual = Counter(DescribeRouteEntryList=500, ListExecutions=1)
    figure = scale._calls("sweep500_calls", [usual, usual + Counter(ListTaskExecutions=4)], 501)
    assert figure.failed
    assert figure.missing == "not measured: quiet sweeps differ: 501 calls, then 505 with 4 ListTaskExecutions more"
    assert scale._calls("sweep500_calls", [usual, usual], 501).met


@pytest.mark.parametrize("left", [[20, 0], [15, 5, 0], [0]])
def test_sweeps_are_quiet_once_every_setup_report_is_known(left: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine fetches fewer reports in its first sweep and leaves the rest to the next, which is not quiet."""
    swept = iter([(None, Counter(ListTaskExecutions=count)) for count in [*left, 0, 0]])
    monkeypatch.setattr(scale, "sweep", lambda _: next(swept))
    first = scale.until_reports_are_known(BenchWorld)  # type: ignore[arg-type]
    assert [calls.total() for _, calls in first] == left


def test_reports_that_are_fetched_without_end_are_no_quiet_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench gives that part up."""
    monkeypatch.setattr(scale, "sweep", lambda _: (None, Counter(ListTaskExecutions=1)))
    with pytest.raises(NotMeasuredError, match="still fetched"):
        scale.until_reports_are_known(BenchWorld)  # type: ignore[arg-type]


def test_the_names_are_those_of_five_hundred_groups() -> None:
    """Who asks for nothing else gets the sweep that was promised."""
    assert command.BenchOptions().groups == 500


def test_a_figure_knows_its_median_its_spread_and_whether_its_aim_is_met() -> None:
    """Three runs, one of them bad."""
    figure = Figure("cold_ms", "cold start", "ms", Sample.of([100.0, 300.0, 110.0]), "least 50", 250.0)
    told = as_json([figure], MACHINE)
    assert told["cold_ms"] == 110.0
    about = told["figures"]["cold_ms"]
    assert (about["min"], about["max"], about["runs"], about["met"]) == (100.0, 300.0, 3, True)
    assert Figure("cold_ms", "", "ms", Sample.of([251.0]), target=250.0).met is False


def test_what_could_not_be_measured_is_null_with_its_reason() -> None:
    """A missing figure is not a good one."""
    told = as_json([absent("stop_outage_s", "outage", "s", "no root")], MACHINE)
    assert told["stop_outage_s"] is None
    assert told["figures"]["stop_outage_s"]["missing"] == "no root"


DEATHS = [0.0, 0.1, 0.5, 0.99, 17.3, 50.0]


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("interval, timeout, failures", [(1.0, 0.8, 3), (2.0, 0.5, 2), (5.0, 1.0, 1)])
def test_a_silent_death_is_seen_within_an_interval_and_so_many_time_outs(
    death: float, interval: float, timeout: float, failures: int
) -> None:
    """What the table says is what the probe's settings promise, while a watch lasts."""
    seen = seen_after(in_a_row(interval, timeout, failures), death, OutcomeKind.SILENT, 60.0)
    assert failures * timeout - 1e-6 <= seen <= interval + failures * timeout + 0.02


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("silence, interval", [(1.2, 1.0), (2.4, 0.5), (1.0, 5.0)])
def test_a_silent_death_is_seen_within_an_interval_and_a_silence(death: float, silence: float, interval: float) -> None:
    """The same by the other rule."""
    seen = seen_after(silent_for(silence, interval), death, OutcomeKind.SILENT, 60.0)
    assert silence - 1e-6 <= seen <= interval + silence + 0.02


def test_a_death_in_the_pause_is_seen_by_the_next_watch() -> None:
    """With watches of 55 s nobody would look in the last five seconds of a minute."""
    assert seen_after(shipped(), 55.5, OutcomeKind.SILENT, 55.0) == pytest.approx(4.5 + 1.2)


def test_the_figures_of_detection_are_those_of_the_shipped_setting(detected: list[Figure | FigureTable]) -> None:
    """First in the table; the last row leaves a pause."""
    ours = row(shipped(), 60.0)
    *figures, table = detected
    found = {figure.key: figure.value for figure in figures if isinstance(figure, Figure)}
    assert found["detection_s"] == pytest.approx(mean(ours.silent.values), abs=0.001)
    assert found["detection_worst_s"] == pytest.approx(ours.silent.high, abs=0.001)
    assert found["probe_usd"] == pytest.approx(usd_a_month(60.0), abs=0.01)
    assert usd_a_month(60.0) > usd_a_month(55.0)
    assert isinstance(table, FigureTable)
    assert table.told[0] == ours.as_json()


def test_packet_loss_moves_less_by_the_shipped_rule_and_a_death_is_seen_sooner() -> None:
    """At a loss that is high enough to count something in an hour."""
    ours, before = (loss.LossRow.of(rule, 0.25, 1.0, 20) for rule in (shipped(), loss.BEFORE))
    assert ours.sample.median < before.sample.median / 5
    assert mean(ours.deaths.values) < mean(before.deaths.values) - 1


def test_lossless_paths_and_short_bursts_are_never_reported() -> None:
    """The model itself loses nothing that it was not told to lose."""
    for rule in (shipped(), loss.BEFORE):
        assert loss.false_reports(rule, loss.lossy(0.0), 1.0) == 0
        assert loss.reported(rule, 0.5, 20) == 0
        assert loss.reported(rule, 5.0, 20) == 1


def test_the_bench_knows_its_checkout() -> None:
    """And keeps what it makes below build/."""
    assert Checkout.checkout().scratch == Checkout.checkout().root / "build" / "bench"
