"""The command reference, from the commands themselves: `python -m natkeeper.cli.reference > docs/commands.md`."""

from __future__ import annotations

import sys

import click

from natkeeper.cli.app import COMMANDS, app
from natkeeper.cli.errors import MEANING

_WIDTH = 100
_HEAD = """\
# Commands

What `natkeeper --help` and `natkeeper COMMAND --help` print, in one place. Written from the commands themselves
(`python -m natkeeper.cli.reference > docs/commands.md`); a test keeps it true. What to do when, and what each alert
means, is in [operations.md](operations.md).

## Exit codes

| code | meaning |
|---|---|
"""


def reference() -> str:
    """Write the reference."""
    parts = [_HEAD, *(f"| {code.value} | {meaning} |\n" for code, meaning in MEANING.items())]
    context = click.Context(app, info_name="natkeeper", terminal_width=_WIDTH, help_option_names=["-h", "--help"])
    parts.append(_section("natkeeper", app, context))
    for name in COMMANDS:
        command = app.get_command(context, name)
        assert command is not None  # noqa: S101  it is in the table
        below = click.Context(command, parent=context, info_name=name, terminal_width=_WIDTH)
        parts.append(_section(f"natkeeper {name}", command, below))
    return "".join(parts)


def _section(title: str, command: click.Command, context: click.Context) -> str:
    text = command.get_help(context).rstrip()
    text = text.partition("\nExit codes:")[0].rstrip()
    return f"\n## {title}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
