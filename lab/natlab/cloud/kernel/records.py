"""What is true now, and what was true a few seconds ago?

The state of a product is a few tables of frozen records.  Each table remembers for a while what every record
was, so that a stale read can be answered exactly as the past would have been.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

Record = TypeVar("Record")

REMEMBERED_S = 300.0
"""How far back a stale read can look; older than that, the oldest thing still remembered is answered."""
STATES = 100
"""How many states of a table with `keep` are remembered at most: each is a copy, and a busy one has thousands."""


class Records(Mapping[str, Record], Generic[Record]):
    """Records by id, in order of creation. With `keep`, the oldest ones beyond so many are forgotten if `over`."""

    def __init__(
        self, now: Callable[[], float], keep: int | None = None, over: Callable[[Record], bool] = lambda _: True
    ) -> None:
        self._now, self._keep, self._over = now, keep, over
        self._current: dict[str, Record] = {}
        self._past: deque[tuple[float, dict[str, Record]]] = deque(maxlen=None if keep is None else STATES)

    def __getitem__(self, key: str) -> Record:
        return self._current[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current)

    def __len__(self) -> int:
        return len(self._current)

    def put(self, key: str, record: Record) -> None:
        """Add or replace a record."""
        current = {**self._current, key: record}
        if self._keep is not None and len(current) > self._keep:
            oldest = (kept for kept, old in list(current.items())[:-1] if self._over(old))
            for kept in list(islice(oldest, len(current) - self._keep)):
                del current[kept]
        self._become(current)

    def remove(self, key: str) -> None:
        """Remove a record; KeyError when it is not there."""
        remaining = dict(self._current)
        del remaining[key]
        self._become(remaining)

    def clear(self) -> None:
        """Forget all records and their past."""
        self._current = {}
        self._past.clear()

    def as_of(self, moment: float | None) -> Mapping[str, Record]:
        """The records as they were at a moment; None means now."""
        if moment is None:
            return self._current
        for until, records in self._past:
            if moment < until:
                return records
        return self._current

    def _become(self, records: dict[str, Record]) -> None:
        now = self._now()
        self._past.append((now, self._current))
        while self._past[0][0] < now - REMEMBERED_S:
            self._past.popleft()
        self._current = records
