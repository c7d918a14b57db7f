"""What every command has in common: help, options, credentials, exit codes, completion, and no traceback ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from natkeeper.cli.app import COMMANDS
from natkeeper.cli.errors import MEANING, Exit, trouble_of
from natkeeper.ports import Failure, FailureKind
from natlab.cloud.kernel.faults import CallFault, FaultKind
from tests.cli.town import ROOT, Command, Workspace


def test_help_lists_every_command_and_every_exit_code(natkeeper: Command) -> None:
    """In the order of use."""
    ended = natkeeper("--help")
    assert ended.code == 0
    places = [ended.out.index(f"\n  {name}") for name in COMMANDS]
    assert places == sorted(places)
    for code in Exit:
        assert f"{code.value:>3}  {MEANING[code]}" in ended.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_the_shared_options(natkeeper: Command, name: str) -> None:
    """A first sentence that says what it does, and --json."""
    ended = natkeeper(name, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert "--config" in ended.out


def test_shared_options_stand_before_or_after_the_command(place: Workspace, natkeeper: Command) -> None:
    """The later one wins, and the environment gives way to both."""
    assert natkeeper("--json", "check").data["ok"] is True
    assert natkeeper("check", "--json").data["ok"] is True
    Path("other.yaml").write_text("region: 1\n", encoding="utf-8")
    assert natkeeper("-c", "other.yaml", "check", "-c", "natkeeper.yaml").code == 0
    assert natkeeper("check", "-c", "other.yaml").code == 2


@pytest.mark.parametrize(
    "line, says",
    [
        (["swich"], "No such command 'swich'"),
        (["switch"], "Missing argument 'GROUP'"),
        (["status", "--evry", "1"], "--evry"),
        (["switch", "nonsense", "--direct"], "there is no group 'nonsense' in natkeeper.yaml"),
        (["switch", "prod", "--to", "tokyo", "--direct"], "no gateway is called 'tokyo'"),
        (["status", "--fc2", "alone"], "write it as SERVICE/FUNCTION"),
        (["status", "--fc2", "a/b", "--direct"], "--direct asks no function"),
        (["status", "--region", "cn-beijing"], "natkeeper.yaml is about region cn-hangzhou"),
        (["history", "--since", "tomorrow"], "--since 'tomorrow' is not a length of time"),
        (["status", "--every", "9"], "--every has no meaning without --watch or --serve"),
        (["status", "--times", "3"], "--times has no meaning without --watch"),
        (["status", "--watch", "--port", "8000"], "--port has no meaning without --serve"),
        (["status", "--function", "other", "--direct"], "--function has no meaning with --direct"),
        (["switch", "prod", "--dry-run", "--wait"], "--wait has no meaning with --dry-run"),
        (["drill", "prod", "--restore", "--kind", "stop"], "--kind has no meaning with --restore"),
        (["conformance", "--compare", "x.json", "--restore"], "--restore has no meaning with --compare"),
        (["policy", "--ros", "--for", "oos"], "--for has no meaning with --ros"),
        (["probes", "--vswitch", "vtb-1=vsw-1"], "--vswitch has no meaning without --write"),
    ],
)
def test_wrong_requests_are_refused_with_what_would_be_accepted(
    place: Workspace, natkeeper: Command, line: list[str], says: str
) -> None:
    """Exit 2, one sentence on standard error, nothing on standard output."""
    ended = natkeeper(*line)
    assert (ended.code, ended.out) == (2, ""), ended
    assert says in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "line, other", [(["policy", "--ros"], "--ros"), (["metrics", "--format", "openmetrics"], "--format openmetrics")]
)
def test_json_is_refused_where_the_answer_is_of_another_format(
    place: Workspace, natkeeper: Command, line: list[str], other: str
) -> None:
    """Wherever it stands."""
    for typed in ([*line, "--json"], ["--json", *line]):
        ended = natkeeper(*typed)
        assert (ended.code, ended.data["error"]) == (2, f"--json has no meaning with {other}")


def test_a_group_that_is_not_known_is_answered_with_those_that_are(place: Workspace, natkeeper: Command) -> None:
    """Before anything is asked of the cloud."""
    ended = natkeeper("pause", "porduction", "--for", "1h", "--why", "x")
    assert "groups are: prod" in ended.err
    assert not place.cloud.calls


@pytest.mark.parametrize("command", ["status", "plan", "sweep", "metrics", "history", "check"])
def test_a_configuration_that_is_named_and_missing_is_an_error(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Also where the command could do without, because a region is known: what was named is another place."""
    ended = natkeeper("-c", "nosuch.yaml", "--region", "cn-hangzhou", command)
    assert (ended.code, ended.out) == (2, "")
    assert "there is no configuration nosuch.yaml" in ended.err
    monkeypatch.setenv("NATKEEPER_CONFIG", "gone/natkeeper.yaml")
    ended = natkeeper(command)
    assert ended.code == 2
    assert "NATKEEPER_CONFIG names it: unset that" in ended.err


