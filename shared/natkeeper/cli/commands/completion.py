"""`natkeeper completion SHELL`: the script that a shell needs to complete commands, groups, gateways and tables."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Wrong
from natkeeper.cli.options import shared

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_NATKEEPER_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@shared()
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  natkeeper completion bash > ~/.local/share/bash-completion/completions/natkeeper
    zsh:   natkeeper completion zsh > "${fpath[1]}/_natkeeper"
    fish:  natkeeper completion fish > ~/.config/fish/completions/natkeeper.fish
    """  # noqa: D301  click's sign for a paragraph that is not to be wrapped is the character itself
    if context.ensure_object(CommandContext).as_json:
        raise Wrong("--json has no meaning with completion", "leave it out")
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  click knows the three
    click.echo(kind(context.find_root().command, {}, "natkeeper", _VARIABLE).source())
