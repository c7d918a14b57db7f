"""`natkeeper probes`: what s.yaml lacks is added to it, and what does not match is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from natkeeper.cli.app import run
from natkeeper.cli.probe_resources import NoProbeResource, WantedProbe, lacking, mismatches, with_probe
from natkeeper.cli.survey.template_file import DeclaredFunction
from natkeeper.domain.config import parse_config

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = (ROOT / "s.yaml").read_text(encoding="utf-8")
CONFIG = {
    "region": "cn-hangzhou",
    "notify": "natkeeper-notify",
    "groups": {
        "prod": {
            "gateways": ["i-alpha", "i-bravo"],
            "routes": [{"table": "vtb-one"}, {"table": "vtb-two", "probe": "natkeeper-probe-2"}],
            "probe": {"function": "natkeeper-probe"},
        }
    },
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with two probes, and the committed s.yaml with one beside it."""
    (tmp_path / "s.yaml").write_text(COMMITTED, encoding="utf-8")
    path = tmp_path / "natkeeper.yaml"
    path.write_text(json.dumps(CONFIG), encoding="utf-8")
    return path


class Said:
    """What one command answered."""

    def __init__(self, capsys: pytest.CaptureFixture[str], config: Path, arguments: tuple[str, ...]) -> None:
        self.exit_code = run([*arguments, "--config", str(config)])
        told = capsys.readouterr()
        self.output = told.out
        self.all = " ".join((told.out + told.err).split())


Natkeeper = Callable[..., Said]


@pytest.fixture
def natkeeper(capsys: pytest.CaptureFixture[str]) -> Natkeeper:
    """Run a command."""
    return lambda config, *arguments: Said(capsys, config, arguments)


def test_a_probe_that_s_yaml_lacks_is_refused_and_listed(config: Path, natkeeper: Natkeeper) -> None:
    """Nothing is deployed that the configuration counts on and nobody made."""
    for command in ("check", "package"):
        refused = natkeeper(config, command)
        assert refused.exit_code == 2
        assert "no resource for natkeeper-probe-2, the probe of vtb-two: natkeeper probes --write" in refused.all
    listed = natkeeper(config, "probes", "--json")
    assert [probe["in_s_yaml"] for probe in json.loads(listed.output)["probes"]] == [True, False]
    assert (config.parent / "s.yaml").read_text(encoding="utf-8") == COMMITTED


def test_a_probe_that_was_written_is_like_the_first_but_for_its_place(config: Path, natkeeper: Natkeeper) -> None:
    """Name and vSwitch are its own; everything else, comments included, stays as it was."""
    written = natkeeper(config, "probes", "--write", "--vswitch", "vtb-two=vsw-two")
    assert written.exit_code == 0, written.all
    text = (config.parent / "s.yaml").read_text(encoding="utf-8")
    resources = yaml.safe_load(text)["resources"]
    assert list(resources) == ["notify", "failover", "probe", "natkeeper-probe-2"]
    first, second = resources["probe"]["props"], resources["natkeeper-probe-2"]["props"]
    assert second["functionName"] == "natkeeper-probe-2"
    assert second["vpcConfig"]["vSwitchIds"] == ["vsw-two"]
    assert second["environmentVariables"] == {"NATKEEPER_GROUP": "prod"}
    own = ("functionName", "vpcConfig", "environmentVariables")
    assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}
    assert all(line in text.splitlines() for line in COMMITTED.splitlines())
    assert natkeeper(config, "check").exit_code == 0
    assert natkeeper(config, "probes", "--write").exit_code == 0
    assert (config.parent / "s.yaml").read_text(encoding="utf-8") == text, "twice is as good as once"


def test_a_probe_of_another_group_is_refused(config: Path, natkeeper: Natkeeper) -> None:
    """It would look through a table of its own, and report it as someone else's."""
    text = COMMITTED.replace("NATKEEPER_GROUP: ${vars.group}", "NATKEEPER_GROUP: test")
    text = with_probe(text, WantedProbe("natkeeper-probe-2", "test", "vtb-two"), "vsw-two")
    (config.parent / "s.yaml").write_text(text, encoding="utf-8")
    refused = natkeeper(config, "check")
    assert "natkeeper-probe-2 has NATKEEPER_GROUP test, and it is a probe of prod" in refused.all


