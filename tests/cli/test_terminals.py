"""What commands print in terminals of 60, 80 and 120 columns, piped, and where the encoding has few signs."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from natkeeper.cli.app import COMMANDS
from natkeeper.cli.commands.metrics import rows
from natkeeper.cli.output import Screen, with_names
from natkeeper.cli.status_table import board
from natkeeper.cli.survey.history import Written, lines_of
from natkeeper.failover.metrics import Metric
from tests.cli.screens import assert_screen
from tests.cli.town import ROOT, Command, Workspace

ID = re.compile(r"\b(?:i|vtb|ngw|eip)-bp1[a-z0-9]{18,}")
A, B = "i-bp1oe0mwkh6q9r7jily2", "i-bp1ryvs6f695d4ff1gyy"
TABLE, NAT, EIP = "vtb-bp1gz3konp4r38pwfiakp", "ngw-bp19qjjrytvbh1osjr2p4", "eip-bp1n9z382fcq4bpapajqp"


def receipt(group: str, outcome: str) -> dict[str, Any]:
    """A group with everything that status can show."""
    return {
        "group": group,
        "outcome": outcome,
        "sentence": f"{A} is Stopped, and nothing better is there: {B} is not ready: masquerading is off",
        "problems": [f"{B} is not ready: the setup found masquerading off and could not turn it on"],
        "view": {
            "paused_until": "2026-11-23T08:00:00Z",
            "gateways": [
                {"id": A, "name": "nat-a", "zone": "cn-hangzhou-h", "public_ip": "198.51.100.1", "health": "unhealthy",
                 "reason": "is Stopped"},
                {"id": B, "name": "生产环境备用网关", "zone": "cn-hangzhou-i", "health": "draining",
                 "reason": "is due for SystemMaintenance.Reboot", "until": "2026-11-24T02:00:00Z"},
            ],
            "fallback": {"id": NAT, "health": "healthy"},
            "eip": {"id": EIP, "address": "198.51.100.3", "state": "InUse", "holder": A},
            "routes": [{"table": TABLE, "destination": "0.0.0.0/0", "next_hop": B, "home": A, "state": "available",
                        "since": "2026-11-23T06:20:07Z", "by": "auto", "why": f"{A} is Stopped"}],
            "probes": [{"function": "natkeeper-probe", "table": TABLE, "looks": 360, "lost": 108,
                        "minutes": [0, 50, 50, 48, 2]}],
        },
    }  # fmt: skip


ANSWER = {"receipts": [receipt("quiet-one", "quiet"), receipt("bad-one", "attention")]}
EVENTS = [
    Written(
        at="2026-11-23T06:20:07Z",
        group="prod",
        what=f"ModifyRouteEntry 0.0.0.0/0 {TABLE}",
        to=B,
        by="acs:ram::1000000000000001:role/natkeeper-failover",
        why=f"{A} is Stopped",
        ours=True,
        error="",
        request_id="r",
    )
]


def printed(parts: Any, width: int, *, terminal: bool) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None, highlight=False)
    for part in parts(console):
        console.print(part, soft_wrap=not terminal)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("parts", [lambda c: board(ANSWER, c), lambda c: lines_of(EVENTS, c, {A: "nat-a"})])
def test_no_line_is_wider_than_the_terminal_and_no_id_is_broken(parts: Any, width: int) -> None:
    """In a window of any size; the whole id can be copied from it."""
    from rich.cells import cell_len

    lines = printed(parts, width, terminal=True)
    assert max(map(cell_len, lines)) <= width, lines
    items = ("bad-one", "quiet-one", "2026-")
    assert all(line.startswith((" ", *items)) for line in lines if line), "a broken sentence keeps its margin"
    wide = printed(parts, 400, terminal=False)
    assert len(ID.findall("\n".join(lines))) == len(ID.findall("\n".join(wide)))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "name, parts", [("board", lambda c: board(ANSWER, c)), ("history", lambda c: lines_of(EVENTS, c, {A: "nat-a"}))]
)
def test_screens_of_any_width_are_those_that_a_person_has_read(name: str, parts: Any, width: int) -> None:
    """Six of them, in tests/cli/screens."""
    assert_screen(f"{name}-{width}", "\n".join(printed(parts, width, terminal=True)))


@pytest.mark.parametrize("width", [60, 80])
def test_piped_an_item_is_one_line(width: int) -> None:
    """However narrow the terminal is that the pipe began in: grep and awk see whole items."""
    lines = printed(lambda c: board(ANSWER, c), width, terminal=False)
    assert sum(TABLE in line and "available" in line and "home nat-a" in line for line in lines) == 2
    assert sum(A in line and "198.51.100.1" in line and "is Stopped" in line for line in lines) >= 2
    assert "" not in lines


def test_the_loss_of_each_probe_stands_below_its_group() -> None:
    """Over five minutes and minute by minute; a probe that has not reported yet shows no figure."""
    text = "\n".join(printed(lambda c: board(ANSWER, c), 400, terminal=False))
    assert f"probe natkeeper-probe  through {TABLE}  ███░░░░░░░ 30 % of 360 checks lost" in text
    assert "minute by minute: 0 %, 50 %, 50 %, 48 %, 2 %" in text
    silent = {
        "group": "prod",
        "outcome": "quiet",
        "sentence": "",
        "view": {"probes": [{"function": "p", "table": "t"}]},
    }
    assert "probe p" not in "\n".join(printed(lambda c: board({"receipts": [silent]}, c), 400, terminal=False))


@pytest.mark.parametrize(
    "looks, lost, connections, shown",
    [
        (60000, 0, 10, ["░" * 10, "░" * 10]),
        (60000, 1, 29_000, ["█" + "░" * 9, "█" * 4 + "░" * 6]),
        (60, 60, 65_536, ["█" * 10, "█" * 10]),
    ],
)
def test_a_bar_is_as_long_as_the_share(looks: int, lost: int, connections: int, shown: list[str]) -> None:
    """10 of 65,536 connections are no tenth; of what is lost, anything shows."""
    view = {
        "gateways": [{"id": A, "health": "healthy", "figures": {"connections": connections, "maximum": 65_536}}],
        "probes": [{"function": "p", "table": TABLE, "looks": looks, "lost": lost}],
    }
    answer = {"receipts": [{"group": "prod", "outcome": "quiet", "sentence": "", "view": view}]}
    lines = printed(lambda c: board(answer, c), 400, terminal=False)
    gateway, probe = ((re.findall("[█░]+", line) or [""])[0] for line in lines[1:3])
    assert [probe, gateway] == shown
    assert (" 0 %" in lines[2]) == (lost == 0), "what is lost is not nothing"


def test_the_group_that_needs_attention_stands_first() -> None:
    """It must not be what a small window crops."""
    lines = printed(lambda c: board(ANSWER, c), 80, terminal=True)
    assert lines[0].startswith("bad-one")


def test_a_group_with_a_trouble_that_lasts_stands_before_one_that_waits() -> None:
    """What this run did may be nothing: the episode is what a person has to see."""
    lasting = receipt("a-quiet-one", "quiet") | {"episodes": [{"kind": "degraded"}]}
    over = receipt("over", "quiet") | {"episodes": [{"kind": "degraded", "ended": "2026-11-23T06:20:07Z"}]}
    answer = {"receipts": [over, receipt("waiting-one", "waiting"), lasting]}
    lines = printed(lambda c: board(answer, c), 80, terminal=True)
    heads = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert heads == ["a-quiet-one", "waiting-one", "over"]
    assert [line.split()[1] for line in lines if line.startswith(tuple(heads))] == ["degraded", "waiting", "paused"]


def test_figures_fit_into_forty_columns_and_are_one_line_each_in_a_pipe() -> None:
    """Below what they are about, which has name and id; a pipe is for grep."""
    found = [
        Metric("natkeeper_group_episode", {"group": "prod", "kind": "probe broken"}, 0.0),
        Metric("natkeeper_gateway_received_packets_per_second", {"group": "prod", "gateway": A}, 123456.0),
        Metric("natkeeper_gateway_drops", {"group": "prod", "gateway": A}, 0.0),
    ]
    assert printed(lambda c: rows(found, c, {A: "nat-a"}), 40, terminal=True) == [
        "prod",
        "  group_episode  probe broken  0",
        f"prod nat-a ({A})",
        "  gateway_received_packets_per_second",
        "      123456",
        "  gateway_drops  0",
    ]
    piped = printed(lambda c: rows(found, c, {A: "nat-a"}), 40, terminal=False)
    assert [line.split() for line in piped][2] == ["gateway_drops", "prod", A, "0"]
    assert len(piped) == 3


@pytest.mark.parametrize("terminal", [True, False])
def test_an_indented_sentence_goes_on_below_itself(*, terminal: bool) -> None:
    """An advice of `check`, a problem below a receipt: the left margin is of what stands there."""
    out = Console(width=40, file=io.StringIO(), force_terminal=terminal, color_system=None, soft_wrap=not terminal)
    screen = Screen()
    vars(screen)["console"] = vars(screen)["aside"] = out
    sentence = "  advice: prod: one gateway and no fallback, so there is nowhere to go when it fails"
    screen.say(sentence)
    screen.remark(sentence)
    assert isinstance(out.file, io.StringIO)
    first, *others = out.file.getvalue().splitlines()
    if terminal:
        half = len(others) // 2
        assert others[half] == first
        assert all(line.startswith(" " * 4) for line in others[:half])
        assert max(map(len, others)) <= 40
    else:
        assert [first, *others] == [sentence, sentence]


def test_an_error_goes_on_below_itself_on_a_terminal_and_is_one_line_in_a_pipe() -> None:
    """What is wrong and what to do stay apart."""
    what, do = "word " * 30 + "end", "do " * 40 + "it"
    for terminal in (True, False):
        console = Console(
            width=60, file=io.StringIO(), force_terminal=terminal, color_system=None, soft_wrap=not terminal
        )
        screen = Screen()
        vars(screen)["aside"] = console
        screen.trouble(what, do, 2)
        assert isinstance(console.file, io.StringIO)
        first, *others = console.file.getvalue().splitlines()
        assert first.startswith("natkeeper: word")
        assert all(line.startswith(" " * 11) for line in others)
        assert max(map(len, [first, *others])) <= 60 if terminal else len(others) == 1


def test_names_stand_beside_ids() -> None:
    """Next hop, home, gateways, the holder of the EIP, and every sentence."""
    text = "\n".join(printed(lambda c: board(ANSWER, c), 120, terminal=True))
    assert f"nat-a ({A}) is Stopped, and nothing better is there: 生产环境备用网关 ({B})" in " ".join(text.split())
    assert f"problem: 生产环境备用网关 ({B}) is not ready" in text
    past = "\n".join(printed(lambda c: lines_of(EVENTS, c, {A: "nat-a"}), 120, terminal=True))
    assert f"nat-a ({A}) is Stopped" in past
    assert f"home nat-a ({A})" in text
    assert f"to 生产环境备用网关 ({B})" in text
    assert f"on nat-a ({A})" in text


def test_a_name_is_written_once_and_only_beside_a_whole_id() -> None:
    """Also where the sentence has it already, where one id begins another, and where a name has a backslash."""
    names = {"i-a": r"nat\1", "i-ab": "other"}
    assert with_names("nat (i-a) and i-ab, i-a.", names) == r"nat (i-a) and other (i-ab), nat\1 (i-a)."
    assert with_names("one of them (i-a, i-ab)", names) == r"one of them (nat\1 (i-a), other (i-ab))"


@pytest.mark.parametrize(
    "line", ["natkeeper setup i-a, then look again", "natkeeper switch prod --to i-a", "run `start i-a` now"]
)
def test_a_command_to_type_keeps_the_id_alone(line: str) -> None:
    """It is copied into a shell."""
    assert with_names(line, {"i-a": "nat"}) == line


@pytest.mark.parametrize("terminal", [True, False])
def test_what_others_wrote_is_printed_as_it_is(*, terminal: bool) -> None:
    """An ARN (acs:ram::…) has no animal in it, and a reason in brackets is no markup."""
    event = replace(EVENTS[0], why="[bold]:warning: [/]")
    text = "\n".join(printed(lambda c: lines_of([event], c, {}), 120, terminal=terminal))
    assert "by acs:ram::1000000000000001:role/natkeeper-failover: [bold]:warning: [/]" in " ".join(text.split())
    noisy = {"receipts": [{**receipt("prod", "quiet"), "sentence": "of :ram: [red]"}]}
    assert "of :ram: [red]" in "\n".join(printed(lambda c: board(noisy, c), 120, terminal=terminal))


def test_a_call_that_only_asked_whether_it_may_has_not_failed() -> None:
    """`natkeeper doctor` makes one, and ActionTrail lists it with an error code."""
    asked = replace(EVENTS[0], error="DryRunOperation: Request validation has been passed with DryRun flag set.")
    text = "\n".join(printed(lambda c: lines_of([asked], c, {}), 120, terminal=True))
    assert "ModifyRouteEntry  tried only" in text
    assert "failed" not in text
    assert "DryRun" not in text


def test_a_move_is_what_changes_where_packets_go() -> None:
    """The live page lists moves: neither notes in the description nor calls that only asked."""
    note = replace(EVENTS[0], to="")
    asked = replace(EVENTS[0], error="DryRunOperation: passed")
    gone = replace(EVENTS[0], to="", what=f"DeleteRouteEntry 0.0.0.0/0 {TABLE}")
    assert [one.moved for one in (EVENTS[0], note, asked, gone)] == [True, False, False, True]


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("line", ["status --direct", "doctor --all", "plan --direct", "--help", "cost"])
def test_no_encoding_ends_a_command(place: Workspace, encoding: str, line: str) -> None:
    """Signs that it has not got are replaced by plain ones; names in another alphabet by question marks."""
    place.cloud.ecs.create_instance(place.private, name="名称")
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "shared"), "PYTHONIOENCODING": encoding}
    ended = subprocess.run(
        [sys.executable, "-m", "natkeeper.cli", *line.split()],
        env=environ,
        cwd=place.home,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in ended.stderr
    assert b"UnicodeEncodeError" not in ended.stderr + ended.stdout
    assert ended.returncode in (0, 1)
    if encoding == "ascii" and line.startswith("status"):
        assert f"> nat-a  {place.a}".encode() in ended.stdout


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_into_the_terminal(
    natkeeper: Command, monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    """Broken between words; a sentence that goes on in the first column is not read as a table."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = natkeeper(*filter(None, [name]), "--help").out.splitlines()
    wide = [line for line in lines if len(line) > width]
    assert all(" > ~/" in line for line in wide), "only a command to copy is never broken"
    if not name:
        codes = lines[lines.index("Exit codes:") + 1 :]
        assert all(line.startswith("  ") for line in codes)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_has_no_control_characters_and_cuts_nothing(natkeeper: Command, name: str) -> None:
    r"""No literal \b, no sentence that ends in three dots."""
    out = natkeeper(*filter(None, [name]), "--help").out
    assert "\\b" not in out
    assert "\b" not in out
    assert "...\n" not in out.partition("Commands:")[2]
