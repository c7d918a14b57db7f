"""`natkeeper policy`: the least RAM policies for this configuration, to read, to paste, or as a ROS stack."""

from __future__ import annotations

import json

import click

from natkeeper.cli.context import FUNCTION, CommandContext
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import not_with, shared


@click.command()
@click.option("--for", "key", metavar="WHO", help="Print one policy document only: function, oos, probe, deployer, …")
@click.option("--account", default="*", show_default=True, metavar="ID", help="Account id to write into resources.")
@click.option(
    "--function", "failover", default=FUNCTION, show_default=True, metavar="NAME", help="The failover function."
)
@click.option("--function-role", "role", default=FUNCTION, show_default=True, metavar="NAME", help="Its role.")
@click.option("--probe-role", default="natkeeper-probe", show_default=True, metavar="NAME", help="Role of the probes.")
@click.option("--fc2", metavar="SERVICE/FUNCTION", help="The failover function, where it is one of FC 2.0.")
@click.option("--ros", is_flag=True, help="Print a ROS stack that creates the roles with exactly these policies.")
@shared()
@click.pass_obj
def policy(
    context: CommandContext,
    *,
    key: str | None,
    account: str,
    failover: str,
    role: str,
    probe_role: str,
    fc2: str | None,
    ros: bool,
) -> Exit:
    """Print RAM policies with only the permissions that this configuration needs.

    Writes are limited to its route tables, instances, EIPs and functions; reads are allowed on everything. The command
    calls no API and creates nothing: `aliyun ram CreatePolicy` or the ROS stack does that.
    """
    from natkeeper.cli.policies import DeployedNames, grants
    from natkeeper.cli.policies.ros import roles_stack

    not_with("--ros", ros, "key")
    if ros and context.as_json:
        raise Wrong("--json has no meaning with --ros", "leave one out")
    if account != "*" and not account.isdecimal():
        raise Wrong(f"--account {account} is not an account id", "it is a number, such as 1234567890123456, or *")
    service, _, function = (fc2 or "/").partition("/")
    if fc2 is not None and not (service and function):
        raise Wrong(f"--fc2 {fc2} names no function of FC 2.0", "write it as SERVICE/FUNCTION")
    names = DeployedNames(function or failover, role.lower(), probe_role.lower(), account, service)
    found = grants(context.config, names)
    if ros:
        click.echo(roles_stack(found), nl=False)
        return Exit.OK
    if key is not None:
        if key not in found:
            raise Wrong(f"nobody is called {key!r} here", f"--for takes: {', '.join(found)}")
        click.echo(json.dumps(found[key].document(), indent=1))
        return Exit.OK
    if context.as_json:
        context.screen.data(
            {
                "ok": True,
                "grants": [
                    {"for": g.key, "name": g.name, "policy": g.policy_name, "purpose": g.purpose, "trusts": g.trusts,
                     "document": g.document()}
                    for g in found.values()
                ],
            }
        )  # fmt: skip
        return Exit.OK
    for grant in found.values():
        kind = f"role {grant.name}, taken on by {grant.trusts}" if grant.trusts else f"policy {grant.policy_name}"
        context.screen.say(f"{grant.key}: {kind}", "bold")
        context.screen.say(f"  {grant.purpose}")
        for statement in grant.statements:
            context.screen.say(f"  - {statement.purpose}")
            context.screen.say(f"      {', '.join(statement.actions)}", "cyan")
            if statement.resources != ("*",):
                context.screen.say(f"      on {', '.join(statement.resources)}", "dim")
            if statement.condition:
                context.screen.say(f"      for {', '.join(statement.condition[2])} only", "dim")
        context.screen.say("")
    context.screen.say(
        "One document:  natkeeper policy --for function    All roles as a stack:  natkeeper policy --ros"
    )
    return Exit.OK
