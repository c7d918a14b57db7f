"""What a person asks of the failover function: JSON with an `action`, read into a request or `Unclear(reason)`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Literal

import msgspec

from natkeeper.domain.ids import GroupName, InstanceId, TableId
from natkeeper.domain.signals import Parsed, Pause, Resume, SetUp, Status, Sweep, Switch, Unclear
from natkeeper.domain.untrusted import as_text

MANUAL_ACTIONS = ("switch", "pause", "resume", "setup", "status", "sweep")

_INSTANCE = re.compile(r"i-[a-z0-9]{3,40}")
_HOP = re.compile(r"(?:i|ngw)-[a-z0-9]{3,40}")
_TABLE = re.compile(r"vtb-[a-z0-9]{3,40}")
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_PAUSE = timedelta(days=30)
_LONGEST_WHY = 120
_LONGEST_QUOTE = 60


class _SwitchRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["switch"]
    group: str
    to: str | None = None
    table: str | None = None
    force: bool = False
    dry_run: bool = False


class _PauseRequest(msgspec.Struct, forbid_unknown_fields=True, rename={"length": "for"}):
    action: Literal["pause"]
    group: str
    length: str
    why: str


class _ResumeRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["resume"]
    group: str


class _SetupRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["setup"]
    group: str
    gateway: str | None = None


class _LookRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["status", "sweep"]
    group: str | None = None


_REQUESTS: dict[str, type[msgspec.Struct]] = {
    "switch": _SwitchRequest,
    "pause": _PauseRequest,
    "resume": _ResumeRequest,
    "setup": _SetupRequest,
    "status": _LookRequest,
    "sweep": _LookRequest,
}


def request_of(data: dict[str, Any]) -> Parsed:
    """Read what a person asks for; an answer that is `Unclear` tells what is accepted."""
    action = data["action"]
    known = f"known actions: {', '.join(MANUAL_ACTIONS)}"
    if not isinstance(action, str):
        return Unclear(f"the action has to be a text; {known}")
    if action not in _REQUESTS:
        return Unclear(f"unknown action {_quoted(action)}; {known}")
    try:
        request = msgspec.convert(data, _REQUESTS[action])
    except msgspec.ValidationError as error:
        names = ", ".join(_REQUESTS[action].__struct_encode_fields__)
        return Unclear(f"{action}: {as_text(str(error))}; this action takes {names}")
    match request:
        case _SwitchRequest():
            return _switch(request)
        case _PauseRequest():
            return _pause(request)
        case _ResumeRequest():
            return Resume(GroupName(request.group))
        case _SetupRequest(group=group, gateway=gateway):
            if gateway is not None and not _INSTANCE.fullmatch(gateway):
                return Unclear(f"setup: gateway must be an instance id such as i-bp1…, not {_quoted(gateway)}")
            return SetUp(GroupName(group), None if gateway is None else InstanceId(gateway))
    assert isinstance(request, _LookRequest)  # noqa: S101  the only one left
    group_name = None if request.group is None else GroupName(request.group)
    return Status(group_name) if request.action == "status" else Sweep(group_name)


def _quoted(text: str) -> str:
    """Say back what was not understood, as far as is needed to recognise it."""
    return repr(text[:_LONGEST_QUOTE])


def _switch(request: _SwitchRequest) -> Parsed:
    if request.to is not None and not _HOP.fullmatch(request.to):
        return Unclear(f"switch: to must be an instance i-… or a NAT Gateway ngw-…, not {_quoted(request.to)}")
    if request.table is not None and not _TABLE.fullmatch(request.table):
        return Unclear(f"switch: table must be a route table id such as vtb-…, not {_quoted(request.table)}")
    table = None if request.table is None else TableId(request.table)
    return Switch(GroupName(request.group), request.to, table, request.force, request.dry_run)


def _pause(request: _PauseRequest) -> Parsed:
    match = _DURATION.fullmatch(request.length)
    if match is None:
        return Unclear(f"pause: for must be a time such as 30m or 2h, not {_quoted(request.length)}")
    length = timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])
    if not timedelta(0) < length <= _LONGEST_PAUSE:
        return Unclear("pause: for must be more than nothing and at most 30d")
    why = " ".join(request.why.split())
    if not why or len(why) > _LONGEST_WHY:
        return Unclear(f"pause: why must say in 1 to {_LONGEST_WHY} characters what is going on")
    return Pause(GroupName(request.group), length, why)
