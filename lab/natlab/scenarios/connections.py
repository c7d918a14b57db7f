"""Scenarios about connections that are to go on, and about visitors who come in by a gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from natlab.scenarios import steps, verdicts
from natlab.scenarios.network import FORWARDED, NOTIFIES, PRIVATE_HOST
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import InVain, Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.topology import A, B, Topology
from natlab.scenarios.verdicts import no_connection_lost, passes, verified

_PLANNED: Final = (passes(B), verdicts.ends_at(B), verified, no_connection_lost)
_RELAYED: Final = (*_PLANNED, verdicts.told("relays what only", "for 10 min"))
_SWITCH: Final = breaks(f"a person switches to {B}", steps.ask(action="switch", group="prod", to=B))
_BOTH: Final = (A, B)
_RANGE: Final = "30000-30010"
_SITE: Final = "www.example.com"
_REFUSED: Final = "goes on with the one before"
_VISITED: Final[dict[str, Any]] = {"port": FORWARDED, "to": f"{PRIVATE_HOST}:8000"}


def _arrive(play: Play, by: tuple[str, ...], ports: tuple[int, ...], inside: str = "") -> None:
    """See that connections to the gateways `by` arrive at the private host. Raises InVain."""
    for gateway in by:
        address = play.cloud.ecs.instance(play.id(gateway)).public_ip
        for port in ports:
            if not play.ground.arrives(address, port, inside):
                raise InVain(f"nothing arrives by port {port} of {address}")


def _arriving(by: tuple[str, ...], *ports: int, inside: bool = False) -> Callable[[Play], object]:
    """See that connections arrive: from the internet, or from the first private host."""
    return lambda play: _arrive(play, by, ports, next(iter(play.world.vswitches.values())) if inside else "")


def _switching(*before: Callable[[Play], object]) -> Callable[[Play], object]:
    def do(play: Play) -> None:
        for each in before:
            each(play)
        steps.ask(action="switch", group="prod", to=B)(play)

    return do


def _reclaim(play: Play) -> None:
    play.cloud.ecs.reclaim_spot(play.id(A))


def _serve(play: Play) -> None:
    """See that each gateway takes requests for the host name and the port to the private host. Raises InVain."""
    for gateway in _BOTH:
        address = play.cloud.ecs.instance(play.id(gateway)).public_ip
        for port, host in ((80, _SITE), (FORWARDED, "")):
            if not play.ground.serves(address, port, host):
                raise InVain(f"port {port} of {address} does not serve {host or 'visitors'}")
        if play.ground.serves(address, 80, "other.example.com"):
            raise InVain(f"{address} serves a host name that is not its own")


CONNECTIONS: Final[tuple[Scenario, ...]] = (
    Scenario(
        "relay",
        "a switch that cuts nothing",
        "A person switches between gateways with addresses of their own; the new one must relay what only the old one "
        "knows, so that live connections go on.",
        (_SWITCH, steps.until_at(B)),
        _RELAYED,
        policy={"relay": "10m"},
        fate="relayed",
        extra=True,
    ),
    Scenario(
        "relay-then-death",
        "the relay's other end dies",
        "A person switches, and the old gateway dies while connections go on through it; they must be reset and not "
        "hang, and the route must stay.",
        (
            _SWITCH,
            steps.until_at(B),
            steps.pause(2.0),
            then(f"the guest of {A} dies", lambda play: play.cloud.ecs.crash(play.id(A))),
            steps.pause(6.0),
        ),
        _RELAYED,
        policy={"relay": "10m"},
        fate="reset",
        takes_s=18,
        extra=True,
    ),
    Scenario(
        "spot-relay",
        "spot: relayed until it goes",
        "The active gateway is a spot instance and gets its notice; its connections must go on through it until the "
        "platform takes it.",
        (
            breaks(f"{A} gets notice that it will be reclaimed", _reclaim),
            steps.until_at(B),
            steps.pause(2.0),
            then(f"the platform takes {A}", lambda play: play.cloud.ecs.crash(play.id(A))),
            steps.pause(6.0),
        ),
        _RELAYED,
        Topology(spot=frozenset({A})),
        {"relay": "10m"},
        "reset",
        takes_s=18,
        extra=True,
    ),
    Scenario(
        "visitors",
        "visitors by every gateway",
        "Visitors come in by both gateways while a person switches; both must be served all the time.",
        (
            breaks(f"visitors come by both, and a person switches to {B}", _switching(_arriving(_BOTH, FORWARDED))),
            steps.until_at(B),
            then("visitors come again", _arriving(_BOTH, FORWARDED)),
        ),
        _PLANNED,
        policy={"way_in": "every", "forwards": [_VISITED]},
        extra=True,
    ),
    Scenario(
        "ranges",
        "ranges of ports come along",
        "Ranges of ports are forwarded by both gateways, one with hidden sources; all must arrive after a switch.",
        (
            breaks(f"a person switches to {B}", _switching(_arriving((A,), 30000, 30010), _arriving(_BOTH, 31001))),
            steps.until_at(B),
            then("visitors come again", _arriving((B,), 30000, 30010)),
            then("those with hidden sources by both", _arriving(_BOTH, 31001)),
        ),
        _PLANNED,
        policy={
            "forwards": [
                {"port": _RANGE, "to": PRIVATE_HOST, "protocol": "both"},
                {"port": "31000-31002", "to": f"{PRIVATE_HOST}:9000-9002", "hide_source": True},
            ]
        },
        extra=True,
    ),
    Scenario(
        "hairpin",
        "the public address from inside",
        "A private host asks for forwarded ports by the public addresses of both gateways, as the world does; it must "
        "arrive by either one before and after a switch.",
        (
            breaks(f"a person switches to {B}", _switching(_arriving(_BOTH, FORWARDED, 30005, inside=True))),
            steps.until_at(B),
            then("the private host asks again", _arriving(_BOTH, FORWARDED, 30005, inside=True)),
        ),
        _PLANNED,
        policy={"forwards": [_VISITED, {"port": _RANGE, "to": PRIVATE_HOST}]},
        extra=True,
    ),
    Scenario(
        "nginx",
        "nginx serves by every gateway",
        "Both gateways serve a host name and a port by nginx while a person switches; then the active one's nginx "
        "refuses its new configuration, which must be told, and the old one must go on serving.",
        (
            breaks(f"visitors come by both, and a person switches to {B}", _switching(_serve)),
            steps.until_at(B),
            then("visitors come again", _serve),
            then(f"a person breaks nginx on {B}", lambda play: play.ground.by_hand(play.id(B)).break_proxy()),
            then("ten minutes pass", steps.minutes_pass(10.5)),
            steps.until_people_told(_REFUSED, within_s=60.0, sweeping=True),
            then("visitors come once more", _serve),
        ),
        (*_PLANNED, verdicts.people_told(_REFUSED)),
        policy={
            NOTIFIES: True,
            "proxy": {"http": [{"host": _SITE, "to": _VISITED["to"]}], "stream": [_VISITED]},
        },
        takes_s=25,
        extra=True,
    ),
)
