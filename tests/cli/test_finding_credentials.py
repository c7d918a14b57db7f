"""Which places are asked for credentials, in which order, with what; and what is said where none has any.

Alibaba's library is stood in for: test_credentials.py has the real one, in processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from natkeeper.alibaba.credentials import Credentials
from natkeeper.cli import credentials
from natkeeper.cli.credentials import HOW, Finder
from natkeeper.cli.errors import Denied

CLI, INI, OTHER_INI, S_KEYS = (
    ".aliyun/config.json", ".alibabacloud/credentials", ".alibabacloud/credentials.ini", ".s/access.yaml",
)  # fmt: skip
KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-env", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "hush-env"}
POD = {"ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/token", "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/pod",
       "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/ack"}  # fmt: skip
URI = {"ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1/credentials"}
ALONE = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "True"}
WORK = {"name": "work", "mode": "AK"}
TWO = {"current": "work", "profiles": [WORK, {"name": "default"}]}
SECTIONS = "[default]\n[work]\n"


class LibraryStandIn:
    """Stands in for the library: notes which providers are made with what, and has them answer or fail."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, name: str) -> Any:
        return partial(self._make, name.removesuffix("CredentialsProvider"))

    def _make(self, kind: str, **given: Any) -> Any:
        self.asked.append((kind, given))
        return SimpleNamespace(get_credentials=lambda: self._answer(kind))

    def _answer(self, kind: str) -> Any:
        found = self.answers.get(kind, RuntimeError(f"{kind} has none"))
        if isinstance(found, Exception):
            raise found
        key, secret, token = found
        return SimpleNamespace(
            get_access_key_id=lambda: key, get_access_key_secret=lambda: secret, get_security_token=lambda: token
        )


def written(home: Path, files: Mapping[str, Any]) -> None:
    """Write files of a home: JSON where it is not a text."""
    for name, content in files.items():
        file = home / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def looked(
    home: Path,
    library: LibraryStandIn,
    monkeypatch: pytest.MonkeyPatch,
    environ: Mapping[str, str],
    profile: str | None,
) -> Finder:
    monkeypatch.setattr(credentials, "_library", lambda: library)
    monkeypatch.setenv("HOME", "/not/there")
    return Finder(profile, {"HOME": str(home), **environ})


def cli(name: str) -> tuple[str, dict[str, Any]]:
    return "CLIProfile", {"profile_name": name, "profile_file": f"~/{CLI}"}


def ini(name: str, file: str = INI) -> tuple[str, dict[str, Any]]:
    return "Profile", {"profile_name": name, "profile_file": f"~/{file}"}


MACHINE = ("EcsRamRole", {"role_name": None, "async_update_enabled": False})
OIDC = ("OIDCRoleArn", {"role_arn": "acs:ram::1:role/pod", "oidc_provider_arn": "acs:ram::1:oidc-provider/ack",
                        "oidc_token_file_path": "/token", "role_session_name": None})  # fmt: skip
ADDRESS = ("URL", {"uri": "http://127.0.0.1/credentials"})


