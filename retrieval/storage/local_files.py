"""Local files: which may be pictures, how their bytes are read, and where from (confinement, a jail).

While roots are in force (`confined`), files are read only where they really lie below them: rows of tables, links, and
names inside archives and annotations may name any file. So it is not names that are checked. A check of where a path
leads says nothing of where it leads a moment later (a time-of-check race): the path is resolved first, what follows is
decided about the resolved one, and that one is walked down from the root folder, each step relative to the folder just
opened (openat, O_NOFOLLOW). A link anywhere in it is refused, and what is read is the file that was decided about. What
was loaded while confined is remembered apart from all else (`filesystem.State`).
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

from vasari.retrieval.errors import ImageError, Sentence
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
_PLAIN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_REGULAR = _PLAIN | getattr(os, "O_NONBLOCK", 0)
_NO_LINK = _REGULAR | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = _PLAIN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)
_GIVEN_BY_SHELLS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def read_file(path: str | os.PathLike[str], limits: ImageLimits) -> bytes:
    """The bytes of a regular file; never waits on a FIFO, never opens a device.

    Raises ImageError, stage "read" for what can't be read, "limit" for more than `limits.max_bytes`.
    """
    try:
        facts = Path(path).stat()
        _check_kind(facts.st_mode)
        check_bytes(facts.st_size, limits)
        with io.FileIO(os.open(path, _REGULAR)) as file:
            data = _read(file, facts.st_size)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageError(_why_unreadable(path, error), stage="read") from error
    if not data:
        raise ImageError(Sentence("the file is empty"), stage="read")
    return data


def open_regular(path: str | os.PathLike[str]) -> int:
    """A descriptor of a file open for reading, which is no folder, FIFO without a writer, socket or device.

    What a shell puts at /dev/fd is taken as it is. Raises OSError, and ImageError (stage "read") for another kind.
    """
    handle = os.open(path, os.O_RDONLY if os.fspath(path).startswith(_GIVEN_BY_SHELLS) else _REGULAR)
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


def real_path(path: str | os.PathLike[str], *, strict: bool = True) -> str:
    """Where a path leads, all links followed; ImageError of stage "read" where it leads nowhere.

    Not `strict`, a file that is gone is one that would be there.
    """
    try:
        return os.path.realpath(path, strict=strict)
    except (OSError, ValueError) as error:  # a loop, a NUL in the name
        raise ImageError("no such file", stage="read") from error


def open_real(real: str) -> int:
    """A descriptor of the regular file at a path without links; OSError where it has one by now, or is none."""
    if os.open not in os.supports_dir_fd:  # Windows: links need a privilege there
        return _checked(os.open(real, _NO_LINK))
    *folders, name = [part for part in real.split("/") if part]
    folder = os.open("/", _FOLDER)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return _checked(os.open(name, _NO_LINK, dir_fd=folder))
    finally:
        os.close(folder)


def _checked(handle: int) -> int:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return handle


def read_real_file(real: str, limits: ImageLimits) -> bytes:
    """The bytes of the file at a path without links (see `real_path`).

    Raises ImageError, stage "read" for what is no such file any more, "limit" for more than `limits.max_bytes`.
    """
    try:
        with os.fdopen(open_real(real), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            check_bytes(size, limits)
            data = file.read(size)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageError((words or type(error).__name__).lower(), stage="read") from error
    return data


OUTSIDE = "outside the folders that may be indexed from here"
Roots = tuple[str, ...]  # resolved
_roots: ContextVar[Roots | None] = ContextVar("roots", default=None)


@contextmanager
def confined(roots: Sequence[str | Path]) -> Iterator[None]:
    """In this thread local files are read below `roots` only; these are resolved paths."""
    before = _roots.set(tuple(map(str, roots)))
    try:
        yield
    finally:
        _roots.reset(before)


def roots_in_force() -> Roots | None:
    """Where files may be read now; None: anywhere."""
    return _roots.get()


def check_inside(file: str) -> None:
    """Raise ImageError for a file that may not be read now, whether or not there is one."""
    if _roots.get() is not None:
        _inside(file, strict=False)


def open_local(file: str) -> int:
    """A descriptor of a regular file open for reading; OSError, or ImageError of stage "read"."""
    return open_regular(file) if _roots.get() is None else open_real(_inside(file))


def read_local(file: str, limits: ImageLimits) -> bytes:
    """The bytes of a local file within the limits; ImageError, stage "read" or "limit"."""
    if _roots.get() is None:
        return read_file(file, limits)
    data = read_real_file(_inside(file), limits)
    if not data:
        raise ImageError(Sentence("the file is empty"), stage="read")
    return data


def _inside(file: str | os.PathLike[str], *, strict: bool = True) -> str:
    """Where a file really lies; ImageError where that is outside."""
    real = real_path(file, strict=False)
    if not any(Path(real).is_relative_to(root) for root in _roots.get() or ()):
        raise ImageError(f"a link to a file {OUTSIDE}" if real != file else f"a file {OUTSIDE}", stage="read")
    return real_path(real) if strict else real
