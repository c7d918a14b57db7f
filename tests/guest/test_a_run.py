"""One run from its beginning to its report: what is looked at, in which order, and what ends it early."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from natkeeper.guest.pack import SOURCES
from tests.guest.tools import FUNCTIONS, ToolFolder

ORDER = base64.b64encode(gzip.compress(b"mode apply\nsource 10.0.0.0/8\nscript s1\n")).decode()
CHECKS = base64.b64encode(gzip.compress(b"mode check\nsource 10.0.0.0/8\n")).decode()
STEPS = """step() {{ echo "$1 $FIX" >>$ROOT/steps; }}
find_interfaces() {{ step interfaces; INTERFACES=eth0; }}; find_peers() {{ step peers; }}
wanted_settings() {{ step settings; }}
firewalld() {{ step firewalld; {firewalld}; }}; figures() {{ step figures; }}; proxy() {{ step proxy; }}
connections() {{ step connections; }}; egress() {{ step egress; }}; prove() {{ step prove; {proves}; }}
mend_foreign() {{ step foreign; {mends}; }}; unprove() {{ step unprove; }}
id() {{ echo {user}; }}
NK_PARAMETERS='{order}'
"""
END = f". '{SOURCES}/90-run.sh'"
WELL = {
    "firewalld": "STATE=running", "proves": "FORWARDING=proven WHY=seen", "mends": ":", "user": "0", "order": ORDER,
}  # fmt: skip


def run(machine: ToolFolder, **change: str) -> tuple[int, dict[str, Any], list[str]]:
    """Return how it ended, its report, and its steps, each with whether it repairs."""
    machine.write("steps", "")
    machine.write("calls", "")
    ended = machine.sh(FUNCTIONS + STEPS.format(**WELL | change) + END)
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return ended.returncode, report, machine.read("steps").splitlines()


BEGIN = ["interfaces no", "peers no", "settings no"]
REPAIRS = ["figures yes", "proxy yes", "connections yes", "egress yes", "prove yes"]
THEN_PROVEN = "[ $FIX = yes ] && FORWARDING=refused || FORWARDING=proven"
OTHERS_RULE = "problem foreign_reject x"


@pytest.mark.parametrize(
    "change, status, steps",
    [
        ({}, 0, ["firewalld yes", *REPAIRS]),
        ({"order": CHECKS}, 0, ["firewalld no", *(step.replace("yes", "no") for step in REPAIRS)]),
        ({"firewalld": 'STATE=running; [ $FIX = no ] || CHANGED=\'"x"\''}, 0,
         ["firewalld yes", "firewalld no", *REPAIRS]),
        ({"firewalld": "STATE=missing; problem a b"}, 3, ["firewalld yes", "egress yes", "prove yes"]),
        ({"firewalld": "STATE=stopped; problem a b"}, 3, ["firewalld yes", "figures yes", "egress yes", "prove yes"]),
        ({"firewalld": "STATE=running; FAILURES='{\"code\":\"f\"}'"}, 4, ["firewalld yes", *REPAIRS]),
        ({"proves": "FORWARDING=unproven WHY=no"}, 0, ["firewalld yes", *REPAIRS, "foreign yes"]),
        ({"proves": "FORWARDING=refused WHY=no"}, 3, ["firewalld yes", *REPAIRS, "foreign yes"]),
        ({"proves": "FORWARDING=refused WHY=no", "firewalld": "STATE=stopped; problem a b"}, 3,
         ["firewalld yes", "figures yes", "egress yes", "prove yes"]),
        ({"proves": "FORWARDING=refused WHY=no", "mends": f"{OTHERS_RULE}; [ $FIX = no ] || CHANGED='\"y\"'"}, 3,
         ["firewalld yes", *REPAIRS, "foreign yes", "prove no", "foreign no"]),
        ({"proves": THEN_PROVEN, "mends": f"{OTHERS_RULE}; CHANGED='\"y\"'"}, 0,
         ["firewalld yes", *REPAIRS, "foreign yes", "prove no"]),
    ],
)  # fmt: skip
def test_the_steps_of_a_run(machine: ToolFolder, change: dict[str, str], status: int, steps: list[str]) -> None:
    """What was changed is looked at again; others' rules only where private hosts were not seen to pass."""
    ended, report, done = run(machine, **change)
    assert (ended, done, report["ready"]) == (status, [*BEGIN, *steps], status == 0)
    assert not (machine.folder / "run/natkeeper").exists()


