"""What a group finds instead of listing it, read with a person's credentials: as the function would find it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from natkeeper.alibaba.tagged import read_tagged
from natkeeper.alibaba.vpc_tables import read_vpc_routes
from natkeeper.cli.survey import network
from natkeeper.domain.discovery import Finding, completed, completed_all
from natkeeper.ports import Failure, ReadTagged

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Config, Group


@dataclass(frozen=True, slots=True)
class FoundThings:
    """The configuration with what was found, and by group what was found, or why that could not be read."""

    config: Config
    findings: Mapping[str, Finding | Failure]


def find(reach: RegionClients, config: Config) -> FoundThings:
    """Look for what the configuration does not list."""
    findings: dict[str, Finding | Failure] = {}
    known: dict[str, Finding] = {}
    for group in config.groups:
        if group.finds is None:
            continue
        now = completed_all(config, known)
        found = _of_group(reach, group, now)
        findings[group.name] = found
        if isinstance(found, Finding):
            known[group.name] = found
    return FoundThings(completed_all(config, known), findings)


def _of_group(reach: RegionClients, group: Group, now: Config) -> Finding | Failure:
    finds, finding = group.finds, Finding()
    assert finds is not None  # noqa: S101  asked only where there is something to find
    if finds.tag:
        key, _, value = finds.tag.partition("=")
        tagged = reach.try_(partial(read_tagged, call=ReadTagged(finds.vpc, key, value)))
        if isinstance(tagged, Failure):
            return tagged
        finding = finding.with_tagged(tagged)
    if not finds.routes:
        return finding
    entries = reach.try_(partial(read_vpc_routes, vpc=finds.vpc))
    if isinstance(entries, Failure):
        return entries
    with_gateways = completed(group, finding, now.groups)
    machines = reach.try_(partial(network.machines, ids=with_gateways.gateways)) if with_gateways.gateways else []
    if isinstance(machines, Failure):
        return machines
    return finding.with_entries(entries, with_gateways, network.owners(machines))
