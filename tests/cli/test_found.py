"""Commands where gateways are found by a tag and routes by where they lead: in one town, with the real SDK."""

from __future__ import annotations

import json

import pytest

from natkeeper.packaging import read_configuration
from tests.cli.town import Command, Workspace

TAG = "natkeeper=prod"


def give(place: Workspace, *instances: str) -> None:
    """Tag instances."""
    ids = {f"ResourceId.{number}": one for number, one in enumerate(instances, 1)}
    tag = {"Tag.1.Key": "natkeeper", "Tag.1.Value": "prod"}
    place.cloud.call("ecs", "TagResources", {"RegionId": place.cloud.region, "ResourceType": "instance", **ids, **tag})


@pytest.fixture
def tagged(place: Workspace) -> Workspace:
    """Both gateways have the tag, and the configuration lists nothing."""
    give(place, place.a, place.b)
    place.write(
        vpc=place.vpc, gateways={"tag": TAG}, routes="all", probe=None, setup={"mode": "off", "via": "assistant"}
    )
    return place


def test_a_switch_without_the_function_finds_what_it_moves(tagged: Workspace, natkeeper: Command) -> None:
    """From the first gateway to the other, in the table that was found."""
    assert natkeeper("switch", "prod", "--to", tagged.b, "--direct").code == 1  # nothing proves it
    assert tagged.hop == tagged.b


def test_the_status_names_what_was_found(tagged: Workspace, natkeeper: Command) -> None:
    """By ids, and marked."""
    answer = natkeeper("status", "--direct", "--json").data
    (receipt,) = answer["receipts"]
    assert {each["id"] for each in receipt["view"]["gateways"] if each["found"]} == {tagged.a, tagged.b}
    assert [each["table"] for each in receipt["view"]["routes"] if each["found"]] == [tagged.table]
    shown = natkeeper("status", "--direct").out
    assert shown.count("found") >= 3


def test_the_doctor_says_what_is_found(tagged: Workspace, natkeeper: Command) -> None:
    """And judges it as if it were listed."""
    found = json.loads(natkeeper("doctor", "--json").out)["findings"]
    about = {each["about"]: each for each in found if each["area"] == "prod"}
    assert about["what is found"]["level"] == "ok"
    assert tagged.table in about["what is found"]["says"]
    assert any(tagged.a in each for each in about)


def test_the_doctor_says_that_nothing_is_found(place: Workspace, natkeeper: Command) -> None:
    """With what to do; the function, which looked for the same, need not be deployed anew."""
    place.write(vpc=place.vpc, gateways={"tag": TAG}, routes="all", probe=None)
    place.deploy()
    found = json.loads(natkeeper("doctor", "--json").out)["findings"]
    (lack,) = [each for each in found if each["about"] == "what is found"]
    assert (lack["level"], lack["says"]) == ("wrong", f"no instance in {place.vpc} has the tag {TAG}")
    assert TAG in lack["do"]
    assert [each["area"] for each in found if each["about"] == "what the function sees"] == ["prod"]


def test_the_effective_configuration_shows_what_is_found(tagged: Workspace, natkeeper: Command) -> None:
    """As a comment: what is printed is the configuration still."""
    ended = natkeeper("config", "--effective")
    assert f"# prod finds now: {tagged.a}, {tagged.b}, {tagged.table}" in ended.out
    tagged.home.joinpath("again.yaml").write_text(ended.out, encoding="utf-8")
    again, _ = read_configuration(tagged.home / "again.yaml")
    assert again == read_configuration(tagged.home / "natkeeper.yaml")[0]


def test_a_check_says_what_is_to_be_found_and_who_decides(tagged: Workspace, natkeeper: Command) -> None:
    """Offline."""
    ended = natkeeper("check")
    assert ended.code == 0
    assert f"gateways with the tag {TAG}" in ended.out
    assert "anyone who may tag an instance of the VPC may take the route" in ended.out
    assert tagged.config


def test_a_draft_offers_it(place: Workspace, natkeeper: Command) -> None:
    """As comments that parse once they replace the lists."""
    ended = natkeeper("init", "--region", place.cloud.region, "--output", "-")
    assert f"# vpc: {place.vpc}" in ended.out
    assert "# routes: all" in ended.out
    assert "anyone who may tag" in ended.out


@pytest.mark.parametrize("command", [("setup",), ("history",), ("drill", "--restore")])
def test_other_commands_know_what_is_found(tagged: Workspace, natkeeper: Command, command: tuple[str, ...]) -> None:
    """They name gateways, routes or both."""
    what = (command[0], tagged.b, "--direct") if command == ("setup",) else (command[0], "prod", *command[1:])
    ended = natkeeper(*what)
    assert ended.code == 0, ended.err
