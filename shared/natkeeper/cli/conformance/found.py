"""What a trial found: which way the platform is in one reading, or why that could not be told; what a code means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from natkeeper.alibaba.errors import meaning_of
from natkeeper.ports import FailureKind, FailureSubject

Meaning = tuple[FailureKind, FailureSubject]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """`way` is None where it was not decided, and `why` says why; `seen` holds what the platform said, as JSON."""

    way: str | None
    why: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def by_code(code: str, ways: Mapping[str, str], *, call: str) -> TrialResult:
        """Decide by the code of a refusal, empty for none; a code that stands for no way decides nothing."""
        seen = {call: code or "carried out"}
        if code in ways:
            return TrialResult(ways[code], seen=seen)
        return TrialResult(
            None, f"{call} was answered with {code or 'no refusal'}, which stands for none of the ways", seen
        )


@dataclass(frozen=True, slots=True)
class CodeFound:
    """`code` answered a wrong call, empty where it was carried out; `ok` if it means what natkeeper counts on."""

    code: str
    means: str
    wanted: str
    ok: bool

    @staticmethod
    def of(code: str, wanted: Meaning) -> CodeFound:
        """Judge a code."""
        means = meaning_of(code) if code else None
        text = _said(means) if means else "carried out"
        return CodeFound(code, text, _said(wanted), means == wanted)


def _said(meaning: Meaning) -> str:
    kind, names = meaning
    return f"{kind.value}, about {names.value}"
