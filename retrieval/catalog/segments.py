"""Segments: files of vectors, the rows in them that are dead, and the generations built over them.

Everything here is of one embedding space and one modality.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, insert, select, update

from vasari.retrieval.catalog import former_contents, perceptual_hashes, readings
from vasari.retrieval.catalog.annotations import describe, insert_captions, replace_captions, set_facts
from vasari.retrieval.catalog.database import REVISION, Repository, chunks, reserve
from vasari.retrieval.catalog.dialects import among
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.failures import clear_failures
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.items import bury, displace, revive
from vasari.retrieval.catalog.records import (
    FACTS,
    CompactedSegment,
    GalleryState,
    GenerationRecord,
    MissingRow,
    NewItem,
    RowOfItem,
    SegmentRecord,
)
from vasari.retrieval.catalog.spaces import fair_ranking, note_loss, space_id
from vasari.retrieval.catalog.tables import (
    LIVE,
    dead_rows,
    embeddings,
    generations,
    items,
    segments,
)
from vasari.retrieval.domain import ItemId, Modality
from vasari.retrieval.errors import NotFoundError, UsageError

_FACTS = (*FACTS, "ctime_ns")


class Segments(Repository):
    """Where the vectors of a library lie. Methods raise NotFoundError for a space that is not there."""

    def gallery_state(self, space: str, modality: Modality) -> GalleryState:
        """All that a search needs: revision, segments, dead rows and active generation, all of the same moment."""
        with self._database.read() as connection:
            return GalleryState(
                revision=connection.execute(REVISION).scalar_one(),
                segments=tuple(_segments(connection, space, modality)),
                dead=tuple(_dead_rows(connection, space, modality)),
                generation=_active_generation(connection, space, modality),
                fair=fair_ranking(connection, space) if modality is Modality.IMAGE else None,
            )

    def all(self, space: str, modality: Modality) -> list[SegmentRecord]:
        """Committed segments by number."""
        with self._database.read() as connection:
            return _segments(connection, space, modality)

    def dead_rows(self, space: str, modality: Modality) -> list[RowOfItem]:
        """Rows whose vector no longer stands for its item, by segment and row."""
        with self._database.read() as connection:
            return _dead_rows(connection, space, modality)

    def live_rows(self, space: str, modality: Modality) -> list[RowOfItem]:
        """Rows whose vector stands for a live item, by segment and row."""
        query = (
            select(embeddings.c.segment, embeddings.c.row, embeddings.c.item_id)
            .join(items, items.c.id == embeddings.c.item_id)
            .where(items.c.modality == modality.value, LIVE)
            .order_by(embeddings.c.segment, embeddings.c.row)
        )
        with self._database.read() as connection:
            here = query.where(embeddings.c.space_id == space_id(connection, space))
            return [RowOfItem._make(row) for row in connection.execute(here)]

    def missing_rows(self, space: str, modality: Modality) -> list[MissingRow]:
        """The vectors of missing items, as far as there are any, by item."""
        query = (
            select(embeddings.c.item_id, embeddings.c.segment, embeddings.c.row, items.c.missing_since)
            .join(items, items.c.id == embeddings.c.item_id)
            .where(items.c.modality == modality.value, items.c.missing_since.is_not(None))
            .order_by(embeddings.c.item_id)
        )
        with self._database.read() as connection:
            here = query.where(embeddings.c.space_id == space_id(connection, space))
            return [MissingRow._make(row) for row in connection.execute(here)]

    def embedding_of(self, space: str, item: ItemId) -> tuple[int, int] | None:
        """(segment, row) of the item's vector in this space."""
        query = select(embeddings.c.segment, embeddings.c.row).where(embeddings.c.item_id == item)
        with self._database.read() as connection:
            here = query.where(embeddings.c.space_id == space_id(connection, space))
            row = connection.execute(here).first()
        return None if row is None else (row[0], row[1])

    def embedded(self, space: str, modality: Modality, uris: Iterable[str]) -> dict[str, str]:
        """Content hashes of the live items among `uris` that have a vector in this space, by uri."""
        query = (
            select(items.c.uri, items.c.content_hash)
            .join(embeddings, embeddings.c.item_id == items.c.id)
            .where(items.c.modality == modality.value, LIVE)
        )
        with self._database.read() as connection:
            here = query.where(embeddings.c.space_id == space_id(connection, space))
            return {
                row.uri: row.content_hash
                for chunk in chunks(uri_key(uri) for uri in uris)
                for row in connection.execute(here.where(items.c.uri_key.in_(chunk)))
            }

    def missing_embeddings(self, space: str, modality: Modality) -> Iterator[ItemId]:
        """Live items without a vector in this space, by id."""
        with self._database.read() as connection:
            key = space_id(connection, space)
        embedded = and_(embeddings.c.item_id == items.c.id, embeddings.c.space_id == key)
        query = (
            select(items.c.id)
            .outerjoin(embeddings, embedded)
            .where(items.c.modality == modality.value, LIVE, embeddings.c.item_id.is_(None))
        )
        return (row.id for page in self._database.pages(query, items.c.id) for row in page)

    def without_vector(self, space: str, ids: Iterable[ItemId]) -> set[ItemId]:
        """Those of these items, live or missing, that have no vector in the space."""
        wanted = set(ids)
        query = select(embeddings.c.item_id)
        with self._database.read() as connection:
            here = query.where(embeddings.c.space_id == space_id(connection, space))
            for chunk in chunks(sorted(wanted)):
                found = connection.execute(here.where(among(embeddings.c.item_id, chunk))).scalars()
                wanted.difference_update(found)
        return wanted

    # Changes

    def reserve(self, space: str, modality: Modality) -> int:
        """The number of the next segment."""
        return self._reserve("segments", space, modality)

    def commit(
        self, segment: SegmentRecord, rows: Sequence[NewItem], *, recovered: Collection[str] = ()
    ) -> None:
        """Make a segment, whose files are on disk, part of the library, and strike `recovered` uris off the failures.

        Row i of the segment is the vector of `rows[i]`; all have ids. One with the id of a live item updates it: its
        old vector in this space is dead, and if its content changed, those in all spaces. The row of an item that was
        deleted meanwhile is dead from the start.
        """
        if len(rows) != segment.rows:
            raise UsageError(f"segment {segment.number} has {segment.rows} rows, but {len(rows)} were given")
        uris = {item.id: item.uri for item in rows if item.missing_since is None}
        if len(set(uris.values())) < len(uris):
            raise UsageError(f"segment {segment.number} would give two items the same uri")
        with self._database.change() as connection:
            displace(connection, segment.modality, uris)
            revive(connection, uris)
            _commit(connection, segment, rows)
            refresh(connection, list(uris))
            clear_failures(connection, recovered)

    def replace(self, compacted: Sequence[CompactedSegment]) -> None:
        """Let new segments, whose files are on disk, stand for others that no generation in use covers.

        UsageError where one does: it would go on finding the old rows beside the new ones.
        """
        if not compacted:
            return
        first = min(number for each in compacted for number in each.replaces)
        segment = compacted[0].segment
        with self._database.change() as connection:
            active = _active_generation(connection, segment.space, segment.modality)
            if active is not None and active.high_water >= first:
                raise UsageError(
                    f"generation {active.number} covers segment {first}: publish another with them"
                )
            for each in compacted:
                _replace(connection, each)

    def drop(self, space: str, modality: Modality, number: int) -> int:
        """Forget a segment whose files are lost: its items then miss their vector; says how many.

        Generations built over it are forgotten too, for they would go on showing its vectors beside new ones.
        """
        with self._database.change() as connection:
            key = space_id(connection, space)
            lost = _forget_vectors(connection, key, modality, [number])
            note_loss(connection, lost)
            _forget_segments(connection, key, modality, [number])
            here = (generations.c.space_id == key) & (generations.c.modality == modality.value)
            connection.execute(delete(generations).where(here, generations.c.high_water >= number))
            return lost

    # Generations

    def reserve_generation(self, space: str, modality: Modality) -> int:
        """The number of the next generation."""
        return self._reserve("generations", space, modality)

    def _reserve(self, counter: str, space: str, modality: Modality) -> int:
        with self._database.write() as connection:
            key = space_id(connection, space)
            return reserve(connection, f"{counter}:{key}:{modality}", 1).start

    def publish_generation(
        self, generation: GenerationRecord, compacted: Sequence[CompactedSegment] = ()
    ) -> None:
        """Make a built generation the one that searches use, and the segments it was built over stand for others."""
        with self._database.change() as connection:
            for each in compacted:
                _replace(connection, each)
            key = space_id(connection, generation.space)
            where = {"space_id": key, "modality": generation.modality.value}
            here = (generations.c.space_id == key) & (generations.c.modality == generation.modality.value)
            connection.execute(update(generations).where(here).values(active=0))
            connection.execute(
                insert(generations).values(
                    **where,
                    number=generation.number,
                    high_water=generation.high_water,
                    kind=generation.kind,
                    rows=generation.rows,
                    active=1,
                    created_at=datetime.now(UTC),
                )
            )

    def retire_generation(self, space: str, modality: Modality, number: int) -> None:
        """Forget a generation; if it was active, searches scan the segments. Raises NotFoundError."""
        with self._database.change() as connection:
            key = space_id(connection, space)
            here = (generations.c.space_id == key) & (generations.c.modality == modality.value)
            gone = delete(generations).where(here, generations.c.number == number)
            if not connection.execute(gone).rowcount:
                raise NotFoundError(f"there is no generation {number} of {space}/{modality}")

    def active_generation(self, space: str, modality: Modality) -> GenerationRecord | None:
        """The generation that searches use."""
        with self._database.read() as connection:
            return _active_generation(connection, space, modality)

    def generations(self, space: str, modality: Modality) -> list[GenerationRecord]:
        """All published generations by number."""
        with self._database.read() as connection:
            return _generations(connection, space, modality, only_active=False)


