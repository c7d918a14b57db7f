"""Look for entries of the VPC that lead to the group's gateways and that nobody guards.

Only sweeps look, every ten minutes: it costs a call for the list of tables and one for each. Where the role may not
list tables (roles of 0.1), nothing is looked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from natkeeper.domain.lane import left_over
from natkeeper.domain.observed import Instance, owners_of, resolved
from natkeeper.domain.unguarded import unguarded
from natkeeper.failover.apply import vpc_of
from natkeeper.ports import Failure, FailureKind, ReadVpcRoutes, Run, ask

if TYPE_CHECKING:
    from natkeeper.domain.config import Group
    from natkeeper.domain.world import World
    from natkeeper.failover.ledger import Ledger
    from natkeeper.ports import Clock

EVERY = timedelta(minutes=10)


def survey(world: World, policy: Group, ledger: Ledger, clock: Clock, *, asked: bool) -> Run[str]:
    """Bring `ledger.unguarded` up to date where that is due or was `asked`; return why it could not be."""
    vpc, now = vpc_of(world), clock()
    due = ledger.surveyed is None or now - ledger.surveyed >= EVERY
    if not vpc or ledger.may_not_survey or not (due or asked):
        return ""
    answer = yield from ask(ReadVpcRoutes(vpc))
    if not (asked and policy.finds_routes):  # a person who looks must not put off what the next sweep is to find
        ledger.surveyed = now
    if isinstance(answer, Failure):
        ledger.may_not_survey = answer.kind is FailureKind.DENIED and not asked
        return f"route tables that nobody guards cannot be looked for: {answer}"
    instances = [sight.instance for sight in world.gateways.values() if isinstance(sight.instance, Instance)]
    owners = owners_of(instances)
    ledger.old_lanes = left_over(answer, policy)
    guarded = ledger.guarded or policy.routes
    if policy.finds_routes:
        from natkeeper.failover.discovery import routes_in  # most groups list their routes

        found = routes_in(answer, world, policy, ledger)
        guarded = (*guarded, *found.routes)
        ledger.finding = ledger.finding if asked else found
    ledger.unguarded = unguarded([resolved(entry, owners) for entry in answer], policy, guarded)
    return ""
