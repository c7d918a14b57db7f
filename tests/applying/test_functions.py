"""Asking the probe for a look, and handing receipts over: Function Compute as the adapters use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.domain.egress import EgressLost, EgressSeen
from natkeeper.ports import CheckThroughProbe, FailureKind, HandOver
from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.latencies import Latencies
from tests.applying.bad_wires import wire_to
from tests.cloud.functions_for_tests import function_body

QUICK = Latencies(overrides={"fc.cold_start.platform": 0.0, "fc.async.dispatch": 0.0})


@pytest.fixture
def served() -> Iterator[Cloud]:
    """A local cloud in real time, whose functions are callables of this process."""
    cloud = Cloud(latencies=QUICK)
    cloud.fc.dispatcher.runtime = CallableRuntime(cloud.clock)
    with cloud.serve():
        yield cloud
    cloud.close()


def adapter(cloud: Cloud, endpoint: str | None = None) -> AlibabaCloud:
    issued = cloud.accounts.create_access_key()
    key = Credentials(issued.access_key_id, issued.access_key_secret)
    return AlibabaCloud(cloud.region, lambda: key, endpoint or cloud.endpoint, cloud.account_id)


def ask(cloud: Cloud, call: Any, endpoint: str | None = None) -> Any:
    return adapter(cloud, endpoint).perform((call,), datetime.now(timezone.utc) + timedelta(seconds=20))[0]


def deploy(cloud: Cloud, name: str, handler: Callable[[bytes, Any], Any]) -> None:
    runtime = cloud.fc.dispatcher.runtime
    assert isinstance(runtime, CallableRuntime)
    runtime.handlers[name] = handler
    cloud.fc.create_function(function_body(name))


def answering(answer: object) -> Callable[[bytes, Any], bytes]:
    """A probe that answers a look with `answer`, and nothing else."""

    def handler(event: bytes, context: Any) -> bytes:
        assert json.loads(event) == {"action": "look"}
        return json.dumps(answer).encode()

    return handler


def failing(event: bytes, context: Any) -> bytes:
    raise RuntimeError("no settings")


@pytest.mark.parametrize(
    "answer, kind, detail",
    [
        ({"ok": True, "ip": "198.51.100.7", "reason": ""}, EgressSeen, "198.51.100.7"),
        ({"ok": True, "ip": None, "reason": ""}, EgressSeen, None),
        ({"ok": False, "ip": None, "reason": "no answer in time"}, EgressLost, "no answer in time"),
    ],
)
def test_the_probe_answers_with_what_it_saw(served: Cloud, answer: dict[str, Any], kind: Any, detail: str) -> None:
    """One synchronous invocation, one look."""
    deploy(served, "probe", answering(answer))
    check = ask(served, CheckThroughProbe("probe"))
    assert type(check) is kind
    assert detail == (check.reason if kind is EgressLost else check.public_ip)


def test_a_probe_that_fails_says_nothing_of_egress(served: Cloud) -> None:
    """A bug in the probe must not look like a lost internet."""
    deploy(served, "broken", failing)
    failure = ask(served, CheckThroughProbe("broken"))
    assert failure.kind is FailureKind.REFUSED
    assert "no settings" in failure.message


def test_an_answer_of_another_function_is_not_a_look(served: Cloud) -> None:
    """A wrong function name in the configuration."""
    deploy(served, "other", answering("hello"))
    assert ask(served, CheckThroughProbe("other")).kind is FailureKind.REFUSED


def test_a_probe_that_is_not_deployed_is_gone(served: Cloud) -> None:
    """So the loop can look by Cloud Assistant instead."""
    failure = ask(served, CheckThroughProbe("nowhere"))
    assert (failure.kind, failure.code) == (FailureKind.GONE, "FunctionNotFound")


def test_a_throttled_invocation_is_tried_again(served: Cloud) -> None:
    """429 ResourceThrottled is no answer about egress."""
    deploy(served, "throttled", answering({"ok": True, "ip": None}))
    served.faults.add(
        CallFault(FaultKind.ERROR_CODE, product="fc*", action="*nvo*", count=1, code="ResourceThrottled", status=429)
    )
    assert isinstance(ask(served, CheckThroughProbe("throttled")), EgressSeen)
    assert [call.error for call in served.calls] == ["ResourceThrottled", ""]


def test_a_payload_is_handed_over_and_not_waited_for(served: Cloud) -> None:
    """Asynchronous invocation: accepted is enough."""
    told: list[bytes] = []

    def tell(event: bytes, context: Any) -> bytes:
        told.append(event)
        return b""

    deploy(served, "notify", tell)
    assert ask(served, HandOver("notify", b'{"tell":[]}')) is None
    assert served.fc.wait_for(lambda: bool(told), 5.0)
    assert told == [b'{"tell":[]}']


def test_each_invocation_has_a_connection_of_its_own(served: Cloud) -> None:
    """A look may take as long as the probe does, so that of a silently dead connection would cost all that time."""
    deploy(served, "probe", answering({"ok": True, "ip": None}))
    with wire_to(served.endpoint or "") as wire:
        for number in (1, 2):
            assert isinstance(ask(served, CheckThroughProbe("probe"), wire.endpoint), EgressSeen)
            assert wire.connections == number


def test_a_run_is_handed_on_with_a_delay(served: Cloud) -> None:
    """Function Compute keeps the payload for that long before it delivers it: header x-fc-async-delay."""
    deploy(served, "itself", lambda _event, _context: b"")
    heard: list[str] = []
    served.wire_observers.append(lambda request, _: heard.append(request.headers.get("x-fc-async-delay", "")))
    assert ask(served, HandOver("itself", b"{}", 2)) is None
    assert heard == ["2"]
