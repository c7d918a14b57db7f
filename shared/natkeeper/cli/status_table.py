"""What `status` shows: for each group its routes and gateways, the groups that need attention first.

An item is a line of facts and lines about them. On a terminal those stand below it and sentences are broken between
words, so it reads the same in 60 columns as in 120, and an id is never broken. Piped, an item is one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from natkeeper.cli.output import item, names_in, styled, with_names
from natkeeper.cli.receipts import lasting, style_of
from natkeeper.domain.load import PORTS, GatewayLoad

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Json = dict[str, Any]
_URGENT = ("attention", "refused", "waiting", "changed", "quiet")


def board(answer: Json, console: Console) -> Iterator[Text]:
    """Yield what there is to see of every group in an answer to `status`."""
    receipts = sorted(answer.get("receipts", ()), key=_urgency)
    for receipt in receipts:
        yield from _group(receipt, console)
    for reason in answer.get("ignored", ()):
        yield item(console, 0, [f"ignored: {reason}"])
    if "error" in answer:
        yield item(console, 0, [str(answer["error"])], style="red")


def _urgency(receipt: Json) -> int:
    if lasting(receipt):
        return 0
    outcome = str(receipt.get("outcome"))
    return _URGENT.index(outcome) if outcome in _URGENT else 0


def _group(receipt: Json, console: Console) -> Iterator[Text]:
    view = receipt.get("view") or {}
    names = names_in(view)
    sentence = with_names(str(receipt["sentence"]), names)
    word = styled(str(receipt.get("outcome")))
    if lasts := lasting(receipt):  # whatever this run did: a group in trouble is not "quiet"
        word = f"[{style_of(lasts)}]{lasts}[/]"
    elif view.get("paused_until") and receipt.get("outcome") == "quiet":
        word = "[yellow]paused[/]"  # nothing is wrong, and nothing would be done about it
    yield item(console, 0, [str(receipt["group"]), word], [sentence])
    if view.get("paused_until"):
        yield item(console, 2, [f"paused until {_when(view['paused_until'])}: nothing is done before"], style="yellow")
    for route in view.get("routes", ()):
        yield _route(route, names, console)
    carries = [route.get("next_hop") for route in view.get("routes", ())]
    probed = [probe["table"] for probe in view.get("probes", ())]
    watched = [route.get("next_hop") for route in view.get("routes", ()) if route["table"] in probed]
    fallback = view.get("fallback")
    for gateway in view.get("gateways", ()):
        yield _gateway(gateway, console, carries=gateway["id"] in carries, watched=gateway["id"] in watched)
    if fallback:
        yield _gateway({**fallback, "name": "fallback"}, console, carries=fallback["id"] in carries)
    eip = view.get("eip")
    if eip:
        holder = eip.get("holder") or "no instance"
        facts = [f"EIP {eip['id']} ({eip.get('address', '?')})" if "id" in eip else "EIP", str(eip.get("state"))]
        yield item(console, 2, facts, [with_names(str(eip.get("reason") or f"on {holder}"), names)])
    lane = view.get("lane")
    if lane:
        led = f"through {lane['next_hop']} since {_when(lane['since'])}" if "next_hop" in lane else "through no standby"
        yield item(console, 2, [f"lane {lane['target']}", f"in {lane['table']}"], [with_names(led, names)])
    for probe in view.get("probes", ()):
        yield from _probe(probe, console)
    for problem in receipt.get("problems", ()):
        yield item(console, 2, [f"problem: {with_names(problem, names)}"], style="yellow")
    if console.is_terminal:
        yield item(console, 0, [""])


def _probe(probe: Json, console: Console) -> Iterator[Text]:
    """Show how much of what a probe asked was lost, once it has reported."""
    if not probe.get("looks"):
        return
    percent = 100 * probe["lost"] / probe["looks"]
    said = "under 1" if 0 < percent < 1 else f"{percent:.0f}"
    lost = f"{bar(max(percent, 10 * (percent > 0)), console)} {said} % of {probe['looks']} checks lost"
    minutes = ", ".join(f"{each} %" for each in probe.get("minutes", ()))
    about = [lost, f"minute by minute: {minutes}"] if len(probe.get("minutes", ())) > 1 else [lost]
    yield item(console, 2, [f"probe {probe['function']}", f"through {probe['table']}"], about)


def _route(route: Json, names: dict[str, str], console: Console) -> Text:
    hop, home = route.get("next_hop"), route.get("home")
    facts = [f"route {route['destination']} in {route['table']}", styled(str(route.get("state")))]
    facts += ["found"] if route.get("found") else []
    about = [f"to {hop}" if hop else "to nothing"] if hop or route.get("state") != "unknown" else []
    if home and hop != home:
        about.append(f"home {home}")
    if "since" in route:
        by = "a person" if route.get("by") == "person" else "natkeeper"
        why = route.get("why") or "its reason was overwritten by a later note"
        about.append(f"moved {_when(route['since'])} by {by}: {why}")
    if route.get("note"):
        about.append(f"noted: {route['note']}")
    if route.get("reason"):
        about.append(str(route["reason"]))
    return item(console, 2, facts, [with_names(each, names) for each in about])


def _gateway(gateway: Json, console: Console, *, carries: bool, watched: bool = False) -> Text:
    """Show a gateway. `watched`: a probe looks through it all the time, which the lines about the probe tell."""
    mark = sign(console, "▶", ">") if carries else " "
    unfit, reason = gateway.get("unfit"), gateway.get("reason")
    state = styled(str(gateway["health"]))
    facts = [f"{mark} {gateway.get('name') or 'gateway'}", str(gateway["id"]), state]
    if unfit and not reason:
        facts.append("[yellow]not ready[/]")
    unseen = (gateway.get("evidence") or {}).get("found") == "unproven"
    if unseen and not watched and gateway["health"] == "healthy" and not unfit:
        facts.append("[yellow]unproven[/]")
    facts += [word for word, key in (("cold standby", "cold"), ("found", "found")) if gateway.get(key)]
    why = str(reason or unfit or gateway.get("unread") or "")
    if gateway.get("until"):
        why = f"{why}, until {_when(gateway['until'])}"
    place = "  ".join(str(gateway[key]) for key in ("zone", "public_ip") if gateway.get(key))
    return item(console, 2, facts, [part for part in (place, why, *_fullness(gateway.get("figures"), console)) if part])


def _fullness(figures: Json | None, console: Console) -> Iterator[str]:
    """Say how full a gateway is, by its last report."""
    if not figures:
        return
    full = GatewayLoad(**figures)
    yield f"connections {bar(full.connections_percent, console)} {full.connections} of {full.maximum}"
    if full.busiest:
        yield f"ports       {bar(full.ports_percent, console)} {full.busiest_ports} of {PORTS} to {full.busiest}"
    if full.drops:
        yield f"dropped     {full.drops} packets in {full.seconds} s: its table of connections was full"


def bar(percent: float, console: Console) -> str:
    """Draw a share as ten blocks, each of them a full tenth or the nearer half of one."""
    blocks = min(10, round(percent / 10))
    return sign(console, "█", "#") * blocks + sign(console, "░", ".") * (10 - blocks)


def sign(console: Console, fancy: str, plain: str) -> str:
    """Return a sign that the output's encoding has."""
    try:
        fancy.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return plain
    return fancy


def _when(text: str) -> str:
    """Write 2026-11-23T06:20:07Z as a person reads it."""
    return text.replace("T", " ").replace("Z", " UTC")


__all__: Sequence[str] = ("board", "sign")
