"""What a user may ask for, and precise refusals of everything else.

`parse_config` takes the plain data of natkeeper.yaml (or of the natkeeper.json that packaging bakes from it)
and returns a `Config`, or raises `ConfigError` with every problem it found: the path of the value, the value,
and what is allowed. The structs here are the only description of the configuration; defaults stand beside
their reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from natkeeper.domain.config_errors import ConfigError, ConfigProblem, bad, explain, known_as, name_of, show, shown
from natkeeper.domain.config_values import (
    MAX_PORT,
    Failback,
    Seconds,
    Strict,
    network,
    require_distinct,
    require_id,
)
from natkeeper.domain.gateway_config import (
    Forward,
    Proxy,
    ProxyHost,
    ProxyStream,
    ProxyTls,
    Setup,
    refuse_clashes,
    refuse_long_order,
)
from natkeeper.domain.ids import EipId, GroupName, InstanceId, NatGatewayId, TableId
from natkeeper.domain.load import Alarms
from natkeeper.domain.parts import parts_of

DEFAULT_ROUTE = "0.0.0.0/0"

_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
GROUP_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_HOST_PORT = re.compile(_HOST + r":([0-9]{1,5})")
_URL = re.compile(r"https?://" + _HOST + r"(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]{0,200})?")
_LONGEST_LOSS_S = 40.0
_SILENCE_S, _TIMEOUT_S, _FAILURES = 1.2, 0.8, 3
_LONGEST_S = 365 * 86400.0
MANUAL = Failback("inf")
_TOP = ("region", "groups", "notify", "language", "timezone", "runbook", "metrics", "heartbeat")
ABOUT_MESSAGES = (
    ("language", re.compile("en|zh"), "en or zh"),
    ("timezone", re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){0,2}"), "an IANA time zone such as Asia/Shanghai"),
    ("runbook", re.compile(r"https?://[!-~]{1,300}"), "the address of a page, beginning with https:// or http://"),
)


class Route(Strict, frozen=True, kw_only=True):
    """A guarded route: the entry for `destination` in route table `table`.

    `prefer` names the gateway that is this route's home (zone affinity); without it the group's order decides.
    """

    table: TableId
    destination: str = DEFAULT_ROUTE
    prefer: InstanceId | None = None

    def __post_init__(self) -> None:
        """Refuse ids of another kind and destinations that are not IPv4 networks."""
        require_id("table", self.table, "vtb-")
        if self.prefer is not None:
            require_id("prefer", self.prefer, "i-")
        if network("destination", self.destination).prefixlen > 31:  # noqa: PLR2004  the detour needs halves
            raise bad("destination", self.destination, "an IPv4 network of /31 or wider")

    def __str__(self) -> str:
        """Name the route as messages do."""
        return f"{self.destination} in {self.table}"


class Follow(Strict, frozen=True, kw_only=True):
    """One EIP that follows the route: same public address after every move, and connections that survive."""

    follow: EipId

    def __post_init__(self) -> None:
        """Refuse what is not an EIP."""
        require_id("follow", self.follow, "eip-")


class Probe(Strict, frozen=True, kw_only=True):
    """How egress is watched from inside the VPC.

    A look begins every `interval`; where one is late, the next begins beside it, and once nothing that was asked within
    `silence` (1.2 s by default) was answered by any of `targets`, that is reported. Where `timeout` or `failures` is
    set, the rule of 0.1 holds instead: `failures` (3) looks in a row, one after the other, that found nothing within
    `timeout` (0.8 s). `table` is the route table of the probe's own vSwitch (the first route's by default).
    """

    function: str | None = None
    targets: tuple[str, ...] = ("http://www.aliyun.com/", "223.5.5.5:53")
    interval: Seconds = Seconds(1.0)
    silence: Seconds | None = None
    timeout: Seconds | None = None
    failures: int | None = None
    table: TableId | None = None

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
    def look_s(self) -> Seconds:
        """How long a single look from elsewhere than the probe may take."""
        return Seconds(_TIMEOUT_S) if self.timeout is None else self.timeout

    def __post_init__(self) -> None:
        """Refuse targets that are neither URL nor host:port, and settings that would move on a single loss."""
        if self.function is not None and not _FUNCTION.fullmatch(self.function):
            raise bad("function", self.function, "the name of an FC function")
        if not self.targets:
            raise bad("targets", [], "at least one URL (http://host/path) or host:port")
        for target in self.targets:
            match = _URL.fullmatch(target) or _HOST_PORT.fullmatch(target)
            if match is None or not 1 <= int(match[1] or 80) <= MAX_PORT:
                raise bad("targets", target, "URLs such as http://host/path, or host:port")
        if self.failures is not None and not 2 <= self.failures <= 20:  # noqa: PLR2004
            raise bad("failures", self.failures, "2 to 20: a single lost packet must move nothing")
        if not 0.2 <= self.interval <= 30:  # noqa: PLR2004
            raise bad("interval", f"{self.interval:g}s", "200ms to 30s")
        if self.timeout is not None and not 0.1 <= self.timeout <= 10:  # noqa: PLR2004
            raise bad("timeout", f"{self.timeout:g}s", "100ms to 10s")
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


class Group(Strict, frozen=True, kw_only=True):
    """One set of interchangeable gateways, in order of preference, and the routes that go through them."""

    name: GroupName
    gateways: tuple[InstanceId, ...]
    routes: tuple[Route, ...]
    address: Literal["own"] | Follow = "own"
    fallback: NatGatewayId | None = None
    failback: Failback = MANUAL
    """Moving home is one more interruption for whoever has no EIP that follows, so a person decides by default."""
    hold_down: Seconds = Seconds(300.0)
    """How long after a move no further planned move is made. Leaving a dead gateway never waits."""
    sources: tuple[str, ...] = ()
    """The CIDRs that gateways masquerade; empty means the VPC's own private ranges (RFC 1918)."""
    networks: tuple[str, ...] = ()
    """The private vSwitches (CIDRs) behind the routes: gateways prove forwarding from an address of each."""
    forwards: tuple[Forward, ...] = ()
    proxy: Proxy | None = None
    probe: Probe = Probe()
    setup: Setup = Setup()
    alarms: Alarms = Alarms()

    def __post_init__(self) -> None:
        """Refuse contradictions within the group."""
        if not self.gateways:
            raise bad("gateways", [], "at least one instance id")
        for gateway in self.gateways:
            require_id("gateways", gateway, "i-")
        require_distinct("gateways", self.gateways)
        if not self.routes:
            raise bad("routes", [], "at least one route: {table: vtb-…}")
        require_distinct("routes", [str(route) for route in self.routes])
        for index, route in enumerate(self.routes):
            if route.prefer is not None and route.prefer not in self.gateways:
                allowed = "a gateway of this group: " + ", ".join(self.gateways)
                raise bad(f"routes[{index}].prefer", route.prefer, allowed)
        homes = {self.home(route) for route in self.routes}
        if isinstance(self.address, Follow) and len(homes) > 1:
            allowed = "one preference for all routes, because one EIP can follow only one gateway"
            raise bad("routes.prefer", ", ".join(sorted(homes)), allowed)
        if self.fallback is not None:
            require_id("fallback", self.fallback, "ngw-")
        if self.probe.table is not None and self.probe.table not in {route.table for route in self.routes}:
            raise bad("probe.table", self.probe.table, "the table of one of this group's routes")
        for source in self.sources:
            network("sources", source)
        for one in self.networks:
            network("networks", one)
        refuse_clashes(self.forwards, self.proxy)
        refuse_long_order((*self.sources, *self.networks), self.probe.targets, self.forwards, self.proxy)

    def home(self, route: Route) -> InstanceId:
        """Return the gateway that `route` belongs to when all is well."""
        return route.prefer or self.gateways[0]

    def order(self, route: Route) -> tuple[InstanceId, ...]:
        """Return the gateways in the order in which `route` wants them."""
        home = self.home(route)
        return (home, *(gateway for gateway in self.gateways if gateway != home))

    def looked_at_by_probe(self, route: Route) -> bool:
        """Say whether the probe's own packets take `route`."""
        if self.probe.function is None:
            return False
        return route.table == (self.probe.table or self.routes[0].table)


