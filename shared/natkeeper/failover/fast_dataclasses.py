"""Makes dataclasses from methods that were compiled with the bundle; index.py imports it before anything else of ours.

A dataclass writes its methods as source text and compiles them, six for each class, every time it is imported: a fifth
of a cold start's processor time. packaging/methods.py compiles the same texts when a bundle is built. A text that is
not among them, as on a Python whose dataclasses write other texts, is compiled as ever; so is all in a checkout.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any


class Inspect(ModuleType):
    """Stands for `inspect`, of which dataclasses use two functions. Asked for another one, it is the real module."""

    @staticmethod
    def get_annotations(owner: type) -> dict[str, Any]:
        """Return the annotations of a class as they are written."""
        return dict(vars(owner).get("__annotations__", {}))

    @staticmethod
    def signature(_: type) -> str:
        """Return an empty text: the real one would become the docstring of a class without one."""
        return ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the module has
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get("inspect") is self:
            del sys.modules["inspect"]
        return getattr(import_module("inspect"), name)


if "inspect" not in sys.modules:
    sys.modules["inspect"] = Inspect("inspect")

import dataclasses  # noqa: E402  it takes what stands for inspect

MODULE = "natkeeper.failover.dataclass_methods"
"""Generated; `CODES` has the code of each text's function."""


def install(codes: dict[str, CodeType]) -> None:
    """Let `dataclasses` take the functions it would compile from `codes`, by their text."""

    def take(text: str, where: dict[str, Any] | None, into: dict[str, Any]) -> None:
        code = codes.get(text)
        if code is None:
            exec(text, where, into)  # noqa: S102  what the module itself would do
        else:
            into["__create_fn__"] = FunctionType(code, vars(dataclasses) if where is None else where)

    vars(dataclasses)["exec"] = take  # hides the built-in function from that module


with suppress(ModuleNotFoundError):
    install(import_module(MODULE).CODES)
