"""`natkeeper cost`: what keeping self-built gateways costs a month, beside managed NAT Gateways for the same groups.

What both need alike is left out: the public traffic, and the gateways that are paid for anyway. Prices are list prices
and change; every one can be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.context import CommandContext
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import shared

if TYPE_CHECKING:
    from natkeeper.domain.config import Config

HOURS = 730
"""Hours of a month."""
SECONDS_AN_HOUR = 3600
MINUTE_S = 60.0
CURRENCIES = ("cny", "usd")


@dataclass(frozen=True, slots=True)
class Price:
    """A price in CNY and USD, or a rate that is the same in both, what it is, and where it is from."""

    cny: float
    usd: float
    what: str
    source: str


def _rate(value: float, what: str) -> Price:
    return Price(value, value, what, "FC, billing overview")


PRICES: Mapping[str, Price] = {
    "nat.hour": Price(0.24, 0.034, "managed NAT Gateway, an hour", "mainland China: NAT Gateway, billing page"),
    "nat.cu": Price(
        0.24, 0.034, "managed NAT Gateway, a capacity unit", "assumed to equal the hour: see the purchase page"
    ),
    "fc.cu": Price(0.00011, 0.00002, "Function Compute, a CU", "first tier since 2024-08-27: FC, billing overview"),
    "fc.minimum": Price(
        0.01, 0.0, "Function Compute, least for a function in an hour of use", "in CNY since 2025-12-09: FC"
    ),
    "fc.vcpu": _rate(1.0, "CU for a vCPU second in use"),
    "fc.memory": _rate(0.15, "CU for a GB second of memory"),
    "fc.disk": _rate(0.05, "CU for a GB second of disk"),
    "fc.call": _rate(0.0075, "CU for an invocation"),
    "standby.hour": Price(
        0.0, 0.0, "a standby that is there only for this, an hour", "yours, if you would not pay it anyway"
    ),
}
"""List prices, and the rates that turn use into CU. docs/costs.md prints what follows from them."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a function of s.yaml is, and how long it is busy in each minute."""

    vcpu: float
    memory_gb: float
    disk_gb: float
    busy_s: float


FAILOVER = Size(vcpu=1.0, memory_gb=1.0, disk_gb=0.5, busy_s=1.0)
"""A quiet sweep takes less; the second is an assumption."""
PROBE = Size(vcpu=0.1, memory_gb=0.125, disk_gb=0.5, busy_s=60.0)
"""It looks all the time: probe.handler.WATCH_S, as a test holds."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the comparison: an amount a month. `possible`: nobody could confirm that it is charged at all."""

    side: str
    what: str
    how: str
    amount: float
    possible: bool = False


def listed(currency: str) -> dict[str, float]:
    """Return the list prices in `currency`, one of CURRENCIES."""
    return {name: getattr(price, currency) for name, price in PRICES.items()}


def compare(config: Config, prices: Mapping[str, float], gigabytes: float) -> list[Item]:
    """List what both ways cost a month; `gigabytes` is what each group sends through its gateway in a month."""
    groups = len(config.groups)
    probes = sum(len(group.probes) for group in config.groups)
    managed = [
        Item("managed", f"{groups} NAT Gateway(s)", f"{HOURS} h", groups * HOURS * prices["nat.hour"]),
        Item("managed", "capacity", f"{gigabytes:g} GB each, one CU a GB", groups * gigabytes * prices["nat.cu"]),
    ]
    ours = [Item("natkeeper", "failover function", _how(FAILOVER), _function(FAILOVER, prices))]
    if probes:
        ours.append(Item("natkeeper", f"{probes} probe(s)", _how(PROBE), probes * _function(PROBE, prices)))
    if prices["standby.hour"]:
        cost = groups * HOURS * prices["standby.hour"]
        ours.append(Item("natkeeper", f"{groups} standby(s)", f"{HOURS} h", cost))
    kept = _function(FAILOVER, prices, kept=True) - _function(FAILOVER, prices)
    ours.append(Item("natkeeper", "memory between runs", "unconfirmed: charged or not", kept, possible=True))
    return managed + ours


