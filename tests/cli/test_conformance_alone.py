"""What a trial writes down, finds and tells: the page, its JSON, and what reads them, without a trial."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.cli.conformance import journal
from natkeeper.cli.conformance.document import HOW_MEASURED, STACK, Document, load, page, refuted, verdict
from natkeeper.cli.conformance.found import CodeFound, TrialResult
from natkeeper.cli.conformance.journal import TrialJournal
from natkeeper.cli.conformance.readings import Reading, readings
from natkeeper.cli.conformance.trial import Trial
from natkeeper.cli.errors import Wrong
from natkeeper.ports import FailureKind, FailureSubject

WAYS = {"taken": "a page", "refused": "a code"}
KNOWN = tuple(Reading(name, f"Whether {name}", WAYS, "Try it") for name in ("as-is", "other", "open", "untried"))
FOUND = {
    "other": TrialResult("refused", seen={"ModifyRouteEntry": "i-secret says 不"}),
    "as-is": TrialResult("taken", "it was seen"),
    "open": TrialResult(None, "no EIP", {"Call": "no"}),
}
CODES = {
    "StopInstance of i-secret": CodeFound("Odd", "gone, about it", "gone, about it", ok=True),
    "DeleteEip": CodeFound("", "carried out", "denied, about it", ok=False),
}
WHOLE = Document("2026-11-23T06:00:00Z", "cn-hangzhou", FOUND, {"b": 2.0, "a": 0.25}, "1.2.3", {"c": "no probe"}, CODES)
ROWS = {
    "conformance": 1, "natkeeper": "1.2.3", "at": "2026-11-23T06:00:00Z", "region": "cn-hangzhou",
    "readings": {"as-is": {"way": "taken", "why": "it was seen"}, "open": {"why": "no EIP", "seen": {"Call": "no"}},
                 "other": {"way": "refused", "seen": {"ModifyRouteEntry": "i-secret says 不"}}},
    "latencies": {"b": 2.0, "a": 0.25}, "unmeasured": {"c": "no probe"},
    "codes": {"StopInstance of i-secret": {"code": "Odd", "means": "gone, about it", "wanted": "gone, about it",
                                           "ok": True},
              "DeleteEip": {"code": "", "means": "carried out", "wanted": "denied, about it", "ok": False}},
}  # fmt: skip
PAGE = f"""\
# natkeeper conformance

natkeeper 1.2.3, region cn-hangzhou, 2026-11-23T06:00:00Z.

| Fact | Assumed | Found | Verdict |
|---|---|---|---|
| Whether as-is (`as-is`) | taken | taken | confirmed |
| Whether other (`other`) | taken | refused | refuted |
| Whether open (`open`) | taken | - | not decided |
| Whether untried (`untried`) | taken | - | not decided |

## What the platform said

- `as-is`: it was seen
- `other`: `{{"ModifyRouteEntry": "i-secret says 不"}}`
- `open`: no EIP; `{{"Call": "no"}}`
- `untried`: it was not tried

## Measured

| What | Seconds |
|---|---|
| a | 0.25 |
| b | 2 |

{HOW_MEASURED}
- `c` was not measured: no probe

## Wrong calls

| Call | Code | It means | Wanted | |
|---|---|---|---|---|
| StopInstance of i-secret | Odd | gone, about it | gone, about it | confirmed |
| DeleteEip | - | carried out | denied, about it | refuted |

An hour of the functions costs 0.012 USD by the list (`natkeeper cost --prices`). {STACK}
"""


def test_the_page_of_a_trial_is_told_line_by_line() -> None:
    """Facts in the order of the list, figures by their names."""
    assert page(WHOLE, KNOWN, 0.0123).splitlines() == PAGE.splitlines()
    assert [each.name for each in refuted(WHOLE, KNOWN)] == ["other"]


def test_the_file_of_a_trial_has_no_ids_and_is_read_again(tmp_path: Path) -> None:
    """Ids of the account are what they stand for; facts are sorted, so that two files can be compared."""
    assert WHOLE.as_json() == ROWS
    assert list(WHOLE.as_json()["readings"]) == ["as-is", "open", "other"]
    hidden = json.dumps(WHOLE.as_json({"i-secret": "the standby", "": "nothing", "不": "无"}), ensure_ascii=False)
    assert "the standby says 无" in hidden
    assert "StopInstance of the standby" in hidden
    assert "i-secret" not in hidden
    assert "nothing" not in hidden
    file = tmp_path / "conformance.json"
    file.write_text(json.dumps(ROWS), encoding="utf-8")
    assert load(file) == WHOLE
    file.write_text(json.dumps({name: ROWS[name] for name in ROWS if name not in ("unmeasured", "codes")}), "utf-8")
    assert load(file) == Document(WHOLE.at, WHOLE.region, FOUND, WHOLE.latencies, "1.2.3")


@pytest.mark.parametrize(
    "change, says, do",
    [
        ({"conformance": 2}, "~ has format 2, and this release reads 1", ""),
        ({"at": None, "conformance": None}, "~ has format None, and this release reads 1", ""),
        ({"codes": {"x": {}}}, "~ is not what `natkeeper conformance` writes: ", "name a conformance.json"),
        ({"latencies": {"x": "soon"}}, "~ is not what `natkeeper conformance` writes: ", "name a conformance.json"),
        ({"readings": []}, "~ is not what `natkeeper conformance` writes: ", "name a conformance.json"),
        (None, "~ cannot be read: No such file or directory", "name a conformance.json"),
    ],
)
def test_a_file_that_no_trial_wrote_is_refused(
    tmp_path: Path, change: dict[str, Any] | None, says: str, do: str
) -> None:
    """With what is wrong, and which file is wanted."""
    file = tmp_path / "conformance.json"
    if change is not None:
        file.write_text(json.dumps(ROWS | change), encoding="utf-8")
    with pytest.raises(Wrong) as raised:
        load(file)
    assert raised.value.what.replace(str(file), "~").startswith(says)
    assert raised.value.do == do


@pytest.mark.parametrize(
    "found, said",
    [(None, "not decided"), (TrialResult(None), "not decided"), (TrialResult("taken"), "confirmed"),
     (TrialResult("refused"), "refuted"), (TrialResult("new"), "refuted")],
)  # fmt: skip
def test_a_verdict_is_about_the_way_that_is_assumed(found: TrialResult | None, said: str) -> None:
    """The first of a reading's."""
    assert verdict(KNOWN[0], found) == said


