"""Entry point of the probe function: a look at the internet, from inside the VPC."""

from natkeeper.probe.handler import handler

__all__ = ["handler"]
