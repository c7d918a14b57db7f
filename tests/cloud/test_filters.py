"""A read that takes a parameter goes by it: a filter that nothing fits answers otherwise than no filter, or refuses.

One that is taken and not read would answer with too much in silence, and a client that relies on it would never know.
"""

from __future__ import annotations

from collections.abc import Iterator

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.parameters import Parameter, ParameterType
from natlab.cloud.kernel.rpc import RpcService
from tests.cloud.lived_in import lived_in, story
from tests.cloud.worlds import build

_OTHERWISE = {
    ParameterType.TEXT: ({"": "nothing"},),
    ParameterType.INTEGER: ({"": "1"}, {"": "2"}),
    ParameterType.BOOLEAN: ({"": "true"}, {"": "false"}),
    ParameterType.JSON: ({"": '{"nothing": "x"}'},),
    ParameterType.TEXTS: ({".1": "nothing"},),
    ParameterType.STRUCTS: ({".1.Key": "nothing"},),
}
_LONG_AGO = "2000-01-01T00:00:00Z"
_MEANT = {
    "ContentEncoding": "PlainText",
    "Direction": "egress",
    "EndDateBefore": _LONG_AGO,
    "StartDateBefore": _LONG_AGO,
}
"""Of parameters for which just any text means what none means."""
WITHOUT_EFFECT = {
    "ecs DescribeRegions AcceptLanguage": "names of places are the same in every language",
    "ecs DescribeZones AcceptLanguage": "names of places are the same in every language",
    "ecs DescribeZones Verbose": "there is no more to tell of a zone",
    "oos ListExecutions IncludeChildExecution": "no execution has children",
}
"""What a client may send and the local cloud does not go by, each with its reason."""


def ways(name: str, parameter: Parameter) -> Iterator[dict[str, str]]:
    if name in _MEANT:
        yield {name: _MEANT[name]}
    for way in _OTHERWISE[parameter.kind]:
        yield {f"{name}{suffix}": value for suffix, value in way.items()}


def test_no_read_takes_a_parameter_and_goes_on_without_it() -> None:
    """Of every parameter of every read, in a cloud that has something of everything."""
    world = lived_in()
    ignored: set[str] = set()

    def answer(product: str, action: str, given: dict[str, str]) -> object:
        world.cloud.rates.reset()
        try:
            return {key: value for key, value in world.call(product, action, **given).items() if key != "RequestId"}
        except ApiError as refused:
            return refused.code

    for product, action, given in story(world):
        service = world.cloud.service(product)
        assert isinstance(service, RpcService)
        plain = answer(product, action, given)
        for name, parameter in service.operations[action].parameters.items():
            told = any(key.partition(".")[0] == name for key in given) or name == "RegionId"
            if not told and all(answer(product, action, {**given, **way}) == plain for way in ways(name, parameter)):
                ignored.add(f"{product} {action} {name}")
    assert ignored == set(WITHOUT_EFFECT)


def test_a_cloud_that_was_reset_answers_as_a_new_one() -> None:
    """Every read that needs no id, after everything has happened."""
    world = lived_in()
    for _ in story(world):
        pass
    world.cloud.reset()
    new = Cloud(VirtualClock(world.clock.now()))
    compared = []
    for service in new.services:
        if not isinstance(service, RpcService):
            continue
        for action, operation in service.operations.items():
            needed = {name for name, parameter in operation.parameters.items() if parameter.required}
            if operation.writes or needed - {"RegionId", "EventBusName", "ServiceName"}:
                continue
            given = {"RegionId": "cn-hangzhou", "EventBusName": "default", "ServiceName": "fc.aliyuncs.com"}
            asked = {name: given[name] for name in needed}
            answers = []
            for cloud in (world.cloud, new):
                try:
                    answers.append({**cloud.call(service.name, action, asked), "RequestId": ""})
                except ApiError as refused:
                    answers.append({"refused": refused.code})
            assert answers[0] == answers[1], action
            compared.append(action)
    assert len(compared) > 25
    assert len(world.cloud.calls) == len(new.calls)


def test_a_filter_finds_what_fits_it() -> None:
    """Of two gateways and of three kinds of resources with tags, the one that is asked for."""
    world = build()
    one, two = (world.cloud.vpc.create_nat_gateway(world.vpc, world.vswitch) for _ in range(2))
    for gateway in (one, two):
        found = world.call("vpc", "DescribeSnatTableEntries", NatGatewayId=gateway)["SnatTableEntries"]
        assert [entry["NatGatewayId"] for entry in found["SnatTableEntry"]] == [gateway]
    resources = {
        "instance": world.a,
        "eni": world.cloud.ecs.instance(world.a).eni_id,
        "securitygroup": world.cloud.ecs.group_in(world.vpc),
    }
    for kind, resource in resources.items():
        world.call("ecs", "TagResources", ResourceType=kind, **{"ResourceId.1": resource, "Tag.1.Key": "k"})
    for kind, resource in resources.items():
        listed = world.call("ecs", "ListTagResources", ResourceType=kind, **{"Tag.1.Key": "k"})["TagResources"]
        assert [(tag["ResourceId"], tag["ResourceType"]) for tag in listed["TagResource"]] == [(resource, kind)]
