"""Put single texts into a library, with the vectors that somebody else made of them or its own model did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.catalog.annotations import check_attributes
from vasari.retrieval.catalog.records import NEW, NewItem
from vasari.retrieval.domain import EmbeddingSpace, ItemId, Modality
from vasari.retrieval.errors import UsageError
from vasari.retrieval.library import compaction
from vasari.retrieval.library.commit import commit_items
from vasari.retrieval.storage.local_files import content_hash

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents


@dataclass(frozen=True, slots=True)
class NewText:
    """A text to put in: a uri that is its own, and what is known of it; UsageError for more than an item can have."""

    uri: str  # begins with `text:`
    text: str
    vector: NDArray[np.float32]  # (dim,), unit length
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_attributes(self.attributes)
        if not self.uri.startswith("text:"):
            raise UsageError(f"a text's uri begins with text:, and not as {self.uri[:80]!r} does")


def put(library: Contents, space: EmbeddingSpace, texts: Sequence[NewText]) -> list[ItemId]:
    """Make texts items, or the next state of those with their uris, in one transaction; their ids, in order.

    Of two with one uri the later counts. Raises LibraryLockedError while a job writes.
    """
    catalog = library.catalog
    distinct = {new.uri: new for new in texts}
    with catalog.lease.acquire("vasari (Python)"):
        known = catalog.items.ids_by_uri(distinct, Modality.TEXT)
        items = [_item(new, known.get(uri, NEW)) for uri, new in distinct.items()]
        directory = library.segments_directory(space, Modality.TEXT)
        ids = dict(
            zip(distinct, commit_items(catalog, directory, space.name, Modality.TEXT, items), strict=True)
        )
        compaction.compact_if_due(catalog, directory, space, Modality.TEXT)
    return [ids[new.uri] for new in texts]


def _item(new: NewText, item: ItemId) -> NewItem:
    data = new.text.encode("utf-8", "surrogatepass")
    return NewItem(
        uri=new.uri,
        content_hash=content_hash(data),
        bytes=len(data),
        mtime_ns=time.time_ns(),
        vector=new.vector,
        id=item,
        text=new.text,
        attributes=dict(new.attributes),
    )
