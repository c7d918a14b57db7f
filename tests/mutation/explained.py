"""Faults that nobody notices because they change nothing that matters, each with its reason."""

from __future__ import annotations

EXPLAINED: dict[str, str] = {}
"""How a surviving mutant's name begins, and why it may survive."""
