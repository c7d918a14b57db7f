"""The playground's view in a browser: the product's own page, `natkeeper status --serve`, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def page(exports: Mapping[str, str]) -> Iterator[str]:
    """Serve it until the context ends, with what the playground prints for a shell; give its address, empty if none."""
    process = subprocess.Popen(
        [sys.executable, "-m", "natkeeper.cli", "status", "--serve", "--json"],
        env={**os.environ, **exports}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None  # noqa: S101  as asked for above
            told = "".join(iter(process.stdout.readline, "}\n"))
            yield str(json.loads(told + "}").get("url", "")) if process.poll() is None else ""
        finally:
            process.terminate()