class Config(Strict, frozen=True, kw_only=True):
    """One deployment: one region, any number of groups."""

    region: str
    groups: tuple[Group, ...]
    notify: str | None = None
    """The FC function that tells people, or None. Its Apprise URLs live in its own environment, never here."""
    language: Literal["en", "zh"] = "en"
    """The language of messages to people."""
    timezone: str = "UTC"
    """The time zone of messages, by its IANA name."""
    runbook: str | None = None
    """Where your copy of docs/operations.md is; messages link to its headings."""
    metrics: Seconds | None = None
    """How often each group's metrics are logged while nothing changes; None logs none."""
    heartbeat: bool = False
    """Whether `notify` calls the heartbeat addresses among its own after each good sweep."""

    def group(self, name: str) -> Group | None:
        """Return the group called `name`, or None."""
        return next((group for group in self.groups if group.name == name), None)


def parse_config(data: object) -> Config:
    """Turn the plain data of a configuration file into a `Config`.

    Raises `ConfigError` listing every problem found: all structural ones that can be told apart by group, and
    all contradictions between groups.
    """
    if not isinstance(data, dict):
        raise ConfigError([ConfigProblem("(top)", show(data), "a mapping with `region` and `groups`")])
    problems: list[ConfigProblem] = []
    unknown = [key for key in data if key not in _TOP]
    problems += [ConfigProblem(name_of(key), "an unknown key", known_as(key, _TOP)) for key in unknown]
    region = data.get("region")
    if not isinstance(region, str) or not REGION.fullmatch(region):
        problems.append(ConfigProblem("region", shown(data, "region"), "a region id such as cn-hangzhou"))
    notify = data.get("notify")
    if notify is not None and not (isinstance(notify, str) and _FUNCTION.fullmatch(notify)):
        problems.append(ConfigProblem("notify", show(notify), "the name of an FC function"))
    for key, form, allowed in ABOUT_MESSAGES:
        value = data.get(key)
        if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
            problems.append(ConfigProblem(key, show(value), allowed))
    metrics, heartbeat = _metrics(data.get("metrics"), problems), data.get("heartbeat", False)
    if not isinstance(heartbeat, bool) or (heartbeat and notify is None):
        problems.append(ConfigProblem("heartbeat", show(heartbeat), "true or false; true needs `notify`, which calls"))
    raw = data.get("groups")
    if not isinstance(raw, dict) or not raw:
        allowed = "a mapping of at least one group name to its settings"
        raise ConfigError([*problems, ConfigProblem("groups", shown(data, "groups"), allowed)])
    groups = [group for name, value in raw.items() if (group := _group(name, value, problems)) is not None]
    problems += _contradictions(groups)
    if problems:
        raise ConfigError(problems)
    about = {key: data[key] for key, _, _ in ABOUT_MESSAGES if data.get(key) is not None}
    return Config(
        region=str(region), groups=tuple(groups), notify=notify, metrics=metrics, heartbeat=heartbeat, **about
    )


