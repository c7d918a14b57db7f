"""How fast does a looping task go through its items, and when does it give up?

Source: "Task loops" of the OOS user guide (help.aliyun.com/zh/oos/user-guide/loop).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from natlab.cloud.oos.performing import Failed, Outcome
from natlab.cloud.oos.refusal import InvalidTemplateError, checked_keys

MAX_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the items, and how many of them are under way at once."""

    items: tuple[object, ...]
    concurrency: int


@dataclass(frozen=True, slots=True)
class Pace:
    """The batches in their order, and how many items may fail."""

    batches: tuple[Batch, ...]
    max_errors: int


def pace(raw: object, items: object) -> Pace:
    """What a RateControl means for these items; one after the other when it says nothing."""
    if not isinstance(items, list):
        raise InvalidTemplateError(f"Loop.Items: {items!r} is not a list")
    if len(items) > MAX_ITEMS:
        raise InvalidTemplateError(f"Loop.Items: {len(items)} items, at most {MAX_ITEMS}")
    fields = checked_keys(
        raw,
        "RateControl",
        required=set(),
        optional={"Mode", "MaxErrors", "Concurrency", "Batch", "BatchPauseOption", "ConcurrencyInBatches"},
    )
    max_errors = _count(fields.get("MaxErrors", 0), len(items), "MaxErrors", least=0)
    mode = fields.get("Mode", "Concurrency")
    if mode == "Concurrency":
        concurrency = _count(fields.get("Concurrency", 1), len(items), "Concurrency", least=1)
        return Pace((Batch(tuple(items), concurrency),), max_errors)
    if mode != "Batch":
        raise InvalidTemplateError(f"RateControl.Mode: {mode!r}, allowed are Concurrency and Batch")
    if fields.get("BatchPauseOption", "Automatic") != "Automatic":
        raise InvalidTemplateError("RateControl.BatchPauseOption: the local cloud knows Automatic only")
    return Pace(tuple(_batches(fields, items)), max_errors)


def _batches(fields: dict[str, object], items: Sequence[object]) -> list[Batch]:
    sizes = fields.get("Batch", [1])
    at_once = fields.get("ConcurrencyInBatches", [])
    if not isinstance(sizes, list) or not sizes or not isinstance(at_once, list):
        raise InvalidTemplateError("RateControl.Batch, ConcurrencyInBatches: expected lists")
    batches: list[Batch] = []
    begin = 0
    while begin < len(items):
        number = len(batches)
        size = _count(sizes[min(number, len(sizes) - 1)], len(items), "Batch", least=1)
        chosen = tuple(items[begin : begin + size])
        concurrency = len(chosen)
        if at_once:
            raw = at_once[min(number, len(at_once) - 1)]
            concurrency = _count(raw, len(chosen), "ConcurrencyInBatches", least=1)
        batches.append(Batch(chosen, concurrency))
        begin += size
    return batches


def _count(raw: object, whole: int, name: str, *, least: int) -> int:
    """A number, or a percentage of the whole, rounded up."""
    text = str(raw).strip()
    figure, percent = text.removesuffix("%"), text.endswith("%")
    if isinstance(raw, bool) or not figure.isdigit():
        raise InvalidTemplateError(f"RateControl.{name}: {raw!r}, expected a number or a percentage")
    count = -(-int(figure) * whole // 100) if percent else int(figure)
    if count < least and not percent:
        raise InvalidTemplateError(f"RateControl.{name}: {raw!r}, expected at least {least}")
    return max(count, least)


class Looping:
    """Goes through the batches; `launch` begins one item, `over` hears all outcomes in order of items."""

    def __init__(
        self,
        chosen: Pace,
        launch: Callable[[object, int, Callable[[Outcome], None]], None],
        over: Callable[[list[Outcome | None], str], None],
    ) -> None:
        self._pace = chosen
        self._launch = launch
        self._over = over
        self._items = [item for batch in chosen.batches for item in batch.items]
        self._outcomes: list[Outcome | None] = [None] * len(self._items)
        self._batch = 0
        self._next = 0
        self._under_way = 0
        self._ended = False

    @property
    def errors(self) -> list[str]:
        """Why items failed, so far."""
        return [outcome.reason for outcome in self._outcomes if isinstance(outcome, Failed)]

    def go(self) -> None:
        """Begin as many items as may be under way now, and end when there is nothing left to wait for."""
        while self._may_begin():
            index = self._next
            self._next += 1
            self._under_way += 1
            self._launch(self._items[index], self._batch + 1, partial(self._ended_one, index))
        if self._under_way or self._ended:
            return
        self._ended = True
        too_many = len(self.errors) > self._pace.max_errors
        reason = f"{len(self.errors)} of {len(self._items)} items failed: {self.errors[0]}" if too_many else ""
        self._over(self._outcomes, reason)

    def _may_begin(self) -> bool:
        if len(self.errors) > self._pace.max_errors or self._next >= len(self._items):
            return False
        end = sum(len(batch.items) for batch in self._pace.batches[: self._batch + 1])
        if self._next >= end:
            if self._under_way:
                return False
            self._batch += 1
        return self._under_way < self._pace.batches[self._batch].concurrency

    def _ended_one(self, index: int, outcome: Outcome) -> None:
        self._outcomes[index] = outcome
        self._under_way -= 1
        self.go()
