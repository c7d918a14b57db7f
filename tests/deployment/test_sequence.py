"""A deployment as the component fc3 makes it: its calls in their order, twice in a row, and killed half-way.

recorded.json was recorded with resource notify last; it stands first since, so the same calls are in another order.
The local cloud answers it unaided: service-linked roles, a log store, a place for code, checksums, configurations.
"""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.faults import CallFault, FaultKind
from natlab.cloud.kernel.wire import Request, Response
from natlab.deploy import Deployer, DeployError, Overrides, Template, deploy, load
from tests.cli.town import Command, Workspace, command, town

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
FUNCTION = "natkeeper-failover"
EVENTS = ("ecs-state", "ecs-notices", "ecs-operations", "vpc-operations")
READS = ("GET", "HEAD")

Call = tuple[str, str, tuple[str, ...]]
"""Method, path and the names of the fields in query and body; what differs from run to run is left out."""


class Recorder:
    """Every exchange on the wire."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.bodies: list[Any] = []
        self.refused: list[int] = []

    def __call__(self, request: Request, response: Response) -> None:
        self.calls.append(called(request))
        self.bodies.append(request.body)
        self.refused.append(response.status)

    def clear(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.bodies.clear()
        self.refused.clear()

    @property
    def writes(self) -> list[Call]:
        """What was written."""
        return [call for call in self.calls if call[0] not in READS and "Check" not in call[1]]


def called(request: Request) -> Call:
    """A request without what is another at every run."""
    action = request.headers.get("x-acs-action", "")
    path = f"/?{action}" if request.path == "/" and action else request.path
    path = re.sub(r"/[0-9]+/[0-9a-f-]{36}$", "/ACCOUNT/OBJECT", path)
    fields = set(request.query)
    if request.headers.get("content-type", "").startswith("application/json") and not path.endswith("/index"):
        fields |= set(json.loads(request.body or b"{}"))
    return request.method, path, tuple(sorted(fields))


def archive(path: Path, source: str) -> Path:
    """A package with one function."""
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(zipfile.ZipInfo("index.py", (2026, 1, 1, 0, 0, 0)), source)
    return path


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with served() as cloud:
        yield cloud


@contextmanager
def served(**readings: str) -> Iterator[Cloud]:
    """A cloud that listens, by these readings."""
    cloud = Cloud(readings={name.replace("_", "-"): way for name, way in readings.items()})
    with cloud.serve():
        yield cloud
    cloud.close()


def template(cloud: Cloud, folder: Path, **variables: str) -> Template:
    """The project's own s.yaml, with a function of one line in the place of the bundles, and rare timers."""
    code = archive(folder / "code.zip", "def handler(event, context):\n    return b'here'\n")
    wanted = Overrides(
        vars={"account": cloud.account_id, "region": cloud.region, **variables},
        cron="@every 10m",
        code=dict.fromkeys(("failover", "probe", "notify"), code),
    )
    return load(ROOT / "s.yaml", wanted, environ={"NATKEEPER_NOTIFY": "json://example.test"})


def account(cloud: Cloud) -> Deployer:
    key = cloud.accounts.create_access_key()
    return Deployer(cloud.account_id, key.access_key_id, key.access_key_secret)


def recorded(cloud: Cloud) -> Recorder:
    recorder = Recorder()
    cloud.wire_observers.append(recorder)
    return recorder


def expected(which: str) -> list[Call]:
    """The calls that were recorded of a deployment."""
    calls = json.loads(RECORDED.read_text(encoding="utf-8"))[which]
    return [(call["method"], call["path"], tuple(call["fields"])) for call in calls]


# ---- the sequence ----------------------------------------------------------------------------------------


def test_a_first_deployment_makes_the_recorded_calls(cloud: Cloud, tmp_path: Path) -> None:
    """Method, path and fields of each, in their order: what was recorded of the component itself."""
    recorder = recorded(cloud)
    deploy(template(cloud, tmp_path), cloud.endpoint, account(cloud))
    assert recorder.calls == expected("first")


def test_a_second_deployment_asks_nothing_and_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """No difference is found, no code is uploaded, nothing is created; what is written is what is there."""
    recorder = recorded(cloud)
    who, what = account(cloud), template(cloud, tmp_path)
    deploy(what, cloud.endpoint, who)
    before = state(cloud)
    recorder.clear()
    steps = deploy(what, cloud.endpoint, who, yes=False)
    assert recorder.calls == expected("second")
    assert {step.verb for step in steps} == {"updated", "set", "skipped"}
    assert state(cloud) == before
    assert not [call for call in recorder.writes if call[0] == "POST"]
    assert {status for status in recorder.refused if status >= 400} <= {404}


def state(cloud: Cloud) -> Any:
    """All that is deployed, but for times of change."""
    fc = cloud.fc
    functions = fc.functions()
    triggers = [replace(each, modified=0.0) for one in functions for each in fc.triggers(one.name)]
    configs = {name: replace(config, modified=0.0) for name, config in fc.queue.configs.items()}
    reserved, roles = dict(fc.dispatcher.reserved), set(cloud.ram.roles)
    return [replace(one, modified=0.0) for one in functions], triggers, configs, reserved, roles


