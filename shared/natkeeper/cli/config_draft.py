"""A first configuration from what is in a VPC: found things as settings, possible things as comments."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from natkeeper.cli.errors import Wrong
from natkeeper.cli.survey import network
from natkeeper.domain.lane import is_any_lane
from natkeeper.domain.observed import HopKind, RouteEntry, resolved
from natkeeper.failover.gateway_setup import PRIVATE

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients

_DEFAULT = "0.0.0.0/0"
_PROBE = "natkeeper-probe"
_COMMENT_AT = 34


@dataclass(frozen=True, slots=True)
class Found:
    """What there is in one VPC."""

    vpc: network.VpcAbout
    vswitches: tuple[network.VSwitch, ...]
    tables: tuple[network.SurveyedTable, ...]
    entries: Mapping[str, tuple[RouteEntry, ...]]
    machines: tuple[network.SurveyedInstance, ...]
    nat_gateways: tuple[network.ManagedNat, ...]

    def machine(self, instance: str) -> network.SurveyedInstance | None:
        """Return the instance of that id, or None."""
        return next((machine for machine in self.machines if machine.id == instance), None)


@dataclass(frozen=True, slots=True)
class DraftedProbe:
    """A probe besides the first, behind a gateway that the first does not see; `vswitch` is where it stands."""

    function: str
    table: str
    vswitch: str


@dataclass(frozen=True, slots=True)
class Draft:
    """The file's text, and what s.yaml needs to know: its variables, and the probes besides the first."""

    text: str
    group: str
    summary: str
    variables: Mapping[str, str]
    probes: Sequence[DraftedProbe] = ()


def find(reach: RegionClients, vpc: network.VpcAbout) -> Found:
    """Read a VPC. Raises CommandError."""
    doing = f"reading {vpc.id}"
    tables = reach.do(doing, lambda attempt: network.tables(attempt, vpc.id))
    entries = {t.id: reach.do(doing, lambda attempt, t=t: network.entries(attempt, t.id)) for t in tables}  # type: ignore[misc]
    machines = reach.do(doing, lambda attempt: network.machines(attempt, vpc=vpc.id))
    owners = network.owners(machines)
    return Found(
        vpc,
        tuple(reach.do(doing, lambda attempt: network.vswitches(attempt, vpc.id))),
        tuple(tables),
        {table: tuple(resolved(entry, owners) for entry in some) for table, some in entries.items()},
        tuple(machines),
        tuple(reach.do(doing, lambda attempt: network.nat_gateways(attempt, vpc=vpc.id))),
    )


def draft(
    found: Found, *, region: str, gateways: Sequence[str] = (), tables: Sequence[str] = (), name: str | None = None
) -> Draft:
    """Write the configuration. Raises Wrong where nothing can be guarded, and says what is there."""
    routes = _routes(found, gateways, tables)
    chosen = list(dict.fromkeys([*gateways, *(hop for _, _, hop in routes if hop)]))
    if not chosen or not routes:
        through = " or ".join(gateways) or "an instance"
        raise Wrong(f"{found.vpc.id} has no custom route through {through}, so there is nothing to guard", _what(found))
    group = name or _name(found.vpc)
    probes = tuple(_probes(found, chosen, routes))
    text = "\n".join(_lines(found, region, group, chosen, routes, probes)) + "\n"
    table = routes[0][0]
    first = found.machine(chosen[0])
    variables = {
        "region": region,
        "group": group,
        "vpc": found.vpc.id,
        "vswitch": _place(found, table, chosen) or f"(no vSwitch is bound to {table}: bind one)",
        "securityGroup": first.groups[0] if first is not None and first.groups else "(one of the VPC)",
    }
    return Draft(text, group, f"{len(chosen)} gateway(s), {len(routes)} route(s)", variables, probes)


