"""Changes to items and their vectors; each function is one part of a writing transaction.

A vector row is alive while `embeddings` points at it. Whatever takes that pointer away, be it deletion, changed
content or a new vector, writes the row to `dead_rows`, from which searches learn what to leave out. The row of an item
that is only missing is in both: dead for searches, and found again without embedding when its content comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    select,
    true,
    update,
)

from vasari.retrieval.catalog import former_contents, perceptual_hashes
from vasari.retrieval.catalog.captions import describe, insert_captions, replace_captions, set_facts
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.full_text import forget, refresh
from vasari.retrieval.catalog.reading import holders
from vasari.retrieval.catalog.records import FACTS, NewItem, SegmentRecord, Sighting
from vasari.retrieval.catalog.segments import insert_segment
from vasari.retrieval.catalog.spaces import space_id
from vasari.retrieval.catalog.statements import chunks
from vasari.retrieval.catalog.tables import captions as said
from vasari.retrieval.catalog.tables import dead_rows, descriptions, embeddings, items, tags
from vasari.retrieval.catalog.tables import former_contents as formerly
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import UsageError

_FACTS = (*FACTS, "ctime_ns")
_SEEN = ("bytes", "mtime_ns", "ctime_ns")


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The rows of a commit by what they mean."""

    new: list[NewItem]
    old: list[NewItem]  # updates of live items
    late: list[NewItem]  # updates of items that were deleted while the job worked on them
    known: Mapping[ItemId, Row[Any]]

    @property
    def changed(self) -> list[ItemId]:
        """Known items whose content is another now: none of their old vectors is true any more."""
        return [item.id for item in self.old if item.content_hash != self.known[item.id].content_hash]


def commit_segment(connection: Connection, segment: SegmentRecord, rows: Sequence[NewItem]) -> None:
    """Add a segment with its items, captions and embeddings: row i is the vector of `rows[i]`."""
    if len(rows) != segment.rows:
        raise UsageError(f"segment {segment.number} has {segment.rows} rows, but {len(rows)} were given")
    uris = {item.id: item.uri for item in rows if item.missing_since is None}
    if len(set(uris.values())) < len(uris):
        raise UsageError(f"segment {segment.number} would give two items the same uri")
    now = datetime.now(UTC)
    space = space_id(connection, segment.space)
    insert_segment(connection, space, segment, now)
    _displace(connection, segment.modality, uris)
    revive(connection, uris)
    by_meaning = _sort(connection, rows)
    _bury(connection, [item.id for item in by_meaning.old], embeddings.c.space_id == space)
    _bury(connection, by_meaning.changed)
    former_contents.remember(
        connection, {item: by_meaning.known[item].content_hash for item in by_meaning.changed}
    )
    _update_items(connection, by_meaning.old, now)
    if by_meaning.new:
        connection.execute(insert(items), [_new(item, segment.modality, now) for item in by_meaning.new])
    living = [*by_meaning.new, *by_meaning.old]
    places = {item.id: row for row, item in enumerate(rows)}
    _insert_embeddings(connection, space, segment.number, {item.id: places[item.id] for item in living})
    dead = [*by_meaning.late, *(item for item in by_meaning.new if item.missing_since is not None)]
    _insert_dead(connection, space, segment, {item.id: places[item.id] for item in dead})
    replace_captions(connection, {item.id: item.captions for item in by_meaning.old}, by_meaning.changed)
    insert_captions(connection, {item.id: item.captions for item in by_meaning.new})
    set_facts(connection, {item.id: item.attributes for item in by_meaning.old})
    describe(connection, {item.id: item.told for item in living if item.told is not None})
    former_contents.pass_on(connection, by_meaning.new, segment.modality)
    refresh(connection, list(uris))
    perceptual_hashes.note(
        connection, {item.id: item.fingerprint for item in living}, set(by_meaning.changed)
    )


def move_items(connection: Connection, moves: Sequence[Sighting]) -> None:
    """Give items the places where they were seen; two may change names, and one that was missing is back."""
    moving = {seen.item for seen in moves}
    for chunk in chunks(moves):
        _move(connection, chunk, moving)
        refresh(connection, [seen.item for seen in chunk])


