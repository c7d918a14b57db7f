"""`natkeeper config`: the configuration with every default written out, or the schema for an editor."""

from __future__ import annotations

import json

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import CommandError, Exit, Wrong
from natkeeper.cli.options import shared


def _found(context: CommandContext) -> list[str]:
    """Say what the groups find now, where there is something to find and it can be read."""
    if all(group.finds is None for group in context.config.groups):
        return []
    from natkeeper.domain.discovery import things

    try:
        groups = context.as_found.groups
    except CommandError as trouble:
        return [f"what is found cannot be read: {trouble.what}"]
    return [f"{g.name} finds now: {', '.join(things(g)) or 'nothing'}" for g in groups if g.finds is not None]


@click.command()
@click.option("--effective", is_flag=True, help="Print the configuration with every default written out.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of natkeeper.yaml, for editors and other programs.")
@shared()
@click.pass_obj
def config(context: CommandContext, *, effective: bool, schema: bool) -> Exit:
    """Print the configuration as natkeeper understands it, or the schema of the file."""
    import yaml

    from natkeeper.cli import config_schema

    if effective == schema:
        raise Wrong("say what to print", "natkeeper config --effective, or natkeeper config --schema")
    if schema:
        click.echo(json.dumps(config_schema.schema(), indent=1))
        return Exit.OK
    data = config_schema.effective(context.config)
    if context.as_json:
        context.screen.data(data)
    else:
        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)
        for line in _found(context):
            click.echo(f"# {line}")
    return Exit.OK