def _metrics(value: object, problems: list[ConfigProblem]) -> Seconds | None:
    """Read how often metrics are logged, or add to `problems`."""
    if value is None:
        return None
    try:
        every = msgspec.convert(value, Seconds, dec_hook=_decode)
    except msgspec.ValidationError:
        every = Seconds(0)
    if not 60 <= every <= 3600:  # noqa: PLR2004
        problems.append(ConfigProblem("metrics", show(value), "how often they are logged, 1m to 1h"))
    return every


def _group(name: object, value: object, problems: list[ConfigProblem]) -> Group | None:
    path = f"groups.{name}"
    if not isinstance(name, str) or not GROUP_NAME.fullmatch(name):
        allowed = "a group name: lower-case letters, digits and hyphens, 31 at most, a letter first"
        problems.append(ConfigProblem("groups", show(name), allowed))
        return None
    if not isinstance(value, dict):
        problems.append(ConfigProblem(path, show(value), "a mapping with `gateways` and `routes`"))
        return None
    if "name" in value:
        allowed = "nothing: a group is named by its key under `groups`"
        problems.append(ConfigProblem(f"{path}.name", show(value["name"]), allowed))
        return None
    try:
        return msgspec.convert({**value, "name": name}, Group, dec_hook=_decode)
    except msgspec.ValidationError:
        from natkeeper.domain.config_collect import collect  # only for whoever has to mend something

    def refuse(settings: dict[str, Any]) -> ConfigProblem | None:
        try:
            msgspec.convert({**settings, "name": name}, Group, dec_hook=_decode)
        except msgspec.ValidationError as error:
            return explain(path, settings, str(error), _KEYS, _CHOICES)
        return None

    problems += collect(value, refuse, path)
    return None


