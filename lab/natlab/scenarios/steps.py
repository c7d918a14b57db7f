"""Steps that scripts are made of: break something, ask as a person, wait for what must follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from natlab.cloud.kernel.faults import CallFault
from natlab.scenarios.network import FAILOVER, FORWARDED
from natlab.scenarios.scenario import Step
from natlab.scenarios.stage import InVain, Play
from natlab.scenarios.topology import EIP

MINUTE_S = 6.0
"""How long the minute between two sweeps is where a script waits for a sweep."""
SOON_S = 30.0
"""How long to wait for what natkeeper is to do; many times longer than it takes."""


def breaks(say: str, do: Callable[[Play], object]) -> Step:
    """The fault of the scenario."""
    return Step(say, lambda play: _only(do(play)), fault=True)


def then(say: str, do: Callable[[Play], object]) -> Step:
    """Something else that happens."""
    return Step(say, lambda play: _only(do(play)))


def stop(name: str) -> Callable[[Play], object]:
    """A person stops an instance, by the API."""
    return lambda play: play.cloud.call("ecs", "StopInstance", {"InstanceId": play.id(name)})


def start(name: str) -> Callable[[Play], object]:
    """A person starts an instance, by the API."""
    return lambda play: play.cloud.call("ecs", "StartInstance", {"InstanceId": play.id(name)})


def repoint(table: str, to: str) -> Callable[[Play], object]:
    """A person changes the next hop of the default route, by the API."""

    def do(play: Play) -> object:
        route = {"RouteTableId": play.id(table), "DestinationCidrBlock": "0.0.0.0/0"}
        hop = {"NewNextHopType": "Instance", "NewNextHopId": play.id(to)}
        return play.cloud.call("vpc", "ModifyRouteEntry", {"RegionId": play.cloud.region} | route | hop)

    return do


def ask(**request: Any) -> Callable[[Play], object]:
    """A person invokes the failover function; names of the scenario become ids."""

    def do(play: Play) -> None:
        named = {key: play.world.ids.get(value, value) for key, value in request.items()}
        answer = play.ask(named)
        if not answer.get("ok"):
            raise InVain(f"the answer to {request} is not ok: {answer}")

    return do


def api_silent(play: Play) -> None:
    """Nothing of ECS and VPC answers any more."""
    play.cloud.faults.add(CallFault(play.course.silence, product="ecs|vpc", seconds=30.0))


def api_back(play: Play) -> None:
    """They answer again."""
    play.mark("the API is back")
    play.cloud.faults.clear()


def pause(seconds: float) -> Step:
    """Let time pass."""
    return Step("", lambda play: play.sleep(seconds))


def until_at(hop: str, within_s: float = SOON_S, *, sweeping: bool = False) -> Step:
    """Wait until the route of every table leads there, and new connections work.

    `sweeping`: it is a sweep that has to see to it, so let its timer fire every few seconds meanwhile.
    """

    def do(play: Play) -> None:
        tables, last = list(play.world.vswitches), play.now()

        def arrived() -> bool:
            nonlocal last
            if sweeping and play.now() - last > MINUTE_S:
                last = play.now()
                play.poke(FAILOVER, "sweep")
            return all(play.hop(each) == hop and play.traffic.works(each) for each in tables)

        play.until(f"{' and '.join(tables)} led to {hop} and worked", arrived, within_s)

    return Step("", do)


def until_told(*words: str, within_s: float = SOON_S, sweeping: bool = False) -> Step:
    """Wait until a run has ended whose receipt has these words in its sentence. `sweeping`: see `until_at`."""

    def do(play: Play) -> None:
        last = play.now() - MINUTE_S / 2

        def seen() -> bool:
            nonlocal last
            if sweeping and play.now() - last > MINUTE_S / 2:
                last = play.now()
                play.poke(FAILOVER, "sweep")
            return any(all(word in str(receipt.get("sentence")) for word in words) for receipt in play.news())

        play.until(f"a receipt said {' '.join(words)!r}", seen, within_s)

    return Step("", do)


def until_problem(words: str, within_s: float = SOON_S) -> Step:
    """Wait until a receipt, a quiet one too, has these words among its problems; sweeps come every few seconds."""

    def do(play: Play) -> None:
        last = play.now()

        def seen() -> bool:
            nonlocal last
            if play.now() - last > MINUTE_S / 2:
                last = play.now()
                play.poke(FAILOVER, "sweep")
            runs = (run for run in play.record.runs() if run.started >= play.fault_at)
            receipts = (receipt for run in runs for receipt in run.receipts)
            return any(words in problem for receipt in receipts for problem in receipt.get("problems", ()))

        play.until(f"a receipt named the problem {words!r}", seen, within_s)

    return Step("", do)


def until_people_told(*words: str, within_s: float = SOON_S, sweeping: bool = False) -> Step:
    """Wait until people were told something with these words. `sweeping`: see `until_at`."""

    def do(play: Play) -> None:
        last = play.now() - MINUTE_S / 2

        def heard() -> bool:
            nonlocal last
            if sweeping and play.now() - last > MINUTE_S / 2:
                last = play.now()
                play.poke(FAILOVER, "sweep")
            return any(all(word in message for word in words) for message in play.record.messages)

        play.until(f"people were told {' '.join(words)!r}", heard, within_s)

    return Step("", do)


def until_state(name: str, state: str, within_s: float = SOON_S) -> Step:
    """Wait until an instance is in that state."""

    def do(play: Play) -> None:
        play.until(f"{name} was {state}", lambda: play.cloud.ecs.status_of(play.id(name)) == state, within_s)

    return Step("", do)


def until_eip_at(name: str, within_s: float = 60.0) -> Step:
    """Wait until the EIP is there and new connections work."""

    def do(play: Play) -> None:
        def arrived() -> bool:
            return play.eip_on() == name and all(play.traffic.works(table) for table in play.world.vswitches)

        play.until(f"the EIP was on {name} and worked", arrived, within_s)

    return Step("", do)


def until_repaired(name: str, within_s: float = 60.0) -> Step:
    """Wait until OOS has run the setup once more, with success."""
    return Step("", lambda play: play.until(f"{name} had been set up again", lambda: play.set_up(2), within_s))


def minutes_pass(minutes: float) -> Callable[[Play], object]:
    """Let every setup so far be that much older, so that the next sweep finds it due."""
    return lambda play: play.cloud.oos.executions.age(minutes * 60.0)


def arrives(play: Play) -> None:
    """See that the forwarded port of the EIP leads to a private host. Raises InVain."""
    address = play.cloud.vpc.eip(play.id(EIP)).address
    if not play.ground.arrives(address, FORWARDED):
        raise InVain(f"nothing arrives by port {FORWARDED} of {address}")


def until_arrives(within_s: float = SOON_S) -> Step:
    """Wait until a visitor's new connection to the EIP arrives at the private host."""

    def do(play: Play) -> None:
        address = play.cloud.vpc.eip(play.id(EIP)).address
        play.until(f"port {FORWARDED} of {address} led on", lambda: play.ground.arrives(address, FORWARDED), within_s)

    return Step("", do)


def _only(_: object) -> None:
    return None
