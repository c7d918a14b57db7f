"""How a process of the failover function makes its cloud, once, and how it ends itself."""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import natkeeper.alibaba.cloud
import natkeeper.alibaba.credentials
from natkeeper.failover import handler


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the adapter is made with; each test makes it anew."""
    asked: dict[str, Any] = {}

    def make(region: str, **more: Any) -> str:
        asked.update(more, region=region)
        return "the adapter"

    monkeypatch.setattr(natkeeper.alibaba.cloud, "AlibabaCloud", make)
    monkeypatch.setattr(natkeeper.alibaba.credentials, "of_invocation", lambda context, environ: (context, environ))
    contexts = deque([SimpleNamespace(account_id="1"), SimpleNamespace(account_id="2")], maxlen=2)
    monkeypatch.setattr(handler, "_CONTEXT", contexts)
    for name in ("NATKEEPER_ENDPOINT", "FC_ACCOUNT_ID"):
        monkeypatch.delenv(name, raising=False)
    handler._cloud.cache_clear()
    yield asked
    handler._cloud.cache_clear()


def test_the_adapter_has_the_credentials_of_the_newest_invocation(given: dict[str, Any]) -> None:
    """Asked for at each call, because a warm process is given new ones."""
    assert str(handler._cloud("cn-beijing")) == "the adapter"
    assert (given["region"], given["endpoint"], given["account_id"]) == ("cn-beijing", None, "2")
    assert given["clock"] is handler._CLOCK
    assert given["credentials"]() == (handler._CONTEXT[-1], os.environ)
    handler._CONTEXT.append(SimpleNamespace(account_id="3"))
    assert given["credentials"]()[0].account_id == "3"


@pytest.mark.parametrize("context, expected", [(SimpleNamespace(account_id="2"), "2"), (SimpleNamespace(), None)])
def test_the_account_is_the_context_s_where_the_environment_names_none(
    given: dict[str, Any], context: SimpleNamespace, expected: str | None
) -> None:
    """A runtime's context may lack it."""
    handler._CONTEXT.append(context)
    handler._cloud("cn-beijing")
    assert given["account_id"] == expected


def test_the_environment_names_account_and_endpoint(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The local cloud's endpoint stands there; an empty one is none."""
    monkeypatch.setenv("FC_ACCOUNT_ID", "9")
    monkeypatch.setenv("NATKEEPER_ENDPOINT", "http://127.0.0.1:1")
    handler._cloud("cn-beijing")
    assert (given["account_id"], given["endpoint"]) == ("9", "http://127.0.0.1:1")
    handler._cloud.cache_clear()
    monkeypatch.setenv("NATKEEPER_ENDPOINT", "")
    handler._cloud("cn-beijing")
    assert given["endpoint"] is None


@pytest.mark.parametrize("collects", [False, True])
def test_what_was_imported_is_never_collected(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, collects: bool
) -> None:
    """Where the collector was off for the cold start, it is told to skip that, and put on; once."""
    done: list[str] = []
    monkeypatch.setattr(gc, "isenabled", lambda: collects)
    for name in ("freeze", "enable"):
        monkeypatch.setattr(gc, name, lambda name=name: done.append(name))
    handler._cloud("cn-beijing")
    handler._cloud("cn-beijing")
    assert done == ([] if collects else ["freeze", "enable"])


def test_a_process_ends_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that Function Compute takes no instance for one that may be used again."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    handler._end_process()
    assert ended == [1]


@pytest.mark.parametrize(
    "event, person",
    [(b'{"action": "status"}', True), (b'{"a": 1}', False), (b"[]", False), (b"{", False), (b"[" * 99999, False)],
)
def test_a_request_of_a_person_has_an_action(event: bytes, *, person: bool) -> None:
    """What cannot be read is nobody's."""
    assert handler._is_of_a_person(event) is person
