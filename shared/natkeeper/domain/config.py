"""What a user may ask for, and precise refusals of everything else.

`parse_config` takes the plain data of natkeeper.yaml (or of the natkeeper.json that packaging bakes from it) and
returns a `Config`, or raises `ConfigError` with every problem it found: the path of the value, the value, and what is
allowed. The structs here are the only description of the configuration; defaults stand beside their reasons.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from natkeeper.domain.config_errors import ConfigError, ConfigProblem, bad, explain, show, shown, unknown_key
from natkeeper.domain.config_values import (
    MANUAL,
    Failback,
    Finds,
    Planned,
    Seconds,
    Strict,
    decode,
    how_often,
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
from natkeeper.domain.probe_config import FUNCTION_NAME, Probe, refuse_lane

DEFAULT_ROUTE = "0.0.0.0/0"

GROUP_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_TOP = ("region", "groups", "notify", "language", "timezone", "runbook", "metrics", "heartbeat")
ABOUT_MESSAGES = (
    ("language", re.compile("en|zh"), "en or zh"),
    ("timezone", re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){0,2}"), "an IANA time zone such as Asia/Shanghai"),
    ("runbook", re.compile(r"https?://[!-~]{1,300}"), "the address of a page, beginning with https:// or http://"),
)


class Route(Strict, frozen=True, kw_only=True):
    """A guarded route: the entry for `destination` in route table `table`.

    `prefer` names the gateway that is this route's home (zone affinity); without it the group's order decides. `probe`
    names the function that looks through `table` from one of its vSwitches; `probe.function` is that of one table only.
    """

    table: TableId
    destination: str = DEFAULT_ROUTE
    prefer: InstanceId | None = None
    probe: str | None = None

    def __post_init__(self) -> None:
        """Refuse ids of another kind and destinations that are not IPv4 networks."""
        require_id("table", self.table, "vtb-")
        if self.prefer is not None:
            require_id("prefer", self.prefer, "i-")
        if self.probe is not None and not FUNCTION_NAME.fullmatch(self.probe):
            raise bad("probe", self.probe, "the name of an FC function")
        network("destination", self.destination)

    def __str__(self) -> str:
        """Name the route as messages do."""
        return f"{self.destination} in {self.table}"


class Follow(Strict, frozen=True, kw_only=True):
    """One EIP that follows the route: same public address after every move, and connections that survive."""

    follow: EipId

    def __post_init__(self) -> None:
        """Refuse what is not an EIP."""
        require_id("follow", self.follow, "eip-")


class Group(Strict, frozen=True, kw_only=True):
    """One set of interchangeable gateways, in order of preference, and the routes that go through them."""

    name: GroupName
    gateways: tuple[InstanceId, ...]
    routes: tuple[Route, ...]
    address: Literal["own"] | Follow = "own"
    fallback: NatGatewayId | None = None
    failback: Failback = MANUAL
    """Moving home is one more interruption for groups without an EIP that follows, so a person decides by default."""
    hold_down: Seconds = Seconds(300.0)
    """How long after a move no further planned move is made. Leaving a dead gateway never waits."""
    planned: Planned | None = None
    """When planned moves that have time are made; None: whenever they are due."""
    sources: tuple[str, ...] = ()
    """The CIDRs that gateways masquerade; empty means the VPC's own private ranges (RFC 1918)."""
    networks: tuple[str, ...] = ()
    """The private vSwitches (CIDRs) behind the routes: gateways prove forwarding from an address of each."""
    forwards: tuple[Forward, ...] = ()
    way_in: Literal["route", "every"] = "route"
    """By which gateways visitors are served: the one with the route, or every one (own addresses)."""
    relay: Seconds | None = None
    """How long after a planned move the old gateway goes on with its connections (own addresses); None: not at all."""
    proxy: Proxy | None = None
    probe: Probe = Probe()
    setup: Setup = Setup()
    alarms: Alarms = Alarms()
    standby: Literal["warm", "cold"] = "warm"
    """Whether standbys run, or are stopped and started by natkeeper when no gateway that runs can carry a route."""
    finds: Finds | None = None
    """What is found instead of listed; no key of its own. Until it was found, the lists above may be empty."""

    def __post_init__(self) -> None:
        """Refuse contradictions within the group."""
        if self.finds is not None:
            from natkeeper.domain.discovery_config import refuse_what_cannot_be_found  # most groups list all

            refuse_what_cannot_be_found(self.finds, self.address, [route.prefer for route in self.routes], self.probe)
        if not self.gateways and not self.tag:
            raise bad("gateways", [], "at least one instance id")
        for gateway in self.gateways:
            require_id("gateways", gateway, "i-")
        require_distinct("gateways", self.gateways)
        if not self.routes and not self.finds_routes:
            raise bad("routes", [], "at least one route: {table: vtb-…}")
        require_distinct("routes", [str(route) for route in self.routes])
        for index, route in enumerate(self.routes):
            if route.prefer is not None and route.prefer not in self.gateways:
                allowed = "a gateway of this group: " + ", ".join(self.gateways)
                raise bad(f"routes[{index}].prefer", route.prefer, allowed)
        homes = {self.home(route) for route in self.routes if self.gateways}
        if isinstance(self.address, Follow) and len(homes) > 1:
            allowed = "one preference for all routes, because one EIP can follow only one gateway"
            raise bad("routes.prefer", ", ".join(sorted(homes)), allowed)
        if self.fallback is not None:
            require_id("fallback", self.fallback, "ngw-")
        if self.probe.table not in (None, *(route.table for route in self.routes)) and not self.finds_routes:
            raise bad("probe.table", self.probe.table, "the table of one of this group's routes")
        self._refuse_mixed_probes()
        for key, networks in (("sources", self.sources), ("networks", self.networks)):
            for one in networks:
                network(key, one)
        table = next(iter(self.probes.values()), None)
        behind = [route.destination for route in self.routes if route.table == table]
        private, follows = (*self.sources, *self.networks), isinstance(self.address, Follow)
        refuse_lane(self.probe, self.probes, behind, private, follows=follows)
        self._refuse_what_an_eip_does()
        refuse_long_order((*self.sources, *self.networks), self.probe.targets, self.forwards, self.proxy)
        refuse_clashes(self.forwards, self.proxy)

    def _refuse_what_an_eip_does(self) -> None:
        own = "nothing where one EIP follows the route: then connections go on, and visitors come by one address"
        follows = isinstance(self.address, Follow)
        if self.relay is not None and follows:
            raise bad("relay", f"{self.relay:g}s", own)
        if self.relay is not None and not 60 <= self.relay <= 86400:  # noqa: PLR2004
            raise bad("relay", f"{self.relay:g}s", "1m to 24h")
        if self.way_in == "every" and follows:
            raise bad("way_in", self.way_in, own)

    @property
    def tag(self) -> str:
        """KEY=VALUE of the tag by which gateways are found; empty where they are listed."""
        return "" if self.finds is None else self.finds.tag

    @property
    def finds_routes(self) -> bool:
        """Return True if routes are found: those that lead to a gateway; none is created."""
        return self.finds is not None and self.finds.routes

    @property
    def owner(self) -> str:
        """What stands for this group in the memory of the entries that it moved: six hexadecimal digits."""
        return f"{zlib.crc32(self.name.encode()) & 0xFFFFFF:06x}"

    def home(self, route: Route) -> InstanceId:
        """Return the gateway that `route` belongs to when all is well."""
        return route.prefer or self.gateways[0]

    def order(self, route: Route) -> tuple[InstanceId, ...]:
        """Return the gateways in the order in which `route` wants them."""
        home = self.home(route)
        return (home, *(gateway for gateway in self.gateways if gateway != home))

    @property
    def probes(self) -> dict[str, TableId]:
        """The probe functions, each with the route table that its packets take; `probe.function` stands first."""
        found = {} if self.probe.function is None else {self.probe.function: self.probe.table or self.routes[0].table}
        return found | {route.probe: route.table for route in self.routes if route.probe is not None}

    @property
    def lane(self) -> Route | None:
        """The host route through a standby, in the table of the first probe, or None."""
        if self.probe.lane is None:
            return None
        return Route(table=next(iter(self.probes.values())), destination=f"{self.probe.lane_address}/32")

    def probe_of(self, route: Route) -> str | None:
        """Return the probe whose packets take `route`, or None where no probe sees it."""
        return next((function for function, table in self.probes.items() if table == route.table), None)

    def checked_by_probe(self, route: Route) -> bool:
        """Return True if the packets of a probe take `route`."""
        return self.probe_of(route) is not None

    def _refuse_mixed_probes(self) -> None:
        """Refuse two probes for one table, and one for two: its vSwitch has one table."""
        first = self.probe.table or next((route.table for route in self.routes), TableId(""))
        seen = {} if self.probe.function is None else {first: self.probe.function}
        for index, route in enumerate(self.routes):
            if route.probe is None:
                continue
            if seen.setdefault(route.table, route.probe) != route.probe:
                raise bad(f"routes[{index}].probe", route.probe, f"{seen[route.table]}, which looks through that table")
            if any(table != route.table and function == route.probe for table, function in seen.items()):
                raise bad(f"routes[{index}].probe", route.probe, "a function that looks through no other table")


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
    problems += [unknown_key("", key, _TOP) for key in unknown]
    region = data.get("region")
    if not isinstance(region, str) or not REGION.fullmatch(region):
        problems.append(ConfigProblem("region", shown(data, "region"), "a region id such as cn-hangzhou"))
    notify = data.get("notify")
    if notify is not None and not (isinstance(notify, str) and FUNCTION_NAME.fullmatch(notify)):
        problems.append(ConfigProblem("notify", show(notify), "the name of an FC function"))
    for key, form, allowed in ABOUT_MESSAGES:
        value = data.get(key)
        if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
            problems.append(ConfigProblem(key, show(value), allowed))
    metrics, heartbeat = how_often(data.get("metrics"), problems), data.get("heartbeat", False)
    if not isinstance(heartbeat, bool) or (heartbeat and notify is None):
        problems.append(ConfigProblem("heartbeat", show(heartbeat), "true or false; true needs `notify`, which calls"))
    raw = data.get("groups")
    if not isinstance(raw, dict) or not raw:
        allowed = "a mapping of at least one group name to its settings"
        raise ConfigError([*problems, ConfigProblem("groups", shown(data, "groups"), allowed)])
    zone = data.get("timezone")
    groups = [_with_zone(g, zone) for name, value in raw.items() if (g := _group(name, value, problems)) is not None]
    problems += _contradictions(groups)
    if problems:
        raise ConfigError(problems)
    more = {key: data[key] for key, _, _ in ABOUT_MESSAGES if data.get(key) is not None}
    return Config(region=str(region), groups=tuple(groups), notify=notify, metrics=metrics, heartbeat=heartbeat, **more)


