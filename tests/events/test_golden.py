"""Every payload shape that can reach the failover function, one file each, with the parse it must give."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from natkeeper.domain.payloads import parse
from natkeeper.domain.signals import Parsed

GOLDEN = sorted(Path(__file__).parent.glob("*.json"))


def as_plain(parsed: Parsed) -> dict[str, Any]:
    """Show a parse as the golden files write it: ISO times, lengths in seconds."""
    return {"type": type(parsed).__name__} | {key: _plain(value) for key, value in asdict(parsed).items()}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case tuple():
            return list(value)
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case _:
            return value


def read(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Read a golden file: `payload` is sent as JSON, `text` as it stands."""
    golden = json.loads(path.read_text(encoding="utf-8"))
    sent = golden["text"] if "text" in golden else json.dumps(golden["payload"], ensure_ascii=False)
    return sent, golden["expect"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_payload_is_parsed_as_its_golden_file_says(path: Path) -> None:
    """The payload gives exactly the expected signals, as bytes (as FC hands them over) and as text."""
    sent, expected = read(path)
    assert [as_plain(parsed) for parsed in parse(sent.encode())] == expected
    assert parse(sent) == parse(sent.encode())


def test_there_is_a_golden_file_for_every_kind_of_parse() -> None:
    """A new signal without a golden payload fails here."""
    kinds = {expect["type"] for path in GOLDEN for expect in read(path)[1]}
    assert kinds == {kind.__name__ for kind in get_args(Parsed)}
