"""Find credentials where Alibaba's own tools find them, through alibabacloud-credentials.

With --profile: that profile of ~/.aliyun/config.json (or section of ~/.alibabacloud/credentials), and nothing else.
Otherwise the first that answers: environment keys, OIDC role, current profile, ~/.alibabacloud/credentials, RAM role of
the machine, credentials URI. natkeeper itself writes none of these; for OAuth and External profiles the library stores
refreshed tokens in ~/.aliyun/config.json, as the aliyun command line does.
"""

from __future__ import annotations

import configparser
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.credentials import KEY_ID, KEY_SECRET, Credentials, NoCredentialsError, from_environment
from natkeeper.cli.errors import Denied

if TYPE_CHECKING:
    from alibabacloud_credentials_api import ICredentialsProvider

HOW = (
    f"set {KEY_ID} and {KEY_SECRET}, run `aliyun configure`, or use a machine with a RAM role; "
    "--profile names a profile of the aliyun CLI"
)
_PROFILE = "ALIBABA_CLOUD_PROFILE"
_CREDENTIALS_FILE = "ALIBABA_CLOUD_CREDENTIALS_FILE"
_URI = "ALIBABA_CLOUD_CREDENTIALS_URI"
_NO_CLI_PROFILE = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED"
_NO_METADATA = "ALIBABA_CLOUD_ECS_METADATA_DISABLED"
_OIDC = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN")
_INI_FILES = ("credentials", "credentials.ini")
"""Alibaba's documentation says the first; the Python library looks for the second."""
_SESSION = "ALIBABA_CLOUD_ROLE_SESSION_NAME"
_MACHINE_ROLE = "ALIBABA_CLOUD_ECS_METADATA"
_FILLED_IN = ("access_key_id", "access_key_secret", "security_token", "role_arn", "role_session_name",
              "oidc_provider_arn", "oidc_token_file", "ecs_metadata")  # fmt: skip
"""What the library takes from the environment where a profile leaves it out."""
_LONGEST_REASON = 300
_ANSWER = re.compile(r'"(?:Code|Message|error|error_description|errorMessage)"\s*:\s*"([^"]*)"')
_SIGN_IN_AGAIN = {"CloudSSO", "OAuth"}

_Make = Callable[[], "ICredentialsProvider"]


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """A place that may hold credentials, by its name in messages."""

    name: str
    make: _Make


