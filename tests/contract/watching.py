"""Makes the contracts hold for every exchange of every test, not only for tests about them.

A pytest plugin (tests/conftest.py names it): whatever Cloud a test builds, each request and answer is
checked when it happens, and the test fails at its end with every departure. The metadata is part of the
repository; where it is missing, every test fails.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.wire import Request, Response
from tests.contract.checker import Contracts, Exchange


@functools.cache
def contracts() -> Contracts:
    """The metadata, read once a process."""
    return Contracts.read()


def exchange_of(request: Request, response: Response) -> Exchange:
    """What the checker needs of a request and its answer."""
    return Exchange(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=request.body,
        status=response.status,
        answer_headers={name.lower(): value for name, value in response.headers.items()},
        answer=response.body,
    )


class ContractWatch:
    """Collects what departs from the contracts while a test runs."""

    def __init__(self, known: Contracts) -> None:
        self.known = known
        self.seen = 0
        self.problems: list[str] = []

    def __call__(self, request: Request, response: Response) -> None:
        self.seen += 1
        for problem in self.known.problems(exchange_of(request, response)):
            if problem not in self.problems:
                self.problems.append(problem)


@pytest.fixture(autouse=True)
def contract_watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractWatch]:
    """Watches every Cloud that the test builds; a departure fails the test at its end."""
    watch = ContractWatch(contracts())
    build = Cloud.__init__

    @functools.wraps(build)
    def build_watched(cloud: Cloud, *args: Any, **kwargs: Any) -> None:
        build(cloud, *args, **kwargs)
        cloud.wire_observers.append(watch)

    monkeypatch.setattr(Cloud, "__init__", build_watched)
    yield watch
    if watch.problems:
        pytest.fail("departs from Alibaba's API metadata:\n  " + "\n  ".join(watch.problems[:40]), pytrace=False)


@pytest.fixture
def metadata() -> Contracts:
    """The metadata."""
    return contracts()
