"""OSS, SLS and Function Compute 2.0: signatures in a header of their own, and what OSS and SLS answer.

Each request is signed as the product's documentation says, and then spoilt in one way.
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc2 import signature as fc2
from natlab.cloud.kernel.accounts import KeyPair
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.header_signing import Scheme, signature, text_to_sign
from natlab.cloud.kernel.rpc import rendered
from natlab.cloud.kernel.wire import Request
from tests.cloud.lived_in import asking

OSS = Scheme("OSS", ("x-oss-",), "x-oss-security-token", "x-oss-date")
LOG = Scheme("LOG", ("x-log-", "x-acs-"), "x-acs-security-token", "x-log-date")
TOKENS = {"oss": OSS.token, "sls": LOG.token, "fc2": "x-fc-security-token"}
ASKED = {
    "oss": Request("PUT", "/bucket/a/b", {}, {"content-type": "text/plain"}, b"content"),
    "sls": Request("GET", "/logstores/l", {"b": "2", "a": "1"}, {"host": "p.cn-hangzhou.log.aliyuncs.com"}),
    "fc2": Request("GET", "/2016-08-15/services", {}, {"x-fc-account-id": "1"}),
}
CODES = {
    "unknown key": {"oss": "InvalidAccessKeyId", "sls": "InvalidAccessKeyId", "fc2": "InvalidAccessKeyID"},
    "another secret": {"oss": "SignatureDoesNotMatch", "sls": "SignatureDoesNotMatch", "fc2": "SignatureNotMatch"},
    "another method": {"oss": "SignatureDoesNotMatch", "sls": "SignatureDoesNotMatch", "fc2": "SignatureNotMatch"},
    "another path": {"oss": "SignatureDoesNotMatch", "sls": "SignatureDoesNotMatch", "fc2": "SignatureNotMatch"},
    "another header": {"oss": "SignatureDoesNotMatch", "sls": "SignatureDoesNotMatch", "fc2": "SignatureNotMatch"},
    "no date": {"oss": "AccessDenied", "sls": "AccessDenied", "fc2": "MissingRequiredHeader"},
    "an old date": {"oss": "RequestTimeTooSkewed", "sls": "RequestTimeTooSkewed", "fc2": "AccessDenied"},
    "a date to come": {"oss": "RequestTimeTooSkewed", "sls": "RequestTimeTooSkewed", "fc2": "AccessDenied"},
    "no token": {"oss": "SecurityTokenExpired", "sls": "SecurityTokenExpired", "fc2": "AccessDenied"},
    "an old token": {"oss": "SecurityTokenExpired", "sls": "SecurityTokenExpired", "fc2": "AccessDenied"},
    "no signature": {"oss": "InvalidAccessKeyId", "sls": "InvalidAccessKeyId", "fc2": "MissingRequiredHeader"},
    "another scheme": {"oss": "InvalidAccessKeyId", "sls": "InvalidAccessKeyId", "fc2": "MissingRequiredHeader"},
}
NOW = 1_700_000_000.0


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr("time.time", lambda: NOW)
    return Cloud(VirtualClock())


def signed(
    product: str, key: KeyPair, *, at: float = NOW, date: bool = True, own: Mapping[str, str] | None = None
) -> Request:
    """Sign the product's request with a key."""
    asked = ASKED[product]
    token = {TOKENS[product]: key.security_token} if key.security_token else {}
    when = {"date": email.utils.formatdate(at, usegmt=True)} if date else {}
    asked = replace(asked, headers={**asked.headers, **when, **token, **(own or {})})
    if product == "fc2":
        made = fc2.signature(asked, key.access_key_secret)
        return with_header(asked, authorization=f"FC {key.access_key_id}:{made}")
    scheme = OSS if product == "oss" else LOG
    resource = asked.path if product == "oss" else f"{asked.path}?a=1&b=2"
    method = asked.headers.get("x-log-signaturemethod", "hmac-sha1")
    made = signature(text_to_sign(asked, scheme, resource), key.access_key_secret, method)
    return with_header(asked, authorization=f"{scheme.word} {key.access_key_id}:{made}")


def with_header(request: Request, **headers: str) -> Request:
    return replace(request, headers={**request.headers, **headers})


def authenticate(cloud: Cloud, product: str, request: Request) -> Any:
    service: Any = cloud.service(product)
    return service.authenticate(request)


@pytest.mark.parametrize("product", list(ASKED))
def test_a_signed_request_is_its_signer_s(cloud: Cloud, product: str) -> None:
    """With a user's key and with a role's, up to a quarter of an hour off."""
    user, role = cloud.accounts.create_access_key(), cloud.accounts.assume_role("r")
    for key in (user, role):
        for off in (-899, 0, 899):
            found = authenticate(cloud, product, signed(product, key, at=NOW + off))
            assert (found.access_key_id, found.role) == (key.access_key_id, "r" if key is role else None)


