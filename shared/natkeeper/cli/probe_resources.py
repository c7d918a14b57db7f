"""Probes in s.yaml: which resources the configuration wants and the file lacks, and the text of a new one.

A new resource is the file's own `probe` with another name, vSwitch and group, so what was changed there stays the same
in all of them. Comments and everything else in the file stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from natkeeper.cli.survey.template_file import DeclaredFunction
    from natkeeper.domain.config import Config

_BEGIN, _RESOURCE = re.compile(r"^  probe:\s*$"), re.compile(r"^  \S")
_FIELDS = {
    "function": re.compile(r"^(\s+functionName:\s*)\S.*$", re.MULTILINE),
    "vswitch": re.compile(r"^(\s+vSwitchIds:\s*\n\s+-\s*)\S.*(?:\n\s+-\s.*)*$", re.MULTILINE),
    "group": re.compile(r"^(\s+NATKEEPER_GROUP:\s*)\S.*$", re.MULTILINE),
}


class NoProbeResource(Exception):
    """s.yaml has no resource `probe` that could be copied; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class WantedProbe:
    """A probe of the configuration: its function, group and route table."""

    function: str
    group: str
    table: str


def wanted(config: Config) -> Iterator[WantedProbe]:
    """List every probe that the configuration names."""
    for group in config.groups:
        for function, table in group.probes.items():
            yield WantedProbe(function, group.name, table)


def lacking(config: Config, declared: tuple[DeclaredFunction, ...]) -> list[WantedProbe]:
    """List the probes for which the file has no resource."""
    there = {function.name for function in declared}
    return [probe for probe in wanted(config) if probe.function not in there]


def mismatches(config: Config, declared: tuple[DeclaredFunction, ...]) -> list[str]:
    """Say which probes of the configuration the file does not deploy, or deploys for another group.

    A probe that only `probe.function` names may be deployed from another file, as it could be before there was
    `routes[].probe`.
    """
    groups = {function.name: function.environment.get("NATKEEPER_GROUP") for function in declared}
    older = {group.probe.function for group in config.groups}
    found = []
    for probe in wanted(config):
        if probe.function not in groups:
            if probe.function not in older:
                found.append(
                    f"s.yaml has no resource for {probe.function}, the probe of {probe.table}: natkeeper probes --write"
                )
        elif groups[probe.function] != probe.group:
            told = groups[probe.function] or "no group"
            found.append(f"s.yaml: {probe.function} has NATKEEPER_GROUP {told}, and it is a probe of {probe.group}")
    return found


def with_probe(text: str, probe: WantedProbe, vswitch: str) -> str:
    """Return the file's text with one more probe, after the resource `probe`. Raises NoProbeResource."""
    lines = text.splitlines(keepends=True)
    begin = next((at for at, line in enumerate(lines) if _BEGIN.match(line)), None)
    if begin is None:
        raise NoProbeResource("s.yaml has no resource `probe` to copy; take the file of this release")
    end = next((at for at in range(begin + 1, len(lines)) if _RESOURCE.match(lines[at])), len(lines))
    block = "".join(lines[begin:end]).rstrip("\n") + "\n"
    for name, value in (("function", probe.function), ("vswitch", vswitch), ("group", probe.group)):
        block, count = _FIELDS[name].subn(lambda found, value=value: f"{found[1]}{value}", block, count=1)  # type: ignore[misc]
        if count == 0:
            raise NoProbeResource(f"the resource `probe` of s.yaml has no {name} that could be replaced")
    block = block.replace("  probe:", f"  {probe.function}:", 1)
    comment = f"  # The probe of {probe.table}, written by `natkeeper probes --write`.\n"
    before = "".join(lines[:end]).rstrip("\n") + "\n\n"
    return f"{before}{comment}{block}\n" + "".join(lines[end:])
