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

from natkeeper.cli.errors import Wrong
from natkeeper.cli.output import Screen

if TYPE_CHECKING:
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
            raise Wrong(
                f"there is no configuration {path}",
                "name one with --config, or let `natkeeper init` write one from what is in a VPC",
            )
        try:
            config, _ = read_configuration(path)
        except ConfigurationRefused as refused:
            raise Wrong(str(refused)) from refused
        if self.region and self.region != config.region:
            raise Wrong(f"{path} is about region {config.region}, and --region says {self.region}", "leave one out")
        return config

    @property
    def has_config(self) -> bool:
        """Return True if there is a configuration to read."""
        return Path(self.config_path).exists()

    def group(self, name: str) -> Group:
        """Return the group of that name. Raises Wrong with those there are."""
        group = self.config.group(name)
        if group is None:
            raise Wrong(f"there is no group {name!r} in {self.config_path}", f"groups are: {self.group_names}")
        return group

    @property
    def group_names(self) -> str:
        """Name the groups, for messages."""
        return ", ".join(group.name for group in self.config.groups)

    @cached_property
    def region_id(self) -> str:
        """The region to speak to: the configuration's, or --region, or that of the profile. Raises Wrong."""
        if self.has_config:
            return self.config.region
        region = self.region or self.profile_region()
        if not region:
            todo = "write one with `natkeeper init`, or name a region with --region"
            raise Wrong(f"no region is known: there is no {self.config_path}", todo)
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
