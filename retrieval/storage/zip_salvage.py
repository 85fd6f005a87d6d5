"""Recovery of truncated zip archives: the central directory is rebuilt from the local headers."""

from __future__ import annotations

import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

_LOCAL = struct.Struct("<4s5H3L2H")  # APPNOTE 4.3.7
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_DESCRIBED = 0x8  # sizes stand behind the data
_DEFLATED, _ZIP64 = 8, 0xFFFFFFFF
_PIECE = 1024 * 1024


class _Entry(NamedTuple):
    """A member that is whole."""

    start: int
    name: bytes
    facts: tuple[int, int, int, int]  # flags, method, time, date
    checksum: int
    packed: int
    bytes: int


def salvaged(archive: IO[bytes]) -> IO[bytes]:
    """A temporary copy of a zip up to its damage, with a directory of the members before it."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (the caller's)
    shutil.copyfileobj(archive, copy)
    entries = list(_entries(copy))
    place = copy.seek(0, 2)
    for entry in entries:
        flags, method, time, date = entry.facts
        sizes = (entry.checksum, entry.packed, entry.bytes)
        copy.write(
            _CENTRAL.pack(
                b"PK\x01\x02",
                20,
                20,
                flags,
                method,
                time,
                date,
                *sizes,
                len(entry.name),
                0,
                0,
                0,
                0,
                0,
                entry.start,
            )
        )
        copy.write(entry.name)
    size = copy.tell() - place
    copy.write(_END.pack(b"PK\x05\x06", 0, 0, len(entries), len(entries), size, place, 0))
    copy.seek(0)
    return copy


def _entries(file: IO[bytes]) -> Iterator[_Entry]:
    end = file.seek(0, 2)
    start = 0
    while start + _LOCAL.size <= end:
        file.seek(start)
        magic, _, flags, method, time, date, checksum, packed, size, name, extra = _LOCAL.unpack(
            file.read(_LOCAL.size)
        )
        if magic != b"PK\x03\x04" or _ZIP64 in (packed, size):
            return
        entry = _Entry(start, file.read(name), (flags, method, time, date), checksum, packed, size)
        data = start + _LOCAL.size + name + extra
        if flags & _DESCRIBED and not packed:
            measured = _measured(file, data, entry) if method == _DEFLATED else None
            if measured is None:
                return
            entry, following = measured
        else:
            following = data + packed
        if following > end:
            return
        yield entry
        start = following


def _measured(file: IO[bytes], data: int, entry: _Entry) -> tuple[_Entry, int] | None:
    """A member whose sizes stand behind it, unpacked to find its end; None where that is missing."""
    file.seek(data)
    unpacker, checksum, size, read = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, 0
    while not unpacker.eof:
        piece = unpacker.unconsumed_tail or file.read(_PIECE)
        read += 0 if unpacker.unconsumed_tail else len(piece)
        if not piece:
            return None
        try:
            text = unpacker.decompress(piece, _PIECE)
        except zlib.error:
            return None
        checksum, size = zlib.crc32(text, checksum), size + len(text)
    packed = read - len(unpacker.unused_data)
    file.seek(data + packed)
    described = 16 if file.read(4) == b"PK\x07\x08" else 12
    return entry._replace(checksum=checksum, packed=packed, bytes=size), data + packed + described
