"""Items by name: what people name on a command line or in Python, as ids."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.search.query import parse_item
from vasari.retrieval.storage.uris import absolute

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents

Name = str | Path | SupportsIndex


def items_named(library: Contents, what: Sequence[Name]) -> Mapping[str, set[ItemId]]:
    """The items that each name means, also those that are gone: an id (5, "item:5"), an item, a hit, a uri, a path."""
    return {str(int(name) if isinstance(name, SupportsIndex) else name): _ids(library, name) for name in what}


def live_items(
    library: Contents,
    what: Sequence[Name],
    filter: str | None = None,  # noqa: A002
) -> tuple[list[ItemId], list[str]]:
    """Ids of live items that are named, `as_named`, those that a filter accepts too; and names that mean none."""
    named = items_named(library, what)
    alive = set(library.items(sorted(set().union(*named.values()))))
    gone = [name for name, found in named.items() if not found & alive]
    if filter is not None:
        accepted = {item for modality in Modality for item in _matching(library, filter, modality)}
        alive = alive & accepted if what else accepted
    return as_named(named, alive), gone


def as_named(named: Mapping[str, set[ItemId]], alive: set[ItemId]) -> list[ItemId]:
    """The live items in the order in which they were named; those of one name, and of none, ascending."""
    ordered = dict.fromkeys(item for found in named.values() for item in sorted(found & alive))
    return [*ordered, *sorted(alive - ordered.keys())]


def _matching(library: Contents, filter: str, modality: Modality) -> Iterator[ItemId]:  # noqa: A002
    yield from library.catalog.filters.matching(filter, modality).tolist()


def _ids(library: Contents, entry: Name) -> set[ItemId]:
    if isinstance(entry, bool):
        raise TypeError(f"{entry} names no item")  # though Python counts it as 0 or 1
    if isinstance(entry, SupportsIndex):
        return {int(entry)}
    if isinstance(entry, str) and (item := parse_item(entry)) is not None:
        return {item}
    if not isinstance(entry, str | os.PathLike):
        raise TypeError(f"{entry!r:.80} names no item: give ids, uris, paths, items or hits, one by one")
    names = {os.fspath(entry), absolute(entry)}
    found = library.catalog.items.known_files(Modality.IMAGE, sorted(names))
    texts = library.catalog.items.known_files(
        Modality.TEXT, sorted(names | {f"text:{name}" for name in names})
    )
    spelled = {item for name in names for item in library.catalog.items.named(name)}  # otherwise, perhaps
    return spelled | {file.id for files in (found, texts) for file in files}
