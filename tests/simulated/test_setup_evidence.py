"""What the setup believes: the kernel's rules and packets of real private networks, not what a service lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from natkeeper.guest import ForeignRules, NetworkProof
from natlab.simulated.flavours import FLAVOURS
from tests.simulated.conftest import CHECK, ORDER, PRIVATE_HOST, MakeGuest, codes, setup
from tests.simulated.units import assert_unit

NETWORKS = ("10.0.1.0/24", "10.0.3.0/24")
REAL = replace(ORDER, networks=NETWORKS)
REAL_CHECK = replace(CHECK, networks=NETWORKS)
GENERATIONS = ("debian12", "centos7", "alinux3")


def proofs(networks: tuple[NetworkProof, ...]) -> dict[str, str]:
    """The outcome for each network."""
    return {proof.network: proof.forwarding for proof in networks}


@pytest.mark.parametrize("flavour", GENERATIONS)
def test_rules_that_the_kernel_lost_are_named_and_come_back(ready: MakeGuest, flavour: str) -> None:
    """firewalld says running and lists everything; nothing is forwarded."""
    guest = ready(flavour)
    guest.flush_rules()
    assert guest.forwards(PRIVATE_HOST) != ""
    _, report = setup(guest, REAL_CHECK)
    assert codes(report) == {"rules_lost", "forwarding_refused"}
    assert proofs(report.facts.networks) == dict.fromkeys(NETWORKS, "refused")
    status, report = setup(guest, REAL)
    assert (status, [problem.code for problem in report.found]) == (0, ["rules_lost"])
    assert "systemctl restart firewalld" in report.changed
    assert report.facts.forwarding == "proven"
    assert guest.forwards(PRIVATE_HOST) == ""
    assert setup(guest, REAL)[1].changed == ()


@pytest.mark.parametrize("flavour", GENERATIONS)
def test_a_check_proves_as_an_apply_does(ready: MakeGuest, flavour: str) -> None:
    """From an address of each private network."""
    status, report = setup(ready(flavour), REAL_CHECK)
    assert (status, report.facts.forwarding) == (0, "proven")
    assert proofs(report.facts.networks) == dict.fromkeys(NETWORKS, "proven")
    assert "10.0.3.254" in report.facts.networks[1].note


@pytest.mark.parametrize("flavour", GENERATIONS)
def test_a_zone_that_claims_a_network_as_its_source_is_named(ready: MakeGuest, flavour: str) -> None:
    """Packets of that network never meet the gateway's zone; those of the other do."""
    guest = ready(flavour)
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["drop"]["sources"] = ["10.0.0.0/23"]
    status, report = setup(guest, REAL)
    assert (status, codes(report), report.facts.forwarding) == (3, {"forwarding_refused"}, "refused")
    assert proofs(report.facts.networks) == {"10.0.1.0/24": "refused", "10.0.3.0/24": "proven"}
    assert "zone drop claims source 10.0.0.0/23" in report.sentence


@pytest.mark.parametrize("flavour", GENERATIONS)
@pytest.mark.parametrize("source", ["10.0.1.0/25", "10.0.1.77"])
def test_a_zone_that_claims_a_part_of_a_network_leaves_it_unproven(ready: MakeGuest, flavour: str, source: str) -> None:
    """The address that the proof uses passes, and a private host of that part does not."""
    guest = ready(flavour)
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["drop"]["sources"] = [source]
    assert guest.forwards("10.0.1.77") != ""
    for order in (REAL, REAL_CHECK):
        status, report = setup(guest, order)
        assert (status, report.facts.forwarding) == (0, "unproven")
        assert proofs(report.facts.networks) == {"10.0.1.0/24": "unproven", "10.0.3.0/24": "proven"}
        assert f"zone drop claims source {source}" in report.facts.networks[0].note


def test_a_part_of_a_network_that_a_zone_lets_through_is_no_doubt(ready: MakeGuest) -> None:
    """A zone that accepts everything cuts nobody off."""
    guest = ready()
    with guest.by_hand() as state:
        state["runtime"]["zones"]["trusted"]["sources"] = ["10.0.1.0/25"]
    status, report = setup(guest, REAL)
    assert (status, report.facts.forwarding) == (0, "proven")


def test_a_zone_that_lets_its_sources_through_is_no_problem(ready: MakeGuest) -> None:
    """What passes, passes."""
    guest = ready()
    with guest.by_hand() as state:
        state["runtime"]["zones"]["trusted"]["sources"] = ["10.0.1.0/24"]
    assert setup(guest, REAL)[0] == 0


