"""Before the fault nobody waits; from the fault on every latency is that of the table, or the figures mean nothing."""

from __future__ import annotations

from natlab.cloud.kernel.latencies import TABLE
from natlab.scenarios.play import HURRY, Setting, hasty, latencies_of
from natlab.scenarios.readings import Platform


def test_haste_ends_when_it_is_cleared() -> None:
    """The cloud keeps its latencies; what hurries them is emptied in place."""
    setting = Setting(platform=Platform(latencies={"vpc.associate_eip.task": 3.0}))
    haste = hasty(setting)
    latencies = latencies_of(setting, haste)
    assert latencies.of("event.ecs.publish") == HURRY
    haste.clear()
    assert latencies.of("event.ecs.publish") == 1.0
    assert latencies.of("vpc.associate_eip.task") == 3.0
    wanted = {row.name: row.seconds for row in TABLE if row.name != "vpc.associate_eip.task"}
    assert {name: latencies.of(name) for name in wanted} == wanted
