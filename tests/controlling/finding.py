"""Stages on which gateways and routes are found, and what people were told of that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.fakes.stage import TABLE, A, B, Stage, group, hop

VPC = "vpc-one"
TAG = "natkeeper=prod"


def tagged(*, routes: object = "all", tables: tuple[str, ...] = (TABLE,), **more: Any) -> Stage:
    """Two gateways with the tag, the older one carries the default route of each of `tables`."""
    settings = group(vpc=VPC, gateways={"tag": TAG}, routes=routes, probe=None, **more)
    stage = Stage({"prod": settings})
    for number, name in enumerate((A, B)):
        give(stage, name, days=30 - number)
    for table in tables:
        if table not in stage.world.tables:
            stage.world.add_route(table, hop(A))
    return stage


def give(stage: Stage, name: str, *, days: float, tags: tuple[str, ...] = (TAG,)) -> None:
    """Add a machine that was created so many days ago, with tags."""
    created = stage.world.now - timedelta(days=days)
    number = 10 + len(stage.world.machines)
    stage.world.add_machine(name, f"198.51.100.{number}", tags=frozenset(tags), created=created)


def episodes(stage: Stage, kind: str = "found") -> list[dict[str, Any]]:
    """What people were told of such episodes."""
    return [e for r in stage.told_people() for e in r.get("episodes", []) if e["kind"] == kind]
