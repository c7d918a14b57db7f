"""What `status` shows of one group: all of a quiet one to the letter, and what each change to it changes there."""

from __future__ import annotations

import copy
import difflib
import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from natkeeper.cli.status_table import bar, board

QUIET: dict[str, Any] = {
    "group": "prod",
    "outcome": "quiet",
    "sentence": "the route goes through i-a, and i-b is ready",
    "episodes": [],
    "view": {
        "routes": [
            {"table": "vtb-1", "destination": "0.0.0.0/0", "next_hop": "i-a", "home": "i-a", "state": "available"}
        ],
        "gateways": [
            {"id": "i-a", "name": "nat-a", "zone": "h", "public_ip": "198.51.100.1", "health": "healthy",
             "figures": {"connections": 500, "maximum": 1000}},
            {"id": "i-b", "health": "healthy"},
        ],
        "probes": [{"function": "probe", "table": "vtb-1", "looks": 100, "lost": 0, "minutes": [0, 0]}],
    },
}  # fmt: skip
SHOWN = """\
prod  [green]quiet[/green]
    the route goes through nat-a (i-a), and i-b is ready
  route 0.0.0.0/0 in vtb-1  [green]available[/green]
      to nat-a (i-a)
  ▶ nat-a  i-a  [green]healthy[/green]
      h  198.51.100.1
      connections █████░░░░░ 500 of 1000
    gateway  i-b  [green]healthy[/green]
  probe probe  through vtb-1
      ░░░░░░░░░░ 0 % of 100 checks lost
      minute by minute: 0 %, 0 %
"""
ROUTE, A, B, PROBE = "view.routes.0.", "view.gateways.0.", "view.gateways.1.", "view.probes.0."
HEAD, TO = "prod  [green]quiet[/green]", "      to nat-a (i-a)"
ELSEWHERE = ["  ▶ nat-a  i-a  [green]healthy[/green]", "    gateway  i-b  [green]healthy[/green]"]
PIPED = (
    "prod  [green]quiet[/green]  the route goes through nat-a (i-a), and i-b is ready\n"
    "  route 0.0.0.0/0 in vtb-1  [green]available[/green]  to nat-a (i-a)\n"
    "  > nat-a  i-a  [green]healthy[/green]  h  198.51.100.1  connections #####..... 500 of 1000\n"
    "    gateway  i-b  [green]healthy[/green]\n"
    "  probe probe  through vtb-1  .......... 0 % of 100 checks lost  minute by minute: 0 %, 0 %"
)


def shown(answer: Mapping[str, Any], *, terminal: bool = True, encoding: str = "utf-8") -> str:
    """Return the board as rich's markup."""
    console = Console(width=60, file=io.TextIOWrapper(io.BytesIO(), encoding), force_terminal=terminal)
    return "\n".join(part.markup for part in board(dict(answer), console))


