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
    quiet: ToolFolder, answers: list[str], waits: int, state: str, broken: str
) -> None:
    """One that cannot load its configuration is up, and not waited for. Each question has its limit."""
    (quiet.folder / "answers").write_text("\n".join(answers) + "\n")
    quiet.program("systemctl")
    quiet.program("sleep")
    one = f"cd {quiet.folder}; sed -n 1p answers; sed 1d answers >rest; cat rest >answers"
    quiet.program("timeout", f'[ "$*" = "40 firewall-cmd --state" ] && {{ {one}; }}')
    ended = quiet.run('FIX=yes STATE=stopped; start a b; echo "$STATE|$BROKEN|$ADDED|$UNDO"')
    assert ended.stdout == f"{state}|{broken}|yes|[ stopped = running ] || systemctl stop firewalld\n\n"
    assert quiet.calls()[0] == "systemctl : restart firewalld"
    assert quiet.calls().count("sleep : 1") == waits


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


# ---- steps, stages and the report

SHOWS = 'echo "$BROKEN|$DONE|$CHANGED|$UNDONE|$FAILURES|$PROBLEMS"'


def test_a_stage_that_succeeds_is_a_change(machine: ToolFolder) -> None:
    """Each step by its command without the limit of time; nothing is taken back, and the next stage begins anew."""
    machine.program("timeout", 'shift; exec "$@"')
    said = machine.out(f"change 'echo back' timeout 40 cat /dev/null; change : cut -b1; settle code; echo $?; {SHOWS}")
    assert said == '0\n||"cat /dev/null","cut -b1"|||\n'
    more = f"CHANGED='\"x\"'; change 'echo back' cut -b1; settle code; change : cut -c1; settle code; {SHOWS}"
    assert machine.out(more) == '||"x","cut -b1","cut -c1"|||\n'
    assert machine.out(f"CHANGED='\"x\"'; settle code; echo $?; {SHOWS}") == '0\n||"x"|||\n'


def test_a_stage_that_fails_is_taken_back(machine: ToolFolder) -> None:
    """The last step first, and only those of this stage; what comes after the failure is not tried."""
    note = "echo {} >>$ROOT/log"
    code = f"""
        change '{note.format("back0")}' cut -b9-; settle first
        change '{note.format("back1")}' cut -b1-; change '{note.format("back2")}' cut -b2-
        change '{note.format("back3")}' sh -c 'echo so; echo bad >&2; exit 3'; echo $?
        change '{note.format("back4")}' sh -c '{note.format("done4")}'; echo $?
        settle second; echo $?; {SHOWS}; change : cut -b5-; settle third; {SHOWS}
    """
    failed = """{"code":"second","message":"sh -c echo so; echo bad >&2; exit 3: so bad"}"""
    undone = '"cut -b1-","cut -b2-"'
    assert machine.out(code).splitlines() == [
        *("1", "1", "1"),
        f'||"cut -b9-"|{undone}|{failed}|',
        f'||"cut -b9-","cut -b5-"|{undone}|{failed}|',
    ]
    assert machine.read("log").split() == ["back2", "back1"]


def test_two_stages_that_fail_are_both_told(machine: ToolFolder) -> None:
    """Joined as lists of JSON."""
    stage = "change : cut -b{0}; change : sh -c 'exit 1'; settle code{0}; "
    said = machine.out(stage.format(1) + stage.format(2) + "change : false; settle code3; " + SHOWS)
    undone, failures = said.split("|")[3:5]
    assert undone == '"cut -b1","cut -b2"'
    assert [each["code"] for each in json.loads(f"[{failures}]")] == ["code1", "code2", "code3"]


ZONE = """C=firewall-cmd BOOT={boot} ZONE=public EFFECTIVE={effective}
missing() {{ echo "$@"; }}
zone code message {option}"""


@pytest.mark.parametrize(
    "option, effective, boot, expected",
    [
        ("--add-port=80/tcp", "", "", "code message timeout 40 C --zone=public '--remove-port=80/tcp'"),
        ("--remove-port=80/tcp", "x", "", "code message timeout 40 C --zone=public '--add-port=80/tcp'"),
        ("--add-forward", "", "_at_boot",
         "code_at_boot message (after a reboot) timeout 40 C --zone=public '--remove-forward'"),
        ("--change-interface=eth0", "", "", "code message timeout 40 C --zone=public '--remove-interface=eth0'"),
        ("--change-interface=eth0", "work", "", "code message timeout 40 C --zone=work '--change-interface=eth0'"),
    ],
)  # fmt: skip
def test_an_option_of_a_zone_is_taken_back_by_its_opposite(
    machine: ToolFolder, option: str, effective: str, boot: str, expected: str
) -> None:
    """An interface goes back to the zone that it came from."""
    said = machine.out(ZONE.format(boot=boot, effective=effective, option=option))
    undo = expected.replace(" C ", " firewall-cmd ")
    assert said == f"{undo} timeout 40 firewall-cmd --zone=public {option}\n"


