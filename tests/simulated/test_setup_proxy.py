"""nginx on a gateway: the way in by host name and port, told when it is broken, and never in the way of egress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.domain.gateway_config import Proxy, ProxyHost, ProxyStream, ProxyTls
from natkeeper.guest import SetupReport
from natkeeper.guest.proxy import nginx_conf
from natlab.simulated.guest import Guest
from tests.simulated.conftest import CHECK, ORDER, PRIVATE_HOST, MakeGuest, setup
from tests.simulated.units import assert_unit

WEB = ProxyHost(host="www.example.com", to="10.0.1.5:8080")
SAFE = ProxyHost(
    host="safe.example.com", to="10.0.1.6:8080", tls=ProxyTls(certificate="/etc/ssl/nk/a.crt", key="/etc/ssl/nk/a.key")
)
BASE = ProxyStream(port=5432, to="10.0.1.7:5432", send_proxy=True)
DNS = ProxyStream(port=5353, to="10.0.1.7:53", protocol="udp")
ALL = replace(ORDER, proxy=Proxy(http=(WEB, SAFE), stream=(BASE, DNS)))
HTTP = replace(ORDER, proxy=Proxy(http=(WEB,)))


def notes(report: SetupReport) -> set[str]:
    """What a person is told about the proxy."""
    return {note.code for note in report.notes if note.code.startswith("proxy")}


def config(guest: Guest) -> str:
    return (guest.directory / "root/etc/natkeeper/nginx.conf").read_text()


def certify(guest: Guest) -> None:
    """Put the certificate onto the machine, as its owner would."""
    folder = guest.directory / "root/etc/ssl/nk"
    folder.mkdir(parents=True)
    (folder / "a.crt").write_text("certificate")
    (folder / "a.key").write_text("key")


@pytest.mark.parametrize("flavour", ["debian12", "centos7", "bare-anolis"])
def test_a_proxy_is_installed_configured_opened_and_proven(fresh: MakeGuest, flavour: str) -> None:
    """The package's own unit stays off, natkeeper's runs, and its health address answers the fingerprint."""
    guest = fresh(flavour)
    certify(guest)
    status, report = setup(guest, ALL)
    assert (status, notes(report), report.facts.forwarding) == (0, set(), "proven")
    assert config(guest) == nginx_conf(Proxy(http=(WEB, SAFE), stream=(BASE, DNS)))
    units = guest.state["units"]
    assert units["natkeeper-proxy"] == {"active": True, "enabled": True, "masked": False}
    assert (units["nginx"]["active"], units["nginx"]["enabled"]) == (False, False)
    assert_unit(guest, "natkeeper-proxy.service")
    for kind in ("permanent", "runtime"):
        rules = guest.state[kind]["zones"]["public"]["rich_rules"]
        opened = [rule for rule in rules if " port port=" in rule]
        assert opened == [
            f'rule family="ipv4" port port="{port}" protocol="{protocol}" accept'
            for port, protocol in (("443", "tcp"), ("5353", "udp"), ("5432", "tcp"), ("80", "tcp"))
        ]
    again = setup(guest, ALL)[1]
    assert (again.changed, notes(again)) == ((), set())


def test_drift_of_the_proxy_is_told_by_a_check_and_repaired(fresh: MakeGuest) -> None:
    """Stopped, or with another file: neither makes the gateway unfit."""
    guest = fresh()
    setup(guest, HTTP)
    (guest.directory / "root/etc/natkeeper/nginx.conf").write_text("events {}\n")
    status, report = setup(guest, replace(HTTP, mode=CHECK.mode))
    assert (status, notes(report)) == (0, {"proxy_stopped"})
    assert notes(setup(guest, HTTP)[1]) == set()
    with guest.by_hand() as state:
        state["units"]["natkeeper-proxy"]["active"] = False
    assert notes(setup(guest, replace(HTTP, mode=CHECK.mode))[1]) == {"proxy_stopped", "proxy_broken"}
    assert notes(setup(guest, HTTP)[1]) == set()
    (guest.directory / "bin/curl").unlink()
    [broken] = setup(guest, replace(HTTP, mode=CHECK.mode))[1].notes
    assert broken.message == "this machine has no curl, so nothing shows that the reverse proxy answers"


def test_a_missing_certificate_is_named_and_the_other_hosts_go_on(fresh: MakeGuest) -> None:
    """It is the owner's file; when it comes, the host is served."""
    guest = fresh()
    status, report = setup(guest, ALL)
    assert (status, notes(report)) == (0, {"proxy_certificate_missing"})
    assert "www.example.com" in config(guest)
    assert "safe.example.com" not in config(guest)
    certify(guest)
    assert notes(setup(guest, ALL)[1]) == set()
    assert "safe.example.com" in config(guest)


def test_a_configuration_that_nginx_refuses_leaves_the_one_before(fresh: MakeGuest) -> None:
    """And the gateway forwards."""
    guest = fresh()
    setup(guest, HTTP)
    before = config(guest)
    guest.break_command("nginx -t", "nginx: [emerg] host not found")
    status, report = setup(guest, ALL)
    assert (status, notes(report) & {"proxy_refused"}) == (0, {"proxy_refused"})
    assert config(guest) == before
    assert guest.forwards(PRIVATE_HOST) == ""
    assert not list((guest.directory / "root/etc/natkeeper").glob("*.new"))


def test_a_proxy_that_cannot_be_installed_is_told_and_the_gateway_works(fresh: MakeGuest) -> None:
    """No package, no proxy; the internet all the same."""
    guest = fresh()
    guest.break_command("apt-get", "no such package")
    status, report = setup(guest, HTTP)
    assert (status, notes(report), report.facts.forwarding) == (0, {"proxy_missing"}, "proven")


def test_without_proxy_all_of_it_goes(fresh: MakeGuest) -> None:
    """Unit, file and open ports; a person's own nginx stays."""
    guest = fresh()
    certify(guest)
    setup(guest, ALL)
    assert notes(setup(guest, CHECK)[1]) == {"proxy_leftover"}
    status, report = setup(guest, ORDER)
    assert (status, notes(report)) == (0, set())
    root = guest.directory / "root"
    assert not (root / "etc/natkeeper/nginx.conf").exists()
    assert not (root / "etc/systemd/system/natkeeper-proxy.service").exists()
    assert not guest.state["units"]["natkeeper-proxy"]["active"]
    for kind in ("permanent", "runtime"):
        assert not [r for r in guest.state[kind]["zones"]["public"]["rich_rules"] if " port port=" in r]
    assert setup(guest, ORDER)[1].changed == ()


def test_the_port_of_sshd_is_never_taken(fresh: MakeGuest) -> None:
    """Whatever port it listens on."""
    guest = fresh()
    with guest.by_hand() as state:
        state["flavour"]["sshd_ports"] = [5432]
    _, report = setup(guest, ALL)
    assert notes(report) == {"proxy_refused"}
    assert "5432" in next(note.message for note in report.notes if note.code == "proxy_refused")
