"""The picture of a drill: what private hosts felt, and over it when natkeeper did what. One SVG, nothing around it.

From top to bottom: names of moments, each new connection outwards by how long it took, the other ways as strips,
flows with their silences, seconds since the fault. Colours are the page's (page.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from natkeeper.drill.figures import OUT, SLOW_S, DrillFigures, attempts_of, fate, first_packet, outage, pace_of
from natkeeper.drill.observed import NewConnection, Observed

WIDE: Final = 1080
NARROW: Final = 560
"""Units of the picture on a desktop and on a phone, where the same letters take twice the room."""
RIGHT: Final = 22
_ROW: Final = 17
_LETTER: Final = 6.7
_RANGE: Final = 150
_STRIP: Final = 20
_LANE: Final = 22
_SPACE: Final = 14
_SHORTEST_S, _LONGEST_S = 0.0005, 3.0
_BEFORE_S, _AFTER_S = 1.0, 1.6
_NAMES: Final = {"fault": "fault", "signal": "signal", "decision": "decision", "route": "route", "eip": "EIP"}
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_TICKS: Final = 14


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds since the fault to places on the picture."""

    first: float
    last: float
    width: int = WIDE

    def x(self, seconds: float) -> float:
        inside = min(max(seconds, self.first), self.last)
        return round(self.left + (inside - self.first) / (self.last - self.first) * (self.width - self.left - RIGHT), 1)

    @property
    def left(self) -> int:
        """Room for names at the left."""
        return 158 if self.width == WIDE else 172

    @property
    def room(self) -> int:
        """Height above the longest time: on a phone the name of the picture stands in it, beside nothing else."""
        return 34 if self.width == WIDE else 70

    @property
    def cloud(self) -> int:
        return self.room + _RANGE + 6

    def shows(self, seconds: float) -> bool:
        return self.first <= seconds <= self.last


def plot(observed: Observed, found: DrillFigures, width: int = WIDE) -> str:
    """Draw it, `width` units wide."""
    scale = _scale(observed, width)
    title = f"plot-title-{width}"
    names = list(_marks(observed))
    top, drawn_names = _labels(names, scale)
    parts: list[str] = []
    y = top + _SPACE
    parts += _cloud(observed, scale, y)
    y += scale.cloud + _SPACE
    for way, name in observed.ways.items():
        if way != OUT:
            parts += _strip(observed, way, name, scale, y)
            y += _STRIP + 6
    y += 4
    for kept in found.flows:
        label = f"{kept.kind} {'in' if kept.way.startswith('in') else 'out'}  {kept.survived}/{kept.total}"
        parts += _lane(observed, (kept.way, kept.kind), label, scale, y)
        if kept.fates.get("relayed") and (moved := found.moments["route"]) is not None:
            parts.append(_relayed(kept.fates["relayed"], scale, moved, y))
        y += _LANE + 4
    lines = [
        f'<line class="mark {kind}" x1="{scale.x(at)}" x2="{scale.x(at)}" y1="{row}" y2="{y + 2}"/>'
        for (at, kind, _), row in zip(names, _rows(names, scale), strict=True)
    ]
    axis, bottom = _axis(scale, top + _SPACE, y)
    return "\n".join(
        [
            f'<svg class="plot" viewBox="0 0 {width} {bottom:.0f}" role="img" aria-labelledby="{title}">',
            f'<title id="{title}">New connections and flows in the drill {escape(observed.scenario)}</title>',
            *axis,
            *_outage(observed, scale, top + _SPACE, y),
            *parts,
            *lines,
            *drawn_names,
            "</svg>",
        ]
    )


def _scale(observed: Observed, width: int) -> _Scale:
    """From a second before the fault to when nothing changes any more, or the end."""
    zero = observed.fault_at
    moments = [moment.at for moment in observed.moments if moment.kind in _NAMES or moment.kind == "step"]
    silences = [gap.ended for gap in observed.gaps] + [flow.ended for flow in observed.flows if flow.kind != "idle"]
    troubled = [a.ended for a in attempts_of(observed, OUT) if _is_slow(a) or a.error]
    last = max([zero, *moments, *silences, *troubled]) + _AFTER_S
    first = max(observed.began_at, zero - _BEFORE_S)
    return _Scale(first - zero, max(min(last, observed.ended_at) - zero, 0.5), width)


