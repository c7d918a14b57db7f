"""How a command ends: one code for each kind of end, and the errors that lead there, as sentences."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from natkeeper.ports import Failure


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    ATTENTION = 1
    WRONG = 2
    UNREACHABLE = 3
    DENIED = 4
    REFUSED = 5
    BROKEN = 70
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "done, and all is well",
    Exit.ATTENTION: "done, and something needs attention (a group, a finding, a move that was not seen to work)",
    Exit.WRONG: "the request or the configuration is wrong; nothing was done",
    Exit.UNREACHABLE: "natkeeper's function or Alibaba Cloud could not be reached, or was busy for too long",
    Exit.DENIED: "the credentials are missing or may not do this",
    Exit.REFUSED: "natkeeper understood and refuses; the answer says what it would accept",
    Exit.BROKEN: "natkeeper itself is at fault",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; a run that was begun ends by itself, and the next sweep repairs",
}


class CommandError(Exception):
    """A command cannot go on: what is wrong, and what to do about it, each a sentence without a full stop."""

    code = Exit.ATTENTION

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do


class Wrong(CommandError):
    """The request or the configuration is wrong."""

    code = Exit.WRONG


class Unreached(CommandError):
    """Something that had to answer did not."""

    code = Exit.UNREACHABLE


class Denied(CommandError):
    """The credentials are missing or do not suffice."""

    code = Exit.DENIED


class Refused(CommandError):
    """natkeeper refuses, and says what it would accept."""

    code = Exit.REFUSED


class Interrupted(CommandError):
    """A person, or the end of a terminal, interrupted a command that had something to put in order first."""

    code = Exit.INTERRUPTED


def trouble_of(failure: Failure, doing: str) -> CommandError:
    """Turn a failed call into the end of a command; `doing` says what for, as in `reading route table vtb-…`."""
    from natkeeper.ports import FailureKind

    what = f"{doing}: {failure}"
    match failure.kind:
        case FailureKind.DENIED:
            return Denied(what, _about_denial(failure.code))
        case FailureKind.UNREACHABLE:
            todo = "check the network from here, or try again in a moment"
            if "its name does not resolve" in what:  # the region is a part of the name
                todo = "check the name of the region, and the network from here"
            return Unreached(what, todo)
        case FailureKind.THROTTLED | FailureKind.BUSY:
            return Unreached(what, "try again in a moment")
        case _ if (failure.code or "").startswith("InvalidRegionId"):
            return Wrong(what, "check the name of the region: `region` of the configuration, or --region")
        case _:
            return CommandError(what)


_PERMISSIONS = "`natkeeper policy --for operator` prints the permissions that these commands need"
_KEYS = (
    (r"Signature(DoesNot|Not)Match|IncompleteSignature", ("the access key's secret is wrong: set it anew in the "
     "environment, or with `aliyun configure`")),
    (r"InvalidAccessKeyI[dD](\..*)?", "the access key does not exist or is disabled: see RAM > Users, and set another"),
    (r"InvalidTimeStamp(\..*)?", "the clock of this machine is wrong: a request may be 15 minutes old at most"),
    (r"MissingSecurityToken", "temporary credentials need their token, too: set ALIBABA_CLOUD_SECURITY_TOKEN"),
    (r"Expired\w*Token|Invalid(Security|Sts)Token(\..*)?", ("the temporary credentials have expired or do not belong "
     "together: get new ones")),
)  # fmt: skip


def is_about_keys(code: str | None) -> bool:
    """Return True if the platform says so where no call with these credentials can work."""
    return any(re.fullmatch(form, code or "") for form, _ in _KEYS)


def _about_denial(code: str | None) -> str:
    """Say what to do about a denial: about the keys where the code is about them, else about permissions."""
    return next((advice for form, advice in _KEYS if re.fullmatch(form, code or "")), _PERMISSIONS)