def test_what_was_found_is_told_apart_from_what_is_left(machine: ToolFolder) -> None:
    """A foreign rule that went was found and is not wrong any more; what a second look finds is wrong."""
    _, report, _ = run(
        machine,
        firewalld="STATE=running; problem fw$FIX x; [ $FIX = no ] || CHANGED='\"a\"'",
        proves=THEN_PROVEN,
        mends=f'{OTHERS_RULE}; CHANGED="$CHANGED,\\"b\\""',
    )
    assert [each["code"] for each in report["found"]] == ["fwyes", "foreign_reject"]
    assert [each["code"] for each in report["wrong"]] == ["fwno"]
    assert (report["changed"], report["script"], report["mode"]) == (["a", "b"], "s1", "apply")


def test_a_check_found_what_is_wrong(machine: ToolFolder) -> None:
    """Nothing was changed, so both are the same."""
    _, report, _ = run(machine, order=CHECKS, firewalld="STATE=running; problem a x")
    assert report["found"] == report["wrong"] == [{"code": "a", "message": "x"}]


def test_forwarding_that_is_refused_is_wrong_with_its_reason(machine: ToolFolder) -> None:
    """In words."""
    _, report, _ = run(machine, proves="FORWARDING=refused WHY='10.0.1.0/24: dropped'")
    assert report["wrong"] == [{"code": "forwarding_refused", "message": "10.0.1.0/24: dropped"}]


BUSY = {"code": "busy", "message": "another run of this script is under way"}
NO_ROOM = {"code": "no_room", "message": "this machine cannot keep a small file in /run"}


def test_only_root_sets_up(machine: ToolFolder) -> None:
    """The folder of the run is its own, and goes in any case."""
    machine.program("mkdir", '/bin/mkdir "$@"')
    ended, report, steps = run(machine, user="1000")
    assert (ended, steps, report["wrong"]) == (5, [], [{"code": "not_root", "message": "setup needs root"}])
    root = machine.folder
    assert machine.calls() == [f"mkdir : -p {root}/run", f"mkdir : -p -m 700 {root}/run/natkeeper"]
    assert not (root / "run/natkeeper").exists()


def test_one_run_at_a_time(machine: ToolFolder) -> None:
    """The next one waits a minute for it."""
    machine.program("flock", "exit 1")
    ended, report, _ = run(machine)
    assert (ended, report["wrong"], machine.calls()) == (5, [BUSY], ["flock : -w 60 9"])
    assert report["ready"] is False


@pytest.mark.parametrize("there", ["run", "run/natkeeper.lock/x"])
def test_a_machine_without_room_says_so(machine: ToolFolder, there: str) -> None:
    """A file stands where a folder should, or a folder where a file should."""
    machine.write(there, "")
    ended, report, steps = run(machine)
    assert (ended, report["wrong"], steps) == (5, [NO_ROOM], [])


def test_what_a_killed_run_left_goes_first(machine: ToolFolder) -> None:
    """Its notes say nothing of this one."""
    machine.write("run/natkeeper/there", "old")
    run(machine, firewalld="STATE=running; cat $WORK/there 2>/dev/null && problem old x")
    assert run(machine)[0] == 0


@pytest.mark.parametrize("signal", ["HUP", "INT", "TERM"])
def test_a_run_that_is_interrupted_reports_it(machine: ToolFolder, signal: str) -> None:
    """And leaves no private host behind."""
    ended, report, steps = run(machine, firewalld=f"STATE=running; kill -{signal} $$")
    assert (ended, report["wrong"]) == (4, [{"code": "interrupted", "message": "the run was interrupted"}])
    assert steps == [*BEGIN, "firewalld yes", "unprove yes"]


def test_only_rules_that_can_be_ours_are_read_back(machine: ToolFolder) -> None:
    """And the name of the system, without its quotes."""
    machine.write("etc/natkeeper/owned", 'rule family="ipv4" a\nrule b; reboot\nother c\nrule $(x)\n')
    machine.write("etc/os-release", 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n')
    _, report, _ = run(machine, firewalld="STATE=running; cp $WORK/owned $ROOT/seen")
    assert machine.read("seen") == 'rule family="ipv4" a\n'
    assert report["facts"]["os"] == "Debian GNU/Linux 12"
