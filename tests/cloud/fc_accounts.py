"""An account of Function Compute 3.0 with the official client, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.functions_for_tests import ECHO, package


@dataclass
class FcAccount:
    cloud: Cloud
    client: Client

    def create(self, source: str = ECHO, name: str = "f", **settings: Any) -> Any:
        body = models.CreateFunctionInput(
            function_name=name,
            runtime=settings.pop("runtime", "python3.12"),
            handler="index.handler",
            code=models.InputCodeLocation(zip_file=package(source)),
            **settings,
        )
        return self.client.create_function(models.CreateFunctionRequest(body=body)).body

    def invoke(self, payload: bytes = b"", name: str = "f", **headers: Any) -> Any:
        sent: Any = payload  # the client's type says a stream, its documentation and code say bytes too
        return self.client.invoke_function_with_options(
            name,
            models.InvokeFunctionRequest(body=sent),
            models.InvokeFunctionHeaders(**headers),
            RuntimeOptions(),
        )

    def trigger(self, name: str, kind: str, config: Any) -> Any:
        text = config if isinstance(config, str) else json.dumps(config)
        body = models.CreateTriggerInput(trigger_name=name, trigger_type=kind, trigger_config=text)
        return self.client.create_trigger("f", models.CreateTriggerRequest(body=body)).body


@contextmanager
def served_account() -> Iterator[FcAccount]:
    """Serve a cloud whose functions answer at once, with a client of it."""
    cloud = Cloud(latencies=Latencies(scale=0.0))
    key = cloud.accounts.create_access_key()
    with cloud.serve() as endpoint:
        config = Config(
            access_key_id=key.access_key_id,
            access_key_secret=key.access_key_secret,
            endpoint=endpoint.removeprefix("http://"),
            protocol="http",
            region_id="cn-hangzhou",
        )
        yield FcAccount(cloud, Client(config))
    cloud.close()


def refusal(action: Callable[[], Any]) -> tuple[str, int]:
    """Code and status of the refusal."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the client's exceptions have no common public base
        action()
    return str(caught.value.code), int(caught.value.status_code)  # type: ignore[attr-defined]


def refusal_of(action: Callable[[], Any]) -> str:
    """The code of a refusal by the cloud itself."""
    with pytest.raises(ApiError) as refused:
        action()
    return refused.value.code
