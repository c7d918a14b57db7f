"""What a group and its gateways measure, under stable names: for a log line, and for a scrape.

Everything comes from a receipt that has a `view`, so the function and the command line say the same. Names and units
follow OpenMetrics (base units in the name, no unit twice); docs/gateway.md lists them. A name that was published stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from natkeeper.domain.episodes import EpisodeKind
from natkeeper.domain.load import PORTS

Json = Mapping[str, Any]


class Metric(NamedTuple):
    """A gauge: its name, what it is about, its value."""

    name: str
    labels: Mapping[str, str]
    value: float


HELP = {
    "natkeeper_group_attention": "1 while the group needs a person",
    "natkeeper_group_episode": "1 while an episode of this kind lasts",
    "natkeeper_group_standbys": "gateways that carry nothing and could take a route",
    "natkeeper_gateway_active": "1 if the gateway carries a route",
    "natkeeper_gateway_healthy": "1 if the gateway is healthy",
    "natkeeper_gateway_connections": "tracked connections",
    "natkeeper_gateway_connections_limit": "connections that the gateway can track",
    "natkeeper_gateway_connections_ratio": "share of the connection table that is used",
    "natkeeper_gateway_ports_ratio": "share of the ports to the busiest destination that is used",
    "natkeeper_gateway_drops": "packets dropped between the last two reports because the connection table was full",
    "natkeeper_gateway_insert_failures": "connections without a free port between the last two reports",
    "natkeeper_gateway_new_connections_per_second": "TCP connections begun",
    "natkeeper_gateway_received_bytes_per_second": "bytes received",
    "natkeeper_gateway_sent_bytes_per_second": "bytes sent",
    "natkeeper_gateway_received_packets_per_second": "packets received",
    "natkeeper_gateway_sent_packets_per_second": "packets sent",
    "natkeeper_gateway_load": "runnable processes, averaged over a minute",
    "natkeeper_gateway_softirq_ratio": "share of processor time spent on packets",
}
"""Every name, with what it is."""
_RATES = {
    "new_connections": "new",
    "received_bytes": "received_bytes",
    "sent_bytes": "sent_bytes",
    "received_packets": "received_packets",
    "sent_packets": "sent_packets",
}


def metrics_of(receipt: Json) -> Iterator[Metric]:
    """Yield what a receipt with a `view` measures; nothing for one without."""
    view = receipt.get("view")
    if not isinstance(view, Mapping):
        return
    group = {"group": str(receipt["group"])}
    carrying = {route.get("next_hop") for route in view.get("routes", ())}
    gateways = view.get("gateways", ())
    lasting = {each["kind"] for each in receipt.get("episodes", ()) if "ended" not in each}
    fit = [g for g in gateways if g["health"] == "healthy" and "unfit" not in g and g["id"] not in carrying]
    yield Metric("natkeeper_group_attention", group, receipt.get("outcome") == "attention" or bool(lasting))
    for kind in EpisodeKind:
        yield Metric("natkeeper_group_episode", {**group, "kind": kind.value}, kind.value in lasting)
    yield Metric("natkeeper_group_standbys", group, len(fit))
    for gateway in gateways:
        labels = {**group, "gateway": gateway["id"]}
        yield Metric("natkeeper_gateway_active", labels, gateway["id"] in carrying)
        yield Metric("natkeeper_gateway_healthy", labels, gateway["health"] == "healthy")
        for name, value in _of_figures(gateway.get("figures")):
            yield Metric(f"natkeeper_gateway_{name}", labels, value)


def _of_figures(figures: Json | None) -> Iterator[tuple[str, float]]:
    if not figures:
        return
    yield "connections", figures["connections"]
    yield "connections_limit", figures["maximum"]
    yield "connections_ratio", figures["connections"] / max(figures["maximum"], 1)
    yield "ports_ratio", figures["busiest_ports"] / PORTS
    yield "drops", figures["drops"]
    yield "insert_failures", figures["insert_failed"]
    yield "load", figures["load"]
    yield "softirq_ratio", figures["softirq_percent"] / 100
    if figures["seconds"]:
        for name, field in _RATES.items():
            yield f"{name}_per_second", figures[field] / figures["seconds"]


def as_log(receipt: Json) -> dict[str, Any]:
    """Return one flat object for a log line: the group's metrics, and of its gateways the largest of each.

    Simple Log Service indexes and alarms by field; a field for each gateway would be another in every deployment.
    """
    flat: dict[str, Any] = {"group": str(receipt["group"])}
    for name, labels, value in metrics_of(receipt):
        short = name.removeprefix("natkeeper_").removeprefix("group_")
        if "kind" in labels:
            short = labels["kind"].replace(" ", "_").replace("-", "_")
        flat[short] = _number(max(value, flat.get(short, 0)))
    return flat


def as_openmetrics(receipts: Iterator[Json] | list[Json]) -> str:
    """Return what a scrape reads (OpenMetrics 1.0 text): families in the order of HELP, each with its samples."""
    samples: dict[str, list[str]] = {}
    for receipt in receipts:
        for name, labels, value in metrics_of(receipt):
            about = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            samples.setdefault(name, []).append(f"{name}{{{about}}} {_number(value)}")
    lines = []
    for name in filter(samples.__contains__, HELP):
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {HELP[name]}", *samples[name]]
    return "\n".join([*lines, "# EOF", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> float:
    """Write 1 and 0 as such, and no more than four digits behind the point."""
    return int(value) if value == int(value) else round(value, 4)
