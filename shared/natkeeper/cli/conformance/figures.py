"""How long do packets take to follow a route, a function to start, and a throttled request to be tried again?

The route of the trial deployment goes to the standby and back, by the writes that natkeeper makes, while the API and
the probe are asked without a pause. Functions are asked for what changes nothing. Figures go by the names of natlab's
table of latencies; one that cannot be measured has its reason in Place.unmeasured.
"""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from natkeeper.alibaba.clients import Attempt
from natkeeper.alibaba.lean_imports import lean
from natkeeper.cli.conformance.place import POLL_S, Place
from natkeeper.cli.drill.sampler import Feeling
from natkeeper.cli.errors import CommandError
from natkeeper.domain.config import Follow

if TYPE_CHECKING:
    from natkeeper.cli.invoke import Asker
    from natkeeper.domain.config import Route
    from natkeeper.drill import NewConnection

PACKETS, COLD_START, THROTTLED = "vpc.route_entry.packets", "fc.cold_start.platform", "fc.async.throttled_retry"
FOLLOWED_WITHIN_S = 20.0
"""How long private hosts of the trial deployment may be without the internet at most."""
LOOKED_WITHIN_S = 30.0
_AT_ONCE = 3
"""Requests at once that need as many instances: more than are kept warm by rare notifications."""
_WARM = 3
_TRIES = 20
_MET = 3
_CALLERS = 3
_HOLD_S = 0.15
_IDLE_S = 0.02
_LEAST_S = 0.05
"""Less than this is the noise of two calls."""
_LET_IN_S = 0.1
_AGAIN_S = 0.005
_ARRIVED_WITHIN_S = 120.0
_INVOKE_S = 30.0
_COUNT = b'{"action":"addresses"}'
_SOURCE = "natkeeper.conformance"


# ---- packets ---------------------------------------------------------------------------------------------


def packets(place: Place, route: Route) -> None:
    """Move the route to the standby and back; keep the longer time from the API's end of it to the first packet.

    Raises CommandError where that cannot be seen, or if no packet came by the standby; the route is back by then.
    """
    function = place.group.probe_of(route)
    if function is None:
        raise CommandError("the group has no probe, and only a packet shows where packets go")
    if isinstance(place.group.address, Follow):
        raise CommandError("the EIP follows the route, so a write alone moves nothing; `natkeeper drill` times a move")
    feeling = Feeling(place.reach, function, place.monotonic, between_s=0.0)
    if (first := _look(place, feeling)) == "":
        raise CommandError(f"no target of {function} tells a public address, so nothing shows by which gateway it went")
    feeling.begin()
    try:
        there, second = _moved(place, route, feeling, place.standby, first)
        back, _ = _moved(place, route, feeling, place.active, second)
    finally:
        feeling.stop()
        feeling.join()
        lead_back(place, route)
    place.seconds[PACKETS] = round(max(there, back), 2)


def _look(place: Place, feeling: Feeling) -> str:
    """Look until something answers, for an instance may have to start; the public address, empty if none is told."""
    until = place.monotonic() + LOOKED_WITHIN_S
    while place.monotonic() < until:
        seen = feeling.check()
        if seen is not None and not seen.error:
            return seen.seen
        place.sleeper(POLL_S)  # an invocation that is refused is answered at once, and each one counts
    raise CommandError(f"the probe sees no internet: {feeling.blind or 'nothing answers'}")


def _moved(place: Place, route: Route, feeling: Feeling, hop: str, before: str) -> tuple[float, str]:
    """Point the route at `hop`; seconds from the API's end of it to that of the first look by it, and its address."""
    began = place.monotonic()
    refused = place.until_taken(lambda: place.modify(route.destination, hop=hop))
    if refused:
        raise CommandError(f"{route} cannot be pointed at {hop}: {refused}")
    accepted, shown = place.monotonic(), 0.0
    while True:
        if not shown:
            entry = place.entry(route.destination)
            if entry is not None and place.leads(entry) == hop and str(entry.status) in ("Available", "Created"):
                shown = place.monotonic()
        followed = next((each for each in tuple(feeling.attempts) if each.began >= began and _by(each, before)), None)
        if shown and followed is not None:
            return max(0.0, followed.ended - shown), followed.seen
        if place.monotonic() - accepted >= FOLLOWED_WITHIN_S:
            what = "no packet was seen to follow it" if shown else "the API does not show it"
            raise CommandError(f"{route} was pointed at {hop}, and {what} within {FOLLOWED_WITHIN_S:g} s")


def _by(look: NewConnection, before: str) -> bool:
    return not look.error and look.seen not in ("", before)


def lead_back(place: Place, route: Route) -> None:
    """Point the route at the active gateway again, if it leads to the standby. Raises CommandError if it will not."""
    place.settle(route.destination)
    entry = place.entry(route.destination)
    if entry is None or place.leads(entry) != place.standby:
        return
    refused = place.until_taken(lambda: place.modify(route.destination, hop=place.active))
    if refused:
        raise CommandError(f"{route} leads to {place.standby}: {refused}")
    place.settle(route.destination)


