"""Whole answers of every read of every product, and every event, of one story, to the last field.

answers/ has one file for each product, beside them the events of the bus, what the data plane was told, and what RAM
was asked. A field that is missing, has another value or belongs to another resource is found here, whichever it is.
NATKEEPER_SCREENS=1 writes the files anew, for a person to read.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.cloud.kernel.events import cloudmonitor_event
from natlab.cloud.kernel.rpc import RpcService
from tests.cloud.functions_lived_in import V2, V3, functions_story
from tests.cloud.lived_in import lived_in, principals, story

FUNCTIONS = "functions"
ANSWERS = Path(__file__).with_name("answers")


@cache
def told() -> dict[str, dict[str, Any]]:
    """Play the story of the RPC products once, and return all answers by their files, and what was asked."""
    asked: list[str] = []
    world = lived_in(asked)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for product, action, given in story(world):
        answer = world.call(product, action, **given)
        del answer["RequestId"]
        found[product][f"{action} {json.dumps(given)}"] = answer
    for name, who in principals(world).items():
        answer = world.cloud.call("sts", "GetCallerIdentity", {}, who)
        del answer["RequestId"]
        found["sts"][f"GetCallerIdentity of {name}"] = answer
    of_ecs = [
        event for event in world.events if event["source"] == "acs.ecs" and "ActionTrail" not in str(event["type"])
    ]
    found["events"] = {str(number): event for number, event in enumerate(world.events)}
    found["cloudmonitor"] = {str(number): cloudmonitor_event(event) for number, event in enumerate(of_ecs)}
    found["policies"] = {"asked": asked}
    found["data-plane"] = {"done": [" ".join(each) for each in world.data_plane.done]}
    return found


def said(name: str) -> dict[str, Any]:
    """Return what belongs into a file."""
    return functions_story([]) if name == FUNCTIONS else told()[name]


@pytest.mark.parametrize("name", sorted(file.stem for file in ANSWERS.glob("*.json")))
def test_whole_answers_are_what_they_were(name: str) -> None:
    """Compared one by one, so that a difference names its question."""
    file, now = ANSWERS / f"{name}.json", said(name)
    if os.environ.get("NATKEEPER_SCREENS"):
        file.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert list(now) == list(kept)
    for question, answer in now.items():
        assert answer == kept[question], question


def test_every_read_is_asked_for() -> None:
    """An operation that writes nothing has at least one whole answer here."""
    assert {*told(), FUNCTIONS} == {file.stem for file in ANSWERS.glob("*.json")}
    reads = {
        f"{service.name} {action}"
        for service in Cloud(VirtualClock()).services
        if isinstance(service, RpcService)
        for action, operation in service.operations.items()
        if not operation.writes
    }
    asked = {f"{product} {question.partition(' ')[0]}" for product, answers in told().items() for question in answers}
    assert reads - asked == {"eventbridge TestEventPattern"}  # it shows nothing of what is there


def test_function_compute_asks_ram_about_every_request() -> None:
    """Without permission every request is refused, but for one to no path at all."""
    answers = functions_story([], allow=False)
    refused = {
        answer["body"].get("Code") or answer["body"]["ErrorCode"]: answer["status"] for answer in answers.values()
    }
    assert refused == {"AccessDenied": 403, "PathNotSupported": 400}
    assert {key.split()[2] for key, answer in answers.items() if answer["status"] == 400} == {
        V3 + "nonsense",
        V2 + "nonsense",
    }
