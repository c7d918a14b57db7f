"""`natkeeper probes`: what s.yaml lacks is added to it, and what does not match is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from natkeeper.cli.app import run
from natkeeper.cli.probe_resources import NoProbeResource, WantedProbe, with_probe

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


@pytest.mark.parametrize("text", ["resources:\n  failover: {}\n", "resources:\n  probe:\n    props: {}\n"])
def test_a_file_without_a_probe_cannot_be_added_to(text: str) -> None:
    """There is nothing to copy."""
    with pytest.raises(NoProbeResource):
        with_probe(text, WantedProbe("two", "prod", "vtb-two"), "vsw-two")
