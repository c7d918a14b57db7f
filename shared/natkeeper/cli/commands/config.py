"""`natkeeper config`: the configuration with every default written out, or the schema for an editor."""

from __future__ import annotations

import json

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import shared


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
    return Exit.OK
