"""Makes dataclasses from methods that were compiled with the bundle; index.py imports it before anything else of ours.

A dataclass writes its methods as source text and compiles them, six for each class, every time it is imported: a fifth
of a cold start's processor time. packaging/methods.py compiles the same texts when a bundle is built. A text that is
not among them, as on a Python whose dataclasses write other texts, is compiled as ever; so is all in a checkout.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

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
