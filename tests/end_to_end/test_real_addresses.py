"""The failover function with no endpoint given: resolvers and root certificates are replaced, addresses are its own.

The function runs in an interpreter of its own, as Function Compute starts it. Every name that ends with aliyuncs.com
resolves to a server with a certificate for it, which hands requests on to the local cloud; that checks each signature,
with the host that was signed, and knows whose key it was.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526.client import Client as Ecs
from alibabacloud_fc20230330.client import Client as Fc
from alibabacloud_oos20190601.client import Client as Oos
from alibabacloud_vpc20160428.client import Client as Vpc

from natkeeper.alibaba.clients import Clients
from natkeeper.alibaba.credentials import Credentials
from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.runtime.instances import CallableRuntime
from natlab.cloud.kernel.accounts import KeyPair as Issued
from natlab.cloud.kernel.latencies import Latencies
from tests.applying.test_tls import certificate
from tests.cloud.functions_for_tests import function_body

ROOT = Path(__file__).resolve().parents[2]
QUICK = Latencies(scale=0.1, overrides={"fc.cold_start.platform": 0.0, "fc.async.dispatch": 0.0})

PRODUCTS: tuple[Callable[[Any], Any], ...] = (Vpc, Ecs, Oos)
HOSTS = {
    # "Endpoints" of the API references. Some regions have an older, central name.
    "cn-hangzhou": ("vpc.aliyuncs.com", "ecs-cn-hangzhou.aliyuncs.com", "oos.cn-hangzhou.aliyuncs.com"),
    "cn-beijing": ("vpc.cn-beijing.aliyuncs.com", "ecs.cn-beijing.aliyuncs.com", "oos.cn-beijing.aliyuncs.com"),
    "ap-southeast-1": (
        "vpc.ap-southeast-1.aliyuncs.com",
        "ecs.ap-southeast-1.aliyuncs.com",
        "oos.ap-southeast-1.aliyuncs.com",
    ),
    "eu-central-1": (
        "vpc.eu-central-1.aliyuncs.com",
        "ecs.eu-central-1.aliyuncs.com",
        "oos.eu-central-1.aliyuncs.com",
    ),
}


@pytest.mark.parametrize("region", HOSTS)
def test_each_product_is_asked_at_its_documented_address(region: str) -> None:
    """Of the region; Function Compute's begins with the account, and has the region behind it."""
    clients = Clients(region, lambda: Credentials("id", "secret"), account_id="1234567890123456")
    asked = tuple(clients.client(kind)._endpoint for kind in PRODUCTS)
    assert asked == HOSTS[region]
    address = f"1234567890123456.{region}.fc.aliyuncs.com"
    assert clients.client(Fc, clients.fc_address)._endpoint == address


def test_without_an_account_function_compute_has_a_regional_address() -> None:
    """The SDK's own."""
    clients = Clients("cn-hangzhou", lambda: Credentials("id", "secret"))
    assert clients.client(Fc, clients.fc_address)._endpoint == "fcv3.cn-hangzhou.aliyuncs.com"


# ---- one failover over TLS, by name --------------------------------------------------------------------------

INSIDE = """
import socket
resolve = socket.getaddrinfo
def lookup(host, port, *args, **kwargs):
    if str(host).endswith(".aliyuncs.com"):
        assert int(port) == 443, f"{host} is asked at port {port}"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", FRONT))]
    return resolve(host, port, *args, **kwargs)
socket.getaddrinfo = lookup
"""
INVOKE = """
import json, os, sys
from types import SimpleNamespace
from natkeeper.failover.handler import handler
given = json.loads(sys.argv[1])
context = SimpleNamespace(request_id="1-6741", account_id="ACCOUNT")
if given:
    context.credentials = SimpleNamespace(**given)
print(handler(sys.argv[2].encode(), context))
if "RENEWED" in os.environ:
    os.environ.update(json.loads(os.environ["RENEWED"]))
    print(handler(sys.argv[2].encode(), context))
"""


@dataclass
class Front:
    """A TLS server in front of the local cloud; `hosts` are the names that clients asked for (SNI)."""

    port: int = 0
    hosts: list[str] = field(default_factory=list)


@contextmanager
def in_front_of(endpoint: str, pem: Path) -> Iterator[Front]:
    host, _, port = endpoint.removeprefix("http://").partition(":")
    front = Front()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.sni_callback = lambda _sock, name, _context: front.hosts.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    front.port = listener.getsockname()[1]

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def carry(raw: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(raw, server_side=True) as near,
            socket.create_connection((host, int(port))) as far,
        ):
            back = threading.Thread(target=pump, args=(far, near), daemon=True)
            back.start()
            pump(near, far)
            back.join(5)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield front
    finally:
        listener.close()


