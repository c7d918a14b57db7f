"""What may be sent to create or change a function: types, required fields, patterns and ranges.

Source: Alibaba Cloud documentation, Function Compute 3.0, "CreateFunctionInput" and "Quotas and limits".
Fields that no local function acts on (gpuConfig, nasConfig, …) are checked for their JSON type and kept.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from natlab.checksum import crc64
from natlab.cloud.fc import exceptions
from natlab.cloud.fc.models import AsyncConfig, Code, Function, Hook, VpcConfig

RUNTIMES: Final = frozenset({"python3.12", "python3.10", "python3.9", "python3"})
NOT_LOCAL: Final = frozenset(
    {
        "nodejs20", "nodejs18", "nodejs16", "nodejs14",
        "java11", "java8", "php7.2", "dotnetcore3.1", "go1", "custom", "custom.debian10", "custom.debian11",
        "custom.debian12", "custom-container",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_TRIGGER_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_HANDLER: Final = re.compile(r"[A-Za-z_][\w/-]*(?:\.[A-Za-z_]\w*)+")
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ROLE: Final = re.compile(r"acs:ram::\d+:role/[\w.@-]+(?:/[\w.@-]+)*")
CPU_STEP, MOST_CPU = 0.05, 16
DISK_SIZES = (512, 10240)
"""vCPU, and MB of disk (FC 3.0, instance specifications)."""
RESERVABLE = 0.9
"""The part of an account's instances that can be reserved (FC 3.0, limits)."""
MOST_TRIGGERS = 50
_ENVIRONMENT_BYTES: Final = 4096
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "functionName": (str,), "runtime": (str,), "handler": (str,), "description": (str,), "role": (str,),
    "memorySize": (int,), "timeout": (int,), "diskSize": (int,), "instanceConcurrency": (int,),
    "cpu": (int, float), "internetAccess": (bool,), "disableOndemand": (bool,), "code": (dict,),
    "environmentVariables": (dict,), "vpcConfig": (dict,), "logConfig": (dict,), "nasConfig": (dict,),
    "instanceLifecycleConfig": (dict,), "customDNS": (dict,), "customRuntimeConfig": (dict,), "gpuConfig": (dict,),
    "customContainerConfig": (dict,), "ossMountConfig": (dict,), "tracingConfig": (dict,), "layers": (list,),
    "tags": (list,),
}  # fmt: skip
_ONLY_REPORTED: Final = (
    "description", "cpu", "diskSize", "instanceConcurrency", "disableOndemand", "logConfig", "nasConfig",
    "customDNS", "customRuntimeConfig", "customContainerConfig", "gpuConfig", "ossMountConfig", "tracingConfig",
    "layers",
)  # fmt: skip

Body = Mapping[str, Any]


def new_function(body: Body, name: str, function_id: str, now: float, defaults: Body | None = None) -> Function:
    """A function from a CreateFunction body; `name` is already checked. Raises ApiError InvalidArgument."""
    check_types(body)
    for field in ("runtime", "handler", "code"):
        if not body.get(field):
            raise exceptions.invalid(f"{field} is required but not provided")
    blank = Function(
        name=name,
        runtime="",
        handler="",
        code=Code(b"", "0"),
        memory_mb=512,
        timeout_s=3,
        function_id=function_id,
        created=now,
        declared={"cpu": 0.35, "diskSize": 512, "instanceConcurrency": 1},
    )
    return changed_function(blank, {**(defaults or {}), **body}, now)


