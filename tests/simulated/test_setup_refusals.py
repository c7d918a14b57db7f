"""When the setup script must not go on: lock-outs, other firewalls, failing steps, hostile parameters."""

from __future__ import annotations

import base64
import gzip
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from natkeeper.guest import SetupReport, parse_report
from natkeeper.guest.script import parameter_block, setup_script
from natlab.cloud.dataplane import CommandResult
from natlab.simulated.flavours import FLAVOURS
from natlab.simulated.guest import Guest
from tests.simulated.conftest import CHECK, ORDER, PRIVATE_HOST, MakeGuest, codes, setup


def run_block(guest: Guest, block: bytes) -> tuple[CommandResult, SetupReport]:
    """Run the script with parameters that Python never checked."""
    command = f"NK_PARAMETERS='{base64.b64encode(gzip.compress(block)).decode()}'\n{setup_script()}".encode()
    result = guest.run(command, 30)
    assert result is not None
    report = parse_report(result.output)
    assert isinstance(report, SetupReport), result.output
    return result, report


@pytest.mark.parametrize("flavour", ["bare-ubuntu", "bare-anolis"])
def test_an_unusual_port_of_sshd_is_open_before_firewalld_starts(fresh: MakeGuest, flavour: str) -> None:
    """Nobody is locked out by a firewall that was not there before."""
    guest = fresh(replace(FLAVOURS[flavour], sshd_ports=(22, 2222)))
    status, report = setup(guest, uncut=True)
    assert status == 0
    assert guest.state["permanent"]["zones"]["public"]["ports"] == ["2222/tcp"]
    words = " ".join(report.changed)
    assert words.index("mask") < words.index("2222/tcp") < words.index("restart firewalld")


def test_the_port_of_sshd_is_open_in_the_zone_an_interface_moves_to(ready: MakeGuest) -> None:
    """`drop` lets nobody in."""
    guest = ready()
    assert setup(guest, replace(ORDER, zone="drop"))[0] == 0
    for kind in ("permanent", "runtime"):
        assert guest.state[kind]["zones"]["drop"]["ports"] == ["22/tcp"]


def test_a_person_who_closed_ssh_is_not_overruled(ready: MakeGuest) -> None:
    """Where the zone already judges the operator's packets, natkeeper opens nothing."""
    guest = ready()
    with guest.by_hand() as state:
        for kind in ("permanent", "runtime"):
            state[kind]["zones"]["public"]["services"] = []
    assert setup(guest)[1].changed == ()


@pytest.mark.parametrize("opened", ["service", "port", "range", "rich rule", "target"])
def test_ssh_that_is_already_open_is_left_alone(fresh: MakeGuest, opened: str) -> None:
    """By whatever means it is open."""
    guest = fresh()
    guest.stop_firewalld()
    with guest.by_hand() as state:
        public = state["permanent"]["zones"]["public"]
        public["services"] = ["ssh"] if opened == "service" else []
        public["ports"] = {"port": ["22/tcp"], "range": ["20-25/tcp"]}.get(opened, [])
        if opened == "target":
            public["target"] = "ACCEPT"
        if opened == "rich rule":
            public["rich_rules"] = ['rule family="ipv4" source address="192.0.2.0/24" service name="ssh" accept']
    _, report = setup(guest, CHECK)
    assert not report.has("ssh_closed")


def test_ssh_on_another_port_or_protocol_does_not_count_as_open(fresh: MakeGuest) -> None:
    """220/tcp and 22/udp are not sshd."""
    guest = fresh()
    guest.stop_firewalld()
    with guest.by_hand() as state:
        state["permanent"]["zones"]["public"]["services"] = []
        state["permanent"]["zones"]["public"]["ports"] = ["220/tcp", "22/udp", "1-9/tcp"]
    assert setup(guest, CHECK)[1].has("ssh_closed")


@pytest.mark.parametrize("other", ["iptables", "nftables", "ufw"])
def test_another_firewall_in_use_is_not_pushed_aside(fresh: MakeGuest, other: str) -> None:
    """Starting firewalld would end it, and a person's rules with it."""
    guest = fresh()
    guest.stop_firewalld()
    with guest.by_hand() as state:
        if other != "ufw":
            state["units"][other] = {"active": True, "enabled": True, "masked": False}
    if other == "ufw":
        ufw = guest.directory / "root/etc/ufw/ufw.conf"
        ufw.parent.mkdir()
        ufw.write_text("ENABLED=yes\n")
    status, report = setup(guest)
    assert (status, "other_firewall" in codes(report)) == (3, True)
    assert other in report.sentence
    assert not guest.state["units"]["firewalld"]["active"]


