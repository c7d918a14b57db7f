"""Is the account as natkeeper needs it?  `doctor` tells, `template` mends the one thing that is mended from here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.context import FUNCTION, CommandContext
from natkeeper.cli.errors import CommandError, Exit, Wrong, trouble_of
from natkeeper.cli.options import asker, shared

if TYPE_CHECKING:
    from natkeeper.cli.doctor.findings import Finding

_MARK = {"ok": "✓", "advice": "!", "wrong": "✗", "unseen": "?"}
_STYLE = {"ok": "green", "advice": "yellow", "wrong": "red", "unseen": "magenta"}
TEMPLATE_WITHIN = timedelta(seconds=20)


@click.command()
@click.option("--function", "failover", default=FUNCTION, envvar="NATKEEPER_FUNCTION", show_default=True,
              show_envvar=True, metavar="NAME", help="The deployed function.")  # fmt: skip
@click.option("--fc2", metavar="SERVICE/FUNCTION", envvar="NATKEEPER_FC2", show_envvar=True,
              help="The deployed function, where it is one of FC 2.0.")  # fmt: skip
@click.option("--function-role", default=FUNCTION, show_default=True, metavar="NAME", help="Its role.")
@click.option("--probe-role", default="natkeeper-probe", show_default=True, metavar="NAME", help="Role of the probes.")
@click.option("--all", "everything", is_flag=True, help="Show what is well, too.")
@shared()
@click.pass_obj
def doctor(
    context: CommandContext, *, failover: str, fc2: str | None, function_role: str, probe_role: str, everything: bool
) -> Exit:
    """Validate the configuration against the account; every finding says what to do.

    Looks at routes and what the platform would say to a move (a dry run), gateways, security groups, addresses, setups,
    functions and triggers, roles and each permission, the probe's place, and asks the function what it sees. Changes
    nothing.
    """
    from natkeeper.cli.doctor import discovery, facts, gateways, lanes, routes
    from natkeeper.cli.doctor.deployment import AREA, deployment
    from natkeeper.cli.policies import DeployedNames, grants
    from natkeeper.cli.survey import network
    from natkeeper.cli.survey.template_file import FILE, TemplateUnreadable, declared
    from natkeeper.ports import Failure

    config = context.config
    way = asker(context, failover, fc2, direct=False)
    service, _, name = (fc2 or f"/{failover}").partition("/")
    wanted = grants(config, DeployedNames(name, function_role.lower(), probe_role.lower(), service=service))

    def ask() -> Mapping[str, Any] | str:
        try:
            return way.ask({"action": "status"})
        except CommandError as trouble:
            return trouble.what

    try:
        template_beside = () if fc2 else declared(Path(context.config_path).parent / FILE)
    except TemplateUnreadable as unreadable:
        raise Wrong(str(unreadable)) from unreadable
    with context.screen.working("looking at the account"):
        config, found = discovery.discovered(context.reach, config)
        not_found = frozenset(group.name for group in context.config.groups if config.group(group.name) is None)
        known = facts.account(
            context.reach, config, name, wanted, ask,
            fc2=fc2 is not None, template=template_beside, not_found=not_found,
        )  # fmt: skip
    for group in config.groups:
        ground = known.grounds[group.name]
        found += routes.not_guarded(group, ground, config)
        context.screen.names |= {} if isinstance(ground.machines, Failure) else network.names(ground.machines.values())
        found += [*routes.routes(group, ground), *gateways.gateways(group, ground), *routes.addresses(group, ground)]
        found += lanes.lane(group, ground)
    found += deployment(known, name, wanted)
    areas = [*(group.name for group in context.config.groups), AREA]
    found.sort(key=lambda finding: areas.index(finding.area) if finding.area in areas else len(areas))
    bad = [finding for finding in found if finding.level.value in ("wrong", "unseen")]
    if context.as_json:
        context.screen.data({"ok": not bad, "findings": [finding.as_json() for finding in found]})
    else:
        _show(context, found, everything=everything)
    return Exit.ATTENTION if bad else Exit.OK


def _show(context: CommandContext, found: list[Finding], *, everything: bool) -> None:
    from rich.markup import escape

    from natkeeper.cli.output import item
    from natkeeper.cli.status_table import sign

    console, area = context.screen.console, ""
    for finding in found:
        level = finding.level.value
        if level == "ok" and not everything:
            continue
        if finding.area != area:
            area = finding.area
            context.screen.say(f"{area}:", "bold")
        plain = {"ok": "+", "advice": "!", "wrong": "x", "unseen": "?"}[level]
        says = escape(context.screen.named(f"{finding.about}: {finding.says}"))
        fact = f"[{_STYLE[level]}]{sign(console, _MARK[level], plain)}[/] {says}"
        do = [context.screen.named(f"{sign(console, '→', '->')} {finding.do}")] * bool(finding.do)
        context.screen.show(item(console, 2, [fact], do))
    counts = {level: sum(finding.level.value == level for finding in found) for level in _MARK}
    words = {"ok": "well", "advice": "could be better", "wrong": "wrong", "unseen": "not seen"}
    told = ", ".join(f"{counts[level]} {word}" for level, word in words.items() if counts[level])
    context.screen.say(f"{len(found)} things looked at: {told}.")


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the template, and change nothing.")
@click.option(
    "--account", metavar="ID", help="Do it in this account only: refuse where the credentials are of another."
)
@shared()
@click.pass_obj
def template(context: CommandContext, *, only_print: bool, account: str | None) -> Exit:
    """Create the OOS template of the gateway setup, or update it where it is not that of this version.

    `s deploy` does this by itself after the functions are deployed. Safe to repeat.
    """
    from natkeeper.alibaba.cloud import AlibabaCloud
    from natkeeper.guest.template import oos_template
    from natkeeper.ports import Failure

    if only_print:
        if context.as_json:
            raise Wrong("--json has no meaning with --print", "leave one out")
        click.echo(oos_template(), nl=False)
        return Exit.OK
    names = dict.fromkeys(group.setup.template for group in context.config.groups if group.setup.via == "oos")
    reach = context.reach
    reach.credentials()
    if account is not None and (found := reach.account()) != account:
        raise Wrong(f"these credentials are of account {found}, and not of {account}", "choose others with --profile")
    cloud = AlibabaCloud(reach.region, reach.credentials, reach.endpoint, clock=reach.clock, sleeper=reach.sleeper)
    done: list[dict[str, Any]] = []
    for name in names:
        changed = cloud.ensure_template(name, oos_template(), reach.clock() + TEMPLATE_WITHIN)
        if isinstance(changed, Failure):
            raise trouble_of(changed, f"storing the OOS template {name}")
        done.append({"template": name, "changed": changed})
        context.screen.say(f"{name}: {'stored' if changed else 'is that of this version already'}")
    if not names:
        context.screen.say("No group is set up through OOS, so no template is needed.")
    if context.as_json:
        context.screen.data({"ok": True, "templates": done})
    return Exit.OK
