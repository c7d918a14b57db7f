"""The older signature of OSS and SLS: `Authorization: SCHEME keyId:base64(HMAC(text))`, with SHA-1 or, in SLS, SHA-256.

Both sign method, content-md5, content-type, date, their own headers and the resource. Sources: OSS, "Include signatures
in the Authorization header"; SLS, "Request signatures".
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from natlab.cloud.kernel.accounts import Accounts, Principal
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.wire import Request

_TOLERANCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Scheme:
    """One product's dialect: the word in the header, its own headers, where the session token and the date stand."""

    word: str
    prefixes: tuple[str, ...]
    token: str
    date: str


def text_to_sign(request: Request, scheme: Scheme, resource: str) -> str:
    """The text under the signature."""
    headers: Mapping[str, str] = request.headers
    own = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith(scheme.prefixes))
    date = headers.get(scheme.date) or headers.get("date", "")
    first = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    return "\n".join([*first, own + resource])


def signature(text: str, secret: str, method: str = "hmac-sha1") -> str:
    """What the holder of the secret puts behind the key id."""
    digest = hashlib.sha256 if method == "hmac-sha256" else hashlib.sha1
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()


def verify(request: Request, accounts: Accounts, now: float, scheme: Scheme, resource: str) -> Principal:
    """Who signed the request. Raises ApiError."""
    word, _, rest = request.headers.get("authorization", "").partition(" ")
    key_id, _, claimed = rest.partition(":")
    key = accounts.issued(key_id)
    if word != scheme.word or key is None:
        raise ApiError("InvalidAccessKeyId", "The access key id you provided does not exist in our records.", 403)
    method = request.headers.get("x-log-signaturemethod", "")
    wanted = signature(text_to_sign(request, scheme, resource), key.credentials.access_key_secret, method)
    if not hmac.compare_digest(wanted, claimed):
        raise ApiError("SignatureDoesNotMatch", "The request signature we calculated does not match.", 403)
    if key.credentials.security_token != request.headers.get(scheme.token, "") or accounts.expired(key):
        raise ApiError("SecurityTokenExpired", "The security token is missing, wrong or expired.", 403)
    date = request.headers.get(scheme.date, "") or request.headers.get("date", "")
    try:
        moment = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        raise ApiError("AccessDenied", "The request needs a valid date.", 403) from None
    if abs(now - moment) > _TOLERANCE_S:
        raise ApiError("RequestTimeTooSkewed", "The date of the request is too far from the server's time.", 403)
    return key.principal
