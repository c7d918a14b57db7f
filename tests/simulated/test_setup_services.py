"""What a machine served before it became a gateway, it goes on to serve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.guest import SetupParameters
from natlab.simulated.flavours import FLAVOURS
from natlab.simulated.guest import Guest
from tests.simulated.conftest import ORDER, MakeGuest, codes, setup

REPORT = replace(ORDER, services="report")
LISTENING = [
    ("tcp", "0.0.0.0:8080"), ("tcp", "[::]:443"), ("tcp", "*:9000"), ("udp", "10.0.0.11:1194"),
    ("tcp", "127.0.0.1:5432"), ("tcp", "[::1]:25"), ("udp", "127.0.0.53%lo:53"),
    ("udp", "0.0.0.0:68"), ("udp", "0.0.0.0:45678"), ("tcp", "0.0.0.0:22"),
]  # fmt: skip


def serving(fresh: MakeGuest, flavour: str = "bare-ubuntu", rules: list[str] | None = None) -> Guest:
    """A machine that firewalld was never on, and that serves."""
    guest = fresh(flavour)
    with guest.by_hand() as state:
        state["listening"] = LISTENING
        state["input"] = rules or state["input"]
    return guest


@pytest.mark.parametrize("flavour", ["bare-ubuntu", "bare-anolis"])
def test_what_listened_stays_reachable_once_firewalld_starts(fresh: MakeGuest, flavour: str) -> None:
    """What listens on loopback, and sockets of clients, are no services."""
    guest = serving(fresh, flavour)
    status, report = setup(guest)
    assert status == 0
    for kind in ("permanent", "runtime"):
        ports = guest.state[kind]["zones"]["public"]["ports"]
        assert sorted(ports) == ["1194/udp", "443/tcp", "8080/tcp", "9000/tcp"]
    kept = [note.message for note in report.notes if note.code == "services_kept"]
    assert len(kept) == 1
    assert "8080/tcp" in kept[0]


def test_later_listeners_are_their_owners_business(fresh: MakeGuest) -> None:
    """Told once, opened once."""
    guest = serving(fresh)
    setup(guest)
    with guest.by_hand() as state:
        state["listening"] = [*LISTENING, ("tcp", "0.0.0.0:7777")]
    guest.stop_firewalld()
    status, report = setup(guest)
    assert status == 0
    assert "7777/tcp" not in guest.state["runtime"]["zones"]["public"]["ports"]
    assert not [note for note in report.notes if note.code == "services_kept"]


def test_services_can_be_only_reported(fresh: MakeGuest) -> None:
    """Then firewalld closes them, and the report lists them."""
    guest = serving(fresh)
    status, report = setup(guest, REPORT)
    assert status == 0
    assert guest.state["runtime"]["zones"]["public"]["ports"] == []
    assert "8080/tcp" in next(note.message for note in report.notes if note.code == "services_closed")


def test_where_another_firewall_filters_only_its_accepts_are_carried_over(fresh: MakeGuest) -> None:
    """With their sources: what it kept out stays out."""
    rules = [
        "-P INPUT DROP",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -p icmp -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 8080 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT",
        "-A INPUT -p udp -m udp --dport 5000:5010 -j ACCEPT",
        "-A INPUT -s 192.0.2.7/32 -j ACCEPT",
        "-A INPUT -j REJECT --reject-with icmp-port-unreachable",
        "-A INPUT -p tcp --dport 1 -j ACCEPT",
    ]
    guest = serving(fresh, rules=rules)
    assert setup(guest)[0] == 0
    public = guest.state["permanent"]["zones"]["public"]
    assert sorted(public["ports"]) == ["443/tcp", "5000-5010/udp", "80/tcp"]
    mine = [rule for rule in public["rich_rules"] if rule.endswith("accept")]
    assert mine == [
        'rule family="ipv4" source address="203.0.113.0/24" port port="8080" protocol="tcp" accept',
        'rule family="ipv4" source address="192.0.2.7/32" accept',
    ]


@pytest.mark.parametrize(
    "rules",
    [
        ["-P INPUT ACCEPT", "-A INPUT -s 203.0.113.66/32 -j DROP"],
        ["-P INPUT DROP", "-A INPUT -p tcp -m tcp --dport 8080 -m limit --limit 5/sec -j ACCEPT"],
        ["-P INPUT DROP", "-A INPUT -j COMPANY"],
    ],
)
def test_what_firewalld_cannot_express_stops_the_setup_by_name(fresh: MakeGuest, rules: list[str]) -> None:
    """Nothing is started, nothing is written."""
    guest = serving(fresh, rules=rules)
    before = guest.state
    status, report = setup(guest)
    assert (status, codes(report) & {"services_unclear"}) == (3, {"services_unclear"})
    assert rules[1] in report.sentence
    assert guest.state["runtime"] is None
    assert guest.state["permanent"] == before["permanent"]


@pytest.mark.parametrize("order", [ORDER, REPORT])
def test_a_firewalld_that_ran_before_decides_itself(fresh: MakeGuest, order: SetupParameters) -> None:
    """Its zones were the owner's decision already."""
    guest = serving(fresh, "debian12")
    assert setup(guest, order)[0] == 0
    assert guest.state["runtime"]["zones"]["public"]["ports"] == []
    assert FLAVOURS["debian12"].installed
