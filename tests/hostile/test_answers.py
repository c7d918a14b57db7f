"""An API that answers nonsense is an API that does not answer: nothing raised, nothing written, no secret told."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from natkeeper.domain.config import parse_config
from natkeeper.failover.run import Told, attend
from natkeeper.ports import ReadSetups, drive
from tests.hostile.liar import SECRET, TABLE, A, B, Liar, as_json, lying, truth

CONFIG = parse_config(
    {
        "region": "cn-hangzhou",
        "groups": {"prod": {"gateways": [A, B], "routes": [{"table": TABLE}], "setup": {"mode": "off"}}},
    }
)
SWEEP = json.dumps({"triggerTime": "t", "triggerName": "sweep", "payload": ""})
ACTIONS = ("DescribeRouteEntryList", "DescribeInstances", "DescribeInstancesFullStatus")

Place = tuple[str, tuple[Any, ...]]
"""An action, and where in its answer."""

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["$(reboot)", "'; reboot #", "[nk1 s=99999999999999]", "[nk1 x=i-a@9]", SECRET, "i-stranger"]),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    with lying() as served:
        yield served


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List every place in an answer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*here, index))
    if here:
        yield here


PLACES = [(action, path) for action in ACTIONS for path in paths(truth()[action])]


def damaged(place: Place, value: object) -> dict[str, Any]:
    """Put `value` in one place of the true answers."""
    action, path = place
    answers = copy.deepcopy(truth())
    spot = answers[action]
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    return answers


def run(liar: Liar) -> dict[str, Any]:
    """Sweep once; the answer as people get it."""
    liar.asked.clear()
    deadline = liar.now + timedelta(seconds=45)
    answer = drive(attend(SWEEP, CONFIG, "run-1", liar.clock, deadline, Told()), liar.adapter(), deadline)
    return answer.as_json()


LISTS = ("RouteEntry", "RouteEntrys", "Instance", "Instances")
"""A list that is missing is an empty one to the SDK: it cannot be told from nothing's being there."""
MEANINGFUL = ("InstanceId", "IpAddress", "PublicIpAddress", "LockReason", "DestinationCidrBlock", 0, *LISTS)


def means_something(place: Place) -> bool:
    """Return True if an answer damaged there may be one that the API could give, so that acting on it is right."""
    action, path = place
    return action != "DescribeInstancesFullStatus" and path[-1] in MEANINGFUL


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=odd)
@example(place=("DescribeRouteEntryList", ("RouteEntrys", "RouteEntry", 0, "Description")), value=5)
@example(place=("DescribeInstances", ("Instances", "Instance", 0, "StartTime")), value=5)
@example(place=("DescribeRouteEntryList", ("RouteEntrys", "RouteEntry", 0, "NextHops", "NextHop")), value={})
def test_one_wrong_value_in_an_answer_is_not_acted_on(liar: Liar, place: Place, value: object) -> None:
    """Whatever stands in the place of one value: an answer, and no write."""
    answers = damaged(place, value)
    liar.says = lambda action: as_json(answers.get(action, {}))
    answer = run(liar)
    text = json.dumps(answer)
    assert "the run failed" not in text
    assert SECRET not in text or value == SECRET
    if not means_something(place):
        assert liar.written == [], (answer, place)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(status=st.sampled_from([200, 204, 302, 400, 403, 404, 429, 500, 503]), body=st.binary(max_size=60))
@example(status=200, body=b"[]")
@example(status=200, body=b"null")
@example(status=200, body=b"{}")
@example(status=200, body=b'{"RouteEntrys":[],"Instances":7,"InstanceFullStatusSet":"x"}')
@example(status=403, body=b'{"Code":["x"],"Message":{"a":1}}')
@example(status=400, body=b'{"Code":"Throttling","Message":null,"RequestId":5}')
def test_an_answer_that_is_none_moves_nothing(liar: Liar, status: int, body: bytes) -> None:
    """Any status with any bytes, from every API at once."""
    liar.says = lambda _action: (status, body)
    answer = run(liar)
    assert liar.written == []
    assert "the run failed" not in json.dumps(answer)
    assert answer["receipts"][0]["outcome"] in ("attention", "waiting")


def test_an_error_that_quotes_our_secret_is_not_repeated(liar: Liar) -> None:
    """Alibaba's errors may quote what they were sent; receipts and logs must not."""
    message = {"Code": "SignatureDoesNotMatch", "Message": f"server string: key {SECRET} token {SECRET}-token"}
    liar.says = lambda _action: (400, json.dumps(message).encode())
    answer = run(liar)
    assert SECRET not in json.dumps(answer)


@pytest.mark.parametrize("ids", ["[i-alpha]", "[", "i-alpha", 7, None, {"a": 1}, [7, None]])
@pytest.mark.parametrize("written", [lambda given: given, json.dumps])
def test_a_setup_that_someone_started_by_hand_hides_no_other(liar: Liar, ids: object, written: Any) -> None:
    """Whatever was given as the gateways of one execution, the others are read."""
    common = {"TemplateName": "setup", "Status": "Running", "StartDate": "2026-11-23T05:50:00Z"}
    executions = [
        {**common, "ExecutionId": "exec-odd", "Parameters": written({"instanceIds": ids})},
        {**common, "ExecutionId": "exec-good", "Parameters": written({"instanceIds": [B]})},
    ]
    liar.says = lambda _action: as_json({"Executions": executions})
    since = liar.now - timedelta(hours=1)
    (runs,) = liar.adapter().perform((ReadSetups("oos", "setup", since),), liar.now + timedelta(seconds=9))
    assert [(run.gateway, run.report) for run in runs] == [(B, None)]
