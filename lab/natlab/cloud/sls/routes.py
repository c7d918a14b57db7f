"""SLS on the wire: the project is the first label of the host, the rest is paths with JSON bodies.

What functions write is kept by natlab.cloud.fc.logs; here is only whether there is a place for it.
Source: SLS API reference: GetProject, CreateProject, GetLogStore, CreateLogStore, GetIndex, CreateIndex,
PutLogs.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from natlab.cloud.kernel.accounts import Principal
from natlab.cloud.kernel.context import CloudContext
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.header_signing import Scheme, verify
from natlab.cloud.kernel.wire import Request, Response

_SCHEME: Final = Scheme("LOG", ("x-log-", "x-acs-"), "x-acs-security-token", "x-log-date")
_HOST: Final = re.compile(r"(?:([a-z0-9-]+)\.)?[a-z0-9-]+\.log\.aliyuncs\.com(?::\d+)?")
_STORE: Final = re.compile(r"/logstores/([^/]+)")
_LINES: Final = re.compile(r"/logstores/([^/]+)/shards/[^/]+")
_INDEX: Final = re.compile(r"/logstores/([^/]+)/index")


@dataclass(slots=True)
class LogStore:
    """One log store; `index` is what CreateIndex was sent."""

    days: int
    shards: int
    index: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Project:
    """One project and its log stores by name."""

    description: str = ""
    stores: dict[str, LogStore] = field(default_factory=dict)


class LogService:
    """The product SLS."""

    name = "sls"

    def __init__(self, cloud: CloudContext) -> None:
        self._cloud = cloud
        self.projects: dict[str, Project] = {}

    def accepts(self, request: Request) -> bool:
        return request.headers.get("authorization", "").startswith(_SCHEME.word)

    def authenticate(self, request: Request) -> Principal:
        query = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
        resource = f"{request.path}?{query}" if query else request.path
        return verify(request, self._cloud.accounts, time.time(), _SCHEME, resource)

    def action_of(self, request: Request) -> str:
        verb = {"GET": "Get", "POST": "Create"}.get(request.method, request.method)
        if _INDEX.fullmatch(request.path):
            return f"{verb}Index"
        if _LINES.fullmatch(request.path):
            return "PostLogStoreLogs"
        return f"{verb}LogStore" if request.path.startswith("/logstores") else f"{verb}Project"

    def respond(self, request: Request) -> Response:
        action = self.action_of(request)
        body = {} if action == "PostLogStoreLogs" else _body(request)
        name = _project_of(request) or str(body.get("projectName") or "")
        self._authorize(request.principal, action, name, request.path)
        with self._cloud.lock:
            if action == "CreateProject":
                return self._create_project(name, body)
            project = self.projects.get(name)
            if project is None:
                raise ApiError("ProjectNotExist", f"The Project does not exist : {name}", 404)
            if action == "GetProject":
                return _json({"projectName": name, "description": project.description, "status": "Normal"})
            if action == "CreateLogStore":
                return _create_store(project, body)
            return _of_store(action, project, request.path, body)

    def render_error(self, error: ApiError, request: Request) -> Response:
        headers = {"content-type": "application/json", "x-log-requestid": request.request_id}
        body = {"errorCode": error.code, "errorMessage": error.message}
        return Response(error.status, headers, json.dumps(body).encode())

    def reset(self) -> None:
        self.projects.clear()

    def problem(self, project: str, store: str) -> str:
        """What Function Compute says of a place for logs; empty where there is one."""
        found = self.projects.get(project)
        if found is None:
            return f"project '{project}' does not exist"
        return "" if store in found.stores else f"logstore '{store}' does not exist"

    def _create_project(self, name: str, body: Mapping[str, Any]) -> Response:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name):
            raise ApiError("ParameterInvalid", f"Invalid project name: {name}", 400)
        if name in self.projects:
            raise ApiError("ProjectAlreadyExist", f"Project {name} already exist", 400)
        self.projects[name] = Project(str(body.get("description") or ""))
        return Response(200)

    def _authorize(self, principal: Principal, action: str, project: str, path: str) -> None:
        cloud = self._cloud
        store = path.split("/")[2] if path.count("/") > 1 else "*"
        below = f"/logstore/{store}" if path.startswith("/logstores") else ""
        arn = f"acs:log:{cloud.region}:{cloud.account_id}:project/{project}{below}"
        if not cloud.accounts.authorize(principal, f"log:{action}", arn):
            message = f"denied by sts or ram, action: log:{action}, resource: {arn}"
            raise ApiError("Unauthorized", message, 403)


def _create_store(project: Project, body: Mapping[str, Any]) -> Response:
    name = str(body.get("logstoreName") or "")
    if not name:
        raise ApiError("ParameterInvalid", "logstoreName is required", 400)
    if name in project.stores:
        raise ApiError("LogStoreAlreadyExist", f"logstore {name} already exists", 400)
    project.stores[name] = LogStore(int(body.get("ttl") or 0), int(body.get("shardCount") or 0))
    return Response(200)


def _of_store(action: str, project: Project, path: str, body: Mapping[str, Any]) -> Response:
    found = _INDEX.fullmatch(path) or _LINES.fullmatch(path) or _STORE.fullmatch(path)
    store = project.stores.get(found[1]) if found else None
    if found is None or store is None:
        raise ApiError("LogStoreNotExist", f"logstore {found[1] if found else path} does not exist", 404)
    if action == "PostLogStoreLogs":
        return Response(200)  # nobody reads here what a client writes
    if action == "GetLogStore":
        return _json({"logstoreName": found[1], "ttl": store.days, "shardCount": store.shards, "productType": ""})
    if action == "GetIndex":
        if store.index is None:
            raise ApiError("IndexConfigNotExist", "index config doesn't exist", 404)
        return _json(store.index)
    if action != "CreateIndex":
        raise ApiError("MethodNotSupported", f"{action} is not part of the local cloud", 405)
    if store.index is not None:
        raise ApiError("IndexAlreadyExist", "log store index is already created", 400)
    store.index = dict(body)
    return Response(200)


def _project_of(request: Request) -> str:
    found = _HOST.fullmatch(request.headers.get("host", ""))
    return (found[1] or "") if found else ""


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body: object = json.loads(request.body or b"{}")
    except ValueError:
        raise ApiError("PostBodyInvalid", "the body is not JSON", 400) from None
    return body if isinstance(body, dict) else {}


def _json(body: Mapping[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())
