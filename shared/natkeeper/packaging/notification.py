"""Where people are notified, from a file that never leaves the deploying machine but inside the notify bundle.

`s` prints environment variables in its differences and results, tokens included. Addresses in `natkeeper.notify`,
beside natkeeper.yaml and out of version control, travel in the function's code instead, which nothing prints.
"""

from __future__ import annotations

from pathlib import Path

from natkeeper.notify.handler import COUNT, HEARTBEAT, NOBODY, VARIABLE
from natkeeper.packaging.configuration import ConfigurationRefused

__all__ = ["COUNT", "FILE", "HEARTBEAT", "NOBODY", "VARIABLE", "read_addresses"]

FILE = "natkeeper.notify"


def read_addresses(configuration: Path) -> tuple[str, ...]:
    """Return the Apprise URLs in natkeeper.notify beside `configuration`, one for each line; none without the file.

    Empty lines and lines that begin with `#` are left out. Raises `ConfigurationRefused`, which names lines and never
    quotes them.
    """
    path = configuration.parent / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(path, [f"cannot be read: {type(error).__name__}"]) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    given = [(number, line) for number, line in lines if line and not line.startswith("#")]
    bad = [number for number, line in given if "://" not in line or len(line.split()) != 1]
    if bad:
        problem = "is not one Apprise URL, such as mailtos://user:password@example.com"
        raise ConfigurationRefused(path, [f"line {number} {problem}" for number in bad])
    return tuple(line for _, line in given)
