"""Files by their real path, opened so that no part of it can have become a link meanwhile (openat, O_NOFOLLOW).

A check of where a path leads says nothing of where it leads a moment later (a time-of-check race). So the path is
resolved first, what follows is decided about the resolved one, and that one is walked down from the root folder, each
step relative to the folder just opened: a link anywhere in it is refused, and what is read is the file that was decided
about.
"""

from __future__ import annotations

import errno
import os
import stat

from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits, check_bytes

_PLAIN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FILE = _PLAIN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FOLDER = _PLAIN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)


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
        return _checked(os.open(real, _FILE))
    *folders, name = [part for part in real.split("/") if part]
    folder = os.open("/", _FOLDER)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return _checked(os.open(name, _FILE, dir_fd=folder))
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
