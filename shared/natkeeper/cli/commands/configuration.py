"""Commands about files: init writes a configuration, check validates it offline, package builds what is deployed."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli import questions
from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import CommandError, Exit, Wrong
from natkeeper.cli.options import shared
from natkeeper.cli.output import item

if TYPE_CHECKING:
    from natkeeper.cli.config_draft import Draft

Json = dict[str, Any]


@click.command()
@click.option("--vpc", metavar="VPC", help="The VPC to look at; asked for where there are several.")
@click.option("--gateway", "gateways", multiple=True, metavar="INSTANCE", help="A gateway to be; may be repeated.")
@click.option("--table", "tables", multiple=True, metavar="TABLE", help="A route table to guard; may be repeated.")
@click.option("--group", "name", metavar="NAME", help="Name of the group; default: from the name of the VPC.")
@click.option(
    "--output", "-o", metavar="FILE", help="Where to write; - is standard output. Default: the configuration."
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@shared()
@click.pass_obj
def init(
    context: CommandContext,
    *,
    vpc: str | None,
    gateways: tuple[str, ...],
    tables: tuple[str, ...],
    name: str | None,
    output: str | None,
    force: bool,
) -> Exit:
    """Write a commented configuration from what there is in a VPC.

    Beside it goes an s.yaml for `s deploy`, with its variables filled in, unless there is one. Every custom route
    through an instance becomes a guarded route, every such instance a gateway. What else could be used (other instances
    with a public address, managed NAT Gateways) is in the file as comments.
    """
    from natkeeper.cli import config_draft
    from natkeeper.cli.survey import network
    from natkeeper.domain.config import GROUP_NAME

    if name is not None and not GROUP_NAME.fullmatch(name):
        allowed = "lower-case letters, digits and hyphens, 31 at most, a letter first, such as prod"
        raise Wrong(f"--group {name!r} is not the name of a group", f"allowed: {allowed}")
    target = output or context.config_path
    path = None if target == "-" else Path(target)
    if path is None and context.as_json:
        raise Wrong("--json has no meaning with --output -", "leave one out")
    if path is not None and path.exists() and not force:
        raise Wrong(f"{path} is there already", "overwrite it with --force, or write elsewhere with --output")
    region = _region(context)
    with context.screen.working("reading the VPC"):
        known = context.reach.do("reading the VPCs", network.vpcs)
        found = config_draft.find(context.reach, _chosen(known, vpc))
    drafted = config_draft.draft(found, region=region, gateways=gateways, tables=tables, name=name)
    if path is None:
        click.echo(drafted.text, nl=False)
        return Exit.OK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drafted.text, encoding="utf-8")
    written, left = _lay_out(context, path.parent, drafted.variables)
    added = _add_probes(path.parent, drafted) if written else 0
    if context.as_json:
        answer = {"ok": True, "file": str(path), "group": drafted.group, "s_yaml": drafted.variables}
        context.screen.data({**answer, "laid_out": written, "to_set": left})
        return Exit.OK
    context.screen.say(f"Wrote {path}: group {drafted.group}, {drafted.summary}.")
    if written:
        more = f", with {added} more probe(s) in s.yaml" if added else ""
        context.screen.say(f"Wrote {', '.join(written)}{more}.")
    if len(drafted.probes) > added:
        context.screen.say("s.yaml was there already: natkeeper probes --write adds the probes that it lacks.")
    if left:
        context.screen.say("Read it, then set these in s.yaml:")
    for variable, value in left.items():
        context.screen.say(f"  {variable}: {value}")
    context.screen.say("Go on with:")
    for command, does in _NEXT:
        context.screen.show(item(context.screen.console, 2, [f"{command:<38}", does]))
    return Exit.OK


_NEXT = (
    ("natkeeper check", "holds the files against each other, offline"),
    ("natkeeper policy --ros > roles.yaml", "a ROS stack with the roles"),
    ("natkeeper template", "stores the OOS template"),
    ("s deploy -y", "builds and deploys"),
    ("natkeeper doctor", "looks at everything, and says what to do"),
)


def _lay_out(
    context: CommandContext, directory: Path, variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Make the directory one to deploy from; return the files written, and the variables that a person has to set."""
    from natkeeper.packaging import release

    if (directory / release.TEMPLATE).exists():
        there = _variables(directory / release.TEMPLATE)
        return [], {name: value for name, value in variables.items() if there.get(name) != value}
    known = {name: value for name, value in variables.items() if not value.startswith("(")}
    left = {name: value for name, value in variables.items() if name not in known}
    try:
        known["account"] = context.reach.account()
    except CommandError as trouble:
        left["account"] = f"(the id of your account; {trouble.what})"
    return release.lay_out(directory, known), left