def _place(found: Found, table: str, chosen: Sequence[str]) -> str | None:
    """Return the vSwitch for a probe of `table`: one without a gateway in it, if there is one."""
    behind = [vswitch for vswitch in found.vswitches if vswitch.table == table]
    inside = (v for v in behind if all(m.vswitch != v.id for m in found.machines if m.id in chosen))
    best = next(inside, behind[0] if behind else None)
    return None if best is None else best.id


def _probes(found: Found, chosen: Sequence[str], routes: Sequence[tuple[str, str, str]]) -> Iterator[DraftedProbe]:
    """List a probe for each gateway that carries a route and that the first table's probe does not see."""
    seen = {routes[0][2]}
    for table, destination, hop in routes:
        place = _place(found, table, chosen)
        if destination == _DEFAULT and hop not in seen and place is not None and table != routes[0][0]:
            seen.add(hop)
            yield DraftedProbe(f"{_PROBE}-{len(seen)}", table, place)


def _routes(found: Found, gateways: Sequence[str], tables: Sequence[str]) -> list[tuple[str, str, str]]:
    """List table, destination and next hop of what is to be guarded."""
    known = {table.id for table in found.tables}
    unknown = [table for table in tables if table not in known]
    if unknown:
        raise Wrong(
            f"{found.vpc.id} has no route table {', '.join(unknown)}", f"its tables are: {', '.join(sorted(known))}"
        )
    for gateway in gateways:
        if found.machine(gateway) is None:
            machines = ", ".join(machine.id for machine in found.machines) or "none"
            raise Wrong(f"{gateway} is not in {found.vpc.id}", f"its instances are: {machines}")
    through = [
        (table, entry.destination, entry.next_hop.id)
        for table, entries in found.entries.items()
        for entry in entries
        if entry.next_hop is not None
        and entry.next_hop.kind is HopKind.INSTANCE
        and not is_any_lane(entry)
        and (not tables or table in tables)
        and (not gateways or entry.next_hop.id in gateways or table in tables)
    ]
    covered = {table for table, _, _ in through}
    return through + [(table, _DEFAULT, "") for table in tables if table not in covered]


def _name(vpc: network.VpcAbout) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", vpc.name.lower()).strip("-")[:31]
    return name if re.fullmatch(r"[a-z][a-z0-9-]*", name) else "main"


def _what(found: Found) -> str:
    """Say what there is, where there is nothing to guard."""
    tables = ", ".join(f"{table.id} ({table.kind})" for table in found.tables)
    public = ", ".join(machine.id for machine in found.machines if machine.public_ip) or "none"
    return f"name both with --gateway and --table: its tables are {tables}; instances with a public address: {public}"


def _lines(
    found: Found,
    region: str,
    group: str,
    chosen: Sequence[str],
    routes: Sequence[tuple[str, str, str]],
    probes: Sequence[DraftedProbe],
) -> Iterator[str]:
    yield f"# natkeeper, drafted from what was in {found.vpc.id} {found.vpc.name}".rstrip()
    yield "# Every setting there is, with its default and what it means: natkeeper.example.yaml."
    yield ""
    yield f"region: {region}"
    yield "notify: natkeeper-notify # leave out where nobody is to be told"
    yield ""
    yield "groups:"
    yield f"  {group}:"
    yield "    # Instances that can be the next hop, the most wanted first."
    yield "    gateways:"
    for gateway in chosen:
        yield _with_comment(f"      - {gateway}", _machine(found.machine(gateway)))
    others = [m for m in found.machines if m.public_ip and m.id not in chosen]
    if others:
        yield "      # These have a public address, too. Uncomment those that may serve as gateways:"
        for machine in others:
            yield _with_comment(f"      # - {machine.id}", _machine(machine))
    elif len(chosen) == 1:
        yield "      # No other instance here has a public address: without a second gateway nothing can fail over."
    yield "    # Or search the VPC instead of listing; then anyone who may tag an instance may take the route:"
    yield f"    # vpc: {found.vpc.id}"
    yield "    # gateways: {tag: natkeeper=" + group + "}"
    yield "    # routes: all"
    yield "    routes:"
    homes = {hop for _, _, hop in routes if hop}
    for table, destination, hop in routes:
        yield _with_comment(f"      - table: {table}", _table(found, table))
        if destination != _DEFAULT:
            yield f"        destination: {destination}"
        if len(homes) > 1 and hop:
            yield f"        prefer: {hop}"
        own = next((probe.function for probe in probes if (probe.table, _DEFAULT) == (table, destination)), None)
        if own is not None:
            yield _with_comment(f"        probe: {own}", f"looks through {hop}, which the first probe does not see")
    yield from _not_guarded(found, chosen, routes)
    yield from _networks(found, {table for table, _, _ in routes})
    yield from _address(found, chosen, one_home=len(homes) <= 1)
    for nat in found.nat_gateways:
        ready = f"{', '.join(nat.addresses) or 'no address'}{'' if nat.snat else ', and no SNAT entry yet'}"
        yield _with_comment(f"    # fallback: {nat.id}", f"managed NAT Gateway {nat.name}: {ready}".replace(" :", ":"))
    yield "    probe:"
    yield f"      function: {_PROBE} # one for each group (s.yaml)"


