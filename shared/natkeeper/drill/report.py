"""One HTML page about one drill: figures, the picture, flows, and what happened when. Pure; nothing is loaded.

It reads well on light and dark screens and on paper, and holds its figures as JSON for machines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape

from natkeeper.drill.figures import OUT, DrillFigures, FlowFigures, PathFigures, attempts_of, figures, pace_of
from natkeeper.drill.observed import Observed
from natkeeper.drill.plot import NARROW, WIDE, plot
from natkeeper.drill.style import STYLE

_ID = re.compile(r"(?<![\w-])((?:i|vtb|eip|eni|ngw|vpc|vsw)-[a-z0-9]+)(?![\w-])")
_KINDS = {
    "busy": "TCP, speaking ten times a second",
    "idle": "TCP, silent until the end",
    "udp": "UDP, a question ten times a second",
}
_NONE = "-"
_FOOT = """A private host opens new connections, {pace}; the outage is the longest time between two that worked.
A gateway's own address serves forwarded ports while it carries the route. TCP waits twice as long after each try, so a
flow may be silent for longer than the outage. Times are seconds since the fault, by one clock. What natkeeper has no
part in, such as how long a route change takes, is assumed as the local cloud lists it."""
_FATE = """Over TCP they outlive their gateway only where its address follows the route, and a planned move where the
new gateway relays them to the old one. Else the best that can happen is a reset, at the next segment after the move; a
silent one learns it when it speaks."""
_LEGEND = (
    ("ok", "worked"),
    ("slow", "worked when tried again after 1 s"),
    ("lost", "lost, or reset"),
    ("mute", "flow that waited in vain"),
    ("relayed", "flow relayed to the old gateway"),
    ("silence", "silence of a flow"),
    ("outage", "outage"),
)


def render(observed: Observed) -> str:
    """Draw the report of a drill."""
    found = figures(observed)
    verdict = '<span class="good">good</span>' if found.ok else '<span class="bad">not good</span>'
    when = datetime.fromtimestamp(observed.fault_at, timezone.utc)
    embedded = json.dumps(found.as_json()).replace("<", "\\u003c")
    pace = pace_of(attempts_of(observed, OUT))
    widths = (("desk", WIDE), ("phone", NARROW))
    pictures = "".join(f'<div class="{name}">{plot(observed, found, width)}</div>' for name, width in widths)
    drawn = [(kind, text) for kind, text in _LEGEND if f'class="{kind}"' in pictures or f'tick {kind}"' in pictures]
    legend = "".join(f'<li><i class="{kind}"></i>{escape(text)}</li>' for kind, text in drawn)
    body = [
        f"<header><h1>Drill: {escape(observed.scenario)} {verdict}</h1>",
        f"<p>{escape(observed.story)}</p>",
        f'<p class="dim">{escape(observed.place)} · {when:%Y-%m-%d %H:%M:%S} UTC</p>',
        *(f'<p class="bad">{escape(reason)}</p>' for reason in found.reasons),
        "</header>",
        f'<section class="tiles">{"".join(_tiles(found))}</section>',
        f"<figure>{pictures}",
        f'<figcaption><ul class="legend">{legend}</ul></figcaption></figure>',
        "<h2>New connections</h2>",
        _table(("way", "tried", "lost", "outage", "slowest that worked", "seen with"), map(_way, found.ways.values())),
        *(_flows(found) if found.flows else ()),
        "<h2>What happened</h2>",
        _story(observed),
        f'<footer class="dim"><p>{escape(observed.how or _FOOT.format(pace=pace))}</p></footer>',
        f'<script type="application/json" id="figures">{embedded}</script>',
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>natkeeper drill: {escape(observed.scenario)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{chr(10).join(body)}\n</main></body></html>\n"
    )


def _tiles(found: DrillFigures) -> Iterable[str]:
    moments = found.moments
    what = "to the end of the recording; it may have gone on" if found.outage_open else "of new connections"
    yield _tile("outage", "outage", _outage(found.outage_s, is_open=found.outage_open), what)
    yield _tile("lost", "lost", f"{found.lost_connections}", f"of {found.connections} new connections")
    if found.flows_total:
        yield _tile(
            "flows", "survived", f"{found.flows_survived} / {found.flows_total}", "flows that were there before"
        )
    for kind, name, what in (
        ("signal", "signal", "natkeeper wakes up"),
        ("decision", "decision", "its write reaches the API"),
        ("route", "route", "the data plane follows"),
        ("eip", "EIP", "is on the new gateway"),
    ):
        at = moments.get(kind)
        if at is not None:
            yield _tile(kind, name, f"+{at:.2f} s", what)


def _tile(key: str, name: str, value: str, what: str) -> str:
    return f'<div class="tile {key}" id="tile-{key}"><b>{name}</b><strong>{value}</strong><span>{what}</span></div>'


def _outage(seconds: float, *, is_open: bool) -> str:
    return f"{'over ' * is_open}{seconds:.2f} s" if seconds else "none"


def _way(way: PathFigures) -> tuple[str, ...]:
    outage = _outage(way.outage_s, is_open=way.outage_open)
    return way.name, str(way.connections), str(way.lost), outage, f"{way.worst_s:.3f} s", ", ".join(way.seen) or _NONE


def _flows(found: DrillFigures) -> Iterable[str]:
    yield "<h2>Flows that were there before</h2>"
    yield f'<p class="dim">{escape(_FATE)}</p>'
    yield _table(
        (
            "way",
            "kind",
            "survived",
            "of them relayed",
            "longest silence",
            "broke after the move",
            "how the others ended",
        ),
        (_kept(each, found) for each in found.flows),
    )


def _kept(kept: FlowFigures, found: DrillFigures) -> tuple[str, ...]:
    gap = _NONE if kept.longest_gap_s is None else f"{kept.longest_gap_s:.3f} s"
    hung = _NONE if kept.hung_s is None else f"{kept.hung_s:.2f} s" if kept.hung_s else "before it"
    errors = "; ".join(dict.fromkeys(map(_ended, kept.errors))) or _NONE
    way = found.ways[kept.way].name
    relayed = str(kept.fates.get("relayed", 0) or _NONE)
    return way, _KINDS.get(kept.kind, kept.kind), f"{kept.survived} of {kept.total}", relayed, gap, hung, errors


def _ended(error: str) -> str:
    """How a flow ended, without the words of one operating system."""
    if "reset" in error.lower():
        return "reset: its owner knows at once"
    return "no answer" if error.startswith("TimeoutError") else error.rstrip(": ")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = [escape(each) for each in headings]
    head = "".join(f"<th>{name}</th>" for name in names)
    # A phone has no room for columns: there each cell stands beside its heading.
    cells = (
        "".join(f'<td data-name="{name}">{escape(cell)}</td>' for name, cell in zip(names, row, strict=True))
        for row in rows
    )
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    return f'<div class="wide"><table class="facts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _story(observed: Observed) -> str:
    lines = []
    for moment in observed.moments:
        at = moment.at - observed.fault_at
        what = _ID.sub(r'<span class="id">\1</span>', escape(moment.what))  # a phone breaks lines at hyphens
        cells = f'<td class="at">{at:+.3f} s</td><td>{escape(moment.who)}</td><td>{what}</td>'
        lines.append(f'<tr class="{moment.kind}">{cells}</tr>')
    return f'<div class="wide"><table class="story"><tbody>{"".join(lines)}</tbody></table></div>'
