"""Short ways to fill a catalog in tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from vasari.retrieval.catalog.analyzer import asked_words
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.records import NewItem, SegmentRecord
from vasari.retrieval.catalog.word_index import WordIndex
from vasari.retrieval.domain import Caption, EmbeddingSpace, ItemId, Modality

SPACE = EmbeddingSpace("clip", "fast", "weights", "preprocessing", 4)
OTHER = EmbeddingSpace("siglip", "balanced", "weights", "preprocessing", 8)


def facts(item: ItemId, uri: str, content: str = "h", *captions: Caption, **more: Any) -> NewItem:
    """An item of which the vector does not matter."""
    given = {"bytes": 10, "mtime_ns": 20, "vector": np.zeros(1, np.float32), "captions": captions, **more}
    return NewItem(uri, content, id=item, **given)


def commit(catalog: Catalog, *rows: NewItem, space: str = "clip") -> int:
    """Commit a segment of these items; its number."""
    number = catalog.segments.reserve(space, Modality.IMAGE)
    catalog.segments.commit(SegmentRecord(space, Modality.IMAGE, number, len(rows), "checksum"), rows)
    return number


def add(catalog: Catalog, *uris: str, content: str = "h", captions: tuple[Caption, ...] = ()) -> list[ItemId]:
    """Commit a new item for each uri; their ids."""
    catalog.spaces.ensure(SPACE)
    ids = list(catalog.items.reserve(len(uris)))
    commit(catalog, *(facts(item, uri, content, *captions) for item, uri in zip(ids, uris, strict=True)))
    return ids


def found_by(full_text: WordIndex, words: str) -> list[ItemId]:
    """The items of which any of the words is said; those of which most is said first."""
    phrases = [asked.phrase for asked in asked_words(words) if not asked.run]
    ids = sorted({item for phrase in phrases for item in full_text.postings(phrase).tolist()})
    said = full_text.held(ids, phrases).sum(axis=1) if ids else np.empty(0)
    assert (said > 0).all()
    return [ids[place] for place in np.argsort(-said, kind="stable")]
