"""The figures of a drill follow from what was observed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from natkeeper.drill import Flow, NewConnection, UnreadableDrill, figures, from_json, render
from natkeeper.drill.figures import pace_of
from tests.drill.facts import FAULT, attempts, drill


def test_outage_is_the_longest_time_between_two_connections_that_worked() -> None:
    """The last before the fault ended 48 ms before it; the next that worked had its second packet answered."""
    found = figures(drill())
    assert found.outage_s == pytest.approx(2.051, abs=0.002)
    assert found.moments["first_packet"] == pytest.approx(2.002, abs=0.002)


def test_lost_is_what_got_no_answer() -> None:
    """A connection that worked when its first packet was sent again was slow, not lost."""
    found = figures(drill())
    assert (found.lost_connections, found.connections) == (20, 120)
    assert found.ways["in"].lost == 40


def test_where_every_connection_works_there_is_no_outage() -> None:
    """The time between two tries is none, however far the machine spread them."""
    sparse = tuple(NewConnection(FAULT + n * 0.4, FAULT + n * 0.4 + 0.002, "", "198.51.100.1") for n in range(-2, 12))
    found = figures(drill(attempts=sparse))
    assert (found.outage_s, found.lost_connections, found.moments["first_packet"]) == (0.0, 0, None)


def test_outage_that_does_not_end_lasts_to_the_end() -> None:
    """Nothing works any more, and there is no first packet."""
    found = figures(drill(attempts=attempts(down=60.0, last=5.0)))
    assert found.outage_s > 4.9
    assert found.moments["first_packet"] is None


def test_failure_before_the_fault_is_not_hidden() -> None:
    """One lost connection among others that work is told; the outage is the time around it."""
    lone = (NewConnection(FAULT - 0.9, FAULT - 0.9, "ConnectionRefusedError"), *attempts(down=0.0))
    found = figures(drill(attempts=tuple(sorted(lone, key=lambda each: each.began))))
    assert found.lost_connections == 1
    assert 0.0 < found.outage_s < 0.2


def test_moments_count_from_the_fault_and_the_first_of_a_kind_counts() -> None:
    """Signal, decision, route, EIP."""
    assert figures(drill()).moments == pytest.approx(
        {"signal": 0.25, "decision": 0.27, "route": 1.9, "eip": 1.95, "first_packet": 2.002}, abs=0.002
    )
    assert figures(drill(moments=())).moments["signal"] is None


def test_flows_are_counted_by_way_and_kind() -> None:
    """Survivors, their longest silence, and how long after the move the others broke."""
    found = figures(drill())
    assert (found.flows_survived, found.flows_total) == (3, 5)
    kept = {(each.way, each.kind): each for each in found.flows}
    assert kept["out", "busy"].longest_gap_s == 2.4
    assert kept["out", "busy"].hung_s == pytest.approx(1.0)
    assert kept["in", "busy"].longest_gap_s is None
    assert kept["out", "idle"].hung_s is None


def test_tcp_that_goes_on_while_the_address_changes_was_relayed() -> None:
    """UDP needs no relay, and what broke knew it at once or waited in vain."""
    silent = Flow("busy", 2, FAULT - 2, 0.1, FAULT + 2.9, "TimeoutError: ")
    fates = {(each.way, each.kind): dict(each.fates) for each in figures(drill(flows=(*drill().flows, silent))).flows}
    assert fates == {
        ("out", "busy"): {"relayed": 1, "reset": 1, "silent": 1},
        ("out", "idle"): {"relayed": 1},
        ("out", "udp"): {"kept": 1},
        ("in", "busy"): {"reset": 1},
    }
    same = drill(attempts=tuple(replace(each, seen="198.51.100.1" * bool(each.seen)) for each in drill().attempts))
    assert figures(same).as_json()["fates"]["busy"] == {"kept": 1, "reset": 1}


def test_flow_that_could_not_be_opened_did_not_survive() -> None:
    """It has no error of its own where nothing was tried."""
    assert not Flow("busy", 0, 0.0, 0.0).survived


def test_json_has_the_promised_keys() -> None:
    """What `natlab drill --json` prints."""
    told = json.loads(json.dumps(figures(drill(reasons=("it took too long",))).as_json()))
    assert {"outage_s", "lost_connections", "flows_survived", "flows_total", "longest_gap_s"} <= told.keys()
    assert told["longest_gap_s"] == {"busy": 2.4, "idle": 0.01, "udp": 2.1, "in busy": None}
    assert (told["ok"], told["reasons"]) == (False, ["it took too long"])


def test_observed_survives_being_written_and_read() -> None:
    """The documented format is the whole input."""
    observed = drill()
    assert from_json(json.dumps(observed.as_json())) == observed


@pytest.mark.parametrize("text", ["", "[]", '{"drill": 2}', '{"drill": 1}', '{"drill": 1, "scenario": 7}'])
def test_what_is_no_drill_is_refused(text: str) -> None:
    """With a reason, not with a traceback of something deep inside."""
    with pytest.raises(UnreadableDrill):
        from_json(text)


def test_no_connection_at_all_is_no_outage() -> None:
    """A scenario that ended before anything was measured has figures, too."""
    found = figures(replace(drill(), attempts=(), flows=(), gaps=()))
    assert (found.outage_s, found.connections, found.flows_total) == (0.0, 0, 0)


def test_an_outage_that_is_only_the_end_of_the_recording_says_so() -> None:
    """It may have gone on: at least so long."""
    observed = drill()
    lasting = [
        replace(each, error="nothing answers") if each.began >= observed.fault_at else each
        for each in observed.attempts
    ]
    found = figures(replace(observed, attempts=tuple(lasting)))
    assert found.outage_open
    assert found.as_json()["outage_ended"] is False
    assert not figures(observed).outage_open
    page = render(replace(observed, attempts=tuple(lasting)))
    assert f"over {found.outage_s:.2f} s" in page
    assert "to the end of the recording; it may have gone on" in page


@pytest.mark.parametrize(
    "begins, says",
    [
        ([n * 0.05 for n in range(100)], "one every 50 ms"),
        ([n * 0.05 + 0.01 * (n % 2) for n in range(100)], "one every 60 ms"),
        ([n * 1.0 for n in range(20)], "one every 1.0 s"),
        ([0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 3.6, 5.6], "one every 200 ms to 2.0 s"),
        ([1.0], "none"),
    ],
)
def test_the_pace_is_measured_and_not_claimed(begins: list[float], says: str) -> None:
    """A probe looks as fast as its function answers."""
    assert pace_of([NewConnection(at, at + 0.01, "") for at in begins]) == says


def test_the_picture_fits_a_phone() -> None:
    """One for the desk and one half as wide, with titles of their own; no fixed width makes a page scroll."""
    page = render(drill())
    assert page.count('<svg class="plot"') == 2
    assert 'viewBox="0 0 560 ' in page
    assert "min-width: 760px" not in page
    assert len(set(re.findall(r'<title id="(plot-title-\d+)"', page))) == 2
