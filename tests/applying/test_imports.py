"""A cold start is part of the outage: what the failover path imports, and what it must not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from natkeeper.alibaba.lean_imports import LazyModels
from tests.applying.local import Local

PACKAGES = (
    "alibabacloud_ecs20140526",
    "alibabacloud_vpc20160428",
    "alibabacloud_oos20190601",
    "alibabacloud_fc20230330",
)
ROOT = Path(__file__).resolve().parents[2]
MOST_MODULES = 460
"""Measured 401 on python3.12; the SDKs without lazy models are 2986."""

FAILOVER = """
import json, logging, os, sys
from datetime import datetime, timezone, timedelta
from natkeeper.alibaba.cloud import AlibabaCloud
from natkeeper.alibaba.credentials import Credentials
from natkeeper.domain.observed import NextHop
from natkeeper.ports import PointRoute, ReadConditions, ReadEip, ReadInstances, ReadRoutes
region, endpoint, key, secret, token, vpc, table, first, second = json.loads(sys.argv[1])
cloud = AlibabaCloud(region, lambda: Credentials(key, secret, token), endpoint)
soon = datetime.now(timezone.utc) + timedelta(seconds=20)
cloud.perform((ReadRoutes(table), ReadInstances((first, second)), ReadConditions((first,)), ReadEip("eip-bp1x")), soon)
moved = cloud.perform((PointRoute(vpc, table, "0.0.0.0/0", NextHop.gateway(second), "natkeeper-prod", "n"),), soon)
logs = {name: len(logging.getLogger(name).handlers) for name in ("darabonba-core", "alibabacloud-tea", "credentials")}
print(json.dumps({"moved": moved, "modules": sorted(sys.modules), "handlers": logs}, default=str))
"""


def run(code: str, *arguments: str, **environ: str) -> Any:
    """Run `code` in an interpreter of its own; returns the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "shared"), **environ},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def failover(local: Local, **environ: str) -> list[str]:
    """Make a whole failover's calls in a fresh process; returns the modules it has then.

    The SDK writes no log lines of its own there, although its base packages attach handlers to stderr at import.
    """
    key = local.adapter.credentials()
    arguments = (local.cloud.region, local.cloud.endpoint, key.access_key_id, key.access_key_secret,
                 key.security_token, local.vpc, local.table, local.first, local.second)  # fmt: skip
    ran = run(FAILOVER, json.dumps(arguments), **environ)
    assert ran["moved"] == [None]
    assert ran["handlers"] == {"darabonba-core": 0, "alibabacloud-tea": 0, "credentials": 0}
    modules: list[str] = ran["modules"]
    return modules


def test_the_failover_path_imports_only_what_it_uses(local: Local) -> None:
    """Neither asynchronous HTTP nor notification, nor the products that a failover does not call."""
    modules = failover(local)
    tops = {name.partition(".")[0] for name in modules}
    unwanted = {"aiohttp", "aiofiles", "apscheduler", "apprise", "yaml", "rich", "click", "natlab"}
    unwanted |= {"alibabacloud_fc20230330", "alibabacloud_oos20190601"}
    assert sorted(tops & unwanted) == []
    assert "natkeeper.guest.report" not in modules
    assert len(modules) < MOST_MODULES


def test_plain_imports_are_the_way_out(local: Local) -> None:
    """NATKEEPER_PLAIN_IMPORTS=1 does without every trick, and works the same."""
    modules = failover(local, NATKEEPER_PLAIN_IMPORTS="1")
    assert "aiohttp" in modules
    assert len(modules) > MOST_MODULES


