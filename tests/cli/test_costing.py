"""`natkeeper cost`: sums that add up, prices that can be replaced, sizes that are those of s.yaml."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from natkeeper.cli.commands.cost import FAILOVER, PROBE, Size, compare, listed
from natkeeper.packaging import read_configuration
from natkeeper.probe.handler import WATCH_S
from natlab.deploy import load
from tests.cli.screens import assert_screen
from tests.cli.town import ROOT, Command

CONFIG = ("--config", str(ROOT / "natkeeper.example.yaml"))
LIST = listed("cny")


def amounts(**replaced: float) -> dict[str, float]:
    config, _ = read_configuration(ROOT / "natkeeper.example.yaml")
    prices = LIST | {name.replace("_", "."): value for name, value in replaced.items()}
    return {item.what: item.amount for item in compare(config, prices, 500.0)}


def test_the_other_currency_has_its_own_names(natkeeper: Command) -> None:
    """A machine cannot take one for the other, and what may be charged is no part of the sum."""
    answer = natkeeper("cost", "--json", "--currency", "usd", *CONFIG).data
    assert "cny_a_month" not in answer
    assert answer["usd_a_month"]["natkeeper"] == pytest.approx(sum(i["usd"] for i in answer["items"][2:]), abs=0.02)
    assert answer["possible"][0]["usd"] > 0
    assert "USD a month" in natkeeper("cost", "--currency", "usd", *CONFIG).out


def test_the_comparison_is_shown(natkeeper: Command) -> None:
    """Two sums, and what they are made of."""
    ended = natkeeper("cost", *CONFIG)
    assert ended.code == 0
    assert_screen("cost", ended.out)


def test_a_line_of_the_comparison_is_never_broken_in_a_pipe() -> None:
    """However narrow the terminal is that the pipe began in."""
    words = [sys.executable, "-m", "natkeeper.cli", "cost", *CONFIG]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "40"})
    assert any("1 probe" in line and "0.125 GB" in line for line in done.stdout.splitlines()), done.stdout


def test_sums_add_up(natkeeper: Command) -> None:
    """For machines: items and totals agree."""
    answer = natkeeper("cost", "--json", *CONFIG).data
    assert answer["ok"] is True
    for side, total in answer["cny_a_month"].items():
        assert sum(item["cny"] for item in answer["items"] if item["side"] == side) == pytest.approx(total, abs=0.02)


def test_a_standby_counts_on_the_side_of_natkeeper(natkeeper: Command) -> None:
    """A managed NAT Gateway needs no standby, so its price is added to one sum only. Sums have two decimals."""
    sums = [natkeeper("cost", "--json", *CONFIG, "--price", f"standby.hour={price}").data for price in ("0", "0.2")]
    before, after = (answer["cny_a_month"] for answer in sums)
    assert (after["managed"], after["natkeeper"]) == (before["managed"], pytest.approx(before["natkeeper"] + 146))
    assert {round(amount, 2) for amount in after.values()} == {*after.values()}


def test_a_gateway_costs_its_hours_and_its_capacity() -> None:
    """730 hours, and one capacity unit for a gigabyte."""
    found = amounts(nat_hour=0.5, nat_cu=0.1)
    assert (found["1 NAT Gateway(s)"], found["capacity"]) == (365.0, 50.0)


def test_a_function_costs_what_it_uses_or_the_least_for_an_hour() -> None:
    """One vCPU second is one CU; below the hourly minimum it is that."""
    found = amounts(fc_memory=0.0, fc_disk=0.0, fc_call=0.0, fc_vcpu=1.0, fc_cu=0.001, fc_minimum=0.0)
    assert found["failover function"] == pytest.approx(730 * 60 * 0.001)
    assert found["1 probe(s)"] == pytest.approx(730 * 60 * 0.1 * 60 * 0.001)
    assert amounts(fc_cu=0.0)["failover function"] == pytest.approx(7.3)


def test_a_standby_counts_where_it_has_a_price() -> None:
    """It is nobody's business but the user's whether it would run anyway."""
    assert "1 standby(s)" not in amounts()
    assert amounts(standby_hour=0.2)["1 standby(s)"] == pytest.approx(146)


def test_sizes_are_those_of_s_yaml() -> None:
    """A person who resizes a function is reminded."""
    props = {resource.name: resource.props for resource in load(ROOT / "s.yaml", environ={}).resources}
    for name, size in (("failover", FAILOVER), ("probe", PROBE)):
        found = Size(props[name]["cpu"], props[name]["memorySize"] / 1024, props[name]["diskSize"] / 1024, size.busy_s)
        assert found == size
    assert PROBE.busy_s == WATCH_S


@pytest.mark.parametrize(
    "given, says",
    [
        ("nat=1", "prices are: nat.hour"),
        ("nat.hour=cheap", "is not a price"),
        ("nat.hour=-1", "is not a price"),
        ("x", "x"),
    ],
)
def test_odd_prices_are_refused(natkeeper: Command, given: str, says: str) -> None:
    """With those there are."""
    ended = natkeeper("cost", "--price", given, *CONFIG)
    assert (ended.code, says in ended.err) == (2, True)


def test_prices_tell_their_source(natkeeper: Command) -> None:
    """And are replaced there, too."""
    ended = natkeeper("cost", "--prices", "--price", "nat.hour=0.3", *CONFIG)
    assert "nat.hour      0.3      managed NAT Gateway, an hour (mainland" in ended.out
    assert natkeeper("cost", "--prices", "--json", *CONFIG).data["prices"]["fc.cu"]["value"] == LIST["fc.cu"]
