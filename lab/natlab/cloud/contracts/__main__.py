"""Write the vendored metadata anew: `python -m natlab.cloud.contracts FOLDER`.

FOLDER holds one JSON document for each product with `product`, `version`, `style` and `apis`; an API has `method`,
`path`, `parameters` (by name), `response` and `errors` (by code, each with its `status`). Only facts are taken over:
messages and descriptions stay behind. What is a default is left out. One API takes one line, so that a change of the
platform is a readable difference.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from natlab.cloud.contracts import FOLDER, ApiContract, ParameterContract, Product


def facts(document: dict[str, Any]) -> Product:
    """Make a Product of one document of the metadata. Raise msgspec.ValidationError where it has another form."""
    apis = {
        name: api | {"errors": {code: error["status"] for code, error in api["errors"].items()}}
        for name, api in document["apis"].items()
    }
    return msgspec.convert(document | {"product": document["product"].lower(), "apis": apis}, Product, strict=False)


def written(product: Product) -> str:
    """Write a product as JSON with one API on each line."""
    head = json.dumps({"product": product.product, "version": product.version, "style": product.style})[1:-1]
    lines = [f"{json.dumps(name)}:{_compact(_api(api))}" for name, api in sorted(product.apis.items())]
    return f'{{{head}, "apis": {{\n' + ",\n".join(lines) + "\n}}\n"


def without_prose(schema: Any) -> Any:
    """Leave the descriptions out of a JSON schema. A property of that name has an object as its value, and stays."""
    if isinstance(schema, dict):
        return {
            key: without_prose(value)
            for key, value in schema.items()
            if not (key in ("description", "title") and isinstance(value, str))
        }
    return [without_prose(item) for item in schema] if isinstance(schema, list) else schema


def _api(api: ApiContract) -> dict[str, Any]:
    parameters = {name: _differs(parameter, ParameterContract()) for name, parameter in api.parameters.items()}
    return _differs(api, ApiContract({})) | {"parameters": parameters}


def _differs(one: msgspec.Struct, usual: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of `one` that are not as `usual`; both are of one class."""
    own, defaults = msgspec.to_builtins(one), msgspec.to_builtins(usual)
    return {name: value for name, value in own.items() if name not in defaults or defaults[name] != value}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def main(folder: Path) -> None:
    """Write every document of `folder` to its vendored form."""
    for file in sorted(folder.glob("*.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        if "apis" in document:
            text = written(facts(document))
        elif "$schema" in document:
            text = json.dumps(without_prose(document), separators=(",", ":"), sort_keys=True) + "\n"
        else:
            text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        (FOLDER / file.name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
