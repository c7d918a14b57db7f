"""Options that many commands share, each with its one meaning, and completion of names from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from natkeeper.cli.context import CONFIG, FUNCTION, CommandContext
from natkeeper.cli.errors import CommandError, Wrong

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker

Decorator = Callable[[Any], Any]


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401  click's values
    """Keep a shared option in the command's context; one that follows the command wins over one before it."""
    context = ctx.ensure_object(CommandContext)
    given = ctx.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
    if given and parameter.name:
        setattr(context, parameter.name, value)


def only_with(partners: Mapping[str, bool], *names: str) -> None:
    """Refuse parameters typed on the command line that mean nothing without one of `partners`, which may be given."""
    if not any(partners.values()):
        for option in _typed(names):
            some = " or ".join(partners)
            raise Wrong(f"{option} has no meaning without {some}", f"add {some}, or leave it out")


def not_with(partner: str, given: object, *names: str) -> None:
    """Refuse parameters typed on the command line that mean nothing beside `partner`, where that is given."""
    if given:
        for option in _typed(names):
            raise Wrong(f"{option} has no meaning with {partner}", "leave one out")


def _typed(names: Iterable[str]) -> Iterator[str]:
    """Yield the options of these parameters that a person typed; the environment may hold for other commands."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            yield parameter.opts[0]


def shared(*, outermost: bool = False) -> Decorator:
    """Give a command the options that every command has; only the outermost one reads the environment."""

    def option(name: str, field: str, variable: str = "", **more: Any) -> Decorator:  # noqa: ANN401
        return click.option(
            *name.split("/"),
            field,
            expose_value=False,
            callback=_remember,
            envvar=variable if outermost and variable else None,
            show_envvar=outermost and bool(variable),
            **more,
        )

    return _all(
        option("--config/-c", "config_path", "NATKEEPER_CONFIG", metavar="FILE", help=f"Default: {CONFIG}."),
        option("--json", "as_json", is_flag=True, help="Answer with one JSON object on standard output."),
        option("--profile", "profile", metavar="NAME", help="Profile of the aliyun CLI that has the credentials."),
        option("--region", "region", metavar="ID", help="Region, where no configuration names it."),
        option(
            "--endpoint",
            "endpoint",
            "NATKEEPER_ENDPOINT",
            metavar="URL",
            help="Use this address for every product: the local cloud, such as http://127.0.0.1:8000.",
        ),
    )


def asks(function: Any) -> Any:  # noqa: ANN401  as click's own decorators
    """Give a command the ways to natkeeper, and hand it an `asker`."""

    @wraps(function)
    def asking(*args: Any, name: str, fc2: str | None, direct: bool, **kwargs: Any) -> Any:  # noqa: ANN401
        context = click.get_current_context().ensure_object(CommandContext)
        not_with("--direct", direct, "name")
        return function(*args, asker=asker(context, name, fc2, direct=direct), **kwargs)

    return _all(
        click.option(
            "--function",
            "name",
            default=FUNCTION,
            envvar="NATKEEPER_FUNCTION",
            show_envvar=True,
            show_default=True,
            metavar="NAME",
            help="The deployed function.",
        ),
        click.option(
            "--fc2",
            metavar="SERVICE/FUNCTION",
            envvar="NATKEEPER_FC2",
            show_envvar=True,
            help="The deployed function, where it is one of FC 2.0.",
        ),
        click.option(
            "--direct",
            is_flag=True,
            help="Do it from this machine with your own credentials, for when the function itself is broken.",
        ),
    )(asking)


def asker(context: CommandContext, name: str, fc2: str | None, *, direct: bool) -> Asker:
    """Choose the way to natkeeper. Raises Wrong for a way that cannot be."""
    from natkeeper.cli.invoke import Asker, Fc2Invoker, Fc3Invoker, Invoker, LocalInvoker

    way: Invoker
    if direct and fc2:
        raise Wrong("--direct asks no function, so --fc2 has no meaning with it", "leave one out")
    if direct:
        way = LocalInvoker(context.reach, context.config)
    elif fc2:
        service, _, function = fc2.partition("/")
        if not service or not function or "/" in function:
            raise Wrong(f"--fc2 {fc2} names no function of FC 2.0", "write it as SERVICE/FUNCTION")
        way = Fc2Invoker(context.reach, service, function)
    else:
        way = Fc3Invoker(context.reach, name)
    return Asker(way, context.screen.remark, context.screen.learn)


def complete_groups(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of groups."""
    return [
        CompletionItem(group.name, help=", ".join(group.gateways))
        for group in _groups(ctx)
        if group.name.startswith(incomplete)
    ]


def complete_gateways(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete next hops: gateways and fallbacks of the group that is named already, or of all."""
    wanted = ctx.params.get("group")
    found: list[CompletionItem] = []
    for group in _groups(ctx):
        if wanted in (None, group.name):
            hops = [*group.gateways, *([group.fallback] if group.fallback else [])]
            found += [CompletionItem(hop, help=group.name) for hop in hops if hop.startswith(incomplete)]
    return found


def complete_targets(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete groups and gateways."""
    return complete_groups(ctx, parameter, incomplete) + complete_gateways(ctx, parameter, incomplete)


def complete_tables(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete route tables of the group that is named already, or of all."""
    wanted = ctx.params.get("group")
    tables = {route.table: group.name for group in _groups(ctx) for route in group.routes}
    return [
        CompletionItem(table, help=name)
        for table, name in tables.items()
        if table.startswith(incomplete) and wanted in (None, name)
    ]


def _groups(ctx: click.Context) -> tuple[Any, ...]:
    context = ctx.find_object(CommandContext) or CommandContext()
    try:
        return context.config.groups
    except (CommandError, OSError):
        return ()  # nobody can read an error while completing


def _all(*decorators: Decorator) -> Decorator:
    def apply(function: Any) -> Any:  # noqa: ANN401  click decorates whatever it is given
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return apply
