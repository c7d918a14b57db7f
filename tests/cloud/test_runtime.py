"""Function instances as processes: what a handler finds, what its caller gets, and that nothing is left over."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natlab.cloud.cloud import Cloud
from natlab.cloud.fc.models import Invocation
from natlab.cloud.fc.runtime.processes import ProcessRuntime, remove_leftovers, unpack
from natlab.cloud.kernel.latencies import Latencies
from tests.cloud.functions_for_tests import function_body, package

ROLE = "acs:ram::1000000000000001:role/natkeeper"


class ProcessBench:
    """A cloud on the real clock whose functions are processes."""

    def __init__(self) -> None:
        self.cloud = Cloud(latencies=Latencies(scale=0.0))

    def function(self, source: str, name: str = "f", **settings: Any) -> None:
        self.cloud.fc.create_function(function_body(name, source, **settings))

    def invoke(self, payload: bytes = b"", name: str = "f") -> Invocation:
        return self.cloud.fc.invoke(name, payload)

    def answer(self, payload: bytes = b"", name: str = "f") -> Any:
        return json.loads(self.invoke(payload, name).result)


@pytest.fixture
def bench() -> Iterator[ProcessBench]:
    made = ProcessBench()
    yield made
    made.cloud.close()


def alive(pid: int) -> bool:
    """Return True if a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Return True if it ends within some seconds (a signal takes its time)."""
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def test_the_second_request_is_served_by_the_same_warm_process(bench: ProcessBench) -> None:
    """Module state survives between requests; the record says cold and warm."""
    bench.function(
        "import os\ncount = 0\ndef handler(event, context):\n global count\n count += 1\n return [count, os.getpid()]"
    )
    first, second = bench.invoke(), bench.invoke()
    assert [json.loads(each.result)[0] for each in (first, second)] == [1, 2]
    assert json.loads(first.result)[1] == json.loads(second.result)[1] != os.getpid()
    assert (first.cold, second.cold) == (True, False)
    assert first.cold_start_s > 0 == second.cold_start_s
    assert first.memory_mb > 1


@pytest.mark.parametrize(
    "returned, answer",
    [("b'\\x00raw'", b"\x00raw"), ("'täxt'", "täxt".encode()), ("{'a': [1, None]}", b'{"a": [1, null]}')],
)
def test_what_a_handler_may_return(bench: ProcessBench, returned: str, answer: bytes) -> None:
    """Bytes as they are, text as UTF-8, anything else as JSON."""
    bench.function(f"def handler(event, context):\n return {returned}")
    assert bench.invoke().result == answer


def test_a_result_that_is_not_json_is_an_error(bench: ProcessBench) -> None:
    """As on the platform, the handler has then failed."""
    bench.function("def handler(event, context):\n return {1, 2}")
    invocation = bench.invoke()
    assert invocation.error_type == "UnhandledInvocationError"
    assert json.loads(invocation.result)["errorType"] == "TypeError"


def test_a_large_event_arrives_whole(bench: ProcessBench) -> None:
    """More than pipes hold in both directions."""
    bench.function("def handler(event, context):\n print('x' * 200000)\n return event")
    event = os.urandom(1_000_000)
    assert bench.invoke(event).result == event


def test_the_environment_is_fcs_and_the_functions_own(bench: ProcessBench) -> None:
    """FC's variables and the function's; nothing of the process that runs the local cloud."""
    os.environ["NATLAB_TEST_LEAK"] = "leaked"
    try:
        bench.function(
            "import os\ndef handler(event, context):\n return dict(os.environ)",
            environmentVariables={"MINE": "1", "FC_REGION": "cannot"},
            memorySize=256,
        )
        environment = bench.answer()
    finally:
        del os.environ["NATLAB_TEST_LEAK"]
    assert "NATLAB_TEST_LEAK" not in environment
    assert "NATLAB_INSTANCE" not in environment
    assert environment["MINE"] == "1"
    expected = {
        "FC_FUNCTION_NAME": "f",
        "FC_FUNCTION_HANDLER": "index.handler",
        "FC_FUNCTION_MEMORY_SIZE": "256",
        "FC_REGION": "cn-hangzhou",
        "FC_ACCOUNT_ID": "1000000000000001",
    }
    assert {key: environment[key] for key in expected} == expected
    assert environment["FC_INSTANCE_ID"] == bench.cloud.fc.instances("f")[0].instance_id
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" not in environment


def test_a_role_means_fresh_credentials_at_every_invocation(bench: ProcessBench) -> None:
    """They are in the environment, differ each time, and belong to the role."""
    source = (
        "import os\ndef handler(event, context):\n"
        " return [os.environ['ALIBABA_CLOUD_ACCESS_KEY_ID'], os.environ['ALIBABA_CLOUD_ACCESS_KEY_SECRET'],"
        " os.environ['ALIBABA_CLOUD_SECURITY_TOKEN'], hasattr(context, 'credentials')]"
    )
    bench.function(source, role=ROLE)
    first, second = bench.answer(), bench.answer()
    assert first[0] != second[0]
    assert first[3] is False
    issued = bench.cloud.accounts.issued(first[0])
    assert issued is not None
    assert issued.credentials.access_key_secret == first[1]
    assert issued.credentials.security_token == first[2]
    assert issued.principal.role == ROLE


def test_the_older_runtime_has_credentials_in_its_context(bench: ProcessBench) -> None:
    """python3.10 hands them over as context.credentials."""
    bench.function(
        "def handler(event, context):\n c = context.credentials\n return [c.access_key_id, c.security_token]",
        runtime="python3.10",
        role=ROLE,
    )
    key, token = bench.answer()
    issued = bench.cloud.accounts.issued(key)
    assert issued is not None
    assert issued.credentials.security_token == token


def test_the_context_names_request_and_function(bench: ProcessBench) -> None:
    """request_id, function, region and account_id, as the runtime's documentation has them."""
    source = (
        "def handler(event, context):\n f = context.function\n"
        " return [context.request_id, f.name, f.handler, f.memory, f.timeout, context.region, context.account_id]"
    )
    bench.function(source, timeout=7)
    invocation = bench.cloud.fc.invoke("f", b"", request_id="my-id")
    assert json.loads(invocation.result) == [
        "my-id",
        "f",
        "index.handler",
        512,
        7,
        "cn-hangzhou",
        "1000000000000001",
    ]


