"""What can be broken in a playground, and how each of it is healed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natlab.cloud.kernel.errors import ApiError
from natlab.scenarios.stage import Play
from natlab.scenarios.steps import api_silent, start, stop


@dataclass(frozen=True, slots=True)
class Breakage:
    """One kind. `on_gateway`: it is done to a gateway that is named."""

    says: str
    do: Callable[[Play, str], object]
    heal: Callable[[Play, str], object]
    on_gateway: bool = True


def _start(play: Play, name: str) -> None:
    """Start an instance as soon as it is Stopped; one that runs needs nothing."""
    play.until(f"{name} has stopped", lambda: play.cloud.ecs.status_of(play.id(name)) != "Stopping", 60.0)
    if play.cloud.ecs.status_of(play.id(name)) == "Stopped":
        start(name)(play)


def _set_up(play: Play, name: str) -> None:
    """Have natkeeper set the gateway up again, which is how a person would mend it."""
    play.ask({"action": "setup", "group": "prod", "gateway": play.id(name)})


KINDS: dict[str, Breakage] = {
    "stop": Breakage("a person stops the instance (StopInstance)", lambda p, n: stop(n)(p), _start),
    "crash": Breakage("the host loses power; ECS notices after a minute",
                      lambda p, n: p.cloud.ecs.power_loss(p.id(n)), _start),
    "freeze": Breakage("the machine hangs; no event of any kind", lambda p, n: p.ground.freeze(p.id(n)),
                       lambda p, n: p.ground.thaw(p.id(n))),
    "maintain": Breakage("a maintenance is announced, an hour ahead",
                         lambda p, n: p.cloud.ecs.schedule_maintenance(p.id(n)),
                         lambda p, n: p.cloud.ecs.call_off(p.id(n))),
    "masquerade": Breakage("a person removes the masquerading rules",
                           lambda p, n: p.ground.by_hand(p.id(n)).lose_masquerade(), _set_up),
    "forwarding": Breakage("a person sets ip_forward to 0",
                           lambda p, n: p.ground.by_hand(p.id(n)).switch_off_forwarding(), _set_up),
    "firewalld": Breakage("a person stops firewalld", lambda p, n: p.ground.by_hand(p.id(n)).stop_firewalld(), _set_up),
    "internet": Breakage("nothing on the internet answers", lambda p, _: p.ground.internet(up=False),
                         lambda p, _: p.ground.internet(up=True), on_gateway=False),
    "api": Breakage("ECS and VPC do not answer", lambda p, _: api_silent(p),
                    lambda p, _: p.cloud.faults.clear(), on_gateway=False),
}  # fmt: skip


class CannotBreak(Exception):
    """A request that cannot be carried out; the message says what can."""


class Breaker:
    """Breaks and heals one playground, and remembers what is broken."""

    def __init__(self, play: Play, gateways: tuple[str, ...]) -> None:
        self.play, self.gateways = play, gateways
        self.broken: list[tuple[str, str]] = []

    def break_(self, kind: str, name: str) -> str:
        """Break something; returns what happened. Raises CannotBreak."""
        known = KINDS.get(kind)
        if known is None:
            what = f"there is no way to break {kind!r}; there are" if kind else "name what to break"
            raise CannotBreak(f"{what}: {', '.join(KINDS)}")
        if known.on_gateway and name not in self.gateways:
            which = f"there is no gateway {name!r}" if name else "name a gateway"
            raise CannotBreak(f"{which}: {', '.join(self.gateways)}, as in `natlab break {kind} {self.gateways[0]}`")
        name = name if known.on_gateway else ""
        try:
            known.do(self.play, name)
        except ApiError as refused:
            raise CannotBreak(f"the cloud refuses: {refused.code}: {refused.message}") from refused
        if (kind, name) not in self.broken:
            self.broken.append((kind, name))
        return f"{name or kind}: {known.says}"

    def heal(self, name: str) -> list[str]:
        """Heal what was broken: of a gateway, of a kind, or everything where no name is given. Raises CannotBreak."""
        chosen = [each for each in self.broken if name in ("", *each)]
        if not chosen:
            raise CannotBreak(f"nothing of {name} is broken" if name else "nothing is broken")
        done = []
        for kind, which in reversed(chosen):
            try:
                KINDS[kind].heal(self.play, which)
            except ApiError as refused:
                raise CannotBreak(f"the cloud refuses: {refused.code}: {refused.message}") from refused
            self.broken.remove((kind, which))
            done.append(f"healed: {kind} {which}".rstrip())
        return done