@pytest.mark.parametrize(
    "files, environ, profile, asked",
    [
        ({}, {}, None, [MACHINE]),
        ({}, ALONE, None, []),
        ({}, {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "no"}, None, [MACHINE]),
        ({}, {"ALIBABA_CLOUD_ECS_METADATA": "gw"}, None, [(MACHINE[0], {**MACHINE[1], "role_name": "gw"})]),
        ({}, ALONE | POD, None, [OIDC]),
        ({}, ALONE | POD | {"ALIBABA_CLOUD_ROLE_ARN": ""}, None, []),
        ({}, ALONE | POD | {"ALIBABA_CLOUD_ROLE_SESSION_NAME": "me"}, None,
         [(OIDC[0], {**OIDC[1], "role_session_name": "me"})]),
        ({}, ALONE | URI, None, [ADDRESS]),
        ({CLI: TWO}, ALONE, None, [cli("work")]),
        ({CLI: TWO}, ALONE | {"ALIBABA_CLOUD_PROFILE": "other"}, None, [cli("other")]),
        ({CLI: {"profiles": [WORK]}}, ALONE, None, [cli("default")]),
        ({CLI: "{not JSON"}, ALONE, None, [cli("default")]),
        ({CLI: []}, ALONE, None, [cli("default")]),
        ({CLI: TWO}, ALONE | {"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "TRUE"}, None, []),
        ({CLI: TWO}, ALONE | {"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "false"}, None, [cli("work")]),
        ({INI: SECTIONS}, ALONE, None, [ini("default")]),
        ({INI: SECTIONS}, ALONE | {"ALIBABA_CLOUD_PROFILE": "work"}, None, [ini("work")]),
        ({OTHER_INI: SECTIONS}, ALONE, None, [ini("default", OTHER_INI)]),
        ({INI: SECTIONS, OTHER_INI: SECTIONS}, ALONE, None, [ini("default")]),
        ({INI: SECTIONS}, ALONE | {"ALIBABA_CLOUD_CREDENTIALS_FILE": "/not/there"}, None, []),
        ({INI: SECTIONS, "own": SECTIONS}, ALONE | {"ALIBABA_CLOUD_CREDENTIALS_FILE": "~/own"}, None,
         [ini("default", "own")]),
        ({CLI: TWO, INI: SECTIONS}, POD | URI, None, [OIDC, cli("work"), ini("default"), MACHINE, ADDRESS]),
        ({CLI: TWO, INI: SECTIONS}, KEYS | POD | URI, "work", [cli("work")]),
        ({CLI: {"profiles": [{"name": "home"}]}, INI: SECTIONS}, KEYS, "work", [ini("work")]),
        ({CLI: {"profiles": "odd"}, INI: SECTIONS}, {}, "work", [ini("work")]),
        ({CLI: {"profiles": ["odd", WORK]}, INI: SECTIONS}, {}, "work", [cli("work")]),
        ({INI: SECTIONS}, {}, "home", [cli("home")]),
        ({INI: "no section"}, {}, "work", [cli("work")]),
        ({}, {}, "work", [cli("work")]),
    ],
)  # fmt: skip
def test_places_are_asked_in_their_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, Any],
    environ: dict[str, str],
    profile: str | None,
    asked: list[tuple[str, dict[str, Any]]],
) -> None:
    """Each that is set up, and nothing else where a profile is named."""
    written(tmp_path, files)
    library = LibraryStandIn()
    environ = {name: value.replace("~", str(tmp_path)) for name, value in environ.items()}
    with pytest.raises(Denied):
        looked(tmp_path, library, monkeypatch, environ, profile).find()
    found = json.loads(json.dumps(library.asked).replace(str(tmp_path), "~"))
    assert found == [list(each) for each in asked]


NONE = "no credentials were found"
UNREAD = f"the keys in ~/{S_KEYS} (`s config add`) are not read by natkeeper"
OF_CLI = f"{NONE} in profile {{}} of ~/{CLI}: x"
GET = "see what is in it: `aliyun configure get --profile work`"
AGAIN = "sign in again: `aliyun configure --mode {} --profile work`"
EACH = ("OIDC role of the environment", f"profile work of ~/{CLI}", f"section default of ~/{INI}",
        "RAM role of this machine", "credentials URI http://127.0.0.1/credentials")  # fmt: skip


@pytest.mark.parametrize(
    "files, environ, profile, reason, what, do",
    [
        ({}, {}, None, "", f"{NONE}; RAM role of this machine: RuntimeError", HOW),
        ({}, ALONE, None, "", NONE, HOW),
        ({S_KEYS: ""}, ALONE, None, "", f"{NONE}; {UNREAD}", HOW),
        ({CLI: TWO, INI: SECTIONS}, POD | URI, None, " x\n y ", "; ".join([NONE, *(f"{it}: x y" for it in EACH)]), HOW),
        ({CLI: TWO}, {}, "work", "x", OF_CLI.format("work"), GET),
        ({CLI: {"profiles": [WORK | {"mode": "OAuth"}]}}, {}, "work", "x", OF_CLI.format("work"),
         AGAIN.format("OAuth")),
        ({CLI: {"profiles": [WORK | {"mode": "CloudSSO"}]}}, {}, "work", "x", OF_CLI.format("work"),
         AGAIN.format("CloudSSO")),
        ({INI: SECTIONS}, {}, "work", "x", f"{NONE} in section work of ~/{INI}: x",
         f"see what is in section [work] of ~/{INI}"),
        ({CLI: TWO, INI: "[home]"}, {}, "wrk", "x", OF_CLI.format("wrk"),
         "did you mean work? profiles are: work, default, home"),
        ({CLI: TWO, INI: "[home]"}, {}, "hom", "x", OF_CLI.format("hom"),
         "did you mean home? profiles are: work, default, home"),
        ({}, {}, "work", "x", OF_CLI.format("work"), "profiles are: none; `aliyun configure --profile NAME` makes one"),
    ],
)  # fmt: skip
def test_where_none_has_any_each_place_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, Any],
    environ: dict[str, str],
    profile: str | None,
    reason: str,
    what: str,
    do: str,
) -> None:
    """And what to do about it: of a named profile, what is known of that one."""
    written(tmp_path, files)
    failing = dict.fromkeys(("EcsRamRole", "OIDCRoleArn", "CLIProfile", "Profile", "URL"), RuntimeError(reason))
    finder = looked(tmp_path, LibraryStandIn(**failing), monkeypatch, environ, profile)
    with pytest.raises(Denied) as raised:
        finder.find()
    assert raised.value.what.replace(str(tmp_path), "~") == what
    assert str(raised.value.do).replace(str(tmp_path), "~") == do


SECRETS = WORK | {"access_key_id": "LTAI-work", "access_key_secret": "hush-work", "sts_token": "token-work",
                  "oauth_access_token": "sixsix", "refresh_token": "short", "ram_role_arn": "acs:ram::1:role/ops",
                  "sts_expiration": 7}  # fmt: skip


