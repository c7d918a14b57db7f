"""Which way are route entries? Tried at entries that no traffic uses, in an order in which each step needs the last."""

from __future__ import annotations

import uuid
from typing import Any

from natkeeper.alibaba.errors import kind_of
from natkeeper.cli.conformance.found import TrialResult
from natkeeper.cli.conformance.place import DRY_RUN_PASSED, TRIED, Place
from natkeeper.cli.errors import CommandError
from natkeeper.ports import FailureKind

GAP_S = 2.0
"""A refusal of the second creation that lasts longer than this is a pause that the platform wants."""
_REFUSED_STATE = ("IncorrectStatus.NextHop", "IncorrectInstanceStatus")
LADDER: tuple[tuple[str, str], ...] = (
    ("plain", "natkeeper conformance"),
    ("signs", "natkeeper: i-bp1a, 10.0.0.0/8 @ 12:00 (a_b+c-d); x=y"),
    ("brackets", "natkeeper [nk1 s=1795760407 b=auto]"),
    ("chinese", "\u51fa\u53e3\u7f51\u5173"),
    ("emoji", "natkeeper \U0001f310"),
    ("256 characters", "x" * 256),
    ("600 bytes", "\u51fa" * 200),
    ("257 characters", "x" * 257),
)
"""Descriptions, each with one thing more than those before it."""


def creations(place: Place) -> dict[str, TrialResult]:
    """Create both entries: the words of their status, and whether a pause is wanted between two creations."""
    token = f"natkeeper-{uuid.uuid4()}"
    refused = place.until_taken(lambda: place.create(TRIED[0], token=token))
    if refused:
        raise CommandError(f"no entry for {TRIED[0]} can be created in {place.table}: {refused}")
    states = place.settle(TRIED[0], "vpc.create_route_entry.task")
    words = {"Pending": "pending-available", "Available": "pending-available"}
    words |= {"Creating": "creating-created", "Created": "creating-created"}
    ways = {words[state] for state in states if state in words}
    way = ways.pop() if len(ways) == 1 else None
    status = TrialResult(way, "" if way else f"the states were {', '.join(states)}", {"states": states})
    tokens = _tokens(place, token)
    return {"route-status-words": status, "client-tokens": tokens, "route-task-gap": _gap(place)}


def _tokens(place: Place, token: str) -> TrialResult:
    """Ask for the second entry with the ClientToken of the first."""
    refused = place.until_taken(lambda: place.create(TRIED[1], token=token))
    if not refused:
        place.settle(TRIED[1])
        if place.entry(TRIED[1]) is not None:
            why = "a second entry was created by the ClientToken of the first"
            return TrialResult(None, why, {"CreateRouteEntry": "carried out"})
    ways = {"": "first-answer", "IdempotentParameterMismatch": "one-request"}
    return TrialResult.by_code(refused, ways, call="CreateRouteEntry with the ClientToken of another call")


def _gap(place: Place) -> TrialResult:
    """Create the second entry as soon as the first is there; a conflict that stays is a pause that is wanted."""
    if place.entry(TRIED[1]) is not None:
        return TrialResult(None, "the second entry was there before its time")
    began, first = place.monotonic(), ""
    while refused := place.create(TRIED[1]):
        first, waited = first or refused, place.monotonic() - began
        if "Conflict" not in refused or waited >= 60:  # noqa: PLR2004  twelve times the pause that is reported
            return TrialResult(None, f"the second entry was refused with {refused}", {"refused": refused})
        place.sleeper(0.2)
    waited = round(place.monotonic() - began, 2)
    place.settle(TRIED[1])
    return TrialResult(
        "5s" if waited > GAP_S else "none", seen={"first answer": first or "carried out", "waited_s": waited}
    )


def filters(place: Place) -> dict[str, TrialResult]:
    """Read the table with a filter that matches one entry of three."""
    place.require_entry()
    found = place.listed((TRIED[0],))
    if isinstance(found, str):
        way = "refused" if kind_of(found) is FailureKind.REFUSED else None
        why = "" if way else f"DescribeRouteEntryList was refused with {found}"
        return {"route-filters": TrialResult(way, why, {"DescribeRouteEntryList": found})}
    listed = sorted(str(each.destination_cidr_block) for each in found)
    way = "known" if listed == [TRIED[0]] else "ignored"
    return {"route-filters": TrialResult(way, seen={"listed": listed})}


def words(place: Place) -> dict[str, TrialResult]:
    """Write names and descriptions, and read them back."""
    place.require_entry()
    name = _written(place, "route_entry_name", "natkeeper-conformance")
    way = "taken" if name == "taken" else "refused" if _about_words(name) else None
    told = TrialResult(way, "" if way else f"a name was {name}", {"name": name})
    rungs = {rung: _written(place, "description", text) for rung, text in LADDER}
    return {"route-name": told, "route-description": _ladder(rungs)}


