"""Did the owner of that access key really sign this request?

Two schemes: ACS3-HMAC-SHA256 in the Authorization header (current SDKs, RPC and ROA alike), and signature
version 1.0 (HMAC-SHA1 over the sorted parameters), which older clients put into the parameters.  The codes of
refusals are Alibaba's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from urllib.parse import quote

from natlab.cloud.kernel.accounts import Accounts, IssuedKey, Principal
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.wire import Request, raw_parameters

ALGORITHM = "ACS3-HMAC-SHA256"
TOLERANCE_S = 900.0
"""How far a client's clock may be off, and how long a nonce is remembered."""

_AUTHORIZATION = re.compile(
    r"(?P<algorithm>\S+) +Credential=(?P<key>[^,]+), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>\w+)"
)
_MUST_BE_SIGNED = ("host", "x-acs-date", "x-acs-content-sha256")


def percent_encode(text: str) -> str:
    """RFC 3986 encoding, as both schemes want it."""
    return quote(text, safe="~")


def acs3_signature(
    request: Request, signed_headers: Iterable[str], content_sha256: str, secret: str
) -> tuple[str, str]:
    """The signature that the holder of `secret` would make, and the canonical request it is made of."""
    names = list(signed_headers)
    query = "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(request.query.items()))
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    canonical = "\n".join((request.method, request.path, query, headers, ";".join(names), content_sha256))
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest(), canonical


def v1_signature(method: str, parameters: Mapping[str, str], secret: str) -> tuple[str, str]:
    """The Signature parameter of the old scheme, and the text that is signed."""
    canonical = "&".join(
        f"{percent_encode(name)}={percent_encode(value)}"
        for name, value in sorted(parameters.items())
        if name != "Signature"
    )
    to_sign = f"{method}&%2F&{percent_encode(canonical)}"
    digest = hmac.new(f"{secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode(), to_sign


class Verifier:
    """Verifies requests against an account's keys; remembers nonces, so that nothing is accepted twice."""

    def __init__(self, accounts: Accounts, wall: Callable[[], float]) -> None:
        self._accounts = accounts
        self._wall = wall
        self._nonces: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def verify(self, request: Request) -> Principal:
        """Who signed the request; ApiError when that cannot be believed."""
        if "authorization" in request.headers:
            return self._verify_acs3(request)
        parameters = raw_parameters(request)
        if "Signature" in parameters:
            return self._verify_v1(request, parameters)
        raise _missing("AccessKeyId")

    def _verify_acs3(self, request: Request) -> Principal:
        found = _AUTHORIZATION.fullmatch(request.headers["authorization"].strip())
        if found is None or found["algorithm"] != ALGORITHM:
            raise _incomplete()
        signed = found["headers"].split(";")
        present = {name for name in request.headers if name.startswith("x-acs-")}
        if not present.union(_MUST_BE_SIGNED) <= set(signed):
            raise _incomplete()
        key = self._key(found["key"])
        content_sha256 = hashlib.sha256(request.body).hexdigest()
        expected, canonical = acs3_signature(request, signed, content_sha256, key.credentials.access_key_secret)
        claimed = request.headers["x-acs-content-sha256"]
        if claimed != content_sha256 or not hmac.compare_digest(expected, found["signature"]):
            raise _mismatch(canonical)
        self._check_time(request.headers["x-acs-date"])
        self._check_token(key, request.headers.get("x-acs-security-token", ""))
        nonce = request.headers.get("x-acs-signature-nonce", "")
        if nonce:
            self._spend(found["key"], nonce)
        return key.principal

    def _verify_v1(self, request: Request, parameters: Mapping[str, str]) -> Principal:
        for name in ("AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"):
            if not parameters.get(name):
                raise _missing(name)
        if parameters["SignatureMethod"] != "HMAC-SHA1" or parameters["SignatureVersion"] != "1.0":
            raise _incomplete()
        key = self._key(parameters["AccessKeyId"])
        expected, to_sign = v1_signature(request.method, parameters, key.credentials.access_key_secret)
        if not hmac.compare_digest(expected, parameters["Signature"]):
            raise _mismatch(to_sign)
        self._check_time(parameters["Timestamp"])
        self._check_token(key, parameters.get("SecurityToken", ""))
        self._spend(parameters["AccessKeyId"], parameters["SignatureNonce"])
        return key.principal

    def _key(self, access_key_id: str) -> IssuedKey:
        key = self._accounts.issued(access_key_id)
        if key is None:
            raise ApiError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        return key

    def _check_token(self, key: IssuedKey, token: str) -> None:
        expected = key.credentials.security_token
        if expected and not token:
            raise ApiError("MissingSecurityToken", "SecurityToken is mandatory for this action.")
        if token and not expected:
            raise ApiError(
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            )
        if token != expected:
            raise ApiError("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
        if self._accounts.expired(key):
            raise ApiError("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")

    def _check_time(self, text: str) -> None:
        try:
            moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
        except ValueError:
            raise ApiError(
                "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
            ) from None
        if abs(self._wall() - moment) > TOLERANCE_S:
            raise ApiError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _spend(self, access_key_id: str, nonce: str) -> None:
        now = self._wall()
        with self._lock:
            for old in [key for key, until in self._nonces.items() if until < now]:
                del self._nonces[old]
            if (access_key_id, nonce) in self._nonces:
                raise ApiError("SignatureNonceUsed", "Specified signature nonce was used already.")
            self._nonces[access_key_id, nonce] = now + 2 * TOLERANCE_S


def _missing(name: str) -> ApiError:
    return ApiError("MissingParameter", f"The input parameter {name} that is mandatory is not supplied.")


def _incomplete() -> ApiError:
    return ApiError("IncompleteSignature", "The request signature does not conform to Aliyun standards.")


def _mismatch(string_to_sign: str) -> ApiError:
    return ApiError(
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. "
        f"server string to sign is:{string_to_sign.replace(chr(10), '|')}",
    )
