"""`natlab`: the local Alibaba Cloud, and demonstrations on it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.command_list import CommandList, did_you_mean, print_help

if TYPE_CHECKING:
    from natlab.scenarios.readings import Platform

PLAYED_BADLY, WRONG_USE, NOT_POSSIBLE = 1, 2, 3


@click.group(
    cls=CommandList,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.pass_context
def main(context: click.Context) -> None:
    """A local Alibaba Cloud, and what happens to NAT gateways on it.

    Nothing here needs an account, root or the internet (but a package index, once).
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    print_help(context)


@main.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per scenario, one a line, in the order of the list."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    help="How many scenarios to play at a time.  [default: by processors and load]",
)
@click.option("--all", "everything", is_flag=True, help="Also those that take the demonstration beyond a minute.")
@click.option("--list", "listed", is_flag=True, help="Only list the scenarios and their stories.")
@click.option("--pace", type=click.FloatRange(0.01, 10.0), default=1.0, show_default=True,
              help="Scale every assumed latency of the platform; figures mean something only at 1.")  # fmt: skip
@click.option("--reading", "given", multiple=True, metavar="NAME=WAY", help="An unconfirmed fact of the platform that "
              "is not as assumed; may be repeated. `natlab readings` lists them.")  # fmt: skip
@click.option("--as", "findings", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Be the platform that `natkeeper conformance` found.")  # fmt: skip
def demo(
    scenarios: tuple[str, ...],
    jobs: int | None,
    pace: float,
    given: tuple[str, ...],
    findings: str | None,
    *,
    as_json: bool,
    listed: bool,
    everything: bool,
) -> None:
    """Play scenarios on a local Alibaba Cloud: something goes wrong, natkeeper's functions must put it right.

    The functions are the bundles that `s deploy` would upload, deployed from s.yaml by the API; they run in processes
    of their own and are woken by events, timers or the probe. Without names: one failover as a live timeline, then
    all scenarios as a table. With one name: its timeline. With several: a table of them.

    Exit status: 0 every verdict was good, 1 some was not, 2 there is no such scenario,
    3 the demonstration could not be set up.
    """
    from rich.console import Console

    from natkeeper.packaging import InstallFailed
    from natlab.demo.show import NARROWEST, Demo
    from natlab.scenarios.catalogue import NAMES, SCENARIOS

    wanted = _platform(given, findings)
    unknown = [name for name in scenarios if name not in NAMES]
    if unknown:
        _no_scenario(unknown[0], NAMES)
    if listed:
        for each in SCENARIOS:
            click.echo(f"{each.name:14} {each.story}")
        return
    terminal = (sys.stderr if as_json else sys.stdout).isatty()
    width = None if terminal else int(os.environ.get("COLUMNS") or NARROWEST)
    console = Console(stderr=as_json, width=width, soft_wrap=False, legacy_windows=False)
    try:
        names = tuple(dict.fromkeys(scenarios))
        played = Demo(names, jobs, console, as_json, pace, everything, wanted).run()
    except (InstallFailed, OSError) as trouble:
        _give_up(f"The demonstration cannot be set up: {trouble}", NOT_POSSIBLE)
    except KeyboardInterrupt:
        _give_up("Ended before the end; nothing is left running.", 130)
    else:
        sys.exit(0 if played else PLAYED_BADLY)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each cell, one a line.")
@click.option("--only", default="", metavar="WORD", help="Only cells that have this in their name, such as `no probe`.")
def matrix(only: str, *, as_json: bool) -> None:
    """Play every failure of a gateway with every way of looking: is each one mended, or told, in time?

    Natkeeper's own runs over a modelled VPC, on virtual time; docs/matrix.md has the table. Needs a checkout.

    Exit status: 0 no cell was silent or late, 1 one was, 3 this is not a checkout.
    """
    import subprocess
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "matrix").is_dir():
        _give_up("The matrix is part of the tests: it needs a checkout of the repository.", NOT_POSSIBLE)
    command = [sys.executable, "-m", "tests.matrix", "--only", only, *(["--json"] if as_json else [])]
    sys.exit(subprocess.run(command, cwd=root, check=False).returncode)


