"""`natkeeper deployment`: what a deployment would lose, and whether it deployed all that s.yaml says."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from natlab.cloud.fc import validation
from natlab.cloud.fc.models import Trigger
from tests.cli.town import Command, Workspace

FUNCTION = "natkeeper-failover"
EVENTS = ("ecs-state", "ecs-notices", "ecs-operations", "vpc-operations")


@pytest.fixture(autouse=True)
def no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of these tests names nobody to notify."""
    monkeypatch.delenv("NATKEEPER_NOTIFY", raising=False)


@pytest.fixture
def whole(place: Workspace) -> Workspace:
    """A town in which s.yaml was deployed as it is."""
    place.deploy_template()
    return place


# ---- after a deployment ----------------------------------------------------------------------------------


def test_a_whole_deployment_is_said_to_be_one(whole: Workspace, natkeeper: Command) -> None:
    """Every trigger as the file says, whatever else the API answers of it."""
    ended = natkeeper("deployment")
    assert (ended.code, ended.out.strip()) == (0, "Every function and trigger is deployed as s.yaml says.")


@pytest.mark.parametrize("first", range(len(EVENTS)))
def test_every_trigger_that_a_killed_deployment_left_out_is_named(
    whole: Workspace, natkeeper: Command, first: int
) -> None:
    """With the one command that names them all: the component would skip them every time."""
    for name in EVENTS[first:]:
        whole.cloud.fc.delete_trigger(FUNCTION, name)
    ended = natkeeper("deployment", "--json")
    names = ",".join(EVENTS[first:])
    (found,) = ended.data["incomplete"]
    assert ended.code == 1
    assert found["do"] == f"s failover deploy --trigger {names} -y"
    assert all(name in found["says"] for name in EVENTS[first:])