def touch_items(connection: Connection, touches: Iterable[Sighting]) -> None:
    """Note size and times of items whose content is the same and lies where it lay."""
    values = [
        {"item": seen.item, **{f"new_{name}": getattr(seen, name) for name in _SEEN}} for seen in touches
    ]
    if values:
        connection.execute(
            update(items)
            .where(items.c.id == bindparam("item"))
            .values({name: bindparam(f"new_{name}") for name in _SEEN}),
            values,
        )


def lose_items(connection: Connection, ids: Iterable[ItemId]) -> int:
    """Mark live items missing: hidden until their content is seen again; says how many were there."""
    lost = 0
    now = datetime.now(UTC)
    for chunk in chunks(ids):
        live = _live(connection, chunk)
        lost += len(live)
        _bury(connection, live, keep=True)
        connection.execute(
            update(items).where(items.c.id.in_(live)).values(deleted_at=now, missing_since=now)
        )
        forget(connection, live)
        perceptual_hashes.sleep(connection, live)
    return lost


def revive(connection: Connection, uris: Mapping[ItemId, str]) -> None:
    """Show those of these items that are missing again, each under its uri: with their vectors and all that is said."""
    for chunk in chunks(uris):
        query = select(items.c.id).where(items.c.id.in_(chunk), items.c.missing_since.is_not(None))
        back = list(connection.execute(query).scalars())
        if not back:
            continue
        _unbury(connection, back)
        connection.execute(
            update(items)
            .where(items.c.id == bindparam("item"))
            .values(
                uri=bindparam("new_uri"), uri_key=bindparam("new_key"), deleted_at=None, missing_since=None
            ),
            [{"item": item, "new_uri": uris[item], "new_key": uri_key(uris[item])} for item in back],
        )
        perceptual_hashes.wake(connection, back)


def purge_items(connection: Connection, ids: Iterable[ItemId]) -> int:
    """Forget missing items, and all that is said of them, for good; says how many there were."""
    purged = 0
    for chunk in chunks(ids):
        query = select(items.c.id).where(items.c.id.in_(chunk), items.c.missing_since.is_not(None))
        gone = list(connection.execute(query).scalars())
        perceptual_hashes.forget(connection, gone)
        for table in (said, tags, descriptions, formerly, embeddings):
            connection.execute(delete(table).where(table.c["item_id"].in_(gone)))
        purged += connection.execute(delete(items).where(items.c.id.in_(gone))).rowcount
    return purged


def delete_items(connection: Connection, ids: Iterable[ItemId]) -> int:
    """Mark live items deleted and their vectors dead; says how many were alive."""
    deleted = 0
    for wanted in chunks(ids):
        chunk = _live(connection, wanted)
        _bury(connection, chunk)
        deleted += connection.execute(
            update(items)
            .where(items.c.id.in_(chunk), items.c.deleted_at.is_(None))
            .values(deleted_at=datetime.now(UTC))
        ).rowcount
        forget(connection, chunk)
        perceptual_hashes.forget(connection, chunk)
    return deleted


def _live(connection: Connection, ids: Sequence[ItemId]) -> list[ItemId]:
    query = select(items.c.id).where(items.c.id.in_(ids), items.c.deleted_at.is_(None))
    return list(connection.execute(query).scalars())


def _sort(connection: Connection, rows: Sequence[NewItem]) -> _Sorted:
    query: Select[*tuple[Any, ...]] = select(items.c.id, items.c.content_hash, items.c.deleted_at)
    known = {
        row.id: row
        for chunk in chunks(item.id for item in rows)
        for row in connection.execute(query.where(items.c.id.in_(chunk)))
    }
    by_meaning = _Sorted([], [], [], known)
    for item in rows:
        if item.id not in known:
            by_meaning.new.append(item)
        elif known[item.id].deleted_at is None:
            by_meaning.old.append(item)
        else:
            by_meaning.late.append(item)
    return by_meaning


def _new(item: NewItem, modality: Modality, now: datetime) -> dict[str, Any]:
    return {
        **{fact: getattr(item, fact) for fact in _FACTS},
        "id": item.id,
        "modality": modality.value,
        "uri_key": uri_key(item.uri),
        "attributes": dict(item.attributes),
        "user_attributes": {},
        "added_at": now,
        "updated_at": now,
        "deleted_at": item.missing_since,
        "missing_since": item.missing_since,
    }