def test_sls_takes_the_newer_digest_and_a_date_of_its_own(cloud: Cloud) -> None:
    """`x-log-signaturemethod` and `x-log-date`, as the log clients send them."""
    key = cloud.accounts.create_access_key()
    own = {"x-log-date": email.utils.formatdate(NOW, usegmt=True), "x-log-signaturemethod": "hmac-sha256"}
    request = signed("sls", key, date=False, own=own)
    assert authenticate(cloud, "sls", request).access_key_id == key.access_key_id
    with pytest.raises(ApiError, match="SignatureDoesNotMatch"):
        authenticate(cloud, "sls", with_header(request, **{"x-log-signaturemethod": "hmac-sha1"}))


@pytest.mark.parametrize("product", list(ASKED))
@pytest.mark.parametrize("what", list(CODES))
def test_a_spoilt_signature_is_refused(cloud: Cloud, product: str, what: str) -> None:
    """With the product's own code, and never for another reason."""
    key, role = cloud.accounts.create_access_key(), cloud.accounts.assume_role("r", duration_s=900)
    own = {"oss": "x-oss-meta-x", "sls": "x-log-x", "fc2": "x-fc-x"}[product]
    spoilt: dict[str, Callable[[], Request]] = {
        "unknown key": lambda: signed(product, KeyPair("LTAInobody", "x")),
        "another secret": lambda: signed(product, replace(key, access_key_secret="x")),
        "another method": lambda: replace(signed(product, key), method="DELETE"),
        "another path": lambda: replace(signed(product, key), path=ASKED[product].path + "x"),
        "another header": lambda: with_header(signed(product, key), **{own: "x"}),
        "no date": lambda: signed(product, key, date=False),
        "an old date": lambda: signed(product, key, at=NOW - 901),
        "a date to come": lambda: signed(product, key, at=NOW + 901),
        "no token": lambda: signed(product, replace(role, security_token="")),
        "an old token": lambda: signed(product, role),
        "no signature": lambda: ASKED[product],
        "another scheme": lambda: with_header(signed(product, key), authorization=f"ACS {key.access_key_id}:x"),
    }
    if what == "an old token":
        assert isinstance(cloud.clock, VirtualClock)
        cloud.clock.advance(901)
    with pytest.raises(ApiError) as refused:
        authenticate(cloud, product, spoilt[what]())
    assert refused.value.code == CODES[what][product]
    assert refused.value.status == (400 if CODES[what][product] == "MissingRequiredHeader" else 403)


def ask(cloud: Cloud, product: str, method: str, path: str, body: object = None, host: str = "") -> tuple[int, str]:
    """Ask OSS or SLS as the account; the status, and a code or the body."""
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"host": host} if host else {}
    request = Request(method, path, {}, headers, sent, cloud.accounts.owner, "request")
    service = cloud.service(product)
    try:
        answer = cloud.gate.answer(service, request).response
    except ApiError as refused:
        answer = rendered(refused, service, request, cloud.region)
        return answer.status, refused.code if refused.code.encode() in answer.body else "another"
    described = {name: value for name, value in answer.headers.items() if name in ("etag", "x-oss-hash-crc64ecma")}
    return answer.status, f"{answer.body.decode()} {described}" if described else answer.body.decode()


