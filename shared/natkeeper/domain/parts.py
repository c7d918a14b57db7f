"""Which more specific destinations carry a route's traffic while its own entry is replaced? (bridge.py)"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
"""Holds no address of the internet (RFC 6890)."""


@lru_cache(maxsize=64)
def halves_of(destination: str) -> tuple[str, ...]:
    """Split a network into its two halves; a single address has none."""
    whole = ipaddress.IPv4Network(destination)
    return tuple(map(str, whole.subnets())) if whole.prefixlen < whole.max_prefixlen else ()


@lru_cache(maxsize=64)  # reads and decisions ask it of the same few destinations again and again
def around_zero(destination: str) -> tuple[str, ...]:
    """Split a network into what is left of it without `0.0.0.0/8`, the largest part first; nothing if it has none.

    Of the default route these are `128.0.0.0/1`, `64.0.0.0/2` and so on to `1.0.0.0/8`: the eight entries that
    Alibaba's own guide uses where it needs entries more specific than the default route.
    """
    whole = ipaddress.IPv4Network(destination)
    if whole == _THIS_NETWORK or not _THIS_NETWORK.subnet_of(whole):
        return ()
    return tuple(map(str, sorted(whole.address_exclude(_THIS_NETWORK), key=lambda part: part.prefixlen)))


@lru_cache(maxsize=64)
def parts_of(destination: str) -> tuple[str, ...]:
    """List every destination that a bridge may have: the halves, then the finer parts."""
    return tuple(dict.fromkeys((*halves_of(destination), *around_zero(destination))))