def _not_guarded(found: Found, chosen: Sequence[str], routes: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Offer the other entries of the VPC that lead to a chosen gateway."""
    guarded = {(table, destination) for table, destination, _ in routes}
    others = [
        entry
        for entries in found.entries.values()
        for entry in entries
        if entry.next_hop is not None
        and entry.next_hop.id in chosen
        and not is_any_lane(entry)
        and (entry.table, entry.destination) not in guarded
    ]
    if others:
        yield "      # These lead to the gateways too, but natkeeper does not move them. Uncomment those to guard:"
    for entry in others:
        yield _with_comment(f"      # - table: {entry.table}", f"to {entry.next_hop}; {_table(found, entry.table)}")
        yield f"      #   destination: {entry.destination}"


def _networks(found: Found, tables: Collection[str]) -> Iterator[str]:
    """Name the networks behind the routes: those to prove, and those that are masqueraded only if named."""
    behind = [IPv4Network(v.cidr) for v in found.vswitches if v.table in tables and v.cidr]
    if not behind:
        return
    yield "    # The private vSwitches behind the routes: each gateway proves that it forwards for every one of them."
    yield f"    networks: [{', '.join(map(str, behind))}]"
    others = [one for one in behind if not any(one.subnet_of(IPv4Network(source)) for source in PRIVATE)]
    if others:
        yield "    # What gateways masquerade. Other addresses than private ones have to be named."
        yield f"    sources: [{', '.join([*PRIVATE, *map(str, others)])}]"


def _address(found: Found, chosen: Sequence[str], *, one_home: bool) -> Iterator[str]:
    """Offer the EIP of the first gateway to follow the route, where that is possible."""
    first = found.machine(chosen[0])
    if first is None or not first.eip or not one_home:
        return
    yield "    # Let one EIP go where the route goes: the internet sees one address, and connections survive a move."
    yield "    # The other gateways then need no address of their own."
    yield _with_comment(f"    # address: {{follow: {first.eip}}}", f"{first.eip_address}, now on {first.id}")


def _machine(machine: network.SurveyedInstance | None) -> str:
    if machine is None:
        return "is not among the instances of this VPC"
    parts = [machine.name, machine.zone, machine.status, machine.public_ip or "no public address"]
    return ", ".join(part for part in [*parts, "spot" if machine.spot else ""] if part)


def _table(found: Found, table: str) -> str:
    about = next((one for one in found.tables if one.id == table), None)
    behind = [v.name or v.id for v in found.vswitches if v.table == table]
    kind = "" if about is None else f"{about.name} {about.kind.lower()} table".strip()
    return f"{kind}, of vSwitches {', '.join(behind)}" if behind else f"{kind}, bound to no vSwitch"


def _with_comment(line: str, comment: str) -> str:
    return f"{line.ljust(_COMMENT_AT)} # {comment}" if comment else line
