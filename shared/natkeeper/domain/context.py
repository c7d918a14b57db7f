"""One route with everything that a decision about it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from natkeeper.domain.signals import Switch

if TYPE_CHECKING:
    from datetime import datetime

    from natkeeper.domain.config import Group, Route
    from natkeeper.domain.memory import Memory
    from natkeeper.domain.observed import NextHop
    from natkeeper.domain.refusals import Refusal
    from natkeeper.domain.world import World


@dataclass(frozen=True, slots=True)
class RouteContext:
    """A route, the world it is in, and what it remembers."""

    route: Route
    world: World
    policy: Group
    now: datetime
    memory: Memory

    @property
    def switch(self) -> Switch | None:
        """The switch that a person wants of this very route."""
        wish = self.world.so_far.wish
        about_us = isinstance(wish, Switch) and wish.table in (None, self.route.table)
        return wish if isinstance(wish, Switch) and about_us else None

    @property
    def moved(self) -> bool:
        """Return True if this run has moved the route already, which is all that a person's switch asks for."""
        return self.route in self.world.so_far.moved

    def wants_other_than(self, hop: NextHop | None) -> bool:
        """Return True if a person's switch is still to be carried out while the route is on `hop`."""
        return self.switch is not None and not self.moved and (hop is None or self.switch.to != hop.id)

    def waits_for_window(self, latest: datetime | None = None) -> str:
        """Say that a planned move waits for the group's window; empty if it is made now.

        That is so where there is no window or it is open, and where it opens only after `latest`.
        """
        if self.policy.planned is None:
            return ""
        from natkeeper.domain import window  # only groups with a window need time zones

        opens = window.opens(self.policy.planned, self.now)
        return "" if opens is None or (latest is not None and opens > latest) else window.at_the_window(opens)

    def ineligible(self, hop: NextHop) -> str | None:
        """Return why `hop` must not become the next hop of this route, or None when it may."""
        return self.world.ineligible(hop, self.policy, self.route.table)

    def unfit(self, hop: NextHop) -> str | None:
        """Return what speaks against `hop` for this route besides its health, or None."""
        return self.world.unfit(hop, self.policy, self.route.table)

    def waits_for(self, hop: NextHop) -> Refusal | None:
        """Return the refusal that says nothing of `hop`, after which others get a try first; None for none."""
        return next((refusal for refusal in self.world.put_off(hop, self.route.table) if refusal.passing), None)