def test_a_changed_package_is_uploaded_and_nothing_is_asked(cloud: Cloud, tmp_path: Path) -> None:
    """Code is no part of the difference that is asked about."""
    who, what = account(cloud), template(cloud, tmp_path)
    deploy(what, cloud.endpoint, who)
    archive(tmp_path / "code.zip", "def handler(event, context):\n    return b'there'\n")
    steps = deploy(what, cloud.endpoint, who, yes=False)
    assert [step.name for step in steps if step.verb == "uploaded"] == [each.function for each in what.resources]
    assert cloud.fc.invoke(FUNCTION).result == b"there"


def test_an_upgrade_writes_every_event_trigger(cloud: Cloud, tmp_path: Path) -> None:
    """The version in each description is another one."""
    who = account(cloud)
    deploy(template(cloud, tmp_path, version="0.1.9"), cloud.endpoint, who)
    steps = deploy(template(cloud, tmp_path), cloud.endpoint, who)
    updated = [step.name.partition("/")[2] for step in steps if step.kind == "eventbridge trigger"]
    assert updated == list(EVENTS)
    assert {step.verb for step in steps if step.kind == "eventbridge trigger"} == {"updated"}


def test_a_difference_without_an_answer_writes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """Standard input is closed, and -y was not given: it ends well, and nothing was done."""
    who = account(cloud)
    deploy(template(cloud, tmp_path, version="0.1.9"), cloud.endpoint, who)
    before, recorder = state(cloud), recorded(cloud)
    steps = [str(step) for step in deploy(template(cloud, tmp_path), cloud.endpoint, who, yes=False)]
    assert [step for step in steps if "failover" in step] == ["left unanswered the triggers of natkeeper-failover"]
    assert [call for call in recorder.writes if FUNCTION in call[1]] == []
    assert state(cloud)[1][0] == before[1][0]


def test_a_platform_that_answers_every_field_is_asked_about_each_time(tmp_path: Path) -> None:
    """By that reading `-y` is needed for every deployment; it then writes all triggers and skips none."""
    with served(answers="full", scaling_config="full") as cloud:
        who, what = account(cloud), template(cloud, tmp_path)
        deploy(what, cloud.endpoint, who)
        assert deploy(what, cloud.endpoint, who, yes=False)[0].verb == "left unanswered"
        steps = deploy(what, cloud.endpoint, who, sleeper=lambda _seconds: None)
        assert [step.name.partition("/")[2] for step in steps if step.kind == "eventbridge trigger"] == list(EVENTS)
        assert "removed the scaling of natkeeper-failover" in map(str, steps)


def test_a_platform_that_checks_what_functions_name_takes_the_deployment(tmp_path: Path) -> None:
    """Roles and networks are there before it, and the function that is a destination is deployed first."""
    with served(fc_references="checked") as cloud:
        vpc = cloud.vpc.create_vpc()
        vswitch = cloud.vpc.create_vswitch(vpc, "10.0.0.0/24")
        for role in ("natkeeper-failover", "natkeeper-probe", "natkeeper-notify"):
            cloud.ram.create_role(role, "fc.aliyuncs.com")
        group = cloud.ecs.group_in(vpc)
        what, who = template(cloud, tmp_path, vpc=vpc, vswitch=vswitch, securityGroup=group), account(cloud)
        deploy(what, cloud.endpoint, who)
        assert "natkeeper-failover" in cloud.fc.queue.configs["natkeeper-probe"].on_failure
        del cloud.ram.roles["natkeeper-probe"]
        with pytest.raises(DeployError, match="natkeeper-probe' does not exist"):
            deploy(what, cloud.endpoint, who)


def test_the_role_for_actiontrail_is_not_created_beside_one_for_cloudmonitor(cloud: Cloud, tmp_path: Path) -> None:
    """The component stops at the first service-linked role that exists: doctor looks at both."""
    cloud.ram.create_role("AliyunServiceRoleForEventBridgeSourceCMS", "source-cms.eventbridge.aliyuncs.com")
    deploy(template(cloud, tmp_path), cloud.endpoint, account(cloud))
    assert "aliyunserviceroleforeventbridgesourceactiontrail" not in cloud.ram.roles
    assert "aliyunserviceroleforeventbridgesendtofc" in cloud.ram.roles


# ---- refusals --------------------------------------------------------------------------------------------


def test_a_property_that_the_api_does_not_know_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """The SDK would drop it without a word."""
    what = template(cloud, tmp_path)
    what.resources[0].props["cpus"] = 1
    with pytest.raises(DeployError, match="natkeeper-notify: the API knows no cpus"):
        deploy(what, cloud.endpoint, account(cloud))


