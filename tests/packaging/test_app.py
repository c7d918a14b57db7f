"""The application of Serverless Devs: laid out with its parameters, it is this project's s.yaml."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from natkeeper import __version__
from natkeeper.packaging import app, release
from natlab.deploy import load
from tests.cli.town import ROOT

ANSWERS = {
    "region": "cn-beijing",
    "account": "1234567890123456",
    "group": "web",
    "vpc": "vpc-bp1example00000000000",
    "vswitch": "vsw-bp1example00000000000",
    "securityGroup": "sg-bp1example0000000000",
    "access": "default",
}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The application, with a stand-in for the wheel: tests/packaging/test_wheel.py has the real one."""
    wheel = tmp_path / f"natkeeper-{__version__}-py3-none-any.whl"
    wheel.write_bytes(b"")
    app.write(tmp_path / "app", wheel)
    return tmp_path / "app"


def laid_out(built: Path, answers: dict[str, str]) -> Path:
    """What `s init --uri` leaves: src/, each `{{ name }}` of s.yaml replaced by the answer to its question."""
    path = built / "src" / "s.yaml"
    text = re.sub(r"\{\{ (\w+) \}\}", lambda found: answers[found[1]], path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return built / "src"


def described(built: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((built / "publish.yaml").read_text(encoding="utf-8")))


def test_it_has_the_shape_of_an_application(built: Path) -> None:
    """Every key that the registry asks for; the version is the code's."""
    found = described(built)
    wanted = ("Edition", "Type", "Name", "Version", "Provider", "Description", "HomePage", "Tags", "Category",
              "Service", "Organization", "Effective", "Parameters")  # fmt: skip
    assert [key for key in wanted if not found.get(key)] == []
    assert (found["Edition"], found["Type"], found["Version"]) == ("3.0.0", "Project", __version__)
    files = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert {"version.md", "readme.md", "hook/index.js", "src/s.yaml", "src/readme.md", "src/prepare.sh"} <= files


def test_every_question_is_used_and_every_placeholder_is_asked_for(built: Path) -> None:
    """`access` is asked for by Serverless Devs itself."""
    placeholders = set(re.findall(r"\{\{ (\w+) \}\}", (built / "src" / "s.yaml").read_text(encoding="utf-8")))
    schema = described(built)["Parameters"]
    assert placeholders - {"access"} == set(schema["properties"])
    assert set(schema["required"]) == {n for n, field in schema["properties"].items() if "default" not in field}


def test_every_question_says_what_it_asks_and_has_the_templates_default(built: Path) -> None:
    """The console of Serverless Devs shows `title` above a field and `description` below it."""
    own = yaml.safe_load((ROOT / "s.yaml").read_text(encoding="utf-8"))["vars"]
    for name, field in described(built)["Parameters"]["properties"].items():
        assert set(field) - {"default"} == {"type", "title", "description"}
        assert field["type"] == "string"
        assert field["title"] == field["description"]
        assert field.get("default", own[name]) == own[name]


def test_laid_out_it_is_the_projects_own_template(built: Path) -> None:
    """Function by function, with the answers in the place of the variables."""
    path = laid_out(built, ANSWERS) / "s.yaml"
    own = ROOT / "s.yaml"
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert template["vars"] == yaml.safe_load(own.read_text(encoding="utf-8"))["vars"] | {
        name: value for name, value in ANSWERS.items() if name != "access"
    }
    assert template["access"] == "default"
    assert template["resources"] == yaml.safe_load(own.read_text(encoding="utf-8"))["resources"]
    assert [resource.props["region"] for resource in load(path, environ={}).resources] == ["cn-beijing"] * 3
    steps = [step["run"] for steps in template["actions"].values() for step in steps]
    assert steps[0] == "sh prepare.sh && .venv/bin/natkeeper package"
    assert not any("make" in step for step in steps)


def test_it_prepares_itself_from_the_wheel_that_it_carries(built: Path, tmp_path: Path) -> None:
    """The script itself, with a Python that says what it is asked for; a second time it does nothing."""
    log, home = tmp_path / "log", laid_out(built, ANSWERS)
    python = tmp_path / "python"
    fake = f"""#!/bin/sh
echo "$@" >>{log}
[ "$2" != venv ] || {{ mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/natkeeper; }}
"""
    python.write_text(fake, encoding="utf-8")
    python.chmod(0o755)
    for _ in range(2):
        subprocess.run(
            ["/bin/sh", str(home / "prepare.sh")], env={"PYTHON": str(python), "PATH": "/usr/bin:/bin"}, check=True
        )
    assert log.read_text(encoding="utf-8").splitlines() == [
        "-m venv .venv",
        f"-m pip install -qq ./natkeeper-{__version__}-py3-none-any.whl",
    ]


def test_its_hook_is_a_module_with_both_functions(built: Path) -> None:
    """Where node is there, it is loaded and run."""
    text = (built / "hook" / "index.js").read_text(encoding="utf-8")
    assert "module.exports = { preInit, postInit };" in text
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    script = "const h = require(process.argv[1]); h.preInit(); h.postInit({ appPath: 'here' });"
    line = [node, "-e", script, str(built / "hook" / "index.js")]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "cd here" in said


def test_publish_yaml_is_yaml_whatever_the_questions_hold() -> None:
    """The schema in it is JSON, which YAML takes."""
    assert json.loads(json.dumps(yaml.safe_load(app.publish("a: {properties}"))["a"]))["vpc"]["type"] == "string"
    assert release.TEMPLATE == "s.yaml"
