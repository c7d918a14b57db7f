"""Do the tables of the local cloud declare what Alibaba's metadata declares?"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from natlab.cloud import contracts
from natlab.cloud.cloud import Cloud
from natlab.cloud.fc import paths
from natlab.cloud.fc2 import routes as fc2
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.parameters import Parameter
from natlab.cloud.kernel.rpc import RpcService
from tests.contract.checker import COMMON_PARAMETERS, Contracts


def tables() -> list[tuple[RpcService, str, Mapping[str, Parameter]]]:
    """Every operation of every RPC product of a cloud."""
    cloud = Cloud(clock=VirtualClock())
    found = [
        (service, action, operation.parameters)
        for service in cloud.services
        if isinstance(service, RpcService)
        for action, operation in service.operations.items()
    ]
    cloud.close()
    return found


OPERATIONS = [pytest.param(*entry, id=f"{entry[0].name}.{entry[1]}") for entry in tables()]


def kind_in_contract(parameter: contracts.ParameterContract) -> str:
    """The word of natlab's Kind for a parameter of the metadata."""
    shape = parameter.type
    if parameter.style == "json":
        return "object"
    if isinstance(shape, list):
        return "[object]" if isinstance(shape[0], dict) else "[string]"
    return "{object}" if isinstance(shape, dict) else str(shape)


@pytest.mark.parametrize("service,action,parameters", OPERATIONS)
def test_an_operation_takes_what_the_metadata_says(
    metadata: Contracts, service: RpcService, action: str, parameters: Mapping[str, Parameter]
) -> None:
    """Known names, the same types, and the same parameters required."""
    api = metadata.rpc(service.version, action)
    assert api is not None, "there is no such API in the metadata"
    declared = api.metadata.parameters
    wrong: list[str] = []
    for name, parameter in parameters.items():
        if name not in declared:
            if name not in COMMON_PARAMETERS:
                wrong.append(f"{name} is not in the metadata")
            continue
        expected = kind_in_contract(declared[name])
        if parameter.kind.value != expected:
            wrong.append(f"{name} is {parameter.kind.value}, the metadata says {expected}")
        if parameter.required and not declared[name].required and not parameter.missing:
            wrong.append(f"{name} is required here and not in the metadata")
        if parameter.missing and parameter.missing not in api.metadata.errors:
            wrong.append(f"{name} is missed as {parameter.missing}, which the API does not list")
    for name, entry in declared.items():
        if entry.required and not (name in parameters and parameters[name].required):
            wrong.append(f"{name} is required by the metadata and not here")
    assert not wrong, "; ".join(wrong)


def fc_routes() -> list[tuple[str, str, str, str]]:
    """Product, action, method and a path of that operation, for both generations of Function Compute."""
    new = [("fc", route.action, route.method, route.path.pattern) for route in paths._ROUTES]
    old = [("fc-open", action, method, pattern.pattern) for action, method, pattern in fc2._ROUTES]
    return [
        (
            product,
            action,
            method,
            re.sub(r"\(\?:.*?\)\?|\(\?P<\w+>.*?\)", "x", pattern.replace(r"(?:\.(?P<qualifier>[^/]+))?", "")),
        )
        for product, action, method, pattern in new + old
    ]


@pytest.mark.parametrize("product,action,method,path", fc_routes())
def test_a_path_of_function_compute_means_what_the_metadata_says(
    metadata: Contracts, product: str, action: str, method: str, path: str
) -> None:
    """The same method and path are the same operation; 2.0 has an older prefix than its metadata."""
    api = metadata.fc(method, path.replace("/2016-08-15/", "/2021-04-06/"))
    assert api is not None, f"{method} {path} is not in the metadata"
    assert (api.product, api.name) == (product, action)