def _with_zone(group: Group, zone: object) -> Group:
    """Let a window without a time zone of its own be by the clock of the messages."""
    if group.planned is not None and group.planned.timezone is None and isinstance(zone, str):
        return msgspec.structs.replace(group, planned=msgspec.structs.replace(group.planned, timezone=zone))
    return group


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
    listed = isinstance(ids := value.get("gateways"), list) and dict not in map(type, ids)
    listed &= isinstance(routes := value.get("routes"), list) and "all" not in routes
    if not listed or {"vpc", "finds"} & set(value):
        from natkeeper.domain.discovery_config import spelled_out  # most groups list what they have

        value = spelled_out(path, value, problems)
    try:
        return msgspec.convert({**value, "name": name}, Group, dec_hook=decode)
    except msgspec.ValidationError:
        from natkeeper.domain.config_collect import collect  # only where there is something to mend

    def refuse(settings: dict[str, Any]) -> ConfigProblem | None:
        try:
            msgspec.convert({**settings, "name": name}, Group, dec_hook=decode)
        except msgspec.ValidationError as error:
            return explain(path, settings, str(error), _KEYS, _CHOICES)
        return None

    problems += collect(value, refuse, path)
    return None


def _contradictions(groups: list[Group]) -> list[ConfigProblem]:
    """Find what is claimed twice, and routes that the bridge of another would need for itself."""
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
                allowed = f"no part that the bridge of another guarded route may need, as it is of {wholes[str(route)]}"
                problems.append(ConfigProblem(f"groups.{group.name}.routes", show(str(route)), allowed))
    return problems