def _update_items(connection: Connection, old: Sequence[NewItem], now: datetime) -> None:
    if not old:
        return
    columns = (*_FACTS, "uri_key", "updated_at")
    statement = (
        update(items)
        .where(items.c.id == bindparam("item"))
        .values({column: bindparam(f"new_{column}") for column in columns})
    )
    values = []
    for item in old:
        facts = _new(item, Modality.IMAGE, now)
        values.append({"item": item.id, **{f"new_{column}": facts[column] for column in columns}})
    connection.execute(statement, values)


def _insert_embeddings(
    connection: Connection, space: int, segment: int, places: Mapping[ItemId, int]
) -> None:
    if places:
        connection.execute(
            insert(embeddings),
            [
                {"item_id": item, "space_id": space, "segment": segment, "row": row}
                for item, row in places.items()
            ],
        )


def _insert_dead(
    connection: Connection, space: int, segment: SegmentRecord, places: Mapping[ItemId, int]
) -> None:
    where = {"space_id": space, "modality": segment.modality.value, "segment": segment.number}
    if places:
        connection.execute(
            insert(dead_rows), [{**where, "row": row, "item_id": item} for item, row in places.items()]
        )


def _bury(
    connection: Connection,
    ids: Sequence[ItemId],
    where: ColumnElement[bool] | None = None,
    *,
    keep: bool = False,
) -> None:
    """Declare the vectors of these live items dead, in all spaces or where told; `keep` where they lie."""
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
        if not keep:
            connection.execute(delete(embeddings).where(condition))


def _unbury(connection: Connection, ids: Sequence[ItemId]) -> None:
    """Declare the vectors of missing items alive."""
    place = and_(
        embeddings.c.space_id == dead_rows.c.space_id,
        embeddings.c.segment == dead_rows.c.segment,
        embeddings.c.row == dead_rows.c.row,
        embeddings.c.item_id == dead_rows.c.item_id,
        items.c.id == embeddings.c.item_id,
        items.c.modality == dead_rows.c.modality,
    )
    known = select(embeddings.c.item_id).where(place, embeddings.c.item_id.in_(ids)).exists()
    connection.execute(delete(dead_rows).where(dead_rows.c.item_id.in_(ids), known))


def _displace(connection: Connection, modality: Modality, uris: Mapping[ItemId, str]) -> None:
    """Make way for items that are about to have these uris.

    Another item that lives under one is missing from now on, as its content is not there; one of their own number,
    which is to have another uri itself, stands aside until its turn.
    """
    lost = []
    for key, holder in holders(connection, modality, uris.values()).items():
        if holder not in uris:
            lost.append(holder)
        elif uri_key(uris[holder]) != key:
            _set_aside(connection, holder)
    lose_items(connection, lost)


def _set_aside(connection: Connection, item: ItemId) -> None:
    connection.execute(update(items).where(items.c.id == item).values(uri_key=b"moving:%d" % item))


def _move(connection: Connection, moves: Sequence[Sighting], moving: set[ItemId]) -> None:
    targets = {seen.item: seen.uri for seen in moves}
    modalities = connection.execute(
        select(items.c.modality).where(items.c.id.in_(targets)).distinct()
    ).scalars()
    for modality in modalities.all():
        for holder in holders(connection, modality, targets.values()).values():
            if holder in moving:  # it goes elsewhere itself: out of the way until its turn
                _set_aside(connection, holder)
            else:
                lose_items(connection, [holder])
    revive(connection, targets)
    columns = ("uri", "uri_key", *_SEEN)
    connection.execute(
        update(items)
        .where(items.c.id == bindparam("item"), items.c.deleted_at.is_(None))
        .values({**{name: bindparam(f"new_{name}") for name in columns}, "updated_at": datetime.now(UTC)}),
        [
            {
                "item": seen.item,
                "new_uri": seen.uri,
                "new_uri_key": uri_key(seen.uri),
                **{f"new_{name}": getattr(seen, name) for name in _SEEN},
            }
            for seen in moves
        ],
    )
