"""Disables garbage collection during start-up; index.py imports it first and handler.py turns collection on again.

Importing makes tens of thousands of objects and no garbage, but after every few hundred new ones the collector visits
them: a tenth of the processor time of a cold start, which is part of an outage.
"""

from __future__ import annotations

import gc

gc.disable()
