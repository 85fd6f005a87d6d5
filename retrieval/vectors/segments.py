"""Segments: append-only files of ids and float16 unit vectors, `00000042.ids.npy` and `00000042.vectors.npy`.

Beside them lie, where a space ranks fairly, files that can be made anew from these (`hubs`), and where the regions of
pictures are embedded, their codes (`regions`).

Segments are the only copy of the vectors; indexes are made from them and can be thrown away.
A segment is written once, and belongs to the library when the catalog's transaction names it. What lies in
the folder without a record (a crash between file and transaction) is an orphan and is removed.
"""

from __future__ import annotations

import functools
import io
import mmap
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.errors import LibraryCorruptError
from vasari.retrieval.storage.atomic import (
    TEMPORARY,
    HashingWriter,
    checksum_of,
    replaced,
    sync_folder,
    write_file,
)
from vasari.retrieval.storage.os_errors import cannot_read
from vasari.retrieval.vectors.index import HalfRows, Ids

_NAME = re.compile(
    rf"(\d{{8,}})\.(?:ids|vectors|hubs-\w+|regions)\.npy(?P<unfinished>.*{re.escape(TEMPORARY)})?"
)
_HEADER_BYTES = 128  # what numpy writes before the numbers of an array as simple as these


def segment_paths(directory: Path, number: int) -> tuple[Path, Path]:
    """Where a segment's ids and vectors lie."""
    return directory / f"{number:08d}.ids.npy", directory / f"{number:08d}.vectors.npy"


def segment_files(directory: Path, number: int) -> list[Path]:
    """All files of a segment, with those that were made from it."""
    regions = directory / f"{number:08d}.regions.npy"
    made = [*sorted(directory.glob(f"{number:08d}.hubs-*.npy")), *([regions] if regions.is_file() else [])]
    return [*segment_paths(directory, number), *made]


def write_segment(directory: Path, number: int, ids: Ids, vectors: NDArray[np.floating[Any]]) -> str:
    """Write `ids` (n,) and unit `vectors` (n, dim) so that a crash leaves all or nothing.

    Returns the checksum: the BLAKE2b-64 of both files, 32 hexadecimal digits in all. A full disk raises
    StorageError and leaves no file behind. A file of that number left by a crash is replaced.
    """
    if vectors.ndim != 2 or ids.shape != (len(vectors),):
        raise ValueError(f"expected ids (n,) and vectors (n, dim), got {ids.shape} and {vectors.shape}")
    with replaced(*segment_paths(directory, number)) as (names, rows):
        checksums = [
            write_file(names, functools.partial(write_array, ids.astype("<i8", copy=False))),
            write_file(rows, functools.partial(write_array, vectors.astype("<f2", copy=False))),
        ]
    return "".join(checksums)


