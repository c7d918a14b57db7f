"""The real setup script on machines of every generation: what it makes of them, and what it leaves alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest

from natkeeper.guest import (
    AddressMode,
    ForeignRules,
    PortForward,
    SetupParameters,
    SetupReport,
    parse_report,
    render,
)
from natkeeper.guest.script import library_command
from natlab.simulated.flavours import FLAVOURS
from natlab.simulated.shims import DROPIN
from tests.simulated.conftest import CHECK, ORDER, PRIVATE_HOST, STRANGER, MakeGuest, codes, setup
from tests.simulated.units import assert_unit

LOOSE = "net.netfilter.nf_conntrack_tcp_loose"
SHELLS = [shell for shell in (shutil.which("dash"), shutil.which("bash")) if shell]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_bare_machine_becomes_a_gateway_and_stays_one(fresh: MakeGuest, flavour: str) -> None:
    """Check, apply, apply again, reboot, check: found, repaired, nothing left to change, still forwarding."""
    guest = fresh(flavour)
    before = guest.state
    status, report = setup(guest, CHECK)
    assert (status, report.ready, report.changed) == (3, False, ())
    assert guest.state == before
    assert guest.forwards(PRIVATE_HOST) != ""

    status, report = setup(guest)
    assert (status, report.ready, codes(report)) == (0, True, set())
    assert report.changed
    assert report.facts.firewalld == "running"
    assert report.facts.firewalld_version == FLAVOURS[flavour].firewalld
    assert (report.facts.zone, report.facts.interfaces) == ("public", ("eth0",))
    assert (report.facts.forwarding, report.facts.public_ip) == ("proven", "198.51.100.7")
    assert guest.forwards(PRIVATE_HOST) == ""
    assert guest.forwards(STRANGER) != ""

    after = guest.state
    status, report = setup(guest)
    assert (status, report.found, report.changed) == (0, (), ())
    assert guest.state == after

    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""
    assert guest.forwarded_port("tcp", 8080) == ("10.0.1.5", 80)
    assert guest.state["sysctl"][LOOSE] == "0"
    assert setup(guest, CHECK)[0] == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_a_long_report_is_short_enough_for_oos(fresh: MakeGuest, shell: str) -> None:
    """It tells the first findings and how many more there are, and of changes the number; it stays one JSON object."""
    forwards = tuple(PortForward("tcp", 9000 + number, "10.0.1.5", 80) for number in range(20))
    order = replace(ORDER, port_forwards=forwards)
    guest = fresh("debian12", shell)
    guest.run(library_command().encode(), 60)
    result = guest.run(render(order), 240)
    assert result is not None
    assert len(result.output) < 4000, len(result.output)
    report = parse_report(result.output)
    assert isinstance(report, SetupReport), report
    assert report.ready
    assert (report.found[0].code, report.found[-1].code) == ("interface_unbound", "more")
    assert re.fullmatch(r"[1-9][0-9]* steps", report.changed[0])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_runs_it_alike(fresh: MakeGuest, shell: str) -> None:
    """dash is sh on Debian, bash on the others."""
    status, report = setup(fresh("centos7", shell))
    assert (status, report.ready) == (0, True)


@pytest.mark.parametrize("flavour", ["debian12", "centos7"])
@pytest.mark.parametrize(
    "breaks, code",
    [
        ("lose_masquerade", "masquerade_missing"),
        ("switch_off_forwarding", "ip_forward_off"),
        ("stop_firewalld", "firewalld_stopped"),
        ("unbind_interface", "interface_unbound"),
    ],
)
def test_what_breaks_by_hand_is_named_and_repaired(ready: MakeGuest, flavour: str, breaks: str, code: str) -> None:
    """Each drift has its word, and one apply ends it."""
    guest = ready(flavour)
    getattr(guest, breaks)()
    status, report = setup(guest, CHECK)
    assert (status, report.has(code)) == (3, True)
    assert guest.forwards(PRIVATE_HOST) or (breaks, flavour) == ("unbind_interface", "centos7")
    status, report = setup(guest)
    assert (status, {problem.code for problem in report.found}, codes(report)) == (0, {code}, set())
    assert guest.forwards(PRIVATE_HOST) == ""
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""


def test_a_masked_firewalld_is_unmasked_and_started(ready: MakeGuest) -> None:
    """systemctl would refuse to start it otherwise."""
    guest = ready()
    guest.stop_firewalld(mask=True)
    status, report = setup(guest)
    assert status == 0
    assert [problem.code for problem in report.found] == ["firewalld_masked", "firewalld_stopped"]
    assert guest.state["units"]["firewalld"] == {"active": True, "enabled": True, "masked": False}


def test_what_would_be_lost_at_the_next_boot_is_named_and_repaired(ready: MakeGuest) -> None:
    """The runtime is fine, the disk is not."""
    guest = ready()
    with guest.by_hand() as state:
        state["units"]["firewalld"]["enabled"] = False
        state["permanent"]["zones"]["public"]["interfaces"] = []
        state["permanent"]["zones"]["public"]["rich_rules"] = []
        state["permanent"]["direct"] = []
    (guest.directory / "root/etc/sysctl.d/zz-natkeeper.conf").write_text("net.ipv4.ip_forward = 0\n")
    assert guest.forwards(PRIVATE_HOST) == ""
    status, report = setup(guest)
    assert status == 0
    assert {problem.code for problem in report.found} == {
        "firewalld_disabled",
        "interface_unbound_at_boot",
        "masquerade_missing_at_boot",
        "port_forward_missing_at_boot",
        "fast_reset_at_boot",
        "settings_at_boot",
    }
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""


def test_rules_of_a_person_are_kept(ready: MakeGuest) -> None:
    """Ports, services, rich rules and direct rules that nobody asked natkeeper for."""
    guest = ready()
    rich = 'rule family="ipv4" source address="192.0.2.0/24" port port="9100" protocol="tcp" accept'
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["public"]["ports"] = ["9999/tcp"]
            state[kind]["zones"]["public"]["rich_rules"].append(rich)
            state[kind]["direct"].append("ipv4 filter INPUT 0 -p icmp -j ACCEPT")
    guest.lose_masquerade(permanently=True)
    assert setup(guest, replace(ORDER, port_forwards=()))[0] == 0
    for kind in ("permanent", "runtime"):
        settings = guest.state[kind]["zones"]["public"]
        assert settings["ports"] == ["9999/tcp"]
        assert rich in settings["rich_rules"]
        assert "ipv4 filter INPUT 0 -p icmp -j ACCEPT" in guest.state[kind]["direct"]


def test_rules_of_an_earlier_configuration_are_taken_away(ready: MakeGuest) -> None:
    """A port forward that is no longer wanted goes; the same rule made by a person stays."""
    guest = ready()
    mine = (
        'rule family="ipv4" destination address="10.0.0.11" '
        'forward-port port="9" protocol="udp" to-port="9" to-addr="10.0.1.9"'
    )
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["public"]["rich_rules"].append(mine)
    order = replace(ORDER, port_forwards=(PortForward("tcp", 8443, "10.0.1.6", 443, ("203.0.113.0/24",)),))
    assert "leftover" in codes(setup(guest, replace(order, mode=CHECK.mode))[1])
    status, _ = setup(guest, order)
    assert status == 0
    for _ in range(2):
        assert guest.forwarded_port("tcp", 8080) is None
        assert guest.forwarded_port("tcp", 8443) == ("10.0.1.6", 443)
        assert guest.forwarded_port("udp", 9) == ("10.0.1.9", 9)
        guest.reboot()
    assert setup(guest, order)[1].changed == ()


def test_the_address_mode_decides_about_connections_of_a_lost_gateway(ready: MakeGuest) -> None:
    """Own addresses: loose pick-up off and a fast reset; a following address: the opposite. Both survive a boot."""
    guest = ready()
    follow = replace(ORDER, address=AddressMode.FOLLOW)
    for order, loose, resets in ((follow, "1", 0), (ORDER, "0", 1)):
        assert setup(guest, order)[0] == 0
        assert guest.state["sysctl"][LOOSE] == loose
        guest.reboot()
        assert guest.state["sysctl"][LOOSE] == loose
        assert sum("tcp-reset" in rule for rule in guest.state["runtime"]["direct"]) == resets
        assert setup(guest, order)[1].changed == ()


def test_a_restart_of_firewalld_keeps_the_settings_of_connection_tracking(ready: MakeGuest) -> None:
    """Old firewalld unloads the kernel's modules, and their settings with them."""
    guest = ready()
    with guest.by_hand() as state:
        state["sysctl"][LOOSE] = "1"
    result = guest.run(b"systemctl restart firewalld", 20)
    assert result is not None
    assert guest.state["sysctl"][LOOSE] == "0"