CONTENT = "{'etag': '\"9A0364B9E99BB480DD25E1F0284C8555\"', 'x-oss-hash-crc64ecma': '8883282091546349020'}"
PROJECT = "project.cn-hangzhou.log.aliyuncs.com"
NEW, FULL = {"logstoreName": "l", "ttl": 7, "shardCount": 2}, {"line": {"token": [" "]}}
STORE = '{"logstoreName": "l", "ttl": 7, "shardCount": 2, "productType": ""}'
OBJECTS = (
    ("GET", "/bucket/key", None, "", (404, "NoSuchKey")),
    ("PUT", "/bucket/key", b"content", "", (200, f" {CONTENT}")),
    ("GET", "/bucket/key", None, "", (200, f"content {CONTENT}")),
    ("HEAD", "/key", None, "bucket.oss-cn-hangzhou.aliyuncs.com", (200, f"content {CONTENT}")),
    ("GET", "/key", None, "other.oss-cn-hangzhou.aliyuncs.com:443", (404, "NoSuchKey")),
    ("DELETE", "/bucket/key", None, "", (204, "")),
    ("DELETE", "/bucket/key", None, "", (204, "")),
    ("GET", "/bucket/key", None, "", (404, "NoSuchKey")),
    ("POST", "/bucket/key", b"", "", (405, "MethodNotAllowed")),
    ("GET", "/bucket", None, "", (405, "MethodNotAllowed")),
    ("GET", "/", None, "bucket.oss-cn-hangzhou.aliyuncs.com", (405, "MethodNotAllowed")),
    ("PUT", "/bucket/key", b"content", "", (200, f" {CONTENT}")),
)
LOGS: tuple[tuple[str, str, object, str, tuple[int, str]], ...] = (
    ("GET", "/", None, PROJECT, (404, "ProjectNotExist")),
    ("POST", "/", {"projectName": "project", "description": "d"}, "", (200, "")),
    ("POST", "/", {"projectName": "project"}, "", (400, "ProjectAlreadyExist")),
    ("POST", "/", {"projectName": "p"}, "", (400, "ParameterInvalid")),
    ("POST", "/", {"projectName": "-ab"}, "", (400, "ParameterInvalid")),
    ("POST", "/", {"projectName": "a" * 64}, "", (400, "ParameterInvalid")),
    ("POST", "/", {"projectName": "a" * 63}, "", (200, "")),
    ("POST", "/", b"{", PROJECT, (400, "PostBodyInvalid")),
    ("GET", "/", None, PROJECT, (200, '{"projectName": "project", "description": "d", "status": "Normal"}')),
    ("GET", "/logstores/l", None, PROJECT, (404, "LogStoreNotExist")),
    ("POST", "/logstores", {}, PROJECT, (400, "ParameterInvalid")),
    ("POST", "/logstores", NEW, PROJECT, (200, "")),
    ("POST", "/logstores", NEW, PROJECT, (400, "LogStoreAlreadyExist")),
    ("POST", "/logstores", NEW, "other.cn-hangzhou.log.aliyuncs.com", (404, "ProjectNotExist")),
    ("GET", "/logstores/l", None, PROJECT, (200, STORE)),
    ("GET", "/logstores/l/index", None, PROJECT, (404, "IndexConfigNotExist")),
    ("POST", "/logstores/none/index", FULL, PROJECT, (404, "LogStoreNotExist")),
    ("POST", "/logstores/l/index", FULL, PROJECT, (200, "")),
    ("POST", "/logstores/l/index", FULL, PROJECT, (400, "IndexAlreadyExist")),
    ("GET", "/logstores/l/index", None, PROJECT, (200, json.dumps(FULL))),
    ("PUT", "/logstores/l/index", FULL, PROJECT, (405, "MethodNotSupported")),
    ("POST", "/logstores/l/shards/lb", b"lines", PROJECT, (200, "")),
    ("POST", "/logstores/none/shards/lb", b"lines", PROJECT, (404, "LogStoreNotExist")),
)
RAM = {
    "oss": ["PutObject on acs:oss:*:{}:bucket/key", "GetObject on acs:oss:*:{}:other/key"],
    "sls": [
        "GetProject on acs:log:cn-hangzhou:{}:project/project",
        "CreateProject on acs:log:cn-hangzhou:{}:project/project",
        "GetLogStore on acs:log:cn-hangzhou:{}:project/project/logstore/l",
        "CreateLogStore on acs:log:cn-hangzhou:{}:project/project/logstore/*",
        "CreateIndex on acs:log:cn-hangzhou:{}:project/project/logstore/l",
        "PostLogStoreLogs on acs:log:cn-hangzhou:{}:project/project/logstore/l",
    ],
}


@pytest.mark.parametrize("product, story", [("oss", OBJECTS), ("sls", LOGS)])
def test_objects_and_logs_have_their_answers(cloud: Cloud, product: str, story: tuple[Any, ...]) -> None:
    """In this order; and RAM is asked about each object, project and log store."""
    asked: list[str] = []
    cloud.accounts.authorizer = asking(asked)
    for method, path, body, host, expected in story:
        assert ask(cloud, product, method, path, body, host) == expected, (method, path, host)
    assert {call.product for call in cloud.calls} == {product}
    prefix = {"oss": "oss", "sls": "log"}[product]
    wanted = [f"the account: {prefix}:{each.format(cloud.account_id)}" for each in RAM[product]]
    assert [each for each in wanted if each not in asked] == []
    cloud.reset()
    gone: Mapping[str, tuple[str, str, tuple[int, str]]] = {
        "oss": ("/bucket/key", "", (404, "NoSuchKey")),
        "sls": ("/", PROJECT, (404, "ProjectNotExist")),
    }
    path, host, expected = gone[product]
    assert ask(cloud, product, "GET", path, None, host) == expected
    cloud.accounts.authorizer = asking([], allow=False)
    refused = {"oss": (403, "AccessDenied"), "sls": (403, "Unauthorized")}[product]
    for method, path, body, host, (status, _) in story:
        if status not in (400, 405):
            assert ask(cloud, product, method, path, body, host) == refused


def test_credentials_for_one_object_write_that_one_only(cloud: Cloud) -> None:
    """Function Compute's temporary place for a package: no other key, no other bucket, for an hour."""
    place = cloud.objects.temporary_place()
    issued = cloud.accounts.issued(place.credentials.access_key_id)
    assert issued is not None
    assert issued.principal.role == f"acs:ram::{cloud.account_id}:role/aliyunfctemporarybucket"
    assert place.credentials.expires == cloud.clock.now() + 3600
    key, own = f"{cloud.account_id}/{place.name}", place.credentials.access_key_id
    assert cloud.objects.may_write(own, place.bucket, key) is True
    assert cloud.objects.may_write(own, place.bucket, key + "x") is False
    assert cloud.objects.may_write(own, "other", key) is False
    assert cloud.objects.may_write("LTAIother", place.bucket, key) is None
    cloud.reset()
    assert cloud.objects.may_write(own, place.bucket, key) is None
