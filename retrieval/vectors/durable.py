"""Files that are either wholly there after a crash, or not at all.

The order is what durability rests on: write under a temporary name, fsync the file, rename it, fsync the
folder. Without the first fsync a crash can leave a renamed file of zeros; without the second the name itself
can be lost.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import StorageError

_DIGEST_BYTES = 8  # against damage, not against forgery
TEMPORARY = ".tmp"  # suffix of what is not yet committed; opening a library removes leftovers


class HashingWriter:
    """A binary file that computes the BLAKE2b-64 of what is written, so that nothing is read back for it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data` and return its length in bytes."""
        self._hash.update(data)
        self._file.write(data)
        return len(data)

    @property
    def checksum(self) -> str:
        """BLAKE2b-64 of everything written so far, hexadecimal."""
        return self._hash.hexdigest()


def checksum_of(path: Path) -> str:
    """BLAKE2b-64 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).hexdigest()


def write_file(path: Path, write: Callable[[HashingWriter], object]) -> str:
    """Create `path` with what `write` writes, flush it to the disk, and return its checksum.

    The folder is not flushed: call `sync_folder` once all names are in place.
    """
    with path.open("wb") as file:
        writer = HashingWriter(file)
        write(writer)
        file.flush()
        os.fsync(file.fileno())
    return writer.checksum


def sync_folder(folder: Path) -> None:
    """Make renames and removals inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def discarded_on_failure(*paths: Path) -> Iterator[None]:
    """Remove `paths` if the block fails; failures of the disk become a StorageError."""
    try:
        yield
    except BaseException as error:
        for path in paths:
            _remove(path)
        if isinstance(error, OSError):
            raise StorageError(_explain(error, paths[0].parent)) from error
        raise


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _explain(error: OSError, folder: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"no space left while writing to {folder}: free some space and run the command again"
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return (
        f"cannot write to {folder} ({reason}): check its permissions and limits, then run the command again"
    )