def _written(place: Place, field: str, text: str) -> str:
    """Write a text; `taken`, `changed` if it does not read back, or the code of the refusal."""
    words: dict[str, Any] = {field: text}
    refused = place.until_taken(lambda: place.modify(**words))
    if refused:
        return refused
    return "taken" if getattr(place.entry(), field, None) == text else "changed"


def _about_words(code: str) -> bool:
    return kind_of(code) is FailureKind.WORDS


def _ladder(rungs: dict[str, str]) -> TrialResult:
    """Judge which rungs were taken; what no way describes decides nothing."""
    seen = {"descriptions": rungs}
    odd = [answer for answer in rungs.values() if answer != "taken" and not _about_words(answer)]
    if odd:
        return TrialResult(None, f"a description was {odd[0]}, which says nothing about words", seen)
    taken = {rung for rung, answer in rungs.items() if answer == "taken"}
    alike: dict[str, set[str]] = {
        "nothing": set(),
        "ascii-without-brackets": {"plain", "signs", "256 characters"},
        "256-bytes": {"plain", "signs", "brackets", "chinese", "emoji", "256 characters"},
        "anything": {"plain", "signs", "brackets", "chinese", "emoji", "256 characters", "600 bytes"},
    }
    way = next((way for way, rungs_of_it in alike.items() if rungs_of_it == taken), None)
    told = f"taken were: {', '.join(sorted(taken)) or 'none'}; that is none of the ways"
    return TrialResult(way, "" if way else told, seen)


def moves(place: Place) -> dict[str, TrialResult]:
    """Change the next hop in place, to the other gateway and (only asking) to the fallback; ask for `0.0.0.0/1`."""
    place.require_entry()
    refused = place.until_taken(lambda: place.modify(hop=place.active))
    if not refused:
        place.settle(TRIED[0], "vpc.modify_route_entry.task")
    # Should the platform not heed DryRun, the half leads where the route leads, so nobody feels it until it is deleted.
    half = place.until_taken(lambda: place.create("0.0.0.0/1", hop=place.active, dry_run=True))
    ways = {DRY_RUN_PASSED: "taken", "InvalidDestinationCidrBlock": "black-listed"}
    found = {"route-half": TrialResult.by_code(half, ways, call="CreateRouteEntry 0.0.0.0/1 with DryRun")}
    fallback = place.group.fallback
    if fallback is None:
        why = "the group has no fallback to point an entry at; a NAT Gateway and `fallback` in natkeeper.yaml would do"
        found["route-in-place-to-nat"] = TrialResult(None, why)
        return found
    asked = place.until_taken(lambda: place.modify(hop=fallback, dry_run=True))
    ways = {DRY_RUN_PASSED: "taken", "UnsupportedFeature.ModifyRouteEntryNextHop": "refused"}
    ways["UnsupportedFeature.NextHopType"] = "refused"
    found["route-in-place-to-nat"] = TrialResult.by_code(
        asked, ways, call="ModifyRouteEntry to the NAT Gateway with DryRun"
    )
    return found


def aim_at_standby(place: Place) -> None:
    """Point the first entry at the standby, which is about to stop."""
    place.require_entry()
    refused = place.until_taken(lambda: place.modify(hop=place.standby))
    place.settle()
    if refused and refused != "OperationDenied.NextHopExist":
        raise CommandError(f"the entry for {TRIED[0]} cannot be pointed at {place.standby}: {refused}")


def stopped(place: Place) -> dict[str, TrialResult]:
    """Look what becomes of the entry of a stopped next hop, and whether one can be pointed there."""
    entry = place.entry()
    state = "" if entry is None else str(entry.status)
    ways = {"": "vanishes", "Unavailable": "unavailable", "Available": "stays", "Created": "stays"}
    known = ways.get(state)
    hop = TrialResult(known, "" if known else f"the entry is {state}", {"status": state or "not listed"})
    if entry is None:
        place.until_taken(lambda: place.create(TRIED[0], hop=place.active))
    else:
        place.until_taken(lambda: place.modify(hop=place.active))
    place.settle()
    asked = place.until_taken(lambda: place.modify(hop=place.standby, dry_run=True), _REFUSED_STATE)
    health = place.health()
    ways = {DRY_RUN_PASSED: "taken"} | dict.fromkeys(_REFUSED_STATE, "refused")
    call = "ModifyRouteEntry to a stopped instance with DryRun"
    word = TrialResult("of-events" if health == "Ok" else "of-the-state", seen={"HealthStatus when Stopped": health})
    to_stopped = TrialResult.by_code(asked, ways, call=call)
    return {"route-stopped-hop": hop, "health-status": word, "route-to-stopped": to_stopped}
