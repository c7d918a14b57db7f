"""The JSON Schema of natkeeper.yaml, from the structs that the parser uses; and a configuration with its defaults.

msgspec knows the types, the keys and the defaults; `_LIMITS` adds what the structs check by themselves. Comparisons
between values (a route's `prefer` is a gateway of its group) have no form in a schema: `natkeeper check` makes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from natkeeper.domain import config as c
from natkeeper.domain.config_values import WINDOW, ZONE, Failback, Finds, Seconds
from natkeeper.domain.discovery_config import TAG, VPC

Json = dict[str, Any]
FILE = "templates/natkeeper.schema.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION: Json = {"type": "string", "pattern": "^[0-9]{1,12}(\\.[0-9]{1,6})?(ms|s|m|h|d)$"}
_SECONDS: Json = {"anyOf": [{"type": "number", "minimum": 0}, _DURATION]}
_FUNCTION: Json = {"pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"}


def _id(prefix: str) -> Json:
    return {"pattern": f"^{prefix}[a-z0-9]{{3,40}}$"}


_LIMITS: dict[str, dict[str, Json]] = {
    "Group": {
        "gateways": {"minItems": 1, "uniqueItems": True, "items": {"type": "string", **_id("i-")}},
        "routes": {"minItems": 1},
        "fallback": _id("ngw-"),
        "sources": {"items": {"type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$"}},
    },
    "Route": {
        "table": _id("vtb-"),
        "prefer": _id("i-"),
        "destination": {"pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$"},
    },
    "Follow": {"follow": _id("eip-")},
    "Forward": {
        "port": {"minimum": 1, "maximum": 65535},
        "to": {"pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}(:[0-9]{1,5}(-[0-9]{1,5})?)?$"},
    },
    "Probe": {
        "function": _FUNCTION,
        "targets": {"minItems": 1},
        "failures": {"minimum": 2, "maximum": 20},
        "table": _id("vtb-"),
        "lane": {"pattern": "^[0-9]{1,3}(\\.[0-9]{1,3}){3}:[0-9]{1,5}$"},
    },
    "Planned": {
        "window": {"pattern": f"^(?:{WINDOW.pattern})$"},
        "days": {"minItems": 1, "uniqueItems": True},
        "timezone": {"pattern": f"^(?:{ZONE.pattern})$"},
    },
    "Alarms": {
        "connections": {"minimum": 1, "maximum": 100},
        "ports": {"minimum": 1, "maximum": 100},
        "drops": {"minimum": 1},
    },
    "Setup": {"role": {"pattern": "^[A-Za-z0-9_.-]{1,64}$"}, "template": {"pattern": "^[A-Za-z][A-Za-z0-9_-]{0,199}$"}},
}


def schema() -> Json:
    """Return the schema."""
    defs = {struct.__name__: _limited(struct) for struct in _structs(c.Group) if struct is not Finds}
    group = defs["Group"]
    group["properties"].pop("name")
    group["required"].remove("name")
    _add_discovery(group)
    words = {key: {"type": "string", "pattern": f"^(?:{form.pattern})$"} for key, form, _ in c.ABOUT_MESSAGES}
    whole = {
        "$schema": _DRAFT,
        "title": "natkeeper.yaml",
        "description": "What natkeeper guards. Every key: docs/configuration.md.",
        "type": "object",
        "additionalProperties": False,
        "required": ["region", "groups"],
        "properties": {
            "region": {"type": "string", "pattern": f"^{c.REGION.pattern}$"},
            "notify": {"type": ["string", "null"], **_FUNCTION},
            **words,
            "metrics": {"anyOf": [*_SECONDS["anyOf"], {"type": "null"}]},
            "heartbeat": {"type": "boolean"},
            "groups": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^{c.GROUP_NAME.pattern}$"},
                "additionalProperties": {"$ref": "#/$defs/Group"},
            },
        },
        "$defs": defs,
    }
    plain: Json = json.loads(json.dumps(whole))  # tuples become lists, as a reader of the file sees them
    return plain


def _add_discovery(group: Json) -> None:
    """Describe what may stand in the place of lists, and that both need the VPC and leave no list."""
    properties = group["properties"]
    properties.pop("finds")
    tag = {"type": "string", "pattern": f"^(?:{TAG.pattern})$"}
    tagged = {"type": "object", "additionalProperties": False, "required": ["tag"], "properties": {"tag": tag}}
    properties["gateways"] = {"anyOf": [properties["gateways"], tagged]}
    properties["routes"] = {"anyOf": [properties["routes"], {"const": "all"}]}
    group["properties"] = {"vpc": {"type": "string", "pattern": f"^{VPC.pattern}$"}, **properties}
    finds = [{"properties": {"gateways": {"type": "object"}}}, {"properties": {"routes": {"const": "all"}}}]
    group |= {"if": {"anyOf": finds}, "then": {"required": ["vpc"]}, "else": {"not": {"required": ["vpc"]}}}


def effective(config: c.Config) -> Json:
    """Return a configuration as plain data in which every default is written out; it parses to the same."""
    full: Json = msgspec.to_builtins(config, enc_hook=_plain)
    groups = {group.pop("name"): _without_none(_as_written(group)) for group in full.pop("groups")}
    return {**_without_none(full), "groups": groups}


def _as_written(group: Json) -> Json:
    """Write what is found as natkeeper.yaml has it."""
    finds = group.pop("finds")
    if finds is None:
        return group
    gateways = {"gateways": {"tag": finds["tag"]}} if finds["tag"] else {}
    routes = {"routes": "all"} if finds["routes"] else {}
    return {"vpc": finds["vpc"], **group, **gateways, **routes}


def _structs(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Yield a struct and those that its keys hold, each once."""
    waiting, seen = [struct], list[type[msgspec.Struct]]()
    while waiting:
        each = waiting.pop(0)
        if each in seen:
            continue
        seen.append(each)
        yield each
        kinds = [field.type for field in msgspec.structs.fields(each)]
        while kinds:
            kind = kinds.pop(0)
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                waiting.append(kind)
            kinds += [part for part in get_args(kind) if get_origin(kind) is not Literal]


