"""`natkeeper conformance`: which way is the platform, where its documents leave that open?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from natkeeper.cli import questions
from natkeeper.cli.commands.cost import an_hour
from natkeeper.cli.context import FUNCTION, CommandContext
from natkeeper.cli.errors import Exit, Interrupted, Wrong
from natkeeper.cli.options import asker, complete_groups, not_with, shared

if TYPE_CHECKING:
    from natkeeper.cli.conformance.document import Document
    from natkeeper.cli.conformance.trial import Trial
    from natkeeper.domain.config import Group


@click.command()
@click.argument("group", required=False, shell_complete=complete_groups)
@click.option("--output", "-o", default="conformance.json", show_default=True, metavar="FILE",
              help="Where the findings go; the page goes beside it, as .md.")  # fmt: skip
@click.option("--compare", metavar="FILE", help="Only say what of this release's assumptions such findings refute.")
@click.option("--vpc", default="", metavar="ID", help="The VPC, where other instances than the demo's are in it.")
@click.option("--restore", is_flag=True, help="Only put back what an earlier trial left.")
@click.option("--function", default=FUNCTION, envvar="NATKEEPER_FUNCTION", show_envvar=True, show_default=True,
              metavar="NAME", help="The deployed function.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared()
@click.pass_obj
def conformance(
    context: CommandContext,
    *,
    group: str | None,
    output: str,
    compare: str | None,
    vpc: str,
    restore: bool,
    function: str,
    yes: bool,
) -> Exit:
    """Find out on a trial deployment of GROUP which way the platform is, where nobody could confirm it.

    It creates two route entries to addresses that nobody uses, writes to them, MOVES the route to the standby and back
    (connections break), simulates a maintenance of the standby, and STOPS it for some minutes while the gateway that
    carries the route goes on; everything is put back on every exit, and by the next trial or --restore where this one
    was killed. Refused in a VPC with other instances than those of templates/ros/demo.yaml, unless it is named with
    --vpc.

    The findings are for `natlab demo --as conformance.json`, and for a report of what this release assumes wrongly.
    """
    from natkeeper.cli.conformance.journal import file_of, read
    from natkeeper.cli.conformance.trial import Trial, leftover, prepare
    from natkeeper.cli.drill.journal import folder

    not_with("--compare", compare, "output", "vpc", "restore", "yes")
    if compare is not None:
        return _compare(context, Path(compare))
    if group is None:
        raise Wrong(
            "a trial is of one group", f"name it: natkeeper conformance GROUP, and groups are: {context.group_names}"
        )
    policy = context.found_group(group)
    file = file_of(folder(context.environ, context.url), context.region_id, group)
    say = context.screen.progress
    before = read(file)
    if before is not None:
        say("putting back what an earlier trial left")
        _put_back(leftover(context.reach, policy, before, say), file, group)
    if restore:
        context.screen.say(
            "Everything is back as it was." if before else f"Nothing to put back: no trial of {group}.", "green"
        )
        if context.as_json:
            context.screen.data({"ok": True, "left": []})
        return Exit.OK
    place, journal = prepare(context.reach, policy, vpc)
    if not yes:
        questions.name_of_group(context, _means(policy, place.standby), policy.name)
    asking = asker(context, function, None, direct=False)
    trial = Trial(place, journal, function, say, asking, context.config.notify)
    journal.write(file)
    _run(trial, file, group)
    return _tell(context, trial, Path(output))


def _run(trial: Trial, file: Path, group: str) -> None:
    """Run it; whatever happens, everything is put back before this ends. Raises Interrupted after Ctrl-C."""
    from natkeeper.cli.drill.interrupts import Interrupts

    with Interrupts(trial.place.sleeper) as interrupts:
        trial.place.sleeper = interrupts.sleep
        stopped = False
        try:
            interrupts.arm()
            trial.run()
        except KeyboardInterrupt:
            stopped = True
        finally:
            interrupts.disarm()
            trial.say("putting everything back")
            try:
                interrupts.arm()
                _put_back(trial, file, group)
            except KeyboardInterrupt:
                raise Interrupted(f"interrupted; {trial.place.standby} may be stopped", _mend(group)) from None
            finally:
                interrupts.disarm()
        if stopped:
            raise Interrupted("interrupted; everything is back as it was")


def _put_back(trial: Trial, file: Path, group: str) -> None:
    """Put a trial back. Raises CommandError with what could not be."""
    from natkeeper.cli.errors import CommandError

    trial.put_back(file)
    if trial.left:
        raise CommandError("not everything is back: " + "; ".join(trial.left), _mend(group))


def _mend(group: str) -> str:
    return f"natkeeper conformance {group} --restore"


def _tell(context: CommandContext, trial: Trial, output: Path) -> Exit:
    """Write what was found, and the page about it."""
    from natkeeper.cli.conformance.document import Document, load, page
    from natkeeper.cli.conformance.readings import readings

    place = trial.place
    at = f"{context.reach.clock():%Y-%m-%dT%H:%M:%SZ}"
    document = Document(
        at, context.region_id, trial.found, place.seconds, unmeasured=place.unmeasured, codes=place.codes
    )
    ids = {place.standby: "the standby", place.active: "the active gateway", place.table: "the table"}
    found = document.as_json({**ids, place.eip: "the EIP", place.group.fallback or "": "the NAT Gateway"})
    output.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    written, beside = load(output), output.with_suffix(".md")
    beside.write_text(page(written, readings(), an_hour("usd")), encoding="utf-8")
    context.screen.say(f"The findings are in {output}, a page about them in {beside}.")
    return _show(context, written)


def _compare(context: CommandContext, path: Path) -> Exit:
    from natkeeper.cli.conformance.document import load

    return _show(context, load(path))


def _show(context: CommandContext, document: Document) -> Exit:
    """Print what the findings confirm and refute; ATTENTION where an assumption is refuted."""
    from natkeeper.cli.conformance.document import page, refuted, verdict
    from natkeeper.cli.conformance.readings import readings

    known = readings()
    wrong, odd = refuted(document, known), {call: code for call, code in document.codes.items() if not code.ok}
    if context.as_json:
        rows = {
            each.name: {
                "assumed": each.assumed,
                "found": document.found[each.name].way if each.name in document.found else None,
                "verdict": verdict(each, document.found.get(each.name)),
            }
            for each in known
        }
        whole = document.as_json()
        measured = {key: whole[key] for key in ("latencies", "unmeasured", "codes")}
        context.screen.data({"ok": not wrong and not odd, "readings": rows, **measured})
    context.screen.say(page(document, known, an_hour("usd")))
    for each in wrong:
        way = document.found[each.name].way
        context.screen.say(f"refuted: {each.name} is {way}, and this release assumes {each.assumed}", "yellow")
    for call, code in odd.items():
        what = f"{call} was answered with {code.code or 'no refusal'} ({code.means})"
        context.screen.say(f"refuted: {what}, and this release wants: {code.wanted}", "yellow")
    return Exit.ATTENTION if wrong or odd else Exit.OK


def _means(group: Group, standby: str) -> str:
    """Say what a trial is going to do."""
    return (
        f"This creates two entries in the first route table of {group.name}, MOVES its route to {standby} and back, "
        f"which breaks connections, simulates a maintenance of {standby}, and STOPS it for some minutes; meanwhile the "
        "group has one standby less. Everything is put back."
    )
