"""Do the templates that this project hands to OOS run there, end to end, as any template?"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from natlab.cloud.dataplane import CommandResult
from natlab.cloud.ecs.assistant_commands import MAX_CONTENT
from natlab.cloud.oos.template import OosTemplate, read
from tests.cloud.guests import GuestCloud, ScriptedGuests

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "oos"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
REPORT = '{"ok": true}\n'


def parameters(template: OosTemplate, ground: GuestCloud) -> dict[str, object]:
    """Something allowed for every parameter that has no default: instances for a list, data for text."""
    by_type: dict[str, object] = {"List": [ground.one, ground.two], "String": "QUJDREVGRw==", "Number": 60}
    return {name: by_type[spec.kind] for name, spec in template.parameters.items() if spec.required}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_runs_on_every_instance(file: Path) -> None:
    """Created under its own name, started without a person, it succeeds and gathers every report."""
    ground = GuestCloud(ScriptedGuests(script=lambda _instance, _script: CommandResult(0, REPORT.encode())))
    content = file.read_text(encoding="utf-8")
    ground.oos("CreateTemplate", TemplateName=file.stem, Content=content)
    given = json.dumps(parameters(read(content), ground))
    started: Any = ground.oos("StartExecution", TemplateName=file.stem, Parameters=given, SafetyCheck="Skip")
    ground.pass_time(120)
    answer: Any = ground.oos("ListExecutions", ExecutionId=started["Execution"]["ExecutionId"])
    [execution] = answer["Executions"]
    assert execution["Status"] == "Success", execution["StatusMessage"]
    assert list(json.loads(execution["Outputs"]).values()) == [[REPORT, REPORT]]
    assert {instance for instance, _script in ground.guests.ran} == {ground.one, ground.two}
    ground.cloud.close()


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_a_template_fits_into_the_limits(file: Path) -> None:
    """64 KB of template, and 24 KB of command after Base64."""
    template = read(file.read_text(encoding="utf-8"))
    for task in template.tasks:
        command = str(task.properties.get("commandContent", ""))
        assert len(base64.b64encode(command.encode())) <= MAX_CONTENT
