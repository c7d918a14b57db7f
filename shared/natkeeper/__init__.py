"""natkeeper: keeps a VPC's self-built NAT gateways dependable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__version__ = "0.2.0"


def bundle_root(environment: Mapping[str, str]) -> Path:
    """Return the directory of the deployed bundle: it holds index.py, the configuration and this package.

    Function Compute names it in FC_FUNCTION_CODE_PATH.
    """
    return Path(environment.get("FC_FUNCTION_CODE_PATH") or Path(__file__).resolve().parents[1])
