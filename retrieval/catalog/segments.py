"""Where vectors lie: segments, dead rows and generations of one (space, modality)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.records import (
    CompactedSegment,
    GalleryState,
    GenerationRecord,
    MissingRow,
    RowOfItem,
    SegmentRecord,
)
from vasari.retrieval.catalog.spaces import note_loss, space_id
from vasari.retrieval.catalog.statements import chunks
from vasari.retrieval.catalog.tables import dead_rows, embeddings, generations, items, library, segments
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import NotFoundError, UsageError


def gallery_state(connection: Connection, space: str, modality: Modality) -> GalleryState:
    """All that a search needs, of one moment if asked in one transaction."""
    return GalleryState(
        revision=connection.execute(select(library.c.revision)).scalar_one(),
        segments=tuple(segments_of(connection, space, modality)),
        dead=tuple(dead_rows_of(connection, space, modality)),
        generation=active_generation(connection, space, modality),
    )


def segments_of(connection: Connection, space: str, modality: Modality) -> list[SegmentRecord]:
    """Committed segments by number."""
    query = (
        select(segments.c.number, segments.c.rows, segments.c.checksum)
        .where(segments.c.space_id == space_id(connection, space), segments.c.modality == modality.value)
        .order_by(segments.c.number)
    )
    return [SegmentRecord(space, modality, *row) for row in connection.execute(query)]


def dead_rows_of(connection: Connection, space: str, modality: Modality) -> list[RowOfItem]:
    """Rows to leave out, by segment and row."""
    query = (
        select(dead_rows.c.segment, dead_rows.c.row, dead_rows.c.item_id)
        .where(dead_rows.c.space_id == space_id(connection, space), dead_rows.c.modality == modality.value)
        .order_by(dead_rows.c.segment, dead_rows.c.row)
    )
    return [RowOfItem._make(row) for row in connection.execute(query)]


def live_rows_of(connection: Connection, space: str, modality: Modality) -> list[RowOfItem]:
    """Rows that stand for an item, by segment and row."""
    query = (
        select(embeddings.c.segment, embeddings.c.row, embeddings.c.item_id)
        .join(items, items.c.id == embeddings.c.item_id)
        .where(
            embeddings.c.space_id == space_id(connection, space),
            items.c.modality == modality.value,
            items.c.deleted_at.is_(None),
        )
        .order_by(embeddings.c.segment, embeddings.c.row)
    )
    return [RowOfItem._make(row) for row in connection.execute(query)]


def missing_rows_of(connection: Connection, space: str, modality: Modality) -> list[MissingRow]:
    """The vectors of missing items, as far as there are any, by item."""
    query = (
        select(embeddings.c.item_id, embeddings.c.segment, embeddings.c.row, items.c.missing_since)
        .join(items, items.c.id == embeddings.c.item_id)
        .where(
            embeddings.c.space_id == space_id(connection, space),
            items.c.modality == modality.value,
            items.c.missing_since.is_not(None),
        )
        .order_by(embeddings.c.item_id)
    )
    return [MissingRow._make(row) for row in connection.execute(query)]


def embedding_of(connection: Connection, space: str, item: ItemId) -> tuple[int, int] | None:
    """(segment, row) of the item's vector."""
    row = connection.execute(
        select(embeddings.c.segment, embeddings.c.row).where(
            embeddings.c.item_id == item, embeddings.c.space_id == space_id(connection, space)
        )
    ).first()
    return None if row is None else (row[0], row[1])


def embedded(connection: Connection, space: str, modality: Modality, uris: Iterable[str]) -> dict[str, str]:
    """Content hashes of the live items among `uris` that have a vector in this space, by uri."""
    query = (
        select(items.c.uri, items.c.content_hash)
        .join(embeddings, embeddings.c.item_id == items.c.id)
        .where(
            embeddings.c.space_id == space_id(connection, space),
            items.c.modality == modality.value,
            items.c.deleted_at.is_(None),
        )
    )
    return {
        row.uri: row.content_hash
        for chunk in chunks(uri_key(uri) for uri in uris)
        for row in connection.execute(query.where(items.c.uri_key.in_(chunk)))
    }


def replace_segments(connection: Connection, compacted: CompactedSegment) -> None:
    """Let a new segment stand for others; a row whose item lost its vector meanwhile is dead from the start.

    So is that of an item that went missing meanwhile; the rows of those that were missing before are left behind.
    """
    segment = compacted.segment
    key = space_id(connection, segment.space)
    numbers = sorted(compacted.replaces)
    here = (segments.c.space_id == key) & (segments.c.modality == segment.modality.value)
    found = connection.execute(
        select(segments.c.number).where(here, segments.c.number.in_(numbers))
    ).scalars()
    if sorted(found) != numbers or len(compacted.origins) != segment.rows:
        raise UsageError(f"segment {segment.number} does not stand for segments that are there")
    alive = _still_alive(connection, key, compacted)
    insert_segment(connection, key, segment, datetime.now(UTC))
    moves = [{"item": item, "new_row": row} for row, item in alive.items()]
    if moves:
        connection.execute(
            update(embeddings)
            .where(embeddings.c.space_id == key, embeddings.c.item_id == bindparam("item"))
            .values(segment=segment.number, row=bindparam("new_row")),
            moves,
        )
    _forget_vectors(connection, key, segment.modality, numbers)
    _forget_segments(connection, key, segment.modality, numbers)
    hidden = _hidden(connection, alive.values())
    where = {"space_id": key, "modality": segment.modality.value, "segment": segment.number}
    died = [
        {**where, "row": row, "item_id": origin.item}
        for row, origin in enumerate(compacted.origins)
        if row not in alive or origin.item in hidden
    ]
    if died:
        connection.execute(insert(dead_rows), died)