def _limited(struct: type[msgspec.Struct]) -> Json:
    """Describe a struct: its keys with their types and defaults, and the limits that it checks by itself."""
    properties, required = {}, []
    for field in msgspec.structs.fields(struct):
        limits = _LIMITS.get(struct.__name__, {}).get(field.name, {})
        found = _of_type(field.type, limits)
        if field.required:
            required.append(field.encode_name)
        elif field.default not in (None, msgspec.NODEFAULT) and not isinstance(field.default, msgspec.Struct):
            found = {**found, "default": msgspec.to_builtins(field.default, enc_hook=_plain)}
        properties[field.encode_name] = found
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _of_type(kind: Any, limits: Json) -> Json:  # noqa: ANN401  types have no common type
    """Describe a type of the configuration; `limits` belong to the text, number or list that it is."""
    if kind is Failback:
        return {"anyOf": [{"const": "manual"}, *_SECONDS["anyOf"]]}
    if kind is Seconds:
        return dict(_SECONDS)
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _of_type(get_args(kind)[0], {}), **limits}
    if get_origin(kind) in (Union, UnionType):
        return {"anyOf": [_of_type(each, limits) for each in get_args(kind)]}
    if kind is type(None):
        return {"type": "null"}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {"$ref": f"#/$defs/{kind.__name__}"}
    plain = getattr(kind, "__supertype__", kind)  # ids are texts of a name of their own
    return {"type": {str: "string", int: "integer", bool: "boolean", float: "number"}[plain], **limits}


def _plain(value: object) -> object:
    if isinstance(value, Failback) and math.isinf(value):
        return "manual"
    if isinstance(value, Seconds):
        return float(value)
    raise NotImplementedError(type(value))


def _without_none(data: Json) -> Json:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in data.items() if v is not None}
