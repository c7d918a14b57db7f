"""`natkeeper cost`: what keeping self-built gateways costs a month, beside managed NAT Gateways for the same groups.

What both need alike is left out: the public traffic, and the gateways that are paid for anyway. Prices are list prices
and change; every one can be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from natkeeper.cli.context import Seat
from natkeeper.cli.errors import Exit, Wrong
from natkeeper.cli.options import shared

if TYPE_CHECKING:
    from natkeeper.domain.config import Config

HOURS = 730
"""Hours of a month."""
SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Price:
    """A price or a rate, what it is, and where it is from."""

    value: float
    what: str
    source: str


PRICES: Mapping[str, Price] = {
    "nat.hour": Price(0.24, "managed NAT Gateway, an hour", "0.034 USD in mainland China: NAT Gateway, billing page"),
    "nat.cu": Price(0.24, "managed NAT Gateway, a capacity unit", "assumed to equal the hour: see the purchase page"),
    "fc.cu": Price(0.00011, "Function Compute, a CU", "first tier since 2024-08-27: FC, billing overview"),
    "fc.minimum": Price(0.01, "Function Compute, least for a function in an hour of use", "since 2025-12-09: FC"),
    "fc.vcpu": Price(1.0, "CU for a vCPU second in use", "FC, billing overview"),
    "fc.memory": Price(0.15, "CU for a GB second", "FC, billing overview"),
    "fc.call": Price(0.0075, "CU for an invocation", "FC, billing overview"),
    "standby.hour": Price(
        0.0, "a standby that is there only for this, an hour", "yours, if you would not pay it anyway"
    ),
}
"""In CNY, but for the rates that turn use into CU."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a function of s.yaml is, and how long it is busy in each minute."""

    vcpu: float
    memory_gb: float
    busy_s: float
    kept_s: float = 60.0
    """An instance is kept for a minute after a request, and the timer comes each minute: its memory is always paid."""


FAILOVER = Size(vcpu=1.0, memory_gb=1.0, busy_s=1.0)
PROBE = Size(vcpu=0.1, memory_gb=0.125, busy_s=55.0)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the comparison, in CNY a month."""

    side: str
    what: str
    how: str
    amount: float


def compare(config: Config, prices: Mapping[str, float], gigabytes: float) -> list[Item]:
    """List what both ways cost a month; `gigabytes` is what each group sends through its gateway in a month."""
    groups = len(config.groups)
    probes = len([group for group in config.groups if group.probe.function])
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
    return managed + ours


def _function(size: Size, prices: Mapping[str, float]) -> float:
    """What a function costs a month that is called each minute."""
    minutes = SECONDS_AN_HOUR / 60
    units = minutes * (
        size.vcpu * size.busy_s * prices["fc.vcpu"]
        + size.memory_gb * size.kept_s * prices["fc.memory"]
        + prices["fc.call"]
    )
    return HOURS * max(units * prices["fc.cu"], prices["fc.minimum"])


def _how(size: Size) -> str:
    return f"{size.vcpu:g} vCPU busy {size.busy_s:g} s a minute, {size.memory_gb:g} GB"


@click.command()
@click.option("--price", "given", multiple=True, metavar="NAME=CNY", help="Replace a price; repeatable. See --prices.")
@click.option("--prices", "listing", is_flag=True, help="List the prices with their names and sources.")
@click.option("--gigabytes", default=500.0, show_default=True, metavar="GB", type=click.FloatRange(min=0),
              help="What each group sends through its gateway in a month.")  # fmt: skip
@shared()
@click.pass_obj
def cost(seat: Seat, *, given: tuple[str, ...], listing: bool, gigabytes: float) -> Exit:
    """Compare with managed NAT Gateways: what each way costs a month.

    Public traffic and gateways that are paid for anyway are left out: both ways need them. So are free quotas and
    discounts.
    """
    prices = {name: price.value for name, price in PRICES.items()} | dict(_replaced(one) for one in given)
    if listing:
        return _list(seat, prices)
    items = compare(seat.config, prices, gigabytes)
    sums = {side: sum(item.amount for item in items if item.side == side) for side in ("managed", "natkeeper")}
    if seat.as_json:
        lines = [{"side": i.side, "what": i.what, "how": i.how, "cny": round(i.amount, 2)} for i in items]
        totals = {side: round(amount, 2) for side, amount in sums.items()}
        seat.screen.data({"ok": True, "items": lines, "cny_a_month": totals, "prices": prices})
        return Exit.OK
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for column in ("CNY a month", "what", "how"):
        table.add_column(column, justify="right" if column.startswith("CNY") else "left", overflow="fold")
    for side, title in (("managed", "managed NAT Gateways"), ("natkeeper", "self-built, kept by natkeeper")):
        for item in items:
            if item.side == side:
                table.add_row(f"{item.amount:.2f}", item.what, item.how)
        table.add_row(f"[bold]{sums[side]:.2f}[/]", f"[bold]{title}[/]", "")
        table.add_row("", "", "")
    seat.screen.show(table)
    seat.screen.say("List prices, which change: natkeeper cost --prices; replace one with --price NAME=CNY.")
    return Exit.OK


def _list(seat: Seat, prices: Mapping[str, float]) -> Exit:
    if seat.as_json:
        about: dict[str, Any] = {
            name: {"value": prices[name], "what": price.what, "source": price.source} for name, price in PRICES.items()
        }
        seat.screen.data({"ok": True, "prices": about})
        return Exit.OK
    for name, price in PRICES.items():
        seat.screen.say(f"{name:<13} {prices[name]:<8g} {price.what} ({price.source})")
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
        raise Wrong(f"--price {given}: {text!r} is no price", "write a number of CNY, such as nat.hour=0.3")
    return name, value
