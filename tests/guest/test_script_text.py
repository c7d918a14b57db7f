"""What holds for every line of the script: a shell says nothing of a wrong descriptor, name or number."""

import re

from natkeeper.guest.pack import SOURCES

TEXT = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.sh")))
NUMBERED = re.compile(r"(\d*)>(>?&?)([^\s;)|&]+)")
LOCK = '"$ROOT/run/natkeeper.lock"'
ALLOWED = {
    ("2", "", "/dev/null"),  # what a program complains of that may be missing
    ("2", "&", "1"),  # what becomes part of a report
    ("9", "", LOCK),  # one run at a time
    ("9", "&", "-"),  # what goes on after a run must not hold its lock
}


def test_only_standard_error_and_the_lock_have_a_number() -> None:
    numbered = {found.groups() for found in NUMBERED.finditer(TEXT) if found[1]}
    assert numbered == ALLOWED


def test_what_is_kept_beside_is_written_before_it_is_read() -> None:
    written = set(re.findall(r'>"\$WORK/(\w+)"', TEXT))
    read = set(re.findall(r'<"\$WORK/(\w+)"', TEXT))
    assert written
    assert read <= written


def test_a_program_that_may_hang_has_a_time_to_answer() -> None:
    bounds = set(re.findall(r"timeout (\S+) (\$[CP]\b|firewall-cmd|conntrack)", TEXT))
    assert bounds == {("40", "$C"), ("40", "$P"), ("40", "firewall-cmd"), ("5", "conntrack")}