def changed_function(function: Function, body: Body, now: float) -> Function:
    """The function with what an UpdateFunction body says. Raises ApiError InvalidArgument."""
    check_types(body)
    runtime = body.get("runtime", function.runtime)
    if runtime in NOT_LOCAL:
        raise exceptions.invalid(f"runtime '{runtime}' is not part of the local cloud, which runs Python only")
    if runtime not in RUNTIMES:
        raise exceptions.invalid(f"runtime is set to an invalid value: '{runtime}'")
    handler = body.get("handler", function.handler)
    if not _HANDLER.fullmatch(handler):
        raise exceptions.invalid(f"handler '{handler}' must be of the form module.function")
    memory = _ranged(body, "memorySize", function.memory_mb, 64, 32768)
    if memory % 64:
        raise exceptions.invalid(f"memorySize {memory} must be a multiple of 64 (MB)")
    _check_size(body, memory)
    hooks = body.get("instanceLifecycleConfig", None)
    declared = {**function.declared, **{key: body[key] for key in _ONLY_REPORTED if key in body}}
    if body.get("customDNS") == {}:
        declared.pop("customDNS", None)
    if "instanceConcurrency" in body:
        _ranged(body, "instanceConcurrency", 1, 1, 200)
    return Function(
        name=function.name,
        runtime=runtime,
        handler=handler,
        code=code_of(body["code"]) if body.get("code") else function.code,
        memory_mb=memory,
        timeout_s=_ranged(body, "timeout", function.timeout_s, 1, 86400),
        environment=_environment(body.get("environmentVariables", function.environment)),
        role=_role(body["role"]) if "role" in body else function.role,
        vpc=_vpc(body["vpcConfig"]) if "vpcConfig" in body else function.vpc,
        internet_access=body.get("internetAccess", function.internet_access),
        initializer=_hook(hooks, "initializer") if hooks is not None else function.initializer,
        pre_stop=_hook(hooks, "preStop") if hooks is not None else function.pre_stop,
        function_id=function.function_id,
        created=function.created,
        modified=now,
        declared=declared,
    )


def check_name(name: object) -> str:
    """A function's (or FC 2.0 service's) name. Raises ApiError InvalidArgument."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise exceptions.invalid(
            f"name '{name}' must start with a letter or '_', have only letters, digits, '_' and '-', "
            "and at most 64 characters"
        )
    return name


def check_trigger_name(name: object) -> str:
    """Raises ApiError InvalidArgument."""
    if not isinstance(name, str) or not _TRIGGER_NAME.fullmatch(name):
        raise exceptions.invalid(
            f"triggerName '{name}' must start with a letter or '_', have only letters, digits, '_' and '-', "
            "and at most 128 characters"
        )
    return name


def check_types(body: Body) -> None:
    """Known fields have their JSON type. Raises ApiError InvalidArgument."""
    for field, value in body.items():
        kinds = _TYPES.get(field)
        if kinds is None:
            continue
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise exceptions.invalid(f"{field} must be {' or '.join(kind.__name__ for kind in kinds)}")


def code_of(code: Body) -> Code:
    """The package in a request. Raises ApiError InvalidArgument when it is not a ZIP file in Base64."""
    text = code.get("zipFile")
    if not isinstance(text, str) or not text:
        raise exceptions.invalid("code.zipFile is required but not provided")
    try:
        archive = base64.b64decode(text, validate=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            package.infolist()
    except (binascii.Error, zipfile.BadZipFile) as error:
        raise exceptions.invalid(f"code.zipFile is not a ZIP file in Base64 ({error})") from error
    return Code(archive, checksum_of(archive))


def checksum_of(archive: bytes) -> str:
    """The CRC-64 in decimal, as Function Compute reports it."""
    return str(crc64(archive))


def async_config(body: Body, now: float, created: float | None = None) -> AsyncConfig:
    """From a PutAsyncInvokeConfig body; what it leaves out has FC's default. Raises ApiError."""
    destinations = body.get("destinationConfig") or {}
    if not isinstance(destinations, Mapping):
        raise exceptions.invalid("destinationConfig must be an object")
    return AsyncConfig(
        max_retries=_ranged(body, "maxAsyncRetryAttempts", 3, 0, 8),
        max_age_s=_ranged(body, "maxAsyncEventAgeInSeconds", 86400, 1, 604800),
        on_success=_destination(destinations, "onSuccess"),
        on_failure=_destination(destinations, "onFailure"),
        task=bool(body.get("asyncTask", body.get("statefulInvocation", False))),
        created=now if created is None else created,
        modified=now,
    )