def test_the_settings_come_after_those_of_everyone_else_at_boot(ready: MakeGuest) -> None:
    """sysctl.d is read in the order of names, and the last one counts."""
    guest = ready()
    key = "net.ipv4.conf.all.send_redirects"
    (guest.directory / "root/etc/sysctl.d/99-hardening.conf").write_text(f"{key} = 1\n")
    guest.reboot()
    assert guest.state["sysctl"][key] == "0"


def test_a_changed_drop_in_is_put_right_and_used_at_once(ready: MakeGuest) -> None:
    """systemd reads it when it is told to; what firewalld loses with its modules comes back after each start."""
    guest = ready()
    dropin = guest.directory / "root" / DROPIN
    dropin.write_text("[Service]\nExecStartPost=-/bin/sh -c 'exec sysctl -q -p /etc/sysctl.d/other.conf'\n")
    status, report = setup(guest)
    assert (status, [problem.code for problem in report.found]) == (0, ["dropin"])
    assert_unit(guest, "firewalld.service.d/natkeeper.conf")
    with guest.by_hand() as state:
        state["sysctl"][LOOSE] = "1"
    assert guest.run(b"systemctl restart firewalld", 20) is not None
    assert guest.state["sysctl"][LOOSE] == "0"


@pytest.mark.parametrize("free, ended", [(True, (0, set())), (False, (5, {"busy"}))])
def test_a_second_run_waits_a_minute_for_the_first(
    ready: MakeGuest, *, free: bool, ended: tuple[int, set[str]]
) -> None:
    """Two that change the same rules would undo each other; one that waits without end would be cut unreported."""
    guest = ready()
    flock = guest.directory / "bin/flock"
    asked = guest.directory / "asked"
    flock.unlink()
    flock.write_text(f'#!/bin/sh\necho "$@" >>"{asked}"\nexit {0 if free else 1}\n')
    flock.chmod(0o755)
    other = guest.directory / "root/run/natkeeper/rules"
    other.parent.mkdir()
    other.write_text("what the other run works with")
    status, report = setup(guest, CHECK)
    assert (status, codes(report)) == ended
    assert other.exists() != free, "what a run works with goes only once its lock is free"
    assert set(asked.read_text().splitlines()) == {"-w 60 9"}


