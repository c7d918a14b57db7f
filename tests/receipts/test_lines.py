"""Every line of a message: of a move, of a trouble that lasts, and of what differs from them in one thing.

told/NAME.en.txt and .zh.txt are the two messages. told/NAME.txt has the others: the language and what is changed in
the receipt, by the path of a field (null: it is not there); below it the lines that the message then has instead, and
after a minus the label of a line that it has no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natkeeper.notify.message import Style, message, severity_of, style_of
from natkeeper.notify.message import test_message as notification_test
from natkeeper.notify.wording import SEVERITY
from tests.receipts.telling import LASTING, MOVED, differs, lines, with_

TOLD = Path(__file__).with_name("told")
STYLES = {
    "en": Style(account="1000", region="cn-hangzhou", runbook="https://wiki.test/nk"),
    "zh": Style("zh", "Asia/Shanghai", "https://wiki.test/nk", "1000", "cn-hangzhou"),
}
RECEIPTS = {"moved": MOVED, "lasting": LASTING}


def cases(name: str) -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """Read the changes of a receipt, each with the language and what the message says instead."""
    for block in (TOLD / f"{name}.txt").read_text(encoding="utf-8").split("\n\n"):
        first, *said = block.strip("\n").splitlines()
        language, _, change = first.partition("> ")
        if change:
            yield name, language, json.loads(change), said


@pytest.mark.parametrize("language", STYLES)
@pytest.mark.parametrize("name", RECEIPTS)
def test_a_message_is_told_line_by_line(name: str, language: str) -> None:
    """In the order of reading, in either language."""
    expected = (TOLD / f"{name}.{language}.txt").read_text(encoding="utf-8").splitlines()
    assert lines(RECEIPTS[name], STYLES[language]) == expected


@pytest.mark.parametrize("name, language, change, said", [case for name in RECEIPTS for case in cases(name)])
def test_what_differs_in_a_receipt_differs_in_its_message(
    name: str, language: str, change: dict[str, Any], said: list[str]
) -> None:
    """And nothing else does: the view decides what is left and what to do, an odd field costs its own line."""
    assert differs(RECEIPTS[name], change, STYLES[language]) == said


@pytest.mark.parametrize(
    "at, clock, local",
    [
        ("2026-10-24T12:00:00Z", "23:00", "2026-10-25 01:00"),
        ("2026-10-25T13:30:00Z", "01:10:30", "2026-10-25 02:10:30"),
        ("2026-10-24T23:50:00Z", "01:10", "2026-10-25 02:10"),
        ("2026-10-25T00:30:00+02:00", "23:50", "2026-10-25 01:50"),
        ("2026-10-26T00:10:00Z", "23:50", "2026-10-26 00:50"),
    ],
)
def test_a_time_without_a_date_is_of_the_nearest_day(at: str, clock: str, local: str) -> None:
    """In Berlin, the night in which the clocks go back: which day it is decides about the hour."""
    receipt = with_(MOVED, {"at": at, "acts.0.why": f"not seen since {clock} UTC"})
    told = lines(receipt, Style(timezone="Europe/Berlin"))[1]
    assert told == f"What: not seen since {local.partition(' ')[2]} Europe/Berlin"


def test_what_is_cut_has_the_length_that_there_is_room_for() -> None:
    """One character stands for the rest; what fits is left as it is."""
    told = [lines(with_(MOVED, {"acts.0.why": "x" * length}), STYLES["en"])[1] for length in (400, 401)]
    assert told == ["What: " + "x" * 400, "What: " + "x" * 399 + "…"]


def test_a_style_is_read_from_a_request() -> None:
    """Whole; a language that there is not is English."""
    wanted = {"language": "zh", "timezone": "Asia/Shanghai", "runbook": "https://wiki.test/nk"}
    assert style_of({"style": wanted}, account="1000", region="cn-hangzhou") == STYLES["zh"]
    assert style_of({"style": {**wanted, "language": "de"}}, account="1000", region="cn-hangzhou").language == "en"
    assert style_of({"style": "zh"}) == Style()


def test_several_stories_are_one_message_the_worst_first() -> None:
    """Four at length, each cut; of the others the headlines."""
    troubled = [with_(LASTING, {"group": f"g{n}", "episodes.0.kind": "dark" if n == 5 else "full"}) for n in range(6)]
    heading, text = message([MOVED, *troubled], STYLES["en"])
    assert heading == "[CRITICAL] natkeeper: 7 groups, 6 of them need you"
    first, second, third, fourth, rest = text.split("\n\n")
    assert first.splitlines() == lines(troubled[5], STYLES["en"])
    assert [part.splitlines()[0].split(":")[0] for part in (second, third, fourth)] == [
        f"[WARNING] g{n}" for n in range(3)
    ]
    assert rest == (
        "and 3 more: g3: a gateway is near its limits; g4: a gateway is near its limits; prod: moved to i-b"
    )
    assert message([MOVED, MOVED], STYLES["en"])[0] == "[INFO] natkeeper: 2 groups changed"


def test_the_test_message_is_told_line_by_line() -> None:
    """Where it comes from, and where the page is that says what to do."""
    assert notification_test(STYLES["en"]) == (
        "[TEST] natkeeper test message",
        (
            "Do: nothing: messages from natkeeper arrive here\n"
            "Where: account 1000, cn-hangzhou\n"
            "Runbook: https://wiki.test/nk#attention"
        ),
    )


@pytest.mark.parametrize("severity", ["critical", "warning", "info", "resolved", "test"])
@pytest.mark.parametrize("language", [0, 1])
def test_a_title_says_its_severity(severity: str, language: int) -> None:
    """It is read back from the title, for Apprise's own type."""
    assert severity_of(f"{SEVERITY[severity][language]} prod: …") == severity
    assert severity_of("prod: …") == "info"
