"""Makes regular expressions from what was compiled with the bundle; index.py imports it before anything else of ours.

What a failover imports compiles 133 of them at each cold start: a fifth of its processor time, most of it for four of
urllib3's that match IPv6 addresses. packaging/patterns.py compiles the same when a bundle is built. What is not
among them is compiled as ever; so is all in a checkout, and on a Python whose compiler has another version.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re

MODULE = "natkeeper.failover.compiled_patterns"
"""Generated; `MAGIC` is the version of the compiler, `PATTERNS` what it made of each expression and its flags."""

sre: Any = import_module("_sre")
Compiled = tuple[int, bytes, int, dict[str, int], tuple[str | None, ...]]
"""Flags, code, number of groups, and the groups by name and by number: what `_sre.compile` takes."""


def install(magic: int, patterns: dict[tuple[str | bytes, int], Compiled]) -> None:
    """Let `re` take the expressions it would compile from `patterns`."""
    if magic != sre.MAGIC:
        return
    compiler: Any = import_module("re._compiler")
    compile_slowly = compiler.compile

    def take(pattern: str | bytes, flags: int = 0) -> re.Pattern[Any]:
        known = patterns.get((pattern, flags))
        if known is None:
            found: re.Pattern[Any] = compile_slowly(pattern, flags)
            return found
        all_flags, code, groups, by_name, by_number = known
        words = memoryview(code).cast("I").tolist()
        made: re.Pattern[Any] = sre.compile(pattern, all_flags, words, groups, by_name, by_number)
        return made

    compiler.compile = take


with suppress(ModuleNotFoundError):
    install(import_module(MODULE).MAGIC, import_module(MODULE).PATTERNS)
