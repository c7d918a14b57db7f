"""How the command line calls Alibaba Cloud: for how long, at which address, and what a failure becomes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.credentials import Credentials
from natkeeper.cli import client
from natkeeper.cli.client import RegionClients
from natkeeper.cli.errors import Denied, Unreached
from natkeeper.ports import Failure, FailureKind

NOW = datetime(2026, 3, 5, tzinfo=timezone.utc)
KEYS = Credentials("id", "secret")


def reach(**more: Any) -> RegionClients:
    return RegionClients("cn-hangzhou", lambda: KEYS, **{"clock": lambda: NOW, **more})


class ServerError(Exception):
    """As an SDK raises it."""

    code, status_code, message = "ServiceUnavailable", 503, "try later"


def test_a_call_is_made_again_for_fifteen_seconds() -> None:
    """Then a failure is an answer, or the end of the command, which says what was done."""
    now = [NOW]

    def sleep(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)

    def fails(attempt: Attempt) -> None:
        assert attempt.region == "cn-hangzhou"
        raise ServerError

    ways = reach(clock=lambda: now[0], sleeper=sleep)
    failure = ways.try_(fails)
    assert isinstance(failure, Failure)
    assert 13 < (now[0] - NOW).total_seconds() <= 15
    with pytest.raises(Unreached) as ended:
        ways.do("reading the VPCs", fails)
    assert ended.value.what.startswith("reading the VPCs: ")
    assert ways.try_(lambda _: 17) == ways.do("counting", lambda _: 17) == 17
    assert client.utc_now().utcoffset() == timedelta(0)


def test_having_no_credentials_ends_the_command() -> None:
    """A call that failed is reported and the command goes on; without credentials no call can be made."""
    denied = Denied("no credentials were found")
    with pytest.raises(Denied):
        reach().classify(denied)
    hidden = reach().classify(ValueError("with secret"))
    assert (isinstance(hidden, Failure), "secret" in str(hidden)) == (True, False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What OpenAPI's generic client was told; it answers with what `body` is at the end of the list."""
    made: list[Any] = []

    class GenericClient:
        def __init__(self, config: Any) -> None:
            self.config = config

        def call_api(self, params: Any, request: Any, options: Any) -> dict[str, Any]:
            body = made.pop() if made and isinstance(made[-1], tuple) else ({},)
            made.append(SimpleNamespace(config=self.config, params=params, request=request, options=options))
            return {"body": body[0]}

    monkeypatch.setattr("alibabacloud_tea_openapi.client.Client", GenericClient)
    return made


@pytest.mark.parametrize(
    "product, host, version",
    [
        ("sts", "sts.aliyuncs.com", "2015-04-01"), ("ram", "ram.aliyuncs.com", "2015-05-01"),
        ("actiontrail", "actiontrail.cn-hangzhou.aliyuncs.com", "2020-07-06"),
        ("eventbridge", "eventbridge-console.cn-hangzhou.aliyuncs.com", "2020-04-01"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:8000/"])
def test_a_plain_call_goes_to_its_product_or_to_the_one_endpoint(
    calls: list[Any], product: str, host: str, version: str, endpoint: str | None
) -> None:
    """Signed, as a form, in its version."""
    calls.append(({"A": 1},))
    assert reach(endpoint=endpoint).plain(product, "DoIt", {"X": "y"}) == {"A": 1}
    (call,) = calls
    params = call.params
    assert call.config.endpoint == ("127.0.0.1:8000" if endpoint else host)
    assert params.protocol == ("http" if endpoint else "HTTPS")
    assert (call.config.region_id, call.config.protocol) == ("cn-hangzhou", "http" if endpoint else None)
    assert (params.action, params.version, params.method, params.auth_type) == ("DoIt", version, "POST", "AK")
    form = (params.style, params.pathname, params.req_body_type, params.body_type)
    assert form == ("RPC", "/", "formData", "json")
    assert (call.request.query, call.config.credential.get_credential().access_key_id) == ({"X": "y"}, "id")


def test_the_account_is_asked_of_sts(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is no object has none; a failure says what was asked."""
    calls.append(({"AccountId": 17},))
    assert reach().account() == "17"
    assert (calls[0].params.action, calls[0].request.query) == ("GetCallerIdentity", {})
    calls.append(("<html>",))
    assert reach().account() == ""
    monkeypatch.setattr(RegionClients, "plain", lambda *_: Failure(FailureKind.DENIED, "no"))
    with pytest.raises(Denied, match=r"^asking STS which account this is: "):
        reach().account()
