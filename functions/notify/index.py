"""Entry point of the notify function: receipts in, messages to people out."""

from natkeeper.notify.handler import handler

__all__ = ["handler"]