def _marks(observed: Observed) -> Iterator[tuple[float, str, str]]:
    """When, of what kind, and what to call it; in the order of time."""
    zero, last = observed.fault_at, ""
    found: list[tuple[float, str, str]] = []
    for moment in observed.moments:
        if moment.kind in _NAMES and moment.at >= zero:
            name = _NAMES[moment.kind]
            found.append((moment.at - zero, moment.kind, name))
    packet = first_packet(observed)
    if packet is not None:
        found.append((packet - zero, "packet", "first packet"))
    for at, kind, name in sorted(found):
        if kind != last or kind not in ("route", "eip"):
            yield at, kind, name if kind == "fault" else f"{name} +{at:.2f} s"
        last = kind


def _rows(names: Sequence[tuple[float, str, str]], scale: _Scale) -> list[float]:
    """The height of each name: a stair, down one step where the names before are not over yet."""
    rows, step, over = [], 0, -math.inf
    for at, _, text in names:
        x = scale.x(at)
        step = 0 if x > over else step + 1
        over = max(over, x + 12 + len(text) * _LETTER)
        rows.append(10.0 + step * _ROW)
    return rows


def _labels(names: Sequence[tuple[float, str, str]], scale: _Scale) -> tuple[float, list[str]]:
    rows, drawn = _rows(names, scale), []
    for (at, kind, text), y in zip(names, rows, strict=True):
        x = scale.x(at)
        late = x + 8 + len(text) * _LETTER > scale.width
        where = f'x="{x - 7}" text-anchor="end"' if late else f'x="{x + 7}"'
        drawn.append(f'<circle class="dot {kind}" cx="{x}" cy="{y + 2}" r="4"/>')
        drawn.append(f'<text class="name {kind}" {where} y="{y + 6}">{escape(text)}</text>')
    return max(rows, default=0.0) + _ROW, drawn


def _outage(observed: Observed, scale: _Scale, top: float, bottom: float) -> list[str]:
    found = outage(attempts_of(observed, OUT), observed)
    if found is None:
        return []
    begin, end = (scale.x(at - observed.fault_at) for at in found)
    box = f'x="{begin}" width="{end - begin:.1f}" y="{top}" height="{bottom - top:.1f}"'
    return [f'<rect class="outage" {box}><title>{found[1] - found[0]:.2f} s without a new connection</title></rect>']


def _height(seconds: float, scale: _Scale, top: float) -> float:
    """Places of lengths of time: each tenfold as high as the one before; what got no answer is at the top."""
    low, high = math.log10(_SHORTEST_S), math.log10(_LONGEST_S)
    part = (math.log10(min(max(seconds, _SHORTEST_S), _LONGEST_S)) - low) / (high - low)
    return round(top + scale.room + (1 - part) * _RANGE, 1)


def _cloud(observed: Observed, scale: _Scale, top: float) -> list[str]:
    """Every new connection outwards: when it began, and how long it took or that it was lost."""
    right = scale.width - RIGHT
    first, second, third = (top + y for y in ((13, 29, 43) if scale.width == WIDE else (31, 48, 64)))
    drawn = [
        f'<text class="lane" x="0" y="{first}">new connections</text>',
        f'<text class="small" x="0" y="{second}">{escape(pace_of(attempts_of(observed, OUT)))},</text>',
        f'<text class="small" x="0" y="{third}">by how long it took</text>',
    ]
    for seconds, name in ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s")):
        y = _height(seconds, scale, top)
        drawn.append(f'<line class="grid" x1="{scale.left}" x2="{right}" y1="{y}" y2="{y}"/>')
        drawn.append(f'<text class="small" x="{scale.left - 8}" y="{y + 4}" text-anchor="end">{name}</text>')
    lost = top + 9
    drawn.append(f'<line class="grid" x1="{scale.left}" x2="{right}" y1="{lost}" y2="{lost}"/>')
    drawn.append(f'<text class="small" x="{scale.left - 8}" y="{lost + 4}" text-anchor="end">lost</text>')
    for each in attempts_of(observed, OUT):
        began = each.began - observed.fault_at
        if not scale.shows(began):
            continue
        x = scale.x(began)
        if each.error:
            said = escape(f"{began:+.2f} s: {each.error} after {each.ended - each.began:.2f} s")
            drawn.append(f'<path class="lost" d="M{x - 3} {lost - 3}l6 6m0 -6l-6 6"><title>{said}</title></path>')
            continue
        kind = "slow" if _is_slow(each) else "ok"
        drawn.append(f'<circle class="{kind}" cx="{x}" cy="{_height(each.ended - each.began, scale, top)}" r="2.2"/>')
    return drawn


