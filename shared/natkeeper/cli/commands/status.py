"""Commands that look: status, plan, history. Nothing is written by any of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Unreached, Wrong
from natkeeper.cli.options import asks, complete_groups, only_with, shared
from natkeeper.cli.receipts import conclude, exit_of

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker

Json = dict[str, Any]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST_BACK = timedelta(days=90)
"""How long ActionTrail keeps events without a trail of one's own."""


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@click.option("--watch", "-w", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--every", default=5.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.1), help="Pace."
)
@click.option("--times", metavar="N", type=click.IntRange(min=1), help="End after N looks, with --watch.")
@click.option("--serve", is_flag=True, help="Serve it as a page for a browser of this machine, until Ctrl-C.")
@click.option(
    "--port", default=0, metavar="PORT", type=click.IntRange(0, 65535), help="With --serve; default: a free one."
)
@asks
@shared()
@click.pass_obj
def status(
    context: CommandContext,
    *,
    group: str | None,
    watch: bool,
    every: float,
    times: int | None,
    serve: bool,
    port: int,
    asker: Asker,
) -> Exit:
    """Show what natkeeper sees: routes and next hops, the health of every gateway and why, EIP, last move, pauses.

    Below them stands which share of its checks each probe lost, over five minutes and minute by minute. GROUP limits
    it to one. The exit code tells whether anything needs attention. The page of --serve also has the last moves, and
    looks through the probe as a strip; it only reads, and asks nothing while no browser shows it.
    """
    if serve and watch:
        raise Wrong("--serve and --watch are two ways to look", "leave one out")
    only_with({"--watch": watch, "--serve": serve}, "every")
    only_with({"--watch": watch}, "times")
    only_with({"--serve": serve}, "port")
    if group is not None and context.has_config:
        context.group(group)
    request = {"action": "status"} | ({"group": group} if group else {})
    if serve:
        from natkeeper.cli.page import command

        return command.serve(context, asker, request, every, port)
    if watch:
        return _watch(context, asker, request, every, times)
    with context.screen.working("looking"):
        answer = asker.ask(request)
    return _show(context, answer)


def _show(context: CommandContext, answer: Json) -> Exit:
    from natkeeper.cli.status_table import board

    if context.as_json:
        context.screen.data(answer)
    else:
        for part in board(answer, context.screen.console):
            context.screen.show(part)
    return exit_of(answer)


def _watch(context: CommandContext, asker: Asker, request: Json, every: float, times: int | None) -> Exit:
    """Show the board anew at every look; with --json, one object a line."""
    import json

    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from natkeeper.cli.client import utc_now
    from natkeeper.cli.status_table import board

    looks, code = 0, Exit.OK
    live = None
    if not context.as_json and context.screen.console.is_terminal:
        live = Live(console=context.screen.console, auto_refresh=False, screen=True, vertical_overflow="ellipsis")
        live.start()
    try:
        while True:
            try:
                answer = asker.ask(request)
                code = exit_of(answer)
            except Unreached as trouble:  # it may be reached again, and a person who watches wants to see that
                answer, code = {"ok": False, "error": trouble.what, "exit": trouble.code}, trouble.code
            if context.as_json:
                click.echo(json.dumps(answer, ensure_ascii=False))
            elif live is not None:
                looked = Text(f"looked at {utc_now():%H:%M:%S} UTC; Ctrl-C ends", "dim")
                live.update(Group(looked, *board(answer, context.screen.console)), refresh=True)
            else:
                _show(context, answer)
            looks += 1
            if times is not None and looks >= times:
                return code
            asker.sleeper(every)
    except KeyboardInterrupt:
        return code
    finally:
        if live is not None:
            live.stop()


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@asks
@shared()
@click.pass_obj
def plan(context: CommandContext, *, group: str | None, asker: Asker) -> Exit:
    """Tell what natkeeper would do now, and why. Nothing is written."""
    if group is not None and context.has_config:
        context.group(group)
    with context.screen.working("deciding"):
        answer = asker.ask({"action": "status"} | ({"group": group} if group else {}))
    return conclude(context.screen, answer, would=True)


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@click.option(
    "--since", default="7d", show_default=True, metavar="TIME", help="How far back: 30m, 12h, 7d; at most 90d."
)
@click.option("--all", "everybody", is_flag=True, help="Also what others did to these routes.")
@shared()
@click.pass_obj
def history(context: CommandContext, *, group: str | None, since: str, everybody: bool) -> Exit:
    """List what was done to the guarded routes, by whom, and why. GROUP limits it to one.

    It is read from ActionTrail, where every write of natkeeper carries its reason; there is no database. An event
    appears there some minutes after it happened.
    """
    from natkeeper.cli.client import utc_now
    from natkeeper.cli.survey import network
    from natkeeper.cli.survey.history import events_of, lines_of
    from natkeeper.ports import Failure

    groups = [context.found_group(group)] if group else list(context.as_found.groups)
    with context.screen.working("reading ActionTrail"):
        events = events_of(context.reach, groups, utc_now() - _length(since), everybody=everybody)
    if context.as_json:
        context.screen.data({"events": [event.as_json() for event in events]})
        return Exit.OK
    gateways = [gateway for each in groups for gateway in each.gateways]
    machines = context.reach.try_(lambda attempt: network.machines(attempt, ids=gateways))
    names = {} if isinstance(machines, Failure) else network.names(machines)
    if not events:
        nothing = "Nobody wrote anything" if everybody else "natkeeper wrote nothing"
        context.screen.say(
            f"{nothing} to these routes in the last {since}, as far as ActionTrail knows; it is some minutes "
            "late. `natkeeper status` shows the last move."
        )
    else:
        for line in lines_of(events, context.screen.console, names):
            context.screen.show(line)
    return Exit.OK


def _length(text: str) -> timedelta:
    unit, number = text[-1:], text[:-1]
    if unit not in _UNITS or not number.isdecimal():
        raise Wrong(f"--since {text!r} is not a length of time", "write it as 30m, 12h or 7d")
    length = timedelta(**{_UNITS[unit]: int(number)}) if len(number) < 7 else _LONGEST_BACK * 2  # noqa: PLR2004
    if not timedelta(0) < length <= _LONGEST_BACK:
        raise Wrong(
            f"--since {text} is out of range", "ActionTrail keeps events for 90 days: more than 0m, at most 90d"
        )
    return length
