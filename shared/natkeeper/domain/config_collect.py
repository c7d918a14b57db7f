"""Every problem of a group at once: msgspec stops at the first, so what it refuses is taken out and it is asked again.

What is optional is left out, what is required becomes a stand-in. A contradiction with a stand-in is none of the
user's, so what compares with `gateways` or `routes` is no longer said once these were replaced.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from natkeeper.domain.config_errors import ConfigProblem, show

MOST = 40
"""Problems of one group; more of them are one mistake."""
_STAND_INS: tuple[tuple[str, Any], ...] = (
    (r"gateways", ["i-standin"]),
    (r"routes", [{"table": "vtb-standin"}]),
    (r"routes\[\d+\]\.table", "vtb-standin"),
    (r"forwards\[\d+\]\.port", 1),
    (r"forwards\[\d+\]\.to", "10.0.0.1:1"),
    (r"address\.follow", "eip-standin"),
    (r"planned\.window", "00:00-24:00"),
)
_COMPARES = {"gateways": "prefer", "routes": "probe.table"}


def collect(
    value: dict[str, Any], refuse: Callable[[dict[str, Any]], ConfigProblem | None], prefix: str
) -> list[ConfigProblem]:
    """List the problems of a group's settings; `refuse` says the first problem of settings, `prefix` is its path."""
    found, replaced = list[ConfigProblem](), set[str]()
    try:
        data = copy.deepcopy(value)
    except RecursionError:  # nested as deeply as no person writes: the first problem says enough
        return list(filter(None, [refuse(value)]))
    for _ in range(MOST):
        problem = refuse(data)
        if problem is None or problem in found:
            break
        path = problem.path.removeprefix(prefix).lstrip(".")
        if not any(_COMPARES[name] in path for name in replaced):
            found.append(problem)
        try:
            mended = _mend(data, path, problem, replaced)
        except LookupError:  # a key that no path can name
            break
        if not mended:
            break
    return found


def _mend(data: dict[str, Any], path: str, problem: ConfigProblem, replaced: set[str]) -> bool:
    """Take what is refused out of the settings; returns whether anything could be taken out."""
    path = re.sub(r"(\[\d+\])+$", "", path)  # of a list whose elements are refused nothing is kept
    steps = [int(index) if index else key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    holder: Any = data
    for step in steps[:-1]:
        holder = holder.get(step) if isinstance(holder, dict) else holder[int(step)]
    if not isinstance(holder, dict):  # a list where a mapping belongs
        return _put(data, str(steps[0]), str(steps[0]), replaced)
    last = str(steps[-1])
    meant = re.fullmatch(r"an unknown key \(did you mean (\w+)\?\)", problem.value)
    if meant is not None and meant[1] not in holder:
        holder[meant[1]] = holder.pop(last)
        return True
    listed = holder.get(last)
    kept = [each for each in listed if show(each) != problem.value] if isinstance(listed, list) else []
    if isinstance(listed, list) and 0 < len(kept) < len(listed):
        holder[last] = kept
        return True
    return _put(holder, last, path, replaced)


def _put(holder: dict[str, Any], key: str, path: str, replaced: set[str]) -> bool:
    """Leave a key out, or put a stand-in where it is required."""
    stand_in = next((given for form, given in _STAND_INS if re.fullmatch(form, path)), None)
    if stand_in is not None and holder.get(key) != stand_in:
        holder[key] = copy.deepcopy(stand_in)
        replaced |= {key} & set(_COMPARES)
        return True
    return holder.pop(key, None) is not None