Change = Callable[[Trigger], dict[str, object]]
CHANGES: dict[str, Change] = {
    "description": lambda _trigger: {"description": "an older release"},
    "pattern": lambda trigger: {"triggerConfig": trigger.text.replace("Stopped", "Created")},
    "way": lambda trigger: {"triggerConfig": trigger.text.replace("true", "false", 1)},
    "schema": lambda trigger: {"triggerConfig": trigger.text.replace("CloudEvents", "RawData")},
    "tolerance": lambda trigger: {"triggerConfig": trigger.text.replace('"ALL"', '"NONE"')},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_trigger_that_differs_is_stale(whole: Workspace, natkeeper: Command, change: Change) -> None:
    """Description, pattern, way of invoking: whatever the file says and the API answers otherwise."""
    trigger = whole.cloud.fc.trigger(FUNCTION, "ecs-state")
    whole.cloud.fc.update_trigger(FUNCTION, "ecs-state", change(trigger))
    ended = natkeeper("deployment")
    assert ended.code == 1
    assert "ecs-state differs from s.yaml" in ended.out
    assert shlex.split(ended.out.partition("→")[2]) == ["s", "failover", "deploy", "--trigger", "ecs-state", "-y"]


def test_white_space_in_a_pattern_is_no_difference(whole: Workspace, natkeeper: Command) -> None:
    """JSON in a text, as the API may write it back."""
    trigger = whole.cloud.fc.trigger(FUNCTION, "ecs-state")
    whole.cloud.fc.update_trigger(FUNCTION, "ecs-state", {"triggerConfig": trigger.text.replace("\\n", " ")})
    assert natkeeper("deployment").code == 0


def test_a_timer_that_differs_is_stale_too(whole: Workspace, natkeeper: Command) -> None:
    """The console has a longer interval for the sweep."""
    text = '{"cronExpression": "@every 10m", "enable": true, "payload": ""}'
    whole.cloud.fc.update_trigger(FUNCTION, "sweep", {"triggerConfig": text})
    assert "s failover deploy --trigger sweep -y" in natkeeper("deployment").out


def test_a_function_that_is_not_there_is_named_with_its_command(whole: Workspace, natkeeper: Command) -> None:
    """The resource's name in s.yaml is not the function's."""
    whole.cloud.fc.delete_function("natkeeper-notify")
    ended = natkeeper("deployment")
    assert "natkeeper-notify: is not deployed" in ended.out
    assert "s notify deploy -y" in ended.out


def test_triggers_beyond_the_first_page_are_seen(
    whole: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API gives a hundred at a time; an account may have a higher quota than fifty."""
    monkeypatch.setattr(validation, "MOST_TRIGGERS", 200)
    for number in range(101):
        body = {
            "triggerName": f"a-{number:03}",
            "triggerType": "timer",
            "triggerConfig": '{"cronExpression": "@every 1h"}',
        }
        whole.cloud.fc.create_trigger(FUNCTION, body)
    assert natkeeper("deployment").code == 0


def test_without_a_template_there_is_nothing_to_compare(place: Workspace, natkeeper: Command) -> None:
    """Nobody is told that all is well."""
    ended = natkeeper("deployment")
    assert ended.code == 2
    assert "there is no s.yaml" in ended.err


@pytest.mark.parametrize("text", ["resources: [", "- a", "resources: {failover: {component: fc3}}"])
def test_a_template_that_cannot_be_read_is_said_to_be_one(place: Workspace, natkeeper: Command, text: str) -> None:
    """YAML that ends early, another shape, a resource without properties."""
    place.home.joinpath("s.yaml").write_text(text, encoding="utf-8")
    assert natkeeper("deployment").code == 2


# ---- before a deployment ---------------------------------------------------------------------------------


def test_addresses_that_would_be_lost_stop_the_deployment(whole: Workspace, natkeeper: Command) -> None:
    """The shell of this deployment lacks what the last one had; nothing of the addresses is printed."""
    ended = natkeeper("deployment", "--before")
    assert ended.code == 2
    assert "natkeeper-notify notifies 1 address(es), and this deployment would leave it none" in ended.err
    assert "NATKEEPER_NOTIFY=none" in ended.err
    assert "example.test" not in ended.err + ended.out


@pytest.mark.parametrize("given", ["json://other.test", "none"])
def test_with_addresses_in_the_shell_it_goes_on(
    whole: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """Others, or nobody on purpose."""
    monkeypatch.setenv("NATKEEPER_NOTIFY", given)
    assert natkeeper("deployment", "--before").code == 0


def test_with_addresses_in_the_file_it_goes_on(whole: Workspace, natkeeper: Command) -> None:
    """natkeeper.notify beside the configuration."""
    whole.home.joinpath("natkeeper.notify").write_text("# on call\njson://example.test\n", encoding="utf-8")
    assert natkeeper("deployment", "--before").code == 0


def test_a_file_that_holds_nobody_does_not_count(whole: Workspace, natkeeper: Command) -> None:
    """Comments and empty lines are no addresses."""
    whole.home.joinpath("natkeeper.notify").write_text("# to do\n\n", encoding="utf-8")
    assert natkeeper("deployment", "--before").code == 2


def test_addresses_in_the_code_of_the_deployed_function_count(whole: Workspace, natkeeper: Command) -> None:
    """It is asked for their number, because nothing prints its code; without an environment of its own."""
    answer = "import json\ndef handler(event, context):\n    return json.dumps({'addresses': 3})\n"
    whole.replace_code("natkeeper-notify", answer)
    ended = natkeeper("deployment", "--before")
    assert ended.code == 2
    assert "notifies 3 address(es)" in ended.err


def test_a_first_deployment_has_nothing_to_lose(place: Workspace, natkeeper: Command) -> None:
    """No function, so no addresses."""
    assert natkeeper("deployment", "--before", "--json").data == {
        "ok": True,
        "notify": "natkeeper-notify",
        "addresses_deployed": 0,
    }


def test_without_credentials_nobody_can_tell(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops, and says how to go on."""
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    ended = natkeeper("deployment", "--before")
    assert ended.code == 2
    assert "may have addresses that would be lost" in ended.err


def test_a_configuration_without_notify_has_nothing_to_lose(
    whole: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No function is named, so none is asked."""
    text = whole.home.joinpath("natkeeper.yaml").read_text(encoding="utf-8")
    whole.home.joinpath("natkeeper.yaml").write_text(text.replace("notify: natkeeper-notify\n", ""), encoding="utf-8")
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert natkeeper("deployment", "--before").code == 0