ESSENTIAL = ("apt-get", "--change-interface=eth0", '--add-rich-rule=rule family="ipv4" source', "restart firewalld")
EXTRA = (
    '--add-rich-rule=rule family="ipv4" destination',
    "--direct --add-rule",
    "sysctl -w net.netfilter.nf_conntrack_tcp_loose",
)
AT_BOOT = ("--permanent --zone=public --add-rich-rule", "--permanent --direct --add-rule", "systemctl daemon-reload")


@pytest.mark.parametrize("step", ESSENTIAL)
def test_a_failing_step_without_which_nothing_forwards_is_named_and_the_rest_is_taken_back(
    fresh: MakeGuest, step: str
) -> None:
    """The machine is as before, but for a package that does nothing."""
    guest = fresh("bare-ubuntu" if step in {"apt-get", "restart firewalld"} else "debian12")
    guest.break_command(step, "no space left on device")
    before, files = guest.state, sorted(guest.directory.glob("root/etc/**/*.conf"))
    status, report = setup(guest)
    assert (status, report.wrong[0].code, report.changed) in (
        (4, "step_failed", ()),
        (
            4,
            "step_failed",
            ("systemctl mask firewalld", "install_package firewalld iptables", "systemctl unmask firewalld"),
        ),
    )
    assert "no space left on device" in report.sentence
    after = guest.state
    assert after["runtime"] == before["runtime"]
    assert after["permanent"] == before["permanent"]
    assert after["sysctl"].items() >= before["sysctl"].items()
    left = [file for file in sorted(guest.directory.glob("root/etc/**/*.conf")) if file not in files]
    assert [file.name for file in left] in ([], ["firewalld.conf"])
    guest.break_command(step, "")
    assert setup(guest)[0] == 0


@pytest.mark.parametrize("step", EXTRA)
def test_a_failing_step_never_takes_back_what_restored_the_internet(fresh: MakeGuest, step: str) -> None:
    """It is named, the gateway forwards, and does so after a reboot."""
    guest = fresh()
    guest.break_command(step, "no such thing")
    status, report = setup(guest)
    assert (status, report.wrong[0].code) == (4, "step_failed")
    assert "no such thing" in report.sentence
    assert guest.forwards(PRIVATE_HOST) == ""
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""
    guest.break_command(step, "")
    assert setup(guest)[0] == 0


@pytest.mark.parametrize("step", AT_BOOT)
def test_what_cannot_be_saved_is_named_and_the_running_gateway_works(fresh: MakeGuest, step: str) -> None:
    """A read-only or full /etc keeps no private host from the internet."""
    guest = fresh()
    guest.break_command(step, "Read-only file system")
    status, report = setup(guest)
    assert (status, report.wrong[0].code, report.facts.forwarding) == (4, "not_saved", "proven")
    assert "Read-only file system" in report.sentence
    assert guest.forwards(PRIVATE_HOST) == ""
    assert guest.forwarded_port("tcp", 8080) == ("10.0.1.5", 80)
    guest.break_command(step, "")
    assert setup(guest)[0] == 0
    guest.reboot()
    assert guest.forwards(PRIVATE_HOST) == ""


def test_without_room_for_files_it_says_so(ready: MakeGuest) -> None:
    """Bad parameters are something else."""
    guest = ready()
    (guest.directory / "root/run/natkeeper.lock").unlink()
    (guest.directory / "root/run/natkeeper.lock").mkdir()
    status, report = setup(guest)
    assert (status, codes(report)) == (5, {"no_room"})


def test_a_run_leaves_no_files_and_takes_away_those_of_a_killed_one(ready: MakeGuest) -> None:
    """/run is where they are; the lock, the library and the counters of the last run stay."""
    guest = ready()
    left = guest.directory / "root/run/natkeeper"
    left.mkdir(parents=True)
    (left / "owned").write_text("rule of nobody\n")
    assert setup(guest)[0] == 0
    names = {path.name.partition("-")[0] for path in (guest.directory / "root/run").iterdir()}
    assert names == {"natkeeper.lock", "natkeeper.library", "natkeeper.last"}
    assert not list((guest.directory / "tmp").iterdir())