@main.command()
@click.argument("scenario", default="", metavar="[SCENARIO]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option("--out", type=click.Path(dir_okay=False), help="The report.  [default: build/drill-SCENARIO.html]")
@click.option("--facts", type=click.Path(dir_okay=False), help="Also write what was observed, as JSON.")
@click.option("--matrix", "systems", is_flag=True, help="No scenario: the setup on each system; SCENARIO chooses rows.")
def drill(scenario: str, out: str | None, facts: str | None, *, as_json: bool, systems: bool) -> None:
    """Play a scenario (stop, if none is named) in the lab, feel it as a private host, and write a report.

    Gateways are booted Linux systems with firewalld, packets are real; needs root. Meanwhile a private host opens a
    connection every 50 ms and keeps busy, idle and UDP flows, and visitors come in by a forwarded port.

    With --matrix, gateways of each system that people run are set up, rebooted, broken and mended, one after the other;
    SCENARIO may be a word of the rows that are wanted, such as ufw.

    Exit status: 0 the verdict was good, 1 it was not, 2 there is no such scenario,
    3 this machine cannot hold the lab.
    """
    from pathlib import Path

    from natkeeper.packaging import InstallFailed
    from natlab.drill import matrix
    from natlab.drill.command import run
    from natlab.real.preflight import NoLab
    from natlab.scenarios.catalogue import NAMES

    scenario = scenario if systems else scenario or "stop"
    if not systems and scenario not in NAMES:
        _no_scenario(scenario, NAMES)
    path = Path(out or f"build/drill-{scenario}.html")
    try:
        if systems:
            good = matrix.run(scenario, lambda text: click.echo(f"matrix: {text}", err=True), as_json=as_json)
        else:
            good = run(scenario, path, Path(facts) if facts else None, as_json=as_json)
    except NoLab as missing:
        _give_up(str(missing), NOT_POSSIBLE)
    except (InstallFailed, OSError) as trouble:
        _give_up(f"The drill cannot be set up: {trouble}", NOT_POSSIBLE)
    except KeyboardInterrupt:
        _give_up("Ended before the end; nothing is left running.", 130)
    else:
        sys.exit(0 if good else PLAYED_BADLY)


@main.command()
@click.argument("scenario", default="stop", metavar="[SCENARIO]")
@click.option("--pace", type=click.FloatRange(0.01, 10.0), default=1.0, show_default=True,
              help="Scale every assumed latency of the platform.")  # fmt: skip
def play(scenario: str, pace: float) -> None:
    """Keep a playground up until Ctrl-C: a local cloud with natkeeper deployed, to be broken by hand and watched.

    It has the gateways, routes and settings of SCENARIO (see `natlab demo --list`; its script is not played). The
    exports that it prints make `natkeeper` work in another terminal; `natlab break`, `heal` and `list` work in any.
    """
    from rich.console import Console

    from natkeeper.packaging import InstallFailed
    from natlab.play.playground import Playground
    from natlab.scenarios.catalogue import NAMES
    from natlab.scenarios.catalogue import scenario as named
    from natlab.scenarios.stage import InVain

    if scenario not in NAMES:
        _no_scenario(scenario, NAMES)
    width = None if sys.stdout.isatty() else 200
    over = threading.Event()
    try:
        Playground(named(scenario), Console(width=width, legacy_windows=False), pace).run(over)
    except InVain as slow:
        _give_up(f"The playground cannot be set up: {slow}. The machine may be too busy; try again.", NOT_POSSIBLE)
    except (InstallFailed, OSError) as trouble:
        _give_up(f"The playground cannot be set up: {trouble}", NOT_POSSIBLE)
    except KeyboardInterrupt:
        click.echo("\nThe playground is over; nothing is left running.", err=True)


@main.command("break")
@click.argument("kind", default="")
@click.argument("gateway", default="")
def break_(kind: str, gateway: str) -> None:
    """Break something in the playground: KIND of `natlab list`, for most of them the GATEWAY to break."""
    _playground({"action": "break", "kind": kind, "name": gateway})


@main.command()
@click.argument("what", default="")
def heal(what: str) -> None:
    """Heal what was broken in the playground: of a gateway, of a kind, or everything."""
    _playground({"action": "heal", "name": what})


@main.command("list")
def list_() -> None:
    """List the playground's gateways and routes, what is broken, and what can be broken."""
    _playground({"action": "list"})


def _playground(request: dict[str, str]) -> None:
    from natlab.play.control import NoPlayground, ask

    try:
        answer = ask(request)
    except NoPlayground as none:
        _give_up(str(none), NOT_POSSIBLE)
        return
    if "error" in answer:
        _give_up(str(answer["error"]), WRONG_USE)
    for sentence in answer.get("said", ()):
        click.echo(sentence)
    for heading in ("gateways", "routes"):
        for name, what in answer.get(heading, {}).items():
            click.echo(f"{heading[:-1]:8} {name}  {'to ' if heading == 'routes' else ''}{what}")
    for each in answer.get("broken", ()):
        click.echo(f"broken   {each}")
    if kinds := answer.get("kinds"):
        click.echo("\nnatlab break KIND [GATEWAY], and heal again with `natlab heal [GATEWAY|KIND]`:")
        for kind, says in kinds.items():
            click.echo(f"  {kind:11} {says}")


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1.  [default: a free one]")
@click.option("--region", default="cn-hangzhou", show_default=True)
@click.option("--pace", type=click.FloatRange(0.0, 10.0), default=1.0, show_default=True,
              help="Scale every assumed latency of the platform.")  # fmt: skip
@click.option("--reading", "given", multiple=True, metavar="NAME=WAY", help="See `natlab readings`; may be repeated.")
@click.option("--as", "findings", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
              help="Be the platform that `natkeeper conformance` found.")  # fmt: skip
def cloud(port: int, region: str, pace: float, given: tuple[str, ...], findings: str | None) -> None:
    """Serve an empty local cloud until Ctrl-C, and print its endpoint and keys.

    The exports that it prints are all that natkeeper needs. It speaks ECS, VPC, OOS, ActionTrail, EventBridge and
    Function Compute (3.0 and 2.0), for Alibaba's own clients.
    """
    from natlab.cloud.cloud import Cloud
    from natlab.cloud.kernel.latencies import Latencies
    from natlab.scenarios.testbed import SimulatedGround

    ground = SimulatedGround()
    wanted = _platform(given, findings)
    latencies = Latencies(pace, wanted.latencies)
    local = Cloud(region=region, latencies=latencies, data_plane=ground.data_plane, readings=wanted.readings)
    local.fc.tunnel = ground.tunnel
    try:
        with local.serve(port) as endpoint:
            key = local.accounts.create_access_key()
            click.echo(f"export NATKEEPER_ENDPOINT={endpoint}")
            click.echo(f"export ALIBABA_CLOUD_ACCESS_KEY_ID={key.access_key_id}")
            click.echo(f"export ALIBABA_CLOUD_ACCESS_KEY_SECRET={key.access_key_secret}")
            click.echo(f"export ALIBABA_CLOUD_REGION_ID={region}  # account {local.account_id}")
            click.echo("Serving until Ctrl-C. It is empty; `natlab play` has natkeeper deployed.", err=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("", err=True)
    except OSError as trouble:
        _give_up(f"Port {port} cannot be served: {trouble.strerror}", NOT_POSSIBLE)
    finally:
        local.close()
        ground.close()


@main.command()
@click.option("--runs", type=click.IntRange(1), default=15, show_default=True, help="Of each start and failover.")
@click.option("--sweeps", type=click.IntRange(1), default=5, show_default=True)
@click.option("--groups", type=click.IntRange(2), default=500, show_default=True, help="In a sweep.")
@click.option("--lab-runs", type=click.IntRange(0), default=5, show_default=True, help="Of each scenario in the lab.")
@click.option("--hours", type=click.IntRange(1), default=24, show_default=True, help="Of packet loss, simulated.")
@click.option("--only", multiple=True, help="Measure this part only; may be repeated.",
              type=click.Choice(["size", "cold", "warm", "scale", "shards", "storm", "tasks", "outage",
                                 "commands", "detection", "loss", "forwarding", "lab"]))  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False), default="build/bench.json", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print what is written to the file, instead of the table.")
def bench(*, out: str, as_json: bool, only: tuple[str, ...], **numbers: int) -> None:
    """Measure how fast and how small natkeeper is, each figure beside the least that could be.

    The functions are the bundles that `s deploy` would upload. A busy machine spoils figures: the load is in the table.
    A part that cannot be measured is a row with the reason; the exit code is then 1.
    """
    from pathlib import Path

    from rich.console import Console

    from natlab.bench.command import BenchOptions, measure

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 150)
    try:
        order = BenchOptions(only=only, **numbers)
        complete = measure(
            order, console, Path(out), as_json=as_json, say=lambda t: click.echo(f"bench: {t}", err=True)
        )
    except OSError as trouble:
        _give_up(f"The bench cannot be set up: {trouble}", NOT_POSSIBLE)
    except KeyboardInterrupt:
        _give_up(f"Ended before the end; nothing is left running. {out} has the parts measured until then.", 130)
    else:
        sys.exit(0 if complete else PLAYED_BADLY)