def test_a_reverse_path_filter_or_ip_rule_is_named_without_a_packet(ready: MakeGuest) -> None:
    """The kernel says what it would do with a packet that enters by the real interface."""
    guest = ready()
    with guest.by_hand() as state:
        state["unroutable"] = ["10.0.1.0/24"]
    status, report = setup(guest, REAL)
    assert (status, proofs(report.facts.networks)["10.0.1.0/24"]) == (3, "refused")
    assert "Invalid cross-device link" in report.sentence
    assert "by eth0" in report.sentence


def test_a_drop_in_a_chain_that_is_jumped_to_is_found_and_left_to_its_owner(ready: MakeGuest) -> None:
    """It refuses one network of two: the owner's decision."""
    guest = ready()
    with guest.by_hand() as state:
        state["chains"] = {"COMPANY": ["-s 10.0.1.0/24 -j DROP"]}
        state["iptables"]["rules"] = ["-j COMPANY"]
    status, report = setup(guest, replace(REAL, foreign=ForeignRules.REMOVE))
    assert (status, codes(report)) == (3, {"forwarding_refused"})
    assert "rule: -A COMPANY -s 10.0.1.0/24 -j DROP" in report.sentence
    assert guest.state["chains"]["COMPANY"] == ["-s 10.0.1.0/24 -j DROP"]


def test_without_namespaces_forwarding_is_unproven_for_each_network(fresh: MakeGuest) -> None:
    """Unproven is not unfit."""
    status, report = setup(fresh(replace(FLAVOURS["debian12"], namespaces=False)), REAL)
    assert (status, report.facts.forwarding) == (0, "unproven")
    assert proofs(report.facts.networks) == dict.fromkeys(NETWORKS, "unproven")


# ── rules of others ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("foreign", ForeignRules)
@pytest.mark.parametrize("where", ["iptables", "nft", "docker"])
def test_a_policy_of_drop_with_an_accept_for_private_hosts_is_left_alone(
    ready: MakeGuest, where: str, foreign: ForeignRules
) -> None:
    """Its packets pass: there is nothing to mend, even if `sources` are wider than the accept."""
    guest = ready()
    with guest.by_hand() as state:
        if where == "nft":
            chain = {"name": "inet filter forward", "policy": "drop", "rules": ["ip saddr 10.0.0.0/16 accept"]}
            state["nft"].append(chain)
        else:
            state["iptables"]["policy"] = "DROP"
            rules = ["-s 10.0.0.0/16 -j ACCEPT"]
            state["iptables"]["rules"] = rules if where == "iptables" else ["-j DOCKER-USER"]
            state["chains"] = {"DOCKER-USER": rules} if where == "docker" else {}
    before = guest.state
    status, report = setup(guest, replace(REAL, foreign=foreign))
    assert (status, report.changed, report.wrong) == (0, (), ())
    after = guest.state
    for part in ("iptables", "nft", "chains"):
        assert after[part] == before[part]


def test_docker_is_let_through_where_it_lasts(ready: MakeGuest) -> None:
    """Its own chain for users, and a drop-in that fills it at each start."""
    guest = ready()
    with guest.by_hand() as state:
        state["iptables"] = {"policy": "DROP", "rules": ["-j DOCKER-USER"]}
        state["chains"] = {"DOCKER-USER": ["-j RETURN"]}
    status, report = setup(guest, replace(REAL, foreign=ForeignRules.REMOVE))
    assert (status, report.facts.forwarding) == (0, "proven")
    assert {"foreign_reject"} <= {problem.code for problem in report.found}
    assert [one.code for one in report.notes] == ["foreign_at_boot"]
    assert guest.state["iptables"]["policy"] == "DROP"
    assert guest.state["chains"]["DOCKER-USER"][0] == "-i eth0 -o eth0 -j ACCEPT"
    assert_unit(guest, "docker.service.d/natkeeper.conf")
    assert setup(guest, replace(REAL, foreign=ForeignRules.REMOVE))[1].changed == ()


