"""The one list of scenarios. Each is one thing that goes wrong, or is wanted, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from natlab.scenarios import steps, verdicts
from natlab.scenarios.capacity import CAPACITY
from natlab.scenarios.connections import CONNECTIONS
from natlab.scenarios.network import FORWARDED, NOTIFIES, PRIVATE_HOST
from natlab.scenarios.scenario import Scenario
from natlab.scenarios.stage import Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.testbed import Hands
from natlab.scenarios.topology import NAT, STRANGER, TABLE, A, B, Topology
from natlab.scenarios.unseen import UNSEEN
from natlab.scenarios.verdicts import no_connection_lost, passes, verified

_MOVED: Final = ("moved", "the internet is reached")
"""How the sentence of a receipt about a verified move reads."""
_AFTER_A_DEATH: Final = verdicts.outage_below(20.0)
_PLANNED: Final = (passes(B), verdicts.ends_at(B), verified, no_connection_lost)
_UNPLANNED: Final = (passes(B), verdicts.ends_at(B), verified, _AFTER_A_DEATH)
_EITHER: Final = "table-h", "table-i"


def _reclaim(play: Play) -> None:
    play.cloud.ecs.reclaim_spot(play.id(A))


def _maintain(play: Play) -> None:
    play.cloud.ecs.schedule_maintenance(play.id(A))


def _fail_with_visitors(play: Play) -> None:
    steps.arrives(play)
    play.cloud.ecs.system_failure(play.id(A))


def _hands(play: Play, name: str) -> Hands:
    return play.ground.by_hand(play.id(name))


_REPAIRED: Final = "had drifted and was repaired"
"""In the message about it, whatever else the message is about."""


def _drift(kind: str, brief: str, said: str, do: Callable[[Hands], object], *, active: bool) -> Scenario:
    """A person changes something on a gateway; it must be noticed, repaired and told.

    `active`: it is the one with the route, and egress is lost with it. Else a sweep finds it, and a person who then
    switches there feels nothing.
    """
    name = A if active else B
    broken = breaks(f"{said} on {name}", lambda play: do(_hands(play, name)))
    repaired = steps.until_told("had drifted", within_s=60.0, sweeping=True)
    if active:
        return Scenario(
            f"drift-{kind}",
            brief,
            f"{said.capitalize()} on the active gateway; the route must move first, and the gateway be repaired.",
            (broken, steps.until_at(B), steps.until_told(*_MOVED), repaired),
            (*_UNPLANNED, verdicts.told("had drifted")),
            takes_s=20,
            extra=True,
        )
    return Scenario(
        f"drift-{kind}",
        brief,
        f"{said.capitalize()} on the standby; a sweep must repair it before it is needed, and people must be told.",
        (
            broken,
            then("ten minutes pass", steps.minutes_pass(10.5)),
            repaired,
            steps.until_people_told(_REPAIRED),
            then(f"a person switches to {B}", steps.ask(action="switch", group="prod", to=B)),
            steps.until_at(B),
        ),
        (*_PLANNED, verdicts.told("had drifted"), verdicts.people_told(_REPAIRED)),
        policy={NOTIFIES: True},
        takes_s=20,
        extra=True,
    )


_DRIFTS: Final = (
    _drift("masquerade", "masquerade gone on standby", "a person removes the masquerading",
           lambda hands: hands.lose_masquerade(permanently=True), active=False),
    _drift("forwarding", "ip_forward off", "a person switches ip_forward off",
           lambda hands: hands.switch_off_forwarding(), active=True),
    _drift("stopped", "firewalld stopped", "a person stops firewalld",
           lambda hands: hands.stop_firewalld(), active=True),
    _drift("masked", "firewalld masked on standby", "a person masks firewalld",
           lambda hands: hands.stop_firewalld(mask=True), active=False),
    _drift("unbound", "interface unbound on standby", "a person takes the interface out of its zone",
           lambda hands: hands.unbind_interface(permanently=True), active=False),
    _drift("reject", "a foreign rule refuses all", "another program refuses forwarded packets",
           lambda hands: hands.add_foreign_reject(), active=True),
)  # fmt: skip

SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        "stop",
        "gateway stopped",
        "A person stops the active gateway; its route must move to the standby, and people must be told.",
        (
            breaks(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_people_told("moved 0.0.0.0/0"),
        ),
        (*_UNPLANNED, verdicts.people_told("moved 0.0.0.0/0", "the internet is reached")),
        policy={NOTIFIES: True},
    ),
    Scenario(
        "crash",
        "guest dead, ECS sees nothing",
        "The active gateway dies and ECS does not notice: no event comes; the probe must, and the route must move.",
        (
            breaks(f"the guest of {A} dies; ECS goes on saying Running", lambda play: play.cloud.ecs.crash(play.id(A))),
            steps.until_at(B),
            steps.until_told(*_MOVED),
        ),
        _UNPLANNED,
    ),
    Scenario(
        "misconfigured",
        "masquerade gone",
        "A person removes the masquerading of the active gateway, without any event; the route must move and the "
        "gateway be repaired.",
        (
            breaks(
                f"a person removes the masquerading on {A}",
                lambda play: _hands(play, A).lose_masquerade(permanently=True),
            ),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_repaired(A),
        ),
        (*_UNPLANNED, verdicts.told("started the setup")),
        takes_s=16,
    ),
    Scenario(
        "freeze",
        "gateway hangs",
        "The active gateway stands still with all its processes, without any event; the route must move.",
        (
            breaks(f"{A} stands still", lambda play: play.ground.freeze(play.id(A))),
            steps.until_at(B),
            steps.until_told(*_MOVED),
        ),
        _UNPLANNED,
    ),
    Scenario(
        "spot",
        "spot instance reclaimed",
        "The active gateway is a spot instance and gets its five minutes' notice; the route must move before it goes.",
        (
            breaks(f"{A} gets notice that it will be reclaimed", _reclaim),
            steps.until_at(B),
            steps.until_told(*_MOVED),
        ),
        _PLANNED,
        Topology(spot=frozenset({A})),
    ),
    Scenario(
        "maintenance",
        "maintenance announced",
        "Maintenance of the active gateway's host is announced for in an hour; the route must move ahead of time.",
        (
            breaks(f"maintenance of {A} is scheduled for in an hour", _maintain),
            steps.until_at(B),
            steps.until_told(*_MOVED),
        ),
        _PLANNED,
    ),
    Scenario(
        "both-down",
        "both stopped, one comes back",
        "Both gateways are stopped; the managed NAT gateway must carry the route until a gateway is back and proven.",
        (
            breaks(f"a person stops {A}, and {B} as well", lambda play: (steps.stop(A)(play), steps.stop(B)(play))),
            steps.until_at(NAT),
            steps.until_told("0.0.0.0/0 in", "is Stop"),  # moved, or carried over a bridge
            steps.until_state(A, "Stopped"),
            then(f"a person starts {A}", steps.start(A)),
            steps.until_at(A, 90.0, sweeping=True),
            steps.until_told("0.0.0.0/0 in", "healthy again"),
        ),
        (passes(NAT, A), verdicts.ends_at(A), verified, _AFTER_A_DEATH),
        Topology(fallback=True),
        {"hold_down": "5s"},
        takes_s=45,
    ),
    Scenario(
        "api-outage",
        "the API does not answer",
        "The API stops answering, then the active gateway dies: what cannot be seen must not be moved, and what can be "
        "seen again must.",
        (
            breaks("ECS and VPC stop answering", steps.api_silent),
            steps.pause(1.0),
            then(f"the guest of {A} dies", lambda play: play.cloud.ecs.crash(play.id(A))),
            steps.pause(8.0),
            then("ECS and VPC answer again", steps.api_back),
            steps.until_at(B, 60.0),
            steps.until_told(*_MOVED),
        ),
        (
            passes(B),
            verdicts.ends_at(B),
            verified,
            verdicts.nothing_moved_before("the API is back"),
            verdicts.outage_below(60.0),
        ),
        takes_s=20,
    ),
    Scenario(
        "manual",
        "a person switches",
        "A person asks for the other gateway; the route must move without a connection failing.",
        (
            breaks(
                f"a person invokes natkeeper-failover: switch to {B}", steps.ask(action="switch", group="prod", to=B)
            ),
            steps.until_at(B),
        ),
        _PLANNED,
    ),
    Scenario(
        "return",
        "the old gateway comes back",
        "A stopped gateway is started again and has failback: its route must go home once it is proven, unfelt.",
        (
            breaks(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_state(A, "Stopped"),
            then(f"a person starts {A} again", steps.start(A)),
            steps.until_at(A, 90.0, sweeping=True),
            steps.until_told("moved", "healthy again"),
        ),
        (passes(B, A), verdicts.ends_at(A), verified, _AFTER_A_DEATH),
        policy={"failback": "5s", "hold_down": "5s"},
        takes_s=45,
    ),
    Scenario(
        "zones",
        "two zones, two tables",
        "Each of two zones prefers its own gateway; when one dies, only its own zone's route may move.",
        (
            breaks(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told(*_MOVED),
        ),
        (*_UNPLANNED, verdicts.no_connection_lost_behind(_EITHER[1])),
        Topology(tables={_EITHER[0]: A, _EITHER[1]: B}),
    ),
    Scenario(
        "follow",
        "the EIP goes with the route",
        "The active gateway's host fails; route and EIP must both go to the standby, so the address stays the same.",
        (
            breaks(f"the host of {A} fails", lambda play: play.cloud.ecs.system_failure(play.id(A))),
            steps.until_eip_at(B),
            steps.until_told("the internet is reached"),
        ),
        (
            passes(B),
            verdicts.ends_at(B),
            verdicts.eip_ends_at(B),
            verdicts.one_address,
            verified,
            verdicts.outage_below(40.0),
        ),
        Topology(follow=True),
        takes_s=25,
    ),
    Scenario(
        "foreign",
        "a person changes it",
        "A person points the route at a machine of their own; natkeeper must leave it there and say so.",
        (
            breaks(f"a person points the route at {STRANGER} (ModifyRouteEntry)", steps.repoint(TABLE, STRANGER)),
            steps.until_told("someone else set"),
        ),
        (passes(STRANGER), verdicts.ends_at(STRANGER), verdicts.nothing_moved, no_connection_lost),
        Topology(stranger=True),
        takes_s=16,
    ),
    Scenario(
        "internet-down",
        "the internet is dead",
        "The internet itself is lost, through every gateway alike; moving would help nobody, so nothing may move.",
        (
            breaks("the internet stops answering", lambda play: play.ground.internet(up=False)),
            steps.until_told("internet does not answer"),
            steps.pause(2.0),
            then("the internet answers again", lambda play: play.ground.internet(up=True)),
            steps.pause(1.0),
        ),
        (passes(), verdicts.ends_at(A), verdicts.nothing_moved),
        takes_s=12,
    ),
    Scenario(
        "reboot",
        "rebooted, forwards again",
        "A person reboots the active gateway; the route must move, and the gateway forward again when it is up.",
        (
            breaks(f"a person reboots {A} (RebootInstance)", lambda play: play.cloud.ecs.reboot(play.id(A))),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_state(A, "Running", 90.0),
            then(f"a person switches back to {A}", steps.ask(action="switch", group="prod", to=A)),
            steps.until_at(A),
        ),
        (passes(B, A), verdicts.ends_at(A), verified, _AFTER_A_DEATH),
        takes_s=25,
        extra=True,
    ),
    Scenario(
        "dnat",
        "a forwarded port comes along",
        "The active gateway's host fails; what is forwarded to a private host must arrive by the other one, too.",
        (
            breaks(f"the host of {A} fails", _fail_with_visitors),
            steps.until_eip_at(B),
            steps.until_arrives(),
            steps.until_told("the internet is reached"),
        ),
        (passes(B), verdicts.eip_ends_at(B), verdicts.one_address, verified, verdicts.outage_below(40.0)),
        Topology(follow=True),
        {"forwards": [{"port": FORWARDED, "to": f"{PRIVATE_HOST}:8000"}]},
        takes_s=25,
        extra=True,
    ),
    *CONNECTIONS,
    *CAPACITY,
    *UNSEEN,
    *_DRIFTS,
)

NAMES: Final = tuple(scenario.name for scenario in SCENARIOS)
SHOWN: Final = tuple(scenario for scenario in SCENARIOS if not scenario.extra)
"""What the demo plays unasked."""


def scenario(name: str) -> Scenario:
    """Find a scenario by its name. Raises KeyError."""
    return {each.name: each for each in SCENARIOS}[name]
