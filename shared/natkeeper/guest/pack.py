"""How do the sources of the setup script become what a command carries?  Joined, stripped and compressed.

`python -m natkeeper.guest.pack` writes setup.packed and the OOS template anew; run it after each change in setup/.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

from natkeeper.guest import script, template

SOURCES = Path(__file__).with_name("setup")
TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "oos" / f"{template.TEMPLATE_NAME}.yaml"


OWN = ("10-words.sh", "20-parameters.sh", "75-connections.sh", "90-run.sh")
"""What the setup command itself carries; all others are the library."""


def joined(*, library: bool) -> str:
    """Return one of the two parts, without comments and indentation, which no shell needs."""
    files = [path for path in sorted(SOURCES.glob("*.sh")) if (path.name not in OWN) == library]
    lines = [line.strip(" \t") for path in files for line in path.read_text(encoding="ascii").splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


def packed() -> str:
    """Return both parts, each compressed, in base64 and on a line of its own."""
    parts = (joined(library=False), joined(library=True))
    return "".join(base64.b64encode(gzip.compress(part.encode(), 9, mtime=0)).decode() + "\n" for part in parts)


if __name__ == "__main__":
    script.PACKED.write_text(packed(), encoding="ascii")
    TEMPLATE.write_text(template.oos_template(), encoding="utf-8")
