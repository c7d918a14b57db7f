"""The products that a deployment speaks to, each in its own dialect: FC, Resource Management, OSS and SLS.

Function Compute 3.0 and Resource Management go through Alibaba's own generic client. The place for code is asked for by
Function Compute 2.0's path and signature, as the component does; OSS and SLS are signed here (their older
signatures).
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from alibabacloud_tea_openapi.client import Client as OpenApi
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions
from fc2.auth import Auth
from Tea.exceptions import TeaException

_TIMEOUT_S = 60
_MISSING = 404


class ServiceRefused(Exception):
    """OSS or SLS refused; `code` is theirs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Deployer:
    """Who deploys: an access key and the account that it belongs to."""

    account_id: str
    access_key_id: str
    access_key_secret: str


@dataclass(frozen=True, slots=True)
class CodeUpload:
    """Where a package of code may be put: the answer to tempBucketToken."""

    bucket: str
    key: str
    access_key_id: str
    access_key_secret: str
    security_token: str


class DeployWire:
    """Everything behind one endpoint (`http://127.0.0.1:8000`), as one account."""

    def __init__(self, endpoint: str, account: Deployer, region: str) -> None:
        self.endpoint, self.account, self.region = endpoint.rstrip("/"), account, region
        url = urlsplit(self.endpoint)
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy stands between two ends on one machine
        self._config = Config(
            access_key_id=account.access_key_id,
            access_key_secret=account.access_key_secret,
            endpoint=url.netloc,
            protocol=url.scheme,
            region_id=region,
            read_timeout=_TIMEOUT_S * 1000,
        )

    def read(self, path: str, **query: str) -> dict[str, Any] | None:
        """Read something of FC 3.0; None where it is not there. Raises TeaException."""
        try:
            body: dict[str, Any] = self._function_compute("GET", path, None, query)
        except TeaException as error:
            status = getattr(error, "statusCode", None) or (error.data or {}).get("statusCode")
            if status == _MISSING:
                return None
            raise
        return body

    def write(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> None:
        """Write something of FC 3.0. Raises TeaException."""
        self._function_compute(method, path, body, query)

    def _function_compute(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        """Call FC 3.0 by the generic client: typed requests and answers fill in empty lists that nobody sent."""
        params = Params(
            action="Call",
            version="2023-03-30",
            protocol=self._config.protocol,
            method=method,
            auth_type="AK",
            style="ROA",
            pathname=f"/2023-03-30/{path}",
            req_body_type="json",
            body_type="json" if method != "DELETE" else "none",
        )
        request = OpenApiRequest(query=dict(query), body=None if body is None else dict(body))
        answer = OpenApi(self._config).call_api(params, request, RuntimeOptions())
        told: dict[str, Any] = answer.get("body") or {}
        return told

    def linked_role_exists(self, service: str) -> bool:
        """CheckServiceLinkedRoleExistence. Raises TeaException."""
        return bool(self._resource_manager("GET", "CheckServiceLinkedRoleExistence", service).get("Exists"))

    def create_linked_role(self, service: str) -> None:
        """CreateServiceLinkedRole. Raises TeaException."""
        self._resource_manager("POST", "CreateServiceLinkedRole", service)

    def _resource_manager(self, method: str, action: str, service: str) -> Mapping[str, Any]:
        params = Params(
            action=action,
            version="2020-03-31",
            protocol=self._config.protocol,
            method=method,
            auth_type="AK",
            style="RPC",
            pathname="/",
            req_body_type="formData",
            body_type="json",
        )
        answer = OpenApi(self._config).call_api(
            params, OpenApiRequest(query={"ServiceName": service}), RuntimeOptions()
        )
        body: Mapping[str, Any] = answer["body"]
        return body

    def temporary_place(self) -> CodeUpload:
        """Ask where to put a package of code (tempBucketToken, by FC 2.0's path). Raises ServiceRefused."""
        path = "/2016-08-15/tempBucketToken"
        headers = {
            "accept": "application/json",
            "date": email.utils.formatdate(usegmt=True),
            "x-fc-account-id": self.account.account_id,
        }
        signer = Auth(self.account.access_key_id, self.account.access_key_secret)
        headers["authorization"] = signer.sign_request("GET", path, headers)
        told = self._http.get(self.endpoint + path, headers=headers, timeout=_TIMEOUT_S)
        answer = told.json()
        if not told.ok:
            raise ServiceRefused(str(answer.get("ErrorCode")), str(answer.get("ErrorMessage")))
        key = answer["credentials"]
        return CodeUpload(
            bucket=answer["ossBucket"],
            key=f"{self.account.account_id}/{answer['objectName']}",
            access_key_id=key["AccessKeyId"],
            access_key_secret=key["AccessKeySecret"],
            security_token=key["SecurityToken"],
        )

    def put_object(self, place: CodeUpload, content: bytes) -> None:
        """PUT the package where it may go; the bucket is the first label of the host. Raises ServiceRefused."""
        resource = f"/{place.bucket}/{place.key}"
        headers = {
            "host": f"{place.bucket}.oss-{self.region}.aliyuncs.com",
            "content-type": "application/zip",
            "date": email.utils.formatdate(usegmt=True),
            "x-oss-security-token": place.security_token,
        }
        text = _text("PUT", headers, ("x-oss-",), resource)
        headers["authorization"] = f"OSS {place.access_key_id}:{_signed(text, place.access_key_secret)}"
        answer = self._http.put(f"{self.endpoint}/{place.key}", data=content, headers=headers, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise ServiceRefused(f"OSS {answer.status_code}", answer.text)

    def log(self, method: str, path: str, project: str = "", body: Mapping[str, Any] | None = None) -> Any:
        """Call SLS; the project is the first label of the host. Raises ServiceRefused."""
        content = json.dumps(body).encode() if body is not None else b""
        host = f"{self.region}.log.aliyuncs.com"
        headers = {
            "host": f"{project}.{host}" if project else host,
            "date": email.utils.formatdate(usegmt=True),
            "x-log-apiversion": "0.6.0",
            "x-log-bodyrawsize": str(len(content)),
            "x-log-signaturemethod": "hmac-sha256",
        }
        if content:
            headers["content-type"] = "application/json"
            headers["content-md5"] = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
        text = _text(method, headers, ("x-log-", "x-acs-"), path)
        signature = _signed(text, self.account.access_key_secret, "sha256")
        headers["authorization"] = f"LOG {self.account.access_key_id}:{signature}"
        answer = self._http.request(
            method, self.endpoint + path, data=content or None, headers=headers, timeout=_TIMEOUT_S
        )
        if not answer.ok:
            told = answer.json()
            raise ServiceRefused(str(told.get("errorCode")), str(told.get("errorMessage")))
        return answer.json() if answer.content else {}


def _text(method: str, headers: Mapping[str, str], prefixes: tuple[str, ...], resource: str) -> str:
    own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith(prefixes))
    first = [method, headers.get("content-md5", ""), headers.get("content-type", ""), headers["date"]]
    return "\n".join([*first, own + resource])


def _signed(text: str, secret: str, digest: str = "sha1") -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()
