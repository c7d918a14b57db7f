"""What a receipt shows of its group, and what a person should do about it: in one language and time zone.

The advice is made from the view, and not from the sentences of a run: a gateway that is stopped is to be started,
whatever the message is about, and nobody is told "nothing" while no standby is ready.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from natkeeper.notify import wording
from natkeeper.notify.reading import list_of, local, moment_of, nearest
from natkeeper.notify.wording import text

Json = Mapping[str, Any]

_TIME = re.compile(r"(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d(?::\d\d)?) UTC")
_BY_ITSELF = ("is Starting", "is Pending")
"""Reasons that end by themselves: the gateway is set up as soon as it runs."""


class SeenGroup:
    """The group of a receipt as its view shows it; what is missing or odd is not there."""

    def __init__(self, receipt: Json, language: str, timezone: str, region: str = "") -> None:
        self.language, self.timezone, self.region = language, timezone, region
        self.name = str(receipt.get("group", "?"))
        found = receipt.get("view")
        view: Json = found if isinstance(found, Mapping) else {}
        self.gateways = [each for each in list_of(view.get("gateways")) if isinstance(each, Mapping)]
        self.routes = [each for each in list_of(view.get("routes")) if isinstance(each, Mapping)]
        fallback = view.get("fallback")
        self.fallback = str(fallback.get("id")) if isinstance(fallback, Mapping) else ""
        self.hops = [*self.gateways, *([fallback] if isinstance(fallback, Mapping) else [])]
        self.at = moment_of(receipt.get("at"))
        eip = view.get("eip")
        self.holder = eip.get("holder") if isinstance(eip, Mapping) else None
        self.paused = bool(view.get("paused_until"))

    @property
    def fit(self) -> list[Json]:
        """The gateways, and the fallback, that could carry the route now, by all that is known of them."""
        carrying = self._carrying()
        fit = (each for each in self.hops if each.get("health") == "healthy" and not each.get("unfit"))
        return [each for each in fit if each.get("id") not in carrying]

    @property
    def held(self) -> list[datetime]:
        """Until when each gateway is held back against which nothing else speaks; empty where another one is unfit."""
        running = (each for each in self.gateways if not each.get("cold"))
        unfit = [each for each in running if each.get("health") != "healthy" or each.get("unfit")]
        held = [until for each in unfit if (until := moment_of(each.get("held_until"))) is not None]
        return held if len(held) == len(unfit) else []

    @property
    def elsewhere(self) -> bool:
        """Return True if a route goes to a next hop that is not the group's."""
        known = {str(each.get("id")) for each in self.gateways} | {self.fallback, ""}
        return any(str(route.get("next_hop") or "") not in known for route in self.routes)

    def lives(self, hop: object) -> bool:
        """Return True if a gateway is not known to be dead."""
        return any(each.get("id") == hop and each.get("health") in ("healthy", "draining") for each in self.gateways)

    def left(self) -> str:
        """Say which standbys are left, or why there is none; empty where the view does not show it."""
        if not self.gateways:
            return ""
        if self.fit:
            said: dict[str, list[str]] = {}
            for each in self.fit:
                said.setdefault("ready" if _proven(each) else "unproven", []).append(self.named(each.get("id")))
            return self.join(self.say(wording.LEFT, key, hops=", ".join(said[key])) for key in sorted(said))
        others = [each for each in self.gateways if each.get("id") not in self._carrying()]
        cold = [self.named(each.get("id")) for each in others if each.get("cold")]
        if cold:
            return self.say(wording.LEFT, "cold", hops=", ".join(cold))
        if not others:
            return self.say(wording.LEFT, "alone" if len(self.gateways) == 1 else "carrying")
        why = (f"{each.get('id')} {each.get('reason') or each.get('unfit') or ''}".strip() for each in others)
        return self.say(wording.LEFT, "none", hops=self.join(map(self.named, why)))

    def todo(self, kind: str, came_from: str = "") -> tuple[str, str]:
        """Say what to do, and the command that does it or shows more."""
        home = next((str(r["home"]) for r in self.routes if r.get("home")), "")
        commands = {
            "status": f"natkeeper status {self.name}",
            "back": f"natkeeper switch {self.name}{f' --to {home}' if home else ''} --force",
            "switch": f"natkeeper switch {self.name}",
            "resume": f"natkeeper resume {self.name}",
            "who": f"natkeeper history {self.name} --all",
            "setup": f"natkeeper setup {self.name}",
            "doctor": "natkeeper doctor",
            "init": "natkeeper init",
        }
        if kind == "dark":
            kind = "paused_dark" if self.paused else "foreign" if self.elsewhere else kind
        if kind in ("dark", "degraded", "unready", "moved", "fallback"):
            return self._about_gateways(kind, came_from, commands["status"])
        key, command = wording.ADVICE.get(kind, ("nothing", "status"))
        return self.say(wording.TODO, key), commands[command]

    def _about_gateways(self, kind: str, came_from: str, status: str) -> tuple[str, str]:
        running = (each for each in self.gateways if not each.get("cold"))
        bad = [each for each in running if each.get("health") != "healthy" or each.get("unfit")]
        wrong = [each for each in bad if str(each.get("reason")) not in _BY_ITSELF]
        stops = [each for each in wrong if str(each.get("reason")).startswith("is Stop")]
        stopped = next((each for each in stops if each.get("reason") == "is Stopped"), next(iter(stops), None))
        ours = came_from in [each.get("id") for each in self.gateways] if self.gateways else bool(came_from)
        if kind in ("moved", "fallback") and not bad and ours:
            command = f"natkeeper switch {self.name} --to {came_from}"
            return self.say(wording.TODO, "home", hop=self.named(came_from)), command
        first = [self.say(wording.TODO, "dark")] if kind == "dark" and bad else []
        if stopped is not None:
            words = self.say(wording.TODO, "start", hop=self.named(stopped.get("id")))
            region = f" --region {self.region}" if self.region else ""
            return self.join([*first, words]), f"aliyun ecs StartInstance --InstanceId {stopped.get('id')}{region}"
        if self.held and wrong and kind != "dark":
            last = local(max(self.held), self.timezone)
            words = self.say(wording.TODO, "held", hop=self.named(wrong[0].get("id")), until=last)
            return words, f"natkeeper switch {self.name} --to {wrong[0].get('id')} --force"
        broken = [each for each in wrong if each.get("health") != "draining" or each.get("unfit")]
        if wrong and not broken:
            carrying = [each.get("id") for each in wrong if each.get("id") in self._carrying()]
            hop = (carrying or [wrong[0].get("id")])[0]
            key = "last" if carrying and not self.fit else "drains"
            return self.join([*first, self.say(wording.TODO, key, hop=self.named(hop))]), status
        if broken:
            words = self.say(wording.TODO, "repair", hop=self.named(broken[0].get("id")))
            return self.join([*first, words]), f"natkeeper setup {broken[0].get('id')}"
        calm = kind == "moved" and (self.fit or bad or came_from)
        return self.join(first) or self.say(wording.TODO, "nothing" if calm else "attention"), status

    def say(self, table: dict[str, tuple[str, str]], key: str, **fields: object) -> str:
        """Say words of a table in the language."""
        return text(table, key, self.language, **fields)

    def named(self, said: object) -> str:
        """Name next hops by name and id, write times in the time zone, and known phrases in the language."""
        words = "" if said is None else _TIME.sub(self._moment, str(said))
        for each in self.gateways:
            name, ident = str(each.get("name") or ""), str(each.get("id") or "")
            if name and ident and name != ident:
                words = words.replace(ident, f"{name} ({ident})")
        return wording.translated(words) if self.language == "zh" else words

    def join(self, parts: Iterable[str]) -> str:
        """Put parts of a sentence one after the other, with the language's own semicolon."""
        return ("；" if self.language == "zh" else "; ").join(parts)

    def _moment(self, found: re.Match[str]) -> str:
        if found[1]:
            moment = moment_of(f"{found[1]} {found[2]}")
            return found[0] if moment is None else local(moment, self.timezone)
        moment = None if self.at is None else nearest(self.at, found[2])
        if moment is None:
            return found[0]
        clock, zone = local(moment, self.timezone).split(" ", 1)[1].split(" ", 1)
        return f"{clock[: len(found[2])]} {zone}"

    def _carrying(self) -> list[str]:
        return [str(route.get("next_hop")) for route in self.routes]


def _proven(gateway: Json) -> bool:
    """Return True if private hosts were seen to reach the internet through a gateway, or its setup proved that."""
    evidence = gateway.get("evidence")
    return isinstance(evidence, Mapping) and evidence.get("found") == "seen"
