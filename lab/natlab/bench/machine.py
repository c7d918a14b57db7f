"""Where the bench runs and on what: the checkout, its scratch directory, and the machine in words."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout of natkeeper; `scratch` may be deleted at any time."""

    root: Path

    @property
    def scratch(self) -> Path:
        """What the bench makes and may find again."""
        return self.root / "build" / "bench"

    @classmethod
    def checkout(cls) -> Checkout:
        """Return the checkout that this module belongs to. Raises FileNotFoundError outside of one."""
        root = Path(__file__).resolve().parents[3]
        if not (root / "functions").is_dir():
            raise FileNotFoundError(f"{root} has no functions/: the bench runs in a checkout of natkeeper")
        return cls(root)


def machine() -> dict[str, str]:
    """Say what the figures were measured on; `load` is that of the last minute, as the bench begins."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
