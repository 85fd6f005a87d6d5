"""Take items out of a library: one way for the command line, HTTP and Python.

Files stay where they are, but those that the library itself had stored: the upload of an item's own content, and its
thumbnails. Where it is asked for, files go to the system's trash (`vasari.retrieval.library.trash`) first, one by one;
an item whose file cannot go stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.errors import VasariError
from vasari.retrieval.library.named import Name, items_named
from vasari.retrieval.storage.layout import delete_derived, delete_upload, is_upload

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken out, what was named but is not in the library, and what stays, with the reason."""

    removed: int
    not_found: tuple[str, ...] = ()
    freed: int = 0  # bytes of uploads that are gone
    kept: Mapping[ItemId, str] = field(default_factory=dict)  # their files could not be moved to the trash


def remove(
    library: Contents,
    what: Sequence[Name],
    writing: Callable[[], AbstractContextManager[object]] | None = None,
    trash: Callable[[Item], None] | None = None,
) -> Removal:
    """Take items out, named by id (5 or "item:5"), uri, file or folder.

    `writing` takes the right to write (default: the library's lease); LibraryLockedError while another job has it.
    `trash` moves an item's file away, or raises VasariError: then the item stays.
    """
    writing = writing or (lambda: library.catalog.lease.acquire("vasari remove"))
    with writing():
        named = items_named(library, what)
        ids = sorted(set().union(*named.values()))
        live = library.items(ids)
        if trash is None:
            removed = library.catalog.items.delete(ids)
            kept: dict[ItemId, str] = {}
        else:
            removed, kept = _trashed(library, live, trash)
        freed = sum(_forget_files(library, item) for number, item in live.items() if number not in kept)
    gone = tuple(name for name, found in named.items() if not found & live.keys())
    return Removal(removed, gone, freed, kept)


def _trashed(
    library: Contents, live: Mapping[ItemId, Item], trash: Callable[[Item], None]
) -> tuple[int, dict[ItemId, str]]:
    """Each file first, then its item: whatever comes between, nothing leaves the library with its file in place."""
    kept: dict[ItemId, str] = {}
    removed = 0
    for number, item in live.items():
        try:
            trash(item)
        except VasariError as error:
            kept[number] = str(error)
        else:
            removed += library.catalog.items.delete([number])
    return removed, kept


def _forget_files(library: Contents, gone: Item) -> int:
    """Delete what the library stored for an item; the bytes of its upload, if it was one."""
    if gone.modality is not Modality.IMAGE:
        return 0
    delete_derived(library.root, gone.content_hash)
    stored = is_upload(library.root, gone.uri, gone.content_hash)  # also one that is in the trash by now
    return gone.bytes if delete_upload(library.root, gone.uri, gone.content_hash) or stored else 0
