"""Relocation of a folder of pictures: the library is told where they lie now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vasari.retrieval.catalog.relocation import relocate
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import NotFoundError, QueryError, UsageError
from vasari.retrieval.library.ports import Contents
from vasari.retrieval.storage.uris import absolute, is_url


@dataclass(frozen=True, slots=True)
class ChangedFilter:
    """A key or a saved search whose filter accepts other items than before the move, as it names folders."""

    of: str  # such as "key 3 (studio)"
    filter: str
    lost: int  # items that it accepts no more
    gained: int  # items that it accepts since


@dataclass(frozen=True, slots=True)
class Relocation:
    """How many items lie elsewhere now, and what filters that people keep make of it."""

    moved: int
    changed: tuple[ChangedFilter, ...] = ()


def move_root(library: Contents, old: str, new: str, *, force: bool = False) -> Relocation:
    """Let all items in `old` lie in `new`: folders, archives or URLs. Filters that name `old` are told, and stay.

    Raises NotFoundError where nothing lies in `old`, or `new` is not there (unless `force`), UsageError where both are
    one or an item of another origin is in the way, LibraryLockedError while a job writes.
    """
    source, target = absolute(old), absolute(new)
    if source == target:
        raise UsageError(f"{source} and {target} are one place")
    if not force and not is_url(target) and not Path(target).exists():
        raise NotFoundError(f"{target} is not there: mount it, or say --force")
    with library.catalog.lease.acquire("vasari move-root"):
        before = _accepted(library)
        moved = relocate(library.catalog.database, source, target)
    if not moved:
        raise NotFoundError(f"the library has nothing in {source}")
    after = _accepted(library)
    changed = (
        ChangedFilter(*kept, len(seen - after[kept]), len(after[kept] - seen))
        for kept, seen in before.items()
        if seen != after.get(kept, seen)
    )
    return Relocation(moved, tuple(changed))


def _accepted(library: Contents) -> dict[tuple[str, str], frozenset[ItemId]]:
    """The items that each filter of a key or a saved search accepts, by what it is of and its text."""
    return {kept: frozenset(_matching(library, kept[1])) for kept in _filters(library)}


def _filters(library: Contents) -> Iterator[tuple[str, str]]:
    now = datetime.now(UTC)
    for key in library.catalog.keys.all():
        if key.limits.filter is not None and key.opens(now):
            yield f"key {key.id} ({key.name})", key.limits.filter
    for album in library.catalog.albums.all():
        if album.filter:
            yield f"album {album.name}", album.filter


def _matching(library: Contents, filter: str) -> Iterator[ItemId]:  # noqa: A002
    for modality in Modality:
        with suppress(QueryError):  # for an attribute that no item has any more
            yield from library.catalog.filters.matching(filter, modality).tolist()
