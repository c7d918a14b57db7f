"""The HTTP server: routing, error bodies, faults as a client feels them."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cloud.test_signing import old_style


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with closing(Cloud()) as cloud, cloud.serve():
        yield cloud


@pytest.fixture
def key(cloud: Cloud) -> KeyPair:
    return cloud.accounts.create_access_key()


@pytest.fixture
def connection(cloud: Cloud) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=5)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, key: KeyPair, **changes: str) -> tuple[int, dict[str, Any]]:
    connection.request("GET", "/?" + urlencode(old_style(key, "GET", **changes)))
    answer = connection.getresponse()
    decoded: dict[str, Any] = json.loads(answer.read())
    return answer.status, decoded


def test_one_connection_carries_many_requests(connection: http.client.HTTPConnection, key: KeyPair) -> None:
    """Keep-alive, and an error does not end it."""
    for action, status in [("DescribeRegions", 200), ("Nonsense", 404), ("DescribeRegions", 200)]:
        assert ask(connection, key, Action=action)[0] == status


def test_an_error_has_the_five_fields_of_alibabas(connection: http.client.HTTPConnection, key: KeyPair) -> None:
    """RequestId, HostId, Code, Message, Recommend."""
    status, body = ask(connection, key, Action="StopInstance", InstanceId="i-none")
    assert (status, body["Code"]) == (404, "InvalidInstanceId.NotFound")
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({"Action": "Nonsense"}, (404, "InvalidAction.NotFound")),
        ({"Version": "1999-01-01"}, (400, "InvalidVersion")),
        ({"Action": "", "Version": ""}, (404, "InvalidAction.NotFound")),
        ({"Action": "StopInstance"}, (400, "MissingInstanceId")),
        ({"Action": "DescribeZones"}, (400, "MissingRegionId")),
        ({"Action": "DescribeZones", "RegionId": "cn-atlantis"}, (404, "InvalidRegionId.NotFound")),
        ({"Action": "DescribeZones", "RegionId": "cn-hangzhou", "Verbose": "1"}, (400, "InvalidVerbose")),
    ],
)
def test_a_request_that_makes_no_sense_gets_the_gateways_code(
    connection: http.client.HTTPConnection,
    key: KeyPair,
    changes: dict[str, str],
    expected: tuple[int, str],
) -> None:
    """Unknown action or version, missing or malformed parameters, another region."""
    status, body = ask(connection, key, **changes)
    assert (status, body["Code"]) == expected


def test_a_request_id_is_never_given_twice(connection: http.client.HTTPConnection, key: KeyPair) -> None:
    """Each answer has its own."""
    ids = {ask(connection, key)[1]["RequestId"] for _ in range(3)}
    assert len(ids) == 3


def test_a_swallowed_request_leaves_the_client_waiting(cloud: Cloud, key: KeyPair) -> None:
    """No byte comes until the client gives up."""
    cloud.faults.add(CallFault(FaultKind.TIMEOUT, seconds=30))
    hasty = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=0.2)
    with pytest.raises(TimeoutError):
        ask(hasty, key)
    hasty.close()


def test_an_unreachable_product_drops_the_connection(
    cloud: Cloud, connection: http.client.HTTPConnection, key: KeyPair
) -> None:
    """At once, without an answer."""
    cloud.faults.add(CallFault(FaultKind.UNREACHABLE, "ecs"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(connection, key)


def test_a_slow_answer_is_a_true_one(cloud: Cloud, connection: http.client.HTTPConnection, key: KeyPair) -> None:
    """It was executed, it comes later."""
    cloud.faults.add(CallFault(FaultKind.SLOW, seconds=0.1, count=1))
    began = time.perf_counter()
    assert ask(connection, key)[0] == 200
    assert time.perf_counter() - began >= 0.1


def test_a_closed_server_does_not_answer(key: KeyPair, cloud: Cloud) -> None:
    """Also not on connections that were open, and not for requests that were waiting."""
    other = Cloud()
    with other.serve() as endpoint:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=5)
        own = other.accounts.create_access_key()
        assert ask(connection, own)[0] == 200
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(connection, own)
    connection.close()
    assert other.endpoint == ""
    other.close()


def test_a_bug_in_a_product_looks_like_an_internal_error(
    cloud: Cloud, connection: http.client.HTTPConnection, key: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP 500 with InternalError; the server lives on."""
    with monkeypatch.context() as patch:
        patch.setattr(cloud.vpc, "zones", None)
        status, body = ask(connection, key, Action="DescribeZones", RegionId="cn-hangzhou")
        assert (status, body["Code"]) == (500, "InternalError")
    assert ask(connection, key, Action="DescribeZones", RegionId="cn-hangzhou")[0] == 200


def test_ram_can_refuse_an_action(cloud: Cloud, connection: http.client.HTTPConnection, key: KeyPair) -> None:
    """The hook is asked with principal, action and resource."""
    asked: list[tuple[str, str, str]] = []

    def refuse(principal: Any, action: str, resource: str) -> bool:
        asked.append((principal.access_key_id, action, resource))
        return False

    cloud.accounts.authorizer = refuse
    status, body = ask(connection, key)
    assert (status, body["Code"]) == (403, "Forbidden.RAM")
    assert asked == [(key.access_key_id, "ecs:DescribeRegions", "acs:ecs:cn-hangzhou:1000000000000001:*")]


def raw(cloud: Cloud, request: bytes) -> bytes:
    """Whatever comes back before the server closes or falls silent."""
    address = urlsplit(cloud.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as link:
        link.sendall(request)
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b""))


def test_a_chunked_body_is_read_whole(cloud: Cloud, key: KeyPair) -> None:
    """Clients that stream their body are understood."""
    body = urlencode(old_style(key, "POST")).encode()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    assert raw(cloud, head + form + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head,status",
    [
        (b"Content-Length: 999999999999", b"413"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: long", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz", b"400"),
    ],
)
def test_a_body_of_impossible_size_is_refused(cloud: Cloud, head: bytes, status: bytes) -> None:
    """Before a byte of it is read."""
    answer = raw(cloud, b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    assert answer.split(b" ")[1] == status