@main.command()
def latencies() -> None:
    """Print every duration that the local cloud assumes, and how it is known."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from natlab.cloud.kernel.latencies import TABLE

    terminal = sys.stdout.isatty()
    table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("how it is known")
    for row in TABLE:
        table.add_row(row.name, f"{row.seconds:g}", row.source)
    Console(width=None if terminal else 140).print(table)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def readings(*, as_json: bool) -> None:
    """List the platform facts that nobody could confirm, the ways they may be, and the source of each.

    natkeeper works under every way, or says beforehand what to do. The local cloud can be each:
    `natlab demo --reading`.
    """
    import json

    from natkeeper.cli.conformance.readings import readings as known

    if as_json:
        click.echo(json.dumps({"readings": [reading.as_json() for reading in known()]}, ensure_ascii=False, indent=1))
        return
    for reading in known():
        click.echo(f"{reading.name}: {reading.fact}")
        for way, source in reading.ways.items():
            mark = "*" if way == reading.assumed else " "
            click.echo(f"  {mark} {way:<24} {source}")
        click.echo(f"    told by: {reading.told_by}\n")
    click.echo("* is what this release assumes.")


def _platform(given: tuple[str, ...], findings: str | None) -> Platform:
    from natlab.cloud.kernel.readings import UnknownReading
    from natlab.scenarios.readings import platform

    try:
        return platform(given, findings or "")
    except UnknownReading as unknown:
        _give_up(f"{unknown}.", WRONG_USE)
        raise


def _no_scenario(name: str, known: tuple[str, ...]) -> None:
    near = did_you_mean(name, list(known))
    _give_up(f"There is no scenario {name!r}.{near} Scenarios are: {', '.join(known)}.", WRONG_USE)


def _give_up(sentence: str, status: int) -> None:
    click.echo(sentence, err=True)
    sys.exit(status)


def _end(number: int, _frame: Any) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
