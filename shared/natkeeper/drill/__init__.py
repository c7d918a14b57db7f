"""What did private hosts feel?  From what was observed in a drill to figures and a report; pure functions.

`Observed` (observed.py) is the one input format, also as JSON; `figures` computes, `render` draws one HTML page that
needs nothing else. Any program may observe: natlab does in its lab.
"""

from __future__ import annotations

from natkeeper.drill.figures import DrillFigures, figures
from natkeeper.drill.observed import Flow, Gap, Moment, NewConnection, Observed, UnreadableDrill, from_json
from natkeeper.drill.report import render

__all__ = [
    "DrillFigures",
    "Flow",
    "Gap",
    "Moment",
    "NewConnection",
    "Observed",
    "UnreadableDrill",
    "figures",
    "from_json",
    "render",
]
