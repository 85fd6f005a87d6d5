"""Confinement (a jail): while it is in force, local files are read only where they really lie below some roots.

Rows of tables, links, and names inside archives and annotations may name any file. So it is not names that are
checked: every local file that `vasari.retrieval.storage` opens is resolved first, and the very file that was decided
about is opened (`real_files`). What was loaded while confined is remembered apart from all else (`filesystem.State`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from vasari.retrieval.errors import ImageError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.storage.reading import open_regular, read_file
from vasari.retrieval.storage.real_files import open_real, read_real_file, real_path

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
        raise ImageError("the file is empty", stage="read")
    return data


def _inside(file: str | os.PathLike[str], *, strict: bool = True) -> str:
    """Where a file really lies; ImageError where that is outside."""
    real = real_path(file, strict=False)
    if not any(Path(real).is_relative_to(root) for root in _roots.get() or ()):
        raise ImageError(f"a link to a file {OUTSIDE}" if real != file else f"a file {OUTSIDE}", stage="read")
    return real_path(real) if strict else real
