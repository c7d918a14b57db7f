"""What do Alibaba's APIs take and answer? The facts of their own metadata, as data beside this module.

One file for each product and version: names, types, required parameters, enumerations, limits, error codes and their
HTTP statuses. `python -m natlab.cloud.contracts FOLDER` writes the files anew (see `__main__.py`). The local cloud
reads the parameters of its operations from here, and the tests hold every exchange against it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).resolve().parent

Shape = str | list[Any] | dict[str, Any]
"""A type: "string", "integer", "number", "boolean", "map", "object", "any", "json" (JSON inside a string), a list with
the shape of its items, or an object of shapes."""


class ParameterContract(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"place": "in", "at_most": "maxItems"}
):
    """One parameter of one API, as the metadata declares it.

    `place` is query, body, header, path or formData. `style` says how a list or an object travels: repeatList and flat
    as `Name.1.Part`, json as JSON text. `at_most` is the number of items that a list may have.
    """

    type: Shape = "string"
    required: bool = False
    place: str = "query"
    style: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    at_most: int | None = None
    default: str | None = None
    enum: tuple[str, ...] = ()


class ApiContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One API: its parameters by name, the shape of its answer, and the error codes that it lists with their status."""

    parameters: dict[str, ParameterContract]
    response: Shape = "any"
    errors: dict[str, int] = {}
    method: tuple[str, ...] = ("post", "get")
    path: str = "/"


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a product. `style` is RPC or FC, which decides how a request names its API."""

    product: str
    version: str
    style: str
    apis: dict[str, ApiContract]


@cache
def products() -> tuple[Product, ...]:
    """Return every vendored product. Raise FileNotFoundError when there is none, so that no check is switched off."""
    files = sorted(FOLDER.glob("*-[0-9][0-9][0-9][0-9]-*.json"))
    if not files:
        raise FileNotFoundError(f"{FOLDER} holds no API metadata: restore it from version control")
    return tuple(msgspec.json.decode(file.read_bytes(), type=Product) for file in files)


def api(product: str, name: str) -> ApiContract:
    """Return the API `name` of `product`, such as vpc. Raise KeyError when it is not vendored."""
    return {one.product: one for one in products()}[product].apis[name]


def fc3_schema() -> dict[str, Any]:
    """Return the JSON schema by which the fc3 component of Serverless Devs checks the properties of a function."""
    return _document("fc3-schema.json")


def fc_configurations() -> dict[str, Any]:
    """Return the shapes of Function Compute's trigger, asynchronous and concurrency configurations, by their names."""
    return _document("fc-trigger-configs.json")


def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found