def units(size: Size, prices: Mapping[str, float], *, kept: bool = False) -> float:
    """Return the CU a month of a function that is called each minute; `kept`: with its memory between the runs.

    Most of Alibaba's pages charge the run only; an instance is kept for minutes after it.
    """
    remembered = MINUTE_S if kept else size.busy_s
    a_minute = (
        size.vcpu * size.busy_s * prices["fc.vcpu"]
        + size.memory_gb * remembered * prices["fc.memory"]
        + size.disk_gb * size.busy_s * prices["fc.disk"]
        + prices["fc.call"]
    )
    return HOURS * SECONDS_AN_HOUR / MINUTE_S * a_minute


def an_hour(currency: str) -> float:
    """Return what an hour of the failover function and one probe costs, by the list."""
    prices = listed(currency)
    return (_function(FAILOVER, prices) + _function(PROBE, prices)) / HOURS


def _function(size: Size, prices: Mapping[str, float], *, kept: bool = False) -> float:
    return max(units(size, prices, kept=kept) * prices["fc.cu"], HOURS * prices["fc.minimum"])


def _how(size: Size) -> str:
    return f"{size.vcpu:g} vCPU busy {size.busy_s:g} s a minute, {size.memory_gb:g} GB"


@click.command()
@click.option("--price", "given", multiple=True, metavar="NAME=N", help="Replace a price; repeatable. See --prices.")
@click.option("--currency", type=click.Choice(CURRENCIES), default="cny", show_default=True,
              help="List prices of the Chinese or the international site.")  # fmt: skip
@click.option("--prices", "listing", is_flag=True, help="List the prices with their names and sources.")
@click.option("--gigabytes", default=500.0, show_default=True, metavar="GB", type=click.FloatRange(min=0),
              help="What each group sends through its gateway in a month.")  # fmt: skip
@shared()
@click.pass_obj
def cost(context: CommandContext, *, given: tuple[str, ...], currency: str, listing: bool, gigabytes: float) -> Exit:
    """Compare with managed NAT Gateways: what each way costs a month.

    Public traffic and gateways that are paid for anyway are left out: both ways need them. So are free quotas and
    discounts. docs/costs.md has the same figures for one group.
    """
    prices = listed(currency) | dict(_replaced(one) for one in given)
    if listing:
        return _list(context, prices)
    every = compare(context.config, prices, gigabytes)
    items, possible = ([item for item in every if item.possible is wanted] for wanted in (False, True))
    sums = {side: sum(item.amount for item in items if item.side == side) for side in ("managed", "natkeeper")}
    if context.as_json:
        lines, maybe = ([_line(item, currency) for item in some] for some in (items, possible))
        totals = {side: round(amount, 2) for side, amount in sums.items()}
        data = {"ok": True, "items": lines, "possible": maybe, f"{currency}_a_month": totals, "prices": prices}
        context.screen.data(data)
        return Exit.OK
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for column in (f"{currency.upper()} a month", "what", "how"):
        table.add_column(column, justify="right" if column.endswith("a month") else "left", overflow="fold")
    for side, title in (("managed", "managed NAT Gateways"), ("natkeeper", "self-built, kept by natkeeper")):
        for item in items:
            if item.side == side:
                table.add_row(f"{item.amount:.2f}", item.what, item.how)
        table.add_row(f"[bold]{sums[side]:.2f}[/]", f"[bold]{title}[/]", "")
        table.add_row("", "", "")
    for item in possible:
        table.add_row(f"{item.amount:.2f}", item.what, item.how)
    context.screen.show(table)
    context.screen.say("List prices, which change: natkeeper cost --prices; replace one with --price NAME=N.")
    return Exit.OK


def _line(item: Item, currency: str) -> dict[str, Any]:
    return {"side": item.side, "what": item.what, "how": item.how, currency: round(item.amount, 2)}


def _list(context: CommandContext, prices: Mapping[str, float]) -> Exit:
    if context.as_json:
        about: dict[str, Any] = {
            name: {"value": prices[name], "what": price.what, "source": price.source} for name, price in PRICES.items()
        }
        context.screen.data({"ok": True, "prices": about})
        return Exit.OK
    for name, price in PRICES.items():
        context.screen.say(f"{name:<13} {prices[name]:<8g} {price.what} ({price.source})")
    return Exit.OK


def _replaced(given: str) -> tuple[str, float]:
    name, _, text = given.partition("=")
    if name not in PRICES:
        raise Wrong(f"--price {given}: there is no price {name!r}", f"prices are: {', '.join(PRICES)}")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Wrong(f"--price {given}: {text!r} is not a price", "write a number, such as nat.hour=0.3")
    return name, value