def reserved_concurrency(body: Body, others: int, instances: int) -> int:
    """From a PutConcurrencyConfig body, where others reserved `others` of the account's instances. Raises ApiError."""
    if body.get("reservedConcurrency") is None:
        raise exceptions.invalid("reservedConcurrency is required but not provided")
    wanted = _ranged(body, "reservedConcurrency", 0, 0, 1_000_000)
    most = int(instances * RESERVABLE)
    if wanted + others > most:
        raise exceptions.limit(f"{most} instances can be reserved in this account, and {others} are")
    return wanted


def check_trigger_count(count: int) -> None:
    """Refuse one trigger more than a function takes (FC 3.0, limits). Raises ApiError."""
    if count >= MOST_TRIGGERS:
        raise exceptions.limit(f"a function has {MOST_TRIGGERS} triggers at most")


def _ranged(body: Body, field: str, default: int, lowest: int, highest: int) -> int:
    value = body.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise exceptions.invalid(f"{field} is set to an invalid value {value!r}, allowed is {lowest} to {highest}")
    return value


def _check_size(body: Body, memory_mb: int) -> None:
    """Refuse what no instance has (FC 3.0, instance specifications); without cpu, FC chooses it by the memory."""
    cpu = body.get("cpu")
    if cpu is not None:
        steps = cpu / CPU_STEP
        if not CPU_STEP <= cpu <= MOST_CPU or abs(steps - round(steps)) > 1e-6:  # noqa: PLR2004  of a binary fraction
            raise exceptions.invalid(f"cpu {cpu} must be a multiple of {CPU_STEP}, and at most {MOST_CPU}")
        if not 1 <= memory_mb / 1024 / cpu <= 4:  # noqa: PLR2004  as the message says
            raise exceptions.invalid(f"the ratio of cpu {cpu} to memorySize {memory_mb} (MB) must be 1:1 to 1:4 (GB)")
    disk = body.get("diskSize")
    if disk is not None and disk not in DISK_SIZES:
        raise exceptions.invalid(f"diskSize {disk} must be one of {', '.join(map(str, DISK_SIZES))}")


def _environment(given: Body | None) -> dict[str, str]:
    environment: dict[str, str] = {}
    for key, value in (given or {}).items():
        if not isinstance(value, str) or not _VARIABLE.fullmatch(key):
            raise exceptions.invalid(f"environmentVariables: '{key}' needs letters, digits and '_', and a string")
        environment[key] = value
    if sum(len(f"{key}{value}".encode()) for key, value in environment.items()) > _ENVIRONMENT_BYTES:
        raise exceptions.invalid(f"environmentVariables must not exceed {_ENVIRONMENT_BYTES} bytes")
    return environment


def _role(given: str | None) -> str:
    if given and not _ROLE.fullmatch(given):
        raise exceptions.invalid(f"role '{given}' must be of the form acs:ram::<account>:role/<name>")
    return given or ""


def _vpc(given: Body | None) -> VpcConfig | None:
    if not given or not given.get("vpcId"):
        return None
    switches = given.get("vSwitchIds")
    if not isinstance(switches, list) or not switches or not all(isinstance(each, str) for each in switches):
        raise exceptions.invalid("vpcConfig.vSwitchIds is required when vpcId is set")
    if not given.get("securityGroupId"):
        raise exceptions.invalid("vpcConfig.securityGroupId is required when vpcId is set")
    return VpcConfig(str(given["vpcId"]), tuple(switches), str(given["securityGroupId"]))


def _hook(hooks: Body | None, which: str) -> Hook | None:
    given = (hooks or {}).get(which)
    if not given or not given.get("handler"):
        return None
    if not _HANDLER.fullmatch(str(given["handler"])):
        raise exceptions.invalid(f"instanceLifecycleConfig.{which}.handler must be of the form module.function")
    return Hook(str(given["handler"]), _ranged(given, "timeout", 3, 1, 600))


def _destination(destinations: Body, which: str) -> str:
    given = destinations.get(which) or {}
    target = given.get("destination", "") if isinstance(given, Mapping) else ""
    if target and not (isinstance(target, str) and re.fullmatch(r"acs:(fc|mns|mq|eventbridge):.+", target)):
        raise exceptions.invalid(f"destinationConfig.{which}.destination '{target}' is not a resource name")
    return str(target)
