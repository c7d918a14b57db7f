"""What a valid configuration may still lack, and whether s.yaml says the same: for `check`, offline."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from natkeeper import __version__
from natkeeper.cli.command_list import did_you_mean
from natkeeper.domain.window import known_zone, zone_of

if TYPE_CHECKING:
    from natkeeper.domain.config import Config

_EXAMPLE = "example"


def advice(config: Config) -> list[str]:
    """List what a user should know about the configuration."""
    found: list[str] = []
    for group in config.groups:
        if len(group.gateways) == 1 and group.fallback is None:
            found.append(f"{group.name}: one gateway and no fallback, so there is nowhere to go when it fails")
        blind = list(dict.fromkeys(route.table for route in group.routes if not group.checked_by_probe(route)))
        if not group.probes:
            found.append(
                f"{group.name}: no probe.function, so a gateway that hangs or lost its firewall rules is noticed when "
                f"its next setup is due ({group.setup.every / 60:g} min)"
            )
        elif blind:
            found.append(
                f"{group.name}: no probe looks through {', '.join(blind)} (routes[].probe): a gateway that only they "
                f"lead to and that hangs is noticed when its next setup is due ({group.setup.every / 60:g} min)"
            )
        if group.tag:
            found.append(
                f"{group.name}: anyone who may tag an instance of the VPC may take the route, and has the setup run "
                "there as root: give ecs:TagResources only to people who may do both"
            )
        if group.setup.mode == "off":
            found.append(f"{group.name}: setup.mode is off, so nobody looks whether a standby would work")
        if group.planned is not None and zone_of(group.planned) is None:
            found.append(
                f"{group.name}: planned.timezone {group.planned.timezone} is unknown on this machine: where Function "
                "Compute does not know it either, planned moves do not wait; a zone is called like Asia/Shanghai"
            )
        ids = [*group.gateways, *(route.table for route in group.routes)]
        if any(_EXAMPLE in one for one in ids):
            found.append(f"{group.name}: some ids are still those of the example")
    if known_zone(config.timezone) is None:
        found.append(
            f"timezone {config.timezone} is unknown on this machine: where Function Compute does not know it either, "
            f"messages are in UTC; a zone is called like Asia/Shanghai.{_near(config.timezone)}"
        )
    if config.notify is None:
        found.append("no notify, so nobody is told of a move")
    return found


def _near(zone: str) -> str:
    """Ask for the zone that was meant, where one of this machine is like it."""
    return did_you_mean(zone, sorted(zoneinfo.available_timezones()))


def about_template(config: Config, path: Path) -> tuple[list[str], list[str]]:
    """Hold the configuration against the variables of s.yaml: what contradicts, and what to know."""
    if not path.exists():
        return [], []
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:
        return [f"{path} cannot be read: {error}"], []
    variables = document.get("vars") or {} if isinstance(document, dict) else None
    if not isinstance(variables, dict):
        return [f"{path} has no vars, or they are no names with values"], []
    wrong: list[str] = []
    if variables.get("region") not in (None, config.region):
        wrong.append(f"{path}: vars.region is {variables['region']}, the configuration is about {config.region}")
    name = variables.get("group")
    group = None if name is None else config.group(str(name))
    if name is not None and group is None:
        known = ", ".join(group.name for group in config.groups)
        wrong.append(f"{path}: vars.group is {name}, and groups are: {known}")
    probe = variables.get("probe")
    if group is not None and probe is not None and group.probe.function not in (None, probe):
        wrong.append(f"{path}: vars.probe is {probe}, and {group.name}.probe.function is {group.probe.function}")
    notify = variables.get("notify")
    if config.notify is not None and notify is not None and notify != config.notify:
        wrong.append(f"{path}: vars.notify is {notify}, and the configuration's notify is {config.notify}")
    remarks = _about_release(path, variables)
    there = _functions(path)
    others = [g.name for g in config.groups if g.probe.function not in (None, *there) and g.name != name]
    if others:
        needs = f"s.yaml needs one probe function for each of: {', '.join(others)}"
        remarks.append(f"{needs} (`natkeeper probes --write` copies its resource `probe`)")
    return wrong, remarks


def _functions(path: Path) -> list[str]:
    """Name the functions that the file deploys; none where it cannot be read, or is of Function Compute 2.0."""
    from natkeeper.cli.survey.template_file import TemplateUnreadable, declared

    try:
        return [function.name for function in declared(path)]
    except TemplateUnreadable:
        return []


def _about_release(path: Path, variables: Mapping[str, Any]) -> list[str]:
    """Say so where the file is of another release: it is laid out once, and an upgrade may change its triggers."""
    of = variables.get("version")
    if of in (None, __version__):
        return []
    do = "`natkeeper init --output new/natkeeper.yaml` lays out the new one to take over your vars"
    return [f"{path} is of release {of}, and this is natkeeper {__version__}: {do}"]