@dataclass
class StoppedGateway:
    """A VPC whose first gateway has stopped, and the function's code directory."""

    cloud: Cloud
    front: Front
    folder: Path
    pem: Path
    table: str
    first: str
    second: str

    def invoke(
        self, key: Issued, event: object, environ: Mapping[str, str] | None = None, *, by_context: bool = False
    ) -> dict[str, Any]:
        """Run the handler once in a fresh interpreter, with credentials where a runtime puts them."""
        names = {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret}
        names["security_token"] = key.security_token
        of_runtime = {} if by_context else {f"ALIBABA_CLOUD_{name.upper()}": value for name, value in names.items()}
        python = os.pathsep.join((str(self.folder / "inside"), str(ROOT / "shared")))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ALIBABA", "NATKEEPER"))}
        done = subprocess.run(
            [
                *(sys.executable, "-c", INVOKE.replace("ACCOUNT", self.cloud.account_id)),
                *(json.dumps(names if by_context else {}), json.dumps(event)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={
                **clean,
                **of_runtime,
                "PYTHONPATH": python,
                "SSL_CERT_FILE": str(self.pem),
                "FC_FUNCTION_CODE_PATH": str(self.folder),
                **(environ or {}),
            },
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout.splitlines()[-1])
        assert isinstance(answer, dict)
        return answer


def names_of(cloud: Cloud) -> tuple[str, ...]:
    return (*HOSTS[cloud.region], f"{cloud.account_id}.{cloud.region}.fc.aliyuncs.com")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[StoppedGateway]:
    cloud = Cloud(latencies=QUICK)
    runtime = cloud.fc.dispatcher.runtime = CallableRuntime(cloud.clock)
    runtime.handlers["natkeeper-probe"] = lambda _event, _context: b'{"ok": true, "ip": null, "reason": ""}'
    runtime.handlers["natkeeper-notify"] = lambda _event, _context: b""
    for name in runtime.handlers:
        cloud.fc.create_function(function_body(name))
    net = cloud.vpc.create_vpc()
    vswitch = cloud.vpc.create_vswitch(net, "10.0.0.0/24")
    first, second = (cloud.ecs.create_instance(vswitch, public_ip="") for _ in range(2))
    table = cloud.vpc.system_table(net)
    cloud.vpc.add_route(table, "0.0.0.0/0", first)
    config = {
        "region": cloud.region,
        "notify": "natkeeper-notify",
        "groups": {
            "prod": {
                "gateways": [first, second],
                "routes": [{"table": table}],
                "probe": {"function": "natkeeper-probe"},
                "setup": {"mode": "check", "role": "natkeeper-oos"},
            }
        },
    }
    (tmp_path / "natkeeper.json").write_text(json.dumps(config))
    pem = certificate(tmp_path, *names_of(cloud))
    with cloud.serve() as endpoint, in_front_of(endpoint, pem) as front:
        (tmp_path / "inside").mkdir()
        source = textwrap.dedent(INSIDE).replace("FRONT", str(front.port))
        (tmp_path / "inside" / "sitecustomize.py").write_text(source)
        yield StoppedGateway(cloud, front, tmp_path, pem, table, first, second)
    cloud.close()


SWEEP = {"triggerTime": "2026-11-28T00:00:00Z", "triggerName": "sweep", "payload": ""}


@pytest.mark.parametrize("by_context", [False, True], ids=["environment", "context"])
def test_a_failover_at_the_real_addresses_is_signed_by_the_invocation_s_own_key(
    place: StoppedGateway, *, by_context: bool
) -> None:
    """Each product at its own host, TLS checked, and every request signed with the role's key and its token."""
    key = place.cloud.accounts.assume_role("natkeeper-failover")
    # Credentials from elsewhere belong to another account: a key in the environment when the context has one.
    other = place.cloud.accounts.assume_role("someone-else")
    stray = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": other.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": other.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": other.security_token,
    }
    with place.cloud.lock:
        place.cloud.ecs.stop(place.first)
    answer = place.invoke(key, SWEEP, stray if by_context else None, by_context=by_context)
    (receipt,) = answer["receipts"]
    assert receipt["outcome"] == "changed", receipt
    assert receipt["verified"] is True
    entry = place.cloud.vpc.route(place.table)
    assert entry is not None
    assert entry.next_hop.id == place.second
    calls = place.cloud.calls
    assert {call.access_key_id for call in calls} == {key.access_key_id}
    assert {call.role for call in calls} == {"natkeeper-failover"}
    assert {call.product for call in calls} == {"vpc", "ecs", "oos", "fc"}
    assert set(place.front.hosts) == set(names_of(place.cloud))


def test_each_product_is_asked_at_its_own_host(place: StoppedGateway) -> None:
    """The host that a request names, by the product that answered it."""
    asked: dict[str, set[str]] = defaultdict(set)
    products = {"2016-04-28": "vpc", "2014-05-26": "ecs", "2019-06-01": "oos", "2023-03-30": "fc"}

    def watch(request: Any, _response: Any) -> None:
        asked[products[request.headers["x-acs-version"]]].add(request.headers["host"])

    place.cloud.wire_observers.append(watch)
    with place.cloud.lock:
        place.cloud.ecs.stop(place.first)
    place.invoke(place.cloud.accounts.assume_role("natkeeper-failover"), SWEEP)
    assert dict(asked) == {
        product: {host} for product, host in zip(("vpc", "ecs", "oos", "fc"), names_of(place.cloud), strict=True)
    }


def test_a_key_without_its_token_is_refused_everywhere(place: StoppedGateway) -> None:
    """So the test above would notice a token that is dropped."""
    key = place.cloud.accounts.assume_role("natkeeper-failover")
    answer = place.invoke(key, {"action": "sweep"}, {"ALIBABA_CLOUD_SECURITY_TOKEN": ""})
    assert answer["ok"] is False
    assert "MissingSecurityToken" in json.dumps(answer)
    assert not place.cloud.calls


def test_a_warm_instance_signs_with_the_key_of_each_invocation(place: StoppedGateway) -> None:
    """The platform renews the environment between two invocations of one process: the second has the new key."""
    first, second = (place.cloud.accounts.assume_role("natkeeper-failover") for _ in range(2))
    renewed = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": second.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": second.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": second.security_token,
    }
    place.invoke(first, SWEEP, {"RENEWED": json.dumps(renewed)})
    signed = list(dict.fromkeys(call.access_key_id for call in place.cloud.calls))
    assert signed == [first.access_key_id, second.access_key_id]
