"""What does a product get from the server, and what does it give back?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl

from natlab.cloud.kernel.accounts import ANONYMOUS, Principal
from natlab.cloud.kernel.errors import ApiError


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower case, query values are decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    principal: Principal = ANONYMOUS
    request_id: str = ""


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Service(Protocol):
    """A product.

    `respond` is called without the cloud's lock (an invocation may take minutes): a product takes the lock
    around the state it touches.  A product may have more: see the Protocols below.
    """

    name: str

    def accepts(self, request: Request) -> bool:
        """Return True if this request is for this product."""
        ...

    def respond(self, request: Request) -> Response:
        """Answer, or raise ApiError."""
        ...


@runtime_checkable
class Authenticates(Protocol):
    """A product with a signature scheme of its own; others are verified by kernel/signing.py."""

    def authenticate(self, request: Request) -> Principal:
        """Who signed this request; ApiError when nobody believable did."""
        ...


@runtime_checkable
class NamesActions(Protocol):
    """A product that can say which action a request asks for; else it is `METHOD /path`."""

    def action_of(self, request: Request) -> str: ...


@runtime_checkable
class RendersErrors(Protocol):
    """A product whose error bodies differ from the RPC shape."""

    def render_error(self, error: ApiError, request: Request) -> Response: ...


def action_and_version(request: Request) -> tuple[str, str]:
    """Action and version, wherever this wire style puts them; empty when absent."""
    action = request.headers.get("x-acs-action", "")
    version = request.headers.get("x-acs-version", "")
    if action and version:
        return action, version
    raw = raw_parameters(request)
    return action or raw.get("Action", ""), version or raw.get("Version", "")


def raw_parameters(request: Request) -> dict[str, str]:
    """Parameters from the query and, when the body is a form, from the body."""
    values = dict(request.query)
    content_type = request.headers.get("content-type", "")
    if request.body and content_type.startswith("application/x-www-form-urlencoded"):
        values.update(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return values
