"""Every page: its links lead somewhere, its commands exist, its data can be read, and it speaks of no one machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.markdown import ROOT, blocks, headings, links, pages, prose, spans

HOSTS = frozenset(("github.com", "keepachangelog.com", "semver.org", "www.aliyun.com", "127.0.0.1"))
every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_local_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """A moved file or a renamed heading is noticed here and not by a reader."""
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            continue
        target = (page.parent / url.path).resolve() if url.path else page
        assert target.exists(), link
        if url.fragment:
            assert url.fragment in {heading.anchor for heading in headings(target)}, link


@every_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """`make x` in code or commands is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = spans(prose(page)) + [line for block in blocks(page, "sh") for line in block.code.splitlines()]
    named = {name for text in code for name in re.findall(r"^make ([a-z]+)", text.strip())}
    assert named <= targets


@every_page
def test_every_piece_of_json_can_be_read(page: Path) -> None:
    """What is there to be pasted is whole."""
    for block in blocks(page, "json"):
        json.loads(block.code)


@every_page
def test_only_known_hosts_and_no_paths_of_one_machine_are_named(page: Path) -> None:
    """Package indexes and mirrors are the user's own business, and so are home directories."""
    text = page.read_text(encoding="utf-8")
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[\w.:/-]+", text)}
    assert hosts - {None} <= HOSTS
    assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root|Users)/", text)


@every_page
def test_no_credentials_are_shown(page: Path) -> None:
    """Nothing has the form of an access key, not even as an example."""
    assert not re.search(r"\bLTAI[0-9A-Za-z]{12,}", page.read_text(encoding="utf-8"))