def test_a_firewalld_that_does_not_answer_is_not_waited_for_without_end(fresh: MakeGuest) -> None:
    """No call of it may last for more than 40 s: a run that Cloud Assistant cuts off reports nothing."""
    guest = fresh("centos7")  # its firewalld needs direct rules as well
    with guest.by_hand() as state:
        state["runtime"]["direct"] = ["ipv4 filter FORWARD 0 -j DROP"]
    programs, asked = guest.directory / "bin", guest.directory / "asked"
    timeout, shim = (programs / "timeout").resolve(), programs / ".shim"
    (programs / "timeout").unlink()
    (programs / "timeout").write_text(f'#!/bin/sh\nLIMIT=$1 exec {timeout} "$@"\n')
    (programs / "timeout").chmod(0o755)
    noted = f"""case $0 in */firewall-*) echo "${{LIMIT:-no limit}}: $*" >>"{asked}" ;; esac"""
    shim.write_text(shim.read_text().replace("\n", f"\n{noted}\n", 1))
    for order in (replace(ORDER, foreign=ForeignRules.REMOVE), CHECK):
        setup(guest, order)
    calls = asked.read_text().splitlines()
    assert any("--direct --add-rule" in call for call in calls), calls
    assert [call for call in calls if not call.startswith("40: ")] == []


def test_another_zone_can_be_asked_for(ready: MakeGuest) -> None:
    """The interface moves there, and what was needed in the old zone is needed no more."""
    guest = ready()
    order = replace(ORDER, zone="external")
    status, report = setup(guest, order)
    assert (status, report.facts.zone) == (0, "external")
    runtime = guest.state["runtime"]["zones"]
    assert (runtime["external"]["interfaces"], runtime["public"]["interfaces"]) == (["eth0"], [])
    assert guest.forwards(PRIVATE_HOST) == ""
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""
    assert setup(guest, order)[1].changed == ()


def test_the_zone_an_interface_is_already_in_is_kept(ready: MakeGuest) -> None:
    """Without a zone in the configuration, a person's choice stands."""
    guest = ready()
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["public"]["interfaces"] = []
            state[kind]["zones"]["external"]["interfaces"] = ["eth0"]
    status, report = setup(guest)
    assert (status, report.facts.zone) == (0, "external")
    assert guest.state["runtime"]["zones"]["public"]["interfaces"] == []


def test_an_unknown_zone_stops_before_anything_is_started(fresh: MakeGuest) -> None:
    """It is named, and the firewall stays as it was."""
    guest = fresh()
    before = guest.state
    status, report = setup(guest, replace(ORDER, zone="nowhere"))
    assert (status, "zone_missing" in codes(report)) == (3, True)
    assert guest.state["runtime"] == before["runtime"]