# ---- functions -------------------------------------------------------------------------------------------


def cold_start(place: Place, function: str | None) -> None:
    """Ask the notify function for a number, several times at once: all but warm instances have to start first."""
    if function is None:
        raise CommandError("natkeeper.yaml names no notify function, and the others are kept warm")
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        at_once = list(threads.map(lambda _: _invoked(place, function, _COUNT), range(_AT_ONCE)))
    warm = min(_invoked(place, function, _COUNT) for _ in range(_WARM))
    took = max(at_once) - warm
    if took < _LEAST_S:
        raise CommandError(f"{_AT_ONCE} instances of {function} were warm already; try again after some minutes")
    place.seconds[COLD_START] = round(took, 2)


def throttled(place: Place, function: str, asker: Asker | None) -> None:
    """Send the failover function events while it is busy: when does Function Compute try them again?

    The median counts of those that came well after the function was free: what comes at once then was not tried again,
    but let in. What clocks differ by, and what any asynchronous request takes, is known from one that met an idle
    function.
    """
    if asker is None:
        raise CommandError("the failover function was not named")
    asker.ask({"action": "status", "group": place.group.name})  # its instance is there
    place.sleeper(_IDLE_S)
    usual, waits = _sent(place, function, asker, hold=False)[0], list[float]()
    for _ in range(_TRIES):
        late, busy = _sent(place, function, asker, hold=True)
        wait = late - usual
        if wait > busy + _LET_IN_S:
            waits.append(wait)
        if len(waits) == _MET:
            break
    if len(waits) < _MET:
        raise CommandError(f"only {len(waits)} of {_TRIES} events met a busy function and were tried again later")
    place.seconds[THROTTLED] = round(median(waits), 2)


def _sent(place: Place, function: str, asker: Asker, *, hold: bool) -> tuple[float, float]:
    """Send an event; seconds until it arrived, by two clocks, and until the function was kept busy no more."""
    over = threading.Event()
    status = json.dumps({"action": "status", "group": place.group.name}).encode()

    def keep_busy() -> None:
        while not over.is_set():
            try:
                asker.way.once(status)
            except Exception:  # noqa: BLE001  the other one has it
                over.wait(_AGAIN_S)

    busy = [threading.Thread(target=keep_busy, daemon=True) for _ in range(_CALLERS * hold)]
    for each in busy:
        each.start()
    if hold:
        place.sleeper(_HOLD_S)
    subject, sent, began = f"{_SOURCE}/{uuid.uuid4()}", place.reach.clock(), place.monotonic()
    event = {
        "specversion": "1.0", "id": subject, "source": _SOURCE, "type": "natkeeper:Conformance:Busy", "data": {},
        "subject": subject, "time": sent.isoformat(),
    }  # fmt: skip
    _invoked(place, function, json.dumps(event).encode(), "Async")
    if hold:
        place.sleeper(_HOLD_S)
    over.set()
    for each in busy:
        each.join()
    free = place.monotonic() - began
    until = place.monotonic() + _ARRIVED_WITHIN_S
    while place.monotonic() < until:
        found = asker.ask({"action": "received"}).get("received") or ()
        arrived = next((datetime.fromisoformat(str(each["at"])) for each in found if each["subject"] == subject), None)
        if arrived is not None:
            return (arrived - sent).total_seconds(), free
        place.sleeper(_LEAST_S * 4)
    raise CommandError(f"an event sent to {function} did not arrive within {_ARRIVED_WITHIN_S:g} s")


def _invoked(place: Place, function: str, payload: bytes, how: str = "Sync") -> float:
    """Invoke a function; how long that took. Raises CommandError."""
    with lean("alibabacloud_fc20230330"):
        from alibabacloud_fc20230330 import models
        from alibabacloud_fc20230330.client import Client

    def invoke(attempt: Attempt) -> float:
        client, began = attempt.clients.client(Client), place.monotonic()
        answer = client.invoke_function_with_options(
            function,
            models.InvokeFunctionRequest(body=io.BytesIO(payload)),
            models.InvokeFunctionHeaders(x_fc_invocation_type=how),
            attempt.options(_INVOKE_S),
        )
        body: Any = answer.body
        if body is not None:
            body.read()
        return place.monotonic() - began

    return place.reach.do(f"asking {function}", invoke)


Part = Callable[[], None]


def parts(place: Place, route: Route, function: str, notify: str | None, asker: Asker | None) -> dict[str, Part]:
    """List what is measured here, by the name of its figure."""
    return {
        PACKETS: partial(packets, place, route),
        COLD_START: partial(cold_start, place, notify),
        THROTTLED: partial(throttled, place, function, asker),
    }