def test_ufw_is_let_through_where_it_lasts(ready: MakeGuest) -> None:
    """By a route rule of its own, which its reload keeps; and its rules come back after firewalld has started."""
    guest = ready()
    ufw = guest.directory / "root/etc/ufw/ufw.conf"
    ufw.parent.mkdir()
    ufw.write_text("ENABLED=yes\n")
    with guest.by_hand() as state:
        state["iptables"] = {"policy": "DROP", "rules": ["-j ufw-user-forward"]}
        state["chains"] = {"ufw-user-forward": []}
    status, report = setup(guest, replace(REAL, foreign=ForeignRules.REMOVE))
    assert (status, report.facts.forwarding) == (0, "proven")
    assert "ufw route allow" in report.notes[0].message
    assert guest.state["iptables"]["policy"] == "DROP"
    assert guest.state["chains"]["ufw-user-forward"] == ["-i eth0 -o eth0 -j ACCEPT"]
    assert_unit(guest, "firewalld.service.d/natkeeper-ufw.conf")
    assert setup(guest, replace(REAL, foreign=ForeignRules.REMOVE))[1].changed == ()


# ── the service ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_failed_firewalld_is_put_right_at_runtime_and_never_restarted(ready: MakeGuest) -> None:
    """A restart would cut what works, for as long as the permanent rule stays broken."""
    guest = ready()
    with guest.by_hand() as state:
        state["failed"] = True
        state["journal"] = ["ERROR: INVALID_PORT: 99999"]
        state["runtime"]["zones"]["public"]["rich_rules"] = []
    status, report = setup(guest, REAL)
    assert (status, codes(report), report.facts.forwarding) == (3, {"firewalld_failed"}, "proven")
    assert "INVALID_PORT: 99999" in report.sentence
    assert not any("restart" in step for step in report.changed)
    again = setup(guest, REAL)[1]
    assert (again.changed, again.facts.firewalld, again.facts.masquerade) == ((), "failed", True)


def test_panic_mode_is_named(ready: MakeGuest) -> None:
    """A person switched it on, and a person ends it."""
    guest = ready()
    with guest.by_hand() as state:
        state["panic"] = True
    assert "panic_mode" in codes(setup(guest, REAL)[1])


def test_what_was_not_looked_at_is_not_called_false(fresh: MakeGuest) -> None:
    """Another firewall runs: nobody asked what firewalld would do."""
    guest = fresh()
    guest.stop_firewalld()
    with guest.by_hand() as state:
        state["units"]["iptables"] = {"active": True, "enabled": True, "masked": False}
    facts = setup(guest, REAL)[1].facts
    assert (facts.masquerade, facts.ip_forward) == (None, None)


# ── addresses and flows ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("primary", [("10.0.0.12", "10.0.0.11"), ()])
def test_a_port_forward_stays_when_a_virtual_address_comes_first(ready: MakeGuest, primary: tuple[str, ...]) -> None:
    """The address is the one that ECS knows, or the one that forwards already use."""
    guest = ready()
    with guest.by_hand() as state:
        state["first_addresses"] = ["10.0.0.100"]
    order = replace(REAL, primary=primary)
    status, report = setup(guest, order)
    assert (status, report.changed, report.facts.address) == (0, (), "10.0.0.11")
    assert guest.forwarded_port("tcp", 8080) == ("10.0.1.5", 80)


def flow(protocol: str, source: str, destination: str, answered_to: str) -> str:
    """An entry as `conntrack -L` prints it."""
    (a, b), (c, d), (e, f) = (one.split(":") for one in (source, destination, answered_to))
    return f"{protocol} 17 29 src={a} dst={c} sport={b} dport={d} [UNREPLIED] src={c} dst={e} sport={d} dport={f} use=1"


def test_flows_that_began_without_masquerading_begin_anew(ready: MakeGuest) -> None:
    """Exactly those: translated flows, flows to the gateway itself and flows of others go on."""
    guest = ready()
    dead = flow("udp", "10.0.1.5:5000", "203.0.113.9:53", "10.0.1.5:5000")
    alive = (
        flow("udp", "10.0.1.5:5001", "203.0.113.9:53", "10.0.0.11:5001"),
        flow("tcp", "10.0.1.5:5002", "10.0.0.11:22", "10.0.1.5:5002"),
        flow("tcp", "10.0.1.5:5003", "10.0.2.7:80", "10.0.1.5:5003"),
        flow("udp", "192.0.2.7:5004", "203.0.113.9:53", "192.0.2.7:5004"),
    )
    with guest.by_hand() as state:
        state["connections"] = [alive[0], dead, *alive[1:]]
    assert setup(guest, REAL)[1].changed == ()
    assert len(guest.state["connections"]) == 5
    guest.lose_masquerade()
    assert setup(guest, REAL)[0] == 0
    assert guest.state["connections"] == list(alive)
