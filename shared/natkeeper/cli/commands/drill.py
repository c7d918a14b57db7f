"""`natkeeper drill`: rehearse a failure on the real account, measure what it cost, put everything back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natkeeper.cli.context import Seat
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import asks, complete_groups, shared

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker
    from natkeeper.drill import Figures

KINDS = ("switch", "maintenance", "stop")


@click.command()
@click.argument("group", shell_complete=complete_groups)
@click.option(
    "--kind", type=click.Choice(KINDS), default="switch", show_default=True, help="What happens to the gateway."
)
@click.option("--within", default=180.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=1),
              help="How long to wait for the move before it counts as failed.")  # fmt: skip
@click.option("--output", "-o", metavar="FILE", help="Where the report goes. Default: drill-GROUP-KIND.html.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks
@shared()
@click.pass_obj
def drill(seat: Seat, *, group: str, kind: str, within: float, output: str | None, yes: bool, asker: Asker) -> Exit:
    """Rehearse a failure of the gateway that carries GROUP's route, and write a report.

    switch moves the route by hand; maintenance sends the gateway a simulated notice; stop stops it (keeping its
    addresses) and starts it again. Meanwhile the probe looks at the internet without a pause. Afterwards the gateway is
    made fit and the route is moved back. Refused unless the group is quiet and has a healthy standby.
    """
    from natkeeper.cli.drill.rehearsal import Rehearsal
    from natkeeper.drill import figures, render

    policy = seat.group(group)
    rehearsal = Rehearsal(seat.reach, asker, policy, kind, within, seat.screen.remark)
    gateway = rehearsal.check()
    if not yes:
        _ask(seat, group, kind, gateway)
    observed = rehearsal.run(gateway)
    found = figures(observed)
    path = Path(output or f"drill-{group}-{kind}.html")
    path.write_text(render(observed), encoding="utf-8")
    if seat.as_json:
        seat.screen.data({**found.as_json(), "report": str(path)})
    else:
        _show(seat, found)
        seat.screen.say(f"The report is in {path}.")
    return Exit.OK if found.ok else Exit.ATTENTION


def _ask(seat: Seat, group: str, kind: str, gateway: str) -> None:
    """Have a person say yes, by writing the group's name."""
    if seat.as_json or not sys.stdin.isatty():
        raise Wrong("a drill asks before it breaks anything, and there is nobody to ask", "say --yes")
    means = {
        "switch": "moves its route to the standby and back",
        "maintenance": f"sends {gateway} a simulated maintenance notice, and moves the route back afterwards",
        "stop": f"STOPS {gateway}: every connection through it breaks; it is started again afterwards",
    }
    click.echo(f"This {means[kind]}. Private hosts of group {group} will feel it.", err=True)
    if click.prompt("Write the name of the group to go on", err=True) != group:
        raise Wrong("that was not the name of the group; nothing was done")


def _show(seat: Seat, found: Figures) -> None:
    seat.screen.say(f"{found.scenario}: {'good' if found.ok else 'not good'}", "green" if found.ok else "red")
    for reason in found.reasons:
        seat.screen.say(f"  {reason}", "red")
    lost = f"{found.lost_connections} of {found.connections} looks lost"
    seat.screen.say(f"  outage {found.outage_s:.1f} s, {lost}")
    moved = found.moments.get("route")
    if moved is not None:
        seat.screen.say(f"  route moved after {moved:.1f} s")
    seen = ", ".join(found.ways["out"].seen)
    if seen:
        seat.screen.say(f"  the internet saw {seen}")