def _strip(observed: Observed, way: str, name: str, scale: _Scale, top: float) -> list[str]:
    """New connections of another way, one mark each."""
    place = f'x="{scale.left}" width="{scale.width - scale.left - RIGHT}" y="{top}"'
    drawn = [
        f'<text class="lane" x="0" y="{top + 14}">{escape(name)}</text>',
        f'<rect class="bed" {place} height="{_STRIP}" rx="3"/>',
    ]
    for kind, height in (("ok", 8), ("slow", 14), ("lost", _STRIP)):
        attempts = [each for each in attempts_of(observed, way) if _kind(each) == kind]
        places = [scale.x(a.began - observed.fault_at) for a in attempts if scale.shows(a.began - observed.fault_at)]
        path = "".join(f"M{x} {top + _STRIP}v-{height}" for x in places)
        if path:
            drawn.append(f'<path class="tick {kind}" d="{path}"/>')
    return drawn


def _lane(observed: Observed, key: tuple[str, str], label: str, scale: _Scale, top: float) -> list[str]:
    """Flows of one kind: silences as bars, resets as crosses, those that waited in vain as rings."""
    kind = key[1]
    flows = [flow for flow in observed.flows if (flow.way, flow.kind) == key]
    middle = top + _LANE / 2
    over = max((flow.ended if flow.error else math.inf for flow in flows), default=math.inf)
    length = scale.x(min(over - observed.fault_at, scale.last)) - scale.left
    drawn = [
        f'<text class="lane" x="0" y="{middle + 4}">{escape(label)}</text>',
        f'<rect class="alive" x="{scale.left}" width="{length:.1f}" y="{middle - 3}" height="6" rx="3"/>',
    ]
    share = max(0.12, 1 / max(1, len(flows)))
    for gap in observed.gaps:
        if (gap.way, gap.kind) != key or not scale.shows(gap.ended - observed.fault_at):
            continue
        begin, end = (scale.x(at - observed.fault_at) for at in (gap.began, gap.ended))
        place = f'x="{begin}" width="{max(1.0, end - begin):.1f}" y="{middle - 7}" height="14" rx="2"'
        drawn.append(f'<rect class="silence" fill-opacity="{share:.2f}" {place}/>')
    for flow in flows:
        if flow.error:
            at = flow.ended - observed.fault_at
            x = scale.x(at)
            said = escape(f"{kind} {flow.number}, when it spoke at {at:+.1f} s: {flow.error}")
            if fate(flow, observed) == "reset":
                drawn.append(f'<path class="lost" d="M{x - 4} {middle - 4}l8 8m0 -8l-8 8"><title>{said}</title></path>')
            else:
                drawn.append(f'<circle class="mute" cx="{x}" cy="{middle}" r="5"><title>{said}</title></circle>')
    return drawn


def _relayed(count: int, scale: _Scale, moved: float, top: float) -> str:
    """Draw that flows go on through the gateway that they began with: from the move of the route to the end."""
    begin = scale.x(moved)
    place = f'x="{begin}" width="{scale.x(scale.last) - begin:.1f}" y="{top + _LANE / 2 - 3}" height="6" rx="3"'
    return f'<rect class="relayed" {place}><title>{count} relayed by the new gateway to the old one</title></rect>'


def _axis(scale: _Scale, top: float, bottom: float) -> tuple[list[str], float]:
    """Seconds since the fault, below everything."""
    length = scale.last - scale.first
    step = next((tick for tick in _TICKS if length / tick <= _MOST_TICKS * scale.width / WIDE), _TICKS[-1])
    drawn = []
    for number in range(math.ceil(scale.first / step), math.floor(scale.last / step) + 1):
        x = scale.x(number * step)
        drawn.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
        drawn.append(f'<text class="small" x="{x}" y="{bottom + 18}" text-anchor="middle">{number * step:g} s</text>')
    drawn.append(f'<text class="small" x="0" y="{bottom + 18}">since the fault</text>')
    return drawn, bottom + 26


def _kind(attempt: NewConnection) -> str:
    return "lost" if attempt.error else "slow" if _is_slow(attempt) else "ok"


def _is_slow(attempt: NewConnection) -> bool:
    return attempt.ended - attempt.began > SLOW_S
