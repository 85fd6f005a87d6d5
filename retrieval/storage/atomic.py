"""Atomic writes: files that are either wholly there after a crash, or not at all.

The order is what durability rests on: write under a temporary name, fsync the file, rename it, fsync the
folder. Without the first fsync a crash can leave a renamed file of zeros; without the second the name itself
can be lost. `replaced` does all of it; the steps stand alone for what is committed in an order of its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from vasari.retrieval.errors import StorageError
from vasari.retrieval.storage.processes import machine, process_started

_DIGEST_BYTES = 8  # against damage, not against forgery
_LONGEST_NAME = 200  # bytes of a name that are kept in its temporary one; file systems end at 255
TEMPORARY = ".tmp"  # suffix of what is not yet committed; opening a library removes leftovers
_counter = itertools.count()


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


@contextlib.contextmanager
def replaced(*finals: Path, durable: bool = True) -> Iterator[tuple[Path, ...]]:
    """Atomic write: temporary paths for the block to write files or folders at, renamed to `finals` when it ends.

    All lie in one folder, which is made where it is not there. If the block fails, nothing is left and what was there
    before stays. An OSError becomes a StorageError. What can be made again need not be `durable`: then nothing is
    flushed to the disk.
    """
    folder = finals[0].parent
    temporary = tuple(map(_temporary_path, finals))
    with discarded_on_failure(*temporary):
        folder.mkdir(parents=True, exist_ok=True)
        if durable:
            _clear_leftovers(folder, {_marked(final) for final in finals})
        yield temporary
        if durable:
            for path in temporary:
                _sync(path)
        for path, final in zip(temporary, finals, strict=True):
            path.replace(final)
        if durable:
            sync_folder(folder)


def write_bytes(final: Path, data: bytes, *, durable: bool = True) -> None:
    """Atomic write of `data`; see `replaced`."""
    with replaced(final, durable=durable) as (temporary,):
        temporary.write_bytes(data)


def _temporary_path(final: Path) -> Path:
    """A name beside `final` that no other thread or process takes, and that tells whose it is."""
    return final.with_name(f"{_marked(final)}{os.getpid()}-{next(_counter)}{TEMPORARY}")


def _marked(final: Path) -> str:
    """What the temporary names of a file begin with on this machine."""
    name = os.fsdecode(os.fsencode(final.name)[:_LONGEST_NAME])
    return f"{name}.{hashlib.blake2b(machine().encode(), digest_size=4).hexdigest()}-"


def _clear_leftovers(folder: Path, beginnings: Collection[str]) -> None:
    """Remove what writers of the same files left that were killed."""
    for name in os.listdir(folder):  # noqa: PTH208 (a folder of segments may be long)
        if not name.endswith(TEMPORARY):
            continue
        begun = next((beginning for beginning in beginnings if name.startswith(beginning)), None)
        if begun is not None:
            pid = name.removeprefix(begun).partition("-")[0]
            if pid.isdecimal() and process_started(int(pid)) is None:
                _remove(folder / name)


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


def _sync(path: Path) -> None:
    """Flush a file, or a folder with all that is in it."""
    for inner in path.iterdir() if path.is_dir() else ():
        _sync(inner)
    sync_folder(path)


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
