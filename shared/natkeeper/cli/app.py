"""The command line itself: which commands there are, how it ends, and completion."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from natkeeper import __version__
from natkeeper.cli.command_list import CommandList, print_help
from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import MEANING, CommandError, Exit
from natkeeper.cli.options import shared
from natkeeper.cli.output import Screen

DEBUG = "NATKEEPER_DEBUG"
COMMANDS = {
    "init": "configuration",
    "check": "configuration",
    "config": "config",
    "doctor": "doctor",
    "policy": "policy",
    "template": "doctor",
    "notify": "notify",
    "package": "configuration",
    "probes": "probes",
    "deployment": "deployment",
    "status": "status",
    "plan": "status",
    "history": "status",
    "metrics": "metrics",
    "switch": "actions",
    "pause": "actions",
    "resume": "actions",
    "setup": "actions",
    "sweep": "actions",
    "drill": "drill",
    "conformance": "conformance",
    "cost": "cost",
    "completion": "completion",
}
"""Every command, in the order of use, and its module in cli/commands."""


class Commands(CommandList):
    """Imports a command's module when the command is asked for, so that completion answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(importlib.import_module(f"natkeeper.cli.commands.{module}"), cmd_name)
        assert isinstance(found, click.Command)  # noqa: S101  as the table says
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's
        """List the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code.value:>3}", meaning) for code, meaning in MEANING.items()])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="natkeeper")
@shared(outermost=True)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Keep the routes of a VPC on a healthy, self-built NAT gateway.

    Commands that look or act ask the deployed function, which does one thing at a time; --direct does the same from
    here. Credentials are found as the aliyun CLI finds them and are never written anywhere.
    """
    print_help(ctx)


_GOES_ON = "a run that was begun goes on and ends by itself; `natkeeper status` shows what became of it"
_HALF_WAY = "what was written before stays; the same command goes on from there"
_ENDS = {
    **dict.fromkeys(("switch", "pause", "resume", "setup", "sweep", "drill", "conformance"), _GOES_ON),
    **dict.fromkeys(("init", "template", "package", "probes"), _HALF_WAY),
    "notify": "the test message may arrive all the same",
}
"""What Ctrl-C means for a command; the others only look."""


def run(arguments: list[str] | None = None) -> int:
    """Run one command line; returns its exit code, having printed what there is to say."""
    logging.getLogger().addHandler(logging.NullHandler())  # the SDKs log what we say in a sentence
    arguments = sys.argv[1:] if arguments is None else arguments
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller closed it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  for the whole process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name in another alphabet must not end a command
    context = CommandContext()
    try:
        ended: Any = app.main(arguments, prog_name="natkeeper", standalone_mode=False, obj=context)
    except CommandError as trouble:
        return _failed(context, trouble.what, trouble.do, trouble.code)
    except click.ClickException as wrong:
        return _failed(context, _usage(wrong), _hint(wrong), Exit.WRONG, as_json="--json" in arguments)
    except (KeyboardInterrupt, click.Abort):
        command = next((word for word in arguments if word in COMMANDS), "")
        return _failed(context, "interrupted", _ENDS.get(command, "nothing was changed"), Exit.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the pipe has gone
        return Exit.OK
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            return _broken(context, error)
        with suppress(OSError):
            sys.stdout.close()  # or what it could not write is tried once more, and again in vain
        after = "make room where the output goes; what was asked for is done all the same: `natkeeper status`"
        return _failed(context, f"the answer could not be written: {error.strerror}", after, Exit.ATTENTION)
    except Exception as error:  # noqa: BLE001  the outermost edge: a fault of ours becomes a sentence
        return _broken(context, error)
    return int(ended) if isinstance(ended, int) else Exit.OK


def _broken(context: CommandContext, error: Exception) -> int:
    """Say that natkeeper itself is at fault."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
    what = f"an error of natkeeper itself: {type(error).__name__}: {error}"
    return _failed(context, what, f"please report it; with {DEBUG}=1 it prints the trace", Exit.BROKEN)


def _failed(context: CommandContext, what: str, do: str, code: Exit, *, as_json: bool = False) -> int:
    Screen(context.as_json or as_json, context.screen.names).trouble(what, do, code)
    return code


def _usage(wrong: click.ClickException) -> str:
    """Say what is wrong with the command line, without a full stop at the end, as all our messages."""
    return wrong.format_message().rstrip(".")


def _hint(wrong: click.ClickException) -> str:
    ctx = getattr(wrong, "ctx", None)
    return f"see `{ctx.command_path} --help`" if ctx is not None else ""
