"""What a command line changes in its process, put back: in tests it is the process of all tests after it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@contextmanager
def unchanged_process() -> Iterator[None]:
    """Put back how signals are handled, and take away handlers of log records that came meanwhile."""
    handled = [(each, signal.getsignal(each)) for each in _SIGNALS]
    handlers = list(logging.root.handlers)
    try:
        yield
    finally:
        for number, handler in handled:
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        for each in [each for each in logging.root.handlers if each not in handlers]:
            logging.root.removeHandler(each)
