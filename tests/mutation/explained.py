"""Faults that nobody notices because they change nothing that matters, each with its reason."""

from __future__ import annotations

EXPLAINED: dict[str, str] = {
    (
        "natkeeper.domain.choose._lasts_until: 0.0 becomes 1.0: return health.until.timestamp() "
        "if isinstance(health, Draining) and health.until is not None else 0.0"
    ): "what may go at any moment is sorted behind every time there is; one second into 1970 is as far behind",
    (
        "natkeeper.domain.suspicion.believe: ': ' becomes another: return hop, EgressLost(now, "
        'f"the probe\'s {report.failures} looks in a row failed: {report.reason}".rstrip(": "))'
    ): "a set of characters to strip, to which it adds X: shows only in a reason that ends with X",
    (
        "natkeeper.domain.world.RouteView.remembered: 0.0 becomes 1.0: return max(known, "
        "key=lambda memory: memory.since.timestamp() if memory.since else 0.0, default=NOTHING)"
    ): "what never moved is sorted behind every move; one second into 1970 is as far behind",
}
"""What a surviving fault is called, and why it may survive; one that is noticed after all is to be taken out."""
