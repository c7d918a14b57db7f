"""Entry point of the failover function: events, the timer's sweep, the probe's report, a person's JSON."""

from natkeeper.failover import fast_dataclasses, gc_off  # first: they make the imports that follow faster
from natkeeper.failover.handler import handler

__all__ = ["fast_dataclasses", "gc_off", "handler"]
