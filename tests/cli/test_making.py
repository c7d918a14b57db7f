"""Commands about files: init, check, package."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import yaml

from natkeeper.cli import config_schema
from natkeeper.packaging import read_configuration
from tests.cli.screens import assert_screen
from tests.cli.town import ROOT, Command, Workspace


def test_check_of_the_example(natkeeper: Command) -> None:
    """Valid, and still an example."""
    ended = natkeeper("check", "--config", str(ROOT / "natkeeper.example.yaml"))
    assert ended.code == 0
    assert "some ids are still those of the example" in ended.out


def test_check_names_every_problem_with_its_path(natkeeper: Command) -> None:
    """All at once, and what is allowed."""
    Path("natkeeper.yaml").write_text(
        "region: cn-hangzhou\ngroups:\n  prod:\n    gatways: [i-abc]\n    routes: [{table: vtb-abc}]\n"
        "  dev:\n    gateways: []\n",
        encoding="utf-8",
    )
    ended = natkeeper("check")
    assert ended.code == 2
    assert "groups.prod" in ended.err
    assert "gatways" in ended.err
    assert "groups.dev" in ended.err


def test_check_gives_advice_and_stays_offline(place: Workspace, natkeeper: Command) -> None:
    """What is valid and will not help: one gateway, no probe, nobody told."""
    place.write(gateways=[place.a], probe=None)
    ended = natkeeper("check", "--json")
    assert ended.code == 0
    advice = " ".join(ended.data["advice"])
    assert "one gateway and no fallback" in advice
    assert "no probe.function" in advice
    assert "setup.mode is off" in advice
    assert not place.cloud.calls


@pytest.mark.parametrize(
    "variables, says",
    [
        ({"region": "cn-beijing"}, "vars.region is cn-beijing, the configuration is about cn-hangzhou"),
        ({"group": "dev"}, "vars.group is dev, and groups are: prod"),
        ({"group": "prod", "probe": "other"}, "vars.probe is other, and prod.probe.function is natkeeper-probe"),
        ({"notify": "other"}, "vars.notify is other, and the configuration's notify is natkeeper-notify"),
    ],
)
def test_check_holds_s_yaml_against_the_configuration(
    place: Workspace, natkeeper: Command, variables: dict[str, str], says: str
) -> None:
    """Two files that contradict each other would be deployed without a word."""
    Path("s.yaml").write_text(yaml.safe_dump({"vars": variables}), encoding="utf-8")
    ended = natkeeper("check")
    assert ended.code == 2
    assert says in ended.err


def test_check_refuses_forwards_that_do_not_fit_into_one_command(place: Workspace, natkeeper: Command) -> None:
    """Cloud Assistant takes 24 KB; the message says what to shorten."""
    place.write(forwards=[{"port": port, "to": f"10.0.3.7:{port * 7919 % 65521}"} for port in range(1000, 5000)])
    ended = natkeeper("check")
    assert ended.code == 2
    assert "groups.prod.forwards: got" in ended.err
    assert "in one setup command: the first " in ended.err


def test_package_builds_the_bundles(place: Workspace, natkeeper: Command) -> None:
    """The probe's is small enough to be made in a test; the configuration is in it."""
    line = ["package", "--only", "probe", "--for", "here", "--out", "out", "--cache", str(ROOT / "build" / "cache")]
    (bundle,) = natkeeper(*line, "--json").data["bundles"]
    assert Path(bundle["archive"]).exists()
    assert bundle["fresh"] is True
    assert "unchanged" in natkeeper(*line).out
    assert json.loads(Path("out/probe/probe.json").read_text(encoding="utf-8"))["prod"]
    unknown = natkeeper("package", "--only", "nothing")
    assert (unknown.code, "bundles are: failover, probe, notify" in unknown.err) == (2, True)


def test_init_writes_a_configuration_that_is_valid(place: Workspace, natkeeper: Command) -> None:
    """Routes through instances become guarded routes; the rest is offered in comments."""
    Path("natkeeper.yaml").unlink()
    place.cloud.vpc.create_nat_gateway(place.vpc, place.private, name="managed")
    ended = natkeeper("init", "--region", "cn-hangzhou")
    assert ended.code == 0, ended
    assert_screen("init", ended.out)
    assert_screen("init-file", Path("natkeeper.yaml").read_text(encoding="utf-8"))
    config, _ = read_configuration(Path("natkeeper.yaml"))
    assert config.groups[0].gateways == (place.a,)
    assert natkeeper("check").code == 0


