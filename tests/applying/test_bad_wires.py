"""Each wait is bounded, whatever a socket does: real connections that trickle, fall silent, or lead nowhere."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from natkeeper.alibaba import connections, sockets
from natkeeper.alibaba.clients import Attempt, Clients
from natkeeper.alibaba.clock import SteadyClock
from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.alibaba.sockets import DnsCache, connect
from natkeeper.domain.ids import NatGatewayId
from natkeeper.ports import (
    Call,
    Failure,
    FailureKind,
    PointRoute,
    ReadConditions,
    ReadInstances,
    ReadNatGateway,
    ReadRoutes,
)
from tests.applying.bad_wires import BadWire, wire_to
from tests.applying.local import Local

RUN_S = 45.0


@pytest.fixture
def wire(local: Local) -> Iterator[BadWire]:
    with wire_to(local.cloud.endpoint or "") as made:
        yield made


@pytest.fixture
def ask(local: Local, wire: BadWire) -> Callable[..., tuple[list[Any], float]]:
    """Perform a batch through the wire in real time; returns the answers and the seconds it took."""
    clock = SteadyClock()
    adapter = AlibabaCloud(local.cloud.region, local.adapter.credentials, wire.endpoint, clock=clock)

    def asked(*calls: Call[Any]) -> tuple[list[Any], float]:
        began = time.monotonic()
        answers = adapter.perform(calls, clock.after(RUN_S))
        return list(answers), time.monotonic() - began

    return asked


Ask = Callable[..., tuple[list[Any], float]]


def test_an_answer_that_trickles_is_an_answer_that_does_not_come(local: Local, wire: BadWire, ask: Ask) -> None:
    """One byte a second: the call ends within its own patience, and says that there was no answer in time."""
    wire.trickles.add("DescribeRouteEntryList")
    (failure,), took = ask(ReadRoutes(local.table))
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNREACHABLE
    assert ReadRoutes.patience_s - 1.5 < took < ReadRoutes.patience_s + 0.5


def test_a_connection_that_trickled_is_closed(local: Local, wire: BadWire, ask: Ask) -> None:
    """No socket and no thread outlives its call: a sweep each minute would pile them up."""
    wire.trickles.add("DescribeInstances")
    before = {thread.name for thread in threading.enumerate() if thread.name.startswith("natkeeper-")}
    ask(ReadInstances((local.first,)))
    until = time.monotonic() + 3
    while (wire.open or _left(before)) and time.monotonic() < until:
        time.sleep(0.05)
    assert wire.open == 0
    assert _left(before) == []


def _left(before: set[str]) -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("natkeeper-") and t.name not in before]


def test_what_is_optional_does_not_hold_what_is_needed(local: Local, wire: BadWire, ask: Ask) -> None:
    """The conditions trickle: the routes and the instances are answered half a second later, and the write is made."""
    wire.trickles.add("DescribeInstancesFullStatus")
    calls = (ReadRoutes(local.table), ReadInstances((local.first,)), ReadConditions((local.first,)))
    (routes, instances, conditions), took = ask(*calls)
    assert len(routes) == 1
    assert list(instances) == [local.first]
    assert isinstance(conditions, Failure)
    assert took < 1.5
    (moved,), took = ask(PointRoute(local.vpc, local.table, "0.0.0.0/0", local.to(local.second), "n", "d"))
    assert moved is None
    assert took < 1.0
    local.advance(5)
    assert local.hop() == local.second


def test_optional_calls_alone_have_their_own_patience(local: Local, wire: BadWire, ask: Ask) -> None:
    """Nothing needed waits for them."""
    wire.delay = 1.0
    (found, none), took = ask(ReadConditions((local.first,)), ReadNatGateway(NatGatewayId("ngw-none")))
    assert list(found) == [local.first]
    assert none is None
    assert took < 2.5


def test_an_api_that_is_slow_altogether_is_waited_for(local: Local, wire: BadWire, ask: Ask) -> None:
    """Where needed answers take a second, optional ones may take as long again."""
    wire.delay = 0.8
    (routes, conditions), _ = ask(ReadRoutes(local.table), ReadConditions((local.first,)))
    assert len(routes) == 1
    assert list(conditions) == [local.first]


# ---- connections that died in silence ------------------------------------------------------------------------


def test_a_pool_of_silently_dead_connections_costs_one_short_try(local: Local, wire: BadWire, ask: Ask) -> None:
    """Four warm connections fall silent: every call has its answer from a new one, about a second later."""
    calls = (ReadRoutes(local.table), ReadInstances((local.first,)), ReadInstances((local.second,)))
    ask(*calls, ReadConditions((local.first,)))
    time.sleep(connections.JUST_NOW_S + 0.1)
    wire.mute = wire.connections + 1
    answers, took = ask(*calls)
    assert not any(isinstance(answer, Failure) for answer in answers)
    assert took < connections.SHORT_TRY_S + 0.7
    tried = [number for number, _ in wire.requests if number < wire.mute]
    again, took = ask(*calls)
    assert not any(isinstance(answer, Failure) for answer in again)
    assert took < 0.5
    assert [number for number, _ in wire.requests if number < wire.mute] == tried, "a dead connection was tried twice"


def test_connections_of_a_thawed_instance_are_not_trusted(
    local: Local, wire: BadWire, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen machine may not count the time; the wall clock says how long it slept."""
    calls = (ReadRoutes(local.table), ReadInstances((local.first,)))
    ask(*calls)
    wire.mute = wire.connections + 1
    now = time.time
    monkeypatch.setattr(connections, "wall", lambda: now() + connections.TRUSTED_S + 0.5)
    answers, took = ask(*calls)
    assert not any(isinstance(answer, Failure) for answer in answers)
    assert took < 0.5


