"""For which Python on which machine a bundle is made, and which locked requirements apply there.

A lock file is universal: an entry may carry a marker such as `python_full_version < '3.11'`. pip would judge
it by the Python that runs pip; a bundle has to be judged by the Python that will run the bundle.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from packaging.markers import Marker, default_environment


@dataclass(frozen=True, slots=True)
class BundleTarget:
    """Where a bundle will run: a CPython version such as `3.12`, and the wheel platforms that it takes, best
    first.
    """

    name: str
    python: str
    platforms: tuple[str, ...]
    """Empty for this very interpreter: pip then takes whatever suits it."""
    markers: tuple[tuple[str, str], ...]

    def wants(self, marker: str) -> bool:
        """Return True if a requirement with this environment marker belongs in the bundle."""
        return not marker or Marker(marker).evaluate(dict(self.markers))

    def pip_options(self) -> list[str]:
        """Return the options that make pip choose wheels for this target."""
        if not self.platforms:
            return []
        options = ["--implementation", "cp", "--python-version", self.python]
        for name in self.platforms:
            options += ["--platform", name]
        return options


# Function Compute's python3.12 is Debian 11 on x86_64. It has glibc 2.31; manylinux_2_28 is the newest wheel
# platform below that, and the one that python3.10 (Debian 10, glibc 2.28) takes as well.
_GLIBC_MINORS = range(28, 4, -1)
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def _manylinux() -> tuple[str, ...]:
    names = []
    for minor in _GLIBC_MINORS:
        names.append(f"manylinux_2_{minor}_x86_64")
        if minor in _LEGACY:
            names.append(f"{_LEGACY[minor]}_x86_64")
    return tuple(names)


def _on_linux(name: str, python: str) -> BundleTarget:
    return BundleTarget(
        name=name,
        python=python,
        platforms=_manylinux(),
        markers=(
            ("implementation_name", "cpython"),
            ("implementation_version", f"{python}.0"),
            ("os_name", "posix"),
            ("platform_machine", "x86_64"),
            ("platform_python_implementation", "CPython"),
            ("platform_release", ""),
            ("platform_system", "Linux"),
            ("platform_version", ""),
            ("python_full_version", f"{python}.0"),
            ("python_version", python),
            ("sys_platform", "linux"),
        ),
    )


FUNCTION_COMPUTE = _on_linux("fc", "3.12")
FUNCTION_COMPUTE_2 = _on_linux("fc2", "3.10")
"""For functions of FC 2.0, whose newest Python is 3.10 (templates/fc2)."""


def runs_here(target: BundleTarget) -> bool:
    """Return True if this interpreter can import what was made for `target`."""
    if not target.platforms:
        return True
    libc, version = platform.libc_ver()
    return (
        sys.implementation.name == "cpython"
        and f"{sys.version_info[0]}.{sys.version_info[1]}" == target.python
        and (sys.platform, platform.machine(), libc) == ("linux", "x86_64", "glibc")
        and tuple(int(part) for part in version.split(".")[:2]) >= (2, _GLIBC_MINORS[0])
    )


def here() -> BundleTarget:
    """Return the target for the local cloud: Function Compute's own where this machine is like it, else this
    Python.
    """
    if runs_here(FUNCTION_COMPUTE):
        return FUNCTION_COMPUTE
    environment = {key: str(value) for key, value in default_environment().items()}
    return BundleTarget(
        name=f"{sys.implementation.cache_tag}-{sys.platform}-{platform.machine()}",
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
        platforms=(),
        markers=tuple(sorted(environment.items())),
    )
