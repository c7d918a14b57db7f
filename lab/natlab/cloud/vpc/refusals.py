"""Which route entries does the platform not take, whatever their next hop: too many, a wrong destination, wrong words?

Sources: the API references of CreateRouteEntry and ModifyRouteEntry, "Limits" of route tables in the Vpc documentation,
and the codes of the API metadata. What is unconfirmed is a reading (kernel/readings.py).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from natlab.cloud.kernel.errors import ApiError
from natlab.cloud.kernel.readings import Readings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_ENTRIES = 200
"""Custom entries in one table, unless the quota was raised."""
NAME_LENGTH = 128
DESCRIPTION_LENGTH = 256
_SERVICES = ipaddress.ip_network("100.100.0.0/16")
"""Addresses of Alibaba Cloud's own services, such as the metadata server."""
_PLAIN = re.compile(r"[\x20-\x5a\x5c\x5e-\x7e]*")
"""ASCII that is shown, without brackets."""


def destination_of(text: str, readings: Readings) -> str:
    """Return the network that `text` names; an address alone is a network of its own. Raise ApiError."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ApiError("InvalidCidrBlock.Malformed", "Specified CIDR block is not valid.") from None
    if "/" in text and str(network) != text:
        raise ApiError("InvalidCidrBlock", "The specified CIDR block has host bits set.")
    if _inside(network, _SERVICES):
        raise ApiError("InvalidDestinationCidrBlock", "The destination belongs to the platform's services.")
    if str(network) == "0.0.0.0/1" and readings.is_("route-half", "black-listed"):
        raise ApiError("InvalidDestinationCidrBlock", "The destination is in a black list.")
    return str(network)


def check_room(destination: str, vswitches: Iterable[str], custom_entries: int, most: int) -> None:
    """Raise ApiError for a destination inside a vSwitch, or one entry more than a table takes."""
    network = ipaddress.ip_network(destination)
    for cidr in vswitches:
        if _inside(network, ipaddress.ip_network(cidr)):
            raise ApiError(
                "OperationUnsupported.DestinationCidrBlockOverlapWithVSwitch",
                "The destination is a part of the CIDR block of a vSwitch.",
            )
    if custom_entries >= most:
        raise ApiError("QuotaExceeded", "The quota of route entries of the route table is exceeded.")


def check_name(name: str, readings: Readings) -> None:
    """Raise ApiError for a name that the platform does not take."""
    if not _fits(name, NAME_LENGTH) or (name and readings.is_("route-name", "refused")):
        raise ApiError("InvalidRouteEntryName.Malformed", "Specified RouteEntry name is not valid.")


def check_description(text: str, readings: Readings, *, modify: bool) -> None:
    """Raise ApiError for a description that the platform does not take; Create and Modify say it with own codes."""
    allowed = {
        "anything": True,
        "ascii-without-brackets": _PLAIN.fullmatch(text) is not None,
        "256-bytes": len(text.encode()) <= DESCRIPTION_LENGTH,
        "nothing": not text,
    }[readings["route-description"]]
    if allowed and _fits(text, DESCRIPTION_LENGTH):
        return
    if modify:
        raise ApiError("IllegalParam.RouteEntryName", "The param of Description is illegal.")
    raise ApiError("InvalidDescription.Malformed", "Specified description is not valid.")


def _fits(text: str, length: int) -> bool:
    """Not too long, and no address of a web page."""
    return len(text) <= length and not text.startswith(("http://", "https://"))


def _inside(network: _Network, other: _Network) -> bool:
    both_old = isinstance(network, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network)
    return both_old and network.subnet_of(other)  # type: ignore[arg-type]