def _segments(connection: Connection, space: str, modality: Modality) -> list[SegmentRecord]:
    """Committed segments by number."""
    query = (
        select(segments.c.number, segments.c.rows, segments.c.checksum)
        .where(segments.c.space_id == space_id(connection, space), segments.c.modality == modality.value)
        .order_by(segments.c.number)
    )
    return [SegmentRecord(space, modality, *row) for row in connection.execute(query)]


def _dead_rows(connection: Connection, space: str, modality: Modality) -> list[RowOfItem]:
    query = (
        select(dead_rows.c.segment, dead_rows.c.row, dead_rows.c.item_id)
        .where(dead_rows.c.space_id == space_id(connection, space), dead_rows.c.modality == modality.value)
        .order_by(dead_rows.c.segment, dead_rows.c.row)
    )
    return [RowOfItem._make(row) for row in connection.execute(query)]


def _active_generation(connection: Connection, space: str, modality: Modality) -> GenerationRecord | None:
    found = _generations(connection, space, modality, only_active=True)
    return found[0] if found else None


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


def _commit(connection: Connection, segment: SegmentRecord, rows: Sequence[NewItem]) -> None:
    """Enter a segment with its items, captions and embeddings."""
    now = datetime.now(UTC)
    space = space_id(connection, segment.space)
    _insert_segment(connection, space, segment, now)
    by_meaning = _sort(connection, rows)
    bury(connection, [item.id for item in by_meaning.old], embeddings.c.space_id == space)
    bury(connection, by_meaning.changed)
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
    readings.forget(connection, by_meaning.changed)
    insert_captions(connection, {item.id: item.captions for item in by_meaning.new})
    set_facts(connection, {item.id: item.attributes for item in by_meaning.old})
    describe(connection, {item.id: item.told for item in living if item.told is not None})
    former_contents.pass_on(connection, by_meaning.new, segment.modality)
    perceptual_hashes.note(
        connection, {item.id: item.fingerprint for item in living}, set(by_meaning.changed)
    )


