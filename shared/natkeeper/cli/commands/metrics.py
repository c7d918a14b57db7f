"""`natkeeper metrics`: what there is to measure, for a scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit
from natkeeper.cli.options import asks, complete_groups, shared
from natkeeper.cli.receipts import exit_of

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@click.option(
    "--format", "form", type=click.Choice(["table", "openmetrics"]), default="table", show_default=True,
    help="openmetrics is what Prometheus and others scrape: write it to a file for a textfile collector.",
)  # fmt: skip
@asks
@shared()
@click.pass_obj
def metrics(context: CommandContext, *, group: str | None, form: str, asker: Asker) -> Exit:
    """Print how full the gateways are and how the groups fare. GROUP limits it to one.

    Figures of a gateway are those of its last setup report. docs/gateway.md has every name.
    """
    from natkeeper.failover.metrics import as_openmetrics, metrics_of

    if group is not None and context.has_config:
        context.group(group)
    with context.screen.working("looking"):
        answer = asker.ask({"action": "status"} | ({"group": group} if group else {}))
    receipts = answer.get("receipts", [])
    if form == "openmetrics":
        click.echo(as_openmetrics(receipts), nl=False)
        return exit_of(answer)
    found = [metric for receipt in receipts for metric in metrics_of(receipt)]
    if context.as_json:
        rows = [{"name": each.name, **each.labels, "value": float(each.value)} for each in found]
        context.screen.data({"metrics": rows})
        return exit_of(answer)
    for each in found:
        about = " ".join(each.labels.values())
        click.echo(f"{each.name.removeprefix('natkeeper_'):<42} {about:<36} {each.value:g}")
    return exit_of(answer)