def test_init_offers_the_other_entries_through_the_gateways(place: Workspace, natkeeper: Command) -> None:
    """With --table only that table is guarded; what else leads to its gateway stands in comments."""
    Path("natkeeper.yaml").unlink()
    other = place.cloud.vpc.create_route_table(place.vpc, [], name="other")
    place.cloud.vpc.add_route(other, "172.16.0.0/12", place.a)
    third = place.cloud.vpc.create_route_table(place.vpc, [], name="third")
    place.cloud.vpc.add_route(third, "0.0.0.0/0", place.a)
    assert natkeeper("init", "--region", "cn-hangzhou", "--table", other).code == 0
    text = Path("natkeeper.yaml").read_text(encoding="utf-8")
    assert f"      # - table: {third}" in text
    text = text.replace("      # - table:", "      - table:").replace("      #   destination:", "        destination:")
    Path("natkeeper.yaml").write_text(text, encoding="utf-8")
    config, _ = read_configuration(Path("natkeeper.yaml"))
    assert {f"172.16.0.0/12 in {other}", f"0.0.0.0/0 in {third}"} <= {str(route) for route in config.groups[0].routes}


def test_everything_that_init_offers_in_comments_is_valid(place: Workspace, natkeeper: Command) -> None:
    """Uncommented, the file is still one that natkeeper takes."""
    Path("natkeeper.yaml").unlink()
    eip = place.cloud.vpc.allocate_eip()
    c = place.cloud.ecs.create_instance(place.private, name="nat-c")
    place.cloud.vpc.addresses.bind_now(eip, c, "EcsInstance")
    other = place.cloud.vpc.create_route_table(place.vpc, [], name="other")
    place.cloud.vpc.add_route(other, "172.16.0.0/12", c)
    place.cloud.vpc.create_nat_gateway(place.vpc, place.private, name="managed")
    natkeeper("init", "--region", "cn-hangzhou", "--gateway", c, "--table", other, "--group", "two")
    text = Path("natkeeper.yaml").read_text(encoding="utf-8")
    for start in ("      # - i-", "    # fallback:", "    # address:"):
        assert start in text
        text = text.replace(start, start.replace("# ", ""))
    Path("natkeeper.yaml").write_text(text, encoding="utf-8")
    config, _ = read_configuration(Path("natkeeper.yaml"))
    assert set(config.groups[0].gateways) == {place.a, place.b, c}
    assert str(config.groups[0].routes[0]) == f"172.16.0.0/12 in {other}"
    assert config.groups[0].fallback is not None


def test_init_writes_a_probe_for_each_gateway_that_carries_a_route(place: Workspace, natkeeper: Command) -> None:
    """Two tables through A and one through B: one probe sees A, one more is needed for B. Its resource is in s.yaml."""
    Path("natkeeper.yaml").unlink()
    vpc = place.cloud.vpc
    vswitches = [vpc.create_vswitch(place.vpc, f"10.0.{number}.0/24", "cn-hangzhou-h") for number in (21, 22)]
    for vswitch, gateway, name in zip(vswitches, (place.a, place.b), ("again", "other"), strict=True):
        vpc.add_route(vpc.create_route_table(place.vpc, [vswitch], name=name), "0.0.0.0/0", gateway)
    said = natkeeper("init", "--region", "cn-hangzhou")
    assert "with 1 more probe(s) in s.yaml" in said.out, said
    config, _ = read_configuration(Path("natkeeper.yaml"))
    (group,) = config.groups
    assert list(group.probes) == ["natkeeper-probe", "natkeeper-probe-2"]
    behind = [group.home(route) for route in group.routes if route.table == group.probes["natkeeper-probe-2"]]
    assert behind == [place.b]
    resources = yaml.safe_load(Path("s.yaml").read_text(encoding="utf-8"))["resources"]
    assert resources["natkeeper-probe-2"]["props"]["vpcConfig"]["vSwitchIds"] == [vswitches[1]]
    assert natkeeper("check").code == 0
    Path("natkeeper.yaml").unlink()
    assert "natkeeper probes --write adds" in natkeeper("init", "--region", "cn-hangzhou").out


def test_check_says_where_s_yaml_is_of_another_release(place: Workspace, natkeeper: Command) -> None:
    """It was laid out once; the command line was upgraded since."""
    place.write_template()
    assert "release" not in natkeeper("check").out
    place.write_template(version="0.1.0")
    said = natkeeper("check")
    assert said.code == 0
    assert "s.yaml is of release 0.1.0, and this is natkeeper" in said.out


def test_check_names_a_time_zone_that_does_not_exist(place: Workspace, natkeeper: Command) -> None:
    """Messages would be in UTC without a word."""
    place.top["timezone"] = "Asia/Shanghia"
    place.write()
    said = natkeeper("check")
    assert said.code == 0
    assert "timezone Asia/Shanghia is unknown on this machine" in said.out
    assert "Did you mean Asia/Shanghai?" in said.out
    place.top["timezone"] = "Asia/Shanghai"
    place.write()
    assert "timezone" not in natkeeper("check").out


