"""Checks on what groups find instead of listing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from natkeeper.cli.doctor.findings import Finding, ok, unseen, wrong
from natkeeper.cli.survey.found import find
from natkeeper.domain.discovery import found, lacking, not_found
from natkeeper.ports import Failure

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Config


def discovered(reach: RegionClients, config: Config) -> tuple[Config, list[Finding]]:
    """Look for what is not listed; return the groups of which enough was found, and the findings about the search."""
    things = find(reach, config)
    judged: list[Finding] = []
    for name, finding in things.findings.items():
        group = things.config.group(name)
        assert group is not None  # noqa: S101  every group of the configuration is in it
        if isinstance(finding, Failure):
            judged.append(unseen(name, "what is found", finding))
            continue
        trouble, notice = not_found(group, finding), found(group)
        if trouble is not None:
            judged.append(wrong(name, "what is found", trouble.cause, trouble.todo))
        elif notice is not None:
            judged.append(ok(name, "what is found", notice.cause))
    groups = tuple(group for group in things.config.groups if group.finds is None or not lacking(group))
    return msgspec.structs.replace(things.config, groups=groups), judged
