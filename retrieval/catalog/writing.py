"""Changes to items and their vectors; each function is one part of a writing transaction.

A vector row is alive while `embeddings` points at it. Whatever takes that pointer away, be it deletion, changed
content or a new vector, writes the row to `dead_rows`, from which searches learn what to leave out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, insert, select, true, update

from retrieval.catalog import fingerprints
from retrieval.catalog.captions import insert_captions, replace_captions
from retrieval.catalog.encoding import uri_key
from retrieval.catalog.records import CommitRow, ItemFacts, SegmentRecord
from retrieval.catalog.schema import dead_rows, embeddings, items
from retrieval.catalog.spaces import space_id
from retrieval.catalog.statements import chunks
from retrieval.catalog.vectors import insert_segment
from retrieval.catalog.words import forget, refresh
from retrieval.domain import ItemId, Modality
from retrieval.errors import UsageError

_FACTS = ("uri", "content_hash", "bytes", "mtime_ns", "width", "height", "format", "text")


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The rows of a commit by what they mean."""

    new: list[CommitRow]
    old: list[CommitRow]  # updates of live items
    late: list[CommitRow]  # updates of items that were deleted while the job worked on them
    known: Mapping[ItemId, Row[Any]]

    @property
    def changed(self) -> list[ItemId]:
        """Known items whose content is another now: none of their old vectors is true any more."""
        return [
            row.item.id for row in self.old if row.item.content_hash != self.known[row.item.id].content_hash
        ]


def commit_segment(connection: Connection, segment: SegmentRecord, rows: Sequence[CommitRow]) -> None:
    """Add a segment with its items, captions and embeddings."""
    if len(rows) != segment.rows:
        raise UsageError(f"segment {segment.number} has {segment.rows} rows, but {len(rows)} were given")
    if len({row.item.uri for row in rows}) < len(rows):
        raise UsageError(f"segment {segment.number} would give two items the same uri")
    now = datetime.now(UTC)
    space = space_id(connection, segment.space)
    insert_segment(connection, space, segment, now)
    delete_items(connection, [row.replaces for row in rows if row.replaces not in (None, row.item.id)])
    _displace(connection, segment.modality, {row.item.id: row.item.uri for row in rows})
    by_meaning = _sort(connection, rows)
    _bury(connection, [row.item.id for row in by_meaning.old], embeddings.c.space_id == space)
    _bury(connection, by_meaning.changed)
    _update_items(connection, by_meaning, now)
    if by_meaning.new:
        connection.execute(insert(items), [_new(row.item, segment.modality, now) for row in by_meaning.new])
    _insert_embeddings(connection, space, segment.number, [*by_meaning.new, *by_meaning.old])
    _insert_dead(connection, space, segment, by_meaning.late)
    replace_captions(connection, {row.item.id: row.captions for row in by_meaning.old}, by_meaning.changed)
    insert_captions(connection, {row.item.id: row.captions for row in by_meaning.new})
    refresh(connection, [row.item.id for row in rows])
    living = [*by_meaning.new, *by_meaning.old]
    fingerprints.note(
        connection, {row.item.id: row.item.fingerprint for row in living}, set(by_meaning.changed)
    )


def move_items(connection: Connection, moves: Sequence[tuple[ItemId, str, int]]) -> None:
    """Give live items (id, new uri, mtime_ns); two items may change names with each other."""
    for chunk in chunks(moves):
        _move(connection, chunk, {item for item, _, _ in moves})
        refresh(connection, [item for item, _, _ in chunk])


def touch_items(connection: Connection, touches: Iterable[tuple[ItemId, int, int]]) -> None:
    """Note new (id, mtime_ns, bytes) of items whose content is the same."""
    values = [{"item": item, "new_mtime": mtime, "new_bytes": size} for item, mtime, size in touches]
    if values:
        connection.execute(
            update(items)
            .where(items.c.id == bindparam("item"))
            .values(mtime_ns=bindparam("new_mtime"), bytes=bindparam("new_bytes")),
            values,
        )


def delete_items(connection: Connection, ids: Iterable[ItemId | None]) -> int:
    """Mark live items deleted and their vectors dead; says how many were alive."""
    deleted = 0
    for chunk in chunks(item for item in ids if item is not None):
        _bury(connection, chunk)
        deleted += connection.execute(
            update(items)
            .where(items.c.id.in_(chunk), items.c.deleted_at.is_(None))
            .values(deleted_at=datetime.now(UTC))
        ).rowcount
        forget(connection, chunk)
        fingerprints.forget(connection, chunk)
    return deleted


