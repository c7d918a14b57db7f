"""Notification addresses in a file: read line by line, carried by the notify bundle, and never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from natkeeper.domain.config import parse_config
from natkeeper.packaging.bundles import BUNDLES, contents
from natkeeper.packaging.configuration import ConfigurationRefused
from natkeeper.packaging.notification import FILE, read_addresses

DATA = {"region": "cn-hangzhou", "groups": {"prod": {"gateways": ["i-bp1a"], "routes": [{"table": "vtb-bp1a"}]}}}


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    return tmp_path / "natkeeper.yaml"


def test_one_address_for_each_line(configuration: Path) -> None:
    """Comments, empty lines and blanks around an address mean nothing."""
    configuration.with_name(FILE).write_text("# on call\n\n  dingtalk://a/b  \nmailtos://c:d@e\n", encoding="utf-8")
    assert read_addresses(configuration) == ("dingtalk://a/b", "mailtos://c:d@e")


def test_the_mark_that_windows_puts_before_a_text_is_no_part_of_the_first_address(configuration: Path) -> None:
    """Nobody sees it, and apprise would not know the address: people would never be told."""
    configuration.with_name(FILE).write_text("json://a\njson://b\n", encoding="utf-8-sig")
    assert read_addresses(configuration) == ("json://a", "json://b")


def test_without_the_file_there_are_none(configuration: Path) -> None:
    """A person who uses the environment has no such file."""
    assert read_addresses(configuration) == ()


@pytest.mark.parametrize("line", ["SECRET-TOKEN", "dingtalk://SECRET-TOKEN feishu://SECRET-TOKEN"])
def test_a_line_that_is_no_address_is_named_by_its_number(configuration: Path, line: str) -> None:
    """Never by what stands there."""
    configuration.with_name(FILE).write_text(f"json://fine\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationRefused, match="line 2 is not one Apprise URL") as refused:
        read_addresses(configuration)
    assert "SECRET" not in str(refused.value)


def test_a_file_of_another_encoding_is_refused(configuration: Path) -> None:
    """In words that do not show it."""
    configuration.with_name(FILE).write_bytes(b"\xff\xfeS")
    with pytest.raises(ConfigurationRefused, match="cannot be read"):
        read_addresses(configuration)


def test_the_notify_bundle_alone_carries_them() -> None:
    """The other two functions never see an address."""
    files = contents(parse_config(DATA), DATA, ("json://a", "json://b"))
    carried = {spec.name: files[spec.configuration or ""] for spec in BUNDLES}
    assert carried["notify"] == b"json://a\njson://b\n"
    assert b"json://" not in carried["failover"] + carried["probe"]
