"""The table of connections on a gateway: hairpin from itself, hidden sources, the tunnel; drift, and its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.guest import AddressMode, PortForward, SetupReport
from natlab.simulated.guest import Guest
from tests.simulated.conftest import CHECK, ORDER, MakeGuest, codes, setup
from tests.simulated.units import assert_unit

HOST = "10.0.1.5"
PEERS = ("10.0.0.11", "10.0.0.12")
FORWARDS = (PortForward("tcp", 8022, HOST, 22), PortForward("tcp", "9000-9002", HOST, "9100-9102"))
OUTSIDE = replace(ORDER, port_forwards=FORWARDS, public=("198.51.100.7", "198.51.100.8"))
JOINED = replace(ORDER, port_forwards=FORWARDS, relay=True, way_in="every", primary=PEERS)


def table(guest: Guest) -> list[str]:
    """What the kernel was given."""
    return str(guest.state["table"]).splitlines()


def notes(report: SetupReport) -> set[str]:
    """What a person is told about connections."""
    return {note.code for note in report.notes if note.code.startswith(("connections", "tunnel"))}


def test_the_gateway_itself_reaches_forwards_by_every_public_address(ready: MakeGuest) -> None:
    """The same ports as from outside, for each address, shifted ones as well."""
    guest = ready()
    status, report = setup(guest, OUTSIDE)
    assert (status, notes(report)) == (0, set())
    for address in OUTSIDE.public:
        found = [line for line in table(guest) if line.startswith(f"ip daddr {address} ")]
        assert found == [
            f"ip daddr {address} tcp dport 8022 dnat to {HOST}:22",
            *(f"ip daddr {address} tcp dport {9000 + n} dnat to {HOST}:{9100 + n}" for n in range(3)),
        ]
    assert not [line for line in table(guest) if "natkeeper0" in line]
    assert setup(guest, OUTSIDE)[1].changed == ()


def test_private_hosts_reach_every_forward_by_every_public_address(ready: MakeGuest) -> None:
    """Each address leads to the same ports; a forward to another port does not count on."""
    guest = ready()
    setup(guest, OUTSIDE)
    rules = " ".join(guest.state["runtime"]["zones"]["public"]["rich_rules"])
    for address in ("10.0.0.11", *OUTSIDE.public):
        for port, to in ((8022, 22), (9000, 9100), (9002, 9102)):
            assert f'destination address="{address}" forward-port port="{port}" protocol="tcp" to-port="{to}"' in rules


def test_who_may_use_a_forward_holds_for_the_gateway_itself(ready: MakeGuest) -> None:
    """`from` is part of the rule; ranges and `any` keep their ports."""
    guest = ready()
    forwards = (
        PortForward("udp", "30000-30100", HOST, "30000-30100", ("203.0.113.0/24",)),
        PortForward("tcp", "any", HOST, "any"),
    )
    setup(guest, replace(OUTSIDE, port_forwards=forwards, public=("198.51.100.7",)))
    assert f"ip saddr 203.0.113.0/24 ip daddr 198.51.100.7 udp dport 30000-30100 dnat to {HOST}" in table(guest)
    assert f"ip daddr 198.51.100.7 tcp dport 23-65535 dnat to {HOST}" in table(guest)


def test_a_hidden_source_is_masqueraded_inwards_and_needs_no_tunnel(ready: MakeGuest) -> None:
    """Only what was forwarded to that very port; UDP as well."""
    guest = ready()
    forwards = (
        PortForward("tcp", 8080, HOST, 80, hide_source=True),
        PortForward("udp", "any", HOST, "any", hide_source=True),
    )
    assert notes(setup(guest, replace(ORDER, port_forwards=forwards, way_in="every", primary=PEERS))[1]) == set()
    assert f"ct status dnat ip daddr {HOST} meta l4proto tcp tcp dport 80 masquerade" in table(guest)
    assert f"ct status dnat ip daddr {HOST} meta l4proto udp masquerade" in table(guest)
    assert not [line for line in table(guest) if "jump answers" in line]


def test_the_tunnel_is_open_to_peers_only_and_known_to_the_report(ready: MakeGuest) -> None:
    """A rule for each peer, the answers of each forward, and who answers."""
    guest = ready()
    status, report = setup(guest, replace(JOINED, primary=(*PEERS, "10.0.0.13")))
    assert (status, notes(report), report.facts.tunnel) == (0, set(), "10.0.0.12 10.0.0.13")
    opened = [rule for rule in guest.state["permanent"]["zones"]["public"]["rich_rules"] if '"4790"' in rule]
    assert opened == [
        f'rule family="ipv4" source address="10.0.0.{n}" port port="4790" protocol="udp" accept' for n in (12, 13)
    ]
    assert "dup to iifname map @old device natkeeper0 drop" in table(guest)
    assert f"ip saddr {HOST} tcp sport 9100-9102 jump answers" in table(guest)
    assert [line for line in table(guest) if "@peer" in line] == [
        f"dup to iifname map @peer{n} device natkeeper0" for n in (1, 2)
    ]


@pytest.mark.parametrize("wanted", [{"relay": True}, {"way_in": "every"}])
def test_each_of_the_two_is_asked_for_alone(ready: MakeGuest, wanted: dict[str, object]) -> None:
    """A relay leaves visitors as they are, and the other way round."""
    guest = ready()
    setup(guest, replace(ORDER, port_forwards=FORWARDS, primary=PEERS, **wanted))  # type: ignore[arg-type]
    assert any("@old device" in line for line in table(guest)) == ("relay" in wanted)
    assert any("jump answers" in line for line in table(guest)) == ("way_in" in wanted)


def test_drift_is_noticed_and_repaired_like_all_else(ready: MakeGuest) -> None:
    """Rules that were flushed, a unit that was stopped or disabled, a file that was changed; a check only says so."""
    guest = ready()
    setup(guest, JOINED)

    def stop(state: dict[str, dict[str, dict[str, bool]]]) -> None:
        state["units"]["natkeeper-table"]["active"] = False

    def disable(state: dict[str, dict[str, dict[str, bool]]]) -> None:
        state["units"]["natkeeper-table"]["enabled"] = False

    def flush(state: dict[str, object]) -> None:
        state["table"] = ""

    for harm in (stop, disable, flush):
        with guest.by_hand() as state:
            harm(state)
        checked = setup(guest, replace(JOINED, mode=CHECK.mode))[1]
        assert (checked.ready, checked.changed, notes(checked)) == (True, (), {"connections_lost"})
        report = setup(guest, JOINED)[1]
        assert (report.ready, [problem.code for problem in report.found]) == (True, ["connections_lost"])
        assert report.changed == ("start natkeeper-table",)
    file = guest.directory / "root/etc/natkeeper/table.nft"
    file.write_text("table ip natkeeper { }\n")
    assert setup(guest, JOINED)[1].changed == ("start natkeeper-table",)
    assert "jump answers" in file.read_text()
    assert setup(guest, JOINED)[1].changed == ()


def test_it_is_there_after_a_reboot_and_goes_with_its_keys(ready: MakeGuest) -> None:
    """Table, device, unit, files and the port between gateways."""
    guest = ready()
    setup(guest, JOINED)
    assert_unit(guest, "natkeeper-table.service")
    guest.reboot()
    assert guest.state["units"]["natkeeper-table"]["active"]
    status, report = setup(guest)
    assert (status, codes(report)) == (0, set())
    assert not guest.state["table"]
    assert not guest.state["units"]["natkeeper-table"]["enabled"]
    assert not list((guest.directory / "root/etc/natkeeper").glob("table*"))
    for kind in ("permanent", "runtime"):
        assert '"4790"' not in " ".join(guest.state[kind]["zones"]["public"]["rich_rules"])
    assert setup(guest)[1].changed == ()


@pytest.mark.parametrize("order", [OUTSIDE, JOINED])
def test_a_machine_without_nftables_says_so_and_stays_a_gateway(ready: MakeGuest, order: object) -> None:
    """CentOS 7: connections are reset as ever, the gateway itself reaches no forward by the public address."""
    guest = ready("centos7")
    status, report = setup(guest, order)  # type: ignore[arg-type]
    assert (status, report.ready, report.facts.forwarding) == (0, True, "proven")
    assert "connections_lost" in notes(report)
    assert report.facts.tunnel == ""


def test_an_address_that_follows_needs_no_tunnel(ready: MakeGuest) -> None:
    """Only the way from the gateway itself is in its table."""
    guest = ready()
    assert setup(guest, replace(OUTSIDE, address=AddressMode.FOLLOW))[0] == 0
    assert "natkeeper0" not in guest.state["table"]
