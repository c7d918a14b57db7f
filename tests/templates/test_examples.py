"""Examples for Terraform and for a CI job: their commands exist, and they keep what must be kept."""

from __future__ import annotations

import re
import shlex

import click
import yaml

from natkeeper.cli.app import COMMANDS, app
from natkeeper.cli.policies import DeployedNames, grants
from natkeeper.packaging import read_configuration
from tests.docs.markdown import ROOT

TERRAFORM = (ROOT / "templates" / "terraform" / "roles.tf").read_text(encoding="utf-8")
JOB = yaml.safe_load((ROOT / "templates" / "ci" / "deploy.yml").read_text(encoding="utf-8"))


def commands() -> list[str]:
    """What the job runs, in order."""
    return [step["run"] for job in JOB["jobs"].values() for step in job["steps"] if "run" in step]


def test_terraform_makes_the_roles_that_the_command_prints() -> None:
    """Each with its policy, trusted by its service."""
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    printed = {
        grant.name: (grant.trusts, key)
        for key, grant in grants(config, DeployedNames(account="*")).items()
        if grant.trusts
    }
    made = re.findall(r'(natkeeper-\w+)\s+= \{ trusts = "([\w.]+)", policy = "(\w+)\.json" \}', TERRAFORM)
    assert {name: (trusts, key) for name, trusts, key in made} == printed
    for _, key in printed.values():
        assert f"natkeeper policy --for {key} > {key}.json" in TERRAFORM


def test_terraform_has_no_resource_that_natkeeper_moves() -> None:
    """Both route resources and the binding of the EIP are named as what must not be in the state."""
    code = "\n".join(line for line in TERRAFORM.splitlines() if not line.startswith("#"))
    moved = ("alicloud_route_entry", "alicloud_vpc_route_entry", "alicloud_eip_association")
    assert [name for name in moved if name in code] == []
    assert [name for name in moved if f"#   from = {name}." not in TERRAFORM] == []
    assert code.count("{") == code.count("}")


def test_every_command_of_the_job_exists_with_its_options() -> None:
    """Parsed by the command line itself."""
    ours = [shlex.split(line) for line in commands() if line.startswith("natkeeper ")]
    assert [line[1] for line in ours] == ["check", "template", "deployment", "doctor"]
    for _, name, *options in ours:
        assert name in COMMANDS
        command = app.get_command(click.Context(app), name)
        assert command is not None
        command.make_context(name, list(options), resilient_parsing=True)


def test_the_job_deploys_without_questions_and_only_after_the_check() -> None:
    """With -y, a key and the addresses; never for a pull request, never twice at a time."""
    deploy = JOB["jobs"]["deploy"]
    assert "s deploy -y" in commands()
    assert (deploy["needs"], deploy["if"]) == ("check", "github.event_name == 'push'")
    assert deploy["concurrency"]
    assert "NATKEEPER_NOTIFY" in deploy["env"]
    assert "secrets" not in str(JOB["jobs"]["check"])
