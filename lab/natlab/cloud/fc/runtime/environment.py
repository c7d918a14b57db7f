"""What an instance finds around it: FC's variables, the function's own, and the credentials of its role.

Sources: Alibaba Cloud documentation, Function Compute, "Environment variables" and "Context" of the Python
runtime; python3.12 hands credentials over by environment variable only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from natlab.cloud.fc.runtime.instances import InstanceSpec
from natlab.cloud.kernel.accounts import KeyPair

CONTEXT_WITHOUT_CREDENTIALS: Final = frozenset({"python3.12"})


def credential_variables(credentials: KeyPair | None) -> dict[str, str]:
    """The three variables that FC sets for each invocation of a function with a role."""
    if credentials is None:
        return {}
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": credentials.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credentials.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": credentials.security_token,
    }


def instance_environment(spec: InstanceSpec, code: Path, scratch: Path) -> dict[str, str]:
    """The whole environment: nothing of the local cloud's own leaks in, and FC's names cannot be overridden."""
    function = spec.function
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **function.environment,
        "FC_ACCOUNT_ID": spec.account_id,
        "FC_FUNCTION_CODE_PATH": str(code),
        "FC_FUNCTION_HANDLER": function.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "FC_FUNCTION_NAME": function.short_name,
        "FC_INSTANCE_ID": spec.instance_id,
        "FC_QUALIFIER": "LATEST",
        "FC_REGION": spec.region,
        "FC_TIMEOUT": str(function.timeout_s),
    }
    if function.service:
        environment["FC_SERVICE_NAME"] = function.service
    if spec.tunnel:
        environment["NATLAB_TUNNEL"] = spec.tunnel
    return environment


def instance_settings(spec: InstanceSpec) -> dict[str, Any]:
    """What bootstrap.py needs to know beside the environment."""
    function = spec.function
    return {
        "name": function.short_name,
        "handler": function.handler,
        "memory": function.memory_mb,
        "timeout": function.timeout_s,
        "initializer": function.initializer.handler if function.initializer else "",
        "pre_stop": function.pre_stop.handler if function.pre_stop else "",
        "region": spec.region,
        "account_id": spec.account_id,
        "service": function.service,
        "context_credentials": function.runtime not in CONTEXT_WITHOUT_CREDENTIALS,
        "egress": _egress(spec),
    }


def _egress(spec: InstanceSpec) -> dict[str, Any] | None:
    """Where the packets of this instance come from: FC's own egress, a vSwitch, or nowhere."""
    function = spec.function
    if function.internet_access:
        return {"public": True}
    if function.vpc is not None:
        return {"vswitch": function.vpc.vswitch_ids[0]}
    return None
