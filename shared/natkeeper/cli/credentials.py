"""Credentials as Alibaba's own tools find them, through alibabacloud-credentials; asked for, never written.

With --profile, that profile of ~/.aliyun/config.json and nothing else. Otherwise its default chain: environment,
OIDC role, profile of the aliyun CLI, ~/.alibabacloud/credentials, RAM role of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from natkeeper.alibaba.credentials import KEY_ID, KEY_SECRET, Credentials, NoCredentialsError, from_environment
from natkeeper.cli.errors import Denied

if TYPE_CHECKING:
    from alibabacloud_credentials_api import ICredentialsProvider

HOW = (
    f"set {KEY_ID} and {KEY_SECRET}, run `aliyun configure`, or use a machine with a RAM role; "
    "--profile names a profile of the aliyun CLI"
)


@dataclass(frozen=True)
class Finder:
    """Finds credentials at every request, because those of a role change."""

    profile: str | None
    environ: Mapping[str, str]

    def find(self) -> Credentials:
        """Return the credentials that hold now. Raises Denied where there are none."""
        if self.profile is None:
            try:
                return from_environment(self.environ)
            except NoCredentialsError:
                pass  # the chain below looks further
        try:
            found = self._provider.get_credentials()
        except Exception as error:  # the library raises its own and whatever files and networks raise
            raise Denied(f"no credentials were found{self._where(error)}", HOW) from error
        return Credentials(
            found.get_access_key_id() or "", found.get_access_key_secret() or "", found.get_security_token() or ""
        )

    @cached_property
    def _provider(self) -> ICredentialsProvider:
        from natkeeper.alibaba.lean_imports import deferred, quiet_sdk_logs

        with deferred():
            from alibabacloud_credentials.provider import CLIProfileCredentialsProvider, DefaultCredentialsProvider
        quiet_sdk_logs()
        if self.profile is not None:
            return CLIProfileCredentialsProvider(profile_name=self.profile)
        return DefaultCredentialsProvider()

    def _where(self, error: Exception) -> str:
        """Say why a named profile gave none; the default chain's own account is a page long and helps nobody."""
        return f" in profile {self.profile}: {error}" if self.profile is not None else ""
