"""What the options of one command line add up to: each case differs in one thing from one where nothing is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from pytest_mock import MockerFixture

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Wrong
from natkeeper.cli.options import (
    asker,
    complete_gateways,
    complete_groups,
    complete_tables,
    complete_targets,
    not_with,
    only_with,
)
from natkeeper.ports import Failure, FailureKind

CONFIG = {
    "region": "cn-hangzhou",
    "groups": {
        "prod": {"gateways": ["i-alpha1", "i-bravo1"], "routes": [{"table": "vtb-one1"}], "fallback": "ngw-one1"},
        "test": {"gateways": ["i-carol1"], "routes": [{"table": "vtb-two1"}]},
    },
}
PROFILES = {
    "current": "usual",
    "profiles": [{"name": "usual", "region_id": "cn-beijing"}, {"name": "other", "region_id": "cn-shanghai"},
                 {"name": "bare"}],
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def config(home: Path) -> Path:
    """A configuration with two groups."""
    path = home / "natkeeper.yaml"
    path.write_text(json.dumps(CONFIG), encoding="utf-8")
    return path


def refused(ask: Callable[..., object], *arguments: Any) -> tuple[str, str]:
    """What is said of it, and what to do."""
    with pytest.raises(Wrong) as raised:
        ask(*arguments)
    return raised.value.what, raised.value.do


@pytest.mark.parametrize(
    "endpoint, url",
    [
        (None, None),
        ("", None),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("cloud.test", "https://cloud.test"),
        ("http://cloud.test", "http://cloud.test"),
        ("https://127.0.0.1/", "https://127.0.0.1/"),
    ],
)
def test_an_endpoint_is_plain_only_on_this_machine(endpoint: str | None, url: str | None) -> None:
    """Where it is not said."""
    assert CommandContext(endpoint=endpoint).url == url


@pytest.mark.parametrize("endpoint", ["ftp://cloud.test", "a b", "http://", "cloud.test/path"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    """With one that is."""
    with pytest.raises(Wrong) as raised:
        _ = CommandContext(endpoint=endpoint).url
    assert str(raised.value) == f"--endpoint {endpoint} is not an address"


@pytest.mark.parametrize(
    "profile, environ, region",
    [
        (None, {}, "cn-beijing"),
        ("other", {}, "cn-shanghai"),
        ("bare", {}, ""),
        ("none", {}, ""),
        (None, {"ALIBABA_CLOUD_PROFILE": "other"}, "cn-shanghai"),
        ("usual", {"ALIBABA_CLOUD_PROFILE": "other"}, "cn-beijing"),
        (None, {"ALIBABA_CLOUD_REGION_ID": "cn-x"}, "cn-x"),
        ("other", {"ALIBABA_CLOUD_REGION_ID": "cn-x"}, "cn-shanghai"),
    ],
)
def test_the_region_comes_from_the_profile_in_use(
    home: Path, profile: str | None, environ: Mapping[str, str], region: str
) -> None:
    """A profile that is named counts more than the environment."""
    (home / ".aliyun").mkdir()
    (home / ".aliyun" / "config.json").write_text(json.dumps(PROFILES), encoding="utf-8")
    context = CommandContext(profile=profile, environ={"HOME": str(home), **environ})
    assert context.profile_region() == region


@pytest.mark.parametrize("text", ["odd", "[]", "{}", '{"profiles": 7}', '{"profiles": ["odd"]}'])
def test_profiles_that_cannot_be_read_name_no_region(home: Path, text: str) -> None:
    """And then the configuration or an option has to."""
    (home / ".aliyun").mkdir()
    (home / ".aliyun" / "config.json").write_text(text, encoding="utf-8")
    context = CommandContext(environ={"HOME": str(home)})
    assert context.profile_region() == ""
    with pytest.raises(Wrong) as raised:
        _ = context.region_id
    assert str(raised.value) == "no region is known: there is no natkeeper.yaml"
    assert CommandContext(region="cn-x", environ={"HOME": str(home)}).region_id == "cn-x"


@pytest.mark.parametrize("region", ["cn hangzhou", "hangzhou", "CN-hangzhou", "cn-hangzhou.evil.example", "../cn-x"])
@pytest.mark.parametrize("asked", [True, False])
def test_what_cannot_be_a_region_is_refused(home: Path, region: str, *, asked: bool) -> None:
    """Wherever it comes from: hosts are named after it."""
    environ = {"HOME": str(home)} | ({} if asked else {"ALIBABA_CLOUD_REGION_ID": region})
    with pytest.raises(Wrong) as raised:
        _ = CommandContext(region=region if asked else None, environ=environ).region_id
    assert str(raised.value) == f"{region!r} is no region id"


def test_the_region_is_the_configurations(config: Path) -> None:
    """An option may say the same, and nothing else."""
    assert CommandContext(region="cn-hangzhou", environ={}).region_id == "cn-hangzhou"
    with pytest.raises(Wrong, match=r"natkeeper\.yaml is about region cn-hangzhou, and --region says cn-x"):
        _ = CommandContext(region="cn-x", environ={}).config
    assert config.exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "environ, todo",
    [
        ({}, "name one with --config, or"),
        ({"NATKEEPER_CONFIG": "other.yaml"}, "name one with --config, or"),
        ({"NATKEEPER_CONFIG": "my.yaml"}, "NATKEEPER_CONFIG names it: unset that, name one with --config, or"),
    ],
)
def test_a_configuration_that_was_named_must_be_there(environ: dict[str, str], todo: str) -> None:
    """For what is read from it, and for the region as well."""
    for read in ("config", "region_id"):
        with pytest.raises(Wrong) as raised:
            getattr(CommandContext("my.yaml", region="cn-x", environ=environ), read)
        assert str(raised.value) == "there is no configuration my.yaml"
        assert raised.value.do.startswith(todo)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "name, says",
    [
        ("prdo", "there is no group 'prdo' in natkeeper.yaml. Did you mean prod?"),
        ("zzzz", "there is no group 'zzzz' in natkeeper.yaml"),
    ],
)
def test_a_group_that_is_not_there_is_named_with_those_that_are(name: str, says: str) -> None:
    """And with the one that was meant, where there is one like it."""
    context = CommandContext(environ={})
    assert context.group("prod").name == context.found_group("prod").name == "prod"
    assert refused(context.group, name) == (says, "groups are: prod, test")


def machine(ident: str, name: str) -> Any:
    return SimpleNamespace(id=ident, name=name)


BOTH = [machine("i-alpha1", "nat-a"), machine("i-bravo1", "nat-b")]


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "word, found, said",
    [
        ("nat-a", BOTH, "i-alpha1"),
        ("nat-b", BOTH, "i-bravo1"),
        ("zzz", BOTH, ("no gateway is called 'zzz'", "gateways are: nat-a (i-alpha1), nat-b (i-bravo1)")),
        ("zzz", BOTH[:1], ("no gateway is called 'zzz'", "gateways are: nat-a (i-alpha1), i-bravo1")),
        ("nat-c", BOTH[:1], ("no gateway is called 'nat-c'. Did you mean nat-a?",
                             "gateways are: nat-a (i-alpha1), i-bravo1")),
        ("nat-a", [BOTH[0], machine("i-bravo1", "nat-a")],
         ("more than one gateway is called 'nat-a'",
          "gateways are: nat-a (i-alpha1), nat-a (i-bravo1)")),
        ("nat-a", Failure(FailureKind.DENIED, "no", "Forbidden.RAM"),
         ("'nat-a' is not an id, and names could not be read: ", "`natkeeper status` shows ids")),
    ],
)  # fmt: skip
def test_a_gateway_is_found_by_its_name(word: str, found: Any, said: Any) -> None:
    """Of one group; a name that none or several have is refused with the names that there are."""
    context = CommandContext(environ={})
    context.__dict__["reach"] = SimpleNamespace(try_=lambda _ask: found)
    groups = [context.group("prod")]
    if isinstance(said, str):
        assert context.named_gateway(word, groups) == said
        return
    says, todo = refused(context.named_gateway, word, groups)
    assert (says[: len(said[0])], todo) == said


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "complete, group, begun, offered",
    [
        (complete_groups, None, "", [("prod", "i-alpha1, i-bravo1"), ("test", "i-carol1")]),
        (complete_groups, None, "t", [("test", "i-carol1")]),
        (complete_gateways, None, "i-", [("i-alpha1", "prod"), ("i-bravo1", "prod"), ("i-carol1", "test")]),
        (complete_gateways, "prod", "", [("i-alpha1", "prod"), ("i-bravo1", "prod"), ("ngw-one1", "prod")]),
        (complete_gateways, "test", "ngw", []),
        (complete_targets, None, "test", [("test", "i-carol1")]),
        (complete_targets, None, "i-c", [("i-carol1", "test")]),
        (complete_tables, None, "", [("vtb-one1", "prod"), ("vtb-two1", "test")]),
        (complete_tables, None, "vtb-t", [("vtb-two1", "test")]),
        (complete_tables, "prod", "", [("vtb-one1", "prod")]),
    ],
)
def test_names_are_completed_from_the_configuration(
    complete: Any, group: str | None, begun: str, offered: list[tuple[str, str]]
) -> None:  # fmt: skip
    """Each with what it belongs to; without a configuration there are none."""
    parameter = click.Argument(["name"])
    for there, expected in ((CommandContext(environ={}), offered), (CommandContext("none.yaml", environ={}), [])):
        ctx = click.Context(click.Command("x"), obj=there)
        ctx.params = {"group": group}
        assert [(item.value, item.help) for item in complete(ctx, parameter, begun)] == expected


@pytest.mark.parametrize(
    "line, says",
    [
        ([], None),
        (["--serve"], None),
        (["--port", "1", "--serve"], None),
        (["--port", "1", "--other"], None),
        (["--port", "1"], "--port has no meaning without --serve or --other"),
        (["--size", "1", "--plain"], "--size has no meaning with --plain"),
        (["--size", "1"], None),
    ],
)
def test_an_option_that_means_nothing_beside_the_others_is_refused(
    line: list[str], says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where a person typed it: the environment may hold for other commands."""
    monkeypatch.setenv("X_PORT", "7")
    monkeypatch.setenv("X_SIZE", "7")

    @click.command()
    @click.option("--port", envvar="X_PORT")
    @click.option("--size", envvar="X_SIZE")
    @click.option("--serve", is_flag=True)
    @click.option("--other", is_flag=True)
    @click.option("--plain", is_flag=True)
    def one(*, serve: bool, other: bool, plain: bool, **_: object) -> None:
        only_with({"--serve": serve, "--other": other}, "port")
        not_with("--plain", plain, "size")

    if says is None:
        one.main(line, standalone_mode=False)
        return
    with pytest.raises(Wrong) as raised:
        one.main(line, standalone_mode=False)
    assert str(raised.value) == says