def test_what_is_missing_is_repaired_by_apply_only(machine: ToolFolder) -> None:
    """A check names it."""
    step = "missing code 'not there' : sh -c 'echo done >>$ROOT/log'; echo \"$PROBLEMS\""
    problem = '{"code":"code","message":"not there"}\n'
    assert machine.out(f"export ROOT; FIX=no; {step}") == problem
    assert not (machine.folder / "log").exists()
    assert machine.out(f"export ROOT; FIX=yes; {step}") == problem
    assert machine.read("log") == "done\n"


def test_a_file_is_written_when_it_differs_and_comes_back(machine: ToolFolder) -> None:
    """As it was, or not at all where there was none; a unit is read by systemd."""
    machine.program("systemctl")
    write = "file code /etc/x/a.conf 'new text'; "
    unit = "file unit /etc/systemd/a.service 'new text'; "
    machine.out(f"FIX=yes; {write}{unit}change : false; settle failed")
    assert not (machine.folder / "etc/x/a.conf").exists()
    assert machine.calls() == ["systemctl : daemon-reload"]
    machine.write("etc/x/a.conf", "old text\n")
    assert machine.out(f'FIX=no; {write} echo "$PROBLEMS"').count("/etc/x/a.conf is not as natkeeper writes it") == 1
    machine.out(f"FIX=yes; {write}change : false; settle failed")
    assert machine.read("etc/x/a.conf") == "old text\n"
    assert machine.out(f'FIX=yes; {write}settle failed; echo "$CHANGED"') == '"put /etc/x/a.conf new text"\n'
    assert machine.read("etc/x/a.conf") == "new text\n"
    assert machine.out(f'FIX=yes; {write} echo "$PROBLEMS$DONE"') == "\n"
    assert len(machine.calls()) == 1


def test_a_file_that_cannot_be_put_is_left_whole(quiet: ToolFolder) -> None:
    """And nothing is left beside it."""
    quiet.write("etc/a", "old\n")
    quiet.program("mv", "exit 1")
    assert quiet.out("put /etc/a new; echo $?") == "1\n"
    assert quiet.read("etc/a") == "old\n"
    assert [path.name for path in (quiet.folder / "etc").iterdir()] == ["a"]


@pytest.mark.parametrize("refused, lasts", [("", 0), ("is-active", 1), ("is-enabled", 1)])
def test_a_unit_lasts_when_it_runs_and_will(machine: ToolFolder, refused: str, lasts: int) -> None:
    """Now and after the next boot."""
    machine.program("systemctl", f"echo noise; echo noise >&2; [ $1 != '{refused}' ] && [ $2 = a ]")
    assert machine.out("lasts a; echo $?") == f"{lasts}\n"


def finding(number: int, length: int) -> str:
    """Return a finding of so many characters of text."""
    return f'{{"code":"c{number}","message":"{"x" * length}"}}'


@pytest.mark.parametrize(
    "found, changed, length, kept, more",
    [(2, 3, 100, 2, 0), (20, 30, 40, 20, 0), (20, 30, 100, 12, 8), (10, 0, 257, 6, 4), (9, 1, 256, 9, 0)],
)
def test_a_long_report_tells_the_first_findings(
    machine: ToolFolder, found: int, changed: int, length: int, kept: int, more: int
) -> None:
    """OOS may cut a report; then what was changed is a number. Up to 2,600 characters all is told."""
    findings = [finding(number, length) for number in range(10, 10 + found)]
    machine.write("found", ",".join(findings))
    machine.write("changed", ",".join(f'"step {number}"' for number in range(10, 10 + changed)))
    ended = machine.run("MODE=apply FOUND=$(cat $ROOT/found) CHANGED=$(cat $ROOT/changed); finish 0; echo no")
    report = json.loads(ended.stdout)
    codes = [each["code"] for each in report["found"]]
    assert codes[:kept] == [f"c{number}" for number in range(10, 10 + kept)]
    assert codes[kept:] == (["more"] if more else [])
    assert report["found"][-1]["message"] == (f"{more} more" if more else "x" * length)
    assert report["changed"] == (
        [f"{changed} steps"] if more and changed else [f"step {number}" for number in range(10, 10 + changed)]
    )


