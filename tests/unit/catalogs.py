"""Short ways to fill a catalog in tests."""

from __future__ import annotations

from typing import Any

from retrieval.catalog.catalog import Catalog
from retrieval.catalog.records import CommitRow, ItemFacts, SegmentRecord
from retrieval.domain import Caption, EmbeddingSpace, ItemId, Modality

SPACE = EmbeddingSpace("clip", "fast", "weights", "preprocessing", 4)
OTHER = EmbeddingSpace("siglip", "balanced", "weights", "preprocessing", 8)


def facts(item: ItemId, uri: str, content: str = "h", **more: Any) -> ItemFacts:
    return ItemFacts(item, uri, content, 10, 20, **more)


def commit(catalog: Catalog, *rows: ItemFacts | CommitRow, space: str = "clip") -> int:
    """Commit a segment of these items; its number."""
    number = catalog.reserve_segment(space, Modality.IMAGE)
    lines = [CommitRow(index, row) if isinstance(row, ItemFacts) else row for index, row in enumerate(rows)]
    catalog.commit_segment(SegmentRecord(space, Modality.IMAGE, number, len(lines), "checksum"), lines)
    return number


def add(catalog: Catalog, *uris: str, content: str = "h", captions: tuple[Caption, ...] = ()) -> list[ItemId]:
    """Commit a new item for each uri; their ids."""
    catalog.ensure_space(SPACE)
    ids = list(catalog.reserve_ids(len(uris)))
    rows = [
        CommitRow(index, facts(item, uri, content), captions)
        for index, (item, uri) in enumerate(zip(ids, uris, strict=True))
    ]
    commit(catalog, *rows)
    return ids
