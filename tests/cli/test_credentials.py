"""Who signs?  Every place that can hold credentials, in an interpreter of its own, read from the requests themselves.

A fresh process each time: in this one the SDKs and the credentials library are imported already, which hid for months
that no profile worked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from natlab.cloud.kernel.accounts import KeyPair
from tests.cli.identity import ACCESS_TOKEN, TOKEN, IdentityStandIn, identity
from tests.cli.town import ROOT, Ended, Workspace

Run = Callable[..., Ended]
KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")


@pytest.fixture
def known(place: Workspace) -> Iterator[IdentityStandIn]:
    """The places that hand out temporary credentials."""
    with identity(place) as served:
        yield served


@pytest.fixture
def fresh(place: Workspace, known: IdentityStandIn, tmp_path: Path) -> Run:
    """Runs one command line in an interpreter of its own, with nothing in its environment but what is named."""
    site = known.site(tmp_path / "site")

    def run(*arguments: str, **environ: str) -> Ended:
        bare = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(site), str(ROOT / "shared")]),
            "NATKEEPER_ENDPOINT": place.cloud.endpoint,
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        }
        place.cloud.calls.clear()
        ended = subprocess.run(
            [sys.executable, "-m", "natkeeper.cli", *arguments],
            env={**bare, **environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


def signers(place: Workspace) -> set[str]:
    """Who signed the requests that the command made, by access key id."""
    return {call.access_key_id for call in place.cloud.calls if not call.error}


def profiles(home: Path, *listed: dict[str, Any], current: str = "default") -> Path:
    """Write the configuration of the aliyun command line."""
    file = home / ".aliyun" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"current": current, "profiles": list(listed)}), encoding="utf-8")
    return file


def ak(name: str, key: KeyPair) -> dict[str, Any]:
    return {
        "name": name,
        "mode": "AK",
        "access_key_id": key.access_key_id,
        "access_key_secret": key.access_key_secret,
        "region_id": "cn-hangzhou",
    }


def keys(key: KeyPair) -> dict[str, str]:
    given = (key.access_key_id, key.access_key_secret, key.security_token)
    return {name: value for name, value in zip(KEYS, given, strict=True) if value}


@pytest.mark.parametrize("line", ["status --direct", "status", "status --fc2 natkeeper/natkeeper-failover", "history",
                                  "init -o - --gateway A --table T", "doctor"])  # fmt: skip
def test_each_way_to_ask_signs_with_the_named_profile(place: Workspace, fresh: Run, tmp_path: Path, line: str) -> None:
    """The function, FC 2.0, --direct, the plain calls of history: none may find other credentials than the next."""
    other, mine = place.cloud.accounts.create_access_key(), place.cloud.accounts.create_access_key()
    profiles(tmp_path, ak("default", other), ak("work", mine))
    arguments = [{"A": place.a, "T": place.table}.get(word, word) for word in line.split()]
    ended = fresh(*arguments, "--profile", "work", "--region", "cn-hangzhou", **keys(other))
    assert "no credentials" not in ended.err, ended
    assert "Traceback" not in ended.err
    everybody = {call.access_key_id for call in place.cloud.calls}  # a function that is not there refuses, having read
    assert everybody == {mine.access_key_id}


@pytest.mark.parametrize("mode", ["AK", "StsToken", "RamRoleArn", "ChainableRamRoleArn", "EcsRamRole", "OIDC",
                                  "CloudSSO", "OAuth"])  # fmt: skip
def test_a_profile_of_every_mode_signs(
    place: Workspace, known: IdentityStandIn, fresh: Run, tmp_path: Path, mode: str
) -> None:
    """As `aliyun configure` writes them; keys of another account in the environment give way to --profile."""
    long_lived = place.cloud.accounts.create_access_key()
    session = place.cloud.accounts.assume_role("someone")
    tmp_path.joinpath("token").write_text(TOKEN, encoding="utf-8")
    role = {
        "ram_role_arn": "acs:ram::1000000000000001:role/ops",
        "ram_session_name": "natkeeper",
        "expired_seconds": 900,
    }
    until = int(time.time()) + 3600
    written: dict[str, dict[str, Any]] = {
        "AK": ak("work", long_lived),
        "StsToken": ak("work", session) | {"sts_token": session.security_token},
        "RamRoleArn": ak("work", long_lived) | role,
        "ChainableRamRoleArn": {"source_profile": "base", **role},
        "EcsRamRole": {"ram_role_name": "machine-role"},
        "OIDC": {**role, "oidc_provider_arn": "acs:ram::1:oidc-provider/p", "oidc_token_file": str(tmp_path / "token")},
        "CloudSSO": {
            "cloud_sso_sign_in_url": f"http://127.0.0.1:{known.ports['http']}/start/login",
            "cloud_sso_account_id": "1000000000000001",
            "cloud_sso_access_config": "ac-1",
            "access_token": ACCESS_TOKEN,
            "cloud_sso_access_token_expire": until,
        },
        "OAuth": {"oauth_access_token": "old", "oauth_access_token_expire": 1, "oauth_refresh_token": "first"},
    }
    profiles(tmp_path, ak("base", long_lived), {**written[mode], "name": "work", "mode": mode})
    stranger = place.cloud.accounts.assume_role("stranger")
    environ = keys(stranger) | {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "false"}
    ended = fresh("status", "--direct", "--json", "--profile", "work", **environ)
    assert ended.code == 0, ended
    expected = {"AK": long_lived, "StsToken": session}.get(mode) or known.issued[-1]
    assert signers(place) == {expected.access_key_id}
    assert len(known.issued) == (mode not in ("AK", "StsToken")), known.asked


def test_a_profile_of_kept_oauth_credentials_asks_nobody(
    place: Workspace, known: IdentityStandIn, fresh: Run, tmp_path: Path
) -> None:
    """What a sign-in left in the file is used until it ends, and the file is not touched."""
    session = place.cloud.accounts.assume_role("someone")
    kept = ak("work", session) | {"mode": "OAuth", "sts_token": session.security_token}
    file = profiles(tmp_path, kept | {"sts_expiration": int(time.time()) + 900}, current="work")
    before = file.stat().st_mtime_ns, file.read_bytes()
    assert fresh("status", "--direct").code == 0
    assert signers(place) == {session.access_key_id}
    assert (known.asked, (file.stat().st_mtime_ns, file.read_bytes())) == ([], before)


def test_the_token_of_the_environment_is_kept(place: Workspace, fresh: Run) -> None:
    """Keys of an assumed role are worth nothing without it."""
    session = place.cloud.accounts.assume_role("someone")
    assert fresh("status", "--direct", **keys(session)).code == 0
    assert signers(place) == {session.access_key_id}


def pod(folder: Path) -> dict[str, str]:
    """The environment of a pod of ACK or of a CI job."""
    folder.joinpath("token").write_text(TOKEN, encoding="utf-8")
    return {
        "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1000000000000001:role/pod",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1000000000000001:oidc-provider/ack",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(folder / "token"),
    }


def test_a_role_of_oidc_is_taken_from_the_environment(
    place: Workspace, known: IdentityStandIn, fresh: Run, tmp_path: Path
) -> None:
    """As a pod of ACK or a CI job has it."""
    environ = pod(tmp_path)
    profiles(tmp_path, ak("default", place.key))
    assert fresh("status", "--direct", **environ).code == 0
    assert signers(place) == {known.issued[-1].access_key_id}
    del environ["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"]
    assert fresh("status", "--direct", **environ).code == 0
    assert signers(place) == {place.key.access_key_id}, "a role that is named by half is passed over"


def test_a_session_of_oidc_has_the_name_that_the_environment_gives(
    known: IdentityStandIn, fresh: Run, tmp_path: Path
) -> None:
    """ActionTrail shows who acted by it."""
    environ = pod(tmp_path)
    assert fresh("status", "--direct", **environ, ALIBABA_CLOUD_ROLE_SESSION_NAME="night-shift").code == 0
    assert known.sessions == ["night-shift"]


def test_a_credentials_uri_is_asked_where_nothing_else_answers(
    place: Workspace, known: IdentityStandIn, fresh: Run
) -> None:
    """As a sidecar that hands out credentials has it."""
    uri = f"http://127.0.0.1:{known.ports['http']}/credentials"
    assert fresh("status", "--direct", ALIBABA_CLOUD_CREDENTIALS_URI=uri).code == 0
    assert signers(place) == {known.issued[-1].access_key_id}
    assert known.asked == ["GET 127.0.0.1/credentials"]


@pytest.mark.parametrize("said, used", [("true", False), ("TRUE", False), ("false", True)])
def test_profiles_can_be_switched_off(
    place: Workspace, known: IdentityStandIn, fresh: Run, tmp_path: Path, said: str, *, used: bool
) -> None:
    """Where a machine's role should be taken although someone else has signed in on it."""
    profiles(tmp_path, ak("default", place.key))
    environ = {"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": said, "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "false"}
    assert fresh("status", "--direct", **environ).code == 0
    expected = place.key if used else known.issued[-1]
    assert signers(place) == {expected.access_key_id}


@pytest.mark.parametrize("name", ["credentials", "credentials.ini"])
def test_the_credentials_file_of_alibabas_libraries_is_read(
    place: Workspace, fresh: Run, tmp_path: Path, name: str
) -> None:
    """Under both names that documents give it: the default section, and one that --profile names."""
    other = place.cloud.accounts.create_access_key()
    folder = tmp_path / ".alibabacloud"
    folder.mkdir()
    sections = {"default": place.key, "work": other}
    text = "".join(
        f"[{section}]\ntype = access_key\naccess_key_id = {key.access_key_id}\n"
        f"access_key_secret = {key.access_key_secret}\n"
        for section, key in sections.items()
    )
    (folder / name).write_text(text, encoding="utf-8")
    assert fresh("status", "--direct").code == 0
    assert signers(place) == {place.key.access_key_id}
    assert fresh("status", "--direct", "--profile", "work").code == 0
    assert signers(place) == {other.access_key_id}
    elsewhere = tmp_path / "elsewhere.ini"
    elsewhere.write_text(text.replace("[default]", "[unused]").replace("[work]", "[default]"), encoding="utf-8")
    assert fresh("status", "--direct", ALIBABA_CLOUD_CREDENTIALS_FILE=str(elsewhere)).code == 0
    assert signers(place) == {other.access_key_id}


def test_the_current_profile_is_used_where_nothing_is_named(place: Workspace, fresh: Run, tmp_path: Path) -> None:
    """Its region too; ALIBABA_CLOUD_PROFILE names another."""
    other = place.cloud.accounts.create_access_key()
    profiles(tmp_path, ak("default", other), ak("work", place.key), current="work")
    assert fresh("init", "-o", "-", "--gateway", place.a, "--table", place.table).code == 0
    assert signers(place) == {place.key.access_key_id}
    assert fresh("status", "--direct", ALIBABA_CLOUD_PROFILE="default").code == 0
    assert signers(place) == {other.access_key_id}


def test_the_role_of_the_machine_is_the_last_to_be_asked(place: Workspace, known: IdentityStandIn, fresh: Run) -> None:
    """The metadata service gives the role's name, then its credentials."""
    assert fresh("status", "--direct", ALIBABA_CLOUD_ECS_METADATA_DISABLED="false").code == 0
    assert signers(place) == {known.issued[-1].access_key_id}
    assert any("security-credentials/machine-role" in asked for asked in known.asked)


def test_a_machine_that_names_its_role_is_not_asked_for_the_name(
    place: Workspace, known: IdentityStandIn, fresh: Run
) -> None:
    """ALIBABA_CLOUD_ECS_METADATA has it, for images that may not list roles."""
    environ = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "false", "ALIBABA_CLOUD_ECS_METADATA": "gateway-role"}
    assert fresh("status", "--direct", **environ).code == 0
    assert signers(place) == {known.issued[-1].access_key_id}
    names = [asked.rpartition("/")[2] for asked in known.asked if "security-credentials" in asked]
    assert names == ["gateway-role"]