@pytest.mark.parametrize(
    "code, found",
    [
        ("No", TrialResult("refused", seen={"Call": "No"})),
        ("", TrialResult("taken", seen={"Call": "carried out"})),
        ("Odd", TrialResult(None, "Call was answered with Odd, which stands for none of the ways", {"Call": "Odd"})),
    ],
)
def test_a_code_decides_for_the_way_it_stands_for(code: str, found: TrialResult) -> None:
    """And one that stands for none decides nothing."""
    assert TrialResult.by_code(code, {"No": "refused", "": "taken"}, call="Call") == found


def test_a_call_that_should_be_refused_and_is_not_decides_nothing() -> None:
    """Where no way is to be without a refusal."""
    said = "Call was answered with no refusal, which stands for none of the ways"
    assert TrialResult.by_code("", {}, call="Call") == TrialResult(None, said, {"Call": "carried out"})


@pytest.mark.parametrize(
    "code, means, ok",
    [
        ("Forbidden.RAM", "denied, about the caller's rights", True),
        ("InternalError", "unreachable, about nothing", False),
        ("", "carried out", False),
    ],
)
def test_a_code_of_a_wrong_call_is_judged_by_what_it_means(code: str, means: str, *, ok: bool) -> None:
    """To natkeeper, which counts on it."""
    found = CodeFound.of(code, (FailureKind.DENIED, FailureSubject.CALLER))
    assert found == CodeFound(code, means, "denied, about the caller's rights", ok)


def test_readings_are_those_of_the_file() -> None:
    """Each with its ways, the first of which is assumed, and how a real account would tell."""
    first = readings()[0]
    assert (first.name, first.fact, first.assumed) == (
        "route-description", "Which text the description of a route entry takes", "anything",
    )  # fmt: skip
    assert list(first.ways) == ["anything", "ascii-without-brackets", "256-bytes", "nothing"]
    assert first.told_by.startswith("Write descriptions of growing length")
    assert KNOWN[0].as_json() == {
        "name": "as-is", "fact": "Whether as-is", "assumed": "taken", "told_by": "Try it",
        "ways": [{"way": "taken", "source": "a page"}, {"way": "refused", "source": "a code"}],
    }  # fmt: skip


def test_a_journal_of_a_trial_is_read_as_it_was_written(tmp_path: Path) -> None:
    """One file for each group; what cannot be read is none."""
    file = journal.file_of(tmp_path / "deep" / "natkeeper", "cn-hangzhou", "prod")
    assert file == tmp_path / "deep" / "natkeeper" / "conformance-cn-hangzhou-prod.json"
    kept = TrialJournal("cn-hangzhou", "prod", "vtb-one", ("192.0.2.0/24", "0.0.0.0/1"), "i-gwa", "i-gwb", "eip-1")
    assert journal.read(file) is None
    kept.write(file)
    kept.write(file)
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "region": "cn-hangzhou", "group": "prod", "table": "vtb-one", "destinations": ["192.0.2.0/24", "0.0.0.0/1"],
        "active": "i-gwa", "standby": "i-gwb", "eip": "eip-1", "not_before": "",
    }  # fmt: skip
    assert ([each.name for each in file.parent.iterdir()], journal.read(file)) == ([file.name], kept)
    for text in ("{not JSON", "[]", "{}", '{"destinations": [], "new": 1}'):
        file.write_text(text, encoding="utf-8")
        assert journal.read(file) is None


@pytest.mark.parametrize(
    "destination, words, deleted",
    [
        ("0.0.0.0/1", "a bridge [nk1 h=i-a]", False),
        ("0.0.0.0/1", "natkeeper conformance", True),
        ("0.0.0.0/1", None, True),
        ("192.0.2.7/32", "a bridge [nk1 h=i-a]", True),
    ],
)
def test_a_half_that_natkeeper_made_meanwhile_is_left_to_it(destination: str, words: str | None, deleted: bool) -> None:  # noqa: FBT001
    """What the trial made itself is deleted, whatever it says by now."""
    gone: list[str] = []
    place: Any = SimpleNamespace(
        settle=lambda *_: None, entry=lambda _: SimpleNamespace(description=words, route_entry_id="rte-1"),
        delete=gone.append, until_taken=lambda call: call(),
    )  # fmt: skip
    journal: Any = SimpleNamespace(destinations=[destination])
    Trial(place, journal, "", lambda _: None)._delete()
    assert bool(gone) is deleted
