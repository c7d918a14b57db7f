"""A folder with programs that note what they are asked, and single functions of the setup script run against them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from natkeeper.guest.pack import SOURCES

TOOLS = (
    "awk", "base64", "basename", "cat", "chmod", "cp", "cut", "date", "dirname", "env", "grep", "gzip", "head", "mkdir",
    "mv", "rm", "sed", "sh", "sort", "tail", "tr",
)  # fmt: skip
FUNCTIONS = "".join(f". '{path}'\n" for path in sorted(SOURCES.glob("*.sh")) if path.name != "90-run.sh")


@dataclass(frozen=True)
class ToolFolder:
    """A folder with programs that note what they are asked, and complain where they are `noisy`."""

    folder: Path
    noisy: bool = True

    @classmethod
    def of(cls, folder: Path) -> ToolFolder:
        """Make one with text tools only, and what the script keeps its files in."""
        for name in TOOLS:
            (folder / name).symlink_to(shutil.which(name) or name)
        (folder / "calls").touch()
        (folder / "work").mkdir()
        return cls(folder)

    def program(self, name: str, body: str = "") -> None:
        """Put a program there that notes its call and does `body`."""
        noise = "echo noise >&2\n" if self.noisy else ""
        self._put(name, f'echo "{name} ${{DEBIAN_FRONTEND:-}}: $*" >>{self.folder}/calls\n{noise}{body}\n')

    def says(self, name: str, text: str, status: int = 0) -> None:
        """Put a program there that says the same whatever it is asked, and warns of something."""
        self._put(name, f"printf %s {shlex.quote(text)}\necho warning >&2\nexit {status}\n")

    def _put(self, name: str, body: str) -> None:
        path = self.folder / name
        # A text tool is a link to this machine's own, which must not be written through.
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Put a file below the root of the script."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        """Return what a file below the root of the script holds."""
        return (self.folder / name).read_text()

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run some code behind the script's functions."""
        return self.sh(f"{FUNCTIONS}WORK={self.folder}/work\n{code}")

    def sh(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run some code with the programs of the folder."""
        environment = {"PATH": str(self.folder), "NATKEEPER_ROOT": str(self.folder)}
        # `timeout` ends what the code has started as well: an awk without an end would work on.
        line = [shutil.which("timeout") or "timeout", "20", str(self.folder / "sh"), "-c", code]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    def out(self, code: str) -> str:
        """Return what some code behind the script's functions prints; nothing may go wrong on the way."""
        ended = self.run(code)
        assert ended.stderr == ""
        return ended.stdout

    def calls(self) -> list[str]:
        """What was asked, in order."""
        return (self.folder / "calls").read_text().splitlines()
