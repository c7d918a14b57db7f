"""`natkeeper …`: the operator's command line.

Nothing of this package is in a function's bundle. Commands are thin: they ask the deployed function (asking.py),
read the account (survey/), and leave every decision to the same code that the function runs.
"""

from __future__ import annotations

from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with one of the codes of exits.py."""
    from natkeeper.cli.app import run

    raise SystemExit(run(arguments))


__all__ = ["main"]
