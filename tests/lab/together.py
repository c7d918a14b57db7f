"""All tests of the lab run in one worker of pytest-xdist, so that they share one lab; the others where there is room.

So do those of a file whose fixtures take longer than its tests: each worker would set them up for itself. Files that
build a lab of their own stay beside the rest of it: two labs at once on two processors lose a connection now and then.

What `--dist loadgroup` is for, but pytest 9.2 ignores the names that pytest-xdist 3.8 gives to grouped tests.
"""

from __future__ import annotations

from typing import Any

import pytest

_SCOPES = (
    "tests/lab/", "tests/budget/test_bench.py", "tests/budget/test_calls.py", "tests/budget/test_start.py",
    "tests/end_to_end/test_playground.py", "tests/packaging/test_wheel.py",
)  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Scopes of one test each, but for those that share what takes long to set up."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Together(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((scope for scope in _SCOPES if nodeid.startswith(scope)), nodeid)

    return Together(config, log)
