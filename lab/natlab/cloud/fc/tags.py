"""Tags of functions on the wire of FC 3.0: TagResources, UntagResources, ListTagResources."""

from __future__ import annotations

from typing import Final

from natlab.cloud.fc import exceptions
from natlab.cloud.fc.functions import FunctionCompute
from natlab.cloud.fc.wire import json_body, json_response, listed
from natlab.cloud.kernel.wire import Request, Response

_FUNCTION_RESOURCE: Final = "function"


class Tags:
    """The three operations over the engine's tags."""

    def __init__(self, engine: FunctionCompute) -> None:
        self._engine = engine

    def tag(self, request: Request) -> Response:
        body = json_body(request)
        tags = body.get("Tag")
        if not isinstance(tags, list) or not all(isinstance(tag, dict) and tag.get("Key") for tag in tags):
            raise exceptions.invalid("Tag is required: a list of Key and Value")
        for name in self._tagged(body.get("ResourceType"), body.get("ResourceId")):
            self._engine.tags[name].update({tag["Key"]: tag.get("Value", "") for tag in tags})
        return json_response({"RequestId": request.request_id})

    def untag(self, request: Request) -> Response:
        query = request.query
        keys = listed(query, "TagKey")
        for name in self._tagged(query.get("ResourceType"), listed(query, "ResourceId")):
            tags = self._engine.tags[name]
            for key in list(tags) if query.get("All") == "true" else keys:
                tags.pop(key, None)
        return json_response({"RequestId": request.request_id})

    def list_tags(self, request: Request) -> Response:
        query = request.query
        wanted = listed(query, "ResourceId")
        names = self._tagged(query.get("ResourceType"), wanted) if wanted else sorted(self._engine.tags)
        rows = [
            {"ResourceId": self._engine.arn(name), "ResourceType": _FUNCTION_RESOURCE, "TagKey": key, "TagValue": value}
            for name in names
            for key, value in sorted(self._engine.tags[name].items())
        ]
        return json_response({"TagResources": rows, "RequestId": request.request_id})

    def _tagged(self, kind: object, resources: object) -> list[str]:
        if str(kind).lower() != _FUNCTION_RESOURCE:
            raise exceptions.invalid(f"ResourceType '{kind}' is not '{_FUNCTION_RESOURCE}'")
        if not isinstance(resources, list) or not resources:
            raise exceptions.invalid("ResourceId is required but not provided")
        names = [str(resource).rpartition("/")[2] for resource in resources]
        return [self._engine.function(name).name for name in names]
