"""What was seen of each way to the internet, of which kind, and what all of it together allows to be said.

Rule 13: whatever is called well, ready, proven or verified rests on evidence of a kind; a weaker kind never outweighs a
stronger one. What nobody could see is *unproven*, which is not unfit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from natkeeper.domain.egress import Egress, EgressLost, EgressSeen, EvidenceKind
from natkeeper.domain.ids import InstanceId
from natkeeper.domain.observed import HopKind, NextHop, RouteEntry, Unseen
from natkeeper.domain.world import RouteView, World, belongs

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group

Found = Literal["seen", "lost", "unproven"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of the way through `hop`. `table` is None where no packet took a guarded route table.

    `found` is unproven where only the gateway itself was seen to reach the internet, or nothing was; then `kind` and
    `at` are those of the check that there was, or None.
    """

    hop: NextHop
    found: Found
    kind: EvidenceKind | None = None
    table: str | None = None
    at: datetime | None = None
    public_ip: str | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the object that receipts and status carry; what is not known is left out."""
        full = {
            "next_hop": self.hop.id,
            "found": self.found,
            "kind": None if self.kind is None else self.kind.place,
            "table": self.table,
            "at": None if self.at is None else f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "public_ip": self.public_ip,
            "reason": self.reason,
        }
        return {key: value for key, value in full.items() if value not in (None, "")}


def stronger(found: Egress | Unseen, reported: EgressLost | None) -> Egress | Unseen:
    """Return the stronger of a check and the probe's report that caused it.

    The report stands unless a check from a private host's place says otherwise: neither a check that could not be had
    nor one on the gateway itself outweighs it.
    """
    if reported is None or (not isinstance(found, Unseen) and found.kind is EvidenceKind.PRIVATE_HOST):
        return found
    return reported


def of_group(world: World, policy: Group) -> tuple[Evidence, ...]:
    """List the evidence that this run has, one for each gateway or fallback of which anything was seen."""
    gateways = [NextHop.gateway(gateway) for gateway in policy.gateways]
    hops = gateways + ([NextHop.nat_gateway(policy.fallback)] if policy.fallback else [])
    evidence = (of_hop(world, policy, hop) for hop in hops)
    return tuple(each for each in evidence if each.kind is not None or each.reason)


def of_hop(world: World, policy: Group, hop: NextHop) -> Evidence:
    """Return the strongest evidence about the way through `hop`; unproven where nothing shows that it forwards."""
    check, proof = world.egress(hop), _proof(world, hop)
    lost = world.lost(hop)
    if lost is not None:
        table = _table(world, policy, hop) if lost.kind is EvidenceKind.PRIVATE_HOST else None
        return Evidence(hop, "lost", lost.kind, table, lost.at, None, lost.reason)
    if isinstance(check, EgressSeen) and check.proves:
        return Evidence(hop, "seen", check.kind, _table(world, policy, hop), check.at, check.public_ip)
    if isinstance(proof, EgressSeen):
        return Evidence(hop, "seen", proof.kind, None, proof.at, proof.public_ip)
    if isinstance(check, EgressSeen):
        reason = "only the gateway itself was seen to reach the internet" + f": {check.because}" * bool(check.because)
        return Evidence(hop, "unproven", check.kind, None, check.at, check.public_ip, reason)
    return Evidence(hop, "unproven", reason=check.reason if isinstance(check, Unseen) else "")


def verified(world: World, policy: Group) -> bool | None:
    """Say what this run's evidence shows of the next hops that carry the group's routes.

    True if private hosts were seen to reach the internet through each next hop that was looked through, False if one
    was lost, None where nothing shows it: a gateway that reaches the internet itself proves nothing.
    """
    checked = [hop for hop in carrying(world, policy) if world.egress(hop) is not None or world.lost(hop) is not None]
    found = {_since_the_move(world, policy, hop) for hop in checked}
    if "lost" in found:
        return False
    return True if found == {"seen"} else None


def _since_the_move(world: World, policy: Group, hop: NextHop) -> Found:
    """Say what was found of `hop`; where this run moved a route to it, a proof from before that proves nothing."""
    check, found = world.egress(hop), of_hop(world, policy, hop).found
    fresh = (
        found != "seen" or hop not in world.so_far.moved.values() or (isinstance(check, EgressSeen) and check.proves)
    )
    return found if fresh else "unproven"


def carrying(world: World, policy: Group) -> tuple[NextHop, ...]:
    """List the next hops of the group that carry one of its routes now, each once."""
    hops = (view.carries for view in world.routes.values() if isinstance(view, RouteView))
    return tuple(dict.fromkeys(hop for hop in hops if hop is not None and belongs(hop, policy)))


def probed(world: World, policy: Group, hop: NextHop) -> bool:
    """Return True if a probe looks through a route that leads to `hop` now."""
    return _table(world, policy, hop) is not None


def _table(world: World, policy: Group, hop: NextHop) -> str | None:
    """Name the first table through which a probe looks at `hop`."""
    for route, view in world.routes.items():
        if isinstance(view, RouteView) and view.carries == hop and policy.checked_by_probe(route):
            return route.table
    led = world.lane.next_hop if isinstance(world.lane, RouteEntry) else None
    return policy.lane.table if policy.lane is not None and led == hop else None


def _proof(world: World, hop: NextHop) -> Egress | None:
    return None if hop.kind is not HopKind.INSTANCE else world.gateways[InstanceId(hop.id)].proof
