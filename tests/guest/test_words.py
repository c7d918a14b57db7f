"""Single functions of the setup script, run alone: package managers, the start of firewalld, words and networks."""

from __future__ import annotations

import ipaddress
import itertools
import json

import pytest

from tests.guest.tools import ToolFolder

INSTALL = "apt-get noninteractive: -q -y -o DPkg::Lock::Timeout=120 install nginx"
UPDATE = "apt-get noninteractive: -q update"


@pytest.mark.parametrize(
    "body, status, calls",
    [
        ("", 0, [INSTALL]),
        ("""[ "$(cat {}/calls | sed -n '$=')" != 1 ]""", 0, [INSTALL, UPDATE, INSTALL]),
        ("false", 1, [INSTALL, UPDATE]),
    ],
)  # fmt: skip
def test_apt_waits_for_its_lock_asks_nothing_and_reads_its_lists_when_they_are_old(
    machine: ToolFolder, body: str, status: int, calls: list[str]
) -> None:
    """A machine that has just booted upgrades itself, and its image knows versions that are gone."""
    machine.program("apt-get", body.replace("{}", str(machine.folder)))
    for other in ("dnf", "yum"):
        machine.program(other)
    assert machine.run("install_package nginx").returncode == status
    assert machine.calls() == calls


@pytest.mark.parametrize(
    "there, status, calls",
    [(["dnf", "yum"], 0, ["dnf : -q -y install a b"]), (["yum"], 0, ["yum : -q -y install a b"]), ([], 1, [])],
)
def test_dnf_comes_before_yum_and_neither_asks(
    machine: ToolFolder, there: list[str], status: int, calls: list[str]
) -> None:
    """Where there is none, that is what is said."""
    for name in there:
        machine.program(name)
    ended = machine.run("install_package a b")
    assert (ended.returncode, machine.calls()) == (status, calls)
    assert ended.stdout == ("" if there else "no apt-get, dnf or yum here\n")


@pytest.mark.parametrize(
    "answers, waits, state, broken",
    [
        (["running"], 0, "running", ""),
        (["not running"] * 3 + ["running"], 3, "running", ""),
        (["not running"] * 20 + ["running"], 20, "running", ""),
        (["not running"] * 21, 20, "stopped", "systemctl restart firewalld: it did not come up within 20 s"),
        (["not running", "failed"], 1, "failed", ""),
    ],
)
def test_firewalld_has_twenty_seconds_to_come_up(
    machine: ToolFolder, answers: list[str], waits: int, state: str, broken: str
) -> None:
    """One that cannot load its configuration is up, and not waited for. Each question has its limit."""
    (machine.folder / "answers").write_text("\n".join(answers) + "\n")
    machine.program("systemctl")
    machine.program("sleep")
    one = f"cd {machine.folder}; sed -n 1p answers; sed 1d answers >rest; cat rest >answers"
    machine.program("timeout", f'[ "$*" = "40 firewall-cmd --state" ] && {{ {one}; }}')
    ended = machine.run('FIX=yes STATE=stopped; start a b; echo "$STATE|$BROKEN|$ADDED|$UNDO"')
    assert ended.stdout == f"{state}|{broken}|yes|[ stopped = running ] || systemctl stop firewalld\n\n"
    assert machine.calls()[0] == "systemctl : restart firewalld"
    assert machine.calls().count("sleep : 1") == waits


@pytest.mark.parametrize(
    "text, said",
    [
        ('a "b" \\c', 'a "b" \\c'),
        ("tab\tline\nbell\a", "tab line bell "),
        ("x" * 301, "x" * 300),
        ('"' * 400, '"' * 300),
        ("größer", "gr    er"),
        ("$HOME `id` %s", "$HOME `id` %s"),
        ("", ""),
    ],
)
def test_whatever_a_program_says_the_report_stays_json(machine: ToolFolder, text: str, said: str) -> None:
    """Quoted, cut to what fits, and nothing but printable ASCII."""
    (machine.folder / "text").write_text(text, encoding="utf-8")
    assert json.loads(machine.run(f'json "$(cat {machine.folder}/text)"').stdout) == said


NETWORKS = (
    "0.0.0.0", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "127.255.255.255", "128.0.0.1",  # noqa: S104  no socket
    "255.255.255.255/32",
    "10.0.0.0/8", "10.0.0.0", "10.255.255.255", "11.0.0.0", "9.255.255.255", "10.0.1.0/24", "10.0.2.0/24",
    "10.0.1.4/31", "10.0.1.4", "10.0.1.5", "10.0.1.6", "10.0.1.3/32", "10.1.0.0/16", "10.0.0.0/9", "10.128.0.0/9",
    "172.16.0.0/12", "172.31.255.254", "172.32.0.1", "192.168.0.0/16", "1.10.0.10/30", "10.0.1.0/25", "10.0.1.128/25",
)  # fmt: skip


def test_networks_meet_where_python_says_that_they_overlap(machine: ToolFolder) -> None:
    """Each pair, whichever of the two is the narrower one."""
    pairs = [" ".join(pair) for pair in itertools.product(NETWORKS, repeat=2)]
    machine.write("pairs", "\n".join(pairs) + "\n")
    code = f"""awk "$IN_NET"'{{ print $1, $2, inside($1, $2) }}' {machine.folder}/pairs"""
    expected = [f"{pair} {int(overlap(*pair.split()))}" for pair in pairs]
    assert machine.out(code).splitlines() == expected


def overlap(one: str, other: str) -> bool:
    """Return True if two networks have an address in common."""
    return ipaddress.ip_network(one, strict=False).overlaps(ipaddress.ip_network(other, strict=False))


def test_an_address_is_a_number_of_four_bytes(machine: ToolFolder) -> None:
    """The first byte counts most."""
    addresses = ["0.0.0.1", "0.0.1.0", "0.1.0.0", "1.0.0.0", "1.2.3.4", "255.255.255.255"]
    calls = ", ".join(f'number("{address}")' for address in addresses)
    code = f"""awk "$IN_NET"'BEGIN {{ printf "%.0f %.0f %.0f %.0f %.0f %.0f", {calls} }}'"""
    assert machine.out(code).split() == [str(int(ipaddress.ip_address(address))) for address in addresses]


@pytest.mark.parametrize(
    "words, word, found",
    [
        ("eth0 eth1", "eth0", True), ("eth0 eth1", "eth1", True), ("a b c", "b", True), ("eth0", "eth0", True),
        ("eth0 eth10", "eth1", False), ("eth10", "eth1", False), ("xeth1", "eth1", False), ("", "eth0", False),
        ("10.0.0.10", "10.0.0.1", False), ("10x0", "10?0", False), ("a b", "*", False), ("a*b", "ab", False),
    ],
)  # fmt: skip
def test_a_word_is_one_of_several_only_as_a_whole(machine: ToolFolder, words: str, word: str, *, found: bool) -> None:
    """eth1 is not eth10, and no word is a pattern."""
    assert machine.out(f"""one_of "{words}" "{word}" && echo found""") == ("found\n" if found else "")


def test_findings_are_joined_as_json(machine: ToolFolder) -> None:
    """A code and a message each; problems and notes are lists of their own."""
    one, two = '{"code":"a","message":"x \\"y\\""}', '{"code":"b","message":"z"}'
    said = machine.out("""problem a 'x "y"'; echo "$PROBLEMS"; problem b z; note b z; note a 'x "y"'
        echo "$PROBLEMS"; echo "$NOTES"; yes true; yes [ 1 = 2 ]""")
    assert said.splitlines() == [one, f"{one},{two}", f"{two},{one}", "true", "false"]
