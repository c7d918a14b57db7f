"""What a package says that it offers is there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import natkeeper
import natlab

MODULES = [
    module.name
    for package in (natkeeper, natlab)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if module.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_every_name_that_a_package_offers_is_there(name: str) -> None:
    """Also those that are imported only when they are asked for; none stands twice."""
    module = importlib.import_module(name)
    offered = getattr(module, "__all__", [])
    assert [each for each in offered if not hasattr(module, each)] == []
    assert len({*offered}) == len(offered)
