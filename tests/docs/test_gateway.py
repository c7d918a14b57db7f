"""What docs/gateway.md says in figures is what the script and the configuration do."""

from __future__ import annotations

import re
from pathlib import Path

from natkeeper.domain import gateway_config
from natkeeper.domain.load import Alarms
from tests.docs.markdown import DOCS, ROOT, section

PAGE = DOCS / "gateway.md"
SETUP = ROOT / "shared/natkeeper/guest/setup"


def number(pattern: str, file: str | Path) -> int:
    """The number that a line of the script, or of a module, has."""
    found = re.search(pattern, (SETUP / file).read_text(encoding="utf-8"))
    assert found is not None, pattern
    return int(found[1])


def test_room_for_connections_is_that_of_the_script() -> None:
    """By memory, up to two million; and from how much memory on there are two million."""
    most, share = (number(rf"entries={value}", "50-kernel.sh") for value in (r"(\d+)", r"\$\(\(memory / (\d+)\)\)"))
    settings = section(PAGE, "Settings of the kernel")
    assert (share, f"a third of the memory in kB, {most:,} at most" in settings) == (3, True)
    quarter = number(r"nf_conntrack_buckets \$\(\(entries / (\d+)\)\)", "50-kernel.sh")
    assert (quarter, "| `nf_conntrack_buckets` | a quarter of that |" in settings) == (4, True)
    gigabytes = most * share / 1024 / 1024
    assert f"| by memory; two million from {gigabytes:g} GB on |" in section(PAGE, "Beside the managed NAT Gateway")
    assert f"| `setup.idle`, {gateway_config.Setup().idle / 3600:g} h |" in settings


def test_the_managed_gateway_is_compared_with_what_the_configuration_takes() -> None:
    """The widest shifted range, and how often figures come."""
    beside = section(PAGE, "Beside the managed NAT Gateway")
    widest = number(r"_WIDEST_SHIFT = (\d+)", Path(gateway_config.__file__))
    assert f"a shifted range of {widest} ports at most" in beside
    assert f"(`setup.every`, {gateway_config.Setup().every / 60:g} min)" in beside


def test_how_full_a_gateway_is_told_from_where_the_page_says() -> None:
    """Notes of the script, and alarms."""
    full = section(PAGE, "How full it is")
    connections, ports = (number(line, "80-figures.sh") for line in (r"connections / (\d+)", r"-lt (5\d{4})"))
    assert f"({connections} % or any drop)" in full
    assert f"({ports:,} of 64,512 to one destination)" in full
    assert f"({Alarms().connections} % of the connections, {Alarms().ports} % of the ports, any drop)" in full
