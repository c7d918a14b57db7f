"""How soon does the probe see a dead path, for each way to set it, and what does its time cost?

The probe's own code runs on a clock that only its waits move. The path dies at every fifth of a second of a minute:
silently, so that nothing is heard, or with an answer that there is no way, which comes at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import mean
from typing import Any

import yaml

from natkeeper.domain.config import parse_config
from natkeeper.egress_check import OutcomeKind
from natkeeper.probe.handler import WATCH_S, EgressLostError, ProbeHandler, Settings, settings_file
from natlab.bench.results import Figure, FigureTable, Sample, counted
from natlab.bench.virtual import Answer, VirtualPath
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
_TARGETS = ("http://www.internet.test/",)
SILENCES = ((0.8, 1.0), (1.0, 1.0), (1.2, 1.0), (1.6, 1.0), (2.4, 1.0), (1.2, 0.5), (1.2, 2.0), (1.2, 5.0))
"""Silence and interval."""
IN_A_ROW = ((1.0, 0.8, 3), (1.0, 0.5, 2), (2.0, 0.8, 3), (10.0, 2.0, 3))
"""Interval, time-out and failures in a row."""


@dataclass(frozen=True, slots=True)
class DetectionRow:
    """What one setting gives. Times in seconds from the death of the path to the report."""

    settings: Settings
    watch_s: float
    silent: Sample
    refused: Sample
    usd: float

    @property
    def rule(self) -> str:
        """When a loss is a loss, in words."""
        if self.settings.silence is not None:
            return f"silent for {self.settings.silence:g} s"
        return f"{self.settings.failures} in a row of {self.settings.timeout:g} s"

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as people read it."""
        return (
            self.rule,
            f"{self.settings.interval:g} s",
            f"{self.watch_s:g} s",
            *(f"{mean(each.values):.1f} / {each.high:.1f} s" for each in (self.silent, self.refused)),
            f"{self.usd:.2f}",
        )

    def as_json(self) -> dict[str, Any]:
        """Means and worst cases."""
        settings = self.settings
        counted = {"timeout_s": settings.timeout, "failures": settings.failures} if settings.silence is None else {}
        return {
            "interval_s": settings.interval,
            **({"silence_s": settings.silence} if settings.silence is not None else counted),
            "watch_s": self.watch_s,
            "silent_mean_s": round(mean(self.silent.values), 2),
            "silent_worst_s": round(self.silent.high, 2),
            "refused_mean_s": round(mean(self.refused.values), 2),
            "refused_worst_s": round(self.refused.high, 2),
            "usd_a_month": round(self.usd, 2),
        }


def shipped() -> Settings:
    """Return what natkeeper.yaml's defaults make of the probe."""
    config = parse_config(dict(PAPER_CONFIG))
    group = config.groups[0].name
    probe = json.loads(settings_file(config))[group]
    return Settings(group, tuple(probe["targets"]), probe["interval"], probe["silence"])


def silent_for(silence: float, interval: float = 1.0) -> Settings:
    """Return settings by which a loss is silence."""
    return Settings("prod", _TARGETS, interval, silence)


def in_a_row(interval: float, timeout: float, failures: int) -> Settings:
    """Return settings by which a loss is looks that fail in a row: the rule of 0.1."""
    return Settings("prod", _TARGETS, interval, None, timeout, failures)


def table() -> list[DetectionRow]:
    """Every setting, the shipped one first, and last the shipped one with watches that leave a pause between them."""
    ours = shipped()
    others = [silent_for(*each) for each in SILENCES] + [in_a_row(*each) for each in IN_A_ROW]
    rows = [row(ours, WATCH_S)]
    rows += [row(other, WATCH_S) for other in others if other.rule != ours.rule]
    return [*rows, row(ours, SAVING_S)]


def detection() -> list[Figure | FigureTable]:
    """Measure every setting; the figures are those of the shipped one."""
    rows = table()
    ours, saving = rows[0], rows[-1]
    return [
        Figure("detection_s", "a silent death is reported after (mean)", "s",
               Sample.of([mean(ours.silent.values)]), f"{ours.rule}, and half an interval"),
        Figure("detection_worst_s", "… at worst", "s", Sample.of([ours.silent.high]),
               f"with a watch of {saving.watch_s:g} s in a minute {saving.silent.high:.1f} s"),
        counted("probe_usd", "what the probe's time costs a month", round(ours.usd, 2), "USD",
                floor=f"with a watch of {saving.watch_s:g} s {saving.usd:.2f}"),
        FigureTable("detection", "how soon the probe reports a dead path (mean / worst), by its settings",
              ("a loss is", "interval", "watch", "silent", "refused", "USD a month"),
              tuple(row.cells for row in rows), tuple(row.as_json() for row in rows)),
    ]  # fmt: skip


def row(settings: Settings, watch_s: float) -> DetectionRow:
    """Measure one setting."""
    deaths = [number * _EVERY_S for number in range(round(MINUTE_S / _EVERY_S))]
    silent = Sample.of([seen_after(settings, death, OutcomeKind.SILENT, watch_s) for death in deaths])
    refused = Sample.of([seen_after(settings, death, OutcomeKind.REFUSED, watch_s) for death in deaths])
    return DetectionRow(settings, watch_s, silent, refused, usd_a_month(watch_s))


def seen_after(settings: Settings, death: float, fails: OutcomeKind, watch_s: float) -> float:
    """Return the seconds from the death of the path, so long after a minute began, to the probe's report."""

    def answer(began: float, _timeout_s: float) -> Answer:
        return (_REFUSAL_S, fails) if began >= death else (_ANSWER_S, OutcomeKind.ANSWERED)

    path = VirtualPath(answer)
    probe = ProbeHandler(settings, lambda _targets: path, path.ticks, path.ticks)
    minute = 0.0
    while True:
        path.now = max(path.now, minute)
        try:
            probe.watch(watch_s, watch_s + ALLOWED_S)
        except EgressLostError:
            return path.now - death
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
