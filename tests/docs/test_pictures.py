"""The pictures: one drawing in two languages, that can be read on light and dark pages."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.docs.markdown import CHINESE, ENGLISH, ROOT, links

IMAGES = ROOT / "docs" / "img"
SVG = "{http://www.w3.org/2000/svg}"


def geometry(path: Path) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every element with its attributes, but not what it says."""
    return [(element.tag, tuple(sorted(element.attrib.items()))) for element in ET.parse(path).iter()]  # noqa: S314  ours


def test_both_languages_have_the_same_drawing() -> None:
    """A box that was moved in one language was moved in the other."""
    assert geometry(IMAGES / "how-it-works.svg") == geometry(IMAGES / "how-it-works.zh-CN.svg")


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_brings_its_own_page_and_both_sets_of_colours(path: Path) -> None:
    """It is readable wherever it is shown, and says what it shows to people who cannot see it."""
    root = ET.parse(path).getroot()  # noqa: S314  ours
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")
    assert root.find(f"{SVG}rect[@class='page']") is not None
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")


def test_every_picture_is_used() -> None:
    """And each README has the one of its language."""
    assert "docs/img/how-it-works.svg" in links(ENGLISH)
    assert "docs/img/how-it-works.zh-CN.svg" in links(CHINESE)
    pages = (
        ENGLISH,
        CHINESE,
        ROOT / "docs" / "connections.md",
        ROOT / "docs" / "tour.md",
        ROOT / "docs" / "gateway.md",
    )
    shown = {Path(link).name for page in pages for link in links(page)}
    assert {path.name for path in IMAGES.iterdir()} <= shown
