"""The project's own bundles, with the real locked wheels: small, complete, and with nothing left behind.

They are built into build/cache like any other, so only the first run after a change of a lock file installs anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from natkeeper.packaging import BUNDLES, Built, BundleSpec, Source, build, here, read_configuration
from natkeeper.packaging.bundles import contents

ROOT = Path(__file__).resolve().parents[2]
LARGEST_MB = {"failover": 20, "probe": 1, "notify": 12}


def made(spec: BundleSpec, out: Path) -> Built:
    config, data = read_configuration(ROOT / "natkeeper.example.yaml")
    content = contents(config, data).get(spec.configuration or "", b"")
    return build(spec, Source.release(), content, here(), out, cache=ROOT / "build" / "cache", say=lambda _: None)


@pytest.mark.parametrize("spec", BUNDLES, ids=lambda spec: spec.name)
def test_a_bundle_is_complete_and_not_larger_than_it_must_be(spec: BundleSpec, tmp_path: Path) -> None:
    """`build` imports the entry with nothing but the bundle on the path; size is time at a cold start."""
    built = made(spec, tmp_path)
    assert built.fresh
    assert built.archive.stat().st_size < LARGEST_MB[spec.name] * 1_000_000
    with zipfile.ZipFile(built.archive) as archive:
        names = archive.namelist()
        assert "index.py" in names
        assert [name for name in names if name.endswith((".json", ".txt")) and "/" not in name] == [spec.configuration]
        if spec.configuration == "natkeeper.json":
            assert json.loads(archive.read("natkeeper.json"))["region"] == "cn-hangzhou"
    assert len(names) == len(set(names))
    unwanted = ("natkeeper/cli", "natkeeper/packaging", "natlab", "pip/", "setuptools/", "pytest")
    assert [name for name in names if name.startswith(unwanted)] == []


def test_the_adapters_import_from_the_bundle_alone(tmp_path: Path) -> None:
    """Each SDK client can be had with the modules that were kept, by the lean way and by the plain one."""
    spec = next(spec for spec in BUNDLES if spec.name == "failover")
    built = made(spec, tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from natkeeper.alibaba import assistant, ecs, fc, oos, vpc\n"
        "for module in (ecs, vpc, oos, fc):\n"
        "    print(module.Client.__module__)\n"
    )
    for plain in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-S", "-B", "-c", code, str(built.directory)],
            env={"NATKEEPER_PLAIN_IMPORTS": plain},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(".client") == 4


def test_a_window_has_its_time_zone_where_the_machine_has_none(tmp_path: Path) -> None:
    """The runtime of Function Compute may come without zones, and where the zone is unknown nothing waits."""
    built = made(next(spec for spec in BUNDLES if spec.name == "failover"), tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from natkeeper.domain.config_values import Planned\n"
        "from natkeeper.domain.window import zone_of\n"
        "print(zone_of(Planned(window='02:00-05:00', timezone='Asia/Shanghai')))\n"
    )
    command = [sys.executable, "-S", "-B", "-c", code, str(built.directory)]
    done = subprocess.run(command, env={"PYTHONTZPATH": ""}, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Asia/Shanghai", done.stderr


def test_the_probe_carries_no_foreign_code(tmp_path: Path) -> None:
    """What runs inside the VPC is ours alone."""
    spec = next(spec for spec in BUNDLES if spec.name == "probe")
    with zipfile.ZipFile(made(spec, tmp_path).archive) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} <= {
            "__pycache__",
            "index.py",
            "natkeeper",
            "probe.json",
        }