@pytest.mark.parametrize("action", ["CreateFunction", "CreateTrigger", "PutConcurrencyConfig"])
def test_a_refusal_names_the_function_and_the_code(cloud: Cloud, tmp_path: Path, action: str) -> None:
    """What the endpoint says reaches the person who deploys."""
    cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, "fc", action, code="AccessDenied", message="not allowed", status=403)
    )
    with pytest.raises(DeployError, match=r"natkeeper-(notify|failover): AccessDenied: .*not allowed"):
        deploy(template(cloud, tmp_path), cloud.endpoint, account(cloud))


def test_a_read_that_fails_otherwise_is_not_taken_for_absence(cloud: Cloud, tmp_path: Path) -> None:
    """An endpoint that breaks must not lead to a creation over something that exists."""
    cloud.faults.add(CallFault(FaultKind.SERVER_ERROR, "fc", "GetFunction", code="InternalServerError", status=500))
    with pytest.raises(DeployError, match="InternalServerError"):
        deploy(template(cloud, tmp_path), cloud.endpoint, account(cloud))


# ---- killed half-way -------------------------------------------------------------------------------------


class KilledError(Exception):
    """The deploying process is gone."""


def killed_before(trigger: str) -> Callable[[str], None]:
    """Kill the deployment once everything before that trigger is there."""
    last = (("timer", "sweep"), *(("eventbridge", name) for name in EVENTS))[EVENTS.index(trigger)]

    def say(step: str) -> None:
        if step == f"created {last[0]} trigger {FUNCTION}/{last[1]}":
            raise KilledError

    return say


@pytest.fixture
def natkeeper(capsys: pytest.CaptureFixture[str]) -> Command:
    return command(capsys)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A town in which nothing is deployed yet."""
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    with town(tmp_path) as built:
        built.write()
        monkeypatch.setenv("NATKEEPER_ENDPOINT", built.cloud.endpoint)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", built.key.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", built.key.access_key_secret)
        yield built


STEPS = 22
"""Of a first deployment, as `s` names them: roles, three functions, their triggers and settings."""


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_deployment_killed_after_any_step_is_named_with_the_commands_that_complete_it(
    place: Workspace, natkeeper: Command, step: int
) -> None:
    """Between functions, between code and settings, at each trigger: then nothing is missing, whatever was said."""
    done: list[str] = []

    def say(what: str) -> None:
        done.append(what)
        if len(done) == step:
            raise KilledError

    with pytest.raises(KilledError):
        place.deploy_template(say=say)
    ended = natkeeper("deployment", "--json")
    assert (ended.code == 0) is (step == STEPS), done[-1]
    for each in ended.data["incomplete"]:
        perform(place, each["do"])
    assert natkeeper("deployment").code == 0, done[-1]
    whole = state(place.cloud)[1:]
    place.deploy_template()
    assert state(place.cloud)[1:] == whole, f"something of s.yaml was missing after {done[-1]}"


def test_a_deployment_has_so_many_steps(place: Workspace) -> None:
    """None is left out above."""
    said: list[str] = []
    place.deploy_template(say=said.append)
    assert len(said) == STEPS


@pytest.mark.parametrize("trigger", EVENTS)
def test_a_deployment_killed_at_a_trigger_is_named_by_the_doctor(
    place: Workspace, natkeeper: Command, trigger: str
) -> None:
    """Another `s deploy -y` reports success and leaves them out; the named command deploys them, and all is well."""
    with pytest.raises(KilledError):
        place.deploy_template(say=killed_before(trigger))
    left = EVENTS[EVENTS.index(trigger) :]
    wanted = f"s failover deploy --trigger {','.join(left)} -y"
    whole = f"{wanted} && s failover deploy -y"
    assert whole in natkeeper("deployment").out
    assert whole in natkeeper("doctor", "--json").out
    if trigger != EVENTS[0]:  # nothing of EventBridge was there: nothing to stop at
        place.deploy_template()
        assert not set(left) & {each.name for each in place.cloud.fc.triggers(FUNCTION)}
        whole = wanted
    perform(place, whole)
    place.deploy_template()
    assert natkeeper("deployment").code == 0
    assert "--trigger" not in natkeeper("doctor", "--json").out


def test_a_probe_that_reports_to_nobody_is_named_by_the_doctor(place: Workspace, natkeeper: Command) -> None:
    """A deployment that was killed after the probe's trigger: it looks, and nobody hears."""
    place.deploy_template()
    assert "asyncInvokeConfig" not in natkeeper("doctor", "--json").out
    del place.cloud.fc.queue.configs["natkeeper-probe"]
    ended = natkeeper("doctor", "--json")
    assert "s probe deploy -y" in ended.out
    assert ended.code == 1
    perform(place, "s probe deploy -y")
    assert "asyncInvokeConfig" not in natkeeper("doctor", "--json").out


def perform(place: Workspace, line: str) -> None:
    """Run a command line `s RESOURCE deploy [--trigger NAME,NAME] -y`, or several that are joined."""
    for command_line in line.split(" && "):
        program, resource, verb, *options = shlex.split(command_line)
        assert (program, verb, options[-1]) == ("s", "deploy", "-y")
        names = options[1].split(",") if options[0] == "--trigger" else None
        place.deploy_template(only={resource: names})
