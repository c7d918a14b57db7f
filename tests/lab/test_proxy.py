"""nginx on a real gateway: hosts by name, a stream, health, and what happens when it goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from natkeeper.domain.gateway_config import Proxy, ProxyHost, ProxyStream
from natkeeper.guest import SetupReport
from natlab.real.measurement import offer
from natlab.simulated.network import Reached
from tests.lab.stage import ADDRESS, HTTP_PORT, PRIVATE, A, LabStage

pytestmark = pytest.mark.lab

STREAM_PORT = 7000


def notes(report: SetupReport) -> set[str]:
    """What a person is told about the proxy."""
    return {note.code for note in report.notes if note.code.startswith("proxy")}


@pytest.fixture
def proxied(stage: LabStage) -> Iterator[Proxy]:
    """A host by name and a stream, both served by the private host; afterwards neither."""
    to = f"{stage.lab.private_address(PRIVATE)}:{HTTP_PORT}"
    with offer(stage.lab.private_host(PRIVATE), http=HTTP_PORT) as server:  # closes its pipes at the end
        yield Proxy(http=(ProxyHost(host="www.example.com", to=to),), stream=(ProxyStream(port=STREAM_PORT, to=to),))
        stage.set_up(A)
        server.kill()


def test_a_proxy_serves_hosts_and_ports_and_goes_when_it_is_not_wanted(stage: LabStage, proxied: Proxy) -> None:
    """Installed by the image's package manager, known by its fingerprint; egress is not touched."""
    report = stage.set_up(A, proxy=proxied)
    assert (report.ready, notes(report), report.facts.forwarding) == (True, set(), "proven"), report
    guest = stage.guest(A)
    ask = "curl -s -m 3 -o /dev/null -w '%{http_code}' "
    assert guest.by_hand(f"{ask} -H 'Host: www.example.com' http://10.0.0.11/ || echo no") == "200"
    assert guest.by_hand(f"{ask} -H 'Host: other.example.com' http://10.0.0.11/ || echo no").startswith("000")
    assert guest.by_hand(f"{ask} http://10.0.0.11:{STREAM_PORT}/ || echo no") == "200"
    assert guest.by_hand("systemctl is-enabled nginx || :").strip() in {"disabled", "masked"}
    assert stage.way_out() == Reached(ADDRESS[A])
    again = stage.set_up(A, proxy=proxied)
    assert (again.changed, notes(again)) == ((), set())

    guest.by_hand("systemctl stop natkeeper-proxy")
    assert notes(stage.set_up(A, proxy=proxied)) == set()
    assert guest.by_hand(f"{ask} -H 'Host: www.example.com' http://10.0.0.11/") == "200"

    assert stage.set_up(A).ready
    assert guest.by_hand("systemctl is-active natkeeper-proxy || :").strip() == "inactive"
    assert f'"{STREAM_PORT}"' not in guest.by_hand("firewall-cmd --list-all; firewall-cmd --permanent --list-all")