@pytest.mark.parametrize("length, changed", [(2590, ["ab", "cd"]), (2591, ["2 steps"])])
def test_a_report_is_long_from_2600_characters(machine: ToolFolder, length: int, changed: list[str]) -> None:
    """Findings and changes together."""
    machine.write("found", finding(1, length - len(finding(1, 0))))
    ended = machine.run('FOUND=$(cat $ROOT/found) CHANGED=\'"ab","cd"\'; finish 0')
    assert json.loads(ended.stdout)["changed"] == changed


@pytest.mark.parametrize(
    "code, status, expected",
    [
        ("finish 0", 0, {"ready": True, "wrong": []}),
        ("FAILURES={1}; finish 3", 3, {"ready": False, "wrong": [1]}),
        ("PROBLEMS={2}; finish 3", 3, {"ready": False, "wrong": [2]}),
        ("FAILURES={1}; PROBLEMS={2}; finish 4", 4, {"ready": False, "wrong": [1, 2]}),
        ("PROBLEMS={1}; stop 2 c2 x", 2, {"ready": False, "wrong": [1, 2]}),
        ("FAILURES={1}; PROBLEMS={2}; give_up", 4, {"ready": False, "wrong": [1, 2], "found": [2]}),
    ],
)
def test_a_report_says_how_it_ended(machine: ToolFolder, code: str, status: int, expected: dict[str, object]) -> None:
    """Ready or not, what failed and what is wrong; what the run kept for itself is gone."""
    ended = machine.run(code.replace("{1}", f"'{finding(1, 1)}'").replace("{2}", f"'{finding(2, 1)}'"))
    report = json.loads(ended.stdout)
    assert ended.returncode == status
    for name in ("wrong", "found"):
        report[name] = [int(each["code"][1:]) for each in report[name]]
    assert {name: report[name] for name in ("ready", "wrong", "found")} == {"found": [], **expected}
    assert not (machine.folder / "work").exists()


def test_a_report_has_facts_and_no_guesses(machine: ToolFolder) -> None:
    """What was not looked at is left out."""
    empty = json.loads(machine.run("MODE=check; finish 0").stdout)
    facts = {
        "os": "OS", "firewalld": "STATE", "firewalld_version": "VERSION", "backend": "BACKEND", "zone": "ZONE",
        "address": "OWN_IP", "forwarding": "FORWARDING", "forwarding_note": "WHY", "egress": "EGRESS",
        "public_ip": "SEEN", "tunnel": "TUNNEL",
    }  # fmt: skip
    assert sorted(empty["facts"]) == sorted((*facts, "networks", "interfaces"))
    assert (empty["format"], empty["mode"], "figures" in empty) == (1, "check", False)
    (machine.folder / "work").mkdir()
    values = " ".join(f"{variable}=of-{name}" for name, variable in facts.items())
    more = "IP_FORWARD=0 MASQUERADE=true INTERFACES='eth0 eth1' SCRIPT=s FINGERPRINT=f FIGURES='\"a\":1' STARTED=7"
    full = json.loads(
        machine.run(f"{values} {more}; NETWORKS='{{}},{{}}' UNDONE='\"u\"' NOTES='{{}}'; finish 0").stdout
    )
    assert full["facts"] == {
        **{name: f"of-{name}" for name in facts},
        "ip_forward": False,
        "masquerade": True,
        "interfaces": ["eth0", "eth1"],
        "networks": [{}, {}],
    }
    names = ("script", "fingerprint", "figures", "started", "undone", "notes")
    assert [full[name] for name in names] == ["s", "f", {"a": 1}, 7, ["u"], [{}]]
    assert full["finished"] > 1_700_000_000


def test_what_is_good_to_have_is_told_without_its_limit_of_time(machine: ToolFolder) -> None:
    """As steps are; a second failure of the same is told once."""
    machine.program("timeout", 'shift; exec "$@"')
    soft = "soft code said timeout 40 cat /dev/null; soft code said timeout 41 cat /dev/null; "
    assert machine.out(f'FIX=yes; {soft} echo "$DONE|$NOTES"') == '"cat /dev/null","timeout 41 cat /dev/null"|\n'
    assert machine.out(f'FIX=no; {soft} echo "$DONE|$NOTES"') == '|{"code":"code","message":"said"}\n'