def _claims(group: Group) -> Iterator[tuple[str, str]]:
    """List what only one group may have: two owners would undo each other's work."""
    if group.finds is not None and group.finds.tag:
        yield "gateways.tag", f"{group.finds.tag} in {group.finds.vpc}"
    for gateway in group.gateways:
        yield "gateways", gateway
    for route in group.routes:
        yield "routes", str(route)
    if isinstance(group.address, Follow):
        yield "address.follow", group.address.follow
    for function in group.probes:
        yield "probe.function" if function == group.probe.function else "routes.probe", function


_CHOICES = {
    "gateways": "a list of instance ids, or {tag: KEY=VALUE}",
    "routes": "a list of {table: vtb-…}, or `all`",
    "address": "`own`, or {follow: eip-…}",
    "standby": "`warm` or `cold`",
    "mode": "`apply`, `check` or `off`",
    "via": "`oos` or `assistant`",
    "foreign_rules": "`remove` or `report`",
    "protocol": "`tcp` or `udp`; in forwards also `both`",
    "services": "`keep` or `report`",
    "days[]": "one of mon, tue, wed, thu, fri, sat and sun",
    "days": "a list of mon, tue, wed, thu, fri, sat and sun",
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
    "planned": Planned,
}
_KEYS = {
    last: tuple(field for field in struct.__struct_encode_fields__ if field not in ("name", "finds"))
    for last, struct in _STRUCTS.items()
}
_KEYS[""] = ("vpc", *_KEYS[""])
