"""Scenarios about what no event shows: ECS and firewalld say running, and private hosts have nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from natlab.cloud.fc.models import Invocation
from natlab.scenarios import steps, verdicts
from natlab.scenarios.network import FAILOVER, NOTIFIES, PROBE, WEB_SITE
from natlab.scenarios.scenario import Scenario, Step
from natlab.scenarios.stage import Play
from natlab.scenarios.steps import breaks, then
from natlab.scenarios.topology import TABLE, A, B
from natlab.scenarios.verdicts import passes, verified

_MOVED: Final = ("moved", "the internet is reached")
_AFTER_A_LOSS: Final = verdicts.outage_below(20.0)
_CLAIMED: Final = "zone internal claims source 10.0.100.0/24"
LANE: Final = "203.0.113.66:80"
"""Where the probe looks through the standby: servers of the lab's internet answer at each address."""
_WATCH_S: Final = 14.0
_BROKEN: Final = f"the probe {PROBE} does not look at the internet"
_LOST: Final = 0.3
_SHORT_S: Final = 3.0
"""How long the minute is in which the probe counts what is lost."""
_LOSSY: Final = f"of what {PROBE} asked"
_BETTER: Final = f"the probe {PROBE} of prod gets answers again"


def _flush(play: Play) -> None:
    play.ground.by_hand(play.id(A)).flush_rules()


def _claim(play: Play) -> None:
    play.ground.by_hand(play.id(A)).claim_source("10.0.100.0/24")


def _switch_off(play: Play, name: str) -> None:
    play.ground.by_hand(play.id(name)).switch_off_forwarding()


def _break_probe(play: Play) -> None:
    play.cloud.fc.update_function(PROBE, {"handler": "nothing.handler"})
    play.cloud.fc.dispatcher.end_all(PROBE)
    play.poke(PROBE, "look")


def _lane(play: Play) -> str:
    """Name the gateway that the lane leads through; empty while there is none, or it changes."""
    entry = play.cloud.vpc.route(play.id(TABLE), f"{LANE.partition(':')[0]}/32")
    at_rest = entry is not None and entry.status.value == "Available"
    return play.world.name_of(entry.next_hop.id) if entry is not None and at_rest else ""


def _proven(play: Play, name: str) -> bool:
    """Return True if status says that packets from a private host's place were seen to pass through a gateway."""
    (receipt,) = play.ask({"action": "status"})["receipts"]
    found = {each["next_hop"]: each for each in receipt.get("evidence", ())}.get(play.id(name), {})
    return (found.get("found"), found.get("kind")) == ("seen", "a private host's place")


def _until_seen(what: str, condition: Callable[[Play], bool], within_s: float = 90.0) -> Step:
    """Wait for something that watches and sweeps bring about; both come every few seconds meanwhile."""

    def do(play: Play) -> None:
        watched = swept = play.now() - _WATCH_S

        def come() -> bool:
            nonlocal watched, swept
            if play.now() - watched >= _WATCH_S:
                watched = play.now()
                until = json.dumps({"action": "watch", "until": watched + _WATCH_S - 1.0})
                play.cloud.fc.submit(PROBE, until.encode(), source="timer")
            if play.now() - swept >= steps.MINUTE_S / 2:
                swept = play.now()
                play.poke(FAILOVER, "sweep")
                return False
            return condition(play)

        play.until(what, come, within_s)

    return Step("", do)


def _lose(share: float) -> Callable[[Play], None]:
    def do(play: Play) -> None:
        play.record.single_connections = not share
        play.ground.lose_packets(play.id(A), share)

    return do


def _watches_until_told(words: str) -> Step:
    """Let one short watch of the probe follow the other, each with its count of losses, until people were told."""

    def do(play: Play) -> None:
        watch: Invocation | None = None

        def heard() -> bool:
            nonlocal watch
            if watch is None or watch.ended:
                order = {"action": "watch", "until": play.now() + _SHORT_S}
                watch = play.cloud.fc.submit(PROBE, json.dumps(order).encode())
            return any(words in message for message in play.record.messages)

        play.until(f"people were told {words!r}", heard, 60.0)

    return Step("", do)