@pytest.mark.parametrize("package", PACKAGES)
def test_every_class_is_found_where_the_sdk_has_it(package: str) -> None:
    """The longest file name that begins a class name; an SDK that breaks the habit is noticed here."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "models")
    pairs = re.findall(r"^from \.(\w+) import (\w+)$", (folder / "__init__.py").read_text(), re.MULTILINE)
    assert len(pairs) > 300
    spec = find_spec(f"{package}.models")
    assert spec is not None
    models = LazyModels(spec)
    assert [name for stem, name in pairs if models.stem_of(name) != stem] == []


def test_a_class_under_an_odd_name_is_found_in_the_complete_package(tmp_path: Path) -> None:
    """The fallback: what the habit does not find is imported the plain way."""
    models = tmp_path / "oddsdk" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").touch()
    (models / "_thing.py").write_text("class Thing: pass\nclass Other: pass\n")
    (models / "__init__.py").write_text("from ._thing import Thing\nfrom ._thing import Other\n")
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]);"
        "from natkeeper.alibaba.lean_imports import lazy_models; lazy_models('oddsdk');"
        "from oddsdk import models;"
        "print(json.dumps([models.Thing.__name__, models.Other.__name__, hasattr(models, 'Nothing')]))"
    )
    assert run(code, str(tmp_path)) == ["Thing", "Other", False]


def test_what_is_put_off_is_there_when_it_is_used() -> None:
    """Placeholders stand in the SDK for annotations only; afterwards aiohttp is aiohttp, for the SDK as for others."""
    code = (
        "import json, sys; from natkeeper.alibaba import lean_imports as lean\n"
        "with lean.deferred() as stand_ins:\n"
        "    lean.lazy_models('alibabacloud_vpc20160428'); import alibabacloud_vpc20160428.client\n"
        "used = {one.__name__: sorted(set(one.placeholders)) for one in stand_ins}\n"
        "early = sorted({'aiohttp', 'asyncio', 'cryptography', 'websocket'} & set(sys.modules))\n"
        "import darabonba.core, aiohttp\n"
        "same = darabonba.core.aiohttp.ClientTimeout is aiohttp.ClientTimeout\n"
        "from alibabacloud_credentials.provider.ecs_ram_role import BackgroundScheduler\n"
        "kind = type(BackgroundScheduler(daemon=True)).__module__\n"
        "lean.quiet_sdk_logs()\n"
        "print(json.dumps([used, early, same, kind]))"
    )
    used, early, same, kind = run(code)
    assert used == {
        "importlib.metadata": ["version"],
        "mimetypes": [],
        "zipfile": [],
        "xml.etree": ["ElementTree"],
        "xml.etree.ElementTree": [],
        "aiohttp": ["ClientResponse", "ClientSession"],
        "aiofiles": [],
        "asyncio": [],
        "websocket": [],
        "websocket._abnf": ["ABNF"],
        "cryptography.hazmat.primitives": ["hashes"],
        "cryptography.hazmat.primitives.asymmetric": ["padding"],
        "cryptography.hazmat.primitives.serialization": ["load_pem_private_key"],
        "alibabacloud_credentials": ["models"],
        "alibabacloud_credentials.client": ["Client"],
        "apscheduler.schedulers.background": [],
    }
    assert (early, same, kind) == ([], True, "apscheduler.schedulers.background")


def test_a_name_that_was_put_off_works_where_the_sdk_kept_it() -> None:
    """A signature with an RSA key, and a client that makes its own credentials: not our ways, but not broken either."""
    code = (
        "import json; from natkeeper.alibaba import lean_imports as lean\n"
        "with lean.lean('alibabacloud_vpc20160428'):\n"
        "    from alibabacloud_vpc20160428.client import Client\n"
        "from alibabacloud_tea_openapi.utils import rsa_sign\n"
        "from alibabacloud_tea_openapi.utils_models import Config\n"
        "from cryptography.hazmat.primitives import serialization as how\n"
        "from cryptography.hazmat.primitives.asymmetric import rsa\n"
        "key = rsa.generate_private_key(65537, 2048)\n"
        "form = how.Encoding.PEM, how.PrivateFormat.PKCS8, how.NoEncryption()\n"
        "signed = len(rsa_sign(b'text', key.private_bytes(*form).decode()))\n"
        "config = Config(access_key_id='an-id', access_key_secret='a-secret', region_id='cn-hangzhou')\n"
        "print(json.dumps([signed, Client(config)._credential.get_credential().access_key_id]))"
    )
    assert run(code) == [256, "an-id"]
