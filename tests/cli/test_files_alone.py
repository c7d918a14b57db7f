"""Commands about files, and an account that answers what it is told to: init, check, package, probes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from natkeeper.cli.errors import CommandError
from natkeeper.cli.survey.network import SurveyedTable, VpcAbout, VSwitch
from natkeeper.packaging.bundles import BundleBroken
from natkeeper.packaging.wheels import InstallFailed
from tests.cli.test_drafting import CUSTOM, DRAFT, INSIDE, OUTSIDE, USUAL, VPC, entries, entry
from tests.cli.town import ROOT, Command

COMMITTED = (ROOT / "s.yaml").read_text(encoding="utf-8")
CONFIG: dict[str, Any] = {
    "region": "cn-hangzhou", "notify": "natkeeper-notify",
    "groups": {
        "prod": {
            "gateways": ["i-gwa", "i-gwb"],
            "routes": [{"table": "vtb-one"}, {"table": "vtb-two", "probe": "natkeeper-probe-2"}],
            "probe": {"function": "natkeeper-probe"},
        }
    },
}  # fmt: skip
Asked = list[str]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """An account with one VPC and what is in it; says what was asked for."""
    asked: Asked = []

    def do(_: Any, doing: str, make: Any) -> Any:
        asked.append(doing)
        return make(None)

    monkeypatch.setattr("natkeeper.cli.client.RegionClients.do", do)
    monkeypatch.setattr("natkeeper.cli.client.RegionClients.account", lambda _: "1000000000000001")
    answers = {
        "network.vpcs": lambda _: [VPC], "network.table": lambda _, table: SurveyedTable(table, "", "Custom", "vpc-1"),
        "network.vswitches": lambda _, vpc: [
            VSwitch("vsw-x", "", vpc, "", "h", "vtb-x"),
            *(replace(INSIDE, id=one, table="vtb-two") for one in ("vsw-1", "vsw-2")),
        ],
    }  # fmt: skip
    for name, answer in answers.items():
        monkeypatch.setattr(f"natkeeper.cli.survey.{name}", answer)
    monkeypatch.setattr("natkeeper.cli.config_draft.find", lambda _, vpc: replace(USUAL, vpc=vpc))
    return asked


@pytest.fixture
def files() -> None:
    """A configuration with two probes, and an s.yaml with one of them."""
    Path("natkeeper.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")
    Path("s.yaml").write_text(COMMITTED, encoding="utf-8")


# ---- probes ----------------------------------------------------------------------------------------------

FIRST = "natkeeper-probe: prod, through vtb-one, is in s.yaml\n"
LACKS = "natkeeper-probe-2: prod, through vtb-two, is not in s.yaml: natkeeper probes --write\n"
HAS = "natkeeper-probe-2: prod, through vtb-two, is in s.yaml\n"
WROTE = "Wrote 1 probe(s) to s.yaml. Read them, then run: s deploy\n"


def probes(*there: bool) -> list[dict[str, Any]]:
    about = (("natkeeper-probe", "vtb-one"), ("natkeeper-probe-2", "vtb-two"))
    return [
        {"function": name, "group": "prod", "table": table, "in_s_yaml": is_there}
        for (name, table), is_there in zip(about, there, strict=True)
    ]


def test_a_probe_that_s_yaml_lacks_is_named_until_it_is_written(
    files: None, account: Asked, natkeeper: Command
) -> None:
    """Into the first vSwitch of its table, as the account says, and once."""
    ended = natkeeper("probes")
    assert (ended.code, ended.out, ended.err) == (2, FIRST + LACKS, "")
    assert natkeeper("probes", "--json").data == {"ok": False, "probes": probes(True, False), "written": False}  # noqa: FBT003
    assert Path("s.yaml").read_text(encoding="utf-8") == COMMITTED
    ended = natkeeper("probes", "--write")
    assert (ended.code, ended.out, ended.err) == (0, FIRST + HAS + WROTE, "")
    assert account == ["reading vtb-two", "reading vpc-1"]
    resources = yaml.safe_load(Path("s.yaml").read_text(encoding="utf-8"))["resources"]
    assert resources["natkeeper-probe-2"]["props"]["vpcConfig"]["vSwitchIds"] == ["vsw-1"]
    for line in (["probes"], ["probes", "--write"]):
        ended = natkeeper(*line)
        assert (ended.code, ended.out) == (0, FIRST + HAS)
    assert natkeeper("probes", "--json").data == {"ok": True, "probes": probes(True, True), "written": False}  # noqa: FBT003
    assert len(account) == 2


def test_a_vswitch_that_is_named_is_not_looked_up(files: None, account: Asked, natkeeper: Command) -> None:
    """For a machine the answer says that something was written."""
    data = natkeeper("probes", "--write", "--json", "--vswitch", "vtb-two=vsw-mine", "--vswitch", "vtb-x=vsw-y").data
    assert data == {"ok": True, "probes": probes(True, True), "written": True}  # noqa: FBT003
    assert "- vsw-mine" in Path("s.yaml").read_text(encoding="utf-8")
    assert account == []


REFUSED: dict[str, tuple[str | None, Sequence[str], str, str]] = {
    # s.yaml; the options; what is wrong; what to do
    "no s.yaml": (None, [], "there is no s.yaml", "`natkeeper init --output new/natkeeper.yaml` lays one out"),
    "an s.yaml of another kind": ("a: 1", [], "s.yaml cannot be used: s.yaml has no resources", ""),
    "nothing to copy": (
        "resources: {}", ["--write", "--vswitch", "vtb-one=vsw-x"],
        "s.yaml has no resource `probe` to copy; take the file of this release", "",
    ),
    "no pair": (
        COMMITTED, ["--write", "--vswitch", "vtb-two"], "--vswitch 'vtb-two' is not a table and a vSwitch",
        "allowed: vtb-…=vsw-…",
    ),
    "no vSwitch": (
        COMMITTED, ["--write", "--vswitch", "vtb-two=two"], "--vswitch 'vtb-two=two' is not a table and a vSwitch",
        "allowed: vtb-…=vsw-…",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_probes_that_cannot_be_written_are_refused_and_the_file_stays(
    files: None, account: Asked, natkeeper: Command, case: tuple[str | None, Sequence[str], str, str]
) -> None:
    """In a sentence, with what is allowed."""
    text, options, what, do = case
    Path("s.yaml").unlink()
    if text is not None:
        Path("s.yaml").write_text(text, encoding="utf-8")
    ended = natkeeper("probes", *options, "--json")
    assert (ended.code, ended.data) == (2, {"ok": False, "error": what, "do": do, "exit": 2})
    assert text is None or Path("s.yaml").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("about", [None, replace(CUSTOM, vpc="vpc-1")])
def test_a_table_that_nothing_is_bound_to_has_no_place_for_a_probe(
    files: None, account: Asked, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, about: SurveyedTable | None
) -> None:
    """Nor has one that is not there."""
    monkeypatch.setattr("natkeeper.cli.survey.network.table", lambda *_: about)
    monkeypatch.setattr("natkeeper.cli.survey.network.vswitches", lambda *_: [OUTSIDE])
    ended = natkeeper("probes", "--write", "--json")
    what = "no vSwitch is bound to vtb-two, so no probe can look through it"
    assert ended.data == {"ok": False, "error": what, "do": "bind one, or --vswitch", "exit": 2}
    assert len(account) == (1 if about is None else 2)


# ---- init ------------------------------------------------------------------------------------------------

NEXT = """\
Go on with:
  natkeeper check                         holds the files against each other, offline
  natkeeper policy --ros > roles.yaml     a ROS stack with the roles
  natkeeper template                      stores the OOS template
  s deploy -y                             builds and deploys
  natkeeper doctor                        looks at everything, and says what to do
