"""How soon does the probe see a dead path, for each way to set it, and what does its time cost?

The probe's own code runs on a clock that only looks and pauses move. The path dies at every fifth of a second of a
minute: silently, so that every look waits its time-out, or with an answer that there is no way, which comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean
from typing import Any

import yaml

from natkeeper.domain.config import parse_config
from natkeeper.domain.egress import Egress, EgressLost, EgressSeen
from natkeeper.probe.handler import WATCH_S, EgressLostError, Probe, Settings
from natlab.bench.figures import Figure, Sample, counted
from natlab.bench.worlds import PAPER_CONFIG
from natlab.scenarios.functions import ROOT

KEYS = "detection_s", "detection_worst_s", "probe_usd"
MINUTE_S, SAVING_S = 60.0, 55.0
MINUTES_A_MONTH = 43_800
USD_A_CU = 0.000020
CU_A_GB_SECOND, CU_A_DISK_GB_SECOND, CU_AN_INVOCATION = 0.15, 0.05, 75 / 10_000
"""List prices of Function Compute, "Pay-as-you-go" (alibabacloud.com, found 2026-11): one CU for a vCPU-second."""
_ANSWER_S, _REFUSAL_S = 0.02, 0.005
_EVERY_S = 0.2
ALLOWED_S = 12.0
"""How much longer than a watch s.yaml lets the probe run."""
OTHERS = (
    (0.5, 0.5, 2), (1.0, 0.5, 2), (1.0, 0.8, 2), (1.0, 0.8, 3), (1.0, 1.0, 3), (2.0, 0.8, 3), (5.0, 1.0, 2),
    (10.0, 2.0, 3),
)  # fmt: skip
"""Interval, time-out and failures in a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one setting gives. Times in seconds from the death of the path to the report."""

    interval: float
    timeout: float
    failures: int
    watch_s: float
    silent: Sample
    refused: Sample
    usd: float

    def as_json(self) -> dict[str, Any]:
        """Means and worst cases."""
        return {
            "interval_s": self.interval,
            "timeout_s": self.timeout,
            "failures": self.failures,
            "watch_s": self.watch_s,
            "silent_mean_s": round(mean(self.silent.values), 2),
            "silent_worst_s": round(self.silent.high, 2),
            "refused_mean_s": round(mean(self.refused.values), 2),
            "refused_worst_s": round(self.refused.high, 2),
            "usd_a_month": round(self.usd, 2),
        }


def shipped() -> tuple[float, float, int]:
    """Return the defaults of natkeeper.yaml: interval, time-out, failures."""
    probe = parse_config(dict(PAPER_CONFIG)).groups[0].probe
    return float(probe.interval), float(probe.timeout), probe.failures


def table() -> list[Row]:
    """Every setting, the shipped one first, and last the shipped one with watches that leave a pause between them."""
    ours = shipped()
    rows = [row(*ours, WATCH_S)]
    rows += [row(*other, WATCH_S) for other in OTHERS if other != ours]
    return [*rows, row(*ours, SAVING_S)]


def detection(rows: Sequence[Row]) -> list[Figure]:
    """The figures of the shipped setting."""
    ours, saving = rows[0], rows[-1]
    least = f"{ours.failures} looks of {ours.timeout:g} s: {ours.failures * ours.timeout:.1f} s"
    return [
        Figure("detection_s", "a silent death is reported after (mean)", "s",
               Sample.of([mean(ours.silent.values)]), least),
        Figure("detection_worst_s", "… at worst", "s", Sample.of([ours.silent.high]),
               f"with a watch of {saving.watch_s:g} s in a minute {saving.silent.high:.1f} s"),
        counted("probe_usd", "what the probe's time costs a month", round(ours.usd, 2), "USD",
                floor=f"with a watch of {saving.watch_s:g} s {saving.usd:.2f}"),
    ]  # fmt: skip


def row(interval: float, timeout: float, failures: int, watch_s: float) -> Row:
    """Measure one setting."""
    settings = Settings("prod", ("http://www.internet.test/",), interval, timeout, failures)
    deaths = [number * _EVERY_S for number in range(round(MINUTE_S / _EVERY_S))]
    silent = Sample.of([seen_after(settings, death, timeout, watch_s) for death in deaths])
    refused = Sample.of([seen_after(settings, death, _REFUSAL_S, watch_s) for death in deaths])
    return Row(interval, timeout, failures, watch_s, silent, refused, usd_a_month(watch_s))


def seen_after(settings: Settings, death: float, fails_in_s: float, watch_s: float) -> float:
    """Return the seconds from the death of the path, so long after a minute began, to the probe's report."""
    now = 0.0

    def look(_targets: Sequence[str], _timeout_s: float, clock: Callable[[], datetime]) -> Egress:
        nonlocal now
        if now >= death:
            now += fails_in_s
            return EgressLost(clock(), "no answer in time")
        now += _ANSWER_S
        return EgressSeen(clock(), "192.0.2.1")

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    probe = Probe(settings, lambda: now, pause, look)
    minute = 0.0
    while True:
        now = max(now, minute)
        try:
            probe.watch(watch_s, watch_s + ALLOWED_S)
        except EgressLostError:
            return now - death
        minute += MINUTE_S


def usd_a_month(watch_s: float) -> float:
    """Return what a probe costs that runs so long in each minute, with the size that s.yaml gives it."""
    template = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))
    props = template["resources"]["probe"]["props"]
    a_second = (
        float(props["cpu"])
        + props["memorySize"] / 1024 * CU_A_GB_SECOND
        + props["diskSize"] / 1024 * CU_A_DISK_GB_SECOND
    )
    return float(MINUTES_A_MONTH * (watch_s * a_second + CU_AN_INVOCATION) * USD_A_CU)
