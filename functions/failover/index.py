"""Entry point of the failover function: events, the timer's sweep, the probe's report, a person's JSON."""

from natkeeper.failover import fast_patterns  # isort: skip  first: it makes the imports that follow faster
from natkeeper.failover import fast_dataclasses, gc_off  # isort: skip  and so do these
from natkeeper.failover.handler import handler

__all__ = ["fast_dataclasses", "fast_patterns", "gc_off", "handler"]
