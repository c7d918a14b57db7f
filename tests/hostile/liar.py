"""A server that answers every request of the SDKs with whatever a test wants, true or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.alibaba.retry import Patience

A, B, TABLE = "i-alpha", "i-bravo", "vtb-one"
SECRET = "geheim-0123456789abcdef"
WRITES = ("Modify", "Create", "Delete", "Associate", "Unassociate", "StartExecution", "RunCommand")

_NOTE = "words of "
"""What natkeeper remembers in the description of an entry changes no route."""

Answer = tuple[int, bytes]


def truth() -> dict[str, Any]:
    """What each action answers about two gateways, the second of them locked, and a route through the first."""
    entry = {
        "RouteEntryId": "rte-1", "RouteTableId": TABLE, "DestinationCidrBlock": "0.0.0.0/0", "Status": "Available",
        "Type": "Custom", "Description": "", "RouteEntryName": "",
        "NextHops": {"NextHop": [{"NextHopType": "Instance", "NextHopId": A}]},
    }  # fmt: skip
    instances = [
        {
            "InstanceId": gateway, "Status": "Running", "ZoneId": "cn-hangzhou-h", "StartTime": "2026-11-01T00:00Z",
            "VpcAttributes": {"VpcId": "vpc-one", "PrivateIpAddress": {"IpAddress": ["10.0.0.5"]}},
            "PublicIpAddress": {"IpAddress": [f"198.51.100.{number}"]},
            "OperationLocks": {"LockReason": [{"LockReason": "financial"}] if gateway == B else []},
        }
        for number, gateway in enumerate((A, B), 10)
    ]  # fmt: skip
    event = {
        "EventId": "e-1", "EventType": {"Name": "SystemMaintenance.Reboot"}, "EventCycleStatus": {"Name": "Inquiring"},
    }  # fmt: skip
    full = [
        {
            "InstanceId": gateway, "HealthStatus": {"Name": "Ok"},
            "ScheduledSystemEventSet": {"ScheduledSystemEventType": [event]},
        }
        for gateway in (A, B)
    ]  # fmt: skip
    return {
        "DescribeRouteEntryList": {"RequestId": "R", "RouteEntrys": {"RouteEntry": [entry]}},
        "DescribeInstances": {"RequestId": "R", "TotalCount": 2, "Instances": {"Instance": instances}},
        "DescribeInstancesFullStatus": {
            "RequestId": "R", "TotalCount": 2, "InstanceFullStatusSet": {"InstanceFullStatusType": full},
        },
        "DescribeEipAddresses": {"RequestId": "R", "EipAddresses": {"EipAddress": []}},
        "DescribeNatGateways": {"RequestId": "R", "NatGateways": {"NatGateway": []}},
    }  # fmt: skip


@dataclass
class Liar:
    """The server, and an adapter whose pauses take no time."""

    endpoint: str
    says: Callable[[str], Answer] = lambda _action: (500, b"")
    asked: list[str] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)

    def clock(self) -> datetime:
        """Tell the time, which goes on a little with each look at it, so that everything ends."""
        self.now += timedelta(milliseconds=20)
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def adapter(self) -> AlibabaCloud:
        """Make the real adapter."""
        secrets = Credentials("LTAI-made-up", SECRET, f"{SECRET}-token")
        once = Patience(first_pause_s=20.0)
        return AlibabaCloud("cn-hangzhou", lambda: secrets, self.endpoint, "1", self.clock, self.sleep, patience=once)

    @property
    def written(self) -> list[str]:
        """The writing actions that were asked for, but for notes in the description of an entry."""
        return [action for action in self.asked if action.startswith(WRITES)]


@contextmanager
def lying() -> Iterator[Liar]:
    """Serve on loopback."""
    liar = Liar("")

    class LyingRequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer, or each would wait for an acknowledgement

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            query = {**parse_qs(urlsplit(self.path).query), **parse_qs(body)}
            action = self.headers.get("x-acs-action") or query.get("Action", ["?"])[0]
            note = action == "ModifyRouteEntry" and "NewNextHopId" not in query
            liar.asked.append(f"{_NOTE}{action}" if note else action)
            status, answer = liar.says(action)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), LyingRequestHandler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    liar.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_json(answer: object) -> Answer:
    """Answer 200 with this object."""
    return 200, json.dumps(answer).encode()
