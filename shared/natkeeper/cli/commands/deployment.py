"""`natkeeper deployment`: what `s deploy` would lose (before), and whether it deployed all that s.yaml says (after)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import CommandError, Denied, Exit, Wrong, trouble_of
from natkeeper.cli.options import shared

if TYPE_CHECKING:
    from natkeeper.cli.survey.functions import Deployed
    from natkeeper.cli.survey.template_file import Incomplete
    from natkeeper.ports import Failure

_SET_OR_NOBODY = (
    "export NATKEEPER_NOTIFY, or write the addresses into natkeeper.notify; NATKEEPER_NOTIFY=none deploys without any"
)


@click.command()
@click.option("--before", is_flag=True, help="Stop a deployment that would take the notification addresses away.")
@shared()
@click.pass_obj
def deployment(context: CommandContext, *, before: bool) -> Exit:
    """Compare what is deployed with s.yaml; name what is missing or differs, and the command that completes it.

    `s deploy` runs both halves by itself: `--before` before anything is written, the comparison after it succeeded.
    The component skips every EventBridge trigger after the first one that did not change, and still reports success.
    A deployment that was killed may lack functions, triggers, and what is written last: where a probe reports.
    Nothing is changed here.
    """
    return _before(context) if before else _after(context)


def _before(context: CommandContext) -> Exit:
    from natkeeper.packaging.configuration import ConfigurationRefused
    from natkeeper.packaging.notification import FILE, VARIABLE, read_addresses

    notify = context.config.notify
    try:
        given = bool(os.environ.get(VARIABLE, "").strip() or read_addresses(Path(context.config_path)))
    except ConfigurationRefused as refused:
        raise Wrong(str(refused)) from refused
    if notify is None or given:
        return _told(context, notify, None)
    try:
        deployed = _addresses(context, notify)
    except Denied as denied:
        what = f"there is neither {VARIABLE} nor {FILE}, and {notify} may have addresses that would be lost"
        raise Wrong(f"{what}: {denied.what}", _SET_OR_NOBODY) from denied
    if deployed:
        what = f"{notify} notifies {deployed} address(es), and this deployment would leave it none: "
        raise Wrong(f"{what}{VARIABLE} is empty here, and there is no {FILE}", _SET_OR_NOBODY)
    return _told(context, notify, deployed)


def _told(context: CommandContext, notify: str | None, deployed: int | None) -> Exit:
    if context.as_json:
        context.screen.data({"ok": True, "notify": notify, "addresses_deployed": deployed})
    return Exit.OK


def _addresses(context: CommandContext, notify: str) -> int:
    """Return how many addresses the deployed function has; 0 where it is not deployed. Raises CommandError."""
    from natkeeper.cli.survey.functions import addresses
    from natkeeper.ports import Failure

    function = _deployed(context, notify)
    found = 0 if function is None else addresses(context.reach, function)
    if isinstance(found, Failure):
        raise trouble_of(found, f"asking {notify} for the number of its addresses")
    return found


def _after(context: CommandContext) -> Exit:
    from natkeeper.cli.survey.template_file import FILE, TemplateUnreadable, declared

    path = Path(context.config_path).parent / FILE
    try:
        functions = declared(path)
    except TemplateUnreadable as unreadable:
        raise Wrong(str(unreadable)) from unreadable
    if not functions:
        raise Wrong(f"there is no {path} to compare with", f"run this where {FILE} is beside the configuration")
    found = list(_problems(context, path))
    if context.as_json:
        context.screen.data({"ok": not found, "incomplete": found})
        return Exit.ATTENTION if found else Exit.OK
    for one in found:
        context.screen.say(f"{one['function']}: {one['says']}", "red")
        context.screen.say(f"      → {one['do']}")
    if not found:
        context.screen.say(f"Every function and trigger is deployed as {FILE} says.", "green")
    return Exit.ATTENTION if found else Exit.OK


def _problems(context: CommandContext, path: Path) -> Iterator[dict[str, str]]:
    from natkeeper.cli.survey.template_file import declared, incomplete

    for function in declared(path):
        deployed = _deployed(context, function.name)
        if deployed is None:
            says = "is not deployed"
            yield {"function": function.name, "says": says, "do": f"s {function.resource} deploy -y"}
            continue
        lacking: Incomplete | None = incomplete(function, deployed)
        if lacking is not None:
            yield {"function": function.name, "says": lacking.says, "do": lacking.command}


def _deployed(context: CommandContext, name: str) -> Deployed | None:
    """Read one function. Raises CommandError where that cannot be read."""
    from natkeeper.cli.survey import functions
    from natkeeper.ports import Failure

    found: Deployed | Failure | None = context.reach.try_(lambda attempt: functions.deployed(attempt, name))
    if isinstance(found, Failure):
        raise _trouble(found, name)
    return found


def _trouble(failure: Failure, name: str) -> CommandError:
    return trouble_of(failure, f"reading function {name}")