"""
LAID_OUT = "Wrote s.yaml, natkeeper.example.yaml, templates/natkeeper.schema.json, .gitignore{}.\n"
INIT = ("init", "--region", "cn-hangzhou")
DRAFTED = "Wrote {}: group prod-vpc, 1 gateway(s), 1 route(s).\n"
NO_ACCOUNT = "Read it, then set these in s.yaml:\n  account: (the id of your account; not allowed)\n"


def test_a_directory_is_laid_out_once(account: Asked, natkeeper: Command) -> None:
    """What s.yaml has already need not be set again."""
    ended = natkeeper(*INIT, "-o", "new/prod.yaml")
    assert (ended.code, ended.out) == (0, DRAFTED.format("new/prod.yaml") + LAID_OUT.format("") + NEXT), ended
    assert Path("new/prod.yaml").read_text(encoding="utf-8") == DRAFT
    assert yaml.safe_load(Path("new/s.yaml").read_text(encoding="utf-8"))["vars"]["account"] == "1000000000000001"
    again = natkeeper(*INIT, "-o", "new/prod.yaml", "--force")
    assert again.out == DRAFTED.format("new/prod.yaml") + NEXT
    other = natkeeper(*INIT, "-o", "new/two.yaml", "--group", "two", "--json").data
    assert (other["laid_out"], other["to_set"], other["group"], other["ok"]) == ([], {"group": "two"}, "two", True)
    assert (other["file"], other["s_yaml"]["group"]) == ("new/two.yaml", "two")
    assert account == ["reading the VPCs"] * 3


def test_what_nobody_knows_is_left_to_a_person(
    account: Asked, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and stays as it is in s.yaml."""

    def denied(_: Any) -> str:
        raise CommandError("not allowed")

    monkeypatch.setattr("natkeeper.cli.client.RegionClients.account", denied)
    ended = natkeeper(*INIT)
    assert ended.out == DRAFTED.format("natkeeper.yaml") + LAID_OUT.format("") + NO_ACCOUNT + NEXT
    Path("s.yaml").unlink()
    unbound = replace(USUAL, vswitches=())
    monkeypatch.setattr("natkeeper.cli.config_draft.find", lambda *_: unbound)
    left = natkeeper(*INIT, "--force", "--json").data["to_set"]
    assert left == {
        "vswitch": "(no vSwitch is bound to vtb-1: bind one)", "account": "(the id of your account; not allowed)",
    }  # fmt: skip
    assert "bind one" not in Path("s.yaml").read_text(encoding="utf-8")


