"""Does the answer of a private host find back to its visitor?

An answer leaves by the route of the host's own vSwitch. A gateway that does not know the visitor has to hand it to the
one that does, by natkeeper's table (guest/setup/75-connections.sh), or the first gateway has to hide the visitor.
"""

from __future__ import annotations

import re


def hides(table: str, protocol: str, host: str, port: int) -> bool:
    """Return True if a gateway is itself the source of what it forwards there: answers come back to it."""
    rule = (
        rf"^ct status dnat ip daddr {re.escape(host)} meta l4proto {protocol}(?: {protocol} dport (\S+))? masquerade$"
    )
    return _holds(rule, table, port)


def hands_back(table: str, protocol: str, host: str, port: int) -> bool:
    """Return True if a gateway hands answers from there to the others."""
    return _holds(rf"^ip saddr {re.escape(host)}(?: {protocol} sport (\S+))? jump answers$", table, port)


def serves(conf: str, port: int, host: str) -> bool:
    """Return True if nginx's configuration leads requests for a host name to a private host, or all of a port."""
    named = rf"(?: ssl)?; server_name {re.escape(host)};.*"
    return re.search(rf"^server {{ listen {port}(?:{named}|;) proxy_pass ", conf, re.MULTILINE) is not None


def _holds(rule: str, table: str, port: int) -> bool:
    for found in re.finditer(rule, table, re.MULTILINE):
        first, _, last = (found[1] or "0-65535").partition("-")
        if int(first) <= port <= int(last or first):
            return True
    return False