def _variables(template: Path) -> Mapping[str, Any]:
    """Return what an s.yaml has in `vars`; nothing where it cannot be read."""
    import yaml

    try:
        document = yaml.safe_load(template.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    found = document.get("vars") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _add_probes(directory: Path, drafted: Draft) -> int:
    """Add the probes besides the first to the s.yaml that was just laid out; return how many."""
    from natkeeper.cli.probe_resources import WantedProbe, with_probe
    from natkeeper.packaging import release

    path = directory / release.TEMPLATE
    text = path.read_text(encoding="utf-8")
    for probe in drafted.probes:
        text = with_probe(text, WantedProbe(probe.function, drafted.group, probe.table), probe.vswitch)
    path.write_text(text, encoding="utf-8")
    return len(drafted.probes)


def _region(context: CommandContext) -> str:
    """The region that was named, or that of the profile: init writes the configuration, so it asks none."""
    region = context.region or context.profile_region()
    if not region:
        of = f" of the profile {context.profile}" if context.profile else ""
        raise Wrong(f"no region is known{of}", "name one with --region, or set one with `aliyun configure`")
    context.region_id = region
    return region


def _chosen(known: list[Any], wanted: str | None) -> Any:  # noqa: ANN401  a VpcAbout, whose module imports SDKs
    names = [f"{vpc.id} {vpc.name} ({', '.join(vpc.cidrs)})".replace("  ", " ") for vpc in known]
    if wanted is not None:
        chosen = next((vpc for vpc in known if vpc.id == wanted), None)
        if chosen is None:
            raise Wrong(f"there is no VPC {wanted} in this region", f"there are: {'; '.join(names) or 'none'}")
        return chosen
    if not known:
        raise Wrong("there is no VPC in this region", "name another with --region")
    if len(known) == 1:
        return known[0]
    if not sys.stdin.isatty():
        raise Wrong(f"there are {len(known)} VPCs in this region", f"choose one with --vpc: {'; '.join(names)}")
    for number, text in enumerate(names, 1):
        click.echo(f"  {number}  {text}", err=True)
    answer = questions.prompt("Which VPC", click.IntRange(1, len(known)))
    return known[int(answer) - 1]


@click.command()
@shared()
@click.pass_obj
def check(context: CommandContext) -> Exit:
    """Validate the configuration offline, and s.yaml beside it where there is one.

    It calls no API. `natkeeper doctor` goes on from here, against the account.
    """
    from natkeeper.cli.config_hints import about_template, advice
    from natkeeper.domain.discovery import in_words

    config = context.config
    wrong, remarks = about_template(config, Path(context.config_path).parent / "s.yaml")
    wrong += _probe_mismatches(context)
    wrong, remarks = [*wrong, *_unusable(config)], [*advice(config), *remarks]
    if context.as_json:
        groups = [
            {"name": g.name, "gateways": list(g.gateways), "routes": [str(route) for route in g.routes]}
            | ({"finds": in_words(g)} if g.finds is not None else {})
            for g in config.groups
        ]
        context.screen.data(
            {"ok": not wrong, "region": config.region, "groups": groups, "wrong": wrong, "advice": remarks}
        )
        return Exit.WRONG if wrong else Exit.OK
    if wrong:
        raise Wrong("; ".join(wrong))
    for group in config.groups:
        gateways = f"{len(group.gateways)} gateway(s)" if group.gateways else ""
        parts = [gateways, *map(str, group.routes), in_words(group)]
        context.screen.say(f"{group.name}: {', '.join(filter(None, parts))}")
    for remark in remarks:
        context.screen.say(f"  advice: {remark}", "yellow")
    context.screen.say(f"{context.config_path} is valid.", "green")
    return Exit.OK


def _probe_mismatches(context: CommandContext) -> list[str]:
    """Find probes that the configuration and s.yaml beside it do not agree about."""
    from natkeeper.cli.probe_resources import mismatches
    from natkeeper.cli.survey.template_file import FILE, TemplateUnreadable, declared

    path = Path(context.config_path).parent / FILE
    try:
        return mismatches(context.config, declared(path)) if path.exists() else []
    except TemplateUnreadable:
        return []  # what is wrong with the file is said elsewhere, and it may be of Function Compute 2.0


def _unusable(config: Any) -> list[str]:  # noqa: ANN401  a Config
    """Find what is valid by itself and cannot be carried out."""
    from natkeeper.failover.gateway_setup import setup_parameters
    from natkeeper.guest.script import TooLong, render

    wrong = []
    for group in config.groups:
        try:
            render(setup_parameters(group))
        except TooLong as error:
            wrong.append(f"groups.{group.name}: {error}")
        except ValueError as error:
            wrong.append(f"groups.{group.name}: {error}")
    return wrong


@click.command()
@click.option("--out", default="build/bundle", show_default=True, metavar="DIR", help="Where the archives go.")
@click.option("--cache", default="build/cache", show_default=True, metavar="DIR", help="Where dependencies are kept.")
@click.option("--for", "target", type=click.Choice(["fc", "fc2", "here"]), default="fc", show_default=True,
              help="Function Compute, FC 2.0, or this machine's Python for the local cloud.")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="failover, probe or notify; may be repeated.")
