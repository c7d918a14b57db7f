"""Put back what a drill broke: cancel the notice, start the gateway, wait until it is fit, move the routes home.

Every step is tried until it succeeds or the time is up, because a gateway can be started only once it is Stopped, and
the platform refuses for a while what it grants later. What is left to do is kept in words for people.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from natkeeper.cli.drill.faults import cancel_notice, start_instance
from natkeeper.cli.errors import CommandError, Denied, Wrong
from natkeeper.cli.survey import network
from natkeeper.ports import Failure, FailureKind

if TYPE_CHECKING:
    from natkeeper.cli.client import RegionClients
    from natkeeper.cli.drill.journal import Journal
    from natkeeper.cli.invoke import Asker

Json = dict[str, Any]
Say = Callable[[str], None]

RUNNING_WITHIN_S = 900.0
"""How long a gateway may take to stop, which an operating system may drag out for minutes, and to start again."""
FIT_WITHIN_S = 420.0
"""How long a running gateway may take to be a healthy standby again: it boots, and is set up anew."""
STEADY_S = 10.0
"""A stop that was asked for shows within this time; a gateway that runs for so long was not stopped."""
POLL_S = 2.0


class Gone(Exception):
    """The gateway was deleted meanwhile."""


def command(group: str) -> str:
    """Name the command that goes on putting back."""
    return f"natkeeper drill {group} --restore"


@dataclass
class Restore:
    """Puts one drill back. `sleeper` takes seconds; `left` says what is still to do, by step."""

    reach: RegionClients
    asker: Asker
    journal: Journal
    say: Say
    sleeper: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    left: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind, gateway = self.journal.kind, self.journal.gateway
        if kind == "maintenance":
            self.left["notice"] = f"the simulated maintenance notice of {gateway} is not cancelled"
        if kind == "stop":
            self.left["instance"] = f"{gateway} may be stopped"
        self.left["routes"] = "the routes may not go where they went before: " + ", ".join(
            f"{r.destination} in {r.table} went to {r.hop}" for r in self.journal.routes
        )

    def put_back(self) -> list[str]:
        """Do all of it. Returns what is still broken, in sentences; empty means that everything is as before."""
        try:
            if "notice" in self.left:
                self._cancel()
            if "instance" in self.left:
                self._run_again()
            self._routes_home()
        except Gone:
            pass
        except CommandError as trouble:
            self.left["trouble"] = f"it could not go on: {trouble.what}" + (f"; {trouble.do}" if trouble.do else "")
        if not self.left:
            self.journal.remove()
        return list(self.left.values())

    # ---- steps -------------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        gateway, due = self.journal.gateway, self.journal.not_before
        self._until(RUNNING_WITHIN_S, lambda: cancel_notice(self.reach, gateway, due))
        self.left.pop("notice")

    def _run_again(self) -> None:
        """Start the gateway once it is Stopped, and wait until it is Running."""
        gateway, began, seen = self.journal.gateway, self.monotonic(), ""
        started = False
        until = began + RUNNING_WITHIN_S
        while True:
            status = self._status_of(gateway)
            if status and status != seen:
                self.say(f"{gateway} is {status}")
                seen = status
                self.left["instance"] = f"{gateway} is {status} and was Running before the drill"
            steady = seen == "Running" and self.monotonic() - began >= STEADY_S
            if status == "Running" and (started or steady):
                self.left.pop("instance")
                return
            if status == "Stopped":
                refused = start_instance(self.reach, gateway)
                started = started or refused is None
                if refused is not None:
                    self.left["instance"] = f"{gateway} is Stopped, and starting it was refused: {refused}"
                if refused is not None and refused.kind is FailureKind.DENIED:
                    raise CommandError(str(refused))
            started = started or status == "Starting"  # one that is Running was not: the stop may not show yet
            if self.monotonic() >= until:
                raise CommandError(f"{gateway} did not run again within {RUNNING_WITHIN_S:g} s")
            self.sleeper(POLL_S)

    def _routes_home(self) -> None:
        """Move every route back to where it went, as soon as that gateway is a healthy standby."""
        until = self.monotonic() + FIT_WITHIN_S
        asked: dict[tuple[str, str], str] = {}
        while True:
            view = self._view()
            away = self._away(view)
            if view and not away:
                self.left.pop("routes")
                return
            if view:
                self.left["routes"] = "; ".join(
                    f"{table}: {destination} goes to {now or 'nothing'} and went to {home} before the drill"
                    for (table, destination), (now, home) in away.items()
                )
            for (table, destination), (_, home) in away.items():
                hops = [*view.get("gateways", ()), view.get("fallback") or {}]
                if any(each.get("id") == home and fit_for_duty(each) for each in hops):
                    why = self._ask({"action": "switch", "group": self.journal.group, "to": home, "table": table})
                    asked[table, destination] = why
            if self.monotonic() >= until:
                unfit = [
                    f"{each['id']}: {each.get('reason') or each.get('unfit') or 'fit'}"
                    for each in view.get("gateways", ())
                    if each["id"] in {home for _, home in away.values()}
                ]
                why = "; ".join([*unfit, *filter(None, asked.values())]) or "no answer"
                raise CommandError(f"the routes did not go back within {FIT_WITHIN_S:g} s ({why})")
            self.sleeper(POLL_S)

    # ---- looking and asking ------------------------------------------------------------------------------

    def _status_of(self, gateway: str) -> str:
        """Read an instance's status; empty where it cannot be read now."""
        found = self.reach.try_(lambda attempt: network.machines(attempt, ids=[gateway]))
        if isinstance(found, Failure):
            return ""
        if not found:
            self.journal.remove()  # nothing can be put back any more, and a further drill need not wait for it
            self.left = {"instance": f"{gateway} does not exist any more: someone deleted it"}
            raise Gone
        return found[0].status

    def _away(self, view: Json) -> dict[tuple[str, str], tuple[str, str]]:
        """List the routes that do not go where they went: now, and before."""
        found = {}
        for route in view.get("routes", ()):
            key = (str(route["table"]), str(route["destination"]))
            home, now = self.journal.expected(*key), str(route.get("next_hop") or "")
            if home is not None and now != home:
                found[key] = (now, home)
        return found

    def _view(self) -> Json:
        try:
            answer = self.asker.ask({"action": "status", "group": self.journal.group})
        except (Denied, Wrong):
            raise
        except CommandError:
            return {}  # busy, or not reached: the next check may be
        view: Json = answer["receipts"][0].get("view") or {}
        return view

    def _ask(self, request: Mapping[str, Any]) -> str:
        """Ask natkeeper; returns why it did not, empty where it did."""
        try:
            answer = self.asker.ask(request)
        except (Denied, Wrong):
            raise
        except CommandError as trouble:
            return trouble.what
        refused = [each["sentence"] for each in answer.get("receipts", ()) if each.get("outcome") == "refused"]
        return "; ".join(refused)

    def _until(self, within_s: float, make: Callable[[], Failure | None]) -> None:
        until = self.monotonic() + within_s
        while (refused := make()) is not None:
            if refused.kind is FailureKind.DENIED or self.monotonic() >= until:
                raise CommandError(str(refused))  # what is not allowed now is not allowed in ten minutes
            self.sleeper(POLL_S)


def fit_for_duty(gateway: Mapping[str, Any]) -> bool:
    """Return True if a gateway of a status view could carry a route."""
    return gateway.get("health") == "healthy" and not gateway.get("unfit")
