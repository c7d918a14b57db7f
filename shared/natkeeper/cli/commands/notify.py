"""`natkeeper notify --test`: does a message arrive, everywhere?"""

from __future__ import annotations

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import CommandError, Exit, Wrong
from natkeeper.cli.options import shared


@click.command()
@click.option("--test", is_flag=True, help="Send every configured address a test message.")
@click.option("--fc2", metavar="SERVICE", help="The service of the function, where it is one of FC 2.0.")
@shared()
@click.pass_obj
def notify(context: CommandContext, *, test: bool, fc2: str | None) -> Exit:
    """Try the notifications: ask the notify function to send every address a test message.

    The addresses are in the deployed function and are never shown; one that fails is named by its number.
    """
    from natkeeper.cli.invoke import Asker, Fc2Invoker, Fc3Invoker, Invoker

    config = context.config
    if not test:
        raise Wrong("say what to do", "natkeeper notify --test sends a test message")
    if config.notify is None:
        raise Wrong(f"{context.config_path} has no notify, so nobody is notified", "name the function: notify: NAME")
    function = config.notify
    way: Invoker = Fc2Invoker(context.reach, fc2, function) if fc2 else Fc3Invoker(context.reach, function)
    style = {"language": config.language, "timezone": config.timezone, "runbook": config.runbook}
    with context.screen.working("sending a test message"):
        answer = Asker(way, context.screen.remark).ask({"action": "test", "style": style})
    told, total = int(answer.get("told") or 0), int(answer.get("of") or 0)
    if total == 0:
        raise CommandError(
            f"{config.notify} has no address: {answer.get('reason', 'it is older than this command: deploy it')}",
            "put Apprise URLs into natkeeper.notify beside natkeeper.yaml, one a line, and deploy",
        )
    if context.as_json:
        context.screen.data({"ok": told == total, **answer})
    else:
        for problem in answer.get("problems", ()):
            context.screen.say(f"{config.notify}: {problem}", "red")
        context.screen.say(
            f"{told} of {total} addresses took the test message.", "green" if told == total else "yellow"
        )
    return Exit.OK if told == total else Exit.ATTENTION
