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


def joined() -> str:
    """Return the sources as one script, without their comments and indentation, which no shell needs."""
    text = "".join(path.read_text(encoding="ascii") for path in sorted(SOURCES.glob("*.sh")))
    lines = (line.strip(" \t") for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"


def packed() -> str:
    """Return the joined script, compressed, in base64."""
    return base64.b64encode(gzip.compress(joined().encode("ascii"), 9, mtime=0)).decode("ascii")


if __name__ == "__main__":
    script.PACKED.write_text(packed() + "\n", encoding="ascii")
    TEMPLATE.write_text(template.oos_template(), encoding="utf-8")