def test_more_probes_are_laid_out_with_the_rest(
    account: Asked, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an s.yaml that was there, they are left to `natkeeper probes`."""
    two = replace(USUAL, **entries(entry("i-a"), entry("i-b", "vtb-system")))
    monkeypatch.setattr("natkeeper.cli.config_draft.find", lambda *_: two)
    wrote = "Wrote natkeeper.yaml: group prod-vpc, 2 gateway(s), 2 route(s).\n"
    assert natkeeper(*INIT).out == wrote + LAID_OUT.format(", with 1 more probe(s) in s.yaml") + NEXT
    resource = yaml.safe_load(Path("s.yaml").read_text(encoding="utf-8"))["resources"]["natkeeper-probe-2"]["props"]
    assert resource["vpcConfig"]["vSwitchIds"] == ["vsw-out"]
    assert resource["environmentVariables"]["NATKEEPER_GROUP"] == "prod-vpc"
    there = "s.yaml was there already: natkeeper probes --write adds the probes that it lacks.\n"
    assert natkeeper(*INIT, "--force").out == wrote + there + NEXT


SECOND = VpcAbout("vpc-2", "", ("172.16.0.0/12", "10.1.0.0/16"))
BOTH = "vpc-1 Prod VPC (10.0.0.0/8); vpc-2 (172.16.0.0/12, 10.1.0.0/16)"
WRONG: dict[str, tuple[list[VpcAbout], Sequence[str], str, str]] = {
    # the VPCs; the options; what is wrong; what to do
    "several VPCs": ([VPC, SECOND], [], "there are 2 VPCs in this region", f"choose one with --vpc: {BOTH}"),
    "no VPC": ([], [], "there is no VPC in this region", "name another with --region"),
    "another VPC": ([VPC, SECOND], ["--vpc", "vpc-9"], "there is no VPC vpc-9 in this region", f"there are: {BOTH}"),
    "another VPC where none is": ([], ["--vpc", "vpc-9"], "there is no VPC vpc-9 in this region", "there are: none"),
    "a name that is none": (
        [VPC], ["--group", "Prod"], "--group 'Prod' is not the name of a group",
        "allowed: lower-case letters, digits and hyphens, 31 at most, a letter first, such as prod",
    ),
    "another gateway": (
        [VPC], ["--gateway", "i-c"], "i-c is not in vpc-1", "its instances are: i-a, i-b, i-host",
    ),
    "another table": (
        [VPC], ["--table", "vtb-9"], "vpc-1 has no route table vtb-9", "its tables are: vtb-1, vtb-system",
    ),
    "an object that is YAML": ([VPC], ["-o", "-"], "--json has no meaning with --output -", "leave one out"),
    "a file that is there": (
        [VPC], ["-o", "there.yaml"], "there.yaml is there already",
        "overwrite it with --force, or write elsewhere with --output",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_cannot_be_drafted_is_refused(
    account: Asked,
    natkeeper: Command,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[list[VpcAbout], Sequence[str], str, str],
) -> None:
    """And nothing is written."""
    known, options, what, do = case
    monkeypatch.setattr("natkeeper.cli.survey.network.vpcs", lambda _: known)
    Path("there.yaml").write_text("", encoding="utf-8")
    ended = natkeeper(*INIT, *options, "--json")
    assert (ended.code, ended.data) == (2, {"ok": False, "error": what, "do": do, "exit": 2})
    assert [path.name for path in Path().glob("*.yaml")] == ["there.yaml"]


@pytest.mark.parametrize("options, of", [((), ""), (("--profile", "work"), " of the profile work")])
def test_a_region_has_to_be_known(natkeeper: Command, options: Sequence[str], of: str) -> None:
    """From the option or the profile."""
    ended = natkeeper("init", *options, "--json")
    todo = "name one with --region, or set one with `aliyun configure`"
    assert ended.data == {"ok": False, "error": f"no region is known{of}", "do": todo, "exit": 2}


def test_a_person_chooses_by_a_number(account: Asked, natkeeper: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that are listed; what is written goes to standard output where that is asked for."""
    monkeypatch.setattr("natkeeper.cli.survey.network.vpcs", lambda _: [SECOND, VPC])
    answers = io.StringIO("3\n2\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", answers)
    ended = natkeeper(*INIT, "-o", "-")
    assert (ended.code, ended.out) == (0, DRAFT)
    assert ended.err.startswith(
        "  1  vpc-2 (172.16.0.0/12, 10.1.0.0/16)\n  2  vpc-1 Prod VPC (10.0.0.0/8)\nWhich VPC: "
    )
    assert "3 is not in the range 1<=x<=2" in ended.err


# ---- check, package --------------------------------------------------------------------------------------

CHECKED = "prod: 2 gateway(s), 0.0.0.0/0 in vtb-one, 0.0.0.0/0 in vtb-two\n"


def test_a_configuration_is_checked_beside_its_s_yaml(files: None, natkeeper: Command) -> None:
    """All that is wrong at once; where nothing is, what to know."""
    lacks = "s.yaml has no resource for natkeeper-probe-2, the probe of vtb-two: natkeeper probes --write"
    ended = natkeeper("check")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"natkeeper: {lacks}\n"
    wrong = natkeeper("check", "--json")
    assert (wrong.code, wrong.data["ok"], wrong.data["wrong"][-1]) == (2, False, lacks)
    Path("s.yaml").write_text(COMMITTED.replace("region: cn-hangzhou", "region: cn-beijing"), encoding="utf-8")
    about = "s.yaml: vars.region is cn-beijing, the configuration is about cn-hangzhou"
    assert natkeeper("check").err == f"natkeeper: {about}; {lacks}\n"
    Path("s.yaml").unlink()
    ended = natkeeper("check")
    assert (ended.code, ended.out) == (0, f"{CHECKED}natkeeper.yaml is valid.\n")
    group = {"name": "prod", "gateways": ["i-gwa", "i-gwb"], "routes": ["0.0.0.0/0 in vtb-one", "0.0.0.0/0 in vtb-two"]}
    said = {"ok": True, "region": "cn-hangzhou", "groups": [group], "wrong": [], "advice": []}
    assert natkeeper("check", "--json").data == said
    found = {"vpc": "vpc-one", "gateways": {"tag": "a=b"}, "routes": "all", "setup": {"mode": "off"}}
    Path("natkeeper.yaml").write_text(yaml.safe_dump({**CONFIG, "groups": {"prod": found}}), encoding="utf-8")
    finds = "gateways with the tag a=b and every entry for 0.0.0.0/0 that leads to a gateway in vpc-one"
    ended = natkeeper("check")
    assert ended.out.startswith(f"prod: {finds}\n  advice: prod: no probe.function")
    assert natkeeper("check", "--json").data["groups"] == [
        {"name": "prod", "gateways": [], "routes": [], "finds": finds}
    ]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was built, with each bundle two megabytes, and the second without bytecode."""
    made: list[Any] = []

    def build(spec: Any, source: Any, configuration: bytes, target: Any, out: Path, *, cache: Path, say: Any) -> Any:
        made.append((spec.name, configuration[:1], target.name, str(out), str(cache)))
        archive = tmp_path / f"{spec.name}.zip"
        archive.write_bytes(b"x" * 2_000_000)
        if say is None or source is None:
            raise AssertionError
        return SimpleNamespace(archive=archive, digest="0123456789abcdef", fresh=spec.name != "notify",
                               compiled=spec.name != "probe")  # fmt: skip

    monkeypatch.setattr("natkeeper.packaging.build", build)
    monkeypatch.setattr("natkeeper.cli.commands.configuration.time.monotonic", lambda: 5.0)
    return made


def test_a_bundle_for_each_function_is_built_and_told(built: list[Any], natkeeper: Command, tmp_path: Path) -> None:
    """How big it is, what it is, and whether it was built anew."""
    Path("natkeeper.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    ended = natkeeper("package", "--out", "o", "--cache", "c")
    line = f"{tmp_path}/{{}}.zip  2.0 MB  sha256 0123456789ab  {{}}\n"
    lacks = "  without bytecode: there is no matching Python here, so cold starts will be slower\n"
    told = [line.format("failover", "built in 0.0 s"), line.format("probe", "built in 0.0 s"), lacks]
    assert (ended.code, ended.out) == (0, "".join([*told, line.format("notify", "unchanged")]))
    assert [each[3:] for each in built] == [("o", "c")] * 3
    targets = [each[2] for each in built]
    data = natkeeper("package", "--only", "notify", "--for", "fc2", "--json").data
    about = {"name": "notify", "archive": f"{tmp_path}/notify.zip", "bytes": 2_000_000, "sha256": "0123456789abcdef"}
    assert data == {"ok": True, "bundles": [{**about, "fresh": False, "bytecode": True}]}
    assert (len(set(targets)), built[3][2] in targets, built[3][3:]) == (1, False, ("build/bundle", "build/cache"))


@pytest.mark.parametrize("trouble", [InstallFailed("no pip"), BundleBroken("it lacks x"), OSError("disk full")])
def test_a_bundle_that_cannot_be_made_is_named(
    files: None, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Before it is deployed; so is what no bundle is called, and a probe that nobody made."""

    def build(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr("natkeeper.packaging.build", build)
    lacks = "s.yaml has no resource for natkeeper-probe-2, the probe of vtb-two: natkeeper probes --write"
    assert (natkeeper("package").err, natkeeper("package").code) == (f"natkeeper: {lacks}\n", 2)
    ended = natkeeper("package", "--for", "fc2")
    assert (ended.code, ended.err) == (1, f"natkeeper: the bundle failover could not be made: {trouble}\n")
    ended = natkeeper("package", "--for", "fc2", "--only", "x", "--only", "probe", "--only", "y", "--json")
    what, do = "there is no bundle x, y", "bundles are: failover, probe, notify"
    assert (ended.code, json.loads(ended.out)) == (2, {"ok": False, "error": what, "do": do, "exit": 2})
