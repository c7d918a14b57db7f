"""OSS on the wire: PUT, GET, HEAD and DELETE of an object, with its older signature.

The bucket is the first label of the host (BUCKET.oss-REGION.aliyuncs.com), or the first part of the path where the host
is an address, as Alibaba's clients do it.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Final
from xml.sax.saxutils import escape

from natlab.checksum import crc64
from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.header_signing import Scheme, verify
from natlab.cloud.kernel.wire import Request, Response
from natlab.cloud.oss.store import ObjectStore

_SCHEME: Final = Scheme("OSS", ("x-oss-",), "x-oss-security-token", "x-oss-date")
_HOST: Final = re.compile(r"([a-z0-9-]+)\.oss-[a-z0-9-]+\.aliyuncs\.com(:\d+)?")
_ACTIONS: Final = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "GetObject", "DELETE": "DeleteObject"}


class ObjectStorage:
    """The product OSS."""

    name = "oss"

    def __init__(self, cloud: CloudContext, store: ObjectStore) -> None:
        self.store = store
        self._cloud = cloud

    def accepts(self, request: Request) -> bool:
        return request.headers.get("authorization", "").startswith(_SCHEME.word)

    def authenticate(self, request: Request) -> Principal:
        bucket, key = _place(request)
        return verify(request, self._cloud.accounts, time.time(), _SCHEME, f"/{bucket}/{key}")

    def action_of(self, request: Request) -> str:
        return _ACTIONS.get(request.method, f"{request.method} {request.path}")

    def respond(self, request: Request) -> Response:
        bucket, key = _place(request)
        action = _ACTIONS.get(request.method)
        if action is None or not bucket or not key:
            raise ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        self._authorize(request, action, bucket, key)
        with self._cloud.lock:
            if request.method == "PUT":
                self.store.put(bucket, key, request.body)
                return Response(200, _described(request.body, request.request_id))
            if request.method == "DELETE":
                self.store.delete(bucket, key)
                return Response(204, {"x-oss-request-id": request.request_id})
            content = self.store.get(bucket, key)
        if content is None:
            raise ApiError("NoSuchKey", "The specified key does not exist.", 404)
        return Response(200, _described(content, request.request_id), content)

    def render_error(self, error: ApiError, request: Request) -> Response:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n'
            f"  <Code>{escape(error.code)}</Code>\n  <Message>{escape(error.message)}</Message>\n"
            f"  <RequestId>{request.request_id}</RequestId>\n</Error>\n"
        )
        headers = {"content-type": "application/xml", "x-oss-request-id": request.request_id}
        return Response(error.status, headers, body.encode())

    def reset(self) -> None:
        self.store.reset()

    def _authorize(self, request: Request, action: str, bucket: str, key: str) -> None:
        principal, cloud = request.principal, self._cloud
        allowed = self.store.may_write(principal.access_key_id, bucket, key) if action == "PutObject" else None
        if allowed is None:
            arn = f"acs:oss:*:{cloud.account_id}:{bucket}/{key}"
            allowed = cloud.accounts.authorize(principal, f"oss:{action}", arn)
        if not allowed:
            raise ApiError("AccessDenied", f"You have no right to access this object: oss:{action}.", 403)


def _place(request: Request) -> tuple[str, str]:
    """Bucket and key that a request is about."""
    path = request.path.removeprefix("/")
    found = _HOST.fullmatch(request.headers.get("host", ""))
    if found:
        return found[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _described(content: bytes, request_id: str) -> dict[str, str]:
    return {
        "etag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest().upper()}"',
        "x-oss-hash-crc64ecma": str(crc64(content)),
        "x-oss-request-id": request_id,
    }