def test_only_the_standard_library_and_the_bundle_can_be_imported(bench: ProcessBench) -> None:
    """The site-packages of the local cloud's own environment do not leak into a function."""
    source = (
        "import importlib\nimport vendored\n"
        "def can(name):\n try:\n  importlib.import_module(name)\n except ImportError:\n  return False\n return True\n"
        "def handler(event, context):\n return [can(n) for n in ('pytest', 'natlab', 'tunnel', 'vendored.inner')]"
    )
    body = function_body("f")
    body["code"]["zipFile"] = package(source, vendored____init___py="", vendored__inner_py="")
    bench.cloud.fc.create_function(body)
    assert bench.answer() == [False, False, False, True]


def test_the_code_directory_is_read_only_and_gets_no_bytecode(bench: ProcessBench) -> None:
    """What is not shipped compiled is compiled at every cold start, as on the platform."""
    source = (
        "import os\nimport other\ndef handler(event, context):\n root = os.environ['FC_FUNCTION_CODE_PATH']\n"
        " return [sorted(os.listdir(root)), oct(os.stat(root).st_mode & 0o777), os.getcwd() == root]"
    )
    body = function_body("f")
    body["code"]["zipFile"] = package(source, other_py="x = 1")
    bench.cloud.fc.create_function(body)
    assert bench.answer() == [["index.py", "other.py"], "0o555", True]


def test_an_exception_is_reported_as_fc_reports_it(bench: ProcessBench) -> None:
    """errorMessage, errorType and a stackTrace of the user's own frames; the traceback is in the log."""
    bench.function("def handler(event, context):\n    raise KeyError('missing')\n")
    invocation = bench.invoke()
    assert invocation.error_type == "UnhandledInvocationError"
    assert json.loads(invocation.result) == {
        "errorMessage": "'missing'",
        "errorType": "KeyError",
        "stackTrace": [['File "/code/index.py"', "line 2", "in handler", "raise KeyError('missing')"]],
    }
    log = bench.cloud.fc.log_text("f", invocation.request_id)
    assert 'File "/code/index.py", line 2, in handler' in log
    assert "bootstrap" not in log


