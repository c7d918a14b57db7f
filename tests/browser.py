"""Headless Chromium for tests, by its own protocol over two pipes: any window, light or dark, questions, pictures.

Source: chromedevtools.github.io, DevTools Protocol; `--remote-debugging-pipe` reads JSON that ends in NUL from
descriptor 3 and writes it to 4.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = "NATKEEPER_SHOTS"
"""Names a directory in which pictures are kept, for people to look at."""
_WITHIN_S = 60.0
_KEYWORD = b"Description"
_EXEC = (
    "import fcntl, os, sys; r, w = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]); "
    "os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass
class Tab:
    """One page that is open."""

    read: int
    write: int
    session: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _buffer: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result; events on the way are dropped."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            said = self._message()
            if said.get("id") == number:
                assert "error" not in said, said
                return dict(said["result"])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until the expression is true."""
        deadline = time.monotonic() + _WITHIN_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, (expression, self.evaluate("document.body.innerText"))
            time.sleep(0.05)

    def picture(self, name: str, says: str = "") -> None:
        """Keep a picture of the whole page where the environment asks for it, and in it what it says as text."""
        if SHOTS in os.environ:
            shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
            Path(os.environ[SHOTS], f"{name}.png").write_bytes(_with_text(base64.b64decode(shot["data"]), says))

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self.read, 1 << 20)
            assert chunk, "chromium has ended"
            self._buffer += chunk
        one, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(one))


_HEAD = 33
"""Bytes of a PNG's signature and of its first chunk, after which text may stand (PNG specification, 5.6)."""


def _with_text(png: bytes, says: str) -> bytes:
    """Return the picture with a chunk iTXt, uncompressed, that has this text."""
    if not says:
        return png
    chunk = b"iTXt" + _KEYWORD + b"\0\0\0\0\0" + says.encode()
    crc = zlib.crc32(chunk)
    return png[:_HEAD] + struct.pack("!I", len(chunk) - 4) + chunk + struct.pack("!I", crc) + png[_HEAD:]


def text_of(picture: Path) -> str:
    """Return the text that a picture was kept with."""
    png = picture.read_bytes()
    (length,) = struct.unpack_from("!I", png, _HEAD)
    return png[_HEAD + 8 : _HEAD + 8 + length].removeprefix(_KEYWORD + b"\0\0\0\0\0").decode()


@contextmanager
def opened(url: str, scratch: Path, *, width: int, height: int = 900, dark: bool = False) -> Iterator[Tab]:
    """Open a page in a window of that size, a phone's where it is narrow."""
    assert PROGRAM is not None
    (theirs_r, ours_w), (ours_r, theirs_w) = os.pipe(), os.pipe()
    command = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
               "--no-first-run", f"--user-data-dir={scratch / 'profile'}"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", _EXEC, str(theirs_r), str(theirs_w), *command],
        pass_fds=(theirs_r, theirs_w), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_r)
    os.close(theirs_w)
    tab = Tab(ours_r, ours_w)
    try:
        target = tab.call("Target.createTarget", url="about:blank")["targetId"]
        tab.session = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        phone = width < 600
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        tab.call("Page.navigate", url=url)
        yield tab
    finally:
        process.kill()
        process.wait()
        os.close(ours_r)
        os.close(ours_w)