@pytest.mark.parametrize(
    "profile, says, advice",
    [
        ({"mode": "AK", "access_key_id": "", "access_key_secret": ""}, "the access key id is empty", "configure get"),
        ({"mode": "StsToken", "access_key_id": "STS.a", "access_key_secret": "b"}, "token is empty", "configure get"),
        ({"mode": "RamRoleArn", "access_key_id": "STS.a", "access_key_secret": "b"}, "role_arn", "configure get"),
        ({"mode": "Magic"}, "unsupported profile mode 'Magic'", "configure get"),
        ({"mode": "CloudSSO", "access_token": "x", "cloud_sso_access_token_expire": 1}, "expired",
         "sign in again: `aliyun configure --mode CloudSSO --profile work`"),
    ],
)  # fmt: skip
def test_a_profile_that_has_none_does_not_become_the_environments_account(
    place: Workspace, fresh: Run, tmp_path: Path, profile: dict[str, Any], says: str, advice: str
) -> None:
    """What a named profile lacks is an error: filled up from the environment it would act in another account."""
    profiles(tmp_path, {"name": "work", **profile})
    session = place.cloud.accounts.assume_role("stranger")
    environ = keys(session) | {"ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/other"}
    ended = fresh("status", "--direct", "--profile", "work", **environ)
    assert (ended.code, ended.out) == (4, "")
    assert "no credentials were found in profile work of " in ended.err
    assert says in ended.err
    assert advice in ended.err
    assert not place.cloud.calls