def test_troubles_are_json_too(natkeeper: Command) -> None:
    """One object on standard output, whatever happens."""
    ended = natkeeper("check", "--json")
    assert ended.code == 2
    assert ended.data["error"].startswith("there is no configuration natkeeper.yaml")
    assert ended.data["exit"] == 2
    assert ended.err == ""
    assert natkeeper("switch", "--json").data["exit"] == 2


def test_a_cloud_that_does_not_answer_is_exit_3(place: Workspace, natkeeper: Command) -> None:
    """The sentence names who did not answer."""
    ended = natkeeper("status", "--endpoint", "http://127.0.0.1:9")
    assert ended.code == 3
    assert "127.0.0.1:9: the connection was refused" in ended.err


def test_a_region_that_does_not_exist_is_thought_of(place: Workspace, natkeeper: Command) -> None:
    """It is a part of the name that does not resolve."""
    ended = natkeeper("status", "--endpoint", "http://fc.cn-hangzou.invalid:9")
    assert ended.code == 3
    assert "its name does not resolve" in ended.err
    assert "check the name of the region" in ended.err


def test_being_denied_is_exit_4(deployed: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong secret, and a right one without the permission."""
    deployed.cloud.faults.add(
        CallFault(FaultKind.ERROR_CODE, action="InvokeFunction", count=1, code="AccessDenied", status=403)
    )
    ended = natkeeper("status")
    assert ended.code == 4
    assert "natkeeper policy --for operator" in ended.err
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong-secret-value")
    ended = natkeeper("status")
    assert ended.code == 4
    assert "the access key's secret is wrong" in ended.err
    assert "natkeeper policy" not in ended.err
    assert "wrong-secret-value" not in ended.err


def test_without_credentials_the_command_says_where_they_are_looked_for(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, profile, role; in the function's way and in the direct one."""
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    for line in (["status"], ["status", "--direct"], ["history"]):
        ended = natkeeper(*line)
        assert ended.code == 4, ended
        assert "no credentials were found" in ended.err
        assert "aliyun configure" in ended.err


@pytest.mark.parametrize(
    "code, advice",
    [
        ("SignatureDoesNotMatch", "the access key's secret is wrong"),
        ("SignatureNotMatch", "the access key's secret is wrong"),
        ("InvalidAccessKeyId.NotFound", "the access key does not exist or is disabled"),
        ("InvalidAccessKeyId", "the access key does not exist or is disabled"),
        ("InvalidSecurityToken.Expired", "the temporary credentials have expired"),
        ("ExpiredStsToken", "the temporary credentials have expired"),
        ("MissingSecurityToken", "ALIBABA_CLOUD_SECURITY_TOKEN"),
        ("InvalidTimeStamp.Expired", "clock"),
        ("Forbidden.RAM", "natkeeper policy --for operator"),
        ("NoPermission", "natkeeper policy --for operator"),
    ],
)
def test_a_denial_advises_what_it_is_about(code: str, advice: str) -> None:
    """A wrong secret is not mended by permissions, nor a clock by another key."""
    denied = trouble_of(Failure(FailureKind.DENIED, "no", code), "asking")
    assert denied.code == Exit.DENIED
    assert advice in denied.do
    assert ("policy --for" in denied.do) == ("policy --for" in advice)


def test_a_fault_of_natkeeper_is_a_sentence_with_a_way_to_the_trace(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 70; the trace only where it is asked for."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("natkeeper.cli.invoke.Asker.ask", broken)
    ended = natkeeper("sweep")
    assert ended.code == 70
    assert "an error of natkeeper itself: RuntimeError: a bug" in ended.err
    assert "Traceback" not in ended.err
    monkeypatch.setenv("NATKEEPER_DEBUG", "1")
    assert "Traceback" in natkeeper("sweep").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(natkeeper: Command, shell: str) -> None:
    """For the three shells."""
    ended = natkeeper("completion", shell)
    assert ended.code == 0
    assert "_NATKEEPER_COMPLETE" in ended.out


def test_names_are_completed_from_the_configuration(place: Workspace) -> None:
    """Groups, then gateways of that group, as a shell asks for them."""

    def completed(words: str, count: int) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "natkeeper.cli"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "shared"),
                "_NATKEEPER_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(count),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert "prod" in completed("natkeeper switch ", 2)
    hops = completed("natkeeper switch prod --to ", 4)
    assert place.a in hops
    assert place.b in hops
    assert place.table in completed("natkeeper switch prod --table ", 4)
    assert "status" in completed("natkeeper st", 1)


def test_help_needs_neither_sdk_nor_configuration() -> None:
    """It answers at once: nothing heavy is imported for it."""
    code = (
        "import sys\nfrom natkeeper.cli.app import run\nrun(['--help'])\n"
        "heavy = [m for m in sys.modules if m.startswith(('alibabacloud_', 'Tea', 'darabonba', 'requests'))]\n"
        "sys.exit(len(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "shared")},
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done


def test_a_bare_natkeeper_prints_its_help(natkeeper: Command) -> None:
    """A person who types it wants the help; nothing went wrong."""
    ended = natkeeper()
    assert (ended.code, ended.err) == (0, "")
    assert "Commands:" in ended.out


@pytest.mark.parametrize("typed, meant", [("stauts", "status"), ("resum", "resume"), ("dril", "drill")])
def test_a_misspelled_command_names_the_one_that_was_meant(natkeeper: Command, typed: str, meant: str) -> None:
    """And what is like nothing is only refused."""
    ended = natkeeper(typed)
    assert (ended.code, f"Did you mean {meant}?" in ended.err) == (2, True)
    assert "Did you mean" not in natkeeper("xyzzy").err


@pytest.mark.parametrize("form", ["127.0.0.1:{0}", "localhost:{0}", "http://127.0.0.1:{0}/"])
def test_an_endpoint_of_this_machine_needs_no_scheme(place: Workspace, natkeeper: Command, form: str) -> None:
    """http:// is meant."""
    port = place.cloud.endpoint.rpartition(":")[2]
    assert natkeeper("status", "--direct", "--endpoint", form.format(port)).code == 0


@pytest.mark.parametrize("wrong", ["ftp://127.0.0.1:1", "127.0.0.1:1/path", "a b", "http//x"])
def test_what_is_no_endpoint_is_named(place: Workspace, natkeeper: Command, wrong: str) -> None:
    """With the form that it should have."""
    ended = natkeeper("status", "--direct", "--endpoint", wrong)
    assert (ended.code, "write it as http://127.0.0.1:8000" in ended.err) == (2, True), ended


def test_init_refuses_the_name_of_a_group_before_it_reads_anything(place: Workspace, natkeeper: Command) -> None:
    """A name that check would refuse later."""
    for name in ("生产", "Prod", "1st", "a" * 32):
        ended = natkeeper("init", "--group", name, "-o", "-", "--region", "cn-hangzhou")
        assert (ended.code, "is not the name of a group" in ended.err) == (2, True)
    assert not place.cloud.calls


@pytest.mark.parametrize("command", ["check", "config --effective", "config --schema"])
def test_an_answer_that_cannot_be_written_is_no_error_of_natkeeper(place: Workspace, command: str) -> None:
    """A full disk is named; a standard output that is closed is nobody's trouble, because the exit code tells."""
    line = [sys.executable, "-m", "natkeeper.cli", *command.split()]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "shared")}
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(line, env=environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("natkeeper: the answer could not be written: No space left on device\n")
    assert "Exception" not in ended.stderr
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *line]
    ended = subprocess.run(closed, env=environ, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "line, says",
    [("status", "nothing was changed"), ("history", "nothing was changed"), ("sweep", "a run that was begun")],
)
def test_ctrl_c_says_what_it_means_for_the_command(
    place: Workspace, natkeeper: Command, monkeypatch: pytest.MonkeyPatch, line: str, says: str
) -> None:
    """One that only looks has begun nothing."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("natkeeper.cli.invoke.Asker.ask", interrupted)
    monkeypatch.setattr("natkeeper.cli.survey.history.events_of", interrupted)
    ended = natkeeper(line)
    assert ended.code == 130
    assert says in ended.err
