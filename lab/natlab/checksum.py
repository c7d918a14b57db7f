"""CRC-64 of ECMA-182 as OSS and Function Compute write it: of 20 MB in a second, where plain Python takes ten.

The standard library's xz writer computes exactly this checksum, in C, and stores it before the index of its output.
Source: the .xz file format, 1.2.0, "Stream footer" and "Block: check".
"""

from __future__ import annotations

import lzma
from typing import Final

_FOOTER: Final = 12
"""Bytes of a stream footer; its bytes 4 to 8 hold the size of the index, in units of four, less one."""
_CHECK: Final = 8
_QUICKEST: Final = {
    "id": lzma.FILTER_LZMA2,
    "dict_size": 4096,
    "mode": lzma.MODE_FAST,
    "mf": lzma.MF_HC3,
    "nice_len": 4,
    "depth": 1,
}


def crc64(data: bytes) -> int:
    """Return the checksum of `data`; that of nothing is 0."""
    if not data:
        return 0
    stream = lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=[_QUICKEST])
    index_size = (int.from_bytes(stream[-8:-4], "little") + 1) * 4
    end = len(stream) - _FOOTER - index_size
    return int.from_bytes(stream[end - _CHECK : end], "little")
