"""The checksum of code packages: known values, and both ways to compute it agree."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

import pytest

from natlab import checksum


def test_a_known_checksum() -> None:
    """Of CRC-64/XZ, whose check value is that of the nine digits; nothing has none."""
    assert checksum.crc64(b"123456789") == checksum.of_stream(b"123456789") == 0x995DC9BBDF1939FA
    assert checksum.crc64(b"") == checksum.of_stream(b"") == 0


@pytest.mark.parametrize("size", [1, 15, 4096, 100_003])
def test_both_ways_agree(size: int) -> None:
    """The library's function, and what the xz writer stores."""
    data = random.Random(size).randbytes(size)
    assert checksum.crc64(data) == checksum.of_stream(data)


def test_a_python_that_hides_the_library_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that has it linked in has no file to look into."""
    monkeypatch.setitem(sys.modules, "_lzma", SimpleNamespace())
    assert checksum.of_library() is None
    monkeypatch.setattr(checksum, "_native", None)
    assert checksum.crc64(b"123456789") == 0x995DC9BBDF1939FA
