"""`make app`: an application of Serverless Devs in build/app, which `s init --uri build/app` lays out.

It carries this release's s.yaml with the questions of `s init` in the place of its variables, and the wheel: no clone
and no registered package is needed. Source of the shape: Serverless Devs, package model of edition 3.0.0 (publish.yaml,
version.md, readme.md, hook/index.js, src/).
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from natkeeper import __version__
from natkeeper.packaging import release

QUESTIONS = {
    "region": ("string", "地域 (region)", "cn-hangzhou"),
    "account": ("string", "账号 ID (account id)", None),
    "group": ("string", "组名 (group of natkeeper.yaml)", "prod"),
    "vpc": ("string", "VPC，例如 vpc-bp1…", None),
    "vswitch": ("string", "探针所在的私网交换机 (private vSwitch of the probe)，例如 vsw-bp1…", None),
    "securityGroup": ("string", "探针的安全组 (security group of the probe)，例如 sg-bp1…", None),
}
"""Variables of s.yaml that `s init` asks for: type, title, default; None is required."""
COMMAND = ".venv/bin/natkeeper"


def publish(text: str) -> str:
    """Fill in publish.yaml: the version, and the questions as a JSON schema (JSON is YAML)."""
    properties = {
        name: {"type": kind, "title": title, "description": title, **({} if default is None else {"default": default})}
        for name, (kind, title, default) in QUESTIONS.items()
    }
    required = [name for name, (_, _, default) in QUESTIONS.items() if default is None]
    filled = text.replace("{version}", __version__).replace("{required}", json.dumps(required))
    return filled.replace("{properties}", json.dumps(properties, ensure_ascii=False))


def template(text: str) -> str:
    """Put the questions into s.yaml, and the steps of a directory that carries the wheel."""
    asked = release.with_variables(text, {name: f'"{{{{ {name} }}}}"' for name in QUESTIONS})
    asked = asked.replace("\naccess: default\n", '\naccess: "{{ access }}"\n')
    return release.for_installed(asked, package=f"sh prepare.sh && {COMMAND} package", command=COMMAND)


def write(out: Path, wheel: Path) -> None:
    """Write the application into `out`, over what is there."""
    root = release.root()
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(root / "templates" / "app", out)
    source, described = out / "src", out / "publish.yaml"
    described.write_text(publish(described.read_text(encoding="utf-8")), encoding="utf-8")
    (out / "version.md").write_text(f"{__version__}\n", encoding="utf-8")
    shutil.copy(out / "readme.md", source / "readme.md")
    shutil.copy(root / release.EXAMPLE, source)
    (source / "templates").mkdir()
    shutil.copy(root / release.SCHEMA, source / "templates")
    shutil.copy(wheel, source)
    own = (root / release.TEMPLATE).read_text(encoding="utf-8")
    (source / release.TEMPLATE).write_text(template(own), encoding="utf-8")
    (source / release.IGNORED).write_text(f"/.venv/\n{release.NOT_KEPT}", encoding="utf-8")


if __name__ == "__main__":
    (built,) = Path("dist").glob("natkeeper-*.whl")
    write(Path("build/app"), built)
    sys.stderr.write(
        "build/app: lay it out with  s init --uri build/app -d DIRECTORY  (it moves the folder: use a copy)\n"
    )