def _sort(connection: Connection, rows: Sequence[NewItem]) -> _Sorted:
    query: Select[*tuple[Any, ...]] = select(items.c.id, items.c.content_hash, items.c.deleted_at)
    known = {
        row.id: row
        for chunk in chunks(item.id for item in rows)
        for row in connection.execute(query.where(among(items.c.id, chunk)))
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


def _insert_segment(connection: Connection, key: int, segment: SegmentRecord, now: datetime) -> None:
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


def _replace(connection: Connection, compacted: CompactedSegment) -> None:
    """Let a new segment stand for others; a row whose item lost its vector meanwhile is dead from the start.

    So is that of an item that went missing meanwhile; the rows of those that were missing before are left behind.
    """
    segment = compacted.segment
    key = space_id(connection, segment.space)
    numbers = sorted(compacted.replaces)
    here = (segments.c.space_id == key) & (segments.c.modality == segment.modality.value)
    found = connection.execute(
        select(segments.c.number).where(here, among(segments.c.number, numbers))
    ).scalars()
    if sorted(found) != numbers or len(compacted.origins) != segment.rows:
        raise UsageError(f"segment {segment.number} does not stand for segments that are there")
    alive = _still_alive(connection, key, compacted)
    _insert_segment(connection, key, segment, datetime.now(UTC))
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
        for row in connection.execute(query.where(among(embeddings.c.item_id, chunk)))
    }
    return {row: origin.item for row, origin in enumerate(compacted.origins) if origin in places}


def _hidden(connection: Connection, ids: Iterable[ItemId]) -> set[ItemId]:
    """Those of these items that are deleted or missing."""
    query = select(items.c.id).where(items.c.deleted_at.is_not(None))
    return {
        item
        for chunk in chunks(ids)
        for item in connection.execute(query.where(among(items.c.id, chunk))).scalars()
    }


def _forget_vectors(connection: Connection, key: int, modality: Modality, numbers: Sequence[int]) -> int:
    """Forget what lies in these segments; says how many items had their vector there."""
    of_modality = select(items.c.id).where(items.c.modality == modality.value)
    return connection.execute(
        delete(embeddings).where(
            embeddings.c.space_id == key,
            among(embeddings.c.segment, numbers),
            embeddings.c.item_id.in_(of_modality),
        )
    ).rowcount


def _forget_segments(connection: Connection, key: int, modality: Modality, numbers: Sequence[int]) -> None:
    for table, column in ((dead_rows, dead_rows.c.segment), (segments, segments.c.number)):
        here = (table.c["space_id"] == key) & (table.c["modality"] == modality.value)
        connection.execute(delete(table).where(here, among(column, numbers)))
