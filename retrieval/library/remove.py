"""Take items out of a library: one way for the command line, HTTP and Python.

Files stay where they are, but those that the library itself had stored: the upload of an item's own content, and its
thumbnails.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.domain import Item, ItemId, Modality
from vasari.retrieval.search.query import parse_item
from vasari.retrieval.storage.layout import delete_thumbnails, delete_upload
from vasari.retrieval.storage.uris import absolute

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken out, and what was named but is not in the library."""

    removed: int
    not_found: tuple[str, ...] = ()
    freed: int = 0  # bytes of uploads that were deleted


def remove(
    library: Contents,
    what: Sequence[str | Path | ItemId],
    writing: Callable[[], AbstractContextManager[object]] | None = None,
) -> Removal:
    """Take items out, named by id (5 or "item:5"), uri, file or folder.

    `writing` takes the right to write (default: the library's lease); LibraryLockedError while another job has it.
    """
    writing = writing or (lambda: library.catalog.lease.acquire("vasari remove"))
    with writing():
        named = {str(entry): _ids(library, entry) for entry in what}
        ids = sorted(set().union(*named.values()))
        live = library.items(ids)
        removed = library.catalog.items.delete(ids)
        freed = sum(_forget_files(library, item) for item in live.values())
    gone = tuple(name for name, found in named.items() if not found & live.keys())
    return Removal(removed, gone, freed)


def _ids(library: Contents, entry: str | Path | ItemId) -> set[ItemId]:
    """The items that an entry names, also those that are gone."""
    if isinstance(entry, int):
        return {entry}
    if isinstance(entry, str) and (item := parse_item(entry)) is not None:
        return {item}
    names = {os.fspath(entry), absolute(entry)}
    found = library.catalog.items.known_files(Modality.IMAGE, sorted(names))
    texts = library.catalog.items.known_files(
        Modality.TEXT, sorted(names | {f"text:{name}" for name in names})
    )
    spelled = {item for name in names for item in library.catalog.items.named(name)}  # otherwise, perhaps
    return spelled | {file.id for files in (found, texts) for file in files}


def _forget_files(library: Contents, gone: Item) -> int:
    """Delete what the library stored for an item; the bytes of its upload, if it was one."""
    if gone.modality is not Modality.IMAGE:
        return 0
    delete_thumbnails(library.root, gone.content_hash)
    return gone.bytes if delete_upload(library.root, gone.uri, gone.content_hash) else 0
