"""Files that may be pictures: their names, their bytes, and the hash of these."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits, check_bytes

# fmt: off
IMAGE_SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib",
    ".avif", ".heic", ".heif", ".hif",
])
RAW_SUFFIXES = frozenset([
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl",
    ".srw", ".x3f",
])
# fmt: on


def indexable_suffixes() -> frozenset[str]:
    """Lower-case file name endings that can be read here: RAW only where the extra `raw` is installed."""
    return IMAGE_SUFFIXES | RAW_SUFFIXES if find_spec("rawpy") else IMAGE_SUFFIXES


def content_hash(data: bytes) -> str:
    """BLAKE2b-128, hexadecimal (32 letters)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def printable(path: str | os.PathLike[str]) -> str:
    """The path for people and for JSON: bytes that are not UTF-8 become `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


_GIVEN_BY_SHELLS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def read_file(path: str | os.PathLike[str], limits: ImageLimits) -> bytes:
    """The bytes of a regular file; never waits on a FIFO, never opens a device.

    Raises ImageError, stage "read" for what can't be read, "limit" for more than `limits.max_bytes`.
    """
    try:
        facts = Path(path).stat()
        _check_kind(facts.st_mode)
        check_bytes(facts.st_size, limits)
        with io.FileIO(os.open(path, _OPEN_FLAGS)) as file:
            data = _read(file, facts.st_size)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageError(_why_unreadable(path, error), stage="read") from error
    if not data:
        raise ImageError("the file is empty", stage="read")
    return data


def open_regular(path: str | os.PathLike[str]) -> int:
    """A descriptor of a file open for reading, which is no folder, FIFO without a writer, socket or device.

    What a shell puts at /dev/fd is taken as it is. Raises OSError, and ImageError (stage "read") for another kind.
    """
    handle = os.open(path, os.O_RDONLY if os.fspath(path).startswith(_GIVEN_BY_SHELLS) else _OPEN_FLAGS)
    try:
        if not os.fspath(path).startswith(_GIVEN_BY_SHELLS):
            _check_kind(os.fstat(handle).st_mode)
    except ImageError:
        os.close(handle)
        raise
    return handle


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise ImageError(f"{kind}, not a regular file", stage="read")


def _read(file: io.FileIO, size: int) -> bytes:
    """Up to `size` bytes: the file may be shorter by now, and one read may bring less than was asked for."""
    data = file.read(size) or b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _why_unreadable(path: str | os.PathLike[str], error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to nothing" if Path(path).is_symlink() else "there is no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    words = error.strerror if isinstance(error, OSError) else str(error)
    return (words or type(error).__name__).lower()