@shared()
@click.pass_obj
def package(context: CommandContext, *, out: str, cache: str, target: str, only: tuple[str, ...]) -> Exit:
    """Build what `s deploy` uploads: one archive for each function, with the validated configuration in it.

    `s deploy` does this by itself; the same input gives the same bytes.
    """
    from natkeeper.packaging import (
        BUNDLES,
        FUNCTION_COMPUTE,
        FUNCTION_COMPUTE_2,
        InstallFailed,
        Source,
        build,
        here,
        read_configuration,
    )
    from natkeeper.packaging.bundles import BundleBroken, contents
    from natkeeper.packaging.configuration import ConfigurationRefused
    from natkeeper.packaging.notification import read_addresses

    config = context.config
    if target == "fc" and (different := _probe_mismatches(context)):
        raise Wrong("; ".join(different))
    _, data = read_configuration(Path(context.config_path))
    try:
        addresses = read_addresses(Path(context.config_path))
    except ConfigurationRefused as refused:
        raise Wrong(str(refused)) from refused
    names = [spec.name for spec in BUNDLES]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise Wrong(f"there is no bundle {', '.join(unknown)}", f"bundles are: {', '.join(names)}")
    files, made = contents(config, data, addresses), list[Json]()
    wanted = {"fc": FUNCTION_COMPUTE, "fc2": FUNCTION_COMPUTE_2}.get(target) or here()
    for spec in BUNDLES:
        if only and spec.name not in only:
            continue
        began = time.monotonic()
        try:
            with context.screen.working(f"building {spec.name}"):
                built = build(
                    spec,
                    Source.release(),
                    files.get(spec.configuration or "", b""),
                    wanted,
                    Path(out),
                    cache=Path(cache),
                    say=context.screen.remark,
                )
        except (InstallFailed, BundleBroken, OSError) as error:
            raise CommandError(f"the bundle {spec.name} could not be made: {error}") from error
        size = built.archive.stat().st_size
        made.append({"name": spec.name, "archive": str(built.archive), "bytes": size, "sha256": built.digest,
                     "fresh": built.fresh, "bytecode": built.compiled})  # fmt: skip
        took = f"built in {time.monotonic() - began:.1f} s" if built.fresh else "unchanged"
        context.screen.say(f"{built.archive}  {size / 1e6:.1f} MB  sha256 {built.digest[:12]}  {took}")
        if not built.compiled:
            context.screen.say(
                "  without bytecode: there is no matching Python here, so cold starts will be slower", "yellow"
            )
    if context.as_json:
        context.screen.data({"ok": True, "bundles": made})
    return Exit.OK
