"""FC 2.0's own signature, as the fc2 client makes it: `Authorization: FC keyId:base64(HMAC-SHA256)`.

Signed are method, content-md5, content-type, date, the x-fc-* headers and the path.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import unquote

from natlab.cloud.kernel.accounts import Accounts, Principal
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.wire import Request

_TOLERANCE_S = 900.0


def string_to_sign(request: Request) -> str:
    """The text under the signature."""
    headers = request.headers
    resource = unquote(request.path)
    own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-fc-"))
    first = [request.method, *(headers.get(name, "") for name in ("content-md5", "content-type", "date"))]
    return "\n".join([*first, own + resource])


def signature(request: Request, secret: str) -> str:
    """What the holder of the secret would have put behind the key id."""
    digest = hmac.new(secret.encode(), string_to_sign(request).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def verify(request: Request, accounts: Accounts, now: Callable[[], float]) -> Principal:
    """Who signed the request. Raises ApiError in FC's words."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    key_id, _, claimed = rest.partition(":")
    if scheme != "FC" or not key_id or not claimed:
        raise ApiError("MissingRequiredHeader", "required HTTP header Authorization was not specified", 400)
    key = accounts.issued(key_id)
    if key is None:
        raise ApiError("InvalidAccessKeyID", f"invalid access key ID '{key_id}'", 403)
    if not hmac.compare_digest(signature(request, key.credentials.access_key_secret), claimed):
        raise ApiError(
            "SignatureNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your access key and signing method",
            403,
        )
    if key.credentials.security_token != request.headers.get("x-fc-security-token", "") or accounts.expired(key):
        raise ApiError("AccessDenied", "the security token is missing, wrong or expired", 403)
    _check_date(request.headers.get("date", ""), now())
    return key.principal


def _check_date(text: str, now: float) -> None:
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        raise ApiError("MissingRequiredHeader", "required HTTP header Date was not specified", 400) from None
    if abs(now - moment) > _TOLERANCE_S:
        raise ApiError("AccessDenied", "the date of the request is too far from the server's time", 403)