def write_array(array: NDArray[Any], writer: HashingWriter) -> None:
    """Write an .npy file that `mapped_array` reads."""
    header = io.BytesIO()
    contiguous = np.ascontiguousarray(array)
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    writer.write(header.getvalue())
    if contiguous.size:
        writer.write(contiguous.data.cast("B"))


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One segment, memory-mapped and read-only: `ids` (n,) int64 and `vectors` (n, dim) float16."""

    number: int
    ids: Ids
    vectors: HalfRows

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def open(cls, directory: Path, number: int, *, rows: int | None = None, dim: int | None = None) -> Self:
        """Map a segment; a file that is missing, cut short or not `rows` × `dim` raises LibraryCorruptError.

        StorageError for one that cannot be read.
        """
        ids_path, vectors_path = segment_paths(directory, number)
        ids, vectors = mapped_array(ids_path, "<i8", 1), mapped_array(vectors_path, "<f2", 2)
        if rows is not None and len(ids) != rows:
            raise _damaged(ids_path, f"{len(ids)} rows where the catalog has {rows}")
        if len(vectors) != len(ids):
            raise _damaged(vectors_path, f"{len(vectors)} rows where {ids_path.name} has {len(ids)}")
        if dim is not None and vectors.shape[1] != dim:
            raise _damaged(vectors_path, f"vectors of length {vectors.shape[1]} in a space of {dim}")
        return cls(number, ids, vectors)


def live_rows(segments: Sequence[Segment], dead: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """For each segment the numbers of the rows that are not in `dead` (n, 2: segment, row; no row twice)."""
    return [
        np.setdiff1d(np.arange(len(segment)), dead[dead[:, 0] == segment.number, 1], assume_unique=True)
        for segment in segments
    ]


def verify_segment(directory: Path, number: int, checksum: str) -> None:
    """Read a whole segment and raise LibraryCorruptError, naming the file, unless it has the checksum.

    StorageError for a file that cannot be read: that says nothing about what is in it.
    """
    expected = checksum[:16], checksum[16:]
    for path, wanted in zip(segment_paths(directory, number), expected, strict=True):
        try:
            found = checksum_of(path)
        except FileNotFoundError as error:
            raise _damaged(path, "no such file") from error
        except OSError as error:
            raise cannot_read(path, error) from error
        if found != wanted:
            raise _damaged(path, "its checksum differs from the catalog's")


# Held from a segment's files to the transaction that names them, and while orphans are told from the catalog's: a
# service's uploads write under the lease of its own job, in another thread of the same process.
between_files_and_transaction = threading.RLock()


def orphans(directory: Path, known: Collection[int]) -> list[Path]:
    """Segment files, finished or temporary, that belong to none of the `known` numbers.

    Only the holder of the library's lease may remove them: another writer may be between file and
    transaction.
    """
    if not directory.is_dir():
        return []
    numbers = set(known)
    found = []
    for path in sorted(directory.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and (match["unfinished"] or int(match[1]) not in numbers):
            found.append(path)
    return found


def remove_orphans(directory: Path, known: Collection[int]) -> list[Path]:
    """Delete the orphans (see `orphans`) and return what was deleted."""
    found = orphans(directory, known)
    for path in found:
        path.unlink(missing_ok=True)
    if found:
        sync_folder(directory)
    return found


def remove_segments(directory: Path, numbers: Collection[int]) -> None:
    """Delete the files of segments that the catalog does not name any more; what has them open goes on reading."""
    for number in numbers:
        for path in segment_files(directory, number):
            path.unlink(missing_ok=True)
    if numbers:
        sync_folder(directory)


def mapped_array(path: Path, dtype: str, dimensions: int) -> NDArray[Any]:
    """The array of an .npy file, mapped; np.load would parse each of thousands of equal headers.

    LibraryCorruptError for one that is missing or another one, StorageError where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise _damaged(path, "no such file") from error
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValueError as error:  # it cannot be mapped
        raise _damaged(path, "the file is empty") from error
    try:
        shape, found = _header(data[:_HEADER_BYTES])
    except (ValueError, TokenError) as error:
        raise _damaged(path, "not an array of vectors or ids") from error
    if len(shape) != dimensions or found != np.dtype(dtype):
        raise _damaged(path, f"{found} {shape} where {np.dtype(dtype)} in {dimensions} dimension(s) belongs")
    expected = _HEADER_BYTES + int(np.prod(shape)) * found.itemsize
    if len(data) != expected:
        raise _damaged(path, f"{len(data)} bytes long instead of {expected}")
    return np.frombuffer(data, found, offset=_HEADER_BYTES).reshape(shape)


@functools.lru_cache(maxsize=256)
def _header(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    stream = io.BytesIO(header)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of the format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if fortran or stream.tell() != _HEADER_BYTES:
        raise ValueError("another layout")
    return shape, dtype


def _damaged(path: Path, reason: str) -> LibraryCorruptError:
    return LibraryCorruptError(f"{path} is damaged ({reason}): run `vasari doctor --repair`")
