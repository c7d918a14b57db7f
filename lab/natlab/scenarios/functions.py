"""How do natkeeper's functions get into the local cloud?  As bundles and s.yaml say: built, and deployed by the API.

Bundles are kept in build/cache: their dependencies for each lock file, the whole for each configuration.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from natkeeper.cli.policies import grants
from natkeeper.domain.config import parse_config
from natkeeper.packaging import BUNDLES, FUNCTION_COMPUTE, Source, here, release
from natkeeper.packaging.bundles import CONFIG_NAME, build, contents
from natlab import deploy
from natlab.cloud.cloud import Cloud
from natlab.cloud.kernel.clock import VirtualClock
from natlab.scenarios.network import FAILOVER, GROUP, ScenarioNetwork, configuration
from natlab.scenarios.network import build as build_world
from natlab.scenarios.topology import Topology

ROOT: Final = release.root()
CACHE: Final = release.cache()
_BUSY_S, _AGAIN_S = 20.0, 0.25
TEMPLATE: Final = ROOT / "templates" / "oos" / "natkeeper-gateway-setup.yaml"

Code = Callable[[Mapping[str, Any]], Mapping[str, Path]]
"""Data of natkeeper.yaml -> archive of each resource of s.yaml."""


def bundles(data: Mapping[str, Any], say: Callable[[str], None] = lambda _: None) -> Mapping[str, Path]:
    """Build what `s deploy` would upload, unless it is there from last time.

    Raises ConfigError, InstallFailed, BundleBroken.
    """
    files = contents(parse_config(dict(data)), dict(data))
    source, target = Source.release(), here()
    built = {}
    for spec in BUNDLES:
        content = files.get(spec.configuration or "", b"")
        name = hashlib.sha256(content).hexdigest()[:12] if content else "any"
        home = CACHE / "scenarios" / f"{spec.name}-{target.name}-{name}"
        home.mkdir(parents=True, exist_ok=True)
        with (home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another demo, or a test beside this one, may want the same
            built[spec.name] = build(spec, source, content, target, home, cache=CACHE, say=say).archive
    return built


def foreseen(topology: Topology, policy: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The data of natkeeper.yaml as a scenario with this network and policy will have it: ids come from a seed."""
    cloud = Cloud(clock=VirtualClock(), region=region)
    try:
        return configuration(build_world(cloud, topology), region, policy)
    finally:
        cloud.close()


def difference() -> str:
    """How these bundles differ from those for Function Compute; empty where they do not."""
    target = here()
    if target is FUNCTION_COMPUTE:
        return ""
    return (
        f"bundles are built for this machine's Python {target.python}; Function Compute runs {FUNCTION_COMPUTE.python}"
    )


def install(
    cloud: Cloud,
    world: ScenarioNetwork,
    code: Mapping[str, Path],
    *,
    amend: Callable[[deploy.Template], deploy.Template] = lambda template: template,
    notify: str = "",
    sleeper: Callable[[float], None] = time.sleep,
) -> deploy.Deployer:
    """Deploy s.yaml, the roles and the OOS template, as an operator would; returns the operator's account.

    From then on RAM enforces the policies that `natkeeper policy` prints, and no others. Raises DeployError.
    """
    grant(cloud, code["failover"])
    key = cloud.accounts.create_access_key()
    account = deploy.Deployer(cloud.account_id, key.access_key_id, key.access_key_secret)
    region = {"RegionId": cloud.region}
    setup = {"TemplateName": TEMPLATE.stem, "Content": TEMPLATE.read_text(encoding="utf-8")}
    cloud.call("oos", "CreateTemplate", region | setup)
    table = next(iter(world.vswitches))
    wanted = deploy.Overrides(
        vars={
            "account": cloud.account_id,
            "region": cloud.region,
            "group": GROUP,
            "vpc": world.vpc,
            "vswitch": world.vswitches[table],
            "securityGroup": cloud.ecs.group_in(world.vpc),
        },
        environment={"NATKEEPER_ENDPOINT": cloud.endpoint},
        code=code,
    )
    template = deploy.load(ROOT / "s.yaml", wanted, account_id=cloud.account_id, environ={"NATKEEPER_NOTIFY": notify})
    deploy.deploy(amend(template), cloud.endpoint, account, sleeper=sleeper)
    return account


def grant(cloud: Cloud, bundle: Path) -> None:
    """Create the roles with exactly the printed policies for the configuration in the failover function's bundle."""
    with zipfile.ZipFile(bundle) as archive:
        config = parse_config(json.loads(archive.read(CONFIG_NAME)))
    for each in grants(config).values():
        if each.trusts:
            cloud.ram.create_role(each.name, each.trusts, {each.policy_name: each.document()})
    cloud.ram.enforce()


def ask(cloud: Cloud, account: deploy.Deployer, payload: bytes) -> bytes:
    """Invoke the failover function as a person would, with Alibaba's own client; returns its answer.

    A person who is told that the one instance is busy tries again, for some seconds.
    """
    from alibabacloud_fc20230330 import models
    from alibabacloud_fc20230330.client import Client
    from alibabacloud_tea_openapi.exceptions import ClientException
    from alibabacloud_tea_openapi.models import Config

    client = Client(
        Config(
            access_key_id=account.access_key_id,
            access_key_secret=account.access_key_secret,
            endpoint=cloud.endpoint.removeprefix("http://"),
            protocol="http",
            region_id=cloud.region,
            read_timeout=70_000,
        )
    )
    body: Any = payload  # the client's type says a stream; its code takes bytes, too
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            answer = client.invoke_function(FAILOVER, models.InvokeFunctionRequest(body=body))
        except ClientException as refused:
            if refused.code != "ResourceThrottled" or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)
            continue
        content: bytes = answer.body.read()
        return content
