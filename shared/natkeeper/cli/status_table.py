"""The board that `status` shows: for each group its routes, its gateways, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from natkeeper.cli.output import styled

if TYPE_CHECKING:
    from rich.console import RenderableType

Json = dict[str, Any]


def board(answer: Json) -> Iterator[RenderableType]:
    """Yield what there is to see of every group in an answer to `status`."""
    for receipt in answer.get("receipts", ()):
        yield from _group(receipt)
    for reason in answer.get("ignored", ()):
        yield Text(f"ignored: {reason}")
    if "error" in answer:
        yield Text(str(answer["error"]), "red")


def _group(receipt: Json) -> Iterator[RenderableType]:
    view = receipt.get("view") or {}
    outcome = str(receipt.get("outcome"))
    yield Text.from_markup(
        f"[bold]{escape(str(receipt['group']))}[/]  {styled(outcome)}  {escape(receipt['sentence'])}"
    )
    if view.get("paused_until"):
        yield Text(f"  paused until {_when(view['paused_until'])}: nothing is done before", "yellow")
    yield _routes(view)
    yield Text("")
    yield _gateways(view)
    eip = view.get("eip")
    if eip:
        holder = eip.get("holder") or "no instance"
        about = f"{eip.get('id', '')} ({eip.get('address', '?')}), {eip.get('state')}, on {holder}"
        yield Text(f"  EIP: {eip.get('reason', about)}")
    for problem in receipt.get("problems", ()):
        yield Text(f"  problem: {problem}", "yellow")
    yield Text("")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _routes(view: Json) -> Table:
    table = _table("  route", "next hop", "home", "state", "last move")
    for route in view.get("routes", ()):
        hop, home = route.get("next_hop", "nothing"), route.get("home")
        moved = route.get("reason", "never, as far as the entry tells")
        if "since" in route:
            by = "a person" if route.get("by") == "person" else "natkeeper"
            moved = f"{_when(route['since'])} by {by}: {route.get('why', 'no reason was kept')}"
        name = f"  {route['table']} {route['destination']}"
        away = "" if hop == home else escape(str(home))
        table.add_row(escape(name), escape(hop), away, styled(str(route.get("state"))), escape(moved))
    return table


def _gateways(view: Json) -> Table:
    table = _table("  gateway", "zone", "address", "health", "why")
    fallback = view.get("fallback")
    carries = [route.get("next_hop") for route in view.get("routes", ())]
    for gateway in [*view.get("gateways", ()), *([fallback] if fallback else [])]:
        mark = "▶" if gateway["id"] in carries else " "
        unfit = gateway.get("unfit")
        why = gateway.get("reason") or unfit or ("fallback" if gateway is fallback else "")
        if gateway.get("until"):
            why = f"{why}, until {_when(gateway['until'])}"
        health = styled(str(gateway["health"])) + (
            " [yellow]not ready[/]" if unfit and not gateway.get("reason") else ""
        )
        table.add_row(
            f"{mark} {escape(gateway['id'])}",
            gateway.get("zone", ""),
            gateway.get("public_ip", ""),
            health,
            escape(why),
        )
    return table


def _when(text: str) -> str:
    """Write 2026-11-23T06:20:07Z as a person reads it."""
    return text.replace("T", " ").replace("Z", " UTC")
