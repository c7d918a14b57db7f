"""Is a command one that Cloud Assistant would take, and what does it run on one instance?

Limits are those of the RunCommand, CreateCommand and InvokeCommand references (ECS 2014-05-26) and error
codes those of their metadata.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.parameters import Values

TYPES = frozenset({"RunBatScript", "RunPowerShellScript", "RunShellScript"})
MAX_CONTENT = 24 * 1024
"""Bytes of a command's content after Base64."""
DEFAULT_TIMEOUT_S = 60
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 10, 86_400
MAX_INSTANCES = 100
MAX_DEFINED, MAX_GIVEN = 20, 10
"""How many custom parameters a command may have, and how many a call may pass."""
MAX_NAME, MAX_DESCRIPTION, MAX_DIRECTORY, MAX_PARAMETER_NAME = 128, 512, 200, 64
BUILT_IN = frozenset(
    {
        "acs::regionid",
        "acs::accountid",
        "acs::instanceid",
        "acs::instancename",
        "acs::invokeid",
        "acs::commandid",
    }
)

_PARAMETER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was created; `content` is what it says, decoded."""

    id: str
    name: str
    kind: str
    content: bytes
    description: str
    working_dir: str
    timeout_s: int
    has_parameters: bool
    created: float
    kept: bool
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def encoded(self) -> str:
        return base64.b64encode(self.content).decode()

    def parameter_names(self) -> list[str]:
        """Its custom parameters in order of appearance, built-in ones left out."""
        if not self.has_parameters:
            return []
        found = _PARAMETER.findall(self.content.decode("utf-8", "replace"))
        return list(dict.fromkeys(name for name in found if name.lower() not in BUILT_IN))


def content_of(values: Values) -> bytes:
    """CommandContent, decoded.  An unknown ContentEncoding counts as PlainText, as the reference says."""
    raw = values.text("CommandContent")
    content = raw.encode()
    if values.text("ContentEncoding").lower() == "base64":
        try:
            content = base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            raise ApiError("CmdContent.DecodeError", "The CommandContent can not be base64 decoded.") from None
    refuse_if_long(content)
    return content


def refuse_if_long(content: bytes) -> None:
    """CmdContent.ExceedLimit for more than 24 KB after Base64."""
    if len(base64.b64encode(content)) > MAX_CONTENT:
        raise ApiError("CmdContent.ExceedLimit", "The length of the command content exceeds the upper limit.", 403)


def timeout_of(values: Values, default_s: int = DEFAULT_TIMEOUT_S) -> int:
    """Timeout in seconds."""
    timeout_s = values.integer("Timeout", default_s)
    if timeout_s > MAX_TIMEOUT_S:
        raise ApiError("InvalidTimeout.ExceedLimit", "The specified parameter Timeout exceeds the upper limit.", 403)
    if timeout_s < MIN_TIMEOUT_S:
        raise ApiError("InvalidParameter", f"The specified parameter Timeout is below {MIN_TIMEOUT_S}.")
    return timeout_s


def check_labels(values: Values) -> None:
    """Type, name, description and working directory."""
    if values.text("Type", "RunShellScript") not in TYPES:
        raise ApiError("InvalidCmdType.NotFound", "The specified command type does not exist.", 404)
    if len(values.text("Name")) > MAX_NAME:
        raise ApiError("CmdName.ExceedLimit", "The length of the command name exceeds the upper limit.", 403)
    if len(values.text("Description")) > MAX_DESCRIPTION:
        raise ApiError("CmdDesc.ExceedLimit", "The length of the command description exceeds the upper limit.", 403)
    check_directory(values)


def check_directory(values: Values) -> None:
    """The working directory, which a command has and each call may replace."""
    directory = values.text("WorkingDir")
    if directory and (len(directory) > MAX_DIRECTORY or not directory.startswith("/")):
        raise ApiError("InvalidParameter.WorkingDir", "The specified parameter WorkingDir is not valid.")


def check_definitions(command: Command) -> None:
    """The custom parameters that the content of a command defines."""
    names = command.parameter_names()
    if len(names) > MAX_DEFINED:
        raise ApiError("CmdParamCount.ExceedLimit", "You've reached the limit on the count of command parameters.", 403)
    for name in names:
        if not name:
            raise ApiError("CmdParam.EmptyKey", "Command parameters can not be empty.")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ApiError("CmdParam.InvalidParamName", "A command parameter name is invalid.")
        if len(name) > MAX_PARAMETER_NAME:
            raise ApiError(
                "CmdParamName.ExceedLimit", "The length of the command parameter name exceeds the limit.", 403
            )


def parameters_of(values: Values, command: Command, *, mismatch_status: int) -> dict[str, str]:
    """Parameters, checked against the command; RunCommand and InvokeCommand differ in one status only."""
    raw = values.json("Parameters")
    if raw is None or raw == {}:
        return {}
    if not isinstance(raw, dict):
        raise ApiError("InvalidParameter", "The specified parameter Parameters is not valid.")
    if not command.has_parameters:
        raise ApiError(
            "Parameter.Disabled",
            "Parameters should not be passed when CreateCommand.EnableParameter is false.",
        )
    if len(raw) > MAX_GIVEN:
        raise ApiError(
            "ParameterCount.ExceedLimit", "The number of command parameters exceeds the maximum number.", 403
        )
    known = {name.lower() for name in command.parameter_names()}
    for name, value in raw.items():
        if not isinstance(value, str):
            raise ApiError("ParameterType.NotSupported", "The type of parameter value is not supported.", 403)
        if len(name) > MAX_PARAMETER_NAME:
            raise ApiError(
                "ParameterKey.ExceedLimit",
                "The length of the specified parameter key exceeds the limit.",
                403,
            )
        if name.lower() not in known:
            raise ApiError(
                "Parameter.NotMatched",
                "The parameters of creation do not match those of invocation.",
                mismatch_status,
            )
    given = {name: str(value) for name, value in raw.items()}
    refuse_if_long(filled_in(command, given, {}))
    return given


def filled_in(command: Command, given: Mapping[str, str], built_in: Mapping[str, str]) -> bytes:
    """The script for one instance: names are case-insensitive, a parameter not passed is empty."""
    if not command.has_parameters:
        return command.content
    known = {name.lower(): value for name, value in (*given.items(), *built_in.items())}
    text = command.content.decode("utf-8", "surrogateescape")
    return _PARAMETER.sub(lambda found: known.get(found[1].lower(), ""), text).encode("utf-8", "surrogateescape")


def tags_of(structs: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """Tag.N.Key and Tag.N.Value."""
    tags: dict[str, str] = {}
    for struct in structs:
        key = struct.get("Key", "")
        if not key:
            raise ApiError("MissingParameter.TagKey", "You must specify Tag.N.Key.")
        if key in tags:
            raise ApiError("Duplicate.TagKey", "The Tag.N.Key contain duplicate key.")
        tags[key] = struct.get("Value", "")
    return tuple(tags.items())
