"""`natkeeper probes`: which probes the configuration wants and s.yaml lacks, and their resources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import only_with, shared


@click.command()
@click.option("--write", is_flag=True, help="Add what is missing to s.yaml, each a copy of its resource `probe`.")
@click.option("--vswitch", "given", multiple=True, metavar="TABLE=VSWITCH",
              help="The vSwitch of a table's probe, instead of asking the account; may be repeated.")  # fmt: skip
@shared()
@click.pass_obj
def probes(context: CommandContext, *, write: bool, given: tuple[str, ...]) -> Exit:
    """List the probes of the configuration and whether s.yaml has them; with --write, add those that it lacks.

    A probe stands in one vSwitch and sees the route table of that. The vSwitch of a new one is the first that is bound
    to its table, as the account says, or what --vswitch names. Read what was written, then run `s deploy`.
    """
    from natkeeper.cli.probe_resources import NoProbeResource, lacking, wanted, with_probe
    from natkeeper.cli.survey.template_file import FILE, TemplateUnreadable, declared

    only_with({"--write": write}, "given")
    path = Path(context.config_path).parent / FILE
    if not path.exists():
        raise Wrong(f"there is no {path}", "`natkeeper init --output new/natkeeper.yaml` lays one out")
    try:
        missing = lacking(context.config, declared(path))
        text = path.read_text(encoding="utf-8")
    except (TemplateUnreadable, OSError) as error:
        raise Wrong(f"{path} cannot be used: {error}") from error
    if write and missing:
        places = _places(context, given, [probe.table for probe in missing])
        try:
            for probe in missing:
                text = with_probe(text, probe, places[probe.table])
        except NoProbeResource as error:
            raise Wrong(str(error)) from error
        path.write_text(text, encoding="utf-8")
    known = [
        {"function": one.function, "group": one.group, "table": one.table, "in_s_yaml": write or one not in missing}
        for one in wanted(context.config)
    ]
    if context.as_json:
        context.screen.data({"ok": write or not missing, "probes": known, "written": write and bool(missing)})
    for one in known if not context.as_json else ():
        state = "is in s.yaml" if one["in_s_yaml"] else "is not in s.yaml: natkeeper probes --write"
        context.screen.say(f"{one['function']}: {one['group']}, through {one['table']}, {state}")
    if write and missing and not context.as_json:
        context.screen.say(f"Wrote {len(missing)} probe(s) to {path}. Read them, then run: s deploy", "green")
    return Exit.OK if write or not missing else Exit.WRONG


def _places(context: CommandContext, given: tuple[str, ...], tables: list[str]) -> Mapping[str, str]:
    """Return a vSwitch for each table: what was given, or the first one that is bound to it."""
    pairs = [pair.partition("=") for pair in given]
    wrong = [f"{left}{sign}{right}" for left, sign, right in pairs if not (sign and right.startswith("vsw-"))]
    if wrong:
        raise Wrong(f"--vswitch {wrong[0]!r} is not a table and a vSwitch", "allowed: vtb-…=vsw-…")
    found = {left: right for left, _, right in pairs}
    for table in tables:
        if table not in found:
            found[table] = _behind(context, table)
    return found


def _behind(context: CommandContext, table: str) -> str:
    """Read from the account which vSwitches are bound to a table; return the first."""
    from natkeeper.cli.survey import network

    about = context.reach.do(f"reading {table}", lambda attempt: network.table(attempt, table))
    vpc = "" if about is None else about.vpc
    known = context.reach.do(f"reading {vpc}", lambda attempt: network.vswitches(attempt, vpc)) if vpc else []
    bound = [vswitch.id for vswitch in known if vswitch.table == table]
    if not bound:
        raise Wrong(f"no vSwitch is bound to {table}, so no probe can look through it", "bind one, or --vswitch")
    return bound[0]
