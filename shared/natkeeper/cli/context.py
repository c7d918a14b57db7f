"""The context of one command line: configuration, account and region, credentials, and how natkeeper is reached.

Options are read at two places, `natkeeper --json status` and `natkeeper status --json`; the later one wins.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from natkeeper.cli.command_list import did_you_mean
from natkeeper.cli.errors import Wrong
from natkeeper.cli.output import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from natkeeper.cli.client import RegionClients
    from natkeeper.domain.config import Config, Group

CONFIG = "natkeeper.yaml"
FUNCTION = "natkeeper-failover"
"""Name of the function in s.yaml (vars.failover)."""


@dataclass
class CommandContext:
    """What the options of one command line add up to."""

    config_path: str = CONFIG
    as_json: bool = False
    endpoint: str | None = None
    profile: str | None = None
    region: str | None = None
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def screen(self) -> Screen:
        """Where answers go."""
        return Screen(self.as_json)

    @cached_property
    def config(self) -> Config:
        """Read and validate the configuration. Raises Wrong with every problem it has."""
        from natkeeper.packaging.configuration import ConfigurationRefused, read_configuration

        path = Path(self.config_path)
        if not path.exists():
            raise self._no_config()
        try:
            config, _ = read_configuration(path)
        except ConfigurationRefused as refused:
            raise Wrong(str(refused)) from refused
        if self.region and self.region != config.region:
            raise Wrong(f"{path} is about region {config.region}, and --region says {self.region}", "leave one out")
        return config

    @cached_property
    def as_found(self) -> Config:
        """The configuration with the gateways and routes that its groups find now. Raises CommandError."""
        if all(group.finds is None for group in self.config.groups):
            return self.config
        from natkeeper.cli.errors import trouble_of
        from natkeeper.cli.survey.found import find
        from natkeeper.ports import Failure

        found = find(self.reach, self.config)
        for name, finding in found.findings.items():
            if isinstance(finding, Failure):
                raise trouble_of(finding, f"looking for gateways and routes of {name}")
        return found.config

    def found_group(self, name: str) -> Group:
        """Return the group of that name with what it finds. Raises Wrong, and where nothing is found."""
        from natkeeper.domain.discovery import lacking

        group = next(each for each in self.as_found.groups if each.name == self.group(name).name)
        if group.finds is not None and (lack := lacking(group)):
            raise Wrong(f"{name} guards nothing: {lack}", "`natkeeper doctor` says more")
        return group

    def _no_config(self) -> Wrong:
        todo = "name one with --config, or let `natkeeper init` write one from what is in a VPC"
        if self.config_path == self.environ.get("NATKEEPER_CONFIG"):
            todo = f"NATKEEPER_CONFIG names it: unset that, {todo}"
        return Wrong(f"there is no configuration {self.config_path}", todo)

    @property
    def has_config(self) -> bool:
        """Return True if there is a configuration to read."""
        return Path(self.config_path).exists()

    def group(self, name: str) -> Group:
        """Return the group of that name. Raises Wrong with those there are."""
        group = self.config.group(name)
        if group is None:
            near = did_you_mean(name, [group.name for group in self.config.groups])
            there = f"there is no group {name!r} in {self.config_path}"
            raise Wrong(f"{there}.{near}" if near else there, f"groups are: {self.group_names}")
        return group

    def named_gateway(self, word: str, groups: Sequence[Group]) -> str:
        """Return the id of the gateway in `groups` that `word` is the name of, which is read from ECS. Raises Wrong."""
        from natkeeper.cli.survey import network
        from natkeeper.ports import Failure

        known = list(dict.fromkeys(gateway for group in groups for gateway in group.gateways))
        found = self.reach.try_(lambda attempt: network.machines(attempt, ids=known))
        if isinstance(found, Failure):
            raise Wrong(f"{word!r} is not an id, and names could not be read: {found}", "`natkeeper status` shows ids")
        names = network.names(found)
        ids = [ident for ident in known if names.get(ident) == word]
        if len(ids) != 1:
            listed = ", ".join(f"{names[each]} ({each})" if each in names else each for each in known)
            near = "" if ids else did_you_mean(word, list(names.values()))
            how_many = "more than one gateway is" if ids else "no gateway is"
            raise Wrong(f"{how_many} called {word!r}{'.' if near else ''}{near}", f"gateways are: {listed}")
        return str(ids[0])

    @property
    def group_names(self) -> str:
        """Name the groups, for messages."""
        return ", ".join(group.name for group in self.config.groups)

    @cached_property
    def region_id(self) -> str:
        """The region to speak to: the configuration's, or --region, or that of the profile. Raises Wrong."""
        if self.has_config:
            return self.config.region
        if self.config_path != CONFIG:  # one that was named must not be passed over
            raise self._no_config()
        region = self.region or self.profile_region()
        if not region:
            todo = "write one with `natkeeper init`, or name a region with --region"
            raise Wrong(f"no region is known: there is no {self.config_path}", todo)
        from natkeeper.domain.config import REGION

        if not REGION.fullmatch(region):
            raise Wrong(f"{region!r} is no region id", "name one such as cn-hangzhou with --region")
        return region

    @cached_property
    def reach(self) -> RegionClients:
        """The way to Alibaba Cloud with these credentials, in this region."""
        from natkeeper.cli.client import RegionClients
        from natkeeper.cli.credentials import Finder

        return RegionClients(self.region_id, Finder(self.profile, self.environ).find, self.url)

    @property
    def url(self) -> str | None:
        """The endpoint as a URL: http:// is meant where a host of this machine is named without it, https:// else.

        Raises Wrong for what cannot be an address.
        """
        if not self.endpoint:
            return None
        host = self.endpoint.partition("://")[2] or self.endpoint
        if re.fullmatch(r"(https?://)?[A-Za-z0-9.\[\]:-]+/?", self.endpoint) is None:
            raise Wrong(f"--endpoint {self.endpoint} is not an address", "write it as http://127.0.0.1:8000")
        if "://" in self.endpoint:
            return self.endpoint
        return f"{'http' if host.startswith(('127.', 'localhost', '[::1]')) else 'https'}://{host}"

    def profile_region(self) -> str:
        """Return ALIBABA_CLOUD_REGION_ID, or the region of the profile in use; empty where there is none.

        A profile that is named counts more than the environment, as its keys do.
        """
        named = self.environ.get("ALIBABA_CLOUD_REGION_ID", "")
        if named and self.profile is None:
            return named
        file = Path(self.environ.get("HOME", "~")).expanduser() / ".aliyun" / "config.json"
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
            name = self.profile or self.environ.get("ALIBABA_CLOUD_PROFILE") or known.get("current")
            return next((str(p.get("region_id") or "") for p in known["profiles"] if p.get("name") == name), "")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ""
