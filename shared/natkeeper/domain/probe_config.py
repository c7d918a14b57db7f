"""What may a user ask of the probes?  What they look at, how often, and when that is a loss."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from natkeeper.domain.config_errors import bad
from natkeeper.domain.config_values import MAX_PORT, Seconds, Strict
from natkeeper.domain.ids import TableId

if TYPE_CHECKING:
    from collections.abc import Iterable

FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_HOST_PORT = re.compile(_HOST + r":([0-9]{1,5})")
_URL = re.compile(r"https?://" + _HOST + r"(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]{0,200})?")
_ADDRESS_PORT = re.compile(r"((?:[0-9]{1,3}\.){3}[0-9]{1,3}):([0-9]{1,5})")
_NOT_BEYOND = tuple(
    map(
        ipaddress.IPv4Network,
        ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
         "192.168.0.0/16", "224.0.0.0/3"),
    )
)  # fmt: skip
"""What no packet to the internet is sent to: private and shared ranges, this host, link-local, reserved."""
LANE = "address:port of a host on the internet, which answers TCP and which no private host uses, such as 223.6.6.6:53"
_LONGEST_LOSS_S = 40.0
_SILENCE_S, _TIMEOUT_S, _FAILURES = 1.2, 0.8, 3


class Probe(Strict, frozen=True, kw_only=True):
    """How egress is watched from inside the VPC.

    A check begins every `interval`; where one is late, the next begins beside it, and once nothing that was asked
    within `silence` (1.2 s by default) was answered by any of `targets`, that is reported. Where `timeout` or
    `failures` is set, the rule of 0.1 holds instead: `failures` (3) checks in a row, one after the other, that found
    nothing within `timeout` (0.8 s). `table` is the route table of the probe's vSwitch (the first route's by default).
    """

    function: str | None = None
    targets: tuple[str, ...] = ("http://www.aliyun.com/", "223.5.5.5:53")
    interval: Seconds = Seconds(1.0)
    silence: Seconds | None = None
    timeout: Seconds | None = None
    failures: int | None = None
    loss: int = 10
    """The loss in per cent of checks, over five minutes, that is a brown-out: told, and moves nothing."""
    table: TableId | None = None
    lane: str | None = None
    """`address:port`: where the probe looks through a standby, by a host route that natkeeper keeps for it."""

    @property
    def lane_address(self) -> str:
        """The address of the lane; empty where there is none."""
        return "" if self.lane is None else self.lane.rpartition(":")[0]

    @property
    def counted(self) -> tuple[Seconds, int] | None:
        """The rule of 0.1: time-out and failures in a row, where one of them is set."""
        if self.timeout is None and self.failures is None:
            return None
        return Seconds(_TIMEOUT_S) if self.timeout is None else self.timeout, self.failures or _FAILURES

    @property
    def silent_s(self) -> Seconds:
        """How long nothing is answered when that is a loss; only where the rule of 0.1 does not hold."""
        return Seconds(_SILENCE_S) if self.silence is None else self.silence

    @property
    def check_s(self) -> Seconds:
        """How long a single check from elsewhere than the probe may take."""
        return Seconds(_TIMEOUT_S) if self.timeout is None else self.timeout

    def __post_init__(self) -> None:
        """Refuse targets that are neither URL nor host:port, and settings that would move on a single loss."""
        if self.function is not None and not FUNCTION_NAME.fullmatch(self.function):
            raise bad("function", self.function, "the name of an FC function")
        if not self.targets:
            raise bad("targets", [], "at least one URL (http://host/path) or host:port")
        for target in self.targets:
            match = _URL.fullmatch(target) or _HOST_PORT.fullmatch(target)
            if match is None or not 1 <= int(match[1] or 80) <= MAX_PORT:
                raise bad("targets", target, "URLs such as http://host/path, or host:port")
        for name, count, least, most, allowed in (
            ("failures", self.failures, 2, 20, "2 to 20: a single lost packet must move nothing"),
            ("loss", self.loss, 1, 90, "1 to 90, in per cent of checks: more is an outage"),
        ):
            if count is not None and not least <= count <= most:
                raise bad(name, count, allowed)
        if not 0.2 <= self.interval <= 30:  # noqa: PLR2004
            raise bad("interval", f"{self.interval:g}s", "200ms to 30s")
        if self.timeout is not None and not 0.1 <= self.timeout <= 10:  # noqa: PLR2004
            raise bad("timeout", f"{self.timeout:g}s", "100ms to 10s")
        self._refuse_mixed_rules()
        self._refuse_lane()

    def _refuse_lane(self) -> None:
        """Refuse a lane whose address is not public, or is one that the probe checks on the default way."""
        if self.lane is None:
            return
        match = _ADDRESS_PORT.fullmatch(self.lane)
        try:
            address = ipaddress.IPv4Address(match[1]) if match and 1 <= int(match[2]) <= MAX_PORT else None
        except ValueError:
            address = None
        if address is None or any(address in network for network in _NOT_BEYOND):
            raise bad("lane", self.lane, LANE)
        for target in self.targets:
            found = _URL.fullmatch(target)
            host = target.split("/")[2].partition(":")[0] if found else target.rpartition(":")[0]
            if host == match[1]:  # type: ignore[index]  # it matched
                raise bad("lane", self.lane, f"another address than that of {target}, which is to go the usual way")

    def _refuse_mixed_rules(self) -> None:
        """Refuse both rules of a loss at once, and a loss that takes longer than a watch."""
        if self.silence is not None and not 0.5 <= self.silence <= _LONGEST_LOSS_S:  # noqa: PLR2004
            raise bad("silence", f"{self.silence:g}s", f"500ms to {_LONGEST_LOSS_S:g}s: a watch lasts for 60 s")
        if self.counted is None:
            return
        if self.silence is not None:
            raise bad(
                "silence", f"{self.silence:g}s", "nothing where timeout or failures is set: one rule or the other"
            )
        timeout, failures = self.counted
        if failures * timeout > _LONGEST_LOSS_S:
            allowed = f"so many that, with timeout, they take {_LONGEST_LOSS_S:g} s at most: a watch lasts for 60 s"
            raise bad("failures", f"{failures} of {timeout:g}s each", allowed)


def refuse_lane(
    probe: Probe, functions: Iterable[str], destinations: Iterable[str], private: Iterable[str], *, follows: bool
) -> None:
    """Refuse a lane that no probe looks through, that no guarded route replaces, or that leads to a private host.

    `destinations` are the guarded routes of the first probe's table, `private` the networks of private hosts. Where one
    EIP `follows` the route, a standby has no address to go out by.
    """
    if probe.lane is None:
        return
    address = ipaddress.IPv4Address(probe.lane_address)
    if follows:
        raise bad("probe.lane", probe.lane, "nothing where one EIP follows the route: a standby has no address then")
    if not any(functions):
        raise bad("probe.lane", probe.lane, "nothing without `probe.function`: only a probe looks through it")
    if not any(address in ipaddress.IPv4Network(each) for each in destinations):
        raise bad("probe.lane", probe.lane, f"an address that a guarded route leads to: {', '.join(destinations)}")
    for network in private:
        if address in ipaddress.IPv4Network(network):
            raise bad("probe.lane", probe.lane, f"an address outside {network}: {LANE}")
