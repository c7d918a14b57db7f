"""How large is what `s deploy` uploads, and is it the same bytes each time?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from natkeeper.packaging import BUNDLES, Source, build, here
from natlab.bench.results import Figure, counted
from natlab.bench.worlds import PAPER_CONFIG
from natlab.scenarios.functions import CACHE, bundles

KEYS = "bundle_mb", "probe_bundle_mb", "notify_bundle_mb"
GOAL_MB = 15.0


def size() -> list[Figure]:
    """Weigh the bundles, and build the failover function's once more to compare."""
    archives = bundles(PAPER_CONFIG)
    weights = {name: path.stat().st_size / 1e6 for name, path in archives.items()}
    again = "the same bytes when built again" if _again() == _digest(archives["failover"]) else "NOT reproducible"
    return [
        counted("bundle_mb", "bundle of the failover function, zipped", round(weights["failover"], 2), "MB",
                target=GOAL_MB, floor=again),
        counted("probe_bundle_mb", "bundle of the probe", round(weights["probe"], 3), "MB"),
        counted("notify_bundle_mb", "bundle of the notify function", round(weights["notify"], 2), "MB"),
    ]  # fmt: skip


def _again() -> str:
    """Build the failover function's bundle anew, and return its digest."""
    from natkeeper.domain.config import parse_config
    from natkeeper.packaging.bundles import contents

    spec = next(spec for spec in BUNDLES if spec.name == "failover")
    data = dict(PAPER_CONFIG)
    content = contents(parse_config(data), data)[spec.configuration or ""]
    with TemporaryDirectory(dir=CACHE) as scratch:
        built = build(spec, Source.release(), content, here(), Path(scratch), cache=CACHE, say=lambda _: None)
        return _digest(built.archive)


def _digest(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()
