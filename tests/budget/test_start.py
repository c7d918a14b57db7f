"""What a cold start may import: the bundle's own entry, run once through a failover, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.packaging import BUNDLES, Source, build, here
from natkeeper.packaging.bundles import contents
from natlab.bench.worlds import PAPER_CONFIG, SEES_ALWAYS, BenchWorld, put_function, stopping, world

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "cache"
MOST_MODULES = 466
"""Measured 466 on python3.12, all of Python's own included; 2,986 with the SDKs as they come."""
MOST_OF_OURS = 91
"""Measured 90, with those after the write. Modules of natkeeper itself; a reader finds small ones by their question."""
MOST_EXPRESSIONS = 7
"""Measured 7, all short, of 133."""
LARGEST_MB = {"failover": 15.0, "probe": 0.1, "notify": 10.0}
"""Zipped, in millions of bytes; function sizes are what a cold start downloads."""

RUN = """
import gc, json, os, sys
sys.path.insert(0, os.environ["FC_FUNCTION_CODE_PATH"])
texts = []
sys.addaudithook(lambda event, args: event == "compile" and args[0] is not None and texts.append(str(args[0])))
import re
compile_slowly, expressions = re._compiler.compile, []
re._compiler.compile = lambda text, flags=0: expressions.append(str(text)) or compile_slowly(text, flags)
import index
paused = not gc.isenabled()
class Context: request_id, account_id = "run-1", "1000000000000001"
answer = index.handler(sys.argv[1].encode(), Context())
told = {"answer": json.loads(answer), "modules": sorted(sys.modules), "paused": paused, "collects": gc.isenabled(),
        "methods": [text for text in texts if "__create_fn__" in text],
        "expressions": expressions}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process that failed one group over has imported."""
    with world(1) as here_and_now:
        return failed_over(here_and_now, tmp_path_factory.mktemp("bundle"))


def failed_over(around: BenchWorld, folder: Path) -> dict[str, Any]:
    """Build the bundle for a world, stop the gateway there, and run the bundle once, as the platform would."""
    cloud, (group,) = around.cloud, around.groups
    data = around.config(setup={"mode": "off"})
    put_function(cloud, group.probe, SEES_ALWAYS)
    spec = next(spec for spec in BUNDLES if spec.name == "failover")
    content = contents(parse_config(data), data)[spec.configuration or ""]
    built = build(spec, Source.release(), content, here(), folder, cache=CACHE, say=lambda _: None)
    cloud.ecs.stop(group.gateways[0])
    key = cloud.accounts.assume_role("natkeeper-failover")
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "FC_FUNCTION_CODE_PATH": str(built.directory),
        "NATKEEPER_ENDPOINT": cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token,
    }
    command = [sys.executable, "-I", "-S", "-B", "-c", RUN, json.dumps(stopping(group.gateways[0]))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_it_was_a_failover(ran: dict[str, Any]) -> None:
    """The budget is that of the whole path: reads, the write, and what comes after."""
    (receipt,) = ran["answer"]["receipts"]
    assert any(deed.startswith("moved 0.0.0.0/0") for deed in receipt["did"])


def test_a_failover_imports_no_more_than_it_uses(ran: dict[str, Any]) -> None:
    """A module more is a millisecond more without the internet, at each cold start."""
    modules = ran["modules"]
    assert len(modules) <= MOST_MODULES
    assert len([name for name in modules if name.startswith("natkeeper")]) <= MOST_OF_OURS


@pytest.mark.parametrize(
    "package",
    ["aiohttp", "aiofiles", "asyncio", "apprise", "apscheduler", "cryptography", "websocket", "yaml", "rich", "click",
     "natlab", "alibabacloud_credentials", "alibabacloud_oos20190601"],
)  # fmt: skip
def test_a_failover_does_not_import(ran: dict[str, Any], package: str) -> None:
    """Neither what only asynchronous calls need, nor telling people, nor the setup of gateways."""
    assert [name for name in ran["modules"] if name.partition(".")[0] == package] == []


def test_no_method_of_a_dataclass_is_compiled_at_a_cold_start(ran: dict[str, Any]) -> None:
    """A third of its processor time otherwise; the bundle has them compiled."""
    assert ran["methods"] == []


def test_no_regular_expression_is_compiled_at_a_cold_start(ran: dict[str, Any]) -> None:
    """A fifth of its processor time otherwise; the bundle has them compiled, but for those made while it runs."""
    assert len(ran["expressions"]) <= MOST_EXPRESSIONS


def test_garbage_is_not_collected_while_modules_are_imported(ran: dict[str, Any]) -> None:
    """And is again as soon as they are."""
    assert (ran["paused"], ran["collects"]) == (True, True)


@pytest.mark.parametrize("spec", BUNDLES, ids=lambda spec: spec.name)
def test_a_bundle_is_not_larger_than_its_budget(spec: Any, tmp_path: Path) -> None:
    """Every byte is downloaded and unpacked before a cold start can begin."""
    data = dict(PAPER_CONFIG)
    content = contents(parse_config(data), data).get(spec.configuration or "", b"")
    built = build(spec, Source.release(), content, here(), tmp_path, cache=CACHE, say=lambda _: None)
    assert built.archive.stat().st_size <= LARGEST_MB[spec.name] * 1_000_000
