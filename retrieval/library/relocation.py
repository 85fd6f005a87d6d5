"""Relocation of a folder of pictures: the library is told where they lie now."""

from __future__ import annotations

from pathlib import Path

from vasari.retrieval.catalog.relocation import relocate
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.storage.uris import absolute, is_url


def move_root(library: Contents, old: str, new: str, *, force: bool = False) -> int:
    """Let all items in `old` lie in `new`: folders, archives or URLs; says how many there were.

    Raises NotFoundError where nothing lies in `old`, or `new` is not there (unless `force`), UsageError where both are
    one or an item of another origin is in the way, LibraryLockedError while a job writes.
    """
    source, target = absolute(old), absolute(new)
    if source == target:
        raise UsageError(f"{source} and {target} are one place")
    if not force and not is_url(target) and not Path(target).exists():
        raise NotFoundError(f"{target} is not there: mount it, or say --force")
    with library.catalog.lease.acquire("vasari move-root"):
        moved = relocate(library.catalog.database, source, target)
    if not moved:
        raise NotFoundError(f"the library has nothing in {source}")
    return moved