def test_connections_are_kept_within_a_run(local: Local, wire: BadWire, ask: Ask) -> None:
    """Three rounds, one connection each for what runs at once."""
    for _ in range(3):
        ask(ReadRoutes(local.table))
    assert wire.connections == 1


def test_a_write_over_a_connection_that_just_answered_keeps_its_time(local: Local, wire: BadWire, ask: Ask) -> None:
    """It is better to wait two seconds for a slow write than to send it twice."""
    ask(ReadRoutes(local.table))
    wire.delay = 1.6
    (moved,), _ = ask(PointRoute(local.vpc, local.table, "0.0.0.0/0", local.to(local.second), "n", "d"))
    assert moved is None
    assert local.asked("ModifyRouteEntry") == ["ModifyRouteEntry"]


def test_a_reading_has_what_the_one_before_it_left() -> None:
    """A time-out is for all that is read: one byte late leaves the next only the rest."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = DnsCache(lambda *_: addresses(server.getsockname()))
        with connect("api.example.test", server.getsockname()[1], 1.0, names) as sock, server.accept()[0] as far:
            sock.settimeout(0.6)
            began = time.monotonic()
            threading.Timer(0.4, far.sendall, (b"x",)).start()
            assert sock.recv_into(bytearray(1)) == 1
            with pytest.raises(TimeoutError):
                sock.recv_into(bytearray(1))
            assert time.monotonic() - began < 0.9


# ---- names and addresses -------------------------------------------------------------------------------------


def addresses(*pairs: tuple[str, int]) -> list[Any]:
    """What getaddrinfo answers."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", pair) for pair in pairs]


@pytest.fixture
def listening() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address at which a connection is neither made nor refused: the queue of its listener is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        filling = []
        for _ in range(3):
            one = socket.socket()
            one.settimeout(0)
            one.connect_ex(server.getsockname())
            filling.append(one)
        time.sleep(0.05)
        yield server.getsockname()
        for one in filling:
            one.close()


def test_a_dead_address_among_several_costs_a_quarter_of_a_second(
    silent: tuple[str, int], listening: tuple[str, int]
) -> None:
    """And nothing at all the next time: the address that answered goes first."""
    names = DnsCache(lambda *_: addresses(silent, listening))
    for limit in (0.4, 0.05):
        began = time.monotonic()
        with connect("api.example.test", listening[1], 5.0, names) as sock:
            assert sock.getpeername() == listening
        assert time.monotonic() - began < limit


def test_an_address_that_refuses_costs_nothing(listening: tuple[str, int]) -> None:
    """The next is tried at once."""
    names = DnsCache(lambda *_: addresses(("127.0.0.1", 1), listening))
    began = time.monotonic()
    with connect("api.example.test", listening[1], 5.0, names):
        assert time.monotonic() - began < 0.1