UNSEEN: Final[tuple[Scenario, ...]] = (
    Scenario(
        "flush",
        "the kernel's rules are flushed",
        "A person flushes the kernel's rules on the active gateway, and firewalld goes on saying that it runs; the "
        "route must move, and the gateway be repaired so that it carries the route when the other one is stopped.",
        (
            breaks(f"a person flushes all rules on {A}", _flush),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_told("had drifted", within_s=60.0, sweeping=True),
            then(f"a person stops {B} (StopInstance)", steps.stop(B)),
            steps.until_at(A, 60.0, sweeping=True),
        ),
        (passes(B, A), verdicts.ends_at(A), verified, _AFTER_A_LOSS, verdicts.told("the kernel has no rule")),
        takes_s=30,
        extra=True,
    ),
    Scenario(
        "source-zone",
        "another zone takes the sources",
        "A person gives the private hosts' network to another zone of firewalld on the active gateway, which cuts them "
        "off; the route must move and stay away, and the setup must name the zone.",
        (
            breaks(f"a person gives 10.0.100.0/24 to zone internal on {A}", _claim),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_problem(_CLAIMED, within_s=60.0),
        ),
        (passes(B), verdicts.ends_at(B), verified, _AFTER_A_LOSS),
        policy={"networks": ["10.0.100.0/24"]},
        takes_s=25,
        extra=True,
    ),
    Scenario(
        "probe-dead",
        "the probe itself is broken",
        "A person deploys a probe that cannot start, and then the active gateway is stopped; people must be told that "
        "nothing looks at the internet any more, and the route must move all the same.",
        (
            breaks("the probe is deployed with a handler that does not exist", _break_probe),
            steps.until_people_told(_BROKEN),
            then(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told("moved", within_s=60.0),
        ),
        (passes(B), verdicts.ends_at(B), _AFTER_A_LOSS, verdicts.people_told(_BROKEN)),
        policy={NOTIFIES: True},
        takes_s=25,
        extra=True,
    ),
    Scenario(
        "lane",
        "the standby forwards nothing",
        "A person switches ip_forward off on the standby, which no event and no private host shows; its lane must be "
        "taken out, people told, the standby repaired and proven by the lane again, and the route and then the lane "
        "must follow when the active gateway is stopped and started.",
        (
            breaks(f"a person switches ip_forward off on {B}", lambda play: _switch_off(play, B)),
            _until_seen("the lane was taken out", lambda play: not _lane(play)),
            steps.until_people_told("203.0.113.66:80 was not answered"),
            _until_seen(f"the lane led through {B} again", lambda play: _lane(play) == B),
            _until_seen(f"{B} was proven by the lane", lambda play: _proven(play, B)),
            then(f"a person stops {A} (StopInstance)", steps.stop(A)),
            steps.until_at(B),
            steps.until_told(*_MOVED),
            steps.until_state(A, "Stopped"),
            then(f"a person starts {A} again", steps.start(A)),
            _until_seen(f"the lane led through {A}", lambda play: _lane(play) == A),
            _until_seen(f"{A} was proven by the lane", lambda play: _proven(play, A)),
        ),
        (passes(B), verdicts.ends_at(B), verified, _AFTER_A_LOSS, verdicts.people_told("was not answered")),
        policy={NOTIFIES: True, "probe": {"function": PROBE, "targets": [WEB_SITE], "lane": LANE}},
        takes_s=120,
        extra=True,
    ),
    Scenario(
        "brown-out",
        "three of ten packets are lost",
        "Three of ten packets are lost on their way through the active gateway; nothing may move, because nothing "
        "shows that the other one loses less, and people must be told when it begins and when it is over.",
        (
            breaks(f"{A} loses three of ten packets", _lose(_LOST)),
            _watches_until_told(_LOSSY),
            then(f"{A} loses none any more", _lose(0.0)),
            _watches_until_told(_BETTER),
        ),
        (
            passes(),
            verdicts.ends_at(A),
            verdicts.nothing_moved,
            _AFTER_A_LOSS,
            verdicts.people_told(_LOSSY, "natkeeper does not move for it"),
            verdicts.people_told(_BETTER),
        ),
        policy={NOTIFIES: True, "probe": {"function": PROBE, "targets": [WEB_SITE], "silence": "3s"}},
        takes_s=40,
        extra=True,
    ),
)