@dataclass
class Finder:
    """Finds credentials at every request, because those of a role change."""

    profile: str | None
    environ: Mapping[str, str]
    _chosen: tuple[str, ICredentialsProvider] | None = field(default=None, repr=False)
    """The place that answered first, and its provider: it refreshes by itself, and one command acts in one account."""

    def find(self) -> Credentials:
        """Return the credentials that hold now. Raises Denied, with the reason of each place, where there are none."""
        if self.profile is None and self._chosen is None:
            try:
                return from_environment(self.environ)
            except NoCredentialsError:
                pass  # the places below may have some
        if self._chosen is not None:
            return self._read(*self._chosen)
        reasons = []
        for source in self._sources():
            try:
                provider = source.make()
                found = _credentials(provider)
            except Exception as error:  # noqa: BLE001  the library raises its own and whatever files and networks raise
                reasons.append(f"{source.name}: {self._why(error)}")
                continue
            self._chosen = source.name, provider
            return found
        if self.profile is not None:
            raise Denied(f"no credentials were found in {reasons[0]}", self._advice())
        if self._keys_of_s.exists():
            reasons.append(f"the keys in {self._keys_of_s} (`s config add`) are not read by natkeeper")
        raise Denied("; ".join(["no credentials were found", *reasons]), HOW)

    # ---- places ------------------------------------------------------------------------------------------

    def _sources(self) -> Iterator[CredentialSource]:
        """Yield the places to ask, the first first. Places that are not set up are left out."""
        lib = _library()
        if self.profile is not None:
            yield self._named(self.profile)
            return
        if all(self.environ.get(name) for name in _OIDC):
            yield CredentialSource("OIDC role of the environment", self._oidc)
        if self._cli_file.exists() and not self._says_true(_NO_CLI_PROFILE):
            name = self.environ.get(_PROFILE) or str(self._cli_profiles().get("current") or "default")
            yield self._of_cli(name)
        if (ini := self._ini_file) is not None:
            yield self._of_ini(ini, self.environ.get(_PROFILE) or "default")
        if not self._says_true(_NO_METADATA):
            yield CredentialSource("RAM role of this machine", self._machine_role)
        if uri := self.environ.get(_URI):
            yield CredentialSource(f"credentials URI {uri}", lambda: lib.URLCredentialsProvider(uri=uri))

    def _oidc(self) -> ICredentialsProvider:
        token_file, role, provider = (self.environ[name] for name in _OIDC)
        found: ICredentialsProvider = _library().OIDCRoleArnCredentialsProvider(
            role_arn=role,
            oidc_provider_arn=provider,
            oidc_token_file_path=token_file,
            role_session_name=self.environ.get(_SESSION),
        )
        return found

    def _machine_role(self) -> ICredentialsProvider:
        # Without the updates in the background: they are a thread, and a command is over in seconds.
        found: ICredentialsProvider = _library().EcsRamRoleCredentialsProvider(
            role_name=self.environ.get(_MACHINE_ROLE), async_update_enabled=False
        )
        return found

    def _named(self, name: str) -> CredentialSource:
        if name not in self._profiles_by_name() and (ini := self._ini_file) is not None and name in self._sections():
            return self._of_ini(ini, name)
        return self._of_cli(name)

    def _of_cli(self, name: str) -> CredentialSource:
        file = str(self._cli_file)
        return CredentialSource(
            f"profile {name} of {file}",
            lambda: _library().CLIProfileCredentialsProvider(profile_name=name, profile_file=file),
        )

    def _of_ini(self, file: Path, section: str) -> CredentialSource:
        return CredentialSource(
            f"section {section} of {file}",
            lambda: _library().ProfileCredentialsProvider(profile_name=section, profile_file=str(file)),
        )

    @property
    def _home(self) -> Path:
        return Path(self.environ.get("HOME") or Path.home())

    @property
    def _keys_of_s(self) -> Path:
        return self._home / ".s" / "access.yaml"

    @property
    def _cli_file(self) -> Path:
        return self._home / ".aliyun" / "config.json"

    @property
    def _ini_file(self) -> Path | None:
        named = self.environ.get(_CREDENTIALS_FILE)
        files = [Path(named)] if named else [self._home / ".alibabacloud" / name for name in _INI_FILES]
        return next((file for file in files if file.exists()), None)

    def _says_true(self, name: str) -> bool:
        return self.environ.get(name, "").lower() == "true"

    # ---- words -------------------------------------------------------------------------------------------

    def _read(self, name: str, provider: ICredentialsProvider) -> Credentials:
        try:
            return _credentials(provider)
        except Exception as error:
            raise Denied(f"credentials could not be refreshed: {name}: {self._why(error)}", self._advice()) from error

    def _cli_profiles(self) -> Mapping[str, Any]:
        """Read the aliyun command line's configuration; empty where it cannot be read."""
        try:
            known = json.loads(self._cli_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _profiles_by_name(self) -> dict[str, Mapping[str, Any]]:
        listed = self._cli_profiles().get("profiles")
        profiles = listed if isinstance(listed, list) else []
        return {str(each.get("name")): each for each in profiles if isinstance(each, dict)}

    def _sections(self) -> dict[str, Mapping[str, Any]]:
        """Read the credentials file; empty where there is none, or it cannot be read."""
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(self._ini_file or (), encoding="utf-8")
        except (OSError, configparser.Error, ValueError):
            return {}
        return {name: parser[name] for name in parser.sections()}

    def _why(self, error: Exception) -> str:
        """Say in one line why a place gave none, without any secret that it quotes."""
        text = " ".join(str(error).split())
        answered = _ANSWER.findall(text)
        if answered:  # an answer of STS or of a sign-in page: its code and message say it, the rest is the request
            text = ": ".join(dict.fromkeys(answered))
        text = text.partition(" server string to sign is")[0]
        for settings in (*self._profiles_by_name().values(), *self._sections().values()):
            for key, value in settings.items():
                if isinstance(value, str) and len(value) > 5 and re.search("secret|token|key_id", key):  # noqa: PLR2004
                    text = text.replace(value, "***")
        return text[:_LONGEST_REASON] or type(error).__name__

    def _advice(self) -> str:
        """Say what to do about the named profile."""
        if self.profile is None:
            return HOW
        profiles, sections = self._profiles_by_name(), self._sections()
        if self.profile in profiles:
            mode = profiles[self.profile].get("mode")
            if mode in _SIGN_IN_AGAIN:
                return f"sign in again: `aliyun configure --mode {mode} --profile {self.profile}`"
            return f"see what is in it: `aliyun configure get --profile {self.profile}`"
        if self.profile in sections:
            return f"see what is in section [{self.profile}] of {self._ini_file}"
        names = [*profiles, *sections]
        near = difflib.get_close_matches(self.profile, names, 1)
        known = f"profiles are: {', '.join(names) or 'none'}"
        return f"did you mean {near[0]}? {known}" if near else f"{known}; `aliyun configure --profile NAME` makes one"


def _credentials(provider: ICredentialsProvider) -> Credentials:
    """Ask a provider. Raises NoCredentialsError where half of them is missing."""
    found = provider.get_credentials()
    key, secret = found.get_access_key_id() or "", found.get_access_key_secret() or ""
    if not key or not secret:
        raise NoCredentialsError("it has no access key")
    return Credentials(key, secret, found.get_security_token() or "")


def _library() -> Any:  # noqa: ANN401  the package has no types
    """Import Alibaba's library whole: while the SDKs are imported, stand-ins without submodules take its place."""
    from alibabacloud_credentials import provider
    from alibabacloud_credentials.utils import auth_util

    from natkeeper.alibaba.lean_imports import quiet_sdk_logs

    quiet_sdk_logs()
    for name in _FILLED_IN:  # a profile without a key must not become the environment's key, which is another account's
        setattr(auth_util, f"environment_{name}", None)
    return provider