UNKNOWN_KIND = (9999, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
"""An address to which no connection can even begin, such as one of IPv6 on a machine without."""


def test_an_address_that_cannot_be_tried_costs_nothing(listening: tuple[str, int]) -> None:
    """The next has its turn at once, not a fifth of a second later."""
    names = DnsCache(lambda *_: [UNKNOWN_KIND, UNKNOWN_KIND, *addresses(listening)])
    began = time.monotonic()
    with connect("api.example.test", listening[1], 5.0, names) as sock:
        assert sock.getpeername() == listening
    assert time.monotonic() - began < 0.15


def test_addresses_of_which_none_can_be_tried_are_told_at_once() -> None:
    """In the system's own words, and not as a time-out when all the time has passed."""
    began = time.monotonic()
    with pytest.raises(OSError, match="not supported") as raised:
        connect("api.example.test", 1, 5.0, DnsCache(lambda *_: [UNKNOWN_KIND, UNKNOWN_KIND]))
    assert not isinstance(raised.value, TimeoutError)
    assert time.monotonic() - began < 1.0


def test_addresses_that_all_refuse_are_a_refusal() -> None:
    """In the system's own words."""
    with pytest.raises(ConnectionRefusedError):
        connect("api.example.test", 1, 5.0, DnsCache(lambda *_: addresses(("127.0.0.1", 1), ("127.0.0.2", 1))))


def test_addresses_that_are_all_silent_cost_the_limit(silent: tuple[str, int]) -> None:
    """And no more."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        connect("api.example.test", 1, 0.6, DnsCache(lambda *_: addresses(silent, silent)))
    assert 0.5 < time.monotonic() - began < 0.9


class Resolver:
    """A resolver that can hang, counting how often it was asked."""

    def __init__(self, found: list[Any]) -> None:
        self.found, self.asked, self.hangs = found, 0, threading.Event()
        self.hangs.set()

    def __call__(self, *_: object) -> list[Any]:
        self.asked += 1
        self.hangs.wait(30)
        if not self.found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.found


def test_a_look_up_that_hangs_costs_the_limit_and_one_thread() -> None:
    """However often it is asked meanwhile; its answer is used when it comes."""
    resolver = Resolver(addresses(("10.1.2.3", 80)))
    resolver.hangs.clear()
    names = DnsCache(resolver)
    for _ in range(5):
        with pytest.raises(socket.gaierror, match="name"):
            names.addresses("api.example.test", 80, 0.05)
    assert resolver.asked == 1
    resolver.hangs.set()
    assert names.addresses("api.example.test", 80, 1.0) == addresses(("10.1.2.3", 80))
    assert resolver.asked == 1


def test_a_name_that_was_known_is_used_while_its_look_up_hangs_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage of the name service is not one of the API."""
    now = time.monotonic()
    resolver = Resolver(addresses(("10.1.2.3", 80)))
    names = DnsCache(resolver, now=lambda: now)
    known = names.addresses("api.example.test", 80, 1.0)
    now += sockets.NAME_FRESH_S + 1
    resolver.hangs.clear()
    began = time.monotonic()
    assert names.addresses("api.example.test", 80, 5.0) == known
    assert time.monotonic() - began < 0.6
    resolver.hangs.set()
    resolver.found = []
    time.sleep(0.05)
    now += sockets.NAME_FRESH_S + 1
    assert names.addresses("api.example.test", 80, 1.0) == known


def test_a_name_is_looked_up_again_when_its_addresses_are_old() -> None:
    """An API that moves to other machines is found there; before that nobody is asked."""
    now = 100.0
    resolver = Resolver(addresses(("10.1.2.3", 80)))
    names = DnsCache(resolver, now=lambda: now)
    before = names.addresses("api.example.test", 80, 1.0)
    resolver.found = addresses(("10.1.2.4", 80))
    now += sockets.NAME_FRESH_S - 0.5
    assert (names.addresses("api.example.test", 80, 1.0), resolver.asked) == (before, 1)
    now += 0.5
    assert (names.addresses("api.example.test", 80, 1.0), resolver.asked) == (resolver.found, 2)


def test_a_name_that_does_not_exist_is_said_to_not_resolve() -> None:
    """At once, and it is looked up anew each time."""
    resolver = Resolver([])
    names = DnsCache(resolver)
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="not known"):
            names.addresses("api.example.test", 80, 1.0)
    assert resolver.asked == 2


def test_a_burst_of_connections_looks_its_name_up_once() -> None:
    """Thirty threads of a batch, one question to the name service."""
    resolver = Resolver(addresses(("10.1.2.3", 80)))
    names = DnsCache(resolver)
    threads = [threading.Thread(target=names.addresses, args=("api.example.test", 80, 1.0)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert resolver.asked == 1


def test_a_host_whose_name_service_hangs_is_a_failure_in_time(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the whole adapter: the look-up of one host hangs for half a minute, the batch ends all the same."""
    hanging = threading.Event()
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "vpc.cn-test.example":
            hanging.wait(30)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    clock = SteadyClock()
    adapter = AlibabaCloud(
        "cn-test", local.adapter.credentials, "http://vpc.cn-test.example:9", clock=clock, chance=random.Random(1)
    )
    began = time.monotonic()
    (failure,) = adapter.perform((ReadRoutes(local.table),), clock.after(RUN_S))
    hanging.set()
    assert failure.kind is FailureKind.UNREACHABLE
    assert failure.message == "vpc.cn-test.example:9: its name does not resolve"
    assert time.monotonic() - began < ReadRoutes.patience_s + 0.5


@pytest.mark.parametrize(
    "left, connect, read", [(60.0, 1000, 2500), (1.5, 1000, 1500), (0.4, 400, 400), (-1.0, 50, 50)]
)
def test_no_request_has_more_time_than_is_left(left: float, connect: int, read: int) -> None:
    """Milliseconds to connect and to be answered, both within the deadline."""
    clients = Clients("cn-hangzhou", lambda: Credentials("id", "secret", ""))
    options = Attempt(clients, lambda: left).options()
    assert (options.connect_timeout, options.read_timeout) == (connect, read)
