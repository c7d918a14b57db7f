"""The deployment of templates/fc2 as the component fc makes it (fc-deploy 0.0.103), call by call, twice in a row.

recorded_fc2.json is what that component sent to a local cloud: method, path and body, the status of the answer, and
account, network and code replaced by words. The calls are sent again here; the local cloud has to answer as the
component needs it to go on. It was deployed with --use-local, from a checkout that knew nothing of an earlier one.
"""

from __future__ import annotations

import base64
import email.utils
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from fc2.auth import Auth

from natlab.cloud.cloud import Cloud
from natlab.deploy import Deployer
from natlab.deploy.wire import DeployWire, ServiceRefused
from tests.contract.watching import ContractWatch
from tests.deployment.test_sequence import archive
from tests.templates.test_fc2 import template

RECORDED = json.loads(Path(__file__).with_name("recorded_fc2.json").read_text(encoding="utf-8"))
Call = Mapping[str, Any]
FC2 = "/2016-08-15/"


class RealComponent:
    """Sends the recorded calls; `network` says which VPC and vSwitch stand for the recorded ones."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        key = cloud.accounts.create_access_key()
        account = Deployer(cloud.account_id, key.access_key_id, key.access_key_secret)
        self.cloud, self.wire = cloud, DeployWire(cloud.endpoint, account, cloud.region)
        self.signer = Auth(account.access_key_id, account.access_key_secret)
        vpc = cloud.vpc.create_vpc()
        vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
        code = archive(folder / "code.zip", "def handler(event, context):\n    return b'here'\n").read_bytes()
        words = {"VSWITCH": vswitch, "VPC": vpc, "ACCOUNT": cloud.account_id, '"CODE"': json.dumps(_text(code))}
        self.words = words

    def play(self, which: str) -> list[tuple[str, str, int, int]]:
        """Send them all; return those that were answered with another status: method, path, recorded, seen."""
        text = json.dumps(RECORDED[which])
        for word, value in self.words.items():
            text = text.replace(word, value)
        calls: list[Call] = json.loads(text)
        seen = [(call["method"], call["path"], call["status"], self._send(call)) for call in calls]
        return [one for one in seen if one[2] != one[3]]

    def _send(self, call: Call) -> int:
        if call["path"].startswith(FC2):
            return self._function_compute(call)
        if "service" in call:
            return 409 if self.wire.linked_role_exists(call["service"]) else self._create_role(call["service"])
        project = "" if call["path"] == "/" and call["method"] == "POST" else self._project()
        try:
            self.wire.log(call["method"], call["path"], project, call.get("body"))
        except ServiceRefused as refused:
            return 404 if refused.code.endswith("NotExist") else 400
        return 200

    def _create_role(self, service: str) -> int:
        self.wire.create_linked_role(service)
        return 200

    def _project(self) -> str:
        return f"{self.cloud.account_id}-{self.cloud.region}-logproject"

    def _function_compute(self, call: Call) -> int:
        headers = {"accept": "application/json", "date": email.utils.formatdate(usegmt=True)}
        content = json.dumps(call["body"]).encode() if "body" in call else b""
        if content:
            headers["content-type"] = "application/json"
        headers["authorization"] = self.signer.sign_request(call["method"], call["path"], headers)
        answer = requests.request(
            call["method"], self.cloud.endpoint + call["path"], data=content, headers=headers, timeout=60
        )
        return answer.status_code


def _text(code: bytes) -> str:
    return base64.b64encode(code).decode()


@pytest.fixture(autouse=True)
def known_differences(contract_watch: ContractWatch) -> Iterator[None]:
    """The component sends fields and nulls that the metadata does not know; what it is answered has to agree."""
    yield
    contract_watch.problems[:] = [each for each in contract_watch.problems if "request body" not in each]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with closing(Cloud()) as cloud, cloud.serve():
        yield cloud


@pytest.fixture
def component(cloud: Cloud, tmp_path: Path) -> RealComponent:
    return RealComponent(cloud, tmp_path)


def state(cloud: Cloud) -> Any:
    """All that is deployed, but for times of change."""
    fc = cloud.fc
    functions = [one for service in ("natkeeper", "natkeeper-probe") for one in fc.functions(service)]
    triggers = [replace(each, modified=0.0) for one in functions for each in fc.triggers(one.name)]
    configs = {name: replace(config, modified=0.0) for name, config in fc.queue.configs.items()}
    return [replace(one, modified=0.0) for one in functions], triggers, configs, set(cloud.ram.roles)


def test_two_deployments_make_the_recorded_calls_and_the_second_changes_nothing(component: RealComponent) -> None:
    """Each call is answered as the component was; it deletes nothing, and what it writes is what is there."""
    assert component.play("first") == []
    before = state(component.cloud)
    assert [one.short_name for one in before[0]] == ["natkeeper-failover", "natkeeper-probe"]
    assert len(before[1]) == 6
    assert component.play("second") == []
    assert state(component.cloud) == before
    assert not [call for call in RECORDED["second"] if call["method"] == "DELETE"]


def test_what_was_recorded_is_what_the_template_says() -> None:
    """A person who changes the template records again, or changes the body of the one call by hand."""
    words = {"account": "ACCOUNT", "vpc": "VPC", "vswitch": "VSWITCH"}
    written = {call["path"]: call["body"] for call in RECORDED["second"] if call["method"] == "PUT"}
    created = {
        (call["path"], call["body"].get("triggerName")): call["body"]
        for call in RECORDED["first"]
        if call["method"] in ("POST", "PUT") and call["path"].startswith(FC2) and "body" in call
    }
    for described in template(**words).values():
        props = described["props"]
        service, function = props["service"], props["function"]
        path = f"{FC2}services/{service['name']}"
        stored = written[path]
        assert {key: stored[key] for key in ("role", "internetAccess", "description")} == {
            key: service[key] for key in ("role", "internetAccess", "description")
        }
        below = f"{path}/functions/{function['name']}"
        sizes = ("cpu", "memorySize", "diskSize", "timeout", "runtime", "handler", "instanceConcurrency")
        assert {key: written[below][key] for key in sizes} == {key: function[key] for key in sizes}
        for trigger in props["triggers"]:
            sent = created[f"{below}/triggers", trigger["name"]]
            assert (sent["triggerConfig"], sent["qualifier"]) == (trigger["config"], trigger["qualifier"])
        asynchronous = created[f"{path}.LATEST/functions/{function['name']}/async-invoke-config", None]
        wanted = dict(function["asyncConfiguration"])
        onto = {name: {"destination": arn} for name, arn in wanted.pop("destination", {}).items()}
        assert asynchronous == wanted | {"destinationConfig": onto}


def test_unsaid_the_asynchronous_settings_are_deleted_at_every_deployment() -> None:
    """The component compares all four fields, so each of them is said."""
    for described in template().values():
        said = set(described["props"]["function"]["asyncConfiguration"]) - {"destination"}
        assert said == {"statefulInvocation", "maxAsyncRetryAttempts", "maxAsyncEventAgeInSeconds"}
