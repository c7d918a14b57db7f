"""Entry point of the failover function: events, the timer's sweep, the probe's report, a person's JSON."""

from natkeeper.failover import gc_off  # first: it makes the imports that follow faster
from natkeeper.failover.handler import handler

__all__ = ["gc_off", "handler"]