def group(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The quiet group with something else at these paths."""
    receipt = copy.deepcopy(QUIET)
    for path, value in changes.items():
        at: Any = receipt
        *way, last = path.split(".")
        for step in way:
            at = at[int(step) if step.isdecimal() else step]
        at[last] = value
    return receipt


def test_a_quiet_group_is_shown_whole() -> None:
    """What leads where, what is how, and an empty line before the next group."""
    assert shown({"receipts": [QUIET]}) == SHOWN


def test_in_a_pipe_an_item_is_a_line_by_signs_that_it_has() -> None:
    """No line is empty."""
    assert shown({"receipts": [QUIET]}, terminal=False, encoding="ascii") == PIPED


Case = tuple[dict[str, Any], list[str], list[str]]
CASES: dict[str, Case] = {
    # what differs; the lines that are there no more; the new ones
    "an outcome": ({"outcome": "attention"}, [HEAD], ["prod  [red]attention[/red]"]),
    "an outcome of another release": ({"outcome": "odd"}, [HEAD], ["prod  odd"]),
    "no internet": ({"episodes": [{"kind": "dark"}]}, [HEAD], ["prod  [red]dark[/red]"]),
    "nothing can be seen": ({"episodes": [{"kind": "blind"}]}, [HEAD], ["prod  [red]blind[/red]"]),
    "no standby": ({"episodes": [{"kind": "degraded"}]}, [HEAD], ["prod  [yellow]degraded[/yellow]"]),
    "a trouble that is over, and one that lasts": (
        {"episodes": [{"kind": "dark", "ended": "x"}, {"kind": "full"}]}, [HEAD], ["prod  [yellow]full[/yellow]"],
    ),
    "no view": ({"view": None}, [*SHOWN.replace("nat-a (i-a),", "i-a,").splitlines()[2:]], []),
    "a pause": (
        {"view.paused_until": "2026-11-23T08:00:00Z"}, [HEAD],
        ["prod  [yellow]paused[/yellow]",
         "[yellow]  paused until 2026-11-23 08:00:00 UTC: nothing is done", "    before[/yellow]"],
    ),
    "a pause of a group that needs attention": (
        {"view.paused_until": "2026-11-23", "outcome": "attention"}, [HEAD],
        ["prod  [red]attention[/red]", "[yellow]  paused until 2026-11-23: nothing is done before[/yellow]"],
    ),
    "a problem": ({"problems": ["i-a is slow"]}, [], ["[yellow]  problem: nat-a (i-a) is slow[/yellow]"]),
    "a route that was found": (
        {ROUTE + "found": True}, ["  route 0.0.0.0/0 in vtb-1  [green]available[/green]"],
        ["  route 0.0.0.0/0 in vtb-1  [green]available[/green]  found"],
    ),
    "an entry that is gone": (
        {ROUTE + "next_hop": None, ROUTE + "home": None, ROUTE + "state": "missing"},
        ["  route 0.0.0.0/0 in vtb-1  [green]available[/green]", TO, ELSEWHERE[0]],
        ["  route 0.0.0.0/0 in vtb-1  [red]missing[/red]", "      to nothing",
         "    nat-a  i-a  [green]healthy[/green]"],
    ),
    "a table that cannot be read": (
        {ROUTE + "next_hop": None, ROUTE + "state": "unknown", ROUTE + "reason": "not allowed"},
        ["  route 0.0.0.0/0 in vtb-1  [green]available[/green]", TO, ELSEWHERE[0]],
        ["  route 0.0.0.0/0 in vtb-1  [magenta]unknown[/magenta]", "      home nat-a (i-a)", "      not allowed",
         "    nat-a  i-a  [green]healthy[/green]"],
    ),
    "a route away from home": (
        {ROUTE + "next_hop": "i-b"}, [TO, *ELSEWHERE],
        ["      to i-b", "      home nat-a (i-a)", "    nat-a  i-a  [green]healthy[/green]",
         "  ▶ gateway  i-b  [green]healthy[/green]"],
    ),
    "a route without a home": ({ROUTE + "home": None}, [], []),
    "a move": (
        {ROUTE + "since": "2026-11-23T08:00:00Z", ROUTE + "by": "auto", ROUTE + "why": "i-a is Stopped"}, [],
        ["      moved 2026-11-23 08:00:00 UTC by natkeeper: nat-a", "      (i-a) is Stopped"],
    ),
    "a move by a person whose reason is gone": (
        {ROUTE + "since": "2026-11-23T08:00:00Z", ROUTE + "by": "person"}, [],
        ["      moved 2026-11-23 08:00:00 UTC by a person: its reason", "      was overwritten by a later note"],
    ),
    "a note": ({ROUTE + "note": "by i-a"}, [], ["      noted: by nat-a (i-a)"]),
    "a route that is left alone": ({ROUTE + "reason": "i-a is foreign"}, [], ["      nat-a (i-a) is foreign"]),
    "a standby that is not ready": (
        {B + "unfit": "masquerading is off"}, [ELSEWHERE[1]],
        ["    gateway  i-b  [green]healthy[/green]  [yellow]not ready[/yellow]", "      masquerading is off"],
    ),
    "a standby that nobody has seen to forward": (
        {B + "evidence": {"found": "unproven"}}, [ELSEWHERE[1]],
        ["    gateway  i-b  [green]healthy[/green]  [yellow]unproven[/yellow]"],
    ),
    "a standby that was seen to forward": ({B + "evidence": {"found": "seen"}}, [], []),
    "one that carries what a probe looks through": ({A + "evidence": {"found": "unproven"}}, [], []),
    "one that carries what no probe looks through": (
        {A + "evidence": {"found": "unproven"}, "view.probes": []}, [ELSEWHERE[0], *SHOWN.splitlines()[8:]],
        [ELSEWHERE[0] + "  [yellow]unproven[/yellow]"],
    ),
    "one that is stopped, and of which nothing was seen": (
        {B + "evidence": {"found": "unproven"}, B + "reason": "is Stopped", B + "health": "unhealthy"}, [ELSEWHERE[1]],
        ["    gateway  i-b  [red]unhealthy[/red]", "      is Stopped"],
    ),
    "a gateway that is unwell and not ready": (
        {B + "unfit": "masquerading is off", B + "reason": "is Stopped", B + "health": "unhealthy"}, [ELSEWHERE[1]],
        ["    gateway  i-b  [red]unhealthy[/red]", "      is Stopped"],
    ),
    "a cold standby": (
        {B + "cold": True, B + "health": "unhealthy", B + "reason": "is Stopped"}, [ELSEWHERE[1]],
        ["    gateway  i-b  [red]unhealthy[/red]  cold standby", "      is Stopped"],
    ),
    "a gateway that was found": (
        {B + "found": True, B + "name": "nat-b", "sentence": "."},
        ["    the route goes through nat-a (i-a), and i-b is ready", ELSEWHERE[1]],
        ["    .", "    nat-b  i-b  [green]healthy[/green]  found"],
    ),
    "a gateway that could not be read": ({B + "unread": "no more than its state can be read"}, [],
                                         ["      no more than its state can be read"]),
    "a gateway that is about to go": (
        {B + "reason": "is due for a reboot", B + "until": "2026-11-24T02:00:00Z", B + "health": "draining"},
        [ELSEWHERE[1]],
        ["    gateway  i-b  [yellow]draining[/yellow]", "      is due for a reboot, until 2026-11-24 02:00:00 UTC"],
    ),
    "a fallback": (
        {"view.fallback": {"id": "ngw-1", "health": "healthy", "name": "x"}}, [],
        ["    fallback  ngw-1  [green]healthy[/green]"],
    ),
    "a fallback that carries": (
        {"view.fallback": {"id": "ngw-1", "health": "healthy"}, ROUTE + "next_hop": "ngw-1", ROUTE + "home": None},
        [TO, ELSEWHERE[0]],
        ["      to ngw-1", "    nat-a  i-a  [green]healthy[/green]", "  ▶ fallback  ngw-1  [green]healthy[/green]"],
    ),
    "an EIP": (
        {"view.eip": {"id": "eip-1", "address": "198.51.100.3", "state": "InUse", "holder": "i-a"}}, [],
        ["  EIP eip-1 (198.51.100.3)  InUse", "      on nat-a (i-a)"],
    ),
    "an EIP on nothing": (
        {"view.eip": {"id": "eip-1", "state": "Available"}}, [], ["  EIP eip-1 (?)  Available", "      on no instance"],
    ),
    "an EIP that cannot be read": (
        {"view.eip": {"state": "unknown", "reason": "not allowed beside i-a"}}, [],
        ["  EIP  unknown", "      not allowed beside nat-a (i-a)"],
    ),
    "a lane": (
        {"view.lane": {"target": "1.1.1.1:53", "table": "vtb-1", "next_hop": "i-a", "since": "2026-11-23T08:00:00Z"}},
        [], ["  lane 1.1.1.1:53  in vtb-1", "      through nat-a (i-a) since 2026-11-23 08:00:00 UTC"],
    ),
    "a lane through nothing": (
        {"view.lane": {"target": "1.1.1.1:53", "table": "vtb-1"}}, [],
        ["  lane 1.1.1.1:53  in vtb-1", "      through no standby"],
    ),
    "connections to one destination": (
        {A + "figures": {"connections": 500, "maximum": 1000, "busiest": "203.0.113.9:443/tcp", "busiest_ports": 32256,
                         "drops": 3, "seconds": 60}}, [],
        ["      ports       █████░░░░░ 32256 of 64512 to", "      203.0.113.9:443/tcp",
         "      dropped     3 packets in 60 s: its table of", "      connections was full"],
    ),
    "no report yet": ({A + "figures": None}, ["      connections █████░░░░░ 500 of 1000"], []),
    "a probe that lost something": (
        {PROBE + "looks": 101, PROBE + "lost": 1}, ["      ░░░░░░░░░░ 0 % of 100 checks lost"],
        ["      █░░░░░░░░░ under 1 % of 101 checks lost"],
    ),
    "a probe that lost a hundredth": (
        {PROBE + "lost": 1}, ["      ░░░░░░░░░░ 0 % of 100 checks lost"],
        ["      █░░░░░░░░░ 1 % of 100 checks lost"],
    ),
    "a probe that lost all": (
        {PROBE + "lost": 100}, ["      ░░░░░░░░░░ 0 % of 100 checks lost"],
        ["      ██████████ 100 % of 100 checks lost"],
    ),
    "a probe of one minute": ({PROBE + "minutes": [0]}, ["      minute by minute: 0 %, 0 %"], []),
    "a probe that did not look yet": ({PROBE + "looks": 0}, SHOWN.splitlines()[8:], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_change_shows_where_it_belongs_and_nowhere_else(case: Case) -> None:
    """Every other line stays as it was."""
    changes, gone, new = case
    now = shown({"receipts": [group(changes)]})
    lines = [*difflib.ndiff(SHOWN.splitlines(), now.splitlines())]
    if "view" not in changes:
        assert [line[2:] for line in lines if line[0] == "-"] == gone
        assert [line[2:] for line in lines if line[0] == "+"] == new
    else:
        assert now == "prod  [green]quiet[/green]\n    the route goes through i-a, and i-b is ready\n"


def test_groups_stand_in_the_order_in_which_they_need_people() -> None:
    """A trouble that lasts and a word that nobody knows are as urgent as attention; what is equal stays as it was."""
    words = ["quiet", "refused", "waiting", "changed", "attention", "odd", "lasting"]
    receipts: list[dict[str, Any]] = [{"group": word, "outcome": word, "sentence": "."} for word in words]
    receipts[-1] |= {"outcome": "quiet", "episodes": [{"kind": "full"}]}
    heads = [line.split()[0] for line in shown({"receipts": receipts}, terminal=False).splitlines()]
    assert heads == ["attention", "odd", "lasting", "refused", "waiting", "changed", "quiet"]


def test_what_was_ignored_and_what_failed_stand_below_the_groups() -> None:
    """An answer without any group has them, too."""
    answer = {"ignored": ["group old is not configured"], "error": "no [answer]"}
    assert shown(answer) == "ignored: group old is not configured\n[red]no \\[answer][/red]"
    assert shown({}) == ""


def test_a_bar_is_never_longer_than_its_ten_signs() -> None:
    """Whatever a report says."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert [bar(percent, console) for percent in (0, 14, 16, 130)] == [
        "░" * 10,
        "█" + "░" * 9,
        "██" + "░" * 8,
        "█" * 10,
    ]
