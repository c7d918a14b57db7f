"""Credentials come from where Function Compute puts them, anew at every request, and show up nowhere else."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials, NoCredentialsError, from_environment, of_invocation
from natkeeper.domain.ids import InstanceId
from natkeeper.ports import FailureKind, ReadInstances, ReadRoutes
from tests.applying.local import Local

ENVIRON = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.NTexample",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "TheSecretOfTheKey",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "CAISlongtoken",
}


def test_the_environment_of_python_3_12_is_read() -> None:
    """The three variables that FC sets."""
    assert from_environment(ENVIRON) == Credentials("STS.NTexample", "TheSecretOfTheKey", "CAISlongtoken")


def test_the_context_of_python_3_10_goes_first() -> None:
    """It is the invocation's own, the environment is the process's."""
    given = SimpleNamespace(access_key_id="STS.other", access_key_secret="OtherSecret", security_token=None)
    assert of_invocation(SimpleNamespace(credentials=given), ENVIRON) == Credentials("STS.other", "OtherSecret")
    assert of_invocation(SimpleNamespace(), ENVIRON) == from_environment(ENVIRON)


@pytest.mark.parametrize("missing", ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
def test_a_function_without_a_role_is_told_so(missing: str) -> None:
    """The error names the variables, never a value."""
    with pytest.raises(NoCredentialsError) as raised:
        from_environment({name: value for name, value in ENVIRON.items() if name != missing})
    assert "role" in str(raised.value)
    assert not any(value in str(raised.value) for value in ENVIRON.values())


def test_without_credentials_every_call_is_denied_and_none_raises() -> None:
    """And nothing is sent."""
    cloud = AlibabaCloud("cn-hangzhou", lambda: from_environment({}), "http://127.0.0.1:9")
    (failure,) = cloud.perform(
        (ReadInstances((InstanceId("i-1"),)),), datetime.now(timezone.utc) + timedelta(seconds=2)
    )
    assert failure.kind is FailureKind.DENIED
    assert "ACCESS_KEY" in failure.message


def test_credentials_show_nothing_of_themselves() -> None:
    """Neither their repr nor the adapter's, its clients' or their signer's."""
    key = from_environment(ENVIRON)
    cloud = AlibabaCloud("cn-hangzhou", lambda: key, "http://127.0.0.1:9")
    shown = f"{key} {key!r} {cloud!r} {cloud._clients!r} {dataclasses.astuple(cloud.patience)}"
    assert not any(value in shown for value in ENVIRON.values())


def test_keys_that_rotate_are_used_at_once(local: Local) -> None:
    """A warm instance gets new credentials with a later invocation."""
    asked = local.adapter.credentials
    fresh = local.cloud.accounts.assume_role("natkeeper-failover")
    key = [asked()]
    adapter = AlibabaCloud(local.cloud.region, lambda: key[0], local.cloud.endpoint, clock=local.now)
    deadline = local.now() + timedelta(seconds=10)
    adapter.perform((ReadRoutes(local.table),), deadline)
    key[0] = Credentials(fresh.access_key_id, fresh.access_key_secret, fresh.security_token)
    local.cloud.accounts.revoke(asked().access_key_id)
    (entries,) = adapter.perform((ReadRoutes(local.table),), deadline)
    assert len(entries) == 1
    assert [call.access_key_id for call in local.cloud.calls][-1] == fresh.access_key_id


def test_a_wrong_secret_is_denied_without_being_quoted(local: Local) -> None:
    """The refusal says what is wrong in our words."""
    key = dataclasses.replace(local.adapter.credentials(), access_key_secret="not-the-secret-at-all")
    adapter = AlibabaCloud(local.cloud.region, lambda: key, local.cloud.endpoint, clock=local.now)
    (failure,) = adapter.perform((ReadRoutes(local.table),), local.now() + timedelta(seconds=10))
    assert failure.kind is FailureKind.DENIED
    assert failure.code == "SignatureDoesNotMatch"
    assert "secret is wrong" in failure.message


def test_a_proxy_variable_does_not_lead_the_local_cloud_astray(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would send even loopback through http_proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    key = local.adapter.credentials
    adapter = AlibabaCloud(local.cloud.region, key, local.cloud.endpoint, clock=local.now)
    (entries,) = adapter.perform((ReadRoutes(local.table),), local.now() + timedelta(seconds=10))
    assert len(entries) == 1