@pytest.mark.parametrize(
    "said, told",
    [
        ("LTAI-work hush-work token-work sixsix", "*** *** *** ***"),
        ("short acs:ram::1:role/ops", "short acs:ram::1:role/ops"),
        ("LTAI-file hush-file of role/file", "*** *** of role/file"),
        ('{"Code": "NoPermission", "Message" : "You may not", "RequestId": "1"}', "NoPermission: You may not"),
        ('{"error": "expired", "error_description": "expired", "errorMessage": "sign in"}', "expired: sign in"),
        ('{"Message": "wrong: server string to sign is: POST&hush"}', "wrong:"),
        ("wrong, server string to sign is: POST&hush", "wrong,"),
        ("x" * 301, "x" * 300),
        ("", "RuntimeError"),
    ],
)  # fmt: skip
def test_a_reason_is_one_line_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    """Code and message of an answer, and nothing of any profile's or section's keys, which an address may quote."""
    section = "[file]\naccess_key_id = LTAI-file\naccess_key_secret = hush-file%\nrole_arn = role/file\n"
    section += "access_key_secret_ = hush-file\n"
    written(tmp_path, {CLI: {"profiles": [SECRETS]}, INI: section})
    finder = looked(tmp_path, LibraryStandIn(CLIProfile=RuntimeError(said)), monkeypatch, {}, "work")
    with pytest.raises(Denied) as raised:
        finder.find()
    assert raised.value.what == f"no credentials were found in profile work of {tmp_path / CLI}: {told}"


@pytest.mark.parametrize(
    "found, expected",
    [
        (("LTAI", "hush", "token"), Credentials("LTAI", "hush", "token")),
        (("LTAI", "hush", None), Credentials("LTAI", "hush", "")),
        ((None, "hush", "token"), None),
        (("LTAI", "", "token"), None),
    ],
)
def test_half_a_key_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...], expected: Credentials | None
) -> None:
    """The place is passed over, and says so."""
    finder = looked(tmp_path, LibraryStandIn(EcsRamRole=found), monkeypatch, {}, None)
    if expected is None:
        with pytest.raises(Denied, match=r"RAM role of this machine: it has no access key$"):
            finder.find()
    else:
        assert finder.find() == expected


def test_keys_of_the_environment_go_first_and_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read anew each time."""
    library = LibraryStandIn(EcsRamRole=("LTAI", "hush", ""))
    finder = looked(tmp_path, library, monkeypatch, KEYS, None)
    assert [finder.find(), finder.find()] == [Credentials("LTAI-env", "hush-env")] * 2
    assert library.asked == []


@pytest.mark.parametrize(
    "profile, place, do",
    [
        (None, "RAM role of this machine", HOW),
        ("work", "profile work of ~/.aliyun/config.json", "see what is in it: `aliyun configure get --profile work`"),
    ],
)
def test_the_place_that_answered_is_asked_again_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, place: str, do: str
) -> None:
    """One command acts in one account: where that place fails later, it is named."""
    if profile:
        written(tmp_path, {CLI: TWO})
    library = LibraryStandIn(EcsRamRole=("LTAI", "hush", ""), CLIProfile=("LTAI", "hush", ""))
    finder = looked(tmp_path, library, monkeypatch, {} if profile else URI, profile)
    assert [finder.find(), finder.find()] == [Credentials("LTAI", "hush")] * 2
    assert (len(library.asked), "_chosen" in repr(finder)) == (1, False)
    library.answers = {"URL": ("other", "hush", "")}
    with pytest.raises(Denied) as raised:
        finder.find()
    said = raised.value.what.replace(str(tmp_path), "~")
    assert said == f"credentials could not be refreshed: {place}: {library.asked[0][0]} has none"
    assert raised.value.do == do


def test_without_a_home_in_the_environment_the_persons_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a service may have none."""
    written(tmp_path, {CLI: TWO})
    monkeypatch.setenv("HOME", str(tmp_path))
    library = LibraryStandIn(CLIProfile=("LTAI", "hush", ""))
    monkeypatch.setattr(credentials, "_library", lambda: library)
    assert Finder(None, {}).find() == Credentials("LTAI", "hush")


def test_the_library_fills_in_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile without a key must not become the environment's key, which is another account's."""
    from alibabacloud_credentials.utils import auth_util

    filled = ("access_key_id", "access_key_secret", "security_token", "role_arn", "role_session_name",
              "oidc_provider_arn", "oidc_token_file", "ecs_metadata")  # fmt: skip
    for name in filled:
        monkeypatch.setattr(auth_util, f"environment_{name}", "of the environment")
    quiet: list[bool] = []
    monkeypatch.setattr("natkeeper.alibaba.lean_imports.quiet_sdk_logs", lambda: quiet.append(True))
    library = credentials._library()
    assert quiet
    assert [getattr(auth_util, f"environment_{name}") for name in filled] == [None] * len(filled)
    assert library.StaticAKCredentialsProvider.__name__ == "StaticAKCredentialsProvider"
