"""Checks one exchange of HTTP messages against Alibaba's own API metadata (natlab.cloud.contracts).

Works from the raw bytes alone, so that it judges whatever client and server there are: the request's
parameters (known, required present, types, style), the answer's body (no unknown field, types, nesting)
and, for an error, its code and status. It understands the RPC style (action in a header or in the query)
and Function Compute's REST style (action from the path).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from natlab.cloud import contracts
from natlab.cloud.contracts import ParameterContract
from tests.contract import known_codes
from tests.contract.left_out import LEFT_OUT
from tests.contract.shapes import Shape, mismatches, text_mismatches

# Parameters of every RPC call: "Common parameters" of the ECS API reference
# (help.aliyun.com/document_detail/25490.html). The owner parameters are on every ECS and VPC API and left
# out of the metadata.
COMMON_PARAMETERS = frozenset(
    {
        *("Action", "Version", "Format", "RegionId", "AccessKeyId", "SecurityToken", "Timestamp"),
        *("Signature", "SignatureMethod", "SignatureNonce", "SignatureVersion", "SignatureType"),
        *("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"),
    }
)
# FC 2.0 as `aliyun-fc2` speaks it has the same resources under an older prefix than the metadata's. It differs in two
# ways: the client sends null for what it does not set, and triggerConfig is an object, not JSON text.
_NEWER_FIELDS = frozenset({"instanceIsolationMode", "sessionAffinity"})
"""Of a function, in Alibaba's official client (alibabacloud_fc20230330) and not yet in the metadata at hand."""
_NO_METADATA = ("OSS ", "LOG ")
"""How requests to OSS and SLS begin to be signed: neither is an RPC or FC product, and neither has metadata at hand."""
FC_PREFIXES = {"/2016-08-15/": "/2021-04-06/"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they were on the wire. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes


@dataclass(frozen=True, slots=True)
class CheckedApi:
    """One operation: its product and version, its name, its metadata and the path's pattern."""

    product: str
    version: str
    style: str
    name: str
    metadata: contracts.ApiContract
    path: re.Pattern[str]


@dataclass
class Contracts:
    """Every API that the metadata knows."""

    apis: list[CheckedApi] = field(default_factory=list)

    @classmethod
    def read(cls) -> Contracts:
        """Read the vendored metadata, and what it leaves out. Raise FileNotFoundError where it is missing."""
        known = [(one.product, one.version, one.style, one.apis) for one in contracts.products()]
        left_out = [(*product, apis) for product, apis in LEFT_OUT.items()]
        return cls([api for product in (*left_out, *known) for api in _apis(*product)])

    def rpc(self, version: str, name: str) -> CheckedApi | None:
        """The RPC operation `name` of the product with that version, which no two of ours share."""
        return next((api for api in self.apis if (api.version, api.name, api.style) == (version, name, "RPC")), None)

    def fc(self, method: str, path: str) -> CheckedApi | None:
        """The FC operation that `method` on `path` means."""
        for api in self.apis:
            if api.style == "FC" and method.lower() in api.metadata.method and api.path.fullmatch(path):
                return api
        return None

    def problems(self, exchange: Exchange) -> list[str]:
        """Everything in `exchange` that the metadata does not allow, as sentences; empty when all is well."""
        if exchange.headers.get("authorization", "").startswith(_NO_METADATA):
            return []
        path = exchange.path
        for old, new in FC_PREFIXES.items():
            if path.startswith(old):
                path = new + path[len(old) :]
        if any(path.startswith(f"/{api.version}/") for api in self.apis if api.style == "FC"):
            return self._fc_problems(exchange, path)
        return self._rpc_problems(exchange)

    # ------------------------------------------------------------------ RPC

    def _rpc_problems(self, exchange: Exchange) -> list[str]:
        sent = dict(exchange.query)
        form: dict[str, str] = {}
        if exchange.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = dict(parse_qsl(exchange.body.decode(), keep_blank_values=True))
        action = exchange.headers.get("x-acs-action") or sent.get("Action") or form.get("Action") or ""
        version = exchange.headers.get("x-acs-version") or sent.get("Version") or form.get("Version") or ""
        api = self.rpc(version, action)
        error = _rpc_error(exchange)
        if api is None:
            if error and error.code in {
                "InvalidAction.NotFound",
                "InvalidVersion",
                "MissingParameter",
                "UnsupportedApi",
            }:
                return []
            return [f"{version} {action}: not an API in the contracts, yet answered {exchange.status}"]
        found: list[str] = []
        if error is None or not known_codes.REFUSAL.match(error.code):
            found += _rpc_request_problems(api, {**sent, **form})
        if error is None:
            found += _json_answer_problems(api, exchange)
        else:
            found += _rpc_error_problems(api, error, exchange)
        return [f"{api.name}: {sentence}" for sentence in found]

    # ------------------------------------------------------------------ FC

    def _fc_problems(self, exchange: Exchange, path: str) -> list[str]:
        api = self.fc(exchange.method, path)
        error = _fc_error(exchange)
        if api is None:
            if error and error.code in {"PathNotSupported", "MethodNotAllowed"}:
                return []
            return [f"{exchange.method} {exchange.path}: not in the contracts, yet answered {exchange.status}"]
        found: list[str] = []
        if error is None or not known_codes.REFUSAL.match(error.code):
            found += _fc_request_problems(api, exchange, path)
        if error is not None:
            found += _fc_error_problems(error, exchange)
        elif api.metadata.response not in ("string", "any") and exchange.status != 204:
            found += _json_answer_problems(api, exchange)
        return [f"{api.name}: {sentence}" for sentence in found]


# ---------------------------------------------------------------------- requests


def _rpc_request_problems(api: CheckedApi, sent: Mapping[str, str]) -> Iterator[str]:
    declared = api.metadata.parameters
    seen: set[str] = set()
    for name, value in sent.items():
        root = name.split(".", 1)[0]
        if root not in declared:
            if name not in COMMON_PARAMETERS:
                yield f"request parameter {name}: not a parameter of this API"
            continue
        seen.add(root)
        yield from _parameter_problems(name, value, declared[root])
    for name, parameter in declared.items():
        if parameter.required and name not in seen:
            yield f"request parameter {name}: required, and missing"


def _parameter_problems(name: str, value: str, parameter: ParameterContract) -> Iterator[str]:
    where = f"request parameter {name}"
    style, shape = parameter.style, parameter.type
    rest = name.split(".")[1:]
    if style in {"repeatList", "flat"}:
        for step in rest:
            if isinstance(shape, list):
                if not step.isdigit() or not 1 <= int(step) <= (parameter.at_most or 10_000):
                    yield f"{where}: {step!r} is not an index from 1 to {parameter.at_most or 'any'}"
                    return
                shape = shape[0]
            elif isinstance(shape, dict) and step in shape:
                shape = shape[step]
            else:
                yield f"{where}: {step!r} is not a part of this parameter"
                return
        if isinstance(shape, (list, dict)):
            yield f"{where}: stops before a value is reached"
        else:
            yield from text_mismatches(value, str(shape), where)
        return
    if rest:
        yield f"{where}: this parameter has no parts"
        return
    yield from text_mismatches(value, shape, where)
    yield from _limit_problems(where, value, parameter)


def _limit_problems(where: str, value: str, parameter: ParameterContract) -> Iterator[str]:
    if parameter.enum and value not in parameter.enum:
        yield f"{where}: {value!r} is none of {parameter.enum}"
    if parameter.type in ("integer", "number") and value.lstrip("-").replace(".", "", 1).isdigit():
        low, high = parameter.minimum, parameter.maximum
        if (low is not None and float(value) < low) or (high is not None and float(value) > high):
            yield f"{where}: {value} is outside {low}..{high}"


def _fc_request_problems(api: CheckedApi, exchange: Exchange, path: str) -> Iterator[str]:
    declared = api.metadata.parameters
    in_path = api.path.fullmatch(path)
    for name, value in exchange.query.items():
        if name not in declared or declared[name].place != "query":
            yield f"query parameter {name}: not a parameter of this API"
        else:
            yield from _parameter_problems(name, value, declared[name])
    for name, parameter in declared.items():
        present = _is_present(name, parameter.place, exchange, in_path)
        if parameter.required and not present:
            yield f"{parameter.place} parameter {name}: required, and missing"
        if parameter.place == "body" and present and parameter.type != "string":
            body = exchange.body.decode("utf-8", "replace")
            if _is_old(exchange):
                body = json.dumps({key: value for key, value in _object(exchange.body).items() if value is not None})
            if api.name in ("CreateFunction", "UpdateFunction"):
                body = json.dumps({k: v for k, v in _object(body.encode()).items() if k not in _NEWER_FIELDS})
            yield from text_mismatches(body, _dialect(exchange, parameter.type), "request body")


def _is_present(name: str, place: str, exchange: Exchange, in_path: re.Match[str] | None) -> bool:
    if place == "path":
        return in_path is not None and bool(unquote(in_path.group(name)))
    if place == "query":
        return name in exchange.query
    if place == "header":
        return name.lower() in exchange.headers
    return bool(exchange.body)


def _is_old(exchange: Exchange) -> bool:
    return exchange.path.startswith(tuple(FC_PREFIXES))


def _dialect(exchange: Exchange, shape: Shape) -> Shape:
    """The shape as this version of the API has it."""
    if not _is_old(exchange):
        return shape
    if isinstance(shape, dict):
        return {
            name: "object" if name == "triggerConfig" else _dialect(exchange, inner) for name, inner in shape.items()
        }
    return [_dialect(exchange, inner) for inner in shape] if isinstance(shape, list) else shape


# ---------------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class _Error:
    code: str
    body: Mapping[str, object]


def _json_answer_problems(api: CheckedApi, exchange: Exchange) -> Iterator[str]:
    try:
        document = json.loads(exchange.answer)
    except ValueError:
        yield f"answer: expected JSON, found {exchange.answer[:60]!r}"
        return
    yield from mismatches(document, _dialect(exchange, api.metadata.response), "answer")
    if api.style == "RPC" and not (isinstance(document, dict) and document.get("RequestId")):
        yield "answer.RequestId: missing"


def _rpc_error(exchange: Exchange) -> _Error | None:
    if exchange.status < 400:
        return None
    body = _object(exchange.answer)
    return _Error(str(body.get("Code", "")), body)


def _rpc_error_problems(api: CheckedApi, error: _Error, exchange: Exchange) -> Iterator[str]:
    for name in ("Code", "Message", "RequestId", "HostId"):
        if not isinstance(error.body.get(name), str) or not error.body[name]:
            yield f"error answer: {name} is missing"
    for name in error.body:
        if name not in {"Code", "Message", "RequestId", "HostId", "Recommend", "AccessDeniedDetail"}:
            yield f"error answer: {name} is not a field of an error"
    own = api.metadata.errors.get(error.code)
    tables = (known_codes.RPC_GATEWAY, known_codes.PRODUCT.get(api.product, {}), known_codes.NOT_EMULATED)
    statuses = {status for table in tables for status in table.get(error.code, ())}
    if own:
        statuses.add(own)
    form = known_codes.RPC_GATEWAY_PARAMETER.fullmatch(error.code)
    if form and form["parameter"] in api.metadata.parameters:
        statuses.add(400)
    if not statuses:
        yield f"error code {error.code!r} ({exchange.status}): not listed for this API, nor common to all"
    elif exchange.status not in statuses:
        yield f"error code {error.code!r}: status {exchange.status}, the contract says {sorted(statuses)}"


def _fc_error(exchange: Exchange) -> _Error | None:
    """An FC refusal. A function that fails is no refusal: status 200 and the header x-fc-error-type."""
    if exchange.status < 400:
        return None
    body = _object(exchange.answer)
    return _Error(str(body.get("Code") or body.get("ErrorCode") or ""), body)


def _fc_error_problems(error: _Error, exchange: Exchange) -> Iterator[str]:
    old = _is_old(exchange)
    expected = {"ErrorCode", "ErrorMessage"} if old else {"Code", "Message", "RequestId"}
    for name in expected - set(error.body):
        yield f"error answer: {name} is missing"
    code = error.code
    statuses = known_codes.FC.get(code, frozenset())
    if not old:  # 3.0 is signed for Alibaba's common gateway, whose codes it therefore may have (unconfirmed)
        statuses |= known_codes.RPC_GATEWAY.get(code, frozenset())
    if known_codes.FC_NOT_FOUND.fullmatch(code):
        statuses |= {404}
    if known_codes.FC_CONFLICT.fullmatch(code):
        statuses |= {409}
    if not statuses:
        yield f"error code {code!r} (status {exchange.status}): not a code of Function Compute"
    elif exchange.status not in statuses:
        yield f"error code {code!r}: status {exchange.status}, the documentation says {sorted(statuses)}"


# ---------------------------------------------------------------------- metadata


def _apis(product: str, version: str, style: str, apis: Mapping[str, contracts.ApiContract]) -> Iterator[CheckedApi]:
    for name, metadata in apis.items():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(metadata.path))
        yield CheckedApi(product, version, style, name, metadata, re.compile(pattern))


def _object(raw: bytes) -> dict[str, object]:
    try:
        document = json.loads(raw)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
