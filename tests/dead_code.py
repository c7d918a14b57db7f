"""Find code that nothing uses.  `python -m tests.dead_code` names it and ends with 1; `make check` runs it.

vulture finds it: a function, method, property, class or import whose name appears nowhere else. Fields and attributes
are not reported, because the SDKs, the standard library and JSON read them by name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[1]
TREES = ("shared", "lab", "functions", "tests")
KINDS = frozenset(("function", "method", "property", "class", "import", "unreachable_code"))
CALLED_BY_OTHERS = (
    *("do_*", "log_message", "handle_error"),  # http.server
    *("connection_made", "datagram_received", "error_received", "quic_event_received"),  # asyncio, aioquic
    *("handle_starttag", "handle_endtag", "ignore_aliases"),  # html.parser, PyYAML
    *("list_commands", "format_commands", "format_epilog"),  # click
    *("get_credential", "_new_conn", "__call__", "__getattr__"),  # the SDKs and urllib3
    *("pytest_*", "_split_scope"),  # pytest and pytest-xdist
)
DECORATORS = ("@click.command", "@app.command", "@main.command", "@pytest.fixture", "@fixture")
CALLED_BY_NAME = tuple(f"tests/simulation/{name}.py" for name in ("acts", "deploying", "refusing"))
"""Files whose methods are chosen by the name of a happening."""


def dead() -> list[str]:
    """Return what nothing uses, each as `file:line: what`."""
    vulture = Vulture(ignore_names=CALLED_BY_OTHERS, ignore_decorators=DECORATORS)
    vulture.scavenge([str(ROOT / tree) for tree in TREES])
    found = []
    for item in vulture.get_unused_code(min_confidence=60):
        place = Path(item.filename).relative_to(ROOT).as_posix()
        if item.typ in KINDS and place not in CALLED_BY_NAME:
            found.append(f"{place}:{item.first_lineno}: {item.message}")
    return found


if __name__ == "__main__":
    unused = dead()
    print(*unused, sep="\n", end="\n" if unused else "")  # noqa: T201  a command's answer
    sys.exit(bool(unused))
