"""One scenario as it happens: who did what, how long after the fault, and a strip of private hosts' connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from natlab.demo import wording
from natlab.scenarios.play import BUILDING, BUNDLING, DEPLOYING, SETTING_UP, WATCHING
from natlab.scenarios.record import NO_PATTERN

_STYLES = {
    "fault": "bold red",
    "step": "bold yellow",
    "power": "red",
    "event": "magenta",
    "start": "cyan",
    "end": "cyan",
    "read": "dim",
    "write": "bold blue",
    "route": "bold green",
    "address": "green",
    "receipt": "bold",
    "told": "bold",
    "note": "bold red",
}
_PHASES = {
    BUILDING: "a VPC with gateways, private hosts and route tables in a local cloud of its own",
    BUNDLING: "the bundles that `s deploy` would upload",
    DEPLOYING: "s.yaml, deployed by the API of Function Compute",
    SETTING_UP: "natkeeper's first sweep has OOS run the setup script on every gateway",
    WATCHING: "the probe begins to watch the internet through the guarded route",
}
_BEFORE_MS, _AFTER_MS = 500, 1500
"""How much of the strip is shown before the fault, and after everything works again."""
_WHO_WIDTH = 19


@dataclass(slots=True)
class Timeline:
    """Prints moments as they come; `names` (id -> name) may grow."""

    console: Console
    names: dict[str, str] = field(default_factory=dict)
    _zero: float | None = None
    _reads: list[str] = field(default_factory=list)
    _read_at: float = 0.0
    _told: tuple[str, ...] = ()
    _probes: int = 0

    def phase(self, phase: str) -> None:
        """Show what is being prepared."""
        if phase in _PHASES:
            self._line("", "set-up", _PHASES[phase], "dim")

    def moment(self, moment: Mapping[str, Any]) -> None:
        """Show one moment."""
        kind, who, what, at = (moment[key] for key in ("kind", "who", "what", "at"))
        if kind == "fault":
            self._zero = at
        if self._zero is None:
            return
        if kind == "read":
            if who != "fc":
                self._read_at = at if not self._reads else self._read_at
                self._reads.append(what)
            return
        self._flush()
        if kind == "event" and NO_PATTERN in what:
            return
        style = _STYLES.get(kind, "")
        if kind == "connection":
            style = "green" if "works" in what else "red"
        self._told = () if kind in ("write", "start") else self._told
        self._line(self._offset(at), who or "the world", wording.named(what, self.names), style)

    def _flush(self) -> None:
        """Show reads that went out together as one line, and only once while they are repeated."""
        reads, self._reads = tuple(sorted(set(self._reads))), []
        if reads and reads != self._told:
            self._told = reads
            self._line(self._offset(self._read_at), "natkeeper-failover", "reads " + ", ".join(reads), "dim")

    def _offset(self, at: float) -> str:
        return f"{at - (self._zero or at):+8.3f} s"

    def _line(self, offset: str, who: str, what: str, style: str) -> None:
        row(self.console, (offset, 10), who, Text(what), style)

    def strips(self, strips: Mapping[str, Any], outage_s: float) -> None:
        """Show the connections of the private hosts as a picture."""
        width = min(self.console.width, 120) - 4
        for table, attempts in strips.items():
            after_ms = max((at for at, works in attempts if not works), default=0) + _AFTER_MS
            signs, stretch = wording.strip(attempts, before_ms=_BEFORE_MS, after_ms=after_ms, width=width)
            fancy = (self.console.encoding or "").startswith("utf")
            picture = Text()
            for sign in signs:
                if fancy:
                    picture.append("█" if sign == "+" else "░", "green" if sign == "+" else "red")
                else:
                    picture.append("#" if sign == "+" else ".")
            where = f" behind {table}" if len(strips) > 1 else ""
            what = "a new connection" if stretch == wording.EVERY_MS else f"{stretch / 1000:g} s of new connections"
            self.console.print(f"\n  Each mark is {what} of a private host{where}, one every 50 ms:")
            self.console.print(Text("  ") + picture)
            self.console.print(Text("  " + wording.scale(len(signs), stretch, _BEFORE_MS), style="dim"))


def row(console: Console, when: tuple[str, int], who: str, what: Text, style: str) -> None:
    """Print a line of a timeline: `when` with its width, who, what. Piped, it is one line, however long."""
    moment, width = when
    if not console.is_terminal:
        line = f"{moment:>{width}}  {who:{_WHO_WIDTH}} {what.plain}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=width, justify="right", style="dim")
    grid.add_column(width=_WHO_WIDTH, style=style)
    grid.add_column(ratio=1, style=style)
    grid.add_row(moment, who, what)
    console.print(grid)