def test_init_overwrites_nothing_unless_told(place: Workspace, natkeeper: Command) -> None:
    """A configuration is a person's work."""
    ended = natkeeper("init")
    assert ended.code == 2
    assert "natkeeper.yaml is there already" in ended.err
    assert natkeeper("init", "--region", "cn-hangzhou", "-o", "-").out.startswith("# natkeeper, drafted from")
    assert natkeeper("init", "--region", "cn-hangzhou", "--force").code == 0


def test_init_names_only_the_variables_that_s_yaml_has_not_yet(place: Workspace, natkeeper: Command) -> None:
    """A second time, and with an s.yaml that is about another VPC or that nobody can read."""
    Path("natkeeper.yaml").unlink()
    natkeeper("init", "--region", "cn-hangzhou")
    again = natkeeper("init", "--region", "cn-hangzhou", "--force")
    assert "set these in s.yaml" not in again.out
    text = Path("s.yaml").read_text(encoding="utf-8")
    Path("s.yaml").write_text(re.sub("^  vpc: .*", "  vpc: vpc-other", text, flags=re.MULTILINE), encoding="utf-8")
    other = natkeeper("init", "--region", "cn-hangzhou", "--force", "--json").data
    assert other["to_set"] == {"vpc": place.vpc}
    Path("s.yaml").write_text("vars: [", encoding="utf-8")
    assert set(natkeeper("init", "--region", "cn-hangzhou", "--force", "--json").data["to_set"]) > {"vpc", "vswitch"}


def test_init_asks_which_vpc_where_there_are_several(place: Workspace, natkeeper: Command) -> None:
    """Without a person to ask, it lists them."""
    Path("natkeeper.yaml").unlink()
    second = place.cloud.vpc.create_vpc("172.16.0.0/12", name="second")
    ended = natkeeper("init", "--region", "cn-hangzhou")
    assert ended.code == 2
    assert f"choose one with --vpc: {place.vpc} Production (10.0.0.0/8); {second} second" in ended.err
    ended = natkeeper("init", "--region", "cn-hangzhou", "--vpc", second)
    assert ended.code == 2
    assert f"{second} has no custom route through an instance" in ended.err
    ended = natkeeper("init", "--region", "cn-hangzhou", "--vpc", "vpc-none")
    assert f"there are: {place.vpc}" in ended.err


def test_init_asks_a_person(place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a person can answer, the choice is a number, and a wrong one is asked for again."""
    Path("natkeeper.yaml").unlink()
    place.cloud.vpc.create_vpc("172.16.0.0/12", name="second")
    answers = io.StringIO("7\n1\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", answers)
    ended = natkeeper("init", "--region", "cn-hangzhou")
    assert ended.code == 0, ended
    assert "  2  " in ended.err
    assert Path("natkeeper.yaml").exists()


def test_the_command_prints_both(place: Workspace, natkeeper: Command) -> None:
    """YAML for a person, JSON for a machine; one of the two has to be asked for."""
    shown = natkeeper("config", "--effective")
    assert yaml.safe_load(shown.out)["groups"]["prod"]["hold_down"] == 300.0
    assert natkeeper("config", "--effective", "--json").data == yaml.safe_load(shown.out)
    assert json.loads(natkeeper("config", "--schema").out) == config_schema.schema()
    assert natkeeper("config").code == 2


def test_init_names_what_gateways_would_not_masquerade(place: Workspace, natkeeper: Command) -> None:
    """Only private ranges are masqueraded unasked, and a VPC may have others."""
    vpc = place.cloud.vpc.create_vpc("11.0.0.0/8", name="odd")
    outside = place.cloud.vpc.create_vswitch(vpc, "11.0.1.0/24", zone="cn-hangzhou-h", name="outside")
    inside = place.cloud.vpc.create_vswitch(vpc, "11.0.3.0/24", zone="cn-hangzhou-h", name="inside")
    gateway = place.cloud.ecs.create_instance(outside, name="nat", public_ip="")
    place.cloud.vpc.add_route(place.cloud.vpc.create_route_table(vpc, [inside], name="inside"), "0.0.0.0/0", gateway)
    ended = natkeeper("init", "--region", "cn-hangzhou", "--vpc", vpc, "--output", "new/odd.yaml")
    assert ended.code == 0, ended.err
    (group,) = yaml.safe_load(Path("new/odd.yaml").read_text(encoding="utf-8"))["groups"].values()
    assert group["networks"] == ["11.0.3.0/24"]
    assert group["sources"] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "11.0.3.0/24"]