def _contradictions(groups: list[Group]) -> list[ConfigProblem]:
    """Find what is claimed twice, and routes that the detour of another would need for itself."""
    problems = []
    owner: dict[str, GroupName] = {}
    for group in groups:
        for path, claim in _claims(group):
            if claim in owner:
                allowed = f"only one group may have it, and group {owner[claim]} already does"
                problems.append(ConfigProblem(f"groups.{group.name}.{path}", show(claim), allowed))
            owner.setdefault(claim, group.name)
    routes = [route for group in groups for route in group.routes]
    wholes = {f"{part} in {each.table}": str(each) for each in routes for part in parts_of(each.destination)}
    for group in groups:
        for route in group.routes:
            if str(route) in wholes:
                allowed = f"no part that the detour of another guarded route may need, as it is of {wholes[str(route)]}"
                problems.append(ConfigProblem(f"groups.{group.name}.routes", show(str(route)), allowed))
    return problems


def _claims(group: Group) -> Iterator[tuple[str, str]]:
    """List what only one group may have: two owners would undo each other's work."""
    for gateway in group.gateways:
        yield "gateways", gateway
    for route in group.routes:
        yield "routes", str(route)
    if isinstance(group.address, Follow):
        yield "address.follow", group.address.follow
    if group.probe.function is not None:
        yield "probe.function", group.probe.function


def _decode(kind: type, value: Any) -> Any:  # noqa: ANN401  msgspec's hook is untyped by nature
    """Read durations; msgspec asks for every type that is not its own."""
    if kind is Failback and value == "manual":
        return MANUAL
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    length = float(match[1]) * _UNIT_S[match[2]] if match else value
    if isinstance(length, (int, float)) and not isinstance(length, bool) and 0 <= length <= _LONGEST_S:
        return kind(length)
    also = "`manual`, or " if kind is Failback else ""
    raise bad("", value, f"{also}a time such as 90s, 5m, 2h or a number of seconds, 365d at most")


_CHOICES = {
    "address": "`own`, or {follow: eip-…}",
    "mode": "`apply`, `check` or `off`",
    "via": "`oos` or `assistant`",
    "foreign_rules": "`remove` or `report`",
    "protocol": "`tcp` or `udp`; in forwards also `both`",
    "services": "`keep` or `report`",
}
_STRUCTS: dict[str, type[msgspec.Struct]] = {
    "": Group,
    "routes": Route,
    "address": Follow,
    "forwards": Forward,
    "proxy": Proxy,
    "http": ProxyHost,
    "stream": ProxyStream,
    "tls": ProxyTls,
    "probe": Probe,
    "setup": Setup,
    "alarms": Alarms,
}
_KEYS = {
    last: tuple(field for field in struct.__struct_encode_fields__ if field != "name")
    for last, struct in _STRUCTS.items()
}
