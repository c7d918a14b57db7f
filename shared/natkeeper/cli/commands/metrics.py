"""`natkeeper metrics`: what there is to measure, for a scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import asks, complete_groups, shared
from natkeeper.cli.output import item, with_names
from natkeeper.cli.receipts import exit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import Console
    from rich.text import Text

    from natkeeper.cli.invoke import Asker
    from natkeeper.failover.metrics import Metric


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

    if context.as_json and form == "openmetrics":
        raise Wrong("--json has no meaning with --format openmetrics", "leave one out")
    if group is not None and context.has_config:
        context.group(group)
    with context.screen.working("looking"):
        answer = asker.ask({"action": "status"} | ({"group": group} if group else {}))
    receipts = answer.get("receipts", [])
    if form == "openmetrics":
        click.echo(as_openmetrics(receipts), nl=False)
        return Exit.OK  # the lines say what is wrong: a job that writes them to a file must not drop them
    found = [metric for receipt in receipts for metric in metrics_of(receipt)]
    if context.as_json:
        figures = [{"name": each.name, **each.labels, "value": float(each.value)} for each in found]
        context.screen.data({"metrics": figures})
        return exit_of(answer)
    for row in rows(found, context.screen.console, context.screen.names):
        context.screen.show(row)
    return exit_of(answer)


def rows(found: Iterable[Metric], console: Console, names: Mapping[str, str]) -> Iterator[Text]:
    """Lay figures out: on a terminal below what they are about, so that a line fits into forty columns."""
    shown = ""
    for each in found:
        labels, name = dict(each.labels), each.name.removeprefix("natkeeper_")
        if not console.is_terminal:
            yield item(console, 0, [f"{name:<42} {' '.join(labels.values()):<36} {each.value:g}"])
            continue
        about = " ".join(filter(None, (labels.pop("group", ""), labels.pop("gateway", ""))))
        if about != shown:
            yield item(console, 0, [with_names(about, names)], style="bold")
            shown = about
        yield item(console, 2, [name, *labels.values(), f"{each.value:g}"])
