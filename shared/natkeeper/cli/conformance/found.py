"""What a trial found of one reading: which way the platform is, or why that could not be told, and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
