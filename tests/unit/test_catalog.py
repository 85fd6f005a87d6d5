"""The catalog on SQLite and on PostgreSQL."""

from __future__ import annotations

from retrieval.catalog.catalog import Catalog
from retrieval.catalog.records import CommitRow, ItemFacts, SegmentRecord
from retrieval.domain import Caption, EmbeddingSpace, Modality

SPACE = EmbeddingSpace("clip", "fast", "w1", "p1", 4)


def facts(item: int, uri: str, content: str = "h", **more: object) -> ItemFacts:
    return ItemFacts(item, uri, content, 10, 20, **more)  # type: ignore[arg-type]


def commit(catalog: Catalog, *rows: CommitRow, space: str = "clip") -> int:
    number = catalog.reserve_segment(space, Modality.IMAGE)
    catalog.commit_segment(SegmentRecord(space, Modality.IMAGE, number, len(rows), "c"), rows)
    return number


def test_what_is_committed_can_be_read(catalog: Catalog) -> None:
    """A committed item comes back with its facts, captions and place of its vector."""
    catalog.ensure_space(SPACE)
    first, second = catalog.reserve_ids(2)
    number = commit(
        catalog,
        CommitRow(0, facts(first, "/a.jpg", attributes={"camera": "X100"}), (Caption("a red boat"),)),
        CommitRow(1, facts(second, "/b.jpg")),
    )
    found = catalog.items([second, first])
    assert list(found) == [second, first]
    assert found[first].captions == (Caption("a red boat"),)
    assert found[first].attributes == {"camera": "X100"}
    assert catalog.embedding_of("clip", second) == (number, 1)
    assert catalog.count(Modality.IMAGE) == 2
