"""The network of a scenario: which gateways, tables and addresses there are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

A, B = "gateway-a", "gateway-b"
NAT, EIP, STRANGER = "nat-gateway", "the-eip", "stranger"
TABLE = "table"


@dataclass(frozen=True, slots=True)
class Topology:
    """The network of a scenario; everything is called by the names given here.

    `tables`: route table -> its home gateway; each has one private vSwitch, in a zone of its own.
    `follow`: gateways have no addresses of their own, one EIP goes with the route. `fallback`: there is a managed
    NAT gateway. `stranger`: there is one more instance that forwards and that natkeeper knows nothing of.
    """

    gateways: tuple[str, ...] = (A, B)
    tables: Mapping[str, str] = field(default_factory=lambda: {TABLE: A})
    spot: frozenset[str] = frozenset()
    follow: bool = False
    fallback: bool = False
    stranger: bool = False