def _still_alive(connection: Connection, key: int, compacted: CompactedSegment) -> dict[int, ItemId]:
    """Rows of the new segment whose origin is still where the item's vector lies, and the item."""
    query = select(embeddings.c.segment, embeddings.c.row, embeddings.c.item_id).where(
        embeddings.c.space_id == key
    )
    places = {
        RowOfItem._make(row)
        for chunk in chunks(origin.item for origin in compacted.origins)
        for row in connection.execute(query.where(embeddings.c.item_id.in_(chunk)))
    }
    return {row: origin.item for row, origin in enumerate(compacted.origins) if origin in places}


def _hidden(connection: Connection, ids: Iterable[ItemId]) -> set[ItemId]:
    """Those of these items that are deleted or missing."""
    query = select(items.c.id).where(items.c.deleted_at.is_not(None))
    return {
        item
        for chunk in chunks(ids)
        for item in connection.execute(query.where(items.c.id.in_(chunk))).scalars()
    }


def insert_segment(connection: Connection, key: int, segment: SegmentRecord, now: datetime) -> None:
    """Enter a segment of the space with this key."""
    connection.execute(
        insert(segments).values(
            space_id=key,
            modality=segment.modality.value,
            number=segment.number,
            rows=segment.rows,
            checksum=segment.checksum,
            created_at=now,
        )
    )


def drop_segment(connection: Connection, space: str, modality: Modality, number: int) -> int:
    """Forget a segment whose file is lost: its items then miss an embedding; says how many.

    Generations built over it are forgotten too, for they would go on showing its vectors beside new ones.
    """
    key = space_id(connection, space)
    lost = _forget_vectors(connection, key, modality, [number])
    note_loss(connection, lost)
    _forget_segments(connection, key, modality, [number])
    here = (generations.c.space_id == key) & (generations.c.modality == modality.value)
    connection.execute(delete(generations).where(here, generations.c.high_water >= number))
    return lost


def _forget_vectors(connection: Connection, key: int, modality: Modality, numbers: Sequence[int]) -> int:
    """Forget what lies in these segments; says how many items had their vector there."""
    of_modality = select(items.c.id).where(items.c.modality == modality.value)
    return connection.execute(
        delete(embeddings).where(
            embeddings.c.space_id == key,
            embeddings.c.segment.in_(numbers),
            embeddings.c.item_id.in_(of_modality),
        )
    ).rowcount


def _forget_segments(connection: Connection, key: int, modality: Modality, numbers: Sequence[int]) -> None:
    for table, column in ((dead_rows, dead_rows.c.segment), (segments, segments.c.number)):
        here = (table.c["space_id"] == key) & (table.c["modality"] == modality.value)
        connection.execute(delete(table).where(here, column.in_(numbers)))


def publish_generation(connection: Connection, generation: GenerationRecord) -> None:
    """Make a built generation the active one of its space and modality."""
    key = space_id(connection, generation.space)
    here = (generations.c.space_id == key) & (generations.c.modality == generation.modality.value)
    connection.execute(update(generations).where(here).values(active=0))
    connection.execute(
        insert(generations).values(
            space_id=key,
            modality=generation.modality.value,
            number=generation.number,
            high_water=generation.high_water,
            kind=generation.kind,
            rows=generation.rows,
            active=1,
            created_at=datetime.now(UTC),
        )
    )


def active_generation(connection: Connection, space: str, modality: Modality) -> GenerationRecord | None:
    """The generation that searches use."""
    found = _generations(connection, space, modality, only_active=True)
    return found[0] if found else None


def generations_of(connection: Connection, space: str, modality: Modality) -> list[GenerationRecord]:
    """All published generations by number."""
    return _generations(connection, space, modality, only_active=False)


def retire_generation(connection: Connection, space: str, modality: Modality, number: int) -> None:
    """Forget a generation; searches fall back to the exact scan if it was the active one."""
    key = space_id(connection, space)
    here = (generations.c.space_id == key) & (generations.c.modality == modality.value)
    if not connection.execute(delete(generations).where(here, generations.c.number == number)).rowcount:
        raise NotFoundError(f"there is no generation {number} of {space}/{modality}")


def _generations(
    connection: Connection, space: str, modality: Modality, *, only_active: bool
) -> list[GenerationRecord]:
    query = (
        select(generations.c.number, generations.c.high_water, generations.c.kind, generations.c.rows)
        .where(
            generations.c.space_id == space_id(connection, space), generations.c.modality == modality.value
        )
        .order_by(generations.c.number)
    )
    if only_active:
        query = query.where(generations.c.active == 1)
    return [GenerationRecord(space, modality, *row) for row in connection.execute(query)]
