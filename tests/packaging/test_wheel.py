"""The wheel: a command line that needs no clone, and lays out a directory to deploy from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from natkeeper.packaging import release
from natlab.deploy import load
from tests.cli.town import ROOT, Workspace, town


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make wheel` builds it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(out), str(ROOT)], check=True, cwd=out, timeout=300)
    (found,) = out.glob("natkeeper-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment; it borrows the dependencies of this one, to need no index."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-qq", "--no-deps", "--no-index", str(wheel)], check=True, timeout=300
    )
    inside = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True,
                            capture_output=True, text=True).stdout.strip()  # fmt: skip
    Path(inside, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


def test_the_wheel_carries_what_a_deployment_needs(wheel: Path) -> None:
    """The same bytes as the checkout has: entry points, lock files, s.yaml, templates, the page."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        carried = {name.removeprefix("natkeeper/_files/"): name for name in names if "/_files/" in name}
        for name, inside in carried.items():
            assert archive.read(inside) == (ROOT / name).read_bytes(), name
    wanted = {"s.yaml", "natkeeper.example.yaml", "functions/failover/index.py", "requirements/failover.txt",
              "requirements/notify.txt", "templates/oos/natkeeper-gateway-setup.yaml",
              "templates/ros/roles.yaml"}  # fmt: skip
    assert wanted <= set(carried)
    assert {"natkeeper/cli/page/page.html", "natkeeper/guest/setup.packed", "natkeeper/py.typed"} <= names
    assert not any("__pycache__" in name for name in names)


def test_the_wheel_asks_for_what_builds_the_one_package_without_a_wheel(wheel: Path) -> None:
    """A fresh environment of Python 3.12 has neither setuptools nor wheel, and pipx and uv leave out pip."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        asked = {line.split()[1].partition(">")[0] for line in archive.read(name).decode().splitlines()
                 if line.startswith("Requires-Dist: ")}  # fmt: skip
    assert {"pip", "setuptools", "wheel", "click", "rich", "packaging", "pyyaml"} <= {each.lower() for each in asked}


def run(commands: Path, place: Workspace, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **{key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "NATKEEPER_CONFIG")},
        "NATKEEPER_ENDPOINT": place.cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": place.key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": place.key.access_key_secret,
    }
    line = [str(commands / "natkeeper"), *arguments]
    return subprocess.run(line, cwd=home, env=environ, capture_output=True, text=True, check=False, timeout=300)


def test_an_empty_folder_becomes_one_to_deploy_from(installed: Path, tmp_path: Path) -> None:
    """init, check and package as they are installed, against a cloud; then s.yaml finds its archives and commands."""
    home = tmp_path / "empty"
    home.mkdir()
    with town(tmp_path) as place:
        done = run(installed, place, home, "init", "--region", "cn-hangzhou")
        assert done.returncode == 0, done.stderr
        assert "Wrote s.yaml, natkeeper.example.yaml, templates/natkeeper.schema.json, .gitignore." in done.stdout
        variables = yaml.safe_load((home / "s.yaml").read_text(encoding="utf-8"))["vars"]
        assert (variables["account"], variables["vpc"]) == (place.cloud.account_id, place.vpc)
        assert (variables["vswitch"], variables["group"]) == (place.private, "production")
        done = run(installed, place, home, "check")
        assert (done.returncode, "is valid" in done.stdout) == (0, True), done.stderr
        cache = str(ROOT / "build" / "cache")
        done = run(installed, place, home, "package", "--for", "here", "--cache", cache, "--json")
        assert done.returncode == 0, done.stderr
        built = {Path(home, each["archive"]).resolve() for each in json.loads(done.stdout)["bundles"]}
        template = load(home / "s.yaml", environ={})
        assert {(home / resource.props["code"]).resolve() for resource in template.resources} == built
        again = run(installed, place, home, "init", "--region", "cn-hangzhou", "--force")
        assert "Wrote s.yaml" not in again.stdout
        assert place.private not in again.stdout  # s.yaml has it already


def test_the_steps_of_a_laid_out_s_yaml_are_commands_of_an_installed_natkeeper() -> None:
    """No make and no .venv outside a checkout; nothing else of the file differs."""
    own = (ROOT / "s.yaml").read_text(encoding="utf-8")
    text = release.for_installed(own)
    steps = [step["run"] for steps in yaml.safe_load(text)["actions"].values() for step in steps]
    assert all(
        part.strip().startswith("natkeeper ") for step in steps for part in step.split(";") if part.strip() != "true"
    )
    assert steps[0] == "natkeeper package"
    changed = [line for line, other in zip(own.splitlines(), text.splitlines(), strict=True) if line != other]
    assert all("make bundle" in line or ".venv/bin/natkeeper" in line for line in changed)


def test_a_directory_is_made_with_all_above_it_and_nothing_in_it_is_written_over(tmp_path: Path) -> None:
    """Only what is missing is written; s.yaml has the variables that were asked for."""
    home = tmp_path / "deep" / "er"
    names = release.lay_out(home, {"region": "cn-beijing"})
    assert names == [release.TEMPLATE, release.EXAMPLE, release.SCHEMA, release.IGNORED]
    assert yaml.safe_load((home / release.TEMPLATE).read_text(encoding="utf-8"))["vars"]["region"] == "cn-beijing"
    (home / release.EXAMPLE).unlink()
    (home / release.SCHEMA).write_text("mine", encoding="utf-8")
    assert release.lay_out(home, {}) == [release.EXAMPLE]
    assert (home / release.SCHEMA).read_text(encoding="utf-8") == "mine"


def test_variables_keep_their_comments_and_unknown_ones_are_refused() -> None:
    """The file stays one that a person reads."""
    own = (ROOT / "s.yaml").read_text(encoding="utf-8")
    text = release.with_variables(own, {"account": "12", "region": "cn-beijing", "failoverRole": "r"})
    assert '  account: "12" # id of your account' in text
    assert "  failoverRole: r # reads ECS" in text
    assert yaml.safe_load(text)["vars"]["region"] == "cn-beijing"
    with pytest.raises(ValueError, match="no variable nobody"):
        release.with_variables(own, {"nobody": "x"})


@pytest.mark.parametrize("group", ["prod", "no", "on", "y", "off", "yes"])
def test_a_variable_is_read_back_as_the_text_that_it_was(group: str) -> None:
    """A group may be called `no`, which is false to YAML 1.1 and the name of no group to the probe."""
    text = release.with_variables((ROOT / "s.yaml").read_text(encoding="utf-8"), {"group": group})
    assert yaml.safe_load(text)["vars"]["group"] == group
    assert ('group: "' in text) == (group in {"no", "on", "off", "yes"})


def test_the_playground_of_the_wheel_finds_its_files(installed: Path) -> None:
    """natlab comes along, and deploys the same s.yaml."""
    code = "from natlab.scenarios.functions import CACHE, ROOT, TEMPLATE; print(ROOT, TEMPLATE.is_file(), CACHE)"
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"XDG_CACHE_HOME": "/c"}
    line = [str(installed / "python"), "-c", code]
    said = subprocess.run(line, env=environ, capture_output=True, text=True, check=True, cwd="/").stdout
    assert "natkeeper/_files True /c/natkeeper" in said
