"""Reading what a setup run printed: a report, or why there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.guest import SetupProblem, SetupReport, UnreadableReport, parse_report

REPORT: dict[str, Any] = {
    "format": 1,
    "mode": "apply",
    "ready": False,
    "found": [{"code": "ip_forward_off", "message": "net.ipv4.ip_forward is 0 instead of 1"}],
    "changed": ["sysctl -w net.ipv4.ip_forward=1"],
    "undone": [],
    "wrong": [{"code": "interface_unbound_at_boot", "message": "interface eth0 is not in zone public"}],
    "facts": {"os": "Debian", "zone": "public", "interfaces": ["eth0"], "ip_forward": True, "news": 1},
    "started": 1700000000,
    "finished": 1700000003,
    "script": "0123456789ab",
    "fingerprint": "ba9876543210",
}
LINE = json.dumps(REPORT, separators=(",", ":"))


@pytest.mark.parametrize(
    "output",
    [
        LINE,
        LINE.encode(),
        f"{LINE}\n",
        f"Reading package lists...\nwarning: {{\n{LINE}\n\n",
        f"{LINE}\nConnection closed.\n",
        b"\xff\xfe noise\r\n" + LINE.encode() + b"\r\n",
    ],
)
def test_a_report_is_found_among_noise(output: str | bytes) -> None:
    """Whatever other programs print, before or after."""
    report = parse_report(output)
    assert isinstance(report, SetupReport)
    assert report.found == (SetupProblem("ip_forward_off", "net.ipv4.ip_forward is 0 instead of 1"),)
    assert report.facts.interfaces == ("eth0",)
    assert report.has("interface_unbound")
    assert not report.has("ip_forward_off")
    assert report.sentence == "interface eth0 is not in zone public"


def test_the_last_report_counts() -> None:
    """A run that printed two is described by the later."""
    report = parse_report(LINE + "\n" + LINE.replace('"ready":false', '"ready":true'))
    assert isinstance(report, SetupReport)
    assert report.ready
    assert report.sentence == "ready, 1 change made"


@pytest.mark.parametrize(
    "output, reason",
    [
        ("", "printed nothing"),
        (b"\n \n", "printed nothing"),
        ("sh: 1: Syntax error", "no report"),
        (LINE[:200], "cut or damaged"),
        (LINE[20:], "no report"),
        ('{"format":2,"ready":true}', "format"),
        ('{"format":1}', "not as expected"),
        (LINE.replace('"ready":false', '"ready":"no"'), "not as expected"),
        (LINE.replace("1700000000", "null"), "not as expected"),
        ('{"format":' * 5000, "cut or damaged"),
    ],
)
def test_what_is_no_report_is_unreadable_with_a_reason(output: str | bytes, reason: str) -> None:
    """Never an exception."""
    answer = parse_report(output)
    assert isinstance(answer, UnreadableReport)
    assert reason in answer.reason


@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.integers(0, len(LINE)).map(lambda end: LINE[:end]),
        st.text().map('{"format":1,'.__add__),
    )
)
def test_garbage_never_raises(output: str | bytes) -> None:
    """Any text and any bytes give an answer, and never one that says ready."""
    answer = parse_report(output)
    assert isinstance(answer, UnreadableReport) or not answer.ready


@pytest.mark.parametrize(
    "count, said",
    [(1, "m0"), (3, "m0; m1; m2"), (4, "m0; m1; m2; and 1 more"), (5, "m0; m1; m2; and 2 more"), (0, "not ready")],
)
def test_a_report_tells_three_problems_and_counts_the_others(count: int, said: str) -> None:
    """In one sentence."""
    wrong = [{"code": f"c{number}", "message": f"m{number}"} for number in range(count)]
    report = parse_report(json.dumps({**REPORT, "wrong": wrong}))
    assert isinstance(report, SetupReport)
    assert report.sentence == said
