"""Whatever arrives, reading it never fails, and nothing but ids of the right form gets through."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import (
    AddressTouched,
    Ignored,
    InstanceEvent,
    InstancesTouched,
    RouteTouched,
    SetUp,
    Switch,
    Unclear,
)

GOLDEN = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.json"))]
PAYLOADS = [golden["payload"] for golden in GOLDEN if "payload" in golden]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
words = st.sampled_from([key for payload in PAYLOADS if isinstance(payload, dict) for key in payload])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=8), inner, max_size=6),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A golden payload with one value somewhere replaced by anything, or left out."""
    payload = json.loads(json.dumps(draw(st.sampled_from(PAYLOADS))))
    spot = payload
    while isinstance(spot, dict) and spot:
        key = draw(st.sampled_from(sorted(spot)))
        if isinstance(spot[key], dict) and draw(st.booleans()):
            spot = spot[key]
        elif draw(st.booleans()):
            del spot[key]
            break
        else:
            spot[key] = draw(anything)
            break
    return payload


@given(st.binary())
def test_any_bytes_are_parsed_without_an_error(payload: bytes) -> None:
    """Bytes of any kind give at least one answer and never an exception."""
    assert parse(payload)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_parsed_without_an_error(payload: str) -> None:
    """Text of any kind, lone surrogates included, gives an answer too."""
    assert parse(payload)


@given(anything | damaged())
def test_any_json_is_parsed_without_an_error(payload: Any) -> None:
    """JSON of any shape gives one answer for each event; every refusal has a reason fit for a log line."""
    parsed = parse(json.dumps(payload))
    assert len(parsed) == (max(len(payload), 1) if isinstance(payload, list) else 1)
    for one in parsed:
        if isinstance(one, (Ignored, Unclear)):
            assert 0 < len(one.reason) < 700


@given(damaged())
def test_only_ids_of_the_right_form_get_through(payload: Any) -> None:
    """An id is letters, digits and one hyphen: nothing an event says can become more than data (rule 10)."""
    ids: list[str | None] = []
    for one in parse(json.dumps(payload)):
        match one:
            case InstanceEvent(instance=instance):
                ids.append(instance)
            case InstancesTouched(instances=instances):
                ids += instances
            case RouteTouched(tables=tables, entry=entry):
                ids += [*tables, entry]
            case AddressTouched(eip=eip, instance=holder):
                ids += [eip, holder]
            case Switch(to=to, table=table):
                ids += [to, table]
            case SetUp(gateway=gateway):
                ids.append(gateway)
            case _:
                pass
    assert all(found is None or re.fullmatch(r"(i|vtb|rte|ngw|eip)-[a-z0-9]{3,40}", found) for found in ids)


@given(damaged())
def test_the_same_payload_is_parsed_the_same(payload: Any) -> None:
    """Parsing looks at the payload and at nothing else (rule 4)."""
    text = json.dumps(payload)
    assert list(map(asdict, parse(text))) == list(map(asdict, parse(text)))


@pytest.mark.parametrize(
    "wrap", ["{}", '{{"data":{}}}', '{{"action":{}}}', '{{"type":"a:ActionTrail:b","specversion":1,"data":{}}}']
)
def test_nesting_beyond_sense_is_parsed_without_an_error(wrap: str) -> None:
    """JSON nested as deeply as a sender likes costs an answer, not a crash."""
    for depth in (50, 500, 900, 5_000, 100_000):
        assert parse(wrap.format("[" * depth + "]" * depth))


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 40, "1e400", "1e-400"])
def test_numbers_beyond_sense_are_parsed_without_an_error(number: str) -> None:
    """Numbers that no machine word holds are data like any other."""
    report = {"natkeeper": "egress-lost", "group": "prod", "failures": 3, "since": 0}
    inner = json.dumps(report).replace('"since": 0', f'"since": {number}')
    record = {"requestContext": {}, "responsePayload": {"errorMessage": inner}}
    assert isinstance(parse(json.dumps(record))[0], Ignored) or number == "1e-400"
    assert parse(f'{{"action": {number}}}')
    assert parse(f'{{"specversion": {number}, "type": {number}, "data": {{"state": {number}}}}}')
