"""Commands that act: switch, pause, resume, setup, sweep. Each is one request to natkeeper and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.command_list import did_you_mean
from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Unreached, Wrong
from natkeeper.cli.options import (
    asks,
    complete_gateways,
    complete_groups,
    complete_tables,
    complete_targets,
    not_with,
    shared,
)
from natkeeper.cli.receipts import conclude, worst

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker

Json = dict[str, Any]
LOOK_AGAIN_S = 2.0
SETTLED_WITHIN_S = 180.0
"""How long --wait waits: an EIP takes seconds to move, a missing route entry some tens of seconds to be created."""


@click.command()
@click.argument("group", shell_complete=complete_groups)
@click.option(
    "--to", metavar="HOP", shell_complete=complete_gateways, help="i-…, its name, or ngw-…; default: the best standby."
)
@click.option("--table", metavar="TABLE", shell_complete=complete_tables, help="Only the routes in this route table.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option(
    "--force", is_flag=True, help="Also to a gateway that is unwell, over a pause, or over a foreign next hop."
)
@click.option("--wait", is_flag=True, help="Wait until the move is settled and was seen to work.")
@asks
@shared()
@click.pass_obj
def switch(
    context: CommandContext,
    *,
    group: str,
    to: str | None,
    table: str | None,
    dry_run: bool,
    force: bool,
    wait: bool,
    asker: Asker,
) -> Exit:
    """Move the routes of GROUP to another gateway.

    natkeeper moves them as it would by itself: in place, with the EIP where one follows, and looks whether the internet
    is reached. It does not move them back by itself afterwards. A gateway that is unwell is refused unless --force.
    """
    not_with("--dry-run", dry_run, "wait")
    _check(context, group)
    if to is not None and context.has_config and not to.startswith(("i-", "ngw-")):
        to = context.named_gateway(to, [context.found_group(group)])
    request: Json = {"action": "switch", "group": group, "force": force, "dry_run": dry_run}
    request |= {key: value for key, value in (("to", to), ("table", table)) if value is not None}
    with context.screen.working(f"asking what a switch of {group} would do" if dry_run else f"moving {group}"):
        answer = asker.ask(request)
        if wait:
            answer = _settled(asker, group, answer)
    return conclude(context.screen, answer, would=dry_run)


@click.command()
@click.argument("group", shell_complete=complete_groups)
@click.option("--for", "length", required=True, metavar="TIME", help="How long: 30m, 2h, 1d; at most 30d.")
@click.option(
    "--why", required=True, metavar="TEXT", help="What is going on, for people who look at the route meanwhile."
)
@asks
@shared()
@click.pass_obj
def pause(context: CommandContext, *, group: str, length: str, why: str, asker: Asker) -> Exit:
    """Keep natkeeper's hands off GROUP for a while, whatever happens.

    It goes on looking, and tells what it would have done. The pause is remembered in the route entries themselves.
    """
    _check(context, group)
    return conclude(context.screen, asker.ask({"action": "pause", "group": group, "for": length, "why": why}))


@click.command()
@click.argument("group", shell_complete=complete_groups)
@asks
@shared()
@click.pass_obj
def resume(context: CommandContext, *, group: str, asker: Asker) -> Exit:
    """End the pause of GROUP now."""
    _check(context, group)
    return conclude(context.screen, asker.ask({"action": "resume", "group": group}))


@click.command()
@click.argument("target", metavar="GROUP|GATEWAY", shell_complete=complete_targets)
@asks
@shared()
@click.pass_obj
def setup(context: CommandContext, *, target: str, asker: Asker) -> Exit:
    """Configure a gateway, or all gateways of a group, now: firewalld, masquerading, forwarding, port forwards.

    GATEWAY is its id or its name. The setup runs for about a minute after this command; `natkeeper status` tells what
    came of it.
    """
    request: Json = {"action": "setup", "group": target}
    names = [str(group.name) for group in context.config.groups] if context.has_config else [target]
    if not target.startswith("i-") and target not in names and not did_you_mean(target, names):
        target = context.named_gateway(target, context.as_found.groups)
    if target.startswith("i-"):
        groups = context.as_found.groups
        group = next((group for group in groups if target in group.gateways), None)
        if group is None:
            known = "; ".join(f"{group.name}: {', '.join(group.gateways)}" for group in groups)
            raise Wrong(f"no group in {context.config_path} has gateway {target}", f"gateways are: {known}")
        request = {"action": "setup", "group": group.name, "gateway": target}
    else:
        _check(context, target)
    return conclude(context.screen, asker.ask(request))


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@asks
@shared()
@click.pass_obj
def sweep(context: CommandContext, *, group: str | None, asker: Asker) -> Exit:
    """Look at everything now, as the timer does each minute, and repair what is wrong. GROUP limits it to one."""
    if group is not None:
        _check(context, group)
    with context.screen.working("sweeping"):
        answer = asker.ask({"action": "sweep"} | ({"group": group} if group else {}))
    return conclude(context.screen, answer, looks=True)


def _check(context: CommandContext, group: str) -> None:
    """Refuse an unknown group before anything is asked; without a configuration the function knows its groups."""
    if context.has_config:
        context.group(group)


def _settled(asker: Asker, group: str, answer: Json) -> Json:
    """Ask again until nothing is under way any more; what the first answer did stays part of it."""
    until = asker.monotonic() + SETTLED_WITHIN_S
    first, now = answer, answer
    while worst(now) == "waiting":
        if asker.monotonic() >= until:
            raise Unreached(
                f"the move of {group} was not settled within {SETTLED_WITHIN_S:g} s", "see `natkeeper status`"
            )
        asker.sleeper(LOOK_AGAIN_S)
        now = asker.ask({"action": "sweep", "group": group})
    if now is first:
        return first
    return {**now, "receipts": [*first["receipts"], *now["receipts"]]}


__all__ = ["pause", "resume", "setup", "sweep", "switch"]
