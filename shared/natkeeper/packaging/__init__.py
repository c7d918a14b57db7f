"""What `s deploy` uploads, made from this checkout: one archive for each function.

`python -m natkeeper.packaging` (that is `make bundle`, and the pre-deploy step of s.yaml) reads
natkeeper.yaml, refuses it with every problem it has, and otherwise leaves build/bundle/<name>.zip and the
same unzipped. The archives hold natkeeper, its locked dependencies as wheels for Function Compute's Python,
their bytecode, and the validated configuration as natkeeper.json. The same input gives the same bytes, so a
deployment that changes nothing uploads nothing (the fc3 component compares checksums).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from natkeeper.packaging.bundles import BUNDLES, Built, BundleSpec, Source, build
    from natkeeper.packaging.configuration import ConfigurationRefused, read_configuration
    from natkeeper.packaging.target import FUNCTION_COMPUTE, FUNCTION_COMPUTE_2, BundleTarget, here
    from natkeeper.packaging.wheels import InstallFailed

__all__ = [
    "BUNDLES",
    "FUNCTION_COMPUTE",
    "FUNCTION_COMPUTE_2",
    "Built",
    "BundleSpec",
    "BundleTarget",
    "ConfigurationRefused",
    "InstallFailed",
    "Source",
    "build",
    "here",
    "read_configuration",
]

_PLACES = {
    "bundles": ("BUNDLES", "Built", "BundleSpec", "Source", "build"),
    "configuration": ("ConfigurationRefused", "read_configuration"),
    "target": ("FUNCTION_COMPUTE", "FUNCTION_COMPUTE_2", "BundleTarget", "here"),
    "wheels": ("InstallFailed",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    """Import a name where it is first used: every command reads the configuration, and few build an archive."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
