"""Small code packages and a function body, for tests that need something to run."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

ECHO = """
def handler(event, context):
    return event
"""


def package(*sources: str, **files: str | bytes) -> str:
    """A ZIP in Base64: `sources` is index.py, `files` are further ones with `__` for `/` and `_py` for `.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for source in sources:
            archive.writestr(_entry("index.py"), source)
        for name, content in files.items():
            archive.writestr(_entry(name.replace("__", "/").replace("_py", ".py")), content)
    return base64.b64encode(buffer.getvalue()).decode()


def _entry(name: str) -> zipfile.ZipInfo:
    """A file without a date, so that the same sources are the same package."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry


def function_body(name: str, source: str = ECHO, **settings: Any) -> dict[str, Any]:
    """A CreateFunction body."""
    return {
        "functionName": name,
        "runtime": "python3.12",
        "handler": "index.handler",
        "code": {"zipFile": package(source)},
        **settings,
    }