@pytest.mark.parametrize("fc2", ["service", "service/", "/function", "a/b/c"])
def test_a_function_of_fc2_is_named_by_its_service_and_itself(fc2: str) -> None:
    """And by nothing more."""
    with pytest.raises(Wrong) as raised:
        asker(CommandContext(environ={}), "f", fc2, direct=False)
    assert (str(raised.value), raised.value.do) == (
        f"--fc2 {fc2} names no function of FC 2.0", "write it as SERVICE/FUNCTION",
    )  # fmt: skip


@pytest.mark.parametrize(
    "fc2, direct, way, given",
    [
        (None, False, "Fc3Invoker", ("reach", "f")),
        ("s/g", False, "Fc2Invoker", ("reach", "s", "g")),
        (None, True, "LocalInvoker", ("reach", "config")),
    ],
)
def test_the_way_to_natkeeper_follows_from_the_options(
    fc2: str | None, direct: bool, way: str, given: tuple[str, ...], mocker: MockerFixture  # noqa: FBT001
) -> None:  # fmt: skip
    """One of three."""
    made = mocker.patch(f"natkeeper.cli.invoke.{way}")
    context = CommandContext(environ={})
    context.__dict__ |= {"reach": "reach", "config": "config"}
    assert asker(context, "f", fc2, direct=direct) is not None
    made.assert_called_once_with(*given)