@pytest.mark.parametrize(
    "source, kind",
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def other(event, context): pass", "AttributeError"),
        ("def handler(", "SyntaxError"),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_every_request(bench: ProcessBench, source: str, kind: str) -> None:
    """The caller hears why, and the next request tries again in a new instance."""
    bench.function(source)
    for _ in range(2):
        invocation = bench.invoke()
        assert (invocation.error_type, invocation.cold) == ("FunctionInitializationError", True)
        assert json.loads(invocation.result)["errorType"] == kind


def test_a_handler_over_its_timeout_is_killed_with_all_it_started(bench: ProcessBench) -> None:
    """The caller hears of the timeout; the process and its children are gone."""
    source = (
        "import subprocess, time, os\ndef handler(event, context):\n"
        " child = subprocess.Popen(['sleep', '60'])\n print(os.getpid(), child.pid, flush=True)\n time.sleep(60)"
    )
    bench.function(source, timeout=1)
    invocation = bench.invoke()
    assert invocation.error_type == "InvocationTimeout"
    assert "timed out after 1 seconds" in json.loads(invocation.result)["errorMessage"]
    pids = invocation.log.decode().splitlines()[1].split()
    assert all(gone(int(pid)) for pid in pids)


def test_a_process_that_exits_is_an_error_and_the_next_starts_anew(bench: ProcessBench) -> None:
    """os._exit and sys.exit end the instance, not the local cloud."""
    bench.function("import os, sys\ndef handler(event, context):\n os._exit(3) if event else None\n return 'fine'")
    failed, served = bench.invoke(b"x"), bench.invoke()
    assert (failed.error_type, served.result, served.cold) == ("UnhandledInvocationError", b"fine", True)
    assert "exited unexpectedly" in json.loads(failed.result)["errorMessage"]


def test_code_that_another_unpacked_meanwhile_is_as_good(tmp_path: Path) -> None:
    """One unpacks, the other's copy is removed, and so nothing but the code is there."""
    archive, code = base64.b64decode(package("print()")), tmp_path / "code"
    unpack(archive, code)
    unpack(archive, code)
    assert [path.name for path in tmp_path.iterdir()] == ["code"]
    assert [path.name for path in code.iterdir()] == ["index.py"]


def test_an_interpreter_that_is_missing_fails_the_request_and_blocks_nobody() -> None:
    """The caller hears why, instead of waiting without end."""
    cloud = Cloud(latencies=Latencies(scale=0.0))
    cloud.fc.dispatcher.runtime = ProcessRuntime({"python3.12": "/nowhere/python"})
    try:
        cloud.fc.create_function(function_body("f"))
        invocation = cloud.fc.invoke("f")
        assert invocation.error_type == "FunctionInitializationError"
        assert "could not be started" in json.loads(invocation.result)["errorMessage"]
    finally:
        cloud.close()


def test_output_is_kept_per_request_between_fcs_lines(bench: ProcessBench) -> None:
    """print, logging and stderr, retrievable by function and by request."""
    source = (
        "import logging, sys\nlogging.info('loading')\nlogger = logging.getLogger(__name__)\n"
        "def handler(event, context):\n print('plain', event.decode())\n logger.warning('logged %s', event.decode())\n"
        " sys.stderr.write('error stream\\n')"
    )
    bench.function(source)
    one, two = bench.invoke(b"1"), bench.invoke(b"2")
    log = bench.cloud.fc.log_text("f", one.request_id)
    assert log.startswith(f"FC Invoke Start RequestId: {one.request_id}\n")
    assert log.endswith(f"FC Invoke End RequestId: {one.request_id}\n")
    assert "[INFO] loading" in log
    assert f"{one.request_id} [WARNING] logged 1\n" in log
    assert "error stream\n" in log
    assert "plain 2" not in log
    assert "plain 2" in bench.cloud.fc.log_text("f", two.request_id)
    assert [entry.request_id for entry in bench.cloud.fc.logs("f")] == [one.request_id, two.request_id]


def test_hooks_run_before_the_first_request_and_at_the_end(bench: ProcessBench, tmp_path: Path) -> None:
    """The initializer runs once, before the handler; pre-stop runs when an instance is ended."""
    mark = tmp_path / "stopped"
    source = (
        "state = []\ndef start(context):\n state.append(context.function.name)\n"
        f"def end(context):\n open({str(mark)!r}, 'w').close()\n"
        "def handler(event, context):\n return state"
    )
    hooks = {
        "initializer": {"handler": "index.start", "timeout": 3},
        "preStop": {"handler": "index.end", "timeout": 3},
    }
    bench.function(source, instanceLifecycleConfig=hooks)
    assert [bench.answer(), bench.answer()] == [["f"], ["f"]]
    bench.cloud.fc.update_function("f", {"timeout": 9})
    for _ in range(300):
        if mark.exists():
            break
        time.sleep(0.01)
    assert mark.exists()


def test_requests_at_the_same_time_get_an_instance_each(bench: ProcessBench) -> None:
    """One request at a time in an instance: a second one starts another process."""
    bench.function("import os, time\ndef handler(event, context):\n time.sleep(0.3)\n return os.getpid()")
    both = [bench.cloud.fc.begin("f"), bench.cloud.fc.begin("f")]
    assert len(bench.cloud.fc.instances("f")) == 2
    assert bench.cloud.fc.wait_for(lambda: all(each.ended for each in both), timeout_s=30)
    assert len({each.result for each in both}) == 2


def test_closing_the_cloud_ends_every_process_and_removes_the_code(bench: ProcessBench) -> None:
    """Busy and idle instances alike; a caller who waits hears that it is over."""
    bench.function("import os, time\ndef handler(event, context):\n print(os.getpid(), flush=True)\n time.sleep(60)")
    bench.function("import os\ndef handler(event, context):\n return [os.getpid(), os.getcwd()]", name="idle")
    pid, code = bench.answer(name="idle")
    busy = bench.cloud.fc.begin("f")
    bench.cloud.close()
    assert busy.ended
    assert not busy.ok
    assert gone(pid)
    assert not Path(code).exists()


def test_a_reset_ends_the_processes_and_the_cloud_goes_on(bench: ProcessBench) -> None:
    """After reset the same function can be created and served again."""
    source = "import os\ndef handler(event, context):\n return os.getpid()"
    bench.function(source)
    before = bench.answer()
    bench.cloud.reset()
    assert gone(before)
    bench.function(source)
    assert bench.answer() != before


def test_nothing_outlives_a_local_cloud_that_was_killed(tmp_path: Path) -> None:
    """After SIGKILL nobody cleans up: the instance notices while it works, the next run removes its files."""
    script = tmp_path / "cloud.py"
    script.write_text(
        "import json, sys\nfrom natlab.cloud.cloud import Cloud\n"
        "from natlab.cloud.kernel.latencies import Latencies\n"
        "cloud = Cloud(latencies=Latencies(scale=0.0))\n"
        "cloud.fc.create_function(json.loads(sys.argv[1]))\n"
        "answer = cloud.fc.invoke('f').result.decode()\n"
        "cloud.fc.begin('f', b'sleep')\n"
        "print(answer, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    source = (
        "import os, time\ndef handler(event, context):\n if event: time.sleep(60)\n"
        " return f'{os.getpid()} {os.getcwd()}'"
    )
    body = json.dumps(function_body("f", source, timeout=60))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script), body], stdout=subprocess.PIPE, env=environment) as cloud:
        assert cloud.stdout is not None
        pid, directory = cloud.stdout.readline().decode().split()
        assert alive(int(pid))
        cloud.kill()
    assert gone(int(pid))
    assert Path(directory).exists()
    remove_leftovers()
    assert not Path(directory).exists()