def test_a_role_that_sts_refuses_is_told_without_secrets(place: Workspace, fresh: Run, tmp_path: Path) -> None:
    """The code and message of STS, and nothing of the key."""
    stranger = {
        "name": "work",
        "mode": "RamRoleArn",
        "access_key_id": "LTAI-not-known",
        "access_key_secret": "hush-hush",
    }
    profiles(tmp_path, stranger | {"ram_role_arn": "acs:ram::1:role/ops"})
    ended = fresh("status", "--direct", "--profile", "work")
    assert ended.code == 4
    assert "NoPermission: You are not authorized" in ended.err
    assert "LTAI-not-known" not in ended.err
    assert "hush-hush" not in ended.err


def test_an_unknown_profile_names_those_there_are(place: Workspace, fresh: Run, tmp_path: Path) -> None:
    """With the nearest one first."""
    profiles(tmp_path, ak("production", place.key), ak("staging", place.key))
    ended = fresh("status", "--direct", "--profile", "prodution")
    assert ended.code == 4
    assert "did you mean production? profiles are: production, staging" in ended.err


def test_without_any_each_place_says_why(place: Workspace, fresh: Run, tmp_path: Path) -> None:
    """And what can be done about it."""
    profiles(tmp_path, {"name": "default", "mode": "AK", "access_key_id": "", "access_key_secret": ""})
    ended = fresh("status", "--direct")
    assert ended.code == 4
    assert "no credentials were found; profile default of" in ended.err
    assert "the access key id is empty" in ended.err
    assert "aliyun configure" in ended.err


def test_keys_of_serverless_devs_are_named_as_not_read(fresh: Run, tmp_path: Path) -> None:
    """A person who has deployed with `s config add` wonders why natkeeper has no keys."""
    (tmp_path / ".s").mkdir()
    (tmp_path / ".s" / "access.yaml").write_text("default:\n  AccountID: secret\n", encoding="utf-8")
    ended = fresh("status", "--direct")
    assert ended.code == 4
    assert "(`s config add`) are not read by natkeeper" in ended.err
    assert "run `aliyun configure`" in ended.err
