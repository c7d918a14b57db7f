"""Statements of RAM policies, and the resources that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from natkeeper.domain.config import Group

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: what it is for, what it allows, on what, and under which condition (operator, key, values)."""

    purpose: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    condition: tuple[str, str, tuple[str, ...]] | None = None

    def as_json(self) -> Json:
        """Give the statement as a RAM policy has it; RAM has no place for the purpose."""
        full: Json = {"Effect": "Allow", "Action": list(self.actions), "Resource": list(self.resources)}
        if self.condition is not None:
            operator, key, values = self.condition
            full["Condition"] = {operator: {key: list(values)}}
        return full


@dataclass(frozen=True, slots=True)
class Arns:
    """Names resources as RAM does: acs:PRODUCT:REGION:ACCOUNT:RESOURCE."""

    region: str
    account: str
    services: Mapping[str, str]
    """By name of a function of FC 2.0: the service that it is of."""

    def of(self, product: str, *resources: str) -> tuple[str, ...]:
        return tuple(f"acs:{product}:{self.region}:{self.account}:{resource}" for resource in resources)

    def roles(self, *names: str) -> tuple[str, ...]:
        return tuple(f"acs:ram:*:{self.account}:role/{name.lower()}" for name in names)

    def functions(self, *names: str) -> tuple[str, ...]:
        return self.of("fc", *(resource for name in names for resource in self._function(name)))

    def _function(self, name: str) -> tuple[str, ...]:
        service = self.services.get(name)
        if service is None:
            return f"functions/{name}", f"functions/{name}/*"
        return f"services/{service}/functions/{name}", f"services/{service}.*/functions/{name}"

    def gateways(self, groups: Iterable[Group]) -> tuple[str, ...]:
        ids = dict.fromkeys(gateway for group in groups if not group.tag for gateway in group.gateways)
        return self.of("ecs", *(f"instance/{one}" for one in ids))

    def on_gateways(self, purpose: str, actions: tuple[str, ...], groups: Iterable[Group]) -> Iterator[Statement]:
        """Allow `actions` on the listed gateways, and on any instance that has the tag of a group that finds them.

        The condition on a tag: ECS, "Use tags to control the execution of Cloud Assistant commands".
        """
        groups = tuple(groups)
        listed = self.gateways(groups)
        if listed:
            yield Statement(purpose, actions, listed)
        for tag in dict.fromkeys(group.tag for group in groups if group.tag):
            key, _, value = tag.partition("=")
            condition = ("StringEquals", f"acs:ResourceTag/{key}", (value,))
            yield Statement(f"{purpose}: the tag {tag}", actions, self.of("ecs", "instance/*"), condition)


def commands(arn: Arns, purpose: str, groups: Iterable[Group]) -> Iterator[Statement]:
    """Allow to run commands on gateways. RAM asks about the instances and about the command, which has no tag."""
    listed, *tagged = arn.on_gateways(purpose, ("ecs:RunCommand",), groups)
    command = arn.of("ecs", "command/*")
    if listed.condition is None:
        yield replace(listed, resources=(*listed.resources, *command))
    else:
        yield from (listed, Statement("name the command that is run", ("ecs:RunCommand",), command))
    yield from tagged
