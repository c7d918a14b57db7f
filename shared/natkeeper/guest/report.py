"""What did a setup find, change and fail to do?  Reads the one JSON line that ends the script's output.

Output passes through Cloud Assistant, which cuts it at 24 KB, and may carry noise of other programs:
whatever cannot be understood becomes `UnreadableReport(reason)`, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

FORMAT = 1
_TOLD = 3
_START = '{"format":'


@dataclass(frozen=True, slots=True)
class SetupProblem:
    """One thing that is not as it should be. `code` is one of the script's words, such as `ip_forward_off`.

    A code that ends in `_at_boot` is about what the next reboot would bring.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NetworkProof:
    """Whether packets of one private network (a CIDR) were seen to pass: proven, refused or unproven, and why."""

    network: str
    forwarding: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """What the machine is and has. Empty strings are what could not be learned."""

    os: str = ""
    firewalld: str = "unknown"
    """running, stopped, missing or unknown."""
    firewalld_version: str = ""
    backend: str = ""
    zone: str = ""
    interfaces: tuple[str, ...] = ()
    address: str = ""
    ip_forward: bool | None = None
    """None where the run did not look."""
    masquerade: bool | None = None
    forwarding: str = "unproven"
    """proven (from each private network a host behind the gateway reached a target), refused, or unproven."""
    forwarding_note: str = ""
    networks: tuple[NetworkProof, ...] = ()
    """The same for each private network that the run was told of."""
    egress: str = "untested"
    """ok, failed or untested: whether the gateway itself reached a target."""
    public_ip: str = ""
    """The address the internet saw, where the target answers with it."""
    tunnel: str = ""
    """Private addresses of the other gateways that answer by the tunnel, separated by blanks."""


@dataclass(frozen=True, slots=True)
class SetupReport:
    """The account one run of the setup script gives of itself."""

    mode: str
    ready: bool
    found: tuple[SetupProblem, ...]
    """What was not as it should be when the run began."""
    changed: tuple[str, ...]
    """Commands and files with which the run changed the gateway."""
    undone: tuple[str, ...]
    """Changes that were taken back because a later step failed."""
    wrong: tuple[SetupProblem, ...]
    """What is still not as it should be."""
    facts: SetupFacts
    started: int
    """Seconds since the epoch, by the gateway's clock."""
    finished: int
    script: str
    fingerprint: str
    format: int = FORMAT
    notes: tuple[SetupProblem, ...] = ()
    """What a person should know of, and what makes no gateway unfit."""
    figures: dict[str, int | float | str] | None = None
    """How full the gateway is (domain/load.py); None where the kernel counts no connections."""

    def has(self, code: str) -> bool:
        """Return True if a problem is still there, now or after a reboot."""
        return any(problem.code in {code, f"{code}_at_boot"} for problem in self.wrong)

    @property
    def sentence(self) -> str:
        """The report for a person, in one sentence."""
        if self.ready:
            count = len(self.changed)
            return f"ready, {count} change{'s' * (count > 1)} made" if count else "ready, nothing to change"
        first = [problem.message for problem in self.wrong[:_TOLD]]
        more = len(self.wrong) - len(first)
        return "; ".join(first) + f"; and {more} more" * (more > 0) if first else "not ready"


@dataclass(frozen=True, slots=True)
class UnreadableReport:
    """Output in which no report could be read, and why."""

    reason: str


def parse_report(output: str | bytes) -> SetupReport | UnreadableReport:
    """Read the report at the end of a setup run's output (already decoded from the API's Base64)."""
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return UnreadableReport("the run printed nothing")
    line = next((line for line in reversed(lines) if line.startswith(_START)), None)
    if line is None:
        return UnreadableReport("the run printed no report")
    try:
        raw: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return UnreadableReport("the report is cut or damaged")
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        return UnreadableReport("the report has a format this version does not know")
    try:
        return msgspec.convert(raw, SetupReport)
    except msgspec.ValidationError as error:
        return UnreadableReport(f"the report is not as expected: {error}")