@pytest.mark.parametrize("where", ["iptables", "nft", "direct"])
def test_a_foreign_rule_that_rejects_forwarding_is_named_and_removed_only_if_asked(
    ready: MakeGuest, where: str
) -> None:
    """By default it is reported with its text; `foreign: remove` ends it."""
    guest = ready()
    guest.add_foreign_reject(where)
    assert "refused" in guest.forwards(PRIVATE_HOST)
    status, report = setup(guest)
    assert (status, codes(report), report.facts.forwarding) == (3, {"foreign_reject", "forwarding_refused"}, "refused")
    assert "reject" in report.sentence.lower()
    status, report = setup(guest, replace(ORDER, foreign=ForeignRules.REMOVE))
    assert (status, report.facts.forwarding) == (0, "proven")
    assert guest.forwards(PRIVATE_HOST) == ""
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""
    assert setup(guest)[1].changed == ()


def test_what_a_check_finds_it_leaves_although_removing_is_asked_for(ready: MakeGuest) -> None:
    """The mode decides before all else."""
    guest = ready()
    guest.add_foreign_reject("direct")
    before = guest.state
    status, report = setup(guest, replace(CHECK, foreign=ForeignRules.REMOVE))
    assert (status, report.changed, "foreign_reject" in codes(report)) == (3, (), True)
    assert (guest.state["runtime"], guest.state["permanent"]) == (before["runtime"], before["permanent"])


@pytest.mark.parametrize(
    "rule",
    ["-s 192.168.7.0/24 -j DROP", "-p tcp --dport 25 -j REJECT", "-d 203.0.113.66/32 -j DROP", "-i docker0 -j DROP"],
)
def test_a_narrow_rule_of_a_person_is_not_foreign(ready: MakeGuest, rule: str) -> None:
    """Only what refuses everything the gateway is there to forward is reported."""
    guest = ready()
    with guest.by_hand() as state:
        state["iptables"]["rules"].append(rule)
        state["nft"].append({"name": "inet filter forward", "policy": "accept", "rules": ["tcp dport 25 reject"]})
    assert setup(guest, CHECK)[0] == 0


def test_a_default_of_drop_counts_unless_an_accept_comes_first(ready: MakeGuest) -> None:
    """Docker sets FORWARD to DROP; a person's own accept makes it harmless."""
    guest = ready()
    with guest.by_hand() as state:
        state["iptables"]["policy"] = "DROP"
    assert codes(setup(guest, CHECK)[1]) == {"foreign_reject", "forwarding_refused"}
    with guest.by_hand() as state:
        state["iptables"]["rules"].append("-s 10.0.0.0/8 -j ACCEPT")
    assert setup(guest, CHECK)[0] == 0


def test_egress_counts_only_where_it_is_required(ready: MakeGuest) -> None:
    """A standby without a public address is ready; a gateway with its own is not."""
    guest = ready()
    guest.tell_world("", reaches_internet=False)
    status, report = setup(guest)
    assert (status, report.facts.egress, report.facts.forwarding) == (0, "failed", "unproven")
    status, report = setup(guest, replace(CHECK, egress_required=True))
    assert (status, codes(report)) == (3, {"egress_failed"})


@pytest.mark.parametrize(
    "order, why",
    [
        (ORDER, "this machine has no curl, so no egress target was asked"),
        (replace(ORDER, targets=()), "no egress target was named"),
    ],
)
def test_where_nobody_could_be_asked_it_is_not_said_that_nobody_answered(
    ready: MakeGuest, order: SetupParameters, why: str
) -> None:
    """An image without curl, or an order without targets: untested, and why, which is something that can be mended."""
    guest = ready()
    (guest.directory / "bin/curl").unlink()
    status, report = setup(guest, replace(order, mode=CHECK.mode, egress_required=True))
    assert (report.facts.egress, report.facts.forwarding, report.facts.forwarding_note) == ("untested", "unproven", why)
    assert (status, report.sentence) == ((3, why) if order.targets else (0, "ready, nothing to change"))


def test_without_network_namespaces_forwarding_is_unproven_and_says_why(fresh: MakeGuest) -> None:
    """Not proven is not wrong."""
    status, report = setup(fresh(replace(FLAVOURS["debian12"], namespaces=False)))
    assert (status, report.facts.forwarding) == (0, "unproven")
    assert "namespace" in report.facts.forwarding_note


def test_the_proof_leaves_nothing_behind(ready: MakeGuest) -> None:
    """The interface of the short-lived namespace is out of the zone again."""
    guest = ready()
    setup(guest)
    assert guest.state["runtime"]["zones"]["public"]["interfaces"] == ["eth0"]