def test_a_vswitch_that_is_none_is_refused(config: Path, natkeeper: Natkeeper) -> None:
    """What is allowed is said."""
    refused = natkeeper(config, "probes", "--write", "--vswitch", "vtb-two=two")
    assert refused.exit_code == 2
    assert "vtb-…=vsw-…" in refused.all


FILE = """\
resources:
  probe:
    props:
      functionName: natkeeper-probe
      vpcConfig:
        vSwitchIds:
          - vsw-one
      environmentVariables:
        NATKEEPER_GROUP: prod
"""


@pytest.mark.parametrize(
    "listed, after",
    [
        ("- vsw-one", ""),
        ("- vsw-one\n          - vsw-spare", ""),
        ("- vsw-one", "\n  # more\n  notify:\n    props: {}\n"),
    ],
)
def test_a_new_probe_stands_in_its_own_vswitch_and_no_other(listed: str, after: str) -> None:
    """Whatever else the first one stands in, and whatever follows it; the rest of the file stays as it is."""
    text = FILE.replace("- vsw-one", listed) + after
    added = with_probe(text, WantedProbe("two", "test", "vtb-two"), "vsw-two")
    new = FILE.removeprefix("resources:\n").replace("  probe:", "  two:").replace("natkeeper-probe", "two")
    new = new.replace("vsw-one", "vsw-two").replace("prod", "test")
    comment = "  # The probe of vtb-two, written by `natkeeper probes --write`.\n"
    head = text.removesuffix(after)
    assert added == f"{head}\n{comment}{new}\n{after.lstrip(chr(10))}"


@pytest.mark.parametrize(
    "gone, says",
    [
        ("  probe:\n", "s.yaml has no resource `probe` to copy; take the file of this release"),
        (
            "      functionName: natkeeper-probe\n",
            "the resource `probe` of s.yaml has no function that could be replaced",
        ),
        ("          - vsw-one\n", "the resource `probe` of s.yaml has no vswitch that could be replaced"),
        ("        NATKEEPER_GROUP: prod\n", "the resource `probe` of s.yaml has no group that could be replaced"),
    ],
)
def test_a_file_that_cannot_be_copied_from_says_what_it_lacks(gone: str, says: str) -> None:
    """By the word of what is missing."""
    with pytest.raises(NoProbeResource) as refused:
        with_probe(FILE.replace(gone, ""), WantedProbe("two", "test", "vtb-two"), "vsw-two")
    assert str(refused.value) == says


@pytest.mark.parametrize(
    "functions, says, lacks",
    [
        ({"natkeeper-probe": "prod", "natkeeper-probe-2": "prod"}, [], []),
        ({"natkeeper-probe-2": "prod"}, [], ["natkeeper-probe"]),
        (
            {"natkeeper-probe": "prod"},
            ["s.yaml has no resource for natkeeper-probe-2, the probe of vtb-two: natkeeper probes --write"],
            ["natkeeper-probe-2"],
        ),
        (
            {"natkeeper-probe": "prod", "natkeeper-probe-2": ""},
            ["s.yaml: natkeeper-probe-2 has NATKEEPER_GROUP no group, and it is a probe of prod"],
            [],
        ),
        (
            {"natkeeper-probe": "test", "natkeeper-probe-2": "prod"},
            ["s.yaml: natkeeper-probe has NATKEEPER_GROUP test, and it is a probe of prod"],
            [],
        ),
    ],
)
def test_what_the_file_deploys_is_held_against_the_configuration(
    functions: dict[str, str], says: list[str], lacks: list[str]
) -> None:
    """A probe that only `probe.function` names may be deployed from elsewhere."""
    declared = tuple(
        DeclaredFunction(name, name, (), {"NATKEEPER_GROUP": group} if group else {})
        for name, group in functions.items()
    )
    wants = parse_config(CONFIG)
    assert mismatches(wants, declared) == says
    assert [probe.function for probe in lacking(wants, declared)] == lacks


@pytest.mark.parametrize("text", ["resources:\n  failover: {}\n", "resources:\n  probe:\n    props: {}\n"])
def test_a_file_without_a_probe_cannot_be_added_to(text: str) -> None:
    """There is nothing to copy."""
    with pytest.raises(NoProbeResource):
        with_probe(text, WantedProbe("two", "prod", "vtb-two"), "vsw-two")
