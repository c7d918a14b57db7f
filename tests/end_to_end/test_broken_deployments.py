"""A verdict can be bad: with natkeeper broken or missing, scenarios do not end well, and say why."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from natlab.deploy import Resource, Template
from natlab.scenarios import functions
from natlab.scenarios.catalogue import scenario
from natlab.scenarios.play import Setting, play

DEAF = """
import json
from natkeeper.failover.handler import handler as awake

def handler(event, context):
    return awake(event, context) if "triggerTime" in json.loads(event) else '{"ok": true, "receipts": []}'
"""
IMPATIENT = 0.15


def with_handler(source: str, tmp_path: Path) -> functions.Code:
    """The real bundles, but for what the failover function is entered by."""

    def code(data: Mapping[str, Any]) -> Mapping[str, Path]:
        real = dict(functions.bundles(data))
        changed = tmp_path / "failover.zip"
        with zipfile.ZipFile(real["failover"]) as before, zipfile.ZipFile(changed, "w") as after:
            for entry in before.infolist():
                if entry.filename.split("/")[-1].partition(".")[0] != "index":  # neither source nor bytecode
                    after.writestr(entry, before.read(entry))
            after.writestr("index.py", source)
        return real | {"failover": changed}

    return code


def without_reports(template: Template) -> Template:
    """s.yaml without event triggers, and with nobody to hear of the probe's failures."""

    def amended(resource: Resource) -> Resource:
        triggers = [each for each in resource.props.get("triggers", []) if each["triggerType"] == "timer"]
        kept = {key: value for key, value in resource.props.items() if key != "asyncInvokeConfig"}
        return replace(resource, props=kept | {"triggers": triggers})

    return replace(template, resources=tuple(amended(resource) for resource in template.resources))


def without_events(template: Template) -> Template:
    """s.yaml without its event triggers."""

    def amended(resource: Resource) -> Resource:
        triggers = [each for each in resource.props.get("triggers", []) if each["triggerType"] == "timer"]
        return replace(resource, props=resource.props | {"triggers": triggers})

    return replace(template, resources=tuple(amended(resource) for resource in template.resources))


def test_a_function_that_does_nothing_is_found_out(setting: Setting, tmp_path: Path) -> None:
    """It answers every event kindly, and the route stays where it is."""
    result = play(scenario("stop"), replace(setting, code=with_handler(DEAF, tmp_path), patience=IMPATIENT))
    assert not result.ok
    assert "natkeeper moved nothing" in result.reasons
    assert "table goes to gateway-a, not to gateway-b" in result.reasons
    assert result.as_json()["reasons"] == list(result.reasons)
    assert (result.figures.decided_s, result.figures.routed_s) == (None, None)


def test_a_function_that_nothing_wakes_is_found_out(setting: Setting) -> None:
    """No pattern, no destination: until the next sweep nobody knows."""
    result = play(scenario("stop"), replace(setting, amend=without_reports, patience=IMPATIENT))
    assert not result.ok
    assert result.evidence.runs == ()
    assert result.figures.outage_s > 4.0


def test_without_events_the_probe_still_sees_it(setting: Setting) -> None:
    """What events would have told first is noticed from inside the VPC."""
    result = play(scenario("stop"), replace(setting, amend=without_events))
    assert result.reasons == ()
    assert [run.source for run in result.evidence.runs if run.news] == ["destination:natkeeper-probe"]
