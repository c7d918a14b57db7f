"""Signatures: both schemes are really verified, over HTTP."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from urllib.parse import urlencode, urlsplit

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.signing import acs3_signature, v1_signature
from natlab.cloud.kernel.wire import Request

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    with cloud.serve():
        yield cloud
    cloud.close()


def stamp(offset_s: float = 0.0) -> str:
    return datetime.fromtimestamp(time.time() + offset_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def send(
    cloud: Cloud, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc, timeout=10)
    try:
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        decoded: dict[str, object] = json.loads(answer.read())
        return answer.status, decoded
    finally:
        connection.close()


def old_style(key: KeyPair, method: str, **changes: str) -> dict[str, str]:
    """The parameters of a DescribeRegions as the oldest SDKs sign it, changed before signing."""
    parameters = {
        "Action": "DescribeRegions",
        "Version": "2014-05-26",
        "Format": "JSON",
        "AccessKeyId": key.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": str(uuid.uuid4()),
        "Timestamp": stamp(),
        **({"SecurityToken": key.security_token} if key.security_token else {}),
        **changes,
    }
    parameters = {name: value for name, value in parameters.items() if value}
    parameters["Signature"] = v1_signature(method, parameters, key.access_key_secret)[0]
    return parameters


def get(cloud: Cloud, parameters: Mapping[str, str]) -> tuple[int, object]:
    status, answer = send(cloud, "GET", "/?" + urlencode(parameters), {})
    return status, answer.get("Code")


def new_style(cloud: Cloud, key: KeyPair, *, unsigned: str = "", **changes: str) -> dict[str, str]:
    """The headers of a DescribeRegions as the current SDKs sign it, changed before signing."""
    headers = {
        "host": urlsplit(cloud.endpoint).netloc,
        "x-acs-action": "DescribeRegions",
        "x-acs-version": "2014-05-26",
        "x-acs-date": stamp(),
        "x-acs-signature-nonce": str(uuid.uuid4()),
        "x-acs-content-sha256": EMPTY_SHA256,
        **({"x-acs-security-token": key.security_token} if key.security_token else {}),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    headers = {name: value for name, value in headers.items() if value}
    signed = sorted(name for name in headers if name != unsigned)
    request = Request("POST", "/", {}, headers)
    signature, _ = acs3_signature(request, signed, EMPTY_SHA256, key.access_key_secret)
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key.access_key_id},SignedHeaders={';'.join(signed)},Signature={signature}"
    )
    return headers


def post(cloud: Cloud, headers: Mapping[str, str]) -> tuple[int, object]:
    status, answer = send(cloud, "POST", "/", headers)
    return status, answer.get("Code")


def test_the_signature_of_the_documentations_example() -> None:
    """The worked example of Alibaba's description of signature version 1.0 (ECS API reference)."""
    parameters = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    assert v1_signature("GET", parameters, "testsecret")[0] == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


@pytest.mark.parametrize("role", [None, "natkeeper"])
def test_old_style_requests_are_accepted_in_query_and_form(cloud: Cloud, role: str | None) -> None:
    """With a user's key and with a role's temporary credentials."""
    key = cloud.accounts.assume_role(role) if role else cloud.accounts.create_access_key()
    assert get(cloud, old_style(key, "GET")) == (200, None)
    body = urlencode(old_style(key, "POST")).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert send(cloud, "POST", "/", form, body)[0] == 200
    assert [call.role for call in cloud.calls] == [role, role]