def _sort(connection: Connection, rows: Sequence[CommitRow]) -> _Sorted:
    query = select(items.c.id, items.c.content_hash, items.c.deleted_at, items.c.user_attributes)
    known = {
        row.id: row
        for chunk in chunks(row.item.id for row in rows)
        for row in connection.execute(query.where(items.c.id.in_(chunk)))
    }
    by_meaning = _Sorted([], [], [], known)
    for row in rows:
        if row.item.id not in known:
            by_meaning.new.append(row)
        elif known[row.item.id].deleted_at is None:
            by_meaning.old.append(row)
        else:
            by_meaning.late.append(row)
    return by_meaning


def _new(item: ItemFacts, modality: Modality, now: datetime) -> dict[str, Any]:
    return {
        **{fact: getattr(item, fact) for fact in _FACTS},
        "id": item.id,
        "modality": modality.value,
        "uri_key": uri_key(item.uri),
        "attributes": dict(item.attributes),
        "user_attributes": {},
        "added_at": now,
        "updated_at": now,
    }


def _update_items(connection: Connection, by_meaning: _Sorted, now: datetime) -> None:
    if not by_meaning.old:
        return
    columns = (*_FACTS, "uri_key", "attributes", "updated_at")
    statement = (
        update(items)
        .where(items.c.id == bindparam("item"))
        .values({column: bindparam(f"new_{column}") for column in columns})
    )
    values = []
    for row in by_meaning.old:
        facts = _new(row.item, Modality.IMAGE, now)
        facts["attributes"] |= by_meaning.known[row.item.id].user_attributes
        values.append({"item": row.item.id, **{f"new_{column}": facts[column] for column in columns}})
    connection.execute(statement, values)


def _insert_embeddings(connection: Connection, space: int, segment: int, rows: Sequence[CommitRow]) -> None:
    if rows:
        connection.execute(
            insert(embeddings),
            [{"item_id": row.item.id, "space_id": space, "segment": segment, "row": row.row} for row in rows],
        )


def _insert_dead(
    connection: Connection, space: int, segment: SegmentRecord, rows: Sequence[CommitRow]
) -> None:
    where = {"space_id": space, "modality": segment.modality.value, "segment": segment.number}
    if rows:
        connection.execute(
            insert(dead_rows), [{**where, "row": row.row, "item_id": row.item.id} for row in rows]
        )


def _bury(connection: Connection, ids: Sequence[ItemId], where: ColumnElement[bool] | None = None) -> None:
    """Declare the vectors of these items dead, in all spaces or where told."""
    for chunk in chunks(ids):
        condition = and_(embeddings.c.item_id.in_(chunk), true() if where is None else where)
        dying = (
            select(
                embeddings.c.space_id,
                items.c.modality,
                embeddings.c.segment,
                embeddings.c.row,
                embeddings.c.item_id,
            )
            .join(items, items.c.id == embeddings.c.item_id)
            .where(condition)
        )
        connection.execute(
            insert(dead_rows).from_select(["space_id", "modality", "segment", "row", "item_id"], dying)
        )
        connection.execute(delete(embeddings).where(condition))


def _displace(connection: Connection, modality: Modality, uris: Mapping[ItemId, str]) -> None:
    """Delete items that live under a uri which another item is about to take.

    Planning knows of nearly all of them; this is for those that came while the job ran.
    """
    delete_items(
        connection,
        [holder for holder, _ in _holders(connection, modality, uris.values()) if holder not in uris],
    )


def _holders(connection: Connection, modality: str, uris: Iterable[str]) -> list[tuple[ItemId, bytes]]:
    query = select(items.c.id, items.c.uri_key).where(
        items.c.deleted_at.is_(None), items.c.modality == modality
    )
    return [
        (row.id, row.uri_key)
        for chunk in chunks(uri_key(uri) for uri in uris)
        for row in connection.execute(query.where(items.c.uri_key.in_(chunk)))
    ]


def _move(connection: Connection, moves: Sequence[tuple[ItemId, str, int]], moving: set[ItemId]) -> None:
    targets = {item: uri for item, uri, _ in moves}
    modalities = connection.execute(
        select(items.c.modality).where(items.c.id.in_(targets)).distinct()
    ).scalars()
    for modality in modalities.all():
        for holder, _ in _holders(connection, modality, targets.values()):
            if holder in moving:  # it goes elsewhere itself: out of the way until its turn
                aside = b"moving:%d" % holder
                connection.execute(update(items).where(items.c.id == holder).values(uri_key=aside))
            else:
                delete_items(connection, [holder])
    connection.execute(
        update(items)
        .where(items.c.id == bindparam("item"), items.c.deleted_at.is_(None))
        .values(
            uri=bindparam("new_uri"),
            uri_key=bindparam("new_key"),
            mtime_ns=bindparam("new_mtime"),
            updated_at=datetime.now(UTC),
        ),
        [
            {"item": item, "new_uri": uri, "new_key": uri_key(uri), "new_mtime": mtime}
            for item, uri, mtime in moves
        ],
    )
