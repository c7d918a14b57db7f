"""The report is one page that needs nothing else, and reads well wherever it is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from natkeeper.drill import Flow, Moment, Observed, figures, render
from tests import browser
from tests.drill.facts import FAULT, RESET, attempts, drill

_LOADS = re.compile(r"""<(?:link|img|iframe|object|embed)\b|\bsrc\s*=|\bhref\s*=|url\(|@import""", re.IGNORECASE)
_ASK = """(() => {
  const box = (each) => each.getBoundingClientRect();
  const plot = [...document.querySelectorAll("svg.plot")].find((each) => box(each).width > 0);
  const words = [...plot.querySelectorAll("text")].map(box), air = 1;
  const crossing = words.filter((a, i) => words.some((b, j) => i < j && a.left < b.right + air && b.left < a.right + air
    && a.top < b.bottom - 2 && b.top < a.bottom - 2)).length;
  const svg = box(plot);
  const outside = [...plot.querySelectorAll("text")].map(box)
    .filter((each) => each.left < svg.left - 1 || each.right > svg.right + 1 || each.bottom > svg.bottom + 1
      || each.top < svg.top - 1).length;
  const edge = Math.min(...[...plot.querySelectorAll("line.grid")].map((each) => box(each).left));
  const touching = [...plot.querySelectorAll("text[x='0']")].filter((each) => box(each).right > edge - 3).length;
  return { crossing, outside, touching, wide: document.documentElement.scrollWidth > innerWidth,
    cut: [...document.querySelectorAll(".wide, figure")].filter((each) => each.scrollWidth > each.clientWidth).length,
    height: svg.height, loaded: performance.getEntriesByType("resource").length,
    dark: getComputedStyle(document.body).backgroundColor, dots: document.querySelectorAll("svg circle.ok").length };
})()"""
Browse = Callable[..., dict[str, Any]]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "rect", "line", "circle", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "rect", "line", "circle", "path"):
            assert self.open.pop() == tag


def embedded(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_page_is_self_contained_and_well_formed() -> None:
    """Nothing is loaded from anywhere, every element is closed, and the figures are in it for machines."""
    page = render(drill())
    assert not _LOADS.search(page)
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert embedded(page) == json.loads(json.dumps(figures(drill()).as_json()))


def test_words_of_others_are_text_and_nothing_else() -> None:
    """Story, reasons and moments may hold anything: event content is data."""
    evil = "</script><script>alert(1)</script>"
    page = render(drill(scenario=evil, story=evil, place=evil, reasons=(evil,), ways={"out": evil, "in": evil}))
    assert "<script>alert" not in page
    assert embedded(page)["reasons"] == [evil]


def test_same_drill_same_page() -> None:
    """A pure function: reports can be compared."""
    assert render(drill()) == render(drill())


def test_page_says_whether_it_ended_well_and_why_not() -> None:
    """A bad end is at the top, in words."""
    assert ">good<" in render(drill())
    page = render(drill(reasons=("the route went nowhere",)))
    assert ">not good<" in page
    assert "the route went nowhere" in page


def test_flow_that_learns_of_its_end_when_it_speaks_is_crossed_out_there() -> None:
    """Also where the picture ends before: a line that goes on would say that it lives."""
    broken = Flow("idle", 0, FAULT - 2, 0.0, FAULT + 60.0, RESET)
    assert f"idle 0, when it spoke at +60.0 s: {RESET}" in render(drill(flows=(broken,), gaps=()))


def test_picture_tells_relayed_reset_and_silent_flows_apart() -> None:
    """A green line from the move on, a cross, a ring; and the legend names them."""
    silent = Flow("busy", 2, FAULT - 2, 0.1, FAULT + 2.9, "TimeoutError: ")
    page = render(drill(flows=(*drill().flows, silent)))
    for drawn in ('<rect class="relayed"', '<path class="lost"', '<circle class="mute"'):
        assert drawn in page
    assert "1 relayed by the new gateway to the old one" in page
    assert '<li><i class="mute"></i>flow that waited in vain</li>' in page
    assert '<rect class="relayed"' not in render(drill(moments=()))
    assert '<circle class="mute"' not in render(drill())


def test_flow_that_broke_before_the_move_did_not_hang_after_it() -> None:
    """It was reset by what it had before."""
    page = render(drill(flows=(Flow("busy", 0, FAULT - 2, 0.1, FAULT + 0.1, RESET),), gaps=()))
    assert ">before it</td>" in page
    assert "0.00 s</td>" not in page


def test_what_can_become_of_flows_is_told_where_there_are_some() -> None:
    """Five of sixty-five may be all that could survive; a rehearsal without flows has no such table."""
    assert "follows the route" in render(drill())
    assert "Flows that were there before" not in render(drill(flows=(), gaps=()))


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a report in headless Chromium, and let it say what it sees."""
    if browser.PROGRAM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")

    def ask(observed: Observed, *, width: int = 1200, dark: bool = False) -> dict[str, Any]:
        page = tmp_path / "report.html"
        page.write_text(render(observed), encoding="utf-8")
        with browser.opened(page.as_uri(), tmp_path, width=width, dark=dark) as tab:
            tab.until("document.readyState === 'complete' && document.querySelector('footer p') !== null")
            tab.picture(f"report-{width}-{'dark' if dark else 'light'}")
            return dict(tab.evaluate(_ASK))

    return ask


def test_an_id_is_never_broken_at_its_hyphen() -> None:
    """A phone would; a word that only looks like one stays a word."""
    told = Moment(0.5, "detail", "natkeeper", "moved from gateway-a (i-bp1alpha) to i-bp1bravo in vtb-bp1, e-mail sent")
    page = render(drill(moments=(told,)))
    assert re.findall(r'<span class="id">(.*?)</span>', page) == ["i-bp1alpha", "i-bp1bravo", "vtb-bp1"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 800, 390])
def test_browser_draws_it_without_overlaps(browse: Browse, width: int) -> None:
    """No text of the picture touches another one, all text is inside it, nothing is cut on a phone either."""
    seen = browse(drill(), width=width)
    assert (seen["crossing"], seen["outside"], seen["wide"], seen["loaded"], seen["cut"]) == (0, 0, False, 0, 0)
    assert seen["touching"] == 0
    assert seen["height"] > width / 4
    assert seen["dots"] > 50


@pytest.mark.slow
def test_dark_screens_get_dark_pages(browse: Browse) -> None:
    """By what the reader's system prefers."""
    light, dark = (browse(drill(), dark=dark) for dark in (False, True))
    assert light["dark"] != dark["dark"]


@pytest.mark.slow
def test_drill_without_outage_or_flows_is_drawn(browse: Browse) -> None:
    """A planned move that nobody felt; the legend names nothing that is not there."""
    calm = drill(attempts=attempts(down=0.0), flows=(), gaps=(), ways={"out": "out"})
    assert re.findall(r'<li><i class="(\w+)">', render(calm)) == ["ok"]
    seen = browse(calm)
    assert (seen["crossing"], seen["outside"]) == (0, 0)
