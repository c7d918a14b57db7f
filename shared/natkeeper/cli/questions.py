"""Questions to the person at the terminal. Ctrl-C at a question ends the command, and says that nothing was done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.errors import Interrupted, Wrong

if TYPE_CHECKING:
    from natkeeper.cli.context import CommandContext


def prompt(question: str, kind: Any = None) -> Any:  # noqa: ANN401  as click's own
    """Return the answer to a question, of a type of click's. Raises Interrupted at Ctrl-C."""
    try:
        return click.prompt(question, type=kind, err=True)
    except click.Abort:
        click.echo(err=True)  # the line has ^C on it
        raise Interrupted("interrupted; nothing was done") from None


def name_of_group(context: CommandContext, means: str, group: str) -> None:
    """Say what is going to happen and have a person write the group's name. Raises Wrong, or Interrupted."""
    _person(context, "this asks before it breaks anything, and no person is here to ask")
    context.screen.remark(means)
    if prompt("Write the name of the group to go on") != group:
        raise Wrong("that was not the name of the group; nothing was done")


def yes(context: CommandContext, question: str) -> None:
    """Have a person say yes. Raises Wrong, or Interrupted."""
    _person(context, f"{question} No person is here to ask")
    if not prompt(f"{context.screen.named(question)} [y/N]", click.BOOL):
        raise Wrong("nothing was done")


def _person(context: CommandContext, otherwise: str) -> None:
    if context.as_json or not sys.stdin.isatty():
        raise Wrong(otherwise, "say --yes")