@pytest.mark.parametrize(
    "moment", ["netns exec nkprobe curl", '--permanent --zone=public --add-rich-rule=rule family="ipv4" destination']
)
def test_a_run_that_is_ended_says_so_and_leaves_nothing_that_the_next_one_does_not_know(
    fresh: MakeGuest, moment: str
) -> None:
    """In the midst of the proof, and of a change: a rule is noted as natkeeper's before it is made."""
    guest = fresh(replace(FLAVOURS["debian12"], tc=False))  # the proof puts its interface into the zone
    shim, pid = guest.directory / "bin/.shim", guest.directory / "pid"
    ends = f"""[ ! -s {pid} ] || case "$0 $*" in *'{moment}'*) kill -TERM "$(cat {pid})"; : >{pid} ;; esac"""
    shim.write_text(shim.read_text().replace("\n", f"\n{ends}\n", 1))
    block = parameter_block(ORDER)
    result = guest.run(f"echo $$ >'{pid}'\nNK_PARAMETERS='{block}'\n{setup_script()}".encode(), 60)
    assert result is not None
    report = parse_report(result.output)
    assert isinstance(report, SetupReport), result.output
    assert (result.exit_code, codes(report) & {"interrupted"}, pid.read_text()) == (4, {"interrupted"}, "")
    assert "nkprobe0" not in guest.state["runtime"]["zones"]["public"]["interfaces"]
    assert not (guest.directory / "root/run/natkeeper").exists()
    status, report = setup(guest, replace(ORDER, port_forwards=()))
    assert (status, report.facts.forwarding) == (0, "proven")
    for _ in range(2):
        assert guest.forwarded_port("tcp", 8080) is None
        guest.reboot()


def test_a_failing_repair_leaves_a_half_broken_gateway_no_worse(ready: MakeGuest) -> None:
    """What still worked works on: only what this run changed is taken back."""
    guest = ready()
    with guest.by_hand() as state:
        state["runtime"]["zones"]["public"]["rich_rules"].pop()
        state["sysctl"]["net.netfilter.nf_conntrack_tcp_loose"] = "1"
    guest.break_command("sysctl -w", "permission denied")
    assert setup(guest)[0] == 4
    assert guest.forwards(PRIVATE_HOST) == ""


def test_without_a_package_manager_the_reason_is_given(fresh: MakeGuest) -> None:
    """Nothing can be installed, and nothing is changed."""
    guest = fresh("bare-ubuntu")
    (guest.directory / "bin" / "apt-get").unlink()
    status, report = setup(guest)
    assert status == 4
    assert "no apt-get, dnf or yum" in report.sentence


def test_without_root_it_says_so(fresh: MakeGuest) -> None:
    """Before anything is looked at."""
    guest = fresh()
    guest.break_command("id -u", "not today")
    status, report = setup(guest)
    assert (status, codes(report)) == (5, {"not_root"})


def test_without_an_address_it_says_so(fresh: MakeGuest) -> None:
    """An interface that is not there."""
    status, report = setup(fresh(), replace(ORDER, interfaces=("eth7",)))
    assert (status, codes(report)) == (5, {"no_interface"})


HOSTILE = (
    "zone $(touch${IFS}pwned)",
    "zone public;touch pwned",
    "zone public\"'",
    "interface eth0`touch pwned`",
    "source 10.0.0.0/8' ; touch pwned ; '",
    "target http://host/$(touch pwned) host:80",
    "target http://host/|touch host:80",
    "forward tcp 1 10.0.0.1\\ 80",
    "mode apply|check",
    "nonsense 1",
    "script *",
    "zone a\tb",
    "zone \x01",
)


@pytest.mark.parametrize("line", HOSTILE)
def test_hostile_parameters_are_refused_by_the_script_itself(fresh: MakeGuest, line: str) -> None:
    """Exit 2, nothing run, nothing changed, though Python never saw them."""
    guest = fresh()
    before = guest.state
    result, report = run_block(guest, f"mode apply\nsource 10.0.0.0/8\n{line}\n".encode())
    assert (result.exit_code, codes(report)) == (2, {"bad_parameters"})
    assert guest.state == before
    assert not list(guest.directory.rglob("pwned"))


@pytest.mark.parametrize(
    "block", [b"", b"mode apply", b"source 10.0.0.0/8", b"mode\nsource 10.0.0.0/8", b"mode apply\nsource"]
)
def test_incomplete_parameters_are_refused(fresh: MakeGuest, block: bytes) -> None:
    """A mode and a source are the least."""
    assert run_block(fresh(), block)[0].exit_code == 2


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.text(st.characters(codec="ascii"), max_size=80).map(str.encode)))
def test_any_bytes_as_parameters_change_nothing(fresh: MakeGuest, block: bytes) -> None:
    """A check with garbage in it is a check, or is refused."""
    guest = fresh()
    before = guest.state
    result, report = run_block(guest, b"mode check\nsource 10.0.0.0/8\nzone " + block + b"\n")
    assert result.exit_code in {2, 3}
    assert not report.ready
    if b"mode" not in block:
        assert guest.state == before
