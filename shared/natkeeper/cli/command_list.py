"""A group of commands whose help cuts no sentence short, and that names the command that was probably meant."""

from __future__ import annotations

import difflib

import click


class CommandList(click.Group):
    """Lists every command with its whole first sentence; without a command, prints the help and ends well."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the command that was probably meant where there is none of that name."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}.{did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every command with its whole first sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, _first_sentence(command.help or "")) for name, command in found if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a question that names what is like `word`; empty where nothing is."""
    near = difflib.get_close_matches(word, known, 1)
    return f" Did you mean {near[0]}?" if near else ""


def print_help(context: click.Context) -> None:
    """Print the help, which is what a command line without a command asks for."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _first_sentence(text: str) -> str:
    sentence = " ".join(text.split("\n\n", maxsplit=1)[0].split()).partition(". ")[0].rstrip(".")
    return sentence if sentence.endswith("?") else f"{sentence}."