def test_old_style_forgeries_are_refused(cloud: Cloud) -> None:
    """Each with Alibaba's own code."""
    key = cloud.accounts.create_access_key()
    wrong = old_style(key, "GET")
    wrong["RegionId"] = "cn-hangzhou"
    assert get(cloud, wrong) == (400, "SignatureDoesNotMatch")
    assert get(cloud, old_style(key, "POST")) == (400, "SignatureDoesNotMatch")
    assert get(cloud, old_style(key, "GET", AccessKeyId="LTAInobody")) == (404, "InvalidAccessKeyId.NotFound")
    assert get(cloud, old_style(key, "GET", SignatureMethod="HMAC-MD5")) == (400, "IncompleteSignature")
    assert get(cloud, old_style(key, "GET", SignatureNonce="")) == (400, "MissingParameter")
    assert get(cloud, old_style(key, "GET", Timestamp=stamp(-3600))) == (400, "InvalidTimeStamp.Expired")
    assert get(cloud, old_style(key, "GET", Timestamp="yesterday")) == (400, "InvalidTimeStamp.Format")
    once = old_style(key, "GET")
    assert get(cloud, once) == (200, None)
    assert get(cloud, once) == (400, "SignatureNonceUsed")


def test_new_style_forgeries_are_refused(cloud: Cloud) -> None:
    """Each with Alibaba's own code."""
    key = cloud.accounts.create_access_key()
    good = new_style(cloud, key)
    assert post(cloud, good) == (200, None)
    assert post(cloud, good) == (400, "SignatureNonceUsed")
    other_body = send(cloud, "POST", "/", new_style(cloud, key), b"RegionId=x")
    assert (other_body[0], other_body[1]["Code"]) == (400, "SignatureDoesNotMatch")
    assert post(cloud, {**new_style(cloud, key), "x-acs-date": stamp(60)}) == (400, "SignatureDoesNotMatch")
    assert post(cloud, new_style(cloud, key, x_acs_date=stamp(3600))) == (400, "InvalidTimeStamp.Expired")
    assert post(cloud, new_style(cloud, key, unsigned="x-acs-action")) == (400, "IncompleteSignature")
    assert post(cloud, {**new_style(cloud, key), "authorization": "Bearer x"}) == (400, "IncompleteSignature")
    unknown = KeyPair("LTAInobody", "secret")
    assert post(cloud, new_style(cloud, unknown)) == (404, "InvalidAccessKeyId.NotFound")
    unsigned = new_style(cloud, key)
    del unsigned["authorization"]
    assert post(cloud, unsigned) == (400, "MissingParameter")


def test_temporary_credentials_need_their_token_and_expire(cloud: Cloud) -> None:
    """Missing, foreign, malformed and outlived tokens have four different codes."""
    role, user = cloud.accounts.assume_role("natkeeper"), cloud.accounts.create_access_key()
    assert post(cloud, new_style(cloud, role)) == (200, None)
    assert post(cloud, new_style(cloud, role, x_acs_security_token="")) == (400, "MissingSecurityToken")
    foreign = new_style(cloud, user, x_acs_security_token=role.security_token)
    assert post(cloud, foreign) == (400, "InvalidSecurityToken.MismatchWithAccessKey")
    broken = new_style(cloud, role, x_acs_security_token="CAISbroken")
    assert post(cloud, broken) == (400, "InvalidSecurityToken.Malformed")
    old = cloud.accounts.assume_role("natkeeper", duration_s=-1)
    assert post(cloud, new_style(cloud, old)) == (400, "InvalidSecurityToken.Expired")
    cloud.accounts.revoke(role.access_key_id)
    assert post(cloud, new_style(cloud, role)) == (404, "InvalidAccessKeyId.NotFound")


def test_a_refused_signature_tells_what_was_signed_and_never_the_secret(cloud: Cloud) -> None:
    """The server's own string to sign helps a developer; the secret is in no answer."""
    key = cloud.accounts.create_access_key()
    wrong = old_style(key, "GET")
    wrong["Signature"] = "bm8="
    status, answer = send(cloud, "GET", "/?" + urlencode(wrong), {})
    assert (status, answer["Code"]) == (400, "SignatureDoesNotMatch")
    assert "GET&%2F&AccessKeyId" in str(answer["Message"])
    assert key.access_key_secret not in json.dumps(answer)
