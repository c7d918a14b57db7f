"""What an outside monitor is told of each sweep, and what a log line measures: both only where asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from natkeeper.domain.load import GatewayLoad
from natkeeper.failover import handler
from natkeeper.failover.metrics import HELP, as_log, as_openmetrics, metrics_of
from natkeeper.failover.run import Answer
from natkeeper.ports import FailureKind, HandOver
from tests.fakes.cloud import READS
from tests.fakes.stage import A, B, Stage, group, person, timer
from tests.openmetrics import gauges


def beats(stage: Stage) -> list[bool]:
    """What each heartbeat said."""
    payloads = [json.loads(payload) for _, _, payload in stage.cloud.handed]
    return [payload["heartbeat"]["ok"] for payload in payloads if "heartbeat" in payload]


def test_every_good_sweep_is_a_heartbeat_and_nothing_else_is() -> None:
    """An event or a person proves nothing about the timer."""
    stage = Stage(heartbeat=True)
    stage.sweeps(3)
    stage.send(person("sweep"))
    stage.send(stage.state(B, "Stopped"))
    assert beats(stage) == [True, True, True]


def test_without_asking_for_it_there_is_none() -> None:
    """Each costs an invocation."""
    stage = Stage()
    stage.sweeps(3)
    assert beats(stage) == []


def test_a_dark_group_makes_it_a_failure() -> None:
    """Both gateways are gone."""
    stage = Stage(heartbeat=True)
    stage.world.stop(A)
    stage.world.stop(B)
    stage.sweeps(3)
    assert beats(stage)[-1] is False


def test_a_lost_standby_is_none() -> None:
    """Private hosts have the internet."""
    stage = Stage(heartbeat=True)
    stage.world.stop(B)
    stage.sweeps(10)
    assert beats(stage) == [True] * 10


def test_a_sweep_that_saw_nothing_is_silent() -> None:
    """Then the absence of the heartbeat alarms the monitor that waits for it."""
    stage = Stage(heartbeat=True)
    stage.cloud.fail(READS, FailureKind.UNREACHABLE)
    stage.sweeps(2)
    assert beats(stage) == []


def test_a_heartbeat_that_cannot_be_handed_over_is_said() -> None:
    """In the log, and nobody is kept waiting."""
    stage = Stage(heartbeat=True)
    stage.cloud.fail(HandOver, FailureKind.UNREACHABLE)
    answer = stage.send(timer())
    assert "the heartbeat could not be handed over" in answer.ignored[0]
    assert answer.ok


# ---- metrics ---------------------------------------------------------------------------------------------


def measured(stage: Stage, minutes: int) -> list[Answer]:
    """Let the timer fire, and keep the answers."""
    answers = []
    for _ in range(minutes):
        answers.append(stage.send(timer()))
        stage.world.advance(60 - 1)
    return answers


def test_each_group_shows_itself_every_five_minutes() -> None:
    """A quiet receipt has no view otherwise, because it would cost a log line a minute."""
    stage = Stage(metrics="5m")
    shown = [answer.receipts[0].view is not None for answer in measured(stage, 11)]
    assert shown == [True, *[False] * 4, True, *[False] * 4, True]


def test_a_log_line_has_the_group_and_the_fullest_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    """Flat, because a log service indexes and alarms by field."""
    stage = Stage({"prod": group(setup={"mode": "apply"})}, metrics="1m")
    for name, connections in ((A, 100), (B, 900)):
        stage.machine(name).figures = GatewayLoad(connections, 1000, seconds=10, received_bytes=2000)
    answers = measured(stage, 5)
    handler._account(answers[-1], "run-5", measured=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [line["metrics"] for line in lines if line["message"] == "metrics"]
    assert metrics["group"] == "prod"
    assert metrics["gateway_connections_ratio"] == 0.9
    assert metrics["gateway_received_bytes_per_second"] == 200
    assert (metrics["dark"], metrics["full"], metrics["attention"]) == (0, 1, 1)


def test_every_metric_that_is_measured_is_explained() -> None:
    """And the other way round: a name that is never measured is none."""
    stage = Stage({"prod": group(setup={"mode": "apply"})}, metrics="1m")
    for name in (A, B):
        stage.machine(name).figures = GatewayLoad(100, 1000, seconds=10)
    receipt = measured(stage, 5)[-1].receipts[0].as_json()
    assert {metric.name for metric in metrics_of(receipt)} == HELP.keys()


@pytest.mark.parametrize("name", ["prod", 'two\\nlines, "quoted", back\\slash}', "中文"])
def test_a_scrape_reads_what_is_measured(name: str) -> None:
    """As OpenMetrics 1.0 has it: every family in one piece, every value as it was measured, whatever names are."""
    stage = Stage({"prod": group(setup={"mode": "apply"})}, metrics="1m")
    for gateway in (A, B):
        stage.machine(gateway).figures = GatewayLoad(100, 1000, load=1e-9, seconds=7, sent_bytes=10**12)
    receipt = {**measured(stage, 5)[-1].receipts[0].as_json(), "group": name}
    read = gauges(as_openmetrics([receipt]))
    measured_now = list(metrics_of(receipt))
    assert read.keys() == HELP.keys()
    assert sum(map(len, read.values())) == len(measured_now)
    for metric in measured_now:
        assert round(float(metric.value), 4) in read[metric.name].values()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF",
        "a 1\n# EOF\n",
        "# TYPE a gauge\na 1\na 2\n# EOF\n",
        "# TYPE a gauge\na 1\n# HELP a x\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n",
        '# TYPE a gauge\na{x="1",x="2"} 1\n# EOF\n',
        '# TYPE a gauge\na{x="\\q"} 1\n# EOF\n',
        "# TYPE a gauge\na True\n# EOF\n",
        "# TYPE a_total gauge\na_total 1\n# EOF\n",
        "# TYPE a gauge\n\na 1\n# EOF\n",
    ],
)
def test_what_a_scrape_would_refuse_is_refused(bad: str) -> None:
    """The reader that judges the text above is strict."""
    with pytest.raises(AssertionError):
        gauges(bad)


def test_what_was_not_seen_is_not_measured() -> None:
    """No zero stands for what nobody knows."""
    stage = Stage(metrics="1m")
    receipt: dict[str, Any] = stage.send(timer()).receipts[0].as_json()
    assert not [name for name in as_log(receipt) if "connections" in name]
    del receipt["view"]
    assert list(metrics_of(receipt)) == []
