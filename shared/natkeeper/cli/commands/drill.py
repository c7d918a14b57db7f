"""`natkeeper drill`: rehearse a failure on the real account, measure what it cost, put everything back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natkeeper.cli import questions
from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Refused, Wrong
from natkeeper.cli.options import asks, complete_groups, not_with, shared

if TYPE_CHECKING:
    from natkeeper.cli.drill.journal import Journal
    from natkeeper.cli.invoke import Asker
    from natkeeper.domain.config import Group
    from natkeeper.drill import DrillFigures

KINDS = ("switch", "maintenance", "stop")


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@click.option(
    "--kind", type=click.Choice(KINDS), default="switch", show_default=True, help="What happens to the gateway."
)
@click.option("--within", default=180.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=1),
              help="How long to wait for the move before it counts as failed.")  # fmt: skip
@click.option("--output", "-o", metavar="FILE", help="Where the report goes. Default: drill-GROUP-KIND.html.")
@click.option(
    "--restore", is_flag=True, help="Put back what an earlier drill left broken: of GROUP, or of every group."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks
@shared()
@click.pass_obj
def drill(
    context: CommandContext,
    *,
    group: str | None,
    kind: str,
    within: float,
    output: str | None,
    restore: bool,
    yes: bool,
    asker: Asker,
) -> Exit:
    """Rehearse a failure of the gateway that carries GROUP's route, and write a report.

    switch moves the route by hand; maintenance sends the gateway a simulated notice; stop stops it (keeping its
    addresses) and starts it again. Meanwhile the probe looks at the internet without a pause. Afterwards the gateway is
    made fit and the routes are moved back. Refused unless the group is quiet and has a healthy standby.

    On every exit, Ctrl-C included, what was broken is put back first. What could not be put back is named, and
    `natkeeper drill GROUP --restore` goes on with it.
    """
    from natkeeper.cli.drill.journal import file_of, find, folder
    from natkeeper.cli.drill.rehearsal import Rehearsal
    from natkeeper.cli.drill.restore import command
    from natkeeper.drill import figures, render

    not_with("--restore", restore, "kind", "within", "output")
    if restore:
        groups = [context.found_group(group)] if group else list(context.as_found.groups)
        return _restore(context, asker, groups, yes=yes)
    if group is None:
        raise Wrong("a drill is of one group", f"name it: natkeeper drill GROUP, and groups are: {context.group_names}")
    path = Path(output or f"drill-{group}-{kind}.html")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Wrong(f"{path} cannot be written", "nothing was done; name another file with --output")
    policy, kept = context.found_group(group), folder(context.environ, context.url)
    if find(kept, context.region_id, group, policy.gateways):
        raise Refused(f"an earlier drill of {group} was not put back", f"do it with `{command(group)}`")
    rehearsal = Rehearsal(context.reach, asker, policy, kind, within, context.screen.progress)
    gateway = rehearsal.check()
    rehearsal.file = file_of(kept, context.region_id, group, gateway)
    if not yes:
        questions.name_of_group(context, _means(kind, group, gateway), group)
    observed = rehearsal.run(gateway)
    found = figures(observed)
    path.write_text(render(observed), encoding="utf-8")
    if context.as_json:
        mend = {"left": rehearsal.left, "mend": rehearsal.mend} if rehearsal.left else {}
        context.screen.data({**found.as_json(), "report": str(path), **mend})
    else:
        _show(context, found)
        context.screen.say(f"The report is in {path}.")
        if rehearsal.left:
            context.screen.say(f"Still broken; mend it with: {rehearsal.mend}", "bold red")
    return Exit.OK if found.ok else Exit.ATTENTION


def _restore(context: CommandContext, asker: Asker, groups: list[Group], *, yes: bool) -> Exit:
    """Put back what earlier drills of `groups` left: what they wrote down, else every gateway that is stopped."""
    from natkeeper.cli.drill.interrupts import Interrupts
    from natkeeper.cli.drill.journal import find, folder
    from natkeeper.cli.drill.restore import Restore, command
    from natkeeper.cli.errors import Interrupted

    todo = [
        journal
        for g in groups
        for journal in find(folder(context.environ, context.url), context.region_id, g.name, g.gateways)
    ]
    if not todo:
        todo = _stopped(context, groups)
        if not todo:
            names = ", ".join(group.name for group in groups)
            context.screen.say(
                f"Nothing to put back: no drill of {names} is written down, and no gateway is stopped that should run."
            )
            if context.as_json:
                context.screen.data({"ok": True, "left": []})
            return Exit.OK
        if not yes:
            stopped = ", ".join(each.gateway for each in todo)
            questions.yes(context, f"no drill is written down here; start {stopped}?")
    else:
        _read_names(context, [journal.gateway for journal in todo])
    left: list[str] = []
    with Interrupts() as interrupts:
        for journal in todo:
            put = Restore(context.reach, asker, journal, context.screen.progress, interrupts.sleep)
            try:
                interrupts.arm()
                left += put.put_back()
            except KeyboardInterrupt:
                mend = f"go on with `{command(journal.group)}`"
                raise Interrupted("interrupted; still broken: " + "; ".join(put.left.values()), mend) from None
            interrupts.disarm()
    if context.as_json:
        context.screen.data({"ok": not left, "left": left})
    for sentence in left:
        context.screen.say(f"still broken: {sentence}", "red")
    if not left:
        context.screen.say("Everything is back as it was.", "green")
    return Exit.ATTENTION if left else Exit.OK


def _stopped(context: CommandContext, groups: list[Group]) -> list[Journal]:
    """Make a journal for each gateway that is stopped: the machine that ran the drill may be another one.

    A cold standby is meant to be stopped, as long as another gateway of its group runs.
    """
    from natkeeper.cli.drill.journal import Journal
    from natkeeper.cli.survey import network

    ids = [gateway for group in groups for gateway in group.gateways]
    machines = context.reach.do("reading the gateways", lambda attempt: network.machines(attempt, ids=ids))
    context.screen.names |= network.names(machines)
    stopped = {machine.id for machine in machines if machine.status in ("Stopped", "Stopping")}
    cold = {group.name for group in groups if group.standby == "cold" and not stopped.issuperset(group.gateways)}
    return [
        Journal(context.region_id, group.name, "stop", gateway, "", ())
        for group in groups
        for gateway in group.gateways
        if gateway in stopped and group.name not in cold
    ]


def _read_names(context: CommandContext, gateways: list[str]) -> None:
    """Learn what gateways are called, if that can be read now: sentences name them by name and id."""
    from natkeeper.cli.survey import network
    from natkeeper.ports import Failure

    machines = context.reach.try_(lambda attempt: network.machines(attempt, ids=gateways))
    context.screen.names |= {} if isinstance(machines, Failure) else network.names(machines)


def _means(kind: str, group: str, gateway: str) -> str:
    """Say what a drill is going to do."""
    means = {
        "switch": "moves its route to the standby and back",
        "maintenance": f"sends {gateway} a simulated maintenance notice, and moves the route back afterwards",
        "stop": f"STOPS {gateway}: every connection through it breaks; it is started again afterwards",
    }
    return f"This {means[kind]}. Private hosts of group {group} will feel it."


def _show(context: CommandContext, found: DrillFigures) -> None:
    context.screen.say(f"{found.scenario}: {'good' if found.ok else 'not good'}", "green" if found.ok else "red")
    for reason in found.reasons:
        context.screen.say(f"  {reason}", "red")
    lost = f"{found.lost_connections} of {found.connections} checks lost"
    least = "at least " * found.outage_open
    context.screen.say(f"  outage {least}{found.outage_s:.1f} s, {lost}")
    if found.outage_open:
        context.screen.say("  it had not ended when the recording did; see `natkeeper status`", "red")
    moved = found.moments.get("route")
    if moved is not None:
        context.screen.say(f"  route moved after {moved:.1f} s")
    seen = ", ".join(found.ways["out"].seen)
    if seen:
        context.screen.say(f"  the internet saw {seen}")
